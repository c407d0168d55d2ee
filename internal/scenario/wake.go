package scenario

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// WakeRule is a rule by which alarms wake a response. It is no part of the frozen plan: what
// happens in a run does not depend on what began it.
type WakeRule struct {
	Place     string   `json:"place"`
	Alarm     string   `json:"alarm,omitempty"`
	Intensity string   `json:"intensity,omitempty"`
	Tsunami   string   `json:"tsunami,omitempty"`
	Areas     []string `json:"areas,omitempty"`
	When      string   `json:"when,omitempty"`
	Start     bool     `json:"start,omitempty"`
	Training  string   `json:"training,omitempty"`
}

// wake reads what wakes the response.
func (r *reading) wake() {
	f := &r.out.file
	if f.RealAlarm.V == plan.AlarmContinue {
		r.out.plan.RealAlarm = plan.AlarmContinue
	}
	if len(f.Wake) > 0 && f.Hazard.V == string(run.RestoreTest) {
		r.Log.Add(f.Wake[0].Place, "wake: a restore test answers no event; leave wake out", "wake: 復元試験は事象に応じて始まるものではありません。wake を削除してください")
	}
	for _, w := range f.Wake {
		// A value that is none has its own mistake.
		quake := w.Intensity.Place.Line > 0 || w.Tsunami.Place.Line > 0
		switch {
		case !quake && w.Alarm.V == "":
			r.Log.Add(w.Place, "wake: says of no alarm when; write intensity: or tsunami: for telegrams, or alarm: with the name of a source in muster.yaml", "wake: どの警報で発動するかの指定がありません。電文なら intensity: か tsunami:、その他の警報なら alarm: に muster.yaml の発信元の名前を書いてください")
		case w.Intensity.Set && w.Tsunami.Set:
			r.Log.Add(w.Tsunami.Place, "wake: intensity and tsunami are two rules; write an entry for each", "wake: intensity と tsunami は別の規則です。それぞれ1件ずつ書いてください")
		case w.When.Set && quake:
			r.Log.Add(w.When.Place, "wake: a telegram has no body for when; leave when out", "wake: 電文には when で調べる本文がありません。when を削除してください")
		case len(w.Areas) > 0 && !quake:
			r.Log.Add(w.Areas[0].Place, "wake: areas belong to intensity or tsunami; add one of them", "wake: areas は intensity または tsunami と併せて指定します。どちらかを追加してください")
		case w.Training.V == "start" && w.Then.V != "start":
			r.Log.Add(w.Training.Place, "wake: a training telegram would start more than a real one (then: propose); write training: propose, or then: start", "wake: 訓練報のほうが、実際の電文（then: propose）よりも先まで進む設定です。training: propose または then: start にしてください")
		}
		if w.When.Set {
			if err := wakeExpression(w.When.V); err != nil {
				r.Log.Add(w.When.Place, "wake: when: %v", "wake: when: %v", err)
			}
		}
		rule := WakeRule{Place: estate.Line(w.Place), Alarm: w.Alarm.V, Intensity: w.Intensity.V, Tsunami: w.Tsunami.V, When: w.When.V, Start: w.Then.V == "start", Training: w.Training.V}
		for _, a := range w.Areas {
			if strings.TrimSpace(a.V) == "" {
				r.Log.Add(a.Place, "wake: an area is empty; write its name or code, or leave areas out for everywhere", "wake: areas に空の地域があります。名前かコードを書いてください。全域を対象とするなら areas を省略してください")
			}
			rule.Areas = append(rule.Areas, a.V)
		}
		r.out.info.Wake = append(r.out.info.Wake, rule)
	}
}

// wakeExpression finds mistakes in a condition over a message.
func wakeExpression(src string) error {
	checked, err := expr.NewFacts([]expr.Field{{Name: "body", Shape: expr.Shape{Kind: expr.Any}}}).Check(src)
	if err != nil {
		return err
	}
	if checked.Kind != expr.Truth && checked.Kind != expr.Any {
		return plan.Wrong("it gives %s, not true or false", "結果が%sです。真偽値になる式を書いてください", checked.Kind.Text())
	}
	return nil
}

// Wakes reads the folder and returns its scenarios with the rules by which alarms wake
// them. Mistakes elsewhere do not keep a rule from counting: somebody else's slip must not
// make an alarm go unheard. They are returned beside.
func Wakes(dir string, catalog Catalog) ([]Info, Mistakes) {
	l := &loading{catalog: catalog, log: &yamldoc.Log{}}
	l.folder(dir)
	l.split(false)
	b, mistakes := l.whole()
	if b == nil {
		return nil, mistakes
	}
	var out []Info
	for _, s := range b.scenarios {
		i := s.info
		i.Wake = append(slices.Clone(i.Wake), b.musterRules(i.Name)...)
		if len(i.Wake) > 0 {
			out = append(out, i)
		}
	}
	if rules := b.musterRules(""); len(rules) > 0 { // people are told, and choose
		out = append(out, Info{Wake: rules})
	}
	return out, mistakes
}

// musterRules are the estate's muster criteria for a scenario, as rules. Criteria that name
// none can't start any.
func (b *Bundle) musterRules(name string) (out []WakeRule) {
	m, declared := b.estate.Muster, b.estate.DeclaredMuster
	if m == nil || declared == nil {
		return nil
	}
	add := func(c plan.Criteria, place yamldoc.Place, start bool) {
		if c.Intensity != "" && c.Scenario == name {
			out = append(out, WakeRule{Place: estate.Line(place), Intensity: string(c.Intensity), Areas: c.Areas, Start: start && name != ""})
		}
	}
	propose := declared.Propose.Place
	if propose.Line == 0 {
		propose = declared.Place
	}
	add(m.Automatic, declared.Automatic.Place, true)
	add(m.Propose, propose, false)
	return out
}
