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
	"time"

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
	for _, path := range []string{"/healthz", "/startedz"} {
		if code, said := get(path); code != 200 || said != "ok\n" {
			t.Errorf("%s: %d %q", path, code, said)
		}
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
	h := probed(http.NotFoundHandler(), true, func(context.Context) error { asked++; return fails })
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
	waittest.Eventually(t, time.Minute, func() string {
		if w := get(); w.Code != 503 || w.Body.String() != "not ready\n" {
			return fmt.Sprintf("%d %q", w.Code, w.Body)
		}
		return ""
	})
	// It is not started again for that, and people are sent to it: what they answer meanwhile is taken.
	for _, path := range []string{"/healthz", "/startedz"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// The service manager's watchdog ends a server that takes no requests, and none whose store or engine hangs.
func TestTheWatchdogAsksTheDoorAndNotTheStore(t *testing.T) {
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	s := httptest.NewUnstartedServer(probed(http.NotFoundHandler(), true, hangs))
	s.StartTLS()
	t.Cleanup(s.Close)
	plain := httptest.NewServer(probed(http.NotFoundHandler(), true, hangs))
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

// A site worker that is told where answers there, and is ready once it has asked for work.
func TestAWorkerAnswersProbes(t *testing.T) {
	o, _ := options(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	o.Config.HealthListen = atFreePort(t)
	probes, err := o.answerProbes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer probes.close()
	ended := make(chan error, 1)
	go func() { ended <- probes.until(ctx) }()
	get := func(path string) string {
		res, err := http.Get("http://" + o.Config.HealthListen + path)
		if err != nil {
			return err.Error()
		}
		_ = res.Body.Close()
		return res.Status
	}
	if alive, ready := get("/healthz"), get("/readyz"); alive != "200 OK" || ready != "503 Service Unavailable" {
		t.Errorf("before it works: alive %s, ready %s", alive, ready)
	}
	probes.works()
	if ready, other := get("/readyz"), get("/api/v1/health"); ready != "200 OK" || other != "404 Not Found" {
		t.Errorf("it works: ready %s, anything else %s", ready, other)
	}
	var taken *Trouble
	if _, err := o.answerProbes(ctx); !errors.As(err, &taken) || !strings.Contains(taken.WayOut, "health_listen") {
		t.Errorf("an address that is taken: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	probes.close() // as when the address falls shut
	if err := probes.until(t.Context()); err == nil {
		t.Error("a worker that answers no more goes on")
	}
}
