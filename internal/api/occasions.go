package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Occasions is what the control plane does for the occasions of schedules.
type Occasions struct {
	Server *Server
	// Door is the API in this process: a drill that is due starts as everybody's do.
	Door *Client
	// Tell tells the planner; nil tells nobody. What returns an error is told again.
	Tell func(context.Context, programme.Spec, plan.OccasionTold) error
	// Pause is how often a drawn time is looked at; 0 is a second.
	Pause time.Duration
}

// Register registers the activities on the control plane's worker.
func (o Occasions) Register(w worker.ActivityRegistry) {
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	for name, f := range map[string]any{plan.ActivityOccasionDue: o.due, plan.ActivityOccasionDraw: o.draw, plan.ActivityOccasionAwait: o.await,
		plan.ActivityOccasionLook: o.look, plan.ActivityOccasionStart: o.start, plan.ActivityOccasionTell: o.tell} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

// ofSchedule makes sure that who acts as a schedule is one.
func ofSchedule(ctx context.Context, by string) error {
	if a, ok := identity.From(ctx); ok && a.IsSchedule(strings.TrimPrefix(by, run.Schedule(""))) {
		return nil
	}
	l := lang(ctx)
	return problem(http.StatusForbidden, CodeRefused, l.T("Nobody may act as %s but that schedule itself.", "%s として操作できるのは、その予定自身だけです。", by),
		l.T("Give the ID of a person of the estate", "構成台帳に載っている人のIDを指定してください"))
}

func specOf(of plan.Occasion) (programme.Spec, error) {
	var s programme.Spec
	if err := json.Unmarshal(of.Spec, &s); err != nil {
		return s, temporal.NewNonRetryableApplicationError("the schedule "+of.Schedule+" can't be read: "+err.Error(), plan.ErrFinding, err)
	}
	return s, nil
}

func why(t plan.Text) run.Problem { return run.Problem{EN: t.In("en"), JA: t.In("ja")} }

// inWords is a span as people read it everywhere else.
func inWords(d time.Duration) plan.Text { return sheet.Both(sheet.Span(d.Seconds()).Word) }

func saying(en, ja string, args ...any) []run.Problem {
	return []run.Problem{why(plan.Say(en, ja, args...))}
}

// due says when an occasion begins, and whether it is too late for that.
func (o Occasions) due(ctx context.Context, q plan.OccasionAsk) (plan.OccasionDue, error) {
	s, err := specOf(q.Of)
	if err != nil {
		return plan.OccasionDue{}, err
	}
	// The engine fires one of every so many weeks each week.
	local := q.Nominal.In(s.Rule.Location())
	if s.Rule.Weeks > 1 && local.Weekday() == s.Rule.Weekday && local.Hour() == s.Rule.Hour && local.Minute() == s.Rule.Minute && !s.Rule.Occurs(q.Nominal) {
		return plan.OccasionDue{Not: true}, nil
	}
	if kept, err := o.Server.Store.Events(ctx, q.ID, 0, 1); err != nil || len(kept) > 0 {
		return plan.OccasionDue{Not: true}, err // it was seen to before, and its record is closed
	}
	st := s.Begins(q.Nominal)
	out := plan.OccasionDue{Due: run.Due{Schedule: s.Schedule, Programme: s.Programme, Scenario: s.Scenario, Nominal: q.Nominal.UTC(), At: st.At.UTC(), Until: st.Until.UTC(), Blind: st.Blind}}
	if st.Until.IsZero() {
		out.Due.Until = time.Time{}
	}
	for _, m := range st.Shifts {
		out.Due.Shifts = append(out.Due.Shifts, run.Shift{From: m.From.UTC(), To: m.To.UTC(), Why: why(m.Why)})
	}
	if st.Never {
		out.Missed = saying("there is no day within a year on which it may begin; look at the calendar and the freezes of the programme", "1年以内に開始できる日がない。訓練計画の calendar と freezes を確認のこと")
		return out, nil
	}
	if open, err := o.openBefore(ctx, s.Schedule, q.ID); err != nil || open != "" {
		out.Missed = saying("the occasion before it, %s, is still open", "前回分（%s）がまだ終わっていない", open)
		return out, err
	}
	late := q.Now.Sub(st.At)
	if st.Blind {
		late = q.Now.Sub(st.Until)
	}
	if late <= s.Late.Std() && !(st.Blind && late > 0) {
		return out, nil
	}
	out.Late = saying("nothing ran at its time, so that it is %s late", "予定の時刻に muster が動いておらず、%s 遅れている", inWords(late.Truncate(time.Minute)))
	next, in := s.Again(q.Nominal, st.At.Add(-s.For.Std()), q.Now)
	if out.Until = next.UTC(); s.Miss || !in {
		out.Missed, out.Late = out.Late, nil
	}
	return out, nil
}

// openBefore is another occasion of a schedule that goes on.
func (o Occasions) openBefore(ctx context.Context, schedule, not string) (string, error) {
	list, err := o.Server.occasions(ctx, true)
	for _, x := range list {
		if x.Due.Schedule != schedule || x.ID == not {
			continue
		}
		over, err := o.gone(ctx, x.ID)
		if err != nil || !over {
			return x.ID, err
		}
		if err := o.end(ctx, x, false); err != nil {
			return x.ID, err
		}
	}
	return "", err
}

// docDraw is the kind of document in which a drawn start is kept. Nothing but what is here
// reads it.
const docDraw = "draw"

type drawn struct {
	Time  string    `json:"time"`
	Nonce string    `json:"nonce"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

func (d drawn) commitment(draw int) run.Commitment {
	sum := sha256.Sum256([]byte(d.Time + "|" + d.Nonce))
	return run.Commitment{Draw: draw, Hash: hex.EncodeToString(sum[:]), From: d.From, To: d.To}
}

func drawID(q plan.OccasionAsk) string { return fmt.Sprintf("%s.%d", q.ID, q.Try) }

// draw draws a start and keeps it to itself. Asked again it answers the same.
func (o Occasions) draw(ctx context.Context, q plan.OccasionAsk) (run.Commitment, error) {
	s, err := specOf(q.Of)
	if err != nil {
		return run.Commitment{}, err
	}
	if d, err := o.drawn(ctx, q); err == nil || !errors.Is(err, journal.ErrNotFound) {
		return d.commitment(q.Try), err
	}
	from := q.First
	if q.Now.After(from) {
		from = q.Now
	}
	windows := s.Rest(from)
	if q.Try == 1 {
		windows = nil
		for _, w := range s.Windows(q.First) { // what is over of them can't be drawn any more
			if w[0].Before(q.Now) {
				w[0] = q.Now
			}
			if w[0].Before(w[1]) {
				windows = append(windows, w)
			}
		}
		if len(windows) == 0 {
			windows = s.Rest(from)
		}
	}
	seconds := int64(calendar.Length(windows) / time.Second)
	if seconds <= 0 {
		return run.Commitment{}, temporal.NewNonRetryableApplicationError("there is no window left to draw a start in", plan.ErrFinding, nil)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(seconds))
	if err != nil {
		return run.Commitment{}, err
	}
	at, _ := calendar.Within(windows, time.Duration(n.Int64())*time.Second)
	d := drawn{Time: at.UTC().Truncate(time.Second).Format(time.RFC3339), Nonce: rand.Text(), From: windows[0][0].UTC(), To: windows[len(windows)-1][1].UTC()}
	body, err := json.Marshal(d)
	if err != nil {
		return run.Commitment{}, err
	}
	if _, err := o.Server.Store.PutDocument(ctx, journal.Document{Kind: docDraw, ID: drawID(q), Body: body}); errors.Is(err, journal.ErrChanged) {
		if d, err = o.drawn(ctx, q); err != nil { // a try that was given up came first
			return run.Commitment{}, err
		}
	} else if err != nil {
		return run.Commitment{}, err
	}
	return d.commitment(q.Try), nil
}

func (o Occasions) drawn(ctx context.Context, q plan.OccasionAsk) (d drawn, err error) {
	doc, err := o.Server.Store.Document(ctx, docDraw, drawID(q))
	if err == nil {
		err = json.Unmarshal(doc.Body, &d)
	}
	return d, err
}

// await waits for a drawn time, in this process and nowhere else.
func (o Occasions) await(ctx context.Context, q plan.OccasionAsk) (run.Opened, error) {
	d, err := o.drawn(ctx, q)
	if err != nil {
		return run.Opened{}, err
	}
	at, err := time.Parse(time.RFC3339, d.Time)
	if err != nil {
		return run.Opened{}, err
	}
	tick := time.NewTicker(o.Pause)
	defer tick.Stop()
	for o.Server.now().Before(at) {
		select {
		case <-tick.C:
			activity.RecordHeartbeat(ctx)
		case <-ctx.Done():
			return run.Opened{}, ctx.Err()
		}
	}
	return run.Opened{Draw: q.Try, Time: d.Time, Nonce: d.Nonce}, nil
}

// look says what holds an occasion up now.
func (o Occasions) look(ctx context.Context, q plan.OccasionAsk) (plan.OccasionLook, error) {
	s, err := specOf(q.Of)
	if err != nil {
		return plan.OccasionLook{}, err
	}
	state, err := o.Server.scheduleState(ctx, s.Schedule)
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return plan.OccasionLook{Over: true, Blocks: saying("the schedule was taken out of the programme", "予定が訓練計画から外された")}, nil
	}
	if err != nil {
		return plan.OccasionLook{}, err
	}
	var blocks []run.Problem
	if state.Paused {
		blocks = append(blocks, saying("the schedule is paused: %s", "予定は一時停止中：%s", state.Note)...)
	}
	if f, frozen := s.Calendar.Frozen(q.Now, s.Freezes, s.Systems); frozen {
		blocks = append(blocks, saying("frozen until %s: %s", "%s まで凍結期間：%s", f.To, f.Called())...)
	}
	more, err := o.inTheWay(ctx, s)
	if err != nil {
		return plan.OccasionLook{}, err
	}
	blocks = append(blocks, more...)
	if len(blocks) == 0 && s.Ready { // asked last: it is asked of every site
		blocks = o.unready(ctx, s.Scenario)
	}
	return again(s, q, blocks), nil
}

func again(s programme.Spec, q plan.OccasionAsk, blocks []run.Problem) plan.OccasionLook {
	if len(blocks) == 0 {
		return plan.OccasionLook{}
	}
	next, in := s.Again(q.Nominal, q.First, q.Now)
	return plan.OccasionLook{Blocks: blocks, Until: next.UTC(), Over: !in}
}

// inTheWay are runs and alarms during which no drill of the systems begins.
func (o Occasions) inTheWay(ctx context.Context, s programme.Spec) ([]run.Problem, error) {
	var out []run.Problem
	open, err := o.Server.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return nil, err
	}
	for _, r := range open {
		if r.Kind == run.Response {
			out = append(out, saying("a real response is under way: %s", "本番対応が進行中：%s", r.Run)...)
			continue
		}
		p, err := o.Server.Store.Plan(ctx, r.PlanHash)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, err
		}
		if r.Scenario == s.Scenario || slices.ContainsFunc(p.Systems, func(x plan.System) bool { return slices.Contains(s.Systems, x.Name) }) {
			out = append(out, saying("run %s is at the same systems", "同じシステムで %s が進行中", r.Run)...)
		}
	}
	alarms, err := o.Server.openAlarms(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range alarms {
		out = append(out, saying("an alarm of %s waits for a decision: %s", "%s の警報が判断待ち：%s", a.Source, a.Summary)...)
	}
	return out, nil
}

// unready is what a readiness check of the scenario finds in the way.
func (o Occasions) unready(ctx context.Context, scenario string) []run.Problem {
	p, err := o.Server.compile(ctx, scenario, "")
	if err != nil {
		return obstacle(err, scenario)
	}
	if p.Scenario.Depth == run.Tabletop {
		return nil // it needs nothing that could be checked
	}
	r, err := o.Server.Check(ctx, scenario, CheckRequest{})
	if err != nil {
		return obstacle(err, scenario)
	}
	if r.Checked == nil || r.Checked.Ready {
		return nil
	}
	n, first := 0, plan.Text{}
	for _, i := range r.Checked.Items {
		for _, x := range i.Problems {
			if n++; n == 1 {
				first = plan.Say("%s %s: %s", "%s %s：%s", i.What, i.Where, plan.Text{EN: x.EN, JA: x.JA})
			}
		}
	}
	return saying("the readiness check %s finds %d problem(s), the first: %s", "準備状況の点検（%s）で問題が %d 件。1件目：%s", r.Run, n, first)
}

// start starts the run through the API, under the schedule's name.
func (o Occasions) start(ctx context.Context, q plan.OccasionAsk) (plan.OccasionStarted, error) {
	s, err := specOf(q.Of)
	if err != nil {
		return plan.OccasionStarted{}, err
	}
	by := run.Schedule(s.Schedule)
	reason := plan.Say("due on %s by the programme %s", "訓練計画 %[2]s の予定（%[1]s）", calendar.DateOf(q.Nominal.In(s.Rule.Location())), s.Programme)
	out, err := o.Door.Start(identity.With(ctx, identity.OfSchedule(s.Schedule)), StartRequest{Scenario: s.Scenario, Kind: run.Drill, By: by,
		Reason: reason.Both(), RequestID: digest("occasion", q.ID, fmt.Sprint(q.Try))})
	switch p := new(Problem); {
	case err == nil && !out.Attached:
		return plan.OccasionStarted{Run: out.Run}, nil
	case err == nil:
		return plan.OccasionStarted{OccasionLook: again(s, q, saying("run %s of the scenario is under way, started by %s", "同じシナリオの %s が進行中（開始者：%s）", out.Run, out.StartedBy))}, nil
	case errors.As(err, &p) && p.Code != CodeUnknownOutcome && p.Code != CodeInternal:
		return plan.OccasionStarted{OccasionLook: again(s, q, obstacle(err, s.Scenario))}, nil
	}
	return plan.OccasionStarted{}, err // the same start is asked for again
}

// obstacle is why a drill could not be checked or started, in both languages.
func obstacle(err error, scenario string) []run.Problem {
	p := new(Problem)
	if !errors.As(err, &p) {
		return saying("%s", "%s", err.Error())
	}
	switch p.Code {
	case CodeEngine, CodeUnknownOutcome:
		return saying("the engine can't be reached", "エンジンに接続できない")
	case CodeStore:
		return saying("the record store can't be used", "記録の保存先を利用できない")
	case CodeHeld:
		return saying("run %s holds its systems", "対象のシステムを %s が保持している", p.Holder)
	case CodeUnknownScenario:
		return saying("there is no scenario %s", "シナリオ %s がない", scenario)
	case CodeMistakes:
		first := ""
		if len(p.Lines) > 0 {
			first = p.Lines[0]
		}
		return saying("the plan files have mistakes, the first: %s", "計画ファイルに誤りがある。1件目：%s", first)
	}
	if p.said != (plan.Text{}) {
		return []run.Problem{why(p.said)}
	}
	return []run.Problem{why(plan.Apart(p.Detail))}
}

func (o Occasions) tell(ctx context.Context, t plan.OccasionTold) error {
	s, err := specOf(t.Of)
	if err != nil {
		return err
	}
	return o.tellOnce(ctx, s, t)
}
