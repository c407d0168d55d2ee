package keyring_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/temporaltest"
)

const canary = "kanariya-in-the-mine"

// process is one with a keyring of its own on the test's engine.
type process struct {
	t             *testing.T
	file          string
	client, flows client.Client
}

func newProcess(t *testing.T, ring keyring.Ring) *process {
	t.Helper()
	e := temporaltest.Start(t)
	p := &process{t: t, file: filepath.Join(t.TempDir(), "keyring")}
	p.give(ring)
	held, err := keyring.Open(t.Context(), p.file, func(context.Context) (string, error) { b, err := os.ReadFile(p.file); return string(b), err }, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := e.Connection(e.Namespace)
	at.Codec, at.Log = keyring.NewCodec(held, e.Namespace), slog.New(slog.DiscardHandler)
	if p.client, err = engine.Dial(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	if p.flows, err = engine.ForWorkflows(t.Context(), p.client, at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.flows.Close)
	return p
}

func (p *process) give(r keyring.Ring) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte(r.Text()), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) work(c client.Client, queue string, register func(worker.Worker)) {
	p.t.Helper()
	w := worker.New(c, queue, worker.Options{})
	register(w)
	if err := w.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(w.Stop)
}

func ring(t *testing.T, active string, keys ...keyring.Key) keyring.Ring {
	t.Helper()
	return keyring.Ring{Active: active, Keys: keys}
}

func key(t *testing.T, id string) keyring.Key {
	t.Helper()
	k, err := keyring.New(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// echo asks the site, waits for a word and asks it again.
func echo(ctx workflow.Context, site, text string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: site, StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
	var first, word, second string
	if err := workflow.ExecuteActivity(ctx, "say", text).Get(ctx, &first); err != nil {
		return "", err
	}
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, &word)
	err := workflow.ExecuteActivity(ctx, "say", word).Get(ctx, &second)
	return first + " " + second, err
}

func say(_ context.Context, text string) (string, error) {
	if text == "fail" {
		return "", errors.New("it said " + canary)
	}
	return text + "!", nil
}

func register(w worker.Worker)    { w.RegisterWorkflow(echo) }
func registerSay(w worker.Worker) { w.RegisterActivity(say) }

func (p *process) history(r client.WorkflowRun) (all string, failed []string) {
	p.t.Helper()
	it := p.client.GetWorkflowHistory(p.t.Context(), r.GetID(), r.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		b, err := protojson.Marshal(e)
		if err != nil {
			p.t.Fatal(err)
		}
		all += string(b) + "\n"
		if f := e.GetWorkflowTaskFailedEventAttributes(); f != nil {
			failed = append(failed, f.GetFailure().GetMessage())
		}
	}
	return all, failed
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// A worker of workflows that lacks a key holds the run up, says which key, and the run goes
// on when the key is there: it neither fails nor loses anything.
func TestAServerWithoutTheKeyHoldsAndDoesNotFail(t *testing.T) {
	k1, k2 := key(t, "k1"), key(t, "k2")
	e := temporaltest.Start(t)
	flows, site := e.Queue(t), e.Queue(t)
	asks, serves := newProcess(t, ring(t, "k2", k1, k2)), newProcess(t, ring(t, "k1", k1))
	serves.work(serves.flows, flows, register)
	asks.work(asks.client, site, registerSay)

	r, err := asks.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: flows}, echo, site, canary)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server says that it lacks k2", func() bool {
		d, err := asks.client.DescribeWorkflow(t.Context(), r.GetID(), "")
		if err != nil || d.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			t.Fatalf("%v %v", d, err)
		}
		_, failed := asks.history(r)
		return len(failed) > 0
	})
	serves.give(ring(t, "k1", k1, k2))
	if err := asks.client.SignalWorkflow(t.Context(), r.GetID(), "", "go", "on"); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := r.Get(t.Context(), &got); err != nil || got != canary+"! on!" {
		t.Fatalf("%q %v", got, err)
	}
	all, _ := asks.history(r)
	if strings.Contains(all, canary) || strings.Contains(all, base64.StdEncoding.EncodeToString([]byte(canary))[:16]) || !strings.Contains(all, base64.StdEncoding.EncodeToString([]byte(keyring.Encoding))) {
		t.Errorf("the history shows what is in it:\n%s", all)
	}
}

// A site's worker that lacks a key begins nothing, and says so as a refusal in both languages.
func TestASiteWithoutTheKeyRefuses(t *testing.T) {
	k1, k2 := key(t, "k1"), key(t, "k2")
	e := temporaltest.Start(t)
	flows, site := e.Queue(t), e.Queue(t)
	serves, works := newProcess(t, ring(t, "k2", k1, k2)), newProcess(t, ring(t, "k1", k1))
	serves.work(serves.flows, flows, register)
	began := make(chan string, 1)
	works.work(works.client, site, func(w worker.Worker) {
		w.RegisterActivityWithOptions(func(_ context.Context, s string) (string, error) { began <- s; return s, nil }, activity.RegisterOptions{Name: "say"})
	})
	r, err := serves.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: flows}, echo, site, "x")
	if err != nil {
		t.Fatal(err)
	}
	err = r.Get(t.Context(), nil)
	app := new(temporal.ApplicationError)
	if !errors.As(err, &app) || app.Type() != plan.ErrRefused {
		t.Fatalf("%v, want a refusal", err)
	}
	for _, want := range []string{"key k2", "鍵 k2", works.file, "it has k1"} {
		if !strings.Contains(app.Message(), want) {
			t.Errorf("%q does not say %q", app.Message(), want)
		}
	}
	select {
	case s := <-began:
		t.Errorf("it began %q", s)
	default:
	}
}

// A key is changed in the middle: what was begun with the old one ends with the new one.
func TestAKeyIsChangedDuringAWorkflow(t *testing.T) {
	k1, k2 := key(t, "k1"), key(t, "k2")
	e := temporaltest.Start(t)
	flows, site := e.Queue(t), e.Queue(t)
	serves, works := newProcess(t, ring(t, "k1", k1)), newProcess(t, ring(t, "k1", k1))
	serves.work(serves.flows, flows, register)
	works.work(works.client, site, registerSay)
	r, err := serves.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: flows}, echo, site, "one")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first answer", func() bool { all, _ := serves.history(r); return strings.Contains(all, "ACTIVITY_TASK_COMPLETED") })
	for _, p := range []*process{works, serves} {
		p.give(ring(t, "k1", k1, k2))
	}
	for _, p := range []*process{works, serves} {
		p.give(ring(t, "k2", k1, k2))
	}
	fresh := newProcess(t, ring(t, "k2", k1, k2)) // as a person's command, or a server that was restarted
	if err := fresh.client.SignalWorkflow(t.Context(), r.GetID(), "", "go", "two"); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := r.Get(t.Context(), &got); err != nil || got != "one! two!" {
		t.Fatalf("%q %v", got, err)
	}
	all, failed := serves.history(r)
	for _, id := range []string{`"azE="`, `"azI="`} { // k1, k2
		if !strings.Contains(all, id) {
			t.Errorf("nothing in the history is encrypted with %s", id)
		}
	}
	if len(failed) > 0 {
		t.Errorf("held up: %v", failed)
	}
}

// Messages and stack traces of failures are encrypted with the rest.
func TestErrorTextsAreEncrypted(t *testing.T) {
	k1 := key(t, "k1")
	e := temporaltest.Start(t)
	flows, site := e.Queue(t), e.Queue(t)
	p := newProcess(t, ring(t, "k1", k1))
	p.work(p.flows, flows, register)
	p.work(p.client, site, registerSay)
	r, err := p.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: flows}, echo, site, "fail")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Get(t.Context(), nil); err == nil || !strings.Contains(err.Error(), canary) {
		t.Errorf("whoever has the key reads %v", err)
	}
	if all, _ := p.history(r); strings.Contains(all, canary) {
		t.Errorf("the history has the error in clear:\n%s", all)
	}
	clear := temporaltest.Start(t).Client.GetWorkflow(t.Context(), r.GetID(), "")
	if err := clear.Get(t.Context(), nil); err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "encryption.keyring") {
		t.Errorf("whoever has no key reads %v", err)
	}
}

// What a schedule starts has another ID than what was encrypted with the schedule.
func TestWhatAScheduleStartsIsRead(t *testing.T) {
	k1 := key(t, "k1")
	e := temporaltest.Start(t)
	queue := e.Queue(t)
	p := newProcess(t, ring(t, "k1", k1))
	p.work(p.flows, queue, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(_ workflow.Context, in string) (string, error) { return in + "!", nil }, workflow.RegisterOptions{Name: "due"})
	})
	h, err := p.client.ScheduleClient().Create(t.Context(), client.ScheduleOptions{ID: queue, Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: 24 * time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: queue, Workflow: "due", TaskQueue: queue, Args: []any{canary}}, TriggerImmediately: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Delete(context.WithoutCancel(t.Context())) })
	var started string
	eventually(t, "the schedule starts it", func() bool {
		d, err := h.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Info.RecentActions {
			started = a.StartWorkflowResult.WorkflowID
		}
		return started != ""
	})
	if started == queue {
		t.Fatal("the engine gives no ID of its own any more: the test shows nothing")
	}
	var got string
	if err := p.client.GetWorkflow(t.Context(), started, "").Get(t.Context(), &got); err != nil || got != canary+"!" {
		t.Fatalf("%q %v", got, err)
	}
}
