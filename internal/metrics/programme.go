package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/programme"
)

var (
	plannedDesc        = prometheus.NewDesc("muster_planned_drills", "Rows of the present year's plan, each as often as it is due, by what became of it.", []string{"status"}, nil)
	plannedOverdueDesc = prometheus.NewDesc("muster_planned_drill_overdue", "How often a row of the present year's plan is overdue.", []string{"row"}, nil)
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
	for _, i := range items {
		n[i.Status]++
		if _, seen := late[i.Row]; !seen {
			rows = append(rows, i.Row)
			late[i.Row] = 0
		}
		if i.Status == programme.Overdue {
			late[i.Row]++
		}
	}
	for _, s := range programme.Statuses() {
		gauge(plannedDesc, float64(n[s]), string(s))
	}
	for _, row := range rows {
		gauge(plannedOverdueDesc, float64(late[row]), row)
	}
	return out
}
