package keep

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
)

func TestARunIsSealedOnceAndVerified(t *testing.T) {
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.round()
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Fatalf("entries: %v", got)
	}
	b := w.bundle("tokyo-loss-1", BundleOptions{})
	r := w.verify(b)
	if !r.Sound || !r.KeyGiven || r.Run != "tokyo-loss-1" || r.Events == 0 || r.Parts != 1 {
		t.Fatalf("%+v", r)
	}
	if len(r.Systems) != 1 || r.Systems[0] != (evidence.System{ID: "orders", RTO: "met", RPO: "met", RLO: "met"}) || r.Figures < 20 {
		t.Errorf("computed again: %+v, %d figures", r.Systems, r.Figures)
	}
	if again := w.bundle("tokyo-loss-1", BundleOptions{}); !bytes.Equal(again, b) {
		t.Error("the same record and log gave other bytes")
	}
}

// A second process finds the first one's log, and seals nothing twice.
func TestWhatWasSealedStaysSealedAfterARestart(t *testing.T) {
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.Close()
	w.k = New(w.o)
	w.ended("tokyo-loss-2", run.Response)
	w.round()
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2"} {
		if got := w.kinds(id); len(got) != 1 {
			t.Errorf("%s: %v", id, got)
		}
		if r := w.verify(w.bundle(id, BundleOptions{})); !r.Sound {
			t.Errorf("%s: %+v", id, r.Findings)
		}
	}
}

// What is said after the end is sealed as a part of its own, once it is quiet.
func TestAdditionsAreSealedInTurn(t *testing.T) {
	w := newWorld(t, nil)
	events := w.ended("tokyo-loss-1", run.Drill)
	w.round()
	n := int64(0)
	for _, e := range events {
		if e.Writer == "run" {
			n = max(n, e.Seq)
		}
	}
	w.put(run.Event{Run: "tokyo-loss-1", Writer: "run", Seq: n + 1, At: w.clock(), Kind: run.RemarkMade, By: "sato", Reason: "the list of telephone numbers was old"})
	w.round()
	if got := w.kinds("tokyo-loss-1"); len(got) != 1 {
		t.Fatalf("sealed before it was quiet: %v", got)
	}
	w.pass(time.Minute)
	w.round()
	r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{}))
	if !r.Sound || r.Parts != 2 || r.Events != len(events)+1 {
		t.Fatalf("%+v", r)
	}
}
