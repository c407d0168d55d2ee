package board

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// proven is one objective of a system beside when it was last proven.
type proven struct {
	Name  string
	Goal  string // "" is not set
	Run   string
	At    string
	Days  int
	Class string
	Mark  string
	Word  string
	// Age is how old the proof is beside how long one counts, and Until the day to which it does.
	Age        template.HTML
	Until, Why string
}

// need is what has to be proven, for the first time or again.
type need struct {
	proven
	System, Label string
	rank          int
	days          int
}

type systemRow struct {
	Name, Label, Priority string
	Home, Alternate       string
	Proven                []proven
	Drillable             []run.Depth
}

type systemsView struct {
	Rows  []systemRow
	Locks []lockView
	// Needs are what has to be proven, overdue first; Fresh is how many properties count.
	Needs          []need
	Fresh, Expired int
	Changed, Never int
	Missed         int
	Simulated      int // of Fresh, those that rest on what was simulated
}

func (b *Board) showSystems(v *visit) error {
	e, err := b.o.Estate()
	if err != nil {
		return v.filesProblem(err)
	}
	fresh, err := v.client("").Freshness(v.ctx(), "", false)
	wrong := new(api.Problem)
	if err != nil && !(errors.As(err, &wrong) && wrong.Code == api.CodeMistakes) { // with mistakes in the files, the rest is shown all the same
		return err
	}
	zone := zoneOf(plan.Plan{Estate: e.Estate})
	site := func(name string) string {
		if s, ok := e.Site(name); ok && s.Title.In(string(v.lang)) != "" {
			return s.Title.In(string(v.lang))
		}
		return name
	}
	view := systemsView{Locks: v.lockViews()}
	for _, s := range e.Systems {
		row := systemRow{Name: s.Name, Label: s.Title.In(string(v.lang)), Priority: s.Priority, Home: site(s.Home), Alternate: site(s.Alternate), Drillable: s.Drillable}
		if row.Label == "" {
			row.Label = s.Name
		}
		rlo := ""
		for _, st := range s.Objective.RLO {
			if rlo != "" {
				rlo += v.t(", ", "、")
			}
			rlo += v.t("%d %% in %s", "%[2]s以内に%[1]d%%", st.Level, span(v.lang, st.Within.Seconds()))
		}
		one := func(name, goal string, of outcome.Property) {
			known := propertyOf(fresh.Systems, s.Name, of)
			p := v.proven(name, goal, known, wrong.Code != "", zone)
			row.Proven = append(row.Proven, p)
			view.count(s.Name, row.Label, p, known)
		}
		goal := func(d *run.Duration) string {
			if d == nil {
				return ""
			}
			return span(v.lang, d.Seconds())
		}
		one("RTO", goal(s.Objective.RTO), outcome.RTO)
		one("RPO", goal(s.Objective.RPO), outcome.RPO)
		one("RLO", rlo, outcome.RLO)
		restore, back := "", ""
		if o := s.Objective.Restore; o != nil {
			restore = goal(o.Within)
			if o.Within == nil && o.Point != nil {
				restore = v.t("age of the data %s", "データの古さ %s", goal(o.Point))
			}
		}
		if s.Failback != "" {
			back = v.t("come home", "本拠点に戻る")
		}
		one(v.t("restore", "復元"), restore, outcome.Restore)
		one(v.t("failback", "切戻し"), back, outcome.Failback)
		view.Rows = append(view.Rows, row)
	}
	slices.SortStableFunc(view.Needs, func(a, b need) int { return cmp.Or(a.rank-b.rank, b.days-a.days) })
	v.showAs(http.StatusOK, "systems", v.t("Systems", "情報システム"), view, look{at: "systems"})
	return nil
}

// count counts a property, and puts it on the list of what has to be proven.
func (view *systemsView) count(system, label string, p proven, known *proof.Property) {
	if known == nil {
		return
	}
	n := need{proven: p, System: system, Label: label}
	if known.Days != nil {
		n.days = *known.Days
	}
	switch known.State {
	case proof.Fresh:
		view.Fresh++
		if !known.Real() {
			view.Simulated++
		}
		return
	case proof.Missed:
		view.Missed++
		n.rank = -1
	case proof.Expired:
		view.Expired++
	case proof.Changed:
		view.Changed++
		n.rank = 1
	case proof.Never:
		view.Never++
		n.rank = 2
	case proof.NotSet:
		return
	}
	view.Needs = append(view.Needs, n)
}

// ageSVG is the age of a proof as a bar; the line across is how long one counts. Its figures stand
// beside it as text.
func ageSVG(at, until, now time.Time, class string) template.HTML {
	whole := until.Sub(at).Hours()
	if whole <= 0 {
		return ""
	}
	const limit = 75                                                                                                                                                                                                                                                                          // of 100: what is overdue goes on behind it
	return template.HTML(fmt.Sprintf(`<svg class="age" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true"><rect class="a-idle" y="3" width="100" height="8"/><rect class="a-%s" y="3" width="%.1f" height="8"/><rect class="a-limit" x="%d" width="1.5" height="14"/></svg>`, //nolint:gosec // numbers and our own words
		class, min(100, max(1.5, limit*now.Sub(at).Hours()/whole)), limit))
}

// propertyOf is what is known of a property of a system; nil is nothing.
func propertyOf(all []proof.System, system string, of outcome.Property) *proof.Property {
	for _, s := range all {
		for i, p := range s.Properties {
			if s.System == system && p.Property == of {
				return &s.Properties[i]
			}
		}
	}
	return nil
}

// proven says of a property when it was proven and whether that counts; mistaken are files that can't be
// compared with.
func (v *visit) proven(name, goal string, known *proof.Property, mistaken bool, zone *time.Location) proven {
	p := proven{Name: name, Goal: goal, Class: "warn", Mark: "?", Word: v.t("not proven yet", "未立証")}
	switch {
	case goal == "":
		p.Class, p.Mark, p.Word = "idle", "–", v.t("not set", "目標未設定")
		return p
	case mistaken:
		p.Word = v.t("can't be told: the plan files have mistakes", "計画ファイルに誤りがあるため判定できません")
		return p
	case known != nil && known.State == proof.Missed && known.At == nil:
		p.Class, p.Mark, p.Word = "bad", "✕", v.t("not proven: missed", "未立証（未達）")
		p.Why = v.t("missed on %s, run %s", "%s の実施 %s で未達", known.MissedAt.In(zone).Format(time.DateOnly), known.MissedIn)
		return p
	case known == nil || known.At == nil:
		return p
	}
	p.Run, p.At, p.Days = known.Run, known.At.In(zone).Format(time.DateOnly), *known.Days
	when := v.t("%d days ago", "%d日前", p.Days)
	if p.Days == 0 {
		when = v.t("today", "24時間以内")
	}
	p.Until = known.Until.In(zone).Format(time.DateOnly)
	switch known.State {
	case proof.Fresh:
		p.Class, p.Mark, p.Word = "ok", "✓", when
		if !known.Real() { // it counts, and is no green mark
			p.Class, p.Mark = "warn", "≈"
		}
	case proof.Missed:
		p.Class, p.Mark, p.Word = "bad", "✕", v.t("%s: missed since", "%s（その後に未達）", when)
		p.Why = v.t("missed on %s, run %s", "%s の実施 %s で未達", known.MissedAt.In(zone).Format(time.DateOnly), known.MissedIn)
	case proof.Expired:
		p.Class, p.Mark, p.Word = "bad", "!", v.t("%s: overdue", "%s（期限超過）", when)
		p.Why = v.t("too old since %s", "%s に期限切れ", p.Until)
	case proof.Changed:
		p.Mark, p.Word = "≠", v.t("%s: changed since", "%s（変更あり）", when)
	case proof.Never, proof.NotSet:
	}
	if len(known.Simulated) > 0 {
		p.Word = v.t("%s, %s", "%s・%s", p.Word, proof.SimulatedText(known.Simulated).In(string(v.lang)))
	}
	if len(known.Changed) > 0 {
		if p.Why != "" {
			p.Why += v.t("; ", "、")
		}
		p.Why += v.t("changed: %s", "変更：%s", proof.ChangesText(known.Changed).In(string(v.lang)))
	}
	p.Age = ageSVG(*known.At, *known.Until, v.b.o.Now(), p.Class)
	return p
}
