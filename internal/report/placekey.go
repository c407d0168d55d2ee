package report

import (
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Place is where a finding belongs: the same key in every run of the same files, so that a later
// run can be seen to pass what an earlier one did not. No key names a person.
type Place struct {
	Key   string    `json:"place"`
	Title plan.Text `json:"title"`
}

// Places are those of the finding. One finding about several objectives has one for each, with a
// title of its own.
func (f Finding) Places() []Place {
	if len(f.places) == 0 {
		return []Place{{PlaceKey(string(f.Kind), f.System, f.Step), plan.Text{EN: f.Title, JA: f.TitleJA}}}
	}
	out := make([]Place, len(f.places))
	for i, p := range f.places {
		if out[i] = p; p.Title.EN == "" {
			out[i].Title = plan.Text{EN: f.Title, JA: f.TitleJA}
		}
	}
	return out
}

// PlaceKey is a place from its parts: what it is about, and of which system, runbook and step.
func PlaceKey(parts ...string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		if out[i] = strings.ReplaceAll(p, "/", "."); p == "" {
			out[i] = "-"
		}
	}
	return strings.Join(out, "/")
}

// StepKey is the place of a step. One that is in no runbook goes by what it is for.
func StepKey(about string, s Step) string {
	book := s.Runbook
	if book == "" {
		book = s.Purpose
	}
	return PlaceKey(about, s.System, book, s.ID)
}

// at says of the last finding where it belongs.
func (l *findingList) at(parts ...string) {
	f := &l.all[len(l.all)-1]
	f.places = append(f.places, Place{Key: PlaceKey(parts...)})
}

// atGlass is at for a use of break-glass in a run. Each is reviewed by itself: those after the first at one place are numbered.
func (l *findingList) atGlass(parts ...string) {
	parts = append([]string{"glass"}, parts...)
	if l.glass == nil {
		l.glass = map[string]int{}
	}
	place := PlaceKey(parts...)
	l.glass[place]++
	if n := l.glass[place]; n > 1 {
		parts = append(parts, strconv.Itoa(n))
	}
	l.at(parts...)
}

// atStep is at for a step.
func (l *findingList) atStep(about string, s Step) {
	f := &l.all[len(l.all)-1]
	f.places = append(f.places, Place{Key: StepKey(about, s)})
}

// atRoles is at for each role that people hold; no place names the people themselves.
func (l *findingList) atRoles(about string, roles []string) {
	f := &l.all[len(l.all)-1]
	for _, r := range roles {
		l.at("people", about, r)
		if len(roles) > 1 {
			f.places[len(f.places)-1].Title = say("%[2]s: %[1]s", "%[3]s：%[1]s", r, f.Title, f.TitleJA)
		}
	}
}

// FirstRole is the role that a person's absence or silence counts for.
func FirstRole(roles []string) string {
	if len(roles) == 0 {
		return ""
	}
	return roles[0]
}

// rolesOf are the first roles of these people, each once, in the estate's order.
func (f *facts) rolesOf(people []string) []string {
	is := map[string]bool{}
	for _, id := range people {
		is[id] = true
	}
	var out []string
	seen := map[string]bool{}
	for _, p := range f.plan.Estate.People {
		if r := FirstRole(p.Roles); is[p.ID] && !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}

// notProven is the title of one objective of a finding about several.
func notProven(system string, name plan.Text) plan.Text {
	return say("%[1]s: not proven: %[2]s", "%[1]s：%[3]sが未立証", system, name.EN, name.JA)
}

// remarkKey keeps what people said in a run apart from what they say in the next.
func (f *facts) remarkKey(l *findingList) []string {
	n := l.nothing
	for _, o := range l.all {
		if o.Kind == run.FindingRemark {
			n++
		}
	}
	return []string{"remark", f.id, strconv.Itoa(n)}
}
