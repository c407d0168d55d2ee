package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// History is a page of all runs, newest first, with what there is to narrow it by.
type History struct {
	Runs  []PastRun `json:"runs"`
	Total int       `json:"total" doc:"How many runs fit, on all pages."`
	Page  int       `json:"page"`
	Pages int       `json:"pages"`
	// Years and Scenarios are those of all runs, whatever the filter.
	Years     []int    `json:"years" doc:"Years in which runs began, in the estate's zone, the newest first."`
	Scenarios []string `json:"scenarios"`
}

// PastRun is a run with what it came to.
type PastRun struct {
	journal.Summary
	Verdict run.Verdict `json:"verdict,omitempty" doc:"Of an ended run."`
}

// HistoryFilter narrows the history; zero fields do not.
type HistoryFilter struct {
	System, Scenario string
	Year             int
	Verdict          run.Verdict
	Page, Size       int
}

// noVerdict asks for runs that have none: open ones, and such as were refused.
const noVerdict = "none"

func (s *Server) historyRoutes(api huma.API) {
	huma.Register(api, route("history", http.MethodGet, "/history", "Runs by page, newest first, with their verdicts.", 503),
		func(ctx context.Context, in *struct {
			System   string `query:"system" doc:"Only runs that recovered it, and have ended."`
			Scenario string `query:"scenario"`
			Year     int    `query:"year" minimum:"2000" maximum:"2099" doc:"Only runs that began in this year, in the estate's zone."`
			Verdict  string `query:"verdict" enum:"met,missed,not_proven,no_objective,none" doc:"none has those without one."`
			Page     int    `query:"page" minimum:"1" default:"1" doc:"One that there is not is the nearest."`
			Size     int    `query:"size" minimum:"1" maximum:"200" default:"50"`
		}) (*answer[History], error) {
			out, err := s.history(ctx, HistoryFilter{System: in.System, Scenario: in.Scenario, Year: in.Year, Verdict: run.Verdict(in.Verdict), Page: in.Page, Size: in.Size})
			if err != nil {
				return nil, err
			}
			return &answer[History]{out}, nil
		})
}

// history reads summaries and what ended runs came to; no journal is read for it.
func (s *Server) history(ctx context.Context, f HistoryFilter) (History, error) {
	out := History{Runs: []PastRun{}, Years: []int{}, Scenarios: []string{}}
	if err := s.keepEnded(ctx); err != nil {
		return out, err
	}
	all, err := s.Store.Runs(ctx, journal.Filter{})
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	ended, err := s.Store.Outcomes(ctx, journal.OutcomeFilter{Bare: true})
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	verdicts := make(map[string]run.Verdict, len(ended))
	for _, o := range ended {
		verdicts[o.Run] = o.Verdict
	}
	recovered := map[string]bool{}
	if f.System != "" {
		list, err := s.Store.Outcomes(ctx, journal.OutcomeFilter{System: f.System, Bare: true})
		if err != nil {
			return out, s.storeProblem(ctx, err)
		}
		for _, o := range list {
			recovered[o.Run] = true
		}
	}
	zone, years, scenarios := s.zone(ctx), map[int]bool{}, map[string]bool{}
	var fit []PastRun
	for _, r := range all {
		one, year := PastRun{r, verdicts[r.Run]}, r.StartedAt.In(zone).Year()
		years[year], scenarios[r.Scenario] = true, true
		if f.Scenario != "" && r.Scenario != f.Scenario || f.Year != 0 && year != f.Year || f.System != "" && !recovered[r.Run] ||
			f.Verdict == noVerdict && one.Verdict != "" || f.Verdict != "" && f.Verdict != noVerdict && one.Verdict != f.Verdict {
			continue
		}
		fit = append(fit, one)
	}
	for y := range years {
		out.Years = append(out.Years, y)
	}
	slices.Sort(out.Years)
	slices.Reverse(out.Years)
	for name := range scenarios {
		if name != "" {
			out.Scenarios = append(out.Scenarios, name)
		}
	}
	slices.Sort(out.Scenarios)
	out.Total, out.Pages = len(fit), max(1, (len(fit)+f.Size-1)/f.Size)
	out.Page = min(max(f.Page, 1), out.Pages)
	from := (out.Page - 1) * f.Size
	out.Runs = append(out.Runs, fit[from:min(from+f.Size, len(fit))]...)
	return out, nil
}

// History reads a page of all runs.
func (c *Client) History(ctx context.Context, f HistoryFilter) (History, error) {
	q := url.Values{}
	for name, v := range map[string]string{"system": f.System, "scenario": f.Scenario, "verdict": string(f.Verdict)} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for name, n := range map[string]int{"year": f.Year, "page": f.Page, "size": f.Size} {
		if n != 0 {
			q.Set(name, strconv.Itoa(n))
		}
	}
	return get[History](ctx, c, "/history", q)
}
