package programme

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

var timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// checkedFrom is the day from which rules are held against the clock changes of their zone. It
// is fixed, so that the same file is right or wrong on every day.
var checkedFrom = calendar.Date{Year: 2026, Month: 1, Day: 1}

// parts is what the ways to write a schedule have in common.
type parts struct {
	where     string
	place     yamldoc.Place
	week, day yamldoc.Raw
	weekday   text
	at, zone  text
}

// ReadSchedule checks when something is due. A rule that is right is due in each of its
// months, on a day that exists, at a time that exists once.
func ReadSchedule(d *yamldoc.Decoder, s *Schedule, zone string) (calendar.Rule, bool) {
	before := d.Log.Len()
	var r calendar.Rule
	var ways []string
	var p parts
	if q := s.Yearly; q != nil {
		ways = append(ways, "yearly")
		r.Months = []time.Month{time.Month(q.Month.V)}
		p = parts{"schedule: yearly", q.Place, q.Week, q.Day, q.Weekday, q.At, q.Zone}
	}
	if q := s.Quarterly; q != nil {
		ways = append(ways, "quarterly")
		for m := q.Month.V; m <= 12 && m > 0; m += 3 {
			r.Months = append(r.Months, time.Month(m))
		}
		p = parts{"schedule: quarterly", q.Place, q.Week, q.Day, q.Weekday, q.At, q.Zone}
	}
	if q := s.Monthly; q != nil {
		ways = append(ways, "monthly")
		for _, m := range q.Months {
			r.Months = append(r.Months, time.Month(m.V))
		}
		slices.Sort(r.Months)
		p = parts{"schedule: monthly", q.Place, q.Week, q.Day, q.Weekday, q.At, q.Zone}
	}
	if q := s.Weekly; q != nil {
		ways = append(ways, "weekly")
		r.Weeks = q.Every.V
		p = parts{where: "schedule: weekly", place: q.Place, at: q.At, zone: q.Zone}
		if day, ok := readDate(d, p.where+": from", q.From); ok {
			r.Anchor, r.Weekday = day, day.Weekday()
		}
	}
	switch len(ways) {
	case 0:
		d.Log.Add(s.Place, "schedule: says not when; write yearly, quarterly, monthly or weekly", "schedule: 時期の指定がありません。yearly、quarterly、monthly、weekly のいずれかを書いてください")
		return r, false
	case 1:
	default:
		d.Log.Add(s.Place, "schedule: %s are %d schedules; write one, and a row of its own for each other", "schedule: %s の %d 通りが指定されています。1つだけ書き、ほかは別の行（row）に分けてください", strings.Join(ways, ", "), len(ways))
		return r, false
	}
	if p.at.Set && !timeOfDay.MatchString(p.at.V) {
		d.Log.Add(p.at.Place, "%s: at: %q is not a time of day such as \"14:00\"", "%s: at: %q は時刻ではありません。\"14:00\" のように書いてください", p.where, yamldoc.Short(p.at.V))
	} else if p.at.Set {
		t, _ := time.Parse("15:04", p.at.V)
		r.Hour, r.Minute = t.Hour(), t.Minute()
	}
	r.Zone = zone
	if p.zone.V != "" {
		r.Zone = p.zone.V
	}
	if p.zone.Set && !zoneKnown(p.zone.V) {
		d.Log.Add(p.zone.Place, "%s: zone: there is no time zone %q; write one such as Asia/Tokyo", "%s: zone: %q というタイムゾーンはありません。Asia/Tokyo のように書いてください", p.where, yamldoc.Short(p.zone.V))
	}
	if r.Weeks == 0 {
		readDay(d, p, &r)
	}
	if d.Log.Len() > before || !p.at.Set {
		return r, false
	}
	switch day, clash := r.Clashes(checkedFrom); clash {
	case calendar.Gap:
		d.Log.Add(p.at.Place, "%s: at: on %s the clock of %s jumps over %s, so that it does not exist; choose a time of day at which the clock is never changed, such as \"09:00\"", "%s: at: %s は %s の時計が進められる日で、%s という時刻が存在しません。\"09:00\" など、時計の変更にかからない時刻にしてください", p.where, day, r.Zone, p.at.V)
		return r, false
	case calendar.Overlap:
		d.Log.Add(p.at.Place, "%s: at: on %s the clock of %s is put back and shows %s twice; choose a time of day at which the clock is never changed, such as \"09:00\"", "%s: at: %s は %s の時計が戻される日で、%s が2回あります。\"09:00\" など、時計の変更にかからない時刻にしてください", p.where, day, r.Zone, p.at.V)
		return r, false
	}
	return r, true
}

func zoneKnown(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}

// readDay reads which day of the month it is. One that some of the months do not have is a
// mistake: it would be left out without a word.
func readDay(d *yamldoc.Decoder, p parts, r *calendar.Rule) {
	week, day := p.week.Node != nil, p.day.Node != nil
	switch {
	case week && day:
		d.Log.Add(p.day.Place, "%s: week and day are two ways to say it; write week and weekday, or day", "%s: week と day は同時に指定できません。week と weekday、または day のどちらかにしてください", p.where)
		return
	case day && p.weekday.Set:
		d.Log.Add(p.weekday.Place, "%s: a day of the month has whatever weekday it has; leave weekday out, or write week in place of day", "%s: 日付（day）を指定すると曜日は選べません。weekday を外すか、day の代わりに week を書いてください", p.where)
		return
	case !week && !day:
		d.Log.Add(p.place, "%s: says not on which day; write week and weekday, or day", "%s: 日の指定がありません。week と weekday、または day を書いてください", p.where)
		return
	case week && p.weekday.Place.Line == 0:
		d.Log.Add(p.place, "%s: weekday is missing: which day of that week", "%s: weekday がありません。その週の何曜日かを書いてください", p.where)
		return
	}
	if week {
		for w := time.Sunday; w <= time.Saturday; w++ {
			if strings.EqualFold(w.String(), p.weekday.V) {
				r.Weekday = w
			}
		}
		n, ok := readNth(d, p.where+": week", p.week, plan.Text{EN: "1 to 4, or last", JA: "1〜4 または last"})
		switch {
		case !ok:
		case n == 5:
			d.Log.Add(p.week.Place, "%s: week: not every month has a fifth %s; write week: last for the last one", "%s: week: 第5%sがない月があります。最後の週なら week: last と書いてください", p.where, weekdayText(r.Weekday))
		case n > 5 || n == 0:
			d.Log.Add(p.week.Place, "%s: week: %d is none; write 1 to 4, or last", "%s: week: %d は使えません。1〜4 または last にしてください", p.where, n)
		default:
			r.Week = n
		}
		return
	}
	n, ok := readNth(d, p.where+": day", p.day, plan.Text{EN: "1 to 28, or last", JA: "1〜28 または last"})
	if !ok {
		return
	}
	months := r.Months
	if len(months) == 0 {
		for m := time.January; m <= time.December; m++ {
			months = append(months, m)
		}
	}
	r.Day = n
	if n == 0 || n > 31 {
		d.Log.Add(p.day.Place, "%s: day: %d is none; write 1 to 28, or last", "%s: day: %d は使えません。1〜28 または last にしてください", p.where, n)
		return
	}
	for _, m := range months {
		switch shortest := time.Date(2026, m+1, 0, 0, 0, 0, 0, time.UTC).Day(); {
		case n == 29 && m == time.February:
			d.Log.Add(p.day.Place, "%s: day: February has a 29th in leap years only; write day: last, or 28", "%s: day: 2月29日はうるう年にしかありません。day: last または 28 にしてください", p.where)
			return
		case n > shortest:
			d.Log.Add(p.day.Place, "%s: day: %s has no %d; write day: last, or leave the month out", "%s: day: %sに%d日はありません。day: last にするか、その月を外してください", p.where, monthText(m), n)
			return
		}
	}
}

func monthText(m time.Month) plan.Text {
	return plan.Text{EN: m.String(), JA: fmt.Sprintf("%d月", int(m))}
}

func weekdayText(d time.Weekday) plan.Text {
	return plan.Text{EN: d.String(), JA: []string{"日曜", "月曜", "火曜", "水曜", "木曜", "金曜", "土曜"}[d]}
}

// readNth reads a number, or last.
func readNth(d *yamldoc.Decoder, where string, raw yamldoc.Raw, want plan.Text) (int, bool) {
	if s, err := yamldoc.String(raw.Node); err == nil {
		if s == "last" {
			return calendar.Last, true
		}
		d.Log.Add(raw.Place, "%s: %q is none; write %s", "%s: %q は使えません。%s を書いてください", where, yamldoc.Short(s), want)
		return 0, false
	}
	n, err := yamldoc.Int(raw.Node)
	if err == nil && n < 1 {
		err = plan.Wrong("%d is none", "%d は使えません", n)
	}
	if err != nil {
		d.Log.Add(raw.Place, "%s: %s; write %s", "%s: %s。%s を書いてください", where, err, want)
		return 0, false
	}
	return n, true
}

// readDate reads a day; the 30th of February is none.
func readDate(d *yamldoc.Decoder, where string, s text) (calendar.Date, bool) {
	if !s.Set {
		return calendar.Date{}, false
	}
	day, err := calendar.ParseDate(s.V)
	if err != nil {
		d.Log.Add(s.Place, "%s: %s", "%s: %s", where, err)
		return day, false
	}
	return day, true
}
