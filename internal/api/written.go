package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/overview"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// WriteRequest is what somebody writes into a report, or into the yearly review.
type WriteRequest struct {
	By    string `json:"by,omitempty" doc:"Who: an ID of the estate; whoever asks when left out."`
	About string `json:"about" doc:"A run, or year-2026 for the review of a fiscal year; of a goal also the record of what people held without a run."`
	Item  string `json:"item" doc:"1.1, 1.2, 2.1, 2.2, 3.2, 4.1, 4.2, correction or close; of a review REV-01 to REV-14; goal/ROW/GOAL judges a goal of the plan."`
	// Verdict is of goals alone.
	Verdict run.Verdict `json:"verdict,omitempty" doc:"met or missed: of an item goal/ROW/GOAL, which whoever has the goal's role judges."`
	Text    string      `json:"text" maxLength:"4000" doc:"In their words; that there is nothing to say is an entry."`
}

// Written is what has been written about a run or a year, oldest first.
type Written struct {
	Entries []report.Entry `json:"entries"`
	Open    []string       `json:"open" doc:"Items of a run's report that nobody has written; it can't be closed before."`
}

func (s *Server) writtenRoutes(api huma.API) {
	huma.Register(api, route("write-report", http.MethodPost, "/written", "Write an item of a run's report or of the yearly review, add a later correction, or close the report.", 403, 404, 409, 422, 503), s.write)
}

var reviewItem = regexp.MustCompile(`^REV-(0[1-9]|1[0-4])$`)
var yearName = regexp.MustCompile(`^year-(\d{4})$`)

func (s *Server) write(ctx context.Context, in *struct {
	Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
	Body WriteRequest
}) (*answer[Written], error) {
	b, l := &in.Body, lang(ctx)
	if err := sign(ctx, b); err != nil {
		return nil, err
	}
	items := append(run.ReportItems(), run.WrittenCorrection, run.WrittenClose)
	goal := strings.HasPrefix(b.Item, goalItems) && !yearName.MatchString(b.About)
	if yearName.MatchString(b.About) {
		items = nil
		for i := range 14 {
			items = append(items, fmt.Sprintf("REV-%02d", i+1))
		}
	} else if !goal || !byHand(b.About) {
		sum, err := s.summary(ctx, b.About)
		if err != nil {
			return nil, err
		}
		if sum.EndedAt == nil {
			return nil, problem(http.StatusConflict, CodeRefused, l.T("Run %s has not ended; its report is written afterwards.", "%s は実施中です。報告は終了後に記入してください。", b.About),
				l.T("Until then: `muster remark`", "それまでは `muster remark` を利用してください"))
		}
	}
	if !goal && !slices.Contains(items, b.Item) {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("There is no item %q; they are %s.", "項目 %q はありません。指定できるのは %s です。", b.Item, strings.Join(items, ", ")), "")
	}
	if b.Text = strings.TrimSpace(b.Text); b.Text == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("The text is empty.", "本文がありません。"), l.T("Where there is nothing to say, write so", "特に記載がない場合は「特になし」と記入してください"))
	}
	if s.Estate == nil {
		return nil, problem(http.StatusForbidden, CodeRefused, l.T("This server has no estate, so nobody is known to it.", "このサーバーには構成台帳がないため、操作者を確認できません。"), l.T("Start it with the plan files: --plans", "--plans で計画ファイルを指定して起動してください"))
	}
	estate, err := s.Estate(ctx)
	if err != nil {
		return nil, s.mistakes(ctx, err)
	}
	if err := knownPerson(ctx, plan.Plan{Estate: estate}, b.By); err != nil {
		return nil, err
	}
	said := ""
	if goal {
		if err = s.mayJudge(ctx, estate, b); err == nil {
			said, err = s.goalText(ctx, b.Item, b.About)
		}
	} else if b.Verdict != "" {
		err = problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Only a goal has a verdict, and %s is none.", "判定を付けられるのは目標だけです。%s は目標ではありません。", b.Item), l.T("Leave verdict out", "verdict を外してください"))
	} else {
		err = mayIn(ctx, estate, b.By, plan.MayReport)
	}
	if err != nil {
		return nil, err
	}
	writer := writerOf(&in.Key, "write "+b.About+" "+b.Item, *b)
	all, err := s.writtenEvents(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := s.entriesOf(ctx, b.About, all)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(e run.Event) bool { return e.Writer == writer }) { // it was written, and its answer was lost
		return &answer[Written]{Written{Entries: entries, Open: report.Unwritten(entries)}}, nil
	}
	closed := slices.ContainsFunc(entries, func(e report.Entry) bool { return e.Item == run.WrittenClose })
	switch open := report.Unwritten(entries); {
	case closed && b.Item != run.WrittenCorrection && !goal: // a goal is the plan's, not the report's
		return nil, problem(http.StatusConflict, CodeRefused, l.T("The report of %s is closed.", "%s の報告書は確定済みです。", b.About), l.T("Add what was found later as a correction: --item correction", "後日判明した内容は --item correction で注記してください"))
	case b.Item == run.WrittenClose && len(open) > 0:
		return nil, problem(http.StatusConflict, CodeRefused, l.T("The report can't be closed: nobody has written %s.", "報告書を確定できません。未記入の項目: %s", strings.Join(open, ", ")), l.T("Write them; \"nothing to say\" is an entry", "記入してください。「特になし」も記入とみなします"))
	}
	e := run.Event{Run: run.WrittenRecord, Seq: 1, Kind: run.ReportWritten, By: b.By, Via: via(ctx), Reason: b.Text, At: s.now().UTC(), Data: run.Encode(run.Written{About: b.About, Item: b.Item, Verdict: b.Verdict, Goal: said})}
	e.Writer = writer
	if err := s.Store.Append(ctx, []run.Event{e}); err != nil && !errors.Is(err, journal.ErrTaken) {
		return nil, s.storeProblem(ctx, err)
	}
	if entries, err = s.writtenAbout(ctx, b.About); err != nil {
		return nil, err
	}
	return &answer[Written]{Written{Entries: entries, Open: report.Unwritten(entries)}}, nil
}

// writtenEvents are all that people have written.
func (s *Server) writtenEvents(ctx context.Context) ([]run.Event, error) {
	list, err := s.Store.Events(ctx, run.WrittenRecord, 0, 0)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	return eventsOf(list), nil
}

func eventsOf(list []journal.Entry) []run.Event {
	out := make([]run.Event, len(list))
	for i, e := range list {
		out[i] = e.Event
	}
	return out
}

func (s *Server) writtenAbout(ctx context.Context, about string) ([]report.Entry, error) {
	events, err := s.writtenEvents(ctx)
	if err != nil {
		return nil, err
	}
	return s.entriesOf(ctx, about, events)
}

func (s *Server) entriesOf(ctx context.Context, about string, events []run.Event) ([]report.Entry, error) {
	r, err := report.WithWritten(report.Report{Run: report.Run{ID: about}}, events)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	if r.Written == nil {
		r.Written = []report.Entry{}
	}
	return r.Written, nil
}

// reviewed is what has been written into the review of a fiscal year.
func (s *Server) reviewed(ctx context.Context, year int, zone *time.Location) ([]overview.Entry, error) {
	list, err := s.writtenAbout(ctx, fmt.Sprintf("year-%d", year))
	if err != nil {
		return nil, err
	}
	out := []overview.Entry{}
	for _, e := range list {
		if reviewItem.MatchString(e.Item) {
			out = append(out, overview.Entry{Item: e.Item, By: e.By, Day: e.At.In(zone).Format(time.DateOnly), Text: e.Text})
		}
	}
	return out, nil
}

// Write writes into a report.
func (c *Client) Write(ctx context.Context, in WriteRequest) (Written, error) {
	return act[Written](ctx, c, "/written", NewRequestID(), in)
}
