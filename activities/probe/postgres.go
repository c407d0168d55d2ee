package probe

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// Servers is a parameter that names the hosts a client would be given.
type Servers = []activities.Target[pglink.Server]

// newFleet is a client of PostgreSQL servers; writes asks for one that takes them.
func newFleet(w plan.Watch, hosts Servers, database string, writes bool) (*fleet[*pglink.Conn], error) {
	if len(hosts) == 0 {
		return nil, activities.RefusedBoth("servers is empty: name every copy of the database", "servers が空：データベースの複製をすべて指定する")
	}
	f := &fleet[*pglink.Conn]{serves: func(context.Context, *pglink.Conn) error { return nil }}
	f.patience(w)
	for _, h := range hosts {
		f.hosts = append(f.hosts, h.Name)
	}
	f.dial = func(ctx context.Context, n int) (*pglink.Conn, error) {
		return pglink.Connect(ctx, hosts[n], database, f.timeout)
	}
	if writes {
		f.serves = takesWrites
	}
	return f, nil
}

func takesWrites(ctx context.Context, conn *pglink.Conn) error {
	var no bool
	if err := conn.QueryRow(ctx, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool").Scan(&no); err != nil {
		return err
	}
	if no {
		return refusal("read-only")
	}
	return nil
}

// sent reports whether a statement that ended with err may have reached the server
// and taken effect there.
func sent(err error) bool {
	var none notSent
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return true
	case errors.As(err, &none), pgconn.SafeToRetry(err):
		return false
	case errors.As(err, &pg):
		// An error answers the statement, but one that ends the session may come after
		// the commit, as when a wait for a synchronous standby is cut off.
		return pg.Severity == "FATAL" || pg.Severity == "PANIC" || strings.HasPrefix(pg.Code, "57")
	}
	return true
}
