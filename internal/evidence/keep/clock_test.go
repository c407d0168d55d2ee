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
