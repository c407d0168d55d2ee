package plan

import "slices"

// Eyes is what a run knows when it asks for another person: for an approval, or for the
// confirmation of the activation.
type Eyes struct {
	// Not are those whose yes can't count: who asked for the run, who has said yes already.
	Not []string
	// Decided are those who took or drafted what waits. Their yes counts only where nobody
	// else's could who is heard of: a response must not hang on a third person who is not there.
	Decided []string
	// Away reports whether somebody is not there, so that their deputies act in their place.
	Away func(person string) bool
	// Out reports whether somebody can't act at all: taken out of the drill, or hurt.
	Out func(person string) bool
	// Silent reports whether somebody was reminded and has not been heard of. Their yes counts,
	// but nothing waits for it alone: who decided may say it too. Nil is nobody.
	Silent func(person string) bool
}

// ApprovalRoles are the roles whose yes counts: those with the permission to approve where
// the estate grants any, else the role that decides and those of the quorum.
func (p *Plan) ApprovalRoles() []string {
	if p.Estate.Regulated() {
		return p.Estate.Granted(MayApprove)
	}
	roles := []string{p.Scenario.Decision.By}
	for _, q := range p.Scenario.Quorum {
		if !slices.Contains(roles, q.Role) {
			roles = append(roles, q.Role)
		}
	}
	return roles
}

// MaySecond reports whether a person's yes counts by their roles: they hold one that
// approves, or are a deputy of a holder who is away; who administers rights may not
// (requirement P-4EYES). Who asked and who decided is not looked at.
func (p *Plan) MaySecond(person string, away func(person string) bool) bool {
	if p.Estate.May(person, MayAdmin, false) {
		return false
	}
	roles := p.ApprovalRoles()
	return slices.ContainsFunc(p.Estate.People, func(holder Person) bool {
		return holds(holder, roles) && (holder.ID == person || away(holder.ID) && slices.Contains(holder.Deputies, person))
	})
}

// Approvers lists whose yes counts now, in the order of p.Estate, which is the estate as it is
// after handovers. The run's own rule (workflows), the current picture (progress) and who
// is asked by mail and Slack rest on this one.
func (p *Plan) Approvers(q Eyes) []string {
	roles := p.ApprovalRoles()
	may := map[string]bool{}
	for _, holder := range p.Estate.People {
		if !holds(holder, roles) {
			continue
		}
		may[holder.ID] = true
		if q.Away(holder.ID) {
			for _, d := range holder.Deputies {
				may[d] = true
			}
		}
	}
	var out, decided []string
	awake := false
	for _, who := range p.Estate.People {
		switch id := who.ID; {
		case !may[id] || slices.Contains(q.Not, id) || q.Out(id) || p.Estate.May(id, MayAdmin, false):
		case slices.Contains(q.Decided, id):
			decided = append(decided, id)
		default:
			out = append(out, id)
			awake = awake || q.Silent == nil || !q.Silent(id)
		}
	}
	if !awake {
		return append(out, decided...)
	}
	return out
}

func holds(who Person, roles []string) bool {
	return slices.ContainsFunc(who.Roles, func(r string) bool { return slices.Contains(roles, r) })
}
