package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
)

// site is a `muster up` that works for the site tokyo, and a `muster worker --site osaka`
// that came through its gateway, as in production.
type site struct {
	up     *up
	worker *child.Process
}

// startSite starts both on dir, whose plans lie in dir/plans, and waits until the worker has
// answered the check of a scenario.
func (b *bench) startSite(ctx context.Context, dir, scenario string) (_ *site, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	gateway := l.Addr().String()
	_ = l.Close()
	up, err := b.startUp(ctx, dir, "sites: tokyo", fmt.Sprintf("gateway:\n  listen: %q", gateway))
	if err != nil {
		return nil, err
	}
	s := &site{up: up}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end(ctx))
		}
	}()
	certificate := filepath.Join(dir, "certificate")
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "muster"), "site", "certificate", "osaka", "--out", certificate)
	cmd.Env = append(os.Environ(), "MUSTER_CONFIG="+filepath.Join(dir, "muster.yaml"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	s.worker, err = child.Start("muster worker", filepath.Join(dir, "worker.log"), filepath.Join(b.bin, "muster"), os.Environ(),
		"worker", "--site", "osaka", "--data", filepath.Join(dir, "osaka"), "--temporal-address", gateway,
		"--temporal-tls-ca-file", filepath.Join(certificate, "gateway-ca.pem"),
		"--temporal-tls-cert-file", filepath.Join(certificate, "osaka.pem"), "--temporal-tls-key-file", filepath.Join(certificate, "osaka-key.pem"))
	if err != nil {
		return nil, err
	}
	ready, err := up.client.Check(ctx, scenario, api.CheckRequest{By: "bench"})
	if err != nil {
		return nil, err
	}
	for _, item := range ready.Checked.Items {
		for _, problem := range item.Problems {
			return nil, fmt.Errorf("the check of %s: %s", scenario, problem.EN)
		}
	}
	return s, nil
}

func (s *site) end(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx)
	if s.worker != nil {
		err = s.worker.End(ctx)
	}
	return errors.Join(err, s.up.process.End(ctx))
}

// figures are what a process used over a time.
type figures struct {
	wall, cpu time.Duration
	rss       float64 // MB, the most that was seen
	own       float64 // MB of it that are no pages of files
}

// percent is the share of one core.
func (f figures) percent() float64 { return 100 * f.cpu.Seconds() / f.wall.Seconds() }

// watch measures a process for so long.
func watch(ctx context.Context, p *child.Process, window time.Duration) (f figures, err error) {
	pid := p.Cmd.Process.Pid
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, began := used(pid), time.Now()
	for time.Since(began) < window {
		select {
		case <-ctx.Done():
			return f, context.Cause(ctx)
		case <-p.Done:
			return f, p.Failure()
		case <-tick.C:
			if rss := resident(pid); rss > f.rss {
				f.rss, f.own = rss, anonymous(pid)
			}
		}
	}
	f.wall, f.cpu = time.Since(began), used(pid)-before
	return f, nil
}

// pause waits until what a start brings with it is over.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
