package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// estate is a small one with a table-top drill.
const estate = `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
systems:
  - name: orders
    title: Orders
    home: tokyo
    alternate: osaka
    objectives: {rto: 1h}
    drillable: [live]
    functions:
      - {name: port, title: Port, probe: {uses: probe.tcp, at: osaka, with: {address: "127.0.0.1:1"}}}
    runbooks: {failover: orders-failover}
people:
  - {id: sato, name: Sato, roles: [commander]}
  - {id: tanaka, name: Tanaka, roles: [operator, commander]}
muster_places: [{name: online, title: Online, online: true}]
`

const runbook = `kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: announce, uses: human.task, as: operator, with: {text: Tell the branches}}
`

const tabletop = `kind: Scenario
name: tokyo-loss
title: Loss of Tokyo
hazard: disaster
depth: tabletop
sites_lost: [tokyo]
systems: [orders]
failback: stay
muster_place: online
decision: {by: commander, within: 1m, rule: wait}
people: {simulate: {after: 1s, spread: 1s}}
`

func plansDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// talk is what people were told.
type talk struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *talk) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *talk) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func options(t *testing.T, plans string) (Options, *talk) {
	t.Helper()
	said := &talk{}
	return Options{Config: config.Config{Data: filepath.Join(t.TempDir(), "data"), Plans: plans, Listen: "127.0.0.1:0", Engine: temporaltest.Binary(t)},
		Version: "test", Lang: i18n.EN, Talk: said, Log: slog.New(slog.DiscardHandler)}, said
}

// running is `muster up` in this process.
type running struct {
	*api.Client
	stop func() error // asks it to end and waits for that
	at   string       // URL
}

func begin(t *testing.T, o Options) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	addresses, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- Up(ctx, o, func(api, _ string) { addresses <- api }) }()
	var once sync.Once
	var err error
	stop := func() error {
		once.Do(func() { cancel(); err = <-ended })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	select {
	case at := <-addresses:
		token, err := ReadToken(i18n.EN, o.Config.TokenPath())
		if err != nil {
			t.Fatal(err)
		}
		c := api.Connect(at, token, "en")
		t.Cleanup(c.Close)
		return running{c, stop, at}
	case err := <-ended:
		ended <- err
		t.Fatalf("up ended before it had started: %v", err)
	case <-time.After(3 * time.Minute): // an engine alone may take one
		t.Fatal("up did not start within 3 minutes")
	}
	panic("unreachable")
}

// A drill begun before a stop goes on after the next start, and ends by itself.
func TestUpGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	o, said := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	up := begin(t, o)
	if h, err := up.Health(t.Context()); err != nil || !h.OK {
		t.Fatalf("health = %+v, %v", h, err)
	}
	for _, want := range []string{"muster test is up", "API ", "Temporal UI ", o.Config.TokenPath(), "(scenarios: 1)", "osaka, tokyo"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, said)
		}
	}
	if info, err := os.Stat(o.Config.TokenPath()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v, %v, want mode 0600", info, err)
	}

	// Another one can't use the directory meanwhile, and says who does.
	second := o
	second.Talk = io.Discard
	err := Up(t.Context(), second, nil)
	if trouble := new(Trouble); !errors.As(err, &trouble) || !strings.Contains(trouble.What, strconv.Itoa(os.Getpid())) || trouble.WayOut == "" {
		t.Errorf("a second one on the same data: %v, want it refused with the process that has it", err)
	}

	begun, err := up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	if err := up.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}

	up = begin(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	after := int64(0)
	for {
		ev, err := up.Events(ctx, begun.Run, after, 20*time.Second)
		if err != nil {
			r, _ := up.Run(t.Context(), begun.Run)
			t.Fatalf("the drill did not end within 2 minutes of the restart: %v; waiting for %+v, phases %+v", err, r.Overview.Waiting, r.Overview.Phases)
		}
		if after = ev.Next; ev.Ended {
			break
		}
	}
	r, err := up.Run(t.Context(), begun.Run)
	if err != nil || r.Summary.State != run.TalkedThrough {
		t.Errorf("the drill ended %s, %v, want talked_through", r.Summary.State, err)
	}
	if b, err := up.Report(t.Context(), begun.Run, "json", "en"); err != nil || !bytes.Contains(b, []byte(`"verdict"`)) {
		t.Errorf("its report: %v", err)
	}
	again, err := up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil || again.Run != "tokyo-loss-2" {
		t.Errorf("the next drill is %+v, %v, want tokyo-loss-2", again, err)
	}
	if err := up.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// Files with mistakes keep no server from starting; a start of them is refused with all
// mistakes, and one that is corrected starts, with a worker for a site that is new.
func TestUpWithMistakesInTheFiles(t *testing.T) {
	t.Parallel()
	dir := plansDir(t, map[string]string{"estate.yaml": strings.Replace(estate, "zone:", "zoen:", 1), "runbook.yaml": runbook, "tokyo.yaml": tabletop})
	o, said := options(t, dir)
	up := begin(t, o)
	if !strings.Contains(said.String(), `estate.yaml:3:1: unknown field "zoen"; did you mean "zone"?`) || !strings.Contains(said.String(), "no run can be started") {
		t.Errorf("it did not tell of the mistake:\n%s", said)
	}
	request := api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"}
	_, err := up.Start(t.Context(), request)
	if p := new(api.Problem); !errors.As(err, &p) || p.Code != api.CodeMistakes || len(p.Lines) == 0 || !strings.Contains(p.Lines[0], "zoen") {
		t.Errorf("a start from these files: %v, want it refused with the lines", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "estate.yaml"), []byte(estate), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Start(t.Context(), request); err != nil {
		t.Fatalf("after the correction: %v", err)
	}
	for _, site := range []string{"tokyo", "osaka"} {
		if _, err := os.Stat(filepath.Join(o.Config.SiteDir(site), "ledger.db")); err != nil {
			t.Errorf("no worker for %s: %v", site, err)
		}
	}
}

func TestWhatStandsInTheWayIsNamed(t *testing.T) {
	t.Parallel()
	plans := plansDir(t, nil)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, o *Options)
		what  string
		way   string
	}{
		"the port is taken": {func(t *testing.T, o *Options) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			o.Config.Listen = ln.Addr().String()
		}, "is taken by another program", "--listen"},
		"no address of ours": {func(_ *testing.T, o *Options) { o.Config.Listen, o.Config.InsecureHTTP = "192.0.2.1:7700", true }, "can't listen on 192.0.2.1:7700", "--listen"},
		"no engine":          {func(_ *testing.T, o *Options) { o.Config.Engine = "/nowhere/muster-engine" }, "the engine did not start", "make build"},
		"a file where the directory should be": {func(t *testing.T, o *Options) {
			o.Config.Data = filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(o.Config.Data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "can't be used", "--data"},
		"data of a newer muster": {func(t *testing.T, o *Options) {
			if err := os.MkdirAll(o.Config.Data, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(o.Config.Data, "VERSION"), []byte("2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "newer muster (data version 2, this one knows 1)", "Nothing was changed"},
		"a token that others can read": {func(t *testing.T, o *Options) {
			o.Config.TokenFile = filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(o.Config.TokenFile, []byte("a-token-of-more-than-20-characters\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "Others may read the token", "chmod 600"},
		"a store of another kind": {func(_ *testing.T, o *Options) { o.Config.Store = "mysql:db" }, "can't be used", "sqlite:PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := options(t, plans)
			c.spoil(t, &o)
			err := Up(t.Context(), o, nil)
			if trouble := new(Trouble); !errors.As(err, &trouble) || !strings.Contains(err.Error(), c.what) || !strings.Contains(err.Error(), c.way) {
				t.Errorf("err = %v\nwant it to say %q and %q", err, c.what, c.way)
			}
		})
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	err := fileTrouble(i18n.EN, "/data", &os.PathError{Op: "write", Path: "/data/x", Err: syscall.ENOSPC})
	if !strings.Contains(err.Error(), "The disk is full") {
		t.Errorf("err = %v", err)
	}
}

func TestExamineNamesWhatIsWrong(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": "kind: Estate\nzoen: x\n"}))
	o.Config.Engine = "/nowhere/muster-engine"
	found := map[string]Check{}
	for _, c := range Examine(t.Context(), i18n.EN, o.Config) {
		found[c.ID] = c
	}
	for id, want := range map[string]Result{"data": Good, "token": Good, "store": Good, "engine": Bad, "plans": Bad} {
		if c := found[id]; c.Result != want || want == Bad && c.WayOut == "" {
			t.Errorf("%s: %+v, want %s", id, c, want)
		}
	}
	if _, err := os.Stat(o.Config.Data); err == nil {
		t.Error("looking made the data directory")
	}
}

// What was too long for a history is kept once, under its content's digest.
func TestEvidenceIsKeptByContent(t *testing.T) {
	dir := t.TempDir()
	keep := longOutputs(dir)
	first, err := keep(t.Context(), "output", []byte("long"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := keep(t.Context(), "another", []byte("long"))
	if err != nil || again != first {
		t.Errorf("the same again is %s, %v, want %s", again, err, first)
	}
	digest := strings.TrimPrefix(first, "evidence:")
	if b, err := os.ReadFile(filepath.Join(dir, digest[:2], digest)); err != nil || string(b) != "long" {
		t.Errorf("%s holds %q, %v", first, b, err)
	}
	// Of what was being written when its worker was killed nothing stays for ever; what another writes now does.
	old, now := filepath.Join(dir, digest[:2], "new-1"), filepath.Join(dir, digest[:2], "new-2")
	for _, path := range []string{old, now} {
		save(t, path, "half")
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := sweepOutputs(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, path := range []string{old, now, filepath.Join(dir, digest[:2], digest)} {
		if _, err := os.Stat(path); err == nil {
			left = append(left, filepath.Base(path))
		}
	}
	if !slices.Equal(left, []string{"new-2", digest}) {
		t.Errorf("left after a sweep: %q", left)
	}
}

// A mistyped folder, or a share that is not mounted, is found at the start and not when the first drill is.
func TestUpRefusesPlansThatAreNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "estate.yaml")
	save(t, file, estate)
	for path, says := range map[string]string{filepath.Join(t.TempDir(), "nothing"): "muster init", file: "--plans " + filepath.Dir(file)} {
		data := filepath.Join(t.TempDir(), "data")
		err := Up(t.Context(), Options{Config: config.Config{Data: data, Plans: path}, Lang: i18n.EN, Talk: io.Discard, Log: slog.New(slog.DiscardHandler)}, nil)
		var trouble *Trouble
		if !errors.As(err, &trouble) || !trouble.Mistake || !strings.Contains(err.Error(), path) || !strings.Contains(trouble.WayOut, says) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("something was made: %v", err)
		}
	}
	empty := plans{dir: t.TempDir(), kept: &keptPlans{}}
	if said := upSummary(Options{Lang: i18n.EN, Config: config.Config{Plans: empty.dir}}, empty, "", "", nil, nil); strings.Contains(said, "Start a drill") || !strings.Contains(said, "muster validate "+empty.dir) {
		t.Errorf("without plan files: %s", said)
	}
}

// Whoever starts muster again at night, in the middle of a response, reads that it goes on; and from a wrong folder, that nothing is there.
func TestUpNamesWhatGoesOnAndAnEmptyDirectory(t *testing.T) {
	files := plans{dir: plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}), catalog: all.Registry(all.Options{}), kept: &keptPlans{}}
	open := []journal.Summary{{Run: "drill-9", Kind: run.Drill}, {Run: "tokyo-loss-4", Kind: run.Response}}
	for lang, want := range map[i18n.Lang]struct{ real, drill, made string }{
		i18n.EN: {"The REAL response tokyo-loss-4 goes on: `muster drill watch tokyo-loss-4`", "Drill drill-9 goes on: `muster drill watch drill-9`", "(new and empty;"},
		i18n.JA: {"本番の対応 tokyo-loss-4 を継続しています: `muster drill watch tokyo-loss-4`", "訓練 drill-9 を継続しています", "(新規。"},
	} {
		o := Options{Lang: lang, Config: config.Config{Plans: files.dir, Data: ".muster"}}
		said := upSummary(o, files, "", "", nil, open)
		if at := strings.Index(said, want.real); at < 0 || strings.Index(said, want.drill) < at || strings.Contains(said, "drill start") || strings.Contains(said, want.made) {
			t.Errorf("%s: %s", lang, said)
		}
		o.dataMade = true
		if said := upSummary(o, files, "", "", nil, nil); !strings.Contains(said, "muster drill start SCENARIO") || !strings.Contains(said, want.made) || !strings.Contains(said, "/.muster") {
			t.Errorf("%s: a new directory: %s", lang, said)
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	for _, made := range []bool{true, false} {
		data, err := openData(i18n.EN, dir, alone)
		if err != nil {
			t.Fatal(err)
		}
		data.Close()
		if data.made != made {
			t.Errorf("made is %v, want %v", data.made, made)
		}
	}
}
