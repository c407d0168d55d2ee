package channel

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
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
	for h, want := range map[run.Hazard]string{run.Disaster: "安否確認：", run.SecurityIncident: "召集："} { // of an intrusion nobody is asked how they are
		p.plan.Scenario.Hazard = h
		if subject, _ := p.words(run.Event{Kind: run.PersonCalled, Person: "ito", Data: run.Encode(run.Call{})}, i18n.JA); !strings.HasPrefix(subject, want) {
			t.Errorf("%s: people are called with %q, want %q", h, subject, want)
		}
	}
	if _, text := p.words(run.Event{Kind: run.PersonReminded, Phase: run.Muster, Person: "ito"}, i18n.JA); !strings.Contains(text, "参集の可否") || strings.Contains(text, "安否") {
		t.Errorf("where there is no safety check a reminder says %q", text)
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

// Who approves is told what: each system, the way, who decided and why, as it was when they were asked.
func TestAnApprovalSaysWhatWasDecided(t *testing.T) {
	p := newPicture(plan.Plan{Estate: plan.Estate{Sites: []plan.Site{{Name: "osaka", Title: plan.Text{EN: "Osaka", JA: "大阪"}}}, People: []plan.Person{{ID: "sato", Name: plan.Text{EN: "Sato", JA: "佐藤"}}}},
		Systems: []plan.System{{Name: "orders", Home: "tokyo", Alternate: "osaka", Title: plan.Text{EN: "Order taking", JA: "受注システム"}}, {Name: "billing"}}})
	position := int64(0)
	take := func(e run.Event) run.Event {
		position++
		e.Writer, e.Seq = "run", position
		p.apply(journal.Entry{Position: position, Event: e})
		return e
	}
	made := func(ph run.Phase, system, by, why string, d run.Decision) {
		take(run.Event{Kind: run.DecisionMade, Phase: ph, System: system, By: by, Reason: why, Data: run.Encode(d)})
	}
	made(run.RecoveryDecision, "orders", "sato", "the site burns", run.Decision{Answer: run.Alternate})
	made(run.RecoveryDecision, "billing", run.Engine, "nobody decided / 判断なし", run.Decision{Answer: run.StandDown, Rule: "x"})
	first := take(run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision})
	made(run.RecoveryDecision, "orders", "sato", "", run.Decision{Answer: run.InPlace, Instead: run.Alternate})
	second := take(run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision})
	made(run.Failback, "orders", "sato", "it is over", run.Decision{Answer: run.GoHome})
	home := take(run.Event{Kind: run.ApprovalAsked, Phase: run.Failback})
	for i, c := range []struct {
		ask  run.Event
		want [2]string
	}{
		{first, [2]string{"Decided: Order taking: to the alternate site Osaka, by Sato (the site burns)\nDecided: billing: stand down, by the rule x (nobody decided)\n",
			"決定内容：受注システム：代替拠点（大阪）へ切り替え（決定者：佐藤、理由：the site burns）\n決定内容：billing：対応不要（決定者：規則 x、理由：判断なし）\n"}},
		{second, [2]string{"Decided: Order taking: recovery in place at tokyo, by Sato\nDecided: billing", "決定内容：受注システム：被災拠点（tokyo）で復旧（決定者：佐藤）\n決定内容：billing"}},
		{home, [2]string{"Decided: Order taking: home to tokyo, by Sato (it is over)", "決定内容：受注システム：本拠点（tokyo）へ切戻し（決定者：佐藤、理由：it is over）"}},
	} {
		for j, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			if _, text := p.words(c.ask, l); !strings.Contains(text, c.want[j]) || strings.Contains(text, "billing") != (i < 2) {
				t.Errorf("%d, %s: no %q in %s", i, l, c.want[j], text)
			}
		}
	}
	for range 100 { // a message has to stay within what channels take
		made(run.RecoveryDecision, fmt.Sprint(position), "sato", strings.Repeat("長い", 1000), run.Decision{Answer: run.Alternate})
	}
	last := take(run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision})
	if _, text := p.words(last, i18n.EN); !strings.Contains(text, "and 82 more") || len([]rune(text)) > 5000 {
		t.Errorf("%d characters: %s", len([]rune(text)), text)
	}
}

// Whoever has no link is told the command for what is asked of them; who has one is not.
func TestWhoHasNoLinkIsToldTheCommand(t *testing.T) {
	p := newPicture(plan.Plan{Systems: []plan.System{{Name: "orders"}}})
	for _, c := range []struct {
		e    run.Event
		want [2]string
	}{
		{run.Event{Kind: run.DecisionAsked, System: "orders", Data: run.Encode(run.DecisionAsk{Choices: []run.Choice{run.Alternate, run.StandDown}})},
			[2]string{"\nDecide with: muster decide CHOICE --system orders --reason REASON --run fire-1 (CHOICE: alternate, stand_down)", "\n決定方法: muster decide 方針 --system orders --reason 理由 --run fire-1（方針: alternate、stand_down）"}},
		{run.Event{Kind: run.ApprovalAsked}, [2]string{"\nApprove with: muster approve fire-1 --asked 7 (refuse: muster approve fire-1 --asked 7 --refuse REASON)", "\n承認方法: muster approve fire-1 --asked 7（却下: muster approve fire-1 --asked 7 --refuse 理由）"}},
		{run.Event{Kind: run.StepWaiting, Step: "promote", Data: run.Encode(run.Wait{Kind: run.WaitFailed})}, [2]string{"\nSee what is asked: muster drill show fire-1", "\n内容の確認: muster drill show fire-1"}},
		{run.Event{Kind: run.ForceAsked, Step: "promote"}, [2]string{"\nSee what is asked: muster drill show fire-1", "\n内容の確認: muster drill show fire-1"}},
	} {
		c.e.Run, c.e.Seq = "fire-1", 7
		for i, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			for _, person := range []string{"", "sato"} {
				for base, told := range map[string]bool{"": true, "https://muster.example.jp": false} {
					m := p.message(c.e, person, estate.Contact{Lang: string(l)}, l)
					if err := m.link(t.Context(), Addresses{Base: base}); err != nil {
						t.Fatal(err)
					}
					if strings.Contains(m.Text, c.want[i]) != told || strings.Contains(m.Text, "muster ") != told {
						t.Errorf("%s for %q at %q: %s", c.e.Kind, person, base, m.Text)
					}
				}
			}
		}
	}
}

// The deputies of who came and has to go are asked to approve, until that one is back.
func TestTheRosterKnowsWhoLeft(t *testing.T) {
	r := newRoster(plan.Plan{Scenario: plan.Scenario{Decision: plan.DecisionRule{By: "commander"}},
		Estate: plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}}, {ID: "suzuki"}}}})
	for _, c := range []struct {
		kind run.EventKind
		data any
		want bool
	}{
		{run.PersonArrived, run.Arrival{}, false}, {run.PersonAnswered, run.Answer{Safety: run.LightlyHurt}, false}, {run.PersonAnswered, run.Answer{Safety: run.Safe}, true}, {run.PersonArrived, run.Arrival{}, false},
	} {
		r.apply(run.Event{Kind: c.kind, Person: "sato", Data: run.Encode(c.data)})
		if got := r.approvers(run.Event{}, "tanaka"); slices.Contains(got, "suzuki") != c.want {
			t.Errorf("after %s: %v approve, and suzuki, the deputy: want %t", c.kind, got, c.want)
		}
	}
}
