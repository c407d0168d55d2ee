package main

import (
	"math"
	"slices"
	"time"
)

// trend is how a figure moves, a minute: the median of the slopes between all pairs of its
// values (Theil and Sen), which a few outliers do not bend, and the range it lies in with a
// confidence of 99 %.
type trend struct{ slope, low, high float64 }

// sample is a figure at a time.
type sample struct {
	at    time.Duration // since the beginning
	value float64
}

// binned takes the median of every span: neighbours that go up and down together, as memory does
// between two collections, are no proof of anything.
func binned(all []sample, span time.Duration) (out []sample) {
	for n := 0; n < len(all); {
		end := all[n].at + span
		var values []float64
		first := n
		for ; n < len(all) && all[n].at < end; n++ {
			values = append(values, all[n].value)
		}
		out = append(out, sample{(all[first].at + all[n-1].at) / 2, middle(values)})
	}
	return out
}

func middle(of []float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(of))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// trendOf needs two values at least; fewer have no trend that anybody could tell.
func trendOf(of []sample) trend {
	var slopes []float64
	for i := range of {
		for j := i + 1; j < len(of); j++ {
			if over := (of[j].at - of[i].at).Minutes(); over > 0 {
				slopes = append(slopes, (of[j].value-of[i].value)/over)
			}
		}
	}
	if len(slopes) == 0 {
		return trend{math.NaN(), math.Inf(-1), math.Inf(1)}
	}
	slices.Sort(slopes)
	n := float64(len(of))
	const z = 2.576 // 99 %, both sides
	around := z * math.Sqrt(n*(n-1)*(2*n+5)/18)
	at := func(rank float64) float64 { return slopes[min(max(int(rank), 0), len(slopes)-1)] }
	return trend{middle(slopes), at((float64(len(slopes)) - around) / 2), at((float64(len(slopes)) + around) / 2)}
}

// bound is what a figure may grow by.
type bound struct {
	// day is within the events of a normal day, which pass in `speed` of the time.
	day float64
	// hours is within 24 hours of the clock, for what grows by time and not by event. Minutes
	// can't tell that finely: it counts only what is growth beyond doubt, and goes on in the second
	// half of what was seen, as a leak does and a cache that fills to its bound does not. Infinite for
	// figures of an event, which have no clock.
	hours float64
}

// growth is the verdict on a figure.
type growth struct {
	level         float64 // its median
	trend         trend
	byDay, byHour float64 // by how much it would grow
	told, held    bool    // there was enough to tell; it stays what it is
}

// judge says whether a figure stays what it is. speed is how many times a normal day's rate of
// events went by.
func judge(of []sample, b bound, speed float64) growth {
	of = binned(of, bin)
	values := make([]float64, len(of))
	for n, s := range of {
		values[n] = s.value
	}
	g := growth{level: middle(values), trend: trendOf(of)}
	const day = 24 * 60 // minutes
	g.byDay, g.byHour = g.trend.slope*day/speed, min(g.trend.low, trendOf(of[len(of)/2:]).low)*day
	g.told = len(of) >= leastBins && !math.IsNaN(g.byDay)
	g.held = g.told && g.byDay <= b.day && g.byHour <= b.hours
	return g
}

const (
	bin       = 15 * time.Second
	leastBins = 8 // fewer tell nothing
)
