package systemd

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Restart is the parameters of systemd.restart.
type Restart struct {
	Unit       Target `json:"unit" kind:"unit" example:"orders-unit" help:"Unit to restart." ja:"再起動するユニット"`
	Invocation string `json:"invocation" example:"9f1c7e5a3b2d4c6e8f0a1b2c3d4e5f60" help:"Which start of it is to be replaced, as an earlier systemd.status showed it (${{ steps.ID.invocation }}): whatever becomes of an answer, no other is ended." ja:"置き換える起動の識別子。先の systemd.status の結果（${{ steps.ID.invocation }}）を書く。応答が失われても、ほかの起動は終了させない"`
	Until
}

func (p Restart) target() Target { return p.Unit }

// Restarted is its result.
type Restarted struct {
	Before string `json:"before" help:"The invocation that was replaced." ja:"置き換えた起動の識別子"`
	State
}

var restart = activities.Define("systemd.restart", activities.Doc{
	Summary:   "Replace one start of a unit by a new one, and see that it stays active.",
	SummaryJA: "ユニットを再起動し、新しい起動が active のまま安定していることを確かめる。",
	Effect:    run.Disrupt,
}, on(func(ctx context.Context, m *manager, s State, p Restart) (Restarted, error) {
	lacking := m.lacking(s, p.Exited)
	switch {
	case lacking != nil:
		return Restarted{}, activities.Refused("%s", lacking[0].Both())
	case p.Invocation == "":
		return Restarted{}, activities.RefusedBoth("%s was never started: use systemd.start",
			"%s は一度も起動されていない。systemd.start を使う", s.id)
	case s.Invocation != p.Invocation:
		return Restarted{}, activities.RefusedBoth("%s was started anew since it was looked at, and is %s: look again and decide",
			"%s は確認後に起動し直されており、状態は %s である。もう一度確認して判断する", s.id, s)
	case s.ours():
		return Restarted{}, activities.RefusedBoth("this site worker runs in %s: it can't be restarted from here",
			"この拠点のワーカーは %s で動いている。ここからは再起動できない", s.id)
	}
	m.hold(ctx, s)
	if _, err := ask(ctx, m, activities.Lacking("the restart of %s", "%s の再起動", s.id), func(ctx context.Context) (int, error) {
		return m.conn.RestartUnitContext(ctx, s.id, "fail", nil)
	}); err != nil {
		return Restarted{}, err
	}
	s, err := m.untilActive(ctx, p.Until, ordered, p.Invocation)
	return Restarted{Before: p.Invocation, State: s}, late(err)
}), activities.Look(on(func(ctx context.Context, m *manager, s State, p Restart) (activities.Seen, error) {
	if s.settled() && s.Invocation == p.Invocation {
		return activities.Seen{Sight: plan.HoldsNot, Partial: s.down(), Detail: activities.Lacking("%s is %s, and was not started anew", "%s の状態は %s で、起動し直されていない", s.id, s).Both()}, nil
	}
	seen, err := m.sight(ctx, s, p.Until)
	switch seen.Sight {
	case plan.Holds:
		seen.Output = Restarted{Before: p.Invocation, State: seen.Output.(State)}
	case plan.HoldsNot:
		seen.Partial = true // it was ended, and the new start did not last
	}
	return seen, err
})))
