package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Draft proposes the recovery decision for a system (B-STP-08): the lead drafts, the chief decides.
type Draft struct {
	System  string     `json:"system"`
	By      string     `json:"by,omitempty"`
	Via     string     `json:"via,omitempty"`
	Issuers []string   `json:"issuers,omitempty"`
	Choice  run.Choice `json:"choice"`
	Reason  string     `json:"reason"`
	run.Policy
	At string `json:"at,omitempty"`
}

// drafted is the newest draft on a system.
type drafted struct {
	by      string
	issuers []string
	choice  run.Choice
	policy  run.Policy
}

func (r *response) mayDraft(ctx workflow.Context, d Draft) error {
	if err := errors.Join(r.mayAct(d.By, plan.MayReport), r.late(ctx, d.At)); err != nil {
		return err
	}
	if role := r.plan.Scenario.Decision.Draft; role != "" {
		if ok, _ := r.holds(d.By, role); !ok {
			return refuse("the draft is for the role %[1]s; %[2]s does not hold it, nor stands in for somebody who does and is not there, or is hurt",
				"案の作成は役割 %[1]s の人が行います。%[2]s はその役割を担っておらず、不在または負傷・体調不良の人の代行者でもありません", role, d.By)
		}
	}
	if err := r.nameable(d.System, ""); err != nil {
		return err
	}
	if d.Reason == "" {
		return refuse("a reason is needed: it stands in the report", "理由を記入してください（報告書に記載されます）")
	}
	s := r.system(d.System)
	if s.choice != "" {
		return refuse("%[1]s is decided already: %[2]s", "%[1]s はすでに決定済みです：%[2]s", d.System, s.choice)
	}
	if !slices.Contains(r.choices(s), d.Choice) {
		return refuse("%[1]q can't be chosen for %[2]s; these can: %[3]v", "%[2]s に %[1]q は選べません。選択肢：%[3]v", d.Choice, d.System, r.choices(s))
	}
	return r.mayHold(s, d.Choice, d.Policy)
}

// mayHold refuses a policy that contradicts itself or the plan.
func (r *response) mayHold(s *system, choice run.Choice, p run.Policy) error {
	if p.Level < 0 || p.Level > 100 {
		return refuse("the level is a percentage of normal service, not %d", "復旧レベルは平常時に対する割合（0〜100）で指定してください（%d は不可）", p.Level)
	}
	if p.Order < 0 {
		return refuse("the order begins with 1", "復旧の順序は 1 から指定してください")
	}
	if err := r.placed("", p.Place); err != nil {
		return err
	}
	for _, x := range p.Rejected {
		switch {
		case x.Choice == choice:
			return refuse("%s is chosen and rejected at once", "%s が採用案と却下案の両方に挙げられています", choice)
		case x.Reason == "":
			return refuse("say why %s was rejected", "%s を採らない理由を記入してください", x.Choice)
		}
	}
	return nil
}

func (r *response) system(name string) *system {
	for _, s := range r.systems {
		if s.plan.Name == name {
			return s
		}
	}
	return nil
}

func (r *response) onDraft(ctx workflow.Context, d Draft) (Done, error) {
	s := r.system(d.System)
	s.draft = &drafted{by: d.By, issuers: d.Issuers, choice: d.Choice, policy: d.Policy}
	return r.log.record(ctx, run.Event{Kind: run.DraftMade, Phase: r.phase, System: d.System, By: d.By, Via: d.Via, Reason: d.Reason, Happened: r.happened(ctx, d.At),
		Data: run.Encode(run.Draft{Choice: d.Choice, Policy: d.Policy})})
}

// ownDraft refuses, in a response, the decision of who drafted it: two persons have to have seen
// it (requirement B-DEC-08).
func (r *response) ownDraft(s *system, d Decide) error {
	by := d.By
	if r.in.Kind == run.Response && s.draft != nil && s.draft.by == by {
		return refuse("%[1]s drafted the decision on %[2]s and can't take it: another person must, or somebody else drafts it anew",
			"%[1]s は %[2]s の案の作成者のため、決定できません。別の人が決定するか、別の人が案を作り直してください", by, s.plan.Name)
	}
	if s.draft == nil {
		return nil
	}
	return r.oneHand(hand{by, d.Issuers}, []hand{{s.draft.by, s.draft.issuers}})
}

// policy is what is decided with a choice: as drafted, where the choice is the draft's and nothing
// else was said.
func (s *system) policy(d Decide) (p run.Policy, drafter string, asDrafted bool) {
	p = d.Policy
	if s.draft == nil {
		return p, "", false
	}
	if asDrafted = s.draft.choice == d.Choice && !p.Given(); asDrafted {
		p = s.draft.policy
	}
	return p, s.draft.by, asDrafted
}

// Consult says whom somebody consults before the decision: when it begins, and with Ended when it
// is over. NoHeadquarters is the word that there is nobody to consult (requirement B-FLW-07).
type Consult struct {
	By             string `json:"by,omitempty"`
	Via            string `json:"via,omitempty"`
	With           string `json:"with,omitempty"`
	Ended          bool   `json:"ended,omitempty"`
	NoHeadquarters bool   `json:"no_headquarters,omitempty"`
	Note           string `json:"note,omitempty"` // what came of it
	At             string `json:"at,omitempty"`
}

func (r *response) mayConsult(ctx workflow.Context, c Consult) error {
	if err := errors.Join(r.mayAct(c.By, plan.MayReport), r.late(ctx, c.At)); err != nil {
		return err
	}
	open := slices.Contains(r.consulting, c.With)
	switch {
	case c.NoHeadquarters && c.With != "":
		return refuse("either somebody is consulted, or there is no headquarters", "協議先と「対策本部なし」は同時に指定できません")
	case c.NoHeadquarters:
		return nil
	case c.With == "":
		return refuse("say who is consulted, or that there is no headquarters", "協議先を記入するか、「対策本部なし」としてください")
	case c.Ended && !open:
		return unknownName("consultation that goes on", "進行中の協議", c.With, r.consulting)
	case !c.Ended && open:
		return refuse("%s is being consulted already", "%s とはすでに協議中です", c.With)
	}
	return nil
}

func (r *response) onConsult(ctx workflow.Context, c Consult) (Done, error) {
	kind := run.ConsultationBegun
	switch {
	case c.NoHeadquarters:
		kind = run.ConsultationEnded
	case c.Ended:
		kind = run.ConsultationEnded
		r.consulting = slices.DeleteFunc(r.consulting, func(with string) bool { return with == c.With })
	default:
		r.consulting = append(r.consulting, c.With)
	}
	return r.log.record(ctx, run.Event{Kind: kind, Phase: r.phase, By: c.By, Via: c.Via, Reason: c.Note, Happened: r.happened(ctx, c.At),
		Data: run.Encode(run.Consultation{With: c.With, NoHeadquarters: c.NoHeadquarters})})
}
