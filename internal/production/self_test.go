package production_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/production"
	"github.com/muster-dr/muster/internal/run"
)

// The engine's own schedule starts the drill of muster itself on an installation that systemd keeps. Every part
// is killed while steps are under way, comes back by itself and has its figure; no step is done twice.
func TestTheDrillOfMusterItselfIsHeldOnSchedule(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	s := startSelfDrilled(t)
	starts := s.starts(t)
	due := s.schedule(t, ctx, "self-drill")
	rep := s.ended(t, ctx, "self-drill-1")
	if rep.Run.StartedBy != run.Schedule("self-drill") || rep.Run.StartedAt.Before(due) {
		t.Errorf("started by %s at %s, want by its schedule, not before %s", rep.Run.StartedBy, rep.Run.StartedAt, due)
	}
	id := "self-drill-1"
	for n := 2; n <= 3 && unseen(rep); n++ { // a machine too busy to look proves nothing: it is held again, as by its operator
		starts = s.starts(t)
		if _, err := s.Client().Start(ctx, api.StartRequest{Scenario: "self-drill", Kind: run.Drill, By: "tanaka", Reason: "not proven"}); err != nil {
			t.Fatal(err)
		}
		id = fmt.Sprintf("self-drill-%d", n)
		rep = s.ended(t, ctx, id)
	}
	if rep.Run.Verdict != run.Met || rep.Run.State != run.Recovered || judged(rep, "once") != run.Met || judged(rep, "by-itself") != run.Met {
		t.Errorf("verdict %s, %s, case %+v", rep.Run.Verdict, rep.Run.State, rep.Case)
	}
	if len(rep.Systems) != 6 {
		t.Errorf("%d systems, want five parts and the response", len(rep.Systems))
	}
	for _, x := range rep.Systems {
		if x.Verdict != run.Met || x.RTO.ActualS == nil || *x.RTO.ActualS <= 0 || x.RTO.ActualS != nil && *x.RTO.ActualS > *x.RTO.ObjectiveS {
			t.Errorf("%s: %s, RTO %+v", x.ID, x.Verdict, x.RTO)
		}
	}
	for part, unit := range production.UnitOf {
		if n := s.m.Starts(t, unit) - starts[part]; n != 1 {
			t.Errorf("%s was started %d times by systemd during the drill, want once", unit, n)
		}
	}
	if away := s.lookedAway(t, ctx, "self-drill-1"); len(away) > 0 {
		t.Errorf("probes looked away by themselves: %v", away)
	}
	had := s.effects(t, id)
	if wrong := twice(had); len(had) != 20 || len(wrong) > 0 {
		t.Errorf("%d effects of steps, want 20; not once: %v", len(had), wrong)
	}
}

// All that the control site has is killed in one moment, by a worker that kills itself with it. What then
// does not come back by itself is missed, by name, though it was started in the end; and a step
// that was done twice would be seen.
func TestASiteOfMustersIsLostAndWhatStaysAwayIsMissed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	s := startSelfDrilled(t)
	start := func(scenario string) {
		t.Helper()
		if _, err := s.Client().Start(ctx, api.StartRequest{Scenario: scenario, Kind: run.Drill, By: "tanaka", Reason: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	start("self-site-loss")
	lost := s.ended(t, ctx, "self-site-loss-1")
	if lost.Run.Verdict != run.Met || judged(lost, "once") != run.Met || len(lost.Systems) != 2 {
		t.Errorf("verdict %s, %s, case %+v", lost.Run.Verdict, lost.Run.State, lost.Case)
	}
	// The response's probe is lost with its site, between two looks that see it down; what it comes back by is done by the site's own
	// worker, which looks again by then. So nothing of it is unseen either.
	for _, x := range lost.Systems {
		if x.RTO.ActualS == nil || x.RTO.Verdict != run.Met {
			t.Errorf("%s: RTO %+v", x.ID, x.RTO)
		}
	}
	if had := s.effects(t, "self-site-loss-1"); len(had) != 20 || len(twice(had)) > 0 {
		t.Errorf("%d effects of steps, want 20; not once: %v", len(had), twice(had))
	}

	// The server's unit has no Restart=, and one step was done twice.
	s.onlyServer(t)
	s.m.Unit(t, production.UnitOf[production.Server], strings.Replace(s.Units[production.Server], "Restart=always", "Restart=no", 1))
	doubled := filepath.Join(s.Rehearsal(production.Osaka), "self-server-1.rehearsal.rehearsal-response.osaka-3.done")
	if err := os.WriteFile(doubled, []byte("done\ndone\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	start("self-server")
	missed := s.ended(t, ctx, "self-server-1")
	if missed.Run.Verdict != run.Missed || judged(missed, "once") != run.Missed || judged(missed, "by-itself") != run.Missed {
		t.Errorf("verdict %s, case %+v", missed.Run.Verdict, missed.Case)
	}
	for _, x := range missed.Systems {
		want := run.Met
		if x.ID == "muster-server" {
			want = run.Missed
		}
		if x.RTO.Verdict != want {
			t.Errorf("%s: %s, want %s: %+v", x.ID, x.RTO.Verdict, want, x.RTO)
		}
	}
}
