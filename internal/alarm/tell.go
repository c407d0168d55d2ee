package alarm

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Saying names what there is to tell of a proposal; the same is told once.
func (p Proposal) Saying() string {
	return digest(string(p.State), fmt.Sprint(p.Level), p.Trouble.EN, p.Run)[:12]
}

// stale is how long after it was raised nobody has to hear of a proposal any more.
const stale = 2 * expiry

// spread tells people what there is to tell until ctx ends: what was raised, and what came
// of it. It stands beside the starting, which waits for no mail server, and each proposal is told
// beside the others. What was told is on disk, so that a restart neither repeats nor forgets it.
func (s *Service) spread(ctx context.Context) {
	if s.tell == nil {
		return
	}
	var telling sync.WaitGroup
	defer telling.Wait()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.news:
		case <-wait.C:
		}
		next := seldom
		list, err := s.all.List(ctx, s.store, "")
		if err != nil && ctx.Err() == nil {
			s.log.Warn("people can't be told of an alarm; it is tried again", "err", err)
			next = tellAgain
		}
		unheard := 0
		for _, p := range list {
			if p.State == Open {
				next = time.Second // what a person does with it is told soon, too
			}
			if !s.untold(p) {
				continue
			}
			next = min(next, tellAgain)
			begin, nobody := s.spoken.begin(p)
			if begin {
				telling.Go(func() { s.tellOne(ctx, p) })
			}
			if nobody {
				unheard++
			}
		}
		if s.metrics != nil && err == nil {
			s.metrics.Unheard(unheard)
		}
		wait.Reset(next)
	}
}

// tellAgain is how long after people could not be told they are told again.
const tellAgain = 5 * time.Second

func (s *Service) untold(p Proposal) bool {
	return p.Told != p.Saying() && s.now().Sub(p.RaisedAt) <= stale
}

// tellOne tells what there is to tell of a proposal. One that waits for people and that nobody has heard of is not
// told, whatever the reason.
func (s *Service) tellOne(ctx context.Context, p Proposal) {
	saying := p.Saying()
	heard, err := s.tell(ctx, p)
	nobody := !heard && p.State == Open
	if err == nil && !nobody {
		_, err = Change(ctx, s.store, p.ID, func(p *Proposal) error { p.Told = saying; return nil })
	}
	if first := s.spoken.end(p, nobody, err != nil || nobody); ctx.Err() != nil {
		return
	} else if first {
		s.log.Error("nobody has heard of what an alarm proposes: no channel reaches anybody who may act on it", "proposal", p.ID, "scenario", p.Scenario, "what", p.Summary.EN, "err", err)
	}
	if err != nil {
		s.log.Warn("people can't be told of an alarm; it is tried again", "err", fmt.Errorf("proposal %s: %w", p.ID, err))
	}
}

// spoken is which proposals are being told, and of which nobody has heard.
type spoken struct {
	mu      sync.Mutex
	telling map[string]bool
	next    map[string]time.Time // when one that could not be told is told again
	unheard map[string]string    // what of a proposal nobody has heard
}

// begin reports whether a proposal is to be told now, and whether nobody has heard of it when it was last.
func (s *spoken) begin(p Proposal) (begin, nobody bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	nobody = s.unheard[p.ID] == p.Saying()
	if s.telling[p.ID] || time.Now().Before(s.next[p.ID]) {
		return false, nobody
	}
	if s.telling == nil {
		s.telling, s.next, s.unheard = map[string]bool{}, map[string]time.Time{}, map[string]string{}
	}
	s.telling[p.ID] = true
	return true, nobody
}

// end reports whether it is the first time that nobody heard this.
func (s *spoken) end(p Proposal, nobody, again bool) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.telling, p.ID)
	delete(s.next, p.ID)
	if again {
		s.next[p.ID] = time.Now().Add(tellAgain)
	}
	if !nobody {
		delete(s.unheard, p.ID)
		return false
	}
	first = s.unheard[p.ID] != p.Saying()
	s.unheard[p.ID] = p.Saying()
	return first
}

// unheard tells once of rules that no source could meet: a name mistyped here or there would
// only show when nothing happens.
func (s *Service) unheard(ctx context.Context) {
	if len(s.sources) == 0 {
		return // nothing is meant to wake this server
	}
	rules, _ := s.rules.Rules(ctx)
	for _, r := range rules {
		if !slices.ContainsFunc(s.sources, func(src *source) bool { return r.Source == src.Name || r.Source == "" && src.Kind == JMA }) {
			what := r.Source
			if what == "" {
				what = "of kind jma"
			}
			s.log.Warn("a rule waits for an alarm source that muster.yaml does not name: nothing will meet it", "rule", r.Place, "scenario", r.Scenario, "source", what)
		}
	}
}
