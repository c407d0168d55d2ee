package workflows

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// In a scenario with simulated people the engine answers for them, through the same
// functions as the updates, under the actor "simulated:PERSON": the machine's part can
// then be rehearsed alone, and the report keeps the two apart (requirement B-CLK-08).

// delay is how long a simulated person takes. It is derived from the person and the
// matter, so that a replay sees the same.
func delay(s plan.Simulate, person, matter string) time.Duration {
	if s.Spread <= 0 {
		return s.After.Std()
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(person + "\x00" + matter))
	return s.After.Std() + time.Duration(h.Sum64()%uint64(s.Spread))
}

// crowd is the simulated people, who answer and come each in their own time. One timer
// wakes whoever is due: a timer for each of 5,000 people was more than the embedded engine
// can store at once, and more events than a history may have.
type crowd struct {
	due   []reaction
	grown int // how often something was added
}

// reaction is what a simulated person does at a time.
type reaction struct {
	at time.Time
	do func(workflow.Context)
}

// waves is how many times the crowd is woken at most while people answer one call.
const waves = 200

// add has the person react after the delay for the matter.
func (c *crowd) add(ctx workflow.Context, s plan.Simulate, person, matter string, do func(workflow.Context)) {
	at := workflow.Now(ctx).Add(delay(s, person, matter))
	if wave := s.Spread.Std() / waves; wave > 0 {
		at = at.Truncate(wave).Add(wave)
	}
	i, _ := slices.BinarySearchFunc(c.due, at, func(r reaction, at time.Time) int {
		if r.at.After(at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	c.due = slices.Insert(c.due, i, reaction{at, do})
	c.grown++
}

// live wakes the crowd until the run needs it no more.
func (c *crowd) live(ctx workflow.Context) {
	for ctx.Err() == nil {
		if len(c.due) == 0 {
			if workflow.Await(ctx, func() bool { return len(c.due) > 0 }) != nil {
				return
			}
		}
		grown, next := c.grown, c.due[0].at
		if wait := next.Sub(workflow.Now(ctx)); wait > 0 {
			if _, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return c.grown != grown && c.due[0].at.Before(next) }); err != nil {
				return
			}
		}
		for len(c.due) > 0 && !c.due[0].at.After(workflow.Now(ctx)) {
			do := c.due[0].do
			c.due = c.due[1:]
			workflow.Go(ctx, do)
		}
	}
}

// simulateAnswer lets a simulated person answer the safety check and come.
func (r *response) simulateAnswer(ctx workflow.Context, m *member) {
	s := r.plan.Scenario.Simulate
	if s == nil || slices.Contains(s.Silent, m.plan.ID) {
		return
	}
	actor := run.Simulated(m.plan.ID)
	answer := CheckIn{Person: m.plan.ID, Safety: run.Safe, CanCome: !slices.Contains(s.Away, m.plan.ID)}
	if slices.Contains(s.Injured, m.plan.ID) {
		answer.Safety, answer.CanCome = run.Injured, false
	}
	if r.crowd == nil && workflow.GetVersion(ctx, changeCrowd, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		r.crowd = &crowd{}
		workflow.GoNamed(r.work, "simulated people", r.crowd.live)
	}
	if r.crowd == nil {
		r.answerAlone(*s, m, answer, actor)
		return
	}
	r.crowd.add(ctx, *s, m.plan.ID, "answer", func(ctx workflow.Context) {
		if r.ended {
			return
		}
		if _, err := r.checkIn(ctx, answer, actor); err != nil || !answer.CanCome {
			return
		}
		r.crowd.add(ctx, *s, m.plan.ID, "come", func(ctx workflow.Context) {
			if !r.ended {
				_, _ = r.arrive(ctx, Arrive{Person: m.plan.ID}, actor)
			}
		})
	})
}

// answerAlone is simulateAnswer in runs that began before there was a crowd.
func (r *response) answerAlone(s plan.Simulate, m *member, answer CheckIn, actor string) {
	workflow.GoNamed(r.work, "simulated "+m.plan.ID, func(ctx workflow.Context) {
		if workflow.Sleep(ctx, delay(s, m.plan.ID, "answer")) != nil || r.ended {
			return
		}
		if _, err := r.checkIn(ctx, answer, actor); err != nil || !answer.CanCome {
			return
		}
		if workflow.Sleep(ctx, delay(s, m.plan.ID, "come")) != nil || r.ended {
			return
		}
		_, _ = r.arrive(ctx, Arrive{Person: m.plan.ID}, actor)
	})
}

// simulateAct lets a simulated holder of a role do something after the delay. An empty
// role is anybody who is there.
func (r *response) simulateAct(ctx workflow.Context, role, matter string, act func(ctx workflow.Context, m *member)) {
	s := r.plan.Scenario.Simulate
	if s == nil {
		return
	}
	workflow.GoNamed(ctx, "simulated "+matter, func(ctx workflow.Context) {
		var m *member
		if err := workflow.Await(ctx, func() bool { m = r.somebodyIn(role); return m != nil || r.ended }); err != nil || r.ended {
			return
		}
		if workflow.Sleep(ctx, delay(*s, m.plan.ID, matter)) != nil || r.ended {
			return
		}
		act(ctx, m)
	})
}

// simulateConfirm lets somebody simulated confirm a phase.
func (r *response) simulateConfirm(ctx workflow.Context, p run.Phase, note string) {
	r.simulateAct(ctx, "", fmt.Sprint("confirm ", p), func(ctx workflow.Context, m *member) {
		_, _ = r.confirm(ctx, Confirm{Phase: p, Note: note}, run.Simulated(m.plan.ID))
	})
}
