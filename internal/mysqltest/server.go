package mysqltest

import (
	"context"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
)

// Freeze hangs the server: it is stopped, its port still takes connections.
func (s *Server) Freeze(t testing.TB) {
	t.Helper()
	if err := s.Instance.Freeze(Context(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw(t testing.TB) {
	t.Helper()
	if err := s.Instance.Thaw(); err != nil {
		t.Fatal(err)
	}
}

// Kill9 ends the server as a power loss does and says when.
func (s *Server) Kill9(t testing.TB) time.Time {
	t.Helper()
	at, err := s.Instance.Kill(Context(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// StartServer starts the server as somebody who knows nothing of muster does.
func (s *Server) StartServer(t testing.TB) {
	t.Helper()
	if err := s.Instance.Start(Context(t, time.Minute), func(ctx context.Context) error { return ping(ctx, s.Target) }); err != nil {
		t.Fatal(err)
	}
}

// Connect opens a connection that ends with the test.
func (s *Server) Connect(t testing.TB) *mylink.Conn {
	t.Helper()
	c, err := mylink.Connect(Context(t, time.Minute), s.Target, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Exec runs a statement as an administrator.
func (s *Server) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	c := s.Connect(t)
	defer c.Close()
	if _, err := c.ExecContext(Context(t, 30*time.Second), sql, args...); err != nil {
		t.Fatalf("%s on %s: %v", sql, s.Name, err)
	}
}

// Value reads one value.
func Value[V any](t testing.TB, s *Server, sql string, args ...any) V {
	t.Helper()
	c := s.Connect(t)
	defer c.Close()
	v, err := mylink.One[V](Context(t, 30*time.Second), c, sql, args...)
	if err != nil {
		t.Fatalf("%s on %s: %v", sql, s.Name, err)
	}
	return v
}

// Clerk connects as an ordinary account, which read_only binds.
func (s *Server) Clerk(t testing.TB) (*mylink.Conn, error) {
	t.Helper()
	as := s.Target
	as.Spec.User = "clerk"
	return mylink.Connect(Context(t, 10*time.Second), as, "shop", 0)
}

// TryWrite attempts one committed write as an ordinary account and returns the server's
// refusal, or nil.
func (s *Server) TryWrite(t testing.TB) error {
	t.Helper()
	c, err := s.Clerk(t)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx := Context(t, 10*time.Second)
	if _, err = c.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS written (n int)"); err == nil {
		_, err = c.ExecContext(ctx, "INSERT INTO written VALUES (1)")
	}
	return err
}

// Position is what the server has.
func (s *Server) Position(t testing.TB) mylink.Position {
	t.Helper()
	p, err := mylink.ParsePosition(mycluster.MariaDB, Value[string](t, s, "SELECT @@gtid_current_pos"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// AwaitReplica waits until replica replicates without an error and has all that s has now.
func (s *Server) AwaitReplica(t testing.TB, replica *Server) {
	t.Helper()
	want := s.Position(t)
	c := replica.Connect(t)
	defer c.Close()
	Eventually(t, time.Minute, func() string {
		rows, err := mylink.Rows(Context(t, 10*time.Second), c, "SHOW SLAVE STATUS")
		switch {
		case err != nil:
			return err.Error()
		case len(rows) == 0:
			return replica.Name + " replicates nothing"
		case rows[0]["Slave_IO_Running"] != "Yes" || rows[0]["Slave_SQL_Running"] != "Yes":
			return replica.Name + " does not replicate: " + rows[0]["Last_IO_Error"] + rows[0]["Last_SQL_Error"]
		case !replica.Position(t).Has(want):
			return replica.Name + " has not caught up"
		}
		return ""
	})
}
