package workflows

import (
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
)

// Updates of Run by which people hand in what they do and find, besides those in
// messages.go. None of them blocks the run: what nobody hands in is missing in the record.
const (
	UpdatePrioritize = "prioritize" // Prioritize
	UpdateReach      = "reach"      // Reach
	UpdateOrder      = "order"      // Order; the answer's ID names it
	UpdateFollowUp   = "follow-up"  // FollowUp
	UpdateTake       = "take"       // Take; the answer's ID names it
	UpdateReceive    = "receive"    // Receive
	UpdateDraft      = "draft"      // Draft
	UpdateConsult    = "consult"    // Consult
	UpdateNotice     = "notice"     // Notice
	UpdateSituation  = "situation"  // Control: send a situation report now
	UpdateRemark     = "remark"     // Remark
)

// listenToForms installs them.
func (r *response) listenToForms(ctx workflow.Context) error {
	return errors.Join(
		hears(ctx, UpdatePrioritize, r.onPrioritize, r.mayPrioritize),
		hears(ctx, UpdateReach, r.onReach, r.mayReach),
		hears(ctx, UpdateOrder, r.onOrder, r.mayOrder),
		hears(ctx, UpdateFollowUp, r.onFollowUp, r.mayFollowUp),
		hears(ctx, UpdateTake, r.onTake, r.mayTake),
		hears(ctx, UpdateReceive, r.onReceive, r.mayReceive),
		hears(ctx, UpdateDraft, r.onDraft, r.mayDraft),
		hears(ctx, UpdateConsult, r.onConsult, r.mayConsult),
		hears(ctx, UpdateNotice, r.onNotice, r.mayNotice),
		hears(ctx, UpdateSituation, r.onSituation, r.maySituation),
		hears(ctx, UpdateRemark, r.onRemark, r.mayRemark),
	)
}

// ahead is how far a reporter's clock may be fast: what it says then counts as now.
const ahead = time.Minute

// late refuses a time that can't be: in the future, or before there was anything to report.
func (r *response) late(ctx workflow.Context, at string) error {
	if at == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return refuse("%q is no time; write one such as 2026-11-19T14:05:00+09:00", "%q は日時として読めません。2026-11-19T14:05:00+09:00 の形で指定してください", at)
	}
	if now := workflow.Now(ctx); t.After(now.Add(ahead)) {
		return refuse("%s is in the future: it is now %s", "%s は未来の日時です（現在 %s）", t.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if began := r.earliest(); t.Before(began) {
		return refuse("%s is before the run, which began at %s", "%s は実施の開始（%s）より前です", t.UTC().Format(time.RFC3339), began.UTC().Format(time.RFC3339))
	}
	return nil
}

// earliest is when there could first be something to report: the start of the run, or the event
// when that is known to have been earlier. Seconds are what people give.
func (r *response) earliest() time.Time {
	began := r.began
	if since, err := time.Parse(time.RFC3339, r.in.Since); err == nil && since.Before(began) {
		began = since
	}
	return began.Truncate(time.Second)
}

// happened is the time that a late entry gives; zero for one that gives none, or now.
func (r *response) happened(ctx workflow.Context, at string) time.Time {
	t, err := time.Parse(time.RFC3339, at)
	if at == "" || err != nil || !t.Before(workflow.Now(ctx)) {
		return time.Time{}
	}
	return t.UTC()
}

// mostPhotos bounds the pictures of one report.
const mostPhotos = 10

// pictures refuses what is no reference to a stored picture.
func pictures(ids []string) error {
	if len(ids) > mostPhotos {
		return refuse("%d photos: at most %d go with one report", "写真が %d 枚あります。1件の報告に付けられるのは %d 枚までです", len(ids), mostPhotos)
	}
	for _, id := range ids {
		if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
			return refuse("%q is no photo of this run; upload it first, and give the ID that comes back", "%q はこの実施の写真ではありません。先にアップロードし、返された ID を指定してください", id)
		}
	}
	return nil
}

// unknownName says what could have been meant.
func unknownName(en, ja, name string, there []string) error {
	what := plan.Text{EN: en, JA: ja}
	if len(there) == 0 {
		return refuse("%[1]q is no %[2]s; there is none", "%[1]q：%[2]sは登録されていません", name, what)
	}
	list := strings.Join(there[:min(len(there), 20)], ", ")
	return refuse("%[1]q is no %[2]s; there are: %[3]s", "%[1]q という%[2]sはありません。登録済み：%[3]s", name, what, list)
}
