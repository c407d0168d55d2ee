package api

import (
	"context"
	"errors"
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

// HeldRequest records that people held a row of the plan without a run.
type HeldRequest struct {
	By     string `json:"by,omitempty" doc:"Who records it; whoever asks when left out."`
	On     string `json:"on,omitempty" doc:"Day, as 2026-04-15; today when left out."`
	For    string `json:"for,omitempty" doc:"Person whom it was for, where the row is due when somebody comes."`
	Reason string `json:"reason" doc:"What was done, and what came of it."`
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
	return YearCoverage{Programme: p.Name, From: from, Until: until, Now: now, Items: items}, err
}

// covered holds the plan against the record, as far as whoever asks may see both.
func (s *Server) covered(ctx context.Context, p programme.Programme, against func(*programme.Programme, programme.Facts) []programme.Item) ([]programme.Item, error) {
	facts, err := s.facts(ctx)
	if err == nil {
		facts.Records, err = s.recordsFor(ctx, facts.Records)
	}
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	seen, withheld := s.programmeFor(ctx, p)
	items := against(&seen, facts)
	if items == nil {
		items = []programme.Item{}
	}
	for i := range items {
		if slices.Contains(withheld, items[i].Row) {
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

// endedDays are the records of occasions that have ended: nothing is added to them, and each page of
// the programme needs those of all years.
type endedDays struct {
	mu   sync.Mutex
	days map[string]programme.Record
}

func (e *endedDays) get(sum journal.Summary) (programme.Record, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, ok := e.days[sum.Run]
	return r, ok && sum.RemovedAt == nil
}

func (e *endedDays) put(sum journal.Summary, r programme.Record) {
	if !sum.State.Ended() || !r.State.Ended() || sum.RemovedAt != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.days == nil {
		e.days = map[string]programme.Record{}
	}
	e.days[sum.Run] = r
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

// OfRow is a word on a row; huma reads exported types only.
type OfRow struct {
	Row  string `path:"row" doc:"The row's ID."`
	Body HeldRequest
}

func (s *Server) rowHeld(ctx context.Context, in *OfRow) (*answer[programme.Record], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	l, b := lang(ctx), in.Body
	p, err := s.programme(ctx)
	if err != nil {
		return nil, err
	}
	row, err := s.oneRow(ctx, p, in.Row)
	if err != nil {
		return nil, err
	}
	if err := s.maySchedule(ctx, p, row.Planner, b.By); err != nil {
		return nil, err
	}
	bad := func(detail, way string) (*answer[programme.Record], error) {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, detail, way)
	}
	if strings.TrimSpace(b.Reason) == "" {
		return bad(l.T("What was done, and what came of it, is missing.", "実施内容と結果が記入されていません。"), l.T("Say it with --reason", "--reason で記入してください"))
	}
	zone := calendar.Rule{Zone: p.Zone}.Location()
	day := calendar.DateOf(s.now().In(zone))
	if b.On != "" {
		if day, err = calendar.ParseDate(b.On); err != nil {
			return bad(l.T("on is no day: %q", "on が日付ではありません: %q", b.On), l.T("Such as 2026-04-15", "例: 2026-04-15"))
		}
	}
	at, _ := calendar.At(day, 12, 0, zone)
	if calendar.DateOf(s.now().In(zone)).Before(day) {
		return bad(l.T("%s lies in the future.", "%s は未来の日付です。", day), l.T("Record it once it was held", "実施後に記録してください"))
	}
	if b.For != "" {
		if row.Arrivals == nil {
			return bad(l.T("Row %s is not for single people.", "行 %s は個人ごとの行ではありません。", row.ID), l.T("Leave the person out", "対象者の指定を外してください"))
		}
		e, err := s.Estate(ctx)
		if err != nil {
			return nil, s.mistakes(ctx, err)
		}
		unknown := knownPerson(ctx, plan.Plan{Estate: e}, b.For)
		if was, err := s.wasAssigned(ctx, b.For); err != nil {
			return nil, s.storeProblem(ctx, err)
		} else if unknown != nil && !was { // who has left since may have been trained before
			return nil, unknown
		}
	}
	id := strings.Join([]string{"occasion", row.ID, "by-hand", day.String()}, "-")
	if b.For != "" {
		id += "-" + b.For
	}
	now := s.now().UTC()
	by, via := b.By, via(ctx)
	due := run.Due{Schedule: row.ID, Programme: p.Name, Scenario: row.Scenario, Nominal: at.UTC(), At: at.UTC(), Person: b.For}
	events := []run.Event{
		{Kind: run.RunStarted, By: by, Via: via, Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: row.Scenario})},
		{Kind: run.OccasionDue, By: by, Via: via, Data: run.Encode(due)},
		{Kind: run.OccasionHeld, By: by, Via: via, Reason: b.Reason, Happened: at.UTC(), Data: run.Encode(run.OccasionRun{On: day.String()})},
		{Kind: run.RunEnded, By: by, Via: via, Data: run.Encode(run.Ended{State: run.Held})},
	}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = id, "run", int64(i+1), now
	}
	if err := s.Store.Append(ctx, events); errors.Is(err, journal.ErrTaken) {
		return nil, problem(http.StatusConflict, CodeRefused, l.T("It is in the record already that %s was held on %s.", "%s を %s に実施したことは記録済みです。", row.ID, day),
			l.T("`muster coverage` shows it", "`muster coverage` で確認できます"))
	} else if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	r, err := programme.ReadRecord(id, events)
	return &answer[programme.Record]{r}, err
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

// RowHeld records that people held a row without a run.
func (c *Client) RowHeld(ctx context.Context, row string, in HeldRequest) (programme.Record, error) {
	return act[programme.Record](ctx, c, "/programme/rows/"+url.PathEscape(row)+"/held", NewRequestID(), in)
}
