package api

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/workflows"
)

func TestPaceOfAPerson(t *testing.T) {
	var p pace
	now := time.Unix(1_800_000_000, 0)
	weighed := 0
	for i := range mostActs {
		now = now.Add(time.Second)
		if ok, _ := p.may("r1", "tanaka", workflows.UpdateRemark, now); !ok {
			t.Fatalf("act %d is refused", i)
		}
		if p.done("r1", "tanaka", workflows.UpdateRemark) {
			weighed++
		}
	}
	if weighed != mostActs/weighEvery {
		t.Errorf("weighed %d times", weighed)
	}
	now = now.Add(time.Hour)
	for _, c := range []struct {
		run, person, act string
		ok               bool
	}{
		{"r1", "tanaka", workflows.UpdateRemark, false},
		{"r1", "tanaka", workflows.UpdateNotice, false},
		{"r1", "tanaka", workflows.UpdateAbort, true}, // whoever wrote much can still stop it
		{"r1", "sato", workflows.UpdateRemark, true},
		{"r2", "tanaka", workflows.UpdateRemark, true},
	} {
		if ok, often := p.may(c.run, c.person, c.act, now); ok != c.ok || often == c.ok {
			t.Errorf("%+v: %v, too often %v", c, ok, often)
		}
	}
	p.forget([]journal.Summary{{Run: "r2"}})
	if len(p.of) != 1 || len(p.runs) != 0 {
		t.Errorf("kept %v, %v of ended runs", p.of, p.runs)
	}
}

func TestHeavyHistoriesAreTold(t *testing.T) {
	if heavy(heavyBytes, heavyEvents) || !heavy(heavyBytes+1, 0) || !heavy(0, heavyEvents+1) {
		t.Error("half of 50 MiB, or of 51,200 events")
	}
}
