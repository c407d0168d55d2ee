package cases_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

// apart are two PostgreSQL servers that know nothing of each other, the second one empty,
// and a reference to their password.
func apart(t *testing.T) (one, two *pgtest.Server, secret string) {
	t.Helper()
	pair := pgtest.StartPair(t)
	pair.Osaka.Exec(t, "SELECT pg_promote()")
	pgtest.Eventually(t, time.Minute, func() string {
		if pgtest.Value[bool](t, pair.Osaka, "SELECT pg_is_in_recovery()") {
			return "the second server still follows the first"
		}
		return ""
	})
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(pair.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	return pair.Tokyo, pair.Osaka, "secret://file" + file
}

// inside is the server as one of its databases is reached.
func inside(s *pgtest.Server, database string) *pgtest.Server {
	in := *s
	in.Target.Spec.Database = database
	return &in
}

// serves points a target of kind postgres at a server that its site's worker manages.
func (g *group) serves(t *testing.T, target string, s *pgtest.Server, secret string) {
	t.Helper()
	g.set(t, "name", target, map[string]any{"host": s.Host, "port": s.Port, "user": s.Target.Spec.User, "sslmode": "disable", "password": secret,
		"data": s.Data, "config": s.Config, "bin": s.Bin, "run_as": s.RunAs})
}

// client runs a client program of PostgreSQL against a server.
func client(t *testing.T, s *pgtest.Server, program string, args ...string) {
	t.Helper()
	spec := s.Target.Spec
	cmd := exec.CommandContext(pgtest.Context(t, time.Minute), program, args...)
	cmd.Env = append(os.Environ(), "PGHOST="+s.Host, "PGPORT="+port(s), "PGUSER="+spec.User, "PGPASSWORD="+spec.Password.Reveal(), "PGDATABASE="+spec.Database)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s (package postgresql-client): %v %s", program, err, said)
	}
}

// folders makes folders below a new one and returns that.
func folders(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func port(s *pgtest.Server) string { return fmt.Sprint(s.Port) }
