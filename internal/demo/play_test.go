package demo

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
)

func TestEachPersonIsToldOnce(t *testing.T) {
	var talk strings.Builder
	d := &demo{Options: Options{Lang: i18n.EN, Talk: &talk}}
	told := map[string]bool{}
	asks := func(w ...progress.Waiting) string {
		talk.Reset()
		d.tell(api.Run{Summary: journal.Summary{Run: "r-1"}, Overview: progress.Overview{Waiting: w}}, plan.Plan{Estate: plan.Estate{People: []plan.Person{{ID: "suzuki", Roles: []string{"operator"}}}}}, told)
		return talk.String()
	}
	both := progress.Waiting{For: progress.AwaitSafety, People: []string{"ito", "sato"}, Need: 2}
	if got := asks(both); !strings.Contains(got, "muster checkin ito ") || !strings.Contains(got, "muster checkin sato ") {
		t.Errorf("told %q, want a command for each of the two", got)
	}
	one := both
	one.People, one.Need = []string{"sato"}, 1
	if got := asks(one); got != "" {
		t.Errorf("told %q again, want nothing: only an answer came", got)
	}
	if got := asks(one, progress.Waiting{For: progress.AwaitArrival, People: []string{"ito"}}); !strings.Contains(got, "muster arrive ito ") || strings.Contains(got, "checkin") {
		t.Errorf("told %q, want only what is new", got)
	}
	task := progress.Waiting{For: progress.AwaitStep, Role: "operator", Step: "announce", Acts: []string{"done"}}
	if got := asks(task); !strings.Contains(got, "muster step done r-1 announce --as suzuki") {
		t.Errorf("told %q, want the step by a holder of the role", got)
	}
	decision := progress.Waiting{For: progress.AwaitDecision, People: []string{"sato"}, System: "orders", Acts: []string{"alternate"}}
	if got := asks(decision); !strings.Contains(got, "muster decide alternate --system orders") || !strings.Contains(got, "--as sato") {
		t.Errorf("told %q, want the decision by sato", got)
	}
}
