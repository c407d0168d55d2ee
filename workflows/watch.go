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
	earlier []workflow.Future // of its starts before
	stop    workflow.CancelFunc
	spokeAt time.Time // engine's clock: its last word, or when it was last started
	heard   bool
	words   int // how often it said something, repeated or not
	look    int // how often it was started before, as plan.Watch
	answers int // the newest start that has spoken, as plan.Observed
	state   plan.Observed
	since   time.Time // engine's clock when the state was heard
	downs   []down
	// The span in which the probe saw its target up without a gap, by its own clock; zero
	// from probes that don't say.
	upSince, until time.Time
	enoughSince    time.Time // the probe's clock: its word that brought its system to what is needed

	saw  run.Observations // handed in at the run's end
	lost string           // why they were not
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
	if workflow.GetVersion(ctx, changeProbesStay, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		ctx, _ = workflow.NewDisconnectedContext(ctx) // service is seen to come back after an undo
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
	listen := func(name, signal, site string) {
		workflow.GoNamed(free, name, func(ctx workflow.Context) {
			for {
				var o plan.Observed
				workflow.GetSignalChannel(ctx, signal).Receive(ctx, &o)
				r.hear(ctx, o, site)
			}
		})
	}
	listen("probes", plan.SignalObserved, "")
	var sites []string
	for _, w := range r.watches {
		if site := w.probe.Vantage; !slices.Contains(sites, site) {
			sites = append(sites, site)
			listen("probes at "+site, plan.SignalObservedAt(site), site)
		}
	}
}

// hear takes a probe's word, from a site that the gateway vouches for or, with "", from beside the engine. Repeated and
// overtaken ones are harmless.
func (r *response) hear(ctx workflow.Context, o plan.Observed, from string) {
	i := slices.IndexFunc(r.watches, func(w *watch) bool { return w.probe.Name == o.Probe })
	if i < 0 || r.ended {
		return
	}
	w := r.watches[i]
	if from != "" && from != w.probe.Vantage {
		workflow.GetLogger(ctx).Warn("a site spoke for another site's probe; it was not heard", "run", r.in.RunID, "site", from, "probe", o.Probe)
		return
	}
	w.words++
	w.answers = max(w.answers, o.Look)
	w.spokeAt = workflow.Now(ctx)
	if stale := w.heard && o.At.Before(w.state.At); !stale && (!o.Up || o.At.After(w.state.At) || o.Until.After(w.until)) {
		w.upSince, w.until = o.Since, o.Until
	}
	same := w.heard && o.Up == w.state.Up && o.Level == w.state.Level
	switch {
	case w.heard && o.At.Before(w.state.At), same && !(o.Up && o.At.After(w.state.At)):
		return
	case same && workflow.GetVersion(ctx, changeUntoldOutage, workflow.DefaultVersion, 1) == workflow.DefaultVersion:
		return
	case same:
		// Up again: it was down in between, too shortly to be told of.
		w.state.Up = false
		r.noteLevelsOf(ctx, w)
	}
	wasUp := !w.heard || w.state.Up
	w.heard, w.state, w.since = true, o, workflow.Now(ctx)
	fell := !o.Up && wasUp
	for _, s := range r.systems {
		if s.plan.Name == w.probe.System {
			_, before := r.since(s, needed(s))
			r.noteLevel(ctx, s)
			_, after := r.since(s, needed(s))
			fell = fell || before && !after // less than what is needed is an outage too
			if !before && after {
				w.enoughSince = o.At
			}
		}
	}
	if fell {
		w.downs = append(w.downs, down{o, w.since})
	}
	r.log.add(ctx, run.Event{Kind: run.ProbeChanged, Phase: r.phase, System: w.probe.System, Step: o.Probe, Site: w.probe.Vantage, By: run.Engine,
		Reason: o.Error, Data: run.Encode(run.ProbeChange{Up: o.Up, Level: o.Level, At: o.At, Error: o.Error})})
}

// noteLevelsOf keeps the level of the probe's system after its word.
func (r *response) noteLevelsOf(ctx workflow.Context, w *watch) {
	for _, s := range r.systems {
		if s.plan.Name == w.probe.System {
			r.noteLevel(ctx, s)
		}
	}
}

// look starts a probe.
func (r *response) look(ctx workflow.Context, w *watch) {
	own, stop := workflow.WithCancel(ctx)
	w.stop, w.spokeAt = stop, workflow.Now(ctx)
	if w.future != nil {
		w.earlier = append(w.earlier, w.future)
	}
	w.future = workflow.ExecuteActivity(watching(own, w.probe.Vantage), w.probe.Uses, r.watchOf(w))
}

// sawHold reports whether the probe itself saw its target up for the span without a gap. Its
// last word alone does not tell: the timer of a run goes on while nobody looks, as when
// a machine with engine and worker on it starts anew. Probes that don't say are believed.
func (w *watch) sawHold(hold time.Duration) bool {
	from := w.upSince
	if w.enoughSince.After(from) {
		from = w.enoughSince
	}
	return w.upSince.IsZero() || w.until.Sub(from) >= hold
}

// pace is within what time a probe that goes on says the next thing, besides what it waits for.
func (w *watch) pace() time.Duration {
	return probeSilence + 2*w.probe.Interval.Std() + w.probe.Timeout.Std()
}

// lookAgain starts a probe anew that has said nothing for too long while its word is
// waited for. After kills of worker and engine in quick succession a probe's next
// attempt was seen to be lost, and the run to wait for a word that nobody would say.
func (r *response) lookAgain(ctx workflow.Context, systems []*system, hold time.Duration) {
	var silent []*watch
	for _, w := range r.watches {
		if r.fellSilent(ctx, w, systems, hold) {
			silent = append(silent, w)
		}
	}
	if len(silent) < 2 || workflow.GetVersion(ctx, changeProbesTogether, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		for _, w := range r.watches { // one takes seconds, in which the next may have spoken
			if r.fellSilent(ctx, w, systems, hold) {
				r.lookAnew(ctx, w)
			}
		}
		return
	}
	together(ctx, silent, r.lookAnew)
}

// fellSilent reports whether one of these systems waits for a probe's word that should have come by now.
func (r *response) fellSilent(ctx workflow.Context, w *watch, systems []*system, hold time.Duration) bool {
	waited := slices.ContainsFunc(systems, func(s *system) bool { return s.plan.Name == w.probe.System })
	patience := probeSilence
	if w.heard && w.state.Up && !w.upSince.IsZero() {
		patience = w.pace() + hold // it has nothing to say before
	}
	return waited && !(w.heard && w.state.Up && w.sawHold(hold)) && workflow.Now(ctx).Sub(w.spokeAt) >= patience
}

// lookAnew starts a probe again, beside its earlier start or else after that has ended.
func (r *response) lookAnew(ctx workflow.Context, w *watch) {
	if workflow.GetVersion(ctx, changeLookBeside, workflow.DefaultVersion, 1) == workflow.DefaultVersion || !r.lookBeside(ctx, w) {
		w.stop()
		_, _ = workflow.AwaitWithTimeout(ctx, probeGrace, w.future.IsReady)
		r.look(r.probing, w)
	}
}

// together does something with each probe, all at once, and returns when it is done with all: what waits for a site
// that is gone takes no longer for many probes than for one.
func together(ctx workflow.Context, watches []*watch, do func(workflow.Context, *watch)) {
	left := len(watches)
	for _, w := range watches {
		workflow.GoNamed(ctx, "probe "+w.probe.Name, func(ctx workflow.Context) {
			defer func() { left-- }()
			do(ctx, w)
		})
	}
	free, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(free, func() bool { return left == 0 })
}

// lookBeside starts a probe anew and then ends the start before it. Where the probe goes on and has only had nothing
// to say, the new start joins it, so that nobody looks away at the very moment that is waited for. It reports
// whether that stands: a site worker of an earlier release, which says no numbers, ends the probe with either.
func (r *response) lookBeside(ctx workflow.Context, w *watch) bool {
	before, said := *w, w.words
	w.look++
	r.look(r.probing, w)
	_, _ = workflow.AwaitWithTimeout(ctx, probeGrace, func() bool { return w.answers == w.look || w.future.IsReady() })
	before.stop()
	if w.answers == w.look || w.words == said {
		return true
	}
	_, _ = workflow.AwaitWithTimeout(ctx, probeGrace, before.future.IsReady)
	return false
}

// level is the share of a system's service that is there, in percent, as last heard;
// false when it has no probe or one has not been heard. What is stated by people is
// taken to be there, and so is what is up and unmeasured (run.LevelUnknown): nothing would be
// gained by waiting for it here. The record judges it as not proven, whatever ended the wait.
func (r *response) level(system string) (int, bool) {
	level, stated, heard := 0, 100, false
	for _, w := range r.watches {
		if w.probe.System != system {
			continue
		}
		if !w.heard {
			return 0, false
		}
		heard = true
		stated -= w.probe.Weight
		switch {
		case !w.state.Up:
		case w.state.Level > 0: // a part of it, by a measured capacity
			level += w.probe.Weight * w.state.Level
		default:
			level += w.probe.Weight * 100
		}
	}
	return level/100 + stated, heard
}

// height is the level of a system from an instant on.
type height struct {
	at    time.Time // engine's clock
	level int
}

// noteLevel keeps the level of a system after a probe's word.
func (r *response) noteLevel(ctx workflow.Context, s *system) {
	level, ok := r.level(s.plan.Name)
	if n := len(s.heights); ok && (n == 0 || s.heights[n-1].level != level) {
		s.heights = append(s.heights, height{workflow.Now(ctx), level})
	}
}

// since is from when on a system has had a level or more without a break; false when it
// has not now.
func (r *response) since(s *system, level int) (time.Time, bool) {
	if _, ok := r.level(s.plan.Name); !ok {
		return time.Time{}, false
	}
	at, ok := time.Time{}, false
	for i := len(s.heights) - 1; i >= 0 && s.heights[i].level >= level; i-- {
		at, ok = s.heights[i].at, true
	}
	return at, ok
}

// all is the level of a system before anything happens to it.
func all(*system) int { return 100 }

// needed is the level at which a system counts as restored.
func needed(s *system) int { return s.plan.Objective.Needed() }

// untilSteady waits until the systems have had the wanted level for the hold time. It
// returns the names of those that have not, in order. Systems without a probe are
// left out: nothing can be waited for, and nothing is proven.
func (r *response) untilSteady(ctx workflow.Context, systems []*system, wanted func(*system) int, hold, limit time.Duration) []string {
	began := workflow.Now(ctx)
	for {
		deadline := began.Add(limit + r.slowness(systems))
		var open []string
		down := false
		next := hold
		now := workflow.Now(ctx)
		for _, s := range systems {
			if len(s.plan.Probes) == 0 {
				continue
			}
			since, ok := r.since(s, wanted(s))
			if ok && now.Sub(since) >= hold && r.sawHold(s, hold) {
				continue
			}
			open = append(open, s.plan.Name)
			if !ok || now.Sub(since) >= hold { // a probe has still to say so
				down = true
				continue
			}
			next = min(next, max(hold-now.Sub(since), 10*time.Millisecond))
		}
		if len(open) == 0 || !now.Before(deadline) || ctx.Err() != nil {
			return open
		}
		heard := r.heardSoFar()
		wait := deadline.Sub(now)
		if !down {
			wait = min(wait, next)
		} else {
			r.lookAgain(ctx, systems, hold)
			wait = min(wait, probeSilence)
		}
		_, _ = workflow.AwaitWithTimeout(ctx, wait, func() bool { return r.heardSoFar() != heard })
	}
}

// slowness is what the slowest probe that tells of spans adds to a wait: two of its samples.
func (r *response) slowness(systems []*system) time.Duration {
	var most time.Duration
	for _, w := range r.watches {
		if !w.upSince.IsZero() && slices.ContainsFunc(systems, func(s *system) bool { return s.plan.Name == w.probe.System }) {
			most = max(most, 2*w.probe.Interval.Std()+w.probe.Timeout.Std())
		}
	}
	return most
}

// sawHold reports whether every probe of a system that sees it up saw so for the span.
func (r *response) sawHold(s *system, hold time.Duration) bool {
	for _, w := range r.watches {
		if w.probe.System == s.plan.Name && w.state.Up && !w.sawHold(hold) {
			return false
		}
	}
	return true
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
		if !w.until.IsZero() {
			n += int(w.until.UnixMicro() << 8)
		}
	}
	for _, s := range r.systems {
		n += len(s.heights) << 30
	}
	return n
}

// markerSpacing is how far apart markers are at most once service has held for long.
const markerSpacing = 5 * time.Second

func (r *response) watchOf(w *watch) plan.Watch {
	hold, probes, spacing := r.plan.Scenario.Hold, 0, run.Duration(markerSpacing)
	for _, s := range r.systems {
		probes += len(s.plan.Probes)
		if rpo := s.plan.Objective.RPO; s.plan.Name == w.probe.System && rpo != nil {
			spacing = min(spacing, *rpo/10) // a loss is measured by the markers around it; where none is allowed, by each sample
		}
	}
	return plan.Watch{Run: r.in.RunID, Kind: r.in.Kind, Probe: w.probe, Look: w.look, Spacing: spacing, Probes: probes, Targets: r.plan.Estate.TargetsNamed(w.probe.Targets),
		Holds: []run.Duration{min(hold, run.Duration(undoHold)), hold, r.plan.Scenario.Baseline}}
}
