package i18n

import "testing"

// A figure of an hour and more is never shown better than it is, and one that missed its objective never reads as
// the objective does.
func TestALongSpanIsRoundedUp(t *testing.T) {
	const hour, day = 3600.0, 86400.0
	for _, c := range []struct {
		seconds float64
		en, ja  string
	}{
		{0.41, "0.41 s", "0.41秒"}, {1452, "24 min 12 s", "24分12秒"}, {3599.6, "1 h", "1時間"}, {hour, "1 h", "1時間"}, {hour + 1, "1 h 01 min", "1時間01分"},
		{hour + 59, "1 h 01 min", "1時間01分"}, {3*hour + 300, "3 h 05 min", "3時間05分"}, {48*hour - 1, "2 d", "2日"}, {3 * day, "3 d", "3日"},
		{3*day + 59*60, "3 d 1 h", "3日1時間"}, {3*day - 1, "3 d", "3日"},
	} {
		if en, ja := EN.Span(c.seconds), JA.Span(c.seconds); en != c.en || ja != c.ja {
			t.Errorf("%v s is %q, %q; want %q, %q", c.seconds, en, ja, c.en, c.ja)
		}
	}
	for _, c := range []struct {
		actual, objective float64
		en, ja            string
	}{
		{60.4, 60, "1 min 0.4 s", "1分0.4秒"}, {60, 60, "1 min", "1分"}, {hour + 59, hour, "1 h 01 min", "1時間01分"}, {hour + 59, hour + 30, "1 h 59 s", "1時間59秒"},
		{72*hour + 1800, 72*hour + 600, "72 h 30 min", "72時間30分"}, {3599.7, hour, "59 min 59.7 s", "59分59.7秒"},
	} {
		if en, ja := EN.Beside(c.actual, c.objective), JA.Beside(c.actual, c.objective); en != c.en || ja != c.ja {
			t.Errorf("%v s beside %v s is %q, %q; want %q, %q", c.actual, c.objective, en, ja, c.en, c.ja)
		}
	}
}
