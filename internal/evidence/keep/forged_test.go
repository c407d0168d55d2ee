package keep

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// forge seals what gather gives, changed: as somebody would who holds the key and the log.
func (w *world) forge(id string, change func(*evidence.Manifest, map[string][]byte)) {
	w.t.Helper()
	k, ctx := w.k, w.t.Context()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		w.t.Fatal(err)
	}
	list, err := w.store.Runs(ctx, journal.Filter{Run: id})
	if err != nil || len(list) != 1 {
		w.t.Fatal(list, err)
	}
	entries, err := w.store.Events(ctx, id, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []run.Event
	var through int64
	for _, e := range entries {
		all, through = append(all, e.Event), e.Position
	}
	m, files, _, err := k.gather(ctx, list[0], 1, all, all)
	if err != nil {
		w.t.Fatal(err)
	}
	change(&m, files)
	m.Files = nil
	for n, b := range files {
		m.Files = append(m.Files, evidence.NewFile(n, b, m.Class))
	}
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	files[evidence.FileManifest] = manifest
	archive, err := evidence.Write(files)
	if err == nil {
		err = writeFile(k.archive(id, 1), archive, 0o600)
	}
	if err == nil {
		err = k.append(ctx, evidence.Entry{Kind: evidence.EntrySealed, At: m.SealedAt, Run: id, Part: 1, Manifest: evidence.Sum(manifest), Class: m.Class, Through: through})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// remark is added to a run after its end, and sealed as a further part.
func (w *world) remark(id string, events []run.Event) {
	w.t.Helper()
	n := int64(0)
	for _, e := range events {
		if e.Writer == "run" {
			n = max(n, e.Seq)
		}
	}
	w.put(run.Event{Run: id, Writer: "run", Seq: n + 1, At: w.clock(), Kind: run.RemarkMade, By: "sato", Reason: "the list of telephone numbers was old"})
	w.pass(time.Minute)
	w.round()
}

func rejected(r evidence.Result, code evidence.Code, file string) bool {
	return !r.Sound && slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == code && f.File == file })
}

// Not even who holds the key passes a report that plan and events don't give: of whichever part,
// in whichever of its forms, and whether by altering it or by leaving it out.
func TestAForgedReportIsRejectedInEachPart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*evidence.Manifest, map[string][]byte)
		code   evidence.Code
		file   string
	}{
		"report": {func(_ *evidence.Manifest, f map[string][]byte) {
			f[evidence.FileReport] = []byte(strings.Replace(string(f[evidence.FileReport]), `"actual_s": 20`, `"actual_s": 1`, 1))
		}, evidence.CodeFigure, evidence.FileReport},
		"page":   {func(_ *evidence.Manifest, f map[string][]byte) { f[evidence.FileHTML] = []byte("<h1>met</h1>") }, evidence.CodeFigure, evidence.FileHTML},
		"record": {func(_ *evidence.Manifest, f map[string][]byte) { f[evidence.FileRecord] = []byte("{}") }, evidence.CodeFigure, evidence.FileRecord},
		"no report": {func(_ *evidence.Manifest, f map[string][]byte) {
			delete(f, evidence.FileReport)
			f[evidence.FileHTML] = []byte("<h1>met</h1>")
		}, evidence.CodeMissing, evidence.FileReport},
		"no page": {func(_ *evidence.Manifest, f map[string][]byte) { delete(f, evidence.FileHTML) }, evidence.CodeMissing, evidence.FileHTML},
		"no plan": {func(_ *evidence.Manifest, f map[string][]byte) {
			delete(f, evidence.FilePlan)
			f[evidence.FileReport] = []byte(`{"verdict":"met"}`)
		}, evidence.CodeMissing, evidence.FilePlan},
		"called a due day": {func(m *evidence.Manifest, f map[string][]byte) {
			m.Kind = run.Occasion
			delete(f, evidence.FilePlan)
		}, evidence.CodeManifest, evidence.FileManifest},
		"none could be made, it says": {func(m *evidence.Manifest, f map[string][]byte) {
			m.NoReport = "out of paper"
			for _, n := range []string{evidence.FileReport, evidence.FileHTML, evidence.FileRecord} {
				delete(f, n)
			}
		}, evidence.CodeReport, evidence.FileManifest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			events := w.ended("tokyo-loss-1", run.Drill)
			w.forge("tokyo-loss-1", c.change)
			for parts := 1; parts <= 2; parts++ {
				r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{}))
				if r.Parts != parts || !rejected(r, c.code, c.file) {
					t.Errorf("%d part(s): sound %v, %+v", r.Parts, r.Sound, r.Findings)
				}
				if parts == 1 {
					w.remark("tokyo-loss-1", events)
				}
			}
		})
	}
}

// What no report can be made of is sealed as it is; it is never called sound, nor altered.
func TestWhatHasNoReportIsNotCalledSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	events := w.ended("tokyo-loss-1", run.Drill)
	w.put(run.Event{Run: "tokyo-loss-1", Writer: "orders/failover", Seq: 100, At: w.clock(), Kind: run.StepEnded, By: run.Engine, Step: events[0].Step, Data: json.RawMessage(`"broken"`)})
	w.pass(time.Minute)
	w.round()
	r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{}))
	if r.Sound || r.Computed != evidence.ComputedNot || len(r.Findings) > 0 || len(r.Notes) == 0 {
		t.Errorf("%+v", r)
	}
}

// A bundle can't show that its newest part was taken out with all that speaks of it: so it says
// which parts it shows. Where an entry still speaks of a later part, it is missing.
func TestALaterPartThatWasTakenOut(t *testing.T) {
	t.Parallel()
	folder := Folder{t.TempDir()}
	w := newWorld(t, func(o *Options) { o.Places = []Place{folder} })
	events := w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.remark("tokyo-loss-1", events)
	w.k.deliver(t.Context())
	whole := w.bundle("tokyo-loss-1", BundleOptions{})
	if r := w.verify(whole); !r.Sound || !strings.Contains(r.Notes[0].EN, "parts 1 to 2 of") || strings.Contains(r.Notes[0].EN+r.Notes[0].JA, "%!") || r.Parts != 2 || r.LaterParts != evidence.LaterNotShown {
		t.Fatalf("%+v", r)
	}
	without := func(gone func(evidence.Entry) bool) evidence.Result {
		files, _, err := evidence.Read(whole)
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(files, func(n string, _ []byte) bool { return strings.HasPrefix(n, evidence.Dir(2)) })
		var p evidence.Proofs
		if err := json.Unmarshal(files[evidence.FileProofs], &p); err != nil {
			t.Fatal(err)
		}
		p.Entries = slices.DeleteFunc(p.Entries, func(x evidence.Proof) bool {
			e, err := evidence.ParseEntry([]byte(x.Entry))
			return err != nil || gone(e)
		})
		if files[evidence.FileProofs], err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		b, err := evidence.Write(files)
		if err != nil {
			t.Fatal(err)
		}
		return w.verify(b)
	}
	for name, gone := range map[string]func(evidence.Entry) bool{
		"the entries stand":     func(evidence.Entry) bool { return false },
		"only a receipt stands": func(e evidence.Entry) bool { return e.Part == 2 && e.Kind == evidence.EntrySealed },
	} {
		if r := without(gone); !rejected(r, evidence.CodeMissing, evidence.Dir(2)+evidence.FileManifest) || r.LaterParts != evidence.LaterMissing {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := without(func(e evidence.Entry) bool { return e.Part == 2 })
	if r.Parts != 1 || r.LaterParts != evidence.LaterNotShown || !slices.ContainsFunc(r.Notes, func(n evidence.Note) bool {
		return strings.Contains(n.EN, "part 1 of tokyo-loss-1") && strings.Contains(n.JA, "第 1 部")
	}) {
		t.Errorf("%+v", r)
	}
}
