package systemd

import (
	"context"
	"time"
)

// AnswerWithin sets how long a bus may take to answer, until what it returns is called.
func AnswerWithin(d time.Duration) (undo func()) {
	was := answerWithin
	answerWithin = d
	return func() { answerWithin = was }
}

// BeginStart and BeginStop start and stop a unit, as the actions do after their looks.
var (
	BeginStart = on(begin)
	BeginStop  = on(halt)
)

// Strike kills, as systemd.kill does after its look.
var Strike = strike

// StillDown returns the units that a wait whose time is over already does not see back: starts are those that were
// meant, by unit.
func StillDown(ctx context.Context, p Kill, starts map[string]string) ([]string, error) {
	units, done, err := p.reach(ctx)
	defer done()
	if err != nil {
		return nil, err
	}
	return awaitBack(ctx, units, blow{Starts: starts}, time.Nanosecond), nil
}
