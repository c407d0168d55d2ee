package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// document is a report as people read it, in both languages at once. Text, Markdown and
// HTML are three ways to set it; none of them says anything of its own.
type document struct {
	report Report
	zone   *time.Location
	sheet.Sheet
}

func outcomeCell(o run.Outcome) cell {
	w := outcomeWord(o)
	return cell{Text: plan.Text{EN: outcomeMark(o) + " " + w.EN, JA: outcomeMark(o) + " " + w.JA}, Class: "outcome-" + string(o)}
}

// newDocument sets a report in words.
func newDocument(r Report) *document {
	d := &document{report: r, zone: zoneOf(r.Run.Zone)}
	d.Mark = both(func(l i18n.Lang) string { return l.Banner(r.Run.Kind) })
	d.Title = r.Run.Title
	if d.Title == (plan.Text{}) {
		d.Title = plain(r.Run.Scenario)
	}
	d.Facts = d.facts()
	d.Sentence, d.Remarks = d.sentence(), d.remarks()
	d.Sections = []section{
		d.attainment(), d.trendSection(), d.passSection(), d.levels(), d.timeSplit(), d.timeline(), d.peopleSection(), d.situation(), d.communications(), d.decisions(), d.glass(), d.reporting(),
		d.findings(), d.review(), d.basis(), d.evidence(), crosswalkSection(),
	}
	d.Sections = slices.DeleteFunc(d.Sections, func(s section) bool { return s.ID == "" })
	if d.restoreTest() { // nobody looked from outside, and nobody was meant to
		d.Sections = slices.DeleteFunc(d.Sections, func(s section) bool { return s.ID == "curve" })
	}
	d.pictures()
	d.firstPage()
	for _, s := range d.Sections {
		for i := range s.Tables {
			s.Tables[i] = s.Tables[i].Compact()
		}
	}
	return d
}

// clock is a time of day in the estate's zone, with the date when it is not that of the
// run's start.
func (d *document) clock(t time.Time) string {
	t = t.In(d.zone)
	if t.Format(time.DateOnly) == d.report.Run.StartedAt.In(d.zone).Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("01-02 15:04:05")
}

func (d *document) clockOr(t *time.Time) plan.Text {
	if t == nil {
		return dash
	}
	return plain(d.clock(*t))
}

// exact is a time with milliseconds, as the figures need it.
func (d *document) exact(t *time.Time) plan.Text {
	if t == nil {
		return dash
	}
	return plain(t.In(d.zone).Format("15:04:05.000"))
}

func (d *document) facts() []plan.Text {
	r := d.report.Run
	began := r.StartedAt.In(d.zone)
	zone, _ := began.Zone()
	when := began.Format("2006-01-02 15:04:05")
	until := say("still running", "実施中")
	if r.EndedAt != nil {
		until = plain(d.clock(*r.EndedAt))
	}
	out := []plan.Text{
		say("Run %[1]s · %[2]s · scenario %[3]s", "実施 %[1]s・%[4]s・シナリオ %[3]s", r.ID, r.Estate, r.Scenario, r.Estate),
		{EN: fmt.Sprintf("%s – %s %s (%s)", when, until.EN, zone, r.Zone), JA: fmt.Sprintf("%s – %s %s（%s）", when, until.JA, zone, r.Zone)},
		say("%s, depth %s, %s · ended as: %s", "%s・深さ：%s・%s・結果：%s",
			inBoth(func(l i18n.Lang) string { return l.Kind(r.Kind) }), inBoth(func(l i18n.Lang) string { return l.Depth(r.Depth) }),
			inBoth(func(l i18n.Lang) string { return l.Hazard(r.Hazard) }), inBoth(func(l i18n.Lang) string { return l.State(r.State) })),
	}
	if r.Reason != "" {
		return append(out, plan.Say("started by %s: %s", "開始：%s（%s）", r.StartedBy, plan.Apart(r.Reason)))
	}
	return append(out, say("started by %s", "開始：%s", r.StartedBy))
}

// inWords lets a Text be an argument of say.
type inWords plan.Text

func (w inWords) Word(l i18n.Lang) string { return plan.Text(w).In(string(l)) }

// inBoth lets a word of i18n be an argument of say.
type inBoth func(l i18n.Lang) string

func (w inBoth) Word(l i18n.Lang) string { return w(l) }

// tally counts the judged objectives of all systems.
func (d *document) tally() (all, met, missed, open int) {
	for _, s := range d.report.Systems {
		for _, v := range s.verdicts() {
			switch v {
			case run.Met:
				met++
			case run.Missed:
				missed++
			case run.NotProven:
				open++
			case run.NoObjective:
			}
		}
	}
	return met + missed + open, met, missed, open
}

// verdicts lists the verdicts of a system's objectives.
func (s System) verdicts() []run.Verdict {
	if r := s.Restore; r != nil {
		return []run.Verdict{r.Verdict, r.PointVerdict}
	}
	out := []run.Verdict{s.RTO.Verdict, s.RPO.Verdict, s.Failback.Verdict}
	for _, st := range s.RLO.Stages {
		out = append(out, st.Verdict)
	}
	return out
}

// focus is the system that the sentence speaks of: of the worst verdict the one that
// took longest.
func (d *document) focus() *System {
	rank := map[run.Verdict]int{run.Missed: 0, run.NotProven: 1, run.Met: 2, run.NoObjective: 3}
	var f *System
	for i := range d.report.Systems {
		s := &d.report.Systems[i]
		slower := f != nil && s.RTO.ActualS != nil && (f.RTO.ActualS == nil || *s.RTO.ActualS > *f.RTO.ActualS)
		if f == nil || rank[s.Verdict] < rank[f.Verdict] || rank[s.Verdict] == rank[f.Verdict] && slower {
			f = s
		}
	}
	return f
}

// sentence is the verdict in one breath: what came of it, how long against what, what
// was lost, how many objectives.
func (d *document) sentence() plan.Text {
	r := d.report
	if r.Run.EndedAt == nil {
		return say("Still running: nothing is proven yet.", "実施中です。まだ何も立証されていません。")
	}
	var parts []plan.Text
	head := verdictWord(r.Run.Verdict)
	parts = append(parts, plan.Text{EN: strings.ToUpper(head.EN[:1]) + head.EN[1:] + ".", JA: head.JA + "。"})
	s := d.focus()
	if s == nil {
		return parts[0]
	}
	if n := len(r.Systems); n > 1 {
		parts = append(parts, say("Worst of %d systems:", "%dシステムのうち最も厳しい結果：", n))
	}
	title := r.title(*s)
	switch {
	case s.Restore != nil:
		parts = append(parts, s.Restore.sentence(title, d.zone))
	case s.RTO.ActualS == nil && s.RTO.EventAt == nil:
		parts = append(parts, say("%s: nothing was put to the test.", "%sは検証されていません。", title))
	case s.RTO.ActualS == nil:
		parts = append(parts, say("%s was not seen to come back.", "%sの復旧は確認されていません。", title))
	case s.RTO.ObjectiveS == nil:
		parts = append(parts, say("%s was back in %s (no RTO is set).", "%sは%sで復旧（目標復旧時間は未設定）。", title, s.RTO.figure()))
	default:
		parts = append(parts, say("%[1]s was back in %[2]s against an objective of %[3]s.", "%[1]sは目標%[3]sに対し%[2]sで復旧。", title, s.RTO.figure(), beside(s.RTO.ObjectiveS, s.RTO.ActualS)))
	}
	if s.Restore == nil {
		parts = append(parts, d.lossWords())
	}
	all, met, _, _ := d.tally()
	parts = append(parts, say("%d of %d objectives met.", "目標達成 %d/%d。", met, all))
	var en, ja []string
	for _, p := range parts {
		en, ja = append(en, p.EN), append(ja, p.JA)
	}
	return plan.Text{EN: strings.Join(en, " "), JA: strings.Join(ja, "")}
}

// sentence is a restore test in one breath.
func (r Restore) sentence(title inWords, zone *time.Location) plan.Text {
	behind := say("%s behind", "%s前の時点", orDash(r.BehindS))
	if r.AskedPoint != nil {
		at := r.AskedPoint.In(zone).Format("2006-01-02 15:04:05")
		behind = say("%s behind the point asked for (%s)", "指定された時点（%[2]s）の%[1]s前", orDash(r.BehindS), at)
	}
	switch {
	case r.Verdict == run.Missed && r.ActualS == nil:
		return say("The backup of %s could not be restored and verified.", "%sのバックアップを復元・検証できませんでした。", title)
	case r.ActualS == nil || r.BehindS == nil:
		return say("The backup of %s was not verified.", "%sのバックアップは検証されていません。", title)
	case r.ObjectiveS == nil:
		return say("The backup of %[1]s was restored and verified in %[2]s; its newest row is %[3]s.", "%[1]sのバックアップを%[2]sで復元・検証。最新行は%[3]s。",
			title, span(*r.ActualS), inWords(behind))
	}
	return say("The backup of %[1]s was restored and verified in %[2]s against an objective of %[4]s; its newest row is %[3]s.",
		"%[1]sのバックアップを目標%[4]sに対し%[2]sで復元・検証。最新行は%[3]s。", title, span(*r.ActualS), inWords(behind), span(*r.ObjectiveS))
}

// figure is the achieved RTO in words, as an upper bound where it is one.
func (r RTO) figure() inWords {
	t := measured(r.ActualS, r.ObjectiveS, dash)
	if r.AtMost {
		t = plan.Text{EN: "at most " + t.EN, JA: "最大" + t.JA}
	}
	return inWords(t)
}

// lossWords is what was lost in all systems together.
func (d *document) lossWords() plan.Text {
	var lost int64
	var worst float64
	counted, known := false, true
	for _, s := range d.report.Systems {
		switch {
		case s.RPO.LostMarkers == nil:
			known = known && s.RPO.ObjectiveS == nil
		default:
			counted = true
			lost += *s.RPO.LostMarkers
			if s.RPO.ActualS != nil {
				worst = max(worst, *s.RPO.ActualS)
			} else {
				known = false
			}
		}
	}
	switch {
	case lost > 0 && worst > 0:
		return say("Acknowledged writes lost: %[1]d (%[2]s of work).", "確定した書き込み%[1]d件（%[2]s分）を損失。", lost, span(worst))
	case lost > 0:
		return say("Acknowledged writes lost: %d.", "確定した書き込み%d件を損失。", lost)
	case !counted || !known:
		return say("Data loss is not known.", "データ損失は不明。")
	}
	return say("No acknowledged data was lost.", "確定したデータの損失なし。")
}

// remarks are what a reader of the sentence must know: why it is not better, and what in
// its figures was not measured.
func (d *document) remarks() []plan.Text {
	r := d.report
	var out []plan.Text
	if len(r.Run.Why) > 0 {
		out = append(out, say("Why: %s.", "理由：%s。", inWords(whyText(r.Run.Why))))
	}
	if s := d.focus(); s != nil && r.Run.EndedAt != nil {
		var why []Reason
		for _, w := range slices.Concat(s.RTO.Why, s.RPO.Why, s.Failback.Why) {
			if !slices.Contains(why, w) && !slices.Contains(r.Run.Why, w) {
				why = append(why, w)
			}
		}
		if len(why) > 0 && s.Verdict != run.Met {
			out = append(out, say("%s: %s.", "%s：%s。", r.title(*s), inWords(whyText(why))))
		}
		if r.People.Simulated && s.RTO.MachineS != nil && s.RTO.Parts != nil {
			simulated := 0.0
			for _, p := range s.RTO.Parts.list() {
				if slices.Contains(s.RTO.SimulatedParts, p.key) {
					simulated += p.seconds
				}
			}
			out = append(out, say("People were simulated: %[1]s of the time are the engine's answers, not people's. From the order to restored service the machine took %[2]s.",
				"人の応答は模擬です。%[1]sはエンジンが代わりに答えた時間で、人の実測ではありません。復旧指示から復旧までの機械の所要時間は%[2]sです。",
				span(round(simulated)), span(*s.RTO.MachineS)))
		} else if r.People.Simulated {
			out = append(out, say("People were simulated: the engine answered for them.", "人の応答は模擬です（エンジンが代わりに応答）。"))
		}
	}
	return out
}

// part is one part of an RTO with its names.
type part struct {
	key     string
	title   plan.Text
	seconds float64
}

func (p Parts) list() []part {
	return []part{
		{"detect_s", say("detect", "検知"), p.DetectS},
		{"people_s", say("gather and assess", "参集・状況確認"), p.PeopleS},
		{"decide_s", say("decide", "決定"), p.DecideS},
		{"recover_s", say("recover", "復旧作業"), p.RecoverS},
		{"verify_s", say("verify", "復旧確認"), p.VerifyS},
	}
}
