package cases_test

import (
	"context"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
)

// acts are what people do through the API beside what the engine simulates, by scenario: an
// attempt that must be refused, a statement, a remark. Such a script stands for people as the
// engine does, in runs that are marked so.
var acts = map[string]func(ctx context.Context, c *cast){}

// cast acts for the people of one run.
type cast struct {
	t     *testing.T
	me    *api.Client
	run   string
	after int64
	read  []run.Event // what was fetched and not looked at yet
}

// await reads on until an event fits. False, with a failed test, when the run ends before.
func (c *cast) await(ctx context.Context, what string, fits func(run.Event) bool) bool {
	c.t.Helper()
	for {
		for i, e := range c.read {
			if fits(e) {
				c.read = c.read[i+1:]
				return true
			}
		}
		events, err := c.me.Events(ctx, c.run, c.after, 20*time.Second)
		if err != nil || events.Ended && len(events.Entries) == 0 {
			c.t.Errorf("%s ended before %s (%v)", c.run, what, err)
			return false
		}
		c.after, c.read = events.Next, nil
		for _, e := range events.Entries {
			c.read = append(c.read, e.Event)
		}
	}
}

// kind waits for an event of a kind; step for the end of a step.
func (c *cast) kind(ctx context.Context, k run.EventKind) bool {
	c.t.Helper()
	return c.await(ctx, string(k), func(e run.Event) bool { return e.Kind == k })
}

func (c *cast) step(ctx context.Context, id string) bool {
	c.t.Helper()
	return c.await(ctx, "the end of step "+id, func(e run.Event) bool { return e.Kind == run.StepEnded && e.Step == id })
}

// must fails the test when an act was refused, or not refused where it had to be.
func (c *cast) must(what string, refused bool, err error) {
	c.t.Helper()
	if (err != nil) != refused {
		c.t.Errorf("%s: %s: refused %v, want %v: %v", c.run, what, err != nil, refused, err)
	}
}
