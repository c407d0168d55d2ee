package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sshtest"
	"github.com/muster-dr/muster/internal/waittest"
)

// trouble is a system whose target is at fault, as a run meets it, and what has to come of
// it: what the operator reads, the verdict, and that nothing is left.
type trouble struct {
	targets string // of the estate, a flow mapping a line
	steps   string // of the failover, a step a line
	// reads is what an operator finds in the report, in English and in Japanese: what is
	// wrong, where, and the way out.
	reads map[string][]string
	rto   run.Verdict
	state run.State
	// also judges what is special to this fault.
	also func(t *testing.T, r report.Report)
}

// faults are by the name of their system, which is also that of the runbook and the
// scenario. Each has a service of its own, broken by the drill and looked at by a probe.
var faults = map[string]func(t *testing.T, s *shaky) trouble{
	// It accepts connections and never answers.
	"half-alive": func(t *testing.T, s *shaky) trouble {
		s.set("silent")
		return trouble{
			steps: s.promote("timeout: 500ms"),
			reads: map[string][]string{"en": {s.URL, "no answer in time", "nothing was begun"}, "ja": {s.URL, "時間内に応答がない", "何も実行していない"}},
			rto:   run.Missed, state: run.NotResumable,
		}
	},
	// It answers in its own time: that is over budget, and no failure.
	"slow": func(t *testing.T, s *shaky) trouble {
		s.set("slow")
		return trouble{
			steps: strings.TrimSuffix(s.promote("timeout: 20s"), "}") + ", budget: 100ms}",
			reads: map[string][]string{"en": {"longer than its budget"}, "ja": {"目安時間を"}},
			rto:   run.Met, state: run.RecoveredAtAlternate,
		}
	},
	// It says that it is promoted, and what can be seen says that it is not.
	"lying": func(t *testing.T, s *shaky) trouble {
		s.set("lying")
		return trouble{
			steps: s.promote("timeout: 1s"),
			reads: map[string][]string{"en": {s.URL + "/role", "json.role == 'primary'", "is false"}, "ja": {s.URL + "/role", "条件", "を満たさない"}},
			rto:   run.Missed, state: run.NotResumable,
		}
	},
	// It shows itself as promoted to whoever asks, and serves nobody.
	"lying-to-all": func(t *testing.T, s *shaky) trouble {
		s.set("lying-to-all")
		return trouble{
			steps: s.promote("timeout: 1s"),
			reads: map[string][]string{"en": {"did not hold full service"}, "ja": {"完全稼働"}},
			rto:   run.Missed, state: run.NotResumable,
			also: func(t *testing.T, r report.Report) {
				if p := step(r, "promote"); p.Outcome != run.Passed {
					t.Errorf("step promote %s: %s", p.Outcome, p.Reason)
				}
			},
		}
	},
	// It comes and goes, and never holds.
	"flapping": func(t *testing.T, s *shaky) trouble {
		s.set("flapping")
		return trouble{
			steps: s.promote("timeout: 5s"),
			reads: map[string][]string{"en": {"did not hold full service"}, "ja": {"完全稼働"}},
			rto:   run.Missed, state: run.NotResumable,
		}
	},
	// Somebody else answers at the host's address, or the host was made anew.
	"stranger": func(t *testing.T, s *shaky) trouble {
		d, other := sshtest.Start(t), sshtest.Start(t)
		file, key := filepath.Join(s.dir, "done"), filepath.Join(s.dir, "key")
		save(t, key, d.Key)
		return trouble{
			targets: fmt.Sprintf("{name: stranger-host, kind: ssh, site: osaka, host: 127.0.0.1, port: %d, user: %s, host_key: %q, key: secret://file%s}", d.Port, d.User, other.HostKey, key),
			steps:   fmt.Sprintf(`{id: promote, uses: ssh.run, with: {host: stranger-host, argv: [touch, %s]}}`, file),
			reads:   map[string][]string{"en": {"stranger-host", "SHA256:", "compare at its console"}, "ja": {"stranger-host", "SHA256:", "コンソールで鍵を照合"}},
			rto:     run.Missed, state: run.NotResumable,
			also: func(t *testing.T, _ report.Report) {
				if _, err := os.Stat(file); err == nil {
					t.Error("the program was run on a host with a strange key")
				}
			},
		}
	},
	// A program prints 1 GB, here and over SSH.
	"verbose": func(t *testing.T, s *shaky) trouble {
		d := sshtest.Start(t)
		key := filepath.Join(s.dir, "key")
		save(t, key, d.Key)
		return trouble{
			targets: fmt.Sprintf("{name: verbose-host, kind: ssh, site: osaka, host: 127.0.0.1, port: %d, user: %s, host_key: %q, key: secret://file%s, connect_timeout: 1m}", d.Port, d.User, d.HostKey, key),
			steps: `{id: here, uses: exec.run, with: {argv: [head, -c, 1G, /dev/zero]}}
  - {id: there, uses: ssh.run, with: {host: verbose-host, argv: [head, -c, 200M, /dev/zero]}}
  - ` + s.promote("timeout: 5s"),
			rto: run.Met, state: run.RecoveredAtAlternate,
		}
	},
	// A name server goes on answering what it knew before.
	"old-data": func(t *testing.T, s *shaky) trouble {
		primary, _ := dnstest.Start(t, 1)
		_, stale := dnstest.Start(t, 1) // follows another primary, as one that is cut off does
		secret := filepath.Join(s.dir, "tsig")
		save(t, secret, dnstest.Secret)
		return trouble{
			targets: fmt.Sprintf("{name: old-data-zone, kind: dns_zone, site: osaka, zone: %s, primary: %q, servers: [%q], key: %s, secret: secret://file%s}",
				dnstest.Zone, primary.Address, stale.Address, dnstest.Key, secret),
			steps: `{id: promote, uses: dns.update, with: {zone: old-data-zone, name: www, values: [192.0.2.9], wait: 2s}, undo: {uses: dns.update, with: {zone: old-data-zone, name: www, values: [192.0.2.1]}}}`,
			// By the step itself, or by the look after it where this machine is slow.
			reads: map[string][]string{"en": {stale.Address + " (192.0.2.1)", "values are"}, "ja": {stale.Address + " (192.0.2.1)", "値を応答している"}},
			rto:   run.Missed, state: run.NotResumable,
		}
	},
	// A secret is not where the estate says.
	"no-secret": func(t *testing.T, s *shaky) trouble {
		return trouble{
			steps: fmt.Sprintf(`{id: promote, uses: exec.run, with: {argv: [touch, %[1]s/done], secret_env: {PASSWORD: "secret://file%[1]s/missing"}}}`, s.dir),
			reads: map[string][]string{"en": {s.dir + "/missing", "no such file"}, "ja": {s.dir + "/missing", "秘密情報"}},
			rto:   run.Missed, state: run.NotResumable,
		}
	},
}

// Each fault is met by a run on a real engine with real site workers.
func TestFaultsOfTargets(t *testing.T) {
	t.Parallel()
	all, services := map[string]trouble{}, map[string]*shaky{}
	files, targets, systems := map[string]string{}, &strings.Builder{}, &strings.Builder{}
	for name, make := range faults {
		s := newShaky(t)
		f := make(t, s)
		all[name], services[name] = f, s
		if f.targets != "" {
			fmt.Fprintf(targets, "  - %s\n", f.targets)
		}
		// Where service comes back, no stall of a busy machine, which takes its time for a gigabyte, is to look like an outage; where
		// it does not, what comes and goes is not to look like service that holds, and people answer after the RTO.
		spans := struct{ rto, sample, hold, verify, people string }{"10m", "5s", "500ms", "1m", "8s"}
		if f.rto == run.Missed {
			spans.rto, spans.sample, spans.hold, spans.verify, spans.people = "30s", "1s", "2s", "4s", "30s"
		}
		fmt.Fprintf(systems, `  - name: %[1]s
    home: tokyo
    alternate: osaka
    drillable: [live]
    objectives: {rto: %[3]s}
    runbooks: {failover: %[1]s}
    functions: [{name: shop, probe: {uses: probe.http, interval: 100ms, timeout: %[4]s, with: {url: "%[2]s/"}}}]
`, name, s.URL, spans.rto, spans.sample)
		files[name+"-runbook.yaml"] = fmt.Sprintf("kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n  - %[2]s\n", name, f.steps)
		files[name+"-scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: %[1]s
title: {en: A target at fault, ja: 対象の障害}
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [%[1]s]
injects: [{uses: http.request, site: osaka, starts: %[1]s, with: {url: "%[2]s/break"}, undo: {uses: http.request, with: {url: "%[2]s/mend"}}}]
failback: stay
muster_place: online
approvals: 0
baseline: 200ms
hold: %[3]s
verify_wait: %[4]s
people: {simulate: {after: %[5]s, spread: 1s}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
`, name, s.URL, spans.hold, spans.verify, spans.people)
	}
	files["estate.yaml"] = "kind: Estate\nname: faults\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [{name: tokyo}, {name: osaka}]\ntargets:\n" + targets.String() + "systems:\n" + systems.String() +
		"people: [{id: sato, name: Sato, roles: [commander]}]\nmuster_places: [{name: online, title: Online, online: true}]\n"
	o, _ := options(t, plansDir(t, files))
	u := begin(t, o)
	runs := map[string]string{}
	for name := range all {
		started, err := u.Start(t.Context(), api.StartRequest{Scenario: name, Kind: run.Drill, By: "sato"})
		if err != nil {
			t.Fatal(err)
		}
		runs[name] = started.Run
	}
	for name, f := range all {
		t.Run(name, func(t *testing.T) {
			untilEnded(t, u, runs[name])
			judgeFault(t, u, runs[name], name, f)
			if left := leftRunning(services[name].dir, "MUSTER_RUN="+runs[name]); len(left) > 0 {
				t.Errorf("left running: %v", left)
			}
		})
	}
	if err := u.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// judgeFault holds a run's report against what the fault has to come to.
func judgeFault(t *testing.T, u running, id, system string, f trouble) {
	t.Helper()
	r := readReport(t, u, id)
	if s := r.Systems[0]; r.Run.State != f.state || s.RTO.Verdict != f.rto {
		t.Errorf("the run ended %s with RTO %s (%s), want %s and %s", r.Run.State, s.RTO.Verdict, asJSON(s.RTO.Why), f.state, f.rto)
		for _, s := range r.Steps {
			t.Logf("step %s %s: %s", s.ID, s.Outcome, s.Reason)
		}
	}
	readsIn(t, u, r, f.reads)
	if f.also != nil {
		f.also(t, r)
	}
	nothingOpen(t, u, id, system)
}

// nothingOpen looks that every lock was given back, or kept with its reason, every probe
// handed in, and every step that was begun has ended.
func nothingOpen(t *testing.T, u running, id, system string) {
	t.Helper()
	open := map[string]bool{}
	for _, entry := range untilLast(t, u, id) {
		e := entry.Event
		switch e.Kind {
		case run.LockTaken:
			open["lock "+e.System] = true
		case run.LockReleased:
			delete(open, "lock "+e.System)
		case run.LockKept:
			delete(open, "lock "+e.System)
			if e.Reason == "" {
				t.Errorf("%s is kept without a reason", e.System)
			}
		case run.ProbeStarted:
			open["probe "+e.Step] = true
		case run.ProbeEnded:
			delete(open, "probe "+e.Step)
			if e.Outcome != run.Passed {
				t.Errorf("probe %s: %s", e.Step, e.Reason)
			}
		case run.StepStarted:
			open["step "+e.Step] = true
		case run.StepEnded:
			delete(open, "step "+e.Step)
		}
	}
	if len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
	waittest.Eventually(t, time.Minute, func() string { // a server under load may not answer at once
		s, err := u.System(t.Context(), system)
		if err != nil {
			return err.Error()
		}
		if s.Held && !(s.Kept && s.Reason != "") {
			t.Errorf("the system's lock: %+v", s)
		}
		return ""
	})
}

// untilLast reads a run's journal to its end.
func untilLast(t *testing.T, u running, id string) []api.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	var entries []api.Entry
	for after, ended := int64(0), false; !ended; {
		events, err := u.Events(ctx, id, after, 10*time.Second)
		if err != nil {
			t.Fatalf("the run does not end: %v", err)
		}
		entries, after, ended = append(entries, events.Entries...), events.Next, events.Ended
	}
	return entries
}

// leftRunning lists processes that carry one of the marks in their arguments, their
// environment or as their folder.
func leftRunning(marks ...string) []string {
	var out []string
	for _, pid := range proc.PIDs() {
		at := fmt.Sprintf("/proc/%d/", pid)
		line, _ := os.ReadFile(at + "cmdline")
		env, _ := os.ReadFile(at + "environ")
		cwd, _ := os.Readlink(at + "cwd")
		said := string(line) + "\x00" + string(env) + "\x00" + cwd
		if pid != os.Getpid() && slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(said, m) }) {
			out = append(out, fmt.Sprintf("process %d: %s", pid, strings.ReplaceAll(string(line), "\x00", " ")))
		}
	}
	return out
}

func readReport(t *testing.T, u running, id string) report.Report {
	t.Helper()
	b, err := u.Report(t.Context(), id, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func step(r report.Report, id string) report.Step {
	for _, s := range r.Steps {
		if s.ID == id {
			return s
		}
	}
	return report.Step{}
}

func save(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
