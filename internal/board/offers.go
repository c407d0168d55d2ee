package board

import (
	"slices"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// late is what somebody may still say although the run does not wait for it any more: who
// was silent answers, and who comes late has come.
func late(p picture, me string) (out []progress.Waiting) {
	waits := func(f progress.Awaited) bool {
		return slices.ContainsFunc(p.Overview.Waiting, func(w progress.Waiting) bool {
			return w.For == f && (f == progress.AwaitArrival || slices.Contains(w.People, me))
		})
	}
	i := slices.IndexFunc(p.People, func(v personView) bool { return v.ID == me })
	if i < 0 || !p.People[i].Called || p.Overview.State.Ended() || p.Plan.Scenario.Simulate != nil {
		return nil
	}
	one := p.People[i]
	if one.AnsweredAt == nil && !waits(progress.AwaitSafety) && answers(p.Plan.Scenario) {
		out = append(out, progress.Waiting{For: progress.AwaitSafety, People: []string{me}, Phase: run.SafetyCheck, Since: p.Overview.StartedAt})
	}
	if (one.CanCome && one.ArrivedAt == nil || one.Left) && !waits(progress.AwaitArrival) && slices.Contains(p.Plan.Scenario.Phases, run.Muster) {
		out = append(out, progress.Waiting{For: progress.AwaitArrival, People: []string{me}, Phase: run.Muster, Since: p.Overview.StartedAt})
	}
	return out
}

// answers reports whether people say something beside that they have come: in the safety check, and where nobody is asked how
// they are, as in an intrusion, whether they can come.
func answers(s plan.Scenario) bool {
	asked := run.QuestionsOf(s.Hazard)
	return slices.Contains(s.Phases, run.SafetyCheck) || slices.Contains(s.Phases, run.Muster) && asked.CanCome && len(asked.Safety) == 0
}

// awaitDraft is no wait of the run: whoever drafts may propose what somebody else decides.
const awaitDraft progress.Awaited = "draft"

// drafts are the decisions that are waited for, and that this person drafts.
func drafts(p picture, me string) (out []progress.Waiting) {
	role := p.Plan.Scenario.Decision.Draft
	if role == "" {
		role = p.Plan.Scenario.Lead
	}
	one, ok := p.Plan.Estate.Person(me)
	if !ok || role == "" || !stands(p, one, role) {
		return nil
	}
	for _, w := range p.Overview.Waiting {
		if w.For == progress.AwaitDecision && w.Aid != nil && w.Text != "failback" && !slices.Contains(w.People, me) {
			w.For, w.People, w.Due = awaitDraft, []string{me}, nil
			out = append(out, w)
		}
	}
	return out
}

// drafted adds what was proposed, and who was consulted.
func (t *task) drafted(l i18n.Lang, p picture) {
	for i, d := range p.Overview.Drafts {
		if d.System == t.System {
			t.Draft, t.Drafter = &p.Overview.Drafts[i], nameIn(l, p.Plan.Estate, d.By)
		}
	}
	for _, c := range p.Overview.Consultations {
		words := c.With
		switch {
		case c.NoHeadquarters:
			words = l.T("no headquarters could be reached", "対策本部に連絡がつかず")
		case c.EndedAt == nil:
			words += l.T(" (going on)", "（協議中）")
		}
		if c.Note != "" {
			words += l.T(": ", "：") + c.Note
		}
		t.Heard = append(t.Heard, words)
	}
}

// awaitGlass is no wait of the run either: whoever may not approve a real response's next
// move, since it is theirs or they have approved it already, can break the glass when nobody else is to be had.
const awaitGlass progress.Awaited = "glass"

func glass(p picture, me string) (out []progress.Waiting) {
	if p.Overview.Kind != run.Response {
		return nil
	}
	theirs := me == p.Overview.By || slices.ContainsFunc(p.Overview.Systems, func(s progress.System) bool { return s.DecidedBy == me })
	for _, w := range p.Overview.Waiting {
		if (w.For == progress.AwaitApproval || w.For == progress.AwaitActivation) && !slices.Contains(w.People, me) && (theirs || slices.Contains(w.Given, me)) {
			kind := "recovery"
			if w.For == progress.AwaitActivation {
				kind = "activation"
			}
			w.For, w.People, w.Step = awaitGlass, []string{me}, kind
			out = append(out, w)
		}
	}
	return out
}

// awaitRevision: a decision may be taken back until what it orders begins, by whoever decides.
const awaitRevision progress.Awaited = "revision"

func revisions(p picture, me string) (out []progress.Waiting) {
	one, ok := p.Plan.Estate.Person(me)
	d := p.Plan.Scenario.Decision
	ph, open := revisable(p.Overview)
	if !ok || !open || p.Overview.State.Ended() || !granted(p.Plan.Estate, me, plan.MayDecide) {
		return nil
	}
	if !stands(p, one, d.By) && !slices.Contains(p.Deputies, me) {
		return nil
	}
	for _, s := range p.Overview.Systems {
		if home := s.Decision == run.GoHome || s.Decision == run.Stay; s.Decision == "" || home != (ph == run.Failback) {
			continue
		}
		ps, _ := p.Plan.System(s.Name)
		choices := map[run.Choice]bool{run.Alternate: ps.Failover != "", run.InPlace: ps.InPlace != "", run.StandDown: true, run.NotPossible: true}
		if ph == run.Failback {
			choices = map[run.Choice]bool{run.GoHome: true, run.Stay: true}
		}
		w := progress.Waiting{For: awaitRevision, Phase: ph, People: []string{me}, System: s.Name, Step: string(s.Decision), Since: p.Overview.At}
		for c, can := range choices {
			if can && c != s.Decision {
				w.Acts = append(w.Acts, string(c))
			}
		}
		slices.Sort(w.Acts)
		out = append(out, w)
	}
	return out
}

// revisable says whether decisions may be taken back now, and of which phase: those on the recovery
// until it begins, those on the way home as long as one is asked for or waits for its approval.
func revisable(o progress.Overview) (run.Phase, bool) {
	if slices.ContainsFunc(o.Waiting, func(w progress.Waiting) bool {
		return w.Phase == run.Failback && (w.For == progress.AwaitDecision || w.For == progress.AwaitApproval)
	}) {
		return run.Failback, true
	}
	in := func(id run.Phase, at string) bool {
		return slices.ContainsFunc(o.Phases, func(ph progress.Phase) bool { return ph.ID == id && ph.Progress == at })
	}
	begun := in(run.Recovery, progress.Now) || in(run.Recovery, progress.Done) || in(run.Recovery, progress.LeftOut)
	return run.RecoveryDecision, in(run.RecoveryDecision, progress.Now) && !begun && !o.Aborting
}
