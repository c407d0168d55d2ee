package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// oldPrimary finds the server that t streams or streamed from and refuses when it
// still takes writes, or would again. It says how far t is behind: known is false when
// only t's receiver could be asked, whose word may be old; the lag is then the least
// it can be.
func oldPrimary(ctx context.Context, c *pglink.Conn, t Target, v view) (lag int64, known bool, err error) {
	var end string
	if err := ask(ctx, c, "SELECT coalesce((SELECT latest_end_lsn::text FROM pg_stat_wal_receiver), '0/0')", nil, &end); err != nil {
		return 0, false, err
	}
	if told, err := pgcluster.ParseLSN(end); err == nil && told > v.Position {
		lag = int64(told - v.Position)
	}
	next, err := upstreams(t, t, v)
	if err != nil || len(next) == 0 {
		return lag, false, err
	}
	more, known, err := asked(ctx, t, v, next, nil)
	return max(lag, more), known, err
}

// asked asks the servers next, which t streams or streamed from, as oldPrimary does. One that is the server
// of leaving is passed over: it takes writes, and will have stopped.
func asked(ctx context.Context, t Target, v view, next []Target, leaving *view) (lag int64, known bool, err error) {
	// Each round asks all whom the servers of the last one follow, until one is nobody's standby.
	known = true
	been := map[string]bool{}
	for len(next) > 0 {
		var round []*upstream
		for _, old := range next {
			if where := pglink.Address(old.Spec); !been[where] {
				been[where] = true
				if err := activities.MayReach(ctx, where); err != nil {
					return 0, false, err
				}
				round = append(round, &upstream{Target: old})
			}
		}
		var all sync.WaitGroup
		for _, u := range round {
			all.Go(func() { u.err = u.ask(ctx, t, v, leaving) })
		}
		all.Wait()
		next = nil
		for _, u := range round {
			if u.err != nil {
				return 0, false, u.err
			}
			lag, known = max(lag, u.lag), known && u.known
			next = append(next, u.next...)
		}
	}
	return lag, known, nil
}

// upstream is a server that another one follows.
type upstream struct {
	Target
	lag   int64
	known bool     // it answered, and is a copy of the same database
	next  []Target // whom it follows itself
	err   error
}

// ask asks it whether it takes writes, or would again, and refuses if so and it is not the server of leaving.
func (u *upstream) ask(ctx context.Context, t Target, v view, leaving *view) error {
	// A dead site answers nothing at all, and the recovery waits for this: a second
	// is what a healthy primary needs many times over.
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	o, f, rising, err := u.look(soon)
	where := activities.Lacking("the old primary at %s", "%s にある旧プライマリ", pglink.Address(u.Spec))
	switch {
	case err == nil && o.SystemID != v.SystemID:
		return nil // something else lives at that address now
	case err == nil && leaving != nil && o.Started.Equal(leaving.Started):
		return nil // by another of its addresses
	case err == nil && rising:
		return activities.RefusedBoth("%s is being promoted and will take writes; fence it first (postgres.fence)",
			"%s は昇格中であり、書き込みを受け付けるようになる。先にフェンスする（postgres.fence）", where)
	case err == nil && !o.Recovery:
		return activities.RefusedBoth("%s still takes writes; fence it first (postgres.fence), or use postgres.switchover to move without loss",
			"%s はまだ書き込みを受け付けている。先にフェンスする（postgres.fence）か、postgres.switchover で損失なく移す", where)
	case err == nil:
		u.lag, u.known = max(int64(o.Position)-int64(v.Position), 0), true
		if f == nil { // by its fence it was a primary; else it may be a standby of one that lives
			u.next, err = upstreams(u.Target, t, o)
		}
		return err
	case pglink.Hung(err) || errors.Is(err, context.DeadlineExceeded) && !isConnectError(err):
		return activities.RefusedBoth("%s takes connections and answers nothing: it is hung, not gone, and would take writes again; fence it first (postgres.fence)",
			"%s は接続を受け付けるが応答しない。停止ではなくハングしており、再び書き込みを受け付けるおそれがある。先にフェンスする（postgres.fence）", where)
	case pglink.Code(err) == pglink.CodeCannotConnect || pglink.Code(err) == pglink.CodeAdminShutdown:
		return activities.RefusedBoth("%s is starting or stopping (%v); fence it first (postgres.fence)",
			"%s は起動中または停止中である（%v）。先にフェンスする（postgres.fence）", where, err)
	case pglink.Code(err) != "":
		return activities.RefusedBoth("%s runs and does not let muster in, so whether it takes writes can't be told: %v",
			"%s は稼働しているが muster の接続を拒否しており、書き込みを受け付けるか判断できない：%v", where, err)
	}
	return nil
}

func (u *upstream) look(ctx context.Context) (v view, f *fenceNote, rising bool, err error) {
	c, err := connect(ctx, u.Target)
	if err != nil {
		return view{}, nil, false, err
	}
	defer c.Close()
	if v, err = see(ctx, c); err == nil && v.Recovery {
		if rising, err = promoting(ctx, c, v); err == nil {
			f, err = fencedAt(ctx, c)
		}
	}
	return v, f, rising, err
}

func isConnectError(err error) bool {
	var e *pglink.Error
	return errors.As(err, &e)
}

// upstreams are the servers that the primary_conninfo of s names, reached as t is. One that
// can't be read is no proof that there is none.
func upstreams(s, t Target, v view) ([]Target, error) {
	if v.Upstream == "" {
		return nil, nil
	}
	hosts, err := pglink.Hosts(v.Upstream)
	for _, h := range hosts {
		if _, here, _ := pglink.Instance(s); h.Socket() && !here {
			err = plan.Wrong("it names a socket of its own machine", "自マシンのソケットを指している")
		}
	}
	if err != nil {
		return nil, activities.RefusedBoth("whom %s follows can't be read from its primary_conninfo (%v), so nobody can tell whether that server takes writes; name its host and port there (ALTER SYSTEM SET primary_conninfo, then SELECT pg_reload_conf())",
			"%s の追従先を primary_conninfo から読み取れず（%v）、追従先が書き込みを受け付けているか判断できない。そこに host と port を指定する（ALTER SYSTEM SET primary_conninfo の後、SELECT pg_reload_conf()）", s.Name, err)
	}
	var out []Target
	for _, h := range hosts {
		old := t
		old.Name = "the server that " + s.Name + " followed"
		old.Spec.Host, old.Spec.Port = h.Name, h.Port
		old.Spec.Data, old.Spec.Config = "", ""
		out = append(out, old)
	}
	return out, nil
}
