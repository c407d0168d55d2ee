package api

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Starting answers for a server that still waits for its vault, its record store or its engine. Who gives the server's own token
// is told for which, in the health that a server gives; everybody else hears that it is not ready.
type Starting struct {
	Token, Version string

	mu                   sync.Mutex
	vault, store, engine waited
}

// waited is what is known of something: nothing, that it is there, or why it is not.
type waited struct {
	known bool
	why   plan.Text
}

func (w waited) health(l i18n.Lang) string {
	switch {
	case !w.known:
		return ""
	case w.why.EN == "":
		return "ok"
	}
	return w.why.In(string(l))
}

// StoreIs says how it stands with the record store; no error is that it is there. Without an s nobody hears it.
func (s *Starting) StoreIs(err error) {
	if s != nil {
		s.note(&s.store, err)
	}
}

// VaultIs says how it stands with the vault that keeps secrets of the settings.
func (s *Starting) VaultIs(err error) {
	if s != nil {
		s.note(&s.vault, err)
	}
}

// EngineIs says how it stands with the engine.
func (s *Starting) EngineIs(err error) {
	if s != nil {
		s.note(&s.engine, err)
	}
}

func (s *Starting) note(of *waited, err error) {
	now := waited{known: true}
	if err != nil {
		now.why = plan.SaidBy(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*of = now
}

func (s *Starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l := i18n.Parse(r.Header.Get("Accept-Language"))
	s.mu.Lock()
	vault, store, engine := s.vault, s.store, s.engine
	s.mu.Unlock()
	if r.URL.Path == "/api/v1/health" {
		h := Health{}
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s.Token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(s.Token)) == 1 {
			h = Health{Version: s.Version, Store: store.health(l), Engine: engine.health(l), Vault: vault.health(l)}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(h) // the caller may be gone
		return
	}
	p := problem(http.StatusServiceUnavailable, CodeStore, l.T("muster is starting, and waits for its record store. Nothing was done.", "musterは起動中で、記録の保存先を待っています。何も実行していません。"),
		l.T("Try again in a moment; `muster doctor` on its machine says what is missing", "しばらくしてから再試行してください。原因はそのマシンの `muster doctor` で確認できます"))
	switch {
	case vault.why.EN != "":
		p.Code, p.Detail = CodeVault, l.T("muster is starting, and waits for the vault that keeps its secrets. Nothing was done.", "musterは起動中で、秘密情報を保管するVaultを待っています。何も実行していません。")
	case store.known && store.why.EN == "":
		p.Code, p.Detail = CodeEngine, l.T("muster is starting, and waits for its engine. Nothing was done.", "musterは起動中で、エンジンを待っています。何も実行していません。")
	}
	w.Header().Set("Retry-After", "5")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, p.Error(), p.Status)
		return
	}
	writeProblem(w, p)
}
