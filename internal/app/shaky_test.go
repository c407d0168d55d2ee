package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"
)

// shaky is a service that is broken and mended by POST /break and /mend, and whose
// promotion is at fault in a way of its own. GET / is what its users see.
type shaky struct {
	*httptest.Server
	dir  string // of the test's, which what is started for it names
	flag string // file that promotes it when it is there; "" for none

	mu       sync.Mutex
	fault    string
	broken   bool
	promoted time.Time // zero: it is not
}

func newShaky(t *testing.T) *shaky {
	s := &shaky{dir: t.TempDir()}
	mux := http.NewServeMux()
	post := func(path string, act func(http.ResponseWriter, *http.Request)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { act(w, r) })
	}
	post("/break", func(http.ResponseWriter, *http.Request) { s.be(func() { s.broken = true }) })
	post("/mend", func(http.ResponseWriter, *http.Request) { s.be(func() { s.broken = false }) })
	post("/promote", func(w http.ResponseWriter, r *http.Request) {
		switch s.is() {
		case "silent":
			<-r.Context().Done()
			return
		case "slow":
			select {
			case <-time.After(500 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		case "lying", "lying-to-all":
			fmt.Fprint(w, `{"role": "primary"}`)
			return
		}
		s.be(func() { s.promoted = time.Now() })
	})
	mux.HandleFunc("GET /role", func(w http.ResponseWriter, r *http.Request) {
		fault, up := s.is(), s.serves()
		if fault == "silent" {
			<-r.Context().Done()
			return
		}
		role := "standby"
		if fault == "lying-to-all" || !s.promotedAt().IsZero() {
			role = "primary"
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"role": %q, "up": %t}`, role, up)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		if !s.serves() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *shaky) set(fault string) { s.be(func() { s.fault = fault }) }

func (s *shaky) be(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *shaky) is() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

func (s *shaky) promotedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.promoted
}

// serves reports whether users are served now.
func (s *shaky) serves() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.broken:
		return true
	case s.flag != "":
		_, err := os.Stat(s.flag)
		return err == nil
	case s.promoted.IsZero():
		return false
	case s.fault == "flapping":
		return time.Since(s.promoted)/(250*time.Millisecond)%2 == 0
	}
	return true
}

// promote is the step that promotes it and looks whether it is.
func (s *shaky) promote(patience string) string {
	return fmt.Sprintf(`{id: promote, uses: http.request, with: {url: "%[1]s/promote", %[2]s, look: {url: "%[1]s/role", %[2]s, expect: json.role == 'primary'}}}`, s.URL, patience)
}
