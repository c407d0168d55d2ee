package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// hand is a person in what takes two, and who else had the secret that they came with: whoever
// issued a token for somebody can act under their name, also after they took another one with it.
// Four eyes compare persons behind the chain, not accounts.
type hand struct {
	who     string
	issuers []string
}

// same reports whether two hands may be one person's: the one had the other's secret.
func (h hand) same(other hand) bool {
	return slices.Contains(h.issuers, other.who) || slices.Contains(other.issuers, h.who)
}

// oneHand refuses the yes of a second person who may be one of those before.
func (r *response) oneHand(second hand, before []hand) error {
	if !r.fourEyes && r.in.Kind != run.Response {
		return nil
	}
	return oneHand(second, before)
}

func oneHand(second hand, before []hand) error {
	for _, first := range before {
		if first.who == "" || first.who == second.who || !first.same(second) {
			continue // of one name, the rules on persons decide
		}
		if slices.Contains(second.issuers, first.who) {
			return refuse("the token of %[1]s was issued by %[2]s, whose word comes before this one: nothing shows that they are two. %[1]s signs in through the provider, or has a token issued by somebody else; or another person does it; or the server's administrator enters it at the console (--as %[1]s with the server's own token), which the record shows; or %[2]s uses --break-glass with a reason",
				"%[1]s のトークンは、先に操作した %[2]s が発行したもので、別人である記録がありません。%[1]s が認証プロバイダーでサインインするか、ほかの人からトークンの発行を受けてください。別の人が行う、サーバー管理者がコンソールで代行する（サーバー本体のトークンで --as %[1]s。記録に残ります）、%[2]s が理由を付けて --break-glass を使う、のいずれでもかまいません", second.who, first.who)
		}
		return refuse("%[2]s, whose word comes before this one, came with a token that %[1]s issued: nothing shows that they are two. Another person does it, or the server's administrator enters it at the console (--as PERSON with the server's own token), which the record shows; or --break-glass with a reason",
			"先に操作した %[2]s のトークンは %[1]s が発行したもので、別人である記録がありません。別の人が行うか、サーバー管理者がコンソールで代行する（サーバー本体のトークンで --as PERSON。記録に残ります）か、理由を付けて --break-glass を使ってください", second.who, first.who)
	}
	return nil
}

// borrowed refuses break-glass under a name whose token was issued by one of those whose word
// comes before: that person goes on alone under their own name.
func borrowed(a hand, before []hand) error {
	for _, first := range before {
		if first.who != a.who && slices.Contains(a.issuers, first.who) {
			return refuse("break-glass is used under one's own name, and the token of %[1]s was issued by %[2]s, whose word comes before this one: %[2]s uses --break-glass, or %[1]s signs in through the provider, or the server's administrator enters it at the console (--as %[1]s with the server's own token)",
				"緊急権限は本人の名前で使うものです。%[1]s のトークンは、先に操作した %[2]s が発行したものです。%[2]s 本人が --break-glass を使うか、%[1]s が認証プロバイダーでサインインするか、サーバー管理者がコンソールで代行してください（サーバー本体のトークンで --as %[1]s）", a.who, first.who)
		}
	}
	return nil
}

// handsOfStart is who asked for the run; a source of alarms has no hands.
func (r *response) handsOfStart() []hand {
	if run.IsAlarm(r.in.Requester) {
		return nil
	}
	return []hand{{r.in.Requester, r.in.Issuers}}
}

// handsBefore are those whose word comes before an approval: who asked for the run, who decided
// and drafted what is approved, who confirmed where a rule decided, and who has approved.
func (r *response) handsBefore() []hand {
	out := slices.Clone(r.yeses)
	if r.phase != run.Failback { // who asked for the recovery may approve the return
		out = append(out, r.handsOfStart()...)
		if slices.Contains(r.ask.Not, run.Person(r.confirmedBy)) {
			out = append(out, r.confirmer)
		}
	}
	for _, s := range r.systems {
		if s.homeAsked {
			out = append(out, hand{s.homeDecider, s.homeIssuers})
			continue
		}
		out = append(out, hand{s.decider, s.deciderIssuers})
		if s.draft != nil {
			out = append(out, hand{s.draft.by, s.draft.issuers})
		}
	}
	return slices.DeleteFunc(out, func(h hand) bool { return h.who == "" })
}

// alone names who goes on alone, for everybody: with who else could be it, and that they hand
// out rights where they do.
func (r *response) alone(by string, issuers []string) plan.Text {
	out := plan.Text{EN: by, JA: by}
	add := func(en, ja string) {
		out.EN += fmt.Sprintf(" (%s)", en)
		out.JA += fmt.Sprintf("（%s）", ja)
	}
	if r.plan.Estate.May(by, plan.MayAdmin, false) {
		add("who administers rights", "権限の管理者")
	}
	if len(issuers) > 0 {
		who := strings.Join(issuers, ", ")
		add("by a token that "+who+" issued", who+"が発行したトークンによる操作")
	}
	return out
}
