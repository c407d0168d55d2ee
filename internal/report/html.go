package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

//go:embed report.html.tmpl
var page string

// view is what the page's template sees.
type view struct {
	*document
	Langs  []i18n.Lang
	Style  template.CSS
	Policy string // content security policy
	// PageTitle is what a browser shows; it begins with the drill's mark.
	PageTitle *plan.Text
}

// topFindings is how many findings the first page names.
const topFindings = 3

// writeHTML sets the report as one file that fetches nothing: its policy allows its own
// style sheet, by hash, and no script, image, font or connection.
func writeHTML(w io.Writer, d *document, langs []i18n.Lang) error {
	v := view{document: d, Langs: langs, Style: sheet.Style(), Policy: sheet.Policy()}
	v.PageTitle = &plan.Text{EN: d.Mark.EN + " " + d.Title.In("en") + " " + d.report.Run.ID, JA: d.Mark.JA + " " + d.Title.In("ja") + " " + d.report.Run.ID}
	t, err := sheet.Template(langs, template.FuncMap{
		"of": func(id string) section { return d.Section(id) },
	}, page)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// top are the findings that the first page names.
func (d *document) top() []Finding {
	return d.report.Findings[:min(topFindings, len(d.report.Findings))]
}

// tilesOf sums a system up in three figures.
func (d *document) tilesOf(s System) tiles {
	none := say("not set", "未設定")
	target := func(o, actual *float64) plan.Text {
		if o == nil {
			return say("target not set", "目標未設定")
		}
		return say("target %s", "目標 %s", inWords(measured(o, actual, dash)))
	}
	if r := s.Restore; r != nil {
		gone := tile{Name: say("Isolated copy", "隔離コピー"), Term: say("clean-up", "後始末"), Measured: say("STILL THERE", "残存"), Target: plain(r.Backup), Verdict: run.Missed}
		if r.IsolatedGone {
			gone.Measured, gone.Verdict = say("gone", "削除済み"), run.Met
		}
		return tiles{Title: s.heading(), Tiles: []tile{
			{Name: say("Restore", "復元"), Term: say("time to verified data", "検証完了までの時間"), Measured: measured(r.ActualS, r.ObjectiveS, say("not known", "不明")), Target: target(r.ObjectiveS, r.ActualS), Verdict: r.Verdict},
			{Name: say("Recovery point", "復旧時点"), Term: say("age of the newest row", "最新行の古さ"), Measured: measured(r.BehindS, r.PointObjectiveS, say("not known", "不明")), Target: target(r.PointObjectiveS, r.BehindS), Verdict: r.PointVerdict},
			gone,
		}}
	}
	rto := tile{Name: plain("RTO"), Term: say("Recovery time", "復旧時間"), Measured: measured(s.RTO.ActualS, s.RTO.ObjectiveS, say("not known", "不明")), Target: target(s.RTO.ObjectiveS, s.RTO.ActualS), Verdict: s.RTO.Verdict}
	if s.RTO.AtMost {
		rto.Measured = say("≤ %s", "≤ %s", inWords(rto.Measured))
	}
	rpo := tile{Name: plain("RPO"), Term: say("Data loss", "データ損失"), Measured: measured(s.RPO.ActualS, s.RPO.ObjectiveS, say("not known", "不明")), Target: target(s.RPO.ObjectiveS, s.RPO.ActualS), Verdict: s.RPO.Verdict}
	if n := s.RPO.LostMarkers; n != nil && s.RPO.ActualS != nil {
		rpo.Measured = say("%s, %d lost", "%s・%d件", inWords(rpo.Measured), *n)
		if *n == 0 {
			rpo.Measured = say("0 lost", "0件")
		}
	}
	rlo := tile{Name: plain("RLO"), Term: say("Service level", "復旧レベル"), Measured: none, Target: say("target not set", "目標未設定"), Verdict: run.NoObjective}
	if n := len(s.RLO.Stages); n > 0 {
		last, met := s.RLO.Stages[n-1], 0
		var all []run.Verdict
		for _, st := range s.RLO.Stages {
			all = append(all, st.Verdict)
			if st.Verdict == run.Met {
				met++
			}
		}
		rlo.Verdict = run.Worst(all...)
		rlo.Measured = say("%d%%", "%d%%", last.Level)
		rlo.Target = say("after %[1]s · target %[2]s · stages %[3]d/%[4]d", "%[1]sで到達・目標 %[2]s・段階 %[3]d/%[4]d", orDash(last.ActualS), span(last.WithinS), met, n)
		if last.ActualS == nil {
			rlo.Measured = say("not known", "不明")
			if s.RLO.Level != nil {
				rlo.Measured = say("%d%%", "%d%%", *s.RLO.Level)
			}
			rlo.Target = say("target %[1]d%% in %[2]s · stages %[3]d/%[4]d", "目標 %[2]sで%[1]d%%・段階 %[3]d/%[4]d", last.Level, span(last.WithinS), met, n)
		}
	}
	return tiles{Title: s.heading(), Tiles: []tile{rto, rpo, rlo}}
}

// heading is a system with its name, ID and band.
func (s System) heading() plan.Text {
	title := plan.Text{EN: s.ID, JA: s.ID}
	if s.Title != (plan.Text{}) {
		title = plan.Text{EN: s.Title.In("en") + " (" + s.ID + ")", JA: s.Title.In("ja") + "（" + s.ID + "）"}
	}
	if s.Priority != "" {
		title = plan.Text{EN: title.EN + " · band " + s.Priority, JA: title.JA + "・優先度 " + s.Priority}
	}
	return title
}
