package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// Programmes is what Plans may be able to tell besides: the yearly plan; nil is none.
type Programmes interface {
	Programme() (*programme.Programme, error)
}

// YearCoverage is a year's plan against what was held.
type YearCoverage struct {
	Programme string           `json:"programme"`
	From      time.Time        `json:"from"`
	Until     time.Time        `json:"until"`
	Now       time.Time        `json:"now"`
	Items     []programme.Item `json:"items"`
}

func (s *Server) programmeRoutes(api huma.API) {
	huma.Register(api, route("get-programme", http.MethodGet, "/programme", "The yearly plan, as the files have it now.", 404, 422),
		func(ctx context.Context, _ *struct{}) (*answer[programme.Programme], error) {
			p, err := s.programme(ctx)
			if err != nil {
				return nil, err
			}
			return &answer[programme.Programme]{nameless(s.programmeFor(ctx, *p))}, nil
		})
	huma.Register(api, route("get-coverage", http.MethodGet, "/coverage", "What became of each planned drill of a year.", 404, 422),
		func(ctx context.Context, in *struct {
			Year int `query:"year" minimum:"2000" maximum:"2099" doc:"The year in which the programme's year begins; the present one when left out."`
		}) (*answer[YearCoverage], error) {
			out, err := s.coverage(ctx, in.Year)
			if err != nil {
				return nil, err
			}
			return &answer[YearCoverage]{out}, nil
		})
	huma.Register(api, route("list-occasions", http.MethodGet, "/occasions", "What became of each due day of the schedules, newest first, with the commitments of blind drills."),
		func(ctx context.Context, in *struct {
			Open bool `query:"open" doc:"Only those that have not ended."`
		}) (*answer[[]programme.Record], error) {
			list, err := s.occasions(ctx, in.Open)
			if err == nil {
				list, err = s.recordsFor(ctx, list)
			}
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			return &answer[[]programme.Record]{list}, nil
		})
	huma.Register(api, route("row-held-withdraw", http.MethodPost, "/programme/rows/{row}/held/withdraw", "Take back that people held a row without a run: both stay in the record.", 403, 404, 422), s.rowWithdrawn)
	huma.Register(api, route("row-held", http.MethodPost, "/programme/rows/{row}/held", "Record that people held a row of the plan without a run.", 403, 404, 409, 422), s.rowHeld)
}

// programme is the yearly plan, or the problem of there being none.
func (s *Server) programme(ctx context.Context) (*programme.Programme, error) {
	var p *programme.Programme
	var err error
	if from, ok := s.Plans.(Programmes); ok {
		p, err = from.Programme()
	}
	if err != nil {
		return nil, s.mistakes(ctx, err)
	}
	if p == nil {
		l := lang(ctx)
		return nil, problem(http.StatusNotFound, CodeNotFound, l.T("The plans directory holds no programme.", "計画フォルダーに訓練計画（kind: Programme）がありません。"),
			l.T("Add a file with kind: Programme; `muster schema programme` describes it", "kind: Programme のファイルを追加してください。書式は `muster schema programme` で確認できます"))
	}
	return p, nil
}

func (s *Server) coverage(ctx context.Context, year int) (YearCoverage, error) {
	p, err := s.programme(ctx)
	if err != nil {
		return YearCoverage{}, err
	}
	now := s.now()
	from, until := p.Year(now)
	if year != 0 {
		zone := calendar.Rule{Zone: p.Zone}.Location()
		at, _ := calendar.At(calendar.Date{Year: year, Month: time.Month(p.Begins), Day: 1}, 12, 0, zone)
		from, until = p.Year(at)
	}
	items, err := s.covered(ctx, *p, func(seen *programme.Programme, facts programme.Facts) []programme.Item {
		return programme.Coverage(seen, from, until, now, facts)
	})
	if err == nil {
		err = s.simulated(ctx, items)
	}
	return YearCoverage{Programme: p.Name, From: from, Until: until, Now: now, Items: items}, err
}

// simulated marks what was held by runs in which the engine answered for the people.
func (s *Server) simulated(ctx context.Context, items []programme.Item) error {
	for i := range items {
		if items[i].Status != programme.HeldThen || items[i].Run == "" {
			continue
		}
		list, err := outcome.List(ctx, s.Store, journal.OutcomeFilter{Run: items[i].Run, Limit: 1})
		if err != nil {
			return s.storeProblem(ctx, err)
		}
		if len(list) > 0 && list[0].People.Simulated {
			items[i].Simulate()
		}
	}
	return nil
}

// covered holds the plan against the record, as far as whoever asks may see both.
func (s *Server) covered(ctx context.Context, p programme.Programme, against func(*programme.Programme, programme.Facts) []programme.Item) ([]programme.Item, error) {
	facts, err := s.facts(ctx)
	whole := slices.Clone(facts.Records)
	if err == nil {
		facts.Records, err = s.recordsFor(ctx, facts.Records)
	}
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	seen, withheld := s.programmeFor(ctx, p)
	facts.Untold = slices.Clone(withheld)
	for i, r := range facts.Records {
		if r.Due.Scenario != whole[i].Due.Scenario {
			facts.Untold = append(facts.Untold, p.Called(r.Due.Schedule))
			facts.Records[i].Due.Scenario = whole[i].Due.Scenario // what it comes to is the same for everybody
		}
	}
	items := against(&seen, facts)
	if items == nil {
		items = []programme.Item{}
	}
	for i := range items {
		row, _ := seen.Row(items[i].Row)
		if slices.Contains(withheld, items[i].Row) || items[i].Scenario != row.Scenario && slices.Contains(facts.Untold, items[i].Row) {
			items[i].Scenario = ""
		}
	}
	return items, nil
}

// Planned is what the programme asks for now, with what the year before still owes, for metrics; nil without a
// programme.
func (s *Server) Planned(ctx context.Context) ([]programme.Item, error) {
	p, err := s.optionalProgramme(ctx)
	if err != nil || p == nil {
		return nil, err
	}
	return s.covered(ctx, *p, func(seen *programme.Programme, facts programme.Facts) []programme.Item {
		return programme.Owed(seen, s.now(), facts)
	})
}

// facts is what the record holds of what was held.
func (s *Server) facts(ctx context.Context) (f programme.Facts, err error) {
	if f.Records, err = s.occasions(ctx, false); err != nil {
		return f, err
	}
	f.Records = slices.DeleteFunc(f.Records, func(r programme.Record) bool { return r.Withdrawn != nil })
	runs, err := s.Store.Runs(ctx, journal.Filter{Kind: run.Drill})
	if err != nil {
		return f, err
	}
	for _, r := range runs {
		f.Runs = append(f.Runs, programme.Ran{Run: r.Run, Scenario: r.Scenario, Kind: r.Kind, State: r.State, Depth: r.Depth, By: r.By, StartedAt: r.StartedAt})
	}
	if f.Arrivals, err = s.arrived(ctx); err != nil {
		return f, err
	}
	f.Since, err = s.programmeSince(ctx)
	return f, err
}

// occasions are the records of due days, newest first.
func (s *Server) occasions(ctx context.Context, open bool) ([]programme.Record, error) {
	list, err := s.Store.Runs(ctx, journal.Filter{Kind: run.Occasion, Open: open})
	if err != nil {
		return nil, err
	}
	out := make([]programme.Record, 0, len(list))
	for _, r := range list {
		if kept, ok := s.endedDays.get(r); ok {
			out = append(out, kept)
			continue
		}
		entries, err := s.Store.Events(ctx, r.Run, 0, 0)
		if err != nil {
			return nil, err
		}
		events := make([]run.Event, len(entries))
		for i, e := range entries {
			events[i] = e.Event
		}
		o, err := programme.ReadRecord(r.Run, events)
		if err != nil {
			return nil, err
		}
		s.endedDays.put(r, o)
		out = append(out, o)
	}
	return out, nil
}

// endedDays are the records of occasions that have ended, which each page of the programme needs of all years. Nothing is
// added to one but that it was held by hand after all, or not: it ends anew by that.
type endedDays struct {
	mu   sync.Mutex
	days map[string]endedDay
}

type endedDay struct {
	at     time.Time
	record programme.Record
}

func (e *endedDays) get(sum journal.Summary) (programme.Record, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d, ok := e.days[sum.Run]
	return d.record, ok && sum.RemovedAt == nil && sum.EndedAt != nil && sum.EndedAt.Equal(d.at) && sum.State == d.record.State
}

func (e *endedDays) put(sum journal.Summary, r programme.Record) {
	if !sum.State.Ended() || sum.State != r.State || sum.EndedAt == nil || sum.RemovedAt != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.days == nil {
		e.days = map[string]endedDay{}
	}
	e.days[sum.Run] = endedDay{*sum.EndedAt, r}
}

// openAlarms are those that wait for people, of the real thing.
func (s *Server) openAlarms(ctx context.Context) ([]alarm.Proposal, error) {
	list, err := s.proposals.List(ctx, s.Store, alarm.Open)
	return slices.DeleteFunc(list, func(p alarm.Proposal) bool { return p.Kind != run.Response }), err
}

// maySchedule lets those see to the programme who plan it, and those whose office it is
// (requirement C-PGM-02).
func (s *Server) maySchedule(ctx context.Context, p *programme.Programme, planner, by string) error {
	l := lang(ctx)
	if s.Estate == nil {
		return problem(http.StatusForbidden, CodeRefused, l.T("Who may see to the programme can't be told.", "訓練計画の権限を確認できません。"), "")
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return s.mistakes(ctx, err)
	}
	if err := knownPerson(ctx, plan.Plan{Estate: e}, by); err != nil {
		return err
	}
	who, _ := e.Person(by)
	if by == planner || by == p.Planner || slices.Contains(who.Roles, p.Chief) || slices.Contains(who.Roles, p.Manager) {
		return nil
	}
	return problem(http.StatusForbidden, CodeRefused, l.T("%s does not see to the programme.", "%s には訓練計画を操作する権限がありません。", by),
		l.T("Have it done by the planner (%s) or by the roles %s and %s", "企画者（%s）、または役割 %s・%s の人が行ってください", planner, p.Chief, p.Manager))
}

// oneRow is a row of the plan, or the problem of one that is not there.
func (s *Server) oneRow(ctx context.Context, p *programme.Programme, id string) (programme.Row, error) {
	if r, ok := p.Row(id); ok {
		return r, nil
	}
	var ids []string
	for _, r := range p.Rows {
		ids = append(ids, r.ID)
	}
	l := lang(ctx)
	way := l.T("There are: %s", "ある行: %s", strings.Join(ids, ", "))
	if near := nearest.Word(id, ids); near != "" {
		way = l.T("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return programme.Row{}, problem(http.StatusNotFound, CodeNotFound, l.T("The programme has no row %q.", "訓練計画に行 %q はありません。", id), way)
}

// Programme reads the yearly plan.
func (c *Client) Programme(ctx context.Context) (programme.Programme, error) {
	return get[programme.Programme](ctx, c, "/programme", nil)
}

// Coverage reads what became of each planned drill; year 0 is the present one.
func (c *Client) Coverage(ctx context.Context, year int) (YearCoverage, error) {
	q := url.Values{}
	if year != 0 {
		q.Set("year", strconv.Itoa(year))
	}
	return get[YearCoverage](ctx, c, "/coverage", q)
}

// Occasions reads what became of each due day.
func (c *Client) Occasions(ctx context.Context, open bool) ([]programme.Record, error) {
	q := url.Values{}
	if open {
		q.Set("open", "true")
	}
	return get[[]programme.Record](ctx, c, "/occasions", q)
}
