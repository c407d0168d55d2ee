package keep

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/tsatest"
)

// After a clock that was ahead is set right, seals, copies and stamps go on at once, and do not wait as
// long as it was ahead.
func TestAClockThatIsSetBackHoldsUpNothing(t *testing.T) {
	t.Parallel()
	const ahead = 400 * 24 * time.Hour
	p := &place{Place: Folder{t.TempDir()}, refuse: func(string) error { return errors.New("away") }}
	w := newWorld(t, func(o *Options) { o.Places = []Place{p} })
	act := func(writer string) run.Event {
		return run.Event{Run: run.FindingsRecord, Writer: writer, Seq: 1, At: w.clock(), Kind: run.FindingAdded, By: "sato", Data: run.Encode(run.FindingAct{ID: "f1", Title: "the list was old"})}
	}
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.pass(ahead)
	w.put(act("ahead"))
	w.k.deliver(t.Context())
	if s := w.k.Status().Places[0]; s.Next == nil {
		t.Fatalf("%+v", s)
	}
	w.pass(-ahead)
	p.refuse = nil
	w.round()
	if got := w.kinds(run.FindingsRecord); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Errorf("what people did while it was ahead: %v", got)
	}
	w.k.deliver(t.Context())
	if s := w.k.Status().Places[0]; s.Waiting != 0 || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
}

func TestStampsComeAfterAClockIsSetBack(t *testing.T) {
	t.Parallel()
	const ahead = 4 * 24 * time.Hour
	a := tsatest.Start(t, tsatest.Options{})
	w := stamped(t, a, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.pass(ahead)
	if err := w.k.Round(t.Context()); err != nil { // sealed while it is ahead; the authority's clock is another
		t.Fatal(err)
	}
	if s := w.k.Status().Stamps; s.Trouble == nil || s.Next == nil {
		t.Fatalf("a stamp of another time was taken: %+v", s)
	}
	w.pass(-ahead)
	if err := w.k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.k.Status().Stamps; s.Trouble != nil || s.Waiting != 0 || s.At == nil {
		t.Errorf("%+v", s)
	}
}

// A clock that is years ahead, at a start or all at once, has nothing removed for good: it is gone by when it
// has gone on by itself for a day. Set back, nothing has happened.
func TestAClockFarAheadRemovesNothing(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{true, false} {
		w := newWorld(t, nil)
		up := time.Duration(0)
		w.o.Retain, w.o.Up = Retention{B: Shortest}, func() time.Duration { return up }
		w.k = New(w.o)
		t.Cleanup(func() { w.k.Close() })
		w.ended("tokyo-loss-1", run.Drill)
		w.round()
		removed := func() bool { return slices.Contains(w.kinds("tokyo-loss-1"), evidence.EntryRemoved) }
		erased := func() error {
			return w.k.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "they have served")
		}
		ahead := func(d time.Duration) {
			if restart {
				w.k.Close()
				w.k = New(w.o)
			}
			w.pass(d)
			w.round()
		}
		ahead(10 * Shortest)
		up += 23 * time.Hour
		w.pass(23 * time.Hour)
		w.round()
		if removed() || !errors.Is(erased(), ErrClock) {
			t.Errorf("restart %v: removed %v, erasing: %v", restart, removed(), erased())
		}
		ahead(-10 * Shortest)
		if removed() || erased() != nil {
			t.Errorf("restart %v: set back: removed %v, erasing: %v", restart, removed(), erased())
		}
		ahead(2 * Shortest) // years have passed indeed
		up += 25 * time.Hour
		w.pass(25 * time.Hour)
		w.round()
		if !removed() {
			t.Errorf("restart %v: its time is over, and it was not removed", restart)
		}
	}
}

// A server that is up for hours a day believes its clock when it has gone on for a day in all; until then, once that lasts,
// the status says so. One that nobody saw for two days again begins anew.
func TestADayInPiecesIsADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	up := time.Duration(0)
	w.o.Up = func() time.Duration { return up }
	w.k.Close()
	t.Cleanup(func() { w.k.Close() })
	began := w.clock()
	w.ended("tokyo-loss-1", run.Drill)
	// runs is a process of so many hours, and then none.
	runs := func(hours int, off time.Duration, want error) *time.Time {
		t.Helper()
		up = 0
		w.k = New(w.o)
		w.round()
		for range hours {
			w.pass(time.Hour)
			up += time.Hour
			w.round()
		}
		if err := w.k.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "they have served"); !errors.Is(err, want) {
			t.Errorf("after %s: %v, want %v", w.clock().Sub(began), err, want)
		}
		if ok, err := ClockBelieved(t.Context(), w.store, w.clock()); err != nil || ok != (want == nil) {
			t.Errorf("after %s: believed %v, %v", w.clock().Sub(began), ok, err)
		}
		s := w.k.Status()
		w.k.Close()
		w.pass(off)
		return s.ClockDoubted
	}
	runs(1, 60*time.Hour, nil)
	doubted := w.clock()
	for range 2 {
		if s := runs(9, 15*time.Hour, ErrClock); s != nil {
			t.Errorf("told after %s already", w.clock().Sub(doubted))
		}
	}
	w.pass(40 * time.Hour) // 55 h in all
	if s := runs(9, 15*time.Hour, ErrClock); s == nil || !s.Equal(doubted) {
		t.Errorf("in doubt since %v, want %s", s, doubted)
	}
	runs(9, 15*time.Hour, ErrClock)
	if s := runs(6, time.Hour, nil); s != nil {
		t.Errorf("gone by, and told as in doubt since %s", s)
	}
}
