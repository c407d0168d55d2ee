package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// signalRoles tells a runbook in progress of a role that has changed hands.
const signalRoles = "roles"

// handedOver is what signalRoles carries.
type handedOver struct {
	Role string      `json:"role"`
	From string      `json:"from"`
	To   plan.Person `json:"to"`
}

func (r *response) mayHandOver(h Handover) error {
	if err := r.running(h.By); err != nil {
		return err
	}
	from, to := r.member(h.From), r.member(h.To)
	for _, p := range []string{h.From, h.To} {
		if err := r.knows(p); err != nil {
			return err
		}
	}
	switch {
	case h.From == h.To:
		return refuse("a role is handed over to somebody else", "役割の引き継ぎ先には別の人を指定してください")
	case h.By == h.To:
		return refuse("nobody takes a role to themselves: %s hands it over, or another who leads", "役割を自分自身に引き継ぐことはできません。%s 本人か、指揮する別の人が引き継いでください", h.From)
	case !slices.Contains(from.plan.Roles, h.Role):
		return refuse("%s does not hold the role %s", "%s は役割 %s を担っていません", h.From, h.Role)
	case slices.Contains(to.plan.Roles, h.Role):
		return refuse("%s holds the role %s already", "%s はすでに役割 %s を担っています", h.To, h.Role)
	case r.absent[h.To]:
		return r.outOfDrill(h.To)
	case !to.answer.Safety.Fit():
		return refuse("%s has answered not to be able to act; name somebody else", "%s は対応できないと回答しています。別の人を指定してください", h.To)
	case h.By != h.From:
		return r.leads(h.By)
	}
	return nil
}

// onHandover gives a role to somebody else: what waits for the role waits for them from now
// on, in this run and in its runbooks.
func (r *response) onHandover(ctx workflow.Context, h Handover) (Done, error) {
	from, to := r.member(h.From), r.member(h.To)
	from.plan.Roles = slices.DeleteFunc(slices.Clone(from.plan.Roles), func(role string) bool { return role == h.Role })
	to.plan.Roles = append(slices.Clone(to.plan.Roles), h.Role)
	r.call(ctx, []string{h.To}, "")
	r.plan.Estate.People = handOver(r.plan.Estate.People, handedOver{h.Role, h.From, to.plan})
	r.gaveUp[h.From] = r.gaveUp[h.From] || h.By == h.From
	seq := r.log.add(ctx, run.Event{Kind: run.RoleHandedOver, Phase: r.phase, Person: h.To, By: h.By, Via: h.Via, Reason: h.Reason,
		Data: run.Encode(run.Handover{Role: h.Role, From: h.From, To: h.To})})
	for _, e := range r.executing {
		if !e.IsReady() {
			_ = e.SignalChildWorkflow(ctx, signalRoles, handedOver{h.Role, h.From, to.plan}).Get(ctx, nil)
		}
	}
	a, b := personNamed(from.plan), personNamed(to.plan)
	r.tellToAck(ctx, []string{h.From, h.To}, fmt.Sprintf("%s takes the role %s over from %s.", b.In("en"), h.Role, a.In("en")),
		fmt.Sprintf("役割「%s」を%sから%sへ引き継ぎました。", h.Role, a.In("ja"), b.In("ja")))
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// handOver is the people after a role has changed hands. The list it was given stays as it
// is: it may be the plan's own.
func handOver(people []plan.Person, h handedOver) []plan.Person {
	out := slices.Clone(people)
	found := false
	for i, p := range out {
		switch p.ID {
		case h.From:
			out[i].Roles = slices.DeleteFunc(slices.Clone(p.Roles), func(role string) bool { return role == h.Role })
		case h.To.ID:
			found = true
			if !slices.Contains(p.Roles, h.Role) {
				out[i].Roles = append(slices.Clone(p.Roles), h.Role)
			}
		}
	}
	if !found {
		out = append(out, h.To)
	}
	return out
}

// followRoles keeps a runbook's people as they are after handovers.
func (x *execution) followRoles(ctx workflow.Context) {
	workflow.GoNamed(ctx, "roles", func(ctx workflow.Context) {
		for {
			var h handedOver // each its own: decoding into the last one would write into the people it has put there
			if !workflow.GetSignalChannel(ctx, signalRoles).Receive(ctx, &h) {
				return
			}
			x.estate.People = handOver(x.estate.People, h)
		}
	})
}

func (r *response) mayCount(s Strength) error { return r.mayAct(s.By, plan.MayReport) }

// onStrength counts who is there. The count of a second person right after confirms that of
// the first: reporter and confirmer are two (requirement B-STP-04).
func (r *response) onStrength(ctx workflow.Context, s Strength) (Done, error) {
	r.catchUp(ctx)
	count := run.Strength{Present: map[string]int{}, Places: map[string]int{}}
	for _, q := range r.plan.Scenario.Quorum {
		count.Present[q.Role] = r.present(q.Role)
	}
	for _, m := range r.people {
		if m.there() {
			count.Places[m.place]++
		}
	}
	kind := run.StrengthReported
	if r.counted != "" && r.counted != s.By && !r.counter.same(hand{s.By, s.Issuers}) {
		kind, r.counted = run.StrengthConfirmed, ""
	} else {
		r.counted, r.counter = s.By, hand{s.By, s.Issuers}
	}
	return r.log.record(ctx, run.Event{Kind: kind, Phase: r.phase, By: s.By, Via: s.Via, Reason: s.Note, Data: run.Encode(count)})
}

// crew is the estate without those who are taken out of the drill.
func (r *response) crew() plan.Estate {
	return r.plan.Estate.Without(func(id string) bool { return r.absent[id] })
}
