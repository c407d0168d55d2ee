package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/muster-dr/muster/internal/api"
)

// Every answer tells a browser to do nothing with it, also those to strangers.
func TestAnswersCarryProtectiveHeaders(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ path, token string }{{"/api/v1/runs", token}, {"/api/v1/runs", ""}, {"/api/v1/health", ""}, {"/api/openapi.json", ""}, {"/api/nothing", token}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": ""} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s of %s (%d) is %q, want %q", name, c.path, res.StatusCode, got, want)
			}
		}
	}
	rec := httptest.NewRecorder()
	api.Shielded(http.NotFoundHandler(), "https://muster.example.jp").ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Header().Get("Strict-Transport-Security") == "" {
		t.Error("https is not kept to")
	}
}
