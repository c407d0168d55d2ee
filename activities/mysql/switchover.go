package mysql

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Switchover is the parameters of mysql.switchover.
type Switchover struct {
	From   Target       `json:"from" kind:"mysql" help:"Primary now; runs on the worker of its host." ja:"現在のプライマリ。そのホストのワーカーで実行する" example:"shop-tokyo"`
	To     Target       `json:"to" kind:"mysql" help:"Replica that follows it and becomes primary. mysql.keep_role on its own host then keeps it one over a restart." ja:"追随しており、プライマリにするレプリカ。再起動後も保つには、そのホストで mysql.keep_role を使う" example:"shop-osaka"`
	MaxLag int          `json:"max_lag" help:"Wait until the replica lacks at most this many transactions before writes are stopped." ja:"レプリカの不足がこのトランザクション数以下になるのを待ってから書き込みを止める" default:"100"`
	Wait   run.Duration `json:"wait" help:"How long each of catching up, stopping writes, promoting and rejoining may take." ja:"追いつき、書き込みの停止、昇格、再参加のそれぞれを待つ時間" default:"2m"`
}

// Switched is its result.
type Switched struct {
	From      string  `json:"from" help:"The replica now." ja:"新しいレプリカ"`
	To        string  `json:"to" help:"The primary now." ja:"新しいプライマリ"`
	GTID      string  `json:"gtid" help:"Where the old primary stopped, all of which the new one had." ja:"旧プライマリが止まった位置。新しいプライマリもすべて持っている"`
	BlockedS  float64 `json:"blocked_s" help:"From stopping the old primary's writes to the new one taking them, in seconds; 0 when an earlier attempt did part of it." ja:"旧プライマリの書き込み停止から新しいプライマリの書き込み開始までの秒数。前の試行で一部が済んでいた場合は0"`
	DurationS float64 `json:"duration_s" help:"The whole, until the old primary replicates." ja:"旧プライマリが複製を始めるまでの全体の秒数"`
}

// The stages that two servers can be seen in between "from is primary" and "to is primary
// and from follows it". Whatever was cut off where, the next attempt begins at what it sees.
type stage string

const (
	before  stage = "before"  // from is primary, to follows it
	begun   stage = "begun"   // so they are still, and from has the marker of one that hands over
	halted  stage = "halted"  // from takes no writes any more, to is not promoted
	moved   stage = "moved"   // to is primary, from does not follow it
	done    stage = "done"    // to is primary and from follows it
	turned  stage = "turned"  // from follows to, which an earlier switch to from marked and did not move
	ongoing stage = "ongoing" // a statement of an earlier attempt is still under way
)

func switchover(ctx context.Context, p Switchover) (Switched, error) {
	s := &switching{Switchover: p, out: Switched{From: p.From.Name, To: p.To.Name}}
	began := time.Now()
	if p.From.Name == p.To.Name {
		return Switched{}, activities.RefusedBoth("from and to are both %s",
			"from と to がどちらも %s である", p.From.Name)
	}
	if err := s.open(ctx); err != nil {
		return Switched{}, err
	}
	defer s.close()
	for range 200 { // each stage leads to the next, or back to "before" once; "ongoing" is short
		at, err := s.stage(ctx)
		if err != nil {
			return Switched{}, err
		}
		if at == done {
			s.out.DurationS = time.Since(began).Seconds()
			return s.out, nil
		}
		if err := s.step(ctx, at); err != nil {
			return Switched{}, err
		}
	}
	return Switched{}, activities.FindingBoth("the switch from %s to %s does not come to its end; look at the logs of both",
		"%s から %s への切り替えが完了しない。両サーバーのログを確認する", p.From.Name, p.To.Name)
}

// switching is one switchover on its way.
type switching struct {
	Switchover
	out    Switched
	i      *mycluster.Instance // from
	to     *mylink.Conn
	haltAt time.Time // when this attempt stopped from's writes
	backed bool      // from was already let go on once
}

func (s *switching) open(ctx context.Context) (err error) {
	if s.i, err = managed(s.From); err != nil {
		return err
	}
	s.to, err = connect(ctx, s.To)
	return err
}

func (s *switching) close() { s.to.Close() }

func (s *switching) step(ctx context.Context, at stage) error {
	switch at {
	case before, begun:
		return s.halt(ctx)
	case halted:
		return s.takeOver(ctx)
	case moved:
		_, err := rejoin(ctx, Rejoin{Server: s.From, Follow: s.To, Wait: s.Wait})
		return err
	case turned:
		i, err := managed(s.To)
		if err == nil {
			_, err = reopen(ctx, i, s.To, s.Wait.Std())
		}
		return err
	case ongoing:
		return wait(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("stage %q has no step", at)
}

// stage sees where the two servers stand. It changes nothing.
func (s *switching) stage(ctx context.Context) (stage, error) {
	what, err := underWay(ctx, s.to)
	if err != nil {
		return "", activities.Saying(err, "ask %s what it does: %v", "%s の処理状況を確認できない：%v", s.To.Name, err)
	}
	to, err := see(ctx, s.to)
	if err != nil {
		return "", activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", s.To.Name, err)
	}
	c, err := connect(ctx, s.From)
	if err != nil {
		return s.without(to, err)
	}
	defer c.Close()
	doing, err := underWay(ctx, c)
	if err != nil {
		return "", err
	}
	from, err := see(ctx, c)
	if err != nil {
		return "", activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", s.From.Name, err)
	}
	f, err := fenceOf(s.i)
	if err != nil {
		return "", err
	}
	ours := f != nil && f.For == s.To.Name
	other, err := fencedHere(s.To)
	if err != nil {
		return "", err
	}
	switch {
	case what != "" || doing != "":
		return ongoing, nil
	case to.role() == rolePrimary && from.role() == rolePrimary:
		return "", activities.FindingBoth("%s and %s are both primaries: fence one at once",
			"%s と %s がどちらもプライマリである。直ちに一方をフェンスする", s.From.Name, s.To.Name)
	case other != nil && other.For == s.From.Name && other.Run == activities.CallFrom(ctx).Run && to.Replica == nil && from.follows(s.To, to) && from.ReadOnly:
		return turned, nil
	case other != nil:
		return "", notFenced(s.To)
	case to.role() == rolePrimary && from.follows(s.To, to) && from.Replica.running() && from.ReadOnly && f == nil && conflict(from, to).EN == "":
		return done, nil
	case to.role() == rolePrimary:
		return moved, nil
	case to.Replica == nil:
		return "", activities.RefusedBoth("server %s follows nobody and takes no writes, so it is no replica of %s; if a switch from it was cut off, let it go on at its own site (mysql.unfence)",
			"サーバー %s はどのサーバーにも追従せず書き込みも受け付けていないため、%s のレプリカではない。このサーバーからの切り替えが途中で止まった場合は、その拠点で mysql.unfence により書き込みを再開させる", s.To.Name, s.From.Name)
	case !to.follows(s.From, from):
		return "", activities.RefusedBoth("server %s does not follow %s, but the server at %s",
			"サーバー %s の追従先は %s ではなく、%s のサーバーである", s.To.Name, s.From.Name, mylink.Address(mylink.Server{Host: to.Replica.Host, Port: to.Replica.Port}))
	case from.role() == rolePrimary && ours:
		return begun, nil
	case from.role() == rolePrimary:
		return before, nil
	case from.role() == roleReadOnly && ours:
		return halted, nil
	}
	return "", activities.RefusedBoth("server %s is %s, and no switchover to %s has made it so; name the primary in from, or fail over (mysql.fence, mysql.promote)",
		"サーバー %s の役割は %s で、%s への切り替えによるものではない。from にプライマリを指定するか、フェイルオーバーする（mysql.fence、mysql.promote）", s.From.Name, from.role(), s.To.Name)
}

// without is the stage when from gives no answer.
func (s *switching) without(to view, why error) (stage, error) {
	procs, err := s.i.Processes()
	if err != nil {
		return "", err
	}
	if len(procs) > 0 {
		return "", fmt.Errorf("server %s runs and gives no answer, so it can't be switched from; thaw it, or fail over (mysql.fence, mysql.promote): %w", s.From.Name, why)
	}
	if to.role() == rolePrimary {
		return moved, nil
	}
	return "", activities.RefusedBoth("server %s is down; start it, or fail over (mysql.fence, mysql.promote)",
		"サーバー %s は停止している。起動するか、フェイルオーバーする（mysql.fence、mysql.promote）", s.From.Name)
}

// halt stops from's writes once to has nearly everything. From then on it comes up
// read-only.
func (s *switching) halt(ctx context.Context) error {
	c, err := connect(ctx, s.From)
	if err != nil {
		return err
	}
	defer c.Close()
	for until := time.Now().Add(s.Wait.Std()); ; {
		from, err := see(ctx, c)
		if err != nil {
			return err
		}
		to, err := see(ctx, s.to)
		if err != nil {
			return err
		}
		if to.Replica != nil {
			if err := countable(s.To, to); err != nil {
				return err
			}
		}
		lacks := to.Has.Lacks(from.Has)
		if to.threads().running() && lacks <= int64(max(s.MaxLag, 0)) {
			break
		}
		if time.Now().After(until) {
			return activities.FindingBoth("nothing was switched: %s lacks %d transactions, %d being allowed (receives %s, applies %s) %s",
				"切り替えは行っていない。%s に %d 件のトランザクションが不足している（許容 %d 件、受信 %s、適用 %s）%s",
				s.To.Name, lacks, s.MaxLag, to.threads().Receives, to.threads().Applies, to.threads().trouble())
		}
		if err := wait(ctx, tick); err != nil {
			return err
		}
	}
	// What only to has, from can't follow: it would be found when it is to come home, with its writes stopped.
	to, err := see(ctx, s.to)
	if err != nil {
		return err
	}
	from, err := see(ctx, c)
	if err != nil {
		return err
	}
	if why := apart(to, from, s.From); why.EN != "" {
		return activities.RefusedBoth("nothing was switched: the data of %s and %s differ: %s. Rejoin %[1]s first (mysql.rejoin with rebuild: true throws away what only it has)",
			"切り替えは行っていない。%s と %s のデータが食い違っている：%s。先に %[1]s を復帰させる（mysql.rejoin の rebuild: true は、このサーバーだけにあるデータを破棄する）", s.To.Name, s.From.Name, why)
	}
	if _, err := raise(ctx, s.i, s.To.Name); err != nil {
		return err
	}
	s.haltAt = time.Now()
	quieting, cancel := context.WithTimeout(ctx, s.Wait.Std())
	defer cancel()
	if err := quiet(quieting, c); err != nil {
		return activities.FindingBoth("server %s could not be made read-only: %v; it comes up read-only at a restart: repeat the switchover",
			"サーバー %s を読み取り専用にできなかった：%v。再起動すると読み取り専用になる。切り替えを再実行する", s.From.Name, err)
	}
	return nil
}

// takeOver promotes to, if it gets all that from has ever written.
func (s *switching) takeOver(ctx context.Context) error {
	from, err := visit(ctx, s.From)
	if err != nil {
		return err
	}
	if _, err := awaitPosition(ctx, s.to, s.To, s.From, from, time.Now().Add(10*time.Second)); err != nil && !s.passed(ctx, from) {
		return s.backOut(ctx, activities.Lacking("%s did not get all of its transactions: %v", "%s がすべてのトランザクションを受信できなかった：%v", s.To.Name, err))
	}
	s.out.GTID = from.GTID
	if _, err := takeOver(ctx, s.to, s.To, s.Wait.Std()); err != nil {
		return err
	}
	if _, err := finish(ctx, s.to, s.To, Promoted{}); err != nil {
		return err
	}
	if !s.haltAt.IsZero() {
		s.out.BlockedS = time.Since(s.haltAt).Seconds()
	}
	return nil
}

// passed reports whether to has all of from although it replicates no more, as an attempt
// leaves it that was cut off in the middle of the promotion.
func (s *switching) passed(ctx context.Context, from view) bool {
	to, err := see(ctx, s.to)
	return err == nil && to.Has.Has(from.Has)
}

// backOut lets from take writes again; nothing was promoted, so nothing is lost.
func (s *switching) backOut(ctx context.Context, why plan.Text) error {
	if s.backed {
		return activities.FindingBoth("the switch failed twice: %s takes writes again, since %s",
			"切り替えに2回失敗した。%s の書き込みは再開した（理由：%s）", s.From.Name, why)
	}
	s.backed = true
	if to, err := see(ctx, s.to); err != nil || !to.ReadOnly { // the last look before it takes writes again
		return err
	}
	activities.Log(ctx).Warn("the switch begins anew", "server", s.From.Name, "reason", why.EN)
	_, err := reopen(ctx, s.i, s.From, s.Wait.Std())
	return err
}

func lookSwitched(ctx context.Context, p Switchover) (activities.Seen, error) {
	s := &switching{Switchover: p, out: Switched{From: p.From.Name, To: p.To.Name}}
	if err := s.open(ctx); err != nil {
		return activities.Seen{}, err
	}
	defer s.close()
	at, err := s.stage(ctx)
	if err != nil {
		if isGuard(err) { // the action says it, and does nothing
			f, ferr := fenceOf(s.i)
			return activities.Seen{Sight: plan.HoldsNot, Partial: f != nil && f.For == p.To.Name, Detail: text(err)}, ferr
		}
		return activities.Seen{}, err
	}
	switch at {
	case done:
		return activities.Seen{Sight: plan.Holds, Detail: told("%s is primary and %s follows it", "%s がプライマリで、%s が追従している", p.To.Name, p.From.Name), Output: s.out}, nil
	case ongoing:
		return activities.Seen{Sight: plan.CannotTell, Detail: told("a statement of an earlier attempt is still under way", "前回の試行の文がまだ実行中である")}, nil
	case before:
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is primary", "%s がプライマリである", p.From.Name)}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("half-way (%s); repeating it goes on from there", "途中まで実施済み（%s）。再実行すると続きから進む", at)}, nil
}
