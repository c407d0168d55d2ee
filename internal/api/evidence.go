package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Evidence is how it stands with what is sealed.
type Evidence struct {
	keep.Status
	Entries []keep.Listed `json:"entries"`
}

// EvidenceAct is an act on evidence.
type EvidenceAct struct {
	By     string `json:"by,omitempty" doc:"Who acts: an ID of the estate. With a personal token it is not needed."`
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why; it stands in the log for ever, so name nobody's private affairs."`
}

// EvidenceKey is a public key of the log.
type EvidenceKey struct {
	Key         string `json:"key"`
	Fingerprint string `json:"fingerprint"`
}

type bundleOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (s *Server) evidenceRoutes(api huma.API) {
	huma.Register(api, route("list-evidence", http.MethodGet, "/evidence", "What is sealed, held, erased and copied; how it stands with it.", 403, 503),
		func(ctx context.Context, in *struct {
			Run string `query:"run" doc:"Only what is about this run."`
		}) (*answer[Evidence], error) {
			if err := s.mayKeep(ctx, plan.MayAudit); err != nil {
				return nil, err
			}
			out := Evidence{Status: s.Evidence.Status(), Entries: []keep.Listed{}}
			list, err := s.Evidence.Entries(ctx, in.Run)
			if err == nil {
				out.Entries = list
			} else if !errors.Is(err, keep.ErrElsewhere) && out.Trouble == "" {
				out.Trouble = err.Error()
			}
			return &answer[Evidence]{out}, nil
		})
	huma.Register(api, route("evidence-checkpoint", http.MethodGet, "/evidence/checkpoint", "The newest signed checkpoint of the log.", 403, 503),
		func(ctx context.Context, _ *struct{}) (*bundleOutput, error) {
			if err := s.mayKeep(ctx, plan.MayAudit); err != nil {
				return nil, err
			}
			b, err := s.Evidence.Checkpoint(ctx)
			if err != nil {
				return nil, s.evidenceProblem(ctx, "", err)
			}
			return &bundleOutput{ContentType: "text/plain; charset=utf-8", Body: b}, nil
		})
	huma.Register(api, route("evidence-log", http.MethodGet, "/evidence/log", "A file of the log itself, with its time stamps: whoever has an earlier bundle or file finds out with it whether anything was removed or rewritten since.", 403, 409, 503),
		func(ctx context.Context, in *struct {
			From uint64 `query:"from" doc:"Only entries from this one on; earlier bundles of fewer entries can't be held against it then."`
		}) (*bundleOutput, error) {
			if err := s.mayKeep(ctx, plan.MayAudit); err != nil {
				return nil, err
			}
			b, err := s.Evidence.Log(ctx, in.From)
			if err != nil {
				return nil, s.evidenceProblem(ctx, "", err)
			}
			if err := s.noteExport(ctx, "evidence log"); err != nil {
				return nil, err
			}
			return &bundleOutput{ContentType: "application/zip", Disposition: `attachment; filename="evidence-log.zip"`, Body: b}, nil
		})
	huma.Register(api, route("run-evidence", http.MethodGet, "/runs/{run}/evidence", "A run's bundle: one zip file that is verified offline with the public key.", 403, 404, 409, 503), s.getBundle)
	act := func(id, path, summary string, p plan.Permission, do func(ctx context.Context, runID string, in EvidenceAct, via string) (any, error)) {
		huma.Register(api, route(id, http.MethodPost, path, summary, 403, 404, 409, 422, 503), func(ctx context.Context, in *struct {
			OfRun
			Body EvidenceAct
		}) (*answer[any], error) {
			out, err := s.evidenceAct(ctx, in.Run, in.Body, p, do)
			return &answer[any]{out}, err
		})
	}
	act("hold-run", "/runs/{run}/hold", "Keep everything of a run from being erased, until it is released.", plan.MayAudit, func(ctx context.Context, id string, in EvidenceAct, via string) (any, error) {
		return struct{}{}, s.Evidence.Hold(ctx, id, in.By, via, in.Reason)
	})
	act("release-run", "/runs/{run}/hold/release", "End a run's hold.", plan.MayAudit, func(ctx context.Context, id string, in EvidenceAct, via string) (any, error) {
		return struct{}{}, s.Evidence.Release(ctx, id, in.By, via, in.Reason)
	})
	act("erase-run", "/runs/{run}/erase", "Erase what is personal of a run that has ended: photos and private parts of answers. What was sealed still verifies.", plan.MayAdmin,
		func(ctx context.Context, id string, in EvidenceAct, via string) (any, error) {
			return s.eraseRun(ctx, id, in, via)
		})
	around := func(id, path, summary string, do func(ctx context.Context, in EvidenceAct, via string) (any, error)) {
		huma.Register(api, route(id, http.MethodPost, path, summary, 403, 409, 422, 503), func(ctx context.Context, in *struct{ Body EvidenceAct }) (*answer[any], error) {
			out, err := s.evidenceAct(ctx, "", in.Body, plan.MayAdmin, func(ctx context.Context, _ string, in EvidenceAct, via string) (any, error) { return do(ctx, in, via) })
			return &answer[any]{out}, err
		})
	}
	around("rotate-evidence-key", "/evidence/rotate", "Sign checkpoints with a new key from now on.", func(ctx context.Context, in EvidenceAct, via string) (any, error) {
		key, err := s.Evidence.Rotate(ctx, in.By, via, in.Reason)
		return EvidenceKey{Key: key, Fingerprint: s.Evidence.Status().Fingerprint}, err
	})
	around("adopt-evidence", "/evidence/adopt", "Keep the evidence here from now on, after the server that kept it was lost.", func(ctx context.Context, in EvidenceAct, via string) (any, error) {
		err := s.Evidence.Adopt(ctx, in.By, via, in.Reason)
		s.Evidence.Wake()
		return struct{}{}, err
	})
	around("confirm-holds", "/evidence/holds/confirm", "Say that whatever a lost server of an older release held is held again; until then nothing is erased or removed.", func(ctx context.Context, in EvidenceAct, via string) (any, error) {
		return struct{}{}, s.Evidence.ConfirmHolds(ctx, in.By, via, in.Reason)
	})
}

// mayKeep refuses who may not see evidence, and everybody where none is kept.
func (s *Server) mayKeep(ctx context.Context, p plan.Permission) error {
	if s.Evidence == nil {
		return problem(http.StatusServiceUnavailable, CodeStore, lang(ctx).T("This server keeps no evidence.", "このサーバーは証拠を保管していません。"), "")
	}
	return s.mayAround(ctx, p)
}

// evidenceAct is one act: made sure of, carried out, and noted in the access log.
func (s *Server) evidenceAct(ctx context.Context, runID string, in EvidenceAct, p plan.Permission, do func(context.Context, string, EvidenceAct, string) (any, error)) (any, error) {
	if err := sign(ctx, &in); err != nil {
		return nil, err
	}
	if err := s.mayKeep(ctx, p); err != nil {
		return nil, err
	}
	if runID != "" {
		if _, err := s.summary(ctx, runID); err != nil {
			return nil, err
		}
	}
	if strings.TrimSpace(in.Reason) == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, lang(ctx).T("A reason is needed.", "理由が必要です。"), "")
	}
	a, _ := identity.From(ctx)
	out, err := do(ctx, runID, in, a.Via)
	if err != nil {
		return nil, s.evidenceProblem(ctx, runID, err)
	}
	return out, nil
}

// sealedRecord is the summary of what is sealed: a run, a due day of a schedule, or what people do
// about findings or write into reports, which has none.
func (s *Server) sealedRecord(ctx context.Context, id string) (journal.Summary, error) {
	if run.Endless(id) {
		return journal.Summary{Run: id}, nil
	}
	if list, err := s.Store.Runs(ctx, journal.Filter{Run: id, Kind: run.Occasion, Limit: 1}); err == nil && len(list) == 1 {
		return list[0], nil
	}
	return s.summary(ctx, id)
}

func (s *Server) getBundle(ctx context.Context, in *struct {
	OfRun
	Since    uint64 `query:"since" doc:"Size of an older checkpoint; a proof that the log continues it goes along."`
	Personal bool   `query:"personal" doc:"Photos and private parts of answers go along, what there still is of them."`
}) (*bundleOutput, error) {
	if err := s.mayKeep(ctx, plan.MayAudit); err != nil {
		return nil, err
	}
	if in.Personal {
		if err := s.mayAround(ctx, plan.MayPeople); err != nil {
			return nil, err
		}
	}
	sum, err := s.sealedRecord(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	if run.Endless(in.Run) { // it has no end: with what was done up to now
		if err := s.Evidence.Seal(ctx, sum); err != nil {
			return nil, s.evidenceProblem(ctx, in.Run, err)
		}
	}
	o := keep.BundleOptions{Since: in.Since, Personal: in.Personal}
	b, err := s.Evidence.Bundle(ctx, in.Run, o)
	if errors.Is(err, keep.ErrNotSealed) {
		if err = s.Evidence.Seal(ctx, sum); err == nil {
			b, err = s.Evidence.Bundle(ctx, in.Run, o)
		}
	}
	if err != nil {
		return nil, s.evidenceProblem(ctx, in.Run, err)
	}
	object := in.Run
	if in.Personal {
		object += " with personal data"
	}
	if err := s.noteExport(ctx, object); err != nil {
		return nil, err
	}
	return &bundleOutput{ContentType: "application/zip", Disposition: `attachment; filename="` + url.PathEscape(in.Run) + `.zip"`, Body: b}, nil
}

// noteExport enters in the access log who took evidence away.
func (s *Server) noteExport(ctx context.Context, object string) error {
	a, _ := identity.From(ctx)
	if err := s.Store.Note(ctx, journal.Access{At: s.now(), Person: a.Person, Via: a.Via, Act: "export evidence", Object: object, Outcome: "ok"}); err != nil {
		return s.storeProblem(ctx, err)
	}
	return nil
}

func (s *Server) evidenceProblem(ctx context.Context, runID string, err error) error {
	l := lang(ctx)
	held, lost, said := new(keep.HeldError), new(keep.LostError), new(Problem)
	switch {
	case errors.As(err, &said):
		return said
	case errors.As(err, &held):
		return problem(http.StatusConflict, CodeRefused, l.T("Run %s is held by %s: %s.", "%s は %s により保全されています: %s。", held.Run, held.By, held.Reason),
			l.T("Release it first: `muster evidence release %s --reason ...`", "先に `muster evidence release %s --reason ...` で保全を解除してください", held.Run))
	case errors.As(err, &lost):
		return problem(http.StatusServiceUnavailable, CodeStore, l.T("What was sealed of %s is gone from this server, or is not what the log says: %s.", "%s の封印した証拠がこのサーバーにないか、台帳の内容と一致しません: %s。", lost.Run, lost.Path),
			l.T("Put the file back from a copy at another place; until then nothing that holds this run is written", "別の保管先の複製からファイルを戻してください。それまで、この実施を含むものは書き出せません"))
	case errors.Is(err, keep.ErrHoldsUnknown):
		return problem(http.StatusConflict, CodeRefused, holdsUnknown(l), l.T("Hold again what was held, then: `muster evidence confirm-holds --reason ...`", "保全していたものを改めて保全し、`muster evidence confirm-holds --reason ...` を実行してください"))
	case errors.Is(err, keep.ErrNotHeld):
		return problem(http.StatusConflict, CodeRefused, l.T("Run %s is not held.", "%s は保全されていません。", runID), "")
	case errors.Is(err, keep.ErrRemoved):
		return problem(http.StatusConflict, CodeEnded, l.T("The record of %s was removed after its time.", "%s の記録は保存期間の満了により削除されています。", runID),
			l.T("The log says when; copies may be at other places: `muster evidence list %s`", "削除日時と複製の保管先は `muster evidence list %s` で確認できます", runID))
	case errors.Is(err, keep.ErrNotSealed):
		return problem(http.StatusConflict, CodeRefused, l.T("Run %s is not sealed yet.", "%s はまだ封印されていません。", runID),
			l.T("That comes when it has ended; `muster doctor` says what keeps it from being done", "実施が終了すると封印されます。封印されない原因は `muster doctor` で確認できます"))
	case errors.Is(err, keep.ErrShorter):
		return problem(http.StatusConflict, CodeRefused, l.T("The log is shorter than that: %s.", "台帳の件数を超えています: %s。", err.Error()), "")
	case errors.Is(err, keep.ErrElsewhere):
		return problem(http.StatusConflict, CodeRefused, l.T("Another server keeps the evidence: %s.", "証拠は別のサーバーが保管しています: %s。", err.Error()),
			l.T("Ask that one. When it is lost: `muster evidence adopt --reason ...` on this one", "そのサーバーに接続してください。失われた場合は、このサーバーで `muster evidence adopt --reason ...` を実行してください"))
	}
	return s.storeProblem(ctx, err)
}

func holdsUnknown(l i18n.Lang) string {
	return l.T("Nothing is erased or removed: the server that kept the evidence before had its legal holds in its own log alone.", "証拠を以前に保管していたサーバーは、法的保全を自身の台帳だけに残していました。そのため、何も消去・削除しません。")
}

// Erased says what was erased.
type Erased struct {
	Erased int `json:"erased" doc:"Photos and private parts of answers."`
}

// eraseRun erases what is personal of a run because somebody asked for it.
func (s *Server) eraseRun(ctx context.Context, runID string, in EvidenceAct, via string) (Erased, error) {
	sum, err := s.summary(ctx, runID)
	if err != nil {
		return Erased{}, err
	}
	if !sum.State.Ended() {
		return Erased{}, problem(http.StatusConflict, CodeRefused, lang(ctx).T("Run %s goes on: what people said is still needed.", "%s は実施中です。回答内容はまだ必要です。", runID), lang(ctx).T("Erase it when it has ended", "終了後に消去してください"))
	}
	entries, err := s.Store.Events(ctx, runID, 0, 0)
	if err != nil {
		return Erased{}, err
	}
	events := make([]run.Event, 0, len(entries))
	for _, e := range entries {
		events = append(events, e.Event)
	}
	items, err := Personal(ctx, s.Store, runID, events)
	if err != nil {
		return Erased{}, err
	}
	var names []string
	for _, it := range items {
		names = append(names, it.Name)
	}
	if err := s.Evidence.Erasing(ctx, runID, names, in.By, via, in.Reason); err != nil {
		return Erased{}, err
	}
	for _, it := range items {
		if err := s.Store.DropDocument(ctx, it.Kind, it.ID); err != nil {
			return Erased{}, err
		}
	}
	// The list last: a picture without its line could not be found any more.
	return Erased{len(items)}, s.Store.DropDocument(ctx, kindPhotos, runID)
}

// Personal lists what is personal of a run, of those events: pictures, and private parts of
// answers. What was erased is not there.
func Personal(ctx context.Context, from journal.Documents, runID string, events []run.Event) ([]keep.Item, error) {
	var out []keep.Item
	for _, e := range events {
		if e.Kind != run.PersonAnswered {
			continue
		}
		var a run.Answer
		if err := e.Decode(&a); err != nil || !a.Private {
			continue
		}
		d, err := from.Document(ctx, kindAnswer, runID+"/"+e.Writer)
		if errors.Is(err, journal.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, keep.Item{Kind: kindAnswer, ID: d.ID, Name: answerName(runID, d.ID), Bytes: d.Body})
	}
	photos, err := KeptPhotos(ctx, from, runID)
	if err != nil {
		return nil, err
	}
	for _, p := range photos {
		b, err := KeptPicture(ctx, from, runID, p.ID)
		if errors.Is(err, journal.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, keep.Item{Kind: kindPhoto, ID: runID + "/" + p.ID, Name: photoName(p.ID), Bytes: b})
	}
	return out, nil
}

// answerName is an answer's file in a bundle.
func answerName(runID, id string) string {
	return "answers/" + strings.ReplaceAll(strings.TrimPrefix(id, runID+"/"), "/", "-") + ".json"
}

func photoName(id string) string { return "photos/" + id }

// EvidenceList says what is sealed, of one run or of all.
func (c *Client) EvidenceList(ctx context.Context, runID string) (Evidence, error) {
	q := url.Values{}
	if runID != "" {
		q.Set("run", runID)
	}
	return get[Evidence](ctx, c, "/evidence", q)
}

// Checkpoint is the log's newest signed checkpoint.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	return get[[]byte](ctx, c, "/evidence/checkpoint", nil)
}

// EvidenceLog is a file of the log itself, from an entry on.
func (c *Client) EvidenceLog(ctx context.Context, from uint64) ([]byte, error) {
	q := url.Values{}
	if from > 0 {
		q.Set("from", strconv.FormatUint(from, 10))
	}
	return get[[]byte](ctx, c, "/evidence/log", q)
}

// Bundle is a run's bundle.
func (c *Client) Bundle(ctx context.Context, runID string, o keep.BundleOptions) ([]byte, error) {
	q := url.Values{}
	if o.Since > 0 {
		q.Set("since", strconv.FormatUint(o.Since, 10))
	}
	if o.Personal {
		q.Set("personal", "true")
	}
	return get[[]byte](ctx, c, runPath(runID, "evidence"), q)
}

// Hold keeps a run from being erased; ReleaseHold ends that.
func (c *Client) Hold(ctx context.Context, runID string, in EvidenceAct) error {
	return c.do(ctx, http.MethodPost, runPath(runID, "hold"), nil, "", in, nil)
}

// ReleaseHold ends a hold.
func (c *Client) ReleaseHold(ctx context.Context, runID string, in EvidenceAct) error {
	return c.do(ctx, http.MethodPost, runPath(runID, "hold", "release"), nil, "", in, nil)
}

// EraseRun erases what is personal of a run that has ended.
func (c *Client) EraseRun(ctx context.Context, runID string, in EvidenceAct) (out Erased, err error) {
	err = c.do(ctx, http.MethodPost, runPath(runID, "erase"), nil, "", in, &out)
	return out, err
}

// RotateKey gives the log a new key.
func (c *Client) RotateKey(ctx context.Context, in EvidenceAct) (out EvidenceKey, err error) {
	err = c.do(ctx, http.MethodPost, "/evidence/rotate", nil, "", in, &out)
	return out, err
}

// ConfirmHolds says that whatever a lost server held is held again.
func (c *Client) ConfirmHolds(ctx context.Context, in EvidenceAct) error {
	return c.do(ctx, http.MethodPost, "/evidence/holds/confirm", nil, "", in, nil)
}

// AdoptEvidence makes the server the one that keeps the evidence.
func (c *Client) AdoptEvidence(ctx context.Context, in EvidenceAct) error {
	return c.do(ctx, http.MethodPost, "/evidence/adopt", nil, "", in, nil)
}
