package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// answering is what is said of the answers besides their number.
func (d *document) answering(p People) []plan.Text {
	var out []plan.Text
	if p.LightlyHurt+p.BadlyHurt > 0 {
		out = append(out, say("Lightly hurt %d · badly hurt %d", "軽傷 %d名・重傷 %d名", p.LightlyHurt, p.BadlyHurt))
	}
	if p.Unwell > 0 {
		out = append(out, say("Unwell %d", "体調不良 %d名", p.Unwell))
	}
	out = append(out, say("A quarter had answered after %s · half after %s · three quarters after %s · everybody after %s · %d can come",
		"回答率 25%% まで %s・50%% まで %s・75%% まで %s・100%% まで %s・参集可能 %d名",
		orDash(p.Answered25S), orDash(p.Answered50S), orDash(p.Answered75S), orDash(p.Answered100S), p.CanCome))
	if c := p.CallOut; c != nil {
		out = append(out, calledOff(*c))
	}
	if p.QuorumMissed {
		if p.Decider != "" {
			out = append(out, say("Reduced path: the response went on with those present, led by %s.", "縮小体制：参集済みの要員で続行（指揮：%s）。", p.Decider))
		} else if p.Reduced != "" {
			out = append(out, say("Reduced path: the response went on with those present; nobody who may decide was there.", "縮小体制：参集済みの要員で続行（決定できる者は未参集）。"))
		}
	}
	return append(out, d.turns(p)...)
}

// calledOff is how a held call-out ended.
func calledOff(c CallOut) plan.Text {
	if c.Sent {
		return say("The call-out was held for %s and sent.", "召集は %s 保留した後に送信しました。", span(c.HeldS))
	}
	return say("The call-out was called off after %[1]s by %[2]s: %[3]s", "召集は %[1]s の保留中に %[2]s が取り消しました：%[3]s", span(c.HeldS), inWords(actor(c.By)), c.Reason)
}

// turns are what happened to the muster: who was taken out, where it went, which roles
// changed hands, who counted.
func (d *document) turns(p People) []plan.Text {
	var out []plan.Text
	for _, a := range p.Absent {
		how := say("named by the scenario", "シナリオで指定")
		if a.Drawn {
			how = say("drawn by lot", "抽選")
		}
		if len(a.StandIns) == 0 {
			out = append(out, say("Taken out of the drill: %s (%s); nobody stood in", "訓練での不在設定：%s（%s）・代行者なし", a.ID, inWords(how)))
			continue
		}
		out = append(out, say("Taken out of the drill: %s (%s); stood in: %s", "訓練での不在設定：%s（%s）・代行 %s", a.ID, inWords(how), strings.Join(a.StandIns, ", ")))
	}
	for _, m := range p.Moves {
		if m.Ordered {
			out = append(out, say("%s: the muster moved from %s to %s, by %s: %s", "%s：参集場所を %s から %s に変更（指示 %s：%s）", d.clock(m.At), m.From, m.To, inWords(actor(m.By)), m.Reason))
			continue
		}
		out = append(out, say("%s: the muster moved from %s to %s: found unsafe", "%s：参集場所を %s から %s に変更（安全を確保できないため）", d.clock(m.At), m.From, m.To))
	}
	for _, h := range p.Handovers {
		why := plain(h.Reason)
		if h.Reason == "" {
			why = say("no reason given", "理由の記載なし")
		}
		out = append(out, say("%s: the role %s went from %s to %s (%s)", "%s：役割「%s」を %s から %s へ引き継ぎ（%s）", d.clock(h.At), inWords(d.report.role(h.Role)), inWords(d.personCalled(h.From)), inWords(d.personCalled(h.To)), inWords(why)))
	}
	for _, c := range p.Strengths {
		what := say("strength reported", "参集状況の報告")
		if c.Confirmed {
			what = say("strength confirmed by a second person", "別の者による参集状況の確認")
		}
		out = append(out, say("%s: %s, %s: %s; where: %s", "%s：%s（%s）：%s・場所 %s", d.clock(c.At), inWords(what), inWords(d.personCalled(c.By)), inWords(counted(c.Present)), inWords(counted(c.Places))))
	}
	return out
}

// musterTables are the totals by department, and whose deputies were called.
func (d *document) musterTables(p People) []table {
	var out []table
	if len(p.Sections) > 1 {
		t := table{Caption: say("By department", "部署別"), Head: []plan.Text{say("Department", "部署"), say("Called", "対象"), say("Safe", "無事"), say("Hurt or ill", "負傷・体調不良"), say("No answer", "未回答"), say("Arrived", "参集")}}
		for _, s := range p.Sections {
			row := []cell{name(s.Section)}
			for _, n := range []int{s.Called, s.Safe, s.Injured, s.Silent, s.Mustered} {
				row = append(row, figureCell(plain(fmt.Sprint(n))))
			}
			t.Rows = append(t.Rows, row)
		}
		out = append(out, t)
	}
	if rest := slices.DeleteFunc(slices.Clone(p.StandIns), func(s StandIn) bool { return s.Why == run.WhyAbsent }); len(rest) > 0 {
		t := table{Caption: say("Deputies called", "代行者の召集"), Head: []plan.Text{say("At", "時刻"), say("Deputy", "代行者"), say("For", "本人"), say("Why", "理由")}}
		for i, s := range rest {
			if i == peopleRows {
				t.Rows = append(t.Rows, []cell{tell(say("%d more in the JSON report", "ほか %d 件は JSON に記載", len(rest)-i))})
				break
			}
			t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(s.At))), tell(d.personCalled(s.ID)), tell(d.personCalled(s.For)), tell(both(func(l i18n.Lang) string { return l.StandIn(s.Why) }))})
		}
		out = append(out, t)
	}
	return out
}

func counted(list []Present) plan.Text {
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprintf("%s %d", p.Name, p.Count))
	}
	return listOf(out)
}

func listOf(list []string) plan.Text {
	if len(list) == 0 {
		return dash
	}
	return plan.Text{EN: strings.Join(list, ", "), JA: strings.Join(list, "、")}
}

// personCalled is a person as the report names them.
func (d *document) personCalled(id string) plan.Text {
	for _, p := range d.report.People.List {
		if p.ID == id {
			return personName(p.Name, id)
		}
	}
	return plain(id)
}
