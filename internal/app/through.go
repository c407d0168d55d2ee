package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/plan"
)

// through remembers which messages got through by which channel, as long as others did not.
type through struct {
	heard func(channel string, err error) // what came of each try; nil tells nobody
	mu    sync.Mutex
	done  map[string]bool
}

// send says it by one channel, which is known to work or not by that.
func (t *through) send(ctx context.Context, c channel.Channel, m channel.Message, again bool) error {
	err := c.Send(ctx, m, again)
	if t.heard != nil {
		t.heard(c.Name(), err)
	}
	return err
}

func (t *through) has(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done[key]
}

// mostNoted bounds what is remembered; a proposal is told to some dozens.
const mostNoted = 10_000

func (t *through) note(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == nil || len(t.done) >= mostNoted {
		t.done = map[string]bool{}
	}
	t.done[key] = true
}

// mostAtOnce bounds how many messages of one matter are under way by one channel.
const mostAtOnce = 20

// everybody is told by every channel that reaches them, all at once: one that hangs holds up nobody. Heard
// says that somebody was reached, now or before. An error says that somebody was not who might be.
func (t *through) everybody(ctx context.Context, within time.Duration, who []plan.Person, channels []channel.Channel, again bool, message func(plan.Person) channel.Message) (heard bool, err error) {
	var mu sync.Mutex
	var errs []error
	var telling sync.WaitGroup
	for _, c := range channels {
		free := make(chan struct{}, mostAtOnce)
		for _, person := range who {
			m := message(person)
			key := c.Name() + " " + m.ID
			never := fmt.Sprint(key, " never at ", m.Contact) // until they have another address
			if !c.Reaches(m) || t.has(never) {
				continue
			}
			if t.has(key) {
				mu.Lock()
				heard = true
				mu.Unlock()
				continue
			}
			telling.Go(func() {
				free <- struct{}{}
				defer func() { <-free }()
				ctx, cancel := context.WithTimeout(ctx, within)
				defer cancel()
				err := t.send(ctx, c, m, again)
				f := new(channel.Failure)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					t.note(key)
					heard = true
				case !errors.As(err, &f) || f.Temporary:
					errs = append(errs, fmt.Errorf("%s by %s: %w", person.ID, c.Name(), err))
				default:
					t.note(never)
				}
			})
		}
	}
	telling.Wait()
	return heard, errors.Join(errs...)
}
