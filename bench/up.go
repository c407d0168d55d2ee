package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/run"
)

// up is a `muster up` of the bench's own.
type up struct {
	process *child.Process
	client  *api.Client
	at      string // URL
	token   string
}

// startUp starts `muster up` on dir, whose plans lie in dir/plans. More are further lines of
// its settings.
func (b *bench) startUp(ctx context.Context, dir string, more ...string) (*up, error) {
	return b.startAs(ctx, "up", dir, more...)
}

// startAs is startUp for `muster server` too, which needs an engine in its settings.
func (b *bench) startAs(ctx context.Context, command, dir string, more ...string) (*up, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	_ = l.Close()
	settings := filepath.Join(dir, "muster.yaml")
	text := fmt.Sprintf("data: %q\nplans: %q\nlisten: %q\nlang: en\n", filepath.Join(dir, "data"), filepath.Join(dir, "plans"), address) + strings.Join(more, "\n") + "\n"
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		return nil, err
	}
	p, err := child.Start("muster "+command, filepath.Join(dir, "muster.log"), filepath.Join(b.bin, "muster"),
		append(os.Environ(), "MUSTER_CONFIG="+settings), command)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for probe := api.Connect("http://"+address, "", "en"); ; {
		if h, err := probe.Health(ctx); err == nil && h.OK {
			token, err := os.ReadFile(filepath.Join(dir, "data", "token"))
			if err != nil {
				return nil, errors.Join(err, p.End(ctx))
			}
			u := &up{process: p, at: "http://" + address, token: strings.TrimSpace(string(token))}
			u.client = api.Connect(u.at, u.token, "en")
			return u, nil
		}
		select {
		case <-p.Done:
			return nil, p.Failure()
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("muster %s did not answer within two minutes", command), p.End(context.WithoutCancel(ctx)))
		case <-tick.C:
		}
	}
}

// start starts a scenario.
func (u *up) start(ctx context.Context, scenario string) (id string, err error) {
	s, err := u.client.Start(ctx, api.StartRequest{Scenario: scenario, Kind: run.Drill, By: "bench"})
	return s.Run, err
}

// events waits for the end of a run and returns its journal.
func (u *up) events(ctx context.Context, id string) (all []run.Event, err error) {
	for after := int64(0); ; {
		got, err := u.client.Events(ctx, id, after, 20*time.Second)
		if err != nil {
			return nil, err
		}
		for _, e := range got.Entries {
			all = append(all, e.Event)
		}
		if got.Ended {
			return all, nil
		}
		after = got.Next
	}
}
