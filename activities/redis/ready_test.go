package redis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/run"
)

func TestHalfAliveTargetsEndInTime(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	half := p.Tokyo.Target
	half.Spec.Port, half.Spec.Config = redistest.Silent(t), ""
	ctx := as(t, "r")
	within := run.Duration(time.Second)
	for name, act := range map[string]func(context.Context) error{
		"status": func(ctx context.Context) error { _, err := status(ctx, Inspect{Server: half}); return err },
		"fence":  func(ctx context.Context) error { _, err := fence(ctx, Fence{Server: half}); return err },
		"promote": func(ctx context.Context) error {
			_, err := promote(ctx, Promote{Server: half, Wait: within})
			return err
		},
		"rejoin": func(ctx context.Context) error {
			_, err := rejoin(ctx, Rejoin{Server: half, Follow: p.Osaka.Target, Wait: within})
			return err
		},
		"wait_caught_up": func(ctx context.Context) error {
			_, err := waitCaughtUp(ctx, CaughtUp{Server: half, Follow: p.Osaka.Target, Wait: within})
			return err
		},
		"single_writer": func(ctx context.Context) error {
			_, err := singleWriter(ctx, SingleWriter{Servers: []Target{half, p.Osaka.Target}, Wait: within})
			return err
		},
	} {
		wantKind(t, act(ctx), "plain")
		if ctx.Err() != nil {
			t.Fatalf("%s did not end by itself", name)
		}
	}
	cut, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := fence(cut, Fence{Server: half}); err == nil {
		t.Error("a fence that was cut off passed")
	}
	nobody := p.Tokyo.Target
	nobody.Spec.Password = activities.NewSecret("wrong-secret")
	_, err := status(ctx, Inspect{Server: nobody})
	wantKind(t, err, "plain", "WRONGPASS")
	if strings.Contains(fmt.Sprint(err), "wrong-secret") {
		t.Error("the error holds the password")
	}
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	wantProblems := func(what string, got []plan.Text, err error, words ...string) {
		t.Helper()
		var all []string
		for _, g := range got {
			if g.EN == "" || g.JA == "" {
				t.Errorf("%s: a problem is not in both languages: %+v", what, g)
			}
			all = append(all, g.EN)
		}
		said := strings.Join(all, "; ")
		if err != nil || len(got) != len(words) {
			t.Errorf("%s: problems = %v, %v, want %d", what, got, err, len(words))
		}
		for _, w := range words {
			if !strings.Contains(said, w) {
				t.Errorf("%s: %q does not say %q", what, said, w)
			}
		}
	}
	got, err := readyFence(ctx, Fence{Server: p.Tokyo.Target, Restart: true})
	wantProblems("a sound master", got, err)
	got, err = readyPromote(ctx, Promote{Server: p.Osaka.Target})
	wantProblems("a sound replica", got, err)
	got, err = readyRejoin(ctx, Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target})
	wantProblems("a sound pair", got, err)

	p.Osaka.Do(t, "CONFIG", "SET", "min-replicas-to-write", "1")
	got, err = readyPromote(ctx, Promote{Server: p.Osaka.Target})
	wantProblems("a replica that would refuse", got, err, "min-replicas-to-write")
	p.Tokyo.Do(t, "CONFIG", "SET", "masterauth", "")
	got, err = readyRejoin(ctx, Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target})
	wantProblems("a server that could not follow", got, err, "masterauth")
	p.Tokyo.Kill9(t)
	redistest.Eventually(t, time.Minute, func() string {
		if p.Osaka.Info(t, "master_link_status") == "down" {
			return ""
		}
		return "the link is up"
	})
	p.Osaka.Do(t, "CONFIG", "SET", "min-replicas-to-write", "0")
	got, err = readyPromote(ctx, Promote{Server: p.Osaka.Target})
	wantProblems("a replica without link", got, err, "no link")
	got, err = readyFence(ctx, Fence{Server: p.Tokyo.Target, Restart: true})
	wantProblems("a dead master", got, err, "connection refused")
}
