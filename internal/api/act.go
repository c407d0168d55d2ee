package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"errors"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (s *Server) actRoutes(api huma.API) {
	update[workflows.Relocate](s, api, workflows.UpdateRelocate, "Name another muster place.")
	update[workflows.Handover](s, api, workflows.UpdateHandover, "Hand a role over to somebody else.")
	update[workflows.Strength](s, api, workflows.UpdateStrength, "Report the strength that is there, or confirm it as a second person.")
	update[workflows.CallOut](s, api, workflows.UpdateCallOut, "Send a held call-out at once, or call it off as a false alarm.")
	update[workflows.Inspect](s, api, workflows.UpdateInspect, "Report the state of a site.")
	update[workflows.Attest](s, api, workflows.UpdateAttest, "State how much of a function that no probe sees is there.")
	update[workflows.Assess](s, api, workflows.UpdateAssess, "Report damage to a system.")
	s.formRoutes(api)
	update[workflows.Decide](s, api, workflows.UpdateDecide, "Take the recovery decision.")
	update[workflows.Approve](s, api, workflows.UpdateApprove, "Approve the recovery.")
	update[workflows.Refuse](s, api, workflows.UpdateRefuse, "Refuse what waits for an approval: it is asked anew, and who asked is told why.")
	update[workflows.Confirm](s, api, workflows.UpdateConfirm, "End a phase that people carry out.")
	update[workflows.Control](s, api, workflows.UpdateAbort, "Stop before the next effect; undo follows.")
	update[workflows.Control](s, api, workflows.UpdatePause, "Hold before the next step.")
	update[workflows.Control](s, api, workflows.UpdateResume, "Go on after a pause.")

	huma.Register(api, route("settle-step", http.MethodPost, "/runs/{run}/steps/{step}", "Settle a step that waits.", 404, 409, 422, 429, 503, 504), s.settleStep)
}

// update offers one of the run workflow's updates under its own name.
func update[T any](s *Server, api huma.API, name, summary string) {
	actFields(new(T)) // every act has a person
	huma.Register(api, route(name, http.MethodPost, "/runs/{run}/"+name, summary, 404, 409, 422, 429, 503, 504),
		func(ctx context.Context, in *struct {
			OfRun
			Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
			Body T
		}) (*answer[workflows.Done], error) {
			if err := sign(ctx, &in.Body); err != nil {
				return nil, err
			}
			if err := s.ownWord(ctx, in.Run, in.Body); err != nil {
				return nil, err
			}
			if err := s.hasPhotos(ctx, in.Run, in.Body); err != nil {
				return nil, err
			}
			done, err := s.send(ctx, in.Run, name, in.Key, in.Body, mostActs)
			if err != nil {
				err = s.problemOf(ctx, in.Run, err)
				s.noteRefused(ctx, in.Run, name, err)
				s.keepRefusal(ctx, in.Run, name, in.Key, in.Body, err)
				return nil, err
			}
			s.noteGlass(ctx, in.Run, name, in.Body)
			return &answer[workflows.Done]{done}, nil
		})
}

// noteRefused enters in the access log what the run's own rules refused somebody, which is a
// conflict and no 403 to the caller.
func (s *Server) noteRefused(ctx context.Context, runID, act string, err error) {
	if p := new(Problem); errors.As(err, &p) && p.Code == CodeRefused && p.Status == http.StatusConflict {
		if s.lacks(ctx, runID, act) {
			s.Identity.Forbidden(ctx, runID+" "+act)
			return
		}
		s.Identity.Refused(ctx, runID+" "+act)
	}
}

// lacks reports whether somebody tried what none of their roles may: that is told from what the run
// refuses those who may, such as a step that does not wait any more.
func (s *Server) lacks(ctx context.Context, runID, act string) bool {
	a, _ := identity.From(ctx)
	p, held := map[string]plan.Permission{workflows.UpdateDecide: plan.MayDecide, workflows.UpdateApprove: plan.MayApprove, workflows.UpdateRefuse: plan.MayApprove,
		workflows.UpdateAbort: plan.MayControl, workflows.UpdatePause: plan.MayControl, workflows.UpdateResume: plan.MayControl}[act]
	step := strings.HasPrefix(act, "steps/")
	if step {
		p, held = plan.MayOperate, true
	}
	if a.Person == "" || !held {
		return false
	}
	_, pl, err := s.known(ctx, runID)
	if err != nil {
		return false
	}
	e := pl.Estate
	return e.Regulated() && !e.May(a.Person, p, true) && (!step || !e.May(a.Person, plan.MayDecide, true))
}

// noteGlass enters that somebody did alone what takes two.
func (s *Server) noteGlass(ctx context.Context, runID, act string, body any) {
	if f := reflect.ValueOf(body).FieldByName("BreakGlass"); !f.IsValid() || !f.Bool() {
		return
	}
	what := runID + " " + act
	if sum, _, err := s.known(ctx, runID); err == nil {
		what += " (" + string(sum.Kind) + ")"
	}
	s.Identity.Noted(ctx, lookout.ActBreakGlass, what, "ok")
}

// mostRefusals bounds what one person who tries for ever adds to a run's record; nobody else's
// refusals are hidden by it.
const mostRefusals = 20

// keepRefusal enters in the journal who tried to decide or approve and was refused, and what
// they were told. Each is a writer of its own, with one event: the run's workflow is the only
// one that may number its own. It stays out of the way of the answer, whatever becomes of it.
func (s *Server) keepRefusal(ctx context.Context, runID, act, key string, body any, err error) {
	var by string
	switch b := body.(type) {
	case workflows.Approve:
		by = b.By
	case workflows.Refuse:
		by = b.By
	case workflows.Decide:
		by = b.By
	}
	p := new(Problem)
	if by == "" || !errors.As(err, &p) || p.Code != CodeRefused {
		return
	}
	sum, pl, err := s.known(ctx, runID)
	if _, inEstate := pl.Estate.Person(by); err != nil || sum.State.Ended() || !inEstate {
		return
	}
	t, err := s.follow(ctx, runID, pl)
	if err != nil {
		s.Log.Warn("a refusal is not in the record", "run", runID, "by", by, "err", err)
		return
	}
	if t.Refusals(by) >= mostRefusals {
		return
	}
	if key == "" {
		key = NewRequestID()
	}
	told := p.Detail
	if p.said != (plan.Text{}) {
		told = p.said.Both() // the record is read by people of either language
	}
	e := run.Event{Run: runID, Writer: "refused/" + digest(key, act, by), Seq: 1, At: s.now().UTC(), Kind: run.ActRefused, By: by, Via: via(ctx),
		Reason: told, Data: run.Encode(run.RefusedAct{Act: act})}
	// A request that is sent twice finds its refusal kept, of a moment earlier.
	if err := s.Store.Append(ctx, []run.Event{e}); err != nil && !errors.Is(err, journal.ErrTaken) {
		s.Log.Warn("a refusal is not in the record", "run", runID, "by", by, "err", err)
	}
}

// send gives an update to a workflow. Its ID comes from the request's key and content:
// a double click counts once, and its second answer is the first one's. Most bounds how often a person
// may do what is counted with it.
func (s *Server) send(ctx context.Context, workflowID, name, key string, body any, most int) (workflows.Done, error) {
	if c, ok := body.(workflows.Control); ok && run.IsAlarm(c.By) {
		if err := ofAlarm(ctx, c.By); err != nil {
			return workflows.Done{}, err
		}
	}
	if err := s.engineAnswers(ctx); err != nil {
		return workflows.Done{}, s.engineAway(ctx, err)
	}
	content, err := json.Marshal(body)
	if err != nil {
		return workflows.Done{}, err
	}
	if key == "" {
		key = NewRequestID()
	}
	by := reflect.ValueOf(body).FieldByName("By").String()
	if err := s.paced(ctx, workflowID, by, name, most); err != nil {
		return workflows.Done{}, err
	}
	done, err := s.sendAs(ctx, workflowID, name, updateID(name, key, content), body)
	if runID, _, _ := strings.Cut(workflowID, "/"); err == nil && s.pace.done(runID, by, name) {
		s.weigh(ctx, workflowID)
	}
	return done, err
}

func updateID(name, key string, content []byte) string {
	return name + "-" + digest(key, string(content))
}

// sendAs is send with the update's ID given.
func (s *Server) sendAs(ctx context.Context, workflowID, name, id string, body any) (workflows.Done, error) {
	body = withVia(ctx, body)
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	handle, err := s.Engine.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateID: id, UpdateName: name,
		Args: []any{body}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var done workflows.Done
	if err == nil {
		err = handle.Get(ctx, &done)
	}
	return done, err
}

// problemOf leaves a problem as it is and explains any other error.
func (s *Server) problemOf(ctx context.Context, runID string, err error) error {
	if p := new(Problem); errors.As(err, &p) {
		return p
	}
	return s.updateProblem(ctx, runID, err)
}

func (s *Server) settleStep(ctx context.Context, in *struct {
	OfRun
	Step string `path:"step"`
	Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
	Body StepRequest
}) (*answer[workflows.Done], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	sum, p, err := s.known(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	l := lang(ctx)
	if sum.State.Ended() {
		return nil, problem(http.StatusConflict, CodeEnded, l.T("Run %s has ended.", "実施 %s は終了しています。", in.Run),
			l.T("`muster report %s` shows how", "`muster report %s` で結果を確認できます", in.Run))
	}
	if slices.Contains(p.Absent(in.Run, sum.By), in.Body.By) {
		return nil, outOfDrill(l, in.Body.By)
	}
	t, err := s.follow(ctx, in.Run, p)
	if err != nil {
		return nil, err
	}
	if err := s.ownStep(ctx, sum.Kind, p, t, in.Step, in.Body); err != nil {
		return nil, err
	}
	if name := in.Body.System; name != "" {
		if _, ok := p.System(name); !ok {
			var known []string
			for _, x := range p.Systems {
				known = append(known, x.Name)
			}
			return nil, unknown(ctx, l.T("Run %s has no system %q.", "%s にシステム %q はありません。", in.Run, name), name, known)
		}
	}
	writers := t.Waited(in.Step)
	if has := p.HasStep(in.Step); in.Body.System == "" && len(has) > 1 {
		// Also where one of them waits alone: it may not be the one that was meant.
		if writers = s.stillWaiting(t, in.Step, writers); len(writers) == 0 {
			return nil, s.notWaiting(ctx, p, t.Overview(s.Now()), in.Step, in.Body.System)
		}
		return nil, whichSystem(l, in.Step, writers)
	}
	if in.Body.System != "" {
		maps.DeleteFunc(writers, func(system, _ string) bool { return system != in.Body.System })
	}
	if len(writers) > 1 {
		writers = s.stillWaiting(t, in.Step, writers)
	}
	switch len(writers) {
	case 0:
		return nil, s.notWaiting(ctx, p, t.Overview(s.Now()), in.Step, in.Body.System)
	case 1:
	default:
		return nil, whichSystem(l, in.Step, writers)
	}
	for _, writer := range writers {
		id := in.Run
		if writer != "run" {
			id += "/" + writer
		}
		done, err := s.send(ctx, id, workflows.UpdateStep, in.Key, workflows.Step{Step: in.Step, By: in.Body.By, Act: in.Body.Act, Reason: in.Body.Reason, BreakGlass: in.Body.BreakGlass, Asked: in.Body.Asked, Wait: in.Body.Wait}, mostSteps(p))
		if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
			return nil, s.notWaiting(ctx, p, t.Overview(s.Now()), in.Step, in.Body.System)
		}
		if err != nil {
			err = s.problemOf(ctx, in.Run, err)
			s.noteRefused(ctx, in.Run, "steps/"+in.Step, err)
			return nil, err
		}
		s.noteGlass(ctx, in.Run, "steps/"+in.Step, in.Body)
		return &answer[workflows.Done]{done}, nil
	}
	return nil, nil
}

// stillWaiting are those, by system, whose step of that ID waits now.
func (s *Server) stillWaiting(t seen, step string, writers map[string]string) map[string]string {
	waiting := map[string]string{}
	for _, w := range t.Overview(s.Now()).Waiting {
		if writer, ok := writers[w.System]; ok && w.Step == step {
			waiting[w.System] = writer
		}
	}
	return waiting
}

// whichSystem refuses to choose between systems that have a step of the same ID.
func whichSystem(l i18n.Lang, step string, waiting map[string]string) error {
	return problem(http.StatusConflict, CodeBadRequest, l.T("Step %s is in several systems.", "ステップ %s は複数の情報システムにあります。", step),
		l.T("Say which with --system; waiting now: %s", "--system で指定してください。待機中: %s", strings.Join(slices.Sorted(maps.Keys(waiting)), ", ")))
}

// notWaiting says what does wait, so that the next try is right.
func (s *Server) notWaiting(ctx context.Context, p plan.Plan, o progress.Overview, step, system string) error {
	l := lang(ctx)
	var waiting, all []string
	for _, w := range o.Waiting {
		switch {
		case w.For != progress.AwaitStep:
		case w.System == "":
			waiting = append(waiting, w.Step)
		default:
			waiting = append(waiting, l.T("%s of %s", "%s (%s)", w.Step, w.System))
		}
	}
	exists := false
	for _, rb := range p.Runbooks {
		for _, st := range rb.Steps {
			all = append(all, st.ID)
			exists = exists || st.ID == step
		}
	}
	way := l.T("No step waits now", "待機中のステップはありません")
	if len(waiting) > 0 {
		way = l.T("Waiting now: %s", "待機中: %s", strings.Join(waiting, ", "))
	}
	if exists {
		if system != "" {
			step = l.T("%s of %s", "%s (%s)", step, system)
		}
		return problem(http.StatusConflict, CodeRefused, l.T("Step %s does not wait for anybody.", "ステップ %s は誰も待っていません。", step), way)
	}
	if near := nearest.Word(step, all); near != "" {
		way = l.T("Did you mean %q? ", "%q の間違いではありませんか。", near) + way
	}
	return problem(http.StatusNotFound, CodeUnknownStep, l.T("The plan has no step %q.", "計画にステップ %q はありません。", step), way)
}
