package evidence_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// sealed is two runs that were sealed by a real log.
type sealed struct {
	bundle, other []byte
	key           string
	k             *keep.Keeper
}

const attachment = "0ad2c7a55c9cbff0c2f3c1cc7a5b5a8a0e6bd5ea1fbcd75ce4fd2a1ab1f2a7d1"

func seal(t testing.TB) sealed {
	t.Helper()
	dir := t.TempDir()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	p, err := example.Plan(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, "evidence", attachment[:2], attachment)
	if err := os.MkdirAll(filepath.Dir(long), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(long, []byte(strings.Repeat("a line of a long output\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2"} {
		events := example.Events(id, run.Drill, p)
		for i := range events {
			if e := &events[i]; e.Step == "s2" && e.Kind == run.StepEnded {
				var r run.StepResult
				if err := e.Decode(&r); err != nil {
					t.Fatal(err)
				}
				r.Output = json.RawMessage(`{"log":"...","cut":[{"field":"log","evidence":"evidence:` + attachment + `"}]}`)
				e.Data = run.Encode(r)
			}
		}
		if err := store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	k := keep.New(keep.Options{Dir: filepath.Join(dir, "seal"), Attachments: filepath.Join(dir, "evidence"), Store: store, Version: "test"})
	t.Cleanup(k.Close)
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := sealed{k: k}
	for id, into := range map[string]*[]byte{"tokyo-loss-1": &out.bundle, "tokyo-loss-2": &out.other} {
		if *into, err = k.Bundle(t.Context(), id, keep.BundleOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	out.key, _, err = keep.PublicKey(filepath.Join(dir, "seal"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func open(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	files, damaged, err := evidence.Read(b)
	if err != nil || len(damaged) > 0 {
		t.Fatal(err, damaged)
	}
	return files
}

func pack(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	b, err := evidence.Write(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// flip changes one bit in the middle of the place at which text stands.
func flip(t *testing.T, b []byte, text string) []byte {
	t.Helper()
	i := bytes.Index(b, []byte(text))
	if i < 0 {
		t.Fatalf("no %q in it", text)
	}
	b = bytes.Clone(b)
	b[i+len(text)/2] ^= 1
	return b
}

func swapLines(b []byte, i, j int) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	lines[i], lines[j] = lines[j], lines[i]
	return bytes.Join(lines, nil)
}

func dropLine(b []byte, holds string) []byte {
	var out []byte
	for _, line := range bytes.SplitAfter(b, []byte("\n")) {
		if !bytes.Contains(line, []byte(holds)) {
			out = append(out, line...)
		}
	}
	return out
}

// resum makes manifest and sums anew, as a forger would who has no key.
func resum(t *testing.T, files map[string][]byte) {
	t.Helper()
	var events []run.Event
	for _, line := range bytes.Split(bytes.TrimSpace(files[evidence.FileEvents]), []byte("\n")) {
		var e run.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	var err error
	if files[evidence.FileEvents], files[evidence.FileSums], err = evidence.Lines(events); err != nil {
		t.Fatal(err)
	}
	var m evidence.Manifest
	if err := json.Unmarshal(files[evidence.FileManifest], &m); err != nil {
		t.Fatal(err)
	}
	for i, f := range m.Files {
		m.Files[i] = evidence.NewFile(f.Path, files[f.Path], f.Class)
	}
	if files[evidence.FileManifest], err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
}

// Every manipulated copy is rejected, and what differs is named.
func TestManipulatedCopiesAreRejected(t *testing.T) {
	s := seal(t)
	_, foreign, err := note.GenerateKey(rand.Reader, "muster-evidence-0000beef")
	if err != nil {
		t.Fatal(err)
	}
	again := func(change func(map[string][]byte)) func([]byte) []byte {
		return func(b []byte) []byte {
			files := open(t, b)
			change(files)
			return pack(t, files)
		}
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		key    string
		code   evidence.Code
		says   []string // of the English text of one finding
	}{
		"a bit of an event": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = flip(t, f[evidence.FileEvents], `"quarterly drill"`)
		}), "", evidence.CodeEvent, []string{"events.jsonl", "line 1", "event run/1 was altered"}},
		"a bit of an event's number": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = flip(t, f[evidence.FileEvents], `"seq":5`)
		}), "", evidence.CodeEvent, []string{"events.jsonl", "run/5"}},
		"a bit of the plan": {again(func(f map[string][]byte) {
			f[evidence.FilePlan] = flip(t, f[evidence.FilePlan], "Order taking")
		}), "", evidence.CodeFile, []string{"plan.json", "bytes 0 to"}},
		"a bit of an attachment": {again(func(f map[string][]byte) {
			b := bytes.Clone(f[evidence.DirAttachments+attachment])
			b[10_000] ^= 4
			f[evidence.DirAttachments+attachment] = b
		}), "", evidence.CodeFile, []string{attachment, "bytes 8192 to 12287"}},
		"a bit of the report": {again(func(f map[string][]byte) {
			f[evidence.FileReport] = flip(t, f[evidence.FileReport], "Order taking")
		}), "", evidence.CodeFile, []string{"report.json", "bytes"}},
		"a bit of the page": {again(func(f map[string][]byte) {
			f[evidence.FileHTML] = flip(t, f[evidence.FileHTML], "Order taking")
		}), "", evidence.CodeFile, []string{"report.html"}},
		"one missing event": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = dropLine(f[evidence.FileEvents], `"writer":"orders/failover","seq":5,`)
		}), "", evidence.CodeNoEvent, []string{"event orders/failover/5 is missing"}},
		"one missing event and new sums": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = dropLine(f[evidence.FileEvents], `"writer":"orders/failover","seq":5,`)
			resum(t, f)
		}), "", evidence.CodeNoEvent, []string{"event orders/failover/5 is missing"}},
		"the last event missing": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = dropLine(f[evidence.FileEvents], `"kind":"run.ended"`)
		}), "", evidence.CodeNoEvent, []string{"is missing"}},
		"two events swapped": {again(func(f map[string][]byte) { f[evidence.FileEvents] = swapLines(f[evidence.FileEvents], 4, 5) }),
			"", evidence.CodeOrder, []string{"line 6", "run/5 stands after run/6"}},
		"an event twice": {again(func(f map[string][]byte) {
			lines := bytes.SplitAfter(f[evidence.FileEvents], []byte("\n"))
			f[evidence.FileEvents] = bytes.Join(slices.Insert(lines, 3, lines[2]), nil)
		}), "", evidence.CodeTwice, []string{"line 4", "run/3"}},
		"an event of another run": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = bytes.Replace(f[evidence.FileEvents], []byte(`"run":"tokyo-loss-1"`), []byte(`"run":"tokyo-loss-2"`), 1)
		}), "", evidence.CodeEvent, []string{"line 1", "run tokyo-loss-2"}},
		"a swapped figure": {again(func(f map[string][]byte) {
			f[evidence.FileReport] = bytes.Replace(f[evidence.FileReport], []byte(`"actual_s": 20`), []byte(`"actual_s": 12`), 1)
		}), "", evidence.CodeFigure, []string{"rto.actual_s of orders says 12", "give 20"}},
		"a swapped figure under a new manifest": {again(func(f map[string][]byte) {
			f[evidence.FileReport] = bytes.Replace(f[evidence.FileReport], []byte(`"lost_markers": 1`), []byte(`"lost_markers": 0`), 1)
			resum(t, f)
		}), "", evidence.CodeFigure, []string{"rpo.lost_markers of orders says 0", "give 1"}},
		"a replaced manifest": {again(func(f map[string][]byte) {
			f[evidence.FileEvents] = bytes.Replace(f[evidence.FileEvents], []byte("quarterly drill"), []byte("quarterly DRILL"), 1)
			resum(t, f)
		}), "", evidence.CodeManifest, []string{"manifest.json", "entry 1 of the log"}},
		"a foreign key": {again(func(map[string][]byte) {}), foreign, evidence.CodeKey, []string{"checkpoint", "not signed with the key that you gave"}},
		"another key in the bundle": {again(func(f map[string][]byte) { f[evidence.FileKey] = []byte(foreign + "\n") }),
			"", evidence.CodeKey, []string{"key.pub"}},
		"a replaced checkpoint": {again(func(f map[string][]byte) {
			f[evidence.FileCheckpoint] = bytes.Replace(f[evidence.FileCheckpoint], []byte("\n3\n"), []byte("\n2\n"), 1)
		}), "", evidence.CodeCheckpoint, []string{"checkpoint", "signature"}},
		"an entry of another run": {again(func(f map[string][]byte) { f[evidence.FileProofs] = open(t, s.other)[evidence.FileProofs] }),
			"", evidence.CodeEntry, []string{"proofs.json", "another run (2: tokyo-loss-2)"}},
		"an altered entry": {again(func(f map[string][]byte) {
			f[evidence.FileProofs] = bytes.Replace(f[evidence.FileProofs], []byte(`\"part\":1`), []byte(`\"part\":2`), 1)
		}), "", evidence.CodeProof, []string{"entry 1 is not in the log"}},
		"a file taken out": {again(func(f map[string][]byte) { delete(f, evidence.FileHTML) }), "", evidence.CodeMissing, []string{"report.html is missing"}},
		"a file put in":    {again(func(f map[string][]byte) { f["report-final.json"] = []byte("{}") }), "", evidence.CodeExtra, []string{"report-final.json", "not sealed"}},
		"cut off":          {func(b []byte) []byte { return b[:len(b)/2] }, "", evidence.CodeContainer, []string{"cut off"}},
		"a path that leads out": {rezip(func(w *zip.Writer, add func(string, string)) {
			add("../../etc/cron.d/x", "x")
		}), "", evidence.CodeContainer, []string{`"../../etc/cron.d/x" leads out`}},
		"a name twice": {rezip(func(w *zip.Writer, add func(string, string)) { add(evidence.FileReport, "{}") }),
			"", evidence.CodeContainer, []string{`"report.json" is there twice`}},
		"a bomb": {rezip(func(w *zip.Writer, add func(string, string)) {
			raw(w, "zeros", 2<<30)
		}), "", evidence.CodeContainer, []string{"larger than 1024 MB"}},
		"a bomb that calls itself small": {rezip(func(w *zip.Writer, add func(string, string)) { raw(w, "zeros", 10) }),
			"", evidence.CodeFile, []string{"zeros: it can't be unpacked whole"}},
		"packed again": {rezip(func(*zip.Writer, func(string, string)) {}), "", evidence.CodeContainer, []string{"packed again"}},
		"no zip":       {func([]byte) []byte { return []byte("<html>404</html>") }, "", evidence.CodeContainer, []string{"no zip file"}},
	} {
		t.Run(name, func(t *testing.T) {
			key := c.key
			if key == "" {
				key = s.key
			}
			r := evidence.Verify(c.change(s.bundle), evidence.Options{Keys: []string{key}, Version: "test"})
			if r.Sound {
				t.Fatal("accepted")
			}
			for _, f := range r.Findings {
				fits := f.Code == c.code
				for _, text := range c.says {
					fits = fits && strings.Contains(f.EN, text)
				}
				if fits {
					if f.JA == "" || f.JA == f.EN || strings.Contains(f.JA+f.EN, "%!") {
						t.Errorf("in Japanese: %q", f.JA)
					}
					return
				}
			}
			for _, f := range r.Findings {
				t.Errorf("found %s: %s", f.Code, f.EN)
			}
			t.Errorf("want %s saying %q", c.code, c.says)
		})
	}
	if r := evidence.Verify(s.bundle, evidence.Options{Keys: []string{s.key}, Version: "test"}); !r.Sound {
		t.Errorf("the copy itself: %+v", r.Findings)
	}
}

// Whatever byte was damaged on the way: it is found.
func TestNoFlippedByteGoesUnnoticed(t *testing.T) {
	s := seal(t)
	small := map[string][]byte{}
	maps.Copy(small, open(t, s.bundle))
	b := pack(t, small)
	for i := 0; i < len(b); i += 37 {
		bad := bytes.Clone(b)
		bad[i] ^= 0x10
		if r := evidence.Verify(bad, evidence.Options{Keys: []string{s.key}, Version: "test"}); r.Sound {
			t.Fatalf("byte %d of %d: accepted", i, len(b))
		}
	}
}

// Without a key all may fit, and nothing shows whose it is.
func TestWithoutAKeyNothingShowsWhoseItIs(t *testing.T) {
	s := seal(t)
	r := evidence.Verify(s.bundle, evidence.Options{Version: "test"})
	if !r.Sound || r.KeyGiven || r.Fingerprint != evidence.Fingerprint(s.key) {
		t.Errorf("%+v", r)
	}
}

// A bundle of another version of muster is compared by what both know; a figure must be there.
func TestAnotherVersionChecksFigures(t *testing.T) {
	s := seal(t)
	r := evidence.Verify(s.bundle, evidence.Options{Keys: []string{s.key}, Version: "newer"})
	if !r.Sound || len(r.Notes) == 0 {
		t.Errorf("%+v", r)
	}
}

// The log of an older checkpoint is the beginning of the newer one's, and that is proven.
func TestTheLogContinuesAnOlderCheckpoint(t *testing.T) {
	s := seal(t)
	old, err := s.k.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.k.Hold(t.Context(), "tokyo-loss-2", "sato", "", "an enquiry"); err != nil {
		t.Fatal(err)
	}
	with, err := s.k.Bundle(t.Context(), "tokyo-loss-1", keep.BundleOptions{Since: 3})
	if err != nil {
		t.Fatal(err)
	}
	o := evidence.Options{Keys: []string{s.key}, Version: "test", Since: old}
	if r := evidence.Verify(with, o); !r.Sound || r.Since == nil || *r.Since != 3 {
		t.Errorf("%+v", r)
	}
	without, err := s.k.Bundle(t.Context(), "tokyo-loss-1", keep.BundleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"without a proof": without, "older than it": s.bundle, "with a proof of something else": func() []byte {
		f := open(t, with)
		var p evidence.Proofs
		if err := json.Unmarshal(f[evidence.FileProofs], &p); err != nil {
			t.Fatal(err)
		}
		p.Since.Path[0][0] ^= 1
		f[evidence.FileProofs], err = json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return pack(t, f)
	}()} {
		newer, err := s.k.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o := o
		if name == "older than it" {
			o.Since = newer
		}
		r := evidence.Verify(b, o)
		if r.Sound || r.Findings[0].Code != evidence.CodeSince {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// rezip packs a bundle with another program's means and adds to it.
func rezip(more func(w *zip.Writer, add func(name, text string))) func([]byte) []byte {
	return func(b []byte) []byte {
		files, _, err := evidence.Read(b)
		if err != nil {
			panic(err)
		}
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		add := func(name, text string) {
			f, err := w.Create(name)
			if err == nil {
				_, err = io.WriteString(f, text)
			}
			if err != nil {
				panic(fmt.Sprint(name, err))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			add(name, string(files[name]))
		}
		more(w, add)
		if err := w.Close(); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
}

// raw adds 64 MB of zeros that call themselves as long as size.
func raw(w *zip.Writer, name string, size uint64) {
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		_, err = z.Write(make([]byte, 64<<20))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err)
	}
	f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: size})
	if err == nil {
		_, err = f.Write(packed.Bytes())
	}
	if err != nil {
		panic(err)
	}
}

// Whatever stands in any file of a bundle, verifying it ends with a result.
func FuzzVerify(f *testing.F) {
	s := seal(f)
	files, _, err := evidence.Read(s.bundle)
	if err != nil {
		f.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(files))
	for i, name := range names {
		f.Add(uint8(i), files[name][:min(len(files[name]), 20_000)])
	}
	f.Add(uint8(slices.Index(names, evidence.FileManifest)), []byte(`{"format":"muster-evidence/1","run":"tokyo-loss-1","part":1,"files":[{"path":"plan.json","bytes":-5},{"path":"events.jsonl","blocks":["x"]}]}`))
	f.Add(uint8(slices.Index(names, evidence.FileProofs)), []byte(`{"entries":[{"index":18446744073709551615,"entry":"{}"}],"since":{"size":0}}`))
	f.Add(uint8(slices.Index(names, evidence.FileEvents)), []byte("{\"run\":\"tokyo-loss-1\",\"writer\":\"run\",\"seq\":9223372036854775807}\n{}\nnull\n[]\n"))
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		name := names[int(which)%len(names)]
		changed := maps.Clone(files)
		changed[name] = content
		b, err := evidence.Write(changed)
		if err != nil {
			t.Fatal(err)
		}
		r := evidence.Verify(b, evidence.Options{Keys: []string{s.key}, Version: "test"})
		// Proofs, key and checkpoint prove themselves, however they are set.
		free := name == evidence.FileProofs || name == evidence.FileKey || name == evidence.FileCheckpoint
		if !bytes.Equal(content, files[name]) && r.Sound && !free {
			t.Fatalf("an altered %s was accepted", name)
		}
		_ = evidence.Verify(s.bundle, evidence.Options{Keys: []string{s.key}, Version: "test", Since: content})
		_ = evidence.Verify(content, evidence.Options{Version: "test"})
	})
}
