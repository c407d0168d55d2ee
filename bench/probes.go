package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/workflows"
)

// probed is how many systems are probed at once, half by TCP and half by HTTP.
const probed = 100

// targets are the servers that are probed. They live in this process, so that what they
// need is not the worker's.
type targets struct {
	tcp, http net.Listener
	looks     atomic.Int64 // how often they were asked
	server    *http.Server
}

func serve() (t *targets, err error) {
	t = &targets{}
	if t.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if t.http, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := t.tcp.Accept()
			if err != nil {
				return
			}
			t.looks.Add(1)
			_ = c.Close()
		}
	}()
	t.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.looks.Add(1)
		_, _ = io.WriteString(w, "orders are taken\n")
	})}
	go func() { _ = t.server.Serve(t.http) }()
	return t, nil
}

func (t *targets) close() {
	_ = t.tcp.Close()
	_ = t.server.Close()
}

// probes prints what a site worker needs that probes 100 systems every 250 ms, for the
// length of a drill that does nothing else; and what the server and the engine need for that.
func (b *bench) probes(ctx context.Context) error {
	t, err := serve()
	if err != nil {
		return err
	}
	defer t.close()
	dir := filepath.Join(b.dir, "probes")
	if err := writeProbed(filepath.Join(dir, "plans"), t); err != nil {
		return err
	}
	s, err := b.startSite(ctx, dir, "watched")
	if err != nil {
		return err
	}
	defer func() { _ = s.end(ctx) }()
	id, err := s.up.start(ctx, "watched")
	if err != nil {
		return err
	}
	if err := pause(ctx, settling); err != nil {
		return err
	}
	fmt.Printf("\nsite worker that probes %d systems every 250 ms, half by TCP, half by HTTP\n", probed)
	fmt.Printf("%8s %10s %12s %10s %10s %12s\n", "window s", "CPU s", "% of a core", "RSS MB", "looks / s", "muster up %")
	for range 3 {
		before, above := t.looks.Load(), used(s.up.processes()...)
		f, err := watch(ctx, s.worker, b.window)
		if err != nil {
			return err
		}
		rate := float64(t.looks.Load()-before) / f.wall.Seconds()
		rest := figures{wall: f.wall, cpu: used(s.up.processes()...) - above}
		fmt.Printf("%8.0f %10.2f %12.2f %10.1f %10.1f %12.2f\n", f.wall.Seconds(), f.cpu.Seconds(), f.percent(), f.rss, rate, rest.percent())
	}
	_, err = s.up.client.Abort(ctx, id, workflows.Control{By: "bench", Reason: "measured"})
	return err
}

// writeProbed writes a bundle with a scenario, "watched", in which nothing happens for a
// long time but that the site osaka probes every system. Without targets there is one, and
// it is not probed.
func writeProbed(dir string, t *targets) error {
	files := map[string]string{}
	var estate strings.Builder
	estate.WriteString(`kind: Estate
name: probed
control: tokyo
sites:
  - {name: nagoya} # lost
  - {name: tokyo}
  - {name: osaka}
people:
  - {id: bench, name: {en: Bench}, roles: [operator, commander], contact: bench@example.com}
systems:
`)
	var names []string
	add := func(n int, functions string) {
		name := fmt.Sprintf("system-%d", n)
		names = append(names, name)
		fmt.Fprintf(&estate, "  - {name: %[1]s, home: nagoya, alternate: osaka, drillable: [isolated], runbooks: {failover: %[1]s}%[2]s}\n", name, functions)
		files["runbook-"+name] = fmt.Sprintf("kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n  - {id: move, at: osaka, uses: sim.step}\n", name)
	}
	if t == nil {
		add(0, "")
	}
	for n := range probed {
		switch {
		case t == nil:
		case n%2 == 0:
			add(n, fmt.Sprintf(", functions: [{name: page, probe: {uses: probe.tcp, at: osaka, interval: 250ms, with: {address: %q}}}]", t.tcp.Addr()))
		default:
			add(n, fmt.Sprintf(", functions: [{name: page, probe: {uses: probe.http, at: osaka, interval: 250ms, with: {url: \"http://%s/system-%d\", contains: taken}}}]", t.http.Addr(), n))
		}
	}
	files["estate"] = estate.String()
	files["scenario-watched"] = fmt.Sprintf(`kind: Scenario
name: watched
hazard: disaster
depth: isolated
sites_lost: [nagoya]
systems: [%s]
people: {simulate: {after: 0s, spread: 0s}}
decision: {by: commander, within: 1m}
approvals: 0
failback: stay
baseline: 1h
`, strings.Join(names, ", "))
	return write(dir, files)
}
