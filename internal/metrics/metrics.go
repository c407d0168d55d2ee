// Package metrics counts what muster does, for Prometheus: base units, _total on
// counters, and labels from closed sets only, never a run's ID, a host or an error text.
package metrics

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// Metrics is one process's set, on a registry of its own.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	steps    *prometheus.CounterVec
	took     *prometheus.HistogramVec
	glass    *prometheus.CounterVec
	spans    spans
	store    storeFigures
	sdk      *sdk
}

// New returns the set. Every series with a closed set of labels exists at once.
func New(version string) *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		registry: r,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_http_requests_total", Help: "Answered requests of the API.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_http_request_duration_seconds", Help: "Time to answer a request of the API; long polls wait up to 25 s.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_steps_total", Help: "Ended steps. At depth tabletop and walkthrough none was run: passed is then read by its owner.",
		}, []string{"action", "outcome", "depth"}),
		took: prometheus.NewHistogramVec(nativeToo(prometheus.HistogramOpts{
			Name: "muster_step_duration_seconds", Help: "How long steps took that were run, by the worker's monotonic clock.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}), []string{"action"}),
		glass: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_break_glass_total", Help: "Uses of break-glass, by what one person did alone: confirm the activation, approve the recovery or force a step.",
		}, []string{"for", "depth"}),
		spans: newSpans(), store: newStoreFigures(),
		sdk: newSDK(r),
	}
	for _, what := range []string{"activation", "recovery", "step"} {
		for _, depth := range run.Depths() {
			m.glass.WithLabelValues(what, string(depth))
		}
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "muster_build_info", Help: "1; the version is a label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	r.MustRegister(m.requests, m.seconds, m.steps, m.took, m.glass, m.spans.phases, m.spans.people, m.store.errors, m.store.took, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts one answered request.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, known(method), strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// known keeps the label's set closed: a client may send any word as its method.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Counted counts the steps that end in what is appended to a store. Events that are
// delivered a second time count again: the journal has the exact figures.
func (m *Metrics) Counted(s journal.Store) journal.Store {
	return &counted{Store: s, m: m, depths: map[string]run.Depth{}, begun: map[string]begun{}}
}

type counted struct {
	journal.Store
	m *Metrics

	mu     sync.Mutex
	depths map[string]run.Depth // of runs in progress

	spanned sync.Mutex
	begun   map[string]begun // by run in progress
}

func (c *counted) Append(ctx context.Context, events []run.Event) error {
	if err := c.Store.Append(ctx, events); err != nil {
		return err
	}
	for _, e := range events {
		c.measure(ctx, e)
		switch e.Kind {
		case run.RunEnded, run.RunRefused:
			c.forget(e.Run)
			continue
		case run.ActivationConfirmed, run.ApprovalGiven, run.StepActed:
			c.glass(ctx, e)
			continue
		case run.StepEnded:
		default:
			continue
		}
		depth := c.depth(ctx, e.Run)
		c.m.steps.WithLabelValues(e.Action, string(e.Outcome), cmp.Or(string(depth), "none")).Inc()
		var r run.StepResult
		if err := e.Decode(&r); err == nil && r.DurationS > 0 && depth.Allows(run.Observe) {
			c.m.took.WithLabelValues(e.Action).Observe(r.DurationS)
		}
	}
	return nil
}

// glass counts what somebody did alone that takes two. Whoever approves a recovery that way and
// confirms the activation with it has used it once.
func (c *counted) glass(ctx context.Context, e run.Event) {
	var did struct {
		BreakGlass   bool `json:"break_glass"`
		WithRecovery bool `json:"with_recovery"`
	}
	if e.Decode(&did) != nil || !did.BreakGlass || did.WithRecovery {
		return
	}
	what := map[run.EventKind]string{run.ActivationConfirmed: "activation", run.ApprovalGiven: "recovery", run.StepActed: "step"}[e.Kind]
	c.m.glass.WithLabelValues(what, cmp.Or(string(c.depth(ctx, e.Run)), "none")).Inc()
}

// depth is that of a run, asked of the store once.
func (c *counted) depth(ctx context.Context, runID string) run.Depth {
	c.mu.Lock()
	defer c.mu.Unlock()
	if depth, ok := c.depths[runID]; ok {
		return depth
	}
	list, err := c.Store.Runs(ctx, journal.Filter{Run: runID, Limit: 1})
	if err != nil || len(list) == 0 {
		return ""
	}
	if !list[0].State.Ended() {
		c.depths[runID] = list[0].Depth
	}
	return list[0].Depth
}

func (c *counted) forget(runID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.depths, runID)
	c.spanned.Lock()
	defer c.spanned.Unlock()
	delete(c.begun, runID)
}

// Runs adds the record store's runs by kind and state, read at each scrape.
func (m *Metrics) Runs(store journal.Store) { m.registry.MustRegister(&runs{store: store}) }

// Handler serves the set. What can't be read now takes nothing else away: the figures that tell why
// are among the others.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError})
}

// Gatherer is the set for who documents or judges it.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

var (
	endedDesc = prometheus.NewDesc("muster_runs_total", "Ended runs in the record store, by kind and by how they ended.", []string{"kind", "state"}, nil)
	openDesc  = prometheus.NewDesc("muster_runs_open", "Runs in progress, by kind.", []string{"kind"}, nil)
	lastDesc  = prometheus.NewDesc("muster_last_drill_timestamp_seconds", "When the newest drill of a scenario ended that ran something, by depth: one that was refused, cancelled, talked or walked through does not count.", []string{"scenario", "depth"}, nil)
)

var ends = []run.State{run.Refused, run.Recovered, run.PartlyRecovered,
	run.RecoveredAtAlternate, run.NotResumable, run.Cancelled, run.TalkedThrough, run.WalkedThrough, run.PartlyWalkedThrough, run.CleanUpIncomplete}

// runs reads the store when it is scraped.
type runs struct{ store journal.Store }

func (c *runs) Describe(ch chan<- *prometheus.Desc) {
	ch <- endedDesc
	ch <- openDesc
	ch <- lastDesc
}

func (c *runs) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	list, err := c.store.Runs(ctx, journal.Filter{})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(endedDesc, err)
		return
	}
	type key struct {
		kind  run.Kind
		state run.State
	}
	type drill struct {
		scenario string
		depth    run.Depth
	}
	ended, open, last := map[key]int{}, map[run.Kind]int{}, map[drill]time.Time{}
	for _, r := range list {
		if !r.State.Ended() {
			open[r.Kind]++
			continue
		}
		ended[key{r.Kind, r.State}]++
		d := drill{r.Scenario, r.Depth}
		ran := r.Kind == run.Drill && r.Depth.Allows(run.Observe) && r.State != run.Refused && r.State != run.Cancelled
		if ran && r.EndedAt != nil && r.EndedAt.After(last[d]) {
			last[d] = *r.EndedAt
		}
	}
	for _, kind := range []run.Kind{run.Drill, run.Response} {
		ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(open[kind]), string(kind))
		for _, state := range ends {
			ch <- prometheus.MustNewConstMetric(endedDesc, prometheus.CounterValue, float64(ended[key{kind, state}]), string(kind), string(state))
		}
	}
	for d, at := range last {
		ch <- prometheus.MustNewConstMetric(lastDesc, prometheus.GaugeValue, float64(at.UnixMilli())/1000, d.scenario, string(d.depth))
	}
}
