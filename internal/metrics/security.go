package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/lookout"
)

// Security counts security alarms by kind, as they are raised; notices, which nobody is woken for,
// are told apart.
func (m *Metrics) Security() func(lookout.Kind) {
	raised := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "muster_security_alarms_total", Help: "Security alarms that were raised, by what was found in the access log; a notice wakes nobody.",
	}, []string{"kind", "level"})
	level := map[lookout.Kind]string{}
	for _, r := range lookout.Rules() {
		level[r.Kind] = "alarm"
		if r.Notice {
			level[r.Kind] = "notice"
		}
		raised.WithLabelValues(string(r.Kind), level[r.Kind])
	}
	m.registry.MustRegister(raised)
	return func(k lookout.Kind) { raised.WithLabelValues(string(k), level[k]).Inc() }
}
