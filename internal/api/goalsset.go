package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// rowsOf are the rows of the programme that a drill is of, as they stand when it begins: what it is to show is judged by
// that, whatever the files say later. nil is not known: to a bundle, which has no programme, and while the files can't be read.
func (s *Server) rowsOf(ctx context.Context, in StartRequest) []run.RowGoals {
	if in.Kind != run.Drill || s.Bundled != nil {
		return nil
	}
	p, err := s.optionalProgramme(ctx)
	if err != nil {
		s.Log.Warn("which goals are set for a drill can't be read", "scenario", in.Scenario, "err", err)
		return nil
	}
	out := []run.RowGoals{}
	if p == nil {
		return out
	}
	for _, row := range p.Rows {
		if row.Scenario != in.Scenario {
			continue
		}
		of := run.RowGoals{Row: row.ID}
		for _, g := range row.Goals {
			of.Goals = append(of.Goals, run.Goal{ID: g.ID, Text: run.Problem(g.Text), Expect: g.Expect, Judge: g.Judge})
		}
		out = append(out, of)
	}
	return out
}

// goalSet is what a run is judged by for a row.
type goalSet struct {
	plan   plan.Plan
	events []run.Event
	goals  []programme.Goal
	now    []programme.Goal // those of the row as the files have it
	row    programme.Row    // whose goals they are; of one that is gone the name alone
	frozen bool             // goals are of the record: they were set when the run began
}

// goalsSet reads the goals that a row had when a run of it began; those of now where the record does not know.
func (s *Server) goalsSet(ctx context.Context, id, runID string) (out goalSet, err error) {
	p, err := s.programme(ctx)
	if err != nil {
		return out, err
	}
	id = p.Called(id)
	if byHand(runID) { // of no run: people judge it by the goals of now
		return s.goalsOfNow(ctx, p, id, runID)
	}
	sum, pl, err := s.known(ctx, runID)
	if err == nil {
		err = s.mayRead(ctx, runID)
	}
	if err == nil && !s.sees(ctx, sum, pl) {
		err = isWithheld(ctx, runID)
	}
	if err != nil {
		return out, err
	}
	entries, err := s.Store.Events(ctx, runID, 0, 0)
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	out.plan, out.events = pl, eventsOf(entries)
	var began run.Started
	if len(out.events) > 0 && out.events[0].Kind == run.RunStarted {
		if err := out.events[0].Decode(&began); err != nil {
			return out, err
		}
	}
	out.frozen = began.Rows != nil
	out.goals = goalsBegun(began, p, id)
	known := slices.ContainsFunc(began.Rows, func(r run.RowGoals) bool { return p.Called(r.Row) == id })
	row, there := p.Row(id)
	if out.row = row; !there {
		out.row.ID = id
	}
	switch {
	case there && row.Scenario == sum.Scenario:
		out.now = row.Goals
	case known: // the row is gone, or of another scenario since
	case !there:
		_, err = s.oneRow(ctx, p, id)
		return out, err
	default:
		l := lang(ctx)
		return out, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Run %s is of scenario %s, and row %s runs %s.", "%[1]s はシナリオ %[2]s の実施です。行 %[3]s のシナリオは %[4]s です。", runID, sum.Scenario, id, row.Scenario),
			l.T("`muster coverage` says which run held it", "`muster coverage` でどの実施に当たるか確認できます"))
	}
	if !out.frozen {
		out.goals = out.now
	}
	return out, nil
}

// goalsBegun are the goals that a row had when a run began.
func goalsBegun(began run.Started, p *programme.Programme, row string) (out []programme.Goal) {
	for _, r := range began.Rows {
		if p.Called(r.Row) != row {
			continue
		}
		for _, g := range r.Goals {
			out = append(out, programme.Goal{ID: g.ID, Text: plan.Text(g.Text), Expect: g.Expect, Judge: g.Judge})
		}
	}
	return out
}

// goalsOfNow are the goals by which people judge what was held without a run. A record that is not there, was taken back
// or is of another row is no record of it.
func (s *Server) goalsOfNow(ctx context.Context, p *programme.Programme, id, record string) (goalSet, error) {
	if _, r, err := s.word(ctx, record); err != nil {
		return goalSet{}, err
	} else if r.State != run.Held || p.Called(r.Due.Schedule) != id {
		return goalSet{}, s.unknownRun(ctx, record)
	}
	seen, withheld := s.programmeFor(ctx, *p)
	if slices.Contains(withheld, id) {
		return goalSet{}, isWithheld(ctx, id)
	}
	row, err := s.oneRow(ctx, &seen, id)
	return goalSet{goals: row.Goals, now: row.Goals, row: row}, err
}

func criteria(goals []programme.Goal) []plan.Criterion {
	var out []plan.Criterion
	for _, g := range goals {
		c := plan.Criterion{ID: g.ID, Text: g.Text, Expect: g.Expect}
		if g.Expect == "" {
			c.Cannot = plan.Say("the role %s judges it", "役割 %s が判定する", g.Judge)
		}
		out = append(out, c)
	}
	return out
}

// since adds to the goals as they were judged what became of them since the run began: what was set or changed later
// is none of the run's, and not proven by it.
func (set goalSet) since(list []report.Pass) []report.Pass {
	if !set.frozen {
		for i := range list {
			list[i].Remark = plan.Say("as the plan has it now: the record does not say what was set before the run", "現在の訓練計画の目標による判定（実施前に定めた内容は記録になく、その後に変更された可能性がある）")
		}
		return list
	}
	for _, g := range set.now {
		later := report.Pass{ID: g.ID, Text: g.Text, Expect: g.Expect, Verdict: run.NotProven, Simulated: []string{}, Later: true,
			Why: plan.Say("set after the run had begun", "実施の開始後に追加された")}
		i := slices.IndexFunc(set.goals, func(was programme.Goal) bool { return was.ID == g.ID })
		switch {
		case i < 0:
		case set.goals[i].Expect == g.Expect && (g.Expect != "" || set.goals[i].Text == g.Text):
			continue
		default:
			later.Why = plan.Say("changed after the run had begun", "実施の開始後に変更された")
			for k := range list {
				if list[k].ID == g.ID {
					list[k].Remark = plan.Say("as it was when the run began; it was changed since", "実施開始時の目標による判定（その後に変更された）")
				}
			}
		}
		list = append(list, later)
	}
	return list
}
