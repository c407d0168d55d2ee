package report

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/run"
)

func (f *facts) aboutSystems(e run.Event) error {
	systems, err := f.of(e)
	if err != nil {
		return err
	}
	var (
		occurred run.Occurrence
		detected run.Detection
		ask      run.DecisionAsk
		decision run.Decision
		damage   run.Assessment
	)
	switch e.Kind {
	case run.EventOccurred:
		if err := decode(e, &occurred); err != nil {
			return err
		}
		occurred.At = occurred.At.UTC()
	case run.EventDetected:
		if err := decode(e, &detected); err != nil {
			return err
		}
	case run.DecisionAsked:
		if err := decode(e, &ask); err != nil {
			return err
		}
		at := e.At
		// The answer is not known yet; decision() fills it in.
		f.decisions = append(f.decisions, Decision{Question: ask.Question, System: e.System, AskedAt: &at, Known: &ask})
	case run.DecisionMade:
		if err := decode(e, &decision); err != nil {
			return err
		}
		f.decision(e, decision)
	case run.DamageAssessed:
		if err := decode(e, &damage); err != nil {
			return err
		}
		f.assessed(e, damage)
	}
	for _, s := range systems {
		switch e.Kind {
		case run.EventOccurred:
			if s.occurred == nil {
				s.occurred, s.told = &occurred, e.At
			}
		case run.EventDetected:
			if s.detected.IsZero() {
				s.detected = detected.At.UTC()
				s.noticed = detected.Source
			}
		case run.DecisionAsked:
			if e.Phase != run.Failback && s.asked.IsZero() {
				s.asked = e.At
			}
		case run.DecisionMade:
			if decision.Answer == run.GoHome || decision.Answer == run.Stay {
				s.wayHome = decision.Answer
				continue
			}
			s.choice, s.decided, s.simulated = decision.Answer, e.At, run.IsSimulated(e.By)
		case run.RecoveryOrdered:
			if s.ordered.IsZero() {
				s.ordered = e.At
			}
			f.freezeSight(s.plan.Name)
		}
	}
	return nil
}

// decision joins an answer with its question, if it was asked.
func (f *facts) decision(e run.Event, made run.Decision) {
	d := Decision{Question: made.Question, System: e.System}
	for i := range f.decisions {
		if q := f.decisions[i]; q.Question == made.Question && q.System == e.System && q.At.IsZero() {
			d = q
			f.decisions = slices.Delete(f.decisions, i, i+1)
			break
		}
	}
	d.Answer, d.By, d.At, d.Reason = made.Answer, e.By, e.At, e.Reason
	d.Policy, d.Drafter, d.AsDrafted = made.Policy, made.Drafter, made.AsDrafted
	if !e.Happened.IsZero() { // decided by word of mouth, and entered after
		d.At, d.EnteredAt = e.Happened, moment(e.At)
	}
	f.standOf(&d)
	d.Instead, d.Precaution = made.Instead, made.Precaution
	d.WaitedS, d.Rule, d.Deputy, d.Simulated = round(made.WaitedS), made.Rule, made.Deputy, run.IsSimulated(e.By)
	f.decisions = append(f.decisions, d)
}

func (f *facts) approval(e run.Event) error {
	var d run.Approval
	if err := decode(e, &d); err != nil {
		return err
	}
	a := Approval{By: e.By, At: e.At, Reason: e.Reason, BreakGlass: d.BreakGlass, Simulated: run.IsSimulated(e.By)}
	if !f.asked.IsZero() {
		a.WaitedS = seconds(e.At.Sub(f.asked))
	}
	f.approvals = append(f.approvals, a)
	return nil
}

func (f *facts) probe(e run.Event) error {
	if _, err := f.of(e); err != nil {
		return err
	}
	i := slices.IndexFunc(f.probes, func(p Probe) bool { return p.ID == e.Step })
	if i < 0 {
		i = len(f.probes)
		f.probes = append(f.probes, Probe{ID: e.Step, System: e.System, Vantage: e.Site})
		for _, s := range f.systems {
			for _, p := range s.plan.Probes {
				if p.Name == e.Step {
					f.probes[i].Function, f.probes[i].Weight, f.probes[i].IntervalS = p.Function, p.Weight, round(p.Interval.Seconds())
				}
			}
		}
	}
	p := &f.probes[i]
	if e.Kind == run.ProbeStarted {
		if p.StartedAt == nil {
			at := e.At
			p.StartedAt = &at
		}
		return nil
	}
	var o run.Observations
	if err := decode(e, &o); err != nil {
		return err
	}
	if len(e.Data) == 0 {
		p.Lost = e.Reason
		return nil
	}
	if o.Probe == "" {
		o.Probe = e.Step
	}
	f.seen = append(f.seen, o)
	if o.Baseline != nil {
		p.Baseline = o.Baseline
	}
	p.Samples, p.OK = p.Samples+o.Samples, p.OK+o.OK
	for _, g := range o.Gaps {
		p.Gaps += int(max(1, g.Joined))
		p.UnseenS = round(p.UnseenS + g.To.Sub(g.From).Seconds())
	}
	if !o.EndedAt.IsZero() {
		from, to := o.StartedAt.UTC(), o.EndedAt.UTC()
		if p.Samples == o.Samples {
			p.StartedAt = &from
		}
		p.EndedAt = &to
	}
	return nil
}

// purpose is why a writer's steps run: the last part of its name, or for the run itself
// an inject or a check.
func purpose(e run.Event) string {
	if i := strings.LastIndexByte(e.Writer, '/'); i >= 0 {
		return e.Writer[i+1:]
	}
	if e.Step == singleWriter {
		return "check"
	}
	return "inject"
}

// singleWriter is the step that proves that exactly one side takes writes.
const singleWriter = "single-writer"
