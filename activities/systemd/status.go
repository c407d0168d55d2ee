package systemd

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/run"
)

// Status is the parameters of systemd.status.
type Status struct {
	Unit Target `json:"unit" kind:"unit" example:"orders-unit" help:"Unit to look at." ja:"確認するユニット"`
}

func (p Status) target() Target { return p.Unit }

// Wait is the parameters of systemd.wait_active.
type Wait struct {
	Unit Target `json:"unit" kind:"unit" example:"orders-unit" help:"Unit to wait for." ja:"待つ対象のユニット"`
	Until
}

func (p Wait) target() Target { return p.Unit }

var status = activities.Define("systemd.status", activities.Doc{
	Summary:    "Show a unit's state, since when, and what would start it again.",
	SummaryJA:  "ユニットの状態、起動時刻、再び起動させ得るユニットを示す。",
	Effect:     run.Observe,
	Repeatable: true,
}, on(func(ctx context.Context, m *manager, s State, p Status) (State, error) {
	var err error
	s.BackBy, err = m.backBy(ctx, s)
	return s, err
}))

var waitActive = activities.Define("systemd.wait_active", activities.Doc{
	Summary:    "Wait until a unit is active and stays so.",
	SummaryJA:  "ユニットが active になり、そのまま安定するまで待つ。",
	Effect:     run.Observe,
	Repeatable: true,
}, on(func(ctx context.Context, m *manager, _ State, p Wait) (State, error) {
	return m.untilActive(ctx, p.Until, patient)
}))
