package board

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// task is one thing that a run waits for, with what its form needs.
type task struct {
	progress.Waiting
	Run      string
	Kind2    run.Kind // of the run
	RunTitle plan.Text
	Me       string
	Title    string // what is waited for
	Who      string // whom it waits for
	For2     string // whose name a form acts for
	Back     string
	Now      time.Time
	SystemOf *plan.System
	Places   []choice
	Until    *time.Time // when the RTO of the system is over
	From     *time.Time // when its clock started
	Machine  bool       // a step that a machine does
	Key      string     // names this very question, so that a form being filled in is kept
	Urgent   bool
	Station  string // Who without anybody's name, for the wall
	Options  []option
	Ask      ask
	Draft    *progress.Draft // the newest proposal for the decision
	Drafter  string
	Heard    []string // who was consulted, and what came of it
	// Holds is what is decided, system by system: what an approval is a yes to.
	Holds []string
	// ForcedBy has asked to force the step, and waits for a second person.
	ForcedBy string
	// NoRule: nobody but a person takes the decision, however long that takes.
	NoRule bool
	// Hint says what trying a machine's step again does, or what to look at before that.
	Hint string
	// Decided is the choice that a revision takes the place of, DecidedBy who took it.
	Decided, DecidedBy string
	// Parts are the components of the system, Checklist what is looked at on the site.
	Parts     []choice
	Checklist []choice
}

// ask is what the safety check of a hazard asks.
type ask struct {
	Safety   []safetyButton // none where only coming is asked
	Families []choice
	Where    bool
}

// safetyButton is an answer, with a sign and a colour.
type safetyButton struct{ Value, Label, Mark, Class string }

func askOf(l i18n.Lang, p plan.Plan) ask {
	q := run.QuestionsOf(p.Scenario.Hazard)
	out := ask{Where: q.Whereabouts}
	for _, s := range q.Safety {
		b := safetyButton{string(s), safeties[s].In(string(l)), "✓", "ok"}
		switch s {
		case run.LightlyHurt, run.InIsolation:
			b.Mark, b.Class = "▲", "warn"
		case run.BadlyHurt, run.Unwell:
			b.Mark, b.Class = "✚", "bad"
		}
		out.Safety = append(out.Safety, b)
	}
	for _, f := range q.Family {
		out.Families = append(out.Families, choice{string(f), families[f].In(string(l))})
	}
	return out
}

// option is a choice of a decision, with what it brings about.
type option struct {
	Value, Label, Then string
	Proposed           bool
}

// forms are the templates of what can be waited for. What is not here is shown with its
// words and without a form.
var forms = map[progress.Awaited]string{
	progress.AwaitSafety: "form-safety", progress.AwaitArrival: "form-arrival", progress.AwaitInspect: "form-inspect",
	progress.AwaitStatement: "form-statement", progress.AwaitAssess: "form-assess", progress.AwaitDecision: "form-decision",
	progress.AwaitAck: "form-ack", progress.AwaitRemark: "form-remark", awaitDraft: "form-draft", awaitGlass: "form-glass", awaitRevision: "form-revision", progress.AwaitReview: "form-review", progress.AwaitCallOut: "form-callout", progress.AwaitReach: "form-reach", progress.AwaitOrder: "form-order", progress.AwaitReceipt: "form-receipt",
	progress.AwaitApproval: "form-approval", progress.AwaitActivation: "form-activation", progress.AwaitConfirm: "form-confirm", progress.AwaitStep: "form-step",
}

// forPerson are the tasks of a run that wait for this person, the most urgent first.
func forPerson(l i18n.Lang, p picture, me, back string) []task {
	var out []task
	if me == "" || p.absent(me) {
		return nil
	}
	for _, w := range slices.Concat(p.Overview.Waiting, late(p, me), drafts(p, me), glass(p, me), revisions(p, me)) {
		if !may(p, w, me) {
			continue
		}
		t := taskOf(l, p, w, me, back)
		if w.For == progress.AwaitSafety {
			t.For2 = me
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b task) int { return rank(a.For) - rank(b.For) })
	return out
}

// rank puts first what others wait for most.
func rank(f progress.Awaited) int {
	switch f {
	case progress.AwaitSafety, progress.AwaitCallOut:
		return 0
	case progress.AwaitDecision, progress.AwaitApproval, progress.AwaitActivation, progress.AwaitReview:
		return 1
	case progress.AwaitStep:
		return 2
	case progress.AwaitArrival:
		return 3
	}
	return 4
}

// may reports whether a wait is for this person. It only says what to show: whether an act
// is let through is for the run itself to say.
func may(p picture, w progress.Waiting, person string) bool {
	me, ok := p.Plan.Estate.Person(person)
	if !ok {
		return false
	}
	if right := needed(w.For); right != "" && !granted(p.Plan.Estate, person, right) {
		return false
	}
	switch {
	case slices.Contains(w.People, person):
		return true
	case w.For == progress.AwaitApproval || w.For == progress.AwaitActivation || w.For == progress.AwaitStep:
		return false // whose word counts is named, deputies too (plan.Approvers, plan.Settlers)
	case w.For == progress.AwaitCallOut && p.Plan.Estate.Regulated():
		return true // by that right alone
	case w.For == progress.AwaitArrival:
		// Whoever was called may come although nobody counted on it.
		i := slices.IndexFunc(p.People, func(v personView) bool { return v.ID == person })
		return i >= 0 && p.People[i].Called && (p.People[i].ArrivedAt == nil || p.People[i].Left) && p.People[i].Safety.Fit() && p.People[i].AnsweredAt != nil
	case w.For == progress.AwaitSafety:
		return false
	case w.Role != "":
		return stands(p, me, w.Role)
	case len(w.People) > 0:
		return false
	}
	// Nobody is named: those who lead the run, who has come, and who acts in their place.
	if stands(p, me, p.Plan.Scenario.Decision.By) || p.Plan.Scenario.Lead != "" && stands(p, me, p.Plan.Scenario.Lead) {
		return true
	}
	for _, q := range p.Plan.Scenario.Quorum {
		if stands(p, me, q.Role) {
			return true
		}
	}
	return len(p.Plan.Scenario.Quorum) == 0
}

// stands reports whether a person holds a role or is the deputy of somebody who does and is
// not there, has left, or is there and hurt.
func stands(p picture, me plan.Person, role string) bool {
	if slices.Contains(me.Roles, role) {
		return true
	}
	for _, holder := range p.Plan.Estate.InRole(role) {
		if slices.Contains(holder.Deputies, me.ID) && !slices.ContainsFunc(p.People, func(v personView) bool { return v.ID == holder.ID && v.ArrivedAt != nil && !v.Left && v.Safety.Fit() }) {
			return true
		}
	}
	return false
}

// taskOf is a wait with its words.
func taskOf(l i18n.Lang, p picture, w progress.Waiting, me, back string) task {
	o := p.Overview
	t := task{Waiting: w, Run: o.Run, Kind2: o.Kind, RunTitle: o.Title, Me: me, For2: me, Back: back, Now: o.At,
		Key: strings.Join([]string{o.Run, string(w.For), w.System, w.Site, w.Step, w.Party, w.Order, w.Message, w.Component, string(w.Phase), string(w.Kind), strconv.FormatInt(w.Wait, 10)}, "/")}
	if w.Asked != 0 {
		t.Key += "/" + strconv.FormatInt(w.Asked, 10)
	}
	t.Text = plain(l, w.Text)
	system := w.System
	if s, ok := p.Plan.System(w.System); ok {
		t.SystemOf = &s
		if title := s.Title.In(string(l)); title != "" {
			system = title
		}
		for _, c := range s.Components {
			t.Parts = append(t.Parts, choice{c.Name, either(c.Title.In(string(l)), c.Name)})
		}
	}
	for _, s := range o.Systems {
		if s.Name == w.System && s.EventAt != nil {
			t.From = s.EventAt
			if s.ObjectiveS != nil {
				until := s.EventAt.Add(time.Duration(*s.ObjectiveS * float64(time.Second)))
				t.Until = &until
			}
		}
	}
	site := siteTitle(l, p.Plan, w.Site)
	if w.For == progress.AwaitInspect {
		s, _ := p.Plan.Estate.Site(w.Site)
		for _, c := range s.Checklist() {
			t.Checklist = append(t.Checklist, choice{c.Name, either(c.Title.In(string(l)), c.Name)})
		}
	}
	for _, place := range p.Plan.Estate.Places {
		name := place.Title.In(string(l))
		if name == "" {
			name = place.Name
		}
		t.Places = append(t.Places, choice{place.Name, name})
	}
	switch w.For {
	case progress.AwaitSafety:
		t.Title = l.T("Safety check", "安否の回答")
		t.Ask = askOf(l, p.Plan)
	case progress.AwaitCallOut:
		t.Title, t.Urgent = l.T("A call-out is held: send it or call it off", "召集の送信を保留中：送信または取りやめ"), true
	case progress.AwaitReach:
		party := w.Party
		if x, ok := p.Plan.Estate.Party(w.Party); ok && x.Title.In(string(l)) != "" {
			party = x.Title.In(string(l))
		}
		t.Title = l.T("Reach %s", "%sへの連絡", party)
	case progress.AwaitTell:
		t.Title = l.T("Tell %s by hand of the situation", "%sへの状況報告の伝達（手動）", w.Party)
	case progress.AwaitOrder:
		t.Title = l.T("Order: %s", "指示：%s", t.Text)
	case progress.AwaitReceipt:
		t.Title = l.T("Receipt of what was taken: %s", "搬出物の受領：%s", t.Text)
	case progress.AwaitArrival:
		t.Title = l.T("Come to the muster", "参集")
	case progress.AwaitInspect:
		t.Title = l.T("Inspection of %s", "%sの安全点検", site)
	case progress.AwaitStatement:
		t.Title = l.T("How much of %[2]s of %[1]s is there?", "%[1]s「%[2]s」の稼働程度の申告", system, w.Step)
	case progress.AwaitAssess:
		t.Title = l.T("Damage assessment of %s", "%sの被害状況の確認", system)
		if w.Component != "" {
			part := w.Component
			if i := slices.IndexFunc(t.Parts, func(c choice) bool { return c.Value == w.Component }); i >= 0 {
				part = t.Parts[i].Label
			}
			t.Title = l.T("Damage assessment of %s: %s", "%s（%s）の被害状況の確認", system, part)
		}
	case progress.AwaitDecision:
		t.Title, t.Urgent = l.T("Recovery decision on %s", "%sの復旧方針の決定", system), true
		t.NoRule = p.Plan.Scenario.Decision.Rule == plan.RuleWait
		if w.Text == "failback" {
			t.Title = l.T("Decision on the way home of %s", "%sの切戻しの判断", system)
		}
		t.drafted(l, p)
		t.Options = optionsOf(l, p, t)
	case awaitRevision:
		t.Title = l.T("Decided on %s; it may still be revised", "%sの決定済みの方針（変更可）", system)
		if w.Phase == run.Failback {
			t.Title = l.T("Decided on the way home of %s; it may still be revised", "%sの切戻しの決定（変更可）", system)
		}
		t.Options = optionsOf(l, p, t)
		for _, s := range o.Systems {
			if s.Name == w.System {
				t.Decided = choiceWord(l, s.Decision)
				t.DecidedBy = nameIn(l, p.Plan.Estate, s.DecidedBy)
			}
		}
	case awaitDraft:
		t.Title = l.T("Draft of the decision on %s", "%sの復旧方針の案", system)
		t.drafted(l, p)
		t.Options = optionsOf(l, p, t)
	case progress.AwaitReview:
		t.Title, t.Urgent = l.T("Review: the recovery of %s slips", "見直し：%sの復旧の遅れ", system), true
		t.Options = optionsOf(l, p, t)
	case progress.AwaitApproval:
		t.Title, t.Urgent = l.T("Approval of the recovery", "復旧の承認"), true
		if w.Phase == run.Failback {
			t.Title = l.T("Approval of the return home", "切戻しの承認")
		}
		t.Holds = decisionsOf(l, p)
	case progress.AwaitAck:
		t.Title = l.T("Acknowledge a message", "連絡の確認")
	case progress.AwaitRemark:
		t.Title = l.T("What was hard for you?", "難しかった点の記入")
	case awaitGlass:
		t.Title = l.T("Nobody else to approve? Break the glass", "承認者に連絡がつかない場合：緊急権限（ブレークグラス）")
		if w.Phase == run.Failback {
			t.Title = l.T("Nobody else to approve the return home? Break the glass", "切戻しの承認者に連絡がつかない場合：緊急権限（ブレークグラス）")
		}
	case progress.AwaitActivation:
		t.Title, t.Urgent = l.T("Confirmation of the activation", "発動の確認"), true
	case progress.AwaitConfirm:
		t.Title = l.T("Report: %s", "%sの完了報告", l.Phase(w.Phase))
		if w.Phase == run.Completion {
			t.Title = l.T("Report: completion", "復旧完了報告")
		}
		if w.Phase == run.Closing {
			t.Title = l.T("What was hard? (closing of the record)", "振り返りの記入（記録物の整理）")
		}
	case progress.AwaitStep:
		t.Machine = w.Kind != run.WaitHuman && w.Kind != run.WaitAck
		t.Urgent = t.Machine
		t.Title, t.Hint = stepTitle(l, p.Plan, w), hintOn(l, p, w)
		if w.Forced != nil {
			t.ForcedBy, t.Text = nameIn(l, p.Plan.Estate, w.Forced.By), plain(l, w.Forced.Asks)
		}
	default:
		t.Title = string(w.For)
	}
	t.Who = whoWaits(l, p, w)
	switch {
	case w.Role != "":
		t.Station = roleTitle(l, p.Titles, w.Role)
	case len(w.People) > 0:
		t.Station = l.T("%d people", "%d名", len(w.People))
	default:
		t.Station = t.Who
	}
	return t
}

func stepTitle(l i18n.Lang, p plan.Plan, w progress.Waiting) string {
	name := w.Step
	for _, rb := range p.Runbooks {
		for _, s := range rb.Steps {
			if s.ID == w.Step && (rb.System == w.System || w.System == "") && s.Title.In(string(l)) != "" {
				name = s.Title.In(string(l))
			}
		}
	}
	switch w.Kind {
	case run.WaitUnknown:
		return l.T("Outcome unknown: step %s", "結果不明：ステップ「%s」", name)
	case run.WaitFailed:
		return l.T("Failed: step %s", "失敗：ステップ「%s」", name)
	case run.WaitAbsent:
		return l.T("No worker answers at its site: step %s", "拠点のワーカーが応答なし：ステップ「%s」", name)
	case run.WaitAck:
		return l.T("Read and acknowledge: step %s", "内容の確認：ステップ「%s」", name)
	}
	return l.T("Step %s", "ステップ「%s」", name)
}

// hintOn says what to know before a machine's step is tried again: of one whose outcome is unknown
// what that does, and of one that no worker takes where to look.
func hintOn(l i18n.Lang, p picture, w progress.Waiting) string {
	again := acts[string(run.ActRetry)].In(string(l))
	if !slices.Contains(w.Acts, string(run.ActRetry)) {
		return ""
	}
	switch w.Kind {
	case run.WaitAbsent:
		if w.Site != "" {
			return l.WorkerAway(w.Site, again)
		}
	case run.WaitUnknown:
		if s, ok := waitingStep(p, w); ok {
			return l.Again(again, s.Effect, s.CanLook)
		}
	}
	return ""
}

// waitingStep is the step of the plan that waits: another runbook of the system may have one of that ID.
func waitingStep(p picture, w progress.Waiting) (plan.Step, bool) {
	for _, s := range p.Overview.Steps {
		if s.ID == w.Step && s.System == w.System && s.Progress == progress.StepWaits {
			if of, ok := p.Plan.Step(s.Runbook, w.Step); ok {
				return of, true
			}
		}
	}
	return plan.Step{}, false
}

// whoWaits names those who hold the ball: a few by name, many by number.
func whoWaits(l i18n.Lang, p picture, w progress.Waiting) string {
	role := roleTitle(l, p.Titles, w.Role)
	var names []string
	for _, id := range w.People {
		names = append(names, nameIn(l, p.Plan.Estate, id))
	}
	who := strings.Join(names, l.T(", ", "、"))
	if n := len(names); n > 4 {
		who = l.T("%d people", "%d名", n)
	}
	switch {
	case who == "" && role == "":
		return l.T("those who lead", "指揮・復旧の担当者")
	case who == "" || role == "":
		return role + who
	}
	return role + l.T(" (", "（") + who + l.T(")", "）")
}

// roleTitle is a role as people call it.
func roleTitle(l i18n.Lang, titles map[string]plan.Text, role string) string {
	if t := titles[role].In(string(l)); t != "" {
		return t
	}
	return role
}

func optionsOf(l i18n.Lang, p picture, t task) []option {
	home, away := "", ""
	if t.SystemOf != nil {
		home, away = siteTitle(l, p.Plan, t.SystemOf.Home), siteTitle(l, p.Plan, t.SystemOf.Alternate)
	}
	var out []option
	for _, a := range t.Acts {
		c := run.Choice(a)
		out = append(out, option{a, choiceWord(l, c), strings.NewReplacer("%[1]s", home, "%[2]s", away).Replace(consequences[c].In(string(l))), t.Aid != nil && t.Aid.Proposed == c})
	}
	return out
}

// siteTitle is a site as people call it.
func siteTitle(l i18n.Lang, p plan.Plan, name string) string {
	if s, ok := p.Estate.Site(name); ok && s.Title.In(string(l)) != "" {
		return s.Title.In(string(l))
	}
	return name
}

// decisionsOf says what is decided now, system by system.
func decisionsOf(l i18n.Lang, p picture) (out []string) {
	for _, s := range p.Overview.Systems {
		if s.Decision != "" {
			out = append(out, l.T("%s: %s, decided by %s", "%s：%s（決定者 %s）", systemTitle(l, p.Plan, s.Name), choiceWord(l, s.Decision), nameIn(l, p.Plan.Estate, s.DecidedBy)))
		}
	}
	return out
}

// systemTitle is a system as people call it.
func systemTitle(l i18n.Lang, p plan.Plan, name string) string {
	if s, ok := p.System(name); ok && s.Title.In(string(l)) != "" {
		return s.Title.In(string(l))
	}
	return name
}
