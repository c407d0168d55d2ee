package api

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/forecast"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func (s *Server) forecastRoutes(api huma.API) {
	huma.Register(api, route("scenario-forecast", http.MethodGet, "/scenarios/{name}/forecast",
		"How likely a run of the scenario would meet its objectives, by what its steps took before. A forecast, never a measurement.", 403, 404, 422),
		func(ctx context.Context, in *struct {
			Name  string    `path:"name"`
			Depth run.Depth `query:"depth" enum:"tabletop,walkthrough,isolated,live,real" doc:"The scenario's own when left out."`
		}) (*answer[forecast.Forecast], error) {
			if err := s.mayForesee(ctx, in.Name); err != nil {
				return nil, err
			}
			p, err := s.compile(ctx, in.Name, in.Depth)
			if err != nil {
				return nil, err
			}
			past, err := forecast.Read(ctx, s.Store, p.Scenario.Name, "")
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			return &answer[forecast.Forecast]{s.forecasts.of(p, past)}, nil
		})
	huma.Register(api, route("scenario-past", http.MethodGet, "/scenarios/{name}/past",
		"What the steps and parts of past runs of the scenario took: what a forecast rests on.", 403, 404, 422),
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
		}) (*answer[forecast.Past], error) {
			if err := s.mayForesee(ctx, in.Name); err != nil {
				return nil, err
			}
			past, err := forecast.Read(ctx, s.Store, in.Name, "")
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			return &answer[forecast.Past]{past}, nil
		})
}

// mayForesee refuses those from whom a blind drill is withheld: what it is expected to take names
// its systems and steps.
func (s *Server) mayForesee(ctx context.Context, scenario string) error {
	p, err := s.compile(ctx, scenario, "")
	if err != nil {
		return err
	}
	return s.withheld(ctx, p)
}

// forecasts keeps the newest ones: a page that is looked at again, or by many, is drawn once.
type forecasts struct {
	mu   sync.Mutex
	kept []forecast.Forecast
}

const forecastsKept = 64

// of makes one at a time, so that many who ask can't take every processor from the runs.
func (f *forecasts) of(p plan.Plan, past forecast.Past) forecast.Forecast {
	seed := forecast.Seed(p, past)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.kept {
		if k.Seed == seed {
			return k
		}
	}
	made := forecast.Of(p, past)
	if f.kept = append(f.kept, made); len(f.kept) > forecastsKept {
		f.kept = f.kept[1:]
	}
	return made
}

// Forecast is how likely a run of the scenario would meet its objectives.
func (c *Client) Forecast(ctx context.Context, scenario string, depth run.Depth) (forecast.Forecast, error) {
	q := url.Values{}
	if depth != "" {
		q.Set("depth", string(depth))
	}
	return get[forecast.Forecast](ctx, c, "/scenarios/"+url.PathEscape(scenario)+"/forecast", q)
}

// Past is what past runs of the scenario took.
func (c *Client) Past(ctx context.Context, scenario string) (forecast.Past, error) {
	return get[forecast.Past](ctx, c, "/scenarios/"+url.PathEscape(scenario)+"/past", nil)
}
