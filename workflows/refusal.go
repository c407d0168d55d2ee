package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A no of a second person (decision 59). Whoever's yes would count can refuse, with a reason:
// the yeses so far lapse, who asked and who decided are told, and it is asked anew under a new
// number, so that no page or button from before the no says yes to it. It is no veto for ever:
// somebody who knows of the no may approve, the decision may be revised, and the run aborted.

// Refuse is a no to what Approve would say yes to.
type Refuse struct {
	// For is ApproveActivation, or "" for what waits: the recovery before the activation.
	For     string   `json:"for,omitempty" enum:"activation"`
	By      string   `json:"by,omitempty"`
	Via     string   `json:"via,omitempty"`
	Issuers []string `json:"issuers,omitempty"`
	Reason  string   `json:"reason,omitempty"` // required: who asked is told why
	// Asked is as of Approve.
	Asked int64 `json:"asked,omitempty"`
}

// no is a refusal that was taken: of the question of, in whose place now is asked.
type no struct {
	by, reason string
	of, now    int64
}

// gone is what whoever still answers the question before a refusal is told.
func (r *response) gone(n *no) error {
	return refuse("%s refused this meanwhile: %s. It is asked anew: look at it again, and approve that if it is right", "%s がすでに却下しています（理由：%s）。改めて承認を求めているため、内容を確認し直してから承認してください",
		r.named(n.by), n.reason)
}

// refusedAs finds the refusal that took a question's place.
func (r *response) refusedAs(asked int64) *no {
	for i := range r.noes {
		if asked != 0 && r.noes[i].of == asked {
			return &r.noes[i]
		}
	}
	return nil
}

// standing is the refusal because of which a question is asked, if it is.
func (r *response) standing(asked int64) *no {
	for i := range r.noes {
		if asked != 0 && r.noes[i].now == asked {
			return &r.noes[i]
		}
	}
	return nil
}

// knowing refuses a yes after a no by whoever does not say that they know of it.
func (r *response) knowing(a Approve, now int64) error {
	if n := r.refusedAs(a.Asked); n != nil {
		return r.gone(n)
	}
	if n := r.standing(now); n != nil && a.Asked == 0 {
		return refuse("%[1]s refused this: %[2]s. To approve it all the same, say that you know: --asked %[3]d", "%[1]s が却下しています（理由：%[2]s）。承知のうえで承認する場合は --asked %[3]d を付けてください", r.named(n.by), n.reason, now)
	}
	return nil
}

// mayRefuse: by the same people as a yes, and with a reason.
func (r *response) mayRefuse(a Refuse) error {
	if err := r.running(a.By); err != nil {
		return err
	}
	if a.Reason == "" {
		return refuse("a reason is needed: who asked for it is told why", "理由を記入してください（要請者に伝えられます）")
	}
	yes := Approve{For: a.For, By: a.By, Issuers: a.Issuers, Asked: a.Asked}
	if n := r.refusedAs(a.Asked); n != nil {
		return r.gone(n)
	}
	now, waits, counts := r.askedSeq, r.toApprove, r.mayApproveFor
	if r.forActivation(yes) {
		now, waits, counts = r.activationSeq, r.toConfirm, r.mayConfirmFor
	}
	if yes.Asked == 0 {
		yes.Asked = now // a second no needs no knowledge of the first
	}
	if err := waits(yes); err != nil {
		return err
	}
	if n := r.standing(now); n != nil && n.by == a.By && (now == r.activationSeq || len(r.approvals) == 0) {
		return refuse("%s has refused this already. It waits for another person's yes, a revised decision or an abort", "%s はすでに却下しています。別の人の承認、決定の見直し、または中止を待っています", r.named(a.By))
	}
	return counts(a.By)
}

func (r *response) onRefuse(ctx workflow.Context, a Refuse) (Done, error) {
	why := both("again: %s refused it: %s", "%s の却下に伴う再確認：%s", r.named(a.By), a.Reason)
	if r.forActivation(Approve{For: a.For, Asked: a.Asked}) {
		of := r.activationSeq
		seq := r.log.add(ctx, run.Event{Kind: run.ActivationRefused, Phase: run.Activation, By: a.By, Via: a.Via, Reason: a.Reason,
			Data: run.Encode(run.Objection{Asked: of, To: r.askers()})})
		r.askActivation(ctx, why)
		r.noes = append(r.noes, no{a.By, a.Reason, of, r.activationSeq})
		return Done{Seq: seq}, r.log.reach(ctx, seq)
	}
	phase := run.RecoveryDecision
	if r.phase == run.Failback {
		phase = run.Failback
	}
	of := r.askedSeq
	seq := r.log.add(ctx, run.Event{Kind: run.ApprovalRefused, Phase: phase, By: a.By, Via: a.Via, Reason: a.Reason,
		Data: run.Encode(run.Objection{Asked: of, To: r.askers()})})
	r.askApproval(ctx, why)
	r.noes = append(r.noes, no{a.By, a.Reason, of, r.askedSeq})
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// askers are who asked for what is refused: who started the run, and who decided or drafted.
func (r *response) askers() []string {
	out := r.decided()
	if !run.NoPerson(r.in.Requester) && !slices.Contains(out, r.in.Requester) {
		out = append(out, r.in.Requester)
	}
	return out
}

// named is a person as people call them.
func (r *response) named(id string) plan.Text { return nameIn(r.plan.Estate, id) }

func nameIn(e plan.Estate, id string) plan.Text {
	p, _ := e.Person(id)
	en, ja := p.Name.In("en"), p.Name.In("ja")
	if en == "" {
		en = id
	}
	if ja == "" {
		ja = id
	}
	return plan.Text{EN: en, JA: ja}
}

// refusedForce is a no to what somebody asked to force.
type refusedForce struct {
	by, reason string
	of         int64
}

// forceGone is what whoever still confirms, or refuses, a request that was refused is told.
func (x *execution) forceGone(q *asked, a Step) error {
	if a.Asked == 0 || q.forced != nil && q.forced.seq == a.Asked {
		return nil
	}
	for _, n := range q.noes {
		if n.of == a.Asked {
			return refuse("%s refused to have step %s forced: %s. It waits as before", "%s がステップ %s の強制操作を却下しました（理由：%s）。ステップは引き続き待機中です", nameIn(x.estate, n.by), a.Step, n.reason)
		}
	}
	return refuse("what you were asked about step %s is not asked any more; look at it again", "ステップ %s について確認を求められた内容は、すでに有効ではありません。内容を確認し直してください", a.Step)
}

// mayRefuseForce: whoever could confirm it.
func (x *execution) mayRefuseForce(q *asked, a Step) error {
	switch {
	case a.Reason == "":
		return refuse("a reason is needed: who asked for it is told why", "理由を記入してください（要請者に伝えられます）")
	case q.forced == nil && len(q.noes) > 0:
		n := q.noes[len(q.noes)-1]
		return refuse("%s has refused it already (%s): step %s waits as before", "%s がすでに却下しています（理由：%s）。ステップ %s は引き続き待機中です", nameIn(x.estate, n.by), n.reason, a.Step)
	case q.forced == nil:
		return refuse("nobody has asked to force step %s, so there is nothing to refuse", "ステップ %s の強制操作は要請されていないため、却下するものがありません", a.Step)
	case q.forced.by == a.By:
		return refuse("%s asked for this; another person confirms or refuses it, and until then the step waits", "%s 本人の要請です。確認または却下は別の人が行ってください。それまでステップは待機します", nameIn(x.estate, a.By))
	}
	return nil
}

func (x *execution) refuseForce(ctx workflow.Context, q *asked, a Step) (Done, error) {
	f := q.forced
	q.forced = nil
	q.noes = append(q.noes, refusedForce{a.By, a.Reason, f.seq})
	return x.log.record(ctx, run.Event{Kind: run.ForceRefused, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: a.Step,
		By: a.By, Via: a.Via, Reason: a.Reason, Data: run.Encode(run.Objection{Asked: f.seq, Act: f.act, To: []string{f.by}})})
}
