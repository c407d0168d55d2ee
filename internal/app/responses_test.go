package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
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

// A response that is over and has not ended takes no alarm. Who is asked about the alarm hears why, and that it is to be ended; where only
// its records are left, which nobody waits for then, the alarm's rule waits for its end.
func TestAnAlarmHearsThatTheLastResponseHasNotEnded(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(api.Problem{Status: http.StatusConflict, Code: api.CodeHeld, Detail: "it is over", Holder: "tokyo-loss-real-1"})
	}))
	defer srv.Close()
	runs := alarmRuns{client: api.Connect(srv.URL, "t", "en"), store: store}
	events := []run.Event{{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Response, Scenario: "tokyo-loss"})},
		{Kind: run.PhaseStarted, Phase: run.Failback}, {Kind: run.PhaseStarted, Phase: run.Closing}}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = "tokyo-loss-real-1", "run", int64(i+1), time.Now()
	}
	kept := 0
	for _, c := range []struct {
		upto     int
		scenario string
		again    bool
		en, ja   string
	}{
		{2, "tokyo-loss", false, "muster drill show tokyo-loss-real-1", "終了させてから"},
		{2, "tokyo-fire", false, "holds its systems", "保持している"},
		{3, "tokyo-loss", true, "waiting until response tokyo-loss-real-1", "終了を待っている"},
	} {
		if err := store.Append(t.Context(), events[kept:c.upto]); err != nil {
			t.Fatal(err)
		}
		kept = c.upto
		_, err := runs.Start(t.Context(), alarm.Proposal{ID: "p-1", Scenario: c.scenario, Kind: run.Response, Source: "quakes"}, "intensity 6")
		if o := new(alarm.Obstacle); !errors.As(err, &o) || o.Again != c.again || !strings.Contains(o.Text.EN, c.en) || !strings.Contains(o.Text.JA, c.ja) {
			t.Errorf("%s: %+v", c.scenario, err)
		}
	}
}
