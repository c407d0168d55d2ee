package programme

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
)

var ordinals = map[int]plan.Text{1: {EN: "1st", JA: "第1"}, 2: {EN: "2nd", JA: "第2"}, 3: {EN: "3rd", JA: "第3"}, 4: {EN: "4th", JA: "第4"}, calendar.Last: {EN: "last", JA: "最終"}}

// When is a rule in words.
func When(r calendar.Rule) plan.Text {
	if !r.From.IsZero() {
		day := r.From
		r.From = calendar.Date{}
		return plan.Say("%s, from %s on", "%s（%s以降）", When(r), day)
	}
	at := fmt.Sprintf("%02d:%02d", r.Hour, r.Minute)
	if r.Weeks > 0 {
		if r.Weeks == 1 {
			return plan.Say("each %s at %s (%s)", "毎週%s %s（%s）", weekdayText(r.Weekday), at, r.Zone)
		}
		return plan.Say("every %d weeks on %s at %s from %s (%s)", "%d週ごとの%s %s（%s から、%s）", r.Weeks, weekdayText(r.Weekday), at, r.Anchor, r.Zone)
	}
	months := plan.Text{EN: "each month", JA: "毎月"}
	if len(r.Months) > 0 && len(r.Months) < 12 {
		var en, ja []string
		for _, m := range r.Months {
			en, ja = append(en, m.String()), append(ja, fmt.Sprintf("%d月", int(m)))
		}
		months = plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "・") + "の"}
	}
	switch {
	case r.Day == calendar.Last:
		return plan.Say("the last day of %s at %s (%s)", "%s末日 %s（%s）", months, at, r.Zone)
	case r.Day > 0:
		return plan.Say("day %d of %s at %s (%s)", "%[2]s%[1]d日 %[3]s（%[4]s）", r.Day, months, at, r.Zone)
	}
	return plan.Say("%s %s of %s at %s (%s)", "%[3]s%[1]s%[2]s %[4]s（%[5]s）", ordinals[r.Week], weekdayText(r.Weekday), months, at, r.Zone)
}

// Differ lists the parts of a schedule in which b differs from a, in words.
func Differ(a, b Spec) []plan.Text {
	var out []plan.Text
	add := func(en, ja string, x, y any) {
		if fmt.Sprint(x) != fmt.Sprint(y) {
			out = append(out, plan.Say(en+": %s → %s", ja+"：%s → %s", shown(x), shown(y)))
		}
	}
	if x, y := When(a.Rule), When(b.Rule); x != y {
		out = append(out, plan.Say("when: %s → %s", "時期：%s → %s", x, y))
	}
	add("scenario", "シナリオ", a.Scenario, b.Scenario)
	add("systems", "システム", strings.Join(a.Systems, ","), strings.Join(b.Systems, ","))
	add("planner", "企画者", a.Planner, b.Planner)
	add("moved off days off", "休業日の繰り越し", a.Shift, b.Shift)
	add("looked at again every", "再試行の間隔", a.Every, b.Every)
	add("for", "当日の再試行", a.For, b.For)
	add("given up after", "打ち切りまで", a.GiveUp, b.GiveUp)
	add("late at most", "遅延の上限", a.Late, b.Late)
	add("a later one is not held", "遅延時は未実施とする", a.Miss, b.Miss)
	add("readiness", "準備状況の点検", a.Ready, b.Ready)
	add("jitter", "ばらつき", a.Jitter, b.Jitter)
	if window(a.Blind) != window(b.Blind) {
		out = append(out, plan.Say("window: %s → %s", "期間：%s → %s", window(a.Blind), window(b.Blind)))
	}
	if spans(a) != spans(b) {
		out = append(out, plan.Text{EN: "calendar or freezes", JA: "カレンダーまたは凍結期間"})
	}
	if a.Title != b.Title || a.Programme != b.Programme {
		out = append(out, plan.Text{EN: "title", JA: "名称"})
	}
	return out
}

// shown is a value in words.
func shown(v any) plan.Text {
	switch v {
	case true:
		return plan.Text{EN: "yes", JA: "する"}
	case false:
		return plan.Text{EN: "no", JA: "しない"}
	}
	s := fmt.Sprint(v)
	return plan.Text{EN: s, JA: s}
}

func window(w *Window) string {
	if w == nil {
		return "-"
	}
	return fmt.Sprintf("%dd %s-%s (%s %s)", w.Days, w.From, w.To, w.By, w.Approved)
}

func spans(s Spec) string {
	days := slices.Clone(s.Calendar.Weekend)
	slices.SortFunc(days, func(a, b time.Weekday) int { return int(a - b) })
	return fmt.Sprint(s.Calendar.Zone, days, s.Calendar.Holidays, s.Calendar.Closed, s.Calendar.Open, s.Freezes)
}
