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
