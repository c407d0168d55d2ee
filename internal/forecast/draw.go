package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
)

// How much a step with a short past leans on the others. Values were set by TestCalibration's
// histories: with less of it intervals are too narrow after five runs, with more too wide after forty.
const (
	spreadUnknown = 0.35 // of a budget, or of a single run: 95 % lie between half and twice
	spreadWeight  = 3.0  // runs that the common spread counts for
	shapeWeight   = 5.0  // and the common shape
	togetherRuns  = 0.5  // runs that "not together" counts for
)

// source is where the time of one step or part is drawn from: logarithms around a middle, shaped by
// what was seen.
type source struct {
	basis   string
	past    int
	other   int     // of past, those of runs that are not alike
	fixed   float64 // BasisLimit and BasisNone
	shift   float64 // added before the logarithm, so that zero has one
	middle  float64
	scale   float64
	own     []float64 // residuals in units of scale, sorted
	ownPart float64   // how often its own shape is drawn, not everybody's
	widen   float64   // for what so few runs don't tell about the middle
	wobble  *[64]float64
	kernel  float64
	times   []float32
	skipped float64 // share of runs in which its condition was false
}

// seen are the times of one step or part, and the runs they are of.
type seen struct {
	took  []float64
	runs  []int
	skips []int // runs in which its condition was false
	other int   // of runs that are not alike; see of
}

// shapes are what all sources share.
type shapes struct {
	spread   float64   // of logarithms
	pooled   []float64 // residuals in units of spread, sorted
	together float64
}

func logs(s seen) (y []float64, mean, ss, shift float64) {
	if slices.Min(s.took) < 0.05 {
		shift = 1
	}
	y = make([]float64, len(s.took))
	for i, v := range s.took {
		y[i] = math.Log(v + shift)
		mean += y[i]
	}
	mean /= float64(len(y))
	for _, v := range y {
		ss += (v - mean) * (v - mean)
	}
	return y, mean, ss, shift
}

// shapesOf looks at all that was seen together.
func shapesOf(all []seen, runs int) shapes {
	const weight = 4
	ss, free := weight*spreadUnknown*spreadUnknown/2, float64(weight)
	for _, s := range all {
		if len(s.took) > 1 {
			_, _, own, _ := logs(s)
			ss, free = ss+own, free+float64(len(s.took)-1)
		}
	}
	sh := shapes{spread: math.Max(0.02, math.Sqrt(ss/free))}
	sums, counts, steps, values := make([]float64, runs), make([]int, runs), 0, 0
	for _, s := range all {
		if len(s.took) < 3 {
			continue
		}
		y, mean, own, _ := logs(s)
		scale := scaleOf(sh.spread, own, len(y))
		steps++
		fix := 1 / (scale * math.Sqrt(1-1/float64(len(y))))
		for i, v := range y {
			r := (v - mean) * fix
			sh.pooled = append(sh.pooled, r)
			sums[s.runs[i]] += r
			counts[s.runs[i]]++
			values++
		}
	}
	slices.Sort(sh.pooled)
	if steps >= 3 && runs >= 3 {
		// The variance of a run's mean residual tells how much steps go together.
		var v, m, n float64
		for i, c := range counts {
			if c >= 2 {
				mean := sums[i] / float64(c)
				v, m, n = v+mean*mean, m+float64(c), n+1
			}
		}
		if n >= 3 {
			v, m = v/n, m/n
			rho := (v*m - 1) / (m - 1) * n / (n + togetherRuns)
			if rho > 0.06 {
				sh.together = math.Min(0.9, rho)
			}
		}
	}
	return sh
}

func scaleOf(spread, ss float64, n int) float64 {
	return math.Sqrt((ss + spreadWeight*spread*spread) / (float64(n-1) + spreadWeight))
}

func (sh shapes) source(s seen) source {
	n := len(s.took)
	y, mean, ss, shift := logs(s)
	src := source{basis: BasisPast, past: n, shift: shift, middle: mean, scale: scaleOf(sh.spread, ss, n),
		widen: math.Sqrt(1 + (0.75+1.5*sh.together)/float64(n)), skipped: float64(len(s.skips)) / float64(n+len(s.skips))}
	if n >= 3 {
		fix := 1 / (src.scale * math.Sqrt(1-1/float64(n)))
		for _, v := range y {
			src.own = append(src.own, (v-mean)*fix)
		}
		slices.Sort(src.own)
		src.ownPart = float64(n) / (float64(n) + shapeWeight)
	}
	src.kernel = 0.5 * math.Pow(float64(max(n, 2)), -0.2)
	src.wobble = wobbles(float64(n-1) + spreadWeight + shapeWeight)
	return src
}

func declared(budget float64) source {
	return source{basis: BasisBudget, middle: math.Log(math.Max(budget, 0.001)), scale: spreadUnknown, widen: 1, kernel: 1}
}

func fixed(basis string, s float64) source { return source{basis: basis, fixed: s} }

// wobbles are factors of a spread that was told by so many free values: quantiles of
// sqrt(f/chi²(f)), by Wilson and Hilferty.
func wobbles(f float64) *[64]float64 {
	var out [64]float64
	for i := range out {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/64-1)
		c := 1 - 2/(9*f) + z*math.Sqrt(2/(9*f))
		out[i] = 1 / math.Sqrt(math.Max(c*c*c, 0.1))
	}
	return &out
}

// entries is how finely a source's times are kept: sorted, each as likely as the next.
const entries = 1024

// fill draws the source's own times once, so that drawing whole runs is looking them up.
func (s *source) fill(d *rand.Rand, sh *shapes) {
	if s.basis == BasisLimit || s.basis == BasisNone {
		return
	}
	s.times = make([]float32, entries)
	norm := 1 / math.Sqrt(1+s.kernel*s.kernel)
	for i := int(math.Round(s.skipped * entries)); i < entries; i++ { // those before stay zero
		bits, r := d.Uint64(), d.NormFloat64()
		list := sh.pooled
		if s.own != nil && float64(bits&0xffff)/65536 < s.ownPart {
			list = s.own
		}
		if s.basis == BasisPast && len(list) > 0 {
			r = (list[i*len(list)/entries] + s.kernel*r) * norm
		}
		if s.wobble != nil {
			r *= s.wobble[bits>>16&63]
		}
		s.times[i] = float32(math.Min(math.Max(0, math.Exp(s.middle+s.widen*s.scale*r)-s.shift), math.MaxFloat32))
	}
	slices.Sort(s.times)
}

// dice are the random numbers of one forecast.
type dice struct {
	*rand.PCG
	*rand.Rand
	common float64 // this draw's share of luck for all steps
	rho    float64
	a, b   float64
}

func newDice(seed [2]uint64, rho float64) *dice {
	p := rand.NewPCG(seed[0], seed[1])
	return &dice{PCG: p, Rand: rand.New(p), rho: rho, a: math.Sqrt(rho), b: math.Sqrt(1 - rho)}
}

// next begins a draw of a whole run.
func (d *dice) next() {
	if d.rho > 0 {
		d.common = d.NormFloat64()
	}
}

// fate says in [0, 1) how a step goes in this run: with the run's own luck as far as steps go together.
func (d *dice) fate() float64 {
	if d.rho > 0 {
		return 0.5 * math.Erfc(-(d.a*d.common+d.b*d.NormFloat64())/math.Sqrt2)
	}
	return float64(d.PCG.Uint64()>>11) / (1 << 53)
}

// draw is one time in seconds.
func (s *source) draw(fate float64) float64 {
	if s.times == nil {
		return s.fixed
	}
	return float64(s.times[min(int(fate*entries), entries-1)])
}

// median and p90 are figures for people to read, of the source alone.
func (s *source) median() float64 {
	if s.basis == BasisLimit || s.basis == BasisNone {
		return s.fixed
	}
	return math.Max(0, math.Exp(s.middle)-s.shift)
}

func (s *source) p90() float64 {
	if s.basis == BasisLimit || s.basis == BasisNone {
		return s.fixed
	}
	return math.Max(0, math.Exp(s.middle+1.2816*s.widen*s.scale)-s.shift)
}
