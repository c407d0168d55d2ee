// Package systemd is the family of actions on systemd's units on a site worker's machine,
// over D-Bus. A job that systemd took says nothing yet: what counts is the state that the
// unit then shows, and that it stays so. Units of other machines are reached with ssh.run.
package systemd

import (
	"regexp"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// Unit is a target of kind "unit".
type Unit struct {
	Unit    string `json:"unit" help:"The unit's full name." ja:"ユニットの完全な名前" example:"orders.service"`
	Bus     string `json:"bus" help:"Whose systemd: system, user (that of the site worker's user), or the D-Bus address of another one, such as unix:path=/run/user/1001/bus." ja:"対象のsystemd。system、user（拠点ワーカーのユーザー）、または別のsystemdのD-Busアドレス（unix:path=/run/user/1001/bus など）" default:"system"`
	Journal string `json:"journal" reach:"path" help:"Folder of its journal, where that is not this machine's own." ja:"ジャーナルのフォルダー。このマシン自身のものでない場合に指定する" default:"" example:"/var/log/journal"`
}

// Mistake is a name without its ending: orders may be a service, a socket or a timer.
func (u Unit) Mistake() plan.Text {
	if u.Unit != "" && !unitName.MatchString(u.Unit) {
		return plan.Say("%q is no full name of a unit; write it with its ending, such as %s.service", "%q はユニットの完全な名前ではありません。%s.service のように拡張子まで書いてください", u.Unit, u.Unit)
	}
	return plan.Text{}
}

// Reach is the sockets of the bus.
func (u Unit) Reach() activities.Reach {
	address, err := u.address()
	if err != nil {
		return activities.Reach{Hosts: []string{""}} // nowhere that a rule allows
	}
	paths, err := sockets(address)
	if err != nil {
		return activities.Reach{Hosts: []string{""}}
	}
	return activities.Reach{Paths: paths}
}

// Target is a parameter that names one.
type Target = activities.Target[Unit]

// TargetKinds lists the kinds of target that the family acts on.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Unit]("unit", plan.Text{EN: "A unit of systemd on the machine of its site's worker: a service, a socket, a timer, ...", JA: "拠点ワーカーのマシンにあるsystemdのユニット。サービス、ソケット、タイマーなど。"}).OnTheMachine()}
}

// Actions lists the family.
func Actions() []activities.Action {
	return []activities.Action{start, restart, stop, mask, unmask, kill, status, waitActive}
}

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]{1,240}\.(service|socket|target|timer|mount|automount|path|slice|scope|swap|device)$`)
