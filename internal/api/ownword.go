package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Four eyes are two people. Whoever issued somebody's token has had its secret: with it the
// acts that count by person are refused in a real response, until its person has taken a token
// of their own. What that was issued with stays in Via, for the record and the run's rules.

// handed refuses whoever comes with a token that another person issued.
func handed(ctx context.Context) error {
	a, _ := identity.From(ctx)
	if !a.Handed {
		return nil
	}
	l := lang(ctx)
	return problem(http.StatusForbidden, CodeRefused,
		l.T("This token of %s was issued by %s. In a real response it does not stand for a second person.", "%s のこのトークンは %s が発行したものです。本番対応では、別の人による操作として扱えません。", a.Person, a.Issuer),
		l.T("Take a token of your own with this one (`muster people token`), or sign in through the provider; then do it again", "このトークンで自分のトークンを発行する（`muster people token`）か、認証プロバイダーでサインインしてから、もう一度操作してください"))
}

// ownWord holds the acts that count by person, and those round them, to handed.
func (s *Server) ownWord(ctx context.Context, runID string, body any) error {
	refused := handed(ctx)
	switch body.(type) {
	case workflows.Approve, workflows.Refuse, workflows.Decide, workflows.Draft, workflows.Strength:
	default:
		return nil
	}
	if refused == nil {
		return nil
	}
	sum, _, err := s.known(ctx, runID)
	if err != nil {
		return err
	}
	if sum.Kind != run.Response {
		return nil
	}
	return refused
}

// ownStep holds what forces a step, and the no to it, to handed. That something is done is a person's own word on their task;
// of any other step that waits it is a word for the machine's, as when a fence is vouched for.
func (s *Server) ownStep(ctx context.Context, kind run.Kind, p plan.Plan, t seen, step string, b StepRequest) error {
	refused := handed(ctx)
	if refused == nil || kind != run.Response {
		return nil
	}
	switch {
	case b.BreakGlass || b.Act == run.ActSkip || b.Act == run.ActRefuse:
		return refused
	case b.Act != run.ActDone:
		return nil
	}
	waits := false
	for _, w := range t.Overview(s.Now()).Waiting {
		if w.For != progress.AwaitStep || w.Step != step || b.System != "" && w.System != b.System {
			continue
		}
		if waits = true; w.Kind != run.WaitHuman && w.Kind != run.WaitAck {
			return refused
		}
	}
	if !waits && forMachine(p, step, b.System) { // it may wait by the time that the word is there
		return refused
	}
	return nil
}

// forMachine reports whether a plan has a step of that ID, in that system or any, that is no person's task.
func forMachine(p plan.Plan, step, system string) bool {
	for _, s := range p.Systems {
		if (system == "" || s.Name == system) && s.SingleWriter != nil && s.SingleWriter.ID == step {
			return true
		}
	}
	return slices.ContainsFunc(p.Runbooks, func(r plan.Runbook) bool {
		return (system == "" || r.System == system) && slices.ContainsFunc(r.Steps, func(st plan.Step) bool { return st.ID == step && st.Human == nil })
	})
}
