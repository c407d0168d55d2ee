package calendar

import (
	"math"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// The public holidays of Japan by the Act on National Holidays (国民の祝日に関する法律), from
// 2016, when the last new one came, to 2099, to which the formula of the equinoxes holds. The
// equinoxes of a year are announced in February of the year before; the formula has agreed
// since 1980. A change of the law is a change here, or `closed:` and `open:` in the file.
const (
	japanFrom  = 2016
	japanUntil = 2099
)

// Japan names the public holiday that a day is in Japan, or the day off in its place.
func Japan(d Date) (plan.Text, bool) {
	if d.Year < japanFrom || d.Year > japanUntil {
		return plan.Text{}, false
	}
	if name, ok := national(d); ok {
		return name, true
	}
	// A holiday on a Sunday is followed by a day off, the next that is none itself.
	for b := d.Plus(-1); ; b = b.Plus(-1) {
		name, ok := national(b)
		if !ok {
			break
		}
		if b.Weekday() == time.Sunday {
			return plan.Text{EN: "substitute holiday for " + name.EN, JA: "振替休日（" + name.JA + "）"}, true
		}
	}
	_, before := national(d.Plus(-1))
	_, after := national(d.Plus(1))
	if before && after {
		return plan.Text{EN: "day between two holidays", JA: "国民の休日"}, true
	}
	return plan.Text{}, false
}

// fixed are the holidays of a set day, by month and day.
var fixed = map[[2]int]plan.Text{
	{1, 1}:   {EN: "New Year's Day", JA: "元日"},
	{2, 11}:  {EN: "National Foundation Day", JA: "建国記念の日"},
	{4, 29}:  {EN: "Showa Day", JA: "昭和の日"},
	{5, 3}:   {EN: "Constitution Day", JA: "憲法記念日"},
	{5, 4}:   {EN: "Greenery Day", JA: "みどりの日"},
	{5, 5}:   {EN: "Children's Day", JA: "こどもの日"},
	{11, 3}:  {EN: "Culture Day", JA: "文化の日"},
	{11, 23}: {EN: "Labour Thanksgiving Day", JA: "勤労感謝の日"},
}

var (
	birthday   = plan.Text{EN: "the Emperor's Birthday", JA: "天皇誕生日"}
	marineDay  = plan.Text{EN: "Marine Day", JA: "海の日"}
	mountain   = plan.Text{EN: "Mountain Day", JA: "山の日"}
	sportsDay  = plan.Text{EN: "Sports Day", JA: "スポーツの日"}
	accession  = plan.Text{EN: "day of the accession", JA: "即位の日"}
	enthroning = plan.Text{EN: "enthronement ceremony", JA: "即位礼正殿の儀"}
)

// games are the days that the law moved for the Olympic Games, by year.
var games = map[int]map[[2]int]plan.Text{
	2020: {{7, 23}: marineDay, {7, 24}: sportsDay, {8, 10}: mountain},
	2021: {{7, 22}: marineDay, {7, 23}: sportsDay, {8, 8}: mountain},
}

// national names the holidays that the law itself names.
func national(d Date) (plan.Text, bool) {
	on := [2]int{int(d.Month), d.Day}
	if name, ok := fixed[on]; ok {
		return name, true
	}
	monday := d.Weekday() == time.Monday
	nth := (d.Day + 6) / 7
	moved, olympic := games[d.Year]
	switch {
	case d.Month == time.January && monday && nth == 2:
		return plan.Text{EN: "Coming of Age Day", JA: "成人の日"}, true
	case d.Year >= 2020 && on == [2]int{2, 23}, d.Year <= 2018 && on == [2]int{12, 23}:
		return birthday, true
	case d.Month == time.March && d.Day == equinox(d.Year, 20.8431):
		return plan.Text{EN: "Vernal Equinox Day", JA: "春分の日"}, true
	case d.Month == time.September && d.Day == equinox(d.Year, 23.2488):
		return plan.Text{EN: "Autumnal Equinox Day", JA: "秋分の日"}, true
	case d.Month == time.September && monday && nth == 3:
		return plan.Text{EN: "Respect for the Aged Day", JA: "敬老の日"}, true
	case d.Year == 2019 && on == [2]int{5, 1}:
		return accession, true
	case d.Year == 2019 && on == [2]int{10, 22}:
		return enthroning, true
	case olympic:
		name, ok := moved[on]
		return name, ok
	case d.Month == time.July && monday && nth == 3:
		return marineDay, true
	case on == [2]int{8, 11}:
		return mountain, true
	case d.Month == time.October && monday && nth == 2:
		return sportsDay, true
	}
	return plan.Text{}, false
}

// equinox is the day of the month by the usual formula, for 1980 to 2099.
func equinox(year int, base float64) int {
	n := year - 1980
	return int(math.Floor(base+0.242194*float64(n))) - n/4
}
