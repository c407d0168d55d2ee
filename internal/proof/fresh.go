package proof

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// State says whether a proof counts.
type State string

const (
	Fresh   State = "fresh"
	Expired State = "expired" // it is too old
	Changed State = "changed" // what it was proven with is not the same any more
	Missed  State = "missed"  // a run missed it, and none as hard has met it since
	Never   State = "never"   // no run has proven it
	NotSet  State = "not_set" // the files set no objective
)

// Needs reports whether it has to be proven (again).
func (s State) Needs() bool { return s == Missed || s == Expired || s == Changed || s == Never }

// ScenarioGone: the scenario that proved it is not in the files any more.
const ScenarioGone outcome.Change = "scenario_gone"

// Files are the plan files as they are now, as far as proofs rest on them.
type Files struct {
	Systems []plan.System
	Zone    string // IANA name, in which days are counted off
	// FreshFor is how long a proof counts by the estate, 0 is MaxAge; ByScenario where a scenario says.
	FreshFor   time.Duration
	ByScenario map[string]time.Duration
	// Compile makes the plan of a scenario as the files are now; ErrNoScenario when there is none. One
	// that can't be made any more, since a system may not be drilled at that depth now, is a change.
	Compile func(scenario string, depth run.Depth) (plan.Plan, error)
}

// MaxAge is how long a proof by a run of a scenario counts.
func (f Files) MaxAge(scenario string) time.Duration {
	return cmp.Or(f.ByScenario[scenario], f.FreshFor, MaxAge)
}

// System is what is known of a system.
type System struct {
	System     string     `json:"system"`
	Title      plan.Text  `json:"title,omitzero"`
	Priority   string     `json:"priority,omitempty"`
	Properties []Property `json:"properties"`
}

// Property is one thing that a system can be proven to have.
type Property struct {
	Property outcome.Property `json:"property" enum:"rto,rpo,rlo,restore,failback"`
	State    State            `json:"state" enum:"fresh,missed,expired,changed,never,not_set"`
	Run      string           `json:"run,omitempty" doc:"The newest run that proved it."`
	Scenario string           `json:"scenario,omitempty"`
	Depth    run.Depth        `json:"depth,omitempty"`
	At       *time.Time       `json:"at,omitempty" doc:"When that run ended."`
	Days     *int             `json:"days,omitempty" doc:"Whole days since."`
	Until    *time.Time       `json:"until,omitempty" doc:"When it is too old."`
	Changed  []outcome.Change `json:"changed,omitempty" doc:"What is not as it was when it was proven: plan, targets, roster, backup, scenario, scenario_gone."`
	// Simulated is what the proof rests on that was not the real thing; Real says that none was.
	Simulated []outcome.Simulated `json:"simulated,omitempty" doc:"What was simulated in the run that proved it: people, steps."`
	MissedIn  string              `json:"missed_in,omitempty" doc:"The newest run that missed it and was not made good: by a later one of its scenario, or of one that loses at least the same sites."`
	MissedAt  *time.Time          `json:"missed_at,omitempty" doc:"When that run ended."`
}

// Real reports whether it is proven, and by the real thing.
func (p Property) Real() bool { return p.State == Fresh && len(p.Simulated) == 0 }

// Set reports whether the files set an objective for a property.
func Set(s plan.System, p outcome.Property) bool {
	switch o := s.Objective; p {
	case outcome.RTO:
		return o.RTO != nil
	case outcome.RPO:
		return o.RPO != nil
	case outcome.RLO:
		return len(o.RLO) > 0
	case outcome.Restore:
		return o.Restore != nil && (o.Restore.Within != nil || o.Restore.Point != nil)
	case outcome.Failback:
		return s.Failback != ""
	}
	return false
}

// Systems says of every system of the files, in their order, when each property was last proven and
// whether that still counts. It asks for the plan of each scenario once.
func Systems(ctx context.Context, store journal.Outcomes, files Files, now time.Time) ([]System, error) {
	last, missed := map[outcome.Property]map[string]outcome.SystemAt{}, map[outcome.Property]map[string]outcome.SystemAt{}
	for _, p := range outcome.Properties() {
		met, err := outcome.LastProven(ctx, store, p)
		if err != nil {
			return nil, err
		}
		not, err := outcome.LastMissed(ctx, store, p)
		if err != nil {
			return nil, err
		}
		last[p], missed[p] = bySystem(met), bySystem(not)
	}
	runs := func(system string) ([]outcome.SystemAt, error) {
		return outcome.OfSystem(ctx, store, journal.OutcomeFilter{System: system, Limit: looksBackFor})
	}
	return systems(&currents{files: files, plans: map[compiled]current{}}, last, missed, runs, now)
}

// SystemsAt is what Systems would have said at an earlier moment, as far as the record can tell: by
// runs that had ended then, and by their age. Which systems and objectives there are is as of today, and
// whether something had changed since a proof is not known, so nothing is Changed.
func SystemsAt(ctx context.Context, store journal.Outcomes, files Files, moment time.Time) ([]System, error) {
	list, err := outcome.OfSystem(ctx, store, journal.OutcomeFilter{Before: moment})
	if err != nil {
		return nil, err
	}
	of := map[string][]outcome.SystemAt{} // newest first
	last, missed := map[outcome.Property]map[string]outcome.SystemAt{}, map[outcome.Property]map[string]outcome.SystemAt{}
	for _, p := range outcome.Properties() {
		last[p], missed[p] = map[string]outcome.SystemAt{}, map[string]outcome.SystemAt{}
	}
	for _, one := range list {
		of[one.ID] = append(of[one.ID], one)
		if !one.Depth.Allows(run.Observe) {
			continue
		}
		for _, p := range outcome.Properties() {
			into := map[run.Verdict]map[string]outcome.SystemAt{run.Met: last[p], run.Missed: missed[p]}[one.Of(p)]
			if _, newer := into[one.ID]; into != nil && !newer {
				into[one.ID] = one
			}
		}
	}
	runs := func(system string) ([]outcome.SystemAt, error) { return of[system], nil }
	return systems(&currents{files: files, past: true}, last, missed, runs, moment)
}

// systems judges the newest proofs and the newest misses.
func systems(c *currents, last, missed map[outcome.Property]map[string]outcome.SystemAt, runs func(system string) ([]outcome.SystemAt, error), now time.Time) ([]System, error) {
	out := make([]System, 0, len(c.files.Systems))
	for _, s := range c.files.Systems {
		one := System{System: s.Name, Title: s.Title, Priority: s.Priority}
		var before []outcome.SystemAt
		for _, p := range outcome.Properties() {
			at, proven := last[p][s.Name]
			known := c.property(s, p, at, proven, now)
			newest, fell := missed[p][s.Name]
			fell = fell && known.State != NotSet
			if before == nil && (fell || len(known.Simulated) > 0) {
				var err error
				if before, err = runs(s.Name); err != nil {
					return nil, err
				}
			}
			if len(known.Simulated) > 0 {
				known = c.really(s, p, known, before, now)
			}
			if fell {
				not, stands := c.standing(p, before)
				if !stands && !proven { // it lies further back than is looked
					not, stands = newest, true
				}
				if stands {
					known.missed(not)
				}
			}
			one.Properties = append(one.Properties, known)
		}
		out = append(out, one)
	}
	return out, nil
}

func bySystem(list []outcome.SystemAt) map[string]outcome.SystemAt {
	out := map[string]outcome.SystemAt{}
	for _, one := range list {
		out[one.ID] = one
	}
	return out
}

type compiled struct {
	scenario string
	depth    run.Depth
}

// currents are the plans of the files as they are now.
type currents struct {
	files Files
	plans map[compiled]current
	past  bool // an earlier moment is judged, and the plans of then are not known
}

type current struct {
	plan plan.Plan
	err  error // it can't be compiled as it was run
}

func (c *currents) of(key compiled) current {
	p, ok := c.plans[key]
	if !ok {
		p.plan, p.err = c.files.Compile(key.scenario, key.depth)
		c.plans[key] = p
	}
	return p
}

func (c *currents) property(s plan.System, p outcome.Property, last outcome.SystemAt, proven bool, now time.Time) Property {
	out := Property{Property: p, State: Never}
	if !Set(s, p) {
		out.State = NotSet
		return out
	}
	if !proven {
		return out
	}
	at, days := last.EndedAt, int(now.Sub(last.EndedAt).Hours()/24)
	until := at.Add(c.files.MaxAge(last.Scenario))
	out.Run, out.Scenario, out.Depth, out.At, out.Days, out.Until = last.Run, last.Scenario, last.Depth, &at, &days, &until
	out.Simulated = last.Simulations(p)
	if !c.past {
		out.Changed = changed(c.of(compiled{last.Scenario, last.Depth}), s.Name, last, p)
	}
	switch {
	case now.After(until):
		out.State = Expired
	case len(out.Changed) > 0:
		out.State = Changed
	default:
		out.State = Fresh
	}
	return out
}

// looksBackFor bounds how many runs are looked through for one that was the real thing.
const looksBackFor = 200

// really puts what the newest run of the real thing showed in the place of a proof that rests on what was
// simulated: one more simulated drill takes nothing from a proof that counts, and makes no miss good.
func (c *currents) really(s plan.System, p outcome.Property, simulated Property, runs []outcome.SystemAt, now time.Time) Property {
	for _, one := range runs {
		if !one.Depth.Allows(run.Observe) || len(one.Simulations(p)) > 0 {
			continue
		}
		switch one.Of(p) {
		case run.Missed:
			return simulated // which stands until the real thing makes it good
		case run.Met:
			if real := c.property(s, p, one, true, now); real.State == Fresh {
				return real
			}
			return simulated
		case run.NotProven, run.NoObjective:
		}
	}
	return simulated
}

func (p *Property) missed(in outcome.SystemAt) {
	at := in.EndedAt
	p.State, p.MissedIn, p.MissedAt = Missed, in.Run, &at
}

func changed(now current, system string, last outcome.SystemAt, p outcome.Property) []outcome.Change {
	switch {
	case errors.Is(now.err, ErrNoScenario):
		return []outcome.Change{ScenarioGone}
	case now.err != nil: // at the depth at which it was proven it can't be carried out any more
		return []outcome.Change{outcome.ChangedPlan}
	}
	s, ok := now.plan.System(system)
	if !ok { // the scenario does not recover it any more
		return []outcome.Change{ScenarioGone}
	}
	out := last.Fingerprints.Changed(outcome.FingerprintsOf(now.plan, s), p)
	if p == outcome.Restore && !sameRestore(s.Objective.Restore, last) {
		out = append([]outcome.Change{outcome.ChangedPlan}, out...)
	}
	return out
}

// sameRestore reports whether a restore was held against the objectives of now; its fingerprint is of the backup alone.
func sameRestore(now *plan.RestoreObjective, last outcome.SystemAt) bool {
	same := func(was *outcome.Figure, is *run.Duration) bool {
		if was == nil || was.ObjectiveS == nil || is == nil {
			return (was == nil || was.ObjectiveS == nil) == (is == nil)
		}
		return is.Std().Round(time.Millisecond).Seconds() == *was.ObjectiveS
	}
	if now == nil {
		now = &plan.RestoreObjective{}
	}
	return same(last.Restore, now.Within) && same(last.RestorePoint, now.Point)
}

// ErrNoScenario: the files hold no scenario of that name.
var ErrNoScenario = errors.New("there is no such scenario any more")

var changes = map[outcome.Change]plan.Text{
	outcome.ChangedPlan:     {EN: "plan", JA: "計画"},
	outcome.ChangedTargets:  {EN: "servers", JA: "操作対象"},
	outcome.ChangedRoster:   {EN: "roster", JA: "体制"},
	outcome.ChangedBackup:   {EN: "backup settings", JA: "バックアップの設定"},
	outcome.ChangedScenario: {EN: "scenario", JA: "シナリオ"},
	ScenarioGone:            {EN: "scenario gone", JA: "シナリオの廃止"},
}

var simulations = map[outcome.Simulated]plan.Text{
	outcome.SimulatedPeople: {EN: "people simulated", JA: "要員は模擬"},
	outcome.SimulatedSteps:  {EN: "steps simulated", JA: "ステップは模擬"},
}

// SimulatedText says in words what was simulated.
func SimulatedText(list []outcome.Simulated) plan.Text {
	var en, ja []string
	for _, s := range list {
		en, ja = append(en, simulations[s].EN), append(ja, simulations[s].JA)
	}
	return plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}

// ChangesText says in words what is not as it was.
func ChangesText(list []outcome.Change) plan.Text {
	var en, ja []string
	for _, c := range list {
		en, ja = append(en, changes[c].EN), append(ja, changes[c].JA)
	}
	return plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}
