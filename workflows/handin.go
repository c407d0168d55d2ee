package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// stopWatching ends the probes and journals all that they saw.
func (r *response) stopWatching(ctx workflow.Context) {
	if r.watching == nil {
		return
	}
	r.watching()
	atOnce := len(r.watches) > 1 && workflow.GetVersion(ctx, changeProbesTogether, workflow.DefaultVersion, 1) != workflow.DefaultVersion
	if atOnce {
		// One timer for all of them, and more only for those that don't answer.
		_, _ = workflow.AwaitWithTimeout(ctx, probeEnd, func() bool {
			return !slices.ContainsFunc(r.watches, func(w *watch) bool { return !w.future.IsReady() })
		})
		together(ctx, r.watches, func(ctx workflow.Context, w *watch) { r.takeIn(ctx, w, w.handedIn) })
	}
	for _, w := range r.watches {
		if !atOnce {
			r.takeIn(ctx, w, w.handIn)
		}
		e := run.Event{Kind: run.ProbeEnded, System: w.probe.System, Step: w.probe.Name, Action: w.probe.Uses, Site: w.probe.Vantage, By: run.Engine}
		if seen := w.sawBefore(ctx); len(seen) > 0 && workflow.GetVersion(ctx, changeEarlierStarts, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
			for _, o := range seen {
				before := e
				before.Outcome, before.Data = run.Passed, run.Encode(o)
				r.log.add(ctx, before)
			}
		}
		if w.lost != "" {
			e.Outcome, e.Reason = run.Unknown, w.lost
		} else {
			e.Outcome, e.Data = run.Passed, run.Encode(w.saw)
		}
		r.log.add(ctx, e)
	}
}

// takeIn takes what an ended probe hands in.
func (r *response) takeIn(ctx workflow.Context, w *watch, handIn func(workflow.Context) (run.Observations, string)) {
	if w.saw, w.lost = handIn(ctx); w.lost != "" {
		// Its worker died with the request in its hands. What it saw is in its own
		// log: it begins again there, only to hand it in.
		w.saw, w.lost = r.resume(ctx, w)
	}
}

// handIn waits for a cancelled probe's observations, or says why there are none. A
// vantage whose worker is gone must not keep the run open for ever.
func (w *watch) handIn(ctx workflow.Context) (o run.Observations, why string) {
	if ok, _ := workflow.AwaitWithTimeout(ctx, probeEnd, w.future.IsReady); !ok {
		return o, textNoAnswer()
	}
	return w.handedIn(ctx)
}

func textNoAnswer() string {
	return both("its worker did not answer: what it saw is lost to this report", "ワーカーの応答がなく、観測結果をこの報告書に反映できない")
}

// handedIn is the same for one that was waited for.
func (w *watch) handedIn(ctx workflow.Context) (o run.Observations, why string) {
	if !w.future.IsReady() {
		return o, textNoAnswer()
	}
	if err := w.future.Get(ctx, &o); err != nil {
		return o, inWords(err)
	}
	return o, ""
}

// sawBefore is what earlier starts of a probe saw and the newest has not, in order: that one was begun at another worker
// of the site, which has none of their logs. At the same worker it joined them, and its observations are theirs and more.
func (w *watch) sawBefore(ctx workflow.Context) []run.Observations {
	var out []run.Observations
	for _, f := range w.earlier {
		var o run.Observations
		if !f.IsReady() || f.Get(ctx, &o) != nil || o.StartedAt.IsZero() || w.lost == "" && !w.saw.StartedAt.IsZero() && !o.StartedAt.Before(w.saw.StartedAt) {
			continue
		}
		switch i := slices.IndexFunc(out, func(b run.Observations) bool { return b.StartedAt.Equal(o.StartedAt) }); {
		case i < 0:
			out = append(out, o)
		case o.EndedAt.After(out[i].EndedAt): // it had joined the other
			out[i] = o
		}
	}
	slices.SortStableFunc(out, func(a, b run.Observations) int { return a.StartedAt.Compare(b.StartedAt) })
	return out
}

// resume starts a probe again, waits until that start has found its log and said so, and ends it in an orderly way. A
// word of the start before it, which may go on at its worker, is no sign that a worker has taken this one: ended before
// that, it would hand in nothing. So would one whose worker lost touch with the engine just then: the engine ends it between
// two attempts, or the attempt fails and gets no other. One that had spoken is started once more.
func (r *response) resume(ctx workflow.Context, w *watch) (o run.Observations, why string) {
	for range resumeTries {
		o, why = r.resumeOnce(ctx, w)
		if why == "" || w.answers != w.look || !w.future.IsReady() {
			break
		}
		change := changeResumedFailed
		if temporal.IsCanceledError(w.future.Get(ctx, nil)) {
			change = changeResumedSpeaks
		}
		if workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			break
		}
	}
	return o, why
}

func (r *response) resumeOnce(ctx workflow.Context, w *watch) (run.Observations, string) {
	again, stop := workflow.WithCancel(ctx)
	said := w.words
	spoke := func() bool { return w.words > said }
	if workflow.GetVersion(ctx, changeResumedSpeaks, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		w.look++
		spoke = func() bool { return w.answers == w.look }
	}
	w.earlier = append(w.earlier, w.future)
	w.future = workflow.ExecuteActivity(watching(again, w.probe.Vantage), w.probe.Uses, r.watchOf(w))
	_, _ = workflow.AwaitWithTimeout(ctx, probeEnd, func() bool { return spoke() || w.future.IsReady() })
	stop()
	return w.handIn(ctx)
}
