package systemd

import (
	"context"
	"slices"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// dependants lists the active units that systemd stops with this one, however many steps
// away, and refuses those that whoever wrote the step did not name.
func (m *manager) dependants(ctx context.Context, s State, named []string) ([]string, error) {
	const most = 200 // a unit that carries so much is no service of one's own
	var active, unnamed []string
	seen := map[string]bool{s.id: true}
	for left := s.needing; len(left) > 0; left = left[1:] {
		if seen[left[0]] {
			continue
		}
		if seen[left[0]] = true; len(seen) > most {
			return nil, activities.RefusedBoth("more than %d units need %s: name a unit that carries less", "%d 個を超えるユニットが %s に依存している。影響の小さいユニットを指定する", most, s.id)
		}
		d, err := m.stateOf(ctx, left[0])
		if err != nil {
			return nil, err
		}
		seen[d.id] = true
		left = append(left, d.needing...)
		switch {
		case d.down() || slices.Contains(active, d.id):
			continue
		case d.ours():
			return nil, activities.RefusedBoth("this site worker runs in %s, which goes down with %s: it can't be stopped from here", "この拠点のワーカーは %s で動いており、%s と同時に停止する。ここからは停止できない", d.id, s.id)
		}
		active = append(active, d.id)
		if !slices.Contains(named, d.id) && !slices.Contains(named, left[0]) {
			unnamed = append(unnamed, d.id)
		}
	}
	if len(unnamed) > 0 {
		return nil, activities.RefusedBoth("%s would take down what needs it and is active: %s; name it in dependants if that is meant", "%s を停止すると、依存して稼働中の %s も停止する。意図した操作であれば dependants に指定する", s.id, some(unnamed))
	}
	return active, nil
}

// takes is dependants, together with those that an earlier try of the step took down.
func (m *manager) takes(ctx context.Context, s State, named []string) ([]string, error) {
	now, err := m.dependants(ctx, s, named)
	if err != nil {
		return nil, err
	}
	var before downed
	if _, err := activities.Kept(ctx, &before); err != nil {
		return nil, nothing(err)
	}
	took := append(before.Took, now...)
	slices.Sort(took)
	took = slices.Compact(took)
	return took, activities.Keep(ctx, downed{took})
}

// downed is what a stop keeps for whoever undoes it.
type downed struct {
	Took []string `json:"took"`
}

// toRaise are the units that a start names, and as an undo those that its step took down.
func (p Start) toRaise(ctx context.Context) ([]string, error) {
	var step downed
	if _, err := activities.Undone(ctx, &step); err != nil {
		return nil, err
	}
	return append(slices.Clone(p.Dependants), step.Took...), nil
}

// nothing refuses what could not be seen before anything was begun.
func nothing(err error) error {
	return activities.RefusedBoth("nothing was begun: %v", "何も実行していない：%v", err)
}

// of is the manager for another unit of the same systemd.
func (m *manager) of(unit string) *manager {
	out := *m
	out.t.Spec.Unit = unit
	return &out
}

// raise starts units that went down with another one, and watches that they stay.
func (m *manager) raise(ctx context.Context, units []string, p Until) error {
	for _, name := range units {
		if _, err := ask(ctx, m, activities.Lacking("the start of %s", "%s の起動", name), func(ctx context.Context) (int, error) {
			return m.conn.StartUnitContext(ctx, name, "fail", nil)
		}); err != nil {
			return late(err)
		}
	}
	for _, name := range units {
		if _, err := m.of(name).untilActive(ctx, p.any(), ordered); err != nil {
			return late(err)
		}
	}
	return nil
}

// raised says of the first of the units that is not active what it is; the zero Seen when
// all are.
func (m *manager) raised(ctx context.Context, units []string, p Until) (activities.Seen, error) {
	for _, name := range units {
		d := m.of(name)
		s, err := d.state(ctx)
		if err != nil {
			return activities.Seen{}, err
		}
		seen, err := d.sight(ctx, s, p.any())
		if err != nil || seen.Sight != plan.Holds {
			seen.Partial = seen.Sight == plan.HoldsNot
			return seen, err
		}
	}
	return activities.Seen{}, nil
}

// any is for a unit that was active before, in whatever way.
func (p Until) any() Until {
	p.Exited = true
	return p
}

// fullNames refuses what is no full name of a unit.
func fullNames(units []string) error {
	for _, u := range units {
		if !unitName.MatchString(u) {
			return activities.RefusedBoth("dependants: %q is no full name of a unit; write it with its ending, such as orders-web.service", "dependants：%q はユニットの完全な名前ではない。orders-web.service のように拡張子まで書く", u)
		}
	}
	return nil
}
