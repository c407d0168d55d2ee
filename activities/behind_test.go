package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

func TestARowOfAfterTheEndIsNoRecoveryPoint(t *testing.T) {
	end := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	asked := end.Add(time.Hour)
	for name, c := range map[string]struct {
		newest time.Time
		want   float64 // negative: a finding
	}{
		"as new as the data":          {end, 3600},
		"older":                       {end.Add(-7 * time.Hour), 8 * 3600},
		"by a clock that is ahead":    {end.Add(30 * time.Second), 3570},
		"of 7 h before, in Tokyo's":   {end.Add(2 * time.Hour), -1}, // it read as nothing lost
		"as 9 h before, in Tokyo's":   {end, 3600},                  // nobody can see that
		"of a delivery that is to be": {end.Add(72 * time.Hour), -1},
	} {
		got, err := Behind(c.newest, end, asked, plan.Say("ask otherwise", "聞き方を変える"))
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
		if err != nil && (!strings.Contains(err.Error(), "ask otherwise") || !strings.Contains(err.Error(), "聞き方を変える")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
