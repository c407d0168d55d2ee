package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/alarm"
)

// Alarms counts what sources of alarms send, and what nobody heard of.
type Alarms struct {
	messages *prometheus.CounterVec
	answered *prometheus.GaugeVec
	unheard  prometheus.Gauge
}

var _ alarm.Metrics = (*Alarms)(nil)

// Alarms adds the series of sources: all, and those with a feed.
func (m *Metrics) Alarms(sources, feeds []string) *Alarms {
	a := &Alarms{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_alarm_messages_total", Help: "Messages of alarm sources by what became of them; refused is for those of nobody who could be verified, or that were not understood.",
		}, []string{"source", "outcome"}),
		answered: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "muster_alarm_feed_last_answer_timestamp_seconds", Help: "When a feed of alarms last answered; 0 is never. One that is older than some minutes wakes nobody.",
		}, []string{"source"}),
		unheard: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_alarm_proposals_unheard", Help: "Proposals of alarms that wait for people and that no channel has brought to anybody.",
		}),
	}
	for _, s := range sources {
		for _, o := range append(alarm.Outcomes(), alarm.Refused) {
			a.messages.WithLabelValues(s, string(o))
		}
	}
	for _, s := range feeds {
		a.answered.WithLabelValues(s)
	}
	m.registry.MustRegister(a.messages, a.answered, a.unheard)
	return a
}

// Message counts one message of a source of the settings.
func (a *Alarms) Message(source string, o alarm.Outcome) {
	a.messages.WithLabelValues(source, string(o)).Inc()
}

// Answered says when a feed answered.
func (a *Alarms) Answered(source string, at time.Time) {
	a.answered.WithLabelValues(source).Set(float64(at.UnixMilli()) / 1000)
}

// Unheard says how many proposals nobody has heard of.
func (a *Alarms) Unheard(proposals int) { a.unheard.Set(float64(proposals)) }
