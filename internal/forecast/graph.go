package forecast

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// graph is all ways of a plan as one list of nodes, each after those that it waits for.
type graph struct {
	ways  []way
	nodes []node
	needs []int32 // of all nodes, one after the other
	steps []source
	// threat: nothing has stopped, so nobody has to find out that something has.
	threat bool
}

type node struct {
	way        int32
	from, upto int32 // in needs
}

// way is a runbook of a system: a span of nodes.
type way struct {
	system    plan.System
	purpose   string
	book      plan.Runbook
	main      bool
	objective *run.Duration
	from      int // its nodes
	upto      int
	order     []int // of its nodes, the index of the step
	after     []int // ways that must have ended
	parts     [4]source
}

var partNames = [4]string{PartDetect, PartPeople, PartDecide, PartVerify}

// waysOf lists the ways that count against an objective, each after those that it depends on.
func waysOf(p plan.Plan) []way {
	var out []way
	mainOf := map[string]int{}
	done := map[string]bool{}
	var visit func(s plan.System)
	visit = func(s plan.System) {
		if done[s.Name] {
			return
		}
		done[s.Name] = true // a plan whose systems wait for each other must not hang
		var after []int
		for _, d := range s.DependsOn {
			if dep, ok := p.System(d); ok && d != s.Name {
				visit(dep)
				if at, ok := mainOf[d]; ok {
					after = append(after, at)
				}
			}
		}
		add := func(purpose, name string, objective *run.Duration) {
			b, ok := p.Runbook(name)
			if !ok {
				return
			}
			_, has := mainOf[s.Name]
			if !has {
				mainOf[s.Name] = len(out)
			}
			out = append(out, way{system: s, purpose: purpose, book: b, main: !has, objective: objective, after: after})
		}
		if p.Scenario.Hazard == run.RestoreTest {
			after = nil // restores wait for nothing
			var within *run.Duration
			if s.Objective.Restore != nil {
				within = s.Objective.Restore.Within
			}
			add("restore", s.Restore, within)
			return
		}
		add("failover", s.Failover, s.Objective.RTO)
		if !slices.Contains(p.Scenario.SitesLost, s.Home) {
			add("in_place", s.InPlace, s.Objective.RTO)
		}
	}
	for _, s := range p.Systems {
		visit(s)
	}
	return out
}

// graphOf orders the nodes of all ways.
func graphOf(p plan.Plan) *graph {
	g := &graph{ways: waysOf(p), threat: p.Scenario.Trigger == plan.TriggerThreat}
	for w := range g.ways {
		wy := &g.ways[w]
		at := make(map[string]int, len(wy.book.Steps))
		for i, s := range wy.book.Steps {
			at[s.ID] = i
		}
		wy.from = len(g.nodes)
		node32 := make([]int32, len(wy.book.Steps)) // of a step; 0 is not yet, -1 under way
		var visit func(i int)
		visit = func(i int) {
			if node32[i] != 0 {
				return
			}
			node32[i] = -1
			for _, n := range wy.book.Steps[i].Needs {
				if j, ok := at[n]; ok {
					visit(j)
				}
			}
			from := int32(len(g.needs))
			for _, n := range wy.book.Steps[i].Needs {
				if j, ok := at[n]; ok && node32[j] > 0 {
					g.needs = append(g.needs, node32[j]-1)
				}
			}
			g.nodes = append(g.nodes, node{int32(w), from, int32(len(g.needs))})
			wy.order = append(wy.order, i)
			node32[i] = int32(len(g.nodes))
		}
		for i := range wy.book.Steps {
			visit(i)
		}
		wy.upto = len(g.nodes)
	}
	g.steps = make([]source, len(g.nodes))
	return g
}

// pass is one run through the graph.
type pass struct {
	took []float64 // by node
	end  []float64 // by node
	prev []int32   // the node that it waited for longest; -1 is its way's beginning
	ways []passWay
	part [][4]float64
}

type passWay struct {
	start, end float64
	last       int32 // the node that ended it; -1 without any
	waited     int32 // the way that it waited for; -1 is none
}

func (g *graph) newPass() *pass {
	n := len(g.nodes)
	return &pass{took: make([]float64, n), end: make([]float64, n), prev: make([]int32, n), ways: make([]passWay, len(g.ways)), part: make([][4]float64, len(g.ways))}
}

// walk computes when every node ends, from what each takes.
func (g *graph) walk(p *pass) {
	end := p.end
	for w := range g.ways {
		wy := &g.ways[w]
		pw := passWay{last: -1, waited: -1}
		for _, a := range wy.after {
			if e := p.ways[a].end; e > pw.start {
				pw.start, pw.waited = e, int32(a)
			}
		}
		pw.end = pw.start
		for i := wy.from; i < wy.upto; i++ {
			n := &g.nodes[i]
			t, prev := pw.start, int32(-1)
			for _, need := range g.needs[n.from:n.upto] {
				if e := end[need]; e > t {
					t, prev = e, need
				}
			}
			t += p.took[i]
			end[i], p.prev[i] = t, prev
			if t > pw.end {
				pw.end, pw.last = t, int32(i)
			}
		}
		p.ways[w] = pw
	}
}

// chain calls for each node on the chain that decided when a way ended, through the ways it waited for.
func (g *graph) chain(p *pass, w int, on func(node int32)) {
	for {
		pw := p.ways[w]
		for i := pw.last; i >= 0; i = p.prev[i] {
			on(i)
		}
		if pw.waited < 0 {
			return
		}
		w = int(pw.waited)
	}
}

// total is from the event to proven service; recover leaves out what comes before the runbook.
func (p *pass) total(w int) float64 { return p.part[w][0] + p.part[w][1] + p.part[w][2] + p.recover(w) }
func (p *pass) recover(w int) float64 {
	return p.ways[w].end + p.part[w][3]
}
