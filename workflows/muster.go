package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// muster waits until enough people of each role are present, at a place or online. If
// they are not in time, the response goes on with those who are there and a finding
// says so (B-STP-02, B-STP-04).
func (r *response) muster(ctx workflow.Context) (run.Outcome, string) {
	if len(r.plan.Scenario.Quorum) == 0 {
		return run.Passed, both("no quorum is asked for", "必要人数の定めがない")
	}
	r.catchUp(ctx)
	over := false
	defer func() { over = true }()
	r.remindBeside(ctx, func() bool { return over })
	complete, _ := workflow.AwaitWithTimeout(ctx, r.plan.Scenario.Safety.Muster.Std(), r.quorum)
	if !complete && ctx.Err() == nil {
		r.catchUp(ctx)
		complete = r.hears && r.quorum()
	}
	if ctx.Err() != nil { // an abort: nobody is to come any more
		return run.Skipped, textAborted
	}
	strength := run.Quorum{Need: map[string]int{}, Present: map[string]int{}}
	for _, q := range r.plan.Scenario.Quorum {
		strength.Need[q.Role], strength.Present[q.Role] = q.Count, r.present(q.Role)
	}
	e := run.Event{Kind: run.QuorumReached, Phase: run.Muster, By: run.Engine, Data: run.Encode(strength)}
	if !complete {
		e.Kind = run.QuorumMissed
		if r.hears {
			return r.reduced(ctx, e, strength)
		}
		r.log.add(ctx, e)
		return run.Failed, both("the quorum was not reached in time; going on with those present", "時間内に必要人数に達しなかったため、参集済みの要員で続行")
	}
	r.log.add(ctx, e)
	return run.Passed, ""
}

// reduced is the way on with too few: it says which roles are short, and who leads on.
func (r *response) reduced(ctx workflow.Context, e run.Event, strength run.Quorum) (run.Outcome, string) {
	var short []string
	for _, q := range r.plan.Scenario.Quorum {
		if n := r.present(q.Role); n < q.Count {
			short = append(short, fmt.Sprintf("%s %d/%d", q.Role, n, q.Count))
		}
	}
	leads := plan.Text{EN: "nobody who may decide is there", JA: "決定できる者が参集していない"}
	if m := r.decider(); m != nil {
		strength.Decider = m.plan.ID
		name := personNamed(m.plan)
		leads = plan.Text{EN: name.In("en") + " leads on with those present", JA: name.In("ja") + "が参集済みの要員で続行を指揮"}
	}
	e.Data = run.Encode(strength)
	e.Reason = both("short: %s; %s", "不足：%s。%s", strings.Join(short, ", "), leads)
	r.log.add(ctx, e)
	var called []string
	for _, m := range r.people {
		if m.called && r.isKey(m.plan.Roles) {
			called = append(called, m.plan.ID)
		}
	}
	if strength.Decider != "" && !slices.Contains(called, strength.Decider) { // who leads on as a deputy has no such role
		called = append(called, strength.Decider)
	}
	r.tell(ctx, called, fmt.Sprintf("Too few are there (%s). %s. Who is on the way still comes.", strings.Join(short, ", "), leads.EN),
		fmt.Sprintf("参集必要人数に達していません（%s）。%s。移動中の方は引き続き参集してください。", strings.Join(short, "、"), leads.JA))
	return run.Failed, both("the quorum was not reached in time (%s); %s", "時間内に必要人数に達しなかった（%s）。%s", strings.Join(short, ", "), leads)
}

// decider is the highest who is there: who decides, then a deputy of theirs, then who leads.
func (r *response) decider() *member {
	for _, role := range []string{r.plan.Scenario.Decision.By, r.plan.Scenario.Lead} {
		if role == "" {
			continue
		}
		var deputy *member
		for _, m := range r.people {
			if !m.there() || !m.answer.Safety.Fit() {
				continue
			}
			ok, stands := r.holds(m.plan.ID, role)
			if ok && !stands {
				return m
			}
			if ok && deputy == nil {
				deputy = m
			}
		}
		if deputy != nil {
			return deputy
		}
	}
	return nil
}

// quorum reports whether every role is strong enough.
func (r *response) quorum() bool {
	for _, q := range r.plan.Scenario.Quorum {
		if r.present(q.Role) < q.Count {
			return false
		}
	}
	return true
}

// replaced reports whether whoever stands in for somebody counts in their place: they are not there, have left, or are
// there and hurt.
func (r *response) replaced(m *member) bool {
	return !m.there() || r.unfitReplaced && !m.answer.Safety.Fit()
}

// present counts those who arrived, can act and hold the role, or stand in for somebody who
// does and is not there, or is there and hurt.
func (r *response) present(role string) int {
	n := 0
	for _, m := range r.people {
		if !m.there() || !m.answer.Safety.Fit() {
			continue
		}
		stands := slices.Contains(m.plan.Roles, role)
		for _, id := range m.standsIn {
			if who := r.member(id); who != nil && r.replaced(who) && slices.Contains(who.plan.Roles, role) {
				stands = true
			}
		}
		if stands {
			n++
		}
	}
	return n
}
