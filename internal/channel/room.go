package channel

import (
	"context"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Follower is a channel that shows a picture of each run, which it keeps up to date.
type Follower interface {
	// Follow shows a run until it has ended and its last picture is shown, or ctx ends.
	Follow(ctx context.Context, f Following)
}

// Following is a run that is followed.
type Following struct {
	Run   string
	Plan  plan.Plan
	Owner string // of this server, for who holds what
	// Contacts are how people are reached now.
	Contacts func() map[string]estate.Contact
	// Wait returns at the next event, or after a moment.
	Wait func(ctx context.Context)
}

// Teller says events of a run in words, as the dispatcher does.
type Teller struct{ pic *picture }

// NewTeller returns one for a run that has not begun.
func NewTeller(p plan.Plan) *Teller { return &Teller{newPicture(p)} }

// Apply takes in entries, in the journal's order.
func (t *Teller) Apply(entries ...journal.Entry) { t.pic.apply(entries...) }

// Settles lists the topics that an event settles, as the last one that was taken in.
func (t *Teller) Settles(e run.Event) []string { return t.pic.settles(e) }

// Message is an event as it is said to a person, or in the room of the run.
func (t *Teller) Message(e run.Event, person string, c estate.Contact, server i18n.Lang) Message {
	return t.pic.message(e, person, c, server)
}

// Called lists who was called, in order.
func (t *Teller) Called() []string { return t.pic.called }

// Over reports whether nothing is asked any more.
func (t *Teller) Over() bool { return t.pic.ended }

// Kind is the run's.
func (t *Teller) Kind() run.Kind { return t.pic.kind }

// Name is a person as the reader calls them.
func (t *Teller) Name(id string, l i18n.Lang) string { return t.pic.name(run.Person(id), l) }

// Clock is an event's time of day in the estate's zone.
func (t *Teller) Clock(e run.Event, l i18n.Lang) string { return t.pic.clock(e, l) }

// Span is a number of seconds in words.
func Span(s float64, l i18n.Lang) string { return seconds(s, l) }

// showRooms has the channels that keep a picture of the run do so.
func (f *follower) showRooms(ctx context.Context) {
	for _, c := range f.d.Channels {
		r, ok := c.(Follower)
		if !ok {
			continue
		}
		f.parts.Go(func() {
			r.Follow(ctx, Following{Run: f.run, Plan: f.pic.plan, Owner: f.d.owner, Contacts: f.d.contacts, Wait: func(ctx context.Context) {
				var changed <-chan struct{}
				if f.d.Changed != nil {
					changed = f.d.Changed()
				}
				f.d.wait(ctx, changed)
			}})
		})
	}
}
