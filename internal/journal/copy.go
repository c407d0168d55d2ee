package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// table is what a copy takes along, in the order of its key.
type table struct {
	name, key string
	columns   []string
	counted   bool // its positions are given by the database
}

// tables are all of a store but pings, which says nothing.
var tables = []table{
	{"plans", "hash", []string{"hash", "body"}, false},
	{"events", "position", []string{"position", "run", "writer", "seq", "kind", "body"}, true},
	{"runs", "run", []string{"run", "position", "scenario", "kind", "ended", "body"}, false},
	{"tokens", "system, run", []string{"system", "run", "token"}, false},
	{"documents", "kind, id", []string{"kind", "id", "version", "changed_at", "body"}, false},
	{"accesses", "position", []string{"position", "at", "person", "via", "act", "object", "outcome", "origin"}, true},
	{"outcomes", "run", []string{"run", "position", "version", "kind", "depth", "scenario", "hazard", "state", "verdict", "started_at", "ended_at", "body"}, false},
	{"outcome_systems", "run, system", []string{"run", "system", "scenario", "kind", "depth", "ended_at", "verdict", "rto", "rpo", "rlo", "restored", "failback", "body"}, false},
}

// Copied is a table that was copied and read again.
type Copied struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"` // SHA-256 over its rows, the same on both sides
}

// ErrInUse: a muster works with the store.
var ErrInUse = errors.New("the record store is in use")

// Copy copies a whole store to an empty one, reads it there again and keeps it only if every row of
// every table is the same. Nobody may work with either meanwhile.
func Copy(ctx context.Context, from, to string, more ...Option) (_ []Copied, err error) {
	if path, ok := strings.CutPrefix(from, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, plan.Wrong("record store %s: it can't be read: %v", "記録の保存先 %s: 読み取れません（%v）", from, err)
		}
	}
	source, err := openURL(ctx, from, append(more, AsItIs(), alone)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if path, ok := strings.CutPrefix(to, "sqlite:"); ok {
		if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
			defer func() {
				if err != nil {
					_ = os.Remove(path)
				}
			}()
		}
	}
	target, err := openURL(ctx, to, append(more, alone)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	doing := plan.Text{EN: "copy", JA: "コピー"}
	read, err := source.write.BeginTx(ctx, source.whole())
	if err != nil {
		return nil, source.explain(doing, err)
	}
	defer func() { _ = read.Rollback() }()
	if err := source.only(ctx, read); err != nil {
		return nil, source.explain(doing, err)
	}
	write, err := target.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, target.explain(doing, err)
	}
	defer func() { _ = write.Rollback() }() // no harm once it is committed
	if err := target.only(ctx, write); err != nil {
		return nil, target.explain(doing, err)
	}
	for _, tab := range tables {
		var n int64
		if err := write.QueryRowContext(ctx, `SELECT count(*) FROM `+tab.name).Scan(&n); err != nil {
			return nil, target.explain(doing, err)
		}
		if n > 0 {
			return nil, target.explain(doing, plan.Wrong("it holds records already; a copy goes to an empty store only. It was left as it is", "すでに記録があります。コピー先には空の保存先を指定してください。変更はしていません"))
		}
	}
	var out []Copied
	for _, tab := range tables {
		c, err := tab.copy(ctx, source, target, read, write)
		if err != nil {
			return nil, target.explain(plan.Say("copy %s", "%s のコピー", tab.name), err)
		}
		out = append(out, c)
	}
	return out, target.explain(doing, write.Commit())
}

// Snapshot copies a store as it is at one moment to a new file, while others go on working with it, and reads the copy again.
func Snapshot(ctx context.Context, from, path string, more ...Option) (_ []Copied, err error) {
	if file, ok := strings.CutPrefix(from, "sqlite:"); ok {
		if _, err := os.Stat(file); err != nil {
			return nil, plan.Wrong("record store %s: it can't be read: %v", "記録の保存先 %s: 読み取れません（%v）", from, err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, plan.Wrong("%s is there already; a copy goes to a new file", "%s はすでに存在します。コピー先には新しいファイルを指定してください", path)
	}
	source, err := openURL(ctx, from, append(more, AsItIs())...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openURL(ctx, "sqlite:"+path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	doing := plan.Text{EN: "copy", JA: "コピー"}
	// What is only read holds up nobody who writes.
	how := sql.TxOptions{ReadOnly: true}
	if w := source.whole(); w != nil {
		how.Isolation = w.Isolation
	}
	read, err := source.read.BeginTx(ctx, &how)
	if err != nil {
		return nil, source.explain(doing, err)
	}
	defer func() { _ = read.Rollback() }()
	write, err := target.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, target.explain(doing, err)
	}
	defer func() { _ = write.Rollback() }() // no harm once it is committed
	var out []Copied
	for _, tab := range tables {
		c, err := tab.copy(ctx, source, target, read, write)
		if err != nil {
			return nil, target.explain(plan.Say("copy %s", "%s のコピー", tab.name), err)
		}
		out = append(out, c)
	}
	return out, target.explain(doing, write.Commit())
}

// alone opens a store for one who works with nobody else on it.
func alone(o *options) { o.alone = true }

func (t table) copy(ctx context.Context, source, target *database, read, write *sql.Tx) (Copied, error) {
	in := batch{ctx: ctx, tx: write, table: t}
	want, err := t.each(ctx, source, read, in.add)
	if err == nil {
		err = in.flush()
	}
	if err != nil {
		return want, err
	}
	if t.counted {
		highest, err := source.highest(ctx, read, t.name)
		if err != nil {
			return want, err
		}
		if err := target.setHighest(ctx, write, t.name, highest); err != nil {
			return want, err
		}
	}
	got, err := t.each(ctx, target, write, nil)
	if err == nil && got != want {
		err = plan.Wrong("what was written is not what was read (%d rows, %d before); nothing was kept", "書き込んだ内容が元と一致しません（%d 行、元は %d 行）。コピーは取り消しました", got.Rows, want.Rows)
	}
	return got, err
}

// each tells every row to see and makes the digest of all.
func (t table) each(ctx context.Context, s *database, tx *sql.Tx, see func(row []any) error) (Copied, error) {
	out, sum := Copied{Table: t.name}, sha256.New()
	err := s.list(ctx, tx, `SELECT `+strings.Join(t.columns, ", ")+` FROM `+t.name+` ORDER BY `+t.key, nil, func(scan func(...any) error) error {
		row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := scan(into...); err != nil {
			return err
		}
		out.Rows++
		for i, v := range row {
			if b, ok := v.([]byte); ok {
				row[i] = string(b)
			}
			if err := digest(sum, row[i]); err != nil {
				return err
			}
		}
		if see == nil {
			return nil
		}
		return see(row)
	})
	out.Digest = hex.EncodeToString(sum.Sum(nil))
	return out, err
}

func digest(sum hash.Hash, v any) error {
	switch v := v.(type) {
	case int64:
		fmt.Fprintf(sum, "i%d;", v)
	case string:
		fmt.Fprintf(sum, "s%d:%s;", len(v), v)
	default:
		return fmt.Errorf("a value of type %T", v)
	}
	return nil
}

// batch writes rows many at a time.
type batch struct {
	ctx   context.Context
	tx    *sql.Tx
	table table
	rows  []string
	args  []any
	bytes int
}

func (b *batch) add(row []any) error {
	var marks []string
	for _, v := range row {
		b.args = append(b.args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(b.args)))
		if s, ok := v.(string); ok {
			b.bytes += len(s)
		}
	}
	b.rows = append(b.rows, "("+strings.Join(marks, ", ")+")")
	if len(b.rows) < atOnce && b.bytes < 4<<20 {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	if len(b.rows) == 0 {
		return nil
	}
	_, err := b.tx.ExecContext(b.ctx, `INSERT INTO `+b.table.name+` (`+strings.Join(b.table.columns, ", ")+`) VALUES `+strings.Join(b.rows, ", "), b.args...)
	b.rows, b.args, b.bytes = nil, nil, 0
	return err
}

// A transaction holds SQLite's write lock from its beginning.
func (*sqliteFile) whole() *sql.TxOptions { return nil }

func (*sqliteFile) only(context.Context, *sql.Tx) error { return nil }

func (*sqliteFile) highest(ctx context.Context, tx *sql.Tx, table string) (n int64, err error) {
	return n, tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = $1`, table).Scan(&n)
}

func (*sqliteFile) setHighest(ctx context.Context, tx *sql.Tx, table string, n int64) error {
	for _, query := range []string{`DELETE FROM sqlite_sequence WHERE name = $1`, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`} {
		args := []any{table, n}
		if _, err := tx.ExecContext(ctx, query, args[:strings.Count(query, "$")]...); err != nil {
			return err
		}
	}
	return nil
}

func (*postgres) whole() *sql.TxOptions { return &sql.TxOptions{Isolation: sql.LevelRepeatableRead} }

// only keeps writers out, whoever they are, and refuses where a muster works.
func (p *postgres) only(ctx context.Context, tx *sql.Tx) error {
	for _, t := range tables {
		if _, err := tx.ExecContext(ctx, `LOCK TABLE `+t.name+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
	}
	var free bool
	if err := tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))`, p.useLock()).Scan(&free); err != nil {
		return err
	}
	if !free {
		return &trouble{text: plan.Say("a muster works with it; end every `muster up` and `muster server` on it first", "musterが使用中です。この保存先を使っている `muster up` と `muster server` をすべて終了してから実行してください"), err: ErrInUse, silent: true}
	}
	return nil
}

// useLock is held by everybody who works with the store, beside others.
func (p *postgres) useLock() string { return "muster/use/" + p.schema }

func (*postgres) highest(ctx context.Context, tx *sql.Tx, table string) (n int64, err error) {
	return n, tx.QueryRowContext(ctx, `SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'position')::regclass), 0)`, table).Scan(&n)
}

func (*postgres) setHighest(ctx context.Context, tx *sql.Tx, table string, n int64) error {
	_, err := tx.ExecContext(ctx, `SELECT setval(pg_get_serial_sequence($1, 'position'), GREATEST($2::bigint, 1), $2::bigint > 0)`, table, n)
	return err
}
