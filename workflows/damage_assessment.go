package workflows

import (
	"errors"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// assessDamage puts what the probes see and what people report side by side, per
// system. When nobody reports in time the probes' word stands (B-STP-06).
func (r *response) assessDamage(ctx workflow.Context) (run.Outcome, string) {
	for _, s := range r.systems {
		damage := r.seenDamage(s.plan.Name)
		r.log.add(ctx, run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: s.plan.Name, By: run.Engine,
			Data: run.Encode(run.Assessment{Damage: damage, Source: "probe"})})
		r.simulateAct(ctx, "", "assess "+s.plan.Name, func(ctx workflow.Context, m *member) {
			_, _ = r.assess(ctx, Assess{System: s.plan.Name, Damage: r.seenDamage(s.plan.Name)}, run.Simulated(m.plan.ID))
		})
	}
	limit := r.plan.Scenario.Safety.Task
	done, _ := workflow.AwaitWithTimeout(ctx, limit.Std(), func() bool {
		for _, s := range r.systems {
			if !s.assessed {
				return false
			}
		}
		return true
	})
	if !done {
		return run.Unknown, both("not every system was assessed by a person within %s; the probes' word stands", "%s以内に要員による確認が済まないシステムがあったため、プローブの観測による", limit)
	}
	return run.Passed, ""
}

// seenDamage is what the probes say of a system.
func (r *response) seenDamage(system string) run.Damage {
	if level, ok := r.level(system); ok {
		return run.DamageAt(level)
	}
	return run.DamageUnknown
}

func (r *response) mayAssess(ctx workflow.Context, a Assess) error {
	switch a.Damage {
	case run.DamageNone, run.DamageDegraded, run.DamageStopped, run.DamageDestroyed, run.DamageUnknown:
	default:
		return refuse("damage is none, degraded, stopped, destroyed or unknown, not %q", "被害状況は none・degraded・stopped・destroyed・unknown のいずれかです（%q は不可）", a.Damage)
	}
	if err := r.nameable(a.System, a.Component); err != nil {
		return err
	}
	if a.Repair < 0 || a.Repair > 0 && a.Ground == "" {
		return refuse("an estimate of the repair needs its ground: say what it rests on", "修理の見込み時間には根拠が必要です。何に基づくかを記入してください")
	}
	return errors.Join(r.mayAct(a.By, plan.MayReport), r.late(ctx, a.At), pictures(a.Photos))
}

// nameable refuses what cannot be assessed, and says what can.
func (r *response) nameable(system, component string) error {
	s, ok := r.plan.System(system)
	if !ok {
		var names []string
		for _, s := range r.plan.Systems {
			names = append(names, s.Name)
		}
		return unknownName("system of this run", "この実施の対象システム", system, names)
	}
	if _, known := s.Component(component); component == "" || known || len(s.Components) == 0 {
		return nil
	}
	var names []string
	for _, c := range s.Components {
		names = append(names, c.Name)
	}
	return unknownName("component of "+system, system+" の構成要素", component, names)
}

func (r *response) onAssess(ctx workflow.Context, a Assess) (Done, error) {
	return r.assess(ctx, a, a.By)
}

func (r *response) assess(ctx workflow.Context, a Assess, by string) (Done, error) {
	for _, s := range r.systems {
		if s.plan.Name == a.System {
			s.report(ctx, a)
		}
	}
	return r.log.record(ctx, run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: a.System, By: by, Via: a.Via, Reason: a.Note, Happened: r.happened(ctx, a.At),
		Data: run.Encode(run.Assessment{Component: a.Component, Damage: a.Damage, Source: "person", Photos: a.Photos, Repair: a.Repair, Ground: a.Ground})})
}

// report takes in a person's word. The latest on a thing holds; all stay in the journal.
func (s *system) report(ctx workflow.Context, a Assess) {
	before, corrected := s.reported[a.Component]
	s.reported[a.Component] = a.Damage
	if a.Repair > 0 {
		s.repair, s.repairWhy = a.Repair, a.Ground
	}
	if isDamage(a.Damage) {
		s.damaged = true
	} else if corrected && isDamage(before) && workflow.GetVersion(ctx, changeCorrected, workflow.DefaultVersion, 1) == 1 {
		s.damaged = false
		for _, name := range workflow.DeterministicKeys(s.reported) {
			s.damaged = s.damaged || isDamage(s.reported[name])
		}
	}
	// A system is looked at when its whole was, or each of its parts.
	s.assessed = s.assessed || a.Component == "" || len(s.plan.Components) == 0
	looked := true
	for _, c := range s.plan.Components {
		_, known := s.reported[c.Name]
		looked = looked && known
	}
	s.assessed = s.assessed || looked
}

func isDamage(d run.Damage) bool { return d != run.DamageNone && d != run.DamageUnknown && d != "" }

// Prioritize sets the order in which damage is looked at (B-STP-06).
type Prioritize struct {
	By     string   `json:"by,omitempty"`
	Via    string   `json:"via,omitempty"`
	Order  []string `json:"order"` // systems by name, components as SYSTEM/COMPONENT
	Reason string   `json:"reason,omitempty"`
	At     string   `json:"at,omitempty"`
}

func (r *response) mayPrioritize(ctx workflow.Context, p Prioritize) error {
	if err := errors.Join(r.mayAct(p.By, plan.MayReport), r.late(ctx, p.At)); err != nil {
		return err
	}
	if err := r.leads(p.By); err != nil {
		return err
	}
	if len(p.Order) == 0 {
		return refuse("name at least one system, or SYSTEM/COMPONENT", "システム、または システム/構成要素 を一つ以上指定してください")
	}
	for i, name := range p.Order {
		system, component, _ := strings.Cut(name, "/")
		if err := r.nameable(system, component); err != nil {
			return err
		}
		if slices.Contains(p.Order[:i], name) {
			return refuse("%s is there twice", "%s が重複しています", name)
		}
	}
	return nil
}

func (r *response) onPrioritize(ctx workflow.Context, p Prioritize) (Done, error) {
	return r.log.record(ctx, run.Event{Kind: run.PrioritiesSet, Phase: run.DamageAssessment, By: p.By, Via: p.Via, Reason: p.Reason, Happened: r.happened(ctx, p.At),
		Data: run.Encode(run.Priorities{Order: p.Order})})
}
