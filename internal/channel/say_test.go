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
