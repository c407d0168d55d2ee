package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// shop serves so many requests a second as its capacity is, and refuses the rest. The
// capacity is set by POST /capacity/N and read by GET /capacity.
type shop struct {
	*httptest.Server
	mu       sync.Mutex
	capacity int
	free     time.Time
}

func newShop(t *testing.T, capacity int) *shop {
	s := &shop{capacity: capacity}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /capacity/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.capacity = n
	})
	mux.HandleFunc("GET /capacity", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"capacity": %d}`, s.capacity)
	})
	mux.HandleFunc("GET /buy", func(w http.ResponseWriter, _ *http.Request) {
		if !s.take(time.Now()) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// take is a bucket that holds 50 ms of work.
func (s *shop) take(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.capacity == 0 {
		return false
	}
	each := time.Second / time.Duration(s.capacity)
	if floor := now.Add(-50 * time.Millisecond); s.free.Before(floor) {
		s.free = floor
	}
	if s.free.Add(each).After(now) {
		return false
	}
	s.free = s.free.Add(each)
	return true
}

const shopEstate = `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
systems:
  - name: shop
    title: Shop
    home: tokyo
    alternate: osaka
    objectives: {rto: 1m, rlo: [{within: 20s, level: 40}, {within: 22s, level: 100}]}
    drillable: [live]
    load_limit: {rate: 200, duration: 1s}
    functions:
      - name: buy
        title: Buy
        weight: 100
        probe: {uses: probe.http_load, at: osaka, interval: 2s, with: {url: "URL/buy", rate: 150, duration: 500ms, margin: 15}}
    runbooks: {failover: shop-failover}
people:
  - {id: sato, name: Sato, roles: [commander]}
  - {id: tanaka, name: Tanaka, roles: [operator, commander]}
muster_places: [{name: online, title: Online, online: true}]
`

const shopRunbook = `kind: Runbook
name: shop-failover
system: shop
steps:
  - id: half
    at: osaka
    uses: http.request
    with: {url: "URL/capacity/50", look: {url: "URL/capacity", expect: json.capacity == 50}}
    timeout: 10s
`

const shopScenario = `kind: Scenario
name: shop-lost
title: The shop is lost
hazard: disaster
depth: live
sites_lost: [tokyo]
systems: [shop]
failback: stay
muster_place: online
injects:
  - id: close
    site: osaka
    uses: http.request
    with: {url: "URL/capacity/0", look: {url: "URL/capacity", expect: json.capacity == 0}}
    undo: {uses: http.request, with: {url: "URL/capacity/100", look: {url: "URL/capacity", expect: json.capacity == 100}}}
    starts: shop
people: {simulate: {after: 100ms, spread: 100ms}}
safety: {remind: 5s, within: 5s, muster: 5s, task: 5s}
decision: {by: commander, within: 10s, rule: alternate-site-when-rto-at-risk}
baseline: 1s
hold: 3s
detect_wait: 15s
verify_wait: 20s
`

// A service that comes back at half of its capacity is shown at half, stage by stage
// (issue: 50 ± 5 %).
func TestHalfTheCapacityIsShownAtHalf(t *testing.T) {
	s := newShop(t, 100)
	at := strings.NewReplacer("URL", s.URL)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": at.Replace(shopEstate), "failover.yaml": at.Replace(shopRunbook), "lost.yaml": at.Replace(shopScenario)}))
	u := begin(t, o)
	r := drilled(t, u, "shop-lost")

	rlo := r.Systems[0].RLO
	var last *int
	for _, p := range rlo.Curve {
		if p.Level != nil && *p.Level > 0 && p.AtS > 1 {
			last = p.Level
		}
	}
	if last == nil || *last < 45 || *last > 55 {
		t.Errorf("half of the capacity is shown at %v; curve %+v", last, rlo.Curve)
	}
	if n := len(rlo.Stages); n != 2 || rlo.Stages[0].Verdict != run.Met || rlo.Stages[1].Verdict != run.Missed {
		t.Errorf("stages %+v; want 40 %% met and 100 %% missed", rlo.Stages)
	}
	if rlo.Floor == nil || *rlo.Floor != 0 {
		t.Errorf("floor %v, want 0: it was closed", rlo.Floor)
	}
	if b := r.Probes[0].Baseline; b == nil || !b.Taken || b.Rate < 80 || b.Rate > 125 {
		t.Errorf("baseline %+v, want about 100 a second, taken before the event", b)
	}
}

// drilled runs a scenario to its end and gives its report.
func drilled(t *testing.T, u running, scenario string) report.Report {
	t.Helper()
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: scenario, Kind: run.Drill, By: "tanaka"})
	if err != nil {
		t.Fatal(err)
	}
	untilEnded(t, u, started.Run)
	b, err := u.Report(t.Context(), started.Run, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func untilEnded(t *testing.T, u running, id string) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if r, err := u.Run(t.Context(), id); err == nil && r.Summary.State.Ended() {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the run does not end")
		}
	}
}

const statedEstate = `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
systems:
  - name: counter
    title: Counter
    home: tokyo
    alternate: osaka
    objectives: {rto: 1h, rlo: [{within: 30m, level: 50}, {within: 1h, level: 100}]}
    drillable: [live]
    functions:
      - name: register
        title: Register
        weight: 60
        probe: {uses: probe.http, at: osaka, interval: 250ms, with: {url: "URL/capacity", contains: "100"}}
      - name: advice
        title: Advice
        weight: 40
        statement: {by: desk}
    runbooks: {failover: counter-failover}
people:
  - {id: sato, name: Sato, roles: [commander]}
  - {id: ito, name: Ito, roles: [desk]}
muster_places: [{name: online, title: Online, online: true}]
`

const statedRunbook = `kind: Runbook
name: counter-failover
system: counter
steps:
  - id: back
    at: osaka
    uses: http.request
    with: {url: "URL/capacity/100", look: {url: "URL/capacity", expect: json.capacity == 100}}
`

const statedScenario = `kind: Scenario
name: counter-lost
title: The counter is lost
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
sites_lost: [tokyo]
systems: [counter]
failback: stay
muster_place: online
approvals: 0
injects:
  - id: close
    site: osaka
    uses: http.request
    with: {url: "URL/capacity/0", look: {url: "URL/capacity", expect: json.capacity == 0}}
    starts: counter
safety: {remind: 1m, within: 1m, muster: 1m, task: 1m}
decision: {by: commander, within: 1m, rule: wait}
baseline: 1s
hold: 1s
`

// What no probe sees is stated by who can tell; it counts in the curve, and what rests on
// it alone is not proven.
func TestAStatementCountsAndIsNotProof(t *testing.T) {
	s := newShop(t, 100)
	at := strings.NewReplacer("URL", s.URL)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": at.Replace(statedEstate), "failover.yaml": at.Replace(statedRunbook), "lost.yaml": at.Replace(statedScenario)}))
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "counter-lost", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	waited := func(what string, act func() error) {
		t.Helper()
		deadline := time.After(time.Minute)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			err := act()
			if err == nil {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	waited("decide", func() error {
		_, err := u.Decide(t.Context(), started.Run, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "tokyo is gone"})
		return err
	})
	attest := workflows.Attest{System: "counter", Function: "advice", By: "ito", Level: 80, Reason: "four of five desks are staffed"}
	for _, wrong := range []func(*workflows.Attest){
		func(a *workflows.Attest) { a.By = "sato" }, func(a *workflows.Attest) { a.Function = "register" },
		func(a *workflows.Attest) { a.Level = 101 }, func(a *workflows.Attest) { a.Reason = "" },
	} {
		a := attest
		wrong(&a)
		if _, err := u.Attest(t.Context(), started.Run, a); err == nil {
			t.Errorf("%+v was taken", a)
		}
	}
	waited("the run asks for a statement", func() error {
		r, err := u.Run(t.Context(), started.Run)
		if err == nil {
			for _, w := range r.Overview.Waiting {
				if w.For == "statement" && w.Step == "advice" && w.Role == "desk" {
					return nil
				}
			}
			err = fmt.Errorf("it waits for %+v", r.Overview.Waiting)
		}
		return err
	})
	if _, err := u.Attest(t.Context(), started.Run, attest); err != nil {
		t.Fatal(err)
	}
	waited("close", func() error {
		_, err := u.Confirm(t.Context(), started.Run, workflows.Confirm{Phase: run.Closing, By: "sato", Note: "nothing"})
		return err
	})
	untilEnded(t, u, started.Run)

	b, err := u.Report(t.Context(), started.Run, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	sys := r.Systems[0]
	if len(sys.Statements) != 1 || sys.Statements[0].By != "ito" || sys.Statements[0].Level != 80 {
		t.Errorf("statements %+v", sys.Statements)
	}
	if st := sys.RLO.Stages; len(st) != 2 || st[0].Verdict != run.Met || st[1].Verdict != run.NotProven {
		t.Errorf("stages %+v; want 50 %% met by the probe alone, 100 %% not proven", st)
	}
	end := sys.RLO.Curve[len(sys.RLO.Curve)-1]
	if end.Level == nil || *end.Level != 60+40*80/100 {
		t.Errorf("the curve ends at %v, want 92", end.Level)
	}
	for _, lang := range []string{"en", "ja"} {
		text, err := u.Report(t.Context(), started.Run, "markdown", lang)
		if err != nil || !bytes.Contains(text, []byte("four of five desks are staffed")) {
			t.Errorf("the %s report does not quote the statement's ground (%v)", lang, err)
		}
	}
}
