package app

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Paths that a service manager or Kubernetes asks, without a token. They say one word, and
// nothing of what is wrong: that is in the log, and for who is known in /api/v1/health.
const (
	alivePath   = "/healthz"  // the process answers: else it is to be started again
	startedPath = "/startedz" // it has been up: from then on people are sent to it, also while its engine or its store is away
	readyPath   = "/readyz"   // it can do all of its work now
)

// readyFor is how long an answer of readyPath serves others: strangers must not be able to make the
// server ask its store and its engine as often as they like.
const readyFor = 2 * time.Second

// probed answers the paths, under any name that the server is called by, and passes on the rest.
func probed(next http.Handler, started bool, ready func(context.Context) error) http.Handler {
	return answering(next, func() bool { return started }, (&readiness{ask: ready}).now)
}

// answering is probed, and asks each time.
func answering(next http.Handler, started func() bool, ready func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != alivePath && req.URL.Path != startedPath && req.URL.Path != readyPath {
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
		if req.URL.Path == startedPath && !started() || req.URL.Path == readyPath && ready(req.Context()) != nil {
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

// siteProbes are what a site worker answers at the paths, where its settings say.
type siteProbes struct {
	working atomic.Bool
	serve   *http.Server // nil answers nowhere
	ended   chan error
}

// answerProbes has a site worker answer from its start on, so that nobody starts it again while it waits for its
// engine. It is ready as soon as it has asked the engine for work for the first time: works tells that. An engine
// that goes away later is no fault of the worker's, and a new start of it would bring none back.
func (o Options) answerProbes(ctx context.Context) (*siteProbes, error) {
	a, at := &siteProbes{ended: make(chan error, 1)}, o.Config.HealthListen
	if at == "" {
		return a, nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at)
	if err != nil {
		return nil, &Trouble{What: o.Lang.T("the worker can't answer probes at %s", "ワーカーが %s でプローブに応答できません", at), Err: bareNet(err),
			WayOut: o.Lang.T("End what listens there, or choose another address as health_listen", "そのアドレスを使っているプロセスを終了するか、health_listen に別のアドレスを指定してください")}
	}
	a.serve = &http.Server{ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 8 << 10, Handler: answering(http.NotFoundHandler(), a.working.Load, func(context.Context) error {
			if !a.working.Load() {
				return errNotAsked
			}
			return nil
		})}
	go func() { a.ended <- a.serve.Serve(ln) }()
	return a, nil
}

// works says that the engine was asked for work.
func (a *siteProbes) works() { a.working.Store(true) }

// until answers until ctx ends, or the address falls shut.
func (a *siteProbes) until(ctx context.Context) error {
	select {
	case err := <-a.ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (a *siteProbes) close() {
	if a.serve != nil {
		_ = a.serve.Close()
	}
}

var errNotAsked = errors.New("the engine was not asked for work yet")
