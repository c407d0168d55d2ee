package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
	"github.com/muster-dr/muster/workflows"
)

// watched is a Prometheus that scrapes a muster server, with the rules that are shipped.
func watched(t *testing.T, at, token string) promv1.API {
	t.Helper()
	address := atFreePort(t)
	rules, err := filepath.Abs("../../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"token": token, "prometheus.yml": fmt.Sprintf(`
global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}
rule_files: [%q]
scrape_configs:
  - job_name: muster
    authorization: {credentials_file: %q}
    static_configs: [{targets: [%q]}]
`, rules, filepath.Join(dir, "token"), strings.TrimPrefix(at, "http://"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start prometheus (package prometheus): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b := said.Bytes(); t.Failed() {
			t.Logf("%s", b[max(0, len(b)-2000):])
		}
	})
	c, err := prom.NewClient(prom.Config{Address: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	return promv1.NewAPI(c)
}

// missed is a year in which a drill was due last month that nobody held.
func missed(now time.Time) string {
	last := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf(`kind: Programme
name: year
title: Year
from: %q
begins: %d
chief: commander
manager: commander
planner: sato
rows:
  - id: autumn
    kind: procedure-check
    title: Autumn drill
    content: Everybody reads
    method: in-house
    audience: general-staff
    months: [%[2]d]
`, last.Format(time.DateOnly), last.Month())
}

// A real Prometheus scrapes a real server: the alert of an overdue drill fires, and no other that would
// wake somebody; every query of the dashboard has an answer; and no series is undocumented.
func TestPrometheusSeesAnOverdueDrill(t *testing.T) {
	live := strings.NewReplacer("depth: tabletop", "depth: live", "people: {simulate: {after: 1s, spread: 1s}}\n", "").Replace(tabletop)
	judged := strings.Replace(estate, "objectives: {rto: 1h}", "objectives: {rto: 1h, rpo: 1h, rlo: [{level: 50, within: 1h}]}", 1)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": judged, "runbook.yaml": runbook, "tokyo.yaml": live, "year.yaml": missed(time.Now())}))
	o.Config.Mail = config.Mail{Host: "127.0.0.1", Port: 1, TLS: "none", From: "muster@example.jp"}
	o.Config.Gateway.Listen = "127.0.0.1:0"
	o.Config.Metrics.Open = false
	if err := os.MkdirAll(o.Config.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	anEarlierRun(t, o.Config.StoreURL())
	up := begin(t, o)
	token, err := ReadToken(o.Lang, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	ctx := waittest.Context(t, 8*time.Minute)
	p := watched(t, up.at, token)
	waittest.Eventually(t, 2*time.Minute, func() string {
		if v, _, _, err := p.Query(ctx, "muster_phase_duration_seconds_count", time.Now()); err != nil || v == nil || len(v.(model.Vector)) == 0 {
			return fmt.Sprintf("nothing is scraped: %v", err)
		}
		return ""
	})
	started, err := up.Start(ctx, api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	waittest.Eventually(t, 2*time.Minute, func() string {
		if _, err := up.CheckIn(ctx, started.Run, workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe}); err != nil {
			return err.Error()
		}
		return ""
	})
	firing := func() (map[string]model.LabelSet, error) {
		found, err := p.Alerts(ctx)
		out := map[string]model.LabelSet{}
		for _, a := range found.Alerts {
			if a.State == promv1.AlertStateFiring {
				out[string(a.Labels["alertname"])] = a.Labels
			}
		}
		return out, err
	}
	waittest.Eventually(t, 2*time.Minute, func() string {
		now, err := firing()
		if l, fires := now["MusterDrillOverdue"]; !fires || l["row"] != "autumn" || l["severity"] != "warning" {
			return fmt.Sprintf("MusterDrillOverdue does not fire: %v %v", now, err)
		}
		return ""
	})
	now, err := firing()
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range now {
		if l["severity"] == "critical" {
			t.Errorf("%s fires as well: %v", name, l)
		}
	}
	answered(ctx, t, p)
	documented(ctx, t, up.at, token)
}

// anEarlierRun leaves a run in the record that met some and missed others.
func anEarlierRun(t *testing.T, url string) {
	t.Helper()
	store, err := journal.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	hour, took := 3600.0, 1200.0
	met := outcome.Figure{ObjectiveS: &hour, ActualS: &took, Verdict: run.Met}
	at := time.Now().Add(-48 * time.Hour)
	if err := outcome.Put(t.Context(), store, outcome.Outcome{Version: outcome.Version, Run: "earlier", Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", State: run.Recovered, StartedAt: at,
		EndedAt: at.Add(time.Hour), Verdict: run.Met, Systems: []outcome.System{{ID: "orders", RTO: met, RPO: met, RLO: []outcome.Stage{{Level: 50, Figure: met}}, Verdict: run.Met}}}); err != nil {
		t.Fatal(err)
	}
}

// answered evaluates every query of the dashboard.
func answered(ctx context.Context, t *testing.T, p promv1.API) {
	t.Helper()
	b, err := os.ReadFile("../../deploy/grafana/muster.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, panel := range d.Panels {
		for _, q := range panel.Targets {
			n++
			expr := strings.ReplaceAll(q.Expr, "$__range", "1h")
			waittest.Eventually(t, 2*time.Minute, func() string {
				v, _, _, err := p.Query(ctx, expr, time.Now())
				if series, ok := v.(model.Vector); err != nil || !ok || len(series) == 0 {
					return fmt.Sprintf("%s: %s has no series: %v %v", panel.Title, expr, v, err)
				}
				return ""
			})
		}
	}
	if n < 20 {
		t.Errorf("%d queries in the dashboard only", n)
	}
}

// documented holds what is scraped against docs/metrics.md, and what may be in it.
func documented(ctx context.Context, t *testing.T, at, token string) {
	t.Helper()
	docs, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	types := regexp.MustCompile(`(?m)^# TYPE (muster_\S+) `).FindAllSubmatch(text, -1)
	if len(types) < 40 {
		t.Errorf("%d figures only", len(types))
	}
	for _, m := range types {
		if !bytes.Contains(docs, []byte("| `"+string(m[1])+"` |")) {
			t.Errorf("docs/metrics.md does not know %s; put a sample of it into internal/metrics/write and make generate", m[1])
		}
	}
	for _, person := range []string{"sato", "tanaka", "Sato", "Tanaka"} {
		if bytes.Contains(text, []byte(person)) {
			t.Errorf("%s is in the figures", person)
		}
	}
}
