package report_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// A clock that is 500 ppm fast or slow, the most that NTP corrects, makes an outage of half an hour
// look less than a second longer or shorter, and nothing else of it: no finding, no other verdict.
func TestADriftingClockIsWithinASecond(t *testing.T) {
	s := met(t)
	short := *build(t, s).Systems[0].RTO.ActualS
	const outage = 1800 // seconds
	of := func(rate float64) report.Report {
		t.Helper()
		r, err := report.Build(s.plan, stretched(t, s.journal(), rate*outage/short))
		if err != nil {
			t.Fatal(err)
		}
		if r.Systems[0].RTO.ActualS == nil {
			t.Fatalf("no RTO: %+v", r.Systems[0].RTO)
		}
		return r
	}
	right := of(1)
	if rto := *right.Systems[0].RTO.ActualS; math.Abs(rto-outage) > 1 {
		t.Fatalf("RTO = %v s by a right clock, want %v", rto, outage)
	}
	for _, rate := range []float64{1 + 500e-6, 1 - 500e-6} {
		drifts := of(rate)
		if by := *drifts.Systems[0].RTO.ActualS - *right.Systems[0].RTO.ActualS; math.Abs(by) >= 1 || by*(rate-1) < 0 {
			t.Errorf("at %v of a second a second RTO differs by %v s", rate, by)
		}
		if a, b := drifts.Systems[0].RTO.Verdict, right.Systems[0].RTO.Verdict; a != b || len(drifts.Findings) != len(right.Findings) {
			t.Errorf("at %v of a second a second: RTO %s, findings %+v; by a right clock %s, %+v", rate, a, drifts.Findings, b, right.Findings)
		}
	}
}

// stretched are the events as they would be if everything had taken so many times as long.
func stretched(t *testing.T, events []run.Event, times float64) []run.Event {
	t.Helper()
	b, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	start := events[0].At
	var walk func(any) any
	walk = func(v any) any {
		switch x := v.(type) {
		case map[string]any:
			for k := range x {
				x[k] = walk(x[k])
			}
		case []any:
			for i := range x {
				x[i] = walk(x[i])
			}
		case string:
			if at, err := time.Parse(time.RFC3339Nano, x); err == nil && !at.IsZero() {
				return start.Add(time.Duration(float64(at.Sub(start)) * times)).Format(time.RFC3339Nano)
			}
		}
		return v
	}
	if b, err = json.Marshal(walk(all)); err != nil {
		t.Fatal(err)
	}
	var out []run.Event
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
