package demo

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// tolerance is how far the two may be apart where Options do not say.
const tolerance = 500 * time.Millisecond

// comparison is the report's figures beside the witness's.
type comparison struct {
	System string `json:"system"`
	// The outage, from the event to restored service: the report's, and the longest
	// time between two acknowledged writes of the witness.
	ReportRTO  float64 `json:"report_rto_s"`
	WitnessGap float64 `json:"witness_longest_gap_s"`
	// What was lost of the acknowledged, of the probe's markers and the witness's rows.
	LostMarkers int64 `json:"report_lost_markers"`
	MissingRows int   `json:"witness_missing_rows"`
	// The machine's part, from the recovery order to restored service.
	ReportMachine  *float64 `json:"report_machine_s"`
	WitnessMachine *float64 `json:"witness_machine_s"`
	// The second outage, on the way home.
	ReportFailback  *float64 `json:"report_failback_outage_s"`
	WitnessFailback *float64 `json:"witness_failback_outage_s"`
	Writer          string   `json:"witness_writer"` // who took writes at the end

	Disagreements []string `json:"disagreements"`
	Witness       seen     `json:"witness"`
}

// compare puts the report of a drill on one system beside what the witness saw.
func compare(l i18n.Lang, r report.Report, w seen, within time.Duration) (comparison, error) {
	if len(r.Systems) != 1 {
		return comparison{}, errors.New(l.T("the report is about %d systems, the witness about one", "報告書のシステムは %d 件ですが、立会いの記録は1件分です", len(r.Systems)))
	}
	s := r.Systems[0]
	c := comparison{System: s.ID, WitnessGap: w.LongestGap, MissingRows: w.Missing, Writer: w.Writable, Witness: w, Disagreements: []string{}}
	if s.RTO.ActualS == nil || s.RTO.EventAt == nil || s.RPO.LostMarkers == nil {
		return c, errors.New(l.T("the report names no achieved RTO or no count of lost markers, so there is nothing to compare; its own verdict stands",
			"報告書にRTO実績または喪失マーカー数がないため、立会いの記録と比較できません。判定は報告書のとおりです"))
	}
	c.ReportRTO, c.LostMarkers, c.ReportMachine, c.ReportFailback = *s.RTO.ActualS, *s.RPO.LostMarkers, s.RTO.MachineS, s.Failback.OutageS
	// An RTO that is not proven (nobody looked for a while) is the longest it may have
	// been: it may be above what the witness saw, never below.
	over := c.ReportRTO - c.WitnessGap
	if over < -within.Seconds() || over > within.Seconds() && s.RTO.Verdict != run.NotProven {
		c.Disagreements = append(c.Disagreements, l.T("RTO %.3f s against %.3f s without a write", "RTO %.3f 秒に対し、書き込みできなかった時間 %.3f 秒", c.ReportRTO, c.WitnessGap))
	}
	// Two writers at different moments lose different numbers of rows; that something was
	// lost, or nothing, is one truth for both.
	if (c.LostMarkers == 0) != (c.MissingRows == 0) {
		c.Disagreements = append(c.Disagreements, l.T("%d markers lost against %d of the witness's rows", "喪失マーカー %d 件に対し、立会いの記録で失われた行 %d 件", c.LostMarkers, c.MissingRows))
	}
	for _, g := range w.Gaps {
		if at := s.RTO.OrderedAt; at != nil && g.From.Before(*at) && g.To.After(*at) {
			took := g.To.Sub(*at).Seconds()
			c.WitnessMachine = &took
		}
		if at := s.Failback.StartedAt; at != nil && g.From.After(*at) && (c.WitnessFailback == nil || g.Seconds > *c.WitnessFailback) {
			took := g.Seconds
			c.WitnessFailback = &took
		}
	}
	return c, nil
}

func (c comparison) write(path string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// describe is the comparison as a few lines.
func (c comparison) describe(l i18n.Lang) string {
	lines := []string{
		l.T("independent witness (its own driver, a write every 50 ms):", "独立した立会い記録（別のドライバーで50ミリ秒ごとに書き込み）:"),
		l.T("  longest time without a write %.2f s, RTO in the report %.2f s", "  書き込みできなかった最長時間 %.2f 秒、報告書のRTO %.2f 秒", c.WitnessGap, c.ReportRTO),
		l.T("  acknowledged rows lost %d of %d, markers lost in the report %d", "  応答済みで失われた行 %d／%d、報告書の喪失マーカー %d", c.MissingRows, c.Witness.Acked, c.LostMarkers),
	}
	if c.ReportMachine != nil && c.WitnessMachine != nil {
		lines = append(lines, l.T("  machine's part, from the recovery order: %.2f s, in the report %.2f s", "  復旧指示からの機械部分 %.2f 秒、報告書では %.2f 秒", *c.WitnessMachine, *c.ReportMachine))
	}
	if c.WitnessFailback != nil && c.ReportFailback != nil {
		lines = append(lines, l.T("  outage of the way home %.2f s between two writes of the witness, in the report %.2f s between two successes of its probe (each to within how often it looks); writes go to %s", "  切戻し時の停止：立会い記録では書き込み成功の間隔で %.2f 秒、報告書ではプローブ成功の間隔で %.2f 秒（それぞれ観測間隔だけの差を含む）。現在の書き込み先は %s", *c.WitnessFailback, *c.ReportFailback, c.Writer))
	}
	if len(c.Disagreements) > 0 {
		lines = append(lines, l.T("  THEY DISAGREE: %s", "  不一致: %s", strings.Join(c.Disagreements, "; ")))
	}
	return strings.Join(lines, "\n")
}
