package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
)

// What huma finds wrong with a request is said in the caller's language, the way out too.
func TestWrongRequestsAreToldInTheCallersLanguage(t *testing.T) {
	w := newWorld(t)
	for _, x := range []struct{ method, path, body, en, ja string }{
		{"GET", "/findings?state=bogus", "", `query.state: expected value to be one of "open, waived, closed, all"`, "query.state: open, waived, closed, all のいずれかを指定してください"},
		{"GET", "/coverage?year=abcd", "", "query.year: invalid integer", "query.year: 整数で指定してください"},
		{"GET", "/coverage?year=12", "", "query.year: expected number >= 2000", "query.year: 2000 以上で指定してください"},
		{"POST", "/runs", `{"kind":"drill","by":"sato","bogus":1}`, "body.bogus: unexpected property", "body.bogus: このような項目はありません"},
		{"POST", "/runs", `{"kind":"drill","by":"sato"}`, "body: expected required property scenario to be present", "body: 必須項目 scenario がありません"},
		{"POST", "/runs", `{"kind":"drill","by":"sato","scenario":7}`, "body.scenario: expected string", "body.scenario: 文字列で指定してください"},
		{"POST", "/runs", "", "request body is required", "リクエストの本文がありません"},
	} {
		for lang, want := range map[string]string{"en": x.en, "ja": x.ja} {
			req, err := http.NewRequestWithContext(t.Context(), x.method, w.url+"/api/v1"+x.path, strings.NewReader(x.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Accept-Language", lang)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", "k-"+lang)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var p api.Problem
			err = json.NewDecoder(res.Body).Decode(&p)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			status, got := res.StatusCode, p.Error()
			if status < 400 || !strings.Contains(got, want) {
				t.Errorf("%s %s %s in %s: %d %s, want %s", x.method, x.path, x.body, lang, status, got, want)
			}
			if lang == "ja" && (strings.Contains(got, "expected ") || strings.Contains(got, "validation failed") || strings.Contains(got, "is described")) {
				t.Errorf("%s %s in Japanese: %s", x.method, x.path, got)
			}
		}
	}
}
