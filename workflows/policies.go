package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
)

// All time-outs and retries of activities are here, so that they can be read together.

// heartbeat is how long a site worker may be silent before its attempt counts as
// lost. Workers beat every second, for probes every other, and stop their attempt shortly before this when nobody
// answers (internal/heartbeat); a shorter limit would take a busy machine for a dead one, a longer one would be waiting time inside somebody's RTO.
const heartbeat = 5 * time.Second

// record: the control plane's own book-keeping. It is repeated until it works, since a
// run whose journal can't be written must wait, not go on unrecorded. It takes
// milliseconds; the limit is how long a run stands still after the server was killed
// with a batch in its hands.
func record(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 5 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 5 * time.Second,
		},
	})
}

// tracing: who took an attempt, out of the engine's history. When it can't be read a person
// is asked, who must not wait for it for ever.
func tracing(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 20 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 2 * time.Second, MaximumAttempts: 5,
		},
	})
}

// recordBeside: the same from within a workflow task, which must not be held up. What does
// not work at once is left to record.
func recordBeside(ctx workflow.Context) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// acting: one attempt, whatever happens. A lost answer is settled by looking.
func acting(ctx workflow.Context, site string, timeout, queue time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              plan.SiteQueue(site),
		ScheduleToStartTimeout: queue,
		StartToCloseTimeout:    timeout,
		HeartbeatTimeout:       heartbeat,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// observing: read-only, so the engine may repeat it within the step's time-out.
func observing(ctx workflow.Context, site string, timeout, queue time.Duration, repeat bool) workflow.Context {
	retry := &temporal.RetryPolicy{MaximumAttempts: 1}
	if repeat {
		retry = &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 1.5, MaximumInterval: 2 * time.Second,
			NonRetryableErrorTypes: []string{plan.ErrFinding, plan.ErrRefused},
		}
	}
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              plan.SiteQueue(site),
		ScheduleToStartTimeout: queue,
		ScheduleToCloseTimeout: timeout + queue,
		StartToCloseTimeout:    timeout,
		HeartbeatTimeout:       heartbeat,
		WaitForCancellation:    true,
		RetryPolicy:            retry,
	})
}

// foreign: one attempt at an activity that muster does not know, as for its own. What
// nobody took within its time provably never began.
func foreign(ctx workflow.Context, in plan.Foreign) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              in.Queue,
		ScheduleToStartTimeout: in.Pickup,
		StartToCloseTimeout:    in.Within,
		HeartbeatTimeout:       in.Heartbeat,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// settling: the look that decides what became of an attempt. The worker itself may need
// to come back first: it has as long as any order has to be taken, and half a minute at
// least, since one that was killed is started again. The look itself has minutes, and
// repeats.
func settling(ctx workflow.Context, site string, queue time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              plan.SiteQueue(site),
		ScheduleToStartTimeout: max(queue, 30*time.Second),
		ScheduleToCloseTimeout: 3*time.Minute + queue,
		StartToCloseTimeout:    time.Minute,
		HeartbeatTimeout:       heartbeat,
		WaitForCancellation:    true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 2 * time.Second,
		},
	})
}

// watching: probes run as long as the run does and come back after their worker died.
func watching(ctx workflow.Context, site string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.SiteQueue(site),
		StartToCloseTimeout: 180 * 24 * time.Hour, // requirement A-RTO-15: runs may last months
		HeartbeatTimeout:    heartbeat,
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 1.5, MaximumInterval: 2 * time.Second,
		},
	})
}

// undoTries is how often an undo that provably did not happen, or a look in it, is tried, undoPause
// apart: what it needs (a server that is starting, a lock) often comes a moment later.
const (
	undoTries = 3
	undoPause = 2 * time.Second
)

// checking: quick, read-only, once. A site whose worker is away is told soon.
func checking(ctx workflow.Context, site string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              plan.SiteQueue(site),
		ScheduleToStartTimeout: 5 * time.Second,
		StartToCloseTimeout:    15 * time.Second,
		HeartbeatTimeout:       heartbeat,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// forecasting: reading past runs takes a moment and is asked for long before it is
// needed. A decision must not wait for it: without it, the plan's own figures stand.
func forecasting(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              plan.ControlQueue,
		ScheduleToCloseTimeout: 20 * time.Second,
		StartToCloseTimeout:    10 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumAttempts: 2},
	})
}

// forecastWait is how long the question waits for a forecast that is not there yet.
const forecastWait = 2 * time.Second

// guarding: evaluating a condition is quick and pure; a wrong expression fails at once.
func guarding(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 5 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumInterval: 5 * time.Second,
			NonRetryableErrorTypes: []string{plan.ErrFinding}},
	})
}

// arranging: when an occasion is due, and the draw of a blind one. They rest on the record
// store alone, and are repeated until they work: an occasion never ends without a record.
func arranging(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 20 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
}

// asking: what holds a drill up, which includes a readiness check, and its start, which is
// the same start however often it is asked for.
func asking(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 2 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
}

// lurking: a drawn start is waited for in the server, so that no timer in the engine tells
// it. A server that is gone is replaced by the next one within the heartbeat.
func lurking(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 120 * 24 * time.Hour,
		HeartbeatTimeout:    15 * time.Second,
		WaitForCancellation: true,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
}

// telling: the planner hears of it by whatever way works within some hours; it is in the
// record anyway.
func telling(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           plan.ControlQueue,
		StartToCloseTimeout: 2 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 5 * time.Second, BackoffCoefficient: 3, MaximumInterval: time.Hour, MaximumAttempts: 8},
	})
}

// Changes of what open runs would do, by the names under which histories know them.
const (
	// changeUntoldOutage: an outage too short to be told of breaks the hold.
	changeUntoldOutage = "untold-outage"
	// changeCrowd: one timer for all simulated people.
	changeCrowd = "simulated-crowd"
	// changeCorrected: damage that is taken back no longer counts as found.
	changeCorrected = "corrected-damage"
	// changeHears: answers come by the record, and deputies are called by them.
	changeHears = "people-heard"
	// changeDeputies: deputies may decide when half of the time is over.
	changeDeputies = "deputy-decides"
	// changeRecords: everybody who took part is asked for a record.
	changeRecords = "records-asked"
	// changeStruckLater: a system that a released inject strikes has its clock started by that.
	changeStruckLater = "struck-later"
	// changeStandsDown: what is whole and has no runbook is proposed to be left as it is.
	changeStandsDown = "whole-stands-down"
	// changeLookBeside: a probe is started again beside itself, before its earlier start is ended.
	changeLookBeside = "look-beside"
	// changeResumedSpeaks: a probe that is begun again to hand in is ended by its own word, not by an earlier start's.
	changeResumedSpeaks = "resumed-speaks"
	// changeResumedFailed: one that had spoken and failed on its way to hand in is begun once more too.
	changeResumedFailed = "resumed-failed"
	// changeAsFound: a response answers for what it did itself when it hands systems back, not for service.
	changeAsFound = "as-found"
	// changeUndoneChecked: a response asks also of what it undid whether two sides take writes.
	changeUndoneChecked = "undone-checked"
	// changeFoundDone: a step that found its goal reached is not undone.
	changeFoundDone = "found-done"
	// changeSkipAsks: a step that may have had its effect is not left out because its site is away.
	changeSkipAsks = "skip-asks"
	// changeNobodyTook: an order that no worker took was not begun.
	changeNobodyTook = "nobody-took"
	// changeLostOrders: an order that was lost on the way to its worker is given once more without asking.
	changeLostOrders = "lost-orders"
	// changeLostInjects: so is the order of an inject.
	changeLostInjects = "lost-injects"
	// changeProbesStay: probes go on until the run ends them, also when it is cancelled in the engine.
	changeProbesStay = "probes-stay"
	// changeGoesHome: what gives up while it is paused goes home.
	changeGoesHome = "given-up-goes-home"
	// changeProbesTogether: probes are started again, and hand in, all at once.
	changeProbesTogether = "probes-together"
	// changeEarlierStarts: what an earlier start of a probe saw is kept, where the newest has not seen it.
	changeEarlierStarts = "earlier-starts"
	// changeHeldAsItIs: a runbook is told whether it is held as it is when it is told.
	changeHeldAsItIs = "held-as-it-is"
	// changeStopsHome: an abort on the way home of a response stops that; numbered by the aborts of a run, since one that
	// an earlier release took in vain must not decide for the next.
	changeStopsHome = "stops-home-%d"
	// changeHeldToItsEnd: a held runbook that an abort ends is not let go before.
	changeHeldToItsEnd = "held-to-its-end"
	// changeHeldInOrder: a pause or a resume is numbered before runbooks are told of it.
	changeHeldInOrder = "held-in-order"
	// changeUndoLooks: a look in an undo is tried again, and nobody is asked what it did.
	changeUndoLooks = "undo-looks"
	// changeVouched: a fence for which people vouched is not undone.
	changeVouched = "vouched"
	// changeAnswersStand: what people do counts, and is answered so, also in a run that was cancelled in the engine.
	changeAnswersStand = "answers-stand"
	// changeStopsAtOnce: an abort stops what runs before the record has its line.
	changeStopsAtOnce = "stops-at-once"
	// changeFailedAsksNobody: of a runbook that has failed nothing more is begun, and nobody is asked about its other steps.
	changeFailedAsksNobody = "failed-asks-nobody"
	// changeRevisedWhileHeld: a decision that is revised while the run is held before its recovery is approved anew.
	changeRevisedWhileHeld = "revised-while-held"
	// changeUntoldLeft: a recovery that does not say what it left is not as found.
	changeUntoldLeft = "untold-left"
	// changeHomeInOrder: what is depended on comes home first, and what depends on it stays where that failed.
	changeHomeInOrder = "home-in-order"
	// changeUnfitReplaced: who stands in for somebody counts and may act also where that one came and is hurt.
	changeUnfitReplaced = "unfit-replaced"
	// changeLeftReplaced: who came and says that they have to go is not there, and who stands in for them counts and may act.
	changeLeftReplaced = "left-replaced"
	// changeSparesDeputies: nobody's deputies are called who is there, silent or lightly hurt.
	changeSparesDeputies = "spares-deputies"
	// changeDeputiesHome: deputies may decide on the way home too, when nobody has for long.
	changeDeputiesHome = "deputy-decides-home"
	// changeMusterReminds: a muster without a safety check reminds the silent, and calls their deputies.
	changeMusterReminds = "muster-reminds"
	// changeDeputiesTold: what is said to a role is said to who stands in for its holders too.
	changeDeputiesTold = "deputies-told"
	// changeOver: a response that is over is not joined; numbered until it is so, since somebody whom an earlier release let join
	// must not decide for the next.
	changeOver = "over-is-not-joined-%d"
)

// probeEnd is how long the end of a run waits for a probe's observations: a worker
// that was just killed needs its heartbeat to be missed and a new one to take over.
const probeEnd = time.Minute

// baselineWait is how long the first sight of full service may take at a drill's start,
// beyond the baseline itself.
const baselineWait = 30 * time.Second

// resumeTries is how often a probe that is to hand in is started again at most.
const resumeTries = 3

// beginWait is how long whoever asks for the next response waits for the end of one of which only the records are left. The
// server gives its whole answer in 20 s.
const beginWait = 10 * time.Second

// lockPause is between two tries at a lock whose holder was just gone.
const lockPause = 200 * time.Millisecond

// probeSilence is how long a probe may say nothing while the run waits for it to see
// service; probeGrace is what it then gets to end in an orderly way.
const (
	probeSilence = 20 * time.Second
	probeGrace   = 7 * time.Second
)
