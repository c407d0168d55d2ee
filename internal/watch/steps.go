package watch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// steps lists what has begun, by execution, and what is still to come of one that runs.
func (f Frame) steps(o progress.Overview, ahead bool) []string {
	if len(o.Steps) == 0 {
		return nil
	}
	var order []string
	by := map[string][]progress.Step{}
	nameWidth := 12
	for _, s := range o.Steps {
		if by[s.Writer] == nil {
			order = append(order, s.Writer)
		}
		by[s.Writer] = append(by[s.Writer], s)
		nameWidth = min(28, max(nameWidth, Cells(s.ID)))
	}
	lines := []string{" " + f.title("Steps", "ステップ")}
	for _, w := range order {
		begun := by[w]
		rb, known := f.Plan.Runbook(begun[0].Runbook)
		if known {
			done := 0
			for _, s := range begun {
				if s.EndedAt != nil {
					done++
				}
			}
			lines = append(lines, "   "+f.Style.paint(dim, fmt.Sprintf("%s  %d/%d", rb.Name, done, len(rb.Steps))))
		}
		for _, s := range begun {
			lines = append(append(lines, f.step(s, nameWidth)), f.byHand(s)...)
		}
		if !ahead || !known || o.EndedAt != nil || o.Aborting || slices.ContainsFunc(begun, func(s progress.Step) bool { return s.Undo != "" || s.Outcome == run.Failed }) {
			continue
		}
		for _, st := range rb.Steps {
			if !slices.ContainsFunc(begun, func(s progress.Step) bool { return s.ID == st.ID }) {
				lines = append(lines, "   "+f.Style.paint(dim, strings.TrimRight("· "+column("", 9)+" "+column(st.ID, nameWidth)+"  "+f.where(st.Uses, st.Site), " ")))
			}
		}
	}
	return append(lines, "")
}

// where is a step's action and site; a narrow screen has room for the site only.
func (f Frame) where(action, site string) string {
	if f.Style.Width < 80 {
		return column(site, 8)
	}
	return column(action, 22) + " " + column(site, 8)
}

func (f Frame) step(s progress.Step, nameWidth int) string {
	symbol, color, word := "●", cyan, f.t("runs", "実行中")
	switch s.Progress {
	case progress.StepWaits:
		symbol, color, word = "➜", yellow, f.t("waits", "待機")
	case progress.StepUndoes:
		symbol, color, word = "↶", yellow, f.t("undoing", "取消中")
	case progress.StepUndone:
		symbol, color, word = "↶", yellow, f.t("undone", "取消済")
		if s.Undo != run.Passed {
			color, word = red, f.t("UNDO %s", "取消%s", f.Lang.Outcome(s.Undo))
		}
	case progress.StepEnded:
		word = f.Lang.Outcome(s.Outcome)
		switch s.Outcome {
		case run.Passed:
			symbol, color = "✓", green
		case run.Failed:
			symbol, color = "✗", red
		case run.Unknown:
			symbol, color = "?", yellow
		default:
			symbol, color = "-", dim
		}
	}
	used := span(f.Lang, s.UsedS)
	if s.BudgetS != nil {
		used += " / " + span(f.Lang, *s.BudgetS)
	}
	used = pad(used, 14)
	if s.BudgetS != nil && s.UsedS > *s.BudgetS {
		used = f.Style.paint(red, strings.TrimRight(used, " ")+" !")
	}
	line := "   " + f.Style.paint(color, symbol+" "+column(word, 9)) + " " + column(s.ID, nameWidth) + "  " +
		f.Style.paint(dim, f.where(s.Action, s.Site)) + " " + used
	if s.Attempts > 1 {
		line += f.t(" try %d", " %d回目", s.Attempts)
	}
	if s.SettledBy == run.ByPerson { // who and why stands below it
		return strings.TrimRight(line+f.t(" BY HAND", " 手動"), " ")
	}
	if s.Reason != "" && (s.Progress == progress.StepWaits || s.Outcome != run.Passed || s.Undo != "" && s.Undo != run.Passed) {
		if room := f.Style.Width - Cells(line) - 2; room >= 12 {
			line += "  " + cut(f.said(s.Reason), room)
		}
	}
	return strings.TrimRight(line, " ")
}

// byHand says of a step that a person settled who did, why, and what was not done: it is what
// somebody who comes to the run later asks first.
func (f Frame) byHand(s progress.Step) []string {
	if s.SettledBy != run.ByPerson {
		return nil
	}
	text := f.t("marked done by %s", "%sが完了扱いとした", f.name(s.By))
	left := f.t("not run to its end by muster: %s%s", "musterによる実行の完了は未確認: %s%s", s.Action, f.place(s.Site))
	if s.Outcome == run.Skipped {
		text = f.t("skipped by %s", "%sが省略", f.name(s.By))
		left = f.t("not done: %s%s", "未実施: %s%s", s.Action, f.place(s.Site))
	}
	switch {
	case s.BreakGlass:
		text += f.t(", ALONE (break-glass)", "（緊急権限による単独操作）")
	case s.AskedBy != "":
		text += f.t(", asked for by %s", "（要請 %s）", f.name(s.AskedBy))
	}
	if s.Reason != "" {
		text += f.t(": %s", "：%s", f.said(s.Reason))
	}
	var lines []string
	for i, line := range append(fold(text, max(20, f.Style.Width-9)), fold(left+f.t("; what rests on it is not proven", "。これに依存する目標は未立証"), max(20, f.Style.Width-9))...) {
		mark := "  "
		if i == 0 {
			mark = "↳ "
		}
		lines = append(lines, "     "+f.Style.paint(yellow, mark+line))
	}
	return lines
}

func (f Frame) place(site string) string {
	if site == "" {
		return ""
	}
	return f.t(" at %s", "（%s）", site)
}

// name is a person as people call them, with the ID that commands take.
func (f Frame) name(id string) string {
	id = run.Person(id)
	if p, ok := f.Plan.Estate.Person(id); ok {
		if n := p.Name.In(string(f.Lang)); n != "" && n != id {
			return f.t("%s (%s)", "%s（%s）", n, id)
		}
	}
	return id
}
