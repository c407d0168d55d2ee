package temporal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/temporal"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
	"github.com/muster-dr/muster/workflows"
)

func TestMain(m *testing.M) {
	if as := os.Getenv("TEMPORAL_TEST_AS"); as != "" {
		os.Exit(child(as))
	}
	code := m.Run()
	temporaltest.Stop()
	os.Exit(waittest.WithoutLeaks(code))
}

type with map[string]any

// bench is a control plane on a real engine, with a worker of somebody else's beside it.
type bench struct {
	*sitetest.Site
	client    client.Client
	control   worker.Worker
	namespace string
	queue     string
	dir       string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	e := temporaltest.Start(t)
	b := &bench{queue: "tools-" + e.Queue(t), dir: t.TempDir()}
	b.client, b.namespace = e.NewClient(t)
	b.control = worker.New(b.client, plan.ControlQueue, worker.Options{WorkerStopTimeout: time.Second})
	workflows.Register(b.control)
	begin(t, b.control)
	b.Site = sitetest.New(t, temporal.Actions(temporal.Options{Client: b.client}))
	return b
}

func begin(t *testing.T, w worker.Worker) {
	t.Helper()
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
}

// tools is a worker as its owners write it: nothing of muster is in it.
func (b *bench) tools(t *testing.T) { t.Helper(); begin(t, toolsWorker(b.client, b.queue, b.dir)) }

func toolsWorker(c client.Client, queue, dir string) worker.Worker {
	w := worker.New(c, queue, worker.Options{WorkerStopTimeout: time.Second})
	named := func(name string, f any) { w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	done := filepath.Join(dir, "done")
	mark := func(ctx context.Context) error {
		f, err := os.OpenFile(done, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		fmt.Fprintln(f, activity.GetInfo(ctx).WorkflowExecution.ID)
		return f.Close()
	}
	named("switch_traffic", func(ctx context.Context, in struct{ To string }) (map[string]any, error) {
		return map[string]any{"moved": 3, "to": in.To}, mark(ctx)
	})
	named("without_argument", mark)
	named("traffic_is_at", func(context.Context, any) (bool, error) { _, err := os.Stat(done); return err == nil, nil })
	named("never_there", func(context.Context, any) (bool, error) { return false, nil })
	named("does_not_know", func(context.Context, any) (string, error) { return "perhaps", nil })
	named("half_done", func(ctx context.Context) error {
		return errors.Join(mark(ctx), fmt.Errorf("half done: %w", sdk.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)))
	})
	named("fails", func(ctx context.Context) error { return errors.Join(mark(ctx), errors.New("the balancer said no")) })
	named("refuses", func(context.Context) error {
		return sdk.NewApplicationError("it is not allowed to", plan.ErrRefused)
	})
	named("long", func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil })
	named("bytes", func(context.Context) ([]byte, error) { return []byte{0, 1}, nil })
	named("waits", func(ctx context.Context, in any) (string, error) {
		if err := mark(ctx); err != nil {
			return "", err
		}
		for { // until the file go is there
			if _, err := os.Stat(filepath.Join(dir, "go")); err == nil {
				return "went", nil
			}
			activity.RecordHeartbeat(ctx)
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return w
}

// times is how often an effect was had.
func (b *bench) times() int {
	text, _ := os.ReadFile(filepath.Join(b.dir, "done"))
	return strings.Count(string(text), "\n")
}

func (b *bench) step(with with) plan.Call {
	with["task_queue"] = b.queue
	return b.Step("temporal.activity", with)
}

func TestAForeignActivityRunsOnceAndGivesItsResult(t *testing.T) {
	b := newBench(t)
	b.tools(t)
	call := b.step(with{"activity": "switch_traffic", "input": with{"To": "osaka"}, "look": "traffic_is_at",
		"results": with{"moved": "int(output.moved)", "to": "string(output.to)"}})
	if seen := b.Look(call); seen.Sight != plan.HoldsNot {
		t.Errorf("before: %+v", seen)
	}
	var out temporal.Outcome
	if res, err := b.Act(call, &out); err != nil || res.Already {
		t.Fatalf("%+v %v", res, err)
	}
	if fmt.Sprint(out.Results["moved"]) != "3" || out.Results["to"] != "osaka" || out.Encoding != "json/plain" || out.Workflow != "activity/"+call.EffectKey {
		t.Errorf("%+v", out)
	}
	if line, _ := os.ReadFile(filepath.Join(b.dir, "done")); strings.TrimSpace(string(line)) != out.Workflow {
		t.Errorf("the activity saw the workflow %q", line)
	}
	// The answer was lost: the engine has it. The same key again is the same attempt.
	seen := b.Settle(call)
	if seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), `"moved":3`) {
		t.Errorf("settled: %+v %s", seen, seen.Output)
	}
	if res, err := b.Act(sitetest.Generation(call, 2), nil); err != nil || !res.Already || b.times() != 1 {
		t.Errorf("the goal holds already: %+v %v, done %d times", res, err, b.times())
	}

	var plainOut temporal.Outcome
	if _, err := b.Act(b.step(with{"activity": "without_argument"}), &plainOut); err != nil || plainOut.Output != nil {
		t.Errorf("without argument and result: %+v %v", plainOut, err)
	}
	if _, err := b.Act(b.step(with{"activity": "bytes"}), &plainOut); err != nil || plainOut.Output != nil || plainOut.Encoding != "binary/plain" {
		t.Errorf("no JSON: %+v %v", plainOut, err)
	}
	_, err := b.Act(b.step(with{"activity": "bytes", "results": with{"n": "int(output.n)"}}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "does not give the result n")
}

func TestWhatAForeignActivityComesTo(t *testing.T) {
	b := newBench(t)
	call := b.step(with{"activity": "switch_traffic", "input": with{}, "pickup": "500ms"})
	_, err := b.Act(call, nil)
	sitetest.Want(t, err, plan.ErrRefused, "no worker took switch_traffic", "nothing was begun")
	if seen := b.Settle(call); seen.Sight != plan.HoldsNot {
		t.Errorf("nobody took it: %+v", seen)
	}
	b.tools(t)
	for name, c := range map[string]struct {
		with  with
		typed string
		words string
		sight plan.Sight // of a settling look
	}{
		"not registered":   {with{"activity": "no_such"}, plan.ErrRefused, "has no activity no_such", plan.HoldsNot},
		"refuses":          {with{"activity": "refuses"}, plan.ErrRefused, "refuses: it is not allowed to", plan.HoldsNot},
		"half done":        {with{"activity": "half_done"}, plan.ErrFinding, "half done", plan.CannotTell},
		"fails":            {with{"activity": "fails"}, plan.ErrFinding, "the balancer said no", plan.CannotTell},
		"fails, but holds": {with{"activity": "fails", "look": "traffic_is_at"}, plan.ErrFinding, "the balancer said no", plan.Holds},
		"goal not reached": {with{"activity": "without_argument", "look": "never_there"}, plan.ErrFinding, "never_there returns false", plan.HoldsNot},
		"look can't tell":  {with{"activity": "without_argument", "look": "does_not_know"}, plan.ErrRefused, "cannot tell whether it is done already", plan.HoldsNot},
		"too long for it":  {with{"activity": "long", "input": 3 << 20}, plan.ErrFinding, "exceeded", plan.CannotTell},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(filepath.Join(b.dir, "done"))
			call := b.step(c.with)
			_, err := b.Act(call, nil)
			sitetest.Want(t, err, c.typed, c.words)
			if seen := b.Settle(call); seen.Sight != c.sight {
				t.Errorf("settled as %+v, want %s", seen, c.sight)
			}
		})
	}
	for queue, name := range map[string]string{plan.SiteQueue("osaka"): "postgres.promote", plan.ControlQueue: plan.ActivityAppend} {
		_, err := b.Act(b.Step("temporal.activity", with{"task_queue": queue, "activity": name}), nil)
		sitetest.Want(t, err, plan.ErrRefused, "muster's own")
	}
	var out struct {
		Output string
		Cut    []struct{ Bytes int }
	}
	if _, err := b.Act(b.step(with{"activity": "long", "input": 200 << 10}), &out); err != nil || len(out.Cut) != 1 || out.Cut[0].Bytes != 200<<10 || len(out.Output) > 64<<10 {
		t.Errorf("200 KiB: %d bytes, cut %v, %v", len(out.Output), out.Cut, err)
	}
}

// What is declared in the step counts, also at the site: an isolated drill lets an
// activity run that declares isolated, and no other.
func TestTheStepDeclaresTheEffect(t *testing.T) {
	b := newBench(t)
	b.tools(t)
	for declared, typed := range map[string]string{"isolated": "", "": plan.ErrRefused, "destroy": plan.ErrRefused, "${{ 'observe' }}": plan.ErrRefused} {
		w := with{"activity": "without_argument"}
		if declared != "" {
			w["effect"] = declared
		}
		call := b.step(w)
		call.Depth, call.Effect = run.IsolatedRun, run.Isolated
		_, err := b.Act(call, nil)
		if typed == "" && err != nil || typed != "" && err == nil {
			t.Errorf("%q: %v", declared, err)
		}
	}
}

// The worker that runs the activity is killed in the middle: nobody can tell, and it is not
// done again. The worker that waits for the answer is killed: the engine has the answer.
func TestKilledInTheMiddle(t *testing.T) {
	b := newBench(t)
	tools := b.spawn(t, "tools")
	call := b.step(with{"activity": "waits", "heartbeat": "10s", "look": "traffic_is_at"})
	ended := make(chan error, 1)
	go func() { _, err := b.Act(call, nil); ended <- err }()
	b.until(t, "the activity is at work", func() bool { return b.times() == 1 })
	if seen := b.Look(call); seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "under way") {
		t.Errorf("at work: %+v", seen)
	}
	kill(t, tools)
	b.spawn(t, "tools") // it is started again, and must not get the same order
	select {
	case err := <-ended:
		sitetest.Want(t, err, "", "fell silent")
	case <-time.After(2 * time.Minute):
		t.Fatal("a killed worker is not noticed within 2m")
	}
	if seen := b.Settle(call); seen.Sight != plan.Holds || b.times() != 1 { // by the looking activity
		t.Errorf("settled: %+v, done %d times", seen, b.times())
	}

	_ = os.Remove(filepath.Join(b.dir, "done"))
	call = b.step(with{"activity": "waits", "heartbeat": "1m"})
	call.Run = "r2"
	call = sitetest.Generation(call, 1)
	text, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	site := b.spawn(t, "site", "TEMPORAL_TEST_CALL="+string(text))
	b.until(t, "the activity is at work", func() bool { return b.times() == 1 })
	kill(t, site)
	if seen := b.Look(call); seen.Sight != plan.CannotTell {
		t.Errorf("with nobody waiting: %+v", seen)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.until(t, "the engine has the answer", func() bool { return b.Look(call).Sight == plan.Holds })
	if seen := b.Look(call); !strings.Contains(string(seen.Output), "went") || b.times() != 1 {
		t.Errorf("%+v %s, done %d times", seen, seen.Output, b.times())
	}
}

// An engine that knows nothing of an attempt proves that it was never ordered only for as
// long as it remembers what ended.
func TestWhatTheEngineForgotIsNotProofOfNothing(t *testing.T) {
	b := newBench(t)
	call := b.step(with{"activity": "without_argument"})
	if err := errors.Join(b.Ledger.Begin(call.EffectKey, "orders", 1, call.Uses), b.Ledger.End(call.EffectKey, "Error", "")); err != nil {
		t.Fatal(err)
	}
	ledgers, err := sql.Open("sqlite", b.Ledger.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer ledgers.Close()
	aged := func(d time.Duration) {
		t.Helper()
		if _, err := ledgers.Exec(`UPDATE effects SET at = ?`, time.Now().Add(-d).UTC().Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
	}
	aged(13 * time.Hour)
	if seen := b.Settle(call); seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "forgets what ended") || !strings.Contains(seen.Detail, "保持しない") {
		t.Errorf("settled after the engine forgot: %+v", seen)
	}
	aged(time.Hour)
	if seen := b.Settle(call); seen.Sight != plan.HoldsNot {
		t.Errorf("settled while the engine remembers: %+v", seen)
	}
	if got := temporal.Retention(t.Context(), b.client, b.namespace); got != 24*time.Hour-24*time.Hour/10 {
		t.Errorf("retention %s, want that of the namespace less a tenth", got)
	}
}

func TestReadyLooksForAWorker(t *testing.T) {
	b := newBench(t)
	if b.ready(t) == 0 {
		t.Error("ready without a worker")
	}
	b.tools(t)
	b.until(t, "it is ready", func() bool { return b.ready(t) == 0 })
}

func (b *bench) ready(t *testing.T) int {
	t.Helper()
	return len(b.Ready(b.step(with{"activity": "switch_traffic", "input": with{}})).Problems)
}

func (b *bench) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 2m: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// spawn starts this test binary as a process that can be killed.
func (b *bench) spawn(t *testing.T, as string, more ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := temporaltest.Start(t)
	connection, err := json.Marshal(address{e.Address, e.Token, b.namespace})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), "TEMPORAL_TEST_AS="+as, "TEMPORAL_TEST_ENGINE="+string(connection), "TEMPORAL_TEST_QUEUE="+b.queue, "TEMPORAL_TEST_DIR="+b.dir), more...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func kill(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
}

// address is how a child reaches the engine.
type address struct{ Address, Token, Namespace string }

// child is the foreign worker, or a site worker that carries out one call.
func child(as string) int {
	var at address
	if err := json.Unmarshal([]byte(os.Getenv("TEMPORAL_TEST_ENGINE")), &at); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := engine.Dial(context.Background(), engine.Connection{Address: at.Address, Token: at.Token, Namespace: at.Namespace, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if as == "tools" {
		err = toolsWorker(c, os.Getenv("TEMPORAL_TEST_QUEUE"), os.Getenv("TEMPORAL_TEST_DIR")).Run(worker.InterruptCh())
	} else {
		err = carryOut(c)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func carryOut(c client.Client) error {
	var call plan.Call
	if err := json.Unmarshal([]byte(os.Getenv("TEMPORAL_TEST_CALL")), &call); err != nil {
		return err
	}
	led, err := ledger.Open(filepath.Join(os.Getenv("TEMPORAL_TEST_DIR"), "ledger.db"))
	if err != nil {
		return err
	}
	r := activities.NewRegistry()
	r.Add(temporal.Actions(temporal.Options{Client: c})...)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(slog.New(slog.DiscardHandler))
	env := suite.NewTestActivityEnvironment()
	r.Register(env, activities.Site{Name: "osaka", Ledger: led})
	_, err = env.ExecuteActivity(call.Uses, call)
	return err
}
