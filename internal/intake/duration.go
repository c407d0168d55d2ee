package intake

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/muster-dr/muster/internal/plan"
)

var (
	clock  = regexp.MustCompile(`^(\d{1,3}):(\d{2})(?::(\d{2}))?$`)
	amount = regexp.MustCompile(`(\d+(?:\.\d+)?|半)\s*(営業日|日間|日|時間半|時間|時|hours|hour|hrs|hr|h|minutes|minute|mins|min|分間|分半|分|m|seconds|second|secs|sec|秒|s|days|day|d)`)
	plain  = regexp.MustCompile(`^\d+(?:\.\d+)?$`)
	span   = regexp.MustCompile(`^(.*?\d.*?)\s*(?:~|〜|～|-|－|–|から|to)\s*(\d.*)$`)
)

// nothing is what people write where a duration does not apply.
var nothing = map[string]bool{"": true, "-": true, "–": true, "—": true, "ー": true, "なし": true, "即時": true, "n/a": true, "na": true, "適宜": true, "随時": true, "未定": true, "tbd": true, "?": true}

// parseDuration reads how long something takes, as people write it. Note says what had to be assumed.
// Unit is what a bare number is, from the head; 0 is not said.
func parseDuration(text string, unit time.Duration) (d time.Duration, note plan.Text, ok bool) {
	s := strings.ToLower(strings.TrimSpace(norm.NFKC.String(text)))
	s = strings.NewReplacer("約", "", "およそ", "", "程度", "", "ほど", "", "くらい", "", "以内", "", "目安", "", "最大", "", "approx.", "", "about", "", "ca.", "", ",", "", "、", "").Replace(s)
	s = strings.TrimSpace(s)
	if nothing[s] {
		return 0, note, false
	}
	if m := span.FindStringSubmatch(s); m != nil && !clock.MatchString(s) {
		if d, note, ok := parseDuration(m[2], unit); ok {
			if note.EN == "" {
				note = plan.Say("of %q the longer counts", "%q は長いほうを採用", text)
			}
			return d, note, true
		}
	}
	if m := clock.FindStringSubmatch(s); m != nil {
		h, _ := strconv.Atoi(m[1])
		min, _ := strconv.Atoi(m[2])
		sec, _ := strconv.Atoi(m[3])
		d := time.Duration(h)*time.Hour + time.Duration(min)*time.Minute + time.Duration(sec)*time.Second
		if m[3] == "" {
			note = plan.Say("%q is read as hours and minutes", "%q は「時間:分」として読み取り", text)
		}
		return d, note, d > 0 && d <= most
	}
	if plain.MatchString(s) {
		n, err := strconv.ParseFloat(s, 64)
		if unit == 0 {
			unit = time.Minute
			note = plan.Say("%q has no unit and is taken as minutes", "%q は単位がないため分とみなした", text)
		}
		d := time.Duration(n * float64(unit))
		return d, note, err == nil && n > 0 && n < 1e5 && d <= most
	}
	if s == "半日" {
		return 4 * time.Hour, plan.Say("half a day is taken as 4 hours of work", "半日は作業 4 時間とみなした"), true
	}
	found := amount.FindAllStringSubmatch(s, -1)
	for _, m := range found {
		n, half := 0.5, 0.0
		if m[1] != "半" {
			n, _ = strconv.ParseFloat(m[1], 64)
		}
		var per time.Duration
		switch m[2] {
		case "営業日", "日", "日間", "days", "day", "d":
			per = 8 * time.Hour
			note = plan.Say("a day is taken as 8 hours of work", "1日は作業 8 時間とみなした")
		case "時間半":
			per, half = time.Hour, 0.5
		case "時間", "時", "hours", "hour", "hrs", "hr", "h":
			per = time.Hour
		case "分半":
			per, half = time.Minute, 0.5
		case "分", "分間", "minutes", "minute", "mins", "min", "m":
			per = time.Minute
		default:
			per = time.Second
		}
		if n > 1e5 {
			return 0, note, false
		}
		d += time.Duration((n + half) * float64(per))
	}
	return d.Round(time.Second), note, d >= time.Second && d <= most
}

// most is longer than any step of a recovery that somebody waits for.
const most = 14 * 24 * time.Hour

// unitOf is the unit that a head gives for bare numbers.
func unitOf(header string) time.Duration {
	h := fold(header)
	switch {
	case strings.Contains(h, "(分") || strings.Contains(h, "(min") || h == "minutes" || h == "min" || strings.Contains(h, "[分") || strings.Contains(h, "[min"):
		return time.Minute
	case strings.Contains(h, "(時間") || strings.Contains(h, "(h") || strings.Contains(h, "[時間") || strings.Contains(h, "[h"):
		return time.Hour
	case strings.Contains(h, "(秒") || strings.Contains(h, "(s") || strings.Contains(h, "[秒"):
		return time.Second
	}
	return 0
}
