package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

var update = flag.Bool("update", false, "write the golden files again")

var begin = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }

func testPlan(t *testing.T) plan.Plan {
	t.Helper()
	rto := run.Duration(5 * time.Minute)
	p := plan.Plan{
		Format: plan.Format,
		Scenario: plan.Scenario{Name: "tokyo-loss", Title: plan.Text{EN: "Loss of the Tokyo data centre", JA: "東京データセンターの喪失"},
			Hazard: run.Disaster, Depth: run.Live, Phases: run.Phases(run.Disaster), Quorum: []plan.RoleCount{{Role: "operator", Count: 2}}},
		Estate: plan.Estate{Zone: "Asia/Tokyo", People: []plan.Person{{ID: "sato", Roles: []string{"commander"}}, {ID: "tanaka", Roles: []string{"operator"}}}},
		Systems: []plan.System{{Name: "orders", Priority: "S", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto},
			Probes: []plan.Probe{{Name: "orders/write", System: "orders", Function: "write", Weight: 60}, {Name: "orders/read", System: "orders", Function: "read", Weight: 40}}}},
		Runbooks: []plan.Runbook{{Name: "orders-failover", System: "orders", Steps: []plan.Step{
			{ID: "fence", Uses: "postgres.fence", Site: "tokyo", Budget: run.Duration(time.Second)}, {ID: "promote", Uses: "postgres.promote", Site: "osaka", CanLook: true}, {ID: "announce", Uses: "human.task"}}}},
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

// journalOf is a drill in the middle of its recovery; the promotion's outcome is unknown.
func journalOf(p plan.Plan) []run.Event {
	f := "orders/failover"
	change := func(name string, up bool, s float64, why string) run.Event {
		return run.Event{At: at(s), Kind: run.ProbeChanged, System: "orders", Step: name, Reason: why, Data: run.Encode(run.ProbeChange{Up: up, At: at(s), Error: why})}
	}
	step := func(k run.EventKind, id, action, site string, s float64, o run.Outcome, why string, data any) run.Event {
		e := run.Event{At: at(s), Writer: f, Kind: k, System: "orders", Runbook: "orders-failover", Step: id, Action: action, Site: site, Generation: 1, Outcome: o, Reason: why, By: run.Engine}
		if data != nil {
			e.Data = run.Encode(data)
		}
		return e
	}
	list := []run.Event{
		{At: at(0), Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: p.Hash})},
		change("orders/write", true, 1, ""), change("orders/read", true, 1, ""),
		{At: at(1), Kind: run.PhaseStarted, Phase: run.Activation},
		{At: at(2), Kind: run.EventOccurred, System: "orders", Data: run.Encode(run.Occurrence{At: at(2), Source: "inject"})},
		change("orders/write", false, 2.3, "connection refused\x1b[2J"),
		{At: at(3), Kind: run.PersonCalled, Person: "sato"}, {At: at(3), Kind: run.PersonCalled, Person: "tanaka"},
		{At: at(3), Kind: run.MessageSent, Data: run.Encode(run.Message{To: []string{"sato", "tanaka"}, Text: "[DRILL]【訓練】Report that you are safe. / 安否を報告してください。"})},
		{At: at(4), Kind: run.PhaseEnded, Phase: run.Activation, Outcome: run.Passed},
		{At: at(4), Kind: run.PhaseStarted, Phase: run.SafetyCheck},
		{At: at(5), Kind: run.PersonAnswered, Person: "tanaka", By: "tanaka", Data: run.Encode(run.Answer{Safety: run.Safe, CanCome: true})},
		{At: at(6), Kind: run.PhaseStarted, Phase: run.RecoveryDecision},
		{At: at(7), Kind: run.DecisionMade, System: "orders", By: "sato", Reason: "Tokyo is dark", Data: run.Encode(run.Decision{Answer: run.Alternate})},
		{At: at(8), Kind: run.PhaseEnded, Phase: run.RecoveryDecision, Outcome: run.Passed},
		{At: at(8), Kind: run.PhaseStarted, Phase: run.Recovery},
		step(run.StepStarted, "fence", "postgres.fence", "tokyo", 9, "", "", nil),
		step(run.StepEnded, "fence", "postgres.fence", "tokyo", 11, run.Passed, "", run.StepResult{SettledBy: run.ByResult, DurationS: 2, Attempts: 1}),
		step(run.StepStarted, "promote", "postgres.promote", "osaka", 11, "", "", nil),
		step(run.StepWaiting, "promote", "postgres.promote", "osaka", 20, "", "the answer was lost", run.Wait{Kind: run.WaitUnknown, Role: "operator", Text: "did osaka become primary?", Acts: []run.Act{run.ActDone, run.ActRetry, run.ActSkip}}),
	}
	for i := range list {
		list[i].Run, list[i].Seq = "tokyo-loss-1", int64(i+1)
		if list[i].Writer == "" {
			list[i].Writer = "run"
		}
	}
	return list
}

func entries(events []run.Event) []journal.Entry {
	var out []journal.Entry
	for i, e := range events {
		out = append(out, journal.Entry{Position: int64(i + 1), Event: e})
	}
	return out
}

// The golden pictures are what a director sees; look at them when they change.
func TestPictures(t *testing.T) {
	p := testPlan(t)
	o := progress.Of(p, entries(journalOf(p)), at(65))
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Frame{
		"wide_en":   {Style: Style{Width: 110}, Lang: i18n.EN},
		"wide_ja":   {Style: Style{Width: 110}, Lang: i18n.JA},
		"narrow_en": {Style: Style{Width: 64}, Height: 24, Lang: i18n.EN},
		"stale_ja":  {Style: Style{Width: 80}, Lang: i18n.JA, Stale: 42 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			f.Plan, f.Zone = p, tokyo
			lines := f.Lines(o)
			for _, line := range lines {
				if w := Cells(line); w > f.Style.Width {
					t.Errorf("a line takes %d of %d cells: %s", w, f.Style.Width, line)
				}
			}
			if f.Height > 0 && len(lines) > f.Height {
				t.Errorf("%d lines, and the screen has %d", len(lines), f.Height)
			}
			golden(t, filepath.Join("testdata", name+".txt"), strings.Join(lines, "\n")+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it again); got:\n%s", file, got)
	}
}

// Colours only repeat what symbols and words say.
func TestColoursChangeNoWord(t *testing.T) {
	p := testPlan(t)
	o := progress.Of(p, entries(journalOf(p)), at(65))
	plain := Frame{Style: Style{Width: 100}, Lang: i18n.EN, Plan: p}.Lines(o)
	colored := Frame{Style: Style{Width: 100, Color: true}, Lang: i18n.EN, Plan: p}.Lines(o)
	if len(plain) != len(colored) {
		t.Fatalf("%d lines plain, %d in colour", len(plain), len(colored))
	}
	for i := range plain {
		bare := colored[i]
		for strings.Contains(bare, "\x1b[") {
			from := strings.Index(bare, "\x1b[")
			to := from + strings.Index(bare[from:], "m") + 1
			bare = bare[:from] + bare[to:]
		}
		if strings.TrimRight(bare, " ") != strings.TrimRight(plain[i], " ") {
			t.Errorf("line %d in colour reads %q, plain %q", i, bare, plain[i])
		}
		if strings.Contains(plain[i], "\x1b") {
			t.Errorf("line %d lets an escape of a target's through: %q", i, plain[i])
		}
	}
}

// served is a server with the journal so far; more may be appended.
type served struct {
	store journal.Store
	url   string
	away  atomic.Bool
}

func serve(t *testing.T) *served {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := &served{store: store}
	p := testPlan(t)
	if err := s.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Append(t.Context(), journalOf(p)); err != nil {
		t.Fatal(err)
	}
	h := (&api.Server{Store: s.store, Token: "t", Log: slog.New(slog.DiscardHandler)}).Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.away.Load() {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	s.url = srv.URL
	return s
}

func (s *served) end(t *testing.T) {
	t.Helper()
	end := run.Event{Run: "tokyo-loss-1", Writer: "run", Seq: 1000, At: at(90), Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Cancelled})}
	if err := s.store.Append(context.Background(), []run.Event{end}); err != nil {
		t.Fatal(err)
	}
}

func TestLinesWhereThereIsNoTerminal(t *testing.T) {
	s := serve(t)
	c := api.Connect(s.url, "t", "en")
	defer c.Close()
	s.away.Store(true)
	if _, err := Run(t.Context(), c, "tokyo-loss-1", Options{Out: &bytes.Buffer{}, Lang: i18n.EN}); err == nil {
		t.Fatal("a server that does not answer at all is no error")
	}
	s.away.Store(false)
	var out bytes.Buffer
	type result struct {
		o   progress.Overview
		err error
	}
	done := make(chan result, 1)
	go func() {
		o, err := Run(t.Context(), c, "tokyo-loss-1", Options{Out: &out, Lang: i18n.EN})
		done <- result{o, err}
	}()
	s.end(t)
	r := <-done
	if r.err != nil || r.o.State != run.Cancelled {
		t.Fatalf("ended %s, %v", r.o.State, r.err)
	}
	for _, want := range []string{
		"14:00:00 JST T+00:00:00 【訓練】DRILL tokyo-loss-1 started, depth live (sato)",
		"orders/write is DOWN: connection refused[2J",
		"step orders promote OUTCOME UNKNOWN, waits for operator: the answer was lost",
		"ended: cancelled",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line says %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("escapes where there is no terminal")
	}
}

func TestEventsAsJSON(t *testing.T) {
	s := serve(t)
	s.end(t)
	c := api.Connect(s.url, "t", "en")
	defer c.Close()
	var out bytes.Buffer
	if _, err := Run(t.Context(), c, "tokyo-loss-1", Options{Out: &out, JSON: true}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for dec := json.NewDecoder(&out); dec.More(); n++ {
		var e journal.Entry
		if err := dec.Decode(&e); err != nil || e.Position == 0 || e.Event.Kind == "" {
			t.Fatalf("line %d: %+v, %v", n, e, err)
		}
	}
	if want := len(journalOf(testPlan(t))) + 1; n != want {
		t.Errorf("%d events, want %d", n, want)
	}
}

// screenOf is a terminal that tells when something was drawn on it.
type screenOf struct {
	text  bytes.Buffer
	drawn chan struct{}
}

func (s *screenOf) Write(b []byte) (int, error) {
	n, err := s.text.Write(b)
	select {
	case s.drawn <- struct{}{}:
	default:
	}
	return n, err
}

func TestATerminalGetsItsScreenBack(t *testing.T) {
	s := serve(t)
	c := api.Connect(s.url, "t", "ja")
	defer c.Close()
	out := &screenOf{drawn: make(chan struct{}, 8)}
	done := make(chan error, 1)
	go func() {
		_, err := Run(t.Context(), c, "tokyo-loss-1", Options{Out: out, Lang: i18n.JA, Screen: func() (int, int) { return 100, 30 }})
		done <- err
	}()
	<-out.drawn // its own screen
	<-out.drawn // the first picture
	s.end(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	text := out.text.String()
	first, rest, ok := strings.Cut(text, leave)
	if !strings.HasPrefix(text, enter) || !ok || !strings.Contains(first, "対応待ち") {
		t.Errorf("no picture on a screen of its own: %q", text)
	}
	if !strings.Contains(rest, "■ 中止") || strings.Contains(rest, home) {
		t.Errorf("the last picture is not left on the shell's screen: %q", rest)
	}
}

// Who comes to a run later reads who forced a step, why, and what was left undone.
func TestStepsByHandSayWhoAndWhy(t *testing.T) {
	p := testPlan(t)
	p.Estate.People[0].Name, p.Estate.People[1].Name = plan.Text{EN: "Sato Aiko", JA: "佐藤愛子"}, plan.Text{EN: "Tanaka Ken", JA: "田中健"}
	settle := func(outcome run.Outcome, a run.StepAct) progress.Overview {
		events := journalOf(p)
		last := events[len(events)-1]
		acted, ended := last, last
		acted.Seq, acted.Kind, acted.By, acted.Reason, acted.At, acted.Data = last.Seq+1, run.StepActed, "sato", "SELECT pg_is_in_recovery() says f", at(50), run.Encode(a)
		ended.Seq, ended.Kind, ended.By, ended.Reason, ended.At, ended.Outcome = last.Seq+2, run.StepEnded, "sato", acted.Reason, at(50), outcome
		ended.Data = run.Encode(run.StepResult{SettledBy: run.ByPerson})
		return progress.Of(p, entries(append(events, acted, ended)), at(65))
	}
	for _, c := range []struct {
		name    string
		lang    i18n.Lang
		outcome run.Outcome
		act     run.StepAct
		want    []string
	}{
		{"forced by two", i18n.EN, run.Passed, run.StepAct{Act: run.ActDone, AskedBy: "tanaka"}, []string{"marked done by Sato Aiko (sato), asked for by Tanaka Ken (tanaka): SELECT pg_is_in_recovery() says f", "not run to its end by muster: postgres.promote at osaka", "not proven"}},
		{"forced alone", i18n.EN, run.Passed, run.StepAct{Act: run.ActDone, BreakGlass: true}, []string{"ALONE (break-glass)"}},
		{"skipped", i18n.JA, run.Skipped, run.StepAct{Act: run.ActSkip, AskedBy: "tanaka"}, []string{"佐藤愛子（sato）が省略（要請 田中健（tanaka））", "未実施: postgres.promote（osaka）", "未立証"}},
	} {
		text := strings.Join(Frame{Style: Style{Width: 160}, Lang: c.lang, Plan: p}.Lines(settle(c.outcome, c.act)), "\n")
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, text)
			}
		}
	}
}

// Whoever has no token of their own can paste what is shown.
func TestCommandsSayWhoActs(t *testing.T) {
	p := testPlan(t)
	text := strings.Join(Frame{Style: Style{Width: 110}, Lang: i18n.EN, Plan: p, As: true}.Lines(progress.Of(p, entries(journalOf(p)), at(65))), "\n")
	for _, want := range []string{"muster checkin --safety ANSWER --run tokyo-loss-1 --as sato", "muster step done tokyo-loss-1 promote --reason WHY --as tanaka"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// After a handover a command names who holds the role now, though the plan is of before.
func TestCommandsNameThePresentHolder(t *testing.T) {
	p := testPlan(t)
	events := append(journalOf(p), run.Event{Run: "tokyo-loss-1", Writer: "run", Seq: 900, At: at(30), Kind: run.RoleHandedOver, Person: "sato", By: "tanaka", Data: run.Encode(run.Handover{Role: "operator", From: "tanaka", To: "sato"})})
	text := strings.Join(Frame{Style: Style{Width: 110}, Lang: i18n.EN, Plan: p, As: true}.Lines(progress.Of(p, entries(events), at(65))), "\n")
	for _, want := range []string{"operator (sato)", "muster step retry tokyo-loss-1 promote --as sato"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Who comes to a run that was held and then aborted sees that it is being undone, and does not
// believe that it stands still; one that is held after the abort does.
func TestAnAbortedRunDoesNotStandStill(t *testing.T) {
	p := testPlan(t)
	events := journalOf(p)
	for i, c := range []struct {
		kind   run.EventKind
		en, ja string
	}{{run.RunPaused, "⏸ paused", "⏸ 一時停止中"}, {run.RunAbortRequested, "■ aborting", "■ 中止処理中"}, {run.RunPaused, "⏸ paused", "⏸ 一時停止中"}} {
		events = append(events, run.Event{Run: "tokyo-loss-1", Writer: "run", Seq: int64(900 + i), At: at(30), Kind: c.kind, By: "sato", Reason: "smoke"})
		for l, want := range map[i18n.Lang]string{i18n.EN: c.en, i18n.JA: c.ja} {
			if line := (Frame{Style: Style{Width: 110}, Lang: l, Plan: p}).Lines(progress.Of(p, entries(events), at(65)))[1]; !strings.Contains(line, want) {
				t.Errorf("after %s: %q, want %q", c.kind, line, want)
			}
		}
	}
}
