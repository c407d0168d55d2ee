package api

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/report"
)

// placeGone reports whether no run can pass a finding's place any more, since the plan files hold nothing of it: a
// renamed step, a stage that was dropped, a retired system, scenario, site, role, party, probe or channel. Of what it
// can't tell it says no.
func (s *Server) placeGone(ctx context.Context, f Finding) (bool, error) {
	from, ok := s.Plans.(ProofFiles)
	if !ok {
		return false, nil
	}
	files, err := from.ProofFiles()
	if err != nil {
		return false, s.mistakes(ctx, err)
	}
	part := strings.Split(f.Place, "/")
	if len(part) < 2 {
		return false, nil
	}
	at := slices.IndexFunc(files.Systems, func(x plan.System) bool { return report.PlaceKey(x.Name) == part[1] })
	switch about := part[0]; about {
	case "region", "conflict", "cleanup", "copy":
		return part[1] != "-" && at < 0, nil
	case "objective":
		if at < 0 || len(part) == 3 && !objectiveSet(files.Systems[at], part[2]) {
			return true, nil
		}
		if len(f.Against) == 0 {
			return false, nil
		}
	case "step", "retry", "hand", "budget", "undo":
	case "worker", "party", "channel", "people", "clock", "record":
		return s.estateGone(ctx, files, part)
	default:
		return false, nil
	}
	plans, err := s.everyPlan(ctx, files)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(plans, func(p plan.Plan) bool {
		if part[0] != "objective" {
			return holdsStep(p, part)
		}
		_, moves := p.System(files.Systems[at].Name)
		as := outcome.Against{Scenario: p.Scenario.Name, SitesLost: p.Scenario.SitesLost}
		return moves && slices.ContainsFunc(f.Against, as.AsHardAs)
	}), nil
}

// everyPlan is the plan of each scenario as the files are now. One that can't be made may hold anything.
func (s *Server) everyPlan(ctx context.Context, files proof.Files) ([]plan.Plan, error) {
	list, err := s.Plans.Scenarios()
	if err != nil {
		return nil, s.mistakes(ctx, err)
	}
	var out []plan.Plan
	for _, sc := range list {
		p, err := files.Compile(sc.Name, sc.Depth)
		if err != nil {
			return nil, s.mistakes(ctx, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// objectiveSet reports whether a system has the objective that a place is named after.
func objectiveSet(x plan.System, name string) bool {
	o := x.Objective
	switch name {
	case "rto", "relapse":
		return o.RTO != nil
	case "rpo", "failback":
		return proof.Set(x, outcome.Property(name))
	case "restore":
		return o.Restore != nil && o.Restore.Within != nil
	case "restore-point":
		return o.Restore != nil && o.Restore.Point != nil
	}
	level, err := strconv.Atoi(strings.TrimPrefix(name, "rlo-"))
	return err != nil || slices.ContainsFunc(o.RLO, func(st plan.Stage) bool { return st.Level == level })
}

// holdsStep reports whether a plan has the step of a place: about, system, runbook and step. What is in no runbook
// goes by what it is for, and is looked for by its own name.
func holdsStep(p plan.Plan, part []string) bool {
	if len(part) != 4 {
		return true
	}
	named := func(x plan.Step) bool { return report.PlaceKey(x.ID) == part[3] }
	if slices.ContainsFunc(p.Scenario.Injects, named) {
		return true
	}
	return slices.ContainsFunc(p.Runbooks, func(b plan.Runbook) bool {
		return report.PlaceKey(b.Name) == part[2] && report.PlaceKey(b.System) == part[1] && slices.ContainsFunc(b.Steps, named)
	})
}
