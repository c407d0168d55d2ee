package probe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

// target is a fake target: it says what the test set, and lets the test wait until it
// has been asked often enough.
type target struct {
	mu    sync.Mutex
	fate  fate
	asked int
	more  chan struct{}
	begin chan struct{} // not nil: it is not begun with before this is closed
}

func newTarget() *target { return &target{fate: ok, more: make(chan struct{}, 1)} }

func (g *target) set(f fate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fate = f
}

func (g *target) looker() (looker, error) {
	if g.begin != nil {
		<-g.begin
	}
	return looker{look: func(context.Context, int64) (fate, string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.asked++
		select {
		case g.more <- struct{}{}:
		default:
		}
		if g.fate != ok {
			return g.fate, "down for the test"
		}
		return ok, ""
	}}, nil
}

// await waits for n more samples to have begun, which means that n-1 were counted.
func (g *target) await(t *testing.T, n int) {
	t.Helper()
	g.mu.Lock()
	want := g.asked + n
	g.mu.Unlock()
	deadline := time.After(2 * time.Minute)
	for {
		g.mu.Lock()
		asked := g.asked
		g.mu.Unlock()
		if asked >= want {
			return
		}
		select {
		case <-g.more:
		case <-deadline:
			t.Fatalf("asked %d times within 2 min, want %d", asked, want)
		}
	}
}

// told collects what the run is told.
type told struct {
	mu   sync.Mutex
	seen []plan.Observed
	fail error
	now  chan struct{}
}

func newTold() *told { return &told{now: make(chan struct{}, 1)} }

func (d *told) options(dir string) Options {
	return Options{Dir: dir, linger: time.Minute, tell: func(context.Context) signal {
		return func(_ context.Context, _ string, o plan.Observed) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.fail != nil {
				return d.fail
			}
			d.seen = append(d.seen, o)
			select {
			case d.now <- struct{}{}:
			default:
			}
			return nil
		}
	}}
}

func (d *told) await(t *testing.T, up bool) {
	t.Helper()
	d.awaitWord(t, func(o plan.Observed) bool { return o.Up == up })
}

func (d *told) awaitWord(t *testing.T, wanted func(plan.Observed) bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		d.mu.Lock()
		n := len(d.seen)
		fine := n > 0 && wanted(d.seen[n-1])
		d.mu.Unlock()
		if fine {
			return
		}
		select {
		case <-d.now:
		case <-deadline:
			t.Fatalf("the run was not told within 2 min what it waits for: %+v", d.seen)
		}
	}
}

var watched = plan.Watch{Run: "run-1", Kind: run.Drill, Probe: plan.Probe{Name: "orders/entry", System: "orders", Function: "entry",
	Weight: 60, Vantage: "osaka", Interval: run.Duration(5 * time.Millisecond), Timeout: run.Duration(30 * time.Second)}}

// attempt is one activity attempt in the SDK's test environment.
type attempt struct {
	cancel context.CancelCauseFunc
	stop   chan struct{}
	ended  chan struct{}
	obs    run.Observations
	err    error
}

func serve(t *testing.T, d *desk, g *target, last *run.Observations) *attempt {
	t.Helper()
	return serveWatch(t, d, g, last, watched)
}

func serveWatch(t *testing.T, d *desk, g *target, last *run.Observations, what plan.Watch) *attempt {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	ctx, cancel := context.WithCancelCause(context.Background())
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	a := &attempt{cancel: cancel, stop: make(chan struct{}), ended: make(chan struct{})}
	env.SetWorkerStopChannel(a.stop)
	if last != nil {
		env.SetHeartbeatDetails(*last)
	}
	env.RegisterActivityWithOptions(func(ctx context.Context, w plan.Watch) (run.Observations, error) {
		return d.serve(ctx, w, g.looker)
	}, activity.RegisterOptions{Name: "probe.fake"})
	go func() {
		defer close(a.ended)
		var v interface{ Get(any) error }
		if v, a.err = env.ExecuteActivity("probe.fake", what); a.err == nil {
			a.err = v.Get(&a.obs)
		}
	}()
	t.Cleanup(func() { cancel(nil); <-a.ended })
	return a
}

func (a *attempt) end(t *testing.T) run.Observations {
	t.Helper()
	a.cancel(nil)
	<-a.ended
	if a.err != nil {
		t.Fatalf("a cancelled probe returned an error, and its observations are lost: %v", a.err)
	}
	return a.obs
}

func TestCancelledProbeStillDelivers(t *testing.T) {
	g, told := newTarget(), newTold()
	d := newDesk(told.options(t.TempDir()))
	a := serve(t, d, g, nil)
	told.await(t, true)
	g.await(t, 3)
	g.set(failed)
	told.await(t, false)
	g.set(ok)
	told.await(t, true)
	o := a.end(t)
	if len(o.Transitions) != 3 || !o.Transitions[0].Up || o.Transitions[1].Up || !o.Transitions[2].Up || o.Transitions[1].Error == "" || len(o.Gaps) != 0 {
		t.Errorf("observations = %+v", o)
	}
	if o.Probe != "orders/entry" || o.System != "orders" || o.Weight != 60 || o.Vantage != "osaka" || o.Samples < 6 || o.Markers != nil {
		t.Errorf("observations = %+v", o)
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	if down := told.seen[1]; down.At != o.Transitions[1].At || down.LastOKAt != o.Transitions[1].LastOKAt || down.LastOKAt.IsZero() {
		t.Errorf("the run was told %+v, the observations say %+v", down, o.Transitions[1])
	}
}

func TestKilledWorkerLosesNoOutage(t *testing.T) {
	dir := t.TempDir()
	g, told1 := newTarget(), newTold()
	first := newDesk(told1.options(dir))
	serve(t, first, g, nil)
	told1.await(t, true)
	g.set(failed)
	told1.await(t, false)
	g.await(t, 3)
	// kill -9: what the first process knew is gone but for its log, whose last line
	// was cut in the middle.
	first.mu.Lock()
	for _, w := range first.watches {
		w.cancel()
		<-w.done
	}
	first.mu.Unlock()
	logs, err := filepath.Glob(filepath.Join(dir, "run-1", "*.jsonl"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs = %v, %v", logs, err)
	}
	f, err := os.OpenFile(logs[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`[17000000`); err != nil {
		t.Fatal(err)
	}
	f.Close()

	told2 := newTold()
	second := serve(t, newDesk(told2.options(dir)), g, nil)
	told2.await(t, false) // the state is told again, with the time it really began
	g.set(ok)
	told2.await(t, true)
	o := second.end(t)
	if len(o.Transitions) != 3 || o.Transitions[1].Up || !o.Transitions[2].Up {
		t.Fatalf("transitions = %+v, want one outage across the restart", o.Transitions)
	}
	if len(o.Gaps) != 1 || !o.Gaps[0].From.After(o.Transitions[1].At) || !o.Gaps[0].To.Before(o.Transitions[2].At) {
		t.Errorf("gaps = %+v, want the one in which nobody looked", o.Gaps)
	}
	if told2.seen[0].At != o.Transitions[1].At {
		t.Errorf("told %+v, want the outage as it began before the restart", told2.seen[0])
	}
}

// The run's timer goes on while nobody looks: only what the probe says of the span that it
// looked at without a gap tells it that service held.
func TestASpanNobodyLookedAtIsNotSaidToHaveBeenSeen(t *testing.T) {
	dir := t.TempDir()
	g, told1 := newTarget(), newTold()
	first := newDesk(told1.options(dir))
	held := watched
	held.Holds = []run.Duration{run.Duration(50 * time.Millisecond)}
	serveWatch(t, first, g, nil, held)
	told1.awaitWord(t, func(o plan.Observed) bool { return o.Until.Sub(o.Since) >= 50*time.Millisecond })
	first.mu.Lock()
	for _, w := range first.watches { // kill -9
		w.cancel()
		<-w.done
	}
	first.mu.Unlock()
	told2 := newTold()
	second := serveWatch(t, newDesk(told2.options(dir)), g, nil, held)
	told2.awaitWord(t, func(o plan.Observed) bool { return o.Until.Sub(o.Since) >= 50*time.Millisecond })
	o := second.end(t)
	told2.mu.Lock()
	defer told2.mu.Unlock()
	if len(o.Gaps) != 1 || told2.seen[0].At != o.Transitions[0].At || told2.seen[0].Since.Before(o.Gaps[0].To) {
		t.Errorf("told %+v first after the gap %+v", told2.seen[0], o.Gaps)
	}
}

func TestWithoutALogTheHeartbeatIsResumed(t *testing.T) {
	g, told := newTarget(), newTold()
	last := run.Observations{Probe: "orders/entry", Samples: 40, OK: 39, StartedAt: at(0), EndedAt: at(1000),
		Transitions: []run.Transition{{At: at(10), Up: true}, {At: at(900), LastOKAt: at(890)}}}
	o := func() run.Observations {
		a := serve(t, newDesk(told.options("")), g, &last)
		told.await(t, true)
		return a.end(t)
	}()
	if o.Samples <= 40 || len(o.Transitions) != 3 || o.StartedAt != at(0) || len(o.Gaps) != 1 || o.Gaps[0].From != at(1000) {
		t.Errorf("observations = %+v", o)
	}
}

func TestLosingTheEngineMissesNothing(t *testing.T) {
	g, told := newTarget(), newTold()
	d := newDesk(told.options(t.TempDir()))
	a := serve(t, d, g, nil)
	told.await(t, true)
	a.cancel(errors.New("the engine is out of reach"))
	<-a.ended
	if a.err == nil {
		t.Error("an attempt that only lost the engine ended the probe")
	}
	g.set(failed) // an outage that nobody is there to hear of
	g.await(t, 3)
	b := serve(t, d, g, nil)
	told.await(t, false)
	o := b.end(t)
	if len(o.Gaps) != 0 || len(o.Transitions) != 2 {
		t.Errorf("observations = %+v, want no gap: the looking never stopped", o)
	}
}

// A run that waits for a probe's word starts it again beside the one that goes on, and then ends that: nothing of the looking
// stops for it, the word comes with the number of the new start, and the new one hands in everything.
func TestAProbeStartedAgainBesideItselfMissesNothing(t *testing.T) {
	g, told := newTarget(), newTold()
	d := newDesk(told.options(t.TempDir()))
	g.set(failed)
	first := serve(t, d, g, nil)
	told.await(t, false)
	g.await(t, 3)
	again := watched
	again.Look = 1
	second := serveWatch(t, d, g, nil, again)
	told.awaitWord(t, func(o plan.Observed) bool { return o.Look == 1 && !o.Up })
	g.set(ok)
	if o := first.end(t); len(o.Transitions) == 0 || o.Samples < 3 {
		t.Errorf("the first handed in %+v, want what was seen until then", o)
	}
	g.await(t, 5)
	o := second.end(t)
	if len(o.Gaps) != 0 || len(o.Transitions) != 2 || !o.Transitions[1].Up || o.Samples < 8 {
		t.Errorf("observations = %+v, want one outage and no gap: the looking never stopped", o)
	}
	if len(d.watches) != 0 {
		t.Error("a probe that has ended goes on looking")
	}
}

// The run's end reaches the two in any order, and what it waits for is the newest one's.
func TestOfTwoStartsTheNewestHandsIn(t *testing.T) {
	g, told := newTarget(), newTold()
	d := newDesk(told.options(t.TempDir()))
	first := serve(t, d, g, nil)
	told.await(t, true)
	again := watched
	again.Look = 1
	second := serveWatch(t, d, g, nil, again)
	told.awaitWord(t, func(o plan.Observed) bool { return o.Look == 1 })
	whole := second.end(t)
	if o := first.end(t); o.Samples != whole.Samples || len(d.watches) != 0 {
		t.Errorf("the first handed in %+v, the second %+v; %d still look", o, whole, len(d.watches))
	}
}

// An attempt never stays on a watch that has stopped: it would tell the engine every other second that it lives, and look at
// nothing until the run's end.
func TestAnAttemptWhoseWatchHasStoppedBeginsAnew(t *testing.T) {
	g, told := newTarget(), newTold()
	d := newDesk(told.options(t.TempDir()))
	a := serve(t, d, g, nil)
	told.await(t, true)
	d.mu.Lock()
	for key, one := range d.watches {
		delete(d.watches, key)
		defer one.shut()
		one.stop()
	}
	d.mu.Unlock()
	<-a.ended
	if !errors.Is(a.err, errEnded) && (a.err == nil || !strings.Contains(a.err.Error(), errEnded.Error())) {
		t.Fatalf("the attempt ended with %v and %+v, want an error, so that the engine begins the next", a.err, a.obs)
	}
	again := serve(t, d, g, nil)
	g.set(failed)
	told.await(t, false)
	if o := again.end(t); len(o.Transitions) != 2 || o.Transitions[1].Up || len(d.watches) != 0 {
		t.Errorf("observations = %+v", o)
	}
}

// A response waits for weeks, and each marker is a row in somebody's database: once service has held for long, most samples leave none.
// What they see counts as ever, and the first failure ends the sparing.
func TestMarkersAreFewerOnceServiceHasHeld(t *testing.T) {
	var mu sync.Mutex
	var markers []int64
	glances := 0
	now := ok
	see := func() fate { mu.Lock(); defer mu.Unlock(); return now }
	counts := func() (int, int) { mu.Lock(); defer mu.Unlock(); return len(markers), glances }
	told := newTold()
	o := told.options(t.TempDir())
	o.calm = 50 * time.Millisecond
	d := newDesk(o)
	w := watched
	w.Spacing = run.Duration(time.Hour)
	one, err := begin(t.Context(), d.Options, w, looker{
		look: func(_ context.Context, n int64) (fate, string) {
			f := see()
			mu.Lock()
			defer mu.Unlock()
			if f == ok {
				markers = append(markers, n)
			}
			return f, "down for the test"
		},
		glance: func(context.Context) error {
			f := see()
			mu.Lock()
			defer mu.Unlock()
			glances++
			if f != ok {
				return errors.New("down for the test")
			}
			return nil
		},
		survivors: func(context.Context) ([]int64, error) {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(markers), nil
		},
	}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	one.teller.through(o.tell(t.Context()), 0)
	until := func(what string, is func() bool) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.After(2 * time.Minute); !is(); {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("not within 2 min: %s", what)
			}
		}
	}
	until("20 samples without a marker", func() bool { _, g := counts(); return g >= 20 })
	planted, _ := counts()
	until("20 more", func() bool { _, g := counts(); return g >= 40 })
	if n, _ := counts(); n != planted {
		t.Errorf("%d markers were planted while service held, and there were %d", n, planted)
	}
	mu.Lock()
	now = failed
	mu.Unlock()
	told.await(t, false)
	mu.Lock()
	now = ok
	mu.Unlock()
	told.await(t, true)
	until("markers again after the outage", func() bool { n, _ := counts(); return n >= planted+5 })
	one.stop()
	seen := one.finish(t.Context())
	if m := seen.Markers; m.Acked != int64(len(markers)) || m.Lost != 0 || len(seen.Gaps) != 0 || len(seen.Transitions) != 3 || seen.OK < m.Acked+40 {
		t.Errorf("observations = %+v, markers %+v; %d were planted", seen, m, len(markers))
	}
}

// After weeks a probe's log takes a while to read when its worker is back: no other probe of the site waits for that, and the same
// one's next attempt does.
func TestAProbeThatIsSlowToBeginHoldsUpNoOther(t *testing.T) {
	slow, told := newTarget(), newTold()
	slow.begin = make(chan struct{})
	d := newDesk(told.options(t.TempDir()))
	first := serve(t, d, slow, nil)
	retried := serve(t, d, slow, nil)
	other := watched
	other.Probe.Name = "orders/other"
	g := newTarget()
	b := serveWatch(t, d, g, nil, other)
	g.await(t, 3)
	if o := b.end(t); o.Samples < 2 || o.Probe != "orders/other" {
		t.Errorf("observations = %+v", o)
	}
	close(slow.begin)
	slow.await(t, 3)
	one, two := first.end(t), retried.end(t)
	if max(one.Samples, two.Samples) < 2 || len(one.Gaps)+len(two.Gaps) != 0 || len(d.watches)+len(d.opening) != 0 {
		t.Errorf("the attempts saw %+v and %+v", one, two)
	}
}

func TestStoppingWorkerHandsTheProbeOn(t *testing.T) {
	g, told := newTarget(), newTold()
	d := newDesk(told.options(t.TempDir()))
	a := serve(t, d, g, nil)
	told.await(t, true)
	close(a.stop)
	<-a.ended
	if a.err == nil || !strings.Contains(a.err.Error(), "stopping") {
		t.Errorf("a stopping worker ended the probe: %v", a.err)
	}
	if len(d.watches) != 0 {
		t.Error("a stopped worker goes on looking")
	}
}

func TestTheRunIsToldTheLatestWhenItCanBeAgain(t *testing.T) {
	g, told := newTarget(), newTold()
	told.fail = errors.New("out of reach")
	d := newDesk(told.options(""))
	a := serve(t, d, g, nil)
	g.await(t, 3)
	g.set(failed)
	g.await(t, 3)
	told.mu.Lock()
	told.fail = nil
	told.mu.Unlock()
	told.await(t, false)
	o := a.end(t)
	if len(told.seen) != 1 || o.Samples < 5 {
		t.Errorf("told %+v of %d samples, want the latest state once and the looking not held up", told.seen, o.Samples)
	}
}

func TestOldLogsAreSwept(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []string{"old", "new"} {
		d, err := openDiary(dir, r, "orders/entry", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.close()
	}
	long := time.Now().Add(-keepDiaries - time.Hour)
	logs, err := filepath.Glob(filepath.Join(dir, "old", "*"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs = %v, %v", logs, err)
	}
	if err := os.Chtimes(logs[0], long, long); err != nil {
		t.Fatal(err)
	}
	if err := sweepDiaries(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "new" {
		t.Errorf("left = %v, %v", left, err)
	}
}
