package systemd

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/muster-dr/muster/activities"
)

// State is a unit as systemd shows it.
type State struct {
	Load       string    `json:"load_state" help:"loaded, masked, not-found, bad-setting or error." ja:"loaded、masked、not-found、bad-setting、error のいずれか"`
	Active     string    `json:"active_state" help:"active, inactive, failed, activating, deactivating, reloading." ja:"active、inactive、failed、activating、deactivating、reloading のいずれか"`
	Sub        string    `json:"sub_state" help:"The finer state of its kind: running, exited, listening, auto-restart, ..." ja:"種類ごとの詳しい状態。running、exited、listening、auto-restart など"`
	Result     string    `json:"result" help:"How it last ended: success, exit-code, signal, timeout, start-limit-hit, ...; empty where its kind has none." ja:"前回の終わり方。success、exit-code、signal、timeout、start-limit-hit など。該当しない種類では空"`
	Invocation string    `json:"invocation" help:"systemd's ID of this one start of it; empty before the first." ja:"この1回の起動に対するsystemdのID。一度も起動していなければ空"`
	Since      time.Time `json:"active_since,omitzero" help:"When it last became active." ja:"最後に稼働状態になった時刻"`
	MainPID    int       `json:"main_pid" help:"Number of its main process; 0 when there is none." ja:"メインプロセスの番号。なければ0"`
	ExitStatus int       `json:"exit_status" help:"Exit status or signal of its last main process that ended." ja:"最後に終了したメインプロセスの終了コードまたはシグナル"`
	Restarts   int       `json:"restarts" help:"How often Restart= has started it again since it was last started by hand." ja:"最後に人が起動してから、Restart= により再起動した回数"`
	File       string    `json:"unit_file_state" help:"enabled, disabled, static, masked, masked-runtime, ...: whether it comes back when the machine starts." ja:"enabled、disabled、static、masked、masked-runtime など。マシンの起動時に起動するか"`
	BackBy     []string  `json:"back_by" help:"Active sockets, timers, paths and units that would start it again when it is stopped." ja:"停止しても再び起動させる、稼働中のソケット・タイマー・パス・ユニット"`

	id           string // its name; the target may use another of its names
	job          uint32 // 0 when there is none
	kind         string // Type= of a service
	remains      bool   // RemainAfterExit=
	restart      string // Restart=
	controlGroup string // with what runs of it
	revives      []string
	needing      []string // what systemd stops with it
}

// settled reports whether nothing is under way.
func (s State) settled() bool {
	return s.job == 0 && (s.Active == "active" || s.Active == "inactive" || s.Active == "failed")
}

func (s State) down() bool { return s.Active == "inactive" || s.Active == "failed" }

func (s State) String() string {
	text := fmt.Sprintf("%s (%s)", s.Active, s.Sub)
	if s.Result != "" && s.Result != "success" {
		text += ", result " + s.Result
		if s.Result == "exit-code" || s.Result == "signal" || s.Result == "core-dump" {
			text += fmt.Sprintf(" %d", s.ExitStatus)
		}
	}
	if s.job != 0 {
		text += ", with a job under way"
	}
	return text
}

// on has f act on a target's unit, as it is now.
func on[P interface{ target() Target }, R any](f func(context.Context, *manager, State, P) (R, error)) func(context.Context, P) (R, error) {
	return func(ctx context.Context, p P) (none R, err error) {
		m, err := connect(ctx, p.target())
		if err != nil {
			return none, err
		}
		defer m.close()
		s, err := m.state(ctx)
		if err != nil {
			return none, err
		}
		return f(ctx, m, s, p)
	}
}

// state asks systemd for the unit as it is now.
func (m *manager) state(ctx context.Context) (State, error) { return m.stateOf(ctx, m.t.Spec.Unit) }

func (m *manager) stateOf(ctx context.Context, name string) (State, error) {
	p, err := ask(ctx, m, activities.Lacking("the state of %s", "%s の状態", name), func(ctx context.Context) (map[string]any, error) {
		return m.conn.GetAllPropertiesContext(ctx, name)
	})
	if err != nil {
		return State{}, err
	}
	s := State{
		Load: text(p, "LoadState"), Active: text(p, "ActiveState"), Sub: text(p, "SubState"), Result: text(p, "Result"),
		File: text(p, "UnitFileState"), MainPID: number(p, "MainPID"), ExitStatus: number(p, "ExecMainStatus"), Restarts: number(p, "NRestarts"),
		id: text(p, "Id"), kind: text(p, "Type"), restart: text(p, "Restart"), controlGroup: text(p, "ControlGroup"),
	}
	if s.Active == "" || s.id == "" {
		return State{}, fmt.Errorf("the state of %s: the bus answers, and not as systemd does", name)
	}
	s.remains, _ = p["RemainAfterExit"].(bool)
	if id, _ := p["InvocationID"].([]byte); len(id) > 0 && !slices.Equal(id, make([]byte, len(id))) {
		s.Invocation = fmt.Sprintf("%x", id)
	}
	if us, _ := p["ActiveEnterTimestamp"].(uint64); us > 0 {
		s.Since = time.UnixMicro(int64(us)).UTC()
	}
	if job, _ := p["Job"].([]any); len(job) > 0 {
		s.job, _ = job[0].(uint32)
	}
	for _, relation := range []string{"TriggeredBy", "UpheldBy"} {
		others, _ := p[relation].([]string)
		s.revives = append(s.revives, others...)
	}
	for _, relation := range []string{"RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"} {
		others, _ := p[relation].([]string)
		s.needing = append(s.needing, others...)
	}
	return s, nil
}

func text(p map[string]any, name string) string { v, _ := p[name].(string); return v }

func number(p map[string]any, name string) int {
	switch v := p[name].(type) {
	case uint32:
		return int(v)
	case int32:
		return int(v)
	}
	return 0
}

// backBy lists which active units would start this one again. Nothing starts one that is
// masked.
func (m *manager) backBy(ctx context.Context, s State) ([]string, error) {
	if len(s.revives) == 0 || s.Load == "masked" {
		return nil, nil
	}
	units, err := ask(ctx, m, activities.Lacking("what starts %s", "%s を起動するもの", s.id), func(ctx context.Context) ([]dbus.UnitStatus, error) {
		return m.conn.ListUnitsByNamesContext(ctx, s.revives)
	})
	var out []string
	for _, u := range units {
		if u.ActiveState != "inactive" && u.ActiveState != "failed" && u.Name != s.id {
			out = append(out, u.Name)
		}
	}
	return out, err
}

// jobType is what the unit's job does: start, stop, restart, ...; "" when it has ended.
func (m *manager) jobType(ctx context.Context, s State) (string, error) {
	if s.job == 0 {
		return "", nil
	}
	jobs, err := ask(ctx, m, activities.Lacking("the jobs of %s", "%s のジョブ", s.id), m.conn.ListJobsContext)
	for _, j := range jobs {
		if j.Id == s.job {
			return j.JobType, err
		}
	}
	return "", err
}

// left lists processes that run in the group of a unit that has ended.
func (m *manager) left(ctx context.Context, s State) ([]string, error) {
	if s.controlGroup == "" {
		return nil, nil
	}
	var found []struct {
		Group   string
		PID     uint32
		Command string
	}
	err := m.fault(activities.Lacking("the processes of %s", "%s のプロセス", s.id), m.call(ctx, "GetUnitProcesses", s.id).Store(&found))
	var out []string
	for _, p := range found {
		program, _, _ := strings.Cut(p.Command, " ") // the arguments may hold secrets
		out = append(out, fmt.Sprintf("process %d (%.40s)", p.PID, program))
	}
	return out, err
}

// loaded refuses what can't be started or stopped, before anything is begun.
func (m *manager) loaded(s State) error {
	switch s.Load {
	case "loaded":
		return nil
	case "not-found":
		return activities.RefusedBoth("%s has no unit %s", "%s にユニット %s はない", m.t.Name, m.t.Spec.Unit)
	case "masked":
		return activities.RefusedBoth("%s is masked: nothing can start it before systemd.unmask",
			"%s はマスクされている。systemd.unmask で解除するまで起動できない", s.id)
	}
	return activities.RefusedBoth("%s can't be loaded (%s): see systemctl status",
		"%s を読み込めない（%s）。systemctl status で確認する", s.id, s.Load)
}

// ours reports whether this worker runs in the unit, and would end with it.
func (s State) ours() bool {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || s.controlGroup == "" {
		return false
	}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 && (f[1] == "" || f[1] == "name=systemd") && (f[2] == s.controlGroup || strings.HasPrefix(f[2], s.controlGroup+"/")) {
			return true
		}
	}
	return false
}
