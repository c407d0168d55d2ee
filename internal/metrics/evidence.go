package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Evidence is how it stands with what is sealed.
type Evidence struct {
	Sealed, Waiting, Held, Damaged int // runs
	// OldestWaiting is when the run ended that has waited longest to be sealed; zero is none.
	OldestWaiting time.Time
	Copies        []int // bundles that are not there yet, by place in the order of the settings
}

// Evidence shows how it stands with evidence at each scrape.
func (m *Metrics) Evidence(now func() Evidence) { m.registry.MustRegister(&sealing{now: now}) }

type sealing struct{ now func() Evidence }

var (
	evidenceRuns   = prometheus.NewDesc("muster_evidence_runs", "Runs by what became of their record after the end: sealed, waiting to be, held, or altered since.", []string{"state"}, nil)
	evidenceCopies = prometheus.NewDesc("muster_evidence_copies_waiting", "Bundles that have not arrived at another place, which is told by its number in evidence.copy_to.", []string{"place"}, nil)
)

var evidenceLag = desc("muster_evidence_oldest_waiting_seconds", "How long ago the run ended that has waited longest to be sealed; 0 when none waits.")

func (s *sealing) Describe(c chan<- *prometheus.Desc) {
	c <- evidenceRuns
	c <- evidenceCopies
	c <- evidenceLag
}

func (s *sealing) Collect(c chan<- prometheus.Metric) {
	e := s.now()
	for state, n := range map[string]int{"sealed": e.Sealed, "waiting": e.Waiting, "held": e.Held, "damaged": e.Damaged} {
		c <- prometheus.MustNewConstMetric(evidenceRuns, prometheus.GaugeValue, float64(n), state)
	}
	lag := 0.0
	if !e.OldestWaiting.IsZero() {
		lag = max(0, time.Since(e.OldestWaiting).Seconds())
	}
	c <- prometheus.MustNewConstMetric(evidenceLag, prometheus.GaugeValue, lag)
	for i, n := range e.Copies {
		c <- prometheus.MustNewConstMetric(evidenceCopies, prometheus.GaugeValue, float64(n), strconv.Itoa(i+1))
	}
}
