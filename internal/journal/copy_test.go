package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// fill puts something of everything into a store, and more events than one statement takes.
func fill(t *testing.T, s journal.Store) {
	t.Helper()
	ctx, at := t.Context(), time.Unix(1_790_000_000, 123_456_000).UTC()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "quarterly", Title: plan.Text{JA: "四半期訓練 <髙橋>"}}}
	must(p.Seal())
	must(s.PutPlan(ctx, p))
	for n := range 3 {
		id := fmt.Sprintf("r%d", n)
		events := []run.Event{{Run: id, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "quarterly", PlanHash: p.Hash})}}
		for seq := int64(1); seq <= 250; seq++ {
			events = append(events, remark(id, "w", seq))
		}
		must(s.Append(ctx, append(events, run.Event{Run: id, Writer: "run", Seq: 2, At: at, Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Recovered})})))
		_, err := s.Token(ctx, "orders", id)
		must(err)
		must(s.PutOutcome(ctx, journal.Outcome{Run: id, Version: 1, Kind: run.Drill, EndedAt: at, StartedAt: at, Body: json.RawMessage(`{"a":"é"}`),
			Systems: []journal.SystemOutcome{{System: "orders", Verdict: run.Met, Body: json.RawMessage(`{}`)}}}))
	}
	must(s.RemoveRun(ctx, "r2", at)) // the newest positions are free now, and may not be given again
	for _, id := range []string{"b", "a", "Z", "髙"} {
		_, err := s.PutDocument(ctx, journal.Document{Kind: "token", ID: id, Body: json.RawMessage(`{"n": "\u0000"}`), ChangedAt: at})
		must(err)
		must(s.Note(ctx, journal.Access{At: at, Person: "aiko", Act: "sign in", Object: "a\x00\xffb", Outcome: "ok"}))
	}
}

// An installation moves from one kind of store to the other and back, and nothing of it changes.
func testAWholeStoreMoves(t *testing.T, pair *pgtest.Pair) {
	first := "sqlite:" + filepath.Join(t.TempDir(), "journal.db")
	s := opened(t, first)
	fill(t, s)
	last := int64(0)
	for _, id := range []string{"r0", "r1"} {
		list, err := s.Events(t.Context(), id, 0, 0)
		if err != nil || len(list) != 252 {
			t.Fatalf("%d events, %v", len(list), err)
		}
		last = max(last, list[len(list)-1].Position)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	there, password := pair.NewDatabase(t)
	back := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	var want []journal.Copied
	for _, way := range [][2]string{{first, there}, {there, back}} {
		got, err := journal.Copy(t.Context(), way[0], way[1], journal.Password(password))
		if err != nil {
			t.Fatalf("%s to %s: %v", way[0], way[1], err)
		}
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("on the way back %+v, want %+v", got, want)
		}
	}
	for _, c := range want {
		if c.Rows == 0 {
			t.Errorf("nothing of %s was copied", c.Table)
		}
	}
	if _, err := journal.Copy(t.Context(), first, back); err == nil || !strings.Contains(err.Error(), "empty store only") {
		t.Errorf("copy over records: %v", err)
	}
	for _, address := range []string{there, back} {
		s := opened(t, address, journal.Password(password))
		if err := s.Append(t.Context(), []run.Event{remark("new", "w", 1)}); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Events(t.Context(), "new", 0, 0); err != nil || len(list) != 1 || list[0].Position <= last+252 {
			t.Errorf("%s: events %+v, %v: a position of a removed event was given again (%d)", address, list, err, last+252)
		}
		if n, err := s.Token(t.Context(), "orders", "new"); err != nil || n != 4 {
			t.Errorf("%s: token %d, %v, want 4", address, n, err)
		}
	}
}

// While a muster works with a store, no copy is made that would miss what comes after.
func testNoCopyIsMadeBesideAMuster(t *testing.T, pair *pgtest.Pair) {
	address, password := pair.NewDatabase(t)
	s := opened(t, address, journal.Password(password))
	if err := s.Append(t.Context(), []run.Event{remark("r1", "w", 1)}); err != nil {
		t.Fatal(err)
	}
	held := databaseOf(pair.Tokyo, address)
	pgtest.Eventually(t, 20*time.Second, func() string {
		if pgtest.Value[int](t, held, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'") == 0 {
			return "the store is not held"
		}
		return ""
	})
	to := filepath.Join(t.TempDir(), "copy.db")
	if _, err := journal.Copy(t.Context(), address, "sqlite:"+to, journal.Password(password)); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("copy beside a muster: %v, want ErrInUse", err)
	}
	if list, _ := filepath.Glob(to + "*"); len(list) > 0 {
		t.Errorf("%v is left", list)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Copy(t.Context(), address, "sqlite:"+to, journal.Password(password)); err != nil {
		t.Errorf("after it ended: %v", err)
	}
}

// A copy of one moment is made while others work with the store, and nothing that comes later is in it.
func testASnapshotIsOfOneMoment(t *testing.T, pair *pgtest.Pair) {
	address, password := pair.NewDatabase(t)
	for _, from := range []string{"sqlite:" + filepath.Join(t.TempDir(), "journal.db"), address} {
		var more []journal.Option
		if from == address {
			more = append(more, journal.Password(password))
		}
		s := opened(t, from, more...)
		fill(t, s)
		to := filepath.Join(t.TempDir(), "snapshot.db")
		got, err := journal.Snapshot(t.Context(), from, to, more...)
		if err != nil || len(got) < 8 {
			t.Fatalf("%s: %+v, %v", from, got, err)
		}
		if err := s.Append(t.Context(), []run.Event{remark("later", "w", 1)}); err != nil {
			t.Fatalf("%s: the store it was taken of: %v", from, err)
		}
		copied := opened(t, "sqlite:"+to)
		list, err := copied.Events(t.Context(), "r1", 0, 0)
		if err != nil || len(list) != 252 {
			t.Errorf("%s: %d events, %v", from, len(list), err)
		}
		if list, err := copied.Events(t.Context(), "later", 0, 0); err != nil || len(list) != 0 {
			t.Errorf("%s: %+v, %v", from, list, err)
		}
		if _, err := journal.Snapshot(t.Context(), from, to, more...); err == nil || !strings.Contains(err.Error(), "there already") {
			t.Errorf("%s: over a file: %v", from, err)
		}
	}
}
