package outcome

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// ErrOpen: the run has not ended, so nothing is settled yet.
var ErrOpen = errors.New("the run goes on")

// Of makes the outcome of an ended run from its plan and its whole report.
func Of(p plan.Plan, r report.Report) (Outcome, error) {
	if r.Run.EndedAt == nil {
		return Outcome{}, ErrOpen
	}
	o := Outcome{Version: Version, Run: r.Run.ID, Kind: r.Run.Kind, Depth: r.Run.Depth, Scenario: r.Run.Scenario, Title: r.Run.Title,
		Estate: r.Run.Estate, Zone: r.Run.Zone, Hazard: r.Run.Hazard, PlanHash: r.Run.PlanHash, Blind: p.Scenario.Blind, StartedAt: r.Run.StartedAt.UTC(),
		EndedAt: r.Run.EndedAt.UTC(), State: r.Run.State, Verdict: r.Run.Verdict, Why: r.Run.Why, Journal: r.Evidence.JournalDigest,
		Systems: []System{}, Steps: steps(r.Steps), Undone: steps(r.Undone), Phases: []Phase{}, Findings: []Finding{}}
	for _, s := range r.Systems {
		one := system(s)
		one.SitesLost = p.Scenario.SitesLost
		if planned, ok := p.System(s.ID); ok {
			one.Fingerprints = FingerprintsOf(p, planned)
		}
		o.Systems = append(o.Systems, one)
	}
	for i, s := range o.Systems {
		for _, p := range Properties() {
			if o.simulatedSteps(s.ID, p, false) {
				o.Systems[i].SimulatedSteps = append(o.Systems[i].SimulatedSteps, p)
			}
			if o.simulatedSteps(s.ID, p, true) {
				o.Systems[i].SimulatedTasks = append(o.Systems[i].SimulatedTasks, p)
			}
		}
	}
	o.count()
	for _, ph := range r.Phases {
		one := Phase{ID: ph.ID, Outcome: ph.Outcome}
		if ph.EndedAt != nil {
			took := max(0, ph.EndedAt.Sub(ph.StartedAt).Seconds())
			one.DurationS = &took
		}
		o.Phases = append(o.Phases, one)
	}
	o.People, o.Channels = people(p, r.People), channels(r.People)
	for _, f := range report.WithoutIndividuals(r, "").Findings {
		for _, place := range f.Places() {
			one := Finding{Place: place.Key, Kind: f.Kind, System: f.System, Step: f.Step, Title: place.Title,
				Detail: plan.Text{EN: short(f.Detail), JA: short(f.DetailJA)}, Owner: f.Owner, Due: f.Due}
			one.Verdict = o.verdictAt(place.Key)
			o.Findings = append(o.Findings, one)
		}
	}
	o.Passed = o.passed(p, r)
	return o, nil
}

func system(s report.System) System {
	one := System{ID: s.ID, Title: s.Title, Priority: s.Priority, Verdict: s.Verdict, Choice: s.Choice, Moved: s.Moved,
		RTO:      Figure{ObjectiveS: s.RTO.ObjectiveS, ActualS: s.RTO.ActualS, AtMost: s.RTO.AtMost, Verdict: s.RTO.Verdict, Why: s.RTO.Why},
		RPO:      Figure{ObjectiveS: s.RPO.ObjectiveS, ActualS: s.RPO.ActualS, Verdict: s.RPO.Verdict, Why: s.RPO.Why},
		Failback: Figure{ActualS: s.Failback.ActualS, Verdict: s.Failback.Verdict, Why: s.Failback.Why},
		Parts:    s.RTO.Parts, SimulatedParts: s.RTO.SimulatedParts, MachineS: s.RTO.MachineS, RelapsedS: s.RTO.RelapsedS,
		OutageS: s.Failback.OutageS, CapacityLostS: s.RLO.CapacityLostS}
	if len(one.SimulatedParts) == 0 {
		one.SimulatedParts = nil
	}
	for _, st := range s.RLO.Stages {
		within := st.WithinS
		one.RLO = append(one.RLO, Stage{st.Level, Figure{ObjectiveS: &within, ActualS: st.ActualS, Verdict: st.Verdict, Why: st.Why}})
	}
	if t := s.Restore; t != nil {
		one.Restore = &Figure{ObjectiveS: t.ObjectiveS, ActualS: t.ActualS, Verdict: t.Verdict, Why: t.Why}
		one.RestorePoint = &Figure{ObjectiveS: t.PointObjectiveS, ActualS: t.BehindS, Verdict: t.PointVerdict, Why: t.PointWhy}
		one.RestoreParts = &t.Parts
	}
	return one
}

// count counts objectives that were judged, and those of them that were met.
func (o *Outcome) count() {
	for _, s := range o.Systems {
		all := []run.Verdict{s.RTO.Verdict, s.RPO.Verdict, s.Failback.Verdict}
		for _, st := range s.RLO {
			all = append(all, st.Verdict)
		}
		if s.Restore != nil {
			all = append(all, s.Restore.Verdict, s.RestorePoint.Verdict)
		}
		for _, v := range all {
			if v == run.Met {
				o.Met++
			}
			if v != run.NoObjective && v != "" {
				o.Judged++
			}
		}
	}
}

func steps(list []report.Step) []Step {
	var out []Step
	for _, s := range list {
		one := Step{System: s.System, Runbook: s.Runbook, Step: s.ID, Action: s.Action, Site: s.Site, Purpose: s.Purpose, ElapsedS: s.DurationS,
			BudgetS: s.BudgetS, OverS: s.OverS, Outcome: s.Outcome, Attempts: s.Attempts, SettledBy: s.SettledBy, Human: s.Human,
			Already: s.Already, Timed: s.WorkerFrom != nil && s.WorkerTo != nil,
			Simulated: strings.HasPrefix(s.Action, "sim.") || s.Human && run.IsSimulated(s.By)}
		if one.ElapsedS == nil && s.StartedAt != nil && s.EndedAt != nil {
			took := max(0, s.EndedAt.Sub(*s.StartedAt).Seconds())
			one.ElapsedS = &took
		}
		out = append(out, one)
	}
	return out
}

func people(of plan.Plan, p report.People) People {
	out := People{Called: p.Called, Answered: p.Answered, Silent: p.Silent, Mustered: p.Mustered, FirstAnswerS: p.FirstAnswerS,
		Answered25S: p.Answered25S, Answered50S: p.Answered50S, Answered75S: p.Answered75S, Answered100S: p.Answered100S,
		QuorumS: p.QuorumS, QuorumMissed: p.QuorumMissed, Participation: p.Participation(), Simulated: p.Simulated}
	roles := map[string]*Role{}
	role := func(name string) *Role {
		if roles[name] == nil {
			roles[name] = &Role{Role: name}
		}
		return roles[name]
	}
	for _, m := range p.List {
		r := role(report.FirstRole(m.Roles))
		r.Called++
		if m.TookPart() && m.AnsweredAt != nil {
			r.Answered++
		}
	}
	for _, n := range p.Need {
		role(n.Role).Need, role(n.Role).Present = n.Need, n.Present
	}
	for _, a := range p.Absent {
		out, _ := of.Estate.Person(a.ID)
		r := role(report.FirstRole(out.Roles))
		r.Absent++
		if len(a.StandIns) > 0 {
			r.StoodFor++
		}
	}
	for _, r := range roles {
		out.Roles = append(out.Roles, *r)
	}
	slices.SortFunc(out.Roles, func(a, b Role) int { return cmp.Compare(a.Role, b.Role) })
	return out
}

func channels(p report.People) []Channel {
	by := map[string]*Channel{}
	of := func(name string) *Channel {
		if by[name] == nil {
			by[name] = &Channel{Name: name}
		}
		return by[name]
	}
	for _, m := range p.List {
		for _, c := range m.Reached {
			of(c).Delivered++
		}
		for _, c := range m.Unreached {
			of(c).Failed++
		}
	}
	var out []Channel
	for _, c := range by {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Channel) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// detailLimit is how many characters of a detail are kept: the report has the whole.
const detailLimit = 300

func short(s string) string {
	if r := []rune(s); len(r) > detailLimit {
		return string(r[:detailLimit]) + "…"
	}
	return s
}
