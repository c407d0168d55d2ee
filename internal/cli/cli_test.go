package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/intake"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"muster": func() { os.Exit(Main(os.Args[1:], Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})) },
		"shop":   shop,
	})
}

// The scripts use the commands as people do: exit codes, stdout for data, stderr for talk.
func TestScripts(t *testing.T) {
	shipped, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("SHIPPED", shipped)
			e.Setenv("LANG", "C")
			e.Setenv("TERM", "dumb")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"record": record,
			"sealed": sealed,
			"code":   code,
		},
	})
}

// code runs a command and wants this exit code: code 2 muster drill list.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if _, serr := fmt.Sscanf(err.Error(), "exit status %d", &got); serr != nil {
			ts.Fatalf("%v", err)
		}
	}
	if want := args[0]; fmt.Sprint(got) != want {
		ts.Fatalf("exit code %d, want %s", got, want)
	}
}

// record makes a record store with a drill that was aborted at its start: record FILE.
func record(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	store, err := journal.Open(ctx, "sqlite:"+ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(errors.Join(recorded(ctx, store), store.Close()))
}

// recorded enters a drill that was aborted at its start.
func recorded(ctx context.Context, store journal.Store) error {
	at := time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)
	rto := run.Duration(time.Hour)
	p := plan.Plan{Format: plan.Format,
		Scenario: plan.Scenario{Name: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京の喪失"}, Hazard: run.Disaster, Depth: run.Tabletop, Phases: run.Phases(run.Disaster)},
		Estate:   plan.Estate{Name: "test", Zone: "Asia/Tokyo"},
		Systems:  []plan.System{{Name: "orders", Priority: "S", Home: "tokyo", Objective: plan.Objective{RTO: &rto}}}}
	if err := p.Seal(); err != nil {
		return err
	}
	events := []run.Event{
		{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: p.Hash})},
		{Kind: run.RunAbortRequested, By: "sato", Reason: "a real alarm"},
		{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Cancelled})},
	}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = "tokyo-loss-1", "run", int64(i+1), at.Add(time.Duration(i)*time.Minute)
	}
	return errors.Join(store.PutPlan(ctx, p), store.Append(ctx, events))
}

func TestExitCodes(t *testing.T) {
	c := &command{Stdio: Stdio{Err: &strings.Builder{}}, lang: "en"}
	for name, e := range map[string]struct {
		err  error
		code int
	}{
		"met":                     {nil, 0},
		"a guard refused":         {&api.Problem{Status: 409, Code: api.CodeRefused}, 5},
		"another run holds it":    {&api.Problem{Status: 409, Code: api.CodeHeld}, 5},
		"it has ended":            {&api.Problem{Status: 409, Code: api.CodeEnded}, 5},
		"mistakes in files":       {&api.Problem{Status: 422, Code: api.CodeMistakes}, 2},
		"no such run":             {&api.Problem{Status: 404, Code: api.CodeUnknownRun}, 2},
		"the engine is away":      {&api.Problem{Status: 503, Code: api.CodeEngine}, 1},
		"unknown what came of it": {&api.Problem{Status: 504, Code: api.CodeUnknownOutcome}, 1},
		"no server":               {&api.Unreachable{URL: "http://x", Err: errors.New("refused")}, 1},
		"the machine lacks it":    {&app.Trouble{What: "disk full"}, 1},
		"wrongly set":             {&app.Trouble{What: "no site", Mistake: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.exit(context.Background(), e.err); got != e.code {
				t.Errorf("exit code %d, want %d", got, e.code)
			}
		})
	}
	for v, want := range map[run.Verdict]int{run.Met: 0, run.Missed: 3, run.NotProven: 4} {
		if got := verdictCode(v); got != want {
			t.Errorf("verdict %s ends with %d, want %d", v, got, want)
		}
	}
}

// A real run can't start by accident.
func TestTheRealThingIsTyped(t *testing.T) {
	for typed, ok := range map[string]bool{"tokyo-loss\n": true, "y\n": false, "tokyo\n": false, "": false} {
		c := &command{Stdio: Stdio{In: strings.NewReader(typed), Err: &strings.Builder{}}, lang: "en"}
		if err := c.typed(t.Context(), "tokyo-loss"); (err == nil) != ok {
			t.Errorf("typed %q: %v", typed, err)
		}
	}
	c := &command{Stdio: Stdio{In: strings.NewReader("tokyo-loss\n"), Err: &strings.Builder{}}, lang: "en"}
	for confirm, ok := range map[string]bool{"": false, "yes": false, "tokyo-lost": false, "tokyo-loss": true} {
		if err := c.mayConfirm("tokyo-loss", confirm); (err == nil) != ok {
			t.Errorf("without a terminal and with --confirm %q: %v", confirm, err)
		}
	}
}

// stuck is a terminal at which nobody types, and at which the command is interrupted.
type stuck struct{ interrupt func() }

func (s stuck) Read([]byte) (int, error) {
	s.interrupt()
	select {}
}

// Ctrl-C ends a command that asks for something to be typed.
func TestWhatIsTypedCanBeInterrupted(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *command) error{
		"the real thing": func(ctx context.Context, c *command) error { return c.typed(ctx, "tokyo-loss") },
		"a column": func(ctx context.Context, c *command) error {
			_, err := c.choose(ctx, bufio.NewReader(c.In), &intake.Unsure{What: "sheet"})
			return err
		},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		c := &command{Stdio: Stdio{In: stuck{interrupt}, Err: &strings.Builder{}}, lang: "en"}
		err := ask(ctx, c)
		code, talk := c.exit(ctx, err), c.Err.(*strings.Builder).String()
		if code != exitInterrupted || strings.Contains(talk, "interrupted; nothing was started") != (name == "the real thing") {
			t.Errorf("%s: ends with %d: %v: %s", name, code, err, talk)
		}
	}
}

// Programs get an empty list where nothing is, never null.
func TestAnEmptyListIsOne(t *testing.T) {
	var out strings.Builder
	c := &command{Stdio: Stdio{Out: &out}, output: "json"}
	for _, list := range []any{progress.Overview{}.Orders, progress.Overview{}.Parties, []progress.Order{}} {
		if err := c.printList(list); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "[]\n[]\n[]\n" {
		t.Errorf("%q", out.String())
	}
}

// Whoever types the name has read what it does.
func TestAnActivationSaysWhatItDoes(t *testing.T) {
	rto := run.Duration(30 * time.Minute)
	a := api.Activation{Scenario: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, PlanHash: "0123456789abcdef", Called: 12,
		Roles: []api.RoleHeld{{Role: "commander", People: 2, Needed: 1}}, DecidedBy: "commander", Within: run.Duration(10 * time.Minute), Rule: plan.RuleAlternateWhenAtRisk, Approvals: 1, Untouched: []string{"billing"}, Drills: []string{"tokyo-loss-4"},
		Systems: []api.ActivationSystem{{Name: "orders", Title: plan.Text{EN: "Orders", JA: "受注"}, From: "tokyo", To: "osaka", RTO: &rto, Runbooks: []string{"orders-failover"},
			Effects: map[string]int{"disrupt": 2, "human": 1}, HeldBy: "tokyo-loss-4"}}}
	for lang, want := range map[i18n.Lang]string{"en": "before commander decides and 1 besides you", "ja": "commander の決定と、あなた以外の 1 名の承認"} {
		waits := a
		waits.Rule = plan.RuleWait
		if text := strings.Join((&command{lang: lang}).activation(waits), "\n"); !strings.Contains(text, want) {
			t.Errorf("%s: no line says %q in:\n%s", lang, want, text)
		}
	}
	// Where the plan's rule decides in time, nobody may think that silence moves nothing.
	for lang, want := range map[i18n.Lang][]string{
		"en": {"REAL: Loss of Tokyo (tokyo-loss), plan 0123456789ab", "12 people: commander 2 (1 needed)", "tokyo → osaka, RTO 30m", "orders-failover", "human 1, disrupt 2", "HELD by run tokyo-loss-4", "Not touched: billing", "before commander decides (after 10 min without a decision the plan's rule does) and 1 besides you"},
		"ja": {"【本番】東京拠点の喪失", "12 名", "commander 2（必要 1）", "tokyo → osaka", "対象外のシステム: billing", "tokyo-loss-4 がロックしています", "commander の決定（10分以内に決定がなければ、計画の規則による自動決定）と、あなた以外の 1 名の承認"},
	} {
		c := &command{lang: lang}
		text := strings.Join(c.activation(a), "\n")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no line says %q in:\n%s", lang, w, text)
			}
		}
	}
	// Roles, effects and the choice are called as everywhere else.
	a.Roles[0].Title, a.Systems[0].HeldAsksHome = plan.Text{EN: "Commander", JA: "指揮者"}, true
	for lang, want := range map[i18n.Lang][]string{
		"en": {"12 people: Commander 2 (1 needed)", "before Commander decides", "or to stay at the alternate site"},
		"ja": {"指揮者 2（必要 1）", "指揮者 の決定（", "影響別のステップ: 人による作業 1、中断 2", "「代替拠点で継続」"},
	} {
		text := strings.Join((&command{lang: lang}).activation(a), "\n")
		for _, w := range append(want, "muster decide stay --run tokyo-loss-4", lang.Choice(run.Stay)) {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no line says %q in:\n%s", lang, w, text)
			}
		}
	}
	// A lock that a run has left says what is left to do; one whose run was ended in the engine can't.
	locked := a
	locked.Systems = []api.ActivationSystem{{Name: "orders", HeldBy: "tokyo-loss-3", HeldKept: true, HeldWhy: "the standby would not start / 待機系を起動できません"}, {Name: "desk", HeldBy: "tokyo-loss-2", HeldOrphaned: true}}
	for lang, want := range map[i18n.Lang][]string{
		"en": {"run tokyo-loss-3, which has ended. Left to do: the standby would not start. The start will be refused.", "muster drill release orders", "run tokyo-loss-2, which has ended. The start"},
		"ja": {"tokyo-loss-3 がロックしたままです。未完了の内容：待機系を起動できません。開始は拒否されます。", "muster drill release orders", "tokyo-loss-2 がロックしたままです。開始は"},
	} {
		text := strings.Join((&command{lang: lang}).activation(locked), "\n")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no line says %q in:\n%s", lang, w, text)
			}
		}
	}
	a.Systems[0].HeldAsksHome, a.Systems[0].HeldConfirm, a.Over = false, run.Completion, "tokyo-loss-9"
	for _, lang := range []i18n.Lang{"en", "ja"} {
		c := &command{lang: lang}
		text := strings.Join(c.activation(a), "\n")
		for _, way := range []string{"muster confirm completion --run tokyo-loss-4", "muster drill show tokyo-loss-9"} {
			if !strings.Contains(text, way) {
				t.Errorf("%s: no line says %q in:\n%s", lang, way, text)
			}
		}
	}
}

// What is exported is personal: only its owner may read it, and it needs no server.
func TestExportWritesForItsOwnerAlone(t *testing.T) {
	plans, err := filepath.Abs("../book/testdata/plans")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "print")
	for args, name := range map[string]string{
		"book --format html":                 "muster-book-ja.html",
		"cards --format html --person saito": "muster-cards-saito-ja.html",
		"book":                               "muster-book-ja.pdf",
		"cards":                              "muster-cards-ja.pdf",
	} {
		var out, said strings.Builder
		code := Main(append(append([]string{"export"}, strings.Fields(args)...), "--plans", plans, "--out", dir, "--lang", "ja", "--server", "http://127.0.0.1:1"), Stdio{In: strings.NewReader(""), Out: &out, Err: &said})
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		if code != 0 || err != nil || info.Mode().Perm() != 0o600 || strings.TrimSpace(out.String()) != file {
			t.Errorf("export %s: code %d, %v, %v, out %q, said %q", args, code, err, info, out.String(), said.String())
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 4 {
		t.Errorf("%v, %v: something else was left", list, err)
	}
	var said strings.Builder
	if code := Main([]string{"export", "book", "--plans", plans, "--out", dir, "--font", filepath.Join(dir, "absent")}, Stdio{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &said}); code != exitMistake || !strings.Contains(said.String(), "fonts-morisawa-bizud-gothic") {
		t.Errorf("without its font: code %d, said %q", code, said.String())
	}
}
