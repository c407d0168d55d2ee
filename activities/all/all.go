// Package all is the one list of the actions that are compiled in.
package all

import (
	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/dns"
	"github.com/muster-dr/muster/activities/etcd"
	"github.com/muster-dr/muster/activities/exec"
	"github.com/muster-dr/muster/activities/file"
	"github.com/muster-dr/muster/activities/haproxy"
	"github.com/muster-dr/muster/activities/http"
	"github.com/muster-dr/muster/activities/human"
	"github.com/muster-dr/muster/activities/kubernetes"
	"github.com/muster-dr/muster/activities/mysql"
	"github.com/muster-dr/muster/activities/notify"
	"github.com/muster-dr/muster/activities/pgbackup"
	"github.com/muster-dr/muster/activities/postgres"
	"github.com/muster-dr/muster/activities/probe"
	"github.com/muster-dr/muster/activities/process"
	"github.com/muster-dr/muster/activities/prometheus"
	"github.com/muster-dr/muster/activities/redis"
	"github.com/muster-dr/muster/activities/sim"
	"github.com/muster-dr/muster/activities/sql"
	"github.com/muster-dr/muster/activities/ssh"
	"github.com/muster-dr/muster/activities/systemd"
	"github.com/muster-dr/muster/activities/tcp"
	"github.com/muster-dr/muster/activities/temporal"
	"github.com/muster-dr/muster/activities/wait"
)

// Options is what families need from the process that runs them. The zero value is
// enough to list, check and document actions.
type Options struct {
	Probe    probe.Options
	Temporal temporal.Options
}

// Registry returns all actions and target kinds.
func Registry(o Options) *activities.Registry {
	r := activities.NewRegistry()
	for _, family := range [][]activities.Action{
		dns.Actions(),
		etcd.Actions(),
		exec.Actions(),
		file.Actions(),
		haproxy.Actions(),
		http.Actions(),
		human.Actions(),
		kubernetes.Actions(),
		mysql.Actions(),
		notify.Actions(),
		pgbackup.Actions(),
		postgres.Actions(),
		probe.Actions(o.Probe),
		process.Actions(),
		prometheus.Actions(),
		redis.Actions(),
		sim.Actions(),
		sql.Actions(),
		ssh.Actions(),
		systemd.Actions(),
		tcp.Actions(),
		temporal.Actions(o.Temporal),
		wait.Actions(),
	} {
		r.Add(family...)
	}
	r.AddTargets(dns.TargetKinds()...)
	r.AddTargets(etcd.TargetKinds()...)
	r.AddTargets(haproxy.TargetKinds()...)
	r.AddTargets(kubernetes.TargetKinds()...)
	r.AddTargets(mysql.TargetKinds()...)
	r.AddTargets(pgbackup.TargetKinds()...)
	r.AddTargets(postgres.TargetKinds()...)
	r.AddTargets(process.TargetKinds()...)
	r.AddTargets(redis.TargetKinds()...)
	r.AddTargets(sim.TargetKinds()...)
	r.AddTargets(ssh.TargetKinds()...)
	r.AddTargets(systemd.TargetKinds()...)
	return r
}
