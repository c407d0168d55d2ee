package app

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// What keeps a rule of an alarm from starting the next response is the record of the real ones
// that have ended: no drill, no older one, none that was refused and did nothing. An open one is joined.
func TestWhatHasJustRecovered(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "tokyo-loss"}, Systems: []plan.System{{Name: "orders"}, {Name: "stock"}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	for id, r := range map[string]struct {
		kind  run.Kind
		ended time.Duration // ago; 0 is open
		state run.State
	}{
		"recovered": {run.Response, time.Minute, run.Recovered}, "long-ago": {run.Response, 2 * time.Hour, run.Recovered}, "open": {run.Response, 0, ""}, "drill": {run.Drill, time.Minute, run.Recovered},
		"refused": {run.Response, time.Minute, run.Refused},
	} {
		events := []run.Event{{Run: id, Writer: "run", Seq: 1, At: now.Add(-3 * time.Hour), Kind: run.RunStarted, By: "sato",
			Data: run.Encode(run.Started{Kind: r.kind, Scenario: "tokyo-loss", PlanHash: p.Hash})}}
		end := run.Event{Run: id, Writer: "run", Seq: 2, At: now.Add(-r.ended), Kind: run.RunEnded, Data: run.Encode(run.Ended{State: r.state})}
		if r.state == run.Refused {
			end.Kind, end.Data = run.RunRefused, nil
		}
		if r.ended > 0 {
			events = append(events, end)
		}
		if err := store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	got, err := alarmRuns{store: store, before: new(drillPlans)}.Responses(t.Context(), now.Add(-time.Hour))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v; want the open one and the one that recovered", got, err)
	}
	if open := got[0]; open.Run != "open" || open.Scenario != "tokyo-loss" || !open.Ended.IsZero() {
		t.Errorf("%+v is not what is open", open)
	}
	if r := got[1]; r.Run != "recovered" || len(r.Systems) != 2 || r.Systems[0] != "orders" || !r.Ended.Equal(now.Add(-time.Minute)) {
		t.Errorf("%+v is not what has recovered", r)
	}
}
