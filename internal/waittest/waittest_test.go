package waittest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-dr/muster/internal/waittest"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		name        string
		wait        func(testing.TB, time.Duration, func() string)
		after, late time.Duration
		least, most int
	}{
		{"soon", waittest.Eventually, 150 * time.Millisecond, 20 * time.Millisecond, 8, 9},
		{"later", waittest.Eventually, 20 * time.Second, 100 * time.Millisecond, 200, 250},
		{"a moment", waittest.Moment, 20 * time.Second, 20 * time.Millisecond, 1000, 1001},
		{"dear", func(t testing.TB, d time.Duration, ok func() string) { waittest.Every(t, 400*time.Millisecond, d, ok) }, 20 * time.Second, 400 * time.Millisecond, 50, 51},
	} {
		synctest.Test(t, func(t *testing.T) { // whose clock goes on by itself
			from, asked := time.Now(), 0
			c.wait(t, time.Minute, func() string {
				asked++
				if time.Since(from) < c.after {
					return "not yet"
				}
				return ""
			})
			if late := time.Since(from) - c.after; late > c.late || asked < c.least || asked > c.most {
				t.Errorf("%s: asked %d times, and %v late; want %d to %d times, %v at most", c.name, asked, late, c.least, c.most, c.late)
			}
		})
	}
}
