package keep

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
)

// What people do about findings is sealed as it grows, in parts that are bounded by time and by
// number, and nobody alters it unnoticed.
func TestFindingsAreSealedAsTheyGrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Retain = Retention{A: Shortest, B: Shortest, C: Shortest} })
	acts := 0
	act := func(n int) {
		var events []run.Event
		for range n {
			acts++
			events = append(events, run.Event{Run: run.FindingsRecord, Writer: fmt.Sprintf("act-%d", acts), Seq: 1, At: w.clock(), Kind: run.FindingAdded, By: "sato", Data: run.Encode(run.FindingAct{ID: "f1", Title: "the list was old"})})
		}
		w.put(events...)
	}
	sealed := func(parts int) {
		t.Helper()
		w.round()
		if got := len(w.kinds(run.FindingsRecord)); got != parts {
			t.Fatalf("%d parts, want %d", got, parts)
		}
	}
	sealed(0)
	act(2)
	sealed(0)
	if s := w.k.Status(); len(s.Waiting) > 0 {
		t.Errorf("waits: %v", s.Waiting)
	}
	w.pass(time.Hour + time.Minute)
	sealed(1)
	act(mostUnsealed)
	sealed(2)
	r := w.verify(w.bundle(run.FindingsRecord, BundleOptions{}))
	if !r.Sound || r.Computed != evidence.ComputedNone || r.Parts != 2 || r.Events != mostUnsealed+2 {
		t.Fatalf("%+v", r)
	}
	w.k.Close()
	w.k = New(w.o)
	w.pass(2 * Shortest)
	sealed(2)
	if got, err := w.store.Events(t.Context(), run.FindingsRecord, 0, 0); err != nil || len(got) != acts {
		t.Errorf("%d of %d acts are left after the time of retention: %v", len(got), acts, err)
	}
	if s := w.k.Status(); len(s.Damaged) > 0 {
		t.Errorf("damaged: %v", s.Damaged)
	}
}

// A due day of a schedule is sealed when it is over, with what was drawn for it.
func TestADueDayIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const id = "occasion-surprise-1"
	event := func(n int64, e run.Event) run.Event {
		e.Run, e.Writer, e.Seq, e.At, e.By = id, "run", n, w.clock(), run.Engine
		return e
	}
	w.put(event(1, run.Event{Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: "tokyo-loss"})}),
		event(2, run.Event{Kind: run.OccasionDue, Data: run.Encode(run.Due{Schedule: "surprise", Blind: true})}))
	w.pass(time.Minute)
	w.round()
	if got := w.kinds(id); len(got) > 0 {
		t.Fatalf("sealed while it is open: %v", got)
	}
	w.put(event(3, run.Event{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Recovered})}))
	w.pass(time.Minute)
	w.round()
	if got := w.kinds(id); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Fatalf("entries: %v", got)
	}
	if r := w.verify(w.bundle(id, BundleOptions{})); !r.Sound || r.Computed != evidence.ComputedNone || r.Events != 3 {
		t.Errorf("%+v", r)
	}
}

// What people write into reports is sealed as it grows, apart from the runs that it is about.
func TestWhatPeopleWriteIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	write := func(item string) {
		w.put(run.Event{Run: run.WrittenRecord, Writer: "people/" + item, Seq: 1, At: w.clock(), Kind: run.ReportWritten, By: "sato", Reason: "nothing to say", Data: run.Encode(run.Written{About: "tokyo-loss-1", Item: item})})
	}
	write("1.1")
	w.round()
	if s := w.k.Status(); len(s.Waiting) > 0 || s.Sealed > 0 {
		t.Fatalf("at once: %+v", s)
	}
	w.pass(time.Hour + time.Minute)
	w.round()
	write(run.WrittenClose)
	w.pass(time.Hour + time.Minute)
	w.round()
	if got := w.kinds(run.WrittenRecord); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed, evidence.EntrySealed}) {
		t.Fatalf("entries: %v", got)
	}
	if r := w.verify(w.bundle(run.WrittenRecord, BundleOptions{})); !r.Sound || r.Computed != evidence.ComputedNone || r.Parts != 2 || r.Events != 2 {
		t.Errorf("%+v", r)
	}
	if s := w.k.Status(); len(s.Damaged) > 0 {
		t.Errorf("damaged: %v", s.Damaged)
	}
}
