package outcome

import (
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Shown is what a run shows of a place.
type Shown string

const (
	Nothing Shown = ""       // it was not put to the test
	Passed  Shown = "passed" // it was, and was found in order
	Failed  Shown = "failed"
)

// Proof is what a run shows of a place, and whether that rests on what was simulated.
type Proof struct {
	Shown     Shown
	Simulated bool
}

// Ran reports whether steps really ran: at a tabletop and in a walkthrough none does, and in a run
// that was refused none was reached.
func (o Outcome) Ran() bool { return o.Depth.Allows(run.Observe) && o.State != run.Refused }

// Whole reports whether the run went to its end: what an abort cut off proves nothing.
func (o Outcome) Whole() bool { return o.State != run.Refused && o.State != run.Cancelled }

// Shows is what the run shows of a place. A run that did not exercise it shows nothing.
func (o Outcome) Shows(place string) Proof {
	for _, f := range o.Findings {
		if f.Place == place {
			return Proof{o.failed(f), o.simulated(place)}
		}
	}
	return Proof{o.found(strings.Split(place, "/"), place), o.simulated(place)}
}

// failed says whether a finding speaks against its place, or only says that nobody has looked: an
// objective that is not proven by a run that can't prove it, or was broken off, was not put to the test.
func (o Outcome) failed(f Finding) Shown {
	if f.Kind == run.FindingObjective && f.Verdict == run.NotProven && !(o.Ran() && o.Whole()) {
		return Nothing
	}
	return Failed
}

func (o Outcome) found(part []string, place string) Shown {
	at := func(i int) string {
		if i >= len(part) || part[i] == "-" {
			return ""
		}
		return part[i]
	}
	switch part[0] {
	case "objective":
		return o.objective(at(1), at(2))
	case "step", "retry", "hand", "budget":
		return steady(part[0], o.Steps, place)
	case "undo":
		return steady("undo", o.Undone, place)
	case "worker":
		return o.worker(at(1))
	case "cleanup":
		if o.Ran() && o.State != run.CleanUpIncomplete && (at(1) == "" || o.Has(at(1))) {
			return Passed
		}
	case "people":
		if part := at(1); part == "quorum" || part == "answer" || part == "deputy" {
			return o.role(part, at(2))
		}
	case "channel":
		for _, c := range o.Channels {
			if c.Name == at(1) && c.Delivered > 0 && c.Failed == 0 {
				return Passed
			}
		}
	}
	if slices.Contains(o.Passed, place) {
		return Passed
	}
	return Nothing
}

// Has reports whether the run was about a system.
func (o Outcome) Has(system string) bool {
	return slices.ContainsFunc(o.Systems, func(s System) bool { return s.ID == system })
}

// verdictAt is the verdict on an objective; "" where the place is none.
func (o Outcome) verdictAt(place string) run.Verdict {
	part := strings.Split(place, "/")
	if len(part) != 3 || part[0] != "objective" {
		return ""
	}
	for _, s := range o.Systems {
		if s.ID != part[1] {
			continue
		}
		switch part[2] {
		case "rto":
			return s.RTO.Verdict
		case "relapse":
			if s.RelapsedS != nil {
				return run.Missed
			}
			return s.RTO.Verdict
		case "rpo":
			return s.RPO.Verdict
		case "failback":
			return s.Failback.Verdict
		case "restore":
			if s.Restore != nil {
				return s.Restore.Verdict
			}
		case "restore-point":
			if s.RestorePoint != nil {
				return s.RestorePoint.Verdict
			}
		default:
			level, err := strconv.Atoi(strings.TrimPrefix(part[2], "rlo-"))
			for _, st := range s.RLO {
				if err == nil && st.Level == level {
					return st.Verdict
				}
			}
		}
	}
	return ""
}

func (o Outcome) objective(system, name string) Shown {
	if o.Ran() && o.verdictAt(report.PlaceKey("objective", system, name)) == run.Met {
		return Passed
	}
	return Nothing
}

// steady says of a step whether it did without what was found about it. One that found its goal
// reached already had nothing to do, which shows nothing.
func steady(about string, list []Step, place string) Shown {
	shown := Nothing
	for _, s := range list {
		key := report.StepKey(about, report.Step{ID: s.Step, System: s.System, Runbook: s.Runbook, Purpose: s.Purpose})
		if key != place {
			continue
		}
		if s.Outcome != run.Passed || s.ByHand() {
			return Nothing
		}
		switch {
		case s.Already:
		case about == "retry" && s.Attempts != 1, about == "budget" && (s.BudgetS == nil || s.OverS != nil || s.SettledBy == run.ByAcknowledge && !s.Human):
			return Nothing
		default:
			shown = Passed
		}
	}
	return shown
}

func (o Outcome) worker(site string) Shown {
	if slices.ContainsFunc(o.Steps, func(s Step) bool { return s.Site == site && s.Timed && s.Outcome == run.Passed }) {
		return Passed
	}
	return Nothing
}

func (o Outcome) role(about, name string) Shown {
	for _, r := range o.People.Roles {
		if r.Role != name {
			continue
		}
		if about == "quorum" && r.Need > 0 && r.Present >= r.Need || about == "answer" && r.Called > 0 && r.Answered == r.Called ||
			about == "deputy" && r.Absent > 0 && r.StoodFor == r.Absent {
			return Passed
		}
	}
	return Nothing
}

// simulated says whether what a run shows of a place rests on simulated people or steps.
func (o Outcome) simulated(place string) bool {
	part := strings.Split(place, "/")
	switch about := part[0]; about {
	case "people", "channel", "party": // nobody real was told, answered or spoke with them
		return o.People.Simulated
	case "step", "retry", "hand", "budget":
		return simulatedStep(about, o.Steps, place)
	case "undo":
		return simulatedStep(about, o.Undone, place)
	case "objective":
		for _, s := range o.Systems {
			if len(part) == 3 && s.ID == part[1] {
				of := propertyAt(part[2])
				return of.withPeople() && len(s.SimulatedParts) > 0 || o.simulatedSteps(s.ID, of, false) || o.simulatedSteps(s.ID, of, true)
			}
		}
	}
	return false
}

func simulatedStep(about string, list []Step, place string) bool {
	return slices.ContainsFunc(list, func(s Step) bool {
		return s.Simulated && report.StepKey(about, report.Step{ID: s.Step, System: s.System, Runbook: s.Runbook, Purpose: s.Purpose}) == place
	})
}

// propertyAt is the property that an objective's place belongs to.
func propertyAt(name string) Property {
	switch {
	case name == "restore-point":
		return Restore
	case name == "relapse":
		return RTO
	case strings.HasPrefix(name, "rlo-"):
		return RLO
	}
	return Property(name)
}

// withPeople reports whether how long people took is in a property. How much data is lost is not, and
// at a restore nobody is asked.
func (p Property) withPeople() bool { return p != RPO && p != Restore }

// Simulations lists what of the whole run was simulated.
func (o Outcome) Simulations() []Simulated {
	var out []Simulated
	if o.People.Simulated {
		out = append(out, SimulatedPeople)
	}
	if slices.ContainsFunc(o.Steps, func(s Step) bool { return s.Simulated && !s.Human && s.Purpose != "inject" && s.Purpose != "check" }) {
		out = append(out, SimulatedSteps)
	}
	return out
}

// simulatedSteps says whether one of the steps that a property of a system rests on was simulated: of those
// of people, whether the engine ticked one off in their place. That made no data up: an RPO is what was
// found of it, and whether the RTO's part of people is made up the report knows, which leaves out what was
// done after service was back.
func (o Outcome) simulatedSteps(system string, p Property, human bool) bool {
	return slices.ContainsFunc(o.Steps, func(s Step) bool {
		if !s.Simulated || s.Human != human || s.System != system {
			return false
		}
		switch s.Purpose {
		case "failback":
			return p == Failback
		case "restore":
			return p == Restore
		case "inject", "check":
			return false
		}
		return p == RLO || !human && (p == RTO || p == RPO)
	})
}

// passed lists the places that only the whole report can tell to be in order.
func (o Outcome) passed(p plan.Plan, r report.Report) []string {
	var out []string
	add := func(yes bool, parts ...string) {
		if place := report.PlaceKey(parts...); yes && !slices.Contains(out, place) &&
			!slices.ContainsFunc(o.Findings, func(f Finding) bool { return f.Place == place }) {
			out = append(out, place)
		}
	}
	delivered := false
	for _, c := range o.Channels {
		delivered = delivered || c.Delivered > 0
	}
	add(delivered, "people", "reach")
	add(o.People.Answered > 0, "people", "hurt")
	for _, d := range r.Decisions {
		add(d.Rule == "" && d.AskedAt != nil, "people", "decision", d.System)
	}
	for _, party := range r.Parties {
		add(party.ReachedAt != nil, "party", party.Name)
	}
	for _, d := range r.Damage {
		add(!d.Conflict && d.Damage != run.DamageUnknown && d.Probes != "" && d.Probes != run.DamageUnknown, "conflict", d.System, d.Component)
	}
	if o.Ran() && o.Whole() {
		add(true, "record", "events")
		add(len(o.Steps) > 0, "clock", "engine")
		for _, s := range o.Steps {
			add(s.Timed && s.Site != "" && !s.Human, "clock", "site", s.Site)
		}
		for _, s := range r.Systems {
			add(s.RTO.EventAt != nil, "clock", "event", s.ID)
		}
		for _, probe := range r.Probes {
			add(probe.Lost == "" && probe.EndedAt != nil, "record", "probe", probe.ID)
		}
	}
	asked := 0
	for _, x := range r.Records {
		if x.Asked {
			asked++
		}
	}
	add(asked > 0, "record", "handed-in")
	region := func(site string) string { at, _ := p.Estate.Site(site); return at.Region }
	for _, s := range p.Systems {
		switch {
		case region(s.Home) == "":
		case p.Scenario.Hazard == run.RestoreTest:
			add(copiesKnown(p, s.Restore), "region", s.Name, "copies")
		default:
			add(region(s.Alternate) != "", "region", s.Name, "alternate")
		}
	}
	return out
}

// copiesKnown reports whether the estate gives the regions of all that a runbook restores from.
func copiesKnown(p plan.Plan, runbook string) bool {
	book, _ := p.Runbook(runbook)
	found := false
	for _, step := range book.Steps {
		for _, t := range p.Estate.TargetsNamed(step.Targets) {
			if at, _ := p.Estate.Site(t.Site); at.Region == "" {
				return false
			}
			found = true
		}
	}
	return found
}
