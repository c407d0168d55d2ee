package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// wire is what lies between server, worker and engine. It loses answers of calls that were
// carried out, and calls.
type wire struct {
	mu    sync.Mutex
	lost  map[string]int                    // answers to lose, by method
	calls map[string]int                    // answers lost, by method
	away  int                               // calls that don't get through, of any method
	fault func(call int) (before, it error) // of every call, by its number; nil is none
	n     int
}

func (w *wire) carry(ctx context.Context, full string, in, out any, c *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	method := path.Base(full)
	w.mu.Lock()
	w.n++
	var before, after error
	switch {
	case w.away > 0:
		w.away--
		before = status.Error(codes.Unavailable, "the wire is cut")
	case w.lost[method] > 0:
		w.lost[method]--
		w.calls[method]++
		after = status.Error(codes.DeadlineExceeded, "the answer is lost")
		if strings.HasPrefix(method, "Respond") { // whose worker asks again by itself
			after = status.Error(codes.Unavailable, "the answer is lost")
		}
	case w.fault != nil:
		before, after = w.fault(w.n)
	}
	w.mu.Unlock()
	if before != nil {
		return before
	}
	if err := call(ctx, full, in, out, c, opts...); err != nil {
		return err
	}
	return after
}

func (w *wire) lose(method string, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost[method] = times
}

func (w *wire) hasLost(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[method]
}

type bearer string

func (b bearer) GetHeaders(context.Context) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// newWire is a server and a worker whose engine is at the end of a wire.
func newWire(t *testing.T) (*world, *wire) {
	t.Helper()
	e := temporaltest.Start(t)
	_, namespace := e.NewClient(t)
	lossy := &wire{lost: map[string]int{}, calls: map[string]int{}}
	c, err := client.DialContext(t.Context(), client.Options{HostPort: e.Address, Namespace: namespace, HeadersProvider: bearer(e.Token),
		Logger: silence{}, ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(lossy.carry)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return worldOn(t, c), lossy
}

type silence struct{}

func (silence) Debug(string, ...any) {}
func (silence) Info(string, ...any)  {}
func (silence) Warn(string, ...any)  {}
func (silence) Error(string, ...any) {}

// insist does something as a person does whose click was not answered: the same again,
// under the same key, until it is.
func (w *world) insist(path, key string, body any) json.RawMessage {
	w.t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for late := time.Now().Add(time.Minute); ; <-again.C {
		code, text := w.send(path, key, body)
		if code < 300 {
			return text
		}
		if code < 500 || time.Now().After(late) {
			w.t.Fatalf("%s under %s: %d %s", path, key, code, text)
		}
	}
}

// lead leads a real response to its end; every act is insisted on.
func (w *world) lead(t *testing.T) string {
	t.Helper()
	request := response("tokyo-loss", "sato")
	request.RequestID = "the-only-one"
	var begun api.Started
	if err := json.Unmarshal(w.insist("/api/v1/runs", request.RequestID, request), &begun); err != nil {
		t.Fatal(err)
	}
	id := begun.Run
	w.until(id, run.DecisionAsked)
	at := "/api/v1/runs/" + id
	w.insist(at+"/checkin", "safe", workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe, CanCome: true})
	w.insist(at+"/decide", "decide", workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"})
	w.until(id, run.ApprovalAsked)
	w.insist(at+"/approve", "approve", workflows.Approve{By: "suzuki"})
	w.until(id, run.StepWaiting)
	w.insist(at+"/steps/announce", "step", api.StepRequest{Act: run.ActDone, By: "tanaka"})
	w.until(id, run.RecordsAsked)
	w.insist(at+"/confirm", "closing", workflows.Confirm{Phase: run.Closing, By: "suzuki", Note: "nothing was hard"})
	w.until(id, run.RunEnded)
	if runs, err := w.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 1 {
		t.Errorf("runs = %v, %v, want one", runs, err)
	}
	return id
}

// judgeOnce holds a run's journal to what was done in it: each act once, no event missing
// and none twice.
func (w *world) judgeOnce(t *testing.T, id string) {
	t.Helper()
	seen, err := w.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	acts, next := map[run.EventKind]int{}, map[string]int64{}
	for _, e := range seen.Entries {
		if e.Event.Kind != run.DecisionMade || e.Event.By == "sato" { // the plan's own rule decides on the way home
			acts[e.Event.Kind]++
		}
		if e.Event.Seq != next[e.Event.Writer]+1 {
			t.Errorf("%s: event %d comes after %d", e.Event.Writer, e.Event.Seq, next[e.Event.Writer])
		}
		next[e.Event.Writer] = e.Event.Seq
	}
	for kind, want := range map[run.EventKind]int{run.RunStarted: 1, run.PersonAnswered: 1, run.DecisionMade: 1, run.ApprovalGiven: 1, run.StepEnded: 1, run.RunEnded: 1} {
		if acts[kind] != want {
			t.Errorf("%s: %d times in the journal, want %d", kind, acts[kind], want)
		}
	}
}

// Each call that begins or moves a run is carried out and its answer lost: whoever asks
// again, person or worker, does not do it twice, and nothing that was taken is missing.
func TestLostAnswersOfTheEngine(t *testing.T) {
	t.Parallel()
	w, wire := newWire(t)
	// A start is an update with its start; of signals the run gets one.
	methods := map[string]int{"ExecuteMultiOperation": 2, "UpdateWorkflowExecution": 2, "SignalWorkflowExecution": 1, "RespondWorkflowTaskCompleted": 2, "RespondActivityTaskCompleted": 2}
	for m, times := range methods {
		wire.lose(m, times)
	}
	id := w.lead(t)
	w.judgeOnce(t, id)
	for m, times := range methods {
		if got := wire.hasLost(m); got != times {
			t.Errorf("%d answers of %s were lost, want %d: the test proved nothing of it", got, m, times)
		}
	}
	// The same click long afterwards is still the same.
	again := w.insist("/api/v1/runs", "the-only-one", func() api.StartRequest {
		r := response("tokyo-loss", "sato")
		r.RequestID = "the-only-one"
		return r
	}())
	var begun api.Started
	if err := json.Unmarshal(again, &begun); err != nil || begun.Run != id {
		t.Errorf("asked again after the end: %s, %v", again, err)
	}
}

// The engine is away for a while and answers every fifth call with Unavailable after that,
// half of which it carried out: a run takes longer, and nothing of it is wrong.
func TestAnEngineThatIsOftenUnavailable(t *testing.T) {
	t.Parallel()
	w, wire := newWire(t)
	wire.mu.Lock()
	wire.fault = func(n int) (before, after error) {
		err := status.Error(codes.Unavailable, "persistence is unavailable")
		switch n % 10 {
		case 3:
			return err, nil
		case 8:
			return nil, err
		}
		return nil, nil
	}
	wire.away = 30
	wire.mu.Unlock()
	w.judgeOnce(t, w.lead(t))
}

// The engine's retention has passed: it knows nothing of a run any more. What is kept is
// complete all the same, and the system can be moved again.
func TestARunThatTheEngineForgot(t *testing.T) {
	t.Parallel()
	c, namespace := temporaltest.Start(t).NewClient(t)
	w := worldOn(t, c)
	id := w.lead(t)
	report := func() string {
		t.Helper()
		b, err := w.Report(t.Context(), id, "json", "en")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before, err := w.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	said := report()
	forget(t, c, namespace)

	after, err := w.Events(t.Context(), id, 0, 0)
	if err != nil || !reflect.DeepEqual(before.Entries, after.Entries) {
		t.Errorf("the journal has %d events, and had %d: %v", len(after.Entries), len(before.Entries), err)
	}
	if now := report(); now != said {
		t.Errorf("the report was %q and is %q", said, now)
	}
	if one, err := w.Run(t.Context(), id); err != nil || one.Summary.Run != id || !one.Summary.State.Ended() {
		t.Errorf("the run: %+v, %v", one.Summary, err)
	}
	if next := w.start(response("tokyo-loss", "sato")); next.Run == id || next.Attached {
		t.Errorf("a new one: %+v", next)
	}
}

// forget removes everything that has ended from the engine, as its retention does.
func forget(t *testing.T, c client.Client, namespace string) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for late := time.Now().Add(2 * time.Minute); ; <-again.C {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "ExecutionStatus != 'Running'"})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Executions) == 0 {
			return
		}
		for _, x := range list.Executions {
			_, err := c.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{Namespace: namespace, WorkflowExecution: x.Execution})
			if gone := new(serviceerror.NotFound); err != nil && !errors.As(err, &gone) {
				t.Fatal(err)
			}
		}
		if time.Now().After(late) {
			t.Fatalf("after two minutes the engine still knows %v", list.Executions)
		}
	}
}
