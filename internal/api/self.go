package api

import (
	"context"
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// besideSelf is what keeps a drill of muster's own parts from beginning beside others, and others beside
// it: it kills what carries them. Nothing keeps a response from beginning. A run of the same scenario is joined.
func (s *Server) besideSelf(ctx context.Context, p plan.Plan, kind run.Kind) (plan.Text, string, error) {
	if kind != run.Drill || !p.Scenario.Depth.Allows(run.Observe) {
		return plan.Text{}, "", nil
	}
	own := p.StrikesItself()
	open, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return plan.Text{}, "", err
	}
	for _, r := range open {
		switch {
		case own && r.Kind == run.Response:
			return plan.Say("a real response is under way, %s, and this drill kills what carries it: hold it afterwards",
				"本番対応 %s が進行中です。この訓練はそれを支える muster 自身を停止させるため、終了後に実施してください", r.Run), r.Run, nil
		case r.Kind != run.Drill || r.Scenario == p.Scenario.Name:
		case own:
			return plan.Say("drill %s is under way, and this one kills what carries it: hold it afterwards",
				"訓練 %s が進行中です。この訓練はそれを支える muster 自身を停止させるため、終了後に実施してください", r.Run), r.Run, nil
		default:
			other, err := s.planOf(ctx, r.PlanHash)
			if err != nil {
				return plan.Text{}, "", err
			}
			if other.StrikesItself() {
				return plan.Say("drill %s is killing parts of muster itself, whose absence would be in the figures of this one: hold it afterwards",
					"muster 自身の訓練 %s が進行中です。その停止がこの訓練の実績値に混ざるため、終了後に実施してください", r.Run), r.Run, nil
			}
		}
	}
	return plan.Text{}, "", nil
}

// planOf is a plan of the record; the zero plan when the record has none of that hash.
func (s *Server) planOf(ctx context.Context, hash string) (plan.Plan, error) {
	if p, ok := s.recent.get(hash); ok {
		return p, nil
	}
	p, err := s.Store.Plan(ctx, hash)
	if errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return p, err
}

// giveWayEvery is how often a server looks whether a drill of muster itself has to give way.
const giveWayEvery = 5 * time.Second

// GiveWay stops the drills of muster itself as soon as a real response is under way, until ctx ends. It
// looks when this server has begun one, and again and again, since such a drill may kill the server that
// has just taken the response.
func (s *Server) GiveWay(ctx context.Context) {
	tick := time.NewTicker(giveWayEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.mayYield:
		case <-tick.C:
		}
		if err := s.giveWay(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("whether a drill of muster itself has to give way is not known, or it can't be stopped; it is looked at again", "err", err)
		}
	}
}

func (s *Server) giveWay(ctx context.Context) error {
	open, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return err
	}
	response := ""
	for _, r := range open {
		if r.Kind == run.Response {
			response = r.Run
		}
	}
	if response == "" {
		return nil
	}
	var errs []error
	for _, r := range open {
		if r.Kind != run.Drill {
			continue
		}
		p, err := s.planOf(ctx, r.PlanHash)
		if err == nil && p.StrikesItself() {
			err = s.stopSelf(ctx, r.Run, response)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stopSelf aborts a drill of muster itself; what it killed is started again by its undo.
func (s *Server) stopSelf(ctx context.Context, id, response string) error {
	_, err := s.sendAs(ctx, id, workflows.UpdateAbort, updateID(workflows.UpdateAbort, "gives-way", []byte(response)), workflows.Control{By: run.Engine,
		Reason: plan.Say("the real response %s has begun, and this drill kills what carries it", "本番対応 %s が始まり、この訓練はそれを支える muster 自身を停止させるため", response).Both()})
	if _, refused := workflows.Refused(err); refused {
		return nil // it is being aborted, or has ended
	}
	return err
}
