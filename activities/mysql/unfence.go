package mysql

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
)

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
		return Started{}, activities.RefusedBoth("server %s has no fence of muster's; start it (mysql.start) or promote it (mysql.promote)",
			"サーバー %s に muster のフェンスはない。起動する（mysql.start）か昇格する（mysql.promote）", p.Server.Name)
	case f.Run != run:
		return Started{}, activities.RefusedBoth("server %s was fenced by run %s, not by this run %s; finish that run's clean-up first",
			"サーバー %s は実施 %s がフェンスしたもので、この実施 %s のものではない。先にその実施の後始末を終える", p.Server.Name, f.Run, run)
	}
	// A replica comes back as what it is, read-only: nobody is in its way.
	if v, err := visit(ctx, p.Server); err == nil && v.role() == roleReplica {
		return Started{Server: p.Server.Name, Role: roleReplica, GTID: v.GTID}, dropFence(i)
	}
	if err := alone(ctx, p); err != nil {
		return Started{}, err
	}
	return reopen(ctx, i, p.Server, p.Wait.Std())
}

// alone refuses to unfence a server beside one that takes writes, or may. The others are
// asked, and waited for, beside each other.
func alone(ctx context.Context, p Unfence) error {
	wrong := make([]error, len(p.Others))
	var all sync.WaitGroup
	for n, o := range p.Others {
		all.Go(func() { wrong[n] = silentBeside(ctx, p, o) })
	}
	all.Wait()
	return cmp.Or(wrong...)
}

// silentBeside refuses while another copy takes writes, or may. One that is down counts only
// when it is seen to come up read-only: whatever watches over a primary that died starts it
// again, and it takes writes beside this one.
func silentBeside(ctx context.Context, p Unfence, o Target) error {
	if o.Name == p.Server.Name {
		return activities.RefusedBoth("others names %s itself: name the other copies of its database", "others に %s 自身が指定されている。同じデータベースの他のサーバーを指定する", o.Name)
	}
	for until := time.Now().Add(p.Wait.Std()); ; {
		v, err := visit(ctx, o)
		switch {
		case err == nil && !v.ReadOnly:
			return activities.RefusedBoth("%s takes writes: unfencing %s would make two primaries; use mysql.switchover or mysql.rejoin",
				"%s が書き込みを受け付けている。%s のフェンスを外すとプライマリが2台になる。mysql.switchover か mysql.rejoin を使う", o.Name, p.Server.Name)
		case err == nil:
			return nil
		case !mylink.Refused(err):
			return activities.RefusedBoth("cannot tell whether %s takes writes: %v",
				"%s が書き込みを受け付けるか判断できない：%v", o.Name, err)
		}
		if i, here := mylink.Instance(o); here && i.Config != "" {
			if kept, err := i.KeptReadOnly(ctx); err == nil && kept {
				return nil
			}
		}
		if time.Now().After(until) {
			return activities.RefusedBoth("%s is down, and may come back at any moment and take writes beside %s. Where the step can be repeated, have the service manager of its host start it (a replica and a fenced server come up read-only), and repeat it. In an undo, which nobody can repeat, or if it is gone for good, see that %[1]s comes up read-only or never again, and take the fence off by hand on the host of %[2]s: have %[3]s say read_only = OFF and loose_super_read_only = OFF (no event_scheduler line), start %[2]s if it is down, then SET GLOBAL read_only = 0 (MySQL: SET PERSIST super_read_only = OFF and SET PERSIST read_only = OFF), see that it takes writes, and last remove %[3]s.%[4]s",
				"%s は停止しているが、いつでも復帰して %s と同時に書き込みを受け付けるおそれがある。ステップを再実行できる場合は、そのホストのサービス管理（systemd など）で起動してから（レプリカとフェンス済みのサーバーは読み取り専用で起動する）再実行する。再実行できない取り消しの場合や、二度と復帰しない場合は、%[1]s が読み取り専用で起動するか、二度と起動しないことを確かめたうえで、%[2]s のホストで手作業でフェンスを外す。%[3]s を read_only = OFF と loose_super_read_only = OFF に書き換え（event_scheduler の行は削除）、%[2]s が停止していれば起動し、SET GLOBAL read_only = 0（MySQL では SET PERSIST super_read_only = OFF と SET PERSIST read_only = OFF）を実行する。書き込みを受け付けることを確かめてから、最後に %[3]s.%[4]s を削除する",
				o.Name, p.Server.Name, p.Server.Spec.Config, fenceFile)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// reopen makes a fenced server a primary again, and leaves a replica one. Its marker goes
// last, so that a crash in between leaves something to repeat from.
func reopen(ctx context.Context, i *mycluster.Instance, t Target, within time.Duration) (Started, error) {
	if frozen(i) {
		if err := bringDown(ctx, i); err != nil {
			return Started{}, err
		}
	}
	out, err := startAndSee(ctx, i, t, within) // read-only still
	if err != nil {
		return out, err
	}
	if out.Role == roleReplica { // it takes no writes of its own until it is promoted
		return out, dropFence(i)
	}
	c, err := connect(ctx, t)
	if err != nil {
		return out, err
	}
	defer c.Close()
	if err := open(ctx, c, t); err != nil {
		return out, err
	}
	if err := attempt(ctx, c); err != nil {
		return out, activities.FindingBoth("server %s was let take writes, and a write fails: %v",
			"サーバー %s の書き込みを再開したが、書き込みに失敗する：%v", t.Name, err)
	}
	out.Role = rolePrimary
	return out, dropFence(i)
}

func frozen(i *mycluster.Instance) bool {
	procs, err := i.Processes()
	return err == nil && len(procs) > 0 && procs[0].Frozen
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
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("the fence of run %s is there", "実施 %s のフェンスがある", f.Run)}, nil
	}
	v, err := visit(ctx, p.Server)
	switch {
	case err == nil && v.role() != roleReadOnly:
		return activities.Seen{Sight: plan.Holds, Detail: told("%s is %s and not fenced", "%s の役割は %s で、フェンスされていない", p.Server.Name, v.role()),
			Output: Started{Server: p.Server.Name, Role: v.role(), GTID: v.GTID}}, nil
	case err == nil:
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is %s and has no fence", "%s の役割は %s で、フェンスはない", p.Server.Name, v.role())}, nil
	}
	procs, perr := i.Processes()
	if perr == nil && len(procs) == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s does not run", "%s は稼働していない", p.Server.Name)}, nil
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: err.Error()}, nil
}
