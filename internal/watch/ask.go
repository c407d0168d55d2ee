package watch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// roleName is what people call a role.
func roleName(l i18n.Lang, of plan.Plan, role string) string {
	return clean(of.Estate.RoleName(role).In(string(l)))
}

// How is how somebody acts who is waited for.
type How struct {
	Commands []Command
	Notes    []string // what a word in capitals stands for, and what to know before
	People   []string // IDs; those who may
	As       string   // who of them acts with --as; PERSON where it is for the reader to fill in
}

// Command is one of the ways to act. It holds no choice in itself: a shell takes a | for a pipe.
type Command struct {
	When string // in which case, "" where there is one case, or the command says it
	Text string
}

// By is the commands with who acts in them: an answer is for oneself.
func (h How) By(person string) How {
	out := h
	out.Commands = nil
	for _, c := range h.Commands {
		out.Commands = append(out.Commands, Command{c.When, strings.Replace(c.Text, " PERSON ", " ", 1) + " --as " + person})
	}
	return out
}

// Lines are the commands, a line each, with the case before them.
func (h How) Lines() []string {
	var out []string
	for _, c := range h.Commands {
		if c.When != "" {
			c.Text = c.When + ": " + c.Text
		}
		out = append(out, c.Text)
	}
	return out
}

func (h *How) add(when, format string, args ...any) {
	h.Commands = append(h.Commands, Command{when, fmt.Sprintf(format, args...)})
}

// few names some people, and says how many more there are.
func few(l i18n.Lang, of plan.Plan, ids []string) string {
	if len(ids) <= 8 {
		return names(l, of, ids)
	}
	return l.T("%s and %d more", "%s ほか%d名", names(l, of, ids[:6]), len(ids)-6)
}

// anybody is who is waited for where nobody is named: whom the rights let where there are any.
func anybody(l i18n.Lang, of plan.Plan, f progress.Awaited) string {
	var may plan.Permission
	switch f {
	case progress.AwaitCallOut:
		may = plan.MayControl
	case progress.AwaitInspect, progress.AwaitAssess, progress.AwaitStatement, progress.AwaitConfirm, progress.AwaitReach, progress.AwaitTell, progress.AwaitOrder, progress.AwaitReceipt:
		may = plan.MayReport
	}
	if may == "" || !of.Estate.Regulated() {
		return l.T("anybody", "誰でも可")
	}
	var roles []string
	for _, r := range of.Estate.Granted(may) {
		roles = append(roles, roleName(l, of, r))
	}
	all := strings.Join(roles, l.T(", ", "、"))
	switch {
	case all == "":
		return l.T("nobody: no role has the permission %s", "なし（権限 %s を持つ役割がない）", may)
	case may == plan.MayControl:
		return l.T("whoever may control the run: %s", "実施を管理できる役割：%s", all)
	}
	return l.T("whoever may report: %s", "報告できる役割：%s", all)
}

// words says what may stand in the place of a word in capitals.
func words[T ~string](l i18n.Lang, placeholder string, may []T, means func(T) string) string {
	var all []string
	for _, x := range may {
		word := string(x)
		if l == i18n.JA {
			word += "（" + means(x) + "）"
		}
		all = append(all, word)
	}
	last := len(all) - 1
	return placeholder + ": " + strings.Join(all[:last], l.T(", ", "、")) + l.T(" or ", "、") + all[last]
}

// Ask says in words who is waited for, for what, and with which commands they act. A command that
// is pasted as it is must not say how somebody is, or what is broken: where people have to look, its
// place is held by a word in capitals, which muster refuses.
func Ask(l i18n.Lang, of plan.Plan, runID string, w progress.Waiting) (who, what string, how How) {
	if w.Forced != nil { // whoever asked can't confirm it
		w.People = slices.DeleteFunc(slices.Clone(w.People), func(id string) bool { return id == w.Forced.By })
	}
	who = few(l, of, w.People)
	if w.Role != "" {
		if n := len(w.People); n > 4 {
			who = l.T("%d people", "%d名", n)
		}
		if who != "" {
			who = roleName(l, of, w.Role) + " (" + who + ")"
		} else {
			who = roleName(l, of, w.Role)
		}
	}
	if who == "" {
		who = anybody(l, of, w.For)
	}
	how.People, how.As = w.People, actsAs(of, w)
	text, why := said(l, w.Text), l.T("WHY", "理由")
	switch w.For {
	case progress.AwaitSafety:
		what = l.T("%d answer(s) to the safety check", "安否の回答 %d 名", w.Need)
		answers := run.QuestionsOf(of.Scenario.Hazard).Safety
		if len(answers) == 0 {
			how.add("", "muster checkin --run %s", runID)
			how.Notes = append(how.Notes, l.T("with --cannot-come if you can't come", "参集できない場合は --cannot-come を付ける"))
			break
		}
		how.add("", "muster checkin PERSON --safety ANSWER --run %s", runID)
		means := map[string]string{}
		var typed []string
		for _, a := range answers {
			code := strings.ReplaceAll(string(a), "_", "-")
			typed, means[code] = append(typed, code), l.Safety(a)
		}
		how.Notes = append(how.Notes, words(l, "ANSWER", typed, func(code string) string { return means[code] }))
	case progress.AwaitCallOut:
		what = l.T("the call-out is held: send it at once, or call off a false alarm", "召集を保留中: 直ちに送信するか、誤報なら取り消し")
		how.add("", "muster drill callout send %s", runID)
		how.add(l.T("false alarm", "誤報の場合"), "muster drill callout cancel %s --reason %s", runID, why)
	case progress.AwaitArrival:
		what = l.T("to come to the muster (%d missing for the quorum)", "参集 (参集必要人数まで %d 名)", w.Need)
		how.add("", "muster arrive PERSON --run %s", runID)
	case progress.AwaitInspect:
		what = l.T("inspection of site %s", "拠点 %s の安全点検", w.Site)
		how.add("", "muster inspect %s --RESULT --run %s", w.Site, runID)
		how.Notes = append(how.Notes, words(l, "RESULT", []run.Usability{run.Usable, run.Restricted, run.Unusable}, l.Usability))
	case progress.AwaitStatement:
		what = l.T("a statement on %[2]s of %[1]s, which no probe sees", "%[1]s の「%[2]s」の稼働程度の申告 (自動確認不可)", w.System, w.Step)
		how.add("", "muster attest %s %s --level PERCENT --reason %s --run %s", w.System, w.Step, why, runID)
	case progress.AwaitAssess:
		what = l.T("damage assessment of %s", "%s の被害状況", w.System)
		part := w.System
		if w.Component != "" {
			what = l.T("damage assessment of %[2]s, a part of %[1]s", "%[1]s の構成要素 %[2]s の被害状況", w.System, w.Component)
			part += " " + w.Component
		}
		how.add("", "muster assess %s --damage DAMAGE --run %s", part, runID)
		how.Notes = append(how.Notes, words(l, "DAMAGE", []run.Damage{run.DamageNone, run.DamageDegraded, run.DamageStopped, run.DamageDestroyed, run.DamageUnknown}, l.Damage))
	case progress.AwaitDecision:
		what = l.T("DECISION on %s of %s: %s", "判断 (%s) 対象 %s: %s", w.Text, w.System, strings.Join(w.Acts, ", "))
		choices := []string{"alternate"}
		if len(w.Acts) > 0 {
			choices = w.Acts[:1]
		}
		if w.Phase == run.Failback {
			choices = w.Acts // to stay is the way to end the run
		}
		for _, c := range choices {
			how.add("", "muster decide %s --system %s --reason %s --run %s", c, w.System, why, runID)
		}
	case progress.AwaitApproval:
		what = l.T("APPROVAL by %d more: %s", "承認 あと %d 名: %s", w.Need, text)
		how.add("", "muster approve %s", runID+knowing(w))
	case progress.AwaitActivation:
		what = l.T("CONFIRMATION of the activation by a second person: %s", "発動の確認（開始者以外の人）: %s", text)
		how.add("", "muster approve --activation %s", runID+knowing(w))
	case progress.AwaitConfirm:
		note := ""
		switch w.Phase {
		case run.Completion:
			what = l.T("to confirm completion", "復旧完了の報告")
		case run.Closing:
			what, note = l.T("to close the records, with a remark on what was hard", "記録物の整理の完了報告 (難しかった点の記入)"), " --note TEXT"
		default:
			what = l.T("to confirm %s", "%s の完了報告", l.Phase(w.Phase))
		}
		how.add("", "muster confirm %s%s --run %s", w.Phase, note, runID)
	case progress.AwaitReview:
		what = l.T("REVIEW of the decision on %[1]s: %[2]s", "復旧方針の見直し 対象 %[1]s：%[2]s", w.System, text)
		for _, c := range w.Acts {
			how.add("", "muster decide %s --system %s --reason %s --run %s", c, w.System, why, runID)
		}
	case progress.AwaitRemark:
		what = l.T("to say what was hard", "難しかった点の記入")
		how.add("", "muster remark TEXT --run %s", runID)
	case progress.AwaitAck:
		what = l.T("%d to acknowledge: %s", "連絡の確認 %d 名: %s", w.Need, text)
		how.add("", "muster ack %s --run %s", w.Message, runID)
	case progress.AwaitReach:
		what = l.T("to reach %[1]s (%[2]s)", "%[1]s への連絡（%[2]s）", w.Party, w.Text)
		how.add("", "muster reach %s --by telephone --outcome OUTCOME --run %s", w.Party, runID)
		how.Notes = append(how.Notes, words(l, "OUTCOME", []run.Contact{run.ContactReached, run.ContactLeft, run.ContactSilent, run.ContactDead}, l.Contact))
	case progress.AwaitTell:
		what = l.T("to tell %[1]s by hand: %[2]s", "%[1]s への伝達（手動）：%[2]s", w.Party, text)
		how.add("", "muster notice %s TEXT --channel telephone --run %s", w.Party, runID)
	case progress.AwaitOrder:
		if w.Party != "" {
			who = w.Party
		}
		what = l.T("%[1]s: %[2]s", "%[1]s：%[2]s", w.Order, w.Text)
		act := "done"
		if len(w.Acts) > 0 {
			act = w.Acts[0]
		}
		how.add("", "muster follow-up %s %s --run %s", w.Order, act, runID)
	case progress.AwaitReceipt:
		what = l.T("receipt of %[1]s: %[2]s", "受領の確認 %[1]s：%[2]s", w.Order, w.Text)
		how.add("", "muster custody receive %s --run %s", w.Order, runID)
	case progress.AwaitStep:
		what = askedOfStep(l, of, runID, w, &how)
	}
	return who, what, how
}

// askedOfStep is Ask for a step that waits.
func askedOfStep(l i18n.Lang, of plan.Plan, runID string, w progress.Waiting, how *How) (what string) {
	step, text, why := w.Step, said(l, w.Text), l.T("WHY", "理由")
	if w.System != "" {
		step = l.T("%s of %s", "%s (%s)", w.Step, w.System)
	}
	machine := false
	switch w.Kind {
	case run.WaitUnknown:
		machine, what = true, l.T("step %s, OUTCOME UNKNOWN: %s", "ステップ %s 【結果不明】: %s", step, text)
	case run.WaitFailed:
		machine, what = true, l.T("step %s FAILED: %s", "ステップ %s 【失敗】: %s", step, text)
	case run.WaitAbsent:
		machine, what = true, l.T("step %s, NO WORKER: %s", "ステップ %s 【ワーカー不在】: %s", step, text)
	case run.WaitAck:
		what = l.T("step %s, to be read and acknowledged: %s", "ステップ %s の内容確認: %s", step, text)
	default:
		what = l.T("step %s: %s", "ステップ %s: %s", step, text)
	}
	at := ""
	if w.System != "" && len(of.HasStep(w.Step)) != 1 { // another system's may wait under that name next
		at = " --system " + w.System
	}
	if w.Forced != nil { // another person's word for it, or against it
		how.add("", "muster step %s %s %s --reason %s%s", w.Forced.Act, runID, w.Step, why, at)
		how.add(l.T("to refuse", "却下する場合"), "muster step %s %s %s --reason %s%s", run.ActRefuse, runID, w.Step, why, at)
		return what
	}
	acts := w.Acts
	if len(acts) == 0 {
		acts = []string{string(run.ActDone)}
	}
	for _, act := range acts {
		reason := ""
		if act == string(run.ActSkip) || machine && act == string(run.ActDone) {
			reason = " --reason " + why
		}
		how.add("", "muster step %s %s %s%s%s", act, runID, w.Step, reason, at)
	}
	switch {
	case !slices.Contains(acts, string(run.ActRetry)):
	case w.Kind == run.WaitUnknown:
		if s, ok := waitingStep(of, w); ok {
			how.Notes = append(how.Notes, l.Again(string(run.ActRetry), s.Effect, s.CanLook))
		}
	case w.Kind == run.WaitAbsent && w.Site != "":
		how.Notes = append(how.Notes, l.WorkerAway(w.Site, string(run.ActRetry)))
	}
	return what
}

// waitingStep is the step of the plan that waits; none where another runbook of the system has one of that name that is tried
// again in another way.
func waitingStep(of plan.Plan, w progress.Waiting) (found plan.Step, ok bool) {
	for _, r := range of.Runbooks {
		for _, s := range r.Steps {
			if r.System != w.System || s.ID != w.Step {
				continue
			}
			if ok && (s.Effect.Once() != found.Effect.Once() || s.CanLook != found.CanLook) {
				return plan.Step{}, false
			}
			found, ok = s, true
		}
	}
	return found, ok
}

// actsAs is one of those who are waited for, for a command of readers who have no token of their own.
func actsAs(of plan.Plan, w progress.Waiting) string {
	switch {
	case len(w.People) == 1 || len(w.People) > 1 && w.Role != "":
		return w.People[0]
	case len(w.People) == 0 && w.Role != "": // an older server does not name the step's
		at := slices.IndexFunc(of.Estate.People, func(x plan.Person) bool {
			return slices.Contains(x.Roles, w.Role) && (w.Forced == nil || x.ID != w.Forced.By)
		})
		if at >= 0 {
			return of.Estate.People[at].ID
		}
	}
	return "PERSON"
}

// knowing is what a yes says to a question that somebody has refused before.
func knowing(w progress.Waiting) string {
	if w.RefusedBy == "" {
		return ""
	}
	return fmt.Sprintf(" --asked %d", w.Asked)
}
