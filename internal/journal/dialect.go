package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// dialect is what SQLite and PostgreSQL do differently. All else is said once, in SQL that both speak.
type dialect interface {
	// lock keeps other writers of what is named out until the transaction ends: positions and
	// numbers are given in the order in which they become visible, so that who reads on from one
	// misses none that is kept later.
	lock(ctx context.Context, tx *sql.Tx, of ...string) error
	// settled is added to a SELECT of what an earlier transaction wrote, whose answer may have been
	// lost: the commit then waits for that one to be as safe as its own.
	settled() string
	// settle is settled for a transaction that finds nothing left to change, and no row to read either.
	settle(ctx context.Context, tx *sql.Tx) error
	// passes reports whether a trouble may be over at the next try, as while a standby takes over,
	// and so is worth one. Everything that is tried again may be done twice.
	passes(err error) bool
	// because is what a cause means for people, with the way out; zero when there is no more to say.
	because(err error) plan.Text
	// alive reports whether what the store rests on is still in its place.
	alive() error
	// patience bounds a try, so that a server that hangs gives way to the one that took over; 0 is none.
	patience() time.Duration
	// schemaTable keeps the number of the schema.
	schemaTable() string
	facts(ctx context.Context, db *sql.DB, out *Facts) error
	// whole and only are how a transaction sees all of a store, and nobody else writes to it.
	whole() *sql.TxOptions
	only(ctx context.Context, tx *sql.Tx) error
	// highest is the last position that was given in a table: none is given twice, in a copy either.
	highest(ctx context.Context, tx *sql.Tx, table string) (int64, error)
	setHighest(ctx context.Context, tx *sql.Tx, table string, n int64) error
	// barred is why nothing may be written, which reading may.
	barred() error
	// letGo closes connections that nobody uses: their server may hang.
	letGo()
	// told hears what was kept.
	told(runs []string)
	close() error
	// claimFor is Claimer.Claim.
	claimFor(ctx context.Context, engine string, wait time.Duration) error
}

// trouble is what went wrong with the store, and the way out. What it wraps can be inspected.
type trouble struct {
	text   plan.Text
	err    error
	silent bool // err is for programs: text says it
	placed bool // text says of which store
	away   bool // none of its servers answers
}

func (t *trouble) Error() string {
	if t.err == nil || t.silent {
		return t.text.EN
	}
	return t.text.EN + ": " + saidOf(t.err).EN
}

// Said is the trouble in both languages.
func (t *trouble) Said() plan.Text {
	if t.err == nil || t.silent {
		return t.text
	}
	return plan.Text{EN: t.Error(), JA: t.text.JA + ": " + saidOf(t.err).JA}
}

func (t *trouble) Unwrap() error { return t.err }

// saidOf is an error in both languages where it has them.
func saidOf(err error) plan.Text {
	if s, ok := err.(interface{ Said() plan.Text }); ok {
		return s.Said()
	}
	// A driver says the same of every try, on lines of their own.
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	one := strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
	return plan.Text{EN: one, JA: one}
}

// explain says what went wrong with the store and the way out.
func (s *database) explain(doing plan.Text, err error) error {
	var told *trouble
	if err == nil || errors.Is(err, ErrNotFound) || errors.As(err, &told) && told.placed {
		return err
	}
	where := plan.Say("record store %s: %s", "記録の保存先 %s（%s）", s.where, doing)
	_, remote := s.dialect.(*postgres)
	away := remote && (s.passes(err) || errors.Is(err, context.DeadlineExceeded))
	if cause := s.because(err); cause.EN != "" {
		return &trouble{text: plan.Say("%s: %s", "%s: %s", where, cause), err: err, placed: true, away: away}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &trouble{text: plan.Say("%s: it does not take it in time; another process may hold it, or its disk hangs",
			"%s: 時間内に応答がありません。別のプロセスが使用中か、ディスクが応答していない可能性があります", where), err: err, placed: true, away: away}
	}
	return &trouble{text: where, err: err, placed: true}
}

// tryFor is how long a store that is away is tried again before somebody is told: a standby that
// takes over by itself has done so by then.
const tryFor = 25 * time.Second

// again does what may be done twice, until it is settled or the trouble does not pass.
func again[T any](ctx context.Context, s *database, do func(ctx context.Context) (T, error)) (T, error) {
	return againWithin(ctx, s, s.patience(), tryFor, do)
}

// againWithin is again with other bounds: of a try, 0 is none, and of all.
func againWithin[T any](ctx context.Context, s *database, patience, tryFor time.Duration, do func(ctx context.Context) (T, error)) (T, error) {
	began := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		out, hung, err := once(ctx, patience, do)
		if err == nil || ctx.Err() != nil || !hung && !s.passes(err) || time.Since(began) > tryFor {
			return out, err
		}
		if hung {
			s.letGo()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return out, err
		}
	}
}

// once reports also whether the try hung.
func once[T any](ctx context.Context, patience time.Duration, do func(ctx context.Context) (T, error)) (out T, hung bool, err error) {
	try := ctx
	if patience > 0 {
		var cancel context.CancelFunc
		try, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	out, err = do(try)
	return out, err != nil && try.Err() != nil && ctx.Err() == nil, err
}

// text is JSON as every database takes it: a string of it may hold bytes that are no UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

// plain is a word from outside as every database takes it.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// exec is one statement that may be done twice.
func (s *database) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return again(ctx, s, func(ctx context.Context) (sql.Result, error) {
		if err := s.barred(); err != nil {
			return nil, err
		}
		return s.write.ExecContext(ctx, query, args...)
	})
}

// inTx does what may be done twice in one transaction.
func (s *database) inTx(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	_, err := again(ctx, s, func(ctx context.Context) (none struct{}, err error) {
		if err := s.barred(); err != nil {
			return none, err
		}
		tx, err := s.write.BeginTx(ctx, nil)
		if err != nil {
			return none, err
		}
		if err := do(ctx, tx); err != nil {
			if undone := tx.Rollback(); undone != nil && !errors.Is(undone, sql.ErrTxDone) {
				err = errors.Join(err, undone)
			}
			return none, err
		}
		return none, tx.Commit()
	})
	return err
}

// erase is one DELETE that may be done twice.
func (s *database) erase(ctx context.Context, query string, args ...any) error {
	return s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return s.settle(ctx, tx)
	})
}

// list reads rows; each of them is told to row.
func (s *database) list(ctx context.Context, q querier, query string, args []any, row func(scan func(into ...any) error) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return fmt.Errorf("a row that can't be read: %w", err)
		}
	}
	return rows.Err()
}
