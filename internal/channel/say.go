package channel

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// matterOf is what a message of an event is about.
func matterOf(e run.Event) Matter {
	switch e.Kind {
	case run.PersonCalled:
		return Call
	case run.PersonReminded:
		return Reminder
	case run.DecisionAsked:
		return Decision
	case run.ApprovalAsked, run.ActivationAsked:
		return Approval
	case run.StepWaiting, run.ForceAsked:
		return Task
	}
	return Notice
}

// message is an event as it is said to a person ("" is the room), by the contacts as they
// are now.
func (p *picture) message(e run.Event, person string, c estate.Contact, server i18n.Lang) Message {
	l := c.Language(server)
	m := Message{
		ID: fmt.Sprintf("%s/%s/%d/%s", e.Run, e.Writer, e.Seq, person), Run: e.Run, Kind: p.kind, Hazard: p.plan.Scenario.Hazard, Matter: matterOf(e), Event: e,
		Person: person, Contact: c, Lang: l, At: e.At,
	}
	if who, ok := p.person(person); ok {
		m.Name = who.Name.In(string(l))
	}
	subject, text := p.words(e, l)
	if m.Person != "" && m.Matter != Notice && p.kind != run.Response {
		text += "\n" + l.T("This is a drill: nothing has really happened.", "これは訓練です。実際には何も起きていません。")
	}
	m.Subject, m.Text = run.Marked(p.kind, m.Mark(), run.OneLine(subject, 120)), run.Marked(p.kind, m.Mark(), text)
	if p.kind == run.Response { // the real thing says so as plainly as a drill does
		real := l.T("[REAL] ", "【本番】")
		m.Subject, m.Text = real+m.Subject, real+m.Text
	}
	return m
}

// link adds the addresses that the receiver may follow.
func (m *Message) link(ctx context.Context, a Addresses) error {
	l := m.Lang
	add := func(label, url string, personal bool) {
		if url != "" {
			m.Links = append(m.Links, Link{Label: label, URL: url, Personal: personal})
		}
	}
	if m.Person != "" && (m.Matter == Call || m.Matter == Reminder) {
		answer, err := a.personal(ctx, m.Run, m.Person, identity.ForCheckIn)
		if err != nil {
			return err
		}
		arrive, err := a.personal(ctx, m.Run, m.Person, identity.ForArrival)
		if err != nil {
			return err
		}
		say := l.T("Say whether you are safe", "安否を報告する")
		if len(run.QuestionsOf(m.Hazard).Safety) == 0 {
			say = l.T("Say whether you can come", "参集の可否を回答する")
		}
		add(say, answer, true)
		add(l.T("Say that you have arrived", "参集したことを報告する"), arrive, true)
	}
	if m.Acks() {
		ack, err := a.personal(ctx, m.Run, m.Person, identity.ForAck)
		if err != nil {
			return err
		}
		add(l.T("I have read this", "確認しました"), ack, true)
		if ack == "" {
			m.Text += "\n" + l.T("Acknowledge with: muster ack %s --run %s", "確認方法: muster ack %s --run %s", m.Event.Name(), m.Run)
		}
	}
	add(l.T("The run (sign in)", "実施状況（要サインイン）"), a.Run(m.Run), false)
	if len(m.Links) == 0 {
		*m = m.WithCommand()
	}
	return nil
}

// WithCommand is the message for whoever has no link: it says by which command they do what is asked of them.
func (m Message) WithCommand() Message {
	if how := m.command(); how != "" {
		m.Text += "\n" + how
	}
	return m
}

// command is that sentence; "" where nothing is asked, or where the text says it itself.
func (m Message) command() string {
	l, e := m.Lang, m.Event
	switch m.Matter {
	case Call, Reminder:
		if m.Person != "" {
			return howToAnswer(m.Run, m.Hazard, l)
		}
	case Decision:
		var a run.DecisionAsk
		_ = e.Decode(&a)
		var choices []string
		for _, c := range a.Choices {
			choices = append(choices, string(c))
		}
		return l.T("Decide with: muster decide CHOICE --system %[1]s --reason REASON --run %[2]s (CHOICE: %[3]s)", "決定方法: muster decide 方針 --system %[1]s --reason 理由 --run %[2]s（方針: %[3]s）",
			e.System, m.Run, strings.Join(choices, l.T(", ", "、")))
	case Approval:
		if e.Kind == run.ApprovalAsked { // by its number, so that a yes is to what was read
			return l.T("Approve with: muster approve %[1]s --asked %[2]d (refuse: muster approve %[1]s --asked %[2]d --refuse REASON)", "承認方法: muster approve %[1]s --asked %[2]d（却下: muster approve %[1]s --asked %[2]d --refuse 理由）", m.Run, e.Seq)
		}
	case Task:
		return l.T("See what is asked: muster drill show %s", "内容の確認: muster drill show %s", m.Run)
	case Notice, Test, Account:
	}
	return ""
}

// howToAnswer is the command for whoever has no link.
func howToAnswer(runID string, h run.Hazard, l i18n.Lang) string {
	asked := run.QuestionsOf(h).Safety
	if len(asked) == 0 {
		return l.T("Answer with: muster checkin --run %[1]s (with --cannot-come if you can't come)", "回答方法: muster checkin --run %[1]s（参集できない場合は --cannot-come を付ける）", runID)
	}
	var others []string
	for _, s := range asked[1:] {
		others = append(others, l.T("%[1]s if %[2]s", "%[2]sは %[1]s", strings.ReplaceAll(string(s), "_", "-"), l.Safety(s)))
	}
	return l.T("Answer with: muster checkin --safety %[1]s --run %[2]s (%[3]s)", "回答方法: muster checkin --safety %[1]s --run %[2]s（%[3]s）", asked[0], runID, strings.Join(others, l.T(", ", "、")))
}

// words are what is said of an event, without mark and links: a line, and all of it.
func (p *picture) words(e run.Event, l i18n.Lang) (subject, text string) {
	title := p.plan.Scenario.Title.In(string(l))
	both := func(s string) string { return plan.Apart(s).In(string(l)) }
	lines := func(s ...string) string {
		var kept []string
		for _, line := range s {
			if line != "" {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n")
	}
	switch e.Kind {
	case run.PersonCalled:
		var c run.Call
		_ = e.Decode(&c)
		deputy := ""
		if c.Deputy != "" {
			deputy = l.T("You are called as the deputy of %s, who has not answered.", "%sさんから回答がないため、代行者として召集します。", p.name(c.Deputy, l))
		}
		subject = l.T("Safety check: %s", "安否確認：%s", title)
		if len(run.QuestionsOf(p.plan.Scenario.Hazard).Safety) == 0 { // of an intrusion nobody is asked how they are
			subject = l.T("You are called: %s", "召集：%s", title)
		}
		return subject, lines(p.callWords(l, title), deputy)
	case run.PersonReminded:
		if e.Phase == run.Muster { // of a run without a safety check
			return l.T("We have not heard from you: %s", "未回答です：%s", title),
				lines(l.T("%s: you have neither said whether you can come nor arrived.", "%s：参集の可否の回答も、参集の報告もまだ届いていません。", title),
					l.T("Say whether you can come, then join.", "参集の可否を回答し、参集してください。"))
		}
		return l.T("We have not heard from you: %s", "未回答です：%s", title),
			lines(l.T("%s: you have not answered the safety check yet.", "%s：安否確認への回答がまだ届いていません。", title),
				l.T("Report whether you are safe.", "安否を報告してください。"))
	case run.DecisionAsked:
		var a run.DecisionAsk
		_ = e.Decode(&a)
		return l.T("Decision needed: %s", "判断が必要です：%s", p.system(e.System, l)), lines(p.decision(e, a, l)...)
	case run.ApprovalAsked:
		used := ""
		if p.plan.Hash != "" { // withheld of a blind drill
			used = l.T("Plan %s", "計画 %s", short(p.plan.Hash))
		}
		if e.Phase == run.Failback {
			return l.T("Approval of the return home needed: %s", "切戻しの承認が必要です：%s", title),
				lines(l.T("The return home waits for approval: %s", "切戻しが承認を待っています：%s", both(e.Reason)), p.decidedWords(e, l), used)
		}
		return l.T("Approval needed: %s", "承認が必要です：%s", title),
			lines(l.T("The recovery waits for approval: %s", "復旧作業が承認を待っています：%s", both(e.Reason)),
				p.decidedWords(e, l),
				l.T("Asked for by %s; who asked can't approve.", "要請者：%s（要請者自身は承認できません）", p.name(p.by, l)),
				used)
	case run.ActivationAsked:
		return l.T("Confirmation needed: %s", "発動の確認が必要です：%s", title),
			lines(l.T("Nothing is changed until a second person confirms that this is to be.", "別の人が発動を確認するまで、システムの変更は行いません。"),
				l.T("Started by %s, who can't confirm it.", "開始者：%s（開始者自身は確認できません）", p.name(p.by, l)),
				l.T("Confirm with: muster approve %s --activation", "確認方法: muster approve %s --activation", e.Run))
	case run.ForceAsked:
		var a run.StepAct
		_ = e.Decode(&a)
		return l.T("Second person needed: %s, %s", "別の人の確認が必要です：%[2]s・%[1]s", p.step(e, l), p.system(e.System, l)),
			lines(l.T("%s wants step %s: %s", "%sが次の操作を要請しています：%s（%s）", p.name(e.By, l), p.step(e, l), ActWord(a.Act, l)),
				l.T("Reason: %s", "理由：%s", both(e.Reason)),
				l.T("It stands once another person does the same, with a reason.", "別の人が理由を付けて同じ操作をすると確定します。"))
	case run.StepWaiting:
		var w run.Wait
		_ = e.Decode(&w)
		what := both(w.Text)
		if what == "" {
			what = both(e.Reason)
		}
		return l.T("Task: %s, %s", "作業依頼：%[2]s・%[1]s", p.step(e, l), p.system(e.System, l)),
			lines(waitWords(w.Kind, l), what, p.hint(e, w, l), l.T("For: %s", "担当：%s", p.role(w.Role, l)), l.T("Answers: %s", "選択肢：%s", acts(w.Acts, l)))
	case run.MessageSent:
		var m run.Message
		_ = e.Decode(&m)
		said := both(unmarked(m.Text))
		return firstLine(said), said
	}
	return p.turn(e, l, title, both)
}

// callWords are what the run says to everybody whom it calls.
func (p *picture) callWords(l i18n.Lang, title string) string {
	if p.callText != "" {
		return plan.Apart(unmarked(p.callText)).In(string(l))
	}
	return l.T("%s: the response is activated.", "%s：緊急時対応を発動しました。", title) + "\n" +
		l.T("Report whether you are safe, then come to the muster place%s.", "安否を報告し、参集してください%s。", p.place(l))
}

func unmarked(text string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(text, run.Mark), run.MarkEN), run.MarkJA))
}

// turn is a turn of the run.
func (p *picture) turn(e run.Event, l i18n.Lang, title string, both func(string) string) (subject, text string) {
	why := func(s string) string {
		if r := both(e.Reason); r != "" {
			return s + l.T(": ", "：") + r
		}
		return s
	}
	who := p.name(run.Person(e.By), l)
	switch e.Kind {
	case run.RunStarted:
		text = why(l.T("%s has begun, started by %s", "「%s」への対応を開始しました（開始者：%s）", title, who))
	case run.RunRefused:
		text = why(l.T("%s was not started", "「%s」への対応を開始できませんでした", title))
	case run.RunPaused:
		text = why(l.T("%s is paused by %s", "%[2]sが「%[1]s」への対応を一時停止しました", title, who))
	case run.RunResumed:
		text = l.T("%s goes on, resumed by %s", "%[2]sが「%[1]s」への対応を再開しました", title, who)
	case run.RunAbortRequested:
		text = why(l.T("The response to %s is being aborted by %s", "%[2]sの指示により「%[1]s」への対応を中止しています", title, who))
	case run.RunEnded:
		var d run.Ended
		_ = e.Decode(&d)
		text = l.T("The response to %s has ended: %s", "「%s」への対応は終了しました：%s", title, l.State(d.State))
	case run.QuorumReached:
		text = l.T("Enough people are there for %s", "%sの必要人数が参集しました", title)
	case run.QuorumMissed:
		text = l.T("Too few people came in time for %s; it goes on with those present", "%sの参集人数が時間内に足りず、参集済みの要員で続行します", title)
	case run.DecisionMade:
		var d run.Decision
		_ = e.Decode(&d)
		by := who
		if e.By == run.Engine {
			by = l.T("the rule %s", "規則 %s", d.Rule)
		}
		text = why(l.T("%s: %s, decided by %s", "%s：%s（決定者：%s）", p.system(e.System, l), l.Choice(d.Answer), by))
	case run.ApprovalGiven:
		a := new(run.Approval)
		_ = e.Decode(a)
		text = why(l.T("Approved by %s", "%sが承認しました", who))
		if a.BreakGlass {
			text = why(l.T("%s used break-glass", "%sが緊急権限（ブレークグラス）を行使しました", who))
		}
	case run.ApprovalRefused:
		text = why(l.T("%s refused to approve the recovery of %s; nothing is moved, and it is asked anew", "%sが「%s」の復旧の承認を却下しました。切り替えは行わず、改めて承認を求めます", who, title))
		if e.Phase == run.Failback {
			text = why(l.T("%s refused to approve the return home; nothing is moved, and it is asked anew", "%sが切戻しの承認を却下しました。切戻しは行わず、改めて承認を求めます", who))
		}
		text += "\n" + l.T("Who decides may revise it (muster decide), another person may approve it after all, or the run is aborted.", "決定者による決定の見直し（muster decide）、別の人による承認、または実施の中止のいずれかを行ってください。")
	case run.ActivationRefused:
		text = why(l.T("%s refused to confirm the activation of %s; no system is changed", "%sが「%s」の発動の確認を却下しました。システムの変更は行いません", who, title)) +
			"\n" + l.T("Another person may confirm it after all, or the run is aborted.", "別の人による確認、または実施の中止のいずれかを行ってください。")
	case run.ForceRefused:
		var o run.Objection
		_ = e.Decode(&o)
		text = why(l.T("%s refused your request on step %s: %s", "%sがステップ %s の要請（%s）を却下しました", who, p.step(e, l), ActWord(o.Act, l))) + "\n" + l.T("The step waits as before.", "ステップは引き続き待機中です。")
	case run.CallHeld:
		var h run.CallHold
		_ = e.Decode(&h)
		text = l.T("The call-out of %s waits until %s; it can be called off as a false alarm", "%sの召集は %s まで保留中です。誤報の場合は取り消せます", title, p.clock(run.Event{At: h.Until}, l))
	case run.CallReleased:
		var c run.CallSettled
		_ = e.Decode(&c)
		text = l.T("The call-out of %s is sent", "%sの召集を送信します", title)
		if !c.Sent {
			text = why(l.T("%s called it off as a false alarm", "%sが誤報として召集を取り消しました", who))
		}
	case run.MusterMoved:
		var m run.MusterMove
		_ = e.Decode(&m)
		text = why(l.T("The muster place is now %s", "参集場所を%sに変更しました", p.placeName(m.To, l)))
	case run.RoleHandedOver:
		var h run.Handover
		_ = e.Decode(&h)
		text = why(l.T("%s takes over the role %s from %s", "%[1]sが%[3]sから役割 %[2]s を引き継ぎました", p.name(e.Person, l), p.role(h.Role, l), p.name(h.From, l)))
	case run.CompletionReport:
		text = why(l.T("%s reported the recovery as complete", "%sが復旧完了を報告しました", who))
	default:
		text = why(string(e.Kind))
	}
	return firstLine(text), text
}

// decision is what whoever decides should know (requirement B-DEC-02).
func (p *picture) decision(e run.Event, a run.DecisionAsk, l i18n.Lang) []string {
	both := func(s string) string { return plan.Apart(s).In(string(l)) }
	span := func(v *float64) string {
		if v == nil {
			return l.T("no estimate", "見積もりなし")
		}
		return seconds(*v, l)
	}
	question := l.T("Where is %s recovered?", "%sをどこで復旧しますか。", p.system(e.System, l))
	if len(a.Choices) > 0 && a.Choices[0] == run.GoHome {
		question = l.T("Does %s return to its home site?", "%sを本拠点に戻しますか。", p.system(e.System, l))
	}
	var names []string
	for _, c := range a.Choices {
		names = append(names, l.Choice(c))
	}
	out := []string{question,
		l.T("Choices: %s", "選択肢：%s", strings.Join(names, l.T(", ", "、"))),
		l.T("Proposed: %s (%s)", "提案：%s（%s）", l.Choice(a.Proposed), both(a.Ground))}
	if a.ObjectiveS != nil {
		out = append(out, l.T("RTO: %s, used %s", "RTO：%s（経過 %s）", seconds(*a.ObjectiveS, l), seconds(a.UsedS, l)))
	}
	if a.AlternateS != nil || a.InPlaceS != nil {
		out = append(out, l.T("Forecast: alternate site %s, in place %s", "見込み：代替拠点 %s、被災拠点 %s", span(a.AlternateS), span(a.InPlaceS)))
	}
	out = append(out, l.T("Decides: %s", "決定者：%s", p.role(a.Role, l)))
	if a.DeadlineS > 0 {
		then := l.T("; then the plan's rule decides", "（過ぎると計画の規則で自動決定されます）")
		if p.plan.Scenario.Decision.Rule == plan.RuleWait {
			then = l.T("; nobody but a person decides", "（過ぎても自動では決定されません）")
		}
		out = append(out, l.T("Until: %s from %s", "期限：%[2]s から%[1]s以内", seconds(a.DeadlineS, l), p.clock(e, l))+then)
	}
	return out
}

// mostDecided bounds the lines of an approval that say what was decided.
const mostDecided = 20

// decidedWords are what an approval is a yes to, a line a system.
func (p *picture) decidedWords(e run.Event, l i18n.Lang) string {
	var out []string
	made := p.decidedBy(e)
	for i, d := range made {
		if i == mostDecided {
			out = append(out, l.T("and %d more", "ほか%d件", len(made)-i))
			break
		}
		way, who := l.Choice(d.Answer), p.name(run.Person(d.by), l)
		for _, s := range p.plan.Systems {
			if s.Name == d.system && s.Home != "" && s.Alternate != "" {
				way = l.ChoiceAt(d.Answer, p.site(s.Home, l), p.site(s.Alternate, l))
			}
		}
		if d.by == run.Engine {
			who = l.T("the rule %s", "規則 %s", d.Rule)
		}
		line := l.T("Decided: %s: %s, by %s", "決定内容：%s：%s（決定者：%s）", p.system(d.system, l), way, who)
		if why := run.OneLine(plan.Apart(d.why).In(string(l)), 120); why != "" {
			line = l.T("Decided: %s: %s, by %s (%s)", "決定内容：%s：%s（決定者：%s、理由：%s）", p.system(d.system, l), way, who, why)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// hint says what to know before a machine's step is tried again.
func (p *picture) hint(e run.Event, w run.Wait, l i18n.Lang) string {
	again := ActWord(run.ActRetry, l)
	if !slices.Contains(w.Acts, run.ActRetry) {
		return ""
	}
	switch w.Kind {
	case run.WaitAbsent:
		if e.Site != "" {
			return l.WorkerAway(e.Site, again)
		}
	case run.WaitUnknown:
		if s, ok := p.plan.Step(e.Runbook, e.Step); ok {
			return l.Again(again, s.Effect, s.CanLook)
		}
	}
	return ""
}

func waitWords(k run.WaitKind, l i18n.Lang) string {
	switch k {
	case run.WaitHuman:
		return l.T("A task is for you.", "作業をお願いします。")
	case run.WaitAck:
		return l.T("Read this step and acknowledge it.", "このステップを読み、確認してください。")
	case run.WaitUnknown:
		return l.T("Nobody can tell whether this step had its effect. Look, and say.", "ステップの結果が不明です。状況を確認し、判断してください。")
	case run.WaitFailed:
		return l.T("A step failed and waits for you.", "ステップが失敗し、判断を待っています。")
	case run.WaitAbsent:
		return l.T("No worker of the site takes this step.", "拠点のワーカーが応答せず、ステップを実行できません。")
	}
	return ""
}

// ActWord names what may be done with a step that waits.
func ActWord(a run.Act, l i18n.Lang) string {
	switch a {
	case run.ActDone:
		return l.T("done", "完了")
	case run.ActRetry:
		return l.T("retry", "再試行")
	case run.ActSkip:
		return l.T("skip", "省略")
	case run.ActRefuse:
		return l.T("refuse", "却下")
	}
	return string(a)
}

func acts(list []run.Act, l i18n.Lang) string {
	var out []string
	for _, a := range list {
		out = append(out, ActWord(a, l))
	}
	return strings.Join(out, l.T(", ", "、"))
}

// TestMessage is what `muster channel test` says to somebody: marked, and asking for nothing.
func TestMessage(id, person, name string, c estate.Contact, server i18n.Lang, at time.Time) Message {
	l := c.Language(server)
	m := Message{ID: "test/" + id, Run: "test-" + id, Kind: run.Drill, Matter: Test, Person: person, Name: name, Contact: c, Lang: l, At: at}
	m.Subject = run.Marked(run.Drill, m.Mark(), l.T("A test of how muster reaches you", "musterからの通知テスト"))
	m.Text = run.Marked(run.Drill, m.Mark(), l.T("This is a test. Nothing has happened, and nothing is asked of you.", "これは通知のテストです。何も起きていません。対応は不要です。"))
	return m
}
