package progress

import (
	"maps"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// messagesKept bounds Overview.Messages; all of them are in the journal.
const messagesKept = 50

// Of is the overview of a run after these entries of its journal, at a moment.
func Of(p plan.Plan, entries []journal.Entry, now time.Time) Overview {
	t := New(p)
	t.Apply(entries...)
	return t.Overview(now)
}

// Tracker follows one run's journal.
type Tracker struct {
	no   run.Event // the newest refusal of what waits
	plan plan.Plan
	view Overview

	open        map[run.Phase]time.Time // phases that have begun and not ended
	people      map[string]*person
	acted       map[string]bool // did something besides answering and arriving
	place       string          // where people muster now
	moved       bool            // from where people were called to
	held        *time.Time      // the call-out waits until then
	heldSince   time.Time
	confirmed   map[run.Phase]bool
	inspect     map[string]bool     // sites reported on
	assessed    map[string]bool     // systems reported on by a person
	damage      map[string]damageOf // by system, or system/component
	frozen      map[string]*Sight   // by system, or system/function, when the recovery was ordered
	priorities  []string
	deputies    []string               // who may decide besides
	reviews     map[string]underReview // by system
	asked       map[string]asked
	unconfirmed *asked // the activation
	approval    *asked
	approved    map[string]bool
	stated      map[string]map[string]int // levels that people stated, by system and function
	waits       []Waiting                 // of steps, in order
	systems     map[string]*system
	steps       map[string]int               // writer/step → index in view.Steps
	acked       map[string]bool              // message and person
	waited      map[string]map[string]string // writer of the last time a step waited, by step and system
	refusals    map[string]int               // by person
	toTell      []Waiting                    // parties, of the newest situation report
}

type asked struct {
	seq    int64
	second run.Ask
	ask    run.DecisionAsk
	phase  run.Phase
	at     time.Time
	text   string
	no     string // who refused it before; it is asked anew
}

// system is what is known about a system's service.
type system struct {
	up      map[string]*Function // by probe
	lost    bool                 // seen below 100 % since the event
	heights []height             // its level at every change
	// threatened: it began with a threat; its clock starts with an interruption.
	threatened bool
	settled    bool // verification has passed: later dips are not the RTO's
}

// New returns a tracker for a run of p that has not begun.
func New(p plan.Plan) *Tracker {
	t := &Tracker{
		plan: p, open: map[run.Phase]time.Time{}, people: map[string]*person{}, acted: map[string]bool{},
		confirmed: map[run.Phase]bool{}, inspect: map[string]bool{}, assessed: map[string]bool{}, damage: map[string]damageOf{}, frozen: map[string]*Sight{}, reviews: map[string]underReview{}, asked: map[string]asked{},
		approved: map[string]bool{}, stated: map[string]map[string]int{}, systems: map[string]*system{}, steps: map[string]int{}, acked: map[string]bool{}, waited: map[string]map[string]string{},
	}
	t.place = p.Scenario.Place
	t.view = Overview{
		Depth: p.Scenario.Depth, Scenario: p.Scenario.Name, Title: p.Scenario.Title,
		Hazard: p.Scenario.Hazard, PlanHash: p.Hash, State: run.Running,
	}
	for _, x := range p.Estate.Parties {
		t.view.Parties = append(t.view.Parties, Party{Name: x.Name, Title: x.Title, Contact: x.Contact, Kind: x.Kind})
	}
	for _, ph := range p.Scenario.Phases {
		t.view.Phases = append(t.view.Phases, Phase{ID: ph, Progress: Ahead})
	}
	for _, s := range p.Systems {
		sv := System{Name: s.Name, Title: s.Title, Priority: s.Priority}
		if s.Objective.RTO != nil {
			o := s.Objective.RTO.Seconds()
			sv.ObjectiveS = &o
		}
		st := &system{up: map[string]*Function{}}
		for _, pr := range s.Probes {
			sv.Functions = append(sv.Functions, Function{Name: pr.Function, Title: pr.Title})
		}
		for i, pr := range s.Probes {
			st.up[pr.Name] = &sv.Functions[i]
		}
		t.systems[s.Name] = st
		t.view.Systems = append(t.view.Systems, sv)
	}
	return t
}

// Apply takes in entries, in the journal's order.
func (t *Tracker) Apply(entries ...journal.Entry) {
	for _, e := range entries {
		t.apply(e.Event)
		t.view.Position = e.Position
	}
}

func (t *Tracker) apply(e run.Event) {
	v := &t.view
	if who := e.Acted(); who != "" {
		t.acted[who] = true
	}
	switch e.Kind {
	case run.RunStarted:
		var s run.Started
		_ = e.Decode(&s)
		v.Run, v.Kind, v.Depth, v.Scenario, v.Hazard = e.Run, s.Kind, s.Depth, s.Scenario, s.Hazard
		v.By, v.Reason, v.Simulated, v.StartedAt = e.By, e.Reason, s.Simulated, e.At
	case run.RunRefused:
		v.Run, v.State, v.StateWhy = e.Run, run.Refused, e.Reason
	case run.RunPaused:
		v.State, v.StateBy, v.StateWhy = run.Paused, e.By, e.Reason
	case run.RunResumed:
		v.State, v.StateBy, v.StateWhy = run.Running, "", ""
	case run.RunAbortRequested:
		// What was held goes on, to be undone and to come home; it may be held anew.
		v.State, v.Aborting, v.StateBy, v.StateWhy = run.Running, true, e.By, e.Reason
		t.unask()
	case run.RunEnded:
		var d run.Ended
		_ = e.Decode(&d)
		at := e.At
		v.State, v.EndedAt, v.Aborting = d.State, &at, false
		for i := range v.Phases {
			if v.Phases[i].Progress == Ahead {
				v.Phases[i].Progress = LeftOut
			}
		}
		clear(t.open)
	case run.PhaseStarted, run.PhaseEnded:
		if e.Kind == run.PhaseEnded && t.approval != nil && t.approval.phase == e.Phase {
			t.approval = nil
		}
		t.phase(e)
	case run.PersonCalled, run.PersonReminded, run.PersonAnswered, run.PersonArrived, run.PersonAbsent, run.PersonStandsIn,
		run.QuorumReached, run.QuorumMissed, run.CallHeld, run.CallReleased, run.MusterMoved, run.RoleHandedOver,
		run.StrengthReported, run.StrengthConfirmed, run.MessageDelivered, run.MessageFailed:
		t.person(e)
	case run.SiteInspected:
		t.inspect[e.Site] = true
		t.inspected(e)
	case run.DamageAssessed:
		var a run.Assessment
		if _ = e.Decode(&a); a.Source != "probe" {
			t.damaged(e, a)
		}
	case run.DraftMade, run.ConsultationBegun, run.ConsultationEnded, run.DeputiesAsked, run.ReviewAsked, run.ReviewMade:
		t.deciding(e)
	case run.SituationReported, run.NoticeKept, run.RecordsAsked, run.RecordHandedIn, run.RemarkMade:
		t.recorded(e)
	case run.PartyTried:
		t.tried(e)
	case run.OrderGiven, run.OrderFollowed, run.CustodyMoved, run.CustodyReceived:
		t.ordered(e)
	case run.PrioritiesSet:
		var p run.Priorities
		_ = e.Decode(&p)
		t.priorities, v.Priorities = p.Order, p.Order
	case run.DecisionAsked:
		a := asked{at: e.At, phase: e.Phase, text: e.Reason}
		_ = e.Decode(&a.ask)
		t.asked[e.System] = a
	case run.DecisionMade:
		t.decided(e)
	case run.ActivationAsked:
		t.unconfirmed = &asked{seq: e.Seq, at: e.At, phase: e.Phase, text: e.Reason, no: t.refusedBy(e.Writer, e.Seq)}
		_ = e.Decode(&t.unconfirmed.second)
	case run.ActivationConfirmed:
		t.unconfirmed = nil
	case run.ApprovalRefused, run.ActivationRefused:
		t.no = e
	case run.ForceAsked:
		t.forceAsked(e)
	case run.ForceRefused:
		t.forceRefused(e)
	case run.ApprovalAsked:
		t.approval = &asked{seq: e.Seq, at: e.At, phase: e.Phase, text: e.Reason, no: t.refusedBy(e.Writer, e.Seq)}
		_ = e.Decode(&t.approval.second)
		t.approved = map[string]bool{} // asked again after a revision, everybody is
	case run.ApprovalGiven:
		t.approved[run.Person(e.By)] = true
		if a := new(run.Approval); e.Decode(a) == nil && a.BreakGlass {
			t.approval = nil
		}
	case run.PartyReached, run.ContainmentDone, run.CompletionReport:
		t.confirmed[e.Phase] = true
	case run.RecoveryOrdered:
		t.approval = nil
		t.freeze(e.System)
	case run.StepStarted, run.StepWaiting, run.StepActed, run.StepEnded, run.UndoStarted, run.UndoEnded:
		t.step(e)
	case run.EventOccurred, run.EventDetected, run.ProbeChanged, run.StatementMade, run.LockTaken, run.LockReleased, run.LockKept:
		t.system(e)
	case run.WorkerAbsent:
		if !slices.Contains(v.Absent, e.Site) {
			v.Absent = append(v.Absent, e.Site)
		}
	case run.ActRefused:
		if t.refusals == nil {
			t.refusals = map[string]int{}
		}
		t.refusals[e.By]++
	case run.MessageAcknowledged:
		t.acknowledged(e)
	case run.MessageSent:
		var m run.Message
		_ = e.Decode(&m)
		t.asksAck(e, m)
		v.Messages = append(v.Messages, Message{At: e.At, To: m.To, Text: m.Text})
		if over := len(v.Messages) - messagesKept; over > 0 {
			v.Messages = v.Messages[over:]
		}
	}
}

// unask drops what nobody needs to answer any more once the run is aborted. Whether a system returns home or stays is
// still asked.
func (t *Tracker) unask() {
	t.held, t.unconfirmed, t.approval = nil, nil, nil
	clear(t.reviews)
	maps.DeleteFunc(t.asked, func(_ string, a asked) bool { return a.phase != run.Failback })
}

func (t *Tracker) phase(e run.Event) {
	at := e.At
	i := slices.IndexFunc(t.view.Phases, func(p Phase) bool { return p.ID == e.Phase })
	if i < 0 { // a phase that the engine added, such as failback after an abort
		t.view.Phases = append(t.view.Phases, Phase{ID: e.Phase})
		i = len(t.view.Phases) - 1
	}
	p := &t.view.Phases[i]
	if e.Kind == run.PhaseStarted {
		p.Progress, p.StartedAt, p.EndedAt = Now, &at, nil
		t.open[e.Phase] = at
		return
	}
	p.Progress, p.Outcome, p.Reason, p.EndedAt = Done, e.Outcome, e.Reason, &at
	delete(t.open, e.Phase)
	if e.Phase == run.Recovery {
		clear(t.reviews)
	}
	if e.Phase == run.Verification && e.Outcome == run.Passed {
		for _, s := range t.systems {
			s.settled = true
		}
	}
}

func (t *Tracker) decided(e run.Event) {
	var d run.Decision
	_ = e.Decode(&d)
	for i := range t.view.Systems {
		if s := &t.view.Systems[i]; e.System == "" || s.Name == e.System {
			s.Decision, s.DecidedBy = d.Answer, e.By
		}
	}
	if e.System == "" {
		clear(t.asked)
		return
	}
	delete(t.asked, e.System)
	delete(t.asked, "")
}

func (t *Tracker) step(e run.Event) {
	key := e.Writer + "\x00" + e.Step
	i, known := t.steps[key]
	if known && e.Kind == run.StepStarted && e.Generation <= 1 && t.view.Steps[i].EndedAt != nil {
		known = false // a check that is done again is a step of its own
	}
	if !known {
		i = len(t.view.Steps)
		t.steps[key] = i
		s := Step{ID: e.Step, System: e.System, Runbook: e.Runbook, Writer: e.Writer, Action: e.Action, Site: e.Site, StartedAt: e.At}
		if b, ok := t.budget(e.Runbook, e.Step); ok {
			s.BudgetS = &b
		}
		t.view.Steps = append(t.view.Steps, s)
	}
	s, at := &t.view.Steps[i], e.At
	switch e.Kind {
	case run.StepStarted:
		s.Progress, s.Attempts, s.Outcome, s.EndedAt = StepRuns, max(s.Attempts+1, e.Generation), "", nil
		t.unwait(e)
	case run.StepWaiting:
		s.Progress, s.Reason = StepWaits, e.Reason
		if t.waited[e.Step] == nil {
			t.waited[e.Step] = map[string]string{}
		}
		t.waited[e.Step][e.System] = e.Writer
		var w run.Wait
		_ = e.Decode(&w)
		t.unwait(e)
		waiting := Waiting{For: AwaitStep, Phase: e.Phase, Role: w.Role, System: e.System, Site: e.Site,
			Step: e.Step, Kind: w.Kind, Text: w.Text, Wait: e.Seq, Since: e.At}
		if waiting.Text == "" {
			waiting.Text = e.Reason
		}
		for _, a := range w.Acts {
			waiting.Acts = append(waiting.Acts, string(a))
		}
		t.waits = append(t.waits, waiting)
	case run.StepActed:
		var a run.StepAct
		_ = e.Decode(&a)
		s.By, s.AskedBy, s.BreakGlass = e.By, a.AskedBy, a.BreakGlass
		t.unwait(e)
	case run.StepEnded:
		var r run.StepResult
		_ = e.Decode(&r)
		s.Progress, s.Outcome, s.Reason, s.EndedAt, s.SettledBy = StepEnded, e.Outcome, e.Reason, &at, r.SettledBy
		s.Attempts = max(s.Attempts, r.Attempts)
		s.UsedS = r.DurationS
		if s.UsedS == 0 {
			s.UsedS = at.Sub(s.StartedAt).Seconds()
		}
		t.unwait(e)
	case run.UndoStarted:
		s.Progress = StepUndoes
	case run.UndoEnded:
		s.Progress, s.Undo = StepUndone, e.Outcome
		if e.Outcome != run.Passed {
			s.Reason = e.Reason
		}
	}
}

// Waited says, by system, whose step it was that last waited under that ID: also one that does
// not wait any more, since an act that is sent again has the answer that it had.
func (t *Tracker) Waited(step string) map[string]string { return maps.Clone(t.waited[step]) }

// Refusals is how many refused acts of a person the record holds.
func (t *Tracker) Refusals(person string) int { return t.refusals[person] }

func (t *Tracker) unwait(e run.Event) {
	t.waits = slices.DeleteFunc(t.waits, func(w Waiting) bool { return w.Step == e.Step && w.System == e.System })
}

func (t *Tracker) budget(runbook, step string) (float64, bool) {
	rb, ok := t.plan.Runbook(runbook)
	if !ok {
		return 0, false
	}
	for _, s := range rb.Steps {
		if s.ID == step && s.Budget > 0 {
			return s.Budget.Seconds(), true
		}
	}
	return 0, false
}
