package mysql

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
)

// quiet makes a running server read-only and ends the sessions of all clients, so that
// none goes on with what it was allowed before. It returns when those sessions are gone.
func quiet(ctx context.Context, c *mylink.Conn) error {
	d := dialects[c.Flavour]
	// A session that holds a lock keeps the server from becoming read-only, and all others
	// wait behind us: so not for long, and then that session is ended.
	if err := tell(ctx, c, answerWithin, "SET SESSION lock_wait_timeout = 1"); err != nil {
		return err
	}
	scheduler, err := ask[string](ctx, c, "SELECT @@global.event_scheduler")
	if err == nil && scheduler == "ON" {
		err = tell(ctx, c, answerWithin, mark+"SET GLOBAL event_scheduler = OFF")
	}
	if err != nil {
		return err
	}
	for {
		for _, s := range d.readOnly {
			if err = tell(ctx, c, answerWithin, mark+s); err != nil {
				break
			}
		}
		if err != nil && mylink.Code(err) != mylink.CodeLockWait {
			return err
		}
		locked := err != nil
		if err := endSessions(ctx, c); err != nil {
			return err
		}
		if !locked {
			return nil
		}
		if wait(ctx, tick) != nil {
			return fmt.Errorf("a lock keeps the server from becoming read-only: %w", err)
		}
	}
}

// endSessions ends those of all clients that are there, and waits until they are gone: one
// that was in the middle of a commit ends with it.
func endSessions(ctx context.Context, c *mylink.Conn) error {
	there, err := sessions(ctx, c)
	if err != nil {
		return err
	}
	for _, s := range there {
		if err := tell(ctx, c, answerWithin, "KILL ?", number(s.id)); err != nil && mylink.Code(err) != mylink.CodeUnknownThread {
			return fmt.Errorf("end the session of %s: %w", s.user, err)
		}
	}
	return activities.Until(ctx, 20*time.Second, tick, func(ctx context.Context) error {
		now, err := sessions(ctx, c)
		if err != nil {
			return err
		}
		for _, s := range there {
			if slices.ContainsFunc(now, func(n session) bool { return n.id == s.id }) {
				return fmt.Errorf("the session of %s was told to end and is still there", s.user)
			}
		}
		return nil
	})
}

// open lets a running server take writes, and run its events again when its own options say
// so.
func open(ctx context.Context, c *mylink.Conn, t Target) error {
	d := dialects[c.Flavour]
	for _, s := range d.readWrite {
		if err := tell(ctx, c, 30*time.Second, mark+s); err != nil {
			return fmt.Errorf("let %s take writes: %w", t.Name, err)
		}
	}
	return keepRole(ctx, c, t, false)
}

// keepRole writes the role into the server's options, where they are on this host, and sets
// its event scheduler as those options then say.
func keepRole(ctx context.Context, c *mylink.Conn, t Target, readOnly bool) error {
	i, here := mylink.Instance(t)
	if !here || i.Config == "" {
		return nil
	}
	if err := i.KeepReadOnly(readOnly); err != nil || readOnly {
		return err
	}
	wanted, err := i.Option(ctx, "event_scheduler")
	if err != nil {
		return err
	}
	if wanted == "" {
		wanted = dialects[c.Flavour].scheduler
	}
	now, err := ask[string](ctx, c, "SELECT @@global.event_scheduler")
	if err != nil || now != "OFF" || !truth(wanted) || wanted == "DISABLED" {
		return err
	}
	return tell(ctx, c, answerWithin, mark+"SET GLOBAL event_scheduler = ON")
}

// kept reports whether the role that v shows outlasts a restart, as far as that is seen
// from here.
func kept(ctx context.Context, c *mylink.Conn, t Target, v view) (bool, error) {
	if q := dialects[c.Flavour].persisted; q != "" {
		value, err := ask[string](ctx, c, q)
		if err != nil {
			return false, err
		}
		if value != "" {
			return truth(value) == v.ReadOnly, nil
		}
	}
	i, here := mylink.Instance(t)
	if !here || i.Config == "" {
		return false, nil
	}
	readOnly, err := i.KeptReadOnly(ctx)
	return readOnly == v.ReadOnly, err
}

// ask reads one value within answerWithin.
func ask[V any](ctx context.Context, c *mylink.Conn, sql string, args ...any) (V, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return mylink.One[V](ctx, c, sql, args...)
}

// Keep is the parameters of mysql.keep_role.
type Keep struct {
	Server Target `json:"server" kind:"mysql" help:"Server whose role is kept; on its own host, unless it is MySQL." ja:"役割を保つサーバー。MySQLを除き、そのホスト上で実行する" example:"shop-osaka"`
}

// KeptRole is its result.
type KeptRole struct {
	Server string `json:"server" help:"The server." ja:"サーバー"`
	Role   string `json:"role" help:"primary, replica or read-only: what it is now, and after a restart." ja:"primary、replica、read-only のいずれか。現在と再起動後の役割"`
}

func keep(ctx context.Context, p Keep) (KeptRole, error) {
	c, err := connect(ctx, p.Server)
	if err != nil {
		return KeptRole{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return KeptRole{}, err
	}
	d := dialects[c.Flavour]
	i, err := managed(p.Server)
	if err != nil && d.persisted == "" {
		return KeptRole{}, err
	}
	f, err := fencedHere(p.Server)
	if err != nil {
		return KeptRole{}, err
	}
	// A switchover of this run that was cut off, or undone, before the server handed over.
	unmoved := f != nil && f.For != "" && f.Run == activities.CallFrom(ctx).Run && v.role() == rolePrimary
	if f != nil && !v.ReadOnly && !unmoved {
		return KeptRole{}, activities.FindingBoth("server %s takes writes in spite of the fence of run %s",
			"サーバー %s は実施 %s によりフェンスされているのに書き込みを受け付けている", p.Server.Name, f.Run)
	}
	statements := d.readWrite
	if v.ReadOnly {
		statements = d.readOnly
	}
	for _, s := range statements { // of MariaDB they change nothing, of MySQL they are what persists
		if err := tell(ctx, c, answerWithin, mark+s); err != nil {
			return KeptRole{}, err
		}
	}
	if err := keepRole(ctx, c, p.Server, v.ReadOnly); err != nil {
		return KeptRole{}, err
	}
	if ok, err := kept(ctx, c, p.Server, v); err != nil || !ok {
		if err == nil {
			err = activities.FindingBoth("server %s would change its role at a restart: another of its option files says read_only after %s; let it be the last one",
				"サーバー %s は再起動すると役割が変わる。%s より後に読まれる別のオプションファイルに read_only がある。%[2]s が最後に読まれるようにする", p.Server.Name, p.Server.Spec.Config)
		}
		return KeptRole{}, err
	}
	out := KeptRole{Server: p.Server.Name, Role: v.role()}
	if unmoved {
		return out, dropFence(i)
	}
	return out, nil
}

func lookKept(ctx context.Context, p Keep) (activities.Seen, error) {
	c, err := connect(ctx, p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	ok, err := kept(ctx, c, p.Server, v)
	if err != nil {
		return activities.Seen{}, err
	}
	if f, err := fencedHere(p.Server); err != nil || f != nil && !v.ReadOnly {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s takes writes and has the marker of a fence", "%s は書き込みを受け付けているが、フェンスの印がある", p.Server.Name)}, err
	}
	if !ok {
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("nothing keeps %s a %s over a restart", "再起動後も %s の役割 %s を保つ設定がない", p.Server.Name, v.role())}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("%s stays what it is over a restart", "%s の役割は再起動後も変わらない", p.Server.Name), Output: KeptRole{Server: p.Server.Name, Role: v.role()}}, nil
}
