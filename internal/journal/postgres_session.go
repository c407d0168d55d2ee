package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/muster-dr/muster/internal/plan"
)

// timeline is what this process has seen of the servers: a primary that was replaced, and came
// back without knowing it, goes on from an older timeline than its successor.
type timeline struct {
	mu     sync.Mutex
	system string
	newest uint64
}

// accept refuses a server that belongs to another cluster, or to an older timeline.
func (t *timeline) accept(server, system string, line uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.system != "" && t.system != system:
		return plan.Wrong("%s is a server of another cluster; it has none of these records: correct the address", "%s は別のクラスターのサーバーで、この記録を持っていません。アドレスを直してください", server)
	case line < t.newest:
		return plan.Wrong("%s takes writes, but another server took over from it (timeline %d, now %d); it was not used: end it, and make it a standby of the other with pg_rewind",
			"%s は書き込みを受け付けていますが、すでに別のサーバーに引き継がれています（タイムライン %d、現在 %d）。使用していません。停止し、pg_rewindで新しいプライマリーのスタンバイにしてください", server, line, t.newest)
	}
	t.system, t.newest = system, line
	return nil
}

// accepting lets only servers through that take writes and are the newest that was seen, and sees to
// it that an acknowledged commit is on disk there, and at the standby that it waits for.
func (p *postgres) accepting(config *pgx.ConnConfig) *pgx.ConnConfig {
	asked := config.ValidateConnect
	config.ValidateConnect = func(ctx context.Context, c *pgconn.PgConn) error {
		if asked != nil {
			if err := asked(ctx, c); err != nil {
				return err
			}
		}
		results, err := c.Exec(ctx, `SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
				CASE WHEN pg_is_in_recovery() THEN '0' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END;
			SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')`).ReadAll()
		if err != nil {
			return err
		}
		row := results[0].Rows[0]
		if string(row[0]) == "t" {
			return errors.New("it is a standby")
		}
		line, err := strconv.ParseUint(string(row[2]), 16, 64)
		if err != nil {
			return fmt.Errorf("its timeline %q: %w", row[2], err)
		}
		return p.seen.accept(c.Conn().RemoteAddr().String(), string(row[1]), line)
	}
	return config
}

// broken reports whether a connection ended under a statement.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "driver: bad connection")
}
