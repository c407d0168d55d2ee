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
	Never   State = "never"   // no run has proven it
	NotSet  State = "not_set" // the files set no objective
)

// Needs reports whether it has to be proven (again).
func (s State) Needs() bool { return s == Expired || s == Changed || s == Never }

// ChangedScenario: the scenario that proved it is not in the files any more.
const ChangedScenario outcome.Change = "scenario"

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
	State    State            `json:"state" enum:"fresh,expired,changed,never,not_set"`
	Run      string           `json:"run,omitempty" doc:"The newest run that proved it."`
	Scenario string           `json:"scenario,omitempty"`
	Depth    run.Depth        `json:"depth,omitempty"`
	At       *time.Time       `json:"at,omitempty" doc:"When that run ended."`
	Days     *int             `json:"days,omitempty" doc:"Whole days since."`
	Until    *time.Time       `json:"until,omitempty" doc:"When it is too old."`
	Changed  []outcome.Change `json:"changed,omitempty" doc:"What is not as it was when it was proven: plan, targets, roster, backup, scenario."`
}

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
	last := map[outcome.Property]map[string]outcome.SystemAt{}
	for _, p := range outcome.Properties() {
		list, err := outcome.LastProven(ctx, store, p)
		if err != nil {
			return nil, err
		}
		last[p] = map[string]outcome.SystemAt{}
		for _, one := range list {
			last[p][one.ID] = one
		}
	}
	today := &currents{files: files, plans: map[compiled]current{}}
	return systems(files, last, today, now), nil
}

// SystemsAt is what Systems would have said at an earlier moment, as far as the record can tell: by
// runs that had ended then, and by their age. Which systems and objectives there are is as of today, and
// whether something had changed since a proof is not known, so nothing is Changed.
func SystemsAt(ctx context.Context, store journal.Outcomes, files Files, moment time.Time) ([]System, error) {
	rows, err := store.SystemOutcomes(ctx, journal.OutcomeFilter{Before: moment})
	if err != nil {
		return nil, err
	}
	last := map[outcome.Property]map[string]outcome.SystemAt{}
	for _, p := range outcome.Properties() {
		last[p] = map[string]outcome.SystemAt{}
	}
	for _, r := range rows { // newest first
		for p, v := range map[outcome.Property]run.Verdict{outcome.RTO: r.RTO, outcome.RPO: r.RPO, outcome.RLO: r.RLO, outcome.Restore: r.Restored, outcome.Failback: r.Failback} {
			if _, newer := last[p][r.System]; v == run.Met && !newer {
				last[p][r.System] = outcome.SystemAt{Run: r.Run, Kind: r.Kind, Depth: r.Depth, Scenario: r.Scenario, EndedAt: r.EndedAt}
			}
		}
	}
	return systems(files, last, nil, moment), nil
}

// systems judges the newest proofs; without the plans of today only by their age.
func systems(files Files, last map[outcome.Property]map[string]outcome.SystemAt, today *currents, now time.Time) []System {
	out := make([]System, 0, len(files.Systems))
	for _, s := range files.Systems {
		one := System{System: s.Name, Title: s.Title, Priority: s.Priority}
		for _, p := range outcome.Properties() {
			at, proven := last[p][s.Name]
			one.Properties = append(one.Properties, property(files, today, s, p, at, proven, now))
		}
		out = append(out, one)
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

func property(files Files, today *currents, s plan.System, p outcome.Property, last outcome.SystemAt, proven bool, now time.Time) Property {
	out := Property{Property: p, State: Never}
	if !Set(s, p) {
		out.State = NotSet
		return out
	}
	if !proven {
		return out
	}
	at, days := last.EndedAt, int(now.Sub(last.EndedAt).Hours()/24)
	until := at.Add(files.MaxAge(last.Scenario))
	out.Run, out.Scenario, out.Depth, out.At, out.Days, out.Until = last.Run, last.Scenario, last.Depth, &at, &days, &until
	if today != nil {
		out.Changed = changed(today.of(compiled{last.Scenario, last.Depth}), s.Name, last, p)
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

func changed(now current, system string, last outcome.SystemAt, p outcome.Property) []outcome.Change {
	switch {
	case errors.Is(now.err, ErrNoScenario):
		return []outcome.Change{ChangedScenario}
	case now.err != nil: // at the depth at which it was proven it can't be carried out any more
		return []outcome.Change{outcome.ChangedPlan}
	}
	s, ok := now.plan.System(system)
	if !ok { // the scenario does not recover it any more
		return []outcome.Change{ChangedScenario}
	}
	return last.Fingerprints.Changed(outcome.FingerprintsOf(now.plan, s), p)
}

// ErrNoScenario: the files hold no scenario of that name.
var ErrNoScenario = errors.New("there is no such scenario any more")

var changes = map[outcome.Change]plan.Text{
	outcome.ChangedPlan:    {EN: "plan", JA: "計画"},
	outcome.ChangedTargets: {EN: "servers", JA: "操作対象"},
	outcome.ChangedRoster:  {EN: "roster", JA: "体制"},
	outcome.ChangedBackup:  {EN: "backup settings", JA: "バックアップの設定"},
	ChangedScenario:        {EN: "scenario gone", JA: "シナリオの廃止"},
}

// ChangesText says in words what is not as it was.
func ChangesText(list []outcome.Change) plan.Text {
	var en, ja []string
	for _, c := range list {
		en, ja = append(en, changes[c].EN), append(ja, changes[c].JA)
	}
	return plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}
