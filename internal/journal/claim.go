package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/internal/plan"
)

// Claimer is a Store that several processes reach, and that one engine's servers may work with.
type Claimer interface {
	// Claim takes part in the work on the store for an engine, until the store is closed. Servers of
	// the same engine share it. While those of another have it, it waits that long for them to end and
	// then refuses: two control planes would lead runs past each other.
	Claim(ctx context.Context, engine string, wait time.Duration) error
}

// ErrTwoEngines: servers of another engine work with the store.
var ErrTwoEngines = errors.New("another engine's servers have the record store")

func (s *database) Claim(ctx context.Context, engine string, wait time.Duration) error {
	return s.explain(plan.Text{EN: "take it", JA: "使用の開始"}, s.dialect.claimFor(ctx, engine, wait))
}

// holder is the document that says whose the store is while its lock is held.
type holder struct {
	Engine string `json:"engine"`
}

// A machine that is gone lets go of its part after about 20 s.
var shortLived = map[string]string{"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "3", "tcp_keepalives_count": "3", "tcp_user_timeout": "20000"}

func (p *postgres) claimFor(ctx context.Context, engine string, wait time.Duration) error {
	until, said := time.Now().Add(wait), false
	for {
		conn, other, err := p.takePart(ctx, engine)
		if other != "" && !said && wait > 0 {
			said = true
			p.opened.tell(plan.Say("record store %s: another muster has it on an engine of its own (%s); it is waited for %s to let go", "記録の保存先 %s: 別のエンジン（%s）のmusterが使用中です。解放を %s 待ちます", p.where, other, wait))
		}
		switch {
		case conn != nil:
			p.working.Go(func() { p.holdPart(conn, engine) })
			return nil
		case other != "" && time.Now().After(until):
			return twoEngines(other)
		case time.Now().After(until.Add(p.patience())): // nobody answers, or somebody is about to say whose it is
			return errors.Join(errors.New("whose it is can't be told"), err)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func twoEngines(other string) error {
	return &trouble{text: plan.Say("another muster works with it on an engine of its own (%s); end that one first, or give this one another store", "別のエンジン（%s）のmusterが使用中です。先にそちらを終了するか、別の保存先を指定してください", other),
		err: ErrTwoEngines, silent: true}
}

// takePart returns the connection that holds the part, or who else has it.
func (p *postgres) takePart(ctx context.Context, engine string) (_ *pgx.Conn, other string, err error) {
	try, cancel := context.WithTimeout(ctx, p.patience())
	defer cancel()
	config := p.config.Copy()
	for k, v := range shortLived {
		config.RuntimeParams[k] = v
	}
	if err := withSecrets(try, config, p.opened); err != nil {
		return nil, "", err
	}
	conn, err := pgx.ConnectConfig(try, config)
	if err != nil {
		return nil, "", err
	}
	mine, other, err := takeLock(try, conn, "muster/control/"+p.schema, engine)
	if mine {
		return conn, "", nil
	}
	_ = conn.Close(try)
	return nil, other, err
}

// takeLock shares the lock with servers of the same engine. Who finds it free says whose it is.
func takeLock(ctx context.Context, conn *pgx.Conn, name, engine string) (mine bool, other string, err error) {
	lock := func(function string) (got bool, err error) {
		return got, conn.QueryRow(ctx, `SELECT `+function+`(hashtextextended($1, 0))`, name).Scan(&got)
	}
	got, err := lock("pg_try_advisory_lock")
	if err != nil {
		return false, "", err
	}
	if got {
		body, err := json.Marshal(holder{engine})
		if err != nil {
			return false, "", err
		}
		if _, err := conn.Exec(ctx, `INSERT INTO documents (kind, id, version, changed_at, body) VALUES ('control', 'engine', 1, $1, $2)
			ON CONFLICT (kind, id) DO UPDATE SET version = documents.version + 1, changed_at = excluded.changed_at, body = excluded.body`,
			moment(time.Now()).text(), string(body)); err != nil {
			return false, "", err
		}
	}
	if shared, err := lock("pg_try_advisory_lock_shared"); err != nil || !shared {
		return false, "", err // somebody says right now whose it is
	}
	if got {
		_, err := lock("pg_advisory_unlock")
		return err == nil, "", err
	}
	var body []byte
	var has holder
	if err := conn.QueryRow(ctx, `SELECT body FROM documents WHERE kind = 'control' AND id = 'engine'`).Scan(&body); err != nil {
		return false, "", err
	}
	if err := json.Unmarshal(body, &has); err != nil {
		return false, "", fmt.Errorf("whose the store is: %w", err)
	}
	return has.Engine == engine, has.Engine, nil
}

// holdPart keeps the part, and takes it anew when its connection ends, on the server that took over.
// Somebody else who took it meanwhile bars this one from writing.
func (p *postgres) holdPart(conn *pgx.Conn, engine string) {
	for p.life.Err() == nil {
		if conn != nil {
			for { // nothing is heard on it: a connection that says nothing is tried
				wait, cancel := context.WithTimeout(p.life, silence)
				_, err := conn.WaitForNotification(wait)
				cancel()
				if p.life.Err() != nil || conn.IsClosed() || err != nil && wait.Err() == nil || p.seen.replaced(conn.PgConn()) || !alive(p, conn) {
					break
				}
			}
			end, cancel := context.WithTimeout(context.WithoutCancel(p.life), time.Second)
			_ = conn.Close(end)
			cancel()
		}
		var other string
		var err error
		conn, other, err = p.takePart(p.life, engine)
		switch {
		case conn != nil:
			p.bar.Store(nil)
			continue
		case err == nil && other != "":
			barred := twoEngines(other)
			p.bar.Store(&barred)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-p.life.Done():
		}
	}
}

func alive(p *postgres, conn *pgx.Conn) bool {
	try, cancel := context.WithTimeout(p.life, p.patience())
	defer cancel()
	return conn.Ping(try) == nil
}

// barred is why nothing may be written now.
func (p *postgres) barred() error {
	if why := p.bar.Load(); why != nil {
		return *why
	}
	return nil
}

func (*sqliteFile) barred() error { return nil }
