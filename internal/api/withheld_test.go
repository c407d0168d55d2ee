package api_test

import (
	"context"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// A readiness check ends weeks before the drill whose whole plan it looks at. Who may not read the
// scenario reads the check no more than that; nor the check for the real thing, whose plan is
// not blind.
func TestCheckOfABlindScenarioTellsNothingOfIt(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, blindFiles{})
	me := w.inProcess()
	tanaka := identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "token 1"})
	for _, real := range []bool{false, true} {
		if _, err := me.Check(tanaka, "tokyo-loss", api.CheckRequest{By: "tanaka", Real: real}); err != nil {
			t.Fatal(err)
		}
	}
	checks, err := me.Runs(tanaka, journal.Filter{Kind: run.Readiness})
	if err != nil || len(checks) != 2 {
		t.Fatalf("the facilitator's checks: %+v %v", checks, err)
	}
	if one, err := me.Runs(tanaka, journal.Filter{Kind: run.Readiness, Limit: 1}); err != nil || len(one) != 1 || one[0].Run != checks[0].Run {
		t.Errorf("the newest check: %+v %v", one, err)
	}
	sees := func(ctx context.Context, id string) (seen []string) {
		if r, err := me.Run(ctx, id); err != nil {
			t.Fatal(err)
		} else if r.Overview.Title.EN != "Blind drill" {
			seen = append(seen, "overview")
		}
		if p, err := me.RunPlan(ctx, id); err != nil {
			t.Fatal(err)
		} else if p.Scenario.Title.EN != "Blind drill" {
			seen = append(seen, "plan")
		}
		if _, err := me.Report(ctx, id, "text", "en"); err == nil {
			seen = append(seen, "report")
		}
		e, err := me.Events(ctx, id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range e.Entries {
			if x.Event.Kind == run.ReadinessChecked {
				seen = append(seen, "what was found")
			}
		}
		return seen
	}
	for who, ctx := range map[string]context.Context{
		"a participant": identity.With(t.Context(), identity.Actor{Person: "sato", Via: "token 2"}),
		"the console":   identity.With(t.Context(), identity.Actor{Console: true, Via: "console"}),
	} {
		if list, err := me.Runs(ctx, journal.Filter{Kind: run.Readiness}); err != nil || len(list) > 0 {
			t.Errorf("%s is given the checks: %+v %v", who, list, err)
		}
		for _, x := range checks {
			if got := sees(ctx, x.Run); len(got) > 0 {
				t.Errorf("%s sees %v of %s", who, got, x.Run)
			}
		}
	}
	for _, x := range checks {
		if got := sees(tanaka, x.Run); len(got) != 4 {
			t.Errorf("the facilitator sees only %v of %s", got, x.Run)
		}
	}
}
