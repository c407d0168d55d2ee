package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Promote is the parameters of mysql.promote.
type Promote struct {
	Server Target       `json:"server" kind:"mysql" help:"Replica that becomes primary." ja:"プライマリにするレプリカ" example:"shop-osaka"`
	MaxLag int          `json:"max_lag" help:"Refuse when it is known to lack more than this many transactions of the old primary." ja:"旧プライマリのトランザクションのうち、受信していないとわかっているものがこの数を超えれば拒否する" default:"0"`
	Wait   run.Duration `json:"wait" help:"How long each may take: to receive the rest from a fenced primary that still sends, and to apply what was received." ja:"次のそれぞれを待つ時間。フェンス後も送信できる旧プライマリからの残りの受信と、受信済みの適用" default:"60s"`
}

// Promoted is its result.
type Promoted struct {
	Server   string `json:"server" help:"The new primary." ja:"新しいプライマリ"`
	GTID     string `json:"gtid" help:"Position at which it took over." ja:"引き継いだ位置"`
	Lag      int64  `json:"lag" help:"Transactions of the old primary that it had not received." ja:"旧プライマリから受信していなかったトランザクション数"`
	LagKnown bool   `json:"lag_known" help:"Whether the old primary itself could still say what it has." ja:"旧プライマリ自身が現在の位置を答えられたか"`
	Applied  int64  `json:"applied" help:"Transactions that were received and had still to be applied." ja:"受信済みで未適用だったトランザクション数"`
	Kept     bool   `json:"kept" help:"Whether it takes writes after a restart too. When not, mysql.keep_role on its own host does that." ja:"再起動後も書き込みを受け付けるか。受け付けない場合は、そのホストで mysql.keep_role を使う"`
	Events   int    `json:"events_disabled" help:"Scheduled events that are disabled on it because they came by replication: enable those that the primary is to run." ja:"複製で届いたため無効になっているイベント。プライマリで動かすものは有効にする"`
}

func promote(ctx context.Context, p Promote) (Promoted, error) {
	if err := notFenced(p.Server); err != nil {
		return Promoted{}, err
	}
	c, err := reach(ctx, p.Server, p.Wait.Std())
	if err != nil {
		return Promoted{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return Promoted{}, err
	}
	out := Promoted{Server: p.Server.Name}
	switch {
	case v.role() == rolePrimary:
		return finish(ctx, c, p.Server, out)
	case v.Replica == nil:
		return Promoted{}, activities.RefusedBoth("server %s follows nobody and is read-only, so it is no replica; a fenced primary is let go on by mysql.unfence",
			"サーバー %s は読み取り専用で、どのサーバーにも追従していないため、レプリカではない。フェンスしたプライマリは mysql.unfence で書き込みを再開できる", p.Server.Name)
	case v.Replica.ApplyNo != 0:
		return Promoted{}, activities.RefusedBoth("server %s stopped applying with %s; what it received since would be lost: repair it, or promote another replica",
			"サーバー %s は適用が %s で止まっている。その後に受信した変更が失われるため、修復するか、別のレプリカを昇格する", p.Server.Name, v.Replica.trouble())
	}
	if err := countable(p.Server, v); err != nil {
		return Promoted{}, err
	}
	if out.Lag, out.LagKnown, err = oldPrimary(ctx, c, p, v, nil); err != nil {
		return Promoted{}, err
	}
	if out.Lag > int64(max(p.MaxLag, 0)) {
		return Promoted{}, activities.RefusedBoth("%s lacks %d transactions of the old primary, more than max_lag %d allows: they would be lost; raise max_lag if that is accepted",
			"%s には旧プライマリのトランザクションが %d 件不足しており、max_lag %d を超えている。その分のデータが失われる。損失を許容する場合は max_lag を引き上げる",
			p.Server.Name, out.Lag, p.MaxLag)
	}
	if !out.LagKnown {
		if err := receiving(ctx, c, p.Server, v); err != nil {
			return Promoted{}, err
		}
	}
	noteStop(ctx, p.Server)
	if out.Applied, err = takeOver(ctx, c, p.Server, p.Wait.Std()); err != nil {
		return Promoted{}, err
	}
	return finish(ctx, c, p.Server, out)
}

// receiving refuses a replica that was stopped, or turned away, while nobody can say any more what the old primary
// wrote since. One that lost its primary still tries, or gave up with an error of the connection. One that takes
// writes, or that this step noted, was stopped by an attempt that was cut off.
func receiving(ctx context.Context, c *mylink.Conn, t Target, v view) error {
	r, d := v.Replica, dialects[c.Flavour]
	switch {
	case r.Receives != "No" || r.ReceiveNo != 0 && !r.turnedAway() || !v.ReadOnly || stoppedByUs(ctx):
		return nil
	case d.startForgets && r.Applies == "No" && !v.Has.Has(r.Received): // takeOver says what has to come first
		return nil
	}
	return activities.RefusedBoth("replica %s does not receive (%s: No%s), and the old primary can't be asked what it wrote since: how much would be lost can't be told, it may be days; promote another replica; if that loss is accepted, %s on %[1]s and repeat the step",
		"レプリカ %s は受信していない（%s：No%s）。その後の書き込みを旧プライマリに確認することもできないため、失われる量を判断できず、数日分に及ぶおそれもある。別のレプリカを昇格する。損失を許容する場合は、%[1]s で %[4]s を実行してからステップを再実行する",
		t.Name, d.columns.ioRunning, after(r.trouble()), d.startIO)
}

func after(trouble string) string {
	if trouble == "" {
		return ""
	}
	return ", " + trouble
}

// stopping is what the site's ledger keeps of a promotion that was about to stop its receiver.
type stopping struct {
	Stops bool `json:"stops"`
}

// noteStop holds no promotion up.
func noteStop(ctx context.Context, t Target) {
	if err := activities.Keep(ctx, stopping{true}); err != nil {
		activities.Log(ctx).Warn("a promotion that is cut off will look like a replica that somebody stopped", "server", t.Name, "err", err)
	}
}

func stoppedByUs(ctx context.Context) bool {
	var n stopping
	found, err := activities.Kept(ctx, &n)
	return err == nil && found && n.Stops
}

// countable refuses a replica that does not replicate by GTID: what such a one has received
// is not in its status, so that what it has still to apply looks like nothing, and would go
// with its relay log.
func countable(t Target, v view) error {
	if v.threads().ByGTID {
		return nil
	}
	return activities.RefusedBoth("replica %s does not replicate by GTID, so what it received and has not applied can't be told and would be lost: once it has applied all (Exec_Master_Log_Pos = Read_Master_Log_Pos), STOP SLAVE, CHANGE MASTER TO MASTER_USE_GTID = slave_pos, START SLAVE (MySQL: SOURCE_AUTO_POSITION = 1), and repeat the step; or promote another replica",
		"レプリカ %s は GTID でレプリケーションしていないため、受信済みで未適用の変更があるか判断できず、昇格すると失われるおそれがある。すべて適用されるのを待ち（Exec_Master_Log_Pos = Read_Master_Log_Pos）、STOP SLAVE、CHANGE MASTER TO MASTER_USE_GTID = slave_pos、START SLAVE を行って（MySQL では SOURCE_AUTO_POSITION = 1）ステップを再実行するか、別のレプリカを昇格する", t.Name)
}

// oldPrimary finds the server that c's follows and refuses when that still takes writes, or
// would again. One that is a replica itself may have a primary that takes writes, which is
// looked for up to the first. One that is fenced and still sends is waited for. known is false
// when the first could not be asked; the lag is then that to those that could. before are the
// IDs of the servers on the way up.
func oldPrimary(ctx context.Context, c *mylink.Conn, p Promote, v view, before []string) (lag int64, known bool, err error) {
	before = append(before, v.ServerID)
	old := p.Server
	old.Name = "the server that " + p.Server.Name + " followed"
	old.Spec.Host, old.Spec.Port, old.Spec.Data, old.Spec.Config = v.Replica.Host, v.Replica.Port, "", ""
	if err := activities.MayReach(ctx, mylink.Address(old.Spec)); err != nil {
		return 0, false, err
	}
	where := "the old primary at " + mylink.Address(old.Spec)
	// A dead site answers nothing at all, and the recovery waits for this: a second
	// is what a healthy primary needs many times over.
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	o, err := visit(soon, old)
	another := v.Replica.ServerID != "0" && o.ServerID != v.Replica.ServerID
	switch {
	case err == nil && another && (o.ServerID == v.ServerID && o.Replica != nil || !o.kin(v)):
		return 0, false, nil // the address leads to the replica itself, or to something that has nothing to do with it
	case err == nil && another && !o.ReadOnly:
		return 0, false, activities.RefusedBoth("another server than the one that %s followed is at %s now (server_id %s, not %s), has transactions of the same sources and takes writes: fence it first (mysql.fence), or use mysql.switchover from it",
			"%[2]s では現在、%[1]s が追従していたものとは別のサーバーが稼働している（server_id は %[4]s ではなく %[3]s）。同じ系統のトランザクションを持ち、書き込みを受け付けているため、先にフェンスする（mysql.fence）か、mysql.switchover でそこから切り替える",
			p.Server.Name, mylink.Address(old.Spec), o.ServerID, v.Replica.ServerID)
	case err == nil && !o.ReadOnly:
		return 0, false, activities.RefusedBoth("%s still takes writes; fence it first (mysql.fence), or use mysql.switchover to move without loss",
			"%s はまだ書き込みを受け付けている。先にフェンスする（mysql.fence）か、mysql.switchover で損失なく移す", where)
	case err == nil:
		known = !another                                                                                              // another copy is at most as new as the old primary
		if o.Replica != nil && !slices.Contains(before, o.Replica.ServerID) && !slices.Contains(before, o.ServerID) { // else each follows the other
			up := p
			up.Server.Name = mylink.Address(old.Spec)
			var above bool
			if lag, above, err = oldPrimary(ctx, c, up, o, before); err != nil {
				return 0, false, err
			}
			known = known && above
		}
		rest, err := awaitRest(ctx, c, o, p.Wait.Std())
		return max(lag, rest), known, err
	case mylink.Hung(err) || errors.Is(err, context.DeadlineExceeded) && !isConnectError(err):
		return 0, false, activities.RefusedBoth("%s takes connections and answers nothing: it is hung, not gone, and would take writes again; fence it first (mysql.fence)",
			"%s は接続を受け付けるが応答しない。停止ではなくハングしており、再び書き込みを受け付けるおそれがある。先にフェンスする（mysql.fence）", where)
	case mylink.Code(err) == mylink.CodeShutdown:
		return 0, false, activities.RefusedBoth("%s is stopping (%v); fence it first (mysql.fence)",
			"%s は停止処理中である（%v）。先にフェンスする（mysql.fence）", where, err)
	case mylink.Code(err) != 0 || mylink.Denied(err):
		return 0, false, activities.RefusedBoth("%s runs and does not let muster in, so whether it takes writes can't be told: %v",
			"%s は稼働しているが muster のログインを受け付けず、書き込みを受け付けるか判断できない：%v", where, err)
	}
	return 0, false, nil
}

func isConnectError(err error) bool {
	var e *mylink.Error
	return errors.As(err, &e)
}

// awaitRest waits for what a fenced primary still sends, as long as the replica receives,
// and counts what is then lacking.
func awaitRest(ctx context.Context, c *mylink.Conn, old view, within time.Duration) (int64, error) {
	until := time.Now().Add(within)
	for {
		v, err := see(ctx, c)
		if err != nil || v.Replica == nil {
			return 0, err
		}
		lag := v.Has.With(v.Replica.Received).Lacks(old.Has)
		if lag == 0 || v.Replica.Receives == "No" || v.Replica.ReceiveNo != 0 || time.Now().After(until) {
			return lag, nil
		}
		if err := wait(ctx, tick); err != nil {
			return lag, err
		}
	}
}

// takeOver applies all that the replica behind c has received, lets it take writes and
// makes it forget whom it followed, in that order: an attempt that is cut off in between
// still knows the old primary.
func takeOver(ctx context.Context, c *mylink.Conn, t Target, within time.Duration) (applied int64, err error) {
	d := dialects[c.Flavour]
	step := func(sql string) error {
		if err := tell(ctx, c, 30*time.Second, mark+sql); err != nil {
			return fmt.Errorf("promote %s: %s: %w", t.Name, sql, err)
		}
		return nil
	}
	// First while it may still receive, then what came until it was stopped from that.
	_, applied, err = applyAll(ctx, c, t, within)
	if err != nil {
		return applied, err
	}
	if err := step(d.stopIO); err != nil {
		return applied, err
	}
	received, _, err := applyAll(ctx, c, t, within)
	if err != nil {
		return applied, err
	}
	if err := step(d.stop); err != nil {
		return applied, err
	}
	v, err := see(ctx, c)
	if err != nil {
		return applied, err
	}
	if n := v.Has.Lacks(received); n > 0 {
		return applied, activities.FindingBoth("server %s had received %d transactions that it does not have now: nothing was promoted; see its log",
			"サーバー %s が受信していた %d 件のトランザクションがなくなっている。昇格は行っていない。ログを確認する", t.Name, n)
	}
	for _, sql := range append(append([]string{}, d.readWrite...), d.forget) {
		if err := step(sql); err != nil {
			return applied, err
		}
	}
	return applied, nil
}

// applyAll waits until the replica has applied what it has received, and says what that was
// and how much of it was not yet applied.
func applyAll(ctx context.Context, c *mylink.Conn, t Target, within time.Duration) (received mylink.Position, first int64, err error) {
	until := time.Now().Add(within)
	for n := 0; ; n++ {
		v, err := see(ctx, c)
		if err != nil || v.Replica == nil { // nil: an earlier attempt's statement came through
			return received, first, err
		}
		received = v.Replica.Received
		left := v.Has.Lacks(received)
		if n == 0 {
			first = left
		}
		switch {
		case left == 0:
			return received, first, nil
		case v.Replica.ApplyNo != 0:
			return received, first, activities.FindingBoth("server %s received %d transactions that it can't apply, %s: nothing was promoted",
				"サーバー %s は受信済みの %d 件のトランザクションを適用できない（%s）。昇格は行っていない", t.Name, left, v.Replica.trouble())
		case v.Replica.Applies == "No" && v.Replica.Receives == "No" && dialects[c.Flavour].startForgets:
			return received, first, activities.RefusedBoth("server %s received %d transactions that it has not applied, and both its threads are stopped: starting them throws those away (MariaDB asks the primary for them again, which is gone); apply its relay log by hand (mariadb-binlog), or promote another replica",
				"サーバー %s には受信済みで未適用のトランザクションが %d 件あり、両方のスレッドが停止している。スレッドを起動するとそれらは破棄される（MariaDB は失われたプライマリに再送を求める）。リレーログを手作業で適用する（mariadb-binlog）か、別のレプリカを昇格する", t.Name, left)
		case v.Replica.Applies == "No" && n == 0:
			if err := tell(ctx, c, answerWithin, mark+dialects[c.Flavour].startSQL); err != nil {
				return received, first, err
			}
		case time.Now().After(until):
			return received, first, activities.FindingBoth("server %s has still %d received transactions to apply after %s: nothing was promoted; wait, or raise wait",
				"サーバー %s には %[3]s 経過後も未適用の受信済みトランザクションが %[2]d 件ある。昇格は行っていない。待ってから再実行するか、wait を長くする", t.Name, left, within)
		}
		if err := wait(ctx, tick); err != nil {
			return received, first, err
		}
	}
}

// finish makes sure that the new primary is one: it keeps the role over a restart, where its
// options are on this host, and takes a write.
func finish(ctx context.Context, c *mylink.Conn, t Target, out Promoted) (Promoted, error) {
	if err := keepRole(ctx, c, t, false); err != nil {
		return out, err
	}
	v, err := see(ctx, c)
	if err != nil {
		return out, err
	}
	if v.role() != rolePrimary {
		return out, activities.FindingBoth("server %s was promoted, and is %s",
			"サーバー %s を昇格したが、現在の役割は %s である", t.Name, v.role())
	}
	if err := attempt(ctx, c); err != nil {
		return out, activities.FindingBoth("server %s was promoted and says that it takes writes, and a write fails: %v",
			"サーバー %s は昇格後に書き込み可能と応答するが、書き込みに失敗する：%v", t.Name, err)
	}
	out.GTID = v.GTID
	if out.Events, err = ask[int](ctx, c, "SELECT COUNT(*) FROM information_schema.events WHERE status LIKE '%SIDE%DISABLED%'"); err != nil {
		return out, err
	}
	out.Kept, err = kept(ctx, c, t, v)
	return out, err
}

func lookPromoted(ctx context.Context, p Promote) (activities.Seen, error) {
	if f, err := fencedHere(p.Server); err != nil || f != nil { // the action refuses, and says it
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is fenced", "%s はフェンスされている", p.Server.Name)}, err
	}
	c, err := connect(ctx, p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	defer c.Close()
	what, err := underWay(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	if what != "" {
		return activities.Seen{Sight: plan.CannotTell, Detail: told("%s still carries out %q of an earlier attempt", "%s では前回の試行の %q がまだ実行中である", p.Server.Name, what)}, nil
	}
	v, err := see(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	switch {
	case v.role() == rolePrimary:
		lasts, err := kept(ctx, c, p.Server, v)
		if err != nil {
			return activities.Seen{}, err
		}
		if _, here := mylink.Instance(p.Server); here && !lasts {
			return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s is primary, and would be read-only after a restart", "%s はプライマリだが、再起動すると読み取り専用になる", p.Server.Name)}, nil
		}
		return activities.Seen{Sight: plan.Holds, Detail: told("%s is primary at %s", "%s はプライマリである（位置 %s）", p.Server.Name, v.GTID), Output: Promoted{Server: p.Server.Name, GTID: v.GTID, Kept: lasts}}, nil
	case v.Replica == nil:
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is read-only and follows nobody", "%s は読み取り専用で、どのサーバーにも追従していない", p.Server.Name)}, nil
	case !v.ReadOnly || v.Replica.Receives == "No":
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s is a replica that was stopped", "%s は停止されたレプリカである", p.Server.Name)}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is a replica", "%s はレプリカである", p.Server.Name)}, nil
}
