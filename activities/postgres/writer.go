package postgres

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/run"
)

// SingleWriter is the parameters of postgres.single_writer.
type SingleWriter struct {
	Servers []Target     `json:"servers" kind:"postgres" help:"All copies of the database." ja:"データベースの全コピー"`
	Expect  string       `json:"expect" help:"Name of the server that should be the writer; empty is any of them." ja:"書き込みを受け付けるべきサーバーの名前。空ならいずれでもよい" default:""`
	Wait    run.Duration `json:"wait" help:"How long to go on asking a server that gives no clear answer." ja:"明確な応答のないサーバーに問い合わせ続ける時間" default:"10s"`
}

// Writers is its result.
type Writers struct {
	Writer  string   `json:"writer" help:"The one server that takes writes." ja:"書き込みを受け付ける唯一のサーバー"`
	Servers []Writes `json:"servers" help:"What each server did with a write." ja:"書き込みに対する各サーバーの応答"`
}

// Writes is what a server did with a write.
type Writes struct {
	Server string `json:"server" help:"The server." ja:"サーバー"`
	State  string `json:"state" help:"writes, read-only, or down." ja:"writes、read-only、down のいずれか"`
}

const (
	takesWrites = "writes"
	readOnly    = "read-only"
	notThere    = "down"
)

// singleWriter attempts a write on every server. A server that doesn't answer is never
// taken for read-only: a frozen one writes again when it thaws.
func singleWriter(ctx context.Context, p SingleWriter) (Writers, error) {
	if len(p.Servers) == 0 {
		return Writers{}, activities.RefusedBoth("servers is empty: name every copy of the database",
			"servers が空である。データベースの複製をすべて指定する")
	}
	states, errs := make([]string, len(p.Servers)), make([]error, len(p.Servers))
	var all sync.WaitGroup
	for n, t := range p.Servers {
		all.Go(func() { states[n], errs[n] = writesWithin(ctx, t, p.Wait.Std()) })
	}
	all.Wait()

	var out Writers
	var writers []string
	var unclear []error
	var wrong error
	for n, t := range p.Servers {
		out.Servers = append(out.Servers, Writes{Server: t.Name, State: states[n]})
		switch {
		case isGuard(errs[n]):
			wrong = cmp.Or(wrong, errs[n])
		case errs[n] != nil:
			unclear = append(unclear, errs[n])
		case states[n] == takesWrites:
			writers = append(writers, t.Name)
		}
	}
	switch {
	case len(writers) > 1: // certain, whatever the others are
		return out, activities.TwoWrite("%s take writes at the same time: fence all but one at once",
			"%s が同時に書き込みを受け付けている。直ちに1台を残してすべてフェンスする", strings.Join(writers, " and "))
	case wrong != nil:
		return out, wrong
	case len(unclear) > 0:
		return out, activities.UnclearWriter(unclear)
	case len(writers) == 0:
		return out, activities.FindingBoth("no server takes writes", "書き込みを受け付けるサーバーがない")
	case p.Expect != "" && p.Expect != writers[0]:
		return out, activities.FindingBoth("the writer is %s, not %s", "書き込みを受け付けているのは %s で、%s ではない", writers[0], p.Expect)
	}
	out.Writer = writers[0]
	return out, nil
}

func writesWithin(ctx context.Context, t Target, within time.Duration) (state string, err error) {
	var guard error // which is certain
	err = activities.Until(ctx, within, 100*time.Millisecond, func(ctx context.Context) (err error) {
		if state, err = writes(ctx, t); isGuard(err) {
			guard, err = err, nil
		}
		return err
	})
	return state, cmp.Or(guard, err)
}

// writes attempts a write in a table of muster's own, in a transaction that asks to
// write whatever the server's default is, and rolls it back.
func writes(ctx context.Context, t Target) (string, error) {
	c, err := connect(ctx, t)
	if pglink.Refused(err) {
		return notThere, nil // its host says that nobody listens there
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	v, err := see(ctx, c)
	if err != nil {
		return "", activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", t.Name, err)
	}
	tx, err := c.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
	if err == nil {
		_, err = tx.Exec(ctx, "CREATE TABLE muster_writer_check (at timestamptz)")
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO muster_writer_check VALUES (now())")
		}
		_ = tx.Rollback(ctx)
	}
	switch {
	case err == nil && v.ReadOnly:
		return "", activities.FindingBoth("server %s is a primary, but default_transaction_read_only is on: ordinary sessions can't write",
			"サーバー %s はプライマリだが、default_transaction_read_only が on のため通常のセッションは書き込めない", t.Name)
	case err == nil:
		return takesWrites, nil
	case v.Recovery && !v.Pending && (pglink.Code(err) == pglink.CodeReadOnly || pglink.Code(err) == "0A000"):
		return readOnly, nil // "cannot set transaction read-write mode during recovery"
	}
	return "", activities.Saying(err, "write on %s: %v", "%s への書き込み：%v", t.Name, err)
}
