package progress

import (
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// The roll says of whom no channel has reached, until one does; what was not needed any more is
// no failure, and the run's room is nobody.
func TestWhomNoChannelReaches(t *testing.T) {
	tr := New(testPlan())
	failed := func(person, channel string, o run.Outcome) run.Event {
		return run.Event{At: at(3), Kind: run.MessageFailed, Person: person, Outcome: o, Data: run.Encode(run.Delivery{Channel: channel, Of: "run/2", Matter: "call"})}
	}
	unreached := func() []string {
		var out []string
		for _, p := range tr.Roll() {
			if p.Unreached {
				out = append(out, p.ID)
			}
		}
		return out
	}
	tr.Apply(story(started(), failed("sato", "mail", run.Skipped), failed("tanaka", "", run.Failed), failed("", "slack", run.Failed))...)
	if got := unreached(); !slices.Equal(got, []string{"tanaka"}) {
		t.Errorf("unreached are %v", got)
	}
	tr.Apply(story(run.Event{At: at(4), Kind: run.MessageDelivered, Person: "tanaka", Data: run.Encode(run.Delivery{Channel: "mail", Of: "run/9", Matter: "notice"})})...)
	if got := unreached(); len(got) != 0 {
		t.Errorf("still unreached are %v", got)
	}
	if o := tr.Overview(at(5)); o.People.Called != 0 {
		t.Errorf("receipts have called %d", o.People.Called)
	}
}
