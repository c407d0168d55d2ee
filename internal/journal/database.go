package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// database is a Store in SQL that SQLite and PostgreSQL both speak.
type database struct {
	dialect
	where string  // the file or the servers, as people are told it
	write *sql.DB // SQLite: one connection, since it has one writer at a time
	read  *sql.DB
	arrivals
}

func (s *database) PutPlan(ctx context.Context, p plan.Plan) error {
	if !p.Intact() {
		return fmt.Errorf("plan %.12s: its content is not what its hash names; seal it again by compiling its files", p.Hash)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	// One that is there is locked and not changed, which is as settled as a row can be; DO NOTHING would not wait for its standby.
	_, err = s.exec(ctx, `INSERT INTO plans (hash, body) VALUES ($1, $2) ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash WHERE 1 = 0`, p.Hash, text(body))
	return s.explain(plan.Text{EN: "keep the plan", JA: "計画の保存"}, err)
}

func (s *database) Plan(ctx context.Context, hash string) (plan.Plan, error) {
	if odd(hash) {
		return plan.Plan{}, fmt.Errorf("plan %.12q: %w", hash, ErrNotFound)
	}
	body, err := again(ctx, s, func(ctx context.Context) (body string, err error) {
		return body, s.read.QueryRowContext(ctx, `SELECT body FROM plans WHERE hash = $1`, hash).Scan(&body)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return plan.Plan{}, fmt.Errorf("plan %.12s: %w", hash, ErrNotFound)
	}
	var p plan.Plan
	if err == nil {
		err = json.Unmarshal([]byte(body), &p)
	}
	if err == nil && (p.Hash != hash || !p.Intact()) {
		err = errors.New("it was altered in the store; put back a back-up, no report can rest on it")
	}
	if err != nil {
		return plan.Plan{}, s.explain(plan.Say("read plan %.12s", "計画 %.12s の読み取り", hash), err)
	}
	return p, nil
}

func (s *database) Append(ctx context.Context, events []run.Event) error {
	for _, e := range events {
		if e.Run == "" || e.Writer == "" || e.Seq < 1 || e.Kind == "" {
			return fmt.Errorf("event %q of run %q: it needs a run, a writer, a kind and a number from 1; it has writer %q and number %d",
				e.Kind, e.Run, e.Writer, e.Seq)
		}
		if err := named(plan.Say("event %d", "イベント %d", e.Seq), e.Run, e.Writer, string(e.Kind)); err != nil {
			return err
		}
	}
	var changed []string
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		changed = nil
		if err := s.lock(ctx, tx, runLocks(events)...); err != nil {
			return err
		}
		isNew, err := s.insert(ctx, tx, events)
		if err != nil {
			return err
		}
		stale := map[string]bool{}
		for i, e := range events {
			if !isNew[i] {
				continue
			}
			// What people say changes no summary, and thousands may say it at once.
			first := e.Seq == 1 && !strings.HasPrefix(e.Writer, run.PeopleWriter)
			stale[e.Run] = stale[e.Run] || first || summarized(e.Kind)
		}
		for id, is := range stale {
			changed = append(changed, id)
			if !is {
				continue
			}
			if err := resummarize(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.explain(plan.Text{EN: "keep events", JA: "イベントの記録"}, err)
	}
	if len(changed) > 0 {
		s.announce(changed...)
		s.told(changed)
	}
	return nil
}

// runLocks names what keeps others from writing the runs of these events.
func runLocks(events []run.Event) []string {
	var out []string
	for _, e := range events {
		if name := "run/" + e.Run; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// atOnce is how many events go to the database in one statement.
const atOnce = 200

type eventKey struct {
	run, writer string
	seq         int64
}

// insert reports which of the events were not there before.
func (s *database) insert(ctx context.Context, tx *sql.Tx, all []run.Event) ([]bool, error) {
	isNew := make([]bool, 0, len(all))
	for events := range slices.Chunk(all, atOnce) {
		bodies, fresh := make([]string, len(events)), map[eventKey]bool{}
		var rows []string
		var args []any
		for i, e := range events {
			body, err := json.Marshal(e)
			if err != nil {
				return nil, fmt.Errorf("event %s/%d of run %s: %w", e.Writer, e.Seq, e.Run, err)
			}
			bodies[i] = text(body)
			n := len(args)
			rows = append(rows, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5))
			args = append(args, e.Run, e.Writer, e.Seq, string(e.Kind), bodies[i])
		}
		err := s.list(ctx, tx, `INSERT INTO events (run, writer, seq, kind, body) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (run, writer, seq) DO NOTHING RETURNING run, writer, seq`, args, func(scan func(...any) error) error {
			var k eventKey
			err := scan(&k.run, &k.writer, &k.seq)
			fresh[k] = true
			return err
		})
		if err != nil {
			return nil, err
		}
		for i, e := range events {
			k := eventKey{e.Run, e.Writer, e.Seq}
			isNew = append(isNew, fresh[k])
			if fresh[k] {
				delete(fresh, k) // a second one in the same batch is held against it
				continue
			}
			if err := s.compare(ctx, tx, e, bodies[i]); err != nil {
				return nil, err
			}
		}
	}
	return isNew, nil
}

// compare refuses an event in whose place another one is.
func (s *database) compare(ctx context.Context, tx *sql.Tx, e run.Event, body string) error {
	var kept string
	if err := tx.QueryRowContext(ctx, `SELECT body FROM events WHERE run = $1 AND writer = $2 AND seq = $3`+s.settled(), e.Run, e.Writer, e.Seq).Scan(&kept); err != nil {
		return err
	}
	if kept != body && !sameJSON(kept, body) && !sameSaid(kept, body) {
		return fmt.Errorf("event %s/%d of run %s (%s): %w: the record or the engine's history was put back or altered. "+
			"The run stands still, and an abort waits for the record too: keep copies of both, end the run's workflow in the engine, "+
			"see to its systems by hand, and release each with `muster drill release SYSTEM --reason ...`", e.Writer, e.Seq, e.Run, e.Kind, ErrTaken)
	}
	return nil
}

func (s *database) Events(ctx context.Context, runID string, after int64, limit int) ([]Entry, error) {
	if odd(runID) {
		return nil, nil
	}
	query, args := `SELECT position, body FROM events WHERE run = $1 AND position > $2 ORDER BY position`, []any{runID, after}
	if limit > 0 {
		query, args = query+` LIMIT $3`, append(args, limit)
	}
	entries, err := again(ctx, s, func(ctx context.Context) ([]Entry, error) { return events(ctx, s.read, query, args...) })
	return entries, s.explain(plan.Text{EN: "read events", JA: "イベントの読み取り"}, err)
}

// querier is a database or a transaction of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func events(ctx context.Context, q querier, query string, args ...any) ([]Entry, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var e Entry
		var body string
		if err := rows.Scan(&e.Position, &body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &e.Event); err != nil {
			return nil, fmt.Errorf("event at position %d: %w", e.Position, err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

func (s *database) Token(ctx context.Context, system, runID string) (int64, error) {
	if system == "" || runID == "" {
		return 0, fmt.Errorf("fencing token: a system and a run are needed, not %q and %q", system, runID)
	}
	if err := named(plan.Text{EN: "fencing token", JA: "フェンシングトークン"}, system, runID); err != nil {
		return 0, err
	}
	var token int64
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lock(ctx, tx, "system/"+system); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO tokens (system, run, token)
			SELECT $1, $2, COALESCE(MAX(token), 0) + 1 FROM tokens WHERE system = $1
			ON CONFLICT (system, run) DO NOTHING`, system, runID); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT token FROM tokens WHERE system = $1 AND run = $2`+s.settled(), system, runID).Scan(&token)
	})
	return token, s.explain(plan.Text{EN: "take a fencing token", JA: "フェンシングトークンの取得"}, err)
}

func (s *database) LastToken(ctx context.Context, system string) (token int64, err error) {
	if odd(system) {
		return 0, nil
	}
	err = s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(token), 0) FROM tokens WHERE system = $1`, system).Scan(&token)
	return token, s.explain(plan.Text{EN: "read the fencing tokens", JA: "フェンシングトークンの読み取り"}, err)
}

// RaiseToken enters one that was given elsewhere; the same again changes nothing.
func (s *database) RaiseToken(ctx context.Context, system, runID string, token int64) error {
	if system == "" || runID == "" || token < 1 {
		return fmt.Errorf("fencing token: a system, a run and a number are needed, not %q, %q and %d", system, runID, token)
	}
	if err := named(plan.Text{EN: "fencing token", JA: "フェンシングトークン"}, system, runID); err != nil {
		return err
	}
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lock(ctx, tx, "system/"+system); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (system, run, token) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, system, runID, token)
		return err
	})
	return s.explain(plan.Text{EN: "enter a fencing token", JA: "フェンシングトークンの登録"}, err)
}

func (s *database) TokenSystems(ctx context.Context) ([]string, error) {
	out, err := again(ctx, s, func(ctx context.Context) (out []string, err error) {
		return out, s.list(ctx, s.read, `SELECT DISTINCT system FROM tokens ORDER BY system`, nil, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			out = append(out, name)
			return err
		})
	})
	return out, s.explain(plan.Text{EN: "read fencing tokens", JA: "フェンシングトークンの読み取り"}, err)
}

// Ping writes: a full disk and a read-only one answer reads for long. It tries once: what is
// asked is how it is now.
func (s *database) Ping(ctx context.Context) error {
	if err := s.alive(); err != nil {
		return err
	}
	if err := s.barred(); err != nil {
		return s.explain(plan.Text{EN: "write", JA: "書き込み"}, err)
	}
	_, _, err := once(ctx, s.patience(), func(ctx context.Context) (none struct{}, err error) {
		var n int64
		if err := s.read.QueryRowContext(ctx, `SELECT n FROM pings WHERE id = 1`).Scan(&n); err != nil {
			return none, s.explain(plan.Text{EN: "read", JA: "読み取り"}, err)
		}
		_, err = s.write.ExecContext(ctx, `UPDATE pings SET n = n + 1 WHERE id = 1`)
		return none, s.explain(plan.Text{EN: "write", JA: "書き込み"}, err)
	})
	return err
}

// Close ends all waiting and folds SQLite's side files into the main one.
func (s *database) Close() error {
	errs := []error{s.dialect.close()}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
