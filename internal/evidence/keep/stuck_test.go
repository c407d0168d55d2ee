package keep

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
)

func (w *world) exec(queries ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(w.o.Dir), "journal.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, q := range queries {
		if _, err := db.ExecContext(w.t.Context(), q); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Runs that can't be sealed, for what is the matter with them, keep neither newer ones from being sealed
// nor the times of retention and the daily check from being kept.
func TestRunsThatCanNotBeSealedHoldUpNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Retain = Retention{B: Shortest} })
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.pass(2 * Shortest)
	var bad []string
	for n := range 5 {
		id := fmt.Sprintf("tokyo-loss-bad-%d", n)
		bad = append(bad, id)
		events := exampleEvents(id, w.plan)
		var s run.Started
		if err := events[0].Decode(&s); err != nil {
			t.Fatal(err)
		}
		s.PlanHash = strings.Repeat("0", 64) // nobody has it
		events[0].Data = run.Encode(s)
		w.put(events...)
	}
	w.ended("tokyo-loss-2", run.Response)
	checked := *w.k.Status().CheckedAt
	waiting, err := w.k.round(t.Context(), true)
	if err != nil || waiting {
		t.Errorf("the round: %v, %v", waiting, err)
	}
	if got := w.kinds("tokyo-loss-2"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Errorf("the newer run: %v", got)
	}
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed, evidence.EntryRemoved}) {
		t.Errorf("whose time is over: %v", got)
	}
	s := w.k.Status()
	if !s.CheckedAt.After(checked) {
		t.Error("nothing was checked")
	}
	for _, id := range bad {
		if !slices.Contains(s.Waiting, id) {
			t.Errorf("%s does not wait: %v", id, s.Waiting)
		}
	}
	if s.Trouble != "" || !strings.Contains(s.RunTrouble, "tokyo-loss-bad-0") || s.OldestEnded == nil {
		t.Errorf("%+v", s)
	}
	// Out of the newest ones they are told of all the same, until they are sealed.
	for n := range newest {
		w.ended(fmt.Sprintf("tokyo-loss-new-%d", n), run.Drill)
	}
	if _, err := w.k.round(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if s := w.k.Status(); s.RunTrouble == "" || !slices.Contains(s.Waiting, bad[4]) {
		t.Errorf("%v, %q", s.Waiting, s.RunTrouble)
	}
}

// A record store that was put back to an older state gives the same positions again: what was said since
// is not passed over as sealed, it is told.
func TestAStoreThatWasPutBackIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	act := func(n int) run.Event {
		return run.Event{Run: run.FindingsRecord, Writer: fmt.Sprintf("act-%d", n), Seq: 1, At: w.clock(), Kind: run.FindingAdded, By: "sato", Data: run.Encode(run.FindingAct{ID: "f1", Title: "the list was old"})}
	}
	w.put(act(1))
	for n := range 5 {
		w.put(act(n + 2))
	}
	w.pass(2 * time.Hour)
	w.round()
	w.exec(`DELETE FROM events WHERE writer IN ('act-2', 'act-3', 'act-4', 'act-5', 'act-6')`)
	w.put(act(7))
	w.pass(2 * time.Hour)
	w.round()
	if s := w.k.Status(); !strings.Contains(s.RunTrouble, "put back to an older state") {
		t.Errorf("%+v", s)
	}
}

// An event that can't be read any more is one run's trouble: it is told of as altered where it was sealed, other
// alterations are found all the same, and what is newer is sealed.
func TestAnEventThatCanNotBeReadHoldsUpNothing(t *testing.T) {
	t.Parallel()
	var told Unsound
	w := newWorld(t, func(o *Options) {
		o.Altered = func(_ context.Context, altered, _ Unsound) { told = altered }
	})
	w.ended("tokyo-loss-1", run.Drill)
	w.ended("tokyo-loss-2", run.Drill)
	w.pass(time.Hour)
	w.round()
	for n := range 5 {
		w.ended(fmt.Sprintf("tokyo-loss-bad-%d", n), run.Drill)
	}
	w.pass(25 * time.Hour)
	w.exec(`UPDATE events SET body = substr(body, 1, 20) WHERE run = 'tokyo-loss-1' AND seq = 2`,
		`UPDATE events SET body = replace(body, '2026', '2025') WHERE run = 'tokyo-loss-2' AND seq = 2`,
		`UPDATE events SET body = substr(body, 1, 20) WHERE run LIKE 'tokyo-loss-bad-%' AND seq = 2`)
	w.ended("tokyo-loss-3", run.Drill)
	w.pass(time.Minute)
	if _, err := w.k.round(t.Context(), true); err != nil {
		t.Error(err)
	}
	if got := w.kinds("tokyo-loss-3"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Errorf("the newer run: %v", got)
	}
	s, want := w.k.Status(), []string{"tokyo-loss-1", "tokyo-loss-2"}
	slices.Sort(told.Runs)
	if slices.Sort(s.Damaged); !slices.Equal(s.Damaged, want) || !slices.Equal(told.Runs, want) {
		t.Errorf("damaged %v, told %v, want %v", s.Damaged, told.Runs, want)
	}
	if s.Trouble != "" || !strings.Contains(s.RunTrouble, "tokyo-loss-bad-0") {
		t.Errorf("%+v", s)
	}
}
