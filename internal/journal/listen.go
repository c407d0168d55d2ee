package journal

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// listener tells this server of what others keep in the same store, and them of what it keeps. No
// figure rests on it: who waits also looks from time to time.
type listener struct {
	schema string

	mu      sync.Mutex
	life    context.Context
	bar     atomic.Pointer[error] // why nothing may be written
	pending map[string]bool       // runs that others are yet to be told of
	wake    chan struct{}
	stop    context.CancelFunc
	working sync.WaitGroup
}

const (
	// tellEvery bounds how often others are told: commits that tell stand in one queue.
	tellEvery = 20 * time.Millisecond
	// tellMost is what a message may hold.
	tellMost = 7_000
)

// listen works until close. The connection it listens on is none of a pool's.
func (p *postgres) listen(o options) {
	ctx, stop := context.WithCancel(context.Background())
	p.life, p.stop, p.wake, p.pending = ctx, stop, make(chan struct{}, 1), map[string]bool{}
	p.working.Go(func() { p.hear(ctx, o) })
	p.working.Go(func() { p.speak(ctx) })
	p.working.Go(func() { p.lookAround(ctx, o) })
}

func (p *postgres) close() error {
	if p.stop != nil {
		p.stop()
		p.working.Wait()
	}
	return nil
}

func (p *postgres) channel() string { return "muster_" + p.schema }

func (p *postgres) told(runs []string) {
	if p.wake == nil {
		return
	}
	p.mu.Lock()
	for _, id := range runs {
		p.pending[id] = true
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// speak tells others, after the commit and apart from it: a message that is lost costs them a
// quarter of a second.
func (p *postgres) speak(ctx context.Context) {
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		var runs []string
		size := 0
		for id := range p.pending {
			runs, size = append(runs, id), size+len(id)+1
		}
		clear(p.pending)
		p.mu.Unlock()
		message := strings.Join(runs, "\n")
		if size > tellMost {
			message = "" // all of them
		}
		try, cancel := context.WithTimeout(ctx, p.patience())
		_, _ = p.pools[0].ExecContext(try, `SELECT pg_notify($1, $2)`, p.channel(), message)
		cancel()
		select {
		case <-time.After(tellEvery):
		case <-ctx.Done():
			return
		}
	}
}

// hear listens, and connects again when the connection ends: after a failover to the new primary.
func (p *postgres) hear(ctx context.Context, o options) {
	for pause := 100 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 2*time.Second) {
		if p.hearUntilCut(ctx, o) {
			pause = 100 * time.Millisecond
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// silence is how long nothing may be heard before the connection is tried: a server that hangs
// says nothing either.
const silence = 10 * time.Second

func (p *postgres) hearUntilCut(ctx context.Context, o options) (heard bool) {
	config := p.config.Copy()
	if withSecrets(ctx, config, o) != nil {
		return false
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(end)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{p.channel()}.Sanitize()); err != nil {
		return false
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock_shared(hashtextextended($1, 0))`, p.useLock()); err != nil {
		return false
	}
	p.announce() // what came while nobody listened
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, silence)
		n, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil && n.Payload == "":
			p.announce()
		case err == nil:
			p.announce(strings.Split(n.Payload, "\n")...)
		case ctx.Err() != nil || wait.Err() == nil || conn.IsClosed():
			return true
		case p.seen.replaced(conn.PgConn()):
			return true
		default:
			try, cancel := context.WithTimeout(ctx, p.patience())
			err := conn.Ping(try)
			cancel()
			if err != nil {
				return true
			}
		}
	}
	return true
}
