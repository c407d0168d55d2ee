package plan

import (
	"encoding/json"
	"slices"

	"github.com/muster-dr/muster/internal/run"
)

// Estate is the part of the inventory that the plan uses.
type Estate struct {
	Name    string   `json:"name"`
	Zone    string   `json:"zone"`    // IANA name, for reports
	Control string   `json:"control"` // the site the control plane runs at; steps without a site run there
	Sites   []Site   `json:"sites"`
	Targets []Target `json:"targets,omitempty"`
	People  []Person `json:"people"` // who may act in a run of the plan's kind
	// Barred are people of the estate who may not.
	Barred  []string `json:"barred,omitempty"`
	Grants  []Grant  `json:"grants,omitempty"` // in runs of the plan's kind; none: not regulated
	Places  []Place  `json:"muster_places,omitempty"`
	Parties []Party  `json:"parties,omitempty"` // contractors and others to be reached in communications
	Muster  *Muster  `json:"muster,omitempty"`  // nil: people come when they are called
	// Roles are those that people call something else than their name; plans of before have none.
	Roles []Role `json:"roles,omitempty"`
}

// Role is a role with what people call it.
type Role struct {
	Name  string `json:"name"`
	Title Text   `json:"title"`
}

// RoleName is what people call a role.
func (e Estate) RoleName(role string) Text {
	for _, r := range e.Roles {
		if r.Name == role {
			return Text{EN: r.Title.In("en"), JA: r.Title.In("ja")}
		}
	}
	return Text{EN: role, JA: role}
}

// Site is a place that holds systems or people.
type Site struct {
	Name  string `json:"name"`
	Title Text   `json:"title"`
	// Region is what one event can strike as a whole; "" is not known.
	Region string `json:"region,omitempty"`
	// Checks are what is looked at in a safety inspection; see Checklist.
	Checks []SiteCheck `json:"checks,omitempty"`
}

// Target is a server, endpoint or other thing that actions refer to by name. Spec is
// the family's own struct as JSON (for postgres: activities/postgres.Server) with
// secrets as references.
type Target struct {
	Name string          `json:"name"`
	Kind string          `json:"kind"` // the family: "postgres", ...
	Site string          `json:"site"`
	Spec json.RawMessage `json:"spec"`
	// Spared are the depths at which no drill may change it, since a system outside of the
	// plan that uses it is not drillable there. A site worker refuses by it, whatever else the plan says.
	Spared []run.Depth `json:"spared,omitempty"`
}

// Person is somebody with roles.
type Person struct {
	ID       string   `json:"id"`
	Name     Text     `json:"name"`
	Roles    []string `json:"roles"`
	Deputies []string `json:"deputies,omitempty"` // called, in order, when the person is silent
	Section  string   `json:"section,omitempty"`  // department
	// Reachable: the estate says how. The addresses themselves stay out of plans, which are
	// read by all and kept for ever (requirement P-PII). Contact is in plans of before.
	Reachable bool   `json:"reachable,omitempty"`
	Contact   string `json:"contact,omitempty"`
}

// Place is a muster place.
type Place struct {
	Name   string `json:"name"`
	Title  Text   `json:"title"`
	Site   string `json:"site,omitempty"`
	Online bool   `json:"online,omitempty"`
}

// TargetsNamed returns the targets with these names, in the estate's order.
func (e Estate) TargetsNamed(names []string) []Target {
	var out []Target
	for _, t := range e.Targets {
		for _, n := range names {
			if t.Name == n {
				out = append(out, t)
				break
			}
		}
	}
	return out
}

// Person returns the person with that ID, or false.
func (e Estate) Person(id string) (Person, bool) {
	for _, p := range e.People {
		if p.ID == id {
			return p, true
		}
	}
	return Person{}, false
}

// Site returns the site of that name, or false.
func (e Estate) Site(name string) (Site, bool) {
	for _, s := range e.Sites {
		if s.Name == name {
			return s, true
		}
	}
	return Site{}, false
}

// For is what of the estate a runbook needs: its targets, the holders of the roles that
// its steps or a failure ask for, their deputies, and those by whose right one of these
// may settle a step (Settlers). The whole of it, for each system that is recovered, would
// be more than an engine takes.
func (e Estate) For(book Runbook, role string) Estate {
	roles, targets := map[string]bool{role: true}, map[string]bool{}
	for _, s := range book.Steps {
		if s.Human != nil {
			roles[s.Human.Role] = true
		}
		if s.Owner != "" {
			roles[s.Owner] = true
		}
		for _, t := range s.Targets {
			targets[t] = true
		}
		for _, u := range s.Undo {
			for _, t := range u.Targets {
				targets[t] = true
			}
		}
	}
	people := map[string]bool{}
	for _, p := range e.People {
		if roles[""] || slices.ContainsFunc(p.Roles, func(r string) bool { return roles[r] }) {
			people[p.ID] = true
			for _, d := range p.Deputies {
				people[d] = true
			}
		}
	}
	rights := append(e.Granted(MayOperate), e.Granted(MayDecide)...)
	principal := func(p Person) bool {
		return holds(p, rights) && slices.ContainsFunc(p.Deputies, func(d string) bool { return people[d] })
	}
	out := e
	out.Sites, out.Places, out.Parties = nil, nil, nil
	out.People = slices.DeleteFunc(slices.Clone(e.People), func(p Person) bool { return !people[p.ID] && !principal(p) })
	out.Targets = slices.DeleteFunc(slices.Clone(e.Targets), func(t Target) bool { return !targets[t.Name] })
	return out
}

// InRole lists the people who hold a role, in the estate's order.
func (e Estate) InRole(role string) []Person {
	var out []Person
	for _, p := range e.People {
		for _, r := range p.Roles {
			if r == role {
				out = append(out, p)
				break
			}
		}
	}
	return out
}
