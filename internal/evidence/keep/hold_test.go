package keep

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// withAnswers gives every run two private answers, kept as documents.
func withAnswers(t *testing.T) *world {
	var w *world
	w = newWorld(t, func(o *Options) {
		o.Personal = func(ctx context.Context, id string, _ []run.Event) ([]Item, error) {
			var out []Item
			for _, n := range []string{"a", "b"} {
				d, err := w.store.Document(ctx, "answer", id+"/"+n)
				if errors.Is(err, journal.ErrNotFound) {
					continue
				}
				if err != nil {
					return nil, err
				}
				out = append(out, Item{Kind: "answer", ID: d.ID, Name: "answers/" + n + ".json", Bytes: d.Body})
			}
			return out, nil
		}
	})
	return w
}

func (w *world) answer(id string) {
	w.t.Helper()
	for _, n := range []string{"a", "b"} {
		body, err := json.Marshal(map[string]string{"whereabouts": "at home " + n})
		if err == nil {
			_, err = w.store.PutDocument(w.t.Context(), journal.Document{Kind: "answer", ID: id + "/" + n, Body: body})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// Personal data is in no sealed byte, goes along when asked for, and its erasure breaks
// nothing: what was sealed verifies before and after, and the log says that it was erased.
func TestErasureBreaksNothing(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	w.answer("tokyo-loss-1")
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	with := w.bundle("tokyo-loss-1", BundleOptions{Personal: true})
	files, _, err := evidence.Read(with)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(files["private/answers/a.json"]), "at home a") {
		t.Fatal("asked for, and not there")
	}
	if r := w.verify(with); !r.Sound {
		t.Fatalf("%+v", r.Findings)
	}
	files["private/answers/a.json"] = []byte(`{"whereabouts":"abroad"}`)
	forged, err := evidence.Write(files)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.verify(forged); r.Sound || r.Findings[0].Code != evidence.CodePersonal {
		t.Errorf("an altered answer: %+v", r)
	}
	archive, err := os.ReadFile(w.k.archive("tokyo-loss-1", 1))
	if err != nil {
		t.Fatal(err)
	}
	sealed, _, err := evidence.Read(archive)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range sealed {
		if strings.Contains(string(b), "at home") {
			t.Errorf("%s holds what is private", name)
		}
	}

	names := []string{"answers/a.json", "answers/b.json"}
	for range 2 { // killed in between, it is done again
		if err := w.k.Erasing(t.Context(), "tokyo-loss-1", names, "", "", "they have served"); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"a", "b"} {
		if err := w.store.DropDocument(t.Context(), "answer", "tokyo-loss-1/"+n); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed, evidence.EntryErased}) {
		t.Errorf("entries: %v", got)
	}
	if _, err := os.Stat(w.k.salts("tokyo-loss-1", 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the salts are still there: %v", err)
	}
	r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{Personal: true}))
	if !r.Sound || r.Entries != 2 || len(r.Notes) == 0 {
		t.Errorf("%+v", r)
	}
}

// Nothing of a held run is erased or removed, whatever time has passed; released, it is.
func TestHeldRunsAreNeverErased(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	w.k.o.Retain = Retention{B: Shortest}
	w.answer("tokyo-loss-1")
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	if err := w.k.Hold(t.Context(), "tokyo-loss-1", "sato", "token 7f3a", "an enquiry"); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * 365 * 24 * time.Hour)
	held := new(HeldError)
	if err := w.k.Erasing(t.Context(), "tokyo-loss-1", []string{"answers/a.json"}, "", "", "x"); !errors.As(err, &held) || held.By != "sato" {
		t.Errorf("erasing: %v", err)
	}
	w.round()
	if r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{Personal: true})); !r.Sound {
		t.Errorf("%+v", r.Findings)
	}
	// The hold outlives a restart: it is in the log.
	w.k.Close()
	w.k = New(w.k.o)
	w.round()
	if err := w.k.Release(t.Context(), "tokyo-loss-1", "sato", "", "the enquiry is closed"); err != nil {
		t.Fatal(err)
	}
	if err := w.k.Release(t.Context(), "tokyo-loss-1", "sato", "", "again"); !errors.Is(err, ErrNotHeld) {
		t.Errorf("a second release: %v", err)
	}
	w.round()
	want := []evidence.EntryKind{evidence.EntrySealed, evidence.EntryHeld, evidence.EntryReleased, evidence.EntryRemoved}
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, want) {
		t.Errorf("entries: %v, want %v", got, want)
	}
}

// What is still open keeps the record on which it rests; closed, it does not.
func TestWhatIsNeededStays(t *testing.T) {
	needed := map[string]bool{"tokyo-loss-1": true}
	w := newWorld(t, func(o *Options) {
		o.Retain, o.Needed = Retention{B: Shortest}, func(context.Context) (map[string]bool, error) { return needed, nil }
	})
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.pass(2 * Shortest)
	w.round()
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Errorf("needed: %v", got)
	}
	needed = nil
	w.round()
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed, evidence.EntryRemoved}) {
		t.Errorf("not needed any more: %v", got)
	}
}

// Retention goes by class, never below a year, never before the audit, and removes what was
// sealed only when it is at every other place.
func TestRetentionGoesByClass(t *testing.T) {
	t.Parallel()
	other := t.TempDir()
	w := newWorld(t, func(o *Options) {
		o.Retain = Retention{B: Shortest}
		o.Places = []Place{Folder{other}}
	})
	w.ended("tokyo-loss-1", run.Drill)
	w.ended("tokyo-loss-real-1", run.Response)
	gone := func(id string) bool {
		t.Helper()
		list, err := w.store.Events(t.Context(), id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(list) == 0
	}
	w.round()
	w.pass(Shortest - 2*time.Hour)
	w.k.deliver(t.Context())
	w.round()
	if gone("tokyo-loss-1") {
		t.Fatal("removed within the year")
	}
	w.k.o.Retain.Audit = w.clock().Add(30 * 24 * time.Hour)
	w.pass(48 * time.Hour)
	w.round()
	if gone("tokyo-loss-1") {
		t.Fatal("removed before the audit")
	}
	w.pass(40 * 24 * time.Hour)
	w.round()
	if !gone("tokyo-loss-1") || gone("tokyo-loss-real-1") {
		t.Fatalf("the drill is gone: %v; the response: %v", gone("tokyo-loss-1"), gone("tokyo-loss-real-1"))
	}
	w.round()
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed, evidence.EntryCopied, evidence.EntryRemoved}) {
		t.Errorf("entries: %v", got)
	}
	if _, err := w.k.Bundle(t.Context(), "tokyo-loss-1", BundleOptions{}); !errors.Is(err, ErrRemoved) {
		t.Errorf("its bundle: %v", err)
	}
	list, err := w.store.Runs(t.Context(), journal.Filter{})
	if err != nil || len(list) != 2 {
		t.Errorf("its line in the list is gone: %v, %v", list, err)
	}
	if _, err := w.store.Plan(t.Context(), w.plan.Hash); err != nil {
		t.Errorf("the plan that the response used: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(other, w.k.Status().Log, "tokyo-loss-1.part-1.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if r := w.verify(b); !r.Sound {
		t.Errorf("the copy elsewhere: %+v", r.Findings)
	}
}

// Readiness checks go after their own time; they are never sealed.
func TestChecksGoAfterTheirTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Retain = Retention{C: Shortest} })
	w.ended("tokyo-loss-check-1", run.Readiness)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.pass(2 * Shortest)
	w.round()
	if got := w.kinds("tokyo-loss-check-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntryRemoved}) {
		t.Errorf("the check: %v", got)
	}
	if got := w.kinds("tokyo-loss-1"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Errorf("the drill: %v", got)
	}
}

// With a new key, what was exported before is verified with the old key, what is exported
// from then on with the new one, and the log says when it changed.
func TestTheKeyIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	before, old := w.bundle("tokyo-loss-1", BundleOptions{}), w.key()
	next, err := w.k.Rotate(t.Context(), "sato", "", "yearly change")
	if err != nil {
		t.Fatal(err)
	}
	if next == old || w.key() != next {
		t.Fatal("no new key")
	}
	after := w.bundle("tokyo-loss-1", BundleOptions{})
	for _, c := range []struct {
		b     []byte
		key   string
		sound bool
	}{{before, old, true}, {after, next, true}, {after, old, false}, {before, next, false}} {
		if r := evidence.Verify(c.b, evidence.Options{Keys: []string{c.key}, Version: "test"}); r.Sound != c.sound {
			t.Errorf("%.30s: %+v", c.key, r)
		}
	}
	w.k.Close()
	w.k = New(w.o)
	w.ended("tokyo-loss-2", run.Drill)
	w.round()
	if r := w.verify(w.bundle("tokyo-loss-2", BundleOptions{})); !r.Sound {
		t.Errorf("after a restart: %+v", r.Findings)
	}
	info, err := os.Stat(filepath.Join(w.o.Dir, fileKey))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
}

// Two servers with folders of their own share a record store: one seals, the other leaves it
// to that one until it is told that it is lost.
func TestOneServerKeepsTheEvidence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	o := w.o
	o.Dir = filepath.Join(t.TempDir(), "seal")
	second := New(o)
	defer second.Close()
	if err := second.Round(t.Context()); !errors.Is(err, ErrElsewhere) {
		t.Fatalf("the second: %v", err)
	}
	if s := second.Status(); s.Elsewhere == "" || s.Trouble != "" || len(s.Waiting) != 0 || s.OldestEnded != nil {
		t.Errorf("its status: %+v, want nothing that waits for it", s)
	}
	if err := second.Adopt(t.Context(), "sato", "", "the first is lost"); err != nil {
		t.Fatal(err)
	}
	if err := second.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := second.Bundle(t.Context(), "tokyo-loss-1", BundleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	public, _, err := PublicKey(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if r := evidence.Verify(b, evidence.Options{Keys: []string{public}, Version: "test"}); !r.Sound {
		t.Errorf("%+v", r.Findings)
	}
}

// What an earlier part has sealed is not salted again by a later one: both parts verify with the
// personal data beside them. What changed in between is held against what was sealed last.
func TestPersonalDataOfTwoPartsVerifies(t *testing.T) {
	t.Parallel()
	w := withAnswers(t)
	w.answer("tokyo-loss-1")
	events := w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.remark("tokyo-loss-1", events)
	b := w.bundle("tokyo-loss-1", BundleOptions{Personal: true})
	if r := w.verify(b); !r.Sound || r.Parts != 2 || slices.ContainsFunc(r.Notes, func(n evidence.Note) bool { return strings.Contains(n.EN, "sealed again") }) {
		t.Fatalf("%+v", r)
	}
	files, _, err := evidence.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(files["private/answers/a.json"]) == "" || strings.Contains(string(files[evidence.Dir(2)+evidence.FileManifest]), "answers/a.json") {
		t.Errorf("part 2 seals it again: %s", files[evidence.Dir(2)+evidence.FileManifest])
	}
	d, err := w.store.Document(t.Context(), "answer", "tokyo-loss-1/a")
	if err != nil {
		t.Fatal(err)
	}
	d.Body = []byte(`{"whereabouts":"at the office"}`)
	if _, err := w.store.PutDocument(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	w.remark("tokyo-loss-1", append(events, run.Event{Writer: "run", Seq: events[len(events)-1].Seq + 1}))
	if r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{Personal: true})); !r.Sound || r.Parts != 3 {
		t.Errorf("%+v", r)
	}
	files["private/answers/a.json"] = []byte(`{"whereabouts":"abroad"}`)
	forged, err := evidence.Write(files)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.verify(forged); !rejected(r, evidence.CodePersonal, "private/answers/a.json") {
		t.Errorf("altered: %+v", r)
	}
	// Nothing to erase is no way around a hold.
	if err := w.k.Hold(t.Context(), "tokyo-loss-1", "sato", "", "an enquiry"); err != nil {
		t.Fatal(err)
	}
	if held := new(HeldError); !errors.As(w.k.Erasing(t.Context(), "tokyo-loss-1", nil, "", "", "x"), &held) {
		t.Error("a run that is held was let be erased")
	}
}
