package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/waittest"
)

// Kubernetes and load balancers ask without a token.
func TestAliveAndReadyNeedNoToken(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	up := begin(t, o)
	get := func(path string) (int, string) {
		t.Helper()
		res, err := http.Get(up.at + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	if code, said := get("/readyz"); code != 200 || said != "ok\n" {
		t.Errorf("ready: %d %q", code, said)
	}
	if code, said := get("/healthz"); code != 200 || said != "ok\n" {
		t.Errorf("alive: %d %q", code, said)
	}
	res, err := http.Post(up.at+"/readyz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", res.Status)
	}
}

// Who asks often makes the server ask its parts seldom, and a part that is away is said to nobody.
func TestReadinessIsAskedOnceForAll(t *testing.T) {
	asked, fails := 0, error(nil)
	h := probed(http.NotFoundHandler(), func(context.Context) error { asked++; return fails })
	get := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w
	}
	for range 100 {
		if w := get(); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times for 100 who asked at once", asked)
	}
	fails = errors.New("postgres://muster:kanariya@db is away")
	waittest.Eventually(t, 3*readyFor, func() string {
		if w := get(); w.Code != 503 || w.Body.String() != "not ready\n" {
			return fmt.Sprintf("%d %q", w.Code, w.Body)
		}
		return ""
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 200 {
		t.Errorf("alive: %d", w.Code)
	}
}

// The service manager's watchdog ends a server that takes no requests, and none whose store or engine hangs.
func TestTheWatchdogAsksTheDoorAndNotTheStore(t *testing.T) {
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	s := httptest.NewUnstartedServer(probed(http.NotFoundHandler(), hangs))
	s.StartTLS()
	t.Cleanup(s.Close)
	plain := httptest.NewServer(probed(http.NotFoundHandler(), hangs))
	t.Cleanup(plain.Close)
	for _, ask := range []func(context.Context) error{doorAnswers(s.Listener, true), doorAnswers(plain.Listener, false)} {
		if err := ask(t.Context()); err != nil {
			t.Errorf("a store that hangs: %v", err)
		}
	}
	plain.Close()
	if doorAnswers(plain.Listener, false)(t.Context()) == nil {
		t.Error("a door that is shut answers")
	}
}
