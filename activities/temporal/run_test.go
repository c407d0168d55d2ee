package temporal_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/activities/record"
	"github.com/muster-dr/muster/activities/temporal"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

var files = scenario.Sources{
	"estate.yaml": []byte(`kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo}, {name: osaka}]
systems: [{name: orders, home: tokyo, alternate: osaka, drillable: [live], runbooks: {failover: move}}]
people: [{id: sato, name: Sato, roles: [commander]}]
muster_places: [{name: online, title: Online, online: true}]
`),
	"scenario.yaml": []byte(`kind: Scenario
name: loss
title: Loss of Tokyo
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [orders]
failback: stay
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
fail_wait: 2s
`),
}

const book = `kind: Runbook
name: move
system: orders
steps:
  - id: traffic
    uses: temporal.activity
    with: {task_queue: QUEUE, activity: switch_traffic, input: {To: osaka}, effect: disrupt, look: traffic_is_at, results: {moved: int(output.moved), to: string(output.to)}}
    timeout: 1m
  - id: again
    if: steps.traffic.results.moved == 3
    uses: temporal.activity
    with: {task_queue: QUEUE, activity: switch_traffic, input: {To: "${{ steps.traffic.results.to }}"}, effect: disrupt}
    timeout: 1m
  - id: fails
    uses: temporal.activity
    with: {task_queue: QUEUE, activity: refuses, effect: isolated}
    timeout: 1m
`

// A whole run: results of one activity, typed, are the input of the next.
func TestARunUsesForeignActivities(t *testing.T) {
	b := newBench(t)
	b.tools(t)
	files["move.yaml"] = []byte(strings.ReplaceAll(book, "QUEUE", b.queue))
	bundle, mistakes := scenario.LoadSources(all.Registry(all.Options{}), files)
	if err := mistakes.Err(); err != nil {
		t.Fatal(err)
	}
	me := b.serve(t, bundle)
	started, err := me.Start(t.Context(), api.StartRequest{Scenario: "loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	for after, ended := int64(0), false; !ended; {
		events, err := me.Events(t.Context(), started.Run, after, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		after, ended = events.Next, events.Ended
	}
	text, err := me.Report(t.Context(), started.Run, "json", "")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Steps {
		want := map[string]run.Outcome{"traffic": run.Passed, "again": run.Passed, "fails": run.Failed}[s.ID]
		if want != "" && s.Outcome != want {
			t.Errorf("step %s: %s (%s), want %s", s.ID, s.Outcome, s.Reason, want)
		}
	}
	if len(r.Steps) < 3 || b.times() != 2 {
		t.Errorf("%d steps, traffic was switched %d times, want 2", len(r.Steps), b.times())
	}
}

// plans is one bundle as the server takes it.
type plans struct{ *scenario.Bundle }

func (p plans) Scenarios() ([]api.Scenario, error) { return []api.Scenario{{Name: "loss"}}, nil }

// serve adds to the control plane of the bench what a run needs: records, the site's worker
// and the API.
func (b *bench) serve(t *testing.T, bundle *scenario.Bundle) *api.Client {
	t.Helper()
	const token = "a-token-for-tests-only"
	quiet := slog.New(slog.DiscardHandler)
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	record.Register(b.control, record.Deps{Store: store, Client: b.client})
	led, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { led.Close() })
	site := worker.New(b.client, plan.SiteQueue("osaka"), worker.Options{WorkerStopTimeout: time.Second, DisableWorkflowWorker: true})
	all.Registry(all.Options{Temporal: temporal.Options{Client: b.client}}).Register(site, activities.Site{Name: "osaka", Ledger: led, Log: quiet})
	begin(t, site)
	srv := httptest.NewServer((&api.Server{Store: store, Engine: b.client, Plans: plans{bundle}, Token: token, Version: "test", Log: quiet,
		Render: func(w io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang string) error {
			r, err := report.Build(p, events)
			if err != nil {
				return err
			}
			return report.Render(w, r, report.Format(format), lang)
		}}).Handler())
	t.Cleanup(srv.Close)
	me := api.Connect(srv.URL, token, "en")
	t.Cleanup(me.Close)
	return me
}
