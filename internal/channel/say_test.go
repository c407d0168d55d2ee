package channel

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Whoever has no link is told a command that works, with the words for those who are not well.
func TestTheCommandToAnswerWithWorks(t *testing.T) {
	for h, want := range map[run.Hazard][2]string{
		run.Disaster:         {"muster checkin --safety safe --run fire-1 (lightly-hurt if lightly hurt, badly-hurt if badly hurt)", "muster checkin --safety safe --run fire-1（軽傷は lightly-hurt、重傷は badly-hurt）"},
		run.Pandemic:         {"muster checkin --safety well --run fire-1 (isolated if ", "muster checkin --safety well --run fire-1（"},
		run.SecurityIncident: {"muster checkin --run fire-1 (with --cannot-come", "muster checkin --run fire-1（参集できない場合は --cannot-come"},
	} {
		for i, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			if got := howToAnswer("fire-1", h, l); !strings.Contains(got, want[i]) {
				t.Errorf("%s: %q, want %q", h, got, want[i])
			}
		}
	}
}

// Messages call roles and steps what people call them, with the ID of a step, which commands take.
func TestMessagesCallThingsByName(t *testing.T) {
	p := newPicture(plan.Plan{Estate: plan.Estate{Roles: []plan.Role{{Name: "dba", Title: plan.Text{EN: "Database team", JA: "データベース担当"}}}},
		Systems:  []plan.System{{Name: "orders", Title: plan.Text{EN: "Order taking", JA: "受注システム"}}},
		Runbooks: []plan.Runbook{{Name: "orders-failover", System: "orders", Steps: []plan.Step{{ID: "promote", Title: plan.Text{EN: "Promote Osaka", JA: "大阪側の昇格"}}}}}})
	for _, c := range []struct {
		kind run.EventKind
		data any
		want []string
	}{
		{run.StepWaiting, run.Wait{Kind: run.WaitFailed, Role: "dba", Acts: []run.Act{run.ActRetry}}, []string{"作業依頼：受注システム・大阪側の昇格（promote）", "担当：データベース担当"}},
		{run.ForceAsked, run.StepAct{Act: run.ActSkip}, []string{"受注システム・大阪側の昇格（promote）", "要請しています：大阪側の昇格（promote）"}},
		{run.ForceRefused, run.Objection{Act: run.ActSkip}, []string{"大阪側の昇格（promote）"}},
		{run.RoleHandedOver, run.Handover{Role: "dba", From: "sato"}, []string{"データベース担当"}},
		{run.DecisionAsked, run.DecisionAsk{Role: "dba"}, []string{"決定者：データベース担当"}},
	} {
		subject, text := p.words(run.Event{Kind: c.kind, System: "orders", Step: "promote", By: "sato", Person: "ito", Data: run.Encode(c.data)}, i18n.JA)
		for _, want := range c.want {
			if !strings.Contains(subject+"\n"+text, want) {
				t.Errorf("%s lacks %q: %s\n%s", c.kind, want, subject, text)
			}
		}
	}
}

// Who decides is told what comes of waiting: the plan's rule, or nothing at all.
func TestADecisionSaysWhatItsDeadlineIs(t *testing.T) {
	for rule, says := range map[string]map[i18n.Lang][2]string{
		plan.RuleWait:                {i18n.EN: {"; nobody but a person decides", "the plan's rule"}, i18n.JA: {"（過ぎても自動では決定されません）", "規則で自動決定"}},
		plan.RuleAlternateWhenAtRisk: {i18n.EN: {"; then the plan's rule decides", "nobody but"}, i18n.JA: {"（過ぎると計画の規則で自動決定されます）", "過ぎても"}},
	} {
		p := newPicture(plan.Plan{Scenario: plan.Scenario{Decision: plan.DecisionRule{Rule: rule}}})
		for l, words := range says {
			_, text := p.words(run.Event{Kind: run.DecisionAsked, System: "orders", Data: run.Encode(run.DecisionAsk{DeadlineS: 1800})}, l)
			if !strings.Contains(text, words[0]) || strings.Contains(text, words[1]) {
				t.Errorf("rule %s, %s: %s", rule, l, text)
			}
		}
	}
}

// Of a step whose outcome is unknown it is said what trying it again does, which is not the same for each;
// of one that no worker takes, that this is not the site, and where to look.
func TestAStepSaysWhetherItIsSafeToTryItAgain(t *testing.T) {
	p := newPicture(plan.Plan{Runbooks: []plan.Runbook{
		{Name: "orders-failback", System: "orders", Steps: []plan.Step{{ID: "promote", Effect: run.Observe}}}, // another one of that ID
		{Name: "orders-failover", System: "orders", Steps: []plan.Step{{ID: "promote", Effect: run.Disrupt, CanLook: true}, {ID: "script", Effect: run.Disrupt}, {ID: "verify", Effect: run.Observe}}}}})
	ask := func(kind run.WaitKind, step string, l i18n.Lang, acts ...run.Act) string {
		_, text := p.words(run.Event{Kind: run.StepWaiting, System: "orders", Runbook: "orders-failover", Step: step, Site: "osaka", Data: run.Encode(run.Wait{Kind: kind, Acts: acts})}, l)
		return text
	}
	for step, says := range map[string][2]string{
		"promote": {"“retry” looks at the target first", "「再試行」は、まず対象の状態を確認し直し"},
		"script":  {"“retry” asks the ledger of the site's worker", "実行台帳を確認し"},
		"verify":  {"“retry” reads once more, and changes nothing", "「再試行」をしても対象は変わりません"},
	} {
		for i, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			if text := ask(run.WaitUnknown, step, l, run.ActDone, run.ActRetry); !strings.Contains(text, says[i]) {
				t.Errorf("%s, %s: no %q in %s", step, l, says[i], text)
			}
		}
	}
	for l, says := range map[i18n.Lang]string{i18n.EN: "systemctl status muster-worker@osaka (or muster worker --site osaka;", i18n.JA: "拠点の被災を意味するとは限りません。その拠点で systemctl status muster-worker@osaka"} {
		if text := ask(run.WaitAbsent, "promote", l, run.ActRetry); !strings.Contains(text, says) {
			t.Errorf("%s: no %q in %s", l, says, text)
		}
	}
	if text := ask(run.WaitUnknown, "promote", i18n.EN, run.ActDone); strings.Contains(text, "“retry”") {
		t.Errorf("it can't be tried again: %s", text)
	}
}
