package scheduler

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/plan"
)

func steps(needs map[string][]string, order ...string) []plan.Step {
	var out []plan.Step
	for _, id := range order {
		out = append(out, plan.Step{ID: id, Needs: needs[id]})
	}
	return out
}

func TestDiamondStartsWhenBothSidesEnded(t *testing.T) {
	g, err := New(steps(map[string][]string{"b": {"a"}, "c": {"a"}, "d": {"b", "c"}}, "a", "b", "c", "d"))
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Ready(); !slices.Equal(got, []int{0}) {
		t.Fatalf("first ready = %v, want [0]", got)
	}
	g.End(0, true)
	if got := g.Ready(); !slices.Equal(got, []int{1, 2}) {
		t.Fatalf("after a = %v, want [1 2]", got)
	}
	g.End(2, true)
	if got := g.Ready(); len(got) != 0 {
		t.Fatalf("d became ready with b still running: %v", got)
	}
	g.End(1, true)
	if got := g.Ready(); !slices.Equal(got, []int{3}) {
		t.Fatalf("after b and c = %v, want [3]", got)
	}
	g.End(3, true)
	if !g.Done() {
		t.Error("not done after every step ended")
	}
}

func TestFailureCutsOffOnlyWhatNeedsIt(t *testing.T) {
	g, err := New(steps(map[string][]string{"b": {"a"}, "c": {"b"}, "d": nil}, "a", "b", "c", "d"))
	if err != nil {
		t.Fatal(err)
	}
	g.Ready()
	g.End(0, false)
	if got := g.CutOff(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("cut off = %v, want b and c", got)
	}
	if g.Done() {
		t.Error("done while d runs")
	}
	g.End(3, true)
	if !g.Done() {
		t.Error("not done although nothing can start")
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct {
		steps []plan.Step
		want  string
	}{
		{steps(map[string][]string{"a": {"b"}, "b": {"a"}}, "a", "b"), "steps a, b wait for each other"},
		{steps(map[string][]string{"a": {"x"}}, "a"), "step a needs x, which is not in the runbook"},
		{steps(nil, "a", "a"), "step a is there twice"},
	} {
		if _, err := New(c.steps); err == nil || err.Error() != c.want {
			t.Errorf("err = %v, want %q", err, c.want)
		}
	}
}

// Every step runs exactly once and never before its needs, whatever the graph and the
// order in which steps end.
func TestEveryOrderRespectsNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "n")
		all := make([]plan.Step, n)
		for i := range all {
			all[i].ID = fmt.Sprint(i)
			for j := range i {
				if rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
					all[i].Needs = append(all[i].Needs, fmt.Sprint(j))
				}
			}
		}
		g, err := New(all)
		if err != nil {
			t.Fatal(err)
		}
		running := g.Ready()
		passed := map[string]bool{}
		started := len(running)
		for len(running) > 0 {
			k := rapid.IntRange(0, len(running)-1).Draw(t, "which")
			i := running[k]
			running = slices.Delete(slices.Clone(running), k, k+1)
			for _, need := range all[i].Needs {
				if !passed[need] {
					t.Fatalf("step %d ran before %s", i, need)
				}
			}
			ok := rapid.IntRange(0, 9).Draw(t, "ok") > 0
			passed[all[i].ID] = ok
			g.End(i, ok)
			more := g.Ready()
			started += len(more)
			running = append(running, more...)
		}
		if !g.Done() {
			t.Fatal("nothing runs and it is not done")
		}
		if started+len(g.CutOff()) != n {
			t.Fatalf("%d started and %d cut off of %d", started, len(g.CutOff()), n)
		}
	})
}
