package app

import (
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// aSiteOfItsOwn is a plan with one step at tokyo, whose worker is a process of its own.
func aSiteOfItsOwn(t *testing.T, scenario, step string) (Options, string) {
	t.Helper()
	o, _ := options(t, plansDir(t, map[string]string{
		"estate.yaml": `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: osaka}, {name: tokyo}]
systems:
  - {name: orders, home: osaka, alternate: tokyo, drillable: [live], runbooks: {failover: orders}}
people:
  - {id: sato, name: Sato, roles: [commander]}
muster_places: [{name: online, title: Online, online: true}]
`,
		"runbook.yaml": "kind: Runbook\nname: orders\nsystem: orders\nsteps:\n  - " + step + "\n",
		"scenario.yaml": fmt.Sprintf(`kind: Scenario
name: %s
title: A worker at fault
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [orders]
failback: stay
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
fail_wait: 2s
`, scenario)}))
	o.Config.Sites = []string{"osaka"}
	return o, openGate(t, &o)
}

// A step kills its worker every time it is tried, as one that makes it run out of memory:
// it is given up after its tries, by its name, and the run ends by itself. The worker is
// there again for what comes next.
func TestAPoisonousStepIsGivenUp(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tried")
	o, gateway := aSiteOfItsOwn(t, "poison", fmt.Sprintf(`{id: poison, at: tokyo, retry: 2, timeout: 1m, queue_timeout: 5m, uses: exec.run, with: {argv: [sh, -c, "echo tried >> %s; kill -9 $PPID"], look: [test, -e, %[1]s.done]}}`, file))
	u := begin(t, o)
	w := employSite(t, o, "tokyo", gateway)
	ended := make(chan struct{})
	var again sync.WaitGroup
	again.Go(func() { // as a service manager does
		for {
			select {
			case <-w.Done:
				w.start(t)
			case <-ended:
				return
			}
		}
	})
	defer again.Wait()
	defer close(ended)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "poison", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	nothingOpen(t, u, started.Run, "orders")
	r := readReport(t, u, started.Run)
	s := step(r, "poison")
	if s.Outcome != run.Failed || s.Attempts != 3 || s.Reason == "" {
		t.Errorf("the step %s after %d attempts (%q), want failed after 3", s.Outcome, s.Attempts, s.Reason)
	}
	if n := lines(file)(); n != 3 {
		t.Errorf("it was tried %d times, want 3", n)
	}
	if r.Run.State != run.NotResumable {
		t.Errorf("the run ended %s", r.Run.State)
	}
}

// A worker freezes in the middle of an effect, for longer than its heartbeat, and wakes up
// when it was given up: what it began ends once, and nothing is had twice.
func TestAFrozenWorkerWakesUpTooLate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "begun")
	o, gateway := aSiteOfItsOwn(t, "frozen", fmt.Sprintf(`{id: once, at: tokyo, retry: 2, timeout: 1m, queue_timeout: 5m, uses: exec.run, with: {argv: [sh, -c, "echo begun >> %[1]s; until [ -e %[1]s.go ]; do sleep 0.1; done; echo done >> %[1]s.done"], look: [test, -s, %[1]s.done]}}`, file))
	u := begin(t, o)
	w := employSite(t, o, "tokyo", gateway)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "frozen", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	there := func(f func() int, what string) {
		t.Helper()
		pgtest.Eventually(t, time.Minute, func() string {
			if f() == 0 {
				return what
			}
			return ""
		})
	}
	there(lines(file), "the step is not begun")
	if err := w.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw := func() { _ = w.Cmd.Process.Signal(syscall.SIGCONT) }
	t.Cleanup(thaw)
	<-time.After(8 * time.Second) // the fault: longer than the heartbeat of 5 s
	save(t, file+".go", "")
	there(lines(file+".done"), "what was begun does not end") // a worker that wakes up first would end it
	thaw()
	nothingOpen(t, u, started.Run, "orders")
	s := step(readReport(t, u, started.Run), "once")
	if s.Outcome != run.Passed || s.SettledBy != run.ByObservation {
		t.Errorf("the step %s by %s (%s), want passed by observation", s.Outcome, s.SettledBy, s.Reason)
	}
	if begun, done := lines(file)(), lines(file+".done")(); begun != 1 || done != 1 {
		t.Errorf("begun %d times and done %d times, want once", begun, done)
	}
}
