package api

import (
	"context"
	"net/http"

	"github.com/muster-dr/muster/internal/identity"
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
	counts := false
	switch b := body.(type) {
	case workflows.Approve, workflows.Refuse, workflows.Decide, workflows.Draft, workflows.Strength:
		counts = true
	case StepRequest:
		counts = b.BreakGlass || b.Act == run.ActSkip || b.Act == run.ActRefuse
	}
	if refused == nil || !counts {
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
