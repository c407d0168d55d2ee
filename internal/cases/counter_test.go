package cases_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/pgtest"
)

// counter is the web service of a town's counters: certificates from its database and
// entries into it, one after the other, so many a second. Its name stands in both.
type counter struct {
	name   string
	server *pgtest.Server
	gap    time.Duration // between two answers: its capacity

	mu   sync.Mutex
	conn *pglink.Conn
	next time.Time
}

// counterSchema is what its database holds: residents of the last close of business.
const counterSchema = `CREATE TABLE residents (id bigint PRIMARY KEY, name text NOT NULL);
	CREATE TABLE entries (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), kind text NOT NULL, made_by text NOT NULL, at timestamptz NOT NULL DEFAULT now());
	CREATE TABLE synchronised (at timestamptz NOT NULL);
	INSERT INTO residents SELECT n, 'resident ' || n FROM generate_series(1, 2000) n;
	INSERT INTO synchronised VALUES (date_trunc('day', now()) - interval '6 hours 45 minutes')`

// openCounter serves it and returns its host:port.
func openCounter(t *testing.T, name string, server *pgtest.Server, aSecond int) string {
	t.Helper()
	c := &counter{name: name, server: server, gap: time.Second / time.Duration(aSecond)}
	srv := httptest.NewServer(c)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		if c.conn != nil {
			c.conn.Close()
		}
	})
	return strings.TrimPrefix(srv.URL, "http://")
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	turn := time.NewTimer(time.Until(c.next))
	defer turn.Stop()
	select {
	case <-turn.C:
	case <-r.Context().Done(): // who has left takes no turn
		return
	}
	c.next = time.Now().Add(c.gap)
	out, err := c.serve(r)
	if err != nil {
		if c.conn != nil {
			c.conn.Close()
			c.conn = nil
		}
		http.Error(w, "the register can't be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusCreated)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (c *counter) serve(r *http.Request) (map[string]any, error) {
	ctx := r.Context()
	if c.conn == nil {
		conn, err := pglink.Connect(ctx, c.server.Target, "", time.Second)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	const enter = "INSERT INTO entries (kind, made_by) VALUES ($1, $2)"
	switch {
	case r.URL.Path == "/certificate":
		if _, err := c.conn.Exec(ctx, enter, "certificate", c.name); err != nil {
			return nil, err
		}
		var number int64
		var name, asOf string
		err := c.conn.QueryRow(ctx, "SELECT id, name, (SELECT max(at)::text FROM synchronised) FROM residents ORDER BY random() LIMIT 1").Scan(&number, &name, &asOf)
		return map[string]any{"from": c.name, "number": number, "name": name, "as_of": asOf}, err
	case r.Method == http.MethodPost:
		_, err := c.conn.Exec(ctx, enter, "notification", c.name)
		return map[string]any{"from": c.name}, err
	}
	var n int64
	err := c.conn.QueryRow(ctx, "SELECT count(*) FROM entries WHERE kind = 'notification' AND made_by = $1", c.name).Scan(&n)
	return map[string]any{"from": c.name, "notifications": n}, err
}

// reads makes the tables of another server readable in a schema of this one.
func reads(t *testing.T, here, there *pgtest.Server, schema string) {
	t.Helper()
	spec := there.Target.Spec
	for _, sql := range []string{
		"CREATE EXTENSION postgres_fdw",
		"CREATE SCHEMA " + schema,
		"CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '" + there.Host + "', port '" + port(there) + "', dbname '" + spec.Database + "')",
		"CREATE USER MAPPING FOR CURRENT_USER SERVER there OPTIONS (user " + literal(spec.User) + ", password " + literal(spec.Password.Reveal()) + ")",
		"IMPORT FOREIGN SCHEMA public LIMIT TO (entries) FROM SERVER there INTO " + schema,
	} {
		here.Exec(t, sql, pgx.QueryExecModeSimpleProtocol)
	}
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
