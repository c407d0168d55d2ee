package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/mock"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Whoever issued somebody's token is not a second person by it, also after that somebody took a
// token of their own with it: whatever came before, and in either direction.
func TestATokenIssuedByTheFirstPersonIsNoSecondPerson(t *testing.T) {
	approve := func(issuers ...string) workflows.Approve {
		return workflows.Approve{By: "yamada", Issuers: issuers}
	}
	cases := map[string]struct {
		change func(*workflows.Input)
		kind   run.EventKind
		act    workflows.Approve
		want   string
	}{
		"the activation, by the starter":     {nil, run.ActivationAsked, approve("mori", "tanaka"), "was issued by tanaka"},
		"the recovery, by the starter":       {nil, run.ApprovalAsked, approve("tanaka"), "was issued by tanaka"},
		"the recovery, by who decided":       {nil, run.ApprovalAsked, approve("sato"), "was issued by sato"},
		"the starter's, by who confirms":     {func(in *workflows.Input) { in.Issuers = []string{"yamada"} }, run.ActivationAsked, approve(), "came with a token that yamada issued"},
		"alone under the name of another":    {nil, run.ApprovalAsked, workflows.Approve{By: "yamada", Issuers: []string{"tanaka"}, BreakGlass: true, Reason: "alone"}, "under one's own name"},
		"the activation alone as another":    {nil, run.ActivationAsked, workflows.Approve{By: "yamada", Issuers: []string{"tanaka"}, BreakGlass: true, Reason: "alone"}, "under one's own name"},
		"by somebody who had no part is fit": {nil, run.ApprovalAsked, approve("mori"), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := real(t, w, nil)
			if c.change != nil {
				c.change(&in)
			}
			var got error
			w.on(run.ActivationAsked, run.Activation, func(run.Event) {
				if c.kind == run.ActivationAsked {
					w.update(theRun, workflows.UpdateApprove, c.act, &got)
				}
			})
			w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
				if c.kind == run.ApprovalAsked {
					w.update(theRun, workflows.UpdateApprove, c.act, &got)
				}
				if c.want != "" {
					w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", BreakGlass: true, Reason: "to go on"}, nil)
				}
			})
			w.run(in)
			if c.want == "" && got != nil || c.want != "" && !said(got, c.want) {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

// The second of two approvals does not come by a token of the first's.
func TestTwoApprovalsAreTwoHands(t *testing.T) {
	w := newWorld(t)
	in := byAlarm(t, w)
	var same error
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		w.approve("yamada", nil)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "sato", Issuers: []string{"yamada"}}, &same)
		w.approve("sato", nil)
	})
	w.run(in)
	if !said(same, "was issued by yamada") {
		t.Errorf("one person moved production: %v", same)
	}
}

func TestAStepIsNotForcedByATokenOfWhoAsked(t *testing.T) {
	w := newWorld(t)
	in := failing(t, w, nil)
	w.env.OnSignalExternalWorkflow(mock.Anything, in.RunID, "", "glass", mock.Anything).Return(func(_, _, _, name string, arg any) error {
		w.env.SignalWorkflow(name, arg)
		return nil
	})
	var same, alone error
	step := workflows.Step{Step: "promote", By: "yamada", Act: run.ActSkip, Reason: "by hand", Issuers: []string{"sato"}}
	w.atEvent(run.StepWaiting, "promote", func() {
		w.promotedByHand()
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActSkip, Reason: "by hand"}, nil)
	})
	w.atEvent(run.ForceAsked, "promote", func() {
		w.update(theRunbook, workflows.UpdateStep, step, &same)
		step.BreakGlass = true
		w.update(theRunbook, workflows.UpdateStep, step, &alone)
		step.Issuers = []string{"mori"}
		w.update(theRunbook, workflows.UpdateStep, step, nil)
	})
	w.run(in)
	if !said(same, "was issued by sato") || !said(alone, "under one's own name") {
		t.Errorf("with the token of who asked: %v; alone: %v", same, alone)
	}
	// Who else could be it is told with the name.
	if got := w.told("moriが発行したトークンによる操作"); len(got) != 1 {
		t.Errorf("told: %v", w.told("ブレークグラス"))
	}
}

// A count of who is there is not confirmed by a token of who counted.
func TestAStrengthIsNotConfirmedByATokenOfWhoReported(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		w.update(theRun, workflows.UpdateStrength, workflows.Strength{By: "sato"}, nil)
		w.update(theRun, workflows.UpdateStrength, workflows.Strength{By: "yamada", Issuers: []string{"sato"}}, nil)
		w.approve("yamada", nil)
	})
	w.run(in)
	if a, b := len(w.find(run.StrengthReported)), len(w.find(run.StrengthConfirmed)); a != 2 || b != 0 {
		t.Errorf("reported %d times, confirmed %d", a, b)
	}
}

// Who hands out the keys may go on alone under their own name, and everybody is told that they do.
func TestBreakGlassOfAnAdministratorSaysSo(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) {
		p.Estate.Grants = []plan.Grant{
			{Role: "operator", May: []plan.Permission{plan.MayStart, plan.MayReport, plan.MayAdmin, plan.MayOperate}},
			{Role: "commander", May: []plan.Permission{plan.MayDecide, plan.MayReport, plan.MayApprove, plan.MayControl}},
		}
	})
	var plain error
	w.atEvent(run.ApprovalAsked, "", func() {
		w.approve("yamada", &plain)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", BreakGlass: true, Reason: "nobody answers"}, nil)
	})
	w.run(in)
	if !said(plain, "administers rights") {
		t.Errorf("an administrator approved: %v", plain)
	}
	if got := w.told("yamada (who administers rights) used break-glass"); len(got) == 0 {
		if got = w.told("yamada（権限の管理者）が緊急権限"); len(got) == 0 {
			t.Errorf("told: %v", w.told("ブレークグラス"))
		}
	}
}
