package report

import (
	"errors"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

// system judges one system.
func (f *facts) system(s *systemFacts) System {
	functions := make([]objective.Function, 0, len(s.plan.Probes))
	for _, p := range s.plan.Probes {
		functions = append(functions, objective.Function{Probe: p.Name, Weight: p.Weight})
	}
	if f.plan.Scenario.Hazard == run.RestoreTest {
		return f.restoreTest(s)
	}
	levels, said := f.levels(s, functions)
	functions = append(functions, said...)
	recovery := append(f.runbook(s.plan.Name, "failover"), f.runbook(s.plan.Name, "in_place")...)
	doubt := doubts(recovery, !f.ended.IsZero())
	if check := f.singleWriter(s, run.Verification); check.refuted() {
		doubt = append(doubt, check.why())
	}
	switch {
	case (f.state == run.Cancelled || f.aborted != nil) && !f.cutsOffHomeAlone():
		doubt = append(doubt, Reason{Code: "ended_cancelled"}) // what came back may have come by undo
	case f.ended.IsZero():
		doubt = append(doubt, Reason{Code: "still_running"})
	}

	out := System{ID: s.plan.Name, Priority: s.plan.Priority, Title: s.plan.Title, Home: s.plan.Home, Choice: s.choice,
		Moved: slices.ContainsFunc(f.runbook(s.plan.Name, "failover"), (*stepFacts).tried)}
	out.RTO, out.RLO = f.times(s, levels, recovery, out.Moved, doubt)
	if late := (Reason{Code: notInVerification}); slices.Contains(out.RTO.Why, late) {
		doubt = append(doubt, late)
	}
	out.Statements = s.statements
	out.RPO = f.loss(s, out.RTO, doubt)
	out.Failback = f.failback(s, out.Moved, functions, levels.best, out.RTO.Level)
	parts := []run.Verdict{out.RTO.Verdict, out.RPO.Verdict, out.Failback.Verdict}
	for _, st := range out.RLO.Stages {
		parts = append(parts, st.Verdict)
	}
	out.Verdict = run.Worst(parts...)
	return out
}

// lower makes met not proven where there is doubt. A missed objective stays missed: the
// probes saw it, whatever was marked by hand.
func lower(v run.Verdict, why []Reason, doubt []Reason) (run.Verdict, []Reason) {
	if len(doubt) == 0 || v != run.Met && v != run.NotProven {
		return v, why
	}
	return run.NotProven, append(why, doubt...)
}

func reason(w objective.Why) []Reason {
	if w == "" {
		return nil
	}
	return []Reason{{Code: string(w)}}
}

// times computes RTO and RLO.
func (f *facts) times(s *systemFacts, levels levels, recovery []*stepFacts, moved bool, doubt []Reason) (RTO, RLO) {
	hold := f.plan.Scenario.Hold.Std()
	var event objective.Event
	rto := RTO{Level: s.plan.Objective.Needed(), HoldS: *seconds(hold), DetectedAt: moment(s.detected), detectedBy: s.noticed, AskedAt: moment(s.asked), OrderedAt: moment(s.ordered),
		DecidedAt: moment(f.decidedAt(s)), SimulatedParts: []string{}}
	if s.occurred != nil {
		event = objective.Event{At: s.occurred.At, Seen: s.occurred.Source == "probe", Injected: s.occurred.Source == "inject",
			Threat: s.occurred.Source == run.SourceThreat}
		rto.EventSource, rto.ReportedAt = s.occurred.Source, moment(s.occurred.At)
	}
	if s.plan.Objective.RTO != nil {
		rto.ObjectiveS = seconds(s.plan.Objective.RTO.Std())
	}
	curve, over := levels.told, f.recoveryOver(s)
	rec := curve.Recover(event, rto.Level, hold, over)
	v, why := levels.judge(event, rto.Level, hold, over, s.plan.Objective.RTO)
	rto.Why = levels.because(v, why, rec)
	if why == objective.NotInterrupted && (moved && (event.Threat || event.Injected) ||
		event.Threat && s.ordered.After(event.At) && slices.ContainsFunc(recovery, (*stepFacts).worked)) {
		// A precaution, or a loss that struck this very system, that nobody outside noticed:
		// only an interruption counts against the objective (requirement B-CLK-03), and
		// there was none. A system that nothing struck has put nothing to the test,
		// wherever it was moved.
		v, rto.Why, rec.RestoredAt = run.Met, nil, rec.StartedAt
	}
	wentOn := f.started.Rules >= 3 && rec.DownAt.IsZero() && (event.Threat || why == objective.NotInterrupted) // only an interruption counts
	if v == run.NotProven && f.state == run.NotResumable && rec.RestoredAt.IsZero() && !curve.Empty() && !event.At.IsZero() && !wentOn {
		v, rto.Why = run.Missed, []Reason{{Code: "given_up"}} // nobody works on it any more
		if why == objective.BackAfterwards {
			rto.Why = append(rto.Why, reason(why)...)
		}
	}
	rto.Verdict, rto.Why = lower(v, rto.Why, slices.Concat(f.unverified(s, rec, hold), f.mixed(s, event, rec, s.plan.Objective.RTO), doubt))
	rto.EventAt, rto.DownAt, rto.RestoredAt = moment(rec.StartedAt), moment(rec.DownAt), moment(rec.RestoredAt)
	// What was struck later in the run and came back by itself: what people did before was about something else.
	byItself := event.Injected && s.ordered.IsZero() && len(recovery) == 0
	if byItself {
		for _, at := range []**time.Time{&rto.DetectedAt, &rto.AskedAt, &rto.DecidedAt} {
			if *at != nil && (*at).Before(rec.StartedAt) {
				*at = nil
			}
		}
	}
	if decided := f.decidedAt(s); event.Threat && !decided.IsZero() {
		done := rec.RestoredAt
		for _, st := range recovery {
			if rec.DownAt.IsZero() && st.EndedAt != nil {
				done = later(done, *st.EndedAt)
			}
		}
		if done.After(decided) {
			rto.SwitchS = seconds(done.Sub(decided))
		}
	}
	if rec.RelapsedFor > 0 {
		rto.RelapsedS = seconds(rec.RelapsedFor)
	}
	if actual, ok := rec.Actual(); ok {
		rto.ActualS, rto.AtMost = seconds(actual), rec.AtMost()
		m := objective.Milestones{Detected: s.detected,
			Asked: orElse(s.asked, s.ordered), Decided: orElse(f.decidedAt(s), s.ordered), Worked: worked(recovery, rec.RestoredAt)}
		if byItself {
			m.Worked = rec.RestoredAt
		}
		parts := objective.Split(rec.StartedAt, rec.RestoredAt, m)
		rto.Parts = &Parts{DetectS: *seconds(parts.Detect), PeopleS: *seconds(parts.People), DecideS: *seconds(parts.Decide),
			RecoverS: *seconds(parts.Recover), VerifyS: *seconds(parts.Verify)}
		if !byItself || rto.DecidedAt != nil {
			rto.SimulatedParts = f.simulatedParts(s, recovery, rec.RestoredAt)
		}
		if !s.ordered.IsZero() {
			rto.MachineS = seconds(max(0, rec.RestoredAt.Sub(s.ordered)))
		}
	}

	rlo := RLO{Stages: []Stage{}, Curve: []Point{}}
	for _, st := range s.plan.Objective.RLO {
		r := curve.Recover(event, st.Level, hold, over)
		v, why := levels.judge(event, st.Level, hold, over, &st.Within)
		stage := Stage{WithinS: *seconds(st.Within.Std()), Level: st.Level, ReachedAt: moment(r.RestoredAt), Why: levels.because(v, why, r)}
		stage.Verdict, stage.Why = lower(v, stage.Why, slices.Concat(f.unverified(s, r, hold), f.mixed(s, event, r, &st.Within), doubt))
		if actual, ok := r.Actual(); ok {
			stage.ActualS = seconds(actual)
		} else if why == objective.NotInterrupted && !rec.RestoredAt.IsZero() {
			// Something broke or moved, but service never fell below this level.
			stage.ActualS, stage.ReachedAt = seconds(0), moment(rec.StartedAt)
			stage.Verdict, stage.Why = lower(run.Met, nil, doubt)
		}
		rlo.Stages = append(rlo.Stages, stage)
	}
	if f.started.Depth.Unseen() {
		return rto, rlo // nobody saw a level: nothing ran
	}
	if !event.At.IsZero() {
		for _, p := range curve.Points(rec.StartedAt) {
			rlo.Curve = append(rlo.Curve, Point{AtS: *seconds(p.At.Sub(rec.StartedAt)), Level: p.Level})
		}
	}
	until := rec.RestoredAt
	if until.IsZero() {
		until = curve.SeenUntil()
		if !over.IsZero() && over.Before(until) {
			until = over
		}
	}
	if !event.At.IsZero() && until.After(rec.StartedAt) {
		if lost, ok := curve.Lost(rec.StartedAt, until); ok {
			rlo.CapacityLostS = seconds(lost)
		}
		if low, ok := curve.Floor(rec.StartedAt, until); ok {
			rlo.Floor = &low
		}
		if at, ok := curve.At(until); ok {
			rlo.Level = &at
		}
	}
	return rto, rlo
}

// loss computes RPO from the markers of the system's probes; the worst probe counts.
func (f *facts) loss(s *systemFacts, rto RTO, doubt []Reason) RPO {
	out := RPO{}
	if s.plan.Objective.RPO != nil {
		out.ObjectiveS = seconds(s.plan.Objective.RPO.Std())
	}
	var (
		worst              time.Duration
		failed             error
		acked, unsure, lst int64
		planted, late      bool
		unread             bool // a probe that plants markers has handed in nothing
	)
	outage := f.outage(s, rto)
	for _, p := range s.plan.Probes {
		var parts []run.Observations
		for _, o := range f.seen {
			if o.Probe == p.Name && o.Markers != nil {
				parts = append(parts, o)
			}
		}
		if len(parts) == 0 {
			unread = unread || f.started.Rules >= 3 && p.Plants()
			continue
		}
		planted = true
		for _, o := range parts {
			m := o.Markers
			acked, unsure, lst = acked+m.Acked, unsure+m.Unknown, lst+m.Lost
			if at := moment(m.CountedAt); at != nil && (out.CountedAt == nil || at.After(*out.CountedAt)) {
				out.CountedAt = at
			}
		}
		span, err := objective.AchievedRPO(parts, outage)
		if f.started.Rules >= 2 && rto.RestoredAt != nil && errors.Is(err, objective.ErrNoSurvivor) {
			span = max(span, objective.LeastLost(parts, outage))
		}
		worst = max(worst, span)
		late = late || errors.Is(err, objective.ErrNoneBefore)
		if failed == nil {
			failed = err
		}
	}
	if failed == nil && unread {
		failed = objective.ErrNoMarker
	}
	switch {
	case !slices.ContainsFunc(f.seen, func(o run.Observations) bool { return o.System == s.plan.Name }):
		failed, out.Why = objective.ErrNoMarker, []Reason{{Code: "no_probe"}}
	case !planted:
		failed, out.Why = objective.ErrNoMarker, []Reason{{Code: "no_marker_probe"}}
	case rto.RestoredAt == nil && slices.Contains(rto.Why, Reason{Code: string(objective.ClocksDisagree)}):
		failed, out.Why = objective.ErrNoMarker, reason(objective.ClocksDisagree)
	case rto.RestoredAt == nil:
		failed, out.Why = objective.ErrNoMarker, []Reason{{Code: "rpo_not_restored"}}
	case errors.Is(failed, objective.ErrNoMarker):
		out.Why = []Reason{{Code: "no_marker"}}
	case errors.Is(failed, objective.ErrNoneBefore):
		out.Why = []Reason{{Code: "no_marker_before"}}
	case errors.Is(failed, objective.ErrStopUnseen):
		out.Why = []Reason{{Code: "stop_unseen"}}
	case errors.Is(failed, objective.ErrNoSurvivor):
		out.Why = []Reason{{Code: "no_survivor"}}
	case errors.Is(failed, objective.ErrLossesCut):
		out.Why = []Reason{{Code: "losses_cut"}}
	}
	if planted {
		out.AckedMarkers, out.UnknownMarkers = &acked, &unsure
		if out.CountedAt != nil && (lst > 0 || !late && !unread) {
			out.LostMarkers = &lst
		}
	}
	if failed == nil {
		out.ActualS = seconds(worst)
	}
	out.Verdict = objective.JudgeRPO(worst, failed, s.plan.Objective.RPO)
	if out.Verdict == run.NoObjective || out.Verdict == run.Missed {
		out.Why = nil
	}
	if f.started.Rules >= 2 && out.Verdict == run.Missed && errors.Is(failed, objective.ErrNoSurvivor) {
		out.Why = []Reason{{Code: "lost_at_least"}}
	}
	out.Verdict, out.Why = lower(out.Verdict, out.Why, doubt)
	return out
}

// outage is what the loss is counted over. Where people say of a response that it began before the
// run, service may have stopped then too, and have come back by itself before anybody looked.
func (f *facts) outage(s *systemFacts, rto RTO) objective.Outage {
	o := objective.Outage{Over: f.recoveryOver(s)}
	if s.occurred != nil {
		o.Event = s.occurred.At
	}
	if rto.RestoredAt != nil {
		o.Restored = *rto.RestoredAt
	}
	switch {
	case rto.DownAt != nil:
		o.Stopped = *rto.DownAt
	case rto.EventAt != nil:
		o.Stopped = *rto.EventAt
	}
	if f.started.Kind == run.Response && s.occurred != nil && s.occurred.Source == "reported" && o.Event.Before(f.first.At) && o.Event.Before(o.Stopped) {
		o.Stopped = o.Event
	}
	return o
}

// decidedAt is when the decision stood: made, and approved where approval was asked
// before the recovery was ordered.
func (f *facts) decidedAt(s *systemFacts) time.Time {
	at := s.decided
	for _, a := range f.approvals {
		if !at.IsZero() && (s.ordered.IsZero() || !a.At.After(s.ordered)) {
			at = later(at, a.At)
		}
	}
	return at
}

// worked is when the recovery's own work was done: the end of the last step that ended
// before service was back. A machine's step that was changing something at that moment
// was the work that brought it back, so the work lasted until then.
func worked(steps []*stepFacts, restored time.Time) time.Time {
	var at time.Time
	for _, s := range steps {
		switch {
		case s.StartedAt == nil || s.StartedAt.After(restored):
		case s.EndedAt != nil && !s.EndedAt.After(restored):
			at = later(at, *s.EndedAt)
		case !s.Human && s.Effect.Once():
			return restored
		}
	}
	return at
}

// simulatedParts names the parts of the RTO in which the engine answered for people.
func (f *facts) simulatedParts(s *systemFacts, recovery []*stepFacts, restored time.Time) []string {
	out := []string{}
	if !f.started.Simulated {
		return out
	}
	if slices.ContainsFunc(f.people, func(p *PersonRecord) bool { return p.Simulated }) {
		out = append(out, "people_s")
	}
	if s.simulated || slices.ContainsFunc(f.approvals, func(a Approval) bool { return a.Simulated }) {
		out = append(out, "decide_s")
	}
	for _, st := range recovery {
		if st.Human && run.IsSimulated(st.By) && st.EndedAt != nil && !st.EndedAt.After(restored) {
			return append(out, "recover_s")
		}
	}
	return out
}

func orElse(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}
