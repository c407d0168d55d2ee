package board_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Where the estate grants rights by role, a page offers what is granted and nothing else.
func TestButtonsFollowGrantedRights(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.plan.Estate.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayDecide, plan.MayControl}}, {Role: "operator", May: []plan.Permission{plan.MayReport}},
		{Role: "secretariat", May: []plan.Permission{plan.MayPeople}}}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.record(drill, run.Drill)
	for who, sees := range map[string]map[string]bool{
		personID(0): {"/act/decide": true, "/act/confirm": false, "/control": true, "silent": false},
		personID(6): {"/act/decide": false, "/act/step": false, "/act/confirm": true, "/control": false, "silent": false},
		personID(1): {"/act/decide": false, "/act/confirm": false, "/control": false, "silent": true},
	} {
		b := w.browser(who)
		_, page := b.get("/runs/" + drill)
		_, people := b.get("/runs/" + drill + "/people?only=silent")
		for what, want := range sees {
			got := strings.Contains(page, what+`"`)
			if what == "silent" {
				got = strings.Contains(people, "Kobayashi Ichiro")
			}
			if got != want {
				t.Errorf("%s is offered %s: %v, want %v", who, what, got, want)
			}
		}
	}
}

// In a real response whoever asked for the recovery is not among those who approve it; they
// alone are offered the way round, which a drill has not.
func TestBreakGlassIsOfferedToWhoeverAsked(t *testing.T) {
	for kind, offered := range map[run.Kind]bool{run.Response: true, run.Drill: false} {
		w := newWorld(t, begun.Add(18*time.Minute))
		w.record(drill, kind)
		w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.ApprovalAsked, By: run.Engine, Phase: run.RecoveryDecision, Reason: "again: the decision was revised"})
		for who, want := range map[string]bool{personID(1): offered, personID(30): false} { // who asked; staff
			if _, page := w.browser(who).get("/tasks"); strings.Contains(page, `name="break_glass"`) != want {
				t.Errorf("in a %s %s is offered to break the glass: %v, want %v", kind, who, !want, want)
			}
		}
	}
}
