package forecast

import (
	"cmp"
	"math"
	"slices"
)

// sample is what came of all draws.
type sample struct {
	draws    int
	total    [][]float64 // by way, by draw
	recover  [][]float64
	critical []int32   // by node: draws in which it decided when its own way ended
	slow     []float64 // by node: its seconds in those draws, added up
	missed   int       // draws in which some objective was missed
}

func newSample(g *graph, draws int) *sample {
	s := &sample{draws: draws, critical: make([]int32, len(g.nodes)), slow: make([]float64, len(g.nodes))}
	for range g.ways {
		s.total, s.recover = append(s.total, make([]float64, draws)), append(s.recover, make([]float64, draws))
	}
	return s
}

func (s *sample) take(g *graph, p *pass, draw int) {
	missed := false
	for w := range g.ways {
		s.total[w][draw], s.recover[w][draw] = p.total(w), p.recover(w)
		for i := p.ways[w].last; i >= 0; i = p.prev[i] {
			s.critical[i]++
			s.slow[i] += p.took[i]
		}
		if g.judged(w) && p.total(w) > g.ways[w].objective.Seconds() {
			missed = true
		}
	}
	if missed {
		s.missed++
	}
}

// judged: a way whose objective counts for the whole. The other way of a system is not gone.
func (g *graph) judged(w int) bool {
	return g.ways[w].main && g.ways[w].objective != nil && g.grounded(w)
}

// grounded: a time that rests on past runs or a budget.
func (g *graph) grounded(w int) bool {
	for i := g.ways[w].from; i < g.ways[w].upto; i++ {
		if b := g.steps[i].basis; b == BasisPast || b == BasisBudget {
			return true
		}
	}
	return false
}

// candidates bound how many steps are tried as levers, by far more than can matter.
const candidates = 12

// gain is what one faster step buys, by way.
type gain struct {
	node int32
	met  []float64
	p80  []float64
	mean []float64
	all  float64 // of meeting all objectives
}

// levers draws runs again and asks of each of the heaviest steps what it would buy to be faster, on
// the same luck.
func (g *graph) levers(s *sample, seed [2]uint64, together float64) []gain {
	var heavy []int32
	for i, v := range s.slow {
		if b := g.steps[i].basis; v > 0 && (b == BasisPast || b == BasisBudget) {
			heavy = append(heavy, int32(i))
		}
	}
	slices.SortStableFunc(heavy, func(a, b int32) int { return cmp.Compare(s.slow[b], s.slow[a]) })
	heavy = heavy[:min(len(heavy), candidates)]
	if len(heavy) == 0 {
		return nil
	}
	// As many draws as a fixed number of visits to nodes allows.
	draws := min(s.draws, max(400, 12_000_000/(len(g.nodes)*(len(heavy)+1))))
	out := make([]gain, len(heavy))
	before := make([][]float64, len(g.ways))
	after := make([][][]float64, len(heavy))
	for w := range g.ways {
		before[w] = make([]float64, draws)
	}
	for c := range heavy {
		out[c] = gain{node: heavy[c], met: make([]float64, len(g.ways)), p80: make([]float64, len(g.ways)), mean: make([]float64, len(g.ways))}
		after[c] = make([][]float64, len(g.ways))
		for w := range g.ways {
			after[c][w] = make([]float64, draws)
		}
	}
	d, p, q := newDice([2]uint64{seed[1], seed[0]}, together), g.newPass(), g.newPass()
	on := make([]int, len(g.nodes)) // the draw in which a node was last on somebody's chain
	for i := range draws {
		g.fill(p, d)
		g.walk(p)
		for w := range g.ways {
			before[w][i] = p.total(w)
			g.chain(p, w, func(n int32) { on[n] = i + 1 })
		}
		allBefore := g.allMet(before, i)
		copy(q.took, p.took)
		copy(q.part, p.part)
		for c, n := range heavy {
			if on[n] != i+1 { // it held up nobody
				for w := range g.ways {
					after[c][w][i] = before[w][i]
				}
				continue
			}
			q.took[n] *= 1 - SpeedUp
			g.walk(q)
			q.took[n] = p.took[n]
			for w := range g.ways {
				after[c][w][i] = q.total(w)
			}
			if !allBefore && g.allMet(after[c], i) {
				out[c].all += 1 / float64(draws)
			}
		}
	}
	for c := range heavy {
		for w := range g.ways {
			for i, v := range after[c][w] {
				out[c].mean[w] += (before[w][i] - v) / float64(draws)
				if o := g.ways[w].objective; o != nil && v <= o.Seconds() && before[w][i] > o.Seconds() {
					out[c].met[w] += 1 / float64(draws)
				}
			}
		}
	}
	for w := range g.ways {
		was := at80(before[w])
		for c := range heavy {
			out[c].p80[w] = math.Max(0, was-at80(after[c][w]))
		}
	}
	return out
}

func (g *graph) allMet(total [][]float64, draw int) bool {
	for w := range g.ways {
		if g.judged(w) && total[w][draw] > g.ways[w].objective.Seconds() {
			return false
		}
	}
	return true
}

func at80(list []float64) float64 {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return at(sorted, 0.8)
}

// at is a quantile of sorted values.
func at(sorted []float64, q float64) float64 {
	x := q * float64(len(sorted)-1)
	i := int(x)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
}

// told is what is said of one way.
func (g *graph) told(s *sample, w int, levers []gain) Way {
	wy := &g.ways[w]
	out := Way{System: wy.system.Name, Purpose: wy.purpose, Runbook: wy.book.Name, Main: wy.main, Steps: make([]Step, len(wy.order)), NoData: []string{}, Grounded: g.grounded(w)}
	for n, i := range wy.order {
		src := &g.steps[wy.from+n]
		one := Step{Step: wy.book.Steps[i].ID, Basis: src.basis, Past: src.past, Other: src.other, Critical: round(float64(s.critical[wy.from+n])/float64(s.draws), 3)}
		if src.basis == BasisNone {
			out.AtBest = true
		} else {
			m, p := round(src.median(), 1), round(src.p90(), 1)
			one.MedianS, one.P90S = &m, &p
		}
		out.Steps[i] = one
	}
	for _, st := range out.Steps { // in the order of the file
		if st.Basis == BasisNone {
			out.NoData = append(out.NoData, st.Step)
		}
	}
	if wy.purpose != "restore" {
		for n := range wy.parts {
			src := &wy.parts[n]
			out.Parts = append(out.Parts, Part{Part: partNames[n], Basis: src.basis, Past: src.past, MedianS: round(src.median(), 1), Other: src.other})
			out.AtLimits = out.AtLimits || src.basis == BasisLimit
			if src.basis == BasisNone && (partNames[n] == PartVerify || partNames[n] == PartDetect && !g.threat) {
				out.AtBest = true // it takes time, and nobody knows how much
			}
		}
	}
	if wy.objective != nil {
		o := wy.objective.Seconds()
		out.ObjectiveS = &o
	}
	if !out.Grounded {
		return out
	}
	total, recover := slices.Clone(s.total[w]), slices.Clone(s.recover[w])
	slices.Sort(total)
	slices.Sort(recover)
	out.Total, out.Recover = spreadOf(total), spreadOf(recover)
	out.Histogram = histogram(total)
	if out.ObjectiveS != nil {
		met := 0
		for met < len(total) && total[met] <= *out.ObjectiveS {
			met++
		}
		v := round(float64(met)/float64(len(total)), 4)
		out.Met = &v
	}
	out.Lever = g.best(s, levers, func(x gain) (met, p80, mean float64) { return x.met[w], x.p80[w], x.mean[w] })
	return out
}

// whole is how likely all objectives are met, and the step whose speed-up buys most over all.
func (g *graph) whole(s *sample, levers []gain) (*float64, *Lever) {
	any := false
	for w := range g.ways {
		any = any || g.judged(w)
	}
	if !any {
		return nil, nil
	}
	met := round(1-float64(s.missed)/float64(s.draws), 4)
	return &met, g.best(s, levers, func(x gain) (met, p80, mean float64) {
		for w := range g.ways {
			if g.judged(w) {
				p80, mean = p80+x.p80[w], mean+x.mean[w]
			}
		}
		return x.all, p80, mean
	})
}

// best is the step that makes meeting likelier by most; where none does by a hundredth, the one that
// saves most time.
func (g *graph) best(s *sample, levers []gain, of func(gain) (met, p80, mean float64)) *Lever {
	var out *Lever
	var bestMet, bestMean float64
	for _, x := range levers {
		met, p80, mean := of(x)
		if mean <= 0 {
			continue
		}
		if out != nil && (met < bestMet-0.01 || met < bestMet+0.01 && mean <= bestMean) {
			continue
		}
		bestMet, bestMean = met, mean
		wy := &g.ways[g.nodes[x.node].way]
		out = &Lever{System: wy.system.Name, Runbook: wy.book.Name, Step: wy.book.Steps[wy.order[int(x.node)-wy.from]].ID,
			Critical: round(float64(s.critical[x.node])/float64(s.draws), 3), MetGain: round(met, 4), P80GainS: round(p80, 1)}
	}
	return out
}

func spreadOf(sorted []float64) *Spread {
	s := &Spread{P10: round(at(sorted, 0.1), 1), P50: round(at(sorted, 0.5), 1), P80: round(at(sorted, 0.8), 1), P90: round(at(sorted, 0.9), 1), P95: round(at(sorted, 0.95), 1)}
	for i := range 101 {
		s.Percent = append(s.Percent, round(at(sorted, float64(i)/100), 3))
	}
	return s
}

// bins is how many bars a distribution is drawn with.
const bins = 24

// histogram spans the middle 99 % of the draws; the first and the last bar take what lies beyond.
func histogram(sorted []float64) []Bin {
	from, to := at(sorted, 0.005), at(sorted, 0.995)
	if to-from < 1 {
		from, to = math.Max(0, from-0.5), to+0.5
	}
	out := make([]Bin, bins)
	wide := (to - from) / bins
	for i := range out {
		out[i].FromS, out[i].ToS = round(from+wide*float64(i), 2), round(from+wide*float64(i+1), 2)
	}
	for _, v := range sorted {
		out[max(0, min(bins-1, int((v-from)/wide)))].Share++
	}
	for i := range out {
		out[i].Share = round(out[i].Share/float64(len(sorted)), 4)
	}
	return out
}
