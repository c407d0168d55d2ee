package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/overview"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

func (s *Server) goalRoutes(api huma.API) {
	huma.Register(api, route("row-goals", http.MethodGet, "/programme/rows/{row}/goals", "Whether a run met the goals that its row of the plan had set beforehand.", 403, 404, 422),
		func(ctx context.Context, in *struct {
			Row string `path:"row"`
			Run string `query:"run" required:"true" doc:"The run that is judged."`
		}) (*answer[[]report.Pass], error) {
			list, err := s.goals(ctx, in.Row, in.Run)
			if err != nil {
				return nil, err
			}
			return &answer[[]report.Pass]{list}, nil
		})
}

func (s *Server) goals(ctx context.Context, id, runID string) ([]report.Pass, error) {
	set, err := s.goalsSet(ctx, id, runID)
	if err != nil {
		return nil, err
	}
	if list, ok, err := s.goalsOfWord(ctx, set.row, set.goals, runID); ok || err != nil {
		return list, err
	}
	list, err := report.Goals(set.plan, set.events, criteria(set.goals))
	if err != nil {
		return nil, err
	}
	written, err := s.writtenAbout(ctx, runID)
	if err != nil {
		return nil, err
	}
	return set.since(report.WithJudged(list, set.row.Names(), written)), nil
}

// goalsOf are the goals of the rows that were held by runs, as they stand. Hidden counts the rows whose runs
// whoever asks may not read.
func (s *Server) goalsOf(ctx context.Context, items []programme.Item) (out []overview.RowGoals, hidden int, err error) {
	if len(items) == 0 {
		return nil, 0, nil
	}
	p, err := s.programme(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, i := range items {
		row, _ := p.Row(i.Row)
		if i.Status != programme.HeldThen || i.Run == "" && len(row.Goals) == 0 {
			continue
		}
		one := overview.RowGoals{Row: i.Row, Title: i.Title, Run: i.Run}
		set := row.Goals
		unproven := func(why plan.Text) {
			for _, g := range set {
				one.Goals = append(one.Goals, report.Pass{ID: g.ID, Text: g.Text, Expect: g.Expect, Verdict: run.NotProven, Why: why, Simulated: []string{}})
			}
			out = append(out, one)
		}
		if i.Run == "" { // held without a run: people alone can say something of it
			switch list, ok, err := s.goalsOfWord(ctx, row, row.Goals, i.Occasion); {
			case err != nil:
				return nil, 0, err
			case ok:
				one.Goals = list
				out = append(out, one)
			default:
				unproven(withoutRun)
			}
			continue
		}
		list, err := s.goals(ctx, i.Row, i.Run)
		if err != nil {
			if then, known := s.goalsThen(ctx, p, i.Row, i.Run); known {
				set = then
			}
		}
		refused := new(Problem)
		switch said := errors.As(err, &refused); {
		case err == nil:
			one.Goals, one.Later = list, slices.Clone(list)
			one.Goals = slices.DeleteFunc(one.Goals, func(g report.Pass) bool { return g.Later })
			one.Later = slices.DeleteFunc(one.Later, func(g report.Pass) bool { return !g.Later })
			if len(list) > 0 {
				out = append(out, one)
			}
		case ctx.Err() != nil:
			return nil, 0, err
		case len(set) == 0: // what it had is not known, and nothing asks for it
		case said && refused.Status == http.StatusForbidden:
			hidden++
		case said && refused.Code == CodeEnded:
			unproven(plan.Say("the run's record was removed after its time", "実施の記録が保存期間の満了により削除されている"))
		case said && refused.Status == http.StatusNotFound:
			unproven(plan.Say("the run is not in the record store", "実施の記録が保存先にない"))
		case said && refused.Status == http.StatusUnprocessableEntity:
			unproven(plan.Say("the row runs another scenario today", "行のシナリオが実施後に変更されている"))
		default: // one record that can't be read does not keep the year's from being shown
			s.Log.Warn("the goals of a row can't be judged", "schedule", i.Row, "run", i.Run, "err", err)
			unproven(plan.Say("the run's record or its plan can't be read", "実施の記録または計画を読み取れない"))
		}
	}
	return out, hidden, nil
}

// goalsThen are the goals that a row had by the record of a run which can't be judged now, where it has any: the files may ask for others
// or none by now.
func (s *Server) goalsThen(ctx context.Context, p *programme.Programme, row, runID string) (goals []programme.Goal, known bool) {
	first, err := s.Store.Events(ctx, runID, 0, 1)
	if err != nil || len(first) == 0 || first[0].Event.Kind != run.RunStarted {
		return nil, false
	}
	var began run.Started
	if err := first[0].Event.Decode(&began); err != nil {
		return nil, false
	}
	return goalsBegun(began, p, row), began.Rows != nil
}

// mayJudge refuses a judgement of a goal that is none, that the record itself judges, or that another role
// does; and of a run that did not hold the row.
func (s *Server) mayJudge(ctx context.Context, e plan.Estate, b *WriteRequest) error {
	l := lang(ctx)
	row, id, _ := strings.Cut(strings.TrimPrefix(b.Item, goalItems), "/")
	set, err := s.goalsSet(ctx, row, b.About)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(set.goals, func(g programme.Goal) bool { return g.ID == id })
	if i < 0 {
		var ids []string
		for _, g := range set.goals {
			ids = append(ids, g.ID)
		}
		if slices.ContainsFunc(set.now, func(g programme.Goal) bool { return g.ID == id }) {
			return problem(http.StatusConflict, CodeRefused, l.T("Goal %s was set after run %s had begun.", "目標 %s は、%s の開始後に定められました。", id, b.About), l.T("It is judged of a later run", "以後の実施について判定してください"))
		}
		return problem(http.StatusNotFound, CodeNotFound, l.T("Row %s has no goal %q.", "行 %s に目標 %q はありません。", row, id), l.T("There are: %s", "ある目標: %s", strings.Join(ids, ", ")))
	}
	g := set.goals[i]
	if g.Expect != "" {
		return problem(http.StatusConflict, CodeRefused, l.T("Goal %s is judged by the record: %s", "目標 %s は記録から判定されます: %s", id, g.Expect),
			l.T("`muster coverage goals %s %s` shows it", "`muster coverage goals %s %s` で確認できます", row, b.About))
	}
	if who, _ := e.Person(b.By); !slices.Contains(who.Roles, g.Judge) {
		return problem(http.StatusForbidden, CodeRefused, l.T("%s does not have the role %s, which judges goal %s.", "%s は、目標 %[3]s を判定する役割 %[2]s を持っていません。", b.By, g.Judge, id),
			l.T("Have somebody with that role judge it", "その役割を持つ人が判定してください"))
	}
	if b.Verdict != run.Met && b.Verdict != run.Missed {
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("A goal is judged as met or missed.", "目標の判定は met（達成）か missed（未達）です。"), l.T("Name one: verdict", "verdict で指定してください"))
	}
	if byHand(b.About) { // its record is of the row alone
		return nil
	}
	p, err := s.programme(ctx)
	if err != nil {
		return err
	}
	held, err := s.heldBy(ctx, p, set.row.ID, b.About)
	if err != nil {
		return err
	}
	if !held {
		return problem(http.StatusConflict, CodeRefused, l.T("Run %s did not hold row %s.", "%s は行 %s の実施に当たりません。", b.About, row),
			l.T("`muster coverage` says which run held it", "`muster coverage` でどの実施に当たるか確認できます"))
	}
	return nil
}

// heldBy reports whether it was this run that held a row: in the year in which the run began or, of a drill
// that began late, in the one before.
func (s *Server) heldBy(ctx context.Context, p *programme.Programme, row, runID string) (bool, error) {
	sum, err := s.summary(ctx, runID)
	if err != nil {
		return false, err
	}
	facts, err := s.facts(ctx)
	if err != nil {
		return false, s.storeProblem(ctx, err)
	}
	from, until := p.Year(sum.StartedAt)
	before, _ := p.Year(from.Add(-time.Second))
	for _, year := range [][2]time.Time{{from, until}, {before, from}} {
		if slices.ContainsFunc(programme.Coverage(p, year[0], year[1], s.now(), facts), func(i programme.Item) bool {
			return i.Row == row && i.Run == runID && i.Status == programme.HeldThen
		}) {
			return true, nil
		}
	}
	return false, nil
}

// goalText is what the goal of an item says that is judged of a run.
func (s *Server) goalText(ctx context.Context, item, runID string) (string, error) {
	row, id, _ := strings.Cut(strings.TrimPrefix(item, goalItems), "/")
	set, err := s.goalsSet(ctx, row, runID)
	if err != nil {
		return "", err
	}
	for _, g := range set.goals {
		if g.ID == id {
			return g.Text.Both(), nil
		}
	}
	return "", nil
}

// goalItems is what items of goals begin with.
const goalItems = "goal/"

// Goals reads whether a run met the goals of its row.
func (c *Client) Goals(ctx context.Context, row, runID string) ([]report.Pass, error) {
	return get[[]report.Pass](ctx, c, "/programme/rows/"+url.PathEscape(row)+"/goals", url.Values{"run": {runID}})
}
