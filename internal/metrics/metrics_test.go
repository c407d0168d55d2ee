package metrics

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func TestRunsAreCountedFromTheRecord(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)
	begin := func(id string, kind run.Kind) run.Event {
		return run.Event{Run: id, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: "sato",
			Data: run.Encode(run.Started{Kind: kind, Depth: run.Live, Scenario: "tokyo-loss"})}
	}
	// later is a drill of the same scenario that proves nothing, an hour after.
	later := func(id string, depth run.Depth, state run.State, steps ...run.Event) []run.Event {
		started := begin(id, run.Drill)
		started.Data = run.Encode(run.Started{Kind: run.Drill, Depth: depth, Scenario: "tokyo-loss"})
		out := []run.Event{started}
		for _, s := range steps {
			s.Run = id
			out = append(out, s)
		}
		return append(out, run.Event{Run: id, Writer: "run", Seq: 2, At: at.Add(2 * time.Hour), Kind: run.RunEnded, Data: run.Encode(run.Ended{State: state})})
	}
	end := run.Event{Run: "a", Writer: "run", Seq: 2, At: at.Add(time.Hour), Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Recovered})}
	m := New("1.2.3")
	step := run.Event{Run: "a", Writer: "orders/failover", Seq: 1, At: at, Kind: run.StepEnded, Step: "promote", Action: "postgres.promote", Outcome: run.Passed,
		Data: run.Encode(run.StepResult{DurationS: 0.3})}
	if err := m.Counted(store).Append(context.Background(), []run.Event{begin("a", run.Drill), step, end, begin("b", run.Response)}); err != nil {
		t.Fatal(err)
	}
	read := step
	read.Data = run.Encode(run.StepResult{SettledBy: run.ByAcknowledge, DurationS: 600})
	for _, events := range [][]run.Event{later("c", run.Walkthrough, run.WalkedThrough, read), later("d", run.Tabletop, run.TalkedThrough), later("e", run.Live, run.Cancelled)} {
		if err := m.Counted(store).Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	m.Runs(store)
	m.Request("/api/v1/runs/{run}", "GET", 200, time.Millisecond)
	m.Request("", "BREW", 404, time.Millisecond)
	h := m.SDK().WithTags(map[string]string{"task_queue": "host:abc-123", "workflow_type": "Run", "namespace": "x"})
	h.Counter("temporal_request").Inc(2)
	h.Timer("temporal_request_latency").Record(time.Second)
	h.Gauge("temporal_worker_task_slots_available").Update(7)

	text := scrape(t, m)
	for _, want := range []string{
		`muster_runs_total{kind="drill",state="recovered"} 1`,
		`muster_runs_total{kind="drill",state="cancelled"} 1`,
		`muster_runs_open{kind="response"} 1`,
		`muster_last_drill_timestamp_seconds{depth="live",scenario="tokyo-loss"} 1.795068e+09`,
		`muster_steps_total{action="postgres.promote",depth="live",outcome="passed"} 1`,
		`muster_steps_total{action="postgres.promote",depth="walkthrough",outcome="passed"} 1`,
		`muster_step_duration_seconds_sum{action="postgres.promote"} 0.3`,
		`muster_build_info{version="1.2.3"} 1`,
		`muster_http_requests_total{method="GET",route="/api/v1/runs/{run}",status="200"} 1`,
		`muster_http_requests_total{method="other",route="none",status="404"} 1`,
		`temporal_request{activity_type="",operation="",poller_type="",status_code="",task_queue="sticky",worker_type="",workflow_type="Run"} 2`,
		`temporal_request_latency_seconds_sum`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape has no %s", want)
		}
	}
	if n := strings.Count(text, "muster_last_drill_timestamp_seconds{"); n != 1 {
		t.Errorf("%d scenarios and depths have a last drill, want 1: what was only read, talked through or cancelled is none", n)
	}
	if strings.Contains(text, "namespace") || strings.Contains(text, "abc-123") {
		t.Error("a label without a bound is in the scrape")
	}
}

// What is said to people is counted by channel, matter and outcome, and every series exists
// at once.
func TestChannels(t *testing.T) {
	m := New("1.2.3")
	c := m.Channels("mail", "slack")
	c.Delivered("mail", channel.Call, "delivered", 300*time.Millisecond)
	c.Retried("slack")
	c.Waiting("mail", 3)
	c.Waiting("mail", -1)
	text := scrape(t, m)
	for _, want := range []string{
		`muster_channel_messages_total{channel="mail",matter="call",outcome="delivered"} 1`,
		`muster_channel_messages_total{channel="slack",matter="decision",outcome="failed"} 0`,
		`muster_channel_retries_total{channel="slack"} 1`,
		`muster_channel_waiting{channel="mail"} 2`,
		`muster_channel_delivery_duration_seconds_sum{channel="mail"} 0.3`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape has no %s", want)
		}
	}
}

// Break-glass is counted once for each use, and what two people did is none.
func TestBreakGlassIsCounted(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	m, seq := New("1.2.3"), int64(0)
	event := func(kind run.EventKind, data any) run.Event {
		seq++
		return run.Event{Run: "a", Writer: "run", Seq: seq, At: time.Now(), Kind: kind, By: "sato", Data: run.Encode(data)}
	}
	if text := scrape(t, m); !strings.Contains(text, `muster_break_glass_total{depth="real",for="recovery"} 0`) {
		t.Error("an alert can't see the first use: the series begins with it")
	}
	err = m.Counted(store).Append(t.Context(), []run.Event{
		event(run.RunStarted, run.Started{Kind: run.Response, Depth: run.Real, Scenario: "tokyo-loss"}),
		event(run.ActivationConfirmed, run.Approval{BreakGlass: true, WithRecovery: true}), event(run.ApprovalGiven, run.Approval{BreakGlass: true}),
		event(run.ApprovalGiven, run.Approval{}), event(run.StepActed, run.StepAct{BreakGlass: true}), event(run.StepActed, run.StepAct{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	text := scrape(t, m)
	for series, n := range map[string]string{"activation": "0", "recovery": "1", "step": "1"} {
		if want := `muster_break_glass_total{depth="real",for="` + series + `"} ` + n + "\n"; !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
