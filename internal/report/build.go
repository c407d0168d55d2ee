package report

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Build makes the report of a run from its plan and all its events, in any order and
// with repetitions. A run that goes on gets a report of what is known so far, whose
// verdict is not proven. It returns an error when plan and journal do not belong
// together or the record is damaged: a report is right or there is none.
func Build(p plan.Plan, events []run.Event) (Report, error) {
	f, err := gather(p, events)
	if err != nil {
		return Report{}, err
	}
	sum, err := digest(f.events)
	if err != nil {
		return Report{}, err
	}
	r := f.report
	r.Run = Run{
		ID: f.id, Kind: f.started.Kind, Depth: f.started.Depth, Scenario: f.started.Scenario, Hazard: f.started.Hazard,
		PlanHash: f.started.PlanHash, StartedAt: f.first.At, State: f.state,
		Estate: p.Estate.Name, Title: p.Scenario.Title, Zone: p.Estate.Zone, StartedBy: f.first.By, Reason: f.first.Reason,
	}
	if !f.ended.IsZero() {
		r.Run.EndedAt = &f.ended
	}
	r.Evidence = Evidence{PlanHash: p.Hash, PlanIntact: p.Intact(), Events: len(f.events), JournalDigest: sum, Writers: writersOf(f.events)}
	r.Systems = []System{}
	for _, s := range f.systems {
		r.Systems = append(r.Systems, f.system(s))
	}
	r.People = f.peopleReport()
	r.Phases = append([]Phase{}, f.phases...)
	r.Steps, r.Undone = listed(f.steps), listed(f.undone)
	r.Decisions = []Decision{}
	for _, d := range f.decisions {
		if !d.At.IsZero() { // asked and never answered: the phase's outcome says so
			r.Decisions = append(r.Decisions, d)
		}
	}
	r.Approvals = append([]Approval{}, f.approvals...)
	if r.BreakGlass, err = f.brokenGlass(); err != nil {
		return Report{}, err
	}
	r.Assessments = append([]Assessment{}, r.Assessments...)
	r.Forms, r.Names = f.formsReport(), titlesOf(p)
	r.Inspections = append([]Inspection{}, r.Inspections...)
	r.Notes = append([]Note{}, r.Notes...)
	r.Probes = append([]Probe{}, f.probes...)
	r.Basis = f.basis()
	r.Run.Verdict, r.Run.Why = f.verdict(r)
	r.Findings = f.findings(r)
	r.Case = f.passed(r)
	return r, nil
}

// verdict is the run's: the worst of its systems' verdicts, and never met for a run that
// goes on, ended otherwise than recovered, or whose record has holes.
func (f *facts) verdict(r Report) (run.Verdict, []Reason) {
	if f.ended.IsZero() {
		return run.NotProven, []Reason{{Code: "still_running"}}
	}
	var parts []run.Verdict
	for _, s := range r.Systems {
		parts = append(parts, s.Verdict)
	}
	v := run.Worst(parts...)
	var why []Reason
	if f.state != run.Recovered && f.state != run.RecoveredAtAlternate {
		why = append(why, Reason{"ended_" + string(f.state), ""})
	}
	for _, w := range r.Evidence.Writers {
		if w.Missing > 0 {
			why = append(why, Reason{"record_has_holes", w.Name})
		}
	}
	if v == run.Met && len(why) > 0 {
		v = run.NotProven
	}
	return v, why
}

func (f *facts) basis() Basis {
	b := Basis{SitesLost: append([]string{}, f.plan.Scenario.SitesLost...), Injects: []string{}, Silent: []string{}, SimulatedPeople: f.started.Simulated}
	b.StatedPeople = slices.ContainsFunc(f.events, func(e run.Event) bool { return e.By != "" && e.By != run.Engine && !run.IsSimulated(e.By) })
	for _, s := range f.steps {
		if s.Purpose == "inject" && s.Outcome == run.Passed {
			b.Injects = append(b.Injects, strings.TrimSuffix(s.Action+" @ "+s.Site, " @ "))
		}
		switch {
		case strings.HasPrefix(s.Action, "sim."):
			b.SimulatedSteps++
		case s.tried():
			b.Effects++
		}
	}
	if sim := f.plan.Scenario.Simulate; sim != nil && b.SimulatedPeople {
		b.AnswerAfterS, b.AnswerSpreadS = round(sim.After.Seconds()), round(sim.Spread.Seconds())
		b.Silent = append(b.Silent, sim.Silent...)
	}
	return b
}

func listed(steps []*stepFacts) []Step {
	out := make([]Step, 0, len(steps))
	for _, s := range steps {
		out = append(out, s.Step)
	}
	return out
}

// round cuts a figure to milliseconds.
func round(s float64) float64 { return math.Round(s*1000) / 1000 }

// seconds is a span as reports give it.
func seconds(d time.Duration) *float64 {
	s := float64(d.Round(time.Millisecond).Milliseconds()) / 1000
	return &s
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// moment is a time for a report, or nil.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// short is the part of a hash that people compare.
func short(hash string) string { return hash[:min(12, len(hash))] }
