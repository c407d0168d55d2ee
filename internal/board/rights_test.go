package board_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Where the estate grants rights by role, a page offers what is granted and nothing else.
func TestButtonsFollowGrantedRights(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.grant(plan.Grant{Role: "commander", May: []plan.Permission{plan.MayDecide, plan.MayControl}}, plan.Grant{Role: "operator", May: []plan.Permission{plan.MayReport}},
		plan.Grant{Role: "secretariat", May: []plan.Permission{plan.MayPeople}})
	w.record(drill, run.Drill)
	for who, sees := range map[string]map[string]bool{
		personID(0): {"/act/decide": true, "/act/confirm": false, "/control": true, "silent": false},
		personID(6): {"/act/decide": false, "/act/step": false, "/act/confirm": true, "/control": false, "silent": false},
		personID(1): {"/act/decide": false, "/act/confirm": false, "/control": false, "silent": true},
	} {
		b := w.browser(who)
		_, page := b.get("/runs/" + drill)
		_, people := b.get("/runs/" + drill + "/people?only=silent")
		for what, want := range sees {
			got := strings.Contains(page, what+`"`)
			if what == "silent" {
				got = strings.Contains(people, "Kobayashi Ichiro")
			}
			if got != want {
				t.Errorf("%s is offered %s: %v, want %v", who, what, got, want)
			}
		}
	}
}

// In a real response whoever asked for the recovery is not among those who approve it; they
// alone are offered the way round, which a drill has not.
func TestBreakGlassIsOfferedToWhoeverAsked(t *testing.T) {
	for kind, offered := range map[run.Kind]bool{run.Response: true, run.Drill: false} {
		w := newWorld(t, begun.Add(18*time.Minute))
		w.record(drill, kind)
		w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.ApprovalAsked, By: run.Engine, Phase: run.RecoveryDecision, Reason: "again: the decision was revised"})
		for who, want := range map[string]bool{personID(1): offered, personID(30): false} { // who asked; staff
			if _, page := w.browser(who).get("/tasks"); strings.Contains(page, `name="break_glass"`) != want {
				t.Errorf("in a %s %s is offered to break the glass: %v, want %v", kind, who, !want, want)
			}
		}
	}
}

// Where it takes several approvals, who has given one can give no second, and is offered the same way round.
func TestBreakGlassIsOfferedToWhoeverHasApproved(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.plan.Scenario.Approvals = 2
	w.grant()
	w.record(drill, run.Response)
	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.ApprovalAsked, By: run.Engine, Phase: run.RecoveryDecision, Reason: "again: the decision was revised"})
	offered := func(who string) bool {
		_, page := w.browser(who).get("/tasks")
		return strings.Contains(page, "Approve alone")
	}
	second := personID(6)
	if offered(second) {
		t.Errorf("%s is offered to break the glass before they have approved", second)
	}
	w.append(run.Event{Run: drill, Writer: "later", Seq: 2, At: w.now, Kind: run.ApprovalGiven, By: second, Phase: run.RecoveryDecision, Data: run.Encode(run.Approval{})})
	if !offered(second) {
		t.Errorf("%s has approved, and is not offered to break the glass for the second approval", second)
	}
}

// What failed is offered to exactly those whom the run lets settle it: to who decides, by that right
// alone, and to their deputy as the second pair of eyes, also while the holder is there.
func TestWhatFailedIsOfferedToWhoeverMaySettleIt(t *testing.T) {
	asInTheDemo := []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayStart, plan.MayDecide, plan.MayApprove, plan.MayControl}},
		{Role: "operator", May: []plan.Permission{plan.MayStart, plan.MayOperate, plan.MayReport}}}
	for _, grants := range [][]plan.Grant{asInTheDemo, nil} {
		w := newWorld(t, begun.Add(18*time.Minute))
		w.grant(grants...)
		w.record(drill, run.Response)
		for i, kind := range []run.WaitKind{run.WaitFailed, run.WaitUnknown, run.WaitAbsent} {
			w.append(run.Event{Run: drill, Writer: "orders/failover", Seq: int64(900 + i), At: w.now, Kind: run.StepWaiting, System: "orders", Runbook: "orders-failover", Step: "repoint", Site: "osaka", Phase: run.Recovery,
				Data: run.Encode(run.Wait{Kind: kind, Role: "commander", Acts: []run.Act{run.ActRetry, run.ActSkip}})})
			for who, offered := range map[string][2]bool{personID(0): {true, false}, personID(2): {true, false}, personID(6): {false, true}, personID(30): {false, false}} { // commander, who is there; the deputy; an operator; staff
				_, page := w.browser(who).get("/tasks")
				for j, step := range []string{"repoint", "reconcile"} {
					if got := strings.Contains(page, `name="step" value="`+step+`"`); got != offered[j] {
						t.Errorf("rights %v, %s: %s is offered %s: %v, want %v", grants != nil, kind, who, step, got, offered[j])
					}
				}
			}
		}
	}
}

// Who decides is told whether a rule does it for them in the end; who settles a machine's step, whether it is safe
// to try it again, and that a worker that is away is not the site.
func TestAFormSaysWhatComesOfIt(t *testing.T) {
	for rule, says := range map[string]map[string][2]string{
		plan.RuleWait:                {"en": {"A person has to decide: no rule does.", "Decided by rule"}, "ja": {"規則による自動決定はありません。必ず人が決定してください。", "規則により決定"}},
		plan.RuleAlternateWhenAtRisk: {"en": {"Decided by rule, if nobody has by then", "no rule does"}, "ja": {"期限までに決定がない場合は規則により決定", "必ず人が決定"}},
	} {
		w := newWorld(t, begun.Add(18*time.Minute))
		w.plan.Scenario.Decision.Rule = rule
		w.grant()
		w.record(drill, run.Response)
		w.append(run.Event{Run: drill, Writer: "orders/failover", Seq: 900, At: w.now, Kind: run.StepWaiting, System: "orders", Runbook: "orders-failover", Step: "repoint", Site: "osaka", Phase: run.Recovery,
			Data: run.Encode(run.Wait{Kind: run.WaitAbsent, Role: "operator", Acts: []run.Act{run.ActRetry, run.ActSkip}})})
		decider, operator := w.browser(personID(0)), w.browser(personID(6))
		for lang, words := range says {
			decider.lang, operator.lang = lang, lang
			if _, page := decider.get("/tasks"); !strings.Contains(page, words[0]) || strings.Contains(page, words[1]) {
				t.Errorf("rule %s, %s: %q in\n%s", rule, lang, words, page)
			}
			_, page := operator.get("/tasks")
			for _, want := range map[string][]string{
				"en": {"“Try again” looks at the target first, and acts only if the step is proven not done", "No worker answers at its site: step", "systemctl status muster-worker@osaka (or muster worker --site osaka;"},
				"ja": {"「再試行」は、まず対象の状態を確認し直し、", "拠点のワーカーが応答なし：ステップ「", "拠点の被災を意味するとは限りません。その拠点で systemctl status muster-worker@osaka"},
			}[lang] {
				if !strings.Contains(page, want) {
					t.Errorf("%s: no %q in\n%s", lang, want, page)
				}
			}
		}
	}
}

// A held call-out is sent or called off by whoever controls the run, whatever else they are.
func TestAHeldCallOutIsOfferedToWhoeverControls(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.grant(plan.Grant{Role: "secretariat", May: []plan.Permission{plan.MayControl}}, plan.Grant{Role: "operator", May: []plan.Permission{plan.MayOperate, plan.MayReport}})
	w.record(drill, run.Response)
	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.CallHeld, Phase: run.Activation, Data: run.Encode(run.CallHold{Until: w.now.Add(time.Minute)})})
	for who, want := range map[string]bool{personID(1): true, personID(6): false} {
		if _, page := w.browser(who).get("/tasks"); strings.Contains(page, "/act/callout") != want {
			t.Errorf("%s is offered the call-out: %v, want %v", who, !want, want)
		}
	}
}
