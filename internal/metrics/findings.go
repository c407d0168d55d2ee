package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

var (
	openFindingsDesc = prometheus.NewDesc("muster_findings_open", "Findings that are open or waived, by kind and state.", []string{"kind", "state"}, nil)
	lateFindingsDesc = prometheus.NewDesc("muster_findings_overdue", "Open findings whose date has passed, by kind.", []string{"kind"}, nil)
	proofAgeDesc     = prometheus.NewDesc("muster_proof_age_seconds", "Time since a property of a system was last proven; there is none for what was never proven.", []string{"system", "property"}, nil)
	proofNeededDesc  = prometheus.NewDesc("muster_proof_needed", "1 where a property with an objective has to be proven, for the first time or again; else 0.", []string{"system", "property"}, nil)
	proofsKnownDesc  = prometheus.NewDesc("muster_proofs_known", "1 while the state of proofs can be told; 0 while the plan files have mistakes, and then there are no other series of proofs.", nil, nil)
	proofSimDesc     = prometheus.NewDesc("muster_proof_simulated", "1 where the proof of a property rests on simulated people or steps; else 0.", []string{"system", "property"}, nil)
	proofsDesc       = prometheus.NewDesc("muster_proofs", "Properties with an objective by the state of their proof; expired is overdue, missed is that a run missed it and none as hard has met it since.", []string{"state"}, nil)
)

// Findings adds what runs taught and what is proven. What is read for one scrape serves those of the
// next minute too.
func (m *Metrics) Findings(list func(context.Context) ([]finding.Finding, error), fresh func(context.Context) ([]proof.System, time.Time, error)) {
	m.registry.MustRegister(&learned{list: list, fresh: fresh})
}

type learned struct {
	list  func(context.Context) ([]finding.Finding, error)
	fresh func(context.Context) ([]proof.System, time.Time, error)

	mu   sync.Mutex
	at   time.Time
	kept []prometheus.Metric
}

const keptFor = time.Minute

func (c *learned) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openFindingsDesc, lateFindingsDesc, proofAgeDesc, proofNeededDesc, proofSimDesc, proofsDesc, proofsKnownDesc} {
		ch <- d
	}
}

func (c *learned) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || time.Since(c.at) > keptFor {
		c.kept, c.at = c.read(), time.Now()
	}
	for _, m := range c.kept {
		ch <- m
	}
}

func (c *learned) read() (out []prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out = append(out, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	list, err := c.list(ctx)
	if err != nil {
		out = append(out, prometheus.NewInvalidMetric(openFindingsDesc, err))
	} else {
		type key struct {
			kind  run.FindingKind
			state finding.State
		}
		n, late := map[key]int{}, map[run.FindingKind]int{}
		for _, f := range list {
			n[key{f.Kind, f.State}]++
			if f.Overdue {
				late[f.Kind]++
			}
		}
		for _, kind := range run.FindingKinds() {
			for _, s := range []finding.State{finding.Open, finding.Waived} {
				gauge(openFindingsDesc, float64(n[key{kind, s}]), string(kind), string(s))
			}
			gauge(lateFindingsDesc, float64(late[kind]), string(kind))
		}
	}
	systems, now, err := c.fresh(ctx)
	if err != nil { // a mistake in a file must not take the other figures away
		gauge(proofsKnownDesc, 0)
		return out
	}
	gauge(proofsKnownDesc, 1)
	states := map[proof.State]int{}
	for _, s := range systems {
		for _, p := range s.Properties {
			if p.State == proof.NotSet {
				continue
			}
			states[p.State]++
			needed := 0.0
			if p.State.Needs() {
				needed = 1
			}
			gauge(proofNeededDesc, needed, s.System, string(p.Property))
			if p.At != nil {
				simulated := 0.0
				if len(p.Simulated) > 0 {
					simulated = 1
				}
				gauge(proofSimDesc, simulated, s.System, string(p.Property))
				gauge(proofAgeDesc, now.Sub(*p.At).Seconds(), s.System, string(p.Property))
			}
		}
	}
	for _, s := range []proof.State{proof.Fresh, proof.Missed, proof.Expired, proof.Changed, proof.Never} {
		gauge(proofsDesc, float64(states[s]), string(s))
	}
	return out
}
