package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/plan"
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
	p, err := s.programme(ctx)
	if err != nil {
		return nil, err
	}
	row, err := s.oneRow(ctx, p, id)
	if err != nil {
		return nil, err
	}
	sum, pl, err := s.known(ctx, runID)
	if err == nil {
		err = s.mayRead(ctx, runID)
	}
	if err == nil && !s.sees(ctx, sum, pl) {
		err = isWithheld(ctx, pl)
	}
	if err != nil {
		return nil, err
	}
	if l := lang(ctx); sum.Scenario != row.Scenario {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Run %s is of scenario %s, and row %s runs %s.", "%[1]s はシナリオ %[2]s の実施です。行 %[3]s のシナリオは %[4]s です。", runID, sum.Scenario, id, row.Scenario),
			l.T("`muster coverage` says which run held it", "`muster coverage` でどの実施に当たるか確認できます"))
	}
	var criteria []plan.Criterion
	for _, g := range row.Goals {
		c := plan.Criterion{ID: g.ID, Text: g.Text, Expect: g.Expect}
		if g.Expect == "" {
			c.Cannot = plan.Say("the role %s judges it", "役割 %s が判定する", g.Judge)
		}
		criteria = append(criteria, c)
	}
	entries, err := s.Store.Events(ctx, runID, 0, 0)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	events := make([]run.Event, len(entries))
	for i, e := range entries {
		events[i] = e.Event
	}
	return report.Goals(pl, events, criteria)
}

// Goals reads whether a run met the goals of its row.
func (c *Client) Goals(ctx context.Context, row, runID string) ([]report.Pass, error) {
	return get[[]report.Pass](ctx, c, "/programme/rows/"+url.PathEscape(row)+"/goals", url.Values{"run": {runID}})
}
