package probe

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

func TestTheEngineIsAsked(t *testing.T) {
	var down error
	l, err := Options{Engine: func(context.Context) error { return down }}.lookEngine(plan.Watch{}, Engine{})
	if err != nil {
		t.Fatal(err)
	}
	if fate, why := l.look(t.Context(), 1); fate != ok {
		t.Errorf("it serves, and the probe says %v: %s", fate, why)
	}
	down = errors.New("connection refused")
	if fate, why := l.look(t.Context(), 2); fate == ok || why != "connection refused" {
		t.Errorf("it is away, and the probe says %v: %s", fate, why)
	}
	if _, err := (Options{}).lookEngine(plan.Watch{}, Engine{}); err == nil {
		t.Error("without a way to the engine there is a probe of it")
	}
}

func TestAnAuthorityOfOnesOwnIsKnown(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ca, says string
	}{
		"known":   {file, ""},
		"unknown": {"", "certificate"},
	} {
		l, err := lookHTTP(plan.Watch{}, HTTP{URL: s.URL, CAFile: c.ca})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fate, why := l.look(t.Context(), 1); (fate == ok) != (c.says == "") || !strings.Contains(why, c.says) {
			t.Errorf("%s: %v %s", name, fate, why)
		}
		l.close()
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "none.pem"), "/dev/null"} {
		if _, err := lookHTTP(plan.Watch{}, HTTP{URL: s.URL, CAFile: bad}); err == nil || !strings.Contains(err.Error(), "ca_file") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
