// Package run holds the words of a run: what it is, how far it goes, how its
// steps and objectives may end, and the events from which every figure is
// computed. It does no I/O and imports nothing but the standard library, so that
// every other package can speak it.
//
// All names that reach a workflow history, a journal or a report are constants
// here. They are never renamed: a new name is added beside the old one.
package run

// Kind says whether a run rehearses or is the real thing.
type Kind string

const (
	Drill    Kind = "drill"
	Response Kind = "response"
	// Readiness is a check of whether a plan could be carried out now; it changes
	// nothing and is no drill.
	Readiness Kind = "check"
)

// Depth is how far a run reaches into real systems. The same plan serves all five.
type Depth string

const (
	Tabletop    Depth = "tabletop"    // people decide, nothing runs
	Walkthrough Depth = "walkthrough" // steps are shown to their owners and acknowledged
	IsolatedRun Depth = "isolated"    // effects only in places made for the drill
	Live        Depth = "live"        // real effects on systems that the estate marks drillable
	Real        Depth = "real"        // the real thing
)

// Depths lists every depth, shallowest first.
func Depths() []Depth { return []Depth{Tabletop, Walkthrough, IsolatedRun, Live, Real} }

// Hazard is the class of event; it sets which phases a run has.
type Hazard string

const (
	Disaster         Hazard = "disaster"
	SecurityIncident Hazard = "security-incident"
	Pandemic         Hazard = "pandemic"
	// RestoreTest is no event: backups are restored in isolation and verified. Nobody is
	// called and no system is touched.
	RestoreTest Hazard = "restore-test"
)

// Hazards lists every hazard class.
func Hazards() []Hazard { return []Hazard{Disaster, SecurityIncident, Pandemic, RestoreTest} }

// Phase is a stage of the response (requirements B.2, B.8).
type Phase string

const (
	Activation       Phase = "activation"
	SafetyCheck      Phase = "safety_check"
	Muster           Phase = "muster"
	SiteInspection   Phase = "site_inspection"
	Communications   Phase = "communications"
	DamageAssessment Phase = "damage_assessment"
	Containment      Phase = "containment"
	RecoveryDecision Phase = "recovery_decision"
	Recovery         Phase = "recovery"
	Verification     Phase = "verification"
	Completion       Phase = "completion"
	Failback         Phase = "failback"
	Closing          Phase = "closing"
)

// Phases returns the phases of a hazard in order. A security incident has no
// safety check and no site inspection (requirements B-VAR-01, B-VAR-03); a
// pandemic keeps all of them but musters online (B-VAR-02). A restore test has only the
// restore and its record.
func Phases(h Hazard) []Phase {
	all := []Phase{Activation, SafetyCheck, Muster, SiteInspection, Communications, DamageAssessment,
		Containment, RecoveryDecision, Recovery, Verification, Completion, Failback, Closing}
	if h == RestoreTest {
		return []Phase{Recovery, Closing}
	}
	if h != SecurityIncident {
		return all
	}
	var kept []Phase
	for _, p := range all {
		if p != SafetyCheck && p != SiteInspection {
			kept = append(kept, p)
		}
	}
	return kept
}

// AfterRecovery reports whether a run in this phase has recovered what it could: its report, its way home and its records are left.
func (p Phase) AfterRecovery() bool { return p == Completion || p == Failback || p == Closing }

// Outcome says what a step told us about the system.
type Outcome string

const (
	Passed  Outcome = "passed"  // it did what the runbook expects
	Failed  Outcome = "failed"  // it did not: there is a finding
	Unknown Outcome = "unknown" // we could not tell: a person decides
	Skipped Outcome = "skipped" // not run: guard false, a person said so, or the run was aborted first
)

// Verdict judges one objective. There is no plain "completed".
type Verdict string

const (
	Met       Verdict = "met"
	Missed    Verdict = "missed"
	NotProven Verdict = "not_proven"
	// NoObjective marks a figure that was measured but has no objective to be
	// judged by; it is left out of the overall verdict.
	NoObjective Verdict = "no_objective"
)

// Worst returns the verdict that a whole made of these parts deserves: missed if
// any part was missed, else not proven if any was, else met. Parts without an
// objective do not count; a whole without a judged part is not proven.
func Worst(parts ...Verdict) Verdict {
	worst := NoObjective
	for _, v := range parts {
		switch {
		case v == Missed:
			return Missed
		case v == NotProven:
			worst = NotProven
		case v == Met && worst == NoObjective:
			worst = Met
		}
	}
	if worst == NoObjective {
		return NotProven
	}
	return worst
}

// Effect is what an action may do to the world, from harmless to destructive.
type Effect string

const (
	Observe  Effect = "observe"  // reads only
	Isolated Effect = "isolated" // changes things only in places made for the drill
	Disrupt  Effect = "disrupt"  // interrupts or moves service; can be undone
	Destroy  Effect = "destroy"  // loses data or cannot be undone
)

// Once reports whether the effect must happen at most once: everything that
// changes the world (faults.md 2.2).
func (e Effect) Once() bool { return e != Observe }

// Allows reports whether a run of depth d may have effect e. Tabletop and
// walkthrough run nothing at all.
func (d Depth) Allows(e Effect) bool {
	switch d {
	case IsolatedRun:
		return e == Observe || e == Isolated
	case Live, Real:
		return true
	}
	return false
}

// Unseen reports whether nothing runs at depth d, so that nobody sees from outside what service
// there would be: no level, no curve and no restoration of such a run is an observation.
func (d Depth) Unseen() bool { return d == Tabletop || d == Walkthrough }

// State is where a run stands, or how it ended (requirement B-FLW-08).
type State string

const (
	Running              State = "running"
	Paused               State = "paused"
	Refused              State = "refused"                // a guard refused the start; nothing was changed
	Recovered            State = "recovered"              // in service, at home where the policy asks for it
	PartlyRecovered      State = "partly_recovered"       // some systems are in service
	RecoveredAtAlternate State = "recovered_at_alternate" // in service away from home, by policy or because failback did not end
	NotResumable         State = "not_resumable"          // no system came back
	Cancelled            State = "cancelled"              // aborted by a person, undone
	TalkedThrough        State = "talked_through"         // a tabletop ended: people decided, nothing was run
	WalkedThrough        State = "walked_through"         // a walkthrough ended: each step was read by its owner, nothing was run
	PartlyWalkedThrough  State = "partly_walked_through"  // a walkthrough ended with steps that nobody acknowledged, or that were skipped
	Ready                State = "ready"                  // a check found nothing in the way
	NotReady             State = "not_ready"              // a check found problems
	CleanUpIncomplete    State = "cleanup_incomplete"     // undo or failback left something; blocks the next run on that system
	// CutOff is a run of another installation, of which this copy of the record says no more.
	CutOff State = "cut_off"
)

// Ended reports whether s is a final state.
func (s State) Ended() bool { return s != Running && s != Paused && s != "" }

// Choice is the recovery decision for one system (requirement B.4).
type Choice string

const (
	Alternate   Choice = "alternate"     // switch to the alternate site
	InPlace     Choice = "in_place"      // recover at the stricken site
	StandDown   Choice = "stand_down"    // nothing to recover: precaution or false alarm
	NotPossible Choice = "not_resumable" // neither is possible now; recorded, the run ends as not resumable
	GoHome      Choice = "return"        // failback: return to the home site
	Stay        Choice = "stay"          // failback: stay where it is, recorded as a decision
)

// Safety is a person's answer to the safety check.
type Safety string

const (
	Safe    Safety = "safe"
	Injured Safety = "injured"
	Silent  Safety = "silent" // has not answered
)

// Damage is the state of a component as a person or a probe saw it (B-STP-06).
type Damage string

const (
	DamageNone      Damage = "none"
	DamageDegraded  Damage = "degraded"
	DamageStopped   Damage = "stopped"
	DamageDestroyed Damage = "destroyed"
	DamageUnknown   Damage = "unknown"
)

// Engine is the actor of what muster did by itself.
const Engine = "engine"

// Simulated marks the actor of an answer that the engine gave for a person, so
// that a report never mixes it with what people did (requirement B-CLK-08).
func Simulated(person string) string { return "simulated:" + person }

// IsSimulated reports whether the actor is a simulated person.
func IsSimulated(actor string) bool {
	return len(actor) > len("simulated:") && actor[:len("simulated:")] == "simulated:"
}

// Person returns the person behind an actor, simulated or not.
func Person(actor string) string {
	if IsSimulated(actor) {
		return actor[len("simulated:"):]
	}
	return actor
}

// PolicyReturn and PolicyStay are the failback policies (requirement B.7).
const (
	PolicyReturn = "return"
	PolicyStay   = "stay"
)

// alarmPrefix begins the actor of what an alarm did by a rule of the plan files. No ID of
// an estate has a colon.
const alarmPrefix = "alarm:"

// Alarm is the actor of what a source of alarms did by a rule.
func Alarm(source string) string { return alarmPrefix + source }

// IsAlarm reports whether the actor is a source of alarms.
func IsAlarm(actor string) bool {
	return len(actor) > len(alarmPrefix) && actor[:len(alarmPrefix)] == alarmPrefix
}
