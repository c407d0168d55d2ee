package api_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
)

// An address with a NUL, or with bytes that are no UTF-8, is refused at the door in the caller's
// language: one record store would find nothing under it, and another's database fail.
func TestOddNamesAreRefusedAtTheDoor(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := (&api.Server{Store: store, Token: token, Log: slog.New(slog.DiscardHandler)}).Handler()
	for path, want := range map[string]int{
		"/api/v1/runs/a%00b": 400, "/api/v1/runs/%ff/events": 400, "/api/v1/runs?scenario=%00": 400, "/api/v1/runs?scenario=a%ed%a0%80": 400, "/api/v1/runs?%00=1": 400,
		"/api/v1/runs/%E6%9D%B1%E4%BA%AC": 404, "/api/v1/runs?scenario=%E6%9D%B1%E4%BA%AC": 200,
	} {
		req, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept-Language", "ja")
		h.ServeHTTP(w, req)
		if w.Code != want || want == 400 && !strings.Contains(w.Body.String(), "UTF-8でないバイト") {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}
