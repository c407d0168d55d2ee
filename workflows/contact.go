package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Reach is a try to reach a party, by one channel, and what came of it (B-STP-05).
type Reach struct {
	Party   string      `json:"party"`
	By      string      `json:"by,omitempty"`
	Via     string      `json:"via,omitempty"`
	Channel string      `json:"channel"`
	Outcome run.Contact `json:"outcome"`
	Person  string      `json:"person,omitempty"` // who was reached there
	Note    string      `json:"note,omitempty"`
	At      string      `json:"at,omitempty"`
}

func (r *response) mayReach(ctx workflow.Context, c Reach) error {
	if err := errors.Join(r.mayAct(c.By, plan.MayReport), r.late(ctx, c.At)); err != nil {
		return err
	}
	if _, ok := r.plan.Estate.Party(c.Party); !ok {
		return unknownName("party of the estate", "連絡先", c.Party, r.partyNames())
	}
	if c.Channel == "" {
		return refuse("say by which means it was tried: telephone, mail, on foot …", "連絡手段を指定してください（電話、メール、伝令など）")
	}
	if !slices.Contains([]run.Contact{run.ContactReached, run.ContactLeft, run.ContactSilent, run.ContactDead}, c.Outcome) {
		return refuse("the outcome is reached, left_message, no_answer or line_dead, not %q", "結果は reached・left_message・no_answer・line_dead のいずれかです（%q は不可）", c.Outcome)
	}
	return nil
}

func (r *response) partyNames() []string {
	var out []string
	for _, p := range r.plan.Estate.Parties {
		out = append(out, p.Name)
	}
	return out
}

func (r *response) onReach(ctx workflow.Context, c Reach) (Done, error) {
	if c.Outcome == run.ContactReached && !slices.Contains(r.reached, c.Party) {
		r.reached = append(r.reached, c.Party)
	}
	return r.log.record(ctx, run.Event{Kind: run.PartyTried, Phase: run.Communications, By: c.By, Via: c.Via, Reason: c.Note, Happened: r.happened(ctx, c.At),
		Data: run.Encode(run.Contacted{Party: c.Party, Channel: c.Channel, Outcome: c.Outcome, Person: c.Person})})
}

// allReached reports whether there are parties, and each was spoken with.
func (r *response) allReached() bool {
	n := len(r.plan.Estate.Parties)
	return n > 0 && len(r.reached) == n
}
