package systemd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Kill is the parameters of systemd.kill.
type Kill struct {
	Units  []Target     `json:"units" kind:"unit" example:"[orders-unit]" help:"Units whose processes are killed, all at the same moment; several of one site are a power failure. One may be the site worker's own." ja:"プロセスを強制終了するユニット。同じ拠点の複数を指定すると停電のように同時に終了させる。拠点のワーカー自身のユニットも指定できる"`
	Rescue run.Duration `json:"rescue" help:"How long systemd has to bring them back (Restart=): what is not active again by then is started instead, and the result says so. Longer than the RTO, or it would be met by this; 0s waits for nothing and starts nothing. The site worker's own unit can't be rescued from here." ja:"systemd による復帰（Restart=）を待つ時間。過ぎても active でないものは代わりに起動し、結果に残す。RTO より長くする（短いと、これで達成になってしまう）。0s なら待たず、起動もしない。拠点ワーカー自身のユニットは対象外" default:"0s" example:"5m"`
}

// Killed is its result.
type Killed struct {
	At      time.Time `json:"at" help:"When it struck, by the site worker's clock." ja:"強制終了した時刻（拠点ワーカーの時計）"`
	Units   []string  `json:"units" help:"The units whose processes were killed." ja:"プロセスを強制終了したユニット"`
	Rescued []string  `json:"rescued" help:"Units that systemd had not brought back in time, and that were started instead." ja:"systemd が時間内に復帰させず、代わりに起動したユニット"`
	Down    []string  `json:"down" help:"Units that were not active again at the end of the wait, though they were started; empty where nothing was waited for." ja:"起動しても、待ち時間の終わりに active でなかったユニット。待たなかった場合は空"`
	BackS   float64   `json:"back_s" help:"Seconds until the last of them was active again; 0 when that was not waited for, or not seen." ja:"最後の1つが再び active になるまでの秒数。待たなかったか、確認できなかった場合は 0"`
}

var kill = activities.Define("systemd.kill", activities.Doc{
	Summary:   "Kill all processes of units at once, as a crash or a power failure would, and leave it to systemd to bring them back.",
	SummaryJA: "ユニットの全プロセスを、障害や停電のように即座に強制終了する。復帰は systemd に任せる。",
	Effect:    run.Disrupt,
	Undo:      "systemd.start",
}, strike, activities.Look(struck), activities.Ready(func(ctx context.Context, p Kill) ([]plan.Text, error) {
	units, done, err := p.reach(ctx)
	defer done()
	if err != nil {
		return nil, err
	}
	var lacking []plan.Text
	for _, u := range units {
		switch more := u.m.lacking(u.State, false); {
		case more != nil:
			lacking = append(lacking, more...)
		case u.down():
			lacking = append(lacking, activities.Lacking("%s is %s: there is nothing to kill", "%s の状態は %s で、終了させるプロセスがありません", u.id, u.State))
		case u.restart == "no" || u.restart == "on-success":
			lacking = append(lacking, activities.Lacking("%s has Restart=%s: nothing brings it back after a crash; give it Restart=always", "%s は Restart=%s のため、障害後に自動で復帰しません。Restart=always を設定してください", u.id, u.restart))
		}
	}
	return lacking, nil
}))

// unit is one of them, as it was found.
type unit struct {
	State
	m *manager
}

// reach asks systemd for every unit, the worker's own last: nothing can be done after that.
func (p Kill) reach(ctx context.Context) (units []unit, done func(), err error) {
	done = func() {
		for _, u := range units {
			u.m.close()
		}
	}
	if len(p.Units) == 0 {
		return nil, done, activities.RefusedBoth("units is empty: name what is to be killed", "units が空：強制終了するユニットを指定する")
	}
	for _, t := range p.Units {
		m, err := connect(ctx, t)
		if err != nil {
			return units, done, err
		}
		units = append(units, unit{m: m})
		if units[len(units)-1].State, err = m.state(ctx); err != nil {
			return units, done, err
		}
	}
	slices.SortStableFunc(units, func(a, b unit) int {
		switch {
		case a.ours() == b.ours():
			return 0
		case a.ours():
			return 1
		}
		return -1
	})
	return units, done, nil
}

// blow is what the ledger keeps from before: which starts were meant. It tells them from those that
// came up since, also to a worker that was killed by this.
type blow struct {
	At     time.Time         `json:"at"`
	Starts map[string]string `json:"starts"` // invocations by unit
	// Rescued are those that were started in the end.
	Rescued []string `json:"rescued,omitempty"`
}

func (b blow) killed() Killed {
	out := Killed{At: b.At, Units: []string{}, Rescued: []string{}, Down: []string{}}
	for id := range b.Starts {
		out.Units = append(out.Units, id)
	}
	slices.Sort(out.Units)
	out.Rescued = append(out.Rescued, b.Rescued...)
	return out
}

func strike(ctx context.Context, p Kill) (Killed, error) {
	units, done, err := p.reach(ctx)
	defer done()
	if err != nil {
		return Killed{}, err
	}
	b := blow{Starts: map[string]string{}}
	for _, u := range units {
		if err := u.m.loaded(u.State); err != nil {
			return Killed{}, err
		}
		if u.down() || u.Invocation == "" {
			return Killed{}, activities.RefusedBoth("%s is %s: there is nothing to kill, and nothing was killed", "%s の状態は %s で、終了させるプロセスがない。何も終了していない", u.id, u.State)
		}
		if _, twice := b.Starts[u.id]; twice {
			return Killed{}, activities.RefusedBoth("units names %s twice", "units に %s が二度指定されている", u.id)
		}
		b.Starts[u.id] = u.Invocation
	}
	b.At = time.Now().UTC()
	if err := activities.Keep(ctx, b); err != nil {
		return Killed{}, err
	}
	back, giveUp := p.watchOver(ctx, b)
	for _, u := range units {
		if _, err := ask(ctx, u.m, activities.Lacking("the kill of %s", "%s の強制終了", u.id), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, u.m.conn.KillUnitWithTarget(ctx, u.id, dbus.All, sigkill)
		}); err != nil {
			if u.id != units[0].id {
				return Killed{}, late(err)
			}
			if isRefusal(err) {
				giveUp() // nothing was killed
			}
			return Killed{}, err
		}
	}
	if err := gone(ctx, units, b); err != nil {
		return Killed{}, err
	}
	select {
	case out := <-back:
		return out, nil
	case <-ctx.Done():
		return Killed{}, ctx.Err()
	}
}

// isRefusal reports whether nothing was begun.
func isRefusal(err error) bool {
	app := new(temporal.ApplicationError)
	return errors.As(err, &app) && app.Type() == plan.ErrRefused
}

const sigkill = 9

// dying is how long killed processes have to leave: one that waits for a disk that never answers does not.
const dying = 10 * time.Second

// over reports whether the start that was meant is over.
func (b blow) over(s State) bool {
	return s.Invocation != b.Starts[s.id] || s.down() || s.Sub == "auto-restart" || s.Sub == "auto-restart-queued"
}

// gone waits until no process of the starts that were meant runs.
func gone(ctx context.Context, units []unit, b blow) error {
	var left []string
	err := activities.UntilWhole(ctx, dying, every, func(ctx context.Context) error {
		var now []string
		for _, u := range units {
			s, err := u.m.state(ctx)
			if err != nil {
				return err
			}
			if !b.over(s) {
				now = append(now, fmt.Sprintf("%s (%s)", s.id, s))
			}
		}
		if left = now; len(left) > 0 {
			return errUnsteady
		}
		return nil
	})
	switch {
	case err == nil: // seen, whatever has ended since
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errUnsteady):
		return activities.FindingBoth("killed, and not gone after %s: %s", "強制終了したが、%s経過しても残っている：%s", dying, strings.Join(left, ", "))
	}
	return late(err)
}

// watchOver waits for systemd to bring the units back, and starts what it does not. It goes on when the order
// is cut off: what was killed may be what carries the order. giveUp ends it, where nothing was killed.
func (p Kill) watchOver(ctx context.Context, b blow) (back <-chan Killed, giveUp func()) {
	done := make(chan Killed, 1)
	if p.Rescue <= 0 {
		done <- b.killed()
		return done, func() {}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.Rescue.Std()+rescued+dying)
	go func() {
		defer cancel()
		units, end, err := p.reach(ctx)
		defer end()
		if err != nil {
			activities.Log(ctx).Warn("whether what was killed comes back can't be watched", "err", err)
			out := b.killed()
			out.Down = out.Units
			done <- out
			return
		}
		done <- rescue(ctx, units, b, p.Rescue.Std())
	}()
	return done, cancel
}

func rescue(ctx context.Context, units []unit, b blow, within time.Duration) Killed {
	out := b.killed()
	if out.Down = awaitBack(ctx, units, b, within); len(out.Down) > 0 && ctx.Err() == nil {
		for _, u := range units {
			if !slices.Contains(out.Down, u.id) {
				continue
			}
			if _, err := ask(ctx, u.m, activities.Lacking("the start of %s", "%s の起動", u.id), func(ctx context.Context) (int, error) {
				return u.m.conn.StartUnitContext(ctx, u.id, "fail", nil)
			}); err != nil {
				activities.Log(ctx).Warn("what was killed does not come back, and can't be started", "server", u.m.t.Name, "err", err)
				continue
			}
			out.Rescued = append(out.Rescued, u.id)
		}
		b.Rescued = out.Rescued
		if err := activities.Keep(ctx, b); err != nil { // for a look that settles the order
			activities.Log(ctx).Warn("what was started in the end is not kept", "err", err)
		}
		out.Down = awaitBack(ctx, units, b, rescued)
	}
	if len(out.Down) == 0 {
		out.BackS = time.Since(b.At).Seconds()
	}
	return out
}

// rescued is how long one that was started has to become active.
const rescued = time.Minute

// awaitBack waits until new starts of all units are active, and returns those that are not.
func awaitBack(ctx context.Context, units []unit, b blow, within time.Duration) []string {
	down := []string{}
	_ = activities.UntilWhole(ctx, within, every, func(ctx context.Context) error {
		down = []string{}
		for _, u := range units {
			if s, err := u.m.state(ctx); err != nil || s.Active != "active" || s.Invocation == b.Starts[u.id] {
				down = append(down, u.id)
			}
		}
		if len(down) > 0 {
			return errUnsteady
		}
		return nil
	})
	return down
}

// struck says whether the starts that were meant are over.
func struck(ctx context.Context, p Kill) (activities.Seen, error) {
	var b blow
	found, err := activities.Kept(ctx, &b)
	if err != nil {
		return activities.Seen{}, err
	}
	if !found {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("nothing was killed by this step", "このステップではまだ何も強制終了していない").Both()}, nil
	}
	units, done, err := p.reach(ctx)
	defer done()
	if err != nil {
		return activities.Seen{}, err
	}
	var left []string
	out := b.killed()
	for _, u := range units {
		if !b.over(u.State) {
			left = append(left, u.id)
		} else if p.Rescue > 0 && u.Active != "active" {
			out.Down = append(out.Down, u.id)
		}
	}
	if len(left) > 0 {
		return activities.Seen{Sight: plan.HoldsNot, Partial: len(left) < len(units), Detail: activities.Lacking("still run as before: %s", "以前のまま動作中：%s", strings.Join(left, ", ")).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Output: out,
		Detail: activities.Lacking("the starts of before are over since about %s", "以前の起動は %s 頃に終了している", b.At.Format(time.RFC3339)).Both()}, nil
}
