// Package vaulttest is the part of Vault's HTTP API that muster asks: sign-in by AppRole and
// Kubernetes, tokens that end, reading of the KV store, version 2, over TLS. It follows the API
// documentation of Vault 1.x and OpenBao 2.x; no such server was there to compare it with.
package vaulttest

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a vault.
type Server struct {
	URL    string
	CAFile string

	mu     sync.Mutex
	http   *httptest.Server
	kv     map[string]map[string]any // by mount/path
	tokens map[string]time.Time      // until when each counts
	sealed bool
	lease  time.Duration
	reads  int
	logins int
}

// What opens it.
const (
	RoleID   = "role-id-of-osaka"
	SecretID = "secret-id-of-osaka"
	Role     = "muster-osaka"
	JWT      = "eyJhbGciOi.kubernetes.service-account"
	Space    = "dr" // its namespace
)

// Start starts one.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{kv: map[string]map[string]any{}, tokens: map[string]time.Time{}, lease: time.Hour}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.http.StartTLS()
	t.Cleanup(s.http.Close)
	s.URL, s.CAFile = s.http.URL, filepath.Join(t.TempDir(), "vault-ca.pem")
	if err := os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// Put writes a secret as its newest version; nil deletes it.
func (s *Server) Put(path string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kv[path] = fields
}

// Seal seals and unseals it.
func (s *Server) Seal(sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = sealed
}

// Lease is how long tokens of later sign-ins count.
func (s *Server) Lease(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = d
}

// Token is a token as an administrator makes one.
func (s *Server) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token()
}

func (s *Server) token() string {
	t := "hvs." + rand.Text()
	s.tokens[t] = time.Now().Add(s.lease)
	return t
}

// Revoke ends all tokens.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Reads and Logins are how often it was read and signed in to.
func (s *Server) Reads() int { s.mu.Lock(); defer s.mu.Unlock(); return s.reads }

// Logins is as Reads.
func (s *Server) Logins() int { s.mu.Lock(); defer s.mu.Unlock(); return s.logins }

// Stop is a vault that is gone.
func (s *Server) Stop() { s.http.CloseClientConnections(); s.http.Close() }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, errs ...string) {
	if errs == nil {
		errs = []string{}
	}
	answer(w, status, map[string]any{"errors": errs})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	login := strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login")
	if r.Header.Get("X-Vault-Request") != "true" {
		fail(w, http.StatusPreconditionFailed, "missing the 'X-Vault-Request' header") // as its agent asks
		return
	}
	switch {
	case s.sealed:
		fail(w, http.StatusServiceUnavailable, "Vault is sealed")
	case r.Header.Get("X-Vault-Namespace") != Space:
		fail(w, http.StatusForbidden, "permission denied")
	case login && r.Method == http.MethodPost:
		var in map[string]string
		_ = json.NewDecoder(r.Body).Decode(&in)
		switch {
		case path == "auth/approle/login" && in["role_id"] == RoleID && in["secret_id"] == SecretID:
		case path == "auth/k8s-osaka/login" && in["role"] == Role && in["jwt"] == JWT:
		case path == "auth/approle/login": // it repeats nothing of what it was given
			fail(w, http.StatusBadRequest, "invalid role or secret ID")
			return
		default:
			fail(w, http.StatusForbidden, "permission denied")
			return
		}
		s.logins++
		answer(w, http.StatusOK, map[string]any{"auth": map[string]any{"client_token": s.token(), "lease_duration": int(s.lease.Seconds()), "renewable": true, "policies": []string{"default"}}})
	case time.Now().After(s.tokens[r.Header.Get("X-Vault-Token")]):
		fail(w, http.StatusForbidden, "permission denied")
	case r.Method == http.MethodGet:
		mount, rest, ok := strings.Cut(path, "/data/")
		s.reads++
		fields, there := s.kv[mount+"/"+rest]
		switch {
		case !ok || !there:
			fail(w, http.StatusNotFound)
		case fields == nil: // deleted: the metadata stays
			answer(w, http.StatusNotFound, map[string]any{"data": map[string]any{"data": nil, "metadata": map[string]any{"deletion_time": time.Now().UTC().Format(time.RFC3339Nano), "destroyed": false, "version": 2}}})
		default:
			answer(w, http.StatusOK, map[string]any{"request_id": rand.Text(), "data": map[string]any{"data": fields, "metadata": map[string]any{"created_time": time.Now().UTC().Format(time.RFC3339Nano), "version": 3}}})
		}
	default:
		fail(w, http.StatusMethodNotAllowed, "unsupported operation")
	}
}
