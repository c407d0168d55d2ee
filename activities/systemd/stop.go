package systemd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Stop is the parameters of systemd.stop.
type Stop struct {
	Unit       Target       `json:"unit" kind:"unit" example:"orders-unit" help:"Unit to stop." ja:"停止するユニット"`
	BackBy     string       `json:"back_by" help:"What if an active socket, timer, path or unit would start it again: refuse, or keep that as it is. A unit that can come back is not fenced; stop those first, or use systemd.mask." ja:"稼働中のソケット・タイマー・パス・ユニットが再び起動させる場合の扱い。拒否するか、そのままにする。再び起動しうるユニットはフェンスされたことにならない。それらを先に停止するか、systemd.mask を使う" enum:"refuse,keep" default:"refuse"`
	Dependants []string     `json:"dependants" help:"Units that need it and go down with it (Requires=, BindsTo=, PartOf=, ...), by their full names: refused while one is active and not named. An undo starts those again that were." ja:"このユニットを必要とし、ともに停止するユニット（Requires=、BindsTo=、PartOf= など。完全な名前）。稼働中でここにないものがあれば拒否する。取り消しでは、稼働していたものを再び起動する" default:"" example:"[orders-web.service]"`
	Steady     run.Duration `json:"steady" help:"How long it must then stay down." ja:"停止し続けるべき時間" default:"1s"`
	Within     run.Duration `json:"within" help:"How long that may take together; systemd itself kills what does not end by the unit's TimeoutStopSec." ja:"全体で待つ時間。ユニットの TimeoutStopSec までに終了しないものは、systemd自身が強制終了する" default:"2m"`
}

func (p Stop) target() Target { return p.Unit }

// Stopped is the result of systemd.stop and systemd.mask.
type Stopped struct {
	Active    string   `json:"active_state" help:"inactive, or failed when it did not end as it should." ja:"inactive。正常に終了しなかった場合は failed"`
	Result    string   `json:"result" help:"How it ended: success, exit-code, signal, timeout, ..." ja:"終わり方。success、exit-code、signal、timeout など"`
	Before    string   `json:"before" help:"The invocation that was ended; empty when it was never started." ja:"終了させた起動の識別子。一度も起動していなければ空"`
	File      string   `json:"unit_file_state" help:"Whether it comes back when the machine starts: enabled, disabled, masked, ..." ja:"マシンの起動時に起動するか。enabled、disabled、masked など"`
	BackBy    []string `json:"back_by" help:"Active sockets, timers, paths and units that can start it again all the same." ja:"それでも再び起動させうる、稼働中のソケット・タイマー・パス・ユニット"`
	Took      []string `json:"took" help:"Active units that went down with it because they need it; what an undo by systemd.start at the same site starts again." ja:"このユニットを必要とするため、ともに停止したユニット。同じ拠点での systemd.start による取り消しで再び起動する"`
	DurationS float64  `json:"duration_s" help:"Seconds until it was seen down." ja:"停止を確認するまでの秒数"`
}

var stop = activities.Define("systemd.stop", activities.Doc{
	Summary:   "Stop a unit, and see that it is down with all its processes and stays so.",
	SummaryJA: "ユニットを停止し、プロセスが残らず、停止したままであることを確かめる。",
	Effect:    run.Disrupt,
	Undo:      "systemd.start",
}, on(halt), activities.Look(on(func(ctx context.Context, m *manager, s State, p Stop) (activities.Seen, error) {
	seen, err := m.sightDown(ctx, s)
	if err == nil && seen.Sight == plan.Holds && p.BackBy == "refuse" && len(seen.Output.(Stopped).BackBy) > 0 {
		seen = activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s, and would be started again by %s", "%s だが、再び起動されうる：%s", plan.Apart(seen.Detail), some(seen.Output.(Stopped).BackBy)).Both()}
	}
	return seen, err
})), activities.Ready(on(func(ctx context.Context, m *manager, s State, p Stop) ([]plan.Text, error) {
	return nil, m.stoppable(ctx, s, p)
})))

func halt(ctx context.Context, m *manager, s State, p Stop) (Stopped, error) {
	if err := m.stoppable(ctx, s, p); err != nil {
		return Stopped{}, err
	}
	took, err := m.takes(ctx, s, p.Dependants)
	if err != nil {
		return Stopped{}, err
	}
	out, err := m.end(ctx, s, p.Steady.Std(), p.Within.Std())
	out.Took = took
	return out, err
}

// stoppable refuses a stop that can't be, or would not last.
func (m *manager) stoppable(ctx context.Context, s State, p Stop) error {
	if s.ours() {
		return activities.RefusedBoth("this site worker runs in %s: it can't be stopped from here",
			"この拠点のワーカーは %s で動いている。ここからは停止できない", s.id)
	}
	if s.Load != "masked" { // one that is masked can still run
		if err := m.loaded(s); err != nil {
			return err
		}
	}
	back, err := m.backBy(ctx, s)
	if err == nil && len(back) > 0 && p.BackBy == "refuse" {
		err = activities.RefusedBoth("%s would be started again by %s: stop that first, use systemd.mask, or say back_by: keep",
			"%s は %s により再び起動されうる。先にそれを停止するか、systemd.mask を使うか、back_by: keep を指定する", s.id, some(back))
	}
	if err == nil {
		_, err = m.dependants(ctx, s, p.Dependants)
	}
	return err
}

// sightDown says whether the unit is down with all its processes.
func (m *manager) sightDown(ctx context.Context, s State) (activities.Seen, error) {
	is := activities.Lacking("%s is %s", "%s の状態は %s", s.id, s)
	detail := is.Both()
	switch job, err := m.jobType(ctx, s); {
	case err != nil:
		return activities.Seen{}, err
	case job != "" && job != "start" && job != "verify-active", s.Active == "deactivating":
		return activities.Seen{Sight: plan.CannotTell, Detail: detail}, nil
	case !s.down() || job != "":
		return activities.Seen{Sight: plan.HoldsNot, Detail: detail}, nil
	case s.Load == "not-found":
		return activities.Seen{}, activities.RefusedBoth("there is no unit %s here", "ここにユニット %s はない", s.id)
	}
	left, err := m.left(ctx, s)
	if err != nil {
		return activities.Seen{}, err
	}
	if len(left) > 0 {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s, and of it still run: %s", "%s で、プロセスが残っている：%s", is, some(left)).Both()}, nil
	}
	back, err := m.backBy(ctx, s)
	if err != nil {
		return activities.Seen{}, err
	}
	out := stopped(s, back)
	var before downed
	_, err = activities.Kept(ctx, &before)
	out.Took = before.Took
	return activities.Seen{Sight: plan.Holds, Detail: detail, Output: out}, err
}

func stopped(s State, back []string) Stopped {
	return Stopped{Active: s.Active, Result: s.Result, Before: s.Invocation, File: s.File, BackBy: back}
}

// end stops the unit and watches that it stays down.
func (m *manager) end(ctx context.Context, s State, steady, within time.Duration) (Stopped, error) {
	// "replace": a stop wins over whatever else is under way.
	if _, err := ask(ctx, m, activities.Lacking("the stop of %s", "%s の停止", s.id), func(ctx context.Context) (int, error) {
		return m.conn.StopUnitContext(ctx, s.id, "replace", nil)
	}); err != nil {
		return Stopped{}, err
	}
	out, err := m.untilDown(ctx, s, steady, within)
	return out, late(err)
}

// untilDown watches a unit that was told to stop until it has stayed down long enough.
func (m *manager) untilDown(ctx context.Context, s State, steady, within time.Duration) (Stopped, error) {
	began, before := time.Now(), s.Invocation
	var down time.Time
	var took time.Duration
	err := activities.UntilWhole(ctx, within, every, func(ctx context.Context) (err error) {
		if s, err = m.state(ctx); err != nil {
			down = time.Time{}
			return err
		}
		switch {
		case !s.settled() || !s.down():
			down = time.Time{}
		case down.IsZero():
			down, took = time.Now(), time.Since(began)
		}
		if !down.IsZero() && time.Since(down) >= steady {
			return nil
		}
		return errUnsteady
	})
	switch {
	case ctx.Err() != nil:
		return Stopped{}, ctx.Err()
	case errors.Is(err, errUnsteady) && s.Invocation != before:
		return Stopped{}, activities.FindingBoth("%s was stopped and came back: it is %s", "%s を停止したが再び起動した。状態は %s", s.id, s)
	case errors.Is(err, errUnsteady):
		return Stopped{}, activities.FindingBoth("%s was told to stop and is not down for %s within %s: it is %s",
			"%s に停止を指示したが、%s継続して停止しなかった（制限時間 %s）。状態は %s", s.id, steady, within, s)
	case err != nil:
		return Stopped{}, err
	}
	left, err := m.left(ctx, s)
	if err != nil {
		return Stopped{}, err
	}
	if len(left) > 0 {
		return Stopped{}, activities.FindingBoth("%s is %s, and of it still run: %s; its KillMode= leaves them",
			"%s の状態は %s だが、プロセスが残っている：%s。KillMode= の設定による", s.id, s, some(left))
	}
	back, err := m.backBy(ctx, s)
	out := stopped(s, back)
	out.Before, out.DurationS = before, took.Seconds()
	return out, err
}

func some(list []string) string {
	const shown = 5
	if len(list) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
	}
	return strings.Join(list, ", ")
}
