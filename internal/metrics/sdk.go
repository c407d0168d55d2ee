package metrics

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// SDK returns a handler for the metrics of the Temporal SDK: temporal_… in seconds,
// each series made when it is first used.
func (m *Metrics) SDK() client.MetricsHandler { return handler{sdk: m.sdk} }

// sdkLabels are the tags taken over; others, such as the namespace, would only repeat
// what is the same everywhere, or have no bound.
var sdkLabels = []string{"activity_type", "operation", "status_code", "task_queue", "workflow_type", "worker_type", "poller_type"}

type sdk struct {
	registry *prometheus.Registry
	mu       sync.Mutex
	vectors  map[string]any
}

func newSDK(r *prometheus.Registry) *sdk { return &sdk{registry: r, vectors: map[string]any{}} }

type handler struct {
	sdk  *sdk
	tags map[string]string
}

func (h handler) WithTags(tags map[string]string) client.MetricsHandler {
	merged := make(map[string]string, len(h.tags)+len(tags))
	for k, v := range h.tags {
		merged[k] = v
	}
	for k, v := range tags {
		merged[k] = v
	}
	return handler{sdk: h.sdk, tags: merged}
}

// labels are the values of sdkLabels. The name of a worker's own sticky queue is
// random, so it counts as "sticky".
func (h handler) labels() []string {
	out := make([]string, len(sdkLabels))
	for i, l := range sdkLabels {
		out[i] = h.tags[l]
		if l == "task_queue" && strings.Contains(out[i], ":") {
			out[i] = "sticky"
		}
	}
	return out
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// vector returns the collector of that name, made on first use.
func vector[V prometheus.Collector](s *sdk, name string, make func(name string) V) V {
	name = "temporal_" + strings.TrimPrefix(notInNames.ReplaceAllString(name, "_"), "temporal_")
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.vectors[name]; ok {
		if typed, ok := v.(V); ok {
			return typed
		}
		name += "_other" // one name as two kinds of metric: keep both
		if typed, ok := s.vectors[name].(V); ok {
			return typed
		}
	}
	v := make(name)
	s.vectors[name] = v
	s.registry.MustRegister(v)
	return v
}

func (h handler) Counter(name string) client.MetricsCounter {
	c := vector(h.sdk, name, func(name string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: "Of the Temporal SDK."}, sdkLabels)
	}).WithLabelValues(h.labels()...)
	return counter{c}
}

func (h handler) Gauge(name string) client.MetricsGauge {
	g := vector(h.sdk, name, func(name string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: "Of the Temporal SDK."}, sdkLabels)
	}).WithLabelValues(h.labels()...)
	return gauge{g}
}

func (h handler) Timer(name string) client.MetricsTimer {
	t := vector(h.sdk, name+"_seconds", func(name string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: "Of the Temporal SDK.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 10, 60}}, sdkLabels)
	}).WithLabelValues(h.labels()...)
	return timer{t}
}

type counter struct{ prometheus.Counter }

func (c counter) Inc(n int64) { c.Add(float64(n)) }

type gauge struct{ prometheus.Gauge }

func (g gauge) Update(v float64) { g.Set(v) }

type timer struct{ prometheus.Observer }

func (t timer) Record(d time.Duration) { t.Observe(d.Seconds()) }
