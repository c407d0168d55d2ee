package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Attained is what the newest run that judged a property of a system found: its figures are those of
// the newest run that met or missed it, its verdict that of the newest run at all, unless an earlier miss stands.
type Attained struct {
	System   string
	Property outcome.Property
	Verdict  run.Verdict
	Figures  []Figure
}

// Figure is one objective of a property and what was reached.
type Figure struct {
	Kind       string // rto, rpo, rlo, restore, restore_point, failback_outage
	Level      int    // rlo: per cent
	ObjectiveS *float64
	ActualS    *float64
}

type pair struct{ achieved, objective *prometheus.Desc }

var (
	attainedPairs = map[string]pair{
		"rto":           both("rto", "RTO: from the event to the service's return", "system"),
		"rpo":           both("rpo", "RPO: how old the newest data was that came through", "system"),
		"rlo":           both("rlo", "RLO: from the event until a level of service in per cent was reached", "system", "level"),
		"restore":       both("restore", "restore: from its order until the restored copy was verified", "system"),
		"restore_point": both("restore_point", "restore: how far behind the restored copy was", "system"),
	}
	failbackDesc = desc("muster_achieved_failback_outage_seconds", "How long service was interrupted by the way back, in the newest run that judged it. There is none for what was never measured.", "system")
	verdictDesc  = desc("muster_objective_verdict", "1 at the verdict of the newest run that judged a property of a system, else 0; a miss stands until a run meets it. There is none for what was never judged, nor for what the files no longer hold.", "system", "property", "verdict")
)

func both(name, what string, labels ...string) pair {
	return pair{
		achieved:  desc("muster_achieved_"+name+"_seconds", what+", as measured by the newest run that met or missed it. There is none for what was never measured.", labels...),
		objective: desc("muster_objective_"+name+"_seconds", what+", as that run's plan asked for it. There is none where it set no objective.", labels...),
	}
}

// Verdicts are the values of the label verdict.
func Verdicts() []run.Verdict { return []run.Verdict{run.Met, run.Missed, run.NotProven} }

// Attained adds what runs achieved, by system.
func (m *Metrics) Attained(list func(context.Context) ([]Attained, error)) {
	descs := []*prometheus.Desc{failbackDesc, verdictDesc}
	for _, p := range attainedPairs {
		descs = append(descs, p.achieved, p.objective)
	}
	m.registry.MustRegister(&cached{keep: time.Minute, descs: descs, read: func(ctx context.Context, put putter) {
		all, err := list(ctx)
		if err != nil { // muster_store_errors_total says so, and the other figures stay
			return
		}
		for _, a := range all {
			for _, v := range Verdicts() {
				put(verdictDesc, truth(a.Verdict == v), a.System, string(a.Property), string(v))
			}
			for _, f := range a.Figures {
				if f.Kind == "failback_outage" {
					if f.ActualS != nil {
						put(failbackDesc, *f.ActualS, a.System)
					}
					continue
				}
				labels := []string{a.System}
				if f.Kind == "rlo" {
					labels = append(labels, strconv.Itoa(f.Level))
				}
				if f.ActualS != nil {
					put(attainedPairs[f.Kind].achieved, *f.ActualS, labels...)
				}
				if f.ObjectiveS != nil {
					put(attainedPairs[f.Kind].objective, *f.ObjectiveS, labels...)
				}
			}
		}
	}})
}
