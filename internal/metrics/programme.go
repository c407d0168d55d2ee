package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/programme"
)

var (
	plannedDesc        = prometheus.NewDesc("muster_planned_drills", "Rows of the present year's plan, each as often as it is due, and what the year before still owes, by what became of it.", []string{"status"}, nil)
	plannedOverdueDesc = prometheus.NewDesc("muster_planned_drill_overdue", "How often a row of the programme is overdue: this year, and in the year before where it was not held since.", []string{"row"}, nil)
	plannedLateDesc    = prometheus.NewDesc("muster_planned_drill_overdue_seconds", "For how long the row's drill that is overdue longest has been, of this year and of the year before where it was not held since; 0 when none is. scenario is empty for what people hold without one.", []string{"row", "scenario"}, nil)
	plannedKnownDesc   = prometheus.NewDesc("muster_programme_known", "1 while there is a programme and it can be read; else 0, and then there are no other series of it.", nil, nil)
)

// Programme adds the year's plan against what was held; a moment's answer serves the next
// minute too. An error, or nil, is that there is no programme, or that it can't be read.
func (m *Metrics) Programme(coverage func(context.Context) ([]programme.Item, error)) {
	m.registry.MustRegister(&planned{coverage: coverage})
}

type planned struct {
	coverage func(context.Context) ([]programme.Item, error)

	mu   sync.Mutex
	at   time.Time
	kept []prometheus.Metric
}

func (c *planned) Describe(ch chan<- *prometheus.Desc) {
	ch <- plannedDesc
	ch <- plannedOverdueDesc
	ch <- plannedLateDesc
	ch <- plannedKnownDesc
}

func (c *planned) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || time.Since(c.at) > keptFor {
		c.kept, c.at = c.read(), time.Now()
	}
	for _, m := range c.kept {
		ch <- m
	}
}

func (c *planned) read() (out []prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out = append(out, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	items, err := c.coverage(ctx)
	if err != nil || items == nil { // a mistake in a file must not take the other figures away
		gauge(plannedKnownDesc, 0)
		return out
	}
	gauge(plannedKnownDesc, 1)
	n, late, rows := map[programme.Status]int{}, map[string]int{}, []string{}
	scenario, since, now := map[string]string{}, map[string]time.Duration{}, time.Now()
	for _, i := range items {
		n[i.Status]++
		if _, seen := late[i.Row]; !seen {
			rows = append(rows, i.Row)
			late[i.Row], scenario[i.Row] = 0, i.Scenario
		}
		if i.Status == programme.Overdue {
			late[i.Row]++
			since[i.Row] = max(since[i.Row], now.Sub(i.To))
		}
	}
	for _, s := range programme.Statuses() {
		gauge(plannedDesc, float64(n[s]), string(s))
	}
	for _, row := range rows {
		gauge(plannedOverdueDesc, float64(late[row]), row)
		gauge(plannedLateDesc, since[row].Seconds(), row, scenario[row])
	}
	return out
}

var (
	schedulesDesc      = prometheus.NewDesc("muster_schedules", "Schedules of the programme and of the engine, by how they stand: in_effect starts drills, the others don't or not as the file says.", []string{"state"}, nil)
	schedulesKnownDesc = prometheus.NewDesc("muster_schedules_known", "1 while the file and the engine can tell how the schedules stand; else 0, and then there is no muster_schedules.", nil, nil)
)

// Schedules adds how many schedules are in each state; a moment's answer serves the next minute too.
// states are all that there are, so that each has a series.
func (m *Metrics) Schedules(states []string, read func(context.Context) (map[string]int, error)) {
	m.registry.MustRegister(&scheduled{states: states, read: read})
}

type scheduled struct {
	states []string
	read   func(context.Context) (map[string]int, error)

	mu    sync.Mutex
	at    time.Time
	kept  map[string]int
	known bool
}

func (c *scheduled) Describe(ch chan<- *prometheus.Desc) {
	ch <- schedulesDesc
	ch <- schedulesKnownDesc
}

func (c *scheduled) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > keptFor {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n, err := c.read(ctx)
		c.kept, c.known, c.at = n, err == nil, time.Now()
	}
	if !c.known {
		ch <- prometheus.MustNewConstMetric(schedulesKnownDesc, prometheus.GaugeValue, 0)
		return
	}
	ch <- prometheus.MustNewConstMetric(schedulesKnownDesc, prometheus.GaugeValue, 1)
	for _, s := range c.states {
		ch <- prometheus.MustNewConstMetric(schedulesDesc, prometheus.GaugeValue, float64(c.kept[s]), s)
	}
}
