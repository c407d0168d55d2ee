package http_test

import (
	"encoding/pem"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/muster-dr/muster/activities/http"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

// pool is a load balancer's API: PUT sets the active site once, GET shows it.
type pool struct {
	mu      sync.Mutex
	active  string
	puts    int
	headers nethttp.Header
	// keys are those of the requests that were accepted and came to nothing.
	keys []string
	// answers is the status of a POST.
	answers int
	// breakPut ends the connection after the change, before the answer.
	breakPut bool
}

// seen is how often the site was changed, and the last change's headers.
func (p *pool) seen() (int, nethttp.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.puts, p.headers
}

func (p *pool) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.URL.Path == "/moved":
		nethttp.Redirect(w, r, "/pool", nethttp.StatusFound)
	case r.URL.Path == "/kept":
		nethttp.Redirect(w, r, "/pool", nethttp.StatusTemporaryRedirect)
	case r.URL.Path == "/away":
		nethttp.Redirect(w, r, "http://no-such-host.invalid/", nethttp.StatusFound)
	case r.Method == nethttp.MethodPut:
		b, _ := io.ReadAll(r.Body)
		p.active, p.headers = string(b), r.Header.Clone()
		p.puts++
		if p.breakPut {
			panic(nethttp.ErrAbortHandler)
		}
		w.WriteHeader(nethttp.StatusNoContent)
	case r.Method == nethttp.MethodPost:
		p.keys = append(p.keys, r.Header.Get("Idempotency-Key"))
		w.WriteHeader(p.answers)
	default:
		w.Header().Set("X-Role", "primary")
		fmt.Fprintf(w, `{"active": %q, "puts": %d}`, p.active, p.puts)
	}
}

func start(t *testing.T) (*pool, *httptest.Server, *sitetest.Site) {
	p := &pool{active: "tokyo"}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server, sitetest.New(t, http.Actions())
}

func TestCheck(t *testing.T) {
	_, server, s := start(t)
	var out struct {
		Status  int
		JSON    map[string]any
		Headers map[string]string
	}
	_, err := s.Act(s.Step("http.check", map[string]any{"url": server.URL + "/pool",
		"expect": "status == 200 && json.active == 'tokyo' && headers['x-role'] == 'primary' && text.contains('puts')"}), &out)
	if err != nil || out.Status != 200 || out.JSON["active"] != "tokyo" {
		t.Fatalf("%+v %v", out, err)
	}
	if _, err := s.Act(s.Step("http.check", map[string]any{"url": server.URL + "/moved"}), nil); err != nil {
		t.Fatalf("redirect on the same host: %v", err)
	}
	for _, c := range []struct {
		with  map[string]any
		words []string
	}{
		{map[string]any{"url": server.URL + "/pool", "expect": "json.active == 'osaka'"}, []string{"is false", "tokyo"}},
		{map[string]any{"url": server.URL + "/pool", "expect": "json.gone == 1"}, []string{"can't be judged"}},
		{map[string]any{"url": server.URL + "/pool", "status": []int{201, 204}}, []string{"answered status 200, not 201 or 204"}},
		{map[string]any{"url": server.URL + "/away"}, []string{"answered status 302"}}, // never followed to another host
	} {
		_, err := s.Act(s.Step("http.check", c.with), nil)
		sitetest.Want(t, err, plan.ErrFinding, append(c.words, server.URL)...)
	}
	url := server.URL
	server.Close()
	_, err = s.Act(s.Step("http.check", map[string]any{"url": url}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "nothing listens there")
	for _, wrong := range []string{"ftp://x", "orders", "http://user:hunter2hunter2@", "http://169.254.169.254/latest"} {
		_, err = s.Act(s.Step("http.check", map[string]any{"url": wrong}), nil)
		sitetest.Want(t, err, "")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

func TestCheckTrustsTheGivenCertificates(t *testing.T) {
	server := httptest.NewTLSServer(&pool{active: "tokyo"})
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	s := sitetest.New(t, http.Actions())
	if _, err := s.Act(s.Step("http.check", map[string]any{"url": server.URL, "ca_file": ca}), nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.Act(s.Step("http.check", map[string]any{"url": server.URL}), nil)
	sitetest.Want(t, err, "", "certificate")
}

func TestRequestChangesOnce(t *testing.T) {
	p, server, s := start(t)
	t.Setenv("MUSTER_TEST_TOKEN", "kanariya-token")
	with := map[string]any{"url": server.URL + "/pool", "method": "PUT", "body": "osaka",
		"secret_headers": map[string]string{"Authorization": "secret://env/MUSTER_TEST_TOKEN"},
		"look":           map[string]any{"url": server.URL + "/pool", "expect": "json.active == 'osaka'"}}
	step := s.Step("http.request", with)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	res, err := s.Act(step, nil)
	if err != nil || res.Already {
		t.Fatalf("%+v %v", res, err)
	}
	if _, h := p.seen(); h.Get("Authorization") != "kanariya-token" || h.Get("Idempotency-Key") != step.EffectKey {
		t.Fatalf("headers: %v", h)
	}
	if res, err := s.Act(s.Step("http.request", with), nil); err != nil || !res.Already {
		t.Fatalf("goal holds: %+v %v", res, err)
	}
	if n, _ := p.seen(); n != 1 {
		t.Fatalf("%d changes, want 1", n)
	}
}

// The change was made and the answer lost: the look settles it.
func TestRequestLostAnswer(t *testing.T) {
	p, server, s := start(t)
	p.breakPut = true
	step := s.Step("http.request", map[string]any{"url": server.URL + "/pool", "method": "PUT", "body": "osaka",
		"look": map[string]any{"url": server.URL + "/pool", "expect": "json.active == 'osaka'"}})
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, "")
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Fatalf("settled: %+v", seen)
	}
	blind := s.Step("http.request", map[string]any{"url": server.URL + "/pool", "method": "PUT", "body": "kobe"})
	_, err = s.Act(blind, nil)
	sitetest.Want(t, err, "")
	if seen := s.Settle(blind); seen.Sight != plan.CannotTell {
		t.Fatalf("settled without a look: %+v", seen)
	}
	_, err = s.Act(blind, nil)
	sitetest.Want(t, err, plan.ErrBegun)
	if n, _ := p.seen(); n != 2 {
		t.Fatalf("%d changes, want 2: one for each step", n)
	}
}

// A service that says yes and does nothing is found out by the look.
func TestRequestThatDidNothing(t *testing.T) {
	p, server, s := start(t)
	p.answers = nethttp.StatusAccepted
	step := s.Step("http.request", map[string]any{"url": server.URL + "/pool", "method": "POST", "body": "osaka", "timeout": "3s",
		"look": map[string]any{"url": server.URL + "/pool", "expect": "json.active == 'osaka'"}})
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, plan.ErrFinding, "is false")
	// It was accepted, and may come yet.
	if seen := s.Settle(step); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Fatalf("settled: %+v", seen)
	}
	// Who knows the key does it once, however often the step is tried; what was denied is asked anew.
	p.answers = nethttp.StatusBadGateway
	_, err = s.Act(sitetest.Generation(step, 2), nil)
	sitetest.Want(t, err, plan.ErrFinding, "502")
	p.answers = nethttp.StatusSeeOther
	_, err = s.Act(sitetest.Generation(step, 3), nil)
	sitetest.Want(t, err, plan.ErrFinding, "303")
	p.answers = nethttp.StatusForbidden
	_, err = s.Act(sitetest.Generation(step, 4), nil)
	sitetest.Want(t, err, plan.ErrFinding, "403")
	_, err = s.Act(sitetest.Generation(step, 5), nil)
	sitetest.Want(t, err, plan.ErrFinding, "403")
	first, fifth := step.EffectKey, sitetest.Generation(step, 5).EffectKey
	if want := []string{first, first, first, first, fifth}; !slices.Equal(p.keys, want) {
		t.Errorf("keys %q, want %q", p.keys, want)
	}
	server.Close()
	gone := s.Step("http.request", map[string]any{"url": server.URL + "/pool"})
	_, err = s.Act(gone, nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was sent", "nothing listens there")
}

// A redirect that makes a GET of what changes something is not followed: its answer would count as done.
func TestARedirectedRequestIsNotTakenForDone(t *testing.T) {
	p, server, s := start(t)
	put := func(path string) error {
		_, err := s.Act(s.Step("http.request", map[string]any{"url": server.URL + path, "method": "PUT", "body": "osaka"}), nil)
		return err
	}
	sitetest.Want(t, put("/moved"), plan.ErrFinding, "answered status 302", "points to /pool")
	if n, _ := p.seen(); n != 0 {
		t.Fatalf("%d changes, want none", n)
	}
	if err := put("/kept"); err != nil {
		t.Fatalf("a redirect that keeps the method: %v", err)
	}
	if n, _ := p.seen(); n != 1 {
		t.Fatalf("%d changes, want 1", n)
	}
}
