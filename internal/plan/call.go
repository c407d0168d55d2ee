package plan

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// ControlQueue is the task queue of the control plane: workflows, the journal and
// the engine's own activities. Only `muster server` (and `muster up`) polls it.
const ControlQueue = "muster-control"

// SiteQueue is the task queue of a site's workers.
func SiteQueue(site string) string { return "site-" + site }

// LookSuffix turns an action's ID into the activity that looks whether the action's
// goal holds, without changing anything.
const LookSuffix = ".look"

// ProbePrefix begins the ID of every kind of probe, which is its activity's type.
const ProbePrefix = "probe."

// MarkersSuffix ends the ID of every kind of probe that plants markers.
const MarkersSuffix = "_markers"

// ReadySuffix turns an action's ID into the activity that says, without changing
// anything, whether the action could do its work now: Call → Ready. Probes have it too.
const ReadySuffix = ".ready"

// ActivityWorker asks a site's worker about itself: nothing → Ready.
const ActivityWorker = "worker.ready"

// Ready is its answer.
type Ready struct {
	Problems []Text    `json:"problems,omitempty"` // what would keep it from working, with the way out
	Note     string    `json:"note,omitempty"`     // worth knowing, not a problem
	At       time.Time `json:"at"`                 // worker's clock
}

// Call is what the step interpreter sends to a site worker: the input of the
// activities Uses (act) and Uses+LookSuffix (look).
type Call struct {
	Run        string     `json:"run"`
	Kind       run.Kind   `json:"kind"`
	Depth      run.Depth  `json:"depth"`
	System     string     `json:"system,omitempty"`
	Runbook    string     `json:"runbook,omitempty"`
	Step       string     `json:"step"`
	Uses       string     `json:"uses"`
	Effect     run.Effect `json:"effect"`
	Generation int        `json:"generation"`
	// EffectKey is run/writer/step/generation. A worker begins a key at most once.
	EffectKey string `json:"effect_key,omitempty"`
	// Token is the fencing token of the system's switch lock; a worker that has
	// seen a higher one for this system refuses. Zero for observe steps.
	Token int64 `json:"token,omitempty"`
	// Settling is set on a look that must settle an attempt whose answer was lost:
	// the worker voids EffectKey, so that a late attempt can't begin any more, and
	// answers CannotTell as long as the attempt may still be under way.
	Settling bool `json:"settling,omitempty"`
	// TakenBy is the WorkerIdentity of who took the attempt that is to be settled; empty
	// when nobody did. Only the ledger of that worker knows what became of it.
	TakenBy string          `json:"taken_by,omitempty"`
	With    json.RawMessage `json:"with,omitempty"`
	// Vars are outputs of earlier steps by step ID, for ${{ steps.ID.field }}.
	Vars    map[string]json.RawMessage `json:"vars,omitempty"`
	Targets []Target                   `json:"targets,omitempty"`
	// Spared are the depths at which no drill may change the system that this is for.
	Spared []run.Depth `json:"spared,omitempty"`
}

// ArtifactName names what the step makes in a place that it shares with others: a dump, a
// backup, a folder. It is a file's name, the same at every attempt, so that a look finds
// it, and no other step's: two systems may run one runbook, and two runbooks may each have
// a step of this name.
func (c Call) ArtifactName() string {
	const most = 200 // bytes; a file system takes 255, and endings are added to it
	whole := strings.Join([]string{c.Run, c.System, c.Runbook, c.Step}, ".")
	name := unsafeInFiles.ReplaceAllString(whole, "_")
	if name == whole && len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(whole))
	return fmt.Sprintf("%.*s-%x", most-13, name, sum[:6])
}

var unsafeInFiles = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// Result is what an action's activity returns.
type Result struct {
	Output json.RawMessage `json:"output,omitempty"`
	// Already is set when the goal held before the action acted; nothing was done.
	Already   bool      `json:"already,omitempty"`
	StartedAt time.Time `json:"started_at"` // worker's clock
	EndedAt   time.Time `json:"ended_at"`
	DurationS float64   `json:"duration_s"` // monotonic
}

// Sight is what a look saw.
type Sight string

const (
	Holds      Sight = "holds"       // the goal holds
	HoldsNot   Sight = "holds_not"   // it provably does not, and nothing is under way
	CannotTell Sight = "cannot_tell" // neither can be proven
)

// Looked is what a look activity returns.
type Looked struct {
	Sight  Sight           `json:"sight"`
	Detail string          `json:"detail,omitempty"` // one line for people
	Output json.RawMessage `json:"output,omitempty"` // as the action would have returned it, when the goal holds
	At     time.Time       `json:"at"`               // worker's clock
	// Partial goes with HoldsNot: some of it is done, or may be, so giving up needs the undo.
	// A step with retry is tried again all the same: its author says that it may be.
	Partial bool `json:"partial,omitempty"`
	// Never is of an attempt that was not begun and never will be, since its order was lost on the way to the worker: what holds is
	// somebody else's doing.
	Never bool `json:"never,omitempty"`
}

// Types of application errors that actions return. Go types do not cross the
// activity boundary; these strings do.
const (
	// ErrFinding: the system fell short of what the step expects. Not repeated.
	ErrFinding = "Finding"
	// TwoWrite is the detail of a finding that more than one side takes writes.
	TwoWrite = "two_write"
	// ErrRefused: a guard refused and nothing was begun. Not repeated.
	ErrRefused = "Refused"
	// ErrBegun: this effect key was begun before; what came of it is unknown.
	ErrBegun = "AlreadyBegun"
)

// TypeActivity is the workflow that runs one activity of somebody else's, for the action
// temporal.activity: Foreign → the activity's own result.
const TypeActivity = "Activity"

// Foreign is one attempt at an activity that muster does not know.
type Foreign struct {
	Queue     string          `json:"queue"`
	Activity  string          `json:"activity"`
	Input     json.RawMessage `json:"input,omitempty"` // absent is an activity without argument
	Pickup    time.Duration   `json:"pickup"`          // how long a worker may take to take it
	Within    time.Duration   `json:"within"`          // how long it may take then
	Heartbeat time.Duration   `json:"heartbeat,omitempty"`
}

// Watch is the input of a probe's activity (its Uses is the activity's type). It runs
// until it is cancelled and then returns run.Observations. On every change it signals
// the run's workflow (SignalObserved) with an Observed.
type Watch struct {
	Run     string   `json:"run"`
	Kind    run.Kind `json:"kind"`
	Probe   Probe    `json:"probe"`
	Targets []Target `json:"targets,omitempty"`
	// Holds are the spans for which the run waits: the probe speaks again when its target
	// was seen up for each of them.
	Holds []run.Duration `json:"holds,omitempty"`
	// Look is how often the probe was started before in this run.
	Look int `json:"look,omitempty"`
	// Spacing is how far apart markers may be once service has held for an hour: a response waits for weeks,
	// and every marker is a row in somebody's database. Zero is one a sample.
	Spacing run.Duration `json:"spacing,omitempty"`
	// Probes is how many the run has, which share what it can be told.
	Probes int `json:"probes,omitempty"`
}

// SignalObserved is the signal by which probes tell the run's workflow what changed.
const SignalObserved = "observed"

// SignalObservedAt is SignalObserved of a site on another machine, which the gateway has made sure of. Workers beside the
// engine say SignalObserved.
func SignalObservedAt(site string) string { return SignalObserved + "@" + site }

// SignalPeople is the signal by which the server tells a run that people have said
// something, which is in the record; it carries nothing. One stands for many.
const SignalPeople = "people"

// HeardRequest asks what people said after a position of the record.
type HeardRequest struct {
	Run   string `json:"run"`
	After int64  `json:"after"`
}

// Heard is what they said, up to a position. More is set when there is more to ask for.
type Heard struct {
	Upto int64  `json:"upto"`
	Said []Said `json:"said,omitempty"`
	More bool   `json:"more,omitempty"`
}

// Said is one answer or arrival, with what the run decides by. The names are short: there
// may be thousands in one history.
type Said struct {
	Person  string     `json:"p"`
	By      string     `json:"b,omitempty"` // somebody else who entered it
	Safety  run.Safety `json:"s,omitempty"` // of an answer
	CanCome bool       `json:"c,omitempty"`
	Online  bool       `json:"o,omitempty"`
	Arrived bool       `json:"a,omitempty"` // an arrival, not an answer
	Place   string     `json:"l,omitempty"`
	At      time.Time  `json:"t"`
}

// Observed is a probe's state after a change, or after it began to look again.
// Repeating one is harmless; of two with different At the later one counts.
type Observed struct {
	Probe string    `json:"probe"`
	Up    bool      `json:"up"`
	Level int       `json:"level,omitempty"` // as in run.Transition
	At    time.Time `json:"at"`              // vantage clock: first success's end, or first failure's start
	Error string    `json:"error,omitempty"`
	// LastOKAt is when the last success before a failure ended.
	LastOKAt time.Time `json:"last_ok_at,omitzero"`
	// Since and Until are the span, by the vantage's clock, in which it was looked at without
	// a gap and was up throughout; zero while it is down, and from probes that don't say.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Look is that of the newest start that is on the probe (Watch.Look).
	Look int `json:"look,omitempty"`
}

// Activities of the control plane (package activities/record), by type.
const (
	ActivityAppend   = "record.append"   // []run.Event → nothing: journal a batch
	ActivityToken    = "record.token"    // TokenRequest → int64: the fencing token (runs begun before ActivityTokens)
	ActivityTokens   = "record.tokens"   // TokensRequest → []int64: their fencing tokens, in the same order
	ActivityHolder   = "record.holder"   // system name → who holds its switch lock, as the lock answers
	ActivityForecast = "record.forecast" // ForecastRequest → []Timing
	ActivityChances  = "record.chances"  // ChancesRequest → []Chance
	ActivityEvaluate = "record.evaluate" // Guard → bool: a step's if:
	ActivityHeard    = "record.heard"    // HeardRequest → Heard: what people said
	ActivityTaker    = "record.taker"    // Attempt → WorkerIdentity of who took it; "" when nobody did
)

// Attempt is one attempt at an effect of the workflow that asks.
type Attempt struct {
	Uses      string `json:"uses"`
	EffectKey string `json:"effect_key"`
}

// ledgerMark stands in a worker's identity before the ID of its effect ledger.
const ledgerMark = " ledger="

// WorkerIdentity is how a site worker signs at the engine: its process, its machine and
// the effect ledger that it enters what it begins in.
func WorkerIdentity(pid int, host, ledger string) string {
	return fmt.Sprintf("%d@%s%s%s", pid, host, ledgerMark, ledger)
}

// WorkerMarks are what a worker signs with besides, as version=1.2.0: digests of its own files. They stand
// before the ledger, where servers of before them look no further.
func WorkerMarks(identity string, marks map[string]string) string {
	who, rest, _ := strings.Cut(identity, ledgerMark)
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		who += " " + name + "=" + marks[name]
	}
	return who + ledgerMark + rest
}

// MarksOf takes a worker's identity apart: its machine, the ID of its ledger, and its marks.
func MarksOf(identity string) (host, ledger string, marks map[string]string) {
	who, ledger := LedgerOf(identity)
	_, host, _ = strings.Cut(who, "@")
	before, _, _ := strings.Cut(identity, ledgerMark)
	marks = map[string]string{}
	for _, w := range strings.Fields(strings.TrimPrefix(before, who)) {
		if name, value, ok := strings.Cut(w, "="); ok {
			marks[name] = value
		}
	}
	return host, ledger, marks
}

// LedgerOf is the ledger's ID of a WorkerIdentity, and who is the process and machine.
// Workers older than that sign without a ledger.
func LedgerOf(identity string) (who, ledger string) {
	who, ledger, _ = strings.Cut(identity, ledgerMark)
	who, _, _ = strings.Cut(who, " ") // its marks, see WorkerMarks
	return who, ledger
}

// TokenRequest asks for a run's fencing token for a system.
type TokenRequest struct {
	Run    string `json:"run"`
	System string `json:"system"`
}

// TokensRequest asks for a run's fencing tokens for several systems.
type TokensRequest struct {
	Run     string   `json:"run"`
	Systems []string `json:"systems"`
}

// Guard is a step's condition with what it may refer to.
type Guard struct {
	Expr  string                     `json:"expr"`
	Run   string                     `json:"run"`
	Kind  run.Kind                   `json:"kind"`
	Depth run.Depth                  `json:"depth"`
	Vars  map[string]json.RawMessage `json:"vars,omitempty"`
}
