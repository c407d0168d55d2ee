package keep

import (
	"context"
	"errors"
	"time"
)

// heedWithin is how long after its time a place has to give up by itself.
const heedWithin = time.Second

// within waits for a place no longer than ctx lasts: a share that hangs heeds no context. What it left
// behind is not begun again before it has come back.
func (p *placeState) within(ctx context.Context, do func(context.Context) error) error {
	if p.hangs != nil {
		select {
		case <-p.hangs:
			p.hangs = nil
		default:
			return errHangs
		}
	}
	done := make(chan error, 1)
	hangs := make(chan struct{})
	go func() {
		defer close(hangs)
		done <- do(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select { // most places heed it, and say what they waited for
	case err := <-done:
		return err
	case <-time.After(heedWithin):
		p.hangs = hangs
		return errHangs
	}
}

var errHangs = errors.New("the place does not answer, and what was asked of it has not come back; a share that hangs comes back when its server does, or when it is unmounted (umount -f)")
