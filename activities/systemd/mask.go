package systemd

import (
	"context"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Mask is the parameters of systemd.mask.
type Mask struct {
	Unit       Target       `json:"unit" kind:"unit" example:"orders-unit" help:"Unit that nothing may start any more." ja:"起動を禁止するユニット"`
	Dependants []string     `json:"dependants" help:"Units that need it and go down with it, as for systemd.stop." ja:"このユニットを必要とし、ともに停止するユニット。systemd.stop と同じ" default:"" example:"[orders-web.service]"`
	Reboot     bool         `json:"until_reboot" help:"Whether the mask ends when the machine starts anew. A fence must outlive that." ja:"マシンの再起動でマスクが解けるようにするか。フェンスは再起動後も残る必要がある" default:"false"`
	Within     run.Duration `json:"within" help:"How long its stop may take." ja:"停止を待つ時間" default:"2m"`
}

func (p Mask) target() Target { return p.Unit }

// masked reports whether the unit's mask is one that lasts as long as it should.
func (p Mask) masked(s State) bool {
	return s.Load == "masked" && (p.Reboot || s.File != "masked-runtime")
}

// Unmask is the parameters of systemd.unmask.
type Unmask struct {
	Unit Target `json:"unit" kind:"unit" example:"orders-unit" help:"Unit that may be started again." ja:"再び起動できるようにするユニット"`
}

func (p Unmask) target() Target { return p.Unit }

var mask = activities.Define("systemd.mask", activities.Doc{
	Summary:   "Fence a unit: mask it, so that no timer, socket, Restart=, boot or person can start it, then stop it.",
	SummaryJA: "ユニットをフェンスする。マスクしてタイマー・ソケット・Restart=・再起動・手動のいずれでも起動できなくし、停止する。",
	Effect:    run.Disrupt,
	Undo:      "systemd.unmask",
}, on(func(ctx context.Context, m *manager, s State, p Mask) (Stopped, error) {
	if err := m.maskable(s); err != nil {
		return Stopped{}, err
	}
	took, err := m.takes(ctx, s, p.Dependants)
	if err != nil {
		return Stopped{}, err
	}
	if !p.masked(s) {
		// Before the stop: what brings it back could be faster.
		_, err := ask(ctx, m, activities.Lacking("the mask of %s", "%s のマスク", s.id), func(ctx context.Context) ([]dbus.MaskUnitFileChange, error) {
			return m.conn.MaskUnitFilesContext(ctx, []string{s.id}, p.Reboot, false)
		})
		if err != nil {
			return Stopped{}, err
		}
		if s, err = m.reloaded(ctx); err != nil {
			return Stopped{}, late(err)
		}
		if !p.masked(s) { // a file in /etc goes before a mask in /run
			if _, err := m.lift(ctx); err != nil {
				return Stopped{}, late(err)
			}
			return Stopped{}, activities.FindingBoth("%s has a unit file that goes before the mask, so the mask was taken away again and nothing was stopped: use until_reboot: false, or move the file to /usr/local/lib/systemd/system",
				"%s にはマスクより優先されるユニットファイルがあるため、マスクを取り消し、停止もしていない。until_reboot: false を指定するか、ファイルを /usr/local/lib/systemd/system に移す", s.id)
		}
	}
	out, err := m.end(ctx, s, 0, p.Within.Std())
	out.Took = took
	return out, late(err)
}), activities.Look(on(func(ctx context.Context, m *manager, s State, p Mask) (activities.Seen, error) {
	if p.masked(s) {
		seen, err := m.sightDown(ctx, s)
		seen.Partial = seen.Sight == plan.HoldsNot
		return seen, err
	}
	file, err := m.unitFile(ctx)
	return activities.Seen{Sight: plan.HoldsNot, Partial: masked(file), Detail: activities.Lacking("%s can be started (%s), and is %s", "%s は起動可能（%s）で、状態は %s", s.id, s.File, s).Both()}, err
})), activities.Ready(on(func(ctx context.Context, m *manager, s State, p Mask) ([]plan.Text, error) {
	if err := m.maskable(s); err != nil {
		return nil, err
	}
	_, err := m.dependants(ctx, s, p.Dependants)
	return nil, err
})))

var unmask = activities.Define("systemd.unmask", activities.Doc{
	Summary:   "Let a masked unit be started again, without starting it.",
	SummaryJA: "ユニットのマスクを解除して起動可能にする。起動はしない。",
	Effect:    run.Disrupt,
	Undo:      "systemd.mask",
}, on(func(ctx context.Context, m *manager, s State, p Unmask) (State, error) {
	s, err := m.lift(ctx)
	if err == nil && s.Load == "masked" {
		err = activities.FindingBoth("%s is still masked: its mask lies where systemd's tools did not put it",
			"%s はまだマスクされている。systemd のツールが置いたものではない場所にマスクがある", p.Unit.Spec.Unit)
	}
	return s, err
}), activities.Look(on(func(ctx context.Context, m *manager, s State, p Unmask) (activities.Seen, error) {
	file, err := m.unitFile(ctx)
	if err != nil {
		return activities.Seen{}, err
	}
	if s.Load == "masked" || masked(file) {
		return activities.Seen{Sight: plan.HoldsNot, Partial: s.Load != "masked" || !masked(file), Detail: activities.Lacking("%s is masked", "%s はマスクされている", s.id).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is not masked (%s)", "%s はマスクされていない（%s）", s.id, s.Load).Both(), Output: s}, nil
})))

// maskable refuses units whose mask would not do what it should.
func (m *manager) maskable(s State) error {
	switch {
	case s.Load == "not-found":
		return m.loaded(s)
	case s.id != m.t.Spec.Unit:
		return activities.RefusedBoth("%s is only another name of %s: a mask of it would keep nothing from starting; correct the target",
			"%s は %s の別名にすぎず、マスクしても起動を防げない。操作対象を修正する", m.t.Spec.Unit, s.id)
	case s.ours():
		return activities.RefusedBoth("this site worker runs in %s: it can't be stopped from here",
			"この拠点のワーカーは %s で動いている。ここからは停止できない", s.id)
	case s.File == "transient", s.File == "generated":
		return activities.RefusedBoth("%s has no unit file of its own (%s), so that it can't be masked: use systemd.stop",
			"%s には自身のユニットファイルがなく（%s）、マスクできない。systemd.stop を使う", s.id, s.File)
	}
	return nil
}

// unitFile is the state of the unit's file on disk, whatever systemd has loaded.
func (m *manager) unitFile(ctx context.Context) (state string, err error) {
	name := m.t.Spec.Unit
	return state, m.fault(activities.Lacking("the unit file of %s", "%s のユニットファイル", name), m.call(ctx, "GetUnitFileState", name).Store(&state))
}

func masked(file string) bool { return strings.HasPrefix(file, "masked") }

// lift takes the unit's masks away, both kinds.
func (m *manager) lift(ctx context.Context) (State, error) {
	for n, runtime := range []bool{true, false} {
		_, err := ask(ctx, m, activities.Lacking("the unmask of %s", "%s のマスク解除", m.t.Spec.Unit), func(ctx context.Context) ([]dbus.UnmaskUnitFileChange, error) {
			return m.conn.UnmaskUnitFilesContext(ctx, []string{m.t.Spec.Unit}, runtime)
		})
		if err != nil && n > 0 {
			err = late(err)
		}
		if err != nil {
			return State{}, err
		}
	}
	s, err := m.reloaded(ctx)
	return s, late(err)
}
