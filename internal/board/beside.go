package board

import (
	"context"
	"strings"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// beside is an open run of the other kind that concerns systems of this one.
type beside struct {
	Run     string
	Kind    run.Kind
	Title   plan.Text
	Systems []string // those of both, by name
}

// kindRank puts the real before drills, and those before what changes nothing.
func kindRank(k run.Kind) int {
	switch k {
	case run.Response:
		return 0
	case run.Drill:
		return 1
	}
	return 2
}

// putBeside notes a run if one of the two is a drill, the other is real, and a system is in both.
func (p *picture) putBeside(id string, kind run.Kind, of plan.Plan) {
	mine := p.Overview.Kind
	if p.Overview.State.Ended() || mine == kind || mine != run.Response && kind != run.Response || mine != run.Drill && kind != run.Drill {
		return
	}
	b := beside{Run: id, Kind: kind, Title: of.Scenario.Told()}
	for _, s := range of.Systems {
		if _, ok := p.Plan.System(s.Name); ok {
			b.Systems = append(b.Systems, s.Name)
		}
	}
	if len(b.Systems) > 0 {
		p.Beside = append(p.Beside, b)
	}
}

// besides notes the open runs beside that of a picture.
func (h *hub) besides(ctx context.Context, p *picture) error {
	if p.Overview.State.Ended() {
		return nil
	}
	list, err := h.store.Runs(ctx, journal.Filter{Open: true, Limit: shown})
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Run == p.Overview.Run || r.Kind == p.Overview.Kind {
			continue
		}
		f, err := h.follow(ctx, r.Run)
		if err != nil {
			continue // a warning; another run that can't be read does not take this one's page away
		}
		p.putBeside(r.Run, r.Kind, f.plan)
	}
	return nil
}

// Shared are the systems of both runs as people call them.
func (v runView) Shared(b beside) string {
	var out []string
	for _, s := range b.Systems {
		out = append(out, systemTitle(v.L, v.Plan, s))
	}
	return strings.Join(out, v.L.T(", ", "、"))
}
