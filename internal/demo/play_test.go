package demo

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
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
	if got := asks(both); !strings.Contains(got, "muster checkin ito --safety ANSWER") || !strings.Contains(got, "muster checkin sato ") || strings.Count(got, "ANSWER: safe, lightly-hurt or badly-hurt") != 1 {
		t.Errorf("told %q, want a command for each of the two, and once what ANSWER is", got)
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
	failed := progress.Waiting{For: progress.AwaitStep, Kind: run.WaitFailed, Role: "operator", Step: "promote", People: []string{"suzuki", "ito"}, Acts: []string{"retry", "skip"}}
	if got := asks(failed); !strings.Contains(got, "\n    muster step retry r-1 promote --as suzuki\n    muster step skip r-1 promote --reason WHY --as suzuki\n") {
		t.Errorf("told %q, want a command a choice", got)
	}
	failed.Forced = &progress.Forced{By: "ito", Act: run.ActSkip}
	if got := asks(failed); !strings.Contains(got, "muster step skip r-1 promote --reason WHY --as suzuki") {
		t.Errorf("told %q, want that another person confirms it", got)
	}
	decision := progress.Waiting{For: progress.AwaitDecision, People: []string{"sato"}, System: "orders", Acts: []string{"alternate"}}
	if got := asks(decision); !strings.Contains(got, "muster decide alternate --system orders") || !strings.Contains(got, "--as sato") {
		t.Errorf("told %q, want the decision by sato", got)
	}
}
