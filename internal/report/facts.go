package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// facts is what the journal says, sorted by what it is about. Nothing is judged here.
type facts struct {
	plan    plan.Plan
	id      string
	events  []run.Event // as they were written, in order
	started run.Started
	first   run.Event // run.started
	state   run.State
	ended   time.Time // zero while it runs

	systems   []*systemFacts        // one for each system of the plan, in its order
	steps     []*stepFacts          // in the order they were begun
	latest    map[string]*stepFacts // newest occurrence by writer, system and step; looked up, never ranged over
	undone    []*stepFacts
	said      deliveries
	people    []*PersonRecord
	quorum    *run.Event
	strength  run.Quorum
	phases    []Phase
	decisions []Decision
	approvals []Approval
	asked     time.Time // an approval
	seen      []run.Observations
	probes    []Probe
	words     []clockWord
	absent    []run.Event
	kept      []run.Event // locks
	opened    []run.Event // findings written during the run
	steppedBy time.Duration
	aborted   *run.Event
	homeBegan bool      // before the abort
	lastAt    time.Time // the newest event
	forms     formFacts
	crowd     peopleFacts
	report    Report // the lists that need no judging
}

// systemFacts is what the journal says of one system.
type systemFacts struct {
	plan      plan.System
	occurred  *run.Occurrence
	told      time.Time // of the occurrence, by the engine's clock
	homeward  time.Time // the first step of the way home; zero when there was none
	detected  time.Time
	noticed   string    // by whom it was detected
	asked     time.Time // the recovery decision
	decided   time.Time
	choice    run.Choice
	wayHome   run.Choice
	ordered   time.Time
	simulated bool // the decision

	statements []Statement
}

// stepFacts is a step with its place in the plan.
type stepFacts struct {
	Step
	writer     string
	generation int
	plan       plan.Step
	result     run.StepResult
	ended      bool
	read       bool // nothing runs at the depth of this run
}

// at says where in the journal an event stands, for errors.
func place(e run.Event) string {
	return fmt.Sprintf("event %s/%d (%s) of run %s", e.Writer, e.Seq, e.Kind, e.Run)
}

// gather reads the journal. It fails only where going on would give a wrong report:
// when events can't be read, belong to several runs, or speak of what the plan does not
// hold. Kinds it does not know are left out.
func gather(p plan.Plan, events []run.Event) (*facts, error) {
	f := &facts{plan: p, state: run.Running, latest: map[string]*stepFacts{}}
	for _, s := range p.Systems {
		f.systems = append(f.systems, &systemFacts{plan: s})
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("the journal has no events of this run; \"muster drill list\" shows the runs in the record store")
	}
	line := inOrder(events)
	f.id = line[0].Run
	for _, p := range line {
		e := p.Event
		f.events = append(f.events, e)
		if e.Run != f.id {
			return nil, fmt.Errorf("the events are of more than one run, %s and %s; a report is made from one", f.id, e.Run)
		}
		f.steppedBy = max(f.steppedBy, p.at.Sub(e.At))
		e.At = p.at
		if e.At.After(f.lastAt) {
			f.lastAt = e.At
		}
		for _, s := range f.systems {
			if s.homeward.IsZero() && e.Writer == s.plan.Name+"/failback" {
				s.homeward = e.At
			}
		}
		if err := f.read(e); err != nil {
			return nil, err
		}
	}
	if f.first.Kind == "" {
		return nil, fmt.Errorf("the journal of run %s does not begin with %s: events are missing at its front; take the record from a whole copy of the store", f.id, run.RunStarted)
	}
	if f.started.PlanHash != p.Hash {
		return nil, fmt.Errorf("run %s used plan %s and not %s; take that plan from the record store", f.id, short(f.started.PlanHash), short(p.Hash))
	}
	return f, nil
}

// of returns the systems an event is about: the one it names, or all.
func (f *facts) of(e run.Event) ([]*systemFacts, error) {
	if e.System == "" {
		return f.systems, nil
	}
	for _, s := range f.systems {
		if s.plan.Name == e.System {
			return []*systemFacts{s}, nil
		}
	}
	return nil, fmt.Errorf("%s speaks of system %q, which the plan does not hold: journal and plan do not belong together; take both from one copy of the record store", place(e), e.System)
}

// decode reads an event's data.
func decode(e run.Event, out any) error {
	if err := e.Decode(out); err != nil {
		return fmt.Errorf("%s can't be read: %w; the record is damaged, take a whole copy of the store", place(e), err)
	}
	return nil
}

// read sorts one event. The order of the cases is that of a run.
func (f *facts) read(e run.Event) error {
	switch e.Kind {
	case run.RunStarted:
		f.first = e
		return decode(e, &f.started)
	case run.RunPaused:
		f.state = run.Paused
		f.note(e)
	case run.RunResumed:
		f.state = run.Running
		f.note(e)
	case run.RunAbortRequested:
		f.state = run.Running
		if f.aborted == nil || f.started.Rules == 0 { // another one, on the way home, cuts off no more than that
			f.aborted, f.homeBegan = &e, slices.ContainsFunc(f.phases, func(p Phase) bool { return p.ID == run.Failback })
		}
		f.note(e)
	case run.RunRefused:
		f.note(e)
	case run.RunEnded:
		var d run.Ended
		if err := decode(e, &d); err != nil {
			return err
		}
		f.state, f.ended = d.State, e.At
	case run.PhaseStarted, run.PhaseEnded:
		f.phase(e)
	case run.EventOccurred, run.EventDetected, run.DecisionAsked, run.DecisionMade, run.RecoveryOrdered, run.DamageAssessed:
		return f.aboutSystems(e)
	case run.ApprovalAsked:
		f.asked = e.At
	case run.ApprovalGiven:
		return f.approval(e)
	case run.PersonCalled, run.PersonReminded, run.PersonAnswered, run.PersonArrived, run.QuorumReached, run.QuorumMissed:
		return f.person(e)
	case run.MessageDelivered, run.MessageFailed:
		return f.delivery(e)
	case run.PersonAbsent, run.PersonStandsIn, run.MusterMoved, run.RoleHandedOver, run.StrengthReported, run.StrengthConfirmed, run.CallHeld, run.CallReleased:
		return f.muster(e)
	case run.SiteInspected:
		var d run.Inspection
		if err := decode(e, &d); err != nil {
			return err
		}
		f.report.Inspections = append(f.report.Inspections, Inspection{At: e.When(), Site: e.Site, Usable: d.Usable, By: e.By, Reason: e.Reason,
			Overall: d.Overall, Items: d.Items, Inspectors: d.Inspectors, Photos: d.Photos, BeganAt: moment(d.Began), EnteredAt: enteredAt(e)})
	case run.StatementMade:
		systems, err := f.of(e)
		if err != nil {
			return err
		}
		var d run.Stated
		if err := decode(e, &d); err != nil {
			return err
		}
		for _, s := range systems {
			s.statements = append(s.statements, Statement{At: e.At, Function: d.Function, Level: d.Level, By: e.By, Reason: e.Reason})
		}
	case run.SituationReported, run.NoticeKept, run.CompletionReport, run.RecordsAsked, run.RecordHandedIn, run.RemarkMade:
		return f.recorded(e)
	case run.PartyReached, run.ContainmentDone, run.AlarmNoted, run.InjectReleased:
		f.note(e)
	case run.ActRefused:
		f.note(e)
		return f.refused(e)
	case run.StepIntended, run.StepStarted, run.StepWaiting, run.StepActed, run.StepEnded:
		return f.step(e)
	case run.UndoStarted, run.UndoEnded:
		return f.undo(e)
	case run.ProbeStarted, run.ProbeEnded:
		return f.probe(e)
	case run.WorkerAbsent:
		f.absent = append(f.absent, e)
	case run.LockKept:
		f.kept = append(f.kept, e)
	case run.FindingOpened:
		f.opened = append(f.opened, e)
	case run.DraftMade, run.ConsultationBegun, run.ConsultationEnded, run.DeputiesAsked, run.ReviewAsked, run.ReviewMade:
		return f.deciding(e)
	case run.PrioritiesSet, run.PartyTried, run.OrderGiven, run.OrderFollowed, run.CustodyMoved, run.CustodyReceived:
		return f.form(e)
	case run.ProbeChanged:
		return f.seenBy(e)
	case run.MessageSent, run.MessageAcknowledged:
		return f.acknowledged(e)
	case run.RunAttached, run.LockTaken, run.LockReleased:
		// In the journal for the board and for auditors; no figure rests on them.
	}
	return nil
}

func (f *facts) note(e run.Event) {
	f.report.Notes = append(f.report.Notes, Note{At: e.At, Kind: e.Kind, By: e.By, Text: e.Reason})
}

func (f *facts) phase(e run.Event) {
	if e.Kind == run.PhaseStarted {
		f.phases = append(f.phases, Phase{ID: e.Phase, StartedAt: e.At})
		return
	}
	for i := len(f.phases) - 1; i >= 0; i-- {
		if p := &f.phases[i]; p.ID == e.Phase && p.EndedAt == nil {
			at := e.At
			p.EndedAt, p.Outcome, p.Reason = &at, e.Outcome, e.Reason
			return
		}
	}
}
