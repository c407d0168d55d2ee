package cases_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

// The group cloud has a ledger that pgBackRest keeps in an object store, a pair of
// PostgreSQL servers, and a provider's API behind a gateway with two lines.
func init() {
	servers["cloud"] = func(t *testing.T, g *group) {
		console := keepLedger(t, g)

		pair := pgtest.StartPair(t)
		pair.Tokyo.Exec(t, fmt.Sprintf(`CREATE TABLE running (version text NOT NULL); INSERT INTO running VALUES ('4.2');
			CREATE TABLE proofs (version text NOT NULL, tested_on date NOT NULL); INSERT INTO proofs VALUES ('4.1', current_date - 150), ('4.2', current_date - 30);
			CREATE TABLE sales (id bigserial PRIMARY KEY, item text NOT NULL);
			CREATE ROLE sales_app LOGIN PASSWORD %s; GRANT INSERT, SELECT ON sales TO sales_app; GRANT USAGE ON SEQUENCE sales_id_seq TO sales_app`, literal(pair.Password)))
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(pair.Password), 0o600); err != nil {
			t.Fatal(err)
		}
		secret := "secret://file" + file
		g.serves(t, "sales-office", pair.Tokyo, secret)
		g.serves(t, "sales-cloud", pair.Osaka, secret)
		g.set(t, "name", "sales-app", map[string]any{"host": pair.Osaka.Host, "port": pair.Osaka.Port, "sslmode": "disable", "password": secret})

		api := strings.TrimPrefix(openProvider(t), "http://")
		desk, line, paper := freePort(t), freePort(t), freePort(t)
		socket := balancer(t, door("desk", address(desk), [2]string{"cloud", address(line)}, [2]string{"-workaround", address(paper)})+
			door("line", address(line), [2]string{"first", api}, [2]string{"-second", api})+page("workaround", address(paper)))
		g.set(t, "name", "gateway", map[string]any{"socket": socket})
		g.replace(t, strings.NewReplacer("127.0.0.1:8085", address(desk), "127.0.0.1:8086", console, "127.0.0.1:8087", api))
	}
}

// keepLedger has pgBackRest keep a ledger in an object store, and returns the address of
// the store's console.
func keepLedger(t *testing.T, g *group) (console string) {
	t.Helper()
	dir := pgtest.Dir(t)
	store, at := openObjectStore(t, 8<<20)
	srv := httptest.NewServer(store.account("repo/backup/ledger/"))
	t.Cleanup(srv.Close)
	sockets := filepath.Join(dir, "s") // pgBackRest takes no other way to the server
	if err := os.Mkdir(sockets, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(sockets, 0o777); err != nil { // the server's user is not known yet
		t.Fatal(err)
	}
	pair := pgtest.StartPairWith(t, map[string]string{"archive_mode": "on", "archive_command": "true", "unix_socket_directories": sockets})
	live := pair.Tokyo
	for _, d := range []string{"lock", "log", "area"} {
		if err := live.OwnDir(filepath.Join(dir, d)); err != nil {
			t.Fatal(err)
		}
	}
	host, port, _ := net.SplitHostPort(at)
	config := filepath.Join(dir, "pgbackrest.conf")
	text := fmt.Sprintf("[global]\nrepo1-type=s3\nrepo1-path=/repo\nrepo1-s3-bucket=%[1]s\nrepo1-s3-endpoint=store.example\nrepo1-s3-region=jp-1\nrepo1-s3-uri-style=path\n"+
		"repo1-s3-key=%[2]s\nrepo1-s3-key-secret=a-secret-of-this-test-only\nrepo1-storage-host=%[3]s\nrepo1-storage-port=%[4]s\nrepo1-storage-verify-tls=n\nrepo1-bundle=y\nrepo1-retention-full=2\n"+
		"log-path=%[5]s/log\nlock-path=%[5]s/lock\nstart-fast=y\njob-retry=0\ncompress-type=none\nlog-level-file=off\n"+
		"[ledger]\npg1-path=%[6]s\npg1-socket-path=%[5]s/s\npg1-port=%[7]d\npg1-user=%[8]s\n",
		store.bucket, store.key, host, port, dir, live.Data, live.Port, pair.User)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	backrest := func(args ...string) {
		t.Helper()
		tool := *live.Instance
		tool.Bin = "/usr/bin"
		if _, err := tool.Run(pgtest.Context(t, time.Minute), []string{"PGPASSWORD=" + pair.Password}, "pgbackrest", append([]string{"--config=" + config, "--stanza=ledger", "--log-level-console=warn"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	live.Exec(t, `CREATE TABLE ledger (id bigserial PRIMARY KEY, debit bigint NOT NULL, credit bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
		INSERT INTO ledger (debit, credit) SELECT n, n FROM generate_series(1, 5000) n`)
	backrest("stanza-create")
	live.Exec(t, fmt.Sprintf("ALTER SYSTEM SET archive_command = 'pgbackrest --config=%s --stanza=ledger archive-push %%p'", config))
	live.Exec(t, "SELECT pg_reload_conf()")
	backrest("backup", "--type=full")
	g.set(t, "name", "ledger-store", map[string]any{"config": config, "area": filepath.Join(dir, "area"), "bin": live.Bin, "run_as": live.RunAs})
	return strings.TrimPrefix(srv.URL, "http://")
}

// provider is a cloud: a region that runs the desk, and no room anywhere else.
type provider struct {
	mu      sync.Mutex
	stopped bool
}

func openProvider(t *testing.T) string {
	p := &provider{}
	srv := httptest.NewServer(p)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	say := func(status int, what any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(what)
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /desk":
		if p.stopped {
			http.Error(w, "the region is stopped", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "cloud")
	case "GET /region":
		state := "up"
		if p.stopped {
			state = "stopped"
		}
		say(http.StatusOK, map[string]any{"state": state, "open": true, "support": "24h"})
	case "GET /transfer-terms":
		say(http.StatusOK, map[string]any{"allowed": true, "limit_bytes": 50_000_000_000, "notice_days": 1})
	case "GET /capacity":
		say(http.StatusServiceUnavailable, map[string]any{"error": "InsufficientCapacity"})
	case "POST /fault/stop", "POST /fault/start": // how the drill breaks it
		p.stopped = r.URL.Path == "/fault/stop"
		say(http.StatusOK, map[string]any{})
	default:
		http.NotFound(w, r)
	}
}
