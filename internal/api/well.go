package api

import (
	"context"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// wellFor is how long an answer about engine and store serves strangers: however many ask, and however often, the engine
// is asked and the store's ping is written once in that time.
const wellFor = 2 * time.Second

// wellness is how it stood with engine and store when somebody last looked.
type wellness struct {
	mu            sync.Mutex
	at            time.Time
	engine, store error
	bad           bool // it was told
}

// Well is why engine and store can't be used, as of a moment ago at most. Who asks it costs nothing.
func (s *Server) Well(ctx context.Context) (engine, store error) { return s.well(ctx, wellFor) }

// well looks when the last look is older than age. Who asks meanwhile waits for the one who looks.
func (s *Server) well(ctx context.Context, age time.Duration) (engine, store error) {
	asked := time.Now()
	w := &s.wellness
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.at.IsZero() && asked.Sub(w.at) < age {
		return w.engine, w.store
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second) // the others wait for it too
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		if w.engine = s.engineAnswers(ctx); w.engine != nil {
			w.engine = plan.Caused(w.engine, "it does not answer", "応答がありません")
		}
	})
	both.Go(func() { w.store = s.Store.Ping(ctx) })
	both.Wait()
	w.at = time.Now()
	switch bad := w.engine != nil || w.store != nil; {
	case bad && !w.bad:
		s.Log.Warn("not healthy", "engine", told(w.engine), "store", told(w.store))
		w.bad = true
	case !bad && w.bad:
		s.Log.Info("healthy again")
		w.bad = false
	}
	return w.engine, w.store
}

func told(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
