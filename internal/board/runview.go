package board

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// runView is a run as its pages show it.
type runView struct {
	picture
	O       progress.Overview
	L       i18n.Lang
	Zone    *time.Location
	Now     time.Time
	Systems []systemView
	Steps   []stepView
	More    int // steps that are not shown
	Waiting []task
	Phases  []phaseView
	Runs    []messageView
	Lead    *systemView // whose clock is the most pressing
}

// systemView is a system's clock and level.
type systemView struct {
	progress.System
	Label  string
	Word   string // where it stands, in words
	Mark   string // and as a sign
	Class  string
	Until  *time.Time
	OverS  float64
	Chart  template.HTML
	Rows   []curveRow
	Choice string
	Stages []plan.Stage
	Homes  string
	Place  string // where it goes
}

type curveRow struct {
	At    float64
	Level int
}

type phaseView struct {
	progress.Phase
	Mark, Class string
}

type messageView struct {
	At   time.Time
	Text string
}

func zoneOf(p plan.Plan) *time.Location {
	if z, err := time.LoadLocation(p.Estate.Zone); err == nil && p.Estate.Zone != "" {
		return z
	}
	return time.UTC
}

// Role is a role as people call it.
func (v runView) Role(name string) string { return roleTitle(v.L, v.Titles, name) }

// RolesOf are roles as people call them, in one line.
func (v runView) RolesOf(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, v.Role(n))
	}
	return strings.Join(out, v.L.T(", ", "、"))
}

// PlaceName is a muster place as people call it.
func (v runView) PlaceName(name string) string {
	for _, p := range v.Plan.Estate.Places {
		if p.Name == name {
			return either(p.Title.In(string(v.L)), name)
		}
	}
	return name
}

// Others are the systems besides the one in the middle of the wall.
func (v runView) Others() []systemView {
	var out []systemView
	for _, s := range v.Systems {
		if s.Name != v.Lead.Name {
			out = append(out, s)
		}
	}
	return out
}

// Pressing is as much of what waits as a wall can hold.
func (v runView) Pressing() []task { return v.Waiting[:min(len(v.Waiting), wallHolds)] }

// Further is how many wait besides those.
func (v runView) Further() int { return max(0, len(v.Waiting)-wallHolds) }

const wallHolds = 4

// Underway are the phases and steps that go on, the newest phases first.
func (v runView) Underway() (out []string) {
	for _, p := range slices.Backward(v.Phases) {
		if p.Class == "now" && len(out) < 2 {
			out = append(out, "▶ "+v.L.Phase(p.ID))
		}
	}
	for _, s := range v.Steps {
		if s.EndedAt == nil && len(out) < 4 {
			out = append(out, s.Mark+" "+s.Label)
		}
	}
	return out
}

// At is a time as the estate's clocks show it.
func (v runView) At(t time.Time) string { return t.In(v.Zone).Format("15:04:05") }

// Day is a time with its date and zone.
func (v runView) Day(t time.Time) string { return t.In(v.Zone).Format("2006-01-02 15:04 MST") }

// viewOf makes the view of a run at a moment. Clocks that tick are drawn for now.
func viewOf(l i18n.Lang, p picture, now time.Time) runView {
	o := p.Overview
	if o.EndedAt != nil || now.Before(o.StartedAt) {
		now = o.At
	}
	v := runView{picture: p, O: o, L: l, Zone: zoneOf(p.Plan), Now: now}
	for _, s := range o.Systems {
		v.Systems = append(v.Systems, systemOf(l, p.Plan, s, now, o.EndedAt != nil))
	}
	for i := range v.Systems {
		s := &v.Systems[i]
		if s.Until != nil && s.RestoredAt == nil && (v.Lead == nil || s.Until.Before(*v.Lead.Until)) {
			v.Lead = s
		}
	}
	if v.Lead == nil && len(v.Systems) > 0 {
		v.Lead = &v.Systems[0]
	}
	for _, w := range o.Waiting {
		v.Waiting = append(v.Waiting, taskOf(l, p, w, "", ""))
	}
	slices.SortStableFunc(v.Waiting, func(a, b task) int { // what presses comes first
		switch {
		case a.Urgent && !b.Urgent:
			return -1
		case b.Urgent && !a.Urgent:
			return 1
		}
		return 0
	})
	for _, ph := range o.Phases {
		v.Phases = append(v.Phases, phaseOf(ph))
	}
	for _, m := range slices.Backward(o.Messages) {
		v.Runs = append(v.Runs, messageView{m.At, plain(l, m.Text)})
	}
	v.Steps, v.More = stepsOf(l, v, now)
	return v
}

func phaseOf(p progress.Phase) phaseView {
	v := phaseView{p, "·", "ahead"}
	switch p.Progress {
	case progress.Now:
		v.Mark, v.Class = "▶", "now"
	case progress.LeftOut:
		v.Mark, v.Class = "–", "left"
	case progress.Done:
		v.Mark, v.Class = "✓", "ok"
		switch p.Outcome {
		case run.Failed:
			v.Mark, v.Class = "✕", "bad"
		case run.Unknown:
			v.Mark, v.Class = "?", "warn"
		case run.Skipped:
			v.Mark, v.Class = "–", "left"
		}
	}
	return v
}

func systemOf(l i18n.Lang, p plan.Plan, s progress.System, now time.Time, ended bool) systemView {
	v := systemView{System: s, Label: s.Title.In(string(l))}
	if v.Label == "" {
		v.Label = s.Name
	}
	if s.EventAt != nil && s.RestoredAt == nil && !ended {
		v.UsedS = max(0, now.Sub(*s.EventAt).Seconds())
	}
	ps, _ := p.System(s.Name)
	v.Stages = ps.Objective.RLO
	if s.ObjectiveS != nil && s.EventAt != nil {
		until := s.EventAt.Add(time.Duration(*s.ObjectiveS * float64(time.Second)))
		v.Until, v.OverS = &until, v.UsedS-*s.ObjectiveS
	}
	switch {
	case s.EventAt == nil:
		v.Word, v.Mark, v.Class = l.T("clock not started", "計測前"), "–", "idle"
	case s.RestoredAt != nil && v.OverS > 0:
		v.Word, v.Mark, v.Class = l.T("restored, over the RTO", "復旧（RTO超過）"), "✕", "bad"
	case s.RestoredAt != nil:
		v.Word, v.Mark, v.Class = l.T("restored", "復旧"), "✓", "ok"
	case ended && p.Scenario.Depth.Unseen():
		v.Word, v.Mark, v.Class = l.T("not observed at this depth", "観測なし（この深さでは実行しない）"), "–", "idle"
	case ended:
		v.Word, v.Mark, v.Class = l.T("not restored", "復旧せず"), "✕", "bad"
	case v.OverS > 0:
		v.Word, v.Mark, v.Class = l.T("OVER the RTO", "RTO超過"), "▲", "bad"
	case s.ObjectiveS == nil:
		v.Word, v.Mark, v.Class = l.T("no RTO is set", "RTO未設定"), "–", "idle"
	case v.UsedS > 0.8**s.ObjectiveS:
		v.Word, v.Mark, v.Class = l.T("to the RTO: little is left", "RTOまで残りわずか"), "!", "warn"
	default:
		v.Word, v.Mark, v.Class = l.T("to the RTO", "RTOまで"), "▼", "run"
	}
	siteOf := func(name string) string { return siteTitle(l, p, name) }
	if s.Decision != "" {
		v.Choice = l.ChoiceAt(s.Decision, siteOf(ps.Home), siteOf(ps.Alternate))
	}
	if p.Scenario.Depth.Unseen() { // nothing runs, so no level is of this run
		v.Curve, v.Floor, v.LostS = nil, nil, nil
	}
	for _, c := range v.Curve {
		v.Rows = append(v.Rows, curveRow{c.AtS, c.Level})
	}
	v.Chart = curveSVG(l, v)
	return v
}

// service is what a function gives, as its probe saw it last.
type service struct{ Class, Mark, Word string }

func serviceOf(l i18n.Lang, f progress.Function) service {
	switch {
	case f.Up == nil:
		return service{"idle", "?", l.T("not seen yet", "未観測")}
	case !*f.Up:
		return service{"bad", "✕", l.T("down", "停止")}
	case f.Level == run.LevelUnknown:
		return service{"warn", "◐", l.T("up, capacity not measured", "稼働（能力未測定）")}
	case f.Level > 0 && f.Level < 100:
		return service{"warn", "◐", l.T("%d %% up", "一部稼働 %d%%", f.Level)}
	}
	return service{"ok", "●", l.T("up", "稼働")}
}

// stepView is a step with its place on the run's time line.
type stepView struct {
	progress.Step
	Label, Word, Mark, Class string
	Of                       string // the system and the site, as people call them
	Bar                      template.HTML
	OverBudget               bool
}

// stepsShown bounds the time line; the report has all.
const stepsShown = 80

func stepsOf(l i18n.Lang, v runView, now time.Time) ([]stepView, int) {
	steps := v.O.Steps
	more := 0
	if len(steps) > stepsShown { // those that wait or run stay in sight
		var open, ended []progress.Step
		for _, s := range steps {
			if s.EndedAt == nil {
				open = append(open, s)
			} else {
				ended = append(ended, s)
			}
		}
		open = open[:min(len(open), stepsShown)]
		ended = ended[max(0, len(ended)-(stepsShown-len(open))):]
		more = len(steps) - len(open) - len(ended)
		steps = append(ended, open...)
	}
	from, to := timeline(v, now)
	var out []stepView
	for _, s := range steps {
		x := stepView{Step: s, Label: either(v.stepTitle(s), s.ID), Of: systemTitle(l, v.Plan, s.System)}
		if s.Site != "" {
			x.Of = strings.TrimPrefix(x.Of+l.T(" · ", "・")+siteTitle(l, v.Plan, s.Site), l.T(" · ", "・"))
		}
		if s.EndedAt == nil {
			x.UsedS = max(0, now.Sub(s.StartedAt).Seconds())
		}
		x.OverBudget = s.BudgetS != nil && x.UsedS > *s.BudgetS
		switch s.Progress {
		case progress.StepRuns:
			x.Word, x.Mark, x.Class = l.T("running", "実行中"), "▶", "now"
		case progress.StepWaits:
			x.Word, x.Mark, x.Class = l.T("waits for a person", "人の対応待ち"), "‖", "warn"
		case progress.StepUndoes:
			x.Word, x.Mark, x.Class = l.T("being undone", "取り消し中"), "↩", "warn"
		case progress.StepUndone:
			x.Word, x.Mark, x.Class = l.T("undone", "取り消し済み"), "↩", "left"
			if s.Undo != run.Passed {
				x.Word, x.Mark, x.Class = l.T("undo: %s", "取り消し：%s", l.Outcome(s.Undo)), "✕", "bad"
			}
		default:
			x.Word = l.Outcome(s.Outcome)
			switch s.Outcome {
			case run.Passed:
				x.Mark, x.Class = "✓", "ok"
			case run.Failed:
				x.Mark, x.Class = "✕", "bad"
			case run.Unknown:
				x.Mark, x.Class = "?", "warn"
			default:
				x.Mark, x.Class = "–", "left"
			}
		}
		x.Bar = barSVG(from, to, now, s, v.Lead, x.Class)
		out = append(out, x)
	}
	return out, more
}

// stepTitle is what the plan calls a step of a runbook, an inject or a check; "" is nothing.
func (v runView) stepTitle(s progress.Step) string {
	in := func(steps []plan.Step) string {
		if i := slices.IndexFunc(steps, func(x plan.Step) bool { return x.ID == s.ID }); i >= 0 {
			return steps[i].Title.In(string(v.L))
		}
		return ""
	}
	if rb, ok := v.Plan.Runbook(s.Runbook); ok {
		return in(rb.Steps)
	}
	if title := in(v.Plan.Scenario.Injects); title != "" {
		return title
	}
	if sys, ok := v.Plan.System(s.System); ok && sys.SingleWriter != nil && sys.SingleWriter.ID == s.ID {
		return either(sys.SingleWriter.Title.In(string(v.L)), v.L.T("Exactly one side takes writes", "書き込み先が一つだけであることの確認"))
	}
	return ""
}

// timeline is the stretch that the steps' bars are drawn on: from the event, or the
// start, to now or the RTO, whichever is later, as long as that is not far away.
func timeline(v runView, now time.Time) (from, to time.Time) {
	from, to = v.O.StartedAt, now
	if v.Lead != nil && v.Lead.EventAt != nil {
		if v.Lead.EventAt.Before(from) {
			from = *v.Lead.EventAt
		}
		if v.Lead.Until != nil && v.Lead.Until.After(to) && v.Lead.Until.Sub(from) < 6*to.Sub(from) {
			to = *v.Lead.Until
		}
	}
	to = to.Add(to.Sub(from)/20 + time.Second)
	return from, to
}
