package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Damage is the latest word of people on a system or a component of it, beside what the probes
// saw before the recovery was ordered (requirement B-STP-06).
type Damage struct {
	System    string     `json:"system"`
	Component string     `json:"component,omitempty"`
	Title     plan.Text  `json:"title"`
	Damage    run.Damage `json:"damage"` // as people said last; unknown when nobody has
	By        string     `json:"by,omitempty"`
	At        *time.Time `json:"at"` // when it was seen; null when nobody has looked
	Reports   int        `json:"reports"`
	// Probes is what they saw; "" where none looks.
	Probes   run.Damage `json:"probes,omitempty"`
	Conflict bool       `json:"conflict"` // one says that nothing is wrong, the other that something is
	// AgeS is how old the report was when the recovery decision was taken; null without one.
	AgeS *float64 `json:"age_at_decision_s"`
}

// sighting is a probe's word.
type sighting struct {
	up    bool
	level int
}

// seenBy keeps what a probe saw.
func (f *facts) seenBy(e run.Event) error {
	var c run.ProbeChange
	if err := decode(e, &c); err != nil {
		return err
	}
	if f.forms.seen == nil {
		f.forms.seen = map[string]map[string]sighting{}
	}
	if f.forms.seen[e.System] == nil {
		f.forms.seen[e.System] = map[string]sighting{}
	}
	f.forms.seen[e.System][e.Step] = sighting{c.Up, c.Level}
	f.clockWord(e, c)
	return nil
}

// freezeSight keeps what the probes saw when the recovery of a system was ordered: what they see
// after that is the recovery, not the damage.
func (f *facts) freezeSight(system string) {
	if f.forms.frozen == nil {
		f.forms.frozen = map[string]map[string]sighting{}
	}
	if _, done := f.forms.frozen[system]; done {
		return
	}
	kept := map[string]sighting{}
	for probe, s := range f.forms.seen[system] {
		kept[probe] = s
	}
	f.forms.frozen[system] = kept
}

// sight is what the probes say of a system, or of one function of it; "" when none has.
func (f *facts) sight(s plan.System, function string) run.Damage {
	words := f.forms.seen[s.Name]
	if frozen, ok := f.forms.frozen[s.Name]; ok {
		words = frozen
	}
	looked, down, worse := 0, 0, false
	for _, p := range s.Probes {
		if function != "" && p.Function != function {
			continue
		}
		w, heard := words[p.Name]
		if !heard {
			return ""
		}
		looked++
		if !w.up {
			down++
		}
		worse = worse || !w.up || w.level > 0 && w.level < 100
	}
	switch {
	case looked == 0:
		return ""
	case down == looked:
		return run.DamageStopped
	case worse:
		return run.DamageDegraded
	}
	return run.DamageNone
}

func (f *facts) assessed(e run.Event, d run.Assessment) {
	a := Assessment{At: e.When(), System: e.System, Component: d.Component, Damage: d.Damage, Source: d.Source, By: e.By, Reason: e.Reason,
		EnteredAt: enteredAt(e), Photos: d.Photos, Ground: d.Ground}
	if d.Repair > 0 {
		a.RepairS = seconds(d.Repair.Std())
	}
	f.report.Assessments = append(f.report.Assessments, a)
}

// enteredAt is when a late entry was entered; nil for one that was not late.
func enteredAt(e run.Event) *time.Time {
	if e.Happened.IsZero() {
		return nil
	}
	return moment(e.At)
}

// damage lists the latest word on everything that has one or could have one, in the order in
// which it was to be looked at.
func (f *facts) damage() []Damage {
	if len(f.report.Assessments) == 0 {
		return nil
	}
	var out []Damage
	for _, sf := range f.systems {
		s := sf.plan
		parts := []plan.Component{{Title: s.Title}}
		parts = append(parts, s.Components...)
		for _, a := range f.report.Assessments { // parts that people named
			known := slices.ContainsFunc(parts, func(c plan.Component) bool { return c.Name == a.Component })
			if a.System == s.Name && !known {
				parts = append(parts, plan.Component{Name: a.Component, Title: plan.Text{EN: a.Component}})
			}
		}
		for _, c := range parts {
			d := Damage{System: s.Name, Component: c.Name, Title: c.Title, Damage: run.DamageUnknown}
			for _, a := range f.report.Assessments {
				if a.Source == "probe" || a.System != s.Name || a.Component != c.Name {
					continue
				}
				at := a.At
				d.Damage, d.By, d.At, d.Reports = a.Damage, a.By, &at, d.Reports+1
				if !sf.decided.IsZero() && !at.After(sf.decided) {
					d.AgeS = seconds(sf.decided.Sub(at))
				}
			}
			if c.Name == "" || c.Function != "" {
				d.Probes = f.sight(s, c.Function)
			}
			d.Conflict = d.At != nil && run.Disagree(d.Damage, d.Probes)
			out = append(out, d)
		}
	}
	rank := func(d Damage) int {
		for i, name := range f.forms.priorities {
			if name == d.System+"/"+d.Component || name == d.System {
				return i
			}
		}
		return len(f.forms.priorities)
	}
	slices.SortStableFunc(out, func(a, b Damage) int { return rank(a) - rank(b) })
	return out
}

// damage is what was found, and every report of it.
func (d *document) damage() []table {
	r := d.report
	if len(r.Assessments) == 0 {
		return nil
	}
	t := table{Caption: say("Damage, people's word beside the probes'", "被害状況（要員の報告とプローブの観測の対比）"), Head: []plan.Text{say("System", "システム"), say("Component", "構成要素"), say("Reported", "報告"), say("By", "確認者"),
		say("Probes", "プローブ"), say("Conflict", "食い違い"), say("Age at the decision", "決定時の経過"), say("Reports", "報告数")}}
	for _, x := range r.Damage {
		conflict, age := plan.Text{}, plan.Text{}
		if x.Conflict {
			conflict = say("! they disagree", "！食い違いあり")
		}
		if x.AgeS != nil {
			age = spanOr(x.AgeS, dash)
		}
		said := word(damages, x.Damage)
		if x.At == nil {
			said = say("not looked at", "未確認")
		}
		t.Rows = append(t.Rows, []cell{d.system(x.System), name(x.Component), tell(said), tell(actor(x.By)), tell(damageOr(x.Probes)), tell(conflict), figureCell(age), figureCell(count(x.Reports))})
	}
	all := table{Caption: say("Damage, every report in its order", "被害の報告（時系列）"), Head: []plan.Text{say("At", "時刻"), say("System", "システム"), say("Component", "構成要素"), say("Damage", "被害"), say("Seen by", "確認者"),
		say("Repair in place", "被災拠点での復旧の見込み"), say("Remark", "備考"), say("Photos", "写真"), say("Entered", "入力時刻")}}
	for _, a := range r.Assessments {
		by := actor(a.By)
		if a.Source == "probe" {
			by = say("probe", "プローブ")
		}
		all.Rows = append(all.Rows, []cell{timeCell(plain(d.clock(a.At))), d.system(a.System), name(a.Component), tell(word(damages, a.Damage)), tell(by),
			tell(repair(a)), tell(plan.Apart(a.Reason)), name(photos(a.Photos)), timeCell(d.entered(a.EnteredAt))})
	}
	return []table{t, all}
}

func repair(a Assessment) plan.Text {
	if a.RepairS == nil {
		return plan.Text{}
	}
	return say("%[1]s (%[2]s)", "%[1]s（%[2]s）", span(*a.RepairS), a.Ground)
}

func damageOr(d run.Damage) plan.Text {
	if d == "" {
		return plan.Text{}
	}
	return word(damages, d)
}
