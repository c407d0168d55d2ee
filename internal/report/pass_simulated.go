package report

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// simulated names what was not real among what a criterion reads.
func (f *passFacts) simulated(reads []string) []string {
	out := []string{}
	add := func(what string) {
		if !slices.Contains(out, what) {
			out = append(out, what)
		}
	}
	for _, read := range reads {
		of, name, _ := strings.Cut(read, ".")
		name, rest, _ := strings.Cut(name, ".")
		switch of {
		case "people", "decisions", "approvals", "inspections", "assessments", "notes", "run", "timeline", "phases", "findings", "undone":
			if f.started.Simulated {
				add("people")
			}
		case "systems":
			s, ok := f.plan.System(name)
			if ok && Simulated(f.plan, s) {
				add(name)
			}
			if ok && f.answeredFor(name) {
				add("people")
			}
		case "probes":
			for _, s := range f.plan.Systems {
				if Simulated(f.plan, s) {
					add(s.Name)
				}
			}
		case "steps", "injects", "runbooks":
			for _, s := range f.steps {
				id, mine := name, (of == "injects") == (s.Runbook == "")
				if of == "runbooks" {
					id, mine = rest, s.Runbook == name
				}
				switch {
				case !mine || s.Step.ID != id:
				case strings.HasPrefix(s.Action, "sim."):
					add(id)
				case s.Human && f.started.Simulated:
					add("people")
				}
			}
			for _, rb := range f.plan.Runbooks {
				for _, s := range rb.Steps {
					if f.started.Simulated && s.Human != nil && (of == "steps" && s.ID == name || of == "runbooks" && rb.Name == name && s.ID == rest) {
						add("people") // also where nobody came to do it
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// answeredFor reports whether the engine answered for people in what a system's figures rest on.
func (f *passFacts) answeredFor(system string) bool {
	for _, s := range f.report.Systems {
		if s.ID == system && len(s.RTO.SimulatedParts) > 0 {
			return true
		}
	}
	return f.started.Simulated && (slices.ContainsFunc(f.report.Decisions, func(d Decision) bool { return d.Simulated && (d.System == system || d.System == "") }) ||
		slices.ContainsFunc(f.steps, func(s *stepFacts) bool { return s.System == system && s.Human && run.IsSimulated(s.By) }))
}

// Simulated reports whether nothing of a system is real in a plan: whatever its probes see
// and its steps and injects touch belongs to the family sim, or to people.
func Simulated(p plan.Plan, s plan.System) bool {
	touched, pretended := 0, 0
	look := func(uses string, targets []string) {
		touched++
		real := 0
		for _, t := range p.Estate.TargetsNamed(targets) {
			if t.Kind != "sim" {
				real++
			}
		}
		family, _, _ := strings.Cut(uses, ".")
		if real == 0 && (len(targets) > 0 || slices.Contains([]string{"sim", "human", "notify", "wait"}, family)) {
			pretended++
		}
	}
	for _, probe := range s.Probes {
		look(probe.Uses, probe.Targets)
	}
	for _, name := range []string{s.Failover, s.InPlace, s.Failback, s.Restore} {
		if rb, ok := p.Runbook(name); ok && name != "" {
			for _, step := range rb.Steps {
				look(step.Uses, step.Targets)
			}
		}
	}
	return touched == pretended
}
