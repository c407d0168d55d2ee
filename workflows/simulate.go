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

// simulateAnswer lets a simulated person answer the safety check and come.
func (r *response) simulateAnswer(ctx workflow.Context, m *member) {
	s := r.plan.Scenario.Simulate
	if s == nil || slices.Contains(s.Silent, m.plan.ID) {
		return
	}
	workflow.GoNamed(r.work, "simulated "+m.plan.ID, func(ctx workflow.Context) {
		actor := run.Simulated(m.plan.ID)
		if workflow.Sleep(ctx, delay(*s, m.plan.ID, "answer")) != nil || r.ended {
			return
		}
		answer := CheckIn{Person: m.plan.ID, Safety: run.Safe, CanCome: !slices.Contains(s.Away, m.plan.ID)}
		if slices.Contains(s.Injured, m.plan.ID) {
			answer.Safety, answer.CanCome = run.Injured, false
		}
		if _, err := r.checkIn(ctx, answer, actor); err != nil || !answer.CanCome {
			return
		}
		if workflow.Sleep(ctx, delay(*s, m.plan.ID, "come")) != nil || r.ended {
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
