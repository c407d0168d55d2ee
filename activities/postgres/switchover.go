package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Switchover is the parameters of postgres.switchover.
type Switchover struct {
	From   Target       `json:"from" kind:"postgres" help:"Primary now; runs on the worker of its host." ja:"現在のプライマリ。そのホストのワーカーで実行する"`
	To     Target       `json:"to" kind:"postgres" help:"Standby that streams from it and becomes primary." ja:"複製しており、プライマリにするスタンバイ"`
	MaxLag run.Bytes    `json:"max_lag" help:"Wait until the standby is at most this far behind before writes are stopped." ja:"スタンバイの遅れがこの量以下になるのを待ってから書き込みを止める" default:"1MB"`
	Wait   run.Duration `json:"wait" help:"How long each of catching up, stopping, promoting and rejoining may take." ja:"追いつき、停止、昇格、再参加のそれぞれを待つ時間" default:"2m"`
}

// Switched is its result.
type Switched struct {
	From      string  `json:"from" help:"The standby now." ja:"新しいスタンバイ"`
	To        string  `json:"to" help:"The primary now." ja:"新しいプライマリ"`
	Timeline  int     `json:"timeline" help:"Timeline that both are on." ja:"両者のタイムライン"`
	LSN       string  `json:"lsn" help:"End of the old primary's log, which the new one had in full." ja:"旧プライマリのログの終わり。新しいプライマリもすべて持っている"`
	BlockedS  float64 `json:"blocked_s" help:"From stopping the old primary to the new one being out of recovery, in seconds; 0 when an earlier attempt did part of it." ja:"旧プライマリの停止から、新しいプライマリがリカバリーを終えるまでの秒数。前の試行で一部が済んでいた場合は0"`
	DurationS float64 `json:"duration_s" help:"The whole, until the old primary streams as a standby." ja:"旧プライマリがスタンバイとして複製を始めるまでの全体の秒数"`
	Method    string  `json:"method" help:"How the old primary rejoined." ja:"旧プライマリの再参加の方法"`
}

// The stages that two servers can be seen in between "from is primary" and "to is
// primary and from streams from it". Whatever was cut off where, the next attempt
// begins at what it sees.
type stage string

const (
	before  stage = "before"  // from is primary, to streams from it or will
	halted  stage = "halted"  // from is down, to not promoted
	astray  stage = "astray"  // from came up read-only before to was promoted
	moved   stage = "moved"   // to is primary, from does not stream from it
	done    stage = "done"    // to is primary and from streams from it
	ongoing stage = "ongoing" // one of them is on its way from one to another
)

func switchover(ctx context.Context, p Switchover) (Switched, error) {
	s := &switching{Switchover: p, out: Switched{From: p.From.Name, To: p.To.Name}}
	began := time.Now()
	if p.From.Name == p.To.Name {
		return Switched{}, activities.RefusedBoth("from and to are both %s", "from と to がどちらも %s である", p.From.Name)
	}
	var err error
	if s.i, err = managed(p.From); err != nil {
		return Switched{}, err
	}
	if s.standby, err = reach(ctx, p.To, p.Wait.Std()); err != nil {
		return Switched{}, err
	}
	defer s.standby.Close()
	for range 8 { // each stage leads to the next, or back to "before" once
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
	return Switched{}, activities.FindingBoth("the switch from %s to %s came back to where it was; look at the logs of both",
		"%s から %s への切り替えは元の状態に戻った。両サーバーのログを確認する", p.From.Name, p.To.Name)
}

// switching is one switchover on its way.
type switching struct {
	Switchover
	out     Switched
	i       *pgcluster.Instance // from
	standby *pglink.Conn        // to
	haltAt  time.Time           // when this attempt told from to stop
	backed  bool                // from was already started again once
}

func (s *switching) step(ctx context.Context, at stage) error {
	ctx, cancel := context.WithTimeout(ctx, s.Wait.Std())
	defer cancel()
	switch at {
	case before:
		return s.halt(ctx)
	case halted:
		return s.takeOver(ctx)
	case astray:
		return s.backOut(ctx, activities.Lacking("it came up read-only before %s had taken over", "%s が引き継ぐ前に読み取り専用で起動した", s.To.Name))
	case moved:
		return s.followNew(ctx)
	case ongoing:
		return wait(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("stage %q has no step", at)
}

// stage sees where the two servers stand. It changes nothing.
func (s *switching) stage(ctx context.Context) (stage, error) {
	to, err := see(ctx, s.standby)
	if err != nil {
		return "", activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", s.To.Name, err)
	}
	from, fromErr := visit(ctx, s.From)
	if fromErr == nil {
		if err := sameSystem(s.From.Name, from.SystemID, s.To.Name, to.SystemID); err != nil {
			return "", err
		}
	}
	switch {
	case to.Recovery:
		if under, err := promoting(ctx, s.standby, to); err != nil || under {
			return ongoing, err
		}
		if err := notFenced(ctx, s.standby, s.To); err != nil {
			return "", err
		}
	case fromErr == nil && !from.Recovery:
		return "", activities.FindingBoth("%s and %s are both primaries: fence one at once",
			"%s と %s がどちらもプライマリである。直ちに一方をフェンスする", s.From.Name, s.To.Name)
	default:
		s.out.Timeline = to.Timeline
		ok, _, err := streams(ctx, s.standby, s.From)
		f, ferr := fenceOf(s.i)
		if err = errors.Join(err, ferr); err != nil {
			return "", err
		}
		if ok && f == nil {
			return done, nil
		}
		return moved, nil
	}
	procs, err := s.i.Processes()
	if err != nil {
		return "", err
	}
	switch {
	case len(procs) == 0:
		return halted, s.stoppedByUs(ctx)
	case s.i.Stopping():
		return ongoing, nil
	case fromErr == nil && !from.Recovery:
		return before, nil
	case fromErr == nil:
		return astray, nil
	case pglink.Code(fromErr) == pglink.CodeCannotConnect:
		return ongoing, nil
	}
	return "", activities.Saying(fromErr, "server %s runs and gives no answer, so it can't be switched from; thaw it, or fail over (postgres.fence, postgres.promote): %v",
		"サーバー %s は稼働しているが応答がなく、切り替えられない。凍結を解除するか、フェイルオーバーする（postgres.fence、postgres.promote）：%v", s.From.Name, fromErr)
}

// stoppedByUs refuses a server that is down for another reason than this run's switchover
// to to: to may have had another primary since, which takes writes.
func (s *switching) stoppedByUs(ctx context.Context) error {
	f, err := fenceOf(s.i)
	switch {
	case err != nil:
		return err
	case s.ours(ctx, f):
		return nil
	case f != nil:
		return activities.RefusedBoth("server %s is down and fenced by run %s, which is no switchover to %s of this run; finish that run, or fail over (postgres.promote, then postgres.rejoin)",
			"サーバー %s は停止しており、実施 %s がフェンスしている（この実施による %s への切り替えではない）。その実施を終えるか、フェイルオーバーする（postgres.promote、続いて postgres.rejoin）", s.From.Name, f.Run, s.To.Name)
	}
	return activities.RefusedBoth("server %s is down, and no switchover to %s of this run stopped it; start it (postgres.start), or fail over (postgres.fence, postgres.promote)",
		"サーバー %s は停止しているが、この実施による %s への切り替えで停止したものではない。起動する（postgres.start）か、フェイルオーバーする（postgres.fence、postgres.promote）", s.From.Name, s.To.Name)
}

// ours reports whether f is the fence that this run's switchover to to puts on from: when it
// was put there, to streamed from it.
func (s *switching) ours(ctx context.Context, f *fenceNote) bool {
	return f != nil && f.For == s.To.Name && f.Run == activities.CallFrom(ctx).Run
}

// halt stops from cleanly once to has nearly everything. From then on it can only come
// up as a standby of to.
func (s *switching) halt(ctx context.Context) error {
	way := joining{Rejoin: Rejoin{Server: s.From, Follow: s.To}, i: s.i, primary: s.standby} // home, once it is down
	if err := refuse(way.unsuited(ctx)); err != nil {
		return err
	}
	c, err := connect(ctx, s.From)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := awaitLag(ctx, c, s.To, int64(s.MaxLag)); err != nil {
		return activities.Saying(err, "nothing was switched: %v", "切り替えは行っていない：%v", err)
	}
	if err := checkpoint(ctx, c); err != nil { // so that the one at the shutdown is short
		return activities.Saying(err, "checkpoint on %s: %v", "%s でのチェックポイント：%v", s.From.Name, err)
	}
	if _, err := awaitLag(ctx, c, s.To, int64(s.MaxLag)); err != nil {
		return activities.Saying(err, "nothing was switched: %v", "切り替えは行っていない：%v", err)
	}
	if err := heir(ctx, c, s.standby, s.To); err != nil {
		return err
	}
	c.Close()
	if _, err := raise(ctx, s.i, "primary", s.To.Name); err != nil {
		return err
	}
	s.haltAt = time.Now()
	if err := s.i.Stop(ctx, pgcluster.Fast); err != nil {
		return activities.FindingBoth("%v; it takes no writes any more and comes up as a standby: repeat the switchover when it is down",
			"%v。すでに書き込みを受け付けず、次はスタンバイとして起動する。停止後に切り替えを再実行する", err)
	}
	return nil
}

// heir refuses, while the primary behind from takes writes, what takeOver refuses of to when it has stopped:
// one whose upstream can't be read or may not be reached, or that has another one which takes writes.
func heir(ctx context.Context, from, to *pglink.Conn, t Target) error {
	v, err := see(ctx, to)
	if err != nil {
		return err
	}
	next, err := upstreams(t, t, v)
	if err != nil {
		return err
	}
	leaving, err := see(ctx, from)
	if err != nil {
		return err
	}
	var host, port string // where to streams from, which is from, whatever it lets in there
	if err := ask(ctx, to, "SELECT coalesce((SELECT sender_host FROM pg_stat_wal_receiver), ''), coalesce((SELECT sender_port::text FROM pg_stat_wal_receiver), '')", nil, &host, &port); err != nil {
		return err
	}
	var others []Target
	for _, u := range next {
		if err := activities.MayReach(ctx, pglink.Address(u.Spec)); err != nil {
			return err
		}
		if len(next) > 1 && (u.Spec.Host != host || fmt.Sprint(u.Spec.Port) != port) {
			others = append(others, u)
		}
	}
	_, _, err = asked(ctx, t, v, others, &leaving)
	return err
}

// takeOver promotes to, if it has all that from has ever written.
func (s *switching) takeOver(ctx context.Context) error {
	ctl, err := s.i.Control(ctx)
	if err != nil {
		return err
	}
	to, err := see(ctx, s.standby)
	if err != nil {
		return err
	}
	if err := sameSystem(s.From.Name, ctl.SystemID, s.To.Name, to.SystemID); err != nil {
		return err
	}
	if err := s.stoppedByUs(ctx); err != nil {
		return err
	}
	// Whoever made to follow another server while from was down made that one the primary.
	if to.Timeline > int(ctl.Timeline) {
		return activities.RefusedBoth("server %s is on timeline %d, newer than %d of %s: another server was promoted meanwhile; find the primary, and rejoin %[4]s to it (postgres.rejoin)",
			"サーバー %s のタイムライン %d は、%d（%s）より新しい。その間に別のサーバーが昇格している。現在のプライマリを確認し、%[4]s をそこへ復帰させる（postgres.rejoin）", s.To.Name, to.Timeline, ctl.Timeline, s.From.Name)
	}
	if _, _, err := oldPrimary(ctx, s.standby, s.To, to); err != nil {
		return err
	}
	if ctl.State != pgcluster.ShutDown {
		return s.backOut(ctx, activities.Lacking("it was not stopped cleanly (%s)", "正常に停止しなかった（%s）", ctl.State))
	}
	// The checkpoint of the shutdown is the last record: who has replayed it has all.
	arrive, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for to.Replayed <= ctl.Checkpoint {
		if wait(arrive, tick) != nil {
			return s.backOut(ctx, activities.Lacking("%s has its log up to %s only, and it ends after %s", "%s が受け取ったログは %s までで、末尾の %s に届いていない", s.To.Name, to.Replayed, ctl.Checkpoint))
		}
		if to, err = see(ctx, s.standby); err != nil {
			return err
		}
	}
	s.out.LSN = to.Replayed.String()
	if _, err = raiseTimeline(ctx, s.standby, s.To, to, s.Wait.Std()); err != nil {
		return err
	}
	if !s.haltAt.IsZero() {
		s.out.BlockedS = time.Since(s.haltAt).Seconds()
	}
	return nil
}

// backOut makes from the primary again; nothing was promoted, so nothing is lost.
func (s *switching) backOut(ctx context.Context, why plan.Text) error {
	if s.backed {
		return activities.FindingBoth("the switch failed twice: %s is primary again, since %s",
			"切り替えに2回失敗した。%s が再びプライマリである（理由：%s）", s.From.Name, why)
	}
	s.backed = true
	f, err := fenceOf(s.i)
	if err != nil {
		return err
	}
	if !s.ours(ctx, f) {
		return activities.RefusedBoth("server %s is a standby that no switchover to %s of this run has stopped; name the primary in from",
			"サーバー %s は、この実施による %s への切り替えで停止したものではないスタンバイである。from にプライマリを指定する", s.From.Name, s.To.Name)
	}
	if _, err := bringDown(ctx, s.i, s.From); err != nil {
		return err
	}
	if to, err := see(ctx, s.standby); err != nil || !to.Recovery { // the last look before it takes writes again
		return err
	}
	activities.Log(ctx).Warn("the switch begins anew", "server", s.From.Name, "reason", why.EN)
	_, err = startAsPrimary(ctx, s.i, s.From, s.Wait.Std())
	return err
}

// followNew makes from a standby of to.
func (s *switching) followNew(ctx context.Context) error {
	out, err := rejoin(ctx, Rejoin{Server: s.From, Follow: s.To, Method: "auto", Wait: s.Wait})
	s.out.Method = out.Method
	return err
}

func lookSwitched(ctx context.Context, p Switchover) (activities.Seen, error) {
	s := &switching{Switchover: p, out: Switched{From: p.From.Name, To: p.To.Name}}
	var err error
	if s.i, err = managed(p.From); err != nil {
		return activities.Seen{}, err
	}
	if s.standby, err = connect(ctx, p.To); err != nil {
		return activities.Seen{}, err
	}
	defer s.standby.Close()
	at, err := s.stage(ctx)
	if err != nil {
		if isGuard(err) { // the action says it, and does nothing
			return activities.Seen{Sight: plan.HoldsNot, Detail: text(err)}, nil
		}
		return activities.Seen{}, err
	}
	switch at {
	case done:
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is primary and %s streams from it", "%s がプライマリで、%s が追従している", p.To.Name, p.From.Name).Both(), Output: s.out}, nil
	case ongoing:
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("one of the servers is stopping, starting or being promoted", "いずれかのサーバーが停止中、起動中または昇格中である").Both()}, nil
	case before:
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is primary", "%s がプライマリである", p.From.Name).Both()}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("half-way (%s); repeating it goes on from there", "途中まで実施済み（%s）。再実行すると続きから進む", at).Both()}, nil
}
