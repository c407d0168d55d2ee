package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// member is a person of the estate as the run sees them.
type member struct {
	plan       plan.Person
	called     bool
	answeredAt time.Time
	answer     run.Answer
	arrivedAt  time.Time
	left       bool     // came, and said since that they have to go
	place      string   // where they arrived
	standsIn   []string // persons whose roles this one fills
	deputies   bool     // this one's deputies were called
}

func (r *response) member(id string) *member { return r.byID[id] }

// there reports whether somebody came and has not left since.
func (m *member) there() bool { return !m.arrivedAt.IsZero() && !m.left }

// answers takes somebody's answer in. Who has left is back once they arrive again, whatever they answer on the way.
func (r *response) answers(m *member, a run.Answer) {
	m.answer, m.left = a, m.left || r.leftReplaced && !m.arrivedAt.IsZero() && a.Leaves()
}

// call calls people, each once. standsIn names the silent person they are called for.
func (r *response) call(ctx workflow.Context, who []string, standsIn string) {
	for _, id := range who {
		m := r.member(id)
		if m == nil || m.called || r.absent[id] {
			continue
		}
		m.called = true
		if standsIn != "" {
			m.standsIn = append(m.standsIn, standsIn)
		}
		r.log.add(ctx, run.Event{Kind: run.PersonCalled, Phase: r.phase, Person: id, By: run.Engine,
			Data: run.Encode(run.Call{Channel: "journal", Roles: m.plan.Roles, Deputy: standsIn, Place: r.callPlace(m)})})
		r.simulateAnswer(ctx, m)
	}
}

// tell says something to people. All messages of a run go through it, so none can go
// without a drill's mark.
func (r *response) tell(ctx workflow.Context, to []string, en, ja string) {
	r.say(ctx, run.Message{To: to}, en, ja)
}

// tellToAck says something of which each of them is asked to say that they have read it. The
// engine, where it answers for people, reads nothing.
func (r *response) tellToAck(ctx workflow.Context, to []string, en, ja string) {
	r.say(ctx, run.Message{To: to, Ack: len(to) > 0 && r.plan.Scenario.Simulate == nil}, en, ja)
}

func (r *response) say(ctx workflow.Context, m run.Message, en, ja string) {
	m.Channel, m.Text = "journal", run.Marked(r.in.Kind, run.Mark, en+" / "+ja)
	r.log.add(ctx, run.Event{Kind: run.MessageSent, Phase: r.phase, By: run.Engine, Data: run.Encode(m)})
}

func (r *response) mayCheckIn(c CheckIn) error {
	if !run.QuestionsOf(r.plan.Scenario.Hazard).Takes(c.Safety) {
		return refuse("safety is %q or %q, not %q", "安否は %q か %q で答えてください（%q は不可）", run.Safe, run.Injured, c.Safety)
	}
	return r.mayEnter(c.By, c.Person)
}

// onCheckIn keeps the newest answer; all answers stay in the journal.
func (r *response) onCheckIn(ctx workflow.Context, c CheckIn) (Done, error) {
	return r.checkIn(ctx, c, c.By)
}

func (r *response) checkIn(ctx workflow.Context, c CheckIn, by string) (Done, error) {
	m := r.member(c.Person)
	r.answers(m, run.Answer{Safety: c.Safety, CanCome: c.CanCome, Online: c.Online, ComesAt: c.ComesAt})
	if m.answeredAt.IsZero() {
		m.answeredAt = workflow.Now(ctx)
	}
	r.deputiesByAnswer(ctx, m)
	return r.log.record(ctx, run.Event{Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: c.Person, By: by,
		Via: c.Via, Data: run.Encode(m.answer)}) // what is private never gets here (CheckIn)
}

func (r *response) mayArrive(a Arrive) error {
	if a.Place != "" && !slices.ContainsFunc(r.plan.Estate.Places, func(p plan.Place) bool { return p.Name == a.Place }) {
		return refuse("%q is not a muster place of the estate", "参集場所 %q は構成台帳にありません", a.Place)
	}
	return r.mayEnter(a.By, a.Person)
}

func (r *response) onArrive(ctx workflow.Context, a Arrive) (Done, error) {
	return r.arrive(ctx, a, a.By)
}

func (r *response) arrive(ctx workflow.Context, a Arrive, by string) (Done, error) {
	m := r.member(a.Person)
	if m.arrivedAt.IsZero() {
		m.arrivedAt = workflow.Now(ctx)
	}
	m.left = false
	place := a.Place
	if place == "" {
		place = r.placeFor(m)
	}
	m.place = place
	return r.log.record(ctx, run.Event{Kind: run.PersonArrived, Phase: run.Muster, Person: a.Person, By: by, Via: a.Via,
		Data: run.Encode(run.Arrival{Place: place})})
}

func (r *response) mayConfirm(c Confirm) error {
	switch c.Phase {
	case run.Communications, run.Containment, run.Completion, run.Closing:
	default:
		return refuse("phase %q is not ended by a confirmation; communications, containment, completion and closing are", "段階 %q は確認操作では終わりません。確認で終わるのは communications・containment・completion・closing です", c.Phase)
	}
	if c.Phase != run.Closing && r.confirmed[c.Phase] {
		return refuse("%s is confirmed already", "%s はすでに確認済みです", c.Phase)
	}
	if err := r.tooEarly(c.Phase); err != nil {
		return err
	}
	if c.Phase == run.Closing && c.Note == "" {
		return refuse("say in the note (`--note`) what was hard, or \"nothing\" if nothing was", "難しかった点を備考（`--note`）に記入してください（なければ「特になし」）")
	}
	if c.Phase == run.Closing {
		// It ends everybody's time for records, so it is for those who lead. A remark of
		// one's own is `muster remark`.
		if err := r.running(c.By); err != nil || r.leads(c.By) == nil || r.plan.Estate.Regulated() && r.permit(c.By, plan.MayReport) == nil {
			return err
		}
		return refuse("to close the records is for who leads (%s); hand in your own remark with `muster remark`", "記録物の整理の完了を報告するのは指揮者（%s）です。各自の所見は `muster remark` で提出してください", r.leading())
	}
	return r.mayAct(c.By, plan.MayReport)
}

// tooEarly refuses to end what has not begun: a record that is closed during recovery would be
// closed over what people have still to do.
func (r *response) tooEarly(p run.Phase) error {
	order := r.plan.Scenario.Phases
	at := slices.Index(order, p)
	if at < 0 || p != run.Completion && p != run.Closing || slices.Index(order, r.phase) >= at || r.phase == run.Closing {
		return nil
	}
	now := plan.Text{EN: i18n.EN.Phase(r.phase), JA: i18n.JA.Phase(r.phase)}
	if p == run.Completion {
		return refuse("it is too early to report completion: the run is in %s. It is asked for after verification; `muster drill show` says what is waited for now", "復旧完了の報告はまだできません（現在の段階：%s）。復旧確認の後に依頼されます。いま待っていることは `muster drill show` で確認できます", now)
	}
	return refuse("it is too early to close the records: the run is in %s, and closing ends it. Hand in your own remark with `muster remark`; `muster drill show` says what is waited for now, and `muster drill abort %s --reason ...` stops the run",
		"記録物の整理の完了はまだ報告できません（現在の段階：%s）。報告すると実施が終了します。各自の所見は `muster remark` で提出できます。いま待っていることは `muster drill show` で確認でき、途中で終えるには `muster drill abort %s --reason ...` で中止します", now, r.in.RunID)
}

func (r *response) onConfirm(ctx workflow.Context, c Confirm) (Done, error) {
	return r.confirm(ctx, c, c.By)
}

func (r *response) confirm(ctx workflow.Context, c Confirm, by string) (Done, error) {
	kind := run.RemarkMade
	switch c.Phase {
	case run.Communications:
		kind = run.PartyReached
	case run.Containment:
		kind = run.ContainmentDone
	case run.Completion:
		kind = run.CompletionReport
	}
	r.confirmed[c.Phase] = true
	if c.Phase == run.Closing {
		r.signed[c.By] = true
	}
	e := run.Event{Kind: kind, Phase: c.Phase, By: by, Via: c.Via, Reason: c.Note}
	if kind == run.CompletionReport {
		e.Data = run.Encode(r.completion(c.Restrictions))
	}
	return r.log.record(ctx, e)
}

// untilConfirmed waits for people to confirm a phase, within the plan's limit.
func (r *response) untilConfirmed(ctx workflow.Context, p run.Phase) (run.Outcome, string) {
	limit := r.plan.Scenario.Safety.Task
	// An abort ends the wait also where the context outlives it, in closing.
	ok, _ := workflow.AwaitWithTimeout(ctx, limit.Std(), func() bool { return r.confirmed[p] || r.abort != nil })
	if !ok || !r.confirmed[p] {
		return run.Unknown, both("nobody confirmed it within %s", "%s以内に確認がなかった", limit)
	}
	return run.Passed, ""
}

// somebodyIn returns a person to speak for a role in a simulated run: one who
// arrived, else one who answered, else nobody.
func (r *response) somebodyIn(role string, not ...string) *member {
	var answered *member
	for _, m := range r.people {
		if ok, _ := r.holds(m.plan.ID, role); !ok && role != "" || slices.Contains(not, m.plan.ID) {
			continue
		}
		if m.there() {
			return m
		}
		if answered == nil && !m.answeredAt.IsZero() {
			answered = m
		}
	}
	return answered
}
