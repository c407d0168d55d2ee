package proof_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

var now = time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)

// aPlan moves orders by a runbook and restores it by another.
func aPlan() plan.Plan {
	rto, within := run.Duration(time.Hour), run.Duration(2*time.Hour)
	return plan.Plan{Format: plan.Format,
		Scenario: plan.Scenario{Name: "loss", Depth: run.Live, Decision: plan.DecisionRule{By: "commander"}, SitesLost: []string{"tokyo"},
			Hold: run.Duration(time.Minute), Baseline: run.Duration(time.Minute), Injects: []plan.Step{{ID: "lose", Uses: "sim.break", Targets: []string{"db"}}}},
		Estate: plan.Estate{Name: "house", Sites: []plan.Site{{Name: "tokyo", Region: "kanto"}, {Name: "osaka", Region: "kansai"}}, Targets: []plan.Target{{Name: "db", Kind: "postgres", Site: "osaka", Spec: []byte(`{"host":"db1"}`)}, {Name: "vault", Kind: "pgbackup", Site: "osaka", Spec: []byte(`{"dir":"/b"}`)}},
			People: []plan.Person{{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}}, {ID: "suzuki", Roles: []string{"operator"}}, {ID: "ito", Roles: []string{"staff"}}}},
		Systems: []plan.System{{Name: "orders", Priority: "A", Home: "tokyo", Alternate: "osaka", Failover: "move", Failback: "back", Restore: "restore",
			Objective: plan.Objective{RTO: &rto, Restore: &plan.RestoreObjective{Within: &within}}}},
		Runbooks: []plan.Runbook{{Name: "back", System: "orders", Steps: []plan.Step{{ID: "home", Uses: "postgres.switchover", Targets: []string{"db"}}}},
			{Name: "move", System: "orders", Steps: []plan.Step{{ID: "promote", Uses: "postgres.promote", Targets: []string{"db"}, Line: "r.yaml:5"}}},
			{Name: "restore", System: "orders", Steps: []plan.Step{{ID: "fetch", Uses: "pgbackup.restore", With: []byte(`{"keep":7}`), Targets: []string{"vault"}}}}}}
}

type shelf struct {
	t     *testing.T
	store journal.Store
}

func newShelf(t *testing.T) shelf {
	t.Helper()
	s, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return shelf{t, s}
}

// proved keeps a run of the plan as it is, of so many days ago.
func (s shelf) proved(id string, days int, depth run.Depth, rto, restore run.Verdict, simulated ...string) {
	s.t.Helper()
	p := aPlan()
	o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: depth, Scenario: "loss", State: run.Recovered, EndedAt: now.AddDate(0, 0, -days),
		Systems: []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: rto}, Fingerprints: outcome.FingerprintsOf(p, p.Systems[0])}}}
	o.Systems[0].SimulatedParts, o.People.Simulated, o.Verdict = simulated, len(simulated) > 0, rto
	if restore != "" {
		within := p.Systems[0].Objective.Restore.Within.Seconds()
		o.Systems[0].Restore, o.Systems[0].RestorePoint = &outcome.Figure{ObjectiveS: &within, Verdict: restore}, &outcome.Figure{Verdict: run.NoObjective}
	}
	if err := outcome.Put(s.t.Context(), s.store, o); err != nil {
		s.t.Fatal(err)
	}
}

func (s shelf) fresh(files proof.Files) map[outcome.Property]proof.Property {
	s.t.Helper()
	list, err := proof.Systems(s.t.Context(), s.store, files, now)
	if err != nil || len(list) != 1 {
		s.t.Fatalf("%+v, %v", list, err)
	}
	out := map[outcome.Property]proof.Property{}
	for _, p := range list[0].Properties {
		out[p.Property] = p
	}
	return out
}

func filesOf(p plan.Plan) proof.Files {
	return proof.Files{Systems: p.Systems, Compile: func(scenario string, depth run.Depth) (plan.Plan, error) {
		if scenario != p.Scenario.Name {
			return plan.Plan{}, proof.ErrNoScenario
		}
		return p, nil
	}}
}

// The newest run that proved something counts, whatever came after it without judging it; a
// tabletop proves nothing.
func TestTheNewestProofCounts(t *testing.T) {
	s := newShelf(t)
	s.proved("r1", 90, run.Live, run.Met, run.Met)
	s.proved("r2", 30, run.Live, run.Met, "")
	s.proved("r3", 10, run.Live, run.NotProven, run.NotProven)
	s.proved("r4", 1, run.Tabletop, run.Met, "")
	got := s.fresh(filesOf(aPlan()))
	if p := got[outcome.RTO]; p.State != proof.Fresh || p.Run != "r2" || *p.Days != 30 || !p.Until.Equal(now.AddDate(0, 0, 70)) {
		t.Errorf("RTO: %+v", p)
	}
	if p := got[outcome.Restore]; p.State != proof.Fresh || p.Run != "r1" || *p.Days != 90 {
		t.Errorf("restore: %+v", p)
	}
	if got[outcome.RPO].State != proof.NotSet || got[outcome.Failback].State != proof.Never {
		t.Errorf("RPO and failback: %+v, %+v", got[outcome.RPO], got[outcome.Failback])
	}
}

// A miss takes a proof away until the real thing proves it again; what was only simulated is said so,
// makes no miss of the real thing good, and takes nothing from a proof by the real thing.
func TestANewerMissTakesAProofAway(t *testing.T) {
	type one struct {
		verdict   run.Verdict
		simulated bool
	}
	real, sim, miss, simMiss := one{run.Met, false}, one{run.Met, true}, one{run.Missed, false}, one{run.Missed, true}
	people := []outcome.Simulated{outcome.SimulatedPeople}
	for name, c := range map[string]struct {
		runs      []one // r0 is the oldest
		state     proof.State
		run       string
		missedIn  string
		simulated []outcome.Simulated
	}{
		"missed since":                             {[]one{real, miss}, proof.Missed, "r0", "r1", nil},
		"simulated, then missed":                   {[]one{sim, miss}, proof.Missed, "r0", "r1", people},
		"never met":                                {[]one{miss}, proof.Missed, "", "r0", nil},
		"met again":                                {[]one{real, miss, real}, proof.Fresh, "r2", "", nil},
		"met again by simulated people":            {[]one{real, miss, sim}, proof.Missed, "r2", "r1", people},
		"and missed by them between":               {[]one{miss, simMiss, sim}, proof.Missed, "r2", "r0", people},
		"missed by simulated people":               {[]one{real, simMiss}, proof.Missed, "r0", "r1", nil},
		"missed and met by simulated people":       {[]one{simMiss, sim}, proof.Fresh, "r1", "", people},
		"proven, missed and met by simulated ones": {[]one{real, simMiss, sim}, proof.Fresh, "r0", "", nil},
		"by simulated people only":                 {[]one{sim}, proof.Fresh, "r0", "", people},
		"by simulated people after real ones":      {[]one{real, sim}, proof.Fresh, "r0", "", nil},
	} {
		s := newShelf(t)
		for i, r := range c.runs {
			var parts []string
			if r.simulated {
				parts = []string{"people_s"}
			}
			s.proved(fmt.Sprintf("r%d", i), 20-i, run.Live, r.verdict, "", parts...)
		}
		p := s.fresh(filesOf(aPlan()))[outcome.RTO]
		if p.State != c.state || p.Run != c.run || p.MissedIn != c.missedIn || (p.MissedAt != nil) != (c.missedIn != "") || !slices.Equal(p.Simulated, c.simulated) ||
			p.Real() != (c.state == proof.Fresh && c.simulated == nil) || p.State.Needs() != (c.state != proof.Fresh) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A miss stands until a run of the same scenario meets it, or of one that loses at least the same sites; one that
// the files hold no more is made good by any.
func TestAMilderScenarioMakesNoMissGood(t *testing.T) {
	type one struct {
		scenario string
		lost     []string
		verdict  run.Verdict
	}
	tokyo, kanto := []string{"tokyo"}, []string{"chiba", "tokyo"}
	for name, c := range map[string]struct {
		runs     []one // r0 is the oldest
		missedIn string
	}{
		"by a milder one":              {[]one{{"loss", tokyo, run.Missed}, {"server", nil, run.Met}}, "r0"},
		"by the same":                  {[]one{{"loss", tokyo, run.Missed}, {"server", nil, run.Met}, {"loss", tokyo, run.Met}}, ""},
		"by one that loses more":       {[]one{{"loss", tokyo, run.Missed}, {"kanto", kanto, run.Met}}, ""},
		"by one that loses others":     {[]one{{"loss", tokyo, run.Missed}, {"kanto", []string{"chiba"}, run.Met}}, "r0"},
		"a newer one was made good":    {[]one{{"loss", tokyo, run.Missed}, {"server", nil, run.Missed}, {"server", nil, run.Met}}, "r0"},
		"the milder one":               {[]one{{"server", nil, run.Missed}, {"loss", tokyo, run.Met}}, "r0"},
		"of a scenario that is gone":   {[]one{{"gone", tokyo, run.Missed}, {"server", nil, run.Met}}, ""},
		"gone, and never met since":    {[]one{{"server", nil, run.Met}, {"gone", tokyo, run.Missed}}, "r1"},
		"met before, and missed since": {[]one{{"loss", tokyo, run.Met}, {"server", nil, run.Missed}}, "r1"},
	} {
		s, p := newShelf(t), aPlan()
		for i, r := range c.runs {
			o := outcome.Outcome{Version: outcome.Version, Run: fmt.Sprintf("r%d", i), Kind: run.Drill, Depth: run.Live, Scenario: r.scenario, State: run.Recovered, EndedAt: now.AddDate(0, 0, i-20),
				Systems: []outcome.System{{ID: "orders", SitesLost: r.lost, RTO: outcome.Figure{Verdict: r.verdict}, Fingerprints: outcome.FingerprintsOf(p, p.Systems[0])}}}
			if err := outcome.Put(t.Context(), s.store, o); err != nil {
				t.Fatal(err)
			}
		}
		files := filesOf(p)
		files.Compile = func(scenario string, depth run.Depth) (plan.Plan, error) {
			if scenario == "gone" {
				return plan.Plan{}, proof.ErrNoScenario
			}
			return p, nil
		}
		got := s.fresh(files)[outcome.RTO]
		if want := c.missedIn; got.MissedIn != want || (got.State == proof.Missed) != (want != "") || want == "" && got.State != proof.Fresh {
			t.Errorf("%s: %+v, want missed in %q", name, got, want)
		}
	}
}

// Simulated steps are told of the properties that rest on them.
func TestAProofTellsThatStepsWereSimulated(t *testing.T) {
	s, p := newShelf(t), aPlan()
	o := outcome.Outcome{Version: outcome.Version, Run: "r1", Kind: run.Drill, Depth: run.Live, Scenario: "loss", State: run.Recovered, EndedAt: now.AddDate(0, 0, -1),
		Systems: []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: run.Met}, Failback: outcome.Figure{Verdict: run.Met}, SimulatedSteps: []outcome.Property{outcome.RTO},
			Fingerprints: outcome.FingerprintsOf(p, p.Systems[0])}}}
	if err := outcome.Put(t.Context(), s.store, o); err != nil {
		t.Fatal(err)
	}
	got := s.fresh(filesOf(p))
	if !slices.Equal(got[outcome.RTO].Simulated, []outcome.Simulated{outcome.SimulatedSteps}) || got[outcome.RTO].Real() || !got[outcome.Failback].Real() {
		t.Errorf("%+v", got)
	}
}

func TestAProofExpiresByAge(t *testing.T) {
	s := newShelf(t)
	s.proved("r1", 100, run.Live, run.Met, "")
	files := filesOf(aPlan())
	if p := s.fresh(files)[outcome.RTO]; p.State != proof.Fresh {
		t.Errorf("after 100 days: %+v", p)
	}
	files.FreshFor = 99 * 24 * time.Hour
	if p := s.fresh(files)[outcome.RTO]; p.State != proof.Expired {
		t.Errorf("after 100 days of 99: %+v", p)
	}
	files.ByScenario = map[string]time.Duration{"loss": 400 * 24 * time.Hour}
	if p := s.fresh(files)[outcome.RTO]; p.State != proof.Fresh {
		t.Errorf("after 100 days of the scenario's 400: %+v", p)
	}
}

// What changed decides what has to be proven again: a restore rests on the backup's settings, the way
// over on the rest; words, lines, budgets and people without a part in it are no change.
func TestAProofExpiresByChange(t *testing.T) {
	type states struct{ rto, restore proof.State }
	for name, c := range map[string]struct {
		change func(p *plan.Plan)
		want   states
		what   []outcome.Change
	}{
		"nothing": {func(*plan.Plan) {}, states{proof.Fresh, proof.Fresh}, nil},
		"words and lines": {func(p *plan.Plan) {
			p.Runbooks[1].Steps[0].Line = "r.yaml:9"
			p.Systems[0].Title = plan.Text{EN: "Orders"}
		}, states{proof.Fresh, proof.Fresh}, nil},
		"a budget":              {func(p *plan.Plan) { p.Runbooks[1].Steps[0].Budget = run.Duration(time.Minute) }, states{proof.Fresh, proof.Fresh}, nil},
		"somebody without part": {func(p *plan.Plan) { p.Estate.People = p.Estate.People[:2] }, states{proof.Fresh, proof.Fresh}, nil},
		"a step":                {func(p *plan.Plan) { p.Runbooks[1].Steps[0].Uses = "postgres.failover" }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedPlan}},
		"an objective":          {func(p *plan.Plan) { d := run.Duration(time.Minute); p.Systems[0].Objective.RTO = &d }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedPlan}},
		"a server":              {func(p *plan.Plan) { p.Estate.Targets[0].Spec = []byte(`{"host":"db2"}`) }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedTargets}},
		"a deputy":              {func(p *plan.Plan) { p.Estate.People[0].Deputies = nil }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedRoster}},
		"what it depends on":    {func(p *plan.Plan) { p.Systems[0].DependsOn = []string{"stock"} }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedScenario}},
		"where a site lies":     {func(p *plan.Plan) { p.Estate.Sites[0].Region = "kansai" }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedScenario}},
		"what is lost":          {func(p *plan.Plan) { p.Scenario.SitesLost = nil }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedScenario}},
		"what is broken":        {func(p *plan.Plan) { p.Scenario.Injects[0].Uses = "sim.slow" }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedScenario}},
		"how long it holds":     {func(p *plan.Plan) { p.Scenario.Hold = 0 }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedScenario}},
		"the baseline":          {func(p *plan.Plan) { p.Scenario.Baseline = 0 }, states{proof.Changed, proof.Fresh}, []outcome.Change{outcome.ChangedScenario}},
		"an inject's words": {func(p *plan.Plan) {
			p.Scenario.Injects[0].Title, p.Scenario.Injects[0].Line = plan.Text{EN: "Lost"}, "s.yaml:3"
		}, states{proof.Fresh, proof.Fresh}, nil},
		"the backup": {func(p *plan.Plan) { p.Runbooks[2].Steps[0].With = []byte(`{"keep":14}`) }, states{proof.Fresh, proof.Changed}, nil},
		"its place":  {func(p *plan.Plan) { p.Estate.Targets[1].Spec = []byte(`{"dir":"/c"}`) }, states{proof.Fresh, proof.Changed}, nil},
		"its time": {func(p *plan.Plan) {
			d := run.Duration(time.Hour)
			p.Systems[0].Objective.Restore = &plan.RestoreObjective{Within: &d}
		}, states{proof.Fresh, proof.Changed}, nil},
		"its time, by unit": {func(p *plan.Plan) {
			d := run.Duration(120 * time.Minute)
			p.Systems[0].Objective.Restore = &plan.RestoreObjective{Within: &d}
		}, states{proof.Fresh, proof.Fresh}, nil},
		"its point": {func(p *plan.Plan) {
			d := run.Duration(time.Hour)
			p.Systems[0].Objective.Restore = &plan.RestoreObjective{Within: p.Systems[0].Objective.Restore.Within, Point: &d}
		}, states{proof.Fresh, proof.Changed}, nil},
		"the scenario": {func(p *plan.Plan) { p.Scenario.Name = "fire" }, states{proof.Changed, proof.Changed}, []outcome.Change{proof.ScenarioGone}},
	} {
		s := newShelf(t)
		s.proved("r1", 10, run.Live, run.Met, run.Met)
		p := aPlan()
		c.change(&p)
		got := s.fresh(filesOf(p))
		if is := (states{got[outcome.RTO].State, got[outcome.Restore].State}); is != c.want || c.what != nil && !slices.Equal(got[outcome.RTO].Changed, c.what) {
			t.Errorf("%s: %+v (%v), want %+v (%v)", name, is, got[outcome.RTO].Changed, c.want, c.what)
		}
	}
}

// What can't be carried out any more as it was is to be proven again, and hides nothing else.
func TestAPlanThatCantBeMadeAnyMoreIsAChange(t *testing.T) {
	s := newShelf(t)
	s.proved("r1", 10, run.Live, run.Met, "")
	files := filesOf(aPlan())
	files.Compile = func(string, run.Depth) (plan.Plan, error) {
		return plan.Plan{}, errors.New("orders may not be drilled live")
	}
	if p := s.fresh(files)[outcome.RTO]; p.State != proof.Changed || !slices.Equal(p.Changed, []outcome.Change{outcome.ChangedPlan}) || p.Run != "r1" {
		t.Errorf("%+v", p)
	}
}

// What had been proven at an earlier moment is judged by the runs that had ended then and by their age;
// files of today change nothing in it.
func TestFreshnessOfAnEarlierMoment(t *testing.T) {
	s := newShelf(t)
	s.proved("r1", 300, run.Live, run.Met, run.Met)
	s.proved("r2", 30, run.Live, run.Met, "")
	p := aPlan()
	p.Runbooks[1].Steps[0].Uses = "postgres.failover" // changed since
	for days, want := range map[int][2]proof.State{290: {proof.Fresh, proof.Fresh}, 100: {proof.Expired, proof.Expired}, 20: {proof.Fresh, proof.Expired}, 400: {proof.Never, proof.Never}} {
		list, err := proof.SystemsAt(t.Context(), s.store, filesOf(p), now.AddDate(0, 0, -days))
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, x := range list[0].Properties {
			got, is := x.State, want[0]
			switch x.Property {
			case outcome.RTO:
			case outcome.Restore:
				is = want[1]
			default:
				continue
			}
			if got != is {
				t.Errorf("%d days ago: %s was %s, want %s (%s)", days, x.Property, got, is, x.Run)
			}
		}
	}
}
