package api_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// An open run that can't be read is counted, and hides nothing of what the others wait for.
func TestOneUnreadableRunHidesNoOther(t *testing.T) {
	l := newLessons(t)
	p, err := files{}.Compile("tokyo-loss", run.Tabletop)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for id, hash := range map[string]string{"drl-1": p.Hash, "drl-2": "a plan that is nowhere"} {
		if err := l.store.Append(t.Context(), []run.Event{{Run: id, Writer: "run", Seq: 1, Kind: run.RunStarted, At: l.now.Add(-time.Minute), By: "sato",
			Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: hash})},
			{Run: id, Writer: "run", Seq: 2, Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: "orders", At: l.now.Add(-time.Minute), By: run.Engine, Data: run.Encode(run.DecisionAsk{})}}); err != nil {
			t.Fatal(err)
		}
	}
	open, _, err := l.server.OpenNow(t.Context())
	if err != nil || open.Unreadable != 1 || len(open.Waits) == 0 {
		t.Errorf("%+v, %v: want the waits of the one that can be read, and one that can't", open, err)
	}
}
