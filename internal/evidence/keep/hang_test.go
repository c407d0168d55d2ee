package keep

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// hung is a share that is mounted hard and whose server is away: it heeds no context.
type hung struct {
	Folder
	back  chan struct{}
	asked atomic.Int32
}

func (h *hung) Put(ctx context.Context, name string, b []byte) error {
	h.asked.Add(1)
	<-h.back
	return h.Folder.Put(ctx, name, b)
}

// A share that hangs keeps nothing from being sealed or brought elsewhere, is told of, is not asked a second
// time meanwhile, and does not keep the server from ending.
func TestAShareThatHangsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	share, other := &hung{Folder: Folder{t.TempDir()}, back: make(chan struct{})}, Folder{t.TempDir()}
	w := newWorld(t, func(o *Options) { o.Places = []Place{share, other} })
	w.k.putWithin = 3 * time.Second
	w.ended("tokyo-loss-1", run.Drill)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.k.Run(ctx) }()
	defer func() { cancel(); <-done }()
	until(t, "the share to be asked", func() bool { return share.asked.Load() > 0 })
	w.ended("tokyo-loss-2", run.Drill)
	w.pass(time.Minute)
	w.k.Wake()
	until(t, "the second run to be sealed and brought to the other place", func() bool {
		s := w.k.Status()
		if s.Places[1].Trouble != "" { // a busy machine was too slow for the other place: it is tried again
			w.pass(time.Minute)
			w.k.Wake()
		}
		return s.Sealed == 2 && s.Places[1].Waiting == 0 && s.Places[1].Arrived != nil
	})
	until(t, "it to be told of", func() bool { return strings.Contains(w.k.Status().Places[0].Trouble, "does not answer") })
	w.pass(time.Hour)
	w.k.Wake()
	until(t, "it to be tried again", func() bool {
		next := w.k.Status().Places[0].Next
		return next != nil && next.After(w.clock())
	})
	if n := share.asked.Load(); n != 1 {
		t.Errorf("asked %d times while it hangs", n)
	}
	close(share.back)
	until(t, "all to arrive", func() bool {
		w.pass(time.Hour)
		w.k.Wake()
		return w.k.Status().Places[0].Waiting == 0
	})
}

func TestAShareThatHangsDoesNotKeepTheServerFromEnding(t *testing.T) {
	t.Parallel()
	share := &hung{Folder: Folder{t.TempDir()}, back: make(chan struct{})}
	w := newWorld(t, func(o *Options) { o.Places = []Place{share} })
	w.ended("tokyo-loss-1", run.Drill)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.k.Run(ctx) }()
	until(t, "the share to be asked", func() bool { return share.asked.Load() > 0 })
	cancel()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("it has not ended")
	}
	close(share.back)
}
