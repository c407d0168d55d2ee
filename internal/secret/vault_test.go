package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/vaulttest"
)

const kanariya = "kanariya-in-the-vault"

func vaultOf(t *testing.T, s *vaulttest.Server, change func(*VaultOptions)) Stores {
	t.Helper()
	t.Setenv("TEST_ROLE_ID", vaulttest.RoleID)
	t.Setenv("TEST_SECRET_ID", vaulttest.SecretID)
	o := VaultOptions{Address: s.URL, CAFile: s.CAFile, Namespace: vaulttest.Space, Auth: "approle", RoleID: "secret://env/TEST_ROLE_ID", SecretID: "secret://env/TEST_SECRET_ID"}
	if change != nil {
		change(&o)
	}
	v, err := NewVault(o)
	if err != nil {
		t.Fatal(err)
	}
	return Stores{Vault: v}
}

// says holds an error's words, in both languages, and that it gives nothing away.
func says(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", want)
		return
	}
	said := plan.SaidBy(err)
	if said.EN == said.JA {
		t.Errorf("%q is in one language", said.EN)
	}
	for _, w := range want {
		if !strings.Contains(said.Both(), w) {
			t.Errorf("%q does not say %q", said.Both(), w)
		}
	}
	for _, no := range []string{kanariya, "hvs.", vaulttest.SecretID, vaulttest.RoleID, vaulttest.JWT} {
		if strings.Contains(said.Both()+err.Error(), no) {
			t.Errorf("%q gives %q away", said.Both(), no)
		}
	}
}

func TestVaultGivesFields(t *testing.T) {
	s := vaulttest.Start(t)
	s.Put("kv/orders/db", map[string]any{"password": kanariya, "port": 5432, "short": "abc"})
	s.Put("kv/orders/gone", nil)
	r := vaultOf(t, s, nil)
	if got, err := r.Resolve(t.Context(), "secret://vault/kv/orders/db#password"); err != nil || got != kanariya {
		t.Fatalf("%q %v", got, err)
	}
	for ref, want := range map[string]string{
		"secret://vault/kv/orders/db#user":       "no text in field user",
		"secret://vault/kv/orders/db#port":       "no text in field port",
		"secret://vault/kv/orders/gone#password": "vault kv get -mount=kv orders/gone",
		"secret://vault/kv/orders/none#password": "vault kv get -mount=kv orders/none",
		"secret://vault/kv/orders/db":            "#FIELD",
		"secret://vault/kv#password":             "#FIELD",
		"secret://vault/kv/a/../../sys/seal#x":   "#FIELD",
	} {
		_, err := r.Resolve(t.Context(), ref)
		says(t, err, want, ref)
	}
	if _, err := r.Resolve(t.Context(), "secret://vault/kv/orders/db#short"); err == nil || !strings.Contains(err.Error(), "choose a longer one") {
		t.Error(err)
	}
	_, err := Stores{}.Resolve(t.Context(), "secret://vault/kv/orders/db#password")
	says(t, err, "vault.address")
	if s.Logins() != 1 {
		t.Errorf("signed in %d times, want once for all", s.Logins())
	}
}

// Each way of signing in works; a token that is over, or was revoked, is replaced.
func TestVaultIsSignedInTo(t *testing.T) {
	s := vaulttest.Start(t)
	s.Put("kv/db", map[string]any{"password": kanariya})
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := write("token", s.Token()+"\n")
	for name, change := range map[string]func(*VaultOptions){
		"approle": func(*VaultOptions) {},
		"token":   func(o *VaultOptions) { o.Auth, o.Token = "token", "secret://file"+token },
		"kubernetes": func(o *VaultOptions) {
			o.Auth, o.Mount, o.Role, o.JWTFile = "kubernetes", "k8s-osaka", vaulttest.Role, write("jwt", vaulttest.JWT+"\n")
		},
	} {
		r := vaultOf(t, s, change)
		for range 2 {
			if got, err := r.Resolve(t.Context(), "secret://vault/kv/db#password"); err != nil || got != kanariya {
				t.Errorf("%s: %q %v", name, got, err)
			}
			s.Revoke()
			write("token", s.Token())
		}
	}
	for name, change := range map[string]func(*VaultOptions){
		"approle": func(o *VaultOptions) { o.SecretID = o.RoleID },
		"kubernetes": func(o *VaultOptions) {
			o.Auth, o.Mount, o.Role, o.JWTFile = "kubernetes", "k8s-osaka", "somebody", write("jwt", vaulttest.JWT)
		},
	} {
		_, err := vaultOf(t, s, change).Resolve(t.Context(), "secret://vault/kv/db#password")
		says(t, err, "does not know us", name)
	}
	_, err := vaultOf(t, s, func(o *VaultOptions) { o.Auth, o.Token = "token", "secret://file"+write("stranger", "hvs.stranger") }).Resolve(t.Context(), "secret://vault/kv/db#password")
	says(t, err, `path "kv/data/db" { capabilities = ["read"] }`)

	// A lease that ends: signed in again before it does.
	r := vaultOf(t, s, nil)
	now := time.Now()
	r.Vault.now = func() time.Time { return now }
	before := s.Logins()
	for range 3 {
		if _, err := r.Resolve(t.Context(), "secret://vault/kv/db#password"); err != nil {
			t.Fatal(err)
		}
		now = now.Add(55 * time.Minute)
	}
	if n := s.Logins() - before; n != 3 {
		t.Errorf("signed in %d times in three leases", n)
	}
}

// A rotated secret counts at the next use, a cached one after the time allowed; a vault that is
// sealed or gone holds up, with what was read before or without.
func TestVaultKeepsNothingLongerThanAllowed(t *testing.T) {
	s := vaulttest.Start(t)
	s.Put("kv/db", map[string]any{"password": "before-rotation"})
	direct, caching := vaultOf(t, s, nil), vaultOf(t, s, func(o *VaultOptions) { o.Cache = time.Hour }) // more than may be
	now := time.Now()
	caching.Vault.now = func() time.Time { return now }
	get := func(r Stores) (string, error) {
		return r.Resolve(context.Background(), "secret://vault/kv/db#password")
	}
	for _, r := range []Stores{direct, caching} {
		if got, err := get(r); err != nil || got != "before-rotation" {
			t.Fatalf("%q %v", got, err)
		}
	}
	s.Put("kv/db", map[string]any{"password": "after-rotation"})
	if got, err := get(direct); err != nil || got != "after-rotation" {
		t.Errorf("at the next use: %q %v", got, err)
	}
	reads := s.Reads()
	now = now.Add(longestCache - time.Second)
	if got, err := get(caching); err != nil || got != "before-rotation" || s.Reads() != reads {
		t.Errorf("while it may be kept: %q %v, %d reads", got, err, s.Reads()-reads)
	}
	now = now.Add(time.Second)
	if got, err := get(caching); err != nil || got != "after-rotation" {
		t.Errorf("after that: %q %v", got, err)
	}
	s.Seal(true)
	_, err := get(direct)
	says(t, err, "sealed", "封印")
	now = now.Add(longestCache)
	_, err = get(caching)
	says(t, err, "sealed")
	s.Seal(false)
	if got, err := get(direct); err != nil || got != "after-rotation" {
		t.Errorf("unsealed: %q %v", got, err)
	}
	s.Stop()
	_, err = get(direct)
	says(t, err, "can't be reached", "接続できません", s.URL)
}

func TestVaultIsReachedOverVerifiedTLS(t *testing.T) {
	s := vaulttest.Start(t)
	s.Put("kv/db", map[string]any{"password": kanariya})
	_, err := vaultOf(t, s, func(o *VaultOptions) { o.CAFile = "" }).Resolve(t.Context(), "secret://vault/kv/db#password")
	says(t, err, "certificate")
	for address, want := range map[string]string{"http://vault.example.com:8200": "in clear", "vault.example.com": "no URL"} {
		_, err := NewVault(VaultOptions{Address: address})
		says(t, err, want)
	}
}

func TestSystemdCredentials(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "db"), []byte(kanariya+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := Local{}.Resolve(t.Context(), "secret://systemd/db")
	if err == nil || !strings.Contains(err.Error(), "LoadCredential=db:") {
		t.Errorf("outside a service: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if got, err := (Local{}).Resolve(t.Context(), "secret://systemd/db"); err != nil || got != kanariya {
		t.Errorf("%q %v", got, err)
	}
	for _, name := range []string{"../db", "..", "a/b"} {
		if _, err := (Local{}).Resolve(t.Context(), "secret://systemd/"+name); err == nil || !strings.Contains(err.Error(), "slash") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Local{}).Resolve(t.Context(), "secret://systemd/none"); err == nil || !strings.Contains(err.Error(), "LoadCredential=none:") {
		t.Error(err)
	}
}

// Whether waiting may mend it is told before anybody signs in.
func TestVaultServesOrIsAway(t *testing.T) {
	s := vaulttest.Start(t)
	v := vaultOf(t, s, nil).Vault
	other := vaultOf(t, s, func(o *VaultOptions) { o.CAFile = "" }).Vault
	away := func(v *Vault) string {
		err := v.Serves(t.Context())
		if err != nil && !errors.As(err, new(Away)) {
			t.Errorf("%v says nothing of waiting", err)
		}
		if err == nil {
			return ""
		}
		return plan.SaidBy(err).Both()
	}
	if got := away(v); got != "" || s.Logins() != 0 {
		t.Errorf("it serves, and is %q, with %d sign-ins", got, s.Logins())
	}
	if got := away(other); got != "" {
		t.Errorf("a certificate of nobody we know is waited for: %q", got)
	}
	s.Seal(true)
	if got := away(v); !strings.Contains(got, "sealed") || !strings.Contains(got, "封印") {
		t.Errorf("sealed, it is %q", got)
	}
	s.Stop()
	if got := away(v); !strings.Contains(got, "can't be reached") || !strings.Contains(got, "接続できません") {
		t.Errorf("stopped, it is %q", got)
	}
}
