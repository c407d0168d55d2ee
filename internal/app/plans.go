package app

import (
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// plans reads the plans directory anew at every question, so that a run starts from the
// files as they are.
type plans struct {
	dir     string
	catalog scenario.Catalog
	// compiled is told of each plan that was made; nil is nobody.
	compiled func(plan.Plan)
}

var _ api.Plans = plans{}

func (p plans) load() (*scenario.Bundle, error) {
	b, mistakes := scenario.Load(p.dir, p.catalog)
	return b, mistakes.Err()
}

func (p plans) Scenarios() ([]api.Scenario, error) {
	b, err := p.load()
	if err != nil {
		return nil, err
	}
	out := []api.Scenario{}
	for _, s := range b.Scenarios() {
		out = append(out, api.Scenario{Name: s.Name, Title: s.Title, Hazard: s.Hazard, Depth: s.Depth, Systems: s.Systems})
	}
	return out, nil
}

func (p plans) Compile(name string, depth run.Depth) (plan.Plan, error) {
	b, err := p.load()
	if err != nil {
		return plan.Plan{}, err
	}
	out, err := b.Compile(name, depth)
	if err == nil && p.compiled != nil {
		p.compiled(out)
	}
	return out, err
}
