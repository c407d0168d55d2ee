package journaltest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// testOddNames: what one database takes for a name and another does not, neither store takes. Nothing is
// kept under it, nothing is found under it, and that is no error of the database.
func testOddNames(t *testing.T, s journal.Store) {
	ctx, at := t.Context(), time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	mustAppend(t, s, Started("r1", "quarterly", run.Drill, at))
	for _, odd := range []string{"r\x001", "\x00", "r1\xff", "\xed\xa0\x80", "東京\xe6"} {
		refused := func(what string, err error) {
			t.Helper()
			said := plan.SaidBy(err)
			if err == nil || said.JA == said.EN || errors.Is(err, journal.ErrNotFound) {
				t.Errorf("%s under %q: %v, want a refusal in both languages", what, odd, err)
			}
		}
		for _, e := range []run.Event{
			{Run: odd, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted},
			{Run: "r1", Writer: odd, Seq: 1, At: at, Kind: run.RemarkMade},
			{Run: "r1", Writer: "w", Seq: 1, At: at, Kind: run.EventKind(odd)},
		} {
			refused("append", s.Append(ctx, []run.Event{event("r1", 2, run.RemarkMade, nil), e}))
		}
		_, err := s.Token(ctx, odd, "r1")
		refused("token", err)
		_, err = s.Token(ctx, "orders", odd)
		refused("token", err)
		for _, d := range []journal.Document{{Kind: odd, ID: "a", Body: json.RawMessage(`{}`)}, {Kind: "a", ID: odd, Body: json.RawMessage(`{}`)}} {
			_, err := s.PutDocument(ctx, d)
			refused("document", err)
			if _, err := s.Document(ctx, d.Kind, d.ID); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("document %q %q: %v, want not found", d.Kind, d.ID, err)
			}
			if err := s.DropDocument(ctx, d.Kind, d.ID); err != nil {
				t.Errorf("drop %q %q: %v", d.Kind, d.ID, err)
			}
		}
		o := outcomeOf("r1", at, run.Met, "orders")
		o.Run = odd
		refused("outcome", s.PutOutcome(ctx, o))
		o = outcomeOf("r1", at, run.Met, odd)
		refused("outcome", s.PutOutcome(ctx, o))

		if list, err := s.Events(ctx, odd, 0, 0); err != nil || len(list) != 0 {
			t.Errorf("events of %q: %v, %v", odd, list, err)
		}
		for _, f := range []journal.Filter{{Run: odd}, {Scenario: odd}} {
			if list, err := s.Runs(ctx, f); err != nil || len(list) != 0 {
				t.Errorf("runs of %q: %v, %v", odd, list, err)
			}
		}
		for _, f := range []journal.OutcomeFilter{{Run: odd}, {Scenario: odd}, {System: odd}} {
			if list, err := s.Outcomes(ctx, f); err != nil || len(list) != 0 {
				t.Errorf("outcomes of %q: %v, %v", odd, list, err)
			}
			if list, err := s.SystemOutcomes(ctx, f); err != nil || len(list) != 0 {
				t.Errorf("outcomes of systems of %q: %v, %v", odd, list, err)
			}
		}
		if list, err := s.DocumentsOf(ctx, odd); err != nil || len(list) != 0 {
			t.Errorf("documents of %q: %v, %v", odd, list, err)
		}
		if _, err := s.Plan(ctx, odd); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("plan %q: %v, want not found", odd, err)
		}
		if err := s.RemoveRun(ctx, odd, at); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("remove %q: %v, want not found", odd, err)
		}
	}
	// Of a batch with one such event nothing was kept, and the store goes on.
	if got := mustEvents(t, s, "r1", 0, 0); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}
	mustAppend(t, s, event("r1", 2, run.RemarkMade, nil))
}
