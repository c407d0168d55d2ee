package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// watch is a probe as the run sees it: its newest word, and its observations at the end.
type watch struct {
	probe   plan.Probe
	future  workflow.Future
	stop    workflow.CancelFunc
	spokeAt time.Time // engine's clock: its last word, or when it was last started
	heard   bool
	words   int // how often it said something, repeated or not
	state   plan.Observed
	since   time.Time // engine's clock when the state was heard
	downs   []down
}

// down is a failure that a probe told of.
type down struct {
	plan.Observed
	heardAt time.Time // engine's clock
}

// watchSystems starts the probes of every system and listens to them until the run's
// end. A depth at which nothing runs has no probes; its figures are not proven.
func (r *response) watchSystems(ctx workflow.Context) {
	if !r.movesThings() {
		return
	}
	probing, stop := workflow.WithCancel(ctx)
	r.probing, r.watching = probing, stop
	for _, s := range r.systems {
		for _, p := range s.plan.Probes {
			w := &watch{probe: p}
			r.watches = append(r.watches, w)
			r.log.add(ctx, run.Event{Kind: run.ProbeStarted, System: p.System, Step: p.Name, Action: p.Uses, Site: p.Vantage, By: run.Engine,
				Data: run.Encode(run.Probe{Function: p.Function, Weight: p.Weight, Interval: p.Interval, Vantage: p.Vantage})})
			r.look(probing, w)
		}
	}
	free, _ := workflow.NewDisconnectedContext(ctx)
	workflow.GoNamed(free, "probes", func(ctx workflow.Context) {
		for {
			var o plan.Observed
			workflow.GetSignalChannel(ctx, plan.SignalObserved).Receive(ctx, &o)
			r.hear(ctx, o)
		}
	})
}

// hear takes a probe's word. Repeated and overtaken ones are harmless.
func (r *response) hear(ctx workflow.Context, o plan.Observed) {
	i := slices.IndexFunc(r.watches, func(w *watch) bool { return w.probe.Name == o.Probe })
	if i < 0 || r.ended {
		return
	}
	w := r.watches[i]
	w.words++
	w.spokeAt = workflow.Now(ctx)
	if w.heard && (o.At.Before(w.state.At) || o.Up == w.state.Up) {
		return
	}
	w.heard, w.state, w.since = true, o, workflow.Now(ctx)
	if !o.Up {
		w.downs = append(w.downs, down{o, w.since})
	}
	r.log.add(ctx, run.Event{Kind: run.ProbeChanged, Phase: r.phase, System: w.probe.System, Step: o.Probe, Site: w.probe.Vantage, By: run.Engine,
		Reason: o.Error, Data: run.Encode(run.ProbeChange{Up: o.Up, At: o.At, Error: o.Error})})
}

// look starts a probe.
func (r *response) look(ctx workflow.Context, w *watch) {
	own, stop := workflow.WithCancel(ctx)
	w.stop, w.spokeAt = stop, workflow.Now(ctx)
	w.future = workflow.ExecuteActivity(watching(own, w.probe.Vantage), w.probe.Uses, r.watchOf(w.probe))
}

// lookAgain starts a probe anew that has said nothing for too long while its word is
// waited for. After kills of worker and engine in quick succession a probe's next
// attempt was seen to be lost, and the run to wait for a word that nobody would say.
func (r *response) lookAgain(ctx workflow.Context, systems []*system) {
	for _, w := range r.watches {
		waited := slices.ContainsFunc(systems, func(s *system) bool { return s.plan.Name == w.probe.System })
		if !waited || w.heard && w.state.Up || workflow.Now(ctx).Sub(w.spokeAt) < probeSilence {
			continue
		}
		w.stop()
		_, _ = workflow.AwaitWithTimeout(ctx, probeGrace, w.future.IsReady)
		r.look(r.probing, w)
	}
}

// level is the share of a system's functions that are up, in percent, as last heard;
// false when it has no probe or one has not been heard.
func (r *response) level(system string) (int, bool) {
	level, any := 0, false
	for _, w := range r.watches {
		if w.probe.System != system {
			continue
		}
		if !w.heard {
			return 0, false
		}
		any = true
		if w.state.Up {
			level += w.probe.Weight
		}
	}
	return level, any
}

// steady reports whether all functions of a system have been up for the hold time.
func (r *response) steady(now time.Time, system string, hold time.Duration) bool {
	if level, ok := r.level(system); !ok || level < 100 {
		return false
	}
	for _, w := range r.watches {
		if w.probe.System == system && now.Sub(w.since) < hold {
			return false
		}
	}
	return true
}

// untilSteady waits until all functions of the systems have been up for the hold time.
// It returns the names of those that are not, in order. Systems without a probe are
// left out: nothing can be waited for, and nothing is proven.
func (r *response) untilSteady(ctx workflow.Context, systems []*system, hold, limit time.Duration) []string {
	deadline := workflow.Now(ctx).Add(limit)
	for {
		var open []string
		down := false
		next := hold
		now := workflow.Now(ctx)
		for _, s := range systems {
			if len(s.plan.Probes) == 0 || r.steady(now, s.plan.Name, hold) {
				continue
			}
			open = append(open, s.plan.Name)
			if level, ok := r.level(s.plan.Name); !ok || level < 100 {
				down = true
				continue
			}
			for _, w := range r.watches {
				if w.probe.System == s.plan.Name {
					next = min(next, max(hold-now.Sub(w.since), 10*time.Millisecond))
				}
			}
		}
		if len(open) == 0 || !now.Before(deadline) || ctx.Err() != nil {
			return open
		}
		heard := r.heardSoFar()
		wait := deadline.Sub(now)
		if !down {
			wait = min(wait, next)
		} else {
			r.lookAgain(ctx, systems)
			wait = min(wait, probeSilence)
		}
		_, _ = workflow.AwaitWithTimeout(ctx, wait, func() bool { return r.heardSoFar() != heard })
	}
}

// heardSoFar changes whenever a probe says something new.
func (r *response) heardSoFar() int {
	n := 0
	for _, w := range r.watches {
		n += len(w.downs)
		if w.heard {
			n++
		}
		if w.state.Up {
			n += 1 << 20
		}
	}
	return n
}

// stopWatching ends the probes and journals all that they saw.
func (r *response) stopWatching(ctx workflow.Context) {
	if r.watching == nil {
		return
	}
	r.watching()
	for _, w := range r.watches {
		e := run.Event{Kind: run.ProbeEnded, System: w.probe.System, Step: w.probe.Name, Action: w.probe.Uses, Site: w.probe.Vantage, By: run.Engine}
		o, why := w.handIn(ctx)
		if why != "" {
			// Its worker died with the request in its hands. What it saw is in its own
			// log: it begins again there, only to hand it in.
			o, why = r.resume(ctx, w)
		}
		if why != "" {
			e.Outcome, e.Reason = run.Unknown, why
		} else {
			e.Outcome, e.Data = run.Passed, run.Encode(o)
		}
		r.log.add(ctx, e)
	}
}

// handIn waits for a cancelled probe's observations, or says why there are none. A
// vantage whose worker is gone must not keep the run open for ever.
func (w *watch) handIn(ctx workflow.Context) (o run.Observations, why string) {
	if ok, _ := workflow.AwaitWithTimeout(ctx, probeEnd, w.future.IsReady); !ok {
		return o, both("its worker did not answer: what it saw is lost to this report", "ワーカーの応答がなく、観測結果をこの報告書に反映できない")
	}
	if err := w.future.Get(ctx, &o); err != nil {
		return o, inWords(err)
	}
	return o, ""
}

// resume starts a probe again, waits until it has found its log and said so, and ends
// it in an orderly way.
func (r *response) resume(ctx workflow.Context, w *watch) (run.Observations, string) {
	again, stop := workflow.WithCancel(ctx)
	said := w.words
	w.future = workflow.ExecuteActivity(watching(again, w.probe.Vantage), w.probe.Uses, r.watchOf(w.probe))
	_, _ = workflow.AwaitWithTimeout(ctx, probeEnd, func() bool { return w.words > said || w.future.IsReady() })
	stop()
	return w.handIn(ctx)
}

func (r *response) watchOf(p plan.Probe) plan.Watch {
	return plan.Watch{Run: r.in.RunID, Kind: r.in.Kind, Probe: p, Targets: r.plan.Estate.TargetsNamed(p.Targets)}
}
