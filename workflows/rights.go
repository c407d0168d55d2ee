package workflows

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// permit refuses a person whose roles don't allow something in this run. In an estate where
// nobody regulates it, everybody may. Who stands in for somebody absent or hurt has their rights too:
// a response can't wait for the one who is on an aeroplane.
func (r *response) permit(person string, p plan.Permission) error {
	roles := r.plan.Estate.Granted(p)
	if p == plan.MayDecide && slices.Contains(r.deputies, person) {
		return nil // the run itself has asked them, since who should decide has not
	}
	if !r.plan.Estate.Regulated() || slices.ContainsFunc(roles, func(role string) bool { ok, _ := r.holds(person, role); return ok }) {
		return nil
	}
	return forbidden(person, p, roles)
}

// permitStart is permit before anybody can have arrived: every deputy of a holder may.
func permitStart(e plan.Estate, person string) error {
	if !e.Regulated() || run.NoPerson(person) || e.May(person, plan.MayStart, true) {
		return nil
	}
	return forbidden(person, plan.MayStart, e.Granted(plan.MayStart))
}

func forbidden(person string, p plan.Permission, roles []string) error {
	who := strings.Join(roles, ", ")
	if who == "" {
		return refuse("no role may do this here (%s), so %s may not either; see roles: may: in the estate", "この権限（%s）を持つ役割がないため、%s は操作できません。構成台帳の roles: may: を確認してください", p, person)
	}
	return refuse("%s may not do this: it takes the permission %s, which these roles have: %s", "%s にはこの操作の権限（%s）がありません。権限を持つ役割：%s", person, p, who)
}

// mayAct is running and permit together.
func (r *response) mayAct(person string, p plan.Permission) error {
	if err := r.running(person); err != nil {
		return err
	}
	return r.permit(person, p)
}

// maySteer is the right to pause, resume or end the run, which who is taken out of the drill
// keeps; a source of alarms ends what its rule says, as the server has made sure of.
func (r *response) maySteer(person string) error {
	if err := r.steering(person); err != nil || run.IsAlarm(person) {
		return err
	}
	return r.permit(person, plan.MayControl)
}

// mayEnter: everybody speaks for themselves; for somebody else it takes a permission, and
// both are in the record.
func (r *response) mayEnter(by, about string) error {
	if err := r.running(by); err != nil {
		return err
	}
	if by != about {
		if err := r.permit(by, plan.MayProxy); err != nil {
			return err
		}
	}
	return r.knows(about)
}

// permitApproval: who hands out the keys may not use them (requirement P-4EYES).
func (r *response) permitApproval(person string) error {
	if r.plan.Estate.May(person, plan.MayAdmin, false) {
		return refuse("%s administers rights and may not approve; another person must", "%s は権限の管理者のため、承認できません。別の人が承認してください", person)
	}
	return r.permit(person, plan.MayApprove)
}

// mayOperate is the right to settle a step. What failed or can't be told is put to the role
// that decides, whose right to decide is enough there.
func (x *execution) mayOperate(person string, forPerson bool) error {
	if !x.estate.Regulated() || x.estate.May(person, plan.MayOperate, true) || !forPerson && x.estate.May(person, plan.MayDecide, true) {
		return nil
	}
	return forbidden(person, plan.MayOperate, x.estate.Granted(plan.MayOperate))
}
