package process

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Stop is the parameters of process.stop.
type Stop struct {
	Process Target       `json:"process" kind:"process" example:"orders-app" help:"Program to end, with what it started." ja:"終了させるプログラム（起動した子プロセスを含む）"`
	Grace   run.Duration `json:"grace" help:"How long it has to end by itself after it was told to (SIGTERM)." ja:"終了の指示（SIGTERM）のあと、自ら終了するのを待つ時間" default:"10s"`
	Force   bool         `json:"force" help:"Whether what has not ended after the grace is killed; else that is a finding." ja:"待っても終了しないものを強制終了するか。しない場合は指摘事項とする" default:"true"`
}

// Kill is the parameters of process.kill.
type Kill struct {
	Process Target `json:"process" kind:"process" example:"orders-app" help:"Program to kill, with what it started." ja:"強制終了するプログラム（起動した子プロセスを含む）"`
}

// Ended is the result of both.
type Ended struct {
	PID       int     `json:"pid" help:"Number that the process had; 0 when it did not run." ja:"プロセスの番号。動いていなかった場合は0"`
	Processes int     `json:"processes" help:"How many were ended with it, itself included." ja:"自身を含め、終了させたプロセスの数"`
	Forced    bool    `json:"forced" help:"Whether any had to be killed." ja:"強制終了したものがあるか"`
	DurationS float64 `json:"duration_s" help:"Seconds until the last was gone." ja:"最後のプロセスがなくなるまでの秒数"`
}

var stop = activities.Define("process.stop", activities.Doc{
	Summary:   "Tell a program and what it started to end, and see that all of it is gone.",
	SummaryJA: "プログラムとその子プロセスに終了を指示し、すべてが消えたことを確かめる。",
	Effect:    run.Disrupt,
	Undo:      "process.start",
}, func(ctx context.Context, p Stop) (Ended, error) {
	return end(ctx, p.Process, p.Grace.Std(), p.Force)
}, activities.Look(func(_ context.Context, p Stop) (activities.Seen, error) { return lookGone(p.Process) }))

var kill = activities.Define("process.kill", activities.Doc{
	Summary:   "Kill a program and what it started at once, as a crash would.",
	SummaryJA: "プログラムとその子プロセスを、障害のように即座に強制終了する。",
	Effect:    run.Disrupt,
	Undo:      "process.start",
}, func(ctx context.Context, p Kill) (Ended, error) {
	return end(ctx, p.Process, 0, true)
}, activities.Look(func(_ context.Context, p Kill) (activities.Seen, error) { return lookGone(p.Process) }))

func lookGone(t Target) (activities.Seen, error) {
	p, why, err := find(t)
	switch {
	case err != nil:
		return activities.Seen{}, err
	case p != nil:
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s runs as process %d", "%s はプロセス %d として動いている", t.Name, p.pid).Both()}, nil
	}
	if g := ghost(t); g != nil {
		if all := g.group(nil); len(all) > 0 {
			return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s has ended, and what it started runs on: %s", "%s は終了したが、それが起動したものが動き続けている：%s", t.Name, names(all)).Both()}, nil
		}
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s does not run: %s", "%s は動いていない：%s", t.Name, why).Both(), Output: Ended{}}, nil
}

// dying is how long killed processes have to leave the table: one that waits for a disk
// or a mount that never answers does not.
const dying = 5 * time.Second

func end(ctx context.Context, t Target, grace time.Duration, force bool) (Ended, error) {
	begun := time.Now()
	p, _, err := find(t)
	if err != nil {
		return Ended{}, activities.RefusedBoth("nothing was ended: %v", "何も終了していない：%v", err)
	}
	if p == nil {
		if p = ghost(t); p == nil {
			return Ended{}, nil
		}
	}
	if p.ours() {
		return Ended{}, activities.RefusedBoth("process %d is this site worker, or started it: it can't be ended from here", "プロセス %d はこの拠点のワーカー自身またはその起動元であり、ここからは終了できない", p.pid)
	}
	all := p.group(nil)
	out := Ended{PID: p.pid, Processes: len(all)}
	left := func(context.Context) error {
		if all = p.group(all); len(all) > 0 {
			return fmt.Errorf("%d of it still run", len(all))
		}
		return nil
	}
	if grace > 0 {
		// The program first, so that it can end its own children in order.
		if _, err := p.signal(syscall.SIGTERM); err != nil {
			return out, err
		}
		told := false
		err = activities.Until(ctx, grace, 20*time.Millisecond, func(ctx context.Context) error {
			if !told && !p.lives() {
				told = true
				for _, o := range p.group(all) {
					if _, err := o.signal(syscall.SIGTERM); err != nil {
						return err
					}
				}
			}
			return left(ctx)
		})
		switch {
		case ctx.Err() != nil:
			return out, ctx.Err()
		case err != nil && !force:
			return out, activities.FindingBoth("%s was told to end and has not after %s: %s", "%s に終了を指示したが、%s経過しても終了しない：%s", t.Name, grace, names(all))
		case err == nil:
			out.DurationS = time.Since(begun).Seconds()
			return out, nil
		}
	}
	out.Forced = true
	err = activities.Until(ctx, dying, 20*time.Millisecond, func(ctx context.Context) error {
		for _, o := range p.group(all) { // each time: one may have started another
			if _, err := o.signal(syscall.SIGKILL); err != nil {
				return err
			}
		}
		return left(ctx)
	})
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if err != nil {
		return out, activities.FindingBoth("%s was killed and is not gone after %s (%v): %s", "%s を強制終了したが、%s経過しても残っている（%v）：%s", t.Name, dying, err, names(all))
	}
	out.DurationS = time.Since(begun).Seconds()
	return out, nil
}

func names(all []*found) string {
	var words []string
	for _, p := range all {
		words = append(words, fmt.Sprintf("process %d (%s, state %s)", p.pid, p.executable, p.stat.State))
	}
	return strings.Join(words, ", ")
}
