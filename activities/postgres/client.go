package postgres

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
)

const (
	// connectWithin bounds one attempt to connect, the server's answer included.
	connectWithin = 3 * time.Second
	// answerWithin bounds one question to a server that has let us in.
	answerWithin = 5 * time.Second
	// tick is the time between two looks at a server that is changing.
	tick = 10 * time.Millisecond
)

// managed returns the server's processes and files, or the guard's refusal when they
// are not on this host.
func managed(t Target) (*pgcluster.Instance, error) {
	i, ok, err := pglink.Instance(t)
	if err != nil {
		return nil, activities.RefusedBoth("server %s: %v", "サーバー %s：%v", t.Name, err)
	}
	if !ok {
		if t.Spec.Data == "" {
			return nil, activities.RefusedBoth("server %s is not managed: the estate names no data directory for it; give data and config of the target, or do this step by hand",
				"サーバー %s は管理対象ではない（構成台帳にデータディレクトリがない）。操作対象に data と config を指定するか、このステップを手作業で行う", t.Name)
		}
		_, why := pglink.Place(t).Here()
		return nil, activities.Refused("%s", why.Both())
	}
	if err := i.ConfigOutside(); err != nil {
		return nil, activities.Refused("%v", err)
	}
	return i, nil
}

// connect opens a connection within connectWithin.
func connect(ctx context.Context, t Target) (*pglink.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	return pglink.Connect(ctx, t, "", 0)
}

// reach opens a connection to a server that may be starting, stopping or busy, until
// within is over.
func reach(ctx context.Context, t Target, within time.Duration) (c *pglink.Conn, err error) {
	var never error // wrong password, no such database: waiting does not help
	err = activities.Until(ctx, within, 50*time.Millisecond, func(ctx context.Context) (err error) {
		c, err = connect(ctx, t)
		if code := pglink.Code(err); code != "" && code != pglink.CodeCannotConnect && code != pglink.CodeAdminShutdown && code != "53300" {
			never, err = err, nil
		}
		return err
	})
	return c, cmp.Or(never, err)
}

// ask reads one row within answerWithin.
func ask(ctx context.Context, c *pglink.Conn, sql string, args []any, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return c.QueryRow(ctx, sql, args...).Scan(into...)
}

// tell runs one statement within d.
func tell(ctx context.Context, c *pglink.Conn, d time.Duration, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := c.Exec(ctx, sql, args...)
	return err
}

// wait lets d pass, or less when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// view is what a server says of itself at one moment.
type view struct {
	Recovery bool
	SystemID string
	Position pgcluster.LSN // written last, or, on a standby, received or replayed
	Replayed pgcluster.LSN // on a standby
	Timeline int
	ReadOnly bool // default_transaction_read_only
	Pending  bool // a promotion was asked for and is not done
	Upstream string
	Started  time.Time // its main process
}

// see asks a server what it is.
func see(ctx context.Context, c *pglink.Conn) (view, error) {
	var v view
	var position, replayed string
	// After a promotion the control file shows the old timeline until the next
	// checkpoint; the name of the segment being written shows the new one.
	err := ask(ctx, c, `SELECT r.recovery, (SELECT system_identifier::text FROM pg_control_system()),
		CASE WHEN r.recovery THEN coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0') ELSE pg_current_wal_lsn() END::text,
		CASE WHEN r.recovery THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_lsn() END::text,
		CASE WHEN r.recovery THEN greatest((SELECT received_tli FROM pg_stat_wal_receiver),
			(SELECT min_recovery_end_timeline FROM pg_control_recovery()), (SELECT timeline_id FROM pg_control_checkpoint()))
		ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
		current_setting('default_transaction_read_only')::bool,
		r.recovery AND (SELECT s.size IS NOT NULL FROM pg_stat_file('promote', true) s),
		coalesce(current_setting('primary_conninfo', true), ''), pg_postmaster_start_time()
		FROM (SELECT pg_is_in_recovery() AS recovery) r`, nil,
		&v.Recovery, &v.SystemID, &position, &replayed, &v.Timeline, &v.ReadOnly, &v.Pending, &v.Upstream, &v.Started)
	if err != nil {
		return v, err
	}
	if v.Position, err = pgcluster.ParseLSN(position); err != nil {
		return v, err
	}
	v.Replayed, err = pgcluster.ParseLSN(replayed)
	return v, err
}

// visit connects and sees.
func visit(ctx context.Context, t Target) (view, error) {
	c, err := connect(ctx, t)
	if err != nil {
		return view{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return view{}, activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", t.Name, err)
	}
	return v, nil
}

// streams reports whether standby streams from the primary behind c, by the slot that
// the standby uses, and how far it is behind.
func streams(ctx context.Context, c *pglink.Conn, standby Target) (ok bool, lag int64, err error) {
	var behind *int64
	err = ask(ctx, c, `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::bigint
		FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
		WHERE s.slot_name = $1 AND r.state = 'streaming' AND NOT pg_is_in_recovery()
		UNION ALL SELECT NULL LIMIT 1`, []any{pglink.Slot(standby)}, &behind)
	if err != nil || behind == nil {
		return false, 0, err
	}
	return true, max(*behind, 0), nil
}

// sameSystem refuses servers that do not hold the same data.
func sameSystem(a, idA, b, idB string) error {
	if idA != idB {
		return activities.RefusedBoth("%s (system %s) and %s (system %s) are not copies of one database; correct the targets in the estate",
			"%s（システム識別子 %s）と %s（同 %s）は同じデータベースの複製ではない。構成台帳の操作対象を修正する", a, idA, b, idB)
	}
	return nil
}

// isGuard reports whether err already says what kind it is.
func isGuard(err error) bool {
	var typed interface{ Type() string }
	return errors.As(err, &typed) && typed.Type() != ""
}
