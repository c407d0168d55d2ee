package activities

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
)

// The action under test writes a line to a file: its effect, which can be counted from
// outside. The test binary plays the worker that is killed or frozen on the way.

type writing struct {
	File string `json:"file" help:"Where the effect shows."`
	// At: before Begin, after Begin and before the effect, after the effect and
	// before End, after End.
	At   string `json:"at" help:"Where the worker stops." default:"" enum:",look,begun,done,ended"`
	How  string `json:"how" help:"By which signal." default:"kill" enum:"kill,stop"`
	Fill int    `json:"fill" help:"Bytes of output." default:"0"`
}

type written struct {
	Text string `json:"text" help:"Output."`
}

func (w writing) stopAt(place string) {
	if w.At != place {
		return
	}
	sig := unix.SIGKILL
	if w.How == "stop" {
		sig = unix.SIGSTOP
	}
	// To this very thread: of a process that is told to stop, other threads may go on
	// for a moment.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), sig)
}

func effects(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	return strings.Count(string(b), "\n")
}

var writeLine = Define("test.write", Doc{Summary: "Writes a line.", SummaryJA: "一行を書く。", Effect: run.Disrupt},
	func(_ context.Context, p writing) (written, error) {
		p.stopAt("begun")
		f, err := os.OpenFile(p.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return written{}, err
		}
		_, err = f.WriteString("effect\n")
		if err := errors.Join(err, f.Close()); err != nil {
			return written{}, err
		}
		p.stopAt("done")
		return written{strings.Repeat("x", p.Fill)}, nil
	},
	Look(func(_ context.Context, p writing) (Seen, error) {
		p.stopAt("look")
		if effects(p.File) > 0 {
			return Seen{Sight: plan.Holds, Detail: "the line is there", Output: written{"seen"}}, nil
		}
		return Seen{Sight: plan.HoldsNot, Detail: "no line"}, nil
	}))

func TestMain(m *testing.M) {
	if raw := os.Getenv("PROTOCOL_CHILD"); raw != "" {
		child(raw)
	}
	os.Exit(m.Run())
}

// child is a site worker that gets one call, says how it ended, and exits.
func child(raw string) {
	var call plan.Call
	var with writing
	if err := errors.Join(json.Unmarshal([]byte(raw), &call), json.Unmarshal(call.With, &with)); err != nil {
		panic(err)
	}
	l, err := ledger.Open(os.Getenv("PROTOCOL_LEDGER"))
	if err != nil {
		panic(err)
	}
	s := testSite(l)
	s.Evidence = func(context.Context, string, []byte) (string, error) {
		with.stopAt("ended")
		return "kept", nil
	}
	_, err = s.act(context.Background(), writeLine, call)
	fmt.Println("answer:", err)
	os.Exit(0)
}

func testSite(l *ledger.Ledger) *Site {
	return &Site{Name: "osaka", Ledger: l, Settle: 60 * time.Millisecond, Redactor: &secret.Redactor{}, Secrets: secret.Local{}, Log: slog.New(slog.DiscardHandler)}
}

type bench struct {
	t      *testing.T
	site   *Site
	ledger string
	file   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, ledger: filepath.Join(dir, "ledger.db"), file: filepath.Join(dir, "effects")}
	l, err := ledger.Open(b.ledger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b.site = testSite(l)
	return b
}

func (b *bench) call(generation int, with writing) plan.Call {
	if with.File == "" {
		with.File = b.file
	}
	if with.How == "" {
		with.How = "kill"
	}
	raw, err := json.Marshal(with)
	if err != nil {
		b.t.Fatal(err)
	}
	return plan.Call{Run: "r", Kind: run.Drill, Depth: run.Live, System: "orders", Step: "s", Uses: "test.write", Effect: run.Disrupt,
		Generation: generation, EffectKey: fmt.Sprintf("r/run/s/%d", generation), Token: 1, With: raw}
}

type agent struct {
	*exec.Cmd
	out *bufio.Reader
}

func (b *bench) worker(call plan.Call) agent {
	b.t.Helper()
	raw, err := json.Marshal(call)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROTOCOL_CHILD="+string(raw), "PROTOCOL_LEDGER="+b.ledger)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return agent{cmd, bufio.NewReader(out)}
}

func (b *bench) frozen(call plan.Call) agent {
	b.t.Helper()
	w := b.worker(call)
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(w.Process.Pid, &ws, syscall.WUNTRACED, nil); err != nil || !ws.Stopped() {
		b.t.Fatalf("the worker did not stop: %v %v", ws, err)
	}
	return w
}

func (w agent) thaw(t *testing.T) string {
	t.Helper()
	if err := w.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	answer, err := w.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(answer), "answer: ")
}

func (b *bench) settle(call plan.Call, within time.Duration) plan.Looked {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	call.Settling = true
	seen, err := b.site.lookAt(ctx, writeLine, call)
	if err != nil {
		b.t.Fatal(err)
	}
	return seen
}

func typeOf(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return fmt.Sprint(err)
}

// Invariant I1: kill -9 at every point of the protocol; what is then seen is the
// truth, no attempt under the same key does anything, and the next generation,
// opened only by a proven "not done", ends with exactly one effect.
func TestKilledWorkerNeverActsTwice(t *testing.T) {
	for _, c := range []struct {
		at      string
		effects int
		sight   plan.Sight
	}{
		{"look", 0, plan.HoldsNot},
		{"begun", 0, plan.HoldsNot},
		{"done", 1, plan.Holds},
		{"ended", 1, plan.Holds},
	} {
		t.Run(c.at, func(t *testing.T) {
			b := newBench(t)
			call := b.call(1, writing{At: c.at, Fill: 100_000})
			if err := b.worker(call).Wait(); err == nil {
				t.Fatal("the worker lived")
			}
			if n := effects(b.file); n != c.effects {
				t.Fatalf("%d effects after the kill, want %d", n, c.effects)
			}
			if seen := b.settle(b.call(1, writing{}), time.Minute); seen.Sight != c.sight {
				t.Fatalf("seen: %+v, want %s", seen, c.sight)
			}
			// The same call again, as a queue that delivers twice would: the goal is seen
			// to hold, or the key is refused. Without the look it is always refused.
			again := b.call(1, writing{})
			res, err := b.site.act(context.Background(), writeLine, again)
			if c.effects == 1 && (err != nil || !res.Already) || c.effects == 0 && typeOf(err) != plan.ErrRefused && typeOf(err) != plan.ErrBegun {
				t.Fatalf("same key again: %+v %v", res, err)
			}
			sightless := writeLine
			sightless.look = nil
			if _, err := b.site.act(context.Background(), sightless, again); typeOf(err) != plan.ErrRefused && typeOf(err) != plan.ErrBegun {
				t.Fatalf("same key again, without a look: %v", err)
			}
			if _, err := b.site.act(context.Background(), writeLine, b.call(2, writing{})); err != nil {
				t.Fatalf("next generation: %v", err)
			}
			if n := effects(b.file); n != 1 {
				t.Fatalf("%d effects in the end, want 1", n)
			}
		})
	}
}

// A worker that is frozen between Begin and the effect may go on at any time, so
// nothing is proven while it lives.
func TestFrozenWorkerIsWaitedFor(t *testing.T) {
	b := newBench(t)
	call := b.call(1, writing{At: "begun", How: "stop"})
	w := b.frozen(call)
	seen := b.settle(call, 3*time.Second)
	if seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, fmt.Sprintf("process %d", w.Process.Pid)) || !strings.Contains(seen.Detail, "stopped") {
		t.Fatalf("while it is frozen: %+v", seen)
	}
	if answer := w.thaw(t); answer != "<nil>" {
		t.Fatalf("thawed: %s", answer)
	}
	if seen := b.settle(call, time.Minute); seen.Sight != plan.Holds {
		t.Fatalf("after it went on: %+v", seen)
	}
	if n := effects(b.file); n != 1 {
		t.Fatalf("%d effects, want 1", n)
	}
}

func TestFrozenWorkerThatIsKilled(t *testing.T) {
	b := newBench(t)
	call := b.call(1, writing{At: "begun", How: "stop"})
	w := b.frozen(call)
	if err := w.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = w.Wait()
	if seen := b.settle(call, time.Minute); seen.Sight != plan.HoldsNot {
		t.Fatalf("after it was killed: %+v", seen)
	}
}

// A worker frozen before Begin is too late once the attempt was settled.
func TestLateAttemptIsRefused(t *testing.T) {
	b := newBench(t)
	call := b.call(1, writing{At: "look", How: "stop"})
	w := b.frozen(call)
	if seen := b.settle(b.call(1, writing{}), time.Minute); seen.Sight != plan.HoldsNot || !seen.Never || !strings.Contains(seen.Detail, "never begun") {
		t.Fatalf("settled: %+v", seen)
	}
	if _, err := b.site.act(context.Background(), writeLine, b.call(2, writing{File: b.file + ".2"})); err != nil {
		t.Fatalf("next generation: %v", err)
	}
	if answer := w.thaw(t); !strings.Contains(answer, plan.ErrRefused) || !strings.Contains(answer, "given up") {
		t.Fatalf("late attempt: %s, want Refused", answer)
	}
	if n := effects(b.file); n != 0 {
		t.Fatalf("%d effects of the late attempt, want 0", n)
	}
}

// What holds though its attempt was never begun is somebody else's doing, and is said to be.
func TestWhatWasNeverBegunAndHoldsIsSomebodyElsesDoing(t *testing.T) {
	b := newBench(t)
	call := b.call(1, writing{})
	if err := os.WriteFile(b.file, []byte("by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if seen := b.settle(call, time.Minute); seen.Sight != plan.Holds || !seen.Never {
		t.Errorf("settled: %+v", seen)
	}
}

func TestStaleTokenIsRefused(t *testing.T) {
	b := newBench(t)
	newer, older := b.call(1, writing{File: b.file + ".newer"}), b.call(2, writing{})
	newer.Token, older.Token = 8, 7
	if _, err := b.site.act(context.Background(), writeLine, newer); err != nil {
		t.Fatal(err)
	}
	if _, err := b.site.act(context.Background(), writeLine, older); typeOf(err) != plan.ErrRefused || !strings.Contains(err.Error(), "later run") {
		t.Fatalf("stale token: %v, want Refused", err)
	}
	if n := effects(b.file); n != 0 {
		t.Fatalf("%d effects under a stale token", n)
	}
}

// A settling look in the worker that is still at it waits for the attempt's end.
func TestSettlingWaitsForTheAttemptInFlight(t *testing.T) {
	b := newBench(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	held := Define("test.write", writeLine.Doc, func(_ context.Context, p writing) (written, error) {
		close(inside)
		<-goOn
		return written{}, os.WriteFile(p.File, []byte("effect\n"), 0o600)
	})
	held.look = writeLine.look
	call := b.call(1, writing{})
	answered := make(chan error)
	go func() {
		_, err := b.site.act(context.Background(), held, call)
		answered <- err
	}()
	<-inside
	if seen := b.settle(call, 2*time.Second); seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "still at it") {
		t.Fatalf("in flight: %+v", seen)
	}
	settled := make(chan plan.Looked)
	go func() { settled <- b.settle(call, time.Minute) }()
	close(goOn)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if seen := <-settled; seen.Sight != plan.Holds {
		t.Fatalf("after its end: %+v", seen)
	}
}

// What flickers is not proven: "not" has to be seen without a break.
func TestSettlingNeedsASteadyView(t *testing.T) {
	b := newBench(t)
	looks := 0
	flicker := Define("test.write", writeLine.Doc, func(context.Context, writing) (written, error) {
		return written{}, errors.New("connection lost")
	}, Look(func(context.Context, writing) (Seen, error) {
		if looks++; looks > 1 && looks%2 == 0 {
			return Seen{}, errors.New("target does not answer")
		}
		return Seen{Sight: plan.HoldsNot, Detail: "no line"}, nil
	}))
	call := b.call(1, writing{})
	if _, err := b.site.act(context.Background(), flicker, call); err == nil || typeOf(err) == plan.ErrRefused {
		t.Fatalf("lost answer: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	call.Settling = true
	seen, err := b.site.lookAt(ctx, flicker, call)
	if err != nil || seen.Sight != plan.CannotTell {
		t.Fatalf("%+v %v, want cannot_tell", seen, err)
	}
}

// The engine out of reach for a while, or a worker that is stopped, is no reason to ask a person: the look is begun again.
// Only the run itself, and the time it has, end it with "cannot tell".
func TestASettlingLookThatIsCutOffSaysNothing(t *testing.T) {
	lost := serviceerror.NewUnavailable("the engine is away")
	for name, c := range map[string]struct {
		cause error
		tells bool
	}{"the engine is away": {lost, false}, "the worker stops": {context.Canceled, false}, "the run ends it": {temporal.NewCanceledError(), true}, "its time is over": {context.DeadlineExceeded, true}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ctx, end := context.WithCancelCause(context.Background())
			var looks atomic.Int32
			never := Define("test.write", writeLine.Doc, func(context.Context, writing) (written, error) {
				return written{}, errors.New("connection lost")
			}, Look(func(context.Context, writing) (Seen, error) {
				if ctx.Err() == nil && looks.Add(1) > 1 {
					end(c.cause)
				}
				return Seen{Sight: plan.HoldsNot, Detail: "no line"}, nil
			}))
			call := b.call(1, writing{})
			if _, err := b.site.act(context.Background(), never, call); err == nil || typeOf(err) == plan.ErrRefused {
				t.Fatalf("lost answer: %v", err)
			}
			call.Settling = true
			seen, err := b.site.lookAt(ctx, never, call)
			if tells := err == nil && seen.Sight == plan.CannotTell; tells != c.tells || err != nil && !strings.Contains(err.Error(), "begun again") {
				t.Errorf("%+v %v, want a word: %t", seen, err, c.tells)
			}
		})
	}
}

// Another worker's ledger knows what became of an attempt; this one's does not, and that
// it has no line of it proves nothing.
func TestAnAttemptOfAnotherLedgerIsNotVouchedFor(t *testing.T) {
	b := newBench(t)
	call := b.call(1, writing{})
	call.TakenBy = plan.WorkerIdentity(7, "the-other-machine", "0123456789abcdef")
	seen := b.settle(call, time.Minute)
	if seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "process 7@the-other-machine") {
		t.Errorf("an attempt in another ledger = %+v", seen)
	}
	for _, taker := range []string{"", "7@an-older-version", plan.WorkerIdentity(7, "here", b.site.Ledger.ID())} {
		call.TakenBy = taker
		if seen := b.settle(call, time.Minute); seen.Sight != plan.HoldsNot {
			t.Errorf("an attempt taken by %q that was never begun = %+v", taker, seen)
		}
	}
}
