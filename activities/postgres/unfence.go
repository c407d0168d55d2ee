package postgres

import (
	"cmp"
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Unfence is the parameters of postgres.unfence.
type Unfence struct {
	Server Target       `json:"server" kind:"postgres" help:"Server whose fence is taken off." ja:"フェンスを外すサーバー"`
	Others []Target     `json:"others" kind:"postgres" help:"All other copies of the database: refused when one of them takes writes or can't say, or is down and may come back as one that does. A server does not know who was promoted while it was fenced, so the plan must; [] says that there is no other copy." ja:"データベースのほかの全コピー。書き込みを受け付けているか、確認できないか、停止していて書き込み可能な状態で復帰しうるものがあれば拒否する。フェンス中に何が昇格したかをサーバーは知らないため、計画に書く。ほかにコピーがなければ []" example:"[osaka]"`
	Wait   run.Duration `json:"wait" help:"How long the start may take." ja:"起動を待つ時間" default:"1m"`
}

func unfence(ctx context.Context, p Unfence) (Started, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Started{}, err
	}
	f, err := fenceOf(i)
	if err != nil {
		return Started{}, err
	}
	run := activities.CallFrom(ctx).Run
	switch {
	case f == nil:
		return Started{}, activities.RefusedBoth("server %s has no fence of muster's; start it (postgres.start) or promote it (postgres.promote)",
			"サーバー %s に muster のフェンスはない。起動する（postgres.start）か昇格する（postgres.promote）", p.Server.Name)
	case f.Run != run:
		return Started{}, activities.RefusedBoth("server %s was fenced by run %s, not by this run %s; finish that run's clean-up first",
			"サーバー %s は実施 %s がフェンスしたもので、この実施 %s のものではない。先にその実施の後始末を終える", p.Server.Name, f.Run, run)
	}
	if f.Standby {
		return stillStandby(ctx, i, p)
	}
	if err := alone(ctx, p); err != nil {
		return Started{}, err
	}
	if err := suited(ctx, i); err != nil {
		return Started{}, err
	}
	if _, err := bringDown(ctx, i, p.Server); err != nil { // it may run read-only
		return Started{}, err
	}
	return startAsPrimary(ctx, i, p.Server, p.Wait.Std())
}

// stillStandby takes the fence off a server that was a standby when it was fenced: it is left one,
// whoever takes writes.
func stillStandby(ctx context.Context, i *pgcluster.Instance, p Unfence) (Started, error) {
	if err := fenceHolds(ctx, i, p.Server); err != nil {
		return Started{}, err
	}
	if err := suited(ctx, i); err != nil {
		return Started{}, err
	}
	out, err := startAndSee(ctx, i, p.Server, p.Wait.Std())
	if err != nil {
		return out, err
	}
	return out, i.Drop(fenceFile)
}

// backWithin is how long another copy that is down is waited for: one that crashed is mostly
// started again within that time, and then says what it is.
const backWithin = 15 * time.Second

// alone refuses to unfence a server beside one that takes writes, will, or may.
func alone(ctx context.Context, p Unfence) error {
	wrong := make([]error, len(p.Others))
	var all sync.WaitGroup
	for n, o := range p.Others {
		all.Go(func() { wrong[n] = quiet(ctx, p.Server, o) })
	}
	all.Wait()
	return cmp.Or(wrong...)
}

// quiet refuses when another copy o of t's database is not a standby. One that is down counts
// only when it is seen to come up read-only: whatever watches over a primary that crashed
// starts it again, and it takes writes beside t.
func quiet(ctx context.Context, t, o Target) error {
	if o.Name == t.Name {
		return activities.RefusedBoth("others names %s itself: name the other copies of its database", "others に %s 自身が指定されている。同じデータベースの他のサーバーを指定する", o.Name)
	}
	for since := time.Now(); ; {
		v, rising, err := standing(ctx, o)
		switch {
		case err == nil && rising:
			return activities.RefusedBoth("%s is being promoted: unfencing %s would make two primaries",
				"%s は昇格中である。%s のフェンスを外すとプライマリが2台になる", o.Name, t.Name)
		case err == nil && !v.Recovery:
			return activities.RefusedBoth("%s takes writes: unfencing %s would make two primaries; use postgres.switchover or postgres.rejoin",
				"%s が書き込みを受け付けている。%s のフェンスを外すとプライマリが2台になる。postgres.switchover か postgres.rejoin を使う", o.Name, t.Name)
		case err == nil:
			return nil
		case !pglink.Refused(err):
			return activities.RefusedBoth("cannot tell whether %s takes writes: %v", "%s が書き込みを受け付けるか判断できない：%v", o.Name, err)
		}
		if i, here, err := pglink.Instance(o); here && err == nil {
			if signalled, err := i.StandbySignalled(); err == nil && signalled { // whoever starts it: read-only
				return nil
			}
		}
		if time.Since(since) > backWithin {
			return activities.RefusedBoth("%s is down, and may come back at any moment and take writes beside %s. Where the step can be repeated, have the service manager of its host start it (a standby and a fenced server come up read-only), and repeat it. In an undo, which nobody can repeat, or if it is gone for good, see that %[1]s comes up read-only or never again, and take the fence off by hand on the host of %[2]s: stop %[2]s, remove %[3]s/standby.signal, start it, see that it takes writes, and last remove %[4]s/%[5]s",
				"%s は停止しているが、いつでも復帰して %s と同時に書き込みを受け付けるおそれがある。ステップを再実行できる場合は、そのホストのサービス管理（systemd など）で起動してから（スタンバイとフェンス済みのサーバーは読み取り専用で起動する）再実行する。再実行できない取り消しの場合や、二度と復帰しない場合は、%[1]s が読み取り専用で起動するか、二度と起動しないことを確かめたうえで、%[2]s のホストで手作業でフェンスを外す。%[2]s を停止し、%[3]s/standby.signal を削除して起動し、書き込みを受け付けることを確かめてから、最後に %[4]s/%[5]s を削除する",
				o.Name, t.Name, t.Spec.Data, filepath.Dir(t.Spec.Config), fenceFile)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return activities.Saying(err, "whether %s stays down: %v", "%s が停止したままか確認できない：%v", o.Name, err)
		}
	}
}

// startAsPrimary starts a fenced server that is down as a primary. Its marker goes
// last, so that a crash in between leaves something to repeat from.
func startAsPrimary(ctx context.Context, i *pgcluster.Instance, t Target, within time.Duration) (Started, error) {
	if err := i.ClearStandby(); err != nil {
		return Started{}, err
	}
	out, err := startAndSee(ctx, i, t, within)
	if err != nil {
		return out, err
	}
	if out.Role != "primary" {
		return out, activities.FindingBoth("server %s came up as a %s", "サーバー %s は %s として起動した", t.Name, out.Role)
	}
	return out, i.Drop(fenceFile)
}

func lookUnfenced(ctx context.Context, p Unfence) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	f, err := fenceOf(i)
	if err != nil {
		return activities.Seen{}, err
	}
	if f != nil {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("the fence of run %s is there", "実施 %s のフェンスがある", f.Run).Both()}, nil
	}
	v, err := visit(ctx, p.Server)
	switch {
	case err == nil && !v.Recovery:
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s accepts writes and is not fenced", "%s は書き込みを受け付けており、フェンスされていない", p.Server.Name).Both(),
			Output: Started{Server: p.Server.Name, Role: v.role(), Timeline: v.Timeline}}, nil
	case err == nil: // as what was a standby before, or as what was rejoined since: the ledger knows whether this step did it
		return activities.Seen{Detail: activities.Lacking("%s is a standby and has no fence", "%s はスタンバイで、フェンスはない", p.Server.Name).Both()}, nil
	}
	procs, perr := i.Processes()
	if perr == nil && len(procs) == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s does not run", "%s は稼働していない", p.Server.Name).Both()}, nil
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: err.Error()}, nil
}
