// Package outline says what a plan would do before anything is done: which steps, where,
// by whom, with which effect, along which path, and how that compares with the RTO. It
// is computed from the plan alone; what it says about time is a forecast.
package outline

import (
	"slices"

	"github.com/muster-dr/muster/internal/forecast"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Outline is what one scenario would do.
type Outline struct {
	Scenario  string           `json:"scenario"`
	Title     plan.Text        `json:"title"`
	Hazard    run.Hazard       `json:"hazard"`
	Threat    bool             `json:"threat,omitempty"` // nothing has stopped yet
	Depth     run.Depth        `json:"depth"`
	PlanHash  string           `json:"plan_hash"`
	Effective bool             `json:"effective"` // false: at this depth nothing runs
	Simulated bool             `json:"simulated_people"`
	Phases    []run.Phase      `json:"phases"`
	Quorum    []plan.RoleCount `json:"quorum"`
	DecidedBy string           `json:"decided_by"`
	Approvals int              `json:"approvals"`
	Failback  string           `json:"failback"`
	Injects   []Step           `json:"injects"`
	Systems   []System         `json:"systems"`
	Sites     []string         `json:"sites"`   // whose workers are needed
	Targets   []Target         `json:"targets"` // what may be touched or looked at
	// Chances is how likely the objectives are met; nil was not asked for. NoPast says why it does not
	// rest on past runs, when they could not be read.
	Chances *forecast.Forecast `json:"chances,omitempty"`
	NoPast  *plan.Text         `json:"no_past,omitempty"`
}

// System is what would be done for one system.
type System struct {
	Name      string    `json:"name"`
	Title     plan.Text `json:"title"`
	Priority  string    `json:"priority"`
	Home      string    `json:"home"`
	Alternate string    `json:"alternate"`
	RTOS      *float64  `json:"rto_s"` // nil: not set
	Probes    []string  `json:"probes"`
	Ways      []Way     `json:"ways"`
	PeopleS   float64   `json:"people_at_most_s"` // what the phases before recovery may take of the RTO
	// CannotProve says what the report will call not proven however well the run goes.
	CannotProve []plan.Text `json:"cannot_prove"`
}

// Way is a runbook in its purpose: failover, in_place, failback or restore.
type Way struct {
	Purpose  string   `json:"purpose"`
	Runbook  string   `json:"runbook"`
	Steps    []Step   `json:"steps"`
	Path     Path     `json:"critical_path"`
	Forecast Forecast `json:"forecast"`
}

// Path is the chain of steps that takes longest. A step counts with its budget, one
// without with its timeout.
type Path struct {
	Steps []string `json:"steps"`
	S     float64  `json:"duration_s"`
	Basis string   `json:"basis"` // "budget", "timeout" or "budget and timeout"
}

// Forecast is the time that the machines' steps are expected to need, by their
// budgets. S is nil when there is no data: Missing then names steps without a budget.
type Forecast struct {
	S       *float64 `json:"duration_s"`
	Missing []string `json:"no_data_for"`
	// Fits compares S with the RTO; nil when one of the two is not known or the way
	// does not count against it (failback).
	Fits *bool `json:"fits_rto"`
}

// Step is one step as it would run.
type Step struct {
	ID       string     `json:"id"`
	Title    plan.Text  `json:"title"`
	Action   string     `json:"action"`
	Effect   run.Effect `json:"effect"`
	Site     string     `json:"site"` // "" for people
	Role     string     `json:"role"` // "" for machines
	Needs    []string   `json:"needs"`
	If       string     `json:"if"`
	BudgetS  *float64   `json:"budget_s"`
	TimeoutS float64    `json:"timeout_s"`
	AfterS   float64    `json:"after_s"` // injects: from the end of the baseline
	Starts   string     `json:"starts"`  // injects: the system whose RTO clock starts
	Undo     []string   `json:"undo"`
	Critical bool       `json:"critical"`
	Place    string     `json:"place"` // file:line
}

// Target is a thing of the estate that the plan uses.
type Target struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Site string `json:"site"`
	// Changed: a step with an effect names it. False is only looked at.
	Changed bool `json:"changed"`
}

// Of makes the outline of a plan.
func Of(p plan.Plan) Outline {
	s := p.Scenario
	o := Outline{Scenario: s.Name, Title: s.Title, Hazard: s.Hazard, Threat: s.Trigger == plan.TriggerThreat, Depth: s.Depth, PlanHash: p.Hash,
		Effective: s.Depth != run.Tabletop && s.Depth != run.Walkthrough, Simulated: s.Simulate != nil,
		Phases: s.Phases, Quorum: append([]plan.RoleCount{}, s.Quorum...), DecidedBy: s.Decision.By, Approvals: s.Approvals, Failback: s.Failback,
		Injects: []Step{}, Systems: []System{}, Sites: []string{}, Targets: []Target{}}
	seen := &seen{changed: map[string]bool{}, sites: map[string]bool{}}
	for _, in := range s.Injects {
		o.Injects = append(o.Injects, step(in))
		seen.step(in)
	}
	for _, sys := range p.Systems {
		out := System{Name: sys.Name, Title: sys.Title, Priority: sys.Priority, Home: sys.Home, Alternate: sys.Alternate,
			RTOS: seconds(sys.Objective.RTO), Probes: []string{}, Ways: []Way{}, PeopleS: people(s), CannotProve: cannotProve(p, sys)}
		for _, probe := range sys.Probes {
			out.Probes = append(out.Probes, probe.Name)
			seen.sites[probe.Vantage] = true
		}
		if sys.SingleWriter != nil {
			seen.step(*sys.SingleWriter)
		}
		for _, w := range []struct{ purpose, runbook string }{{"failover", sys.Failover}, {"in_place", sys.InPlace}, {"failback", sys.Failback}, {"restore", sys.Restore}} {
			r, ok := p.Runbook(w.runbook)
			if !ok || w.purpose == "failback" && s.Failback != run.PolicyReturn {
				continue
			}
			for _, st := range r.Steps {
				seen.step(st)
			}
			rto := sys.Objective.RTO
			switch w.purpose {
			case "failback":
				rto = nil
			case "restore": // against its own objective
				rto = nil
				if sys.Objective.Restore != nil {
					rto = sys.Objective.Restore.Within
				}
				out.RTOS = seconds(rto)
			}
			out.Ways = append(out.Ways, way(w.purpose, r, rto))
		}
		o.Systems = append(o.Systems, out)
	}
	for _, site := range p.Estate.Sites {
		if seen.sites[site.Name] {
			o.Sites = append(o.Sites, site.Name)
		}
	}
	for _, t := range p.Estate.Targets {
		o.Targets = append(o.Targets, Target{t.Name, t.Kind, t.Site, seen.changed[t.Name]})
	}
	return o
}

// cannotProve is better read before a drill than in its report.
func cannotProve(p plan.Plan, s plan.System) []plan.Text {
	out := []plan.Text{}
	_, moves := p.Runbook(s.Failover)
	if moves && s.SingleWriter == nil && p.Scenario.Depth.Allows(run.Disrupt) {
		out = append(out, plan.Text{
			EN: "that exactly one side takes writes, at home or where it stays: give the system a single_writer step in the estate",
			JA: "書き込みを受け付ける側が一つであること（切戻し後も、切り替え先に留まる場合も）。構成台帳でこのシステムにsingle_writerを定めてください",
		})
	}
	return out
}

// seen is what the steps of a plan use.
type seen struct{ changed, sites map[string]bool }

func (s *seen) step(st plan.Step) {
	s.use(st.Site, st.Effect, st.Targets)
	for _, u := range st.Undo {
		s.use(u.Site, u.Effect, u.Targets)
	}
}

func (s *seen) use(site string, effect run.Effect, targets []string) {
	if site != "" {
		s.sites[site] = true
	}
	for _, t := range targets {
		s.changed[t] = s.changed[t] || effect.Once()
	}
}

// people is the longest that people's phases before the recovery may take.
func people(s plan.Scenario) float64 {
	var sum run.Duration
	for _, p := range s.Phases {
		switch p {
		case run.SafetyCheck:
			sum += s.Safety.Within
		case run.Muster:
			sum += s.Safety.Muster
		case run.SiteInspection, run.Communications, run.DamageAssessment, run.Containment:
			sum += s.Safety.Task
		case run.RecoveryDecision:
			sum += s.Decision.Within
		}
	}
	return sum.Seconds()
}

func way(purpose string, r plan.Runbook, rto *run.Duration) Way {
	w := Way{Purpose: purpose, Runbook: r.Name, Steps: []Step{}}
	path, sum := longest(r.Steps, func(s plan.Step) run.Duration {
		if s.Budget > 0 {
			return s.Budget
		}
		return s.Timeout
	})
	w.Path = Path{Steps: []string{}, S: sum.Seconds(), Basis: "budget"}
	budgets, timeouts := false, false
	for _, s := range path {
		w.Path.Steps = append(w.Path.Steps, s.ID)
		budgets, timeouts = budgets || s.Budget > 0, timeouts || s.Budget == 0
	}
	switch {
	case budgets && timeouts:
		w.Path.Basis = "budget and timeout"
	case timeouts:
		w.Path.Basis = "timeout"
	}
	w.Forecast.Missing = []string{}
	for _, s := range r.Steps {
		out := step(s)
		out.Critical = slices.Contains(w.Path.Steps, s.ID)
		w.Steps = append(w.Steps, out)
		if s.Budget == 0 && s.Human == nil {
			w.Forecast.Missing = append(w.Forecast.Missing, s.ID)
		}
	}
	if len(w.Forecast.Missing) == 0 {
		_, sum := longest(r.Steps, func(s plan.Step) run.Duration {
			if s.Human != nil {
				return 0
			}
			return s.Budget
		})
		w.Forecast.S = seconds(&sum)
		if rto != nil {
			fits := sum <= *rto
			w.Forecast.Fits = &fits
		}
	}
	return w
}

// longest returns the chain of steps that takes longest, and how long. Of chains that
// take as long the first by the order of the runbook counts.
func longest(steps []plan.Step, takes func(plan.Step) run.Duration) ([]plan.Step, run.Duration) {
	number := map[string]int{}
	for i, s := range steps {
		number[s.ID] = i
	}
	sum, before, state := make([]run.Duration, len(steps)), make([]int, len(steps)), make([]int, len(steps))
	var visit func(int)
	visit = func(i int) {
		if state[i] != 0 {
			return // known, or a cycle, which no compiled plan has
		}
		state[i], before[i] = 1, -1
		var most run.Duration
		for _, need := range steps[i].Needs {
			n, ok := number[need]
			if !ok {
				continue
			}
			visit(n)
			if before[i] < 0 || sum[n] > most {
				before[i], most = n, sum[n]
			}
		}
		sum[i] = most + takes(steps[i])
	}
	end := -1
	for i := range steps {
		visit(i)
		if end < 0 || sum[i] > sum[end] {
			end = i
		}
	}
	if end < 0 {
		return nil, 0
	}
	var path []plan.Step
	for i := end; i >= 0 && len(path) < len(steps); i = before[i] {
		path = append(path, steps[i])
	}
	slices.Reverse(path)
	return path, sum[end]
}

func step(s plan.Step) Step {
	out := Step{ID: s.ID, Title: s.Title, Action: s.Uses, Effect: s.Effect, Site: s.Site, Needs: append([]string{}, s.Needs...), If: s.If,
		TimeoutS: s.Timeout.Seconds(), AfterS: s.After.Seconds(), Starts: s.Starts, Undo: []string{}, Place: s.Line}
	if s.Budget > 0 {
		out.BudgetS = seconds(&s.Budget)
	}
	if s.Human != nil {
		out.Role = s.Human.Role
	}
	for _, u := range s.Undo {
		out.Undo = append(out.Undo, u.Uses)
	}
	return out
}

func seconds(d *run.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}
