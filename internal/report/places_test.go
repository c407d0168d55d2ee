package report_test

import (
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Copies beside the original, and an alternate site beside the home, are findings by
// themselves; where a region is not known nothing is said.
func TestWhatOneEventCouldTake(t *testing.T) {
	for name, c := range map[string]struct {
		osaka, tokyo string
		restore      bool
		want         string
	}{
		"apart":          {"kansai", "kanto", false, ""},
		"not known":      {"", "", false, ""},
		"together":       {"honshu", "honshu", false, "orders: its alternate site osaka lies in honshu, as its home does"},
		"copies apart":   {"kansai", "kanto", true, ""},
		"copies as well": {"honshu", "honshu", true, "orders: all copies that it was restored from lie in honshu, as the original does"},
	} {
		t.Run(name, func(t *testing.T) {
			p := aPlan()
			p.Estate.Sites[0].Region, p.Estate.Sites[1].Region = c.osaka, c.tokyo
			if c.restore {
				p.Scenario.Hazard = run.RestoreTest
				p.Estate.Targets = append(p.Estate.Targets, plan.Target{Name: "vault", Kind: "pgbackups", Site: "osaka"})
				p.Systems[0].Restore = "orders-restore"
				p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "orders-restore", System: "orders",
					Steps: []plan.Step{{ID: "restore", Uses: "pgbackup.restore", Site: "osaka", Targets: []string{"vault"}}}})
			}
			s := newStory(t, p)
			s.begin(0, run.Drill)
			s.end(20, run.Recovered)
			var got string
			r := build(t, s)
			if i := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return f.Kind == run.FindingPlace }); i >= 0 {
				got = r.Findings[i].Title
			}
			if got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
