package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// database is a Store in SQL that SQLite and PostgreSQL both speak.
type database struct {
	path  string
	file  os.FileInfo // as it was opened
	write *sql.DB     // one connection: SQLite has one writer at a time
	read  *sql.DB

	mu      sync.Mutex
	changed chan struct{} // closed at the next Append that kept something
}

func (s *database) PutPlan(ctx context.Context, p plan.Plan) error {
	if !p.Intact() {
		return fmt.Errorf("plan %.12s: its content is not what its hash names; seal it again by compiling its files", p.Hash)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, `INSERT INTO plans (hash, body) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, p.Hash, string(body))
	return s.explain("keep the plan", err)
}

func (s *database) Plan(ctx context.Context, hash string) (plan.Plan, error) {
	var body string
	err := s.read.QueryRowContext(ctx, `SELECT body FROM plans WHERE hash = $1`, hash).Scan(&body)
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
		return plan.Plan{}, s.explain(fmt.Sprintf("read plan %.12s", hash), err)
	}
	return p, nil
}

func (s *database) Append(ctx context.Context, events []run.Event) error {
	for _, e := range events {
		if e.Run == "" || e.Writer == "" || e.Seq < 1 || e.Kind == "" {
			return fmt.Errorf("event %q of run %q: it needs a run, a writer, a kind and a number from 1; it has writer %q and number %d",
				e.Kind, e.Run, e.Writer, e.Seq)
		}
	}
	kept := false
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		kept = false
		stale := map[string]bool{}
		for _, e := range events {
			isNew, err := insert(ctx, tx, e)
			if err != nil {
				return err
			}
			if isNew {
				kept = true
				// What people say changes no summary, and thousands may say it at once.
				first := e.Seq == 1 && !strings.HasPrefix(e.Writer, run.PeopleWriter)
				stale[e.Run] = stale[e.Run] || first || summarized(e.Kind)
			}
		}
		for id, is := range stale {
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
		return s.explain("keep events", err)
	}
	if kept {
		s.announce()
	}
	return nil
}

// insert reports whether the event was not there before.
func insert(ctx context.Context, tx *sql.Tx, e run.Event) (bool, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return false, fmt.Errorf("event %s/%d of run %s: %w", e.Writer, e.Seq, e.Run, err)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO events (run, writer, seq, kind, body) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (run, writer, seq) DO NOTHING`, e.Run, e.Writer, e.Seq, string(e.Kind), string(body))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil || n > 0 {
		return n > 0, err
	}
	var kept string
	if err := tx.QueryRowContext(ctx, `SELECT body FROM events WHERE run = $1 AND writer = $2 AND seq = $3`, e.Run, e.Writer, e.Seq).Scan(&kept); err != nil {
		return false, err
	}
	if kept != string(body) && !sameJSON(kept, string(body)) {
		return false, fmt.Errorf("event %s/%d of run %s (%s): %w: the record or the engine's history was put back or altered. "+
			"The run stands still, and an abort waits for the record too: keep copies of both, end the run's workflow in the engine, "+
			"see to its systems by hand, and release each with `muster drill release SYSTEM --reason ...`", e.Writer, e.Seq, e.Run, e.Kind, ErrTaken)
	}
	return false, nil
}

// sameJSON reports whether two documents say the same, as another version of muster may
// write it.
func sameJSON(a, b string) bool {
	var both [2]any
	for i, text := range []string{a, b} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&both[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(both[0], both[1])
}

func (s *database) Events(ctx context.Context, runID string, after int64, limit int) ([]Entry, error) {
	query, args := `SELECT position, body FROM events WHERE run = $1 AND position > $2 ORDER BY position`, []any{runID, after}
	if limit > 0 {
		query, args = query+` LIMIT $3`, append(args, limit)
	}
	entries, err := events(ctx, s.read, query, args...)
	return entries, s.explain("read events", err)
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
	var token int64
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tokens (system, run, token)
			SELECT $1, $2, COALESCE(MAX(token), 0) + 1 FROM tokens WHERE system = $1
			ON CONFLICT (system, run) DO NOTHING`, system, runID); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT token FROM tokens WHERE system = $1 AND run = $2`, system, runID).Scan(&token)
	})
	return token, s.explain("take a fencing token", err)
}

// Ping writes: a full disk and a read-only one answer reads for long. A file that
// was deleted or replaced goes on taking writes too, and loses them all.
func (s *database) Ping(ctx context.Context) error {
	now, err := os.Stat(s.path)
	if err == nil && !os.SameFile(now, s.file) {
		err = errors.New("another file was put in its place")
	}
	if err != nil {
		return fmt.Errorf("record store %s: the file that muster works on is gone: %w; what is recorded now would be lost: "+
			"stop muster, put the file back and start again", s.path, err)
	}
	var n int64
	if err := s.read.QueryRowContext(ctx, `SELECT n FROM pings WHERE id = 1`).Scan(&n); err != nil {
		return s.explain("read", err)
	}
	_, err = s.write.ExecContext(ctx, `UPDATE pings SET n = n + 1 WHERE id = 1`)
	return s.explain("write", err)
}

// Close ends all waiting and folds SQLite's side files into the main one.
func (s *database) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *database) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
