package programme

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Scenario is what a programme must know of a scenario that it runs.
type Scenario struct {
	Name    string
	Title   plan.Text
	Hazard  run.Hazard
	Depth   run.Depth
	Systems []string
	Blind   bool
	// Facilitators may read a blind one.
	Facilitators []string
	Rule         *calendar.Rule // its own schedule
}

// Read checks a Programme against the estate and the scenarios. Mistakes are in the decoder's
// log. Expect finds mistakes in a goal's expression.
func Read(d *yamldoc.Decoder, root *yaml.Node, e *estate.Estate, scenarios []Scenario, expect func(scenario, src string) error) *Programme {
	r := &reading{Decoder: d, estate: e, scenarios: scenarios, expect: expect, out: &Programme{File: d.File}}
	d.Decode("", root, &r.file)
	f := &r.file
	r.out.Name, r.out.Title, r.out.Begins = f.Name.V, f.Title.Text, f.Begins.V
	if r.out.Title == (plan.Text{}) {
		r.out.Title.EN = f.Name.V
	}
	r.out.Zone = e.Zone
	if f.Zone.Set {
		if r.out.Zone = f.Zone.V; !zoneKnown(f.Zone.V) {
			d.Log.Add(f.Zone.Place, "zone: there is no time zone %q; write one such as Asia/Tokyo", "zone: %q というタイムゾーンはありません。Asia/Tokyo のように書いてください", yamldoc.Short(f.Zone.V))
		}
	}
	r.out.From, _ = readDate(d, "from", f.From)
	r.people()
	r.calendar()
	r.freezes()
	r.rules("rules", f.Rules)
	if f.Name.Set && len(f.Rows) == 0 {
		d.Log.Add(f.Place, "programme %s has no rows; add one", "訓練計画 %s に行（rows）がありません。1行以上書いてください", f.Name.V)
	}
	seen := map[string]yamldoc.Place{}
	for _, row := range f.Rows {
		if first, ok := seen[row.ID.V]; ok && row.ID.Set {
			d.Log.Add(row.ID.Place, "row %s is there twice, first in line %d; give each its own id", "行 %s が重複しています（1つ目は %d 行目）。それぞれ別の id にしてください", row.ID.V, first.Line)
			continue
		}
		seen[row.ID.V] = row.ID.Place
		r.out.Rows = append(r.out.Rows, r.row(row))
	}
	r.was(seen)
	return r.out
}

type reading struct {
	*yamldoc.Decoder
	file      File
	estate    *estate.Estate
	scenarios []Scenario
	expect    func(scenario, src string) error
	out       *Programme
}

func (r *reading) people() {
	f := &r.file
	r.estate.Role(r.Decoder, "chief", f.Chief)
	r.estate.Role(r.Decoder, "manager", f.Manager)
	r.out.Chief, r.out.Manager, r.out.Planner = f.Chief.V, f.Manager.V, f.Planner.V
	if r.out.Manager == "" {
		r.out.Manager = r.out.Chief
	}
	r.person("planner", f.Planner)
}

func (r *reading) person(where string, id text) {
	estate.Known(r.Decoder, where, estate.APerson, id, r.estate.PersonIDs())
}

func (r *reading) calendar() {
	c := &calendar.Calendar{Zone: r.out.Zone, Weekend: []time.Weekday{time.Saturday, time.Sunday}}
	f := &r.file.Calendar
	if f.Holidays.V == calendar.HolidaysJapan {
		c.Holidays = calendar.HolidaysJapan
	}
	if f.Weekend != nil {
		c.Weekend = nil
		for _, w := range f.Weekend {
			for d := time.Sunday; d <= time.Saturday; d++ {
				if strings.EqualFold(d.String(), w.V) {
					c.Weekend = append(c.Weekend, d)
				}
			}
		}
	}
	if len(c.Weekend) == 7 {
		r.Log.Add(f.Place, "calendar: weekend: no day of the week is left to hold a drill on; leave one out", "calendar: weekend: 訓練を行える曜日がありません。いずれかの曜日を外してください")
	}
	for _, off := range f.Closed {
		to := off.To
		if !to.Set {
			to = off.From
		}
		if s, ok := r.span("calendar: days off", off.From, to); ok {
			s.Title = off.Title.Text
			c.Closed = append(c.Closed, s)
		}
	}
	for _, day := range f.Open {
		if d, ok := readDate(r.Decoder, "calendar: open", day); ok {
			c.Open = append(c.Open, d)
		}
	}
	r.out.Calendar = *c
}

func (r *reading) span(where string, from, to text) (calendar.Span, bool) {
	a, ok := readDate(r.Decoder, where+": from", from)
	b, ok2 := readDate(r.Decoder, where+": to", to)
	if ok && ok2 && b.Before(a) {
		r.Log.Add(to.Place, "%s: it ends on %s, before it begins on %s; swap them", "%s: 終了日 %s が開始日 %s より前です。入れ替えてください", where, b, a)
		return calendar.Span{}, false
	}
	return calendar.Span{From: a, To: b}, ok && ok2
}

// longestFreeze keeps a freeze from being the end of all drills by a slip of the year.
const longestFreeze = 180

// freezes reads them. Two that overlap for the same systems are a mistake: which of the two
// is told as the reason would be chance, and one of them is mostly a slip.
func (r *reading) freezes() {
	var all []Freeze
	for _, f := range r.file.Freezes {
		where := "freeze " + f.Name.V
		s, ok := r.span(where, f.From, f.To)
		for _, name := range f.Systems {
			estate.Known(r.Decoder, where+": systems", estate.ASystem, name, r.estate.SystemNames())
			s.Systems = append(s.Systems, name.V)
		}
		if !ok {
			continue
		}
		if n := s.To.Days(s.From); n > longestFreeze {
			r.Log.Add(f.To.Place, "%s: %d days without a drill are more than half a year; shorten it, or take the rows out of the plan", "%s: 訓練を行えない期間が %d 日と半年を超えています。短くするか、該当の行を計画から外してください", where, n)
		}
		s.Name, s.Title = f.Name.V, f.Title.Text
		for i, o := range r.out.Freezes {
			both := len(o.Systems) == 0 || s.Touches(o.Systems)
			if both && !o.To.Before(s.From) && !s.To.Before(o.From) {
				r.Log.Add(f.Place, "%s overlaps freeze %s (line %d, %s to %s); make them one, or let one end before the other begins", "%s が freeze %s（%d 行目、%s〜%s）と重なっています。1つにまとめるか、期間が重ならないようにしてください", where, o.Name, all[i].Place.Line, o.From, o.To)
			}
		}
		all, r.out.Freezes = append(all, f), append(r.out.Freezes, s)
	}
}

func (r *reading) rules(where string, x Rules) {
	for _, s := range []struct {
		name string
		span duration
	}{{"every", x.Every}, {"give_up", x.GiveUp}} {
		if s.span.Set && s.span.V <= 0 {
			r.Log.Add(s.span.Place, "%s: %s: 0s leaves no time at all; write a span, or leave it out for the usual one", "%s: %s: 0s では時間がありません。長さを書くか、既定値でよければ省略してください", where, s.name)
		}
	}
	if x.Every.Set && x.Every.V.Std() > 0 && x.Every.V.Std() < time.Minute {
		r.Log.Add(x.Every.Place, "%s: every: %s is more often than anything changes; write 1m or more", "%s: every: %s は短すぎます。1m 以上にしてください", where, x.Every.V)
	}
	if x.GiveUp.V.Std() > 90*24*time.Hour {
		r.Log.Add(x.GiveUp.Place, "%s: give_up: after %s the next one is due; write 90d or less", "%s: give_up: %s では次回の予定と重なります。90d 以下にしてください", where, x.GiveUp.V)
	}
	if x.Jitter.V.Std() > 12*time.Hour {
		r.Log.Add(x.Jitter.Place, "%s: jitter: %s moves it to another day; write 12h or less", "%s: jitter: %s では別の日にずれます。12h 以下にしてください", where, x.Jitter.V)
	}
}

func names(list []text) []string {
	var out []string
	for _, x := range list {
		out = append(out, x.V)
	}
	return out
}

func (r *reading) row(f FileRow) Row {
	where := "row " + f.ID.V
	out := Row{ID: f.ID.V, Was: names(f.Was), Number: f.Number.V, Kind: f.Kind.V, Title: f.Title.Text, Content: f.Content.Text, Method: names(f.Method), Audience: names(f.Audience),
		Times: f.Times.V, Planner: f.Planner.V, Remarks: f.Remarks.Text, Scenario: f.Scenario.V, Assumptions: names(f.Assumptions),
		ByHand: f.Start.V == "by-hand" || !f.Scenario.Set, Line: estate.Line(f.Place)}
	if out.Title == (plan.Text{}) {
		out.Title = out.Content
	}
	out.From, _ = readDate(r.Decoder, where+": from", f.From)
	r.person(where+": planner", f.Planner)
	if out.Planner == "" {
		out.Planner = r.out.Planner
	}
	for _, m := range f.Months {
		if !slices.Contains(out.Months, m.V) {
			out.Months = append(out.Months, m.V)
		}
	}
	slices.Sort(out.Months)
	sc := r.scenario(where, f)
	out.Systems, out.Depth = sc.Systems, sc.Depth
	if sc.Blind && !slices.Contains(sc.Facilitators, out.Planner) {
		r.Log.Add(f.Scenario.Place, "%s: %s plans it and may not read the blind scenario %s; add them to its facilitators, or name a planner who is one", "%s: 企画者 %s は非提示型のシナリオ %s を読めません。シナリオの facilitators に加えるか、facilitators の人を planner に指定してください", where, out.Planner, sc.Name)
	}
	r.goals(where, f, &out)
	r.contractors(where, f, &out)
	if a := f.Arrivals; a != nil {
		out.Arrivals = &Arrival{Within: a.Within.V, Roles: names(a.Roles)}
		for _, role := range a.Roles {
			r.estate.Role(r.Decoder, where+": arrivals: roles", role)
		}
		if a.Within.Set && a.Within.V.Std() < 24*time.Hour {
			r.Log.Add(a.Within.Place, "%s: arrivals: within %s is less than a day; write days, such as 30d", "%s: arrivals: within が %s と1日未満です。30d のように日数で書いてください", where, a.Within.V)
		}
	}
	out.Spec = r.spec(where, f, sc, &out)
	or := plan.Text{}
	if sc.Name != "" {
		or = plan.Say(", or a schedule to scenario %s", "（シナリオ %s の schedule でもよい）", sc.Name)
	}
	if out.Spec == nil && f.Schedule == nil && len(f.Months) == 0 && !f.Times.Set && f.Arrivals == nil && f.ID.Set {
		r.Log.Add(f.Place, "%s: says not when; add schedule, months, times or arrivals%s", "%s: 時期の指定がありません。schedule、months、times、arrivals のいずれかを書いてください%s", where, or)
	}
	if f.Times.Set && (f.Schedule != nil || len(f.Months) > 0) {
		r.Log.Add(f.Times.Place, "%s: times is for what has no set months; leave it out, or leave schedule and months out", "%s: times は月を決めない行のためのものです。times を外すか、schedule と months を外してください", where)
	}
	return out
}

// was holds that a name of before is of one row, and of none that is there.
func (r *reading) was(rows map[string]yamldoc.Place) {
	said := map[string]yamldoc.Place{}
	for _, f := range r.file.Rows {
		where := "row " + f.ID.V
		for _, name := range f.Was {
			row, there := rows[name.V]
			first, again := said[name.V]
			switch {
			case !name.Set:
			case name.V == f.ID.V:
				r.Log.Add(name.Place, "%s: was: it is called %s today; leave the name out", "%s: was: %s は現在の名前です。was から外してください", where, name.V)
			case there:
				r.Log.Add(name.Place, "%s: was: %s is a row of the plan (line %d), whose record is its own; leave the name out", "%s: was: %s は現在の行の名前で（%d 行目）、その記録はその行のものです。was から外してください", where, name.V, row.Line)
			case again:
				r.Log.Add(name.Place, "%s: was: line %[3]d says already that %[2]s is called otherwise; keep it in the one row that it became", "%s: was: %s は %d 行目の was にもあります。記録を引き継ぐ1行の was にだけ書いてください", where, name.V, first.Line)
			default:
				said[name.V] = name.Place
			}
		}
	}
}

func (r *reading) scenario(where string, f FileRow) Scenario {
	var known []string
	for _, s := range r.scenarios {
		if s.Name == f.Scenario.V {
			if s.Depth == run.Real {
				r.Log.Add(f.Scenario.Place, "%s: scenario %s is written for the real thing; name one with a drill's depth", "%s: シナリオ %s は本番用（real）です。訓練の深さのシナリオを指定してください", where, s.Name)
			}
			return s
		}
		known = append(known, s.Name)
	}
	if f.Scenario.Set {
		r.Log.Add(f.Scenario.Place, "%s: there is no scenario %q%s", "%s: シナリオ %q はありません%s", where, yamldoc.Short(f.Scenario.V), yamldoc.Meant(f.Scenario.V, known))
	}
	if f.Start.Set && f.Start.V == "automatic" && !f.Scenario.Set {
		r.Log.Add(f.Start.Place, "%s: start: automatic needs a scenario to start; add scenario, or leave start out", "%s: start: automatic には開始するシナリオが必要です。scenario を書くか、start を外してください", where)
	}
	return Scenario{}
}

// goals are measurable: each has an expression, or somebody who judges.
func (r *reading) goals(where string, f FileRow, out *Row) {
	seen := map[string]bool{}
	for _, g := range f.Goals {
		at := where + ": goal " + g.ID.V
		if seen[g.ID.V] && g.ID.Set {
			r.Log.Add(g.ID.Place, "%s is there twice; give each its own id", "%s が重複しています。それぞれ別の id にしてください", at)
		}
		seen[g.ID.V] = true
		switch {
		case !g.Expect.Set && !g.Judge.Set:
			r.Log.Add(g.Place, "%s: nothing says how it is measured; add expect, an expression over the report, or judged_by, a role", "%s: 測り方の指定がありません。expect（報告書に対する式）または judged_by（判定する役割）を書いてください", at)
		case g.Expect.Set && !f.Scenario.Set:
			r.Log.Add(g.Expect.Place, "%s: expect reads the report of a run, and the row runs no scenario; add scenario, or write judged_by", "%s: expect は実施の報告書を読みますが、この行にはシナリオがありません。scenario を書くか、judged_by にしてください", at)
		case g.Expect.Set && r.expect != nil:
			if err := r.expect(f.Scenario.V, g.Expect.V); err != nil {
				r.Log.Add(g.Expect.Place, "%s: expect: %s", "%s: expect: %s", at, err)
			}
		}
		r.estate.Role(r.Decoder, at+": judged_by", g.Judge)
		out.Goals = append(out.Goals, Goal{ID: g.ID.V, Text: g.Text.Text, Expect: g.Expect.V, Judge: g.Judge.V})
	}
}

func (r *reading) contractors(where string, f FileRow, out *Row) {
	var known []string
	for _, p := range r.estate.Parties {
		known = append(known, p.Name)
	}
	for _, c := range f.Contractors {
		at := where + ": contractor " + c.Party.V
		estate.Known(r.Decoder, at, plan.Text{EN: "party", JA: "連絡先"}, c.Party, known)
		for name, day := range map[string]text{"invited": c.Invited, "accepted": c.Accepted, "declined": c.Declined, "took_part": c.TookPart} {
			readDate(r.Decoder, at+": "+name, day)
		}
		switch {
		case c.Accepted.Set && c.Declined.Set:
			r.Log.Add(c.Declined.Place, "%s: accepted and declined; keep what holds", "%s: accepted と declined の両方があります。正しい方だけを残してください", at)
		case (c.Accepted.Set || c.Declined.Set) && !c.Invited.Set:
			r.Log.Add(c.Place, "%s: it answered an invitation that is not there; add invited", "%s: 招請（invited）の日付がないのに回答があります。invited を書いてください", at)
		}
		out.Contractors = append(out.Contractors, Contractor{Party: c.Party.V, Invited: c.Invited.V, Accepted: c.Accepted.V, Declined: c.Declined.V, TookPart: c.TookPart.V})
	}
}

// spec makes the row's schedule with its rules; nil without one.
func (r *reading) spec(where string, f FileRow, sc Scenario, out *Row) *Spec {
	var rule calendar.Rule
	switch {
	case f.Schedule != nil:
		var ok bool
		inner := *r.Decoder
		if rule, ok = ReadSchedule(&inner, f.Schedule, r.out.Zone); !ok {
			r.window(where, f, sc)
			return nil
		}
	case len(f.Months) > 0 || f.Times.Set || f.Arrivals != nil || sc.Rule == nil:
		r.window(where, f, sc)
		if f.Blind != nil && f.Schedule == nil {
			r.Log.Add(f.Blind.Place, "%s: blind: nothing says when the window opens; add schedule", "%s: blind: 期間の開始時期の指定がありません。schedule を書いてください", where)
		}
		return nil
	default:
		rule = *sc.Rule
	}
	if rule.From = r.out.From; !out.From.IsZero() {
		rule.From = out.From
	}
	rules := r.file.Rules
	if f.Rules != nil {
		rules = *f.Rules
		r.rules(where+": rules", rules)
	}
	s := &Spec{Schedule: f.ID.V, Programme: r.out.Name, Title: out.Title, Scenario: f.Scenario.V, Systems: sc.Systems, Planner: out.Planner,
		Rule: rule, Calendar: r.out.Calendar, Freezes: r.out.Freezes, Shift: f.Shift.V == "next-working-day",
		Every: rules.Every.V, For: rules.For.V, GiveUp: rules.GiveUp.V, Late: rules.Late.V, Miss: rules.Missed.V == "miss", Ready: rules.Ready.V, Jitter: rules.Jitter.V,
		Blind: r.window(where, f, sc)}
	if len(f.Months) == 0 {
		for _, m := range rule.Months {
			out.Months = append(out.Months, int(m))
		}
	} else if len(rule.Months) > 0 {
		for _, m := range f.Months {
			if !slices.Contains(rule.Months, time.Month(m.V)) {
				r.Log.Add(m.Place, "%s: months: the schedule is never due in month %d; leave months out, or change the schedule", "%s: months: schedule は %d 月に実施されません。months を外すか、schedule を直してください", where, m.V)
			}
		}
	}
	return s
}

// window reads where a blind drill's start is drawn, which the chief officer has approved.
func (r *reading) window(where string, f FileRow, sc Scenario) *Window {
	b := f.Blind
	if b == nil {
		if sc.Blind && f.Start.V == "automatic" {
			r.Log.Add(f.Scenario.Place, "%s: scenario %s is blind, and its start would be known to everybody; add blind, or write start: by-hand", "%s: シナリオ %s は非提示型（blind）ですが、開始時刻が全員に知られます。blind を書くか、start: by-hand にしてください", where, sc.Name)
		}
		return nil
	}
	if sc.Name != "" && !sc.Blind {
		r.Log.Add(b.Place, "%s: blind: scenario %s is not blind, so that everybody may read it; write blind: true there", "%s: blind: シナリオ %s は非提示型ではなく、誰でも読めます。シナリオに blind: true と書いてください", where, sc.Name)
	}
	if f.Start.V == "by-hand" || !f.Scenario.Set {
		r.Log.Add(b.Place, "%s: blind: its start can be drawn only if muster starts it; add scenario, and leave start out", "%s: blind: 開始時刻の抽選は自動開始の場合に限ります。scenario を書き、start を外してください", where)
	}
	times := true
	for name, t := range map[string]text{"from": b.From, "to": b.To} {
		if t.Set && !timeOfDay.MatchString(t.V) {
			r.Log.Add(t.Place, "%s: blind: %s: %q is not a time of day such as \"10:00\"", "%s: blind: %s: %q は時刻ではありません。\"10:00\" のように書いてください", where, name, yamldoc.Short(t.V))
			times = false
		}
	}
	if times && b.From.Set && b.To.Set && b.To.V <= b.From.V {
		r.Log.Add(b.To.Place, "%s: blind: the window ends at %s, not after it opens at %s; a window lies within a day", "%s: blind: 終了時刻 %s が開始時刻 %s より後ではありません。1日の中の時間帯を書いてください", where, b.To.V, b.From.V)
	}
	r.person(where+": blind: approved_by", b.By)
	if b.By.Set {
		at := slices.IndexFunc(r.estate.People, func(p plan.Person) bool { return p.ID == b.By.V })
		if at >= 0 && r.file.Chief.Set && !slices.Contains(r.estate.People[at].Roles, r.file.Chief.V) {
			r.Log.Add(b.By.Place, "%s: blind: approved_by: %s does not have the chief's role %s; a window is approved by who has it", "%s: blind: approved_by: %s は最高責任者の役割 %s を持っていません。期間の承認者はその役割の人にしてください", where, b.By.V, r.file.Chief.V)
		}
	}
	readDate(r.Decoder, where+": blind: approved", b.Approved)
	return &Window{Days: b.Days.V, From: b.From.V, To: b.To.V, By: b.By.V, Approved: b.Approved.V}
}
