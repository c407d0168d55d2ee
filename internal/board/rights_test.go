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
