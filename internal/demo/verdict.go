package demo

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// verdicts is the table that a demo ends with: a line for each objective.
func verdicts(l i18n.Lang, r report.Report) string {
	rows := [][4]string{}
	row := func(v run.Verdict, system, objective, measured string) {
		rows = append(rows, [4]string{mark(v) + " " + l.Verdict(v), system, objective, measured})
	}
	for _, s := range r.Systems {
		row(s.RTO.Verdict, s.ID, "RTO "+seconds(l, s.RTO.ObjectiveS), seconds(l, s.RTO.ActualS))
		lost := l.T("loss never counted", "喪失数は未計測")
		if s.RPO.LostMarkers != nil {
			lost = l.T("%[1]s, %[2]d acknowledged markers lost", "%[1]s、応答済みマーカーの喪失 %[2]d 件", seconds(l, s.RPO.ActualS), *s.RPO.LostMarkers)
		}
		row(s.RPO.Verdict, s.ID, "RPO "+seconds(l, s.RPO.ObjectiveS), lost)
		for _, stage := range s.RLO.Stages {
			row(stage.Verdict, s.ID, fmt.Sprintf("RLO %d%% %s", stage.Level, seconds(l, &stage.WithinS)), seconds(l, stage.ActualS))
		}
		home := l.T("%[1]s, interrupted %[2]s, writes go to %[3]s", "%[1]s、停止 %[2]s、書き込み先 %[3]s", seconds(l, s.Failback.ActualS), seconds(l, s.Failback.OutageS), s.Failback.Writer)
		if s.Failback.SingleWriter == nil || !*s.Failback.SingleWriter {
			home += l.T("; not proven that only one side takes writes", "、書き込み先が一つだけとは立証されていない")
		}
		row(s.Failback.Verdict, s.ID, l.T("failback: %s", "切戻し: %s", s.Failback.Policy), home)
	}
	var width [3]int
	for _, r := range rows {
		for i := range width {
			width[i] = max(width[i], cells(r[i]))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n", l.T("VERDICT: %s", "判定: %s", strings.ToUpper(l.Verdict(r.Run.Verdict))), r.Run.ID, l.State(r.Run.State))
	for _, r := range rows {
		b.WriteString(" ")
		for i, w := range width {
			b.WriteString(" " + r[i] + strings.Repeat(" ", w-cells(r[i])+1))
		}
		b.WriteString(r[3] + "\n")
	}
	if r.People.Simulated {
		b.WriteString(l.T("  People were simulated: their part of these times says nothing about people.", "  要員の応答は模擬のため、人の所要時間は実績ではありません。") + "\n")
	}
	return b.String()
}

func mark(v run.Verdict) string {
	switch v {
	case run.Met:
		return "✓"
	case run.Missed:
		return "✗"
	}
	return "?"
}

// seconds is a span for people; nil was not measured, or not set.
func seconds(l i18n.Lang, s *float64) string {
	switch {
	case s == nil:
		return "–"
	case *s >= 120 && *s == float64(int(*s)):
		return run.Duration(int(*s) * 1e9).String()
	}
	return l.T("%.1f s", "%.1f 秒", *s)
}

// cells is the width of a text in a terminal, where Japanese takes two cells a
// character.
func cells(s string) (n int) {
	for _, r := range s {
		if n++; r >= 0x2e80 {
			n++
		}
	}
	return n
}
