package board

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
)

// nextShown is how many starts the page of the programme lists.
const nextShown = 10

// programmeView is the year's plan, what became of it, and what begins next.
type programmeView struct {
	Title          string
	Year           string // the span of the year
	Fiscal         int    // its first calendar year, as reports name it
	Before, After  int    // the years beside it
	Counts         []countView
	Months         []monthView
	Grid           []gridRow
	Items          []itemView
	Next           []startView
	Schedules      []scheduleView
	Drawn          []drawnView
	Wrong          string // why schedules can't be told; "" is nothing
	None           string // why there is no programme, and the way out
	Way            string
	Records        []choice // rows that people hold without a run, and the viewer may record
	Me             string
	MayPlan, Blind bool
	Today          string
}

type countView struct {
	sign
	N int
}

// monthView heads a column.
type monthView struct {
	Name string
	Now  bool
}

// gridRow is a row of the plan over the months of its year.
type gridRow struct {
	Title string
	Cells []gridCell
}

type gridCell struct {
	Marks []sign
	Now   bool
}

// itemView is one planned drill and what became of it.
type itemView struct {
	programme.Item
	sign
	Label, Holder, When string
	Held, By, For       string
	Recorded            string // the day of a word, and what it says
	Withdraws           bool   // the viewer may take it back
	Reasons             []string
	Again               string
}

// startView is one of the next starts.
type startView struct {
	Title, When string
	Moved       []string
	Blind       bool
	Late        bool // there is no day on which it could begin
}

type scheduleView struct {
	api.ScheduleView
	sign
	Label, Says, Starts, Drawn string
	May                        bool // the viewer may hold it, or let it go on
	Paused                     bool
}

// drawnView is the commitment to a drawn start, published before it and opened after.
type drawnView struct {
	Title, Window, Hash, Opened, Nonce string
}

// statuses are where a planned drill stands, in the order of counting.
var statuses = []struct {
	is   programme.Status
	sign sign
	word plan.Text
}{
	{programme.HeldThen, sign{"ok", "✓", ""}, plan.Text{EN: "held", JA: "実施済み"}},
	{programme.UnderWay, sign{"now", "▶", ""}, plan.Text{EN: "under way", JA: "実施中"}},
	{programme.Overdue, sign{"bad", "!", ""}, plan.Text{EN: "overdue", JA: "期限超過"}},
	{programme.Waiting, sign{"warn", "‖", ""}, plan.Text{EN: "postponed", JA: "延期"}},
	{programme.Arriving, sign{"warn", "◆", ""}, plan.Text{EN: "due", JA: "対象者あり"}},
	{programme.Planned, sign{"idle", "○", ""}, plan.Text{EN: "planned", JA: "予定"}},
	{programme.NotOwed, sign{"idle", "–", ""}, plan.Text{EN: "not owed", JA: "対象外"}},
}

func (v *visit) status(s programme.Status) sign {
	for _, one := range statuses {
		if one.is == s {
			out := one.sign
			out.Word = one.word.In(string(v.lang))
			return out
		}
	}
	return sign{"idle", "?", string(s)}
}

func (b *Board) showProgramme(v *visit) error {
	year, _ := strconv.Atoi(v.r.URL.Query().Get("year"))
	if year < 2000 || year > 2099 {
		year = 0
	}
	c, view := v.client(""), programmeView{Me: v.me}
	p, err := c.Programme(v.ctx())
	if none := new(api.Problem); errors.As(err, &none) && none.Code == api.CodeNotFound {
		view.None, view.Way = plain(v.lang, none.Detail), plain(v.lang, none.WayOut)
		v.showAs(http.StatusOK, "programme", v.t("Programme", "訓練計画"), view, look{at: "programme"})
		return nil
	}
	if err != nil {
		return err
	}
	cover, err := c.Coverage(v.ctx(), year)
	if err != nil {
		return err
	}
	zone := calendar.Rule{Zone: p.Zone}.Location()
	e, _ := b.o.Estate() // without it, IDs stand for names
	from, until := cover.From.In(zone), cover.Until.In(zone)
	view.Title = either(p.Title.In(string(v.lang)), p.Name)
	view.Fiscal = from.Year()
	view.Year = from.Format("2006-01") + v.t(" to ", "〜") + until.AddDate(0, 0, -1).Format("2006-01")
	view.Before, view.After = from.Year()-1, from.Year()+1
	view.Today = cover.Now.In(zone).Format(time.DateOnly)
	for _, it := range cover.Items {
		one := v.itemView(e, it, zone)
		one.Withdraws = it.ByWord() && v.plans(e, p, it.Planner)
		view.Items = append(view.Items, one)
	}
	view.count(v)
	view.lay(v, p, from, cover.Now.In(zone))
	view.MayPlan = v.plans(e, p, p.Planner)
	for _, r := range p.Rows {
		if v.plans(e, p, r.Planner) && r.ByHand {
			view.Records = append(view.Records, choice{r.ID, either(r.Title.In(string(v.lang)), r.ID)})
		}
	}
	view.ahead(v, p, e, zone)
	if list, err := c.Occasions(v.ctx(), false); err == nil {
		view.Drawn = v.drawn(p, list, zone)
	}
	v.showAs(http.StatusOK, "programme", v.t("Programme", "訓練計画"), view, look{at: "programme"})
	return nil
}

// plans reports whether the viewer sees to the programme, or to a row of that planner: as the
// API has it, which says the last word.
func (v *visit) plans(e Inventory, p programme.Programme, planner string) bool {
	who, known := e.Person(v.me)
	return known && (v.me == planner || v.me == p.Planner || slices.Contains(who.Roles, p.Chief) || slices.Contains(who.Roles, p.Manager))
}

// dayOr is a day, with its time where that is not midnight.
func dayOr(t time.Time) string {
	if t.Hour() == 0 && t.Minute() == 0 {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04 MST")
}

func (v *visit) itemView(e Inventory, it programme.Item, zone *time.Location) itemView {
	out := itemView{Item: it, sign: v.status(it.Status), Label: either(it.Title.In(string(v.lang)), it.Row), Holder: nameIn(v.lang, e.Estate, it.Planner), When: dayOr(it.From.In(zone))}
	if it.Late {
		out.sign = v.heldLate()
	}
	if it.Unproven {
		out.Class = "warn"
	}
	switch {
	case it.ByWord():
		out.Word = v.t("%s (as recorded)", "%s（記録による）", out.Word)
		out.Recorded = v.t("recorded on %s: %s", "%sに記録：%s", it.RecordedAt.In(zone).Format(time.DateOnly), it.Reason)
	case it.Simulated:
		out.Word = v.t("%s (people simulated)", "%s（人は模擬）", out.Word)
	}
	if it.Blind { // its hour is drawn
		out.When = it.From.In(zone).Format(time.DateOnly)
	}
	if last := it.To.In(zone).Format(time.DateOnly); !it.To.IsZero() && it.Run == "" && it.HeldOn.IsZero() && !strings.HasPrefix(out.When, last) {
		out.When += v.t(" to ", "〜") + last
	}
	if !it.HeldOn.IsZero() {
		out.Held = it.HeldOn.In(zone).Format("2006-01-02")
	}
	if it.By != "" {
		out.By = nameIn(v.lang, e.Estate, it.By)
	}
	if it.Person != "" {
		out.For = nameIn(v.lang, e.Estate, it.Person)
		if it.Role != "" {
			out.For += v.t(" (new as %s)", "（新しい役割：%s）", it.Role)
		}
	}
	for _, why := range it.Why {
		if it.Status == programme.HeldThen && it.Occasion == "" { // people held it: its schedule had no part in it
			break
		}
		out.Reasons = append(out.Reasons, why.In(string(v.lang)))
	}
	if !it.Until.IsZero() && !it.Blind {
		out.Again = it.Until.In(zone).Format("2006-01-02 15:04 MST")
	}
	return out
}

// heldLate is held, but after its time was over.
func (v *visit) heldLate() sign { return sign{"warn", "✓", v.t("held late", "遅れて実施")} }

func (view *programmeView) count(v *visit) {
	late := 0
	for _, it := range view.Items {
		if it.Late {
			late++
		}
	}
	if late > 0 {
		defer func() { view.Counts = append(view.Counts, countView{v.heldLate(), late}) }()
	}
	for _, s := range statuses {
		n := 0
		for _, it := range view.Items {
			if it.Status == s.is && !it.Late {
				n++
			}
		}
		if n > 0 || s.is == programme.HeldThen || s.is == programme.Overdue || s.is == programme.Planned {
			view.Counts = append(view.Counts, countView{v.status(s.is), n})
		}
	}
}

// lay puts the year's drills on its twelve months.
func (view *programmeView) lay(v *visit, p programme.Programme, from, now time.Time) {
	column := func(t time.Time) int {
		return (t.Year()-from.Year())*12 + int(t.Month()) - int(from.Month())
	}
	for m := range 12 {
		at := from.AddDate(0, m, 0)
		view.Months = append(view.Months, monthView{v.t(at.Format("Jan"), fmt.Sprintf("%d月", int(at.Month()))), m == column(now)})
	}
	for _, r := range p.Rows {
		row := gridRow{Title: either(r.Title.In(string(v.lang)), r.ID), Cells: make([]gridCell, 12)}
		for m := range row.Cells {
			row.Cells[m].Now = m == column(now)
		}
		for _, it := range view.Items {
			m := column(it.From.In(from.Location()))
			if it.Row == r.ID && m >= 0 && m < 12 {
				s := it.sign
				s.Word = either(it.Held, it.From.In(from.Location()).Format("01-02")) + " " + s.Word
				row.Cells[m].Marks = append(row.Cells[m].Marks, s)
			}
		}
		view.Grid = append(view.Grid, row)
	}
}

// ahead is what begins next, and the schedules. They are in the engine: while it is away the
// rest of the page is shown all the same.
func (view *programmeView) ahead(v *visit, p programme.Programme, e Inventory, zone *time.Location) {
	c := v.client("")
	next, err := c.NextStarts(v.ctx(), nextShown)
	if err == nil {
		for _, s := range next {
			view.Next = append(view.Next, v.startView(p, s, zone))
		}
		var list []api.ScheduleView
		if list, err = c.Schedules(v.ctx()); err == nil {
			for _, s := range list {
				view.Schedules = append(view.Schedules, v.scheduleView(p, e, s, zone))
			}
		}
	}
	if err != nil {
		view.Wrong = err.Error()
		if wrong := new(api.Problem); errors.As(err, &wrong) {
			view.Wrong = plain(v.lang, wrong.Detail)
		}
	}
}

// rowTitle is what people call the row of a schedule.
func (v *visit) rowTitle(p programme.Programme, id string) string {
	r, _ := p.Row(id)
	return either(r.Title.In(string(v.lang)), id)
}

func (v *visit) startView(p programme.Programme, s programme.Start, zone *time.Location) startView {
	out := startView{Title: v.rowTitle(p, s.Schedule), When: v.startAt(s, zone), Blind: s.Blind, Late: s.Never}
	for _, m := range s.Shifts {
		out.Moved = append(out.Moved, m.Why.In(string(v.lang)))
	}
	return out
}

// startAt is when a drill begins; of a blind one the window in which it is drawn.
func (v *visit) startAt(s programme.Start, zone *time.Location) string {
	switch {
	case s.Never:
		return v.t("never within a year", "1年以内になし")
	case s.Blind:
		return s.At.In(zone).Format(time.DateOnly) + v.t(" to ", "〜") + s.Until.In(zone).Format(time.DateOnly)
	}
	return s.At.In(zone).Format("2006-01-02 15:04 MST")
}

func (v *visit) scheduleView(p programme.Programme, e Inventory, s api.ScheduleView, zone *time.Location) scheduleView {
	out := scheduleView{ScheduleView: s, Label: v.rowTitle(p, s.Schedule), Says: s.When.In(string(v.lang)), May: v.plans(e, p, s.Planner) && s.State != "not_applied", Paused: s.State == "paused" || s.Note != "" && s.State != "in_effect"}
	if by, note, ok := strings.Cut(s.Note, ": "); ok {
		out.Note = nameIn(v.lang, e.Estate, by) + v.t(": ", "：") + note
	}
	if !out.Paused {
		out.Note = "" // of when it went on
	}
	if s.Next != nil {
		out.Starts = v.startAt(*s.Next, zone)
	}
	if !s.Drawn.IsZero() && v.me == s.Planner && !v.actor.Console { // the API tells nobody else; neither does the page
		out.Drawn = s.Drawn.In(zone).Format("2006-01-02 15:04:05 MST")
	}
	switch s.State {
	case "in_effect":
		out.sign = sign{"ok", "✓", v.t("in effect", "適用中")}
	case "paused":
		out.sign = sign{"warn", "‖", v.t("paused", "一時停止中")}
	case "differs":
		out.sign = sign{"warn", "≠", v.t("the file differs: apply it", "ファイルと相違（要適用）")}
	case "not_in_file":
		out.sign = sign{"warn", "≠", v.t("not in the file any more: apply it", "ファイルから削除済み（要適用）")}
	default:
		out.sign = sign{"idle", "○", v.t("not applied", "未適用")}
	}
	return out
}

// drawn are the commitments of blind drills, the newest first.
func (v *visit) drawn(p programme.Programme, list []programme.Record, zone *time.Location) (out []drawnView) {
	for _, r := range list {
		for _, d := range slices.Backward(r.Draws) {
			if len(out) == perPage {
				return out
			}
			one := drawnView{Title: v.rowTitle(p, r.Due.Schedule), Hash: d.Hash,
				Window: d.From.In(zone).Format(time.DateOnly) + v.t(" to ", "〜") + d.To.In(zone).Format(time.DateOnly)}
			if d.Opened != nil {
				one.Opened, one.Nonce = d.Opened.Time, d.Opened.Nonce
			}
			out = append(out, one)
		}
	}
	return out
}

// pauseSchedule holds a schedule or lets it go on.
func (b *Board) pauseSchedule(v *visit) error {
	const back = "/programme"
	act, form := v.r.PathValue("act"), v.r.PostForm
	switch {
	case act != "pause" && act != "resume":
		return &trouble{status: http.StatusNotFound, title: v.t("Not found", "見つかりません"), detail: v.t("There is no act %q.", "「%s」という操作はありません。", act), back: back}
	case v.me == "":
		return v.nobody(back)
	}
	if _, err := v.client(form.Get("key")).PauseSchedule(v.ctx(), v.r.PathValue("schedule"), act == "pause", api.ScheduleRequest{By: v.me, Note: strings.TrimSpace(form.Get("note"))}); err != nil {
		return err
	}
	b.ahead.forget()
	v.redirect(back + "?ok=schedule-" + act)
	return nil
}
