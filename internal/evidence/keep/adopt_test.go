package keep

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// adopted is a second server on the world's record store, which keeps the evidence after the first was lost.
func (w *world) adopted() *Keeper {
	w.t.Helper()
	w.k.Close()
	o := w.o
	o.Dir = filepath.Join(w.t.TempDir(), "seal")
	second := New(o)
	w.t.Cleanup(second.Close)
	if err := second.Round(w.t.Context()); !errors.Is(err, ErrElsewhere) {
		w.t.Fatalf("the second: %v", err)
	}
	if err := second.Adopt(w.t.Context(), "sato", "", "the first is lost"); err != nil {
		w.t.Fatal(err)
	}
	return second
}

// What is held stays held where another server takes the place of a lost one: the hold is in the record
// store too. What was released stays released.
func TestAnAdoptionKeepsEveryHold(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2"} {
		w.answer(id)
		w.ended(id, run.Drill)
		if err := w.k.Hold(t.Context(), id, "tanaka", "token 7f3a", "an enquiry"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.k.Release(t.Context(), "tokyo-loss-2", "tanaka", "", "closed"); err != nil {
		t.Fatal(err)
	}
	w.round()
	second := w.adopted()
	held := new(HeldError)
	err := second.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "they have served")
	if !errors.As(err, &held) || held.By != "tanaka" || held.Reason != "an enquiry" {
		t.Errorf("erasing what is held: %v", err)
	}
	if err := second.Erasing(t.Context(), "tokyo-loss-2", []string{"answers/a.json"}, "", "", "they have served"); err != nil {
		t.Errorf("erasing what was released: %v", err)
	}
	if s := second.Status(); s.Held != 1 || s.HoldsUnknown {
		t.Errorf("status: %+v", s)
	}
	// It is one hold, also after a restart, and can be released.
	second.Close()
	second = New(second.o)
	defer second.Close()
	w.k = second
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntryHeld}) {
		t.Errorf("entries: %v", got)
	}
	if err := second.Release(t.Context(), "tokyo-loss-1", "sato", "", "the enquiry is closed"); err != nil {
		t.Fatal(err)
	}
	second.Close()
	if err := second.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "they have served"); err != nil {
		t.Errorf("erasing what was released: %v", err)
	}
}

// A lost server of an older release had its holds in its log alone: nothing is erased or removed until
// somebody says that all of them are entered again.
func TestNothingIsErasedWhileHoldsOfALostServerAreUnknown(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	w.o.Retain = Retention{B: Shortest}
	w.answer("tokyo-loss-1")
	w.ended("tokyo-loss-1", run.Drill)
	if err := w.k.Hold(t.Context(), "tokyo-loss-1", "tanaka", "", "an enquiry"); err != nil {
		t.Fatal(err)
	}
	w.k.Close()
	asBefore(t, w.store)
	second := w.adopted()
	w.k = second
	erase := func() error {
		return second.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "they have served")
	}
	if err := erase(); !errors.Is(err, ErrHoldsUnknown) {
		t.Fatalf("erasing: %v", err)
	}
	w.round()
	w.pass(2 * Shortest)
	w.round()
	second.Close() // it is not forgotten
	second = New(second.o)
	defer second.Close()
	w.k = second
	w.round()
	if got := w.kinds("tokyo-loss-1"); slices.Contains(got, evidence.EntryRemoved) {
		t.Fatalf("removed: %v", got)
	}
	if err := erase(); !errors.Is(err, ErrHoldsUnknown) || !second.Status().HoldsUnknown {
		t.Fatalf("after a restart: %v, %+v", err, second.Status())
	}
	if err := second.Hold(t.Context(), "tokyo-loss-1", "tanaka", "", "an enquiry"); err != nil {
		t.Fatal(err)
	}
	if err := second.ConfirmHolds(t.Context(), "sato", "", "all are entered again"); err != nil {
		t.Fatal(err)
	}
	if held := new(HeldError); !errors.As(erase(), &held) || second.Status().HoldsUnknown {
		t.Errorf("confirmed: %+v", second.Status())
	}
	if err := second.Erasing(t.Context(), "tokyo-loss-2", []string{"answers/a.json"}, "", "", "they have served"); err != nil {
		t.Errorf("erasing what nobody holds: %v", err)
	}
}

// asBefore makes of the record store one that an older release has left: nothing in it tells of holds.
func asBefore(t *testing.T, store journal.Store) {
	t.Helper()
	docs, err := store.DocumentsOf(t.Context(), docKind)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if d.ID != docID {
			err = errors.Join(err, store.DropDocument(t.Context(), docKind, d.ID))
			continue
		}
		d.Body = regexpHolds.ReplaceAll(d.Body, nil)
		_, perr := store.PutDocument(t.Context(), d)
		err = errors.Join(err, perr)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A server that is upgraded tells the record store of the holds that its log has.
func TestHoldsOfAnOlderReleaseComeIntoTheStore(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	w.ended("tokyo-loss-1", run.Drill)
	if err := w.k.Hold(t.Context(), "tokyo-loss-1", "tanaka", "", "an enquiry"); err != nil {
		t.Fatal(err)
	}
	w.k.Close()
	asBefore(t, w.store)
	w.round() // the first one after the upgrade
	second := w.adopted()
	held := new(HeldError)
	if err := second.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "they have served"); !errors.As(err, &held) || held.By != "tanaka" {
		t.Errorf("erasing what is held: %v", err)
	}
}

var regexpHolds = regexp.MustCompile(`,"(holds|size|root)":("[^"]*"|[a-z0-9]+)`)

// A log that was put back from an older copy, or is another one than the record store knows, is not gone on
// with: its key would sign two logs.
func TestALogThatWasPutBackIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	older, newer := filepath.Join(t.TempDir(), "seal"), filepath.Join(t.TempDir(), "seal")
	keep := func(as string) {
		t.Helper()
		w.k.Close()
		if err := os.CopyFS(as, os.DirFS(w.o.Dir)); err != nil {
			t.Fatal(err)
		}
	}
	back := func(from string) {
		t.Helper()
		w.k.Close()
		if err := errors.Join(os.RemoveAll(w.o.Dir), os.CopyFS(w.o.Dir, os.DirFS(from)), os.Chmod(filepath.Join(w.o.Dir, fileKey), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	hold := func(id string) error { return w.k.Hold(t.Context(), id, "tanaka", "", "an enquiry") }
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	keep(older)
	if err := hold("tokyo-loss-1"); err != nil {
		t.Fatal(err)
	}
	w.round() // a start with the newest log is as ever
	keep(newer)
	back(older)
	if err := hold("tokyo-loss-2"); err == nil || !strings.Contains(err.Error(), "put back") || !strings.Contains(err.Error(), "evidence adopt") {
		t.Fatalf("an older log: %v", err)
	}
	asBefore(t, w.store)
	if err := hold("tokyo-loss-2"); err != nil { // a store of before does not know
		t.Fatal(err)
	}
	back(newer)
	if err := hold("tokyo-loss-3"); err == nil || !strings.Contains(err.Error(), "not the log") {
		t.Fatalf("another log: %v", err)
	}
	// The way out that it says: aside with it, and a new log.
	second := w.adopted()
	if err := second.Round(t.Context()); err != nil || second.Status().Held != 1 {
		t.Errorf("%v, %+v", err, second.Status())
	}
}
