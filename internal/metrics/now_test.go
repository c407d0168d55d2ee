package metrics

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// How long people are waited for is told of drills and of real responses apart.
func TestWaitsOfDrillsAndResponsesStandApart(t *testing.T) {
	at := time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)
	m := New("test")
	m.Open(func(context.Context) (Open, time.Time, error) {
		return Open{Waits: []Wait{{Kind: run.Drill, For: progress.AwaitDecision, Since: at.Add(-time.Hour)}, {Kind: run.Response, For: progress.AwaitDecision, Since: at.Add(-time.Minute)}}}, at, nil
	})
	text := scrape(t, m)
	for _, want := range []string{
		`muster_person_waits{for="decision"} 2`,
		`muster_person_wait_oldest_seconds{for="decision",kind="drill"} 3600`,
		`muster_person_wait_oldest_seconds{for="decision",kind="response"} 60`,
		`muster_person_wait_oldest_seconds{for="approval",kind="response"} 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the scrape has no %s", want)
		}
	}
}
