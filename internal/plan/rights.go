package plan

import "slices"

// Permission is something a role may do in a run, or around runs.
type Permission string

const (
	MayStart   Permission = "start"   // start or join a run
	MayDecide  Permission = "decide"  // take the decisions that are put to the role
	MayApprove Permission = "approve" // confirm an activation, approve a recovery
	MayOperate Permission = "operate" // settle steps
	MayControl Permission = "control" // pause, resume, abort; free a system that a run has left
	MayReport  Permission = "report"  // inspect, assess, attest, and end the phases that people carry out
	MayProxy   Permission = "proxy"   // answer the safety check and arrive for somebody else
	MayPeople  Permission = "people"  // see what people said of themselves
	MayAdmin   Permission = "admin"   // tokens and links for others, disabling people; who has it may not approve
	MayAudit   Permission = "audit"   // the access log
	// MayFindings: add findings, name who owns them and until when, link them to a tracker.
	MayFindings Permission = "findings"
	MayWaive    Permission = "waive" // take it upon oneself that a finding stays, or say that a run shows it in order
)

// Permissions lists all.
func Permissions() []Permission {
	return []Permission{MayStart, MayDecide, MayApprove, MayOperate, MayControl, MayReport, MayProxy, MayPeople, MayAdmin, MayAudit, MayFindings, MayWaive}
}

// Grant is what the holders of a role may do. An estate where nobody wrote `may` has none,
// and everybody in it may do everything that their role is asked for, as before there were
// permissions; one with a grant allows what is granted and nothing else.
type Grant struct {
	Role string       `json:"role"`
	May  []Permission `json:"may,omitempty"`
}

// Regulated reports whether rights are granted by role.
func (e Estate) Regulated() bool { return len(e.Grants) > 0 }

// Granted lists the roles that have a permission.
func (e Estate) Granted(p Permission) []string {
	var out []string
	for _, g := range e.Grants {
		if slices.Contains(g.May, p) {
			out = append(out, g.Role)
		}
	}
	return out
}

// Settlers lists who may settle a step that waits for a role ("" is everybody), first those who hold
// it, then their deputies, whether or not the holder is there: by the permission to operate, and of
// what a machine could not do also by that to decide. Whoever is out has no say in it, and their
// roles are their deputies'. The run's own rule (workflows) and the current picture (progress) agree
// on it.
func (e Estate) Settlers(role string, forPerson bool, out func(person string) bool) []string {
	e = e.Without(out)
	list := e.acting(func(p Person) bool { return role == "" || slices.Contains(p.Roles, role) })
	if !e.Regulated() {
		return list
	}
	roles := e.Granted(MayOperate)
	if !forPerson {
		roles = append(roles, e.Granted(MayDecide)...)
	}
	may := e.acting(func(p Person) bool { return holds(p, roles) })
	return slices.DeleteFunc(list, func(id string) bool { return !slices.Contains(may, id) })
}

// acting lists holders, and after them their deputies.
func (e Estate) acting(holder func(Person) bool) []string {
	var out, deputies []string
	for _, p := range e.People {
		if holder(p) {
			out, deputies = append(out, p.ID), append(deputies, p.Deputies...)
		}
	}
	for _, id := range deputies {
		if _, known := e.Person(id); known && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// Without is the estate as a drill leaves it that takes somebody out: their roles are their deputies'.
func (e Estate) Without(out func(person string) bool) Estate {
	if !slices.ContainsFunc(e.People, func(p Person) bool { return out(p.ID) }) {
		return e
	}
	people := slices.Clone(e.People)
	for _, gone := range e.People {
		if !out(gone.ID) {
			continue
		}
		for i, p := range people {
			if !slices.Contains(gone.Deputies, p.ID) {
				continue
			}
			people[i].Roles = slices.Clone(p.Roles)
			for _, role := range gone.Roles {
				if !slices.Contains(people[i].Roles, role) {
					people[i].Roles = append(people[i].Roles, role)
				}
			}
		}
	}
	e.People = slices.DeleteFunc(people, func(p Person) bool { return out(p.ID) })
	return e
}

// May reports whether a person has a permission by their own role; with deputies also by that
// of somebody whose deputy they are.
func (e Estate) May(person string, p Permission, deputies bool) bool {
	for _, role := range e.Granted(p) {
		for _, holder := range e.InRole(role) {
			if holder.ID == person || deputies && slices.Contains(holder.Deputies, person) {
				return true
			}
		}
	}
	return false
}
