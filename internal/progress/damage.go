package progress

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Damage is what is known of a system, or of a component of it: the latest word of people, and
// what probes see, side by side.
type Damage struct {
	System    string    `json:"system"`
	Component string    `json:"component,omitempty"` // "" is the system as a whole
	Title     plan.Text `json:"title"`
	Kind      string    `json:"kind,omitempty"` // of the component
	Site      string    `json:"site,omitempty"`
	Place     string    `json:"place,omitempty"`
	// Human is the latest report; Reports counts all of them, corrections included.
	Human   *Reported `json:"human,omitempty"`
	Reports int       `json:"reports"`
	Machine *Sight    `json:"machine,omitempty"` // nil: no probe sees it, or none has said anything
	// Conflict: one says that nothing is wrong, the other that something is. From the order to
	// recover on it stays as it was then.
	Conflict bool `json:"conflict,omitempty"`
}

// Reported is a person's word on damage.
type Reported struct {
	Damage  run.Damage `json:"damage"`
	By      string     `json:"by"`
	At      time.Time  `json:"at"`      // when it was seen
	Entered time.Time  `json:"entered"` // when it was entered
	Note    string     `json:"note,omitempty"`
	Photos  []string   `json:"photos,omitempty"`
	// RepairS is how long recovery in place takes, as reported.
	RepairS *float64 `json:"repair_s,omitempty"`
	Ground  string   `json:"ground,omitempty"`
}

// Sight is what probes see.
type Sight struct {
	Damage run.Damage `json:"damage"`
	Since  time.Time  `json:"since"` // vantage clock
}

// damageOf is what people have said of one thing.
type damageOf struct {
	latest  *Reported
	reports int
}

func damageKey(system, component string) string {
	if component == "" {
		return system
	}
	return system + "/" + component
}

// damaged takes in a report, and answers whether the system has been looked at by now: as a
// whole, or each of its parts.
func (t *Tracker) damaged(e run.Event, a run.Assessment) {
	key := damageKey(e.System, a.Component)
	d := t.damage[key]
	d.reports++
	d.latest = &Reported{Damage: a.Damage, By: e.By, At: e.When(), Entered: e.At, Note: e.Reason, Photos: a.Photos, Ground: a.Ground}
	if a.Repair > 0 {
		s := a.Repair.Seconds()
		d.latest.RepairS = &s
	}
	t.damage[key] = d
	s, ok := t.plan.System(e.System)
	looked := a.Component == "" || len(s.Components) == 0
	if ok && !looked {
		looked = !slices.ContainsFunc(s.Components, func(c plan.Component) bool { return t.damage[damageKey(s.Name, c.Name)].reports == 0 })
	}
	t.assessed[e.System] = t.assessed[e.System] || looked
}

// sight is what the probes see of a system, or of one function of it.
func (t *Tracker) sight(s System, function string) *Sight {
	if frozen, ok := t.frozen[damageKey(s.Name, function)]; ok {
		return frozen
	}
	out := &Sight{Damage: run.DamageNone}
	down, seen := 0, 0
	for _, f := range s.Functions {
		if function != "" && f.Name != function {
			continue
		}
		if f.Up == nil {
			return nil
		}
		if seen++; f.Since != nil && f.Since.After(out.Since) {
			out.Since = *f.Since
		}
		switch {
		case !*f.Up:
			down++
			out.Damage = run.DamageDegraded
		case f.Level > 0 && f.Level < 100:
			out.Damage = run.DamageDegraded
		}
	}
	switch seen {
	case 0:
		return nil
	case down:
		out.Damage = run.DamageStopped
	}
	return out
}

// freeze keeps what the probes saw when the recovery was ordered: what they see after that is
// the recovery, not the damage.
func (t *Tracker) freeze(name string) {
	for _, s := range t.view.Systems {
		if s.Name != name && name != "" {
			continue
		}
		ps, _ := t.plan.System(s.Name)
		keys := []string{""}
		for _, c := range ps.Components {
			if c.Function != "" && !slices.Contains(keys, c.Function) {
				keys = append(keys, c.Function)
			}
		}
		for _, function := range keys {
			if _, done := t.frozen[damageKey(s.Name, function)]; !done {
				t.frozen[damageKey(s.Name, function)] = t.sight(s, function)
			}
		}
	}
}

// damageList is every system and component in the order in which they are looked at.
func (t *Tracker) damageList() []Damage {
	var out []Damage
	for _, s := range t.view.Systems {
		ps, _ := t.plan.System(s.Name)
		add := func(d Damage, function string, probed bool) {
			known := t.damage[damageKey(d.System, d.Component)]
			d.Human, d.Reports = known.latest, known.reports
			if probed {
				d.Machine = t.sight(s, function)
			}
			if d.Human != nil && d.Machine != nil {
				d.Conflict = run.Disagree(d.Human.Damage, d.Machine.Damage)
			}
			out = append(out, d)
		}
		add(Damage{System: s.Name, Title: s.Title, Site: ps.Home}, "", true)
		for _, c := range ps.Components {
			site := c.Site
			if site == "" {
				site = ps.Home
			}
			add(Damage{System: s.Name, Component: c.Name, Title: c.Title, Kind: c.Kind, Site: site, Place: c.Place}, c.Function, c.Function != "")
		}
		// Parts that people named, of a system whose file names none.
		for _, key := range sortedKeys(t.damage) {
			if system, component, two := strings.Cut(key, "/"); two && system == s.Name && len(ps.Components) == 0 {
				add(Damage{System: system, Component: component, Title: plan.Text{EN: component}, Site: ps.Home}, "", false)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Damage) int { return t.rank(a.System, a.Component) - t.rank(b.System, b.Component) })
	return out
}

// rank is where a thing stands in the order that the lead has set; what is not named comes
// after what is, and a component with its system when that is named.
func (t *Tracker) rank(system, component string) int {
	if i := slices.Index(t.priorities, damageKey(system, component)); i >= 0 {
		return i
	}
	if i := slices.Index(t.priorities, system); i >= 0 {
		return i
	}
	return len(t.priorities)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// toAssess is what is still to be looked at, in that order. A system with components waits for
// each of them, unless somebody has reported on the whole.
func (t *Tracker) toAssess(since time.Time, due *time.Time) []Waiting {
	var out []Waiting
	for _, d := range t.damageList() {
		s, _ := t.plan.System(d.System)
		parts := len(s.Components) > 0
		if t.assessed[d.System] || parts && (d.Component == "" || d.Reports > 0) || !parts && d.Component != "" {
			continue
		}
		w := Waiting{For: AwaitAssess, Phase: run.DamageAssessment, System: d.System, Since: since, Due: due}
		if d.Component != "" {
			w.Component, w.Site = d.Component, d.Site
		}
		out = append(out, w)
	}
	return out
}
