package process

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Status is the parameters of process.status.
type Status struct {
	Process Target `json:"process" kind:"process" example:"orders-app" help:"Program to look at." ja:"確認するプログラム"`
}

// Await is the parameters of process.wait.
type Await struct {
	Process Target       `json:"process" kind:"process" example:"orders-app" help:"Program to wait for." ja:"待つ対象のプログラム"`
	State   string       `json:"state" help:"What is waited for." ja:"待つ条件" enum:"running,ended" example:"running"`
	Listen  string       `json:"listen" reach:"host" help:"TCP address on which it must accept connections to count as running; empty asks only that it lives." ja:"稼働中とみなすために接続を受け付けるべきTCPアドレス。空なら、動いていることだけを確かめる" default:"" example:"127.0.0.1:8080"`
	Within  run.Duration `json:"within" help:"How long that may take." ja:"待つ時間" default:"30s"`
}

// Shown is what can be seen of a process.
type Shown struct {
	Running    bool      `json:"running" help:"Whether the program runs; one that a signal has stopped does not." ja:"稼働しているか。シグナルで停止中のものは含まない"`
	Frozen     bool      `json:"frozen" help:"Whether a signal has stopped it." ja:"シグナルで停止中か"`
	PID        int       `json:"pid" help:"Process number; 0 when it is not there." ja:"プロセス番号。なければ0"`
	StartedAt  time.Time `json:"started_at,omitzero" help:"When it was started, by the kernel's count." ja:"起動時刻（カーネルの記録による）"`
	AgeS       float64   `json:"age_s" help:"Seconds since then." ja:"それからの秒数"`
	Executable string    `json:"executable" help:"File that it runs." ja:"実行しているファイル"`
	Detail     string    `json:"detail" help:"What was seen instead, when it is not there." ja:"稼働していない場合に、代わりに確認したもの"`
}

var status = activities.Define("process.status", activities.Doc{
	Summary:    "Show whether a program runs, as which process and since when.",
	SummaryJA:  "プログラムの稼働状況、プロセス番号、起動時刻を示す。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(_ context.Context, p Status) (Shown, error) { return show(p.Process) })

var await = activities.Define("process.wait", activities.Doc{
	Summary:    "Wait until a program runs, or until it has ended.",
	SummaryJA:  "プログラムが稼働するまで、または終了するまで待つ。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p Await) (Shown, error) {
	var at Shown
	err := activities.Until(ctx, p.Within.Std(), 100*time.Millisecond, func(ctx context.Context) (err error) {
		if at, err = show(p.Process); err != nil {
			return err
		}
		switch {
		case p.State == "ended" && at.PID != 0:
			return activities.FindingBoth("%s still runs as process %d after %s", "%s はプロセス %d として動き続けている（%s経過）", p.Process.Name, at.PID, p.Within.Std())
		case p.State == "running" && at.Frozen:
			return activities.FindingBoth("%s is process %d, and a signal has stopped it", "%s（プロセス %d）はシグナルで停止中", p.Process.Name, at.PID)
		case p.State == "running" && !at.Running:
			return activities.FindingBoth("%s does not run after %s: %s", "%s は %s経過しても動いていない：%s", p.Process.Name, p.Within.Std(), plan.Apart(at.Detail))
		case p.State == "running" && p.Listen != "":
			if err := accepts(ctx, p.Listen); err != nil {
				return activities.FindingBoth("%s runs as process %d, and does not accept connections: %v", "%s はプロセス %d として動いているが、接続を受け付けない：%v", p.Process.Name, at.PID, err)
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return at, ctx.Err()
	}
	return at, err
})

func show(t Target) (Shown, error) {
	p, why, err := find(t)
	if err != nil || p == nil {
		return Shown{Detail: why.Both()}, err
	}
	return Shown{Running: !p.stat.Frozen(), Frozen: p.stat.Frozen(), PID: p.pid, StartedAt: p.started.UTC(),
		AgeS: max(0, time.Since(p.started).Seconds()), Executable: p.executable}, nil
}
