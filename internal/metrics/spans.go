package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// nativeToo makes a histogram a native one besides its classic buckets, for a Prometheus that asks
// for it; its own limits keep it small.
func nativeToo(o prometheus.HistogramOpts) prometheus.HistogramOpts {
	o.NativeHistogramBucketFactor, o.NativeHistogramMaxBucketNumber, o.NativeHistogramMinResetDuration = 1.1, 100, time.Hour
	return o
}

// spans measure from one event of a run's journal to another.
type spans struct {
	phases *prometheus.HistogramVec
	people *prometheus.HistogramVec
}

// newSpans makes them with every series: of one that began with its first observation Prometheus could
// not tell that there was one.
func newSpans() spans {
	s := spans{
		phases: prometheus.NewHistogramVec(nativeToo(prometheus.HistogramOpts{
			Name: "muster_phase_duration_seconds", Help: "How long phases of runs took, by the engine's clock. Runs that only talked or walked through are not counted.",
			Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400},
		}), []string{"phase", "kind"}),
		people: prometheus.NewHistogramVec(nativeToo(prometheus.HistogramOpts{
			Name: "muster_person_answer_duration_seconds", Help: "How long runs waited until a person did what was asked, by what that was. What the engine answered for simulated people is not counted.",
			Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400},
		}), []string{"for"}),
	}
	for _, p := range run.Phases("") {
		for _, k := range []run.Kind{run.Drill, run.Response} {
			s.phases.WithLabelValues(string(p), string(k))
		}
	}
	for _, a := range []progress.Awaited{progress.AwaitSafety, progress.AwaitDecision, progress.AwaitApproval, progress.AwaitActivation, progress.AwaitStep} {
		s.people.WithLabelValues(string(a))
	}
	return s
}

// mark is the place of an event in a span; "" is none.
type mark struct {
	key  string
	ends bool
	// as is the label of what is measured.
	phase run.Phase
	from  progress.Awaited
}

func markOf(e run.Event) mark {
	people := func(from progress.Awaited, of string, ends bool) mark {
		return mark{key: string(from) + "\x00" + of, ends: ends, from: from}
	}
	switch e.Kind {
	case run.PhaseStarted, run.PhaseEnded:
		return mark{key: "phase\x00" + string(e.Phase), ends: e.Kind == run.PhaseEnded, phase: e.Phase}
	case run.PersonCalled, run.PersonAnswered:
		return people(progress.AwaitSafety, e.Person, e.Kind == run.PersonAnswered)
	case run.DecisionAsked, run.DecisionMade:
		return people(progress.AwaitDecision, e.System, e.Kind == run.DecisionMade)
	case run.ApprovalAsked, run.ApprovalGiven, run.ApprovalRefused:
		return people(progress.AwaitApproval, "", e.Kind != run.ApprovalAsked)
	case run.ActivationAsked, run.ActivationConfirmed, run.ActivationRefused:
		return people(progress.AwaitActivation, "", e.Kind != run.ActivationAsked)
	case run.StepWaiting, run.StepActed:
		return people(progress.AwaitStep, e.Writer+"\x00"+e.Step, e.Kind == run.StepActed)
	}
	return mark{}
}

// begun are the spans of one run that have not ended.
type begun struct {
	summary journal.Summary
	at      map[string]time.Time
}

// measure takes in an event of a run that is in the store now.
func (c *counted) measure(ctx context.Context, e run.Event) {
	m := markOf(e)
	if m.key == "" {
		return
	}
	c.spanned.Lock()
	defer c.spanned.Unlock()
	b, known := c.begun[e.Run]
	if !known {
		b = c.recall(ctx, e)
		c.begun[e.Run] = b
	}
	from, open := b.at[m.key]
	switch {
	case !m.ends:
		if !open { // a reminder does not start the clock again
			b.at[m.key] = e.At
		}
		return
	case !open:
		return
	}
	delete(b.at, m.key)
	took := max(0, e.At.Sub(from).Seconds())
	switch {
	case m.phase != "":
		if b.summary.Depth.Allows(run.Observe) && (b.summary.Kind == run.Drill || b.summary.Kind == run.Response) {
			c.m.spans.phases.WithLabelValues(string(m.phase), string(b.summary.Kind)).Observe(took)
		}
	case e.By != run.Engine && e.By != "":
		c.m.spans.people.WithLabelValues(string(m.from)).Observe(took)
	}
}

// recall is what was open in a run before an event: nothing in one that begins now; after a restart of
// this server what its journal says.
func (c *counted) recall(ctx context.Context, before run.Event) begun {
	b := begun{at: map[string]time.Time{}}
	list, err := c.Store.Runs(ctx, journal.Filter{Run: before.Run, Limit: 1})
	if err != nil || len(list) == 0 {
		return b
	}
	b.summary = list[0]
	entries, err := c.Store.Events(ctx, before.Run, 0, 0)
	if err != nil {
		return b
	}
	for _, entry := range entries {
		e := entry.Event
		if e.Writer == before.Writer && e.Seq == before.Seq {
			break
		}
		m := markOf(e)
		_, open := b.at[m.key]
		switch {
		case m.key == "":
		case m.ends:
			delete(b.at, m.key)
		case !open:
			b.at[m.key] = e.At
		}
	}
	return b
}
