package keep

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
)

func (w *world) logFile(from uint64) []byte {
	w.t.Helper()
	b, err := w.k.Log(w.t.Context(), from)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) against(b, later []byte) evidence.Result {
	return evidence.Verify(b, evidence.Options{Keys: []string{w.key()}, Later: later, Version: "test"})
}

// manipulated is a log that somebody who holds the key has made of the entries of this one.
func (w *world) manipulated(change func([]evidence.Entry) []evidence.Entry) *world {
	w.t.Helper()
	list, err := w.k.Entries(w.t.Context(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	var entries []evidence.Entry
	for _, x := range list {
		entries = append(entries, x.Entry)
	}
	entries = change(entries)
	dir := filepath.Join(w.t.TempDir(), "seal")
	if err := os.CopyFS(dir, os.DirFS(w.o.Dir)); err != nil {
		w.t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, dirLog)); err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, dirLog), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, fileKey), 0o600); err != nil {
		w.t.Fatal(err)
	}
	key, err := loadKey(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := openLedger(w.t.Context(), dir, key)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries { // one at a time, so that they are in that order
		if err := l.append(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
	asBefore(w.t, w.store) // who holds the store as well changes what it says of the log
	o := w.o
	o.Dir = dir
	out := &world{t: w.t, store: w.store, plan: w.plan, o: o, k: New(o), now: w.now}
	w.t.Cleanup(out.k.Close)
	return out
}

// Two states of the log that were taken at different times prove that the earlier one is the beginning
// of the later one: nothing was removed or rewritten in between. No server is asked.
func TestAnEarlierLogIsTheBeginningOfTheLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.ended("tokyo-loss-2", run.Drill)
	w.round()
	bundle, log := w.bundle("tokyo-loss-1", BundleOptions{}), w.logFile(0)
	size := w.k.Status().Size
	if r := w.verify(log); !r.Sound || !r.Whole || r.Entries != int(size) || r.LogSize != size {
		t.Fatalf("the log's own file: %+v", r)
	}
	w.ended("tokyo-loss-3", run.Drill)
	w.round()
	laterBundle, laterLog := w.bundle("tokyo-loss-3", BundleOptions{Since: size}), w.logFile(0)
	cp, err := w.k.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ earlier, later []byte }{
		"a bundle and the log":          {bundle, laterLog},
		"a bundle and the log's end":    {bundle, w.logFile(size - 1)},
		"a bundle and a later bundle":   {bundle, laterBundle},
		"the log and the log":           {log, laterLog},
		"the log and a later bundle":    {log, laterBundle},
		"the log's end and the log":     {w.logFile(size), laterLog},
		"the newest and its checkpoint": {laterLog, cp},
	} {
		if r := w.against(c.earlier, c.later); !r.Sound || r.Continued == nil || r.Continued.Size != size+1 {
			t.Errorf("%s: continued %+v, findings %v", name, r.Continued, r.Findings)
		}
	}
	for name, c := range map[string]struct {
		earlier, later []byte
		words          string
	}{
		"exchanged":                    {laterLog, bundle, "entries were taken out, or the two files were exchanged"},
		"no proof":                     {bundle, w.bundle("tokyo-loss-3", BundleOptions{}), "holds no proof from a log of 3 entries"},
		"a checkpoint without a proof": {bundle, cp, "holds no proof"},
		"begins too late":              {bundle, w.logFile(size + 1), "begins with entry 4"},
		"no file of ours":              {bundle, []byte("PK\x03\x04"), "can't be opened safely"},
		"no checkpoint":                {bundle, []byte("hello\n"), "can't be relied on"},
	} {
		if r := w.against(c.earlier, c.later); !says(r, evidence.CodeLater, c.words) || r.Continued != nil {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}

// Who holds the key and rewrites the log is found by whoever has an earlier file, and what is no longer
// there is named as far as that file knows it.
func TestARewrittenLogIsFoundByAnyEarlierFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2", "tokyo-loss-3"} {
		w.ended(id, run.Drill)
		w.round()
	}
	bundle, log := w.bundle("tokyo-loss-2", BundleOptions{}), w.logFile(0) // entry 2 of 0 to 3
	size := w.k.Status().Size
	w.ended("tokyo-loss-4", run.Drill)
	w.round()
	rewrite := func(i int) func([]evidence.Entry) []evidence.Entry {
		return func(e []evidence.Entry) []evidence.Entry {
			e[i].Manifest = evidence.Sum([]byte("a better result"))
			return e
		}
	}
	for name, c := range map[string]struct {
		change            func([]evidence.Entry) []evidence.Entry
		ofBundle, ofWhole string
	}{
		"removed, of this run":      {func(e []evidence.Entry) []evidence.Entry { return slices.Delete(e, 2, 3) }, "Entry 2 (run.sealed tokyo-loss-2) was rewritten since: it now is run.sealed tokyo-loss-3", "Entry 2 (run.sealed tokyo-loss-2) was taken out of the log since"},
		"removed, of another run":   {func(e []evidence.Entry) []evidence.Entry { return slices.Delete(e, 3, 4) }, "none of those that this file holds", "Entry 3 (run.sealed tokyo-loss-3) was rewritten since"},
		"rewritten, of this run":    {rewrite(2), "Entry 2 (run.sealed tokyo-loss-2) was rewritten since", "Entry 2 (run.sealed tokyo-loss-2) was rewritten since"},
		"rewritten, of another run": {rewrite(1), "none of those that this file holds", "Entry 1 (run.sealed tokyo-loss-1) was rewritten since"},
		"put in": {func(e []evidence.Entry) []evidence.Entry {
			return slices.Insert(e, 1, evidence.Entry{Kind: evidence.EntryHeld, At: e[1].At, Run: "tokyo-loss-9"})
		}, "An entry (run.sealed tokyo-loss-1) was put into the log since, before entry 2", "An entry (run.held tokyo-loss-9) was put into the log since, before entry 1"},
		"forked": {func(e []evidence.Entry) []evidence.Entry {
			e = e[:size]
			e[3].Run = "tokyo-loss-0"
			return e
		}, "none of those that this file holds", "Entry 3 (run.sealed tokyo-loss-3) was rewritten since: it now is run.sealed tokyo-loss-0"},
		"cut off": {func(e []evidence.Entry) []evidence.Entry { return e[:size-1] }, "entries were taken out", "entries were taken out"},
	} {
		t.Run(name, func(t *testing.T) {
			m := w.manipulated(c.change)
			later := m.logFile(0)
			if r := w.verify(later); !r.Sound {
				t.Fatalf("the manipulated log stands on its own, or this test shows nothing: %v", r.Findings)
			}
			if r := w.against(bundle, later); !says(r, evidence.CodeLater, c.ofBundle) || r.Continued != nil {
				t.Errorf("by a bundle: %v", r.Findings)
			}
			if r := w.against(log, later); !says(r, evidence.CodeLater, c.ofWhole) || r.Continued != nil {
				t.Errorf("by a file of the log: %v", r.Findings)
			}
			// A bundle of the manipulated log, with the best proof that it can give, does no better.
			if m.k.Status().Size >= size {
				if r := w.against(bundle, m.forgedBundle("tokyo-loss-1", size)); r.Sound || r.Continued != nil {
					t.Errorf("a bundle with a proof: %v", r.Findings)
				}
			}
		})
	}
}

// forgedBundle is a bundle of the log alone: its proofs and checkpoint, which is what counts.
func (w *world) forgedBundle(id string, since uint64) []byte {
	w.t.Helper()
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	if err := w.k.open(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	proofs, cp, err := w.k.log.proofs(w.t.Context(), w.k.index.of(id).entries, since)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := evidence.Write(map[string][]byte{evidence.FileCheckpoint: cp, evidence.FileProofs: encode(w.t, proofs), evidence.FileKey: []byte(w.k.log.key.public + "\n")})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// A file of the log in which a bit was turned, an entry left out or its order changed is rejected.
func TestAnAlteredFileOfTheLogIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.ended("tokyo-loss-2", run.Drill)
	w.round()
	files, _, err := evidence.Read(w.logFile(0))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(files[evidence.FileLog], []byte("\n"))
	for name, log := range map[string][]byte{
		"altered":   bytes.Replace(files[evidence.FileLog], []byte("tokyo-loss-1"), []byte("tokyo-loss-7"), 1),
		"left out":  bytes.Join(slices.Delete(slices.Clone(lines), 1, 2), nil),
		"moved":     bytes.Join([][]byte{lines[0], lines[2], lines[1]}, nil),
		"empty":     {},
		"no log":    []byte("\n\n\n"),
		"one twice": append(bytes.Clone(files[evidence.FileLog]), lines[1]...),
	} {
		f := map[string][]byte{}
		for n, b := range files {
			f[n] = b
		}
		f[evidence.FileLog] = log
		b, err := evidence.Write(f)
		if err != nil {
			t.Fatal(err)
		}
		if r := w.verify(b); !rejected(r, evidence.CodeLog, evidence.FileLog) {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}
