package probe

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/run"
)

// redisPlanting is a marker probe on real servers.
func redisPlanting(t *testing.T, p RedisMarkers, o *told, dir string) *attempt {
	t.Helper()
	w := watched
	w.Probe.Interval, w.Probe.Timeout = run.Duration(20*time.Millisecond), run.Duration(10*time.Second)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	ctx, cancel := context.WithCancelCause(context.Background())
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	a := &attempt{cancel: cancel, stop: make(chan struct{}), ended: make(chan struct{})}
	env.SetWorkerStopChannel(a.stop)
	watch := serving(newDesk(o.options(dir)), lookRedisMarkers)
	env.RegisterActivityWithOptions(func(ctx context.Context) (run.Observations, error) { return watch(ctx, w, p) }, activity.RegisterOptions{Name: "probe.redis_markers"})
	env.SetTestTimeout(10 * time.Minute)
	go func() {
		defer close(a.ended)
		v, err := env.ExecuteActivity("probe.redis_markers")
		if a.err = err; err == nil {
			a.err = v.Get(&a.obs)
		}
	}()
	t.Cleanup(func() { cancel(nil); <-a.ended })
	return a
}

const redisKey = "muster:markers:run-1:orders/entry"

// redisPlanted waits until the server holds n markers.
func redisPlanted(t *testing.T, s *redistest.Server, n int64) {
	t.Helper()
	redistest.Eventually(t, time.Minute, func() string {
		if has := s.Do(t, "ZCARD", redisKey).(int64); has < n {
			return fmt.Sprintf("%d markers on %s, want %d", has, s.Name, n)
		}
		return ""
	})
}

func TestRedisMarkersCountWhatAsynchronousReplicationLost(t *testing.T) {
	p := redistest.StartPair(t)
	told := newTold()
	a := redisPlanting(t, RedisMarkers{Servers: []redislink.Target{p.Tokyo.Target, p.Osaka.Target}}, told, t.TempDir())
	told.await(t, true)
	redisPlanted(t, p.Osaka, 5)
	p.Osaka.Do(t, "CONFIG", "SET", "masterauth", "wrong")
	p.Tokyo.Do(t, "CLIENT", "KILL", "TYPE", "REPLICA") // acknowledged from here on, and never received
	redisPlanted(t, p.Tokyo, p.Tokyo.Do(t, "ZCARD", redisKey).(int64)+10)
	servers := RedisMarkers{Servers: []redislink.Target{p.Tokyo.Target, p.Osaka.Target}}
	glanced(t, func() (looker, error) { return lookRedisMarkers(glancing, servers) }, true)
	killed := p.Tokyo.Kill9(t)
	told.await(t, false)
	glanced(t, func() (looker, error) { return lookRedisMarkers(glancing, servers) }, false)
	p.Osaka.Do(t, "REPLICAOF", "NO", "ONE")
	kept := p.Osaka.Do(t, "ZCARD", redisKey).(int64)
	told.await(t, true)
	redisPlanted(t, p.Osaka, kept+5)
	o := a.end(t)
	m := o.Markers
	if len(o.Transitions) != 3 || m.CountedAt.IsZero() || m.Lost < 10 || m.Unknown > 1 {
		t.Fatalf("observations = %+v, markers %+v", o, m)
	}
	// The server that is left says what it holds; the rest of what was acknowledged is lost.
	if left := p.Osaka.Do(t, "ZCARD", redisKey).(int64); m.Acked-m.Lost > left || left-(m.Acked-m.Lost) > m.Unknown {
		t.Errorf("of %d acknowledged %d are lost and %d unknown, and %d are there", m.Acked, m.Lost, m.Unknown, left)
	}
	down := o.Transitions[1]
	if down.LastOKAt.After(killed) || down.At.Before(killed.Add(-20*time.Second)) {
		t.Errorf("killed at %v, transitions %+v", killed, o.Transitions)
	}
	t.Logf("lost %d of %d, unknown %d", m.Lost, m.Acked, m.Unknown)
}

// Through the sentinels, as a client: a frozen master does not hide the new one, and a
// fenced or a stale master is no service.
func TestRedisMarkersFollowTheSentinels(t *testing.T) {
	w := redistest.StartWatched(t, 20*time.Second) // the probe gives up after 10 s, and must see the outage before it is over
	told := newTold()
	p := RedisMarkers{Servers: []redislink.Target{w.Osaka.Target}, Sentinel: w.Target}
	a := redisPlanting(t, p, told, "")
	told.await(t, true)
	redisPlanted(t, w.Osaka, 5)
	frozen := time.Now()
	w.Tokyo.Freeze(t)
	told.await(t, false)
	w.Osaka.AwaitRole(t, "master")
	told.await(t, true)
	o := a.end(t)
	if len(o.Transitions) != 3 || o.Markers.CountedAt.IsZero() || o.Markers.Lost > 1 {
		t.Fatalf("observations = %+v, markers %+v", o, o.Markers)
	}
	t.Logf("frozen to first write seen %v; acked %d, lost %d, unknown %d", o.Transitions[2].At.Sub(frozen).Round(time.Millisecond), o.Markers.Acked, o.Markers.Lost, o.Markers.Unknown)

	if problems, err := readyRedisMarkers(context.Background(), p); err != nil || len(problems) != 0 {
		t.Errorf("ready: %v, %v", problems, err)
	}
	w.Osaka.Do(t, "CONFIG", "SET", "min-replicas-to-write", "3")
	if problems, err := readyRedisMarkers(context.Background(), p); err != nil || len(problems) != 1 {
		t.Errorf("not ready, and the problems are %v, %v", problems, err)
	}
}
