package mysql

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/run"
)

// SingleWriter is the parameters of mysql.single_writer.
type SingleWriter struct {
	Servers []Target     `json:"servers" kind:"mysql" help:"All copies of the database." ja:"データベースの全コピー" example:"[shop-tokyo, shop-osaka]"`
	Expect  string       `json:"expect" help:"Name of the server that should be the writer; empty is any of them." ja:"書き込みを受け付けるべきサーバーの名前。空ならいずれでもよい" default:""`
	Wait    run.Duration `json:"wait" help:"How long to go on asking a server that gives no clear answer." ja:"明確な応答のないサーバーに問い合わせ続ける時間" default:"10s"`
}

// Writers is its result.
type Writers struct {
	Writer  string   `json:"writer" help:"The one server that takes writes." ja:"書き込みを受け付ける唯一のサーバー"`
	Servers []Writes `json:"servers" help:"What each server does with a write." ja:"書き込みに対する各サーバーの応答"`
}

// Writes is what a server does with a write.
type Writes struct {
	Server string `json:"server" help:"The server." ja:"サーバー"`
	State  string `json:"state" help:"writes, read-only, or down." ja:"writes、read-only、down のいずれか"`
}

const takesWrites = "writes"

// singleWriter asks every server, and attempts a write on the one that says that it takes
// them. A server that doesn't answer is never taken for read-only: a frozen one writes
// again when it thaws.
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
			wrong = errs[n]
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
		return out, activities.FindingBoth("no server takes writes",
			"書き込みを受け付けるサーバーがない")
	case p.Expect != "" && p.Expect != writers[0]:
		return out, activities.FindingBoth("the writer is %s, not %s",
			"書き込みを受け付けているのは %s で、%s ではない", writers[0], p.Expect)
	}
	out.Writer = writers[0]
	return out, nil
}

func writesWithin(ctx context.Context, t Target, within time.Duration) (state string, err error) {
	err = activities.Until(ctx, within, 100*time.Millisecond, func(ctx context.Context) (err error) {
		state, err = writes(ctx, t)
		return err
	})
	return state, err
}

// writes says what a server does with a write. What read_only says of ordinary accounts is
// believed when it says no, since muster's own account may be above it; when it says yes, a
// write has to prove it.
func writes(ctx context.Context, t Target) (string, error) {
	c, err := connect(ctx, t)
	if mylink.Refused(err) {
		return roleDown, nil // its host says that nobody listens there
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	v, err := see(ctx, c)
	switch {
	case err != nil:
		return "", activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", t.Name, err)
	case v.ReadOnly:
		return roleReadOnly, nil
	case v.Replica != nil: // a write of its own would make it differ from its primary
		return takesWrites, nil
	}
	if err := attempt(ctx, c); err != nil {
		if mylink.Code(err) != 0 {
			return "", activities.FindingBoth("server %s says that it takes writes (read_only is off), and a write fails: %v",
				"サーバー %s は書き込み可能（read_only が OFF）と応答するが、書き込みに失敗する：%v", t.Name, err)
		}
		return "", fmt.Errorf("write on %s: %w", t.Name, err)
	}
	return takesWrites, nil
}

// attempt writes into a table of muster's own and takes the write back. The table is made
// where it is missing, in a database of its own and without an entry in the binary log: no
// replica gets it, and no server differs from another by a global transaction ID.
func attempt(ctx context.Context, c *mylink.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for _, sql := range []string{
		"SET SESSION sql_log_bin = 0, lock_wait_timeout = 3, innodb_lock_wait_timeout = 3",
		"CREATE DATABASE IF NOT EXISTS muster_local",
		"CREATE TABLE IF NOT EXISTS muster_local.writer_check (at DATETIME NOT NULL) ENGINE = InnoDB",
		"START TRANSACTION",
		"INSERT INTO muster_local.writer_check VALUES (NOW())",
		"ROLLBACK",
		"SET SESSION sql_log_bin = 1",
	} {
		if _, err := c.ExecContext(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
