package progress

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Overview is the run's state at a moment. It shares nothing with the tracker.
func (t *Tracker) Overview(now time.Time) Overview {
	v := t.view
	v.At = now
	if v.EndedAt != nil {
		v.At = *v.EndedAt
	}
	v.Phases = slices.Clone(t.view.Phases)
	v.Steps = slices.Clone(t.view.Steps)
	v.Messages = slices.Clone(t.view.Messages)
	v.Systems = slices.Clone(t.view.Systems)
	v.Inspections, v.Parties, v.Absent = slices.Clone(v.Inspections), slices.Clone(v.Parties), slices.Clone(v.Absent)
	v.Orders, v.Custody = slices.Clone(v.Orders), slices.Clone(v.Custody)
	v.Drafts, v.Consultations = slices.Clone(v.Drafts), slices.Clone(v.Consultations)
	for i := range v.Steps {
		if s := &v.Steps[i]; s.EndedAt == nil {
			s.UsedS = max(0, v.At.Sub(s.StartedAt).Seconds())
		}
	}
	for i := range v.Systems {
		s := &v.Systems[i]
		s.Functions = slices.Clone(s.Functions)
		if s.EventAt == nil {
			continue
		}
		end := v.At
		if s.RestoredAt != nil {
			end = *s.RestoredAt
		}
		s.UsedS = max(0, end.Sub(*s.EventAt).Seconds())
		s.Ticking = s.RestoredAt == nil && v.EndedAt == nil
		s.curve(t.systems[s.Name].heights, *s.EventAt, end)
	}
	v.People = t.count()
	v.Damage = t.damageList()
	v.Inspections = slices.Clone(t.view.Inspections)
	v.Acks = slices.Clone(t.view.Acks)
	v.Situations, v.Records = slices.Clone(t.view.Situations), slices.Clone(t.view.Records)
	v.Drafts, v.Consultations = slices.Clone(t.view.Drafts), slices.Clone(t.view.Consultations)
	v.Parties, v.Custody, v.Orders = slices.Clone(t.view.Parties), slices.Clone(t.view.Custody), t.ordersNow()
	if v.EndedAt == nil && v.State != run.Refused {
		v.Waiting = t.waiting(v.Systems)
	}
	return v
}

func (t *Tracker) ids() []string {
	ids := make([]string, 0, len(t.people))
	for id := range t.people {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// waiting lists what people are waited for, by phase in the plan's order, then steps.
func (t *Tracker) waiting(systems []System) []Waiting {
	var out []Waiting
	if t.held != nil {
		out = append(out, Waiting{For: AwaitCallOut, Phase: run.Activation, Acts: []string{"send", "cancel"}, Since: t.heldSince, Due: t.held})
	}
	for _, ph := range t.view.Phases {
		since, open := t.open[ph.ID]
		if !open {
			continue
		}
		out = append(out, t.waitingIn(ph.ID, since, systems)...)
	}
	out = append(out, t.decisions()...)
	out = append(out, t.toReview()...)
	if t.approval != nil {
		need := t.plan.Scenario.Approvals
		if t.view.Kind == run.Response {
			need = max(need, 1)
		}
		if n := t.approval.second.Need; n > 0 {
			need = n
		}
		if need -= len(t.approved); need > 0 {
			out = append(out, Waiting{For: AwaitApproval, Phase: t.approval.phase, People: t.approvers(t.approval), Asked: t.approval.seq, RefusedBy: t.approval.no, Text: t.approval.text, Since: t.approval.at, Need: need,
				Given: slices.Sorted(maps.Keys(t.approved))})
		}
	}
	if t.unconfirmed != nil {
		out = append(out, Waiting{For: AwaitActivation, Phase: t.unconfirmed.phase, People: t.approvers(t.unconfirmed), Asked: t.unconfirmed.seq, RefusedBy: t.unconfirmed.no, Text: t.unconfirmed.text, Since: t.unconfirmed.at, Need: 1})
	}
	return slices.Concat(out, t.toSettle(), t.openOrders(), t.toTell, t.toAcknowledge())
}

// toSettle are the steps that wait, for those who may settle them now: a role may have changed
// hands since.
func (t *Tracker) toSettle() []Waiting {
	out := slices.Clone(t.waits)
	for i, w := range out {
		out[i].People = t.plan.Estate.Settlers(w.Role, w.Kind == run.WaitHuman || w.Kind == run.WaitAck, t.Absent)
	}
	return out
}

// forceAsked says at the step that waits what somebody wants to force, for the second person
// who has to confirm it.
func (t *Tracker) forceAsked(e run.Event) {
	var a run.StepAct
	_ = e.Decode(&a)
	for i := range t.waits {
		if w := &t.waits[i]; w.Step == e.Step && w.System == e.System {
			f := &Forced{By: e.By, At: e.At, Asked: e.Seq, Act: a.Act, Reason: e.Reason, Asks: w.Text}
			if w.Forced != nil {
				f.Asks = w.Forced.Asks
			}
			w.Forced = f
			w.Text = plan.Joined(plan.Apart(w.Text), plan.Say("%s asks for %s (%s): another person has to confirm it", "%s が %s を要請（%s）：別の人の確認が必要", t.named(e.By), a.Act, e.Reason)).Both()
		}
	}
}

// forceRefused puts back what the step asks, with who refused that it be forced.
func (t *Tracker) forceRefused(e run.Event) {
	for i := range t.waits {
		if w := &t.waits[i]; w.Step == e.Step && w.System == e.System && w.Forced != nil {
			w.Text = plan.Joined(plan.Apart(w.Forced.Asks), plan.Say("%s refused that %s asks for %s (%s)", "%[1]s が %[2]s の要請（%[3]s）を却下（%[4]s）",
				t.named(e.By), t.named(w.Forced.By), w.Forced.Act, e.Reason)).Both()
			w.Forced = nil
		}
	}
}

// refusedBy is who refused a question that is asked anew: the two stand next to each other.
func (t *Tracker) refusedBy(writer string, seq int64) string {
	if t.no.Writer == writer && t.no.Seq == seq-1 {
		return t.no.By
	}
	return ""
}

// named is a person as people call them.
func (t *Tracker) named(id string) plan.Text {
	p, _ := t.plan.Estate.Person(id)
	said := plan.Text{EN: p.Name.In("en"), JA: p.Name.In("ja")}
	if said.EN == "" {
		said.EN = id
	}
	if said.JA == "" {
		said.JA = id
	}
	return said
}

func (t *Tracker) waitingIn(ph run.Phase, since time.Time, systems []System) []Waiting {
	due := func(d time.Duration) *time.Time {
		if d <= 0 {
			return nil
		}
		at := since.Add(d)
		return &at
	}
	rules := t.plan.Scenario.Safety
	switch ph {
	case run.SafetyCheck:
		var silent []string
		for _, id := range t.ids() {
			if p := t.people[id]; p.called && p.first == nil {
				silent = append(silent, id)
			}
		}
		if len(silent) > 0 {
			return []Waiting{{For: AwaitSafety, Phase: ph, People: silent, Need: len(silent), Since: since, Due: due(rules.Within.Std())}}
		}
	case run.Muster:
		var coming []string
		for _, id := range t.ids() {
			if p := t.people[id]; p.arrivedAt == nil && (p.last.CanCome || t.plan.Scenario.Hazard == run.SecurityIncident && p.called) {
				coming = append(coming, id)
			}
		}
		missing := 0
		for _, n := range t.count().Need {
			missing += max(0, n.Need-n.Present)
		}
		if len(coming) > 0 || missing > 0 {
			return []Waiting{{For: AwaitArrival, Phase: ph, People: coming, Need: missing, Since: since, Due: due(rules.Muster.Std())}}
		}
	case run.SiteInspection:
		if s := t.musterSite(); s != "" && !t.inspect[s] {
			return []Waiting{{For: AwaitInspect, Phase: ph, Site: s, Since: since, Due: due(rules.Task.Std())}}
		}
	case run.Verification:
		if t.plan.Scenario.Simulate != nil {
			return nil
		}
		var out []Waiting
		for _, s := range t.plan.Systems {
			for _, st := range s.Statements {
				if _, said := t.stated[s.Name][st.Function]; !said {
					w := Waiting{For: AwaitStatement, Phase: ph, System: s.Name, Step: st.Function, Role: st.Role, Since: since}
					w.People = t.holders(st.Role)
					out = append(out, w)
				}
			}
		}
		return out
	case run.DamageAssessment:
		return t.toAssess(since, due(rules.Task.Std()))
	case run.Closing:
		// The record is closed without anybody when people are simulated or were sent home.
		if t.plan.Scenario.Simulate != nil || t.view.Aborting {
			return nil
		}
		fallthrough
	case run.Communications, run.Containment, run.Completion:
		if t.confirmed[ph] {
			return nil
		}
		confirm := Waiting{For: AwaitConfirm, Phase: ph, Since: since, Due: due(rules.Task.Std())}
		if ph == run.Communications && t.plan.Scenario.Simulate == nil {
			return append(t.toReach(since, confirm.Due), confirm)
		}
		remarks := t.toSign(ph, confirm)
		if ph == run.Closing {
			confirm.Role, confirm.People = t.closers()
		}
		return append(remarks, confirm)
	}
	return nil
}

// closers are those who may close the record: the role that leads, and who holds it, drafts the
// decision or takes it. A remark of one's own is for everybody.
func (t *Tracker) closers() (role string, people []string) {
	d := t.plan.Scenario.Decision
	role = cmp.Or(t.plan.Scenario.Lead, d.By)
	for _, r := range []string{role, d.By, d.Draft} {
		if r == "" {
			continue
		}
		for _, id := range t.holders(r) {
			if !slices.Contains(people, id) {
				people = append(people, id)
			}
		}
	}
	return role, people
}

// approvers are those whose yes would count now; see plan.Approvers. A record of before
// it said so asks everybody but who started the run.
func (t *Tracker) approvers(a *asked) []string {
	eyes := plan.Eyes{Not: append([]string{t.view.By}, a.second.Not...), Decided: a.second.Decided,
		Away: func(id string) bool { return !t.people[id].acts() },
		Out: func(id string) bool {
			p := t.people[id]
			return p != nil && (p.absent || p.first != nil && !p.last.Safety.Fit())
		},
		Silent: func(id string) bool {
			p := t.people[id]
			return p != nil && p.reminded > 0 && p.first == nil && p.arrivedAt == nil && !t.acted[id]
		}}
	if a == t.approval {
		if a.phase == run.Failback && a.second.Need > 0 { // who asked for the recovery may approve the return
			eyes.Not = slices.Clone(a.second.Not)
		}
		for id := range t.approved {
			eyes.Not = append(eyes.Not, id)
		}
		// The run counts who has approved among those who could do it in place of who decided.
		if slices.ContainsFunc(slices.Collect(maps.Keys(t.approved)), func(id string) bool { return !eyes.Out(id) && !slices.Contains(eyes.Decided, id) }) {
			eyes.Not = append(eyes.Not, eyes.Decided...)
		}
	}
	return t.plan.Approvers(eyes)
}

// musterSite is the site of the place where people gather; "" when they do so online.
func (t *Tracker) musterSite() string {
	for _, p := range t.plan.Estate.Places {
		if p.Name == t.place {
			return p.Site
		}
	}
	return ""
}

// holders are those who hold a role. Before one who is not there, or there and hurt, or has left, come those who stand in
// for them and can act; the holder may act all the same, unless the drill has taken them out.
func (t *Tracker) holders(role string) (people []string) {
	standing := map[string][]string{} // by whom they stand in for
	for _, id := range t.ids() {
		if p := t.people[id]; len(p.standsIn) > 0 && !p.absent && p.last.Safety.Fit() {
			for _, of := range p.standsIn {
				standing[of] = append(standing[of], id)
			}
		}
	}
	named := map[string]bool{}
	add := func(ids ...string) {
		for _, id := range ids {
			if !named[id] {
				named[id], people = true, append(people, id)
			}
		}
	}
	var replaced []string
	for _, holder := range t.plan.Estate.InRole(role) {
		p := t.people[holder.ID]
		if p == nil || p.acts() && !p.absent {
			add(holder.ID)
			continue
		}
		if !p.absent {
			replaced = append(replaced, holder.ID)
		}
		add(standing[holder.ID]...)
	}
	add(replaced...)
	return people
}

// withDeputies adds to those who decide the deputies whom the run has asked to, since they have not.
func (t *Tracker) withDeputies(people []string) []string {
	for _, id := range t.deputies {
		if p := t.people[id]; !slices.Contains(people, id) && (p == nil || !p.absent) {
			people = append(people, id)
		}
	}
	return people
}

// Deputies are those whom the run has asked to decide on the recovery, since who should has not.
func (t *Tracker) Deputies() []string { return slices.Clone(t.deputies) }

func (t *Tracker) decisions() []Waiting {
	var names []string
	for name := range t.asked {
		names = append(names, name)
	}
	sort.Strings(names)
	var out []Waiting
	for _, name := range names {
		a := t.asked[name]
		w := Waiting{For: AwaitDecision, Phase: a.phase, System: name, Role: a.ask.Role, Text: a.ask.Question, Since: a.at}
		if w.Text == "" {
			w.Text = a.text
		}
		if a.ask.Role != "" {
			aid := a.ask
			w.Aid = &aid
		}
		for _, c := range a.ask.Choices {
			w.Acts = append(w.Acts, string(c))
		}
		w.People = t.holders(a.ask.Role)
		w.People = t.withDeputies(w.People)
		if a.ask.DeadlineS > 0 {
			at := a.at.Add(time.Duration(a.ask.DeadlineS * float64(time.Second)))
			w.Due = &at
		}
		out = append(out, w)
	}
	return out
}
