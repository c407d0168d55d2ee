package keep

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
)

func TestARunIsSealedOnceAndVerified(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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

// A first start that was killed while it made the key leaves nothing that keeps the next one
// from beginning; a key that is gone, or that others may read, is told of.
func TestTheKeyOfAFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.round()
	public := w.key()
	again := func() error {
		w.k.Close()
		w.k = New(w.o)
		return w.k.Round(t.Context())
	}
	if err := os.Remove(filepath.Join(w.o.Dir, filePublic)); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil || w.key() != public {
		t.Errorf("killed before its public half: %v", err)
	}
	path := filepath.Join(w.o.Dir, fileKey)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil || !strings.Contains(err.Error(), "others may read this key") {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("a key that is gone: %v", err)
	}
}

// A log that was altered on disk is found when it is opened, and nothing more is sealed in it.
func TestAnAlteredLogIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	path := filepath.Join(w.o.Dir, dirLog, "tile", "entries", "000.p", "2")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("tokyo-loss-1"), []byte("tokyo-loss-9"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	w.k.Close()
	w.k = New(w.o)
	if err := w.k.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "not what the checkpoint signs") {
		t.Errorf("an altered log was opened: %v", err)
	}
}

// What was sealed and altered on this server's disk is not exported.
func TestAnAlteredArchiveIsNotExported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	path := w.k.archive("tokyo-loss-1", 1)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := evidence.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	files[evidence.FileManifest] = bytes.Replace(files[evidence.FileManifest], []byte("tokyo-loss-1"), []byte("tokyo-loss-2"), 1)
	if b, err = evidence.Write(files); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.k.Bundle(t.Context(), "tokyo-loss-1", BundleOptions{}); err == nil || !strings.Contains(err.Error(), "not what the log says") {
		t.Errorf("it was exported: %v", err)
	}
}

// A folder that is away is one word of what is missing, and nothing was altered.
func TestAFolderThatIsAwayIsMissing(t *testing.T) {
	t.Parallel()
	var said []string
	w := newWorld(t, func(o *Options) {
		o.Altered = func(_ context.Context, altered, missing Unsound) {
			said = append(said, altered.String()+" / "+missing.String())
		}
	})
	for n := range 7 {
		w.ended(fmt.Sprint("tokyo-loss-", n), run.Drill)
	}
	w.round()
	for n := range 7 {
		if err := os.Remove(w.k.archive(fmt.Sprint("tokyo-loss-", n), 1)); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(25 * time.Hour)
	w.round()
	if want := " / 7 runs: tokyo-loss-6, tokyo-loss-5, tokyo-loss-4, tokyo-loss-3, tokyo-loss-2 and 2 more"; len(said) != 1 || said[0] != want {
		t.Errorf("said %q, want once %q", said, want)
	}
}

// Once a day all that is sealed is looked through: a record that was altered since, or sealed
// files that were, are named until it is mended.
func TestWhatWasAlteredSinceIsFoundWithinADay(t *testing.T) {
	t.Parallel()
	var said []string
	w := newWorld(t, func(o *Options) {
		o.Altered = func(_ context.Context, altered, missing Unsound) {
			said = append(said, altered.String()+" / "+missing.String())
		}
	})
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2", "tokyo-loss-3"} {
		w.ended(id, run.Drill)
	}
	w.round()
	if s := w.k.Status(); s.CheckedAt == nil || len(s.Damaged) > 0 {
		t.Fatalf("nothing was altered: %+v", s)
	}
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(w.o.Dir), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE events SET body = replace(body, 'quarterly', 'monthly') WHERE run = 'tokyo-loss-2' AND seq = 1`); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(w.k.archive("tokyo-loss-3", 1))
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(b)
	b[len(b)/2] ^= 1
	if err := os.WriteFile(w.k.archive("tokyo-loss-3", 1), b, 0o600); err != nil {
		t.Fatal(err)
	}
	w.pass(23 * time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Damaged) > 0 {
		t.Fatalf("looked before its time: %+v", s)
	}
	w.pass(2 * time.Hour)
	w.round()
	if got := w.k.Status().Damaged; !slices.Equal(got, []string{"tokyo-loss-3", "tokyo-loss-2"}) {
		t.Errorf("altered: %v", got)
	}
	if !slices.Equal(said, []string{"2 runs: tokyo-loss-3, tokyo-loss-2 / "}) {
		t.Errorf("said: %q", said)
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE events SET body = replace(body, 'monthly', 'quarterly') WHERE run = 'tokyo-loss-2' AND seq = 1`); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.k.archive("tokyo-loss-3", 1), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	w.pass(25 * time.Hour)
	w.round()
	if got := w.k.Status().Damaged; len(got) != 0 {
		t.Errorf("mended: %v", got)
	}
}

// A run that is gone from the record store altogether is in no list of it; the log knows of it.
func TestARunThatIsGoneFromTheStoreIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2", "tokyo-loss-3"} {
		w.ended(id, run.Drill)
	}
	w.round()
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(w.o.Dir), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{`DELETE FROM events WHERE run = 'tokyo-loss-2'`, `DELETE FROM runs WHERE run = 'tokyo-loss-2'`, `DELETE FROM runs WHERE run = 'tokyo-loss-3'`} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(25 * time.Hour)
	w.round()
	if got := w.k.Status().Damaged; !slices.Equal(got, []string{"tokyo-loss-2", "tokyo-loss-3"}) {
		t.Errorf("gone: %v", got)
	}
}
