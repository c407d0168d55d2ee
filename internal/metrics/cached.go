package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cached reads its figures when it is scraped; what was read serves the scrapes of the next while
// too, so that two Prometheus servers and a curious person ask the store and the engine once.
type cached struct {
	keep  time.Duration
	descs []*prometheus.Desc
	read  func(context.Context, putter)

	mu   sync.Mutex
	at   time.Time
	kept []prometheus.Metric
}

// putter adds a figure to what is read.
type putter func(d *prometheus.Desc, v float64, labels ...string)

// readWithin bounds one reading: a scrape is over after ten seconds.
const readWithin = 5 * time.Second

func (c *cached) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

func (c *cached) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || time.Since(c.at) > c.keep {
		ctx, cancel := context.WithTimeout(context.Background(), readWithin)
		c.kept = []prometheus.Metric{}
		c.read(ctx, func(d *prometheus.Desc, v float64, labels ...string) {
			c.kept = append(c.kept, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
		})
		cancel()
		c.at = time.Now()
	}
	for _, m := range c.kept {
		ch <- m
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
