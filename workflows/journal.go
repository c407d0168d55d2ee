package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// journal numbers a workflow's events and writes them in batches, one batch at a time
// and in order. An event is fixed by the workflow's history before the store sees it, so
// a repeated delivery carries the same bytes.
type journal struct {
	run, writer string
	// beside lets what nobody waits for be written from within a later workflow task,
	// which costs the engine nothing, in place of an activity and a task of its own.
	beside  bool
	seq     int64 // of the newest event
	handed  int64 // up to here it was given to the store, in the order of batches
	written int64 // up to here it is in the store
	wanted  int64 // somebody waits for the store to have it up to here
	settled int64 // up to here events were added in earlier workflow tasks than task
	task    int   // the history's length when the newest event was added
	due     workflow.Future
	pending []run.Event
	closed  bool
	stopped bool
	// acted are those who did something besides answering and arriving.
	acted map[string]bool
	heard []func(run.Event) // told of each event that is added
}

// listen has f told of each event that is added from now on.
func (j *journal) listen(f func(run.Event)) { j.heard = append(j.heard, f) }

// batch and batchBytes bound one write: most events are a few hundred bytes, but a
// step's output may be 64 KiB, and the engine refuses payloads above 2 MB for ever.
const (
	batch      = 200
	batchBytes = 256 << 10
)

// next takes the events of one write off the queue, up to the number last: at least one.
func (j *journal) next(last int64) []run.Event {
	n, size := 0, 0
	for n < len(j.pending) && n < batch && j.pending[n].Seq <= last {
		size += 512 + len(j.pending[n].Data) + len(j.pending[n].Reason)
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	events := j.pending[:n]
	j.pending = j.pending[n:]
	return events
}

// journalDelay is how long an event that nobody waits for may stay out of the store.
// Within it, most steps end, and their task carries it along.
const journalDelay = 500 * time.Millisecond

// besideTasks reports whether a workflow journals beside its tasks. The worker that takes its
// first task settles it, not whoever starts it: the word of a newer server meant nothing to an
// older worker, whose history no newer one could go on with. Runs that have it in their
// input, given, keep to it.
func besideTasks(ctx workflow.Context, given bool) bool {
	return given || workflow.GetVersion(ctx, "journal-beside", workflow.DefaultVersion, 1) == 1
}

// openJournal starts the writer. It runs on a disconnected context: what happened is
// recorded even while the run is being cancelled.
func openJournal(ctx workflow.Context, runID, writer string, beside bool) *journal {
	j := &journal{run: runID, writer: writer, beside: beside, acted: map[string]bool{}}
	free, _ := workflow.NewDisconnectedContext(ctx)
	workflow.GoNamed(free, "journal", j.write)
	return j
}

func (j *journal) write(ctx workflow.Context) {
	defer func() { j.stopped = true }()
	for {
		if err := workflow.Await(ctx, func() bool { return len(j.pending) > 0 || j.closed }); err != nil {
			return
		}
		if len(j.pending) == 0 {
			return
		}
		if j.beside && !j.urgent() {
			j.await(ctx)
		}
		last, local := j.before(ctx), j.beside && !j.urgent()
		if !local {
			yield(ctx)
			last = j.seq
		}
		events := j.next(last)
		j.handed = events[len(events)-1].Seq
		if local && workflow.ExecuteLocalActivity(recordBeside(ctx), plan.ActivityAppend, events).Get(ctx, nil) == nil {
			j.written = j.handed
			continue
		}
		if err := workflow.ExecuteActivity(record(ctx), plan.ActivityAppend, events).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Error("journal not written", "run", j.run, "err", err)
			return
		}
		j.written = j.handed
	}
}

// urgent reports whether somebody waits for what is pending.
func (j *journal) urgent() bool { return j.closed || j.wanted > j.handed }

// await waits until what is pending was added in an earlier workflow task than this one.
// What a task adds is in the history only when the task has ended: were it given to the
// store before, a task that is done again would bring the same numbers with other content.
func (j *journal) await(ctx workflow.Context) {
	if j.due == nil || j.due.IsReady() { // one timer at a time, however much it is overtaken
		j.due = workflow.NewTimer(ctx, journalDelay)
	}
	_ = workflow.Await(ctx, func() bool { return j.urgent() || j.before(ctx) >= j.pending[0].Seq })
}

// before is the number of the newest event that an earlier workflow task added.
func (j *journal) before(ctx workflow.Context) int64 {
	if workflow.GetInfo(ctx).GetCurrentHistoryLength() > j.task {
		return j.seq
	}
	return j.settled
}

// yield lets every other coroutine go on until it blocks, so that one batch carries all
// that this moment brings: a step's end, and the intent of the step that follows it.
// Each round is one pass of the dispatcher; a step that ends starts the next one within
// three.
func yield(ctx workflow.Context) {
	for range 3 {
		turn := workflow.NewChannel(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) { turn.Send(ctx, nil) })
		turn.Receive(ctx, nil)
	}
}

// add queues an event and returns its number.
func (j *journal) add(ctx workflow.Context, e run.Event) int64 {
	j.settled, j.task = j.before(ctx), workflow.GetInfo(ctx).GetCurrentHistoryLength()
	j.seq++
	if e.By != run.Engine && e.Kind != run.PersonAnswered && e.Kind != run.PersonArrived {
		j.acted[e.By] = true
	}
	e.Run, e.Writer, e.Seq, e.At = j.run, j.writer, j.seq, workflow.Now(ctx).UTC()
	j.pending = append(j.pending, e)
	for _, f := range j.heard {
		f(e)
	}
	return j.seq
}

// reach waits until the event with that number is on disk. Nobody is told of
// something that is not.
func (j *journal) reach(ctx workflow.Context, seq int64) error {
	j.wanted = max(j.wanted, seq)
	return workflow.Await(ctx, func() bool { return j.written >= seq })
}

// keepUp waits until the store has taken all that it was given so far, and what earlier
// workflow tasks added. An effect waits for
// this and not for its own intent: the engine keeps the intent durably in the workflow's
// history, in the same transaction that orders the effect, and the journal follows by
// one batch at most (docs/decisions.md 22). A journal that can't be written stops the next
// effect.
func (j *journal) keepUp(ctx workflow.Context) error {
	given := j.handed
	if j.beside {
		given = max(given, j.before(ctx))
	}
	return workflow.Await(ctx, func() bool { return j.written >= given })
}

// record adds an event and waits until it is on disk.
func (j *journal) record(ctx workflow.Context, e run.Event) (Done, error) {
	seq := j.add(ctx, e)
	return Done{Seq: seq}, j.reach(ctx, seq)
}

// close writes what is left and ends the writer.
func (j *journal) close(ctx workflow.Context) {
	j.closed = true
	_ = workflow.Await(ctx, func() bool { return j.stopped })
}
