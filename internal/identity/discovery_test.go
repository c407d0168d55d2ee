package identity_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/oidctest"
)

// slow is a way to a provider that does not answer until it is let go.
type slow struct {
	asked atomic.Int32
	here  chan struct{} // hears of each question
	letGo chan struct{}
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	s.here <- struct{}{}
	select {
	case <-s.letGo:
		return http.DefaultTransport.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// A provider that hangs holds up who signs in, each as long as they wait, and asks it once for all.
func TestAProviderThatHangsIsAskedOnceForAll(t *testing.T) {
	w := newWorld(t)
	p := oidctest.Start(t, "http://127.0.0.1:1"+identity.CallbackPath)
	way := &slow{here: make(chan struct{}, 100), letGo: make(chan struct{})}
	s := w.service(func(o *identity.Options) {
		o.PublicURL = "http://127.0.0.1:1"
		o.OIDC = identity.OIDC{Issuer: p.URL, ClientID: p.ClientID, HTTP: &http.Client{Transport: way}}
	})
	start := func(ctx context.Context) (int, error) {
		rec := httptest.NewRecorder()
		err := s.StartOIDC(rec, httptest.NewRequest("GET", "/sign-in/oidc", nil).WithContext(ctx), "/")
		return rec.Code, err
	}
	first := make(chan error, 1)
	go func() { _, err := start(t.Context()); first <- err }()
	<-way.here // and hangs
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone := make(chan error, 1)
	go func() { _, err := start(ctx); gone <- err }()
	select {
	case err := <-gone:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone is told %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who does not wait any more is held up by the one before, 10 s long")
	}
	close(way.letGo)
	if err := <-first; err != nil {
		t.Errorf("once it answers: %v", err)
	}
	if code, err := start(t.Context()); code != http.StatusFound || err != nil {
		t.Errorf("the next: %d, %v", code, err)
	}
	if n := way.asked.Load(); n != 1 {
		t.Errorf("the provider was asked %d times, want once", n)
	}
}
