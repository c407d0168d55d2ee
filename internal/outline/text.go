package outline

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
)

// Text writes the outline for people.
func Text(w io.Writer, o Outline, names Names, l i18n.Lang) error {
	t := &text{o: o, names: names, l: l, lang: string(l)}
	t.head(o)
	for _, s := range o.Systems {
		t.system(s)
	}
	t.chances(o)
	t.touched(o)
	t.actions()
	_, err := io.WriteString(w, t.b.String())
	return err
}

type text struct {
	b     strings.Builder
	o     Outline
	names Names
	l     i18n.Lang
	lang  string
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

// failback is what the scenario says about the way home, in words.
func (t *text) failback(policy string) string {
	switch policy {
	case run.PolicyReturn:
		return t.l.T("yes, before the run ends", "あり（実施の終了前）")
	case run.PolicyStay:
		return t.l.T("no, systems stay where they are", "なし（切り替え先で継続）")
	}
	return policy
}

func (t *text) head(o Outline) {
	kind := run.Drill
	if o.Depth == run.Real {
		kind = run.Response
	}
	t.line("%s  %s  %s", t.l.Banner(kind), o.Scenario, o.Title.In(t.lang))
	t.line("  %s", t.l.T("depth %s · hazard %s · plan %.12s", "深さ %s・想定 %s・計画 %.12s", t.l.Depth(o.Depth), t.l.Hazard(o.Hazard), o.PlanHash))
	if o.Threat {
		t.line("  %s", t.l.T("A threat sets it off: nothing has stopped, and the RTO counts only the interruption that is made.", "契機は脅威です。停止はまだなく、RTOは対応に伴う停止時間のみを計測します。"))
	}
	if !o.Effective {
		t.line("  %s", t.l.T("At this depth nothing runs: people read and decide.", "この深さでは何も実行しません。人が手順を確かめ、判断します。"))
	}
	if o.Simulated {
		t.line("  %s", t.l.T("People are SIMULATED: their time is no measurement.", "人の応答は模擬です。その時間は実測ではありません。"))
	}
	var phases, quorum []string
	for _, p := range o.Phases {
		phases = append(phases, t.l.Phase(p))
	}
	for _, q := range o.Quorum {
		quorum = append(quorum, t.l.T("%s: %d", "%s %d 名", name(t.l, t.names.Roles, q.Role), q.Count))
	}
	t.line("  %s: %s", t.l.T("phases", "段階"), strings.Join(phases, " → "))
	if len(quorum) > 0 {
		t.line("  %s: %s", t.l.T("must be there", "必要な要員"), strings.Join(quorum, t.l.T(", ", "、")))
	}
	t.line("  %s", t.l.T("decides: %s; approvals besides the requester: %d; failback: %s", "決定: %s、要請者以外の承認: %d 名、切戻し: %s", name(t.l, t.names.Roles, o.DecidedBy), o.Approvals, t.failback(o.Failback)))
	if len(o.Injects) > 0 {
		t.line("")
		t.line("%s", t.l.T("INJECTS: what the drill breaks", "状況付与（訓練で起こすこと）"))
		t.table(o.Injects, func(s Step) []string {
			note := t.note(s)
			if s.Starts != "" {
				note = append(note, t.l.T("starts the clock of %s", "%s の計時を開始", s.Starts))
			}
			return []string{"+" + t.l.Span(s.AfterS), s.ID, s.Action, s.Site, strings.Join(note, t.l.T("; ", "／"))}
		})
	}
}

func (t *text) system(s System) {
	t.line("")
	where := name(t.l, t.names.Sites, s.Home)
	if s.Alternate != "" {
		where += " → " + name(t.l, t.names.Sites, s.Alternate)
	}
	rto := t.l.T("RTO not set", "RTO 未設定")
	if s.RTOS != nil {
		rto = t.l.T("RTO %s, band %s", "RTO %s、優先度 %s", t.l.Span(*s.RTOS), s.Priority)
	}
	t.line(t.l.T("%s  %s  (%s; %s)", "%s  %s  （%s、%s）"), s.Name, s.Title.In(t.lang), where, rto)
	restores := slices.ContainsFunc(s.Ways, func(w Way) bool { return w.Purpose == "restore" })
	if len(s.Probes) == 0 && !restores {
		t.line("  %s", t.l.T("no probe looks at it: nothing can be proven", "プローブがないため、何も立証できません"))
	}
	for _, what := range s.CannotProve {
		t.line("  %s", t.l.T("can't be proven: %s", "立証できないこと: %s", what.In(t.lang)))
	}
	for _, w := range s.Ways {
		t.way(s, w)
	}
}

func (t *text) way(s System, w Way) {
	purpose := map[string]string{
		"failover": t.l.T("FAILOVER", "フェイルオーバー"), "in_place": t.l.T("RECOVERY IN PLACE", "被災拠点での復旧"), "failback": t.l.T("FAILBACK", "切戻し"),
		"restore": t.l.T("RESTORE TEST", "復元試験"),
	}[w.Purpose]
	t.line("")
	t.line("  %s  %s", purpose, w.Runbook)
	t.table(w.Steps, func(st Step) []string {
		mark := " "
		if st.Critical {
			mark = "*"
		}
		who := st.Site
		if st.Role != "" {
			who = "@" + st.Role
		}
		budget := "-"
		if st.BudgetS != nil {
			budget = t.l.Span(*st.BudgetS)
		}
		return []string{mark + " " + st.ID, st.Action, who, budget + " / " + t.l.Span(st.TimeoutS), strings.Join(t.note(st), t.l.T("; ", "／"))}
	})
	t.line("  %s", t.l.T("* longest path, %s by %s: %s", "* クリティカルパス %s（%sによる）: %s", t.l.Span(w.Path.S), t.basis(w.Path.Basis), strings.Join(w.Path.Steps, " → ")))
	t.line("  %s", t.forecast(s, w))
}

func (t *text) basis(b string) string {
	if t.l != i18n.JA {
		return b
	}
	return strings.NewReplacer("budget", "目安時間", "timeout", "制限時間", " and ", "と").Replace(b)
}

// forecast never passes for a measurement, and says what it leaves out.
func (t *text) forecast(s System, w Way) string {
	if w.Forecast.S == nil {
		return t.l.T("forecast: no data; no budget for %s", "見込み: データなし。目安時間のないステップ: %s", strings.Join(t.stepNames(w.Runbook, w.Forecast.Missing), t.l.T(", ", "、")))
	}
	out := t.l.T("forecast (not measured): machines need %s", "見込み（実測ではありません）: 機械の作業 %s", t.l.Span(*w.Forecast.S))
	switch {
	case w.Forecast.Fits == nil:
	case !*w.Forecast.Fits:
		out += t.l.T("; that DOES NOT FIT into the RTO of %s", "。RTO %s に収まりません", t.l.Span(*s.RTOS))
	default:
		left := *s.RTOS - *w.Forecast.S
		out += t.l.T("; of the RTO of %s that leaves %s for detection, people and proof", "。RTO %s のうち、検知・人の作業・確認に %s が残ります", t.l.Span(*s.RTOS), t.l.Span(left))
		if s.PeopleS > left {
			out += t.l.T("; people may take up to %s: AT RISK", "。人の作業は最長 %s かかり得るため、危険です", t.l.Span(s.PeopleS))
		}
	}
	return out
}

// note is what does not fit into columns: what people call it, the effect, who does it, what it
// waits for, how it is undone. It comes last, since full-width letters don't align.
func (t *text) note(s Step) []string {
	effect := t.l.Effect(s.Effect)
	if s.Effect == run.Disrupt || s.Effect == run.Destroy {
		effect = strings.ToUpper(effect)
	}
	var out []string
	if title := s.Title.In(t.lang); title != "" {
		out = append(out, title)
	}
	out = append(out, effect)
	if s.Role != "" {
		out = append(out, t.l.T("by %s", "担当 %s", name(t.l, t.names.Roles, s.Role)))
	}
	if len(s.Needs) > 0 {
		out = append(out, t.l.T("after %s", "%s の後", strings.Join(s.Needs, t.l.T(", ", "、"))))
	}
	if s.If != "" {
		out = append(out, t.l.T("if %s", "条件 %s", s.If))
	}
	if len(s.Undo) > 0 {
		out = append(out, t.l.T("undo %s", "取り消し %s", strings.Join(s.Undo, t.l.T(", ", "、"))))
	}
	return out
}

func (t *text) touched(o Outline) {
	t.line("")
	var workers []string
	for _, s := range o.Sites {
		workers = append(workers, name(t.l, t.names.Sites, s))
	}
	sites := strings.Join(workers, t.l.T(", ", "、"))
	if sites == "" {
		sites = t.l.T("none: nothing is carried out by a machine", "なし（機械が実行するステップはありません）")
	}
	t.line("%s: %s", t.l.T("site workers needed", "必要な拠点ワーカー"), sites)
	for _, x := range o.Targets {
		how := t.l.T("looked at", "参照のみ")
		if x.Changed {
			how = t.l.T("CHANGED", "変更あり")
		}
		t.line("  %s  %s  %s  %s", x.Name, x.Kind, x.Site, how)
	}
}

func (t *text) table(steps []Step, row func(Step) []string) {
	w := tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintln(w, "    "+strings.Join(row(s), "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
}
