package cases_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// learning is a folder of plan files whose promote takes as long as somebody plants.
type learning struct{ dir string }

func (l learning) plant(t *testing.T, promote string) {
	t.Helper()
	for name, text := range map[string]string{"estate.yaml": fmt.Sprintf(`kind: Estate
name: house
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo}, {name: osaka}]
muster_places: [{name: online, title: Online, online: true}]
targets: [{name: web, kind: sim, site: osaka, dir: %[1]s}]
systems:
  - name: orders
    title: {en: Order taking, ja: 受注システム}
    home: tokyo
    alternate: osaka
    objectives: {rto: 1h}
    drillable: [live]
    functions: [{name: page, probe: {uses: probe.sim, timeout: 5s, with: {service: web}, at: osaka}}]
    runbooks: {failover: orders-failover}
people:
  - {id: sato, name: {en: Sato Misaki, ja: 佐藤 美咲}, roles: [commander, operator]}
  - {id: tanaka, name: {en: Tanaka Yui, ja: 田中 結衣}, roles: [operator]}
`, l.dir), "runbook.yaml": fmt.Sprintf(`kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: promote, uses: sim.step, at: osaka, with: {block_for: %s}, budget: 10s}
  - {id: serve, uses: sim.restore, at: osaka, with: {service: web}}
`, promote), "scenario.yaml": `kind: Scenario
name: loss
title: {en: Loss of Tokyo, ja: 東京拠点の喪失}
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [orders]
approvals: 0
muster_place: online
failback: stay
hold: 500ms
baseline: 500ms
verify_wait: 20s
decision: {by: commander, within: 1m, rule: wait}
injects: [{id: lose-tokyo, uses: sim.break, site: osaka, with: {service: web}, starts: orders}]
people: {simulate: {after: 100ms, spread: 0s}}
`} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, mistakes := l.load(); mistakes != nil {
		t.Fatal(mistakes)
	}
}

func (l learning) load() (*scenario.Bundle, error) {
	b, mistakes := scenario.Load(l.dir, all.Registry(all.Options{}))
	return b, mistakes.Err()
}

func (l learning) Scenarios() ([]api.Scenario, error) { return []api.Scenario{{Name: "loss"}}, nil }

func (l learning) Compile(name string, depth run.Depth) (plan.Plan, error) {
	b, err := l.load()
	if err != nil {
		return plan.Plan{}, err
	}
	return b.Compile(name, depth)
}

func (l learning) ProofFiles() (proof.Files, error) {
	b, err := l.load()
	if err != nil {
		return proof.Files{}, err
	}
	return proof.Files{Systems: b.Systems(), Zone: "Asia/Tokyo", Compile: b.Compile}, nil
}

// A finding that a planted slow promote opens is closed by the next drill without it, and opened again
// when it returns, each with its date and run; the drills are real ones on a real engine.
func TestAFindingIsClosedByProofAndReopenedByItsReturn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	files := learning{t.TempDir()}
	files.plant(t, "12s")
	me := start(t, files, []string{"tokyo", "osaka"})
	drill := func() api.Started {
		t.Helper()
		begun, err := me.Start(ctx, api.StartRequest{Scenario: "loss", Kind: run.Drill, By: "sato", Reason: "quarterly drill"})
		if err != nil {
			t.Fatal(err)
		}
		for after := int64(0); ; {
			events, err := me.Events(ctx, begun.Run, after, 20*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if after = events.Next; events.Ended {
				return begun
			}
		}
	}
	ended := func(id string) time.Time {
		t.Helper()
		r, err := me.Run(ctx, id)
		if err != nil || r.Summary.EndedAt == nil {
			t.Fatalf("%s: %v", id, err)
		}
		return *r.Summary.EndedAt
	}
	const place = "budget/orders/orders-failover/promote"
	slow := func(state string) api.Finding {
		t.Helper()
		list, err := me.Findings(ctx, api.FindingsFilter{State: state})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if f.Place == place {
				return f
			}
		}
		b, _ := json.MarshalIndent(list, "", " ")
		t.Fatalf("no %s finding at %s; there are %s", state, place, b)
		return api.Finding{}
	}

	first := drill()
	f := slow("open")
	if f.State != finding.Open || f.OpenedAt != ended(first.Run) || f.SeenIn != first.Run || f.Kind != run.FindingBudget || f.System != "orders" || f.Needs != run.Live || f.Due == "" {
		t.Errorf("opened: %+v", f)
	}
	files.plant(t, "0s")
	second := drill()
	f = slow("closed")
	if f.ClosedAt == nil || *f.ClosedAt != ended(second.Run) || f.ClosedIn != second.Run || f.OpenedAt != ended(first.Run) {
		t.Errorf("closed: %+v", f)
	}
	files.plant(t, "12s")
	third := drill()
	f = slow("open")
	if f.Reopened != 1 || f.ClosedAt != nil || f.OpenedAt != ended(third.Run) || f.SeenIn != third.Run {
		t.Errorf("reopened: %+v", f)
	}
	want := []finding.Change{{What: finding.WasOpened, At: ended(first.Run), Run: first.Run}, {What: finding.WasClosed, At: ended(second.Run), Run: second.Run},
		{What: finding.WasReopened, At: ended(third.Run), Run: third.Run}}
	if fmt.Sprint(f.History) != fmt.Sprint(want) {
		t.Errorf("its history is\n%v, want\n%v", f.History, want)
	}

	// The RTO was proven by each of them; the newest counts, until the plan is changed under it.
	fresh, err := me.Freshness(ctx, "orders", false)
	if err != nil || len(fresh.Systems) != 1 {
		t.Fatalf("%+v, %v", fresh, err)
	}
	if p := fresh.Systems[0].Properties[0]; p.Property != outcome.RTO || p.State != proof.Fresh || p.Run != third.Run || *p.Days != 0 {
		t.Errorf("fresh: %+v", p)
	}
	files.plant(t, "0s")
	if fresh, err = me.Freshness(ctx, "", true); err != nil || fresh.Needed != 1 || fresh.Expired != 0 {
		t.Fatalf("after a change: %+v, %v", fresh, err)
	}
	if p := fresh.Systems[0].Properties[0]; p.State != proof.Changed || len(p.Changed) != 1 || p.Changed[0] != outcome.ChangedPlan || p.Run != third.Run {
		t.Errorf("after a change: %+v", p)
	}
}
