package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// HeldRequest records that people held a row of the plan without a run, or takes that back.
type HeldRequest struct {
	By     string `json:"by,omitempty" doc:"Who records it; whoever asks when left out."`
	On     string `json:"on,omitempty" doc:"Day on which it was held, as 2026-04-15; today when left out."`
	For    string `json:"for,omitempty" doc:"Person whom it was for, where the row is due when somebody comes."`
	Reason string `json:"reason" doc:"What was done, and what came of it; or why it is taken back."`
}

// OfRow is a word on a row; huma reads exported types only.
type OfRow struct {
	Row  string `path:"row" doc:"The row's ID."`
	Body HeldRequest
}

// on is the day of a request, and noon of it.
func (b HeldRequest) on(ctx context.Context, p *programme.Programme, now time.Time) (day calendar.Date, noon time.Time, err error) {
	l, zone := lang(ctx), calendar.Rule{Zone: p.Zone}.Location()
	if day = calendar.DateOf(now.In(zone)); b.On != "" {
		if day, err = calendar.ParseDate(b.On); err != nil {
			return day, noon, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("on is no day: %q", "on が日付ではありません: %q", b.On), l.T("Such as 2026-04-15", "例: 2026-04-15"))
		}
	}
	noon, _ = calendar.At(day, 12, 0, zone)
	return day, noon, nil
}

// byHand is the record of what people held on a day.
func (b HeldRequest) byHand(row string, day calendar.Date) string {
	id := strings.Join([]string{"occasion", row, "by-hand", day.String()}, "-")
	if b.For != "" {
		id += "-" + b.For
	}
	return id
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
	day, at, err := b.on(ctx, p, s.now())
	if err != nil {
		return nil, err
	}
	if calendar.DateOf(s.now().In(at.Location())).Before(day) {
		return bad(l.T("%s lies in the future.", "%s は未来の日付です。", day), l.T("Record it once it was held", "実施後に記録してください"))
	}
	switch {
	case b.For == "" && row.Arrivals != nil && row.Spec == nil && row.Times == 0 && len(row.Months) == 0:
		return bad(l.T("Row %s is due for each person who comes.", "行 %s は対象者ごとに実施する行です。", row.ID), l.T("Say for whom it was held with --for", "対象者を --for で指定してください"))
	case b.For != "":
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
	id, before, was, err := s.saidOf(ctx, row, day, b)
	if err != nil {
		return nil, err
	}
	taken := func() (*answer[programme.Record], error) {
		return nil, problem(http.StatusConflict, CodeRefused, l.T("It is in the record already that %s was held on %s.", "%s を %s に実施したことは記録済みです。", row.ID, day),
			l.T("`muster coverage` shows it; `muster coverage withdraw` takes it back", "`muster coverage` で確認できます。誤りは `muster coverage withdraw` で取り消せます"))
	}
	var events []run.Event
	switch due := (run.Due{Schedule: row.ID, Programme: p.Name, Scenario: row.Scenario, Nominal: at.UTC(), At: at.UTC(), Person: b.For}); {
	case len(before) == 0:
		events = []run.Event{{Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: row.Scenario})}, {Kind: run.OccasionDue, Data: run.Encode(due)}}
	case was.Withdrawn == nil:
		return taken()
	}
	events = append(events, run.Event{Kind: run.OccasionHeld, Reason: b.Reason, Happened: at.UTC(), Data: run.Encode(run.OccasionRun{On: day.String()})},
		run.Event{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})})
	r, err := s.enter(ctx, id, b.By, before, events)
	if errors.Is(err, journal.ErrTaken) {
		return taken()
	}
	return r, err
}

// rowWithdrawn takes back that a row was held: a slip of row or day holds nothing any more.
func (s *Server) rowWithdrawn(ctx context.Context, in *OfRow) (*answer[programme.Record], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	l, b := lang(ctx), in.Body
	p, err := s.programme(ctx)
	if err != nil {
		return nil, err
	}
	row, there := p.Row(in.Row)
	if !there { // what is not in the plan any more can be taken back too
		row.ID = in.Row
	}
	if err := s.maySchedule(ctx, p, cmp.Or(row.Planner, p.Planner), b.By); err != nil {
		return nil, err
	}
	if strings.TrimSpace(b.Reason) == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Why it is taken back is missing.", "取り消しの理由が記入されていません。"), l.T("Say it with --reason", "--reason で記入してください"))
	}
	day, _, err := b.on(ctx, p, s.now())
	if err != nil {
		return nil, err
	}
	id, before, was, err := s.saidOf(ctx, row, day, b)
	if err != nil {
		return nil, err
	}
	none := func() (*answer[programme.Record], error) {
		return nil, problem(http.StatusNotFound, CodeNotFound, l.T("Nobody has recorded that %s was held on %s, or it is taken back already.", "%s を %s に実施したという手動の記録はないか、すでに取り消されています。", in.Row, day),
			l.T("`muster coverage` shows row and day; what a run held can't be taken back", "`muster coverage` で行と実施日を確認してください。訓練の実施（run）による記録は取り消せません"))
	}
	if len(before) == 0 || was.Withdrawn != nil {
		return none()
	}
	r, err := s.enter(ctx, id, b.By, before, []run.Event{{Kind: run.OccasionWithdrawn, Reason: b.Reason}, {Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.NotHeld})}})
	if errors.Is(err, journal.ErrTaken) { // somebody else was quicker
		return none()
	}
	return r, err
}

// saidOf is what people recorded of a row on a day and nobody took back, under the name of now or one that it had; where
// there is none, what the record has under the name of now.
func (s *Server) saidOf(ctx context.Context, row programme.Row, day calendar.Date, b HeldRequest) (id string, before []run.Event, was programme.Record, err error) {
	for _, name := range row.Names() {
		id = b.byHand(name, day)
		if before, was, err = s.word(ctx, id); err != nil || len(before) > 0 && was.Withdrawn == nil {
			break
		}
	}
	return id, before, was, err
}

// word is what the record of a day that people held has so far.
func (s *Server) word(ctx context.Context, id string) ([]run.Event, programme.Record, error) {
	list, err := s.Store.Events(ctx, id, 0, 0)
	if err != nil {
		return nil, programme.Record{}, s.storeProblem(ctx, err)
	}
	before := eventsOf(list)
	r, err := programme.ReadRecord(id, before)
	return before, r, err
}

// enter adds to the record of what people held; ErrTaken is that somebody else has meanwhile.
func (s *Server) enter(ctx context.Context, id, by string, before, events []run.Event) (*answer[programme.Record], error) {
	now, via := s.now().UTC(), via(ctx)
	for i := range events {
		e := &events[i]
		e.Run, e.Writer, e.Seq, e.At, e.By, e.Via = id, "run", int64(len(before)+i+1), now, by, via
	}
	if err := s.Store.Append(ctx, events); errors.Is(err, journal.ErrTaken) {
		return nil, err
	} else if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	r, err := programme.ReadRecord(id, append(before, events...))
	return &answer[programme.Record]{r}, err
}

// RowHeld records that people held a row without a run.
func (c *Client) RowHeld(ctx context.Context, row string, in HeldRequest) (programme.Record, error) {
	return act[programme.Record](ctx, c, "/programme/rows/"+url.PathEscape(row)+"/held", NewRequestID(), in)
}

// WithdrawHeld takes back that people held a row without a run on a day.
func (c *Client) WithdrawHeld(ctx context.Context, row string, in HeldRequest) (programme.Record, error) {
	return act[programme.Record](ctx, c, "/programme/rows/"+url.PathEscape(row)+"/held/withdraw", NewRequestID(), in)
}
