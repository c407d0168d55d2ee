package board_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// One open run that can't be read does not take the pages away by which the others are led.
func TestARunThatCantBeReadTakesNoOtherAway(t *testing.T) {
	w := recorded(t)
	lost := "tokyo-loss-lost"
	w.append(run.Event{Run: lost, Writer: "run", Seq: 1, At: begun.Add(-time.Hour), Kind: run.RunStarted, By: personID(2),
		Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: strings.Repeat("0", 64)})})
	b := w.browser(personID(0))
	for path, want := range map[string][]string{
		"/":      {"Loss of the Tokyo data centre", "wait for you", "The record of " + lost + " can", `href="/runs/` + drill + `"`},
		"/?wall": {"Loss of the Tokyo data centre", "The record of " + lost + " can"},
		"/tasks": {"Recovery decision on Payments"},
	} {
		res, page := b.get(path)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, res.Status)
		}
		wants(t, path, page, want...)
	}
	if got := w.stream(t, b, "/live?own=now", "", 1); !strings.Contains(got["runs"], lost) || !strings.Contains(got["runs"], drill) || !strings.Contains(got["wall"], lost) {
		t.Errorf("the stream has %v", keys(got))
	}
	w.shoot(t, personID(0), map[string]string{"unread-now": "/"})
}
