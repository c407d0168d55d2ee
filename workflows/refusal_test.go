package workflows_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (w *world) refuse(a workflows.Refuse, refused *error) {
	w.update(theRun, workflows.UpdateRefuse, a, refused)
}

func (w *world) yes(a workflows.Approve, refused *error) {
	w.update(theRun, workflows.UpdateApprove, a, refused)
}

// A refused recovery waits for as long as it takes: not one step begins, who asked and who
// decided are named in the record, and only a yes that knows of the no lets it go on.
func TestARefusedRecoveryWaitsForAKnowingYes(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) {
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "mori", Roles: []string{"operator"}})
	})
	var silent, stranger, starter, twice, stale, unknowing error
	var first, second int64
	asked := 0
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(e run.Event) {
		if asked++; asked > 1 {
			return
		}
		first = e.Seq
		w.refuse(workflows.Refuse{By: "yamada"}, &silent)
		w.refuse(workflows.Refuse{By: "nobody", Reason: "no"}, &stranger)
		w.refuse(workflows.Refuse{By: "tanaka", Reason: "no"}, &starter)
		w.refuse(workflows.Refuse{By: "yamada", Reason: "Osaka is flooded", Asked: first}, nil)
		w.refuse(workflows.Refuse{By: "yamada", Reason: "Osaka is flooded"}, &twice)
		w.yes(workflows.Approve{By: "mori", Asked: first}, &stale)
		w.yes(workflows.Approve{By: "mori"}, &unknowing)
		w.env.RegisterDelayedCallback(func() {
			if n := len(w.find(run.StepStarted)); n != 0 {
				t.Errorf("%d steps began after a no", n)
			}
			x := awaited(w.overview(in.Plan))
			if second = x.Asked; second == first || second == 0 {
				t.Errorf("it is asked for under the number %d, as before the no", second)
			}
			if x.RefusedBy != "yamada" {
				t.Errorf("it is asked anew after a no of %q", x.RefusedBy)
			}
			if !said(refusedAs(x.Text), "yamada refused it: Osaka is flooded") || !said(refusedAs(x.Text), "却下") {
				t.Errorf("what waits does not say that it was refused: %q", x.Text)
			}
			w.yes(workflows.Approve{By: "mori", Asked: second}, nil)
		}, 8*time.Hour)
	})
	w.run(in)
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"without a reason": {silent, "a reason is needed"}, "a stranger": {stranger, "nobody called"}, "who asked": {starter, "can't approve it"},
		"twice": {twice, "has refused this already"}, "an approval of before": {stale, "yamada refused this meanwhile: Osaka is flooded"},
		"an approval that does not know": {unknowing, "say that you know: --asked"},
	} {
		if !said(c.err, c.says) {
			t.Errorf("%s: %v, want %q", name, c.err, c.says)
		}
	}
	var no run.Objection
	if e := w.find(run.ApprovalRefused); len(e) != 1 || e[0].By != "yamada" || e[0].Reason != "Osaka is flooded" || e[0].Decode(&no) != nil ||
		no.Asked != first || len(no.To) != 2 || no.To[0] != "sato" || no.To[1] != "tanaka" {
		t.Errorf("refused: %+v %+v", e, no)
	}
	if e := w.find(run.ApprovalGiven); len(e) != 1 || e[0].By != "mori" {
		t.Errorf("approved: %+v", e)
	}
	if w.state() != run.RecoveredAtAlternate {
		t.Errorf("state = %s", w.state())
	}
}

type refusedAs string

func (s refusedAs) Error() string { return string(s) }

// The way out of a no is a revised decision, too.
func TestARefusedRecoveryIsRevised(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	asked := 0
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		if asked++; asked == 1 {
			w.refuse(workflows.Refuse{By: "yamada", Reason: "it was a false alarm"}, nil)
		}
	})
	w.on(run.ApprovalRefused, run.RecoveryDecision, func(run.Event) {
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.StandDown, Reason: "yamada is right"}, nil)
	})
	w.run(in)
	if n := len(w.find(run.StepIntended)) + len(w.acts); n != 0 {
		t.Errorf("%d steps with an effect began: %v", n, w.acts)
	}
	if n := len(w.find(run.ApprovalRefused)); n != 1 {
		t.Errorf("refused %d times", n)
	}
}

// A drill goes on when nobody answers, but not over a no; and its simulated people, who would
// say yes a moment later, do not.
func TestADrillDoesNotGoOnOverANo(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Approvals = 1
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "yamada", Roles: []string{"operator", "commander"}})
	})
	asked := 0
	w.onEvent = wrapped(w.onEvent, func(e run.Event) {
		if e.Kind != run.ApprovalAsked {
			return
		}
		if asked++; asked > 1 {
			return
		}
		w.env.RegisterDelayedCallback(func() { w.refuse(workflows.Refuse{By: "yamada", Reason: "not on a Friday"}, nil) }, 0)
		w.env.RegisterDelayedCallback(func() {
			if n := len(w.find(run.RecoveryOrdered)); n != 0 {
				t.Errorf("%d recoveries were ordered over a no", n)
			}
			w.yes(workflows.Approve{By: "yamada", Asked: awaited(w.overview(in.Plan)).Asked}, nil)
		}, 30*time.Hour)
	})
	w.run(in)
	if e := w.find(run.ApprovalGiven); len(e) != 1 || e[0].By != "yamada" {
		t.Errorf("approved: %+v", e)
	}
	if len(w.find(run.RecoveryOrdered)) != 1 {
		t.Error("the yes after the no did not let it go on")
	}
}

// The activation is refused as it is confirmed; approving the recovery does not confirm it
// over that no.
func TestARefusedActivationWaits(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	var over, stale error
	var first int64
	asked := 0
	w.on(run.ActivationAsked, run.Activation, func(e run.Event) {
		if asked++; asked == 1 {
			first = e.Seq
			w.refuse(workflows.Refuse{For: workflows.ApproveActivation, By: "yamada", Reason: "nothing has happened"}, nil)
		}
	})
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		w.yes(workflows.Approve{By: "yamada"}, &over)
		w.yes(workflows.Approve{For: workflows.ApproveActivation, By: "sato", Asked: first}, &stale)
		for _, x := range w.overview(in.Plan).Waiting {
			if x.For == progress.AwaitActivation {
				w.yes(workflows.Approve{For: workflows.ApproveActivation, By: "sato", Asked: x.Asked}, nil)
			}
		}
		w.yes(workflows.Approve{By: "yamada"}, nil)
	})
	w.run(in)
	if !said(over, "refused the activation itself: nothing has happened") || !said(stale, "refused this meanwhile") {
		t.Errorf("over a no: %v; of before: %v", over, stale)
	}
	if e := w.find(run.ActivationConfirmed); len(e) != 1 || e[0].By != "sato" {
		t.Errorf("confirmed: %+v", e)
	}
	if w.state() != run.RecoveredAtAlternate {
		t.Errorf("state = %s", w.state())
	}
}

// The return home is refused, and whoever decided keeps the system where it is.
func TestARefusedReturnStays(t *testing.T) {
	w := newWorld(t)
	in := returning(t, w)
	asked := 0
	w.on(run.ApprovalAsked, run.Failback, func(run.Event) {
		if asked++; asked == 1 {
			w.refuse(workflows.Refuse{By: "yamada", Reason: "the line is cut"}, nil)
		}
	})
	w.on(run.ApprovalRefused, run.Failback, func(run.Event) {
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.Stay, Reason: "when the line is back"}, nil)
	})
	w.run(in)
	if w.state() != run.RecoveredAtAlternate || len(w.find(run.ApprovalRefused)) != 1 {
		t.Errorf("state = %s, refused %d times", w.state(), len(w.find(run.ApprovalRefused)))
	}
}

// What somebody asked to force and another refused waits as before; a click on the request of
// before neither confirms it nor becomes a request of one's own.
func TestARefusedForceWaits(t *testing.T) {
	w := newWorld(t)
	in := failing(t, w, nil)
	var own, silent, stale, again, nothing error
	by := func(who string, act run.Act, reason string, asked int64, refused *error) {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: who, Act: act, Reason: reason, Asked: asked}, refused)
	}
	w.atEvent(run.StepWaiting, "promote", func() {
		by("yamada", run.ActRefuse, "no", 0, &nothing)
		by("sato", run.ActSkip, "promoted by hand", 0, nil)
	})
	w.atEvent(run.ForceAsked, "promote", func() {
		first := w.find(run.ForceAsked)[0].Seq
		by("sato", run.ActRefuse, "no", first, &own)
		by("yamada", run.ActRefuse, "", first, &silent)
		by("yamada", run.ActRefuse, "it is not promoted", first, nil)
		by("yamada", run.ActSkip, "I saw it", first, &stale)
		by("yamada", run.ActRefuse, "it is not promoted", 0, &again)
		w.env.RegisterDelayedCallback(func() {
			if len(w.find(run.StepActed)) != 0 || w.step("promote").Kind != "" {
				t.Error("the step went on over a no")
			}
			for _, x := range w.overview(in.Plan).Waiting {
				if x.Step == "promote" && x.Forced != nil {
					t.Errorf("it is still asked to be forced: %+v", x.Forced)
				}
			}
			w.promotedByHand()
			by("sato", run.ActSkip, "now it is", 0, nil)
			by("yamada", run.ActSkip, "I saw it", 0, nil)
		}, 3*time.Hour)
	})
	w.run(in)
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"nobody asked": {nothing, "nobody has asked to force"}, "who asked": {own, "another person confirms or refuses it"}, "without a reason": {silent, "a reason is needed"},
		"a confirmation of before": {stale, "yamada refused to have step promote forced: it is not promoted"}, "twice": {again, "has refused it already"},
	} {
		if !said(c.err, c.says) {
			t.Errorf("%s: %v, want %q", name, c.err, c.says)
		}
	}
	var no run.Objection
	if e := w.find(run.ForceRefused); len(e) != 1 || e[0].By != "yamada" || e[0].Decode(&no) != nil || no.Act != run.ActSkip || len(no.To) != 1 || no.To[0] != "sato" {
		t.Errorf("refused: %+v %+v", e, no)
	}
	if e := w.step("promote"); e.Outcome != run.Skipped {
		t.Errorf("promote ended %s", e.Outcome)
	}
}

// Whoever still has what a step waited for before on their page does not answer what it waits for now.
func TestAnAnswerIsToWhatTheStepWaitsFor(t *testing.T) {
	w := newWorld(t)
	in := failing(t, w, nil)
	w.faults["world.promote"] = append(w.faults["world.promote"], w.faults["world.promote"]...)
	var stale error
	retry := func(wait int64, refused *error) {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActRetry, Wait: wait}, refused)
	}
	waits := func() (seqs []int64) {
		for _, e := range w.find(run.StepWaiting) {
			if e.Step == "promote" {
				seqs = append(seqs, e.Seq)
			}
		}
		return seqs
	}
	w.atEvent(run.StepWaiting, "promote", func() {
		first := waits()[0]
		retry(first, nil)
		w.env.RegisterDelayedCallback(func() {
			now := waits()
			if len(now) != 2 {
				t.Errorf("it waited %d times", len(now))
				return
			}
			retry(first, &stale)
			retry(now[1], nil)
		}, 3*time.Hour)
	})
	w.run(in)
	if !said(stale, "out of date: by now it has failed") || !said(stale, "その後失敗しました。") {
		t.Errorf("an answer to the first failure: %v", stale)
	}
	if e := w.step("promote"); e.Outcome != run.Passed {
		t.Errorf("promote ended %s", e.Outcome)
	}
}
