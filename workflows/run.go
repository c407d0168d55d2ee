package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// response is one run in progress.
type response struct {
	in   Input
	plan plan.Plan
	log  *journal

	began   time.Time
	settled bool // the locks are taken, or the start was refused
	begun   Begun

	// reading is set when nothing runs: a tabletop is talked through, a walkthrough read.
	// Runs of before it was told apart go on without.
	reading bool

	// locksAtOnce is set when tokens are taken, and locks released, all at once. Runs of
	// before go one by one.
	locksAtOnce bool

	phase  run.Phase
	work   workflow.Context // what an abort cancels; clean-up runs outside of it
	stop   workflow.CancelFunc
	abort  *Control // the newest
	aborts int
	paused bool
	ended  bool

	people    []*member
	byID      map[string]*member // for looking up; order comes from people
	crowd     *crowd             // simulated people; nil without
	absent    map[string]bool    // taken out of the drill; for looking up
	hears     bool               // people's answers may be in the record without having come by the engine
	hearing   bool
	heardUpto int64    // position in the record
	ordered   string   // place that the lead has named
	holding   bool     // the call-out waits
	callNow   *CallOut // how the waiting before the call-out was ended
	counted   string   // who reported the strength last
	counter   hand     // of counted
	mustered  string   // place that holds now
	inspected map[string]bool
	confirmed map[run.Phase]bool
	approvals []string // persons
	yeses     []hand   // those of the approvals
	confirmer hand     // of confirmedBy

	reached     []string // parties spoken with
	orders      []*given
	moved       int      // lines of the custody register
	onTheWay    []string // those of which nobody has received the thing
	fourEyes    bool     // see askConfirmation
	confirmedBy string   // who confirmed the activation

	activationSeq  int64 // of the event that asked for its confirmation
	approvalAsked  bool
	approvalOver   bool             // the recovery is approved, or takes no approval, and waits for nothing more
	revisable      bool             // see changeRevisedWhileHeld
	unfitReplaced  bool             // see changeUnfitReplaced
	leftReplaced   bool             // see changeLeftReplaced
	deputiesTold   bool             // see changeDeputiesTold
	sparesDeputies bool             // see changeSparesDeputies
	askedSeq       int64            // of the event that asks for the approval now
	ask            run.Ask          // whose it is
	homeOpen       bool             // whether to return may still be decided otherwise
	home           workflow.Context // of the way home, which an abort cancels in a response
	stopHome       workflow.CancelFunc
	homeAborted    bool            // by an abort that came on it
	stopping       bool            // an abort is on its way to the record, and has stopped nothing yet
	refusesLate    bool            // see over
	lateBegins     int             // how often that was asked
	wantedBy       string          // who asked first for the next response
	gaveUp         map[string]bool // who handed a role of theirs on
	brokenGlass    bool
	noes           []no     // see Refuse
	deputies       []string // who may decide instead, since who should has not
	consulting     []string // consultations that have begun and not ended
	past           []plan.Timing
	situations     int             // reports sent
	toSign         []string        // who is asked for a record
	signed         map[string]bool // who has nothing more to add
	weighsIntact   bool            // a system that is whole is told apart in decisions
	standsDown     bool            // see changeStandsDown
	systems        []*system
	forecast       workflow.Future // []plan.Timing of past runs
	chances        workflow.Future // []plan.Chance; nil: not asked for
	injected       []workedStep    // injects with an undo that were begun
	injecting      int             // injects that were released and go on
	allReleased    bool            // no more injects are released
	watches        []*watch
	probing        workflow.Context // of the probes
	watching       workflow.CancelFunc
	executing      []workflow.ChildWorkflowFuture
	told           map[workflow.ChildWorkflowFuture]bool // whether it is held, as each of them was told last
	telling        bool                                  // somebody is
	openTasks      int                                   // phases that run beside the story
}

// system is a system of the plan as the run sees it.
type system struct {
	plan    plan.System
	lock    workflow.ChildWorkflowFuture
	token   int64
	unclean string // what is left half-way; "" when nothing is
	// occurred is when its RTO clock started; zero until it has.
	occurred time.Time
	// awaited: an inject that is still to come strikes it, and none of its RTO is used before.
	awaited bool
	// threatened: nothing had stopped then.
	threatened     bool
	assessed       bool
	damaged        bool                  // somebody has found damage
	reported       map[string]run.Damage // latest word by component, "" the whole
	repair         run.Duration          // what people say recovery in place takes; 0 is nobody has
	repairWhy      string
	asked          bool
	askedAt        time.Time
	choice         run.Choice
	decider        string   // who took it; "" for a rule
	deciderVia     string   // how they were known
	deciderIssuers []string // see hand
	draft          *drafted
	asks           []string    // requests decided with the choice
	review         *run.Review // asked and not answered
	reviewedAt     time.Time   // when it was asked; once a run
	expectedAt     time.Time   // when it is forecast to be back; zero without ground
	// homeAsked, homeChoice: the decision to return or to stay.
	homeAsked       bool
	homeChoice      run.Choice
	homeDecider     string
	homeVia         string
	homeIssuers     []string
	homeFailed      bool      // it was to come home, and nobody has proven that it did
	recovery        *Executed // nil until its runbook ended
	home            *Executed
	stated          map[string]bool // functions of which somebody has said how much is there
	heights         []height        // its levels of service, as heard
	writersUnproven bool            // verification could not prove that exactly one side takes writes
	restored        bool            // seen by the probes, held
}

// moved reports whether the system was switched to its alternate site.
func (s *system) moved() bool {
	return s.choice == run.Alternate && s.recovery != nil && s.recovery.Outcome == run.Passed
}

// Run is one execution of a scenario, from the event to the way home.
func Run(ctx workflow.Context, in Input) (Summary, error) {
	r := &response{
		in: in, plan: in.Plan, began: workflow.Now(ctx),
		log:       openJournal(ctx, in.RunID, "run", besideTasks(ctx, in.Beside)),
		byID:      map[string]*member{},
		inspected: map[string]bool{},
		confirmed: map[run.Phase]bool{}, signed: map[string]bool{}, told: map[workflow.ChildWorkflowFuture]bool{},
		mustered: in.Plan.Scenario.Place,
	}
	for _, p := range in.Plan.Estate.People {
		m := &member{plan: p}
		r.people = append(r.people, m)
		r.byID[p.ID] = m
	}
	for _, s := range in.Plan.Systems {
		r.systems = append(r.systems, &system{plan: s, stated: map[string]bool{}, reported: map[string]run.Damage{}})
	}
	if d := in.Plan.Scenario.Depth; d == run.Tabletop || d == run.Walkthrough {
		r.reading = workflow.GetVersion(ctx, "reading", workflow.DefaultVersion, 1) == 1
	}
	r.work, r.stop = workflow.WithCancel(ctx)
	r.absent, r.gaveUp = map[string]bool{}, map[string]bool{}
	for _, id := range in.Plan.Absent(in.RunID, in.Requester) {
		r.absent[id] = true
	}
	r.hears = workflow.GetVersion(ctx, changeHears, workflow.DefaultVersion, 1) == 1
	r.unfitReplaced = workflow.GetVersion(ctx, changeUnfitReplaced, workflow.DefaultVersion, 1) == 1
	r.leftReplaced = workflow.GetVersion(ctx, changeLeftReplaced, workflow.DefaultVersion, 1) == 1
	r.sparesDeputies = workflow.GetVersion(ctx, changeSparesDeputies, workflow.DefaultVersion, 1) == 1
	r.deputiesTold = workflow.GetVersion(ctx, changeDeputiesTold, workflow.DefaultVersion, 1) == 1
	r.listenToPeople(r.work)
	if err := r.listen(ctx); err != nil {
		return Summary{}, err
	}

	// Clean-up and the record must survive a cancellation from outside.
	tidy, _ := workflow.NewDisconnectedContext(ctx)
	r.log.add(ctx, run.Event{Kind: run.RunStarted, By: in.Requester, Via: in.Via, Reason: in.Reason, Data: run.Encode(run.Started{
		Kind: in.Kind, Depth: in.Plan.Scenario.Depth, Scenario: in.Plan.Scenario.Name, Hazard: in.Plan.Scenario.Hazard,
		PlanHash: in.Plan.Hash, Simulated: in.Plan.Scenario.Simulate != nil, Bundle: in.Bundle, Rows: in.Rows, Rules: run.ReportRules,
	})})
	refused, holder, err := r.admit(ctx)
	if err != nil {
		refused = plan.Say("it could not take its locks: %s", "ロックを取得できませんでした：%s", plan.Apart(inWords(err)))
		r.releaseLocks(tidy)
	}
	if refused != (plan.Text{}) {
		return r.refuse(tidy, refused, holder)
	}
	r.begun, r.settled = Begun{Run: in.RunID, StartedBy: in.Requester}, true

	r.askConfirmation(r.work)
	r.watchSystems(ctx)
	r.hearForecasts(ctx)
	r.askForecast(ctx)
	r.reportOnCadence()
	r.awaitReleases(r.work)
	r.respond(r.work)
	if ctx.Err() != nil && r.abort == nil {
		r.giveUp(tidy, both("cancelled in the engine, past muster's own command", "muster のコマンドを介さず、エンジン側で取り消された"))
	}
	r.endReleases(tidy)
	r.comeHome(tidy)
	return r.close(tidy)
}

// respond leads people and systems from the event to proven service. An error of a
// phase is an abort; what a phase could not reach is in the journal and does not stop
// the next one (requirement B-FLW-09).
func (r *response) respond(ctx workflow.Context) {
	for _, p := range r.plan.Scenario.Phases {
		var err error
		switch p {
		case run.Activation:
			err = r.lead(ctx, p, r.activate)
		case run.SafetyCheck:
			r.aside(ctx, p, r.checkSafety) // nobody waits for the silent
		case run.Muster:
			err = r.lead(ctx, p, r.muster)
		case run.SiteInspection:
			err = r.lead(ctx, p, r.inspectSites)
		case run.Communications:
			r.aside(ctx, p, r.establishCommunications)
		case run.DamageAssessment:
			err = r.lead(ctx, p, r.assessDamage)
		case run.Containment:
			r.aside(ctx, p, r.contain)
		case run.RecoveryDecision:
			err = r.lead(ctx, p, r.decideRecovery)
		case run.Recovery:
			if r.restoreTest() {
				err = r.lead(ctx, p, r.restoreBackups)
			} else {
				err = r.lead(ctx, p, r.recover)
			}
		case run.Verification:
			err = r.lead(ctx, p, r.verify)
		case run.Completion:
			err = r.lead(ctx, p, r.reportCompletion)
		case run.Failback, run.Closing:
			// The way home and the record follow also after an abort: comeHome, close.
		}
		if err != nil {
			return
		}
	}
}

// lead runs a phase that the next one waits for.
func (r *response) lead(ctx workflow.Context, p run.Phase, phase func(workflow.Context) (run.Outcome, string)) error {
	if err := workflow.Await(ctx, func() bool { return !r.paused }); err != nil {
		return err
	}
	r.phase = p
	r.log.add(ctx, run.Event{Kind: run.PhaseStarted, Phase: p, By: run.Engine})
	outcome, reason := phase(ctx)
	if ctx.Err() != nil {
		outcome, reason = run.Skipped, textAborted
	}
	r.log.add(ctx, run.Event{Kind: run.PhaseEnded, Phase: p, By: run.Engine, Outcome: outcome, Reason: reason})
	return ctx.Err()
}

// aside runs a phase beside the story (requirement B-FLW-04). Each such phase has its
// own limit in time, so the run's end can wait for it.
func (r *response) aside(ctx workflow.Context, p run.Phase, phase func(workflow.Context) (run.Outcome, string)) {
	r.openTasks++
	started := false
	workflow.GoNamed(ctx, string(p), func(ctx workflow.Context) {
		defer func() { r.openTasks-- }()
		r.log.add(ctx, run.Event{Kind: run.PhaseStarted, Phase: p, By: run.Engine})
		started = true
		outcome, reason := phase(ctx)
		if ctx.Err() != nil {
			outcome, reason = run.Skipped, textAborted
		}
		r.log.add(ctx, run.Event{Kind: run.PhaseEnded, Phase: p, By: run.Engine, Outcome: outcome, Reason: reason})
	})
	_ = workflow.Await(ctx, func() bool { return started })
}

// admit refuses what must not start, and else takes the locks.
func (r *response) admit(ctx workflow.Context) (refused plan.Text, holder string, err error) {
	if err := r.asks(r.in.Requester); err != nil {
		return plan.SaidBy(err), "", nil
	}
	if r.absent[r.in.Requester] {
		return plan.SaidBy(r.outOfDrill(r.in.Requester)), "", nil
	}
	if err := permitStart(r.plan.Estate, r.in.Requester); err != nil {
		return plan.SaidBy(err), "", nil
	}
	if !r.plan.Intact() {
		return plan.Say("the plan is not the one its hash names; compile it again from the files", "計画がハッシュの示すものと一致しません。ファイルからコンパイルし直してください"), "", nil
	}
	if (r.in.Kind == run.Response) != (r.plan.Scenario.Depth == run.Real) {
		return plan.Say("a %s can't run at depth %s: real is for responses, and only for them", "%s は深さ %s では実施できません。real は本番対応専用で、本番対応は real でのみ実施します", r.in.Kind, r.plan.Scenario.Depth), "", nil
	}
	if r.in.Kind == run.Drill && r.plan.Scenario.Depth.Allows(run.Observe) {
		for _, s := range r.plan.Systems {
			if slices.Contains(s.Spared(), r.plan.Scenario.Depth) {
				return plan.Say("system %s may not be touched by a drill of depth %s (drillable)", "システム %s は深さ %s の訓練の対象にできません（drillable）", s.Name, r.plan.Scenario.Depth), "", nil
			}
		}
	}
	return r.takeLocks(ctx)
}

// refuse ends a run that changed nothing.
func (r *response) refuse(ctx workflow.Context, reason plan.Text, holder string) (Summary, error) {
	r.log.add(ctx, run.Event{Kind: run.RunRefused, By: run.Engine, Reason: reason.Both(), Data: run.Encode(run.Refusal{Holder: holder})})
	r.log.add(ctx, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Refused})})
	r.begun = Begun{Run: r.in.RunID, StartedBy: r.in.Requester, Refused: reason.Both(), Why: reason, Holder: holder}
	r.settled, r.ended = true, true
	// The caller hears of the refusal before the run is gone.
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	r.log.close(ctx)
	return Summary{Run: r.in.RunID, State: run.Refused}, nil
}

// movesThings reports whether this depth touches systems at all.
func (r *response) movesThings() bool {
	return r.plan.Scenario.Depth.Allows(run.Observe) && !r.restoreTest()
}

// Summary is what a Run returns to the engine; the record is in the journal.
type Summary struct {
	Run   string    `json:"run"`
	State run.State `json:"state"`
}
