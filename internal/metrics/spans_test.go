package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// How long phases took and how long people were waited for comes out right although the server was
// started again in between, and what the engine answered for people is not people's.
func TestSpansOutliveARestart(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at, seq := time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC), int64(0)
	event := func(after time.Duration, kind run.EventKind, e run.Event) run.Event {
		seq++
		e.Run, e.Writer, e.Seq, e.At, e.Kind = "a", "run", seq, at.Add(after), kind
		return e
	}
	before := New("1").Counted(store)
	if err := before.Append(t.Context(), []run.Event{
		event(0, run.RunStarted, run.Event{By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss"})}),
		event(time.Minute, run.PhaseStarted, run.Event{Phase: run.Recovery}),
		event(2*time.Minute, run.DecisionAsked, run.Event{System: "orders"}),
		event(2*time.Minute, run.DecisionAsked, run.Event{System: "mail"}),
		event(2*time.Minute, run.StepWaiting, run.Event{Step: "announce"}),
	}); err != nil {
		t.Fatal(err)
	}
	m := New("1")
	if err := m.Counted(store).Append(t.Context(), []run.Event{
		event(3*time.Minute, run.DecisionAsked, run.Event{System: "orders"}), // a reminder
		event(4*time.Minute, run.DecisionMade, run.Event{System: "orders", By: "tanaka"}),
		event(4*time.Minute, run.DecisionMade, run.Event{System: "mail", By: run.Engine}),
		event(5*time.Minute, run.StepActed, run.Event{Step: "announce", By: "tanaka"}),
		event(11*time.Minute, run.PhaseEnded, run.Event{Phase: run.Recovery}),
		event(12*time.Minute, run.PhaseEnded, run.Event{Phase: run.Muster}), // began in no event
	}); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, m)
	for _, want := range []string{
		`muster_phase_duration_seconds_sum{kind="drill",phase="recovery"} 600`,
		`muster_phase_duration_seconds_count{kind="drill",phase="recovery"} 1`,
		`muster_person_answer_duration_seconds_sum{for="decision"} 120`,
		`muster_person_answer_duration_seconds_count{for="decision"} 1`,
		`muster_person_answer_duration_seconds_sum{for="step"} 180`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the scrape has no %s", want)
		}
	}
	if !strings.Contains(text, `muster_phase_duration_seconds_count{kind="drill",phase="muster"} 0`) || strings.Contains(text, "tanaka") {
		t.Error("a phase without a beginning, or a person, is in the scrape")
	}
}

// A store that fails is seen in the figures, and takes none of the others away.
func TestAStoreThatFailsIsInTheFigures(t *testing.T) {
	raw, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	m := New("1.2.3")
	store := m.Timed(raw)
	if _, err := store.Document(t.Context(), "token", "none"); err == nil {
		t.Fatal("a document that is not there was read")
	}
	m.Runs(store)
	if text := scrape(t, m); !strings.Contains(text, `muster_store_errors_total{operation="documents"} 0`) || !strings.Contains(text, "muster_runs_open") {
		t.Errorf("what is not there counts as an error, or nothing is read:\n%s", text)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Ping(t.Context()); err == nil {
		t.Fatal("a closed store answers")
	}
	scrape(t, m) // counts the reading that fails in it
	text := scrape(t, m)
	for _, want := range []string{`muster_build_info{version="1.2.3"} 1`, `muster_store_errors_total{operation="ping"} 1`, `muster_store_duration_seconds_count{operation="ping"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape has no %s", want)
		}
	}
	if strings.Contains(text, `muster_store_errors_total{operation="read"} 0`) || strings.Contains(text, "muster_runs_open") {
		t.Error("runs that can't be read are shown, or their failure is not")
	}
}
