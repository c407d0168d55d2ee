package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/width"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

func build(t testing.TB, s *story) report.Report {
	t.Helper()
	r, err := report.Build(s.plan, s.journal())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t testing.TB, r report.Report, f report.Format, lang string) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Render(&b, r, f, lang); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			r := build(t, s.tell(t))
			for _, g := range []struct {
				file   string
				format report.Format
				lang   string
			}{
				{".json", report.JSON, ""}, {".en.txt", report.Text, "en"}, {".ja.txt", report.Text, "ja"},
				{".en.md", report.Markdown, "en"}, {".ja.md", report.Markdown, "ja"}, {".html", report.HTML, ""},
			} {
				if g.format == report.HTML && s.name != "missed" && s.name != "two_systems" {
					continue
				}
				golden(t, s.name+g.file, render(t, r, g.format, g.lang))
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./internal/report -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what is rendered now; look at the difference, then go test ./internal/report -update\n%s", name, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		story    func(*testing.T) *story
		name     string
		run      run.Verdict
		rto, rpo run.Verdict
		home     run.Verdict
		state    run.State
		findings []run.FindingKind
	}{
		{name: "met", story: met, run: run.Met, rto: run.Met, rpo: run.Met, home: run.Met, state: run.Recovered},
		{name: "missed", story: missed, run: run.Missed, rto: run.Missed, rpo: run.Met, home: run.Met, state: run.Recovered,
			findings: []run.FindingKind{run.FindingObjective, run.FindingObjective, run.FindingObjective, run.FindingPeople, run.FindingBudget, run.FindingRemark}},
		{name: "lost markers", story: lostMarkers, run: run.Missed, rto: run.Met, rpo: run.Missed, home: run.Met, state: run.Recovered,
			findings: []run.FindingKind{run.FindingObjective}},
		{name: "aborted", story: aborted, run: run.NotProven, rto: run.NotProven, rpo: run.NotProven, home: run.NotProven, state: run.Cancelled,
			findings: []run.FindingKind{run.FindingObjective, run.FindingObjective}},
		{name: "by hand", story: byHand, run: run.NotProven, rto: run.NotProven, rpo: run.NotProven, home: run.Met, state: run.Recovered,
			findings: []run.FindingKind{run.FindingObjective, run.FindingHand}},
		{name: "gap", story: gap, run: run.NotProven, rto: run.NotProven, rpo: run.Met, home: run.Met, state: run.Recovered,
			findings: []run.FindingKind{run.FindingObjective, run.FindingStep}},
		{name: "unfinished", story: unfinished, run: run.NotProven, rto: run.NotProven, rpo: run.NotProven, home: run.NotProven, state: run.Running},
		{name: "incident", story: incident, run: run.Met, rto: run.Met, rpo: run.NoObjective, home: run.NoObjective, state: run.Recovered,
			findings: []run.FindingKind{run.FindingBudget}},
		{name: "two systems", story: twoSystems, run: run.Met, rto: run.Met, rpo: run.Met, home: run.Met, state: run.RecoveredAtAlternate,
			findings: []run.FindingKind{run.FindingStep}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(t, c.story(t))
			s := r.Systems[0]
			if r.Run.Verdict != c.run || s.RTO.Verdict != c.rto || s.RPO.Verdict != c.rpo || s.Failback.Verdict != c.home || r.Run.State != c.state {
				t.Errorf("run %s (%s), RTO %s, RPO %s, failback %s; want %s (%s), %s, %s, %s", r.Run.Verdict, r.Run.State, s.RTO.Verdict, s.RPO.Verdict,
					s.Failback.Verdict, c.run, c.state, c.rto, c.rpo, c.home)
			}
			var kinds []run.FindingKind
			for i, f := range r.Findings {
				kinds = append(kinds, f.Kind)
				if want := fmt.Sprintf("F-%03d", i+1); f.ID != want || f.Title == "" || f.TitleJA == "" || f.Owner != "sato" {
					t.Errorf("finding %+v, want ID %s, two titles and the commander as owner", f, want)
				}
			}
			if fmt.Sprint(kinds) != fmt.Sprint(c.findings) {
				t.Errorf("findings %v, want %v", kinds, c.findings)
			}
		})
	}
}

func TestFiguresOfTheMetRun(t *testing.T) {
	r := build(t, met(t))
	s := r.Systems[0]
	is := func(name string, got *float64, want float64) {
		t.Helper()
		if got == nil || *got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	is("rto.actual_s", s.RTO.ActualS, 8.42) // killed at 6 s, first success of both functions at 14.42 s
	is("rto.machine_s", s.RTO.MachineS, 1.32)
	is("rpo.actual_s", s.RPO.ActualS, 0)
	is("failback.actual_s", s.Failback.ActualS, 9.5)
	is("failback.outage_s", s.Failback.OutageS, 0.74) // last success 23.66 s, next 24.4 s
	is("people.first_answer_s", r.People.FirstAnswerS, 0.6)
	is("people.quorum_s", r.People.QuorumS, 2.9)
	want := report.Parts{DetectS: 0.3, PeopleS: 4.7, DecideS: 2, RecoverS: 1.42}
	if *s.RTO.Parts != want {
		t.Errorf("parts = %+v, want %+v", *s.RTO.Parts, want)
	}
	if got := fmt.Sprint(s.RTO.SimulatedParts); got != "[people_s decide_s]" {
		t.Errorf("simulated parts = %s", got)
	}
	if s.Failback.SingleWriter == nil || !*s.Failback.SingleWriter || s.Failback.Writer != "tokyo" {
		t.Errorf("failback = %+v, want exactly one writer, tokyo", s.Failback)
	}
	if got := render(t, build(t, missed(t)), report.Text, "en"); !strings.Contains(got, "Order taking  RTO") || !strings.Contains(got, "2026-12-19") {
		t.Errorf("no verdict table, or no due date thirty days after the end:\n%s", got)
	}
}

// TestEveryNameOfTheContract holds the names that other programs read.
func TestEveryNameOfTheContract(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(render(t, build(t, missed(t)), report.JSON, "")), &got); err != nil {
		t.Fatal(err)
	}
	for path, names := range map[string]string{
		"run":                    "id kind depth scenario hazard plan_hash started_at ended_at state verdict",
		"systems.0":              "id priority verdict rto rpo rlo failback",
		"systems.0.rto":          "objective_s actual_s verdict event_at restored_at parts",
		"systems.0.rto.parts":    "detect_s people_s decide_s recover_s verify_s",
		"systems.0.rpo":          "objective_s actual_s lost_markers verdict",
		"systems.0.rlo":          "stages curve",
		"systems.0.rlo.stages.0": "within_s level reached_at actual_s verdict",
		"systems.0.rlo.curve.0":  "at_s level",
		"systems.0.failback":     "policy actual_s outage_s single_writer verdict",
		"people":                 "called safe injured silent mustered first_answer_s quorum_s",
		"phases.0":               "id started_at ended_at outcome",
		"steps.0":                "id system runbook action site started_at ended_at attempts outcome by",
		"decisions.0":            "question answer by at reason waited_s",
		"findings.0":             "id title kind system step owner due",
	} {
		var at any = got
		for _, p := range strings.Split(path, ".") {
			if list, ok := at.([]any); ok {
				at = list[0]
				continue
			}
			at = at.(map[string]any)[p]
		}
		for _, n := range strings.Fields(names) {
			if v, ok := at.(map[string]any)[n]; !ok || v == nil {
				t.Errorf("%s.%s = %v, want it filled from the journal", path, n, v)
			}
		}
	}
}

func TestTextFitsATerminal(t *testing.T) {
	for _, s := range stories {
		for _, lang := range []string{"en", "ja"} {
			for _, line := range strings.Split(render(t, build(t, s.tell(t)), report.Text, lang), "\n") {
				n := 0
				for _, r := range line {
					n++
					if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
						n++
					}
				}
				if n > 100 {
					t.Errorf("%s, %s: %d columns: %s", s.name, lang, n, line)
				}
			}
		}
	}
}

func TestNamesAndMarksAreRightInAllFormats(t *testing.T) {
	r := build(t, twoSystems(t))
	for _, f := range report.Formats() {
		got := render(t, r, f, "")
		for _, want := range []string{"①㈱"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %s", f, want)
			}
		}
		if f != report.JSON && !strings.Contains(got, "【訓練】") {
			t.Errorf("%s of a drill does not say so", f)
		}
		if f != report.Text && (!strings.Contains(got, "髙橋") || !strings.Contains(got, "山﨑")) {
			t.Errorf("%s lost a name", f)
		}
	}
	if page := render(t, r, report.HTML, ""); strings.Contains(page, "Billing <b>") {
		t.Error("a title is taken for HTML")
	}
}

func TestHTMLStandsAlone(t *testing.T) {
	page := render(t, build(t, missed(t)), report.HTML, "")
	css := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	if css == nil {
		t.Fatal("no style sheet")
	}
	sum := sha256.Sum256([]byte(css[1]))
	// The browser undoes the escapes of an attribute before it reads the policy.
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(page)
	if hash := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, hash) {
		t.Errorf("the policy does not allow the page's own style sheet (%s)", hash)
	}
	for _, bad := range []string{"<script", " style=", "http://", "https://", "@import", "<img", "<link", " src=", "javascript:", "onclick"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(policy, "default-src 'none'") {
		t.Error("the policy allows fetching")
	}
}

func TestHTMLStaysSmall(t *testing.T) {
	p := aPlan()
	for i := range 5000 {
		p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, plan.Step{ID: fmt.Sprintf("start-%04d", i), Uses: "exec.run", Site: "osaka", Effect: run.Disrupt})
	}
	for i := range 600 {
		p.Estate.People = append(p.Estate.People, plan.Person{ID: fmt.Sprintf("person-%03d", i), Name: plan.Text{JA: "山﨑 芽衣"}, Roles: []string{"operator"}})
	}
	s := newStory(t, p)
	s.opening()
	s.order(13.1, "orders", "orders-failover")
	for i := range 5000 {
		s.step("orders/failover", "orders-failover", fmt.Sprintf("start-%04d", i), 13.2, 14, run.Passed, run.ByResult)
	}
	var flapping []float64
	for i := range 6000 {
		flapping = append(flapping, 6.2+float64(i)*0.25)
	}
	s.watch("orders/write", 1600, flapping...)
	s.watch("orders/search", 1600, 6.2, 15)
	s.end(1601, run.Recovered)
	page := render(t, build(t, s), report.HTML, "")
	if n := len(page); n > 300<<10 {
		t.Errorf("the page of a run with 5,000 steps has %d bytes, want at most %d", n, 300<<10)
	}
	if !strings.Contains(page, "ほか 48") && !strings.Contains(page, "more in the JSON report") {
		t.Error("what was left out is not said")
	}
}

func TestUnknownFormatsAndLanguages(t *testing.T) {
	r := build(t, met(t))
	var b bytes.Buffer
	for _, c := range []struct{ format, lang, want string }{{"pdf", "en", "json"}, {"text", "fr", "\"ja\", \"en\""}} {
		if err := report.Render(&b, r, report.Format(c.format), c.lang); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: %v, want an error that names what there is", c.format, c.lang, err)
		}
	}
	if b.Len() != 0 {
		t.Errorf("a refused call wrote %q", b.String())
	}
}

// The run ends right after the way home, before the probes' next look was due: their last
// one counts, and an older one does not.
func TestLastLookAtHome(t *testing.T) {
	for before, want := range map[float64]run.Verdict{-1: run.Met, 0.1: run.Met, 0.24: run.Met, 0.4: run.NotProven, 2: run.NotProven} {
		s := met(t)
		var ended time.Time
		for _, e := range s.events {
			if e.Kind == run.PhaseEnded && e.Phase == run.Failback {
				ended = e.At
			}
		}
		for i, e := range s.events {
			if e.Kind == run.ProbeEnded {
				var o run.Observations
				if err := e.Decode(&o); err != nil {
					t.Fatal(err)
				}
				o.EndedAt = ended.Add(-time.Duration(before * float64(time.Second)))
				s.events[i].Data = run.Encode(o)
			}
		}
		if fb := build(t, s).Systems[0].Failback; fb.Verdict != want {
			t.Errorf("the last look ended %v s before the way home did: %s (%v), want %s", before, fb.Verdict, fb.Why, want)
		}
	}
}
