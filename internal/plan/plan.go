// Package plan is the frozen plan: all that a run will use, compiled from the
// estate, a scenario and its runbooks, and named by its hash. It is the input of the
// run's workflow and is kept beside the journal, so fields are added to it and never
// renamed or reused.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/run"
)

// Format is the version of the plan's own shape.
const Format = 1

// Plan is one scenario with everything it refers to. Lists are sorted by name unless
// their order means something; there are no maps whose order could matter.
type Plan struct {
	Format   int       `json:"format"`
	Hash     string    `json:"hash"` // set by Seal; see there
	Scenario Scenario  `json:"scenario"`
	Estate   Estate    `json:"estate"`
	Systems  []System  `json:"systems"` // those the scenario recovers, in priority order
	Runbooks []Runbook `json:"runbooks"`
}

// Scenario is what happens, with whom, at which depth and by which rules.
type Scenario struct {
	Name   string     `json:"name"`
	Title  Text       `json:"title"`
	Hazard run.Hazard `json:"hazard"`
	Depth  run.Depth  `json:"depth"`
	// Trigger is TriggerThreat when nothing is damaged yet; "" is damage.
	Trigger   string      `json:"trigger,omitempty"`
	SitesLost []string    `json:"sites_lost,omitempty"`
	Phases    []run.Phase `json:"phases"` // in order; the hazard's own unless the file chose
	Quorum    []RoleCount `json:"quorum,omitempty"`
	Place     string      `json:"muster_place,omitempty"`
	Safety    SafetyRules `json:"safety"`
	// Daytime: people are on site. They gather and are called over instead of travelling
	// (requirements B-DAY-01 to B-DAY-03).
	Daytime bool     `json:"daytime,omitempty"`
	Absent  *Absence `json:"absent,omitempty"` // who is taken out of a drill
	// Lead is the role that leads the work: it may name another muster place at any time
	// (requirement A-MUS-07). "" is who decides.
	Lead      string       `json:"lead,omitempty"`
	Decision  DecisionRule `json:"decision"`
	Reports   *Reports     `json:"reports,omitempty"` // status reports; nil is none on a cadence
	Approvals int          `json:"approvals"`         // persons besides the requester who must approve the recovery
	// FourEyes has a drill rehearse what is always so when it is real: a second person confirms
	// the start, the decision and what is forced.
	FourEyes   bool         `json:"four_eyes,omitempty"`
	Injects    []Step       `json:"injects,omitempty"` // Step.After is the offset from the start
	Failback   string       `json:"failback"`          // run.PolicyReturn or run.PolicyStay
	Hold       run.Duration `json:"hold"`              // how long service must hold to be proven
	Baseline   run.Duration `json:"baseline"`          // how long service must be seen before the first inject
	DetectWait run.Duration `json:"detect_wait"`       // how long to wait for a probe to see the event
	VerifyWait run.Duration `json:"verify_wait"`       // how long after recovery service may take to come back
	// WhenAbsent is what happens when no worker of a step's site takes it: AbsentAsk,
	// AbsentFail or the name of a site; "" is AbsentAsk.
	WhenAbsent string       `json:"when_absent,omitempty"`
	FailWait   run.Duration `json:"fail_wait"`          // how long a failed or unknown step waits for a person
	Simulate   *Simulate    `json:"simulate,omitempty"` // nil: real people

	// RealAlarm is AlarmContinue when a real alarm does not stop a drill of it; "" is abort.
	RealAlarm string `json:"real_alarm,omitempty"`

	// Blind withholds the scenario from those who take part, but not from its facilitators; see
	// MaySee.
	Blind        bool     `json:"blind,omitempty"`
	Facilitators []string `json:"facilitators,omitempty"`

	// Requirements are the IDs of what a drill of this scenario proves; Pass is what must
	// be true of its record for that.
	Requirements []string    `json:"requirements,omitempty"`
	Pass         []Criterion `json:"pass,omitempty"`
}

// TriggerThreat starts a run that moves systems before anything has stopped. Their clocks
// begin with the interruption that the move makes, if it makes one (requirement B-CLK-03).
const TriggerThreat = "threat"

// AlarmContinue lets a drill go on when a real alarm comes.
const AlarmContinue = "continue"

// Criterion is a pass criterion: a sentence, and an expression over the finished run that
// decides it, or the reason why no record can.
type Criterion struct {
	ID     string `json:"id"`
	Text   Text   `json:"text"`
	Expect string `json:"expect,omitempty"` // CEL over the facts of internal/report
	Cannot Text   `json:"cannot,omitzero"`  // why it can't be judged; then it is never met
}

// RoleCount is how many people of a role must be present.
type RoleCount struct {
	Role  string `json:"role"`
	Count int    `json:"count"`
}

// SafetyRules bound the waiting for people. Nobody's silence blocks the run
// (requirement B-FLW-09): deputies are called, then it goes on and a finding says so.
type SafetyRules struct {
	Remind run.Duration `json:"remind"` // remind the silent this often; deputies are called at the first reminder
	// Reminders are the times after the call at which the silent are reminded, ascending, in
	// place of Remind.
	Reminders []run.Duration `json:"reminders,omitempty"`
	// Hold is how long the call-out waits before it is sent, so that a false alarm can be
	// called off.
	Hold   run.Duration `json:"hold,omitempty"`
	Within run.Duration `json:"within"` // the safety check ends then at the latest
	Muster run.Duration `json:"muster"` // the muster ends then at the latest
	Task   run.Duration `json:"task"`   // each of the other people's phases ends then at the latest
}

// Reports are situation reports on a cadence.
type Reports struct {
	Every run.Duration `json:"every"`
	To    []string     `json:"to"` // roles, people or parties
}

// DecisionRule says who decides, how long that may take, and what happens then.
type DecisionRule struct {
	By     string       `json:"by"` // a role
	Within run.Duration `json:"within"`
	// Rule decides when nobody has: "alternate-site-when-rto-at-risk" or "wait"
	// (the run then waits for a person for ever, reminding).
	Rule string `json:"rule"`
	// Draft is the role that drafts the decision; "" is nobody in particular.
	Draft string `json:"draft,omitempty"`
	// DeputyAfter is when the deputies of who should decide may do it; 0 is half of Within.
	DeputyAfter run.Duration `json:"deputy_after,omitempty"`
}

const (
	RuleAlternateWhenAtRisk = "alternate-site-when-rto-at-risk"
	RuleWait                = "wait"
)

// Simulate makes the engine answer for every person, After plus up to Spread after
// being asked. The spread is derived from the person's ID, not random.
type Simulate struct {
	After  run.Duration `json:"after"`
	Spread run.Duration `json:"spread"`
	Silent []string     `json:"silent,omitempty"` // people who never answer
	// Injured and Away answer and do not come; Unsafe are sites that people find so.
	Injured []string `json:"injured,omitempty"`
	Away    []string `json:"away,omitempty"`
	Unsafe  []string `json:"unsafe,omitempty"`
}

// System is what is recovered.
type System struct {
	Name      string      `json:"name"`
	Title     Text        `json:"title"`
	Priority  string      `json:"priority"` // band S, A, B, C, D or E, from the RTO (requirement A-RTO-05)
	Home      string      `json:"home"`
	Alternate string      `json:"alternate,omitempty"`
	DependsOn []string    `json:"depends_on,omitempty"`
	Objective Objective   `json:"objective"`
	Drillable []run.Depth `json:"drillable"` // depths at which drills may touch it
	// Own is set for a part of muster itself: its server, its engine, its record store, a site's worker.
	Own             bool         `json:"own,omitempty"`
	Probes          []Probe      `json:"probes"`
	Statements      []Statement  `json:"statements,omitempty"`
	Components      []Component  `json:"components,omitempty"` // in the file's order, in which they are looked at
	Failover        string       `json:"failover,omitempty"`   // names of runbooks
	InPlace         string       `json:"in_place,omitempty"`
	Failback        string       `json:"failback,omitempty"`
	Restore         string       `json:"restore,omitempty"`           // restores a backup in isolation; run by restore tests only
	InPlaceEstimate run.Duration `json:"in_place_estimate,omitempty"` // with its ground
	InPlaceGround   string       `json:"in_place_ground,omitempty"`
	// SingleWriter is an observe step that proves that exactly one side takes writes;
	// nil when the plan has none, and then that part is not proven.
	SingleWriter *Step `json:"single_writer,omitempty"`
}

// StrikesItself reports whether a drill of the plan is of parts of muster itself and changes them.
func (p *Plan) StrikesItself() bool {
	return p.Scenario.Depth.Allows(run.Disrupt) && slices.ContainsFunc(p.Systems, func(s System) bool { return s.Own })
}

// Spared are the depths at which drills could change the system and may not.
func (s System) Spared() []run.Depth {
	var out []run.Depth
	for _, d := range []run.Depth{run.IsolatedRun, run.Live} {
		if !slices.Contains(s.Drillable, d) {
			out = append(out, d)
		}
	}
	return out
}

// Objective is what recovery of a system must reach. Nil is "not set", which is
// reported as such and never counts as met (requirement A-RTO-12).
type Objective struct {
	RTO *run.Duration `json:"rto,omitempty"`
	RPO *run.Duration `json:"rpo,omitempty"`
	RLO []Stage       `json:"rlo,omitempty"` // by Within, ascending
	// Restore is what a restore test must reach; nil is not set.
	Restore *RestoreObjective `json:"restore,omitempty"`
}

// RestoreObjective bounds a restore from backup: its time, and how much is lost.
type RestoreObjective struct {
	Within *run.Duration `json:"within,omitempty"` // from the order to verified data
	Point  *run.Duration `json:"point,omitempty"`  // from the recovery point to the point asked for
}

// Needed is the level in percent at which a system counts as restored: the last stage
// of its RLO, all of it without one.
func (o Objective) Needed() int {
	if n := len(o.RLO); n > 0 {
		return min(100, o.RLO[n-1].Level)
	}
	return 100
}

// Stage is a level to be reached within a time: "50 % within 3 h".
type Stage struct {
	Within run.Duration `json:"within"`
	Level  int          `json:"level"` // percent
}

// Probe looks at one function of a system from outside. Uses is an action of the
// family probe.
type Probe struct {
	Name     string          `json:"name"` // unique in the plan: system/function
	System   string          `json:"system"`
	Function string          `json:"function"`
	Title    Text            `json:"title"`
	Weight   int             `json:"weight"` // its share of the level; a system's weights add up to 100
	Uses     string          `json:"uses"`
	With     json.RawMessage `json:"with"`
	Vantage  string          `json:"vantage"` // site it looks from
	Interval run.Duration    `json:"interval"`
	Timeout  run.Duration    `json:"timeout"` // of one sample
	Targets  []string        `json:"targets,omitempty"`
	// Limit bounds the load that the probe may put on the system; nil allows none.
	Limit *LoadLimit `json:"limit,omitempty"`
}

// Plants reports whether a probe plants markers, by which a loss is counted.
func (p Probe) Plants() bool { return strings.HasSuffix(p.Uses, MarkersSuffix) }

// Statement is a function that no probe can see: a person states how much of it is
// there (requirement O-07). What rests on such a word is not proven, unless Accepted.
type Statement struct {
	Function string `json:"function"`
	Title    Text   `json:"title"`
	Weight   int    `json:"weight"` // its share of the level, as a probe's
	Role     string `json:"role"`   // whose holders may state it
	Accepted bool   `json:"accepted,omitempty"`
}

// LoadLimit is how much load an owner lets probes put on a system. Real allows it in a
// response too; without it, a probe of capacity only sees there whether it is served.
type LoadLimit struct {
	Rate     int          `json:"rate"` // requests a second
	Duration run.Duration `json:"duration"`
	Real     bool         `json:"real,omitempty"`
}

// Runbook is an executable procedure.
type Runbook struct {
	Name   string `json:"name"`
	Title  Text   `json:"title"`
	System string `json:"system"`
	Steps  []Step `json:"steps"` // in file order; every step's needs come before it or after it, without cycles
}

// Step runs an action. Needs is always explicit here: a file's step without needs got
// the step before it.
type Step struct {
	ID     string          `json:"id"`
	Title  Text            `json:"title,omitzero"`
	Uses   string          `json:"uses"`
	Site   string          `json:"site,omitempty"` // the site worker that runs it; "" for human steps
	With   json.RawMessage `json:"with,omitempty"` // may hold ${{ CEL }} in strings
	Needs  []string        `json:"needs,omitempty"`
	If     string          `json:"if,omitempty"` // CEL; false skips the step
	Effect run.Effect      `json:"effect"`
	// Retry is how often a step whose goal is proven not to hold may be tried
	// again, each time as a new generation; 0 is once only.
	Retry      int          `json:"retry,omitempty"`
	Repeatable bool         `json:"repeatable,omitempty"` // observe steps: the engine may repeat an attempt by itself
	CanLook    bool         `json:"can_look,omitempty"`   // the action can say whether its goal holds
	Budget     run.Duration `json:"budget,omitempty"`     // a target; passing it is a finding
	Timeout    run.Duration `json:"timeout"`
	Queue      run.Duration `json:"queue_timeout"` // no worker took it within this: "absent"
	// Local is set when only the worker of Site may act on the step's targets: it is never
	// sent to another site.
	Local bool `json:"local,omitempty"`
	// WhenAbsent is what happens then: AbsentAsk, AbsentFail, AbsentSkip or the name of a
	// site that does it instead; "" is as the scenario says.
	WhenAbsent string `json:"when_absent,omitempty"`
	// Prerequisite is set when another step's action must come after this one, as a promotion after a fence: nobody may
	// skip it, but people may vouch for it. Plans of before it was marked have it on none.
	Prerequisite bool         `json:"prerequisite,omitempty"`
	Undo         []Undo       `json:"undo,omitempty"`    // run in order
	After        run.Duration `json:"after,omitempty"`   // injects only: offset from the end of the baseline
	Release      *Release     `json:"release,omitempty"` // injects only: by what it is released; nil is by time
	Human        *Human       `json:"human,omitempty"`   // set for human steps
	Starts       string       `json:"starts,omitempty"`  // injects only: the system whose RTO clock this starts
	Targets      []string     `json:"targets,omitempty"` // names in Estate.Targets that With refers to
	Line         string       `json:"line,omitempty"`    // file:line, for messages
	// Owner is the role that reads and acknowledges it in a walkthrough; "" is who decides.
	Owner string `json:"owner,omitempty"`
}

// What happens when no worker of a step's site takes it. Anything else is a site's name.
const (
	AbsentAsk  = "ask"  // a person decides
	AbsentFail = "fail" // the runbook stops and is undone
	AbsentSkip = "skip" // the runbook goes on without the step, which is a finding
)

// Human is a step that a person does.
type Human struct {
	Role string `json:"role"`
	Text Text   `json:"text"`
}

// Undo puts back what a step changed. It is registered before the step starts.
type Undo struct {
	Uses    string          `json:"uses"`
	With    json.RawMessage `json:"with,omitempty"`
	Site    string          `json:"site"`
	Effect  run.Effect      `json:"effect"`
	CanLook bool            `json:"can_look,omitempty"`
	Timeout run.Duration    `json:"timeout"`
	Queue   run.Duration    `json:"queue_timeout"`
	Targets []string        `json:"targets,omitempty"`
}

var secretRef = regexp.MustCompile(`"secret://(?:[^"\\]|\\.)*"`)

// WithoutSecrets is parameters as people may be shown them: references to secrets are
// left out.
func WithoutSecrets(with json.RawMessage) string {
	return secretRef.ReplaceAllString(string(with), `"***"`)
}

// Seal sets p.Hash: SHA-256, in hex, over the plan's JSON with an empty hash. The
// same files give the same hash on every machine.
func (p *Plan) Seal() error {
	p.Hash = ""
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	p.Hash = hex.EncodeToString(sum[:])
	return nil
}

// Intact reports whether the plan still has the content its hash names.
func (p Plan) Intact() bool {
	want := p.Hash
	return p.Seal() == nil && p.Hash == want
}

// Runbook returns the runbook of that name, or false.
func (p *Plan) Runbook(name string) (Runbook, bool) {
	for _, r := range p.Runbooks {
		if r.Name == name {
			return r, true
		}
	}
	return Runbook{}, false
}

// Step is a step of a runbook; two runbooks of a system may each have one of that ID.
func (p *Plan) Step(runbook, id string) (Step, bool) {
	book, _ := p.Runbook(runbook)
	for _, s := range book.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return Step{}, false
}

// HasStep lists the systems that have a step of that ID, in the plan's order: IDs are unique within
// a runbook only.
func (p *Plan) HasStep(id string) []string {
	var out []string
	for _, s := range p.Systems {
		if s.SingleWriter != nil && s.SingleWriter.ID == id || slices.ContainsFunc(p.Runbooks, func(r Runbook) bool {
			return r.System == s.Name && slices.ContainsFunc(r.Steps, func(st Step) bool { return st.ID == id })
		}) {
			out = append(out, s.Name)
		}
	}
	return out
}

// System returns the system of that name, or false.
func (p *Plan) System(name string) (System, bool) {
	for _, s := range p.Systems {
		if s.Name == name {
			return s, true
		}
	}
	return System{}, false
}
