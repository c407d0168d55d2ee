package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/outline"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/watch"
)

// said is one thing that people, or what they wrote, get to read of a run.
type said struct{ where, text string }

// This is the list of everything that a run says, but for the messages and waits of its
// workflows, which workflows.TestMarksOfMessages holds to the same: a drill's is marked, a
// response's never is. Slack and the board say what the workflows and watch.Ask say.
func TestADrillIsMarkedEverywhere(t *testing.T) {
	for _, kind := range []run.Kind{run.Drill, run.Response} {
		depth := run.Live
		if kind == run.Response {
			depth = run.Real
		}
		var all []said
		all = append(all, actions(t, kind, depth)...)
		all = append(all, pages(t, kind, depth)...)
		if len(all) < 20 {
			t.Fatalf("only %d texts of a %s", len(all), kind)
		}
		for _, s := range all {
			marked := strings.Contains(s.text, run.MarkEN) || strings.Contains(s.text, run.MarkJA) || strings.Contains(s.text, "MUSTER_KIND=drill") || strings.Contains(s.text, "Muster-Kind: drill")
			if marked != (kind == run.Drill) {
				t.Errorf("%s of a %s: marked %v:\n%.300s", s.where, kind, marked, s.text)
			}
			if kind == run.Response && strings.HasPrefix(s.where, "environment") && !strings.Contains(s.text, "MUSTER_KIND=response") {
				t.Errorf("%s does not say that it is real: %s", s.where, s.text)
			}
		}
	}
}

// actions are the messages that steps send and what programs and services are told.
func actions(t *testing.T, kind run.Kind, depth run.Depth) (out []said) {
	t.Helper()
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		out = append(out, said{"headers of http.request", "Muster-Kind: " + r.Header.Get("Muster-Kind")}, said{"body of http.request with run.mark", string(body)})
	}))
	defer service.Close()
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	all.Registry(all.Options{}).Register(env, activities.Site{Name: "osaka", Ledger: l})
	step := 0
	do := func(uses string, with any) string {
		step++
		b, _ := json.Marshal(with)
		value, err := env.ExecuteActivity(uses, plan.Call{Run: "r", Kind: kind, Depth: depth, Step: fmt.Sprint("s", step), Uses: uses, Generation: 1, EffectKey: fmt.Sprint("r/run/s/", step), With: b})
		var res plan.Result
		if err != nil || value.Get(&res) != nil {
			t.Fatalf("%s: %v", uses, err)
		}
		return string(res.Output)
	}
	for _, text := range []any{"Go to Osaka", "大阪へ", map[string]string{"en": "Go", "ja": "大阪へ"}, "[DRILL] Go to Osaka", "【訓練】大阪へ", "大阪へ。【訓練】ではない"} {
		var sent struct {
			EN   string `json:"text_en"`
			JA   string `json:"text_ja"`
			Both string `json:"text"`
		}
		if err := json.Unmarshal([]byte(do("notify.send", map[string]any{"to": []string{"desk"}, "text": text})), &sent); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{sent.EN, sent.JA, sent.Both} {
			if s != "" {
				out = append(out, said{fmt.Sprintf("notify.send of %v", text), s})
			}
		}
	}
	out = append(out, said{"environment of exec.run", do("exec.run", map[string]any{"argv": []string{"env"}})})
	do("http.request", map[string]any{"url": service.URL, "status": []int{200}, "body": "${{ run.mark }}Orders are taken from Osaka"})
	return out
}

// pages are what the commands and the reports show.
func pages(t *testing.T, kind run.Kind, depth run.Depth) (out []said) {
	t.Helper()
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "loss", Title: plan.Text{EN: "Loss", JA: "喪失"}, Depth: depth, Hazard: run.Disaster, Phases: run.Phases(run.Disaster)},
		Estate: plan.Estate{Name: "test", Zone: "Asia/Tokyo"}, Systems: []plan.System{{Name: "orders"}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	events := []run.Event{
		{Run: "loss-1", Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: kind, Depth: depth, Scenario: "loss", Hazard: run.Disaster, PlanHash: p.Hash})},
		{Run: "loss-1", Writer: "run", Seq: 2, At: at.Add(time.Minute), Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.NotResumable})},
	}
	r, err := report.Build(p, events)
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []i18n.Lang{i18n.EN, i18n.JA} {
		var b strings.Builder
		if err := outline.Text(&b, outline.Of(p), outline.Names{}, lang); err != nil {
			t.Fatal(err)
		}
		out = append(out, said{"muster plan", b.String()}, said{"the first line of muster drill watch", watch.Line(lang, p, events[0])})
		o := progress.Overview{Run: "loss-1", Kind: kind, Depth: depth, State: run.Running, At: at, StartedAt: at}
		out = append(out, said{"the picture of muster drill show", strings.Join(watch.Frame{Style: watch.Style{Width: 100}, Lang: lang, Plan: p}.Lines(o), "\n")})
		for _, f := range report.Formats() {
			if f == report.JSON {
				continue // programs read kind
			}
			b.Reset()
			if err := report.Render(&b, r, f, string(lang)); err != nil {
				t.Fatal(err)
			}
			out = append(out, said{fmt.Sprintf("the report as %s", f), b.String()})
		}
	}
	return out
}

// Only the functions that mark may make messages: who writes another one finds this test.
func TestMessagesAreMadeWhereTheyAreMarked(t *testing.T) {
	makers := map[string][]string{
		"Kind: run.MessageSent": {"workflows/people.go"},
		"Kind: run.WaitHuman":   {"workflows/execute.go"},
		"Kind: run.WaitAck":     {"workflows/execute.go", "workflows/walkthrough.go"},
	}
	files, err := filepath.Glob("../../workflows/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files of the workflows, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(filepath.ToSlash(file), "../../")
		for what, where := range makers {
			if strings.Contains(string(b), what) && !strings.HasSuffix(name, "_test.go") && !slices.Contains(where, name) {
				t.Errorf("%s uses %s: say it by a function of %v, which puts the mark in front", name, what, where)
			}
		}
	}
}
