package proof

import (
	"context"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Last is when a system's objectives were last proven, each by the newest run whose
// record shows it; nil is never, within the runs looked through.
type Last struct {
	RTO, RPO, RLO *Shown
}

// Shown is one objective that a run proved.
type Shown struct {
	Run string
	At  time.Time
}

// Systems says of every system when its objectives were last proven. It keeps what ended
// runs have shown, since that does not change any more. The zero value is ready.
type Systems struct {
	mu   sync.Mutex
	runs map[string]map[string]verdicts // by run and system
}

type verdicts struct{ rto, rpo, rlo run.Verdict }

// looksThrough bounds how many ended runs are looked through.
const looksThrough = 200

// Of looks through the newest ended runs that did something.
func (s *Systems) Of(ctx context.Context, store journal.Store) (map[string]Last, error) {
	list, err := store.Runs(ctx, journal.Filter{Limit: looksThrough})
	if err != nil {
		return nil, err
	}
	out := map[string]Last{}
	keep := map[string]map[string]verdicts{}
	for _, r := range list { // newest first
		if r.EndedAt == nil || r.Depth == run.Tabletop || r.Depth == run.Walkthrough || r.State == run.Refused {
			continue
		}
		shown, err := s.shown(ctx, store, r)
		if err != nil {
			return nil, err
		}
		keep[r.Run] = shown
		for name, v := range shown {
			last, by := out[name], &Shown{r.Run, *r.EndedAt}
			if v.rto == run.Met && last.RTO == nil {
				last.RTO = by
			}
			if v.rpo == run.Met && last.RPO == nil {
				last.RPO = by
			}
			if v.rlo == run.Met && last.RLO == nil {
				last.RLO = by
			}
			out[name] = last
		}
	}
	s.mu.Lock()
	s.runs = keep
	s.mu.Unlock()
	return out, nil
}

// shown is what one ended run shows, from its report.
func (s *Systems) shown(ctx context.Context, store journal.Store, r journal.Summary) (map[string]verdicts, error) {
	s.mu.Lock()
	known, ok := s.runs[r.Run]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	p, err := store.Plan(ctx, r.PlanHash)
	if err != nil {
		return nil, err
	}
	entries, err := store.Events(ctx, r.Run, 0, 0)
	if err != nil {
		return nil, err
	}
	events := make([]run.Event, len(entries))
	for i, e := range entries {
		events[i] = e.Event
	}
	built, err := report.Build(p, events)
	if err != nil {
		return nil, err
	}
	out := map[string]verdicts{}
	for _, sys := range built.Systems {
		v := verdicts{rto: sys.RTO.Verdict, rpo: sys.RPO.Verdict}
		var stages []run.Verdict
		for _, st := range sys.RLO.Stages {
			stages = append(stages, st.Verdict)
		}
		if len(stages) > 0 {
			v.rlo = run.Worst(stages...)
		}
		out[sys.ID] = v
	}
	return out, nil
}
