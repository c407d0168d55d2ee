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
	// Stamped is when the log last got a time stamp, StampDue when one is or was due; zero is never.
	Stamped, StampDue time.Time
	Checked           time.Time // when all that is sealed, and the log itself, was last looked through
}

// Evidence shows how it stands with evidence at each scrape.
func (m *Metrics) Evidence(now func() Evidence) { m.registry.MustRegister(&sealing{now: now}) }

type sealing struct{ now func() Evidence }

var (
	evidenceRuns   = prometheus.NewDesc("muster_evidence_runs", "Runs by what became of their record after the end: sealed, waiting to be, held, or altered since.", []string{"state"}, nil)
	evidenceCopies = prometheus.NewDesc("muster_evidence_copies_waiting", "Bundles that have not arrived at another place, which is told by its number in evidence.copy_to.", []string{"place"}, nil)
)

var (
	evidenceChecked = desc("muster_evidence_checked_timestamp_seconds", "When all that is sealed, and the log itself, was last held against each other; 0 is not since this server started.")
	evidenceStamped = desc("muster_evidence_stamped_timestamp_seconds", "When the evidence log last got a time stamp of an outside authority; 0 is never.")
	evidenceOverdue = desc("muster_evidence_stamp_overdue_seconds", "How long a time stamp of the evidence log is overdue; 0 when none is, or evidence.timestamps names no authority.")
)

var evidenceLag = desc("muster_evidence_oldest_waiting_seconds", "How long ago the run ended that has waited longest to be sealed; 0 when none waits.")

func (s *sealing) Describe(c chan<- *prometheus.Desc) {
	c <- evidenceRuns
	c <- evidenceCopies
	c <- evidenceLag
	c <- evidenceChecked
	c <- evidenceStamped
	c <- evidenceOverdue
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
	at := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return float64(t.Unix())
	}
	overdue := 0.0
	if !e.StampDue.IsZero() {
		overdue = max(0, time.Since(e.StampDue).Seconds())
	}
	c <- prometheus.MustNewConstMetric(evidenceStamped, prometheus.GaugeValue, at(e.Stamped))
	c <- prometheus.MustNewConstMetric(evidenceChecked, prometheus.GaugeValue, at(e.Checked))
	c <- prometheus.MustNewConstMetric(evidenceOverdue, prometheus.GaugeValue, overdue)
	for i, n := range e.Copies {
		c <- prometheus.MustNewConstMetric(evidenceCopies, prometheus.GaugeValue, float64(n), strconv.Itoa(i+1))
	}
}
