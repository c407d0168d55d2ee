package alarm

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Runs is what an alarm may do to runs. Its methods act as the source of the alarm, which
// the server makes sure of; they never approve or decide.
type Runs interface {
	// Start starts a proposal's run, or joins the one that is open.
	Start(ctx context.Context, p Proposal, reason string) (runID string, err error)
	// Drills are the drills that have not ended.
	Drills(ctx context.Context) ([]Drill, error)
	// Responses are the real responses that are open, and those that have ended since then. One that
	// was refused did nothing and is none.
	Responses(ctx context.Context, since time.Time) ([]Response, error)
	// Abort stops a drill.
	Abort(ctx context.Context, runID, source, reason string) error
	// Note enters what an alarm said in a run's record.
	Note(ctx context.Context, runID, source, message string, said run.AlarmSaid, text string) error
}

// Drill is an open drill.
type Drill struct {
	Run     string
	Systems []string
	// GoesOn: its scenario says that a real alarm does not stop it.
	GoesOn   bool
	Stopping bool
}

// Response is a real response.
type Response struct {
	Run      string
	Scenario string
	Systems  []string  // of one that has ended
	Ended    time.Time // zero while it is open
	Over     bool      // of an open one: it has recovered what it could, so that joining it would call nobody
}

// settling is for how long after a response no rule starts the next one for its systems by what
// monitoring says: of a target that comes and goes a person decides whether it is another event.
const settling = time.Hour

// Obstacle is an error of Start that tells what to do about it.
type Obstacle struct {
	Text plan.Text
	// Again: it may work later by itself.
	Again bool
}

func (o *Obstacle) Error() string { return o.Text.EN }

const (
	again  = 500 * time.Millisecond // how often a start that waits is looked at
	seldom = 30 * time.Second       // how often what may have run out is looked for
)

// Run carries out what rules ask for until ctx ends. Several servers may do so at once: a
// run starts once.
func (s *Service) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	for _, src := range s.sources {
		if src.waits() {
			beside.Go(func() { s.learn(ctx, src) })
		}
		if src.Feed != "" {
			beside.Go(func() { s.follow(ctx, src) })
		}
	}
	beside.Go(func() { s.spread(ctx) })
	s.unheard(ctx)
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kick:
		case <-wait.C:
		}
		next := seldom
		waits, err := s.carry(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("what alarms propose can't be carried out", "err", err)
			next = 5 * time.Second
		} else if waits {
			next = again
		}
		wait.Reset(next)
	}
}

// carry looks at every open proposal once; waits says that one could not be started yet.
func (s *Service) carry(ctx context.Context) (waits bool, err error) {
	list, err := s.all.List(ctx, s.store, Open)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, p := range list {
		if !p.Expires.After(s.now()) && !p.Due {
			errs = append(errs, s.expire(ctx, p))
			continue
		}
		if p.Natural && !p.Cleared {
			if err := s.stopDrills(ctx, p); err != nil {
				errs, waits = append(errs, err), true
				continue
			}
		}
		if p.Due {
			w, err := s.start(ctx, p)
			waits, errs = waits || w, append(errs, err)
		}
	}
	return waits, errors.Join(errs...)
}

func (s *Service) expire(ctx context.Context, p Proposal) error {
	p, err := Change(ctx, s.store, p.ID, func(p *Proposal) error {
		return p.Settle(Expired, run.Engine, "", plan.Say("nobody answered within %s", "%s 以内に対応がなかった", run.Duration(expiry)).Both(), s.now())
	})
	if errors.Is(err, ErrSettled) {
		return nil
	}
	if err == nil {
		s.log.Warn("a proposal of an alarm ran out; nobody started or dismissed it", "proposal", p.ID, "scenario", p.Scenario)
		s.tidings()
	}
	return err
}

// stopDrills makes way for what is real: people must not have to guess which of the two a
// message belongs to.
func (s *Service) stopDrills(ctx context.Context, p Proposal) error {
	drills, err := s.runs.Drills(ctx)
	if err != nil {
		return err
	}
	for _, d := range drills {
		if d.GoesOn || d.Stopping {
			continue
		}
		reason := plan.Text{EN: "a real alarm: " + p.Summary.EN, JA: "本番の警報：" + p.Summary.JA}
		if err := s.runs.Abort(ctx, d.Run, p.Source, reason.Both()); err != nil {
			return err
		}
		s.log.Warn("a real alarm stops a drill", "run", d.Run, "alarm", p.Source, "proposal", p.ID)
	}
	_, err = Change(ctx, s.store, p.ID, func(p *Proposal) error { p.Cleared = true; return nil })
	return err
}

// start starts a proposal whose rule asks for it.
func (s *Service) start(ctx context.Context, p Proposal) (waits bool, err error) {
	drills, err := s.runs.Drills(ctx)
	if err != nil {
		return true, err
	}
	if p.Kind == run.Response {
		for _, d := range drills {
			if !slices.ContainsFunc(p.Systems, func(name string) bool { return slices.Contains(d.Systems, name) }) {
				continue
			}
			if d.GoesOn || !p.Natural {
				// What a drill breaks on purpose must not start the real thing.
				return false, s.hold(ctx, p, false, plan.Say("drill %s is moving the same systems and may be the cause: a person decides", "訓練 %s が同じシステムを対象に実施中であり、原因の可能性がある。人の判断が必要", d.Run))
			}
			return true, s.hold(ctx, p, true, plan.Say("waiting until drill %s has put back what it changed", "訓練 %s の原状回復を待っている", d.Run))
		}
	}
	if why := s.unsettled(ctx, p); why != (plan.Text{}) {
		return false, s.hold(ctx, p, false, why)
	}
	reason := plan.Text{EN: p.Summary.EN + " (by rule " + p.Rule + ")", JA: p.Summary.JA + "（規則 " + p.Rule + "）"}
	id, err := s.runs.Start(ctx, p, reason.Both())
	if obstacle := new(Obstacle); errors.As(err, &obstacle) {
		return obstacle.Again, s.hold(ctx, p, obstacle.Again, obstacle.Text)
	}
	if err != nil {
		return true, err
	}
	p, err = Change(ctx, s.store, p.ID, func(p *Proposal) error {
		// Another server or a person may have been faster: the run is the same. Or its source
		// has withdrawn it this very moment: it runs all the same, and the proposal says so.
		p.State = Open
		if err := p.Settle(Started, run.Alarm(p.Source), "alarm "+p.Source, reason.Both(), s.now()); err != nil {
			return err
		}
		p.Run, p.Trouble = id, plan.Text{}
		return nil
	})
	if err == nil {
		s.log.Warn("an alarm has started a "+string(p.Kind), "run", id, "proposal", p.ID, "alarm", p.Source)
		s.tidings()
	}
	return false, err
}

// unsettled names the response of a moment ago that keeps a rule from starting the next one. What
// nature does is another event each time, in which people have to be called. An open response is joined; one that is over is of a
// moment ago.
// Nothing real waits for a look at what is past.
func (s *Service) unsettled(ctx context.Context, p Proposal) plan.Text {
	if p.Kind != run.Response || p.Natural {
		return plan.Text{}
	}
	responses, err := s.runs.Responses(ctx, s.now().Add(-settling))
	if err != nil {
		s.log.Warn("whether a response has just ended can't be told; what an alarm's rule asks for is started all the same", "proposal", p.ID, "scenario", p.Scenario, "err", err)
		return plan.Text{}
	}
	if i := slices.IndexFunc(responses, func(r Response) bool { return r.Ended.IsZero() && r.Scenario == p.Scenario }); i >= 0 {
		if !responses[i].Over {
			return plan.Text{}
		}
		return plan.Say("response %s has recovered what it could and has not ended: it may be the same event again, a person decides",
			"対応 %s は復旧を終え、まだ終了しておらず、同じ事象の再発の可能性がある。人の判断が必要", responses[i].Run)
	}
	for _, r := range responses {
		if r.Ended.IsZero() {
			continue
		}
		for _, system := range p.Systems {
			if slices.Contains(r.Systems, system) {
				return plan.Say("response %s was for %s and ended at %s, less than %s ago: it may be the same event again, a person decides",
					"対応 %s（%s）が %s に終了してから %s 経過しておらず、同じ事象の再発の可能性がある。人の判断が必要",
					r.Run, system, r.Ended.UTC().Format("2006-01-02 15:04 UTC"), run.Duration(settling))
			}
		}
	}
	return plan.Text{}
}

// hold says what keeps a proposal from starting; without due, a person has to act.
func (s *Service) hold(ctx context.Context, p Proposal, due bool, why plan.Text) error {
	if p.Trouble == why && p.Due == due {
		return nil
	}
	p, err := Change(ctx, s.store, p.ID, func(p *Proposal) error {
		if p.State != Open {
			return ErrSettled
		}
		p.Due, p.Trouble = due, why
		return nil
	})
	if errors.Is(err, ErrSettled) {
		return nil
	}
	if err == nil {
		s.log.Warn("what an alarm's rule asks for can't start", "proposal", p.ID, "scenario", p.Scenario, "reason", why.EN, "until", due)
		s.tidings()
	}
	return err
}
