package forecast

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Of forecasts a plan from past runs of its scenario.
func Of(p plan.Plan, past Past) Forecast { return of(p, past, Draws) }

func of(p plan.Plan, past Past, draws int) Forecast {
	seed, name := seedOf(p, past)
	f := Forecast{Scenario: p.Scenario.Name, PlanHash: p.Hash, Depth: p.Scenario.Depth, Surprise: surprise(p), Seed: name, Draws: draws, Ways: []Way{}}
	for _, r := range past.Runs {
		if r.Kind == run.Response {
			f.Real++
		} else {
			f.Drills++
		}
	}
	g := graphOf(p)
	sh := g.sources(p, past)
	f.Together = round(sh.together, 2)
	s := newSample(g, draws)
	d := newDice(seed, sh.together)
	for i := range g.steps {
		g.steps[i].fill(d.Rand, &sh)
	}
	for w := range g.ways {
		for n := range g.ways[w].parts {
			g.ways[w].parts[n].fill(d.Rand, &sh)
		}
	}
	one := g.newPass()
	for i := range draws {
		g.fill(one, d)
		g.walk(one)
		s.take(g, one, i)
	}
	levers := g.levers(s, seed, sh.together)
	for w := range g.ways {
		f.Ways = append(f.Ways, g.told(s, w, levers))
	}
	f.AllMet, f.Lever = g.whole(s, levers)
	// As the plan has the systems, not as they wait for each other.
	rank := map[string]int{}
	for i, sys := range p.Systems {
		rank[sys.Name] = i
	}
	slices.SortStableFunc(f.Ways, func(a, b Way) int { return cmp.Compare(rank[a.System], rank[b.System]) })
	return f
}

// Seed names what a forecast of the plan from that past would be drawn from: of two with the same one,
// one is enough.
func Seed(p plan.Plan, past Past) string {
	_, name := seedOf(p, past)
	return name
}

// seedOf follows from what the forecast rests on, so that the same question has the same answer.
func seedOf(p plan.Plan, past Past) ([2]uint64, string) {
	body, err := json.Marshal(past)
	if err != nil {
		body = nil // times are finite: they were read from JSON
	}
	sum := sha256.Sum256(append([]byte(p.Hash+"\x00"+string(p.Scenario.Depth)+"\x00"), body...))
	return [2]uint64{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])}, hex.EncodeToString(sum[:16])
}

// sources finds for every step and part what its time is drawn from.
func (g *graph) sources(p plan.Plan, past Past) shapes {
	type key struct{ system, runbook, step, action string }
	times := map[key]*seen{}
	type partKey struct {
		system string
		part   int
	}
	parts := map[partKey]*seen{}
	for i, r := range past.Runs {
		for _, s := range r.Steps {
			k := key{s.System, s.Runbook, s.Step, s.Action}
			if times[k] == nil {
				times[k] = &seen{}
			}
			switch {
			case s.Skipped:
				times[k].skips = append(times[k].skips, i)
			case s.TookS > 0 && !math.IsInf(s.TookS, 1):
				times[k].took, times[k].runs = append(times[k].took, s.TookS), append(times[k].runs, i)
			}
		}
		for _, s := range r.Systems {
			for n, v := range []*float64{s.DetectS, s.PeopleS, s.DecideS, s.VerifyS} {
				if v == nil || !(*v >= 0) || math.IsInf(*v, 1) {
					continue
				}
				k := partKey{s.System, n}
				if parts[k] == nil {
					parts[k] = &seen{}
				}
				parts[k].took, parts[k].runs = append(parts[k].took, *v), append(parts[k].runs, i)
			}
		}
	}
	alike := make([]bool, len(past.Runs))
	for i, r := range past.Runs {
		alike[i] = r.Surprised() == surprise(p)
	}
	for k, s := range parts {
		if partNames[k.part] != PartVerify { // which nobody does
			parts[k] = s.of(alike)
		}
	}
	of := func(w *way, i int) *seen {
		s := times[key{w.system.Name, w.book.Name, w.book.Steps[i].ID, w.book.Steps[i].Uses}]
		if s == nil || len(s.took) == 0 {
			return nil
		}
		if w.book.Steps[i].Human != nil {
			s = s.of(alike)
		}
		if w.book.Steps[i].If == "" {
			s.skips = nil // by a person, or by a plan of before
		}
		return s
	}
	var all []seen
	for w := range g.ways {
		for _, i := range g.ways[w].order {
			if s := of(&g.ways[w], i); s != nil {
				all = append(all, *s)
			}
		}
	}
	sh := shapesOf(all, len(past.Runs))
	limits := limitsOf(p)
	for w := range g.ways {
		wy := &g.ways[w]
		for n, i := range wy.order {
			at, st := wy.from+n, wy.book.Steps[i]
			switch s := of(wy, i); {
			case s != nil:
				g.steps[at] = sh.source(*s)
				g.steps[at].other = s.other
			case st.Budget > 0:
				g.steps[at] = declared(st.Budget.Seconds())
			default:
				g.steps[at] = fixed(BasisNone, 0)
			}
		}
		for n := range wy.parts {
			switch s := parts[partKey{wy.system.Name, n}]; {
			case s != nil:
				wy.parts[n] = sh.source(*s)
				wy.parts[n].other = s.other
			case limits[n] > 0:
				wy.parts[n] = fixed(BasisLimit, limits[n])
			default:
				wy.parts[n] = fixed(BasisNone, 0)
			}
		}
	}
	return sh
}

// surprise reports whether people would know nothing of the run before it begins.
func surprise(p plan.Plan) bool { return p.Scenario.Blind || p.Scenario.Depth == run.Real }

// alikeLeast is how many runs of its own kind a time of people has to be of: as many as give it a shape
// of its own.
const alikeLeast = 3

// of keeps the times of runs that are alike, or all of them where those are too few, and counts the
// others then.
func (s *seen) of(alike []bool) *seen {
	out := seen{}
	for i, at := range s.runs {
		if alike[at] {
			out.took, out.runs = append(out.took, s.took[i]), append(out.runs, at)
		}
	}
	if len(out.took) < min(alikeLeast, len(s.took)) {
		return &seen{took: s.took, runs: s.runs, skips: s.skips, other: len(s.took) - len(out.took)}
	}
	for _, at := range s.skips {
		if alike[at] {
			out.skips = append(out.skips, at)
		}
	}
	return &out
}

// limitsOf is how long the scenario lets people take: what stands for them as long as nobody has
// measured them. For detection and verification there is no such bound that means anything.
func limitsOf(p plan.Plan) [4]float64 {
	if p.Scenario.Hazard == run.RestoreTest || p.Scenario.Trigger == plan.TriggerThreat {
		return [4]float64{} // no clock runs while people gather
	}
	var people, decide run.Duration
	for _, ph := range p.Scenario.Phases {
		switch ph {
		case run.SafetyCheck:
			people += p.Scenario.Safety.Within
		case run.Muster:
			people += p.Scenario.Safety.Muster
		case run.SiteInspection, run.Communications, run.DamageAssessment, run.Containment:
			people += p.Scenario.Safety.Task
		case run.RecoveryDecision:
			decide += p.Scenario.Decision.Within
		}
	}
	return [4]float64{1: people.Seconds(), 2: decide.Seconds()}
}

// fill draws all times of one run. The phases before recovery are the whole run's, so all systems have
// the same luck with them.
func (g *graph) fill(p *pass, d *dice) {
	d.next()
	for i := range g.steps {
		p.took[i] = g.steps[i].draw(d.fate())
	}
	fate := [4]float64{d.Float64(), d.Float64(), d.Float64()}
	for w := range g.ways {
		fate[3] = d.fate() // each is verified on its own
		for n := range g.ways[w].parts {
			p.part[w][n] = g.ways[w].parts[n].draw(fate[n])
		}
	}
}

func round(v float64, digits int) float64 {
	by := math.Pow(10, float64(digits))
	return math.Round(v*by) / by
}
