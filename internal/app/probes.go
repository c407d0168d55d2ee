package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Paths that a service manager or Kubernetes asks, without a token. They say one word, and
// nothing of what is wrong: that is in the log, and for who is known in /api/v1/health.
const (
	alivePath = "/healthz" // the process answers: else it is to be started again
	readyPath = "/readyz"  // it can do its work: else nobody is to be sent to it
)

// readyFor is how long an answer of readyPath serves others: strangers must not be able to make the
// server ask its store and its engine as often as they like.
const readyFor = 2 * time.Second

// probed answers the two paths, under any name that the server is called by, and passes on the rest.
func probed(next http.Handler, ready func(context.Context) error) http.Handler {
	r := &readiness{ask: ready}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != alivePath && req.URL.Path != readyPath {
			next.ServeHTTP(w, req)
			return
		}
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if req.URL.Path == readyPath && r.now(req.Context()) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "not ready\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}

// readiness asks once for all who ask at the same time.
type readiness struct {
	ask func(context.Context) error
	mu  sync.Mutex
	at  time.Time
	err error
}

func (r *readiness) now(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) > readyFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // the others wait for it too
		defer cancel()
		r.err, r.at = r.ask(ctx), time.Now()
	}
	return r.err
}

// ready is why the server can't do its work now: the store or the engine does not answer, or the embedded
// engine's canary does not get through.
func (s *server) ready(at reached) func(context.Context) error {
	return func(ctx context.Context) error {
		err := errors.Join(s.api.Well(ctx))
		if at.canary != nil {
			err = errors.Join(err, at.canary().Err)
		}
		return err
	}
}
