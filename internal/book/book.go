package book

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Make writes the book in a language.
func Make(s Source, l i18n.Lang) Document {
	d := Document{Lang: string(l), Title: l.T("Emergency response book", "緊急時対応ブック"),
		Under: l.T("%s: to be used when nothing else works", "%s ― 他の手段が使えないときに使う", s.Estate.Name), Stamp: s.stamp(l),
		Class: l.T("Class A: personal data. Keep it locked up; destroy the old one when a new one comes.", "クラスA（個人情報を含む）。施錠して保管し、改版時は旧版を破棄すること")}
	d.Parts = append(d.Parts, s.first(l), s.muster(l), s.contacts(l), s.sharing(l), s.decision(l))
	for _, sys := range s.Systems {
		d.Parts = append(d.Parts, s.system(sys, l))
	}
	d.Parts = append(d.Parts, s.sheets(l), s.provenance(l))
	return d
}

func (s Source) first(l i18n.Lang) Part {
	return Part{ID: "first", Title: l.T("First of all", "最初に行うこと"), Blocks: []Block{
		note(l.T("Your own safety and that of those around you comes first. Nothing in this book is worth an injury.", "自分と周囲の人の安全が最優先。けがをしてまで行うことは、このブックには一つもない。")),
		list(
			l.T("Make yourself and your family safe, then report: that you are safe, whether and when you can come, how you can be reached.", "自身と家族の安全を確保し、安否・参集の可否と見込み時刻・連絡手段を報告する。"),
			l.T("Compare the event with the criteria on the next pages and go to the first muster place that can be used.", "次頁の参集基準と照らし合わせ、使用できる最上位の参集場所へ向かう。"),
			l.T("Note the time of the event. The recovery time counts from it.", "事象の発生時刻を書き留める。復旧時間はこの時刻から数える。"),
			l.T("At the muster place: count who is there by role, call deputies, name who leads.", "参集場所で、役割ごとの人数を確認し、代行者を呼び、指揮をとる者を決める。"),
			l.T("Look at each site only if its building was found safe. Note what is damaged.", "建物の安全が確認された拠点だけを点検し、被害を書き留める。"),
			l.T("Decide for each system by the decision sheet. Two persons stand behind each move: one decides, another approves.", "判断シートでシステムごとに方針を決める。切り替えには、決定する者と承認する者の2名が必ず関わる。"),
			l.T("Follow the system's checklist. Fence the old side before you promote the new one: two sides that take writes lose data.", "システムのチェックリストに従う。昇格の前に必ず旧系をフェンスする（書き込みを止める）。両系で更新を受け付けるとデータを失う。"),
			l.T("Write down the time and your name at each step, on the checklist itself.", "各ステップの時刻と氏名を、チェックリストに書き込む。"),
		),
		heading(l.T("When muster itself works", "musterが使える場合")),
		para(l.T("One machine with the data directory of muster is enough: `muster up`, then `muster activate SCENARIO --reason WHY --as ID`. It does by itself what the checklists say, keeps the times and asks for decisions. Without it, go on by hand.", "musterのデータディレクトリがある端末が1台あればよい。`muster up` の後、`muster activate シナリオ名 --reason 理由 --as ID` を実行する。チェックリストの内容を自動で実施し、時刻を記録し、判断を求める。使えなければ手作業で続ける。")),
	}}
}

func (s Source) muster(l i18n.Lang) Part {
	p := Part{ID: "muster", Title: l.T("Muster", "参集")}
	p.Blocks = append(p.Blocks, heading(l.T("When", "参集基準")), list(s.criteria(l)...),
		note(l.T("Other instructions on the muster place take precedence over this table. Where places are unsafe or can't serve, choose one from which systems can be kept running and information shared.", "参集場所について別の指示があれば、それを優先する。いずれも危険または使用できないときは、システムの運用を継続でき、情報を共有しやすい場所を選ぶ。")),
		heading(l.T("Where, in this order", "参集場所（この順に）")))
	var rows [][]string
	line := func(who string, places []string) {
		row := []string{who, "", "", ""}
		for i, name := range places {
			text := s.place(name, l)
			if i < 2 {
				row[i+1] = text
			} else {
				row[3] = strings.TrimPrefix(row[3]+l.T(", ", "、")+text, l.T(", ", "、"))
			}
		}
		rows = append(rows, row)
	}
	everybody := s.ranks(nil)
	if s.Estate.Muster != nil {
		for _, r := range s.Estate.Muster.Ranks {
			if r.Role != "" {
				line(s.role(r.Role, l), r.Places)
			}
		}
	}
	line(l.T("everybody else", "上記以外の全員"), everybody)
	if len(rows) == 1 {
		rows[0][0] = l.T("everybody", "全員")
	}
	p.Blocks = append(p.Blocks, Block{Kind: Table, Head: []string{l.T("who", "対象"), l.T("first", "第1"), l.T("second", "第2"), l.T("then", "以降")}, Rows: rows, Widths: []float64{3, 4, 4, 4}})
	if m := s.Estate.Muster; m != nil && len(m.Kit) > 0 {
		var kit []string
		for _, k := range m.Kit {
			kit = append(kit, k.In(string(l)))
		}
		p.Blocks = append(p.Blocks, heading(l.T("Bring and wear", "持ち物・服装")), para(strings.Join(kit, l.T(", ", "、"))))
	}
	return p
}

func (s Source) contacts(l i18n.Lang) Part {
	p := Part{ID: "contacts", Title: l.T("Contacts", "連絡先")}
	var people [][]string
	for _, who := range s.Estate.People {
		c := s.Contacts[who.ID]
		var deputies []string
		for _, id := range who.Deputies {
			deputies = append(deputies, s.name(id, l))
		}
		name := who.Name.In(string(l))
		if who.Section != "" {
			name += "\n" + who.Section
		}
		people = append(people, []string{name, s.roles(who.Roles, l), c.Phone, c.Mail, strings.Join(deputies, l.T(", ", "、"))})
	}
	p.Blocks = append(p.Blocks, Block{Kind: Table, Head: []string{l.T("name", "氏名・所属"), l.T("role", "役割"), l.T("telephone", "電話"), l.T("mail", "メール"), l.T("deputies", "代行者")},
		Rows: people, Widths: []float64{4, 4, 4, 5, 3}})
	for _, k := range []struct{ kind, title, name string }{
		{"department", l.T("Departments", "部署の連絡先"), l.T("department", "部署")}, {"", l.T("Contractors and others outside", "委託先・関係先の連絡先"), l.T("company", "会社・機関")}} {
		if rows := s.parties(k.kind, l); len(rows) > 0 {
			p.Blocks = append(p.Blocks, heading(k.title), Block{Kind: Table, Rows: rows, Widths: []float64{3.4, 3, 4.2, 4.2, 4.4, 3.2},
				Head: []string{k.name, l.T("person, role", "担当者・役職"), l.T("desk, telephone", "緊急窓口・電話"), l.T("alternate site, mobile", "代替拠点・携帯"), l.T("mail, deputy", "メール・代行"), l.T("confirmed", "最終確認")}})
		}
	}
	p.Blocks = append(p.Blocks, heading(l.T("Numbers that are not in the list", "一覧にない連絡先（手書き）")), blanks(4, []string{l.T("name", "氏名・名称"), l.T("telephone", "電話"), l.T("note", "備考")}, 4, 4, 5))
	return p
}

// parties are the rows of the departments, or of all others.
func (s Source) parties(kind string, l i18n.Lang) (rows [][]string) {
	stacked := func(parts ...string) string {
		return strings.Join(slices.DeleteFunc(slices.Compact(parts), func(p string) bool { return p == "" }), "\n")
	}
	for _, x := range s.Estate.Parties {
		if (x.Kind == "department") != (kind == "department") {
			continue
		}
		c := s.Parties[x.Name]
		first := stacked(c.Contact, c.Desk, c.Phone)
		if x.Single {
			first = stacked(first, l.T("(one person only: no desk)", "（個人のみ。窓口なし）"))
		}
		rows = append(rows, []string{cmp.Or(x.Title.In(string(l)), x.Name), stacked(c.Person, c.Role), first, stacked(c.Elsewhere, c.Mobile), stacked(c.Mail, c.Deputy), stacked(c.Confirmed, c.ConfirmedBy)})
	}
	return rows
}

func (s Source) name(id string, l i18n.Lang) string {
	for _, p := range s.Estate.People {
		if p.ID == id {
			return p.Name.In(string(l))
		}
	}
	return id
}

func (s Source) sharing(l i18n.Lang) Part {
	return Part{ID: "sharing", Title: l.T("When lines are dead", "通信が使えないとき"), Blocks: []Block{
		list(
			l.T("Try mail, chat, the web, social networks, telephone, in this order, and note what works.", "メール、チャット、Web、SNS、電話の順に試し、使える手段を書き留める。"),
			l.T("Voice message service in Japan: dial 171, then 1 to record or 2 to play, then the telephone number. On the web: https://www.web171.jp", "災害用伝言ダイヤル：171をダイヤルし、録音は1、再生は2、続けて電話番号。Webでは https://www.web171.jp（災害用伝言板 web171）"),
			l.T("Agree on a time at which everybody tries again, such as each full hour.", "次に一斉に連絡を試みる時刻（毎正時など）を決めておく。"),
			l.T("Send somebody with a written message when nothing works. Write the time on it.", "どの手段も使えないときは、時刻を記した書面を人が届ける。"),
		),
		blanks(6, []string{l.T("time", "時刻"), l.T("means", "手段"), l.T("to or from", "相手"), l.T("what was said", "内容")}, 2, 2, 3, 8),
	}}
}

// decision is the aid of B-DEC-02 by hand.
func (s Source) decision(l i18n.Lang) Part {
	p := Part{ID: "decision", Title: l.T("Decision sheet", "復旧方針の判断シート"), Blocks: []Block{
		list(
			l.T("Latest time to begin the move = time of the event + RTO − time the move takes. When it is past, say so and decide all the same.", "切り替えを始める期限＝発生時刻＋RTO−切り替えに要する時間。過ぎていても、その旨を記して判断する。"),
			l.T("Will the home site be back before? Ask for the ground of each estimate, and who gave it.", "本拠点がそれまでに復旧するか。見込みごとに根拠と、誰によるものかを確かめる。"),
			l.T("What is lost by the move? Work that was not copied to the other site is lost for good.", "切り替えで失うものは何か。代替拠点へ複製されていない更新は失われる。"),
			l.T("Could the home site come back by itself and take writes? Then fence it first.", "本拠点がひとりでに復帰して更新を受け付けるおそれがあれば、先にフェンスする。"),
		)}}
	var rows [][]string
	for _, sys := range s.Systems {
		rto, took, in := "—", "—", "—"
		if sys.Objective.RTO != nil {
			rto = sys.Objective.RTO.String()
		}
		if _, f, ok := s.runbook(sys.Failover); ok && f.S != nil && *f.S > 0 {
			took = l.T("%s (forecast)", "%s（予測）", l.Span(*f.S))
		}
		if sys.InPlaceEstimate > 0 {
			in = sys.InPlaceEstimate.String()
			if sys.InPlaceGround != "" {
				in += l.T(" (%s)", "（%s）", plan.Apart(sys.InPlaceGround).In(string(l)))
			}
		}
		rows = append(rows, []string{cmp.Or(sys.Title.In(string(l)), sys.Name), sys.Priority, rto, took, in, "", "", ""})
	}
	p.Blocks = append(p.Blocks, Block{Kind: Table, Tall: true, Head: []string{l.T("system", "システム"), l.T("priority", "優先度"), "RTO", l.T("the move takes", "切替所要"), l.T("in place", "本拠点での復旧見込み"),
		l.T("event at", "発生時刻"), l.T("latest", "期限"), l.T("decision", "決定")}, Rows: rows, Widths: []float64{4, 2, 2, 3, 4, 2, 2, 3}})
	var who []string
	for _, x := range s.Plans {
		text := l.T("%s: %s decides within %s; %d more approve", "%s：決定者 %s（%s以内）、承認者 %d名", x.Scenario.Title.In(string(l)), s.role(x.Scenario.Decision.By, l), x.Scenario.Decision.Within, max(x.Scenario.Approvals, 1))
		if !slices.Contains(who, text) {
			who = append(who, text)
		}
	}
	if len(who) > 0 {
		p.Blocks = append(p.Blocks, heading(l.T("Who decides, who approves", "決定者と承認者")), list(who...))
	}
	p.Blocks = append(p.Blocks, blanks(4, []string{l.T("system", "システム"), l.T("decision and ground", "決定と根拠"), l.T("decided by, at", "決定者・時刻"), l.T("approved by, at", "承認者・時刻")}, 3, 6, 3, 3))
	return p
}

func (s Source) system(sys plan.System, l i18n.Lang) Part {
	p := Part{ID: "system-" + sys.Name, Title: l.T("System: %s", "システム：%s", cmp.Or(sys.Title.In(string(l)), sys.Name))}
	none := l.T("not set", "未設定")
	rto, rpo, stages := none, none, []string{}
	if sys.Objective.RTO != nil {
		rto = sys.Objective.RTO.String()
	}
	if sys.Objective.RPO != nil {
		rpo = sys.Objective.RPO.String()
	}
	for _, st := range sys.Objective.RLO {
		stages = append(stages, fmt.Sprintf("%d %% / %s", st.Level, st.Within))
	}
	alternate := none
	if sys.Alternate != "" {
		alternate = s.site(sys.Alternate, l)
	}
	rows := [][]string{
		{l.T("priority", "復旧優先度"), sys.Priority, "RTO", rto},
		{l.T("home site", "本拠点"), s.site(sys.Home, l), "RPO", rpo},
		{l.T("alternate site", "代替拠点"), alternate, "RLO", cmp.Or(strings.Join(stages, l.T(", ", "、")), none)},
	}
	if len(sys.DependsOn) > 0 {
		rows = append(rows, []string{l.T("needs first", "先に必要なシステム"), strings.Join(sys.DependsOn, l.T(", ", "、")), "", ""})
	}
	p.Blocks = append(p.Blocks, Block{Kind: Table, Rows: rows, Widths: []float64{3, 5, 2, 5}})
	if len(sys.Probes) > 0 {
		var looks []string
		for _, pr := range sys.Probes {
			looks = append(looks, l.T("%s: %s", "%s：%s", cmp.Or(pr.Title.In(string(l)), pr.Function), strings.Join(trimmed(parameters(pr.Uses, pr.With)), " ")))
		}
		p.Blocks = append(p.Blocks, heading(l.T("How it is seen from outside", "外部からの稼働確認")), list(looks...))
	}
	for _, w := range []struct{ title, name string }{
		{l.T("Move to the alternate site", "代替拠点への切り替え"), sys.Failover}, {l.T("Recover at the home site", "本拠点での復旧"), sys.InPlace},
		{l.T("Way home", "切戻し"), sys.Failback}, {l.T("Restore from backup, apart", "バックアップからの復元（隔離環境）"), sys.Restore}} {
		if w.name == "" {
			continue
		}
		book, forecast, ok := s.runbook(w.name)
		if !ok {
			p.Blocks = append(p.Blocks, heading(w.title), para(l.T("Runbook %s is in no scenario, so it has not been checked as a plan.", "手順書 %s はどのシナリオにも含まれず、計画として確認されていない。", w.name)))
			continue
		}
		p.Blocks = append(p.Blocks, heading(w.title+l.T(": runbook %s", "：手順書 %s", w.name)))
		if forecast.S != nil && *forecast.S > 0 {
			p.Blocks = append(p.Blocks, para(l.T("Forecast by the budgets: %s. This is no measurement.", "目安時間による予測：%s（実測ではない）", l.Span(*forecast.S))))
		}
		for i, st := range ordered(book.Steps) {
			p.Blocks = append(p.Blocks, s.step(i+1, st, l))
		}
	}
	return p
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimSpace(l)
	}
	return out
}

// ordered puts every step behind those it needs, else as the file has them.
func ordered(steps []plan.Step) []plan.Step {
	out, done := make([]plan.Step, 0, len(steps)), map[string]bool{}
	for len(out) < len(steps) {
		before := len(out)
		for _, st := range steps {
			if !done[st.ID] && !slices.ContainsFunc(st.Needs, func(n string) bool { return !done[n] }) {
				out, done[st.ID] = append(out, st), true
			}
		}
		if len(out) == before { // a circle: validate refuses it
			return steps
		}
	}
	return out
}

func (s Source) step(n int, st plan.Step, l i18n.Lang) Block {
	b := Block{Kind: Step, No: fmt.Sprint(n), Text: st.Title.In(string(l)), Code: append(exactly(st, s.Estate), fold(byHand(st, s.Estate, l))...)}
	switch {
	case st.Human != nil:
		b.Text, b.Who = cmp.Or(st.Human.Text.In(string(l)), b.Text), s.role(st.Human.Role, l)
	default:
		does := ""
		if s.Summaries != nil {
			does = s.Summaries(st.Uses).In(string(l))
		}
		b.Text = cmp.Or(b.Text, does, st.ID)
		if does != "" && does != b.Text {
			b.Text += l.T(" — %s", "（%s）", strings.TrimRight(does, "。."))
		}
		b.Who = l.T("at %s", "実施場所：%s", s.site(st.Site, l))
		if st.Owner != "" {
			b.Who += l.T(", %s", "、担当：%s", s.role(st.Owner, l))
		}
	}
	b.Meta = append(b.Meta, st.ID)
	if len(st.Needs) > 0 {
		b.Meta = append(b.Meta, l.T("after %s", "先行：%s", strings.Join(st.Needs, ", ")))
	}
	if st.If != "" {
		b.Meta = append(b.Meta, l.T("only if %s", "条件：%s", st.If))
	}
	if st.Budget > 0 {
		b.Meta = append(b.Meta, l.T("should take %s", "目安 %s", l.Span(st.Budget.Seconds())))
	}
	b.Meta = append(b.Meta, l.T("at most %s", "上限 %s", l.Span(st.Timeout.Seconds())))
	if st.Human == nil && st.Effect.Once() {
		b.Meta = append(b.Meta, l.T("effect: %s", "影響：%s", l.Effect(st.Effect)))
	}
	var undo []string
	for _, u := range st.Undo {
		undo = append(undo, u.Uses)
	}
	if len(undo) > 0 {
		b.Meta = append(b.Meta, l.T("put back by %s", "取り消し：%s", strings.Join(undo, " → ")))
	}
	return b
}

func (s Source) sheets(l i18n.Lang) Part {
	p := Part{ID: "sheets", Title: l.T("Sheets to fill in", "記録用紙")}
	var rows [][]string
	for _, who := range s.Estate.People {
		rows = append(rows, []string{who.Name.In(string(l)), s.roles(who.Roles, l), "", "", "", ""})
	}
	p.Blocks = append(p.Blocks, heading(l.T("Who is safe, who is here", "安否・参集の状況")),
		Block{Kind: Table, Tall: true, Head: []string{l.T("name", "氏名"), l.T("role", "役割"), l.T("safe / hurt", "無事・負傷"), l.T("can come at", "参集見込み"), l.T("here at, place", "到着時刻・場所"), l.T("written by", "記入者")}, Rows: rows, Widths: []float64{4, 4, 2.4, 2.4, 3.4, 2}},
		heading(l.T("Asked of contractors", "委託先への要請")), s.orders(l),
		heading(l.T("What happened when", "経過の記録")), blanks(16, []string{l.T("time", "時刻"), l.T("what happened, what was done", "出来事・実施したこと"), l.T("by", "実施者"), l.T("written by", "記入者")}, 2, 9, 2, 2))
	return p
}

// orders is what was asked of whom outside, and what came of it.
func (s Source) orders(l i18n.Lang) Block {
	b := blanks(2, []string{l.T("party", "要請先"), l.T("what", "内容"), l.T("asked", "要請"), l.T("accepted", "受諾"), l.T("arrived", "到着")}, 4, 6, 2, 2, 2)
	var rows [][]string
	for _, x := range s.Estate.Parties {
		if x.Kind != "department" {
			rows = append(rows, []string{cmp.Or(x.Title.In(string(l)), x.Name), "", "", "", ""})
		}
	}
	b.Rows = append(rows, b.Rows...)
	return b
}

func (s Source) provenance(l i18n.Lang) Part {
	p := Part{ID: "plans", Title: l.T("What this book was made from", "このブックの元になった計画")}
	var rows [][]string
	for _, x := range s.Plans {
		rows = append(rows, []string{x.Scenario.Title.In(string(l)), x.Scenario.Name, x.Hash[:min(len(x.Hash), 12)]})
	}
	for _, x := range s.Restores {
		rows = append(rows, []string{x.Scenario.Title.In(string(l)), x.Scenario.Name, x.Hash[:min(len(x.Hash), 12)]})
	}
	p.Blocks = append(p.Blocks, Block{Kind: Table, Head: []string{l.T("scenario", "シナリオ"), l.T("name", "名称"), l.T("plan", "計画")}, Rows: rows, Widths: []float64{6, 4, 3}},
		para(l.T("Print it again when the plan that `muster export book` names is another one.", "`muster export book` の示す計画が変わったら、印刷し直すこと。")))
	return p
}
