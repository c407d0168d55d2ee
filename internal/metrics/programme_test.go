package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

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
	text := scrape([]programme.Item{{Row: "recovery", Status: programme.Overdue}, {Row: "recovery", Status: programme.HeldThen}, {Row: "review", Status: programme.Planned, Person: "sato"}}, nil)
	for _, want := range []string{"muster_programme_known 1", `muster_planned_drills{status="overdue"} 1`, `muster_planned_drills{status="held"} 1`, `muster_planned_drills{status="postponed"} 0`,
		`muster_planned_drill_overdue{row="recovery"} 1`, `muster_planned_drill_overdue{row="review"} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
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
