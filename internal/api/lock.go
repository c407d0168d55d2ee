package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (s *Server) lockRoutes(api huma.API) {
	huma.Register(api, route("get-system", http.MethodGet, "/systems/{name}", "Which run holds a system."), s.getSystem)
	huma.Register(api, route("release-system", http.MethodPost, "/systems/{name}/release", "Free a system whose clean-up a person has finished.", 404, 409, 422, 503, 504), s.releaseSystem)
}

func (s *Server) getSystem(ctx context.Context, in *struct {
	Name string `path:"name"`
}) (*answer[System], error) {
	h, err := s.holder(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	out := System{System: in.Name, Held: h.Run != "", Run: h.Run, Kept: h.Kept, Reason: h.Reason}
	if out.Orphaned, err = s.orphaned(ctx, h); err != nil {
		return nil, err
	}
	return &answer[System]{out}, nil
}

// releaseSystem frees a system that its run has left: the run kept the lock because its
// clean-up is incomplete, or was ended in the engine and can't let go any more.
func (s *Server) releaseSystem(ctx context.Context, in *struct {
	Name string `path:"name"`
	Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
	Body workflows.Control
}) (*answer[workflows.Done], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	l, id, body := lang(ctx), workflows.SwitchID(in.Name), in.Body
	body.Orphaned = false // what the caller says of it counts for nothing
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if in.Key == "" {
		in.Key = NewRequestID()
	}
	updateID := updateID(workflows.UpdateRelease, in.Key, content)
	free := problem(http.StatusConflict, CodeRefused, l.T("No run holds %s.", "%s を保持している訓練・対応はありません。", in.Name),
		l.T("There is nothing to release: a drill of it can be started. `muster drill list` shows what is under way", "解除は不要で、訓練を開始できます。進行中のものは `muster drill list` で確認できます"))

	h, err := s.holder(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if h.Run == "" {
		// Perhaps this very request freed it, and its answer was lost.
		if done, ok := answered[workflows.Done](ctx, s, id, updateID); ok {
			return &answer[workflows.Done]{done}, nil
		}
		if err := s.noSuchSystem(ctx, in.Name); err != nil {
			return nil, err
		}
		return nil, free
	}
	_, p, err := s.known(ctx, h.Run)
	if err != nil {
		return nil, err
	}
	if err := knownPerson(ctx, p, body.By); err != nil {
		return nil, err
	}
	t, err := s.follow(ctx, h.Run, p)
	if err != nil {
		return nil, err
	}
	if err := mayIn(ctx, t.Estate(), body.By, plan.MayControl); err != nil {
		return nil, err
	}
	if !h.Kept {
		if body.Orphaned, err = s.closed(ctx, h.Run); err != nil {
			return nil, s.updateProblem(ctx, h.Run, err)
		}
		if !body.Orphaned {
			wayOut := l.T("Wait for its end, or abort it: `muster drill abort %s --reason ...`", "終了を待つか、`muster drill abort %s --reason ...` で中止してください", h.Run)
			wayOut = cmp.Or(s.endsBy(ctx, l, h.Run, false), wayOut)
			held := problem(http.StatusConflict, CodeHeld, l.T("Run %s is moving %s now.", "%s が %s を切り替え中です。", h.Run, in.Name), wayOut)
			held.Holder = h.Run
			return nil, held
		}
	}
	done, err := s.sendAs(ctx, id, workflows.UpdateRelease, updateID, body)
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return nil, free
	}
	if err != nil {
		err = s.problemOf(ctx, id, err)
		// It may be free: whoever asks again with this key is answered from it, and is no entry.
		if p := new(Problem); errors.As(err, &p) && p.Code == CodeUnknownOutcome {
			s.noteRelease(context.WithoutCancel(ctx), in.Name, h.Run, string(CodeUnknownOutcome), body)
		}
		return nil, err
	}
	s.noteRelease(context.WithoutCancel(ctx), in.Name, h.Run, "ok", body) // also when who asked has hung up: it is free
	return &answer[workflows.Done]{done}, nil
}

// actRelease is in the access log who released a lock, and why: the record of the run that left it has been sealed by then, and
// the lock itself goes.
const actRelease = "release lock"

func (s *Server) noteRelease(ctx context.Context, system, runID, outcome string, of workflows.Control) {
	why := run.OneLine(system+" of "+runID+": "+of.Reason, mostText)
	if a, _ := identity.From(ctx); a.Person == "" { // the console, which is nobody: as whom it acts is no proof
		why = run.OneLine(system+" of "+runID+", as "+of.By+": "+of.Reason, mostText)
	}
	if err := s.Identity.Enter(ctx, actRelease, why, outcome); err != nil {
		s.Log.Warn("who released a lock is not in the access log", "by", of.By, "system", system, "run", runID, "reason", of.Reason, "err", err)
	}
}

// left is what is left of an open run that has recovered what it could. What can't be read is not said: it only tells a way out.
type left struct {
	home    bool      // it waits for the decision to return home or to stay, which may be days
	confirm run.Phase // it waits for this to be confirmed: completion or closing
	closing bool
}

func (s *Server) leftOf(ctx context.Context, runID string) (out left) {
	t, _, err := s.followed(ctx, runID)
	if err != nil {
		return out
	}
	v := t.Overview(s.Now())
	for _, w := range v.Waiting {
		switch {
		case w.For == progress.AwaitDecision && w.Phase == run.Failback:
			out.home = true
		case w.For == progress.AwaitConfirm && w.Phase.AfterRecovery():
			out.confirm = w.Phase
		}
	}
	out.closing = slices.ContainsFunc(v.Phases, func(p progress.Phase) bool { return p.ID == run.Closing && p.Progress == progress.Now })
	return out
}

// endsBy is the way out where a run that has recovered what it could is in the way of the next one; "" for any other. Itself: it is
// the next of its own scenario, and who asks for that ends the wait for records.
func (s *Server) endsBy(ctx context.Context, l i18n.Lang, runID string, itself bool) string {
	switch x := s.leftOf(ctx, runID); {
	case x.home:
		return endsByStaying(l, runID)
	case x.confirm == run.Completion:
		return l.T("That run has recovered what it could, and waits for that to be confirmed: `muster confirm completion --run %[1]s`. Where it then asks whether systems return or stay at the alternate site, `muster decide stay --run %[1]s --reason ...` ends it",
			"その実施は復旧を終え、復旧完了の報告を待っています。`muster confirm completion --run %[1]s` で報告してください。続いて切戻すか代替拠点で継続するかの決定を求められた場合は、「代替拠点で継続」と決定すれば終了します（`muster decide stay --run %[1]s --reason ...`）", runID)
	case x.confirm == run.Closing && !itself:
		return l.T("That run only waits for records: `muster confirm closing --run %s --note ...`, by who leads it, ends it at once", "その実施は記録物の提出を待っているだけです。指揮者が `muster confirm closing --run %s --note ...` を実行すれば、直ちに終了します", runID)
	case x.closing:
		return l.T("That run puts things in order and then ends by itself: start again in a moment. `muster drill show %s` shows it", "その実施は後始末が済みしだい自動で終了します。少し待ってから開始し直してください。`muster drill show %s` で状況を確認できます", runID)
	}
	return ""
}

// endsByStaying is the way out where a run waits for the decision to return or to stay.
func endsByStaying(l i18n.Lang, runID string) string {
	return l.T("That run waits for the decision to return home or to stay at the alternate site. To stay ends it and frees the system: `muster decide stay --run %[1]s --reason ...`. So does an abort, after which it counts as aborted: `muster drill abort %[1]s --reason ...`",
		"その実施は、本拠点へ切戻すか、代替拠点で継続するかの決定を待っています。「代替拠点で継続」と決定すれば（`muster decide stay --run %[1]s --reason ...`）、実施が終了し、ロックが解除されます。`muster drill abort %[1]s --reason ...` でも終了しますが、中止として記録されます", runID)
}

// holder is who holds a system's switch lock; an empty run is nobody. A lock that was
// given back still answers the query, so whether it is open is asked first.
func (s *Server) holder(ctx context.Context, system string) (workflows.Holder, error) {
	if err := s.engineAnswers(ctx); err != nil {
		return workflows.Holder{}, s.engineAway(ctx, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	id := workflows.SwitchID(system)
	var h workflows.Holder
	closed, err := s.closed(ctx, id)
	if err != nil {
		return h, s.updateProblem(ctx, id, err)
	}
	if closed {
		return h, nil
	}
	value, err := s.Engine.QueryWorkflow(ctx, id, "", workflows.QueryHolder)
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return h, nil
	}
	if err == nil {
		err = value.Get(&h)
	}
	if err != nil {
		return workflows.Holder{}, s.updateProblem(ctx, id, err)
	}
	return h, nil
}

// stands reports whether the answer that a request was given still holds, such as one whose run has begun. A
// refusal does only as long as the run that it names holds a system of the plan, and then says how it is
// held now: a proposal is asked for by the same request until it starts.
func (s *Server) stands(ctx context.Context, p plan.Plan, begun *workflows.Begun) bool {
	if begun.Refused == "" {
		return true
	}
	if begun.Holder == "" {
		return false
	}
	for _, system := range p.Systems {
		if h, err := s.holder(ctx, system.Name); err == nil && h.Run == begun.Holder {
			begun.Why = workflows.HeldBy(system.Name, h)
			begun.Refused = begun.Why.Both()
			return true
		}
	}
	return false
}

// orphaned reports whether who holds a system was ended in the engine.
func (s *Server) orphaned(ctx context.Context, h workflows.Holder) (bool, error) {
	if h.Run == "" || h.Kept {
		return false, nil
	}
	closed, err := s.closed(ctx, h.Run)
	if err != nil {
		return false, s.updateProblem(ctx, h.Run, err)
	}
	return closed, nil
}

// closed reports whether a workflow has ended in the engine, or is not there any more.
func (s *Server) closed(ctx context.Context, id string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	w, err := s.Engine.DescribeWorkflowExecution(ctx, id, "")
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return true, nil
	}
	return err == nil && w.GetWorkflowExecutionInfo().GetCloseTime() != nil, err
}
