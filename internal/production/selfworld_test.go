package production_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/production"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/systemdtest"
)

// selfDrilled is an installation that systemd keeps running, with the shipped plan of drills of muster itself.
type selfDrilled struct {
	*production.Kept
	m *systemdtest.Manager
}

func startSelfDrilled(t *testing.T) *selfDrilled {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	bin := binaries(t)
	programs := production.Binaries{Temporal: there(t, filepath.Join(bin, "reference", "temporal-server"), "make temporal"),
		SchemaTool: there(t, filepath.Join(bin, "reference", "temporal-sql-tool"), "make temporal"), Alerts: filepath.Join(bin, "..", "deploy", "prometheus", "alerts.yaml")}
	var err error
	if programs.Prometheus, err = exec.LookPath("prometheus"); err != nil {
		t.Fatalf("%v: install the package prometheus", err)
	}
	s, dir, runAs := &selfDrilled{m: systemdtest.Start(t)}, folder(t), ""
	if os.Geteuid() == 0 {
		runAs = "postgres"
	}
	s.Kept, err = production.StartKept(ctx, demo.Place{Dir: dir, Plans: filepath.Join(dir, "plans"), Binary: there(t, filepath.Join(bin, "muster"), "make build"),
		Person: "tanaka", Reader: "suzuki", RunAs: runAs, Lang: i18n.EN, Say: func(en, _ string, args ...any) { t.Logf(en, args...) }}, programs, s.m.Manager, filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := s.Stop(last); err != nil {
			t.Error(err)
		}
	})
	// In less time, for the test's; and what a busy machine starts again may take a while, if less than the rescue of 2 min.
	s.edit(t, ": 7s}", ": 5s}", "at: 14s", "at: 12s", "at: 28s", "at: 22s", "at: 40s", "at: 32s", "at: 65s", "at: 54s", "baseline: 5s", "baseline: 2s", "hold: 5s", "hold: 3s", "rto: 30s", "rto: 90s")
	return s
}

// edit replaces texts in the plan files.
func (s *selfDrilled) edit(t *testing.T, pairs ...string) {
	t.Helper()
	if err := s.Edit(pairs...); err != nil {
		t.Fatal(err)
	}
}

// schedule has a scenario fall due at the next minute, and says when that is.
func (s *selfDrilled) schedule(t *testing.T, ctx context.Context, scenario string) time.Time {
	t.Helper()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Now().In(tokyo).Add(30 * time.Second).Truncate(time.Minute).Add(time.Minute)
	s.edit(t, "    scenario: "+scenario+"\n", fmt.Sprintf("    scenario: %s\n    shift: none\n    schedule: {yearly: {month: %d, day: %d, at: %q}}\n", scenario, due.Month(), due.Day(), due.Format("15:04")))
	cmd := exec.CommandContext(ctx, filepath.Join(binaries(t), "muster"), "schedule", "apply")
	cmd.Env = append(os.Environ(), "MUSTER_CONFIG="+filepath.Join(s.Dir, "muster.yaml"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("muster schedule apply: %v\n%s", err, out)
	}
	return due
}

// ended waits for a run that somebody or something else starts, and returns its report.
func (s *selfDrilled) ended(t *testing.T, ctx context.Context, id string) report.Report {
	t.Helper()
	for {
		err := phases(ctx, s.Client(), id, func(run.Phase) error { return nil })
		if err == nil {
			break
		}
		if p := new(api.Problem); !errors.As(err, &p) || p.Status != 404 {
			t.Fatalf("%s: %v", id, err)
		}
		select {
		case <-ctx.Done():
			cover, _ := s.Client().Coverage(context.WithoutCancel(ctx), 0)
			t.Fatalf("%s has not begun: %+v", id, cover)
		case <-time.After(200 * time.Millisecond):
		}
	}
	var rep report.Report
	b, err := s.Client().Report(ctx, id, "json", "en")
	if err == nil {
		err = json.Unmarshal(b, &rep)
	}
	if err != nil {
		t.Fatal(err)
	}
	if to := os.Getenv("MUSTER_TEST_REPORTS"); to != "" { // to be looked at
		for _, lang := range []string{"en", "ja"} {
			html, err := s.Client().Report(ctx, id, "html", lang)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, id+"."+lang+".html"), html, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range rep.Systems {
		actual := "-"
		if x.RTO.ActualS != nil {
			actual = fmt.Sprintf("%.1f s", *x.RTO.ActualS)
		}
		t.Logf("%s: %s, RTO %s (%s) %v", id, x.ID, actual, x.RTO.Verdict, x.RTO.Why)
	}
	return rep
}

// effects counts what the steps of a run have done, by what they themselves left.
func (s *selfDrilled) effects(t *testing.T, id string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, site := range []production.Part{production.Osaka, production.Tokyo} {
		b, err := os.ReadFile(filepath.Join(s.Rehearsal(site), "effects.log"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, id+".") {
				out[strings.TrimSpace(line)]++
			}
		}
	}
	return out
}

// twice are those that were had more than once.
func twice(effects map[string]int) []string {
	var out []string
	for name, n := range effects {
		if n != 1 {
			out = append(out, fmt.Sprintf("%s: %d times", name, n))
		}
	}
	slices.Sort(out)
	return out
}

// judged is the verdict of a pass criterion.
func judged(rep report.Report, id string) run.Verdict {
	if rep.Case != nil {
		for _, p := range rep.Case.Pass {
			if p.ID == id {
				return p.Verdict
			}
		}
	}
	return ""
}

// onlyServer makes a scenario of the shipped one in which the server alone is killed, has ten seconds,
// and is started after fifteen.
func (s *selfDrilled) onlyServer(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Plans, "self-drill.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	before, rest, _ := strings.Cut(text, "  - id: kill-")
	_, server, _ := strings.Cut(rest, "  - id: kill-server")
	server, _, _ = strings.Cut(server, "  - id: kill-")
	_, tail, found := strings.Cut(text, "failback:")
	if !found {
		t.Fatalf("the shipped scenario is not as expected:\n%s", text)
	}
	tail, _, _ = strings.Cut(tail, "schedule:")
	text = before + "  - id: kill-server" + server + "failback:" + tail
	for _, e := range [][2]string{
		{"name: self-drill", "name: self-server"}, {"muster-server, muster-engine, muster-store, muster-worker-osaka, muster-worker-tokyo]", "muster-server]"},
		{"rescue: 2m", "rescue: 15s"}, {"at: 22s", "at: 6s"}, {"injects.`kill-store`, injects.`kill-engine`, injects.`kill-server`, injects.`kill-worker-osaka`, injects.`kill-worker-tokyo`", "injects.`kill-server`"},
	} {
		if !strings.Contains(text, e[0]) {
			t.Fatalf("%q is not in the scenario:\n%s", e[0], text)
		}
		text = strings.ReplaceAll(text, e[0], e[1])
	}
	if err := os.WriteFile(filepath.Join(s.Plans, "self-server.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.edit(t, "ja: muster サーバー}\n    home: osaka\n    own: true\n    objectives: {rto: 90s}", "ja: muster サーバー}\n    home: osaka\n    own: true\n    objectives: {rto: 10s}")
}

// starts is how often systemd has started each part.
func (s *selfDrilled) starts(t *testing.T) map[production.Part]int {
	t.Helper()
	out := map[production.Part]int{}
	for part, unit := range production.UnitOf {
		out[part] = s.m.Starts(t, unit)
	}
	return out
}

// unseen reports whether nothing was missed, and something is not proven only because nobody looked at the moment that counts.
func unseen(rep report.Report) bool {
	for _, x := range rep.Systems {
		for _, why := range x.RTO.Why {
			if x.RTO.Verdict == run.NotProven && why.Code != "start_unseen" && why.Code != "restore_unseen" {
				return false
			}
		}
	}
	return rep.Run.Verdict == run.NotProven
}

// lookedAway are the spans in which a probe of a run did not look though its worker was there: what a killed or halted worker
// leaves is longer than the silence that a probe takes for one.
func (s *selfDrilled) lookedAway(t *testing.T, ctx context.Context, id string) []string {
	t.Helper()
	seen, err := s.Client().Events(ctx, id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	probes := 0
	for _, e := range seen.Entries {
		if e.Event.Kind != run.ProbeEnded {
			continue
		}
		var o run.Observations
		if err := json.Unmarshal(e.Event.Data, &o); err != nil || e.Event.Outcome != run.Passed {
			t.Fatalf("%s handed nothing in: %s %s %v", e.Event.Step, e.Event.Outcome, e.Event.Reason, err)
		}
		probes++
		for _, g := range o.Gaps {
			if d := g.To.Sub(g.From); d < 3*o.Interval.Std() {
				out = append(out, fmt.Sprintf("%s: %s from %s", o.Probe, d, g.From))
			}
		}
	}
	if probes == 0 {
		t.Fatalf("%s has no probe", id)
	}
	return out
}
