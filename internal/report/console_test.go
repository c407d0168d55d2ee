package report_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// Two yeses by the server's own token are reviewed as what one person did alone is.
func TestOneConsoleIsReviewed(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	s.run(14, run.Event{Kind: run.ApprovalGiven, By: "suzuki", Via: "console", Phase: run.RecoveryDecision}, run.Approval{SameConsole: true})
	s.end(60, run.Recovered)
	r, text := built(t, s, "en")
	if len(r.BreakGlass) != 1 || !r.BreakGlass[0].SameConsole || r.BreakGlass[0].By != "suzuki" {
		t.Errorf("to be reviewed: %+v", r.BreakGlass)
	}
	holds(t, text, "both persons by the server's token or tokens issued with it", "nothing shows that they were two")
	_, text = built(t, s, "ja")
	holds(t, text, "二名ともサーバー本体のトークン", "別人である記録がない")
}
