package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// usable is the form's answer to whether people may work there.
func (i Inspect) usable() bool {
	if i.Overall != "" {
		return i.Overall != run.Unusable
	}
	return i.Usable
}

func (r *response) mayInspect(ctx workflow.Context, i Inspect) error {
	if err := r.mayAct(i.By, plan.MayReport); err != nil {
		return err
	}
	site, ok := r.plan.Estate.Site(i.Site)
	if !ok {
		var names []string
		for _, s := range r.plan.Estate.Sites {
			names = append(names, s.Name)
		}
		return unknownName("site of the estate", "拠点", i.Site, names)
	}
	switch i.Overall {
	case "", run.Usable, run.Restricted, run.Unusable:
	default:
		return refuse("a site as a whole is usable, restricted or unusable, not %q", "拠点全体の判定は usable・restricted・unusable のいずれかです（%q は不可）", i.Overall)
	}
	if i.Usable && i.Overall == run.Unusable {
		return refuse("it is said to be usable and unusable; say one of them", "使用可と使用不可の両方が指定されています。一方だけ指定してください")
	}
	var names []string
	for _, c := range site.Checklist() {
		names = append(names, c.Name)
	}
	for n, item := range i.Items {
		switch {
		case !slices.Contains(names, item.Item):
			return unknownName("item of the checklist of "+i.Site, i.Site+" の点検項目", item.Item, names)
		case slices.ContainsFunc(i.Items[:n], func(o run.CheckedItem) bool { return o.Item == item.Item }):
			return refuse("%s is there twice", "%s が重複しています", item.Item)
		case !slices.Contains([]run.Usability{run.ItemOK, run.Restricted, run.Unusable, run.NotLookedAt}, item.State):
			return refuse("%[1]s is ok, restricted, unusable or not_looked_at, not %[2]q", "%[1]s の状態は ok・restricted・unusable・not_looked_at のいずれかです（%[2]q は不可）", item.Item, item.State)
		case item.State == run.Unusable && (i.Overall == run.Usable || i.Overall == "" && i.Usable && i.Note == ""):
			// Nobody works in a building of which a part is not safe without that being said.
			return refuse("%s is unusable, so the whole is restricted or unusable; or say in the note why people may work there all the same",
				"%s が使用不可のため、全体は restricted または unusable としてください。使用する場合は理由を備考に記入してください", item.Item)
		}
	}
	if err := errors.Join(r.late(ctx, i.Began), r.late(ctx, i.At), pictures(i.Photos)); err != nil {
		return err
	}
	if began, ended := moment(i.Began), moment(i.At); !began.IsZero() && !ended.IsZero() && ended.Before(began) {
		return refuse("the inspection ended before it began", "点検の終了が開始より前になっています")
	}
	return nil
}

func (r *response) onInspect(ctx workflow.Context, i Inspect) (Done, error) {
	return r.inspect(ctx, i, i.By)
}

func (r *response) inspect(ctx workflow.Context, i Inspect, by string) (Done, error) {
	before := r.onsite()
	r.inspected[i.Site] = i.usable()
	seq := r.log.add(ctx, run.Event{Kind: run.SiteInspected, Phase: run.SiteInspection, Site: i.Site, By: by, Via: i.Via, Reason: i.Note, Happened: r.happened(ctx, i.At),
		Data: run.Encode(run.Inspection{Usable: i.usable(), Overall: i.Overall, Items: i.Items, Inspectors: i.Inspectors, Photos: i.Photos, Began: moment(i.Began)})})
	if r.hears && !i.usable() {
		r.leave(ctx, i.Site, before)
	}
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// moment is a time that was found to be one; zero for "".
func moment(at string) time.Time {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
