package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

const (
	soakLanes   = 6 // drills side by side at the most
	soakSystems = 5 // of each
	soakSteps   = 6 // of each system
	soakPeople  = 12
	soakViewers = 10
	soakReaders = 4
	// normalDay is what a day comes to at which much is drilled: three drills of 100 systems and
	// 1,000 steps, of three events each, and their people.
	normalDay = 10_000
	times     = 100 // as many a day
)

// rate is how many events a second are asked for.
const rate = float64(normalDay) * times / (24 * 60 * 60)

// soaked is what the load has come to so far.
type soaked struct {
	events, drills, bad, reads, pictures, bytes atomic.Int64
	begunDrills                                 atomic.Int64
	failed                                      atomic.Int64 // answers of the API that did not come
	promised                                    atomic.Int64 // events that have come or will, of drills under way
	each                                        atomic.Int64 // events of a drill, as of the last one
	begun                                       time.Time
	newest                                      atomic.Value // ID of a run
}

// drill keeps a lane busy: whenever fewer events are on their way than the rate asks for, it starts
// the lane's scenario and reads its journal to its end.
func (l *soaked) drill(ctx context.Context, c *api.Client, lane int) error {
	scenario := fmt.Sprintf("lane-%d", lane)
	for ctx.Err() == nil {
		promised := l.promised.Load()
		guess := l.each.Load()
		if float64(promised) > rate*time.Since(l.begun).Seconds() || !l.promised.CompareAndSwap(promised, promised+guess) {
			if pause(ctx, 200*time.Millisecond) != nil {
				return nil
			}
			continue
		}
		s, err := c.Start(ctx, api.StartRequest{Scenario: scenario, Kind: run.Drill, By: "bench"})
		if err != nil {
			l.promised.Add(-guess)
			if l.fails(ctx, "start "+scenario, err) != nil {
				return nil
			}
			continue
		}
		l.newest.Store(s.Run)
		l.begunDrills.Add(1)
		came := int64(0)
		for after := int64(0); ; {
			got, err := c.Events(ctx, s.Run, after, 20*time.Second)
			if err != nil {
				if l.fails(ctx, "events of "+s.Run, err) != nil {
					return nil
				}
				continue
			}
			l.events.Add(int64(len(got.Entries)))
			came += int64(len(got.Entries))
			for _, e := range got.Entries {
				var ended run.Ended
				if e.Event.Kind == run.RunEnded && e.Event.Decode(&ended) == nil && ended.State != run.RecoveredAtAlternate && ended.State != run.Recovered {
					l.bad.Add(1)
					fmt.Printf("  %s ended %s\n", s.Run, ended.State)
				}
			}
			if got.Ended {
				break
			}
			after = got.Next
		}
		l.drills.Add(1)
		l.promised.Add(came - guess)
		l.each.Store(came)
	}
	return nil
}

// look is a viewer: of the first page, or of the newest run's, for a while each time.
func (l *soaked) look(ctx context.Context, u *up, n int) error {
	for ctx.Err() == nil {
		path := "/live"
		if id, ok := l.newest.Load().(string); ok && n%2 == 0 {
			path = "/runs/" + id + "/live"
		}
		while, stop := context.WithTimeout(ctx, 45*time.Second)
		err := view(while, u.at, u.token, path, []string{"ja", "en"}[n/2%2], &l.pictures, &l.bytes)
		over := while.Err() != nil
		stop()
		if !over && err != nil {
			return fmt.Errorf("viewer of %s: %w", path, err)
		}
	}
	return nil
}

// read is a program that asks the API all the time.
func (l *soaked) read(ctx context.Context, c *api.Client, n int) error {
	for ctx.Err() == nil {
		id, ok := l.newest.Load().(string)
		asks := []func() error{
			func() error { _, err := c.Runs(ctx, journal.Filter{Limit: 50}); return err },
			func() error { _, err := c.System(ctx, "lane-0-system-0"); return err },
			func() error { _, err := c.Readiness(ctx, "lane-0"); return err },
		}
		if ok {
			asks = append(asks, func() error { _, err := c.Run(ctx, id); return err },
				func() error { _, err := c.People(ctx, id, api.PeopleFilter{}); return err },
				func() error {
					_, err := c.Report(ctx, id, []string{"json", "html", "markdown"}[n%3], []string{"ja", "en"}[n%2])
					return err
				})
		}
		for _, ask := range asks {
			if err := ask(); err == nil {
				l.reads.Add(1)
			} else if l.fails(ctx, "a program that reads", err) != nil {
				return nil
			}
			if pause(ctx, 500*time.Millisecond) != nil {
				return nil
			}
		}
	}
	return nil
}

// fails counts an answer that did not come; what the end cut off is none of them.
func (l *soaked) fails(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.failed.Add(1)
	fmt.Printf("  %s: %v\n", what, err)
	return pause(ctx, time.Second)
}

// writeSoak writes a bundle of lanes: each has systems of its own, which two workers lead through
// steps at both sites while each is probed four times a second.
func writeSoak(dir string, t *targets) error {
	files := map[string]string{}
	var estate strings.Builder
	estate.WriteString("kind: Estate\nname: soak\nzone: Asia/Tokyo\ncontrol: tokyo\nsites:\n  - {name: nagoya} # lost\n  - {name: tokyo}\n  - {name: osaka}\nmuster_places: [{name: online, online: true}]\npeople:\n  - {id: bench, name: {en: Bench}, roles: [operator, commander], contact: bench@example.com}\n")
	for n := range soakPeople {
		fmt.Fprintf(&estate, "  - {id: p%02d, name: {en: Person %d, ja: 職員 %d}, roles: [%s], contact: p%02d@example.com}\n", n, n, n, []string{"commander", "operator", "staff"}[min(n, 2)], n)
	}
	estate.WriteString("systems:\n")
	for lane := range soakLanes {
		var names []string
		for n := range soakSystems {
			name := fmt.Sprintf("lane-%d-system-%d", lane, n)
			names = append(names, name)
			probe := fmt.Sprintf("{uses: probe.tcp, at: osaka, interval: 250ms, with: {address: %q}}", t.tcp.Addr())
			if n%2 == 1 {
				probe = fmt.Sprintf("{uses: probe.http, at: tokyo, interval: 250ms, with: {url: \"http://%s/%s\", contains: taken}}", t.http.Addr(), name)
			}
			fmt.Fprintf(&estate, "  - {name: %[1]s, home: nagoya, alternate: osaka, objectives: {rto: 5m}, drillable: [isolated], runbooks: {failover: %[1]s}, functions: [{name: page, probe: %[2]s}]}\n", name, probe)
			var book strings.Builder
			fmt.Fprintf(&book, "kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n", name)
			for s := range soakSteps {
				fmt.Fprintf(&book, "  - {id: step-%d, at: %s, uses: sim.step, with: {block_for: 200ms}}\n", s, []string{"osaka", "tokyo"}[s%2])
			}
			files["runbook-"+name] = book.String()
		}
		files[fmt.Sprintf("scenario-lane-%d", lane)] = fmt.Sprintf(`kind: Scenario
name: lane-%d
hazard: disaster
depth: isolated
sites_lost: [nagoya]
systems: [%s]
muster_place: online
people: {simulate: {after: 100ms, spread: 1s}}
decision: {by: commander, within: 1m}
approvals: 0
failback: stay
baseline: 1s
hold: 2s
`, lane, strings.Join(names, ", "))
	}
	files["estate"] = estate.String()
	return write(filepath.Join(dir, "plans"), files)
}
