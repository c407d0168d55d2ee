package identity_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
)

// world is a record store, a clock that the test moves, and what the services logged.
type world struct {
	t     testing.TB
	store journal.Store
	mu    sync.Mutex
	at    time.Time
	held  []time.Duration
	log   bytes.Buffer
}

const console = "the-server's-own-token-of-the-test"

func newWorld(t testing.TB) *world {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &world{t: t, store: store, at: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// service is one server's service; several share the store.
func (w *world) service(change ...func(*identity.Options)) *identity.Service {
	o := identity.Options{Console: console, Now: w.now, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Pause: func(_ context.Context, d time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.held = append(w.held, d)
		}}
	for _, f := range change {
		f(&o)
	}
	return identity.New(w.store, o)
}

func (w *world) issue(s *identity.Service, person string) (string, identity.Token) {
	w.t.Helper()
	secret, token, err := s.Issue(w.t.Context(), person, "laptop", person, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret, token
}

// refused checks why something was refused, and that it is said in both languages.
func refused(t testing.TB, err error, want identity.Reason) {
	t.Helper()
	if got := identity.ReasonOf(err); got != want {
		t.Errorf("refused as %q (%v), want %q", got, err, want)
	}
}

// estate is a directory of people that a test changes.
type estate struct {
	people   map[string]bool
	subjects map[string]string
	mails    map[string]string
	err      error
}

func (e *estate) Known(_ context.Context, p string) (bool, error)       { return e.people[p], e.err }
func (e *estate) BySubject(_ context.Context, s string) (string, error) { return e.subjects[s], e.err }
func (e *estate) ByMail(_ context.Context, m string) (string, error)    { return e.mails[m], e.err }
