package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/vaulttest"
	"github.com/muster-dr/muster/internal/waittest"
)

// After a power failure everything starts at once. A server whose record store is not there yet waits for it, says so
// in its log, is alive to whoever would start it again and ready to nobody, and is up once the store is.
func TestAStoreThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	p := onPostgres(t, &o)
	p.Osaka.StopServer(t)
	p.Tokyo.StopServer(t)
	told := &talk{}
	o.Log = slog.New(slog.NewTextHandler(told, nil))
	o.Config.Listen = atFreePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	up, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- Up(ctx, o, func(at, _ string) { up <- at }) }()
	t.Cleanup(func() { cancel(); <-ended })

	get := func(path string, header ...string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+o.Config.Listen+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.Status + " " + string(b)
	}
	pgtest.Eventually(t, 60*time.Second, func() string {
		if said := told.String(); !strings.Contains(said, "the record store does not answer; trying again") {
			return "the log says " + said
		}
		return ""
	})
	for path, want := range map[string]string{"/healthz": "200 OK ok\n", "/startedz": "503 Service Unavailable not ready\n", "/readyz": "503 Service Unavailable not ready\n"} {
		if got := get(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := get("/api/v1/health"); got != "200 OK {\"ok\":false}\n" {
		t.Errorf("health to a stranger: %q", got)
	}
	if got := get("/api/v1/runs", "Accept-Language", "ja"); !strings.Contains(got, "503") || !strings.Contains(got, "記録の保存先を待っています") {
		t.Errorf("the API: %q", got)
	}
	if got := get("/", "Accept", "text/html"); !strings.Contains(got, "503") || !strings.Contains(got, "waits for its record store") {
		t.Errorf("the board: %q", got)
	}
	o.Config.Server = "http://" + o.Config.Listen
	if c := lookedAt(t, o, "store"); c.Result != Bad || !strings.Contains(c.Found, "no server that takes writes answers") {
		t.Errorf("doctor says %+v", c)
	}

	p.Tokyo.StartServer(t)
	select {
	case at := <-up:
		if !strings.HasSuffix(at, o.Config.Listen) {
			t.Errorf("it is up at %s, and was at %s before", at, o.Config.Listen)
		}
	case err := <-ended:
		ended <- err
		t.Fatalf("it ended: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the store is back for two minutes, and muster is not up")
	}
	token, err := ReadToken(o.Lang, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	c := api.Connect("http://"+o.Config.Listen, token, "en")
	t.Cleanup(c.Close)
	if h, err := c.Health(t.Context()); err != nil || !h.OK {
		t.Errorf("health: %+v, %v", h, err)
	}
	if said := told.String(); !strings.Contains(said, "record store reached") || strings.Count(said, "does not answer") != 1 {
		t.Errorf("the log says %s", said)
	}
}

// What waiting does not mend ends the start at once.
func TestAStoreThatRefusesUsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate}))
	p := pgtest.StartPair(t)
	o.Config.Store, _ = p.NewDatabase(t)
	wrong := t.TempDir() + "/word"
	save(t, wrong, "not-the-word\n")
	o.Config.StorePassword = "secret://file" + wrong
	if _, err := openStore(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "does not let this user in") {
		t.Errorf("with a wrong password: %v", err)
	}
	o.Config.StorePassword = ""
	o.Config.Store = strings.Replace(o.Config.Store, "/db_", "/no_", 1)
	if _, err := openStore(t.Context(), o, nil); err == nil {
		t.Error("a database that is not there is waited for")
	}
}

// The same of a vault that keeps a secret of the settings: a server waits for it with the door open, and so does a site worker.
func TestAVaultThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	v := vaulttest.Start(t)
	v.Seal(true)
	file := filepath.Join(t.TempDir(), "keyring")
	if _, err := NewKey(i18n.EN, file, "k1"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v.Put("kv/muster", map[string]any{"keyring": string(text)})
	t.Setenv("TEST_ROLE_ID", vaulttest.RoleID)
	t.Setenv("TEST_SECRET_ID", vaulttest.SecretID)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.Vault = config.Vault{Address: v.URL, CAFile: v.CAFile, Namespace: vaulttest.Space, Auth: "approle", RoleID: "secret://env/TEST_ROLE_ID", SecretID: "secret://env/TEST_SECRET_ID"}
	o.Config.Encryption.Keyring = "secret://vault/kv/muster#keyring"
	waits := func(told *talk) {
		t.Helper()
		waittest.Eventually(t, time.Minute, func() string {
			if said := told.String(); !strings.Contains(said, "the vault does not answer; trying again") || !strings.Contains(said, "sealed") {
				return "the log says " + said
			}
			return ""
		})
	}

	// A site worker is alive meanwhile and not ready, and when it is asked to end it has no error.
	site, told := o, &talk{}
	site.Log, site.Config.Site, site.Config.Data = slog.New(slog.NewTextHandler(told, nil)), "osaka", filepath.Join(t.TempDir(), "data")
	site.Config.Temporal.Address, site.Config.HealthListen = "127.0.0.1:1", atFreePort(t)
	ctx, stop := context.WithCancel(t.Context())
	worked := make(chan error, 1)
	go func() { worked <- Worker(ctx, site) }()
	waits(told)
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		res, err := http.Get("http://" + site.Config.HealthListen + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("the worker's %s: %s, want %d", path, res.Status, want)
		}
	}
	stop()
	if err := <-worked; err != nil {
		t.Errorf("the worker ended with %v", err)
	}

	told = &talk{}
	o.Log = slog.New(slog.NewTextHandler(told, nil))
	o.Config.Listen = atFreePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	up, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- Up(ctx, o, func(at, _ string) { up <- at }) }()
	t.Cleanup(func() { cancel(); <-ended })
	waits(told)
	token, err := ReadToken(o.Lang, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	c := api.Connect("http://"+o.Config.Listen, token, "ja")
	t.Cleanup(c.Close)
	if h, err := c.Health(t.Context()); err != nil || h.OK || !strings.Contains(h.Vault, "封印") {
		t.Errorf("health: %+v, %v", h, err)
	}
	if _, err := c.Runs(t.Context(), journal.Filter{}); err == nil || !strings.Contains(err.Error(), "Vaultを待っています") {
		t.Errorf("the API: %v", err)
	}
	v.Seal(false)
	select {
	case <-up:
	case err := <-ended:
		ended <- err
		t.Fatalf("it ended: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the vault is back for two minutes, and muster is not up")
	}
	if h, err := c.Health(t.Context()); err != nil || !h.OK {
		t.Errorf("health: %+v, %v", h, err)
	}
	if said := told.String(); !strings.Contains(said, "vault reached") {
		t.Errorf("the log says %s", said)
	}
}

// A secret that is used later holds no start up: the server leads runs while the vault is sealed, and asks who sends an alarm to send
// it again until it can tell the sender from a stranger.
func TestAVaultThatIsAwayHoldsUpOnlyWhatNeedsIt(t *testing.T) {
	v := vaulttest.Start(t)
	v.Put("kv/muster", map[string]any{"prom": "the-secret-of-the-alertmanager", "key": "AKIDEXAMPLE", "word": "hunter2hunter2"})
	v.Seal(true)
	t.Setenv("TEST_ROLE_ID", vaulttest.RoleID)
	t.Setenv("TEST_SECRET_ID", vaulttest.SecretID)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	told := &talk{}
	o.Log = slog.New(slog.NewTextHandler(told, nil))
	o.Config.Listen = atFreePort(t)
	o.Config.Vault = config.Vault{Address: v.URL, CAFile: v.CAFile, Namespace: vaulttest.Space, Auth: "approle", RoleID: "secret://env/TEST_ROLE_ID", SecretID: "secret://env/TEST_SECRET_ID"}
	o.Config.Alarms = []config.Alarm{{Name: "prom", Kind: "alertmanager", Secrets: []string{"secret://vault/kv/muster#prom"}}}
	o.Config.Evidence.CopyTo = []string{"s3://bucket/muster?endpoint=http://127.0.0.1:1&region=jp"}
	o.Config.Evidence.AccessKey, o.Config.Evidence.SecretKey = "secret://vault/kv/muster#key", "secret://vault/kv/muster#word"
	o.Config.Evidence.Timestamps, o.Config.Evidence.TimestampsUser, o.Config.Evidence.TimestampsPassword = []string{"https://127.0.0.1:1/"}, "muster", "secret://vault/kv/muster#word"
	o.Config.Evidence.TimestampsCAFile, o.Config.Evidence.TimestampsEvery = v.CAFile, 24*time.Hour
	begin(t, o)
	post := func() (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+o.Config.Listen+"/alarms/prom", strings.NewReader(`{"version":"4","status":"firing","groupKey":"g","alerts":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer the-secret-of-the-alertmanager")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Retry-After") + " " + string(b)
	}
	if status, text := post(); status != http.StatusServiceUnavailable || !strings.HasPrefix(text, "10 ") || !strings.Contains(text, "secrets unread") {
		t.Errorf("an alarm while the vault is sealed: %d %s", status, text)
	}
	waittest.Eventually(t, time.Minute, func() string {
		if said := told.String(); !strings.Contains(said, "secrets of an alarm source can't be read") || !strings.Contains(said, "sealed") {
			return "the log says " + said
		}
		return ""
	})
	v.Seal(false)
	waittest.Eventually(t, time.Minute, func() string {
		if status, text := post(); status != http.StatusAccepted {
			return fmt.Sprintf("an alarm after the vault is back: %d %s", status, text)
		}
		return ""
	})
}

// atFreePort is an address of this machine that nothing listens at, and that no connection is given.
func atFreePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
