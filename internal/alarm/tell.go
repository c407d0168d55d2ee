package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Saying names what there is to tell of a proposal; the same is told once.
func (p Proposal) Saying() string {
	return digest(string(p.State), fmt.Sprint(p.Level), p.Trouble.EN, p.Run)[:12]
}

// stale is how long after it was raised nobody has to hear of a proposal any more.
const stale = 2 * expiry

// spread tells people what there is to tell until ctx ends: what was raised, and what came
// of it. It stands beside the starting, which waits for no mail server. What was told is on
// disk, so that a restart neither repeats nor forgets it.
func (s *Service) spread(ctx context.Context) {
	if s.tell == nil {
		return
	}
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
		open, err := s.tellAll(ctx)
		if open {
			next = time.Second // what a person does with it is told soon, too
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("people can't be told of an alarm; it is tried again", "err", err)
			next = 5 * time.Second
		}
		wait.Reset(next)
	}
}

// tellAll tells what there is to tell; open says that something waits for people.
func (s *Service) tellAll(ctx context.Context) (open bool, err error) {
	list, err := s.all.List(ctx, s.store, "")
	if err != nil {
		return false, err
	}
	var errs []error
	for _, p := range list {
		open = open || p.State == Open
		saying := p.Saying()
		if p.Told == saying || s.now().Sub(p.RaisedAt) > stale {
			continue
		}
		if err := s.tell(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("proposal %s: %w", p.ID, err))
			continue
		}
		if _, err := Change(ctx, s.store, p.ID, func(p *Proposal) error { p.Told = saying; return nil }); err != nil {
			errs = append(errs, err)
		}
	}
	return open, errors.Join(errs...)
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
