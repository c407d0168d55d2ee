package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// series is a figure every 5 s for 15 minutes, as a soak takes it after its warm-up.
func series(value func(minute float64, r *rand.Rand) float64) (out []sample) {
	r := rand.New(rand.NewPCG(1, 2))
	for at := time.Duration(0); at < 15*time.Minute; at += 5 * time.Second {
		out = append(out, sample{at, value(at.Minutes(), r)})
	}
	return out
}

// The judge sees a leak in what goes up and down anyway, and takes no such thing for a leak.
func TestTheJudgeTellsALeakFromNoise(t *testing.T) {
	collected := func(minute float64, r *rand.Rand) float64 { // memory between collections
		return 80 + 6*math.Mod(minute, 0.7) + r.NormFloat64()
	}
	memory := bound{day: 4, hours: 40}
	few := bound{day: 5, hours: 50}
	for name, c := range map[string]struct {
		of    []sample
		bound bound
		held  bool
	}{
		"memory that is collected":       {series(collected), memory, true},
		"a leak below the collector":     {series(func(m float64, r *rand.Rand) float64 { return collected(m, r) + 0.5*m }), memory, false},
		"memory that shrinks":            {series(func(m float64, r *rand.Rand) float64 { return collected(m, r) - 0.5*m }), memory, true},
		"one peak":                       {series(func(m float64, r *rand.Rand) float64 { return collected(m, r) + 400*math.Max(0, 1-math.Abs(m-14)) }), memory, true},
		"a goroutine for every run":      {series(func(m float64, r *rand.Rand) float64 { return 200 + 20*r.Float64() + math.Floor(m*2) }), few, false},
		"a file every other minute":      {series(func(m float64, r *rand.Rand) float64 { return 40 + float64(r.IntN(6)) + math.Floor(m/2) }), bound{day: 5, hours: 20}, false},
		"goroutines that come and go":    {series(func(m float64, r *rand.Rand) float64 { return 200 + 40*r.Float64() }), few, true},
		"a number that never moves":      {series(func(float64, *rand.Rand) float64 { return 11 }), few, true},
		"a step up within the warm-up":   {series(func(float64, *rand.Rand) float64 { return 120 }), memory, true},
		"too short to tell":              {series(collected)[:20], memory, false},
		"nothing was measured":           {nil, memory, false},
		"a figure that can't be read":    {series(func(float64, *rand.Rand) float64 { return math.NaN() }), memory, false},
		"a step up in the middle":        {series(func(m float64, r *rand.Rand) float64 { return 200 + 20*math.Min(1, math.Floor(m/7.5)) + 4*r.Float64() }), few, false},
		"a cache that fills":             {series(func(m float64, r *rand.Rand) float64 { return collected(m, r) + 5*(1-math.Exp(-m/2.5)) }), memory, true},
		"a leak that begins late":        {series(func(m float64, r *rand.Rand) float64 { return collected(m, r) + math.Max(0, m-6) }), memory, false},
		"growth that is slower and real": {series(func(m float64, _ *rand.Rand) float64 { return 80 + 0.05*m }), memory, false},
	} {
		g := judge(c.of, c.bound, 100)
		if g.held != c.held {
			t.Errorf("%s: held %v, want %v: %+v", name, g.held, c.held, g)
		}
	}
}

func TestASlopeIsGivenWithItsRange(t *testing.T) {
	g := judge(series(func(m float64, r *rand.Rand) float64 { return 10 + 2*m + r.NormFloat64() }), bound{}, 100)
	if math.Abs(g.trend.slope-2) > 0.1 || g.trend.low > 2 || g.trend.high < 2 || g.trend.high-g.trend.low > 0.5 {
		t.Errorf("%+v, want 2 a minute and a narrow range around it", g.trend)
	}
	if want := g.trend.slope * 14.4; math.Abs(g.byDay-want) > 1e-9 {
		t.Errorf("by the events of a day %v, want %v", g.byDay, want)
	}
}
