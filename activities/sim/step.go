package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/simworld"
)

// Step is the parameters of sim.step. Its effect is a file named after the run and the
// step; effects.log in the same folder gets a line for each time it was done.
type Step struct {
	Dir          string       `json:"dir" reach:"path" help:"Folder on the site worker's machine that holds the effects; it is made when it is missing. Empty: no effect is left, and nothing can be looked at." ja:"作用の跡を残す、拠点ワーカーのマシン上のフォルダー。なければ作成する。空なら跡を残さず、事後の確認もできない" default:"" example:"/var/lib/muster/sim"`
	BlockFor     run.Duration `json:"block_for" help:"How long it takes before its effect." ja:"作用の前にかかる時間" default:"0s"`
	BlockAfter   run.Duration `json:"block_after" help:"How long it takes between its effect and its answer." ja:"作用から応答までにかかる時間" default:"0s"`
	FailWith     string       `json:"fail_with" help:"How it fails, before its effect." ja:"作用の前に起こす失敗の種類" default:"none" enum:"none,finding,refused,error,panic"`
	FailAttempts int          `json:"fail_attempts" help:"How many attempts fail before one works; 0 fails every one. It is counted in dir." ja:"成功するまでに失敗する試行の回数。0 なら毎回失敗する。dir で数える" default:"0"`
	LoseAck      bool         `json:"lose_ack" help:"Have the effect and then fail, as if the answer had been lost." ja:"作用を及ぼしたあと、応答が失われたように失敗する" default:"false"`
	Hide         bool         `json:"hide" help:"Once an attempt was made, its look can't tell whether the goal holds." ja:"試行のあとは、確認しても目標の状態かどうか判断できないようにする" default:"false"`
	StandsFor    run.Duration `json:"stands_for" help:"How long the real thing would take, for drills whose time is compressed. It is returned, so that pass criteria can count it, and is never measured." ja:"実際の作業にかかる時間。時間を圧縮した訓練で使う。合格基準で数えられるよう戻り値に含めるが、計測値とはしない" default:"0s"`
	Output       any          `json:"output" help:"What it returns as value." ja:"value として返す値" default:""`
}

// Stepped is what sim.step returns.
type Stepped struct {
	Value      any     `json:"value" help:"What the parameter output said." ja:"パラメーター output の値"`
	Times      int     `json:"times" help:"How often the effect was had, by this run and step." ja:"この実施のこのステップが作用を及ぼした回数"`
	StandsForS float64 `json:"stands_for_s" help:"What the parameter stands_for said, in seconds: simulated, not measured." ja:"パラメーター stands_for の値（秒）。模擬であり、計測値ではない"`
}

var step = activities.Define("sim.step", activities.Doc{
	Summary:   "Do nothing real, for as long and with the failure that the parameters say.",
	SummaryJA: "実際には何もせず、指定された時間と失敗を再現する。",
	Effect:    run.Isolated,
	Settle:    500 * time.Millisecond,
}, func(ctx context.Context, p Step) (Stepped, error) {
	effect := effectOf(ctx, p)
	if p.Hide && p.Dir != "" {
		if err := effect.line(effect.name+".begun", "begun"); err != nil {
			return Stepped{}, err
		}
	}
	if err := block(ctx, p.BlockFor); err != nil {
		return Stepped{}, err
	}
	if fails, err := effect.fails(); err != nil {
		return Stepped{}, err
	} else if fails {
		switch p.FailWith {
		case "finding":
			return Stepped{}, activities.FindingBoth("the simulated system fell short", "模擬システムが期待を満たさなかった")
		case "refused":
			return Stepped{}, activities.RefusedBoth("the simulated guard refused", "模擬のガードが拒否した")
		case "error":
			return Stepped{}, errors.New("the simulated system did not answer")
		case "panic":
			panic("the simulated action broke")
		}
	}
	if err := effect.have(); err != nil {
		return Stepped{}, err
	}
	if err := block(ctx, p.BlockAfter); err != nil {
		return Stepped{}, err
	}
	if p.LoseAck {
		return Stepped{}, errors.New("the simulated answer was lost")
	}
	times, err := effect.times()
	return p.stepped(times), err
}, activities.Look(func(ctx context.Context, p Step) (activities.Seen, error) {
	effect := effectOf(ctx, p)
	switch {
	case p.Dir == "":
		return activities.Seen{}, nil
	case p.Hide && !effect.fresh():
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("the simulated system can't be seen", "模擬システムを確認できない").Both()}, nil
	}
	times, err := effect.times()
	if err != nil {
		return activities.Seen{}, err
	}
	if times == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s がない", effect.file).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is there", "%s がある", effect.file).Both(), Output: p.stepped(times)}, nil
}))

func (p Step) stepped(times int) Stepped {
	return Stepped{Value: p.Output, Times: times, StandsForS: p.StandsFor.Seconds()}
}

func block(ctx context.Context, d run.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d.Std())
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// effect is where a step's effect and attempts show.
type effect struct {
	Step
	name, file string
}

func effectOf(ctx context.Context, p Step) effect {
	call := activities.CallFrom(ctx)
	name := simworld.FileName(strings.Join([]string{call.Run, call.System, call.Runbook, call.Step}, "."))
	return effect{p, name, filepath.Join(p.Dir, name+".done")}
}

// fails counts the attempt and says whether it is one of those that fail.
func (e effect) fails() (bool, error) {
	if e.FailWith == "none" {
		return false, nil
	}
	if e.FailAttempts <= 0 || e.Dir == "" {
		return true, nil
	}
	n, err := e.count(e.name + ".attempts")
	if err != nil {
		return false, err
	}
	return n < e.FailAttempts, e.line(e.name+".attempts", "attempt")
}

// have is the effect itself.
func (e effect) have() error {
	if e.Dir == "" {
		return nil
	}
	if err := e.line(e.name+".done", "done"); err != nil {
		return err
	}
	return e.line("effects.log", e.name)
}

func (e effect) times() (int, error) {
	if e.Dir == "" {
		return 0, nil
	}
	return e.count(e.name + ".done")
}

// fresh reports that no attempt was made yet.
func (e effect) fresh() bool {
	_, err := os.Stat(filepath.Join(e.Dir, e.name+".begun"))
	return os.IsNotExist(err)
}

func (e effect) line(file, text string) error {
	if err := os.MkdirAll(e.Dir, 0o755); err != nil {
		return fmt.Errorf("simulated effect: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(e.Dir, file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("simulated effect: %w", err)
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

func (e effect) count(file string) (int, error) {
	b, err := os.ReadFile(filepath.Join(e.Dir, file))
	if os.IsNotExist(err) {
		return 0, nil
	}
	return strings.Count(string(b), "\n"), err
}
