package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/api"
)

// front is the server's door. It answers from the start on: while the record store or the engine are waited for
// it says that muster is alive and not ready, so that nobody starts it again for that.
type front struct {
	ln       net.Listener
	secured  bool
	starting *api.Starting
	now      atomic.Pointer[http.Handler]
	stop     context.CancelFunc
	ended    chan struct{}
	err      error // once it has ended
}

// openFront opens the API's address.
func openFront(ctx context.Context, o Options, token string) (*front, error) {
	secured, err := ownTLS(o.Lang, o.Config)
	if err != nil {
		return nil, err
	}
	ln, err := listen(ctx, o.Lang, o.Config.Listen)
	if err != nil {
		return nil, err
	}
	f := &front{ln: ln, secured: secured != nil, starting: &api.Starting{Token: token, Version: o.Version}, ended: make(chan struct{})}
	notYet := func(context.Context) error { return errStarting }
	f.hand(api.Shielded(probed(f.starting, false, notYet), o.Config.PublicURL))
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(f.ended)
		f.err = serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*f.now.Load()).ServeHTTP(w, r) }), secured, o.Log.With("component", "https"))
	}()
	return f, nil
}

// errStarting: nobody is to be sent here yet.
var errStarting = errors.New("it is starting")

// hand has another handler answer what comes from now on.
func (f *front) hand(h http.Handler) { f.now.Store(&h) }

// doorShut is what ended a process whose door fell shut.
type doorShut struct{ error }

// while is a context that ends with ctx, and when the door falls shut: nothing is waited for behind a
// door that nobody can come through.
func (f *front) while(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-ctx.Done():
		case <-f.ended:
			if f.err != nil {
				cancel(doorShut{f.err})
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// until serves until ctx ends, or the door falls shut.
func (f *front) until(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-f.ended:
	}
	f.close()
	return f.err
}

// close lets what is being answered end for a moment, and shuts the door.
func (f *front) close() {
	f.stop()
	<-f.ended
	_ = f.ln.Close()
}

// reminder says when it is due to say once more that something is waited for: at once, and then seldom.
type reminder struct{ last time.Time }

const remindEvery = 5 * time.Minute

func (r *reminder) due() bool {
	if !r.last.IsZero() && time.Since(r.last) < remindEvery {
		return false
	}
	r.last = time.Now()
	return true
}

// said is whether it was said at all.
func (r *reminder) said() bool { return !r.last.IsZero() }

// pause waits before the next try, longer each time.
func pause(ctx context.Context, d *time.Duration) error {
	*d = min(max(2**d, time.Second), 15*time.Second)
	select {
	case <-time.After(*d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
