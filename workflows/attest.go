package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// statement finds what may be stated of a system's function.
func (r *response) statement(system, function string) (plan.Statement, error) {
	for _, s := range r.systems {
		if s.plan.Name != system {
			continue
		}
		for _, st := range s.plan.Statements {
			if st.Function == function {
				return st, nil
			}
		}
		return plan.Statement{}, refuse("%q is no function of %s that people state; what a probe sees is not stated", "%[1]q は、%[2]s の機能のうち人が申告するものではありません。プローブが監視する機能は申告の対象外です", function, system)
	}
	return plan.Statement{}, refuse("%q is not a system of this run", "%q はこの実施の対象システムではありません", system)
}

func (r *response) mayAttest(a Attest) error {
	if err := r.mayAct(a.By, plan.MayReport); err != nil {
		return err
	}
	st, err := r.statement(a.System, a.Function)
	if err != nil {
		return err
	}
	switch {
	case !mayFill(r.plan.Estate, a.By, st.Role):
		return refuse("function %s of %s is stated by the role %s, which %s does not hold", "%[2]s の機能 %[1]s を申告するのは役割 %[3]s です。%[4]s はその役割を担っていません", a.Function, a.System, st.Role, a.By)
	case a.Level < 0 || a.Level > 100:
		return refuse("a level of %d is not within 0 and 100 percent of normal service", "稼働程度は平常時に対する割合（0〜100）で指定してください（%d は不可）", a.Level)
	case a.Reason == "":
		return refuse("a reason is needed: what the statement rests on stands in the report beside it", "申告の根拠を記入してください（報告書に併記されます）")
	}
	return nil
}

func (r *response) onAttest(ctx workflow.Context, a Attest) (Done, error) {
	for _, s := range r.systems {
		if s.plan.Name == a.System {
			s.stated[a.Function] = true
		}
	}
	return r.log.record(ctx, run.Event{Kind: run.StatementMade, Phase: r.phase, System: a.System, By: a.By, Via: a.Via, Reason: a.Reason,
		Data: run.Encode(run.Stated{Function: a.Function, Level: a.Level})})
}

// untilStated asks those who can tell for their word on what no probe sees, and waits
// for it as long as for any task of people. Nobody is simulated here: a made-up word
// would be made-up evidence.
func (r *response) untilStated(ctx workflow.Context, systems []*system) {
	open := func() bool {
		for _, s := range systems {
			for _, st := range s.plan.Statements {
				if !s.stated[st.Function] {
					return true
				}
			}
		}
		return false
	}
	if !open() || r.plan.Scenario.Simulate != nil {
		return
	}
	for _, s := range systems {
		for _, st := range s.plan.Statements {
			if s.stated[st.Function] {
				continue
			}
			r.tell(ctx, r.holders([]string{st.Role}),
				fmt.Sprintf("No probe sees %s of %s. State how much of it is there: muster attest %s %s --level PERCENT --reason WHY", st.Title.In("en"), s.plan.Title.In("en"), s.plan.Name, st.Function),
				fmt.Sprintf("%sの「%s」は自動では確認できません。稼働程度を申告してください：muster attest %s %s --level PERCENT --reason WHY", s.plan.Title.In("ja"), st.Title.In("ja"), s.plan.Name, st.Function))
		}
	}
	_, _ = workflow.AwaitWithTimeout(ctx, r.plan.Scenario.Safety.Task.Std(), func() bool { return !open() || r.abort != nil })
}
