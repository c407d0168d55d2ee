package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/programme"
)

func TestOverdueDrillsAreInTheMetrics(t *testing.T) {
	scrape := func(items []programme.Item, err error) string {
		m := New("test")
		m.Programme(func(context.Context) ([]programme.Item, error) { return items, err })
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	text := scrape([]programme.Item{{Row: "recovery", Scenario: "tokyo-loss", Status: programme.Overdue, To: time.Now().Add(-48 * time.Hour)}, {Row: "recovery", Scenario: "tokyo-loss", Status: programme.Overdue, To: time.Now().Add(-time.Hour)}, {Row: "recovery", Status: programme.HeldThen}, {Row: "review", Status: programme.Planned, Person: "sato"}}, nil)
	for _, want := range []string{"muster_programme_known 1", `muster_planned_drills{status="overdue"} 2`, `muster_planned_drills{status="held"} 1`, `muster_planned_drills{status="postponed"} 0`,
		`muster_planned_drill_overdue{row="recovery"} 2`, `muster_planned_drill_overdue{row="review"} 0`,
		`muster_planned_drill_overdue_seconds{row="review",scenario=""} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	var late float64
	if _, rest, ok := strings.Cut(text, `muster_planned_drill_overdue_seconds{row="recovery",scenario="tokyo-loss"} `); ok {
		line, _, _ := strings.Cut(rest, "\n")
		late, _ = strconv.ParseFloat(line, 64)
	}
	if late < 48*3600 || late > 49*3600 {
		t.Errorf("overdue for %v s, want that of the longest, two days, in\n%s", late, text)
	}
	if strings.Contains(text, "sato") {
		t.Error("a person is in the metrics")
	}
	for _, text := range []string{scrape(nil, nil), scrape(nil, errors.New("mistakes"))} {
		if !strings.Contains(text, "muster_programme_known 0\n") || strings.Contains(text, "muster_planned") {
			t.Errorf("without a programme:\n%s", text)
		}
	}
}

func TestSchedulesThatAreNotInEffectAreInTheMetrics(t *testing.T) {
	scrape := func(n map[string]int, err error) string {
		m := New("test")
		m.Schedules([]string{"in_effect", "paused", "differs"}, func(context.Context) (map[string]int, error) { return n, err })
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	text := scrape(map[string]int{"in_effect": 3, "paused": 1}, nil)
	for _, want := range []string{"muster_schedules_known 1", `muster_schedules{state="in_effect"} 3`, `muster_schedules{state="paused"} 1`, `muster_schedules{state="differs"} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if text := scrape(nil, errors.New("the engine is away")); !strings.Contains(text, "muster_schedules_known 0\n") || strings.Contains(text, "muster_schedules{") {
		t.Errorf("without an engine:\n%s", text)
	}
}
