package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Rejoin is the parameters of mysql.rejoin.
type Rejoin struct {
	Server  Target       `json:"server" kind:"mysql" help:"Server that becomes a replica; where it is managed, it may be dead, frozen, stopped or running." ja:"レプリカにするサーバー。管理対象であれば、稼働状態は問わない" example:"shop-tokyo"`
	Follow  Target       `json:"follow" kind:"mysql" help:"Primary that it will follow." ja:"追随先となるプライマリ" example:"shop-osaka"`
	Rebuild bool         `json:"rebuild" help:"When it is proven to have transactions that the primary lacks, or to lack some that the primary's log does not have any more: throw away its databases and load the primary's, from a dump that is taken over the network. Its accounts stay." ja:"プライマリにないトランザクションがある、または不足分がプライマリのログに残っていないと確認された場合、データベースを破棄し、ネットワーク経由で取るダンプからプライマリの内容を読み込む。アカウントは残る" default:"false"`
	Wait    run.Duration `json:"wait" help:"How long it may take until it replicates." ja:"複製が始まるまで待つ時間" default:"10m"`
}

// Rejoined is its result.
type Rejoined struct {
	Server    string  `json:"server" help:"The new replica." ja:"新しいレプリカ"`
	Follow    string  `json:"follow" help:"The primary it follows." ja:"追随先のプライマリ"`
	Method    string  `json:"method" help:"follow (its data fitted) or rebuild." ja:"follow（データがそのまま使えた）または rebuild"`
	Bytes     int64   `json:"bytes" help:"How much was loaded by a rebuild." ja:"再構築で読み込んだ大きさ"`
	DurationS float64 `json:"duration_s" help:"Until it replicated, in seconds." ja:"複製が始まるまでの秒数"`
	GTID      string  `json:"gtid" help:"Position that it had then: at least one transaction that was made on the primary after it began." ja:"そのときの位置。開始後にプライマリで作られたトランザクションを1つ以上含む"`
	Kept      bool    `json:"kept" help:"Whether it stays read-only over a restart, as far as that is seen from here." ja:"再起動後も読み取り専用のままか（接続元からわかる範囲）"`
}

const (
	byFollowing = "follow"
	byRebuild   = "rebuild"
)

// stillFor is how long a replica may make no headway before that is told.
const stillFor = 20 * time.Second

func rejoin(ctx context.Context, p Rejoin) (Rejoined, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	began := time.Now()
	j := &joining{Rejoin: p, out: Rejoined{Server: p.Server.Name, Follow: p.Follow.Name, Method: byFollowing}}
	defer j.close()
	if err := j.prepare(ctx); err != nil {
		return Rejoined{}, err
	}
	if err := j.join(ctx); err != nil {
		return Rejoined{}, err
	}
	j.out.DurationS = time.Since(began).Seconds()
	return j.out, nil
}

// joining is one rejoin on its way.
type joining struct {
	Rejoin
	out     Rejoined
	i       *mycluster.Instance // nil when the server is not managed here
	primary *mylink.Conn        // to the server that is followed
	server  *mylink.Conn        // to the one that will follow
	unfit   bool                // following it proved that its data do not fit
}

func (j *joining) close() {
	j.primary.Close()
	j.server.Close()
}

// prepare finds out what both servers are, refuses what must not be done, and brings the
// one that will follow up, read-only.
func (j *joining) prepare(ctx context.Context) (err error) {
	if j.Server.Name == j.Follow.Name {
		return activities.RefusedBoth("server and follow are both %s",
			"server と follow がどちらも %s である", j.Server.Name)
	}
	if j.primary, err = reach(ctx, j.Follow, 30*time.Second); err != nil {
		return err
	}
	of, err := see(ctx, j.primary)
	if err != nil {
		return err
	}
	if of.role() != rolePrimary {
		return activities.RefusedBoth("server %s is %s itself; promote it first, or follow its primary",
			"サーバー %s 自身の役割が %s である。先に昇格するか、そのプライマリに追従させる", j.Follow.Name, of.role())
	}
	i, err := managed(j.Server)
	if err == nil {
		j.i = i
		err = j.raise(ctx)
	} else if _, here := mylink.Instance(j.Server); here {
		return err // it lacks something that the estate should name
	} else {
		err = nil
	}
	if err != nil {
		return err
	}
	if j.server, err = reach(ctx, j.Server, 30*time.Second); err != nil {
		return err
	}
	v, err := see(ctx, j.server)
	if err != nil {
		return err
	}
	if v.role() == rolePrimary {
		return activities.RefusedBoth("%s takes writes beside %s: fence it first (mysql.fence), so that nobody's write is thrown away unseen",
			"%s が %s と並んで書き込みを受け付けている。書き込みが気付かれずに失われないよう、先にフェンスする（mysql.fence）", j.Server.Name, j.Follow.Name)
	}
	if v.ServerID == of.ServerID {
		return activities.RefusedBoth("%s and %s have the same server_id %s, and can't replicate from one another; correct their options",
			"%s と %s の server_id がどちらも %s のため、互いにレプリケーションできない。オプションを修正する", j.Server.Name, j.Follow.Name, v.ServerID)
	}
	return nil
}

// raise brings a managed server up. Whoever starts it from here on: read-only.
func (j *joining) raise(ctx context.Context) error {
	procs, err := j.i.Processes()
	if err != nil {
		return err
	}
	if len(procs) > 0 && !frozen(j.i) {
		return nil
	}
	if err := j.i.KeepReadOnly(true); err != nil {
		return err
	}
	if err := bringDown(ctx, j.i); err != nil {
		return err
	}
	_, err = startAndSee(ctx, j.i, j.Server, j.Wait.Std())
	return err
}

// join makes the server follow, and rebuilds it when that is allowed and its data are
// proven unfit: by what both servers have, or by what following showed. Whatever else keeps
// it from following is told, and leaves its data alone. Each step repeats safely after a
// crash anywhere.
func (j *joining) join(ctx context.Context) error {
	if j.i != nil {
		if err := j.i.KeepReadOnly(true); err != nil {
			return err
		}
	}
	why, err := j.diverged(ctx)
	if err != nil {
		return err
	}
	if why.EN == "" {
		err = j.follow(ctx)
		if err == nil {
			return j.settle(ctx)
		}
		if !j.unfit { // a login, a network, a full disk: the data may be sound, and no rebuild mends it
			return err
		}
		why = plan.Apart(text(err))
	}
	if !j.Rebuild {
		return activities.FindingBoth("server %s can't follow %s: %s. What only it has is lost by any way back: save that first if it matters, then rejoin with rebuild: true, or restore %[1]s from a physical backup of %[2]s",
			"サーバー %s は %s に追従できない：%s。このサーバーだけにあるデータは、どの方法で戻しても失われる。必要なら先に退避し、rebuild: true で再実行するか、%[2]s の物理バックアップから %[1]s を復元する",
			j.Server.Name, j.Follow.Name, why)
	}
	activities.Log(ctx).Warn("the server is rebuilt from its primary", "server", j.Server.Name, "reason", why.EN)
	if err := j.rebuild(ctx); err != nil {
		return fmt.Errorf("rebuild %s: %w", j.Server.Name, err)
	}
	j.out.Method = byRebuild
	if err := j.follow(ctx); err != nil {
		return err
	}
	return j.settle(ctx)
}

// diverged says, from what both have, that the server has transactions which its primary
// lacks, or nothing. That it says nothing is no proof: then the primary decides, when it is
// followed.
func (j *joining) diverged(ctx context.Context) (none plan.Text, err error) {
	half, err := halfRebuilt(ctx, j.server)
	if err != nil {
		return none, err
	}
	if half {
		return plan.Say("a rebuild of it was cut off", "再構築が途中で止まっている"), nil
	}
	v, err := see(ctx, j.server)
	if err != nil {
		return none, err
	}
	of, err := see(ctx, j.primary) // after the other, which may be following it
	if err != nil {
		return none, err
	}
	return apart(v, of, j.Follow), nil
}

// apart says how v's data differ from those of its primary t, which was seen after it as of, or nothing.
func apart(v, of view, t Target) plan.Text {
	if n := of.Has.Lacks(v.Has); n > 0 {
		return plan.Say("it has %d transactions that %s lacks (it stands at %s, the primary at %s)",
			"%[2]s にないトランザクションが %[1]d 件ある（このサーバーは %[3]s、プライマリは %[4]s）", n, t.Name, v.GTID, of.GTID)
	}
	return conflict(v, of)
}

// halfRebuilt reports whether a rebuild of the server was begun and not ended.
func halfRebuilt(ctx context.Context, c *mylink.Conn) (bool, error) {
	n, err := ask[int](ctx, c, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?", rebuilding)
	return n > 0, err
}

// conflict finds, in MariaDB's positions, a transaction of the same number that two servers
// wrote each for itself.
func conflict(a, b view) plan.Text {
	if a.Flavour != mycluster.MariaDB {
		return plan.Text{}
	}
	for one := range strings.SplitSeq(a.GTID, ",") {
		for other := range strings.SplitSeq(b.GTID, ",") {
			x, y := strings.Split(one, "-"), strings.Split(other, "-")
			if len(x) == 3 && len(y) == 3 && x[0] == y[0] && x[2] == y[2] && x[1] != y[1] {
				return plan.Say("transaction %s of domain %s was written twice: %s and %s", "ドメイン %[2]s のトランザクション %[1]s が二重に書かれている：%[3]s と %[4]s", x[2], x[0], one, other)
			}
		}
	}
	return plan.Text{}
}

// follow makes the server a replica of the primary and returns when it has applied a
// transaction that was made there afterwards: an error 1236, by which a primary says that
// the replica's data do not fit, may come seconds after all threads said Yes.
func (j *joining) follow(ctx context.Context) error {
	v, err := see(ctx, j.server)
	if err != nil {
		return err
	}
	of, err := see(ctx, j.primary)
	if err != nil {
		return err
	}
	if !v.ReadOnly || !v.follows(j.Follow, of) || !v.Replica.running() || !v.Replica.ByGTID {
		if err := quiet(ctx, j.server); err != nil {
			return err
		}
		for _, s := range dialects[j.server.Flavour].follow(j.server.Flavour, j.Follow.Spec) {
			if err := tell(ctx, j.server, 30*time.Second, mark+s.sql, s.args...); err != nil {
				what, _, _ := strings.Cut(s.sql, "=") // its values hold the password
				return fmt.Errorf("make %s follow %s: %s...: %s", j.Server.Name, j.Follow.Name, what, safely(err, s.args))
			}
		}
	}
	if of, err = j.beat(ctx); err != nil {
		return err
	}
	return j.arrive(ctx, of)
}

// safely is an error's text without a statement's values, of which it may quote some.
func safely(err error, args []any) string {
	s := err.Error()
	for _, a := range args {
		if word, ok := a.(string); ok && word != "" {
			s = strings.ReplaceAll(s, word, "***")
		}
	}
	return s
}

// arrive waits until the server has what the primary had as of. While it makes headway it
// has time.
func (j *joining) arrive(ctx context.Context, of view) error {
	var lacks int64
	for still := time.Now(); ; {
		v, err := awaitPosition(ctx, j.server, j.Server, j.Follow, of, time.Now().Add(time.Second))
		if err == nil {
			j.out.GTID = v.GTID
			return nil
		}
		if !errors.Is(err, errNotYet) {
			j.unfit = v.threads().unfit()
			return err
		}
		if now := v.Has.Lacks(of.Has); now != lacks {
			lacks, still = now, time.Now()
		}
		if time.Since(still) > stillFor {
			return activities.FindingBoth("server %s follows %s and makes no headway (receives %s, applies %s) %s",
				"サーバー %s は %s に追従しているが、進んでいない（受信 %s、適用 %s）%s", j.Server.Name, j.Follow.Name, v.threads().Receives, v.threads().Applies, v.threads().trouble())
		}
	}
}

// beat makes a transaction on the primary and says where it stands after it.
func (j *joining) beat(ctx context.Context) (view, error) {
	there, err := ask[int](ctx, j.primary, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'muster' AND table_name = 'heartbeat'")
	if err != nil {
		return view{}, err
	}
	statements := []string{"CREATE DATABASE IF NOT EXISTS muster",
		"CREATE TABLE IF NOT EXISTS muster.heartbeat (name VARCHAR(200) NOT NULL PRIMARY KEY, at DATETIME NOT NULL) ENGINE = InnoDB"}
	if there > 0 {
		statements = nil
	}
	for _, sql := range statements {
		if err := tell(ctx, j.primary, answerWithin, sql); err != nil {
			return view{}, fmt.Errorf("make a transaction on %s: %w", j.Follow.Name, err)
		}
	}
	if err := tell(ctx, j.primary, answerWithin, "REPLACE INTO muster.heartbeat (name, at) VALUES (?, NOW())", j.Server.Name); err != nil {
		return view{}, fmt.Errorf("make a transaction on %s: %w", j.Follow.Name, err)
	}
	return see(ctx, j.primary)
}

// settle takes the fence off: the server is a replica now, and read-only by its options.
func (j *joining) settle(ctx context.Context) (err error) {
	v, err := see(ctx, j.server)
	if err != nil {
		return err
	}
	if !v.ReadOnly {
		return activities.FindingBoth("server %s follows %s and is not read-only",
			"サーバー %s は %s に追従しているが、読み取り専用になっていない", j.Server.Name, j.Follow.Name)
	}
	for _, s := range dialects[j.server.Flavour].readOnly { // of MariaDB they change nothing, of MySQL they are what persists
		if err := tell(ctx, j.server, answerWithin, mark+s); err != nil {
			return err
		}
	}
	if j.out.Kept, err = kept(ctx, j.server, j.Server, v); err != nil || j.i == nil {
		return err
	}
	if !j.out.Kept {
		return activities.FindingBoth("server %s would take writes after a restart: its options do not say read_only at the end; let its main option file include %s last",
			"サーバー %s は再起動すると書き込みを受け付ける。最終的なオプションが read_only になっていない。メインのオプションファイルの最後で %s を読み込むようにする", j.Server.Name, j.i.Config)
	}
	return dropFence(j.i)
}

func lookRejoined(ctx context.Context, p Rejoin) (activities.Seen, error) {
	of, err := visit(ctx, p.Follow)
	if err != nil {
		return activities.Seen{}, err
	}
	i, here := mylink.Instance(p.Server)
	if here {
		half := i.HoldsDatabase(rebuilding)
		if procs, err := i.Processes(); err != nil || len(procs) == 0 {
			return activities.Seen{Sight: plan.HoldsNot, Partial: half, Detail: told("%s does not run", "%s は稼働していない", p.Server.Name)}, err
		}
		if frozen(i) {
			return activities.Seen{Sight: plan.HoldsNot, Partial: half, Detail: told("%s is frozen", "%s は凍結している", p.Server.Name)}, nil
		}
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
	half, err := halfRebuilt(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	v, err := see(ctx, c)
	switch {
	case err != nil:
		return activities.Seen{}, err
	case what != "":
		return activities.Seen{Sight: plan.CannotTell, Detail: told("%s still carries out %q of an earlier attempt", "%s では前回の試行の %q がまだ実行中である", p.Server.Name, what)}, nil
	case half:
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("a rebuild of %s was cut off: its data are half of something", "%s の再構築が途中で止まっており、データは不完全である", p.Server.Name)}, nil
	case !v.follows(p.Follow, of):
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s does not follow %s", "%s は %s に追従していない", p.Server.Name, p.Follow.Name)}, nil
	case !v.Replica.running() || v.Replica.trouble() != "" || !v.ReadOnly:
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s follows %s and does not replicate: %s", "%s は %s に追従しているが、レプリケーションできていない：%s", p.Server.Name, p.Follow.Name, v.Replica.trouble())}, nil
	case !v.Has.Has(of.Has):
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s has not caught up yet", "%s はまだ追いついていない", p.Server.Name)}, nil
	}
	if of, err = visit(ctx, p.Follow); err != nil { // anew: what the replica has by now, it has got from it
		return activities.Seen{}, err
	}
	if why := apart(v, of, p.Follow); why.EN != "" {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s follows %s, and their data differ: %s", "%s は %s に追従しているが、データが食い違っている：%s", p.Server.Name, p.Follow.Name, why)}, nil
	}
	if here && i.Config != "" {
		if f, err := fenceOf(i); err != nil || f != nil {
			return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s replicates, but its fence is still there", "%s はレプリケーションしているが、フェンスが残っている", p.Server.Name)}, err
		}
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("%s replicates from %s", "%s は %s からレプリケーションしている", p.Server.Name, p.Follow.Name),
		Output: Rejoined{Server: p.Server.Name, Follow: p.Follow.Name, Method: byFollowing, GTID: v.GTID}}, nil
}
