package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
)

// ask sends a request as it is and returns its problem, nil for one that was answered.
func (w *world) ask(method, path, body string, header map[string]string) (int, *api.Problem) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if res.StatusCode < 400 {
		return res.StatusCode, nil
	}
	p := new(api.Problem)
	if err := json.Unmarshal(b, p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("%s %s: %s is no problem+json (%s)", method, path, b, res.Header.Get("Content-Type"))
	}
	return res.StatusCode, p
}

func TestWhoMayCome(t *testing.T) {
	w := newWorld(t)
	with := func(t string) map[string]string { return map[string]string{"Authorization": "Bearer " + t} }
	for name, c := range map[string]struct {
		method, path, body string
		header             map[string]string
		status             int
	}{
		"without a token":           {"GET", "/api/v1/runs", "", nil, 401},
		"with a wrong one":          {"GET", "/api/v1/runs", "", with("another"), 401},
		"with its beginning":        {"GET", "/api/v1/runs", "", with(token[:len(token)-1]), 401},
		"with an empty one":         {"GET", "/api/v1/runs", "", with(""), 401},
		"with basic authentication": {"GET", "/api/v1/runs", "", map[string]string{"Authorization": "Basic " + token}, 401},
		"with it":                   {"GET", "/api/v1/runs", "", with(token), 200},
		"health is open":            {"GET", "/api/v1/health", "", nil, 200},
		"the description is open":   {"GET", "/api/openapi.json", "", nil, 200},
		"a place that is not there": {"GET", "/api/v1/nothing", "", with(token), 404},
		"a wrong method":            {"DELETE", "/api/v1/runs", "", with(token), 404},
		"another site's page": {"POST", "/api/v1/runs", "{}",
			map[string]string{"Authorization": "Bearer " + token, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403},
		"a body that is too large": {"POST", "/api/v1/runs", `{"scenario":"` + strings.Repeat("x", 100<<10) + `"}`,
			map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, 413},
		"a body that is no JSON": {"POST", "/api/v1/runs", `{"scenario":`,
			map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, 400},
		"an unknown question": {"GET", "/api/v1/runs?limmit=3", "", with(token), 422},
	} {
		t.Run(name, func(t *testing.T) {
			status, p := w.ask(c.method, c.path, c.body, c.header)
			if status != c.status && !(c.method == "DELETE" && status == 405) {
				t.Errorf("status %d (%v), want %d", status, p, c.status)
			}
			if p != nil && p.Code == "" {
				t.Errorf("the problem has no code: %+v", p)
			}
		})
	}
}

func TestUnknownFieldsAreNamed(t *testing.T) {
	w := newWorld(t)
	_, p := w.ask("POST", "/api/v1/runs", `{"scenario":"tokyo-loss","kind":"drill","by":"sato","dept":"live"}`,
		map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"})
	if p == nil || p.Status != 422 || !strings.Contains(strings.Join(p.Lines, "\n"), "body.dept") {
		t.Errorf("answered %+v, want 422 that names body.dept", p)
	}
}

func TestProblemsSpeakTheCallersLanguage(t *testing.T) {
	w := newWorld(t)
	_, p := w.ask("GET", "/api/v1/runs/nothing", "", map[string]string{"Authorization": "Bearer " + token, "Accept-Language": "ja-JP,ja;q=0.9"})
	if p == nil || p.Code != api.CodeUnknownRun || !strings.Contains(p.Detail, "ありません") {
		t.Errorf("answered %+v, want it in Japanese with the same code", p)
	}
}

// The description is what others build their clients from.
func TestOpenAPIDescribesWhatIsThere(t *testing.T) {
	w := newWorld(t)
	res, err := http.Get(w.url + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("openapi %q, want 3.1", doc.OpenAPI)
	}
	for path, method := range map[string]string{
		"/api/v1/runs": "post", "/api/v1/runs/{run}/events": "get", "/api/v1/runs/{run}/decide": "post",
		"/api/v1/runs/{run}/steps/{step}": "post", "/api/v1/systems/{name}/release": "post", "/api/v1/scenarios/{name}/plan": "get",
	} {
		if doc.Paths[path][method].OperationID == "" {
			t.Errorf("%s %s is not described", method, path)
		}
	}
	if s := string(doc.Components.Schemas["Problem"]); !strings.Contains(s, "way_out") {
		t.Errorf("the schema of problems is %s", s)
	}
	if s := string(doc.Components.Schemas["PlanStep"]); !strings.Contains(s, `"timeout":{"type":"string"}`) {
		t.Errorf("durations are described as they are not: %s", s)
	}
}

// counted is a Metrics that keeps what it was told.
type counted struct {
	mu   sync.Mutex
	told []string
}

func (c *counted) Request(route, method string, status int, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, fmt.Sprint(method, " ", route, " ", status))
}

// A label that held a path would make a series of every run, and of every scan.
func TestRequestsAreCountedByRoute(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := &counted{}
	h := (&api.Server{Store: store, Token: token, Log: slog.New(slog.DiscardHandler), Metrics: c}).Handler()
	for _, path := range []string{"/api/v1/runs/a-run", "/wp-admin.php"} {
		req := httptest.NewRequest("GET", path, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/runs/another", nil))
	if want := []string{"GET /api/v1/runs/{run} 404", "GET  404", "GET  401"}; !slices.Equal(c.told, want) {
		t.Errorf("counted %q, want %q", c.told, want)
	}
}
