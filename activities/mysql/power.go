package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

// Kill is the parameters of mysql.kill.
type Kill struct {
	Server Target `json:"server" kind:"mysql" help:"Server to kill." ja:"強制停止するサーバー" example:"shop-osaka"`
}

// Killed is its result.
type Killed struct {
	Server string    `json:"server" help:"The server that was killed." ja:"強制停止したサーバー"`
	At     time.Time `json:"at" help:"When its process was killed, on the worker's clock." ja:"プロセスを強制停止した時刻（ワーカーの時計）"`
}

// killNote stays beside the server's option file, so that a look after this worker's death
// still knows when it was.
type killNote struct {
	Run    string `json:"run"`
	Step   string `json:"step"`
	Killed Killed `json:"killed"`
	// Process is the one that was meant: a server of another is one that was started since.
	Process string `json:"process,omitempty"`
}

const killFile = "kill.json"

func kill(ctx context.Context, p Kill) (Killed, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Killed{}, err
	}
	procs, err := i.Processes()
	if err != nil {
		return Killed{}, err
	}
	if len(procs) == 0 {
		return Killed{}, activities.RefusedBoth("server %s does not run, there is nothing to kill; start it first",
			"サーバー %s は稼働しておらず、強制終了する対象がない。先に起動する", p.Server.Name)
	}
	call := activities.CallFrom(ctx)
	n := killNote{Run: call.Run, Step: call.Step, Killed: Killed{Server: p.Server.Name, At: micro(time.Now())}, Process: proc.Identity(procs[0].PID)}
	if err := note(i, killFile, n); err != nil {
		return Killed{}, activities.RefusedBoth("nothing was killed: %v",
			"何も強制終了していない：%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	at, err := i.Kill(ctx)
	if err != nil {
		return Killed{}, err
	}
	if !at.IsZero() {
		n.Killed.At = micro(at)
	}
	if err := note(i, killFile, n); err != nil {
		activities.Log(ctx).Warn("the time of the kill could not be kept", "err", err)
	}
	return n.Killed, nil
}

func lookKilled(ctx context.Context, p Kill) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	procs, err := i.Processes()
	if err != nil {
		return activities.Seen{}, err
	}
	var n killNote
	call := activities.CallFrom(ctx)
	if err := recall(i, killFile, &n); err != nil {
		return activities.Seen{}, err
	}
	ours := n.Run == call.Run && n.Step == call.Step && n.Killed.Server != ""
	if len(procs) > 0 {
		if is := proc.Identity(procs[0].PID); ours && n.Process != "" && is != "" && is != n.Process { // a service manager's doing
			return activities.Seen{Sight: plan.Holds, Detail: told("%s was killed by this step, and was started again since", "%s はこのステップが強制終了し、その後再び起動された", p.Server.Name), Output: n.Killed}, nil
		}
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s runs", "%s は稼働している", p.Server.Name)}, nil
	}
	if ours {
		return activities.Seen{Sight: plan.Holds, Detail: told("%s was killed by this step", "%s はこのステップが強制終了した", p.Server.Name), Output: n.Killed}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is down, but this step did not kill it", "%s は停止しているが、このステップが強制終了したものではない", p.Server.Name)}, nil
}

// Stop is the parameters of mysql.stop.
type Stop struct {
	Server Target       `json:"server" kind:"mysql" help:"Server to stop." ja:"停止するサーバー" example:"shop-osaka"`
	Wait   run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"2m"`
}

// Stopped is its result.
type Stopped struct {
	Server string    `json:"server" help:"The server that was stopped." ja:"停止したサーバー"`
	At     time.Time `json:"at" help:"When it was told to stop, on the worker's clock." ja:"停止を指示した時刻（ワーカーの時計）"`
}

func stop(ctx context.Context, p Stop) (Stopped, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Stopped{}, err
	}
	if frozen(i) {
		return Stopped{}, activities.RefusedBoth("server %s is frozen and can't stop by itself; use mysql.fence or mysql.kill",
			"サーバー %s は凍結しており自力で停止できない。mysql.fence か mysql.kill を使う", p.Server.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	at := micro(time.Now())
	if err := i.Stop(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return Stopped{}, activities.FindingBoth("%s did not stop within %s; see its log",
				"%s は %s以内に停止しなかった。ログを確認する", p.Server.Name, p.Wait)
		}
		return Stopped{}, err
	}
	return Stopped{Server: p.Server.Name, At: at}, nil
}

// lookStopped: a server that still runs may be on its way down for as long as a stop takes,
// which shows nowhere but in that it lets nobody in.
func lookStopped(ctx context.Context, p Stop) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	procs, err := i.Processes()
	switch {
	case err != nil:
		return activities.Seen{}, err
	case len(procs) == 0:
		return activities.Seen{Sight: plan.Holds, Detail: told("%s does not run", "%s は稼働していない", p.Server.Name), Output: Stopped{Server: p.Server.Name, At: micro(time.Now())}}, nil
	case frozen(i):
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is frozen", "%s は凍結している", p.Server.Name)}, nil
	}
	if _, err := visit(ctx, p.Server); err != nil {
		return activities.Seen{Sight: plan.CannotTell, Detail: told("%s runs and lets nobody in: it may be stopping: %v", "%s は稼働しているが接続できない。停止処理中の可能性がある：%v", p.Server.Name, err)}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s runs", "%s は稼働している", p.Server.Name)}, nil
}

// Start is the parameters of mysql.start.
type Start struct {
	Server Target       `json:"server" kind:"mysql" help:"Server to start." ja:"起動するサーバー" example:"shop-osaka"`
	Wait   run.Duration `json:"wait" help:"How long it may take until it accepts connections, recovery after a crash included." ja:"クラッシュリカバリーを含め、接続を受け付けるまで待つ時間" default:"2m"`
}

// Started is its result.
type Started struct {
	Server string `json:"server" help:"The server that was started." ja:"起動したサーバー"`
	Role   string `json:"role" help:"primary, replica or read-only." ja:"primary、replica、read-only のいずれか"`
	GTID   string `json:"gtid" help:"Position that it has." ja:"現在の位置"`
}

func start(ctx context.Context, p Start) (Started, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Started{}, err
	}
	f, err := fenceOf(i)
	if err != nil {
		return Started{}, err
	}
	if f != nil {
		return Started{}, activities.RefusedBoth("server %s was fenced by run %s at %s; rejoin it as a replica (mysql.rejoin) or take the fence off (mysql.unfence)",
			"サーバー %s は実施 %s により %s にフェンスされている。レプリカとして復帰させる（mysql.rejoin）か、フェンスを外す（mysql.unfence）",
			p.Server.Name, f.Run, f.At.Format(time.RFC3339))
	}
	return startAndSee(ctx, i, p.Server, p.Wait.Std())
}

// startAndSee starts a server, unless it runs, and says what it is.
func startAndSee(ctx context.Context, i *mycluster.Instance, t Target, within time.Duration) (Started, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var v view
	if err := i.Start(ctx, func(ctx context.Context) (err error) {
		v, err = visit(ctx, t)
		return err
	}); err != nil {
		return Started{}, activities.FindingBoth("server %s did not come up: %v", "サーバー %s が起動しなかった：%v", t.Name, err)
	}
	return Started{Server: t.Name, Role: v.role(), GTID: v.GTID}, nil
}

func lookStarted(ctx context.Context, p Start) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	procs, err := i.Processes()
	if err != nil {
		return activities.Seen{}, err
	}
	if len(procs) == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s does not run", "%s は稼働していない", p.Server.Name)}, nil
	}
	v, err := visit(ctx, p.Server)
	if err != nil {
		return activities.Seen{Sight: plan.CannotTell, Detail: err.Error()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("%s accepts connections", "%s は接続を受け付けている", p.Server.Name), Output: Started{Server: p.Server.Name, Role: v.role(), GTID: v.GTID}}, nil
}

// micro is a time as results carry it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// note keeps a small file beside the server's option file.
func note(i *mycluster.Instance, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return i.Keep(name, append(b, '\n'))
}

// recall reads a note into v and leaves v as it is when there is none.
func recall(i *mycluster.Instance, name string, v any) error {
	b, err := i.Kept(name)
	if err != nil || b == nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s.%s of %s is damaged (%w); look at it and remove it", i.Config, name, i.Name, err)
	}
	return nil
}
