package scenario

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/runbooks"
	"github.com/muster-dr/muster/scenarios"
)

func shipped(t testing.TB) Sources {
	t.Helper()
	out := Sources{}
	for folder, files := range map[string]fs.FS{"scenarios/": scenarios.FS, "runbooks/": runbooks.FS} {
		names, err := fs.Glob(files, "*.yaml")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", folder, names, err)
		}
		for _, n := range names {
			b, err := fs.ReadFile(files, n)
			if err != nil {
				t.Fatal(err)
			}
			out[folder+n] = b
		}
	}
	return out
}

// What is shipped must be right for the actions that are compiled in.
func TestShippedFiles(t *testing.T) {
	b, mistakes := LoadSources(all.Registry(all.Options{}), shipped(t))
	if len(mistakes) > 0 {
		t.Fatalf("%v", mistakes)
	}
	hazards := map[run.Hazard]bool{}
	for _, s := range b.Scenarios() {
		hazards[s.Hazard] = true
		if s.Title.EN == "" || s.Title.JA == "" {
			t.Errorf("%s has no title in both languages", s.Name)
		}
		for _, depth := range run.Depths() {
			if (depth == run.IsolatedRun || depth == run.Live || depth == run.Real) && (s.Hazard == run.RestoreTest) != (depth == run.IsolatedRun) {
				continue // runbooks that move the real servers are not isolated, and those of a restore test nothing else
			}
			p := compiled(t, b, s.Name, depth)
			if !p.Intact() {
				t.Errorf("%s at %s: the plan is not what its hash names", s.Name, depth)
			}
			if e := p.Estate; !e.May("sato", plan.MayDecide, false) || len(p.Approvers(plan.Eyes{Not: []string{"sato"}, Away: func(string) bool { return false }, Out: func(string) bool { return false }})) == 0 {
				t.Errorf("%s at %s: nobody but the commander may approve what the commander decides", s.Name, depth)
			}
			for _, r := range p.Runbooks {
				for _, step := range r.Steps {
					if h := step.Human; h != nil && !slices.Contains(p.Estate.Granted(plan.MayOperate), h.Role) {
						t.Errorf("%s at %s: step %s is for the role %s, which may not operate", s.Name, depth, step.ID, h.Role)
					}
					if step.Title.EN == "" || step.Title.JA == "" {
						t.Errorf("%s: step %s of %s has no title in both languages", s.Name, step.ID, r.Name)
					}
				}
			}
		}
	}
	for _, h := range run.Hazards() {
		if !hazards[h] {
			t.Errorf("no scenario is shipped for %s", h)
		}
	}
}

// The fence on which the promotion rests is marked, so that nobody skips it at run time; one on which nothing rests is not.
func TestAFenceBeforeAPromotionIsMarked(t *testing.T) {
	b, mistakes := LoadSources(all.Registry(all.Options{}), shipped(t))
	if len(mistakes) > 0 {
		t.Fatalf("%v", mistakes)
	}
	var marked []string
	for _, book := range compiled(t, b, "demo-tokyo-loss", run.Live).Runbooks {
		for _, s := range book.Steps {
			if s.Prerequisite {
				marked = append(marked, book.Name+"/"+s.ID)
			}
		}
	}
	if want := []string{"orders-failover/fence"}; !slices.Equal(marked, want) {
		t.Errorf("nobody may skip %v, want %v", marked, want)
	}
}
