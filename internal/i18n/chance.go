package i18n

import "fmt"

// Percent is a chance for people to read. What was drawn is never called certain.
func Percent(p float64) string {
	switch {
	case p >= 0.995:
		return "> 99 %"
	case p < 0.005:
		return "< 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}

// Chance is one that may be too good, since something had no data.
func (l Lang) Chance(p float64, atBest bool) string {
	if atBest {
		return l.T("%s at best", "%s（データのないものを除いた上限）", Percent(p))
	}
	return Percent(p)
}
