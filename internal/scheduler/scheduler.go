// Package scheduler says which steps of a runbook may start: plan plus outcomes in,
// startable steps out. It is pure, so it can run in a workflow, in a test of a
// million random graphs, or at a site worker.
package scheduler

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// Graph holds what is left to do. It is not safe for concurrent use.
type Graph struct {
	waits    []int   // needs not yet satisfied, by step
	children [][]int // steps that need this one, by step
	state    []state
	open     int // steps that are neither ended nor cut off
	ready    []int
}

type state uint8

const (
	waiting state = iota
	offered       // handed out by Ready, not ended
	ended
	cutOff // a need failed: never starts
)

// New builds the graph of a runbook's steps. It returns an error for an unknown need,
// a repeated ID or a cycle; a compiled plan has none.
func New(steps []plan.Step) (*Graph, error) {
	index := make(map[string]int, len(steps))
	for i, s := range steps {
		if _, ok := index[s.ID]; ok {
			return nil, fmt.Errorf("step %s is there twice", s.ID)
		}
		index[s.ID] = i
	}
	g := &Graph{
		waits:    make([]int, len(steps)),
		children: make([][]int, len(steps)),
		state:    make([]state, len(steps)),
		open:     len(steps),
	}
	for i, s := range steps {
		for _, need := range s.Needs {
			n, ok := index[need]
			if !ok {
				return nil, fmt.Errorf("step %s needs %s, which is not in the runbook", s.ID, need)
			}
			g.waits[i]++
			g.children[n] = append(g.children[n], i)
		}
		if len(s.Needs) == 0 {
			g.ready = append(g.ready, i)
		}
	}
	if stuck := g.cycle(); len(stuck) > 0 {
		ids := make([]string, len(stuck))
		for i, n := range stuck {
			ids[i] = steps[n].ID
		}
		return nil, fmt.Errorf("steps %s wait for each other", strings.Join(ids, ", "))
	}
	return g, nil
}

// cycle returns the steps that can never start, in order, by Kahn's algorithm on a copy.
func (g *Graph) cycle() []int {
	waits := append([]int(nil), g.waits...)
	queue := append([]int(nil), g.ready...)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, c := range g.children[n] {
			if waits[c]--; waits[c] == 0 {
				queue = append(queue, c)
			}
		}
	}
	var stuck []int
	for i, w := range waits {
		if w > 0 {
			stuck = append(stuck, i)
		}
	}
	return stuck
}

// Ready returns the steps, by index, that may start now and were not returned before:
// in file order among those that became ready together.
func (g *Graph) Ready() []int {
	out := g.ready
	g.ready = nil
	for _, i := range out {
		g.state[i] = offered
	}
	return out
}

// End records that a step ended. When it opens the way (it passed, or was skipped),
// steps that needed only it become ready; else everything that needs it is cut off.
func (g *Graph) End(i int, opensWay bool) {
	if g.state[i] == ended || g.state[i] == cutOff {
		return
	}
	g.state[i] = ended
	g.open--
	for _, c := range g.children[i] {
		if !opensWay {
			g.cut(c)
			continue
		}
		if g.waits[c]--; g.waits[c] == 0 && g.state[c] == waiting {
			g.ready = append(g.ready, c)
		}
	}
}

func (g *Graph) cut(i int) {
	if g.state[i] != waiting {
		return
	}
	g.state[i] = cutOff
	g.open--
	for _, c := range g.children[i] {
		g.cut(c)
	}
}

// Done reports whether nothing is running or may still start.
func (g *Graph) Done() bool { return g.open == 0 }

// CutOff lists, by index and in order, the steps that never start because a need failed.
func (g *Graph) CutOff() []int {
	var out []int
	for i, s := range g.state {
		if s == cutOff {
			out = append(out, i)
		}
	}
	return out
}
