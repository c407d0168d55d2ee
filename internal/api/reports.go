package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/overview"
	"github.com/muster-dr/muster/internal/sheet"
)

// EstateFiles is what Plans may do besides: the estate with everything that its file says.
type EstateFiles interface {
	EstateFile() (*estate.Estate, error)
}

// mostRuns bounds what one page of a trend reads: ten years of a system's quarters are forty. A page
// that reads less than there is says so.
const mostRuns = 2000

// ReportOf chooses a page over many runs.
type ReportOf struct {
	System   string `query:"system" doc:"trend: only this system."`
	Scenario string `query:"scenario" doc:"trend: only runs of this scenario."`
	Before   string `query:"before" doc:"compare: the earlier run."`
	After    string `query:"after" doc:"compare: the later run."`
	Fiscal   int    `query:"fiscal" doc:"year and review: the fiscal year by its first calendar year; the one of today when left out."`
}

func (s *Server) reportRoutes(api huma.API) {
	huma.Register(api, route("get-overview", http.MethodGet, "/reports/{page}", "A page over many runs: trend, one run beside another, the yearly report, the yearly review's questions, or the gaps between measures and targets.", 404, 422, 503),
		func(ctx context.Context, in *struct {
			Page string `path:"page" enum:"trend,compare,year,review,gaps"`
			ReportOf
			Format string `query:"format" enum:"text,json,markdown,html,csv,pdf" default:"json"`
			Lang   string `query:"lang" enum:"en,ja" doc:"The language of the request when left out."`
		}) (*reportOutput, error) {
			page, err := s.overview(ctx, in.Page, in.ReportOf)
			if err != nil {
				return nil, err
			}
			l := lang(ctx)
			if in.Lang != "" {
				l = i18n.Parse(in.Lang)
			}
			var b bytes.Buffer
			if err := s.setPage(&b, page, in.Format, l); err != nil {
				return nil, unset(err)
			}
			return &reportOutput{ContentType: reportTypes[in.Format], Policy: policyOf(b.Bytes()), Body: b.Bytes()}, nil
		})
}

// reportTypes are the media types of formats.
var reportTypes = map[string]string{"text": "text/plain; charset=utf-8", "json": "application/json", "markdown": "text/markdown; charset=utf-8",
	"html": "text/html; charset=utf-8", "csv": "application/zip", "pdf": "application/pdf", "record": "application/json"}

// unset is why a document could not be set.
func unset(err error) error {
	way := ""
	if out, ok := errors.AsType[interface {
		error
		WayOut() string
	}](err); ok {
		way = out.WayOut()
	}
	return problem(http.StatusInternalServerError, CodeInternal, err.Error(), way)
}

// paged is a page that can be set in words.
type paged interface{ Sheet() sheet.Sheet }

func (s *Server) setPage(w io.Writer, page paged, format string, l i18n.Lang) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(page)
	}
	return s.SetSheet(w, page.Sheet(), format, l)
}

// overview makes a page.
func (s *Server) overview(ctx context.Context, page string, of ReportOf) (paged, error) {
	if err := s.keepEnded(ctx); err != nil {
		return nil, err
	}
	switch page {
	case "trend":
		return s.trend(ctx, of)
	case "compare":
		return s.compare(ctx, of)
	case "gaps":
		e, err := s.estateFile(ctx)
		if err != nil {
			return nil, err
		}
		if e == nil {
			e = new(estate.Estate)
		}
		fresh, err := s.Freshness(ctx)
		if err != nil {
			return nil, err
		}
		return overview.MakeGaps(s.frame(ctx), e, fresh.Systems), nil
	}
	f, err := s.yearFacts(ctx, of.Fiscal)
	if err != nil {
		return nil, err
	}
	if f.Goals, f.GoalsHidden, err = s.goalsOf(ctx, f.Planned); err != nil {
		return nil, err
	}
	if page == "review" {
		written, err := s.reviewed(ctx, f.From.In(f.Zone).Year(), f.Zone)
		if err != nil {
			return nil, err
		}
		return overview.MakeReview(f, written), nil
	}
	return overview.MakeYear(f), nil
}

func (s *Server) frame(ctx context.Context) overview.Frame {
	f := overview.Frame{At: s.now(), Zone: s.zone(ctx), Begins: s.yearBegins()}
	if files, ok := s.Plans.(Programmes); ok { // the year's days and quarters are where its bounds are
		if p, err := files.Programme(); err == nil && p != nil && p.Zone != "" {
			f.Zone = calendar.Rule{Zone: p.Zone}.Location()
		}
	}
	if s.Estate != nil {
		if e, err := s.Estate(ctx); err == nil {
			f.Organisation = e.Name
		}
	}
	return f
}

// yearBegins is the month with which the fiscal year begins: the programme's, and April without one. A
// mistake in its file is told by whoever needs more of it.
func (s *Server) yearBegins() time.Month {
	if files, ok := s.Plans.(Programmes); ok {
		if p, err := files.Programme(); err == nil && p != nil {
			return time.Month(p.Begins)
		}
	}
	return time.April
}

// days are those on which people work. A mistake in the programme's file is told by whoever needs more of it.
func (s *Server) days() calendar.Calendar {
	if files, ok := s.Plans.(Programmes); ok {
		if p, err := files.Programme(); err == nil {
			return p.Days()
		}
	}
	return calendar.Weekdays()
}

func (s *Server) estateFile(ctx context.Context) (*estate.Estate, error) {
	files, ok := s.Plans.(EstateFiles)
	if !ok {
		return nil, nil
	}
	e, err := files.EstateFile()
	if err != nil {
		return nil, s.mistakes(ctx, err)
	}
	return e, nil
}

func (s *Server) trend(ctx context.Context, of ReportOf) (paged, error) {
	which := journal.OutcomeFilter{System: of.System, Scenario: of.Scenario, Limit: mostRuns + 1}
	list, err := outcome.List(ctx, s.Store, which)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	var cut *overview.Cut
	if len(list) > mostRuns {
		which.Limit, which.Bare = 0, true
		all, err := s.Store.Outcomes(ctx, which)
		if err != nil {
			return nil, s.storeProblem(ctx, err)
		}
		list = list[:mostRuns]
		cut = &overview.Cut{Ended: len(all), Read: mostRuns, Since: list[mostRuns-1].EndedAt}
	}
	if len(list) == 0 && (of.System != "" || of.Scenario != "") {
		return nil, s.nothingOf(ctx, of)
	}
	t := overview.MakeTrend(s.frame(ctx), of.System, of.Scenario, list)
	t.Cut = cut
	return t, nil
}

func (s *Server) compare(ctx context.Context, of ReportOf) (paged, error) {
	var both [2]outcome.Outcome
	for i, id := range []string{of.Before, of.After} {
		list, err := outcome.List(ctx, s.Store, journal.OutcomeFilter{Run: id, Limit: 1})
		if err != nil {
			return nil, s.storeProblem(ctx, err)
		}
		if id == "" || len(list) == 0 {
			l := lang(ctx)
			return nil, problem(http.StatusNotFound, CodeNotFound, l.T("There is no ended run %q to compare.", "比較できる終了した実施 %q はありません。", id),
				l.T("`muster drill list` shows the runs; one that goes on can be compared when it has ended", "`muster drill list` で一覧を表示できます。実施中のものは終了後に比較できます"))
		}
		both[i] = list[0]
	}
	return overview.Compare(s.frame(ctx), both[0], both[1]), nil
}

// yearFacts is what the pages of a fiscal year are made of; year 0 is that of today.
func (s *Server) yearFacts(ctx context.Context, year int) (overview.Facts, error) {
	f := overview.Facts{Frame: s.frame(ctx)}
	if year != 0 && (year < 2000 || year > 2100) {
		l := lang(ctx)
		return f, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%d is no fiscal year.", "%d は年度ではありません。", year),
			l.T("Name it by the calendar year in which it begins, such as 2026", "開始した年の西暦で指定してください（例：2026）"))
	}
	begins := s.yearBegins()
	if files, ok := s.Plans.(Programmes); ok {
		p, err := files.Programme()
		if err != nil {
			return f, s.mistakes(ctx, err)
		}
		if p != nil {
			c, err := s.coverage(ctx, year)
			if err != nil {
				return f, err
			}
			f.Programme, f.From, f.Until, f.Planned = c.Programme, c.From, c.Until, c.Items
		}
	}
	if f.From.IsZero() {
		now := s.now().In(f.Zone)
		if year == 0 {
			year = now.Year()
			if now.Month() < begins {
				year--
			}
		}
		f.From, f.Until = time.Date(year, begins, 1, 0, 0, 0, 0, f.Zone), time.Date(year+1, begins, 1, 0, 0, 0, 0, f.Zone)
	}
	var err error
	if f.Estate, err = s.estateFile(ctx); err != nil {
		return f, err
	}
	if f.Outcomes, err = outcome.List(ctx, s.Store, journal.OutcomeFilter{After: f.From.Add(-time.Nanosecond), Before: f.Until}); err != nil {
		return f, s.storeProblem(ctx, err)
	}
	f.Evidence = s.yearEvidence(ctx, f.Outcomes)
	at, over := f.At, !f.At.Before(f.Until)
	var list []finding.Finding
	if over {
		at = f.Until.Add(-time.Second)
		list, err = s.Ledger.ListBefore(ctx, f.Until)
	} else {
		list, err = s.Ledger.List(ctx)
	}
	if err != nil {
		return f, s.storeProblem(ctx, err)
	}
	f.Findings = make([]finding.Finding, len(list))
	for i, x := range list {
		f.Findings[i] = x.On(at, f.Zone, s.days())
	}
	if over {
		f.Proven, err = s.provenAt(ctx, f.Until)
	} else {
		var fresh Freshness
		fresh, err = s.Freshness(ctx)
		f.Proven = fresh.Systems
	}
	return f, err
}

// Overview reads a page over many runs: trend, compare, year, review or gaps.
func (c *Client) Overview(ctx context.Context, page string, of ReportOf, format, lang string) ([]byte, error) {
	q := url.Values{"format": {format}, "lang": {lang}}
	for name, v := range map[string]string{"system": of.System, "scenario": of.Scenario, "before": of.Before, "after": of.After} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if of.Fiscal != 0 {
		q.Set("fiscal", strconv.Itoa(of.Fiscal))
	}
	return get[[]byte](ctx, c, "/reports/"+url.PathEscape(page), q)
}
