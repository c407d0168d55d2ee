package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// Open is what open runs wait for and see now.
type Open struct {
	Waits     []Wait
	Functions []Function
	// Unreadable is how many open runs can't be read: nothing is told of what they wait for.
	Unreadable int
}

// Wait is one thing that a run waits for people to do.
type Wait struct {
	Kind  run.Kind
	For   progress.Awaited
	Since time.Time
}

// Function is what the probe of a system's function sees.
type Function struct {
	System, Function string
	Up               bool
	Level            int // per cent
}

var (
	waitsDesc      = desc("muster_person_waits", "What open runs wait for people to do, by what that is. To close the records is one of remark until the plan's time for them is over.", "for")
	oldestDesc     = desc("muster_person_wait_oldest_seconds", "How long the oldest of those has waited, by the kind of its run (drill or response); 0 when there is none.", "for", "kind")
	functionUpDesc = desc("muster_function_up", "1 while the probe of a system's function finds it up, 0 while it does not. There is one only while an open run watches it and has heard of it.", "system", "function")
	unreadableDesc = desc("muster_open_runs_unreadable", "Open runs whose plan or journal can't be read: what they wait for is in no other series. The server's log says which, and why.")
	levelDesc      = desc("muster_function_level_ratio", "The level of service that the probe sees, from 0 to 1. There is one only while an open run watches it and has heard of it.", "system", "function")
)

// Open adds what open runs wait for and what their probes see.
func (m *Metrics) Open(now func(context.Context) (Open, time.Time, error)) {
	m.registry.MustRegister(&cached{keep: 10 * time.Second, descs: []*prometheus.Desc{waitsDesc, oldestDesc, functionUpDesc, levelDesc, unreadableDesc}, read: func(ctx context.Context, put putter) {
		o, at, err := now(ctx)
		if err != nil {
			return
		}
		type key struct {
			awaited progress.Awaited
			kind    run.Kind
		}
		n, oldest := map[progress.Awaited]int{}, map[key]time.Duration{}
		for _, w := range o.Waits {
			n[w.For]++
			of := key{w.For, w.Kind}
			oldest[of] = max(oldest[of], at.Sub(w.Since))
		}
		for _, k := range progress.AllAwaited() {
			put(waitsDesc, float64(n[k]), string(k))
			for _, kind := range []run.Kind{run.Drill, run.Response} {
				put(oldestDesc, oldest[key{k, kind}].Seconds(), string(k), string(kind))
			}
		}
		put(unreadableDesc, float64(o.Unreadable))
		for _, f := range o.Functions {
			put(functionUpDesc, truth(f.Up), f.System, f.Function)
			put(levelDesc, float64(f.Level)/100, f.System, f.Function)
		}
	}})
}
