package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// people has everybody of an organisation answer the safety check through the API, each at
// their own time within the span, while somebody looks at the run's overview all the time.
func (b *bench) people(ctx context.Context) (err error) {
	fmt.Printf("\n%d people answer the safety check within %s, a request each\n", b.crowd, b.answers)
	dir := filepath.Join(b.dir, "people")
	if err := writeCrowd(filepath.Join(dir, "plans"), b.crowd); err != nil {
		return err
	}
	u, err := b.startUp(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.process.End(context.WithoutCancel(ctx))) }()
	s, err := u.client.Start(ctx, api.StartRequest{Scenario: "crowd", Kind: run.Drill, By: "p0000"})
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := until(ctx, func() (bool, error) {
		p, err := u.client.People(ctx, s.Run, api.PeopleFilter{State: "hurt"})
		return p.Totals.People == b.crowd, err
	}); err != nil {
		return fmt.Errorf("everybody is called: %w", err)
	}
	fmt.Printf("called after %.1f s\n", time.Since(begun).Seconds())

	watching, stop := context.WithCancel(ctx)
	defer stop()
	looks := make(chan []look, 1)
	go func() { looks <- watchAnswers(watching, u.client, s.Run) }()
	took, taken, refused := b.answer(ctx, u.client, s.Run)

	if err := until(ctx, func() (bool, error) {
		r, err := u.client.Run(ctx, s.Run)
		return r.Overview.People.Answered == len(taken), err
	}); err != nil {
		return fmt.Errorf("the overview shows all: %w", err)
	}
	stop()
	seen := <-looks
	p, err := u.client.People(ctx, s.Run, api.PeopleFilter{State: "hurt"})
	if err != nil {
		return err
	}
	fresh := freshness(taken, seen)
	fmt.Printf("%-34s %10s %10s %10s   goal\n", "", "p50", "p99", "most")
	row := func(name string, of []time.Duration, goal string) {
		ms := func(q float64) string { return fmt.Sprintf("%.0f ms", float64(quantileOf(of, q).Microseconds())/1000) }
		fmt.Printf("%-34s %10s %10s %10s   %s\n", name, ms(0.5), ms(0.99), ms(1), goal)
	}
	row("an answer, from when it was due", took, "p99 below 1 s")
	row("until the overview shows it", fresh, "below 2 s")
	fmt.Printf("answers lost %d of %d, refused %d (goal 0)\n", b.crowd-p.Totals.Answered, b.crowd, refused)
	return history(ctx, dir, s.Run)
}

// answer sends everybody's answer at its time, whether or not earlier ones are answered.
func (b *bench) answer(ctx context.Context, c *api.Client, id string) (took []time.Duration, taken []time.Time, refused int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	begun := time.Now()
	for n := range b.crowd {
		due := begun.Add(b.answers * time.Duration(n) / time.Duration(b.crowd))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return took, taken, refused
		}
		all.Go(func() {
			who := person(n)
			_, err := c.CheckIn(ctx, id, workflows.CheckIn{Person: who, By: who, Safety: run.Safe, CanCome: true})
			at := time.Now()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused++
				return
			}
			took, taken = append(took, at.Sub(due)), append(taken, at)
		})
	}
	all.Wait()
	return took, taken, refused
}

// look is how many answers the overview showed at a time.
type look struct {
	at time.Time
	n  int
}

func watchAnswers(ctx context.Context, c *api.Client, id string) []look {
	var out []look
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if r, err := c.Run(ctx, id); err == nil {
			out = append(out, look{time.Now(), r.Overview.People.Answered})
		}
		select {
		case <-ctx.Done():
			return out
		case <-tick.C:
		}
	}
}

// freshness is, of each answer, how long after it was taken a look first showed as many.
func freshness(taken []time.Time, seen []look) []time.Duration {
	slices.SortFunc(taken, time.Time.Compare)
	var out []time.Duration
	at := 0
	for i, t := range taken {
		for at < len(seen) && seen[at].n <= i {
			at++
		}
		if at < len(seen) {
			out = append(out, max(0, seen[at].at.Sub(t)))
		}
	}
	return out
}

func quantileOf(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// history prints what the engine has of the run.
func history(ctx context.Context, dir, id string) error {
	b, err := os.ReadFile(filepath.Join(dir, "data", "engine", "engine.json"))
	if err != nil {
		return err
	}
	var at engine.Endpoint
	if err := json.Unmarshal(b, &at); err != nil {
		return err
	}
	c, err := engine.Dial(ctx, engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token})
	if err != nil {
		return err
	}
	defer c.Close()
	d, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return err
	}
	info := d.GetWorkflowExecutionInfo()
	fmt.Printf("history: %d events, %.1f MB (the engine warns at 10,240 and 10 MB)\n", info.GetHistoryLength(), float64(info.GetHistorySizeBytes())/1e6)
	return nil
}

func until(ctx context.Context, holds func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func person(n int) string { return fmt.Sprintf("p%04d", n) }

// writeCrowd writes a bundle whose drill calls everybody and waits for them.
func writeCrowd(dir string, people int) error {
	var estate strings.Builder
	estate.WriteString("kind: Estate\nname: crowd\nzone: Asia/Tokyo\ncontrol: here\nsites: [{name: there}, {name: here}]\nmuster_places: [{name: online, online: true}]\n" +
		"systems: [{name: orders, home: there, alternate: here, runbooks: {failover: orders}}]\npeople:\n")
	for n := range people {
		role := "staff"
		if n < 20 {
			role = "commander"
		}
		fmt.Fprintf(&estate, "  - {id: %s, name: {en: Person %d, ja: 職員 %d}, roles: [%s], section: s%02d}\n", person(n), n, n, role, n%20)
	}
	return write(dir, map[string]string{"estate": estate.String(),
		"runbook": "kind: Runbook\nname: orders\nsystem: orders\nsteps:\n  - {id: tell, uses: human.task, as: commander, with: {text: Tell the branches}}\n",
		"scenario": `kind: Scenario
name: crowd
hazard: disaster
depth: tabletop
phases: [activation, safety_check, muster, closing]
systems: [orders]
failback: stay
quorum: {commander: 20}
safety: {remind: [1h], within: 2h, muster: 2h}
`})
}
