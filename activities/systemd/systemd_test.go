package systemd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/muster-dr/muster/activities/systemd"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/systemdtest"
	"github.com/muster-dr/muster/internal/waittest"
)

type with map[string]any

// sleeper is a service that goes on running.
const sleeper = "[Service]\nExecStart=/bin/sleep 1000\n"

// site is a site worker on a machine with a unit.
func site(t *testing.T, m *systemdtest.Manager, name, text string) *sitetest.Site {
	t.Helper()
	if text != "" {
		m.Unit(t, name, text)
	}
	s := sitetest.New(t, systemd.Actions())
	s.Targets = append(s.Targets, sitetest.Target(t, "app", "unit", systemd.Unit{Unit: name, Bus: m.Address, Journal: m.Journal}))
	return s
}

func status(t *testing.T, s *sitetest.Site) (at systemd.State) {
	t.Helper()
	if _, err := s.Act(s.Step("systemd.status", with{"unit": "app"}), &at); err != nil {
		t.Fatal(err)
	}
	return at
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	waittest.Eventually(t, 2*time.Minute, func() string { return map[bool]string{false: "not yet: " + what}[ok()] })
}

// started holds that a unit was started so many times, of which the journal tells a moment later.
func started(t *testing.T, m *systemdtest.Manager, unit string, times int) {
	t.Helper()
	waittest.Eventually(t, 2*time.Minute, func() string {
		n := m.Starts(t, unit)
		if n > times {
			t.Fatalf("%s was started %d times, want %d", unit, n, times)
		}
		return map[bool]string{false: fmt.Sprintf("%s was started %d times, want %d", unit, n, times)}[n == times]
	})
}

func TestStartStop(t *testing.T) {
	m := systemdtest.Start(t)
	s := site(t, m, "orders.service", sleeper)
	starting := with{"unit": "app", "steady": "200ms"}
	step := s.Step("systemd.start", starting)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	var up systemd.State
	if res, err := s.Act(step, &up); err != nil || res.Already || up.Active != "active" || up.Sub != "running" || up.MainPID == 0 || up.Invocation == "" {
		t.Fatalf("%+v %+v %v", res, up, err)
	}
	if age := time.Since(up.Since); age < 0 || age > time.Minute {
		t.Errorf("active since %s", up.Since)
	}
	var again systemd.State
	if res, err := s.Act(s.Step("systemd.start", starting), &again); err != nil || !res.Already || again.Invocation != up.Invocation {
		t.Fatalf("again: %+v %+v %v", res, again, err)
	}
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Fatalf("lost answer: %+v", seen)
	}
	if seen := s.Look(s.Step("systemd.start", with{"unit": "app", "steady": "1h"})); seen.Sight != plan.CannotTell {
		t.Errorf("active, and not for long enough: %+v", seen)
	}
	var at systemd.State
	if _, err := s.Act(s.Step("systemd.wait_active", starting), &at); err != nil || at.Invocation != up.Invocation {
		t.Fatalf("%+v %v", at, err)
	}

	ending := s.Step("systemd.stop", with{"unit": "app", "steady": "100ms"})
	var down systemd.Stopped
	if res, err := s.Act(ending, &down); err != nil || res.Already || down.Active != "inactive" || down.Before != up.Invocation {
		t.Fatalf("%+v %+v %v", res, down, err)
	}
	if res, err := s.Act(s.Step("systemd.stop", with{"unit": "app"}), &down); err != nil || !res.Already {
		t.Fatalf("stop again: %+v %v", res, err)
	}
	if seen := s.Settle(ending); seen.Sight != plan.Holds {
		t.Fatalf("lost answer of the stop: %+v", seen)
	}
	_, err := s.Act(s.Step("systemd.wait_active", with{"unit": "app", "steady": "0s", "within": "200ms"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "was not active", "inactive (dead)")
	started(t, m, "orders.service", 1)
}

// A unit that others need takes them down. That is refused until they are named, and an
// undo starts again what was active.
func TestWhatNeedsAUnitGoesDownWithIt(t *testing.T) {
	m := systemdtest.Start(t)
	s := site(t, m, "orders.service", sleeper)
	for name, needs := range map[string]string{
		"web.service":    "Requires=orders.service\nAfter=orders.service\n",
		"report.service": "BindsTo=web.service\nAfter=web.service\n", // two steps away
		"batch.service":  "PartOf=orders.service\n",
		"idle.service":   "Requires=orders.service\n", // never started
	} {
		m.Unit(t, name, "[Unit]\n"+needs+sleeper)
	}
	active := []string{"batch.service", "report.service", "web.service"}
	up := s.Step("systemd.start", with{"unit": "app", "steady": "100ms", "dependants": active})
	if _, err := s.Act(up, nil); err != nil {
		t.Fatal(err)
	}
	stopping := with{"unit": "app", "steady": "100ms", "dependants": []string{"web.service", "batch.service"}}
	for _, action := range []string{"systemd.stop", "systemd.mask"} {
		w := with{"unit": "app", "dependants": stopping["dependants"]}
		_, err := s.Act(s.Step(action, w), nil)
		sitetest.Want(t, err, plan.ErrRefused, "would take down what needs it and is active: report.service", "依存して稼働中")
		if problems := s.Ready(s.Step(action, w)).Problems; len(problems) != 1 || !strings.Contains(problems[0].EN, "report.service") {
			t.Errorf("%s is ready: %+v", action, problems)
		}
	}
	if at := status(t, s); at.Active != "active" {
		t.Fatalf("refused, and it is %s", at.Active)
	}
	stopping["dependants"] = active
	stop := s.Step("systemd.stop", stopping)
	var down systemd.Stopped
	if _, err := s.Act(stop, &down); err != nil || !slices.Equal(down.Took, active) {
		t.Fatalf("stopped %+v %v, want that it took %v", down, err, active)
	}
	// The answer was lost: what it took is known all the same.
	var settled systemd.Stopped
	if seen := s.Settle(stop); seen.Sight != plan.Holds || json.Unmarshal(seen.Output, &settled) != nil || !slices.Equal(settled.Took, active) {
		t.Errorf("settled: %+v %s, want that it took %v", seen, seen.Output, active)
	}
	undo := s.Step("systemd.start", with{"unit": "app", "steady": "100ms"})
	undo.Step = stop.Step + ".undo1"
	undo = sitetest.Generation(undo, 1)
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "100ms"}), nil); err != nil {
		t.Fatal(err)
	}
	if seen := s.Look(undo); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("a look at an undo that is half done: %+v", seen)
	}
	if _, err := s.Act(undo, nil); err != nil {
		t.Fatal(err)
	}
	soon(t, "the undo holds", func() bool { return s.Look(undo).Sight == plan.Holds })
	if n := m.Starts(t, "idle.service"); n != 0 {
		t.Errorf("what was not active was started %d times", n)
	}
	// One that is down may still have parts that are up, which a mask's stop would take.
	if _, err := s.Act(s.Step("systemd.stop", stopping), nil); err != nil {
		t.Fatal(err)
	}
	alone := site(t, m, "batch.service", "")
	if _, err := alone.Act(alone.Step("systemd.start", with{"unit": "app", "steady": "0s"}), nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.Act(s.Step("systemd.mask", with{"unit": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "batch.service")
	if at := status(t, alone); at.Active != "active" {
		t.Errorf("refused, and the part is %s", at.Active)
	}
	_, err = s.Act(s.Step("systemd.start", with{"unit": "app", "dependants": []string{"web"}}), nil)
	if err == nil {
		t.Error("a unit without its ending was taken")
	}
}

func TestWhatDoesNotComeUp(t *testing.T) {
	m := systemdtest.Start(t)
	for name, c := range map[string]struct {
		unit, text string
		with       with
		kind       string
		words      []string
	}{
		"fails":          {"fails.service", "[Service]\nExecStart=/bin/sh -c 'echo the licence has run out >&2; sleep 0.3; exit 3'\n", with{"steady": "1m", "within": "3m"}, plan.ErrFinding, []string{"failed", "exit-code 3", "the licence has run out"}},
		"ends":           {"ends.service", "[Service]\nExecStart=/bin/sh -c 'echo nothing to do; sleep 0.3'\n", with{"steady": "1m", "within": "3m"}, plan.ErrFinding, []string{"inactive", "nothing to do"}},
		"falls over":     {"falls.service", "[Service]\nExecStart=/bin/sh -c 'echo out of memory; sleep 0.3; kill -SEGV $$$$'\n", with{"steady": "1m", "within": "3m"}, plan.ErrFinding, []string{"failed", "result core-dump|result signal", "out of memory"}},
		"again and over": {"loops.service", "[Service]\nExecStart=/bin/sh -c 'echo no database; sleep 0.3; exit 1'\nRestart=always\nRestartSec=100ms\n[Unit]\nStartLimitIntervalSec=0\n", with{"steady": "9s", "within": "10s"}, plan.ErrFinding, []string{"without a break", "started again", "Restart=", "no database"}},
		"never ready":    {"mute.service", "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n", with{"within": "500ms"}, plan.ErrFinding, []string{"activating"}},
		"no such unit":   {"nothing.service", "", with{}, plan.ErrRefused, []string{"there is no unit nothing.service"}},
		"broken file":    {"broken.service", "[Service]\nExecStart=sleep\nType=dbus\n", with{}, plan.ErrRefused, []string{"can't be loaded"}},
		"no unit's name": {"orders", "", with{}, plan.ErrRefused, []string{"no full name of a unit"}},
		"by dependency":  {"shy.service", "[Unit]\nRefuseManualStart=yes\n" + sleeper, with{}, plan.ErrRefused, []string{"systemd turns it down"}},
		"once":           {"once.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n", with{}, plan.ErrRefused, []string{"Type=oneshot", "exec.run"}},
		"meta":           {"meta.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n", with{}, plan.ErrRefused, []string{"exited: true"}},
		"left behind":    {"left.service", "[Service]\nType=forking\nRemainAfterExit=yes\nExecStart=/bin/true\n", with{}, plan.ErrFinding, []string{"without a process"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := site(t, m, c.unit, c.text)
			c.with["unit"] = "app"
			step := s.Step("systemd.start", c.with)
			_, err := s.Act(step, nil)
			var words []string
			for _, w := range c.words {
				if a, b, ok := strings.Cut(w, "|"); ok { // whether there is room for a core
					w = a
					if err != nil && !strings.Contains(err.Error(), a) {
						w = b
					}
				}
				words = append(words, w)
			}
			sitetest.Want(t, err, c.kind, words...)
		})
	}
	s := site(t, m, "meta.service", "")
	var at systemd.State
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "exited": true, "steady": "0s"}), &at); err != nil || at.Sub != "exited" {
		t.Errorf("a unit that only sets something up: %+v %v", at, err)
	}

	// What the program said comes into the journal apart from what systemd says of it, and later.
	bin := t.TempDir()
	script := `#!/bin/sh
said() { test -e ` + bin + `/later && echo the licence has run out; }
case "$*" in
*USER_INVOCATION_ID*) echo Started late.service.; said ;;
*) said; touch ` + bin + `/later ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	s = site(t, m, "late.service", "[Service]\nExecStart=/bin/false\n")
	_, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "1m", "within": "3m"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "failed", "Started late.service", "the licence has run out")
}

// Whatever becomes of the answer: only the start that was looked at is ended.
func TestRestart(t *testing.T) {
	m := systemdtest.Start(t)
	s := site(t, m, "orders.service", sleeper)
	_, err := s.Act(s.Step("systemd.restart", with{"unit": "app", "invocation": ""}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "was never started")
	var up systemd.State
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), &up); err != nil {
		t.Fatal(err)
	}
	again := with{"unit": "app", "invocation": up.Invocation, "steady": "100ms"}
	step := s.Step("systemd.restart", again)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	var anew systemd.Restarted
	if res, err := s.Act(step, &anew); err != nil || res.Already || anew.Before != up.Invocation || anew.Invocation == up.Invocation || anew.MainPID == up.MainPID {
		t.Fatalf("%+v %+v %v", res, anew, err)
	}
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Fatalf("lost answer: %+v", seen)
	}
	var same systemd.Restarted
	if res, err := s.Act(s.Step("systemd.restart", again), &same); err != nil || !res.Already || same.Invocation != anew.Invocation {
		t.Fatalf("another order for the same: %+v %+v %v", res, same, err)
	}
	started(t, m, "orders.service", 2)

	// What was restarted and fell over is not restarted again.
	if _, err := m.Bus().StopUnitContext(t.Context(), "orders.service", "replace", nil); err != nil {
		t.Fatal(err)
	}
	soon(t, "the unit is down", func() bool { return status(t, s).Active == "inactive" })
	if seen := s.Settle(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("restarted and down: %+v", seen)
	}
	_, err = s.Act(s.Step("systemd.restart", again), nil)
	sitetest.Want(t, err, plan.ErrRefused, "was started anew since")
}

// A unit that something brings back is not fenced by a stop, and is by a mask.
func TestWhatComesBack(t *testing.T) {
	m := systemdtest.Start(t)
	socket := filepath.Join(t.TempDir(), "app.sock")
	m.Unit(t, "orders.socket", "[Socket]\nListenStream="+socket+"\n")
	s := site(t, m, "orders.service", sleeper)
	s.Targets = append(s.Targets, sitetest.Target(t, "door", "unit", systemd.Unit{Unit: "orders.socket", Bus: m.Address}))
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "door", "steady": "0s"}), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), nil); err != nil {
		t.Fatal(err)
	}
	if at := status(t, s); len(at.BackBy) != 1 || at.BackBy[0] != "orders.socket" {
		t.Fatalf("%+v", at)
	}
	stopping := s.Step("systemd.stop", with{"unit": "app"})
	_, err := s.Act(stopping, nil)
	sitetest.Want(t, err, plan.ErrRefused, "orders.socket", "systemd.mask")
	var down systemd.Stopped
	if _, err := s.Act(s.Step("systemd.stop", with{"unit": "app", "back_by": "keep", "steady": "0s"}), &down); err != nil || len(down.BackBy) != 1 {
		t.Fatalf("%+v %v", down, err)
	}
	if seen := s.Look(stopping); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Fatalf("down, and not for long: %+v", seen)
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	soon(t, "the socket has started the service", func() bool { return status(t, s).Active == "active" })

	masking := s.Step("systemd.mask", with{"unit": "app"})
	if seen := s.Look(masking); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Fatalf("before: %+v", seen)
	}
	if res, err := s.Act(masking, &down); err != nil || res.Already || down.Active != "inactive" || down.File != "masked" || down.BackBy != nil {
		t.Fatalf("%+v %+v %v", res, down, err)
	}
	if seen := s.Settle(masking); seen.Sight != plan.Holds {
		t.Fatalf("lost answer: %+v", seen)
	}
	if res, err := s.Act(s.Step("systemd.mask", with{"unit": "app"}), nil); err != nil || !res.Already {
		t.Fatalf("again: %+v %v", res, err)
	}
	soon(t, "the socket gave up", func() bool {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
		}
		var door systemd.State
		if _, err := s.Act(s.Step("systemd.status", with{"unit": "door"}), &door); err != nil {
			t.Fatal(err)
		}
		return door.Active == "failed"
	})
	if at := status(t, s); at.Active != "inactive" || at.Load != "masked" {
		t.Fatalf("%+v", at)
	}
	_, err = s.Act(s.Step("systemd.start", with{"unit": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "systemd.unmask")

	lifting := s.Step("systemd.unmask", with{"unit": "app"})
	var at systemd.State
	if res, err := s.Act(lifting, &at); err != nil || res.Already || at.Load != "loaded" || at.Active != "inactive" {
		t.Fatalf("%+v %+v %v", res, at, err)
	}
	if seen := s.Settle(lifting); seen.Sight != plan.Holds {
		t.Fatalf("lost answer of the unmask: %+v", seen)
	}
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), nil); err != nil {
		t.Fatal(err)
	}
}

// Restart= and Upholds= bring back what ended; a stop is stronger than the one, not the other.
func TestRestartAndUpholds(t *testing.T) {
	m := systemdtest.Start(t)
	s := site(t, m, "orders.service", "[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n")
	var up systemd.State
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), &up); err != nil {
		t.Fatal(err)
	}
	if err := m.Bus().KillUnitWithTarget(t.Context(), "orders.service", dbus.All, 9); err != nil {
		t.Fatal(err)
	}
	soon(t, "Restart= has started it again", func() bool { at := status(t, s); return at.Active == "active" && at.Invocation != up.Invocation })
	if seen := s.Look(s.Step("systemd.restart", with{"unit": "app", "invocation": up.Invocation, "steady": "0s"})); seen.Sight != plan.Holds {
		t.Errorf("somebody else was faster: %+v", seen)
	}
	if _, err := s.Act(s.Step("systemd.stop", with{"unit": "app", "steady": "500ms"}), nil); err != nil {
		t.Error(err)
	}
	m.Unit(t, "guard.service", "[Unit]\nUpholds=orders.service\n"+sleeper)
	if _, err := m.Bus().StartUnitContext(t.Context(), "guard.service", "replace", nil); err != nil {
		t.Fatal(err)
	}
	soon(t, "it is upheld", func() bool { return status(t, s).Active == "active" })
	_, err := s.Act(s.Step("systemd.stop", with{"unit": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "guard.service")
	_, err = s.Act(s.Step("systemd.stop", with{"unit": "app", "back_by": "keep", "steady": "1h", "within": "15s"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "came back")
	if _, err := s.Act(s.Step("systemd.mask", with{"unit": "app", "until_reboot": true}), nil); err != nil {
		t.Fatal(err)
	}
	if at := status(t, s); at.Active != "inactive" || at.File != "masked-runtime" || len(at.BackBy) > 0 {
		t.Errorf("%+v", at)
	}
	if seen := s.Look(s.Step("systemd.mask", with{"unit": "app"})); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("a mask that a reboot takes away: %+v", seen)
	}
	if _, err := s.Act(s.Step("systemd.unmask", with{"unit": "app"}), nil); err != nil {
		t.Error(err)
	}
}

// A service that is down, and whose processes are not.
func TestKillModeLeavesProcesses(t *testing.T) {
	m := systemdtest.Start(t)
	s := site(t, m, "orders.service", "[Service]\nExecStart=/bin/sh -c 'sleep 1000 & exec sleep 1001'\nKillMode=process\n")
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "200ms"}), nil); err != nil {
		t.Fatal(err)
	}
	step := s.Step("systemd.stop", with{"unit": "app", "steady": "0s"})
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, plan.ErrFinding, "still run", "sleep", "KillMode=")
	if seen := s.Settle(step); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("%+v", seen)
	}
}

// While a job is under way nobody says that it has not happened.
func TestUnderWay(t *testing.T) {
	m := systemdtest.Start(t)
	fifo := filepath.Join(t.TempDir(), "go")
	s := site(t, m, "orders.service", "[Service]\nType=forking\nExecStart=/bin/sh -c 'until [ -e "+fifo+" ]; do sleep 0.05; done; sleep 1000 &'\n")
	if _, err := m.Bus().StartUnitContext(t.Context(), "orders.service", "replace", nil); err != nil {
		t.Fatal(err)
	}
	step := s.Step("systemd.start", with{"unit": "app", "steady": "0s"})
	waittest.Eventually(t, 30*time.Second, func() string { // systemd begins the job a moment later
		seen := s.Look(step)
		if seen.Sight != plan.CannotTell {
			t.Fatalf("%+v", seen)
		}
		if !strings.Contains(seen.Detail, "activating") {
			return seen.Detail
		}
		return ""
	})
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was begun")
	if seen := s.Look(s.Step("systemd.stop", with{"unit": "app"})); seen.Sight != plan.HoldsNot {
		t.Errorf("what comes up can be stopped: %+v", seen)
	}
	if err := os.WriteFile(fifo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Act(s.Step("systemd.wait_active", with{"unit": "app", "steady": "0s"}), nil); err != nil {
		t.Error(err)
	}
}

// A systemd that is stopped, a bus that takes connections and says nothing, and none.
func TestHalfAlive(t *testing.T) {
	m := systemdtest.Start(t)
	s := site(t, m, "orders.service", sleeper)
	var up systemd.State
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), &up); err != nil {
		t.Fatal(err)
	}
	impatient := systemd.AnswerWithin(300 * time.Millisecond)
	m.Freeze(t)
	_, err := s.Act(s.Step("systemd.status", with{"unit": "app"}), nil)
	sitetest.Want(t, err, "", "does not answer")
	_, err = s.Act(s.Step("systemd.restart", with{"unit": "app", "invocation": up.Invocation}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was begun", "does not answer")
	impatient() // from here on it is to answer
	m.Thaw(t)
	if at := status(t, s); at.Invocation != up.Invocation {
		t.Errorf("it was restarted: %+v", at)
	}

	defer systemd.AnswerWithin(time.Second)()
	for name, c := range map[string]struct{ bus, kind, want string }{
		"mute":    {"unix:path=" + mute(t), "", "does not answer"},
		"absent":  {"unix:path=" + filepath.Join(t.TempDir(), "bus"), "", "no such file"},
		"program": {"unixexec:path=/bin/sh", plan.ErrRefused, "ssh.run"},
		"network": {"tcp:host=127.0.0.1,port=1", plan.ErrRefused, "ssh.run"},
		"second":  {"unix:path=/no/such/bus;unixexec:path=/bin/sh", plan.ErrRefused, "ssh.run"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.New(t, systemd.Actions())
			s.Targets = append(s.Targets, sitetest.Target(t, "app", "unit", systemd.Unit{Unit: "orders.service", Bus: c.bus}))
			_, err := s.Act(s.Step("systemd.status", with{"unit": "app"}), nil)
			sitetest.Want(t, err, c.kind, c.want)
		})
	}
}

// mute is a socket that takes connections and never says a word.
func mute(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-mute-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return path
}

// Cut off in the middle, an action ends at once, and the unit's own way goes on.
func TestCutOff(t *testing.T) {
	m := systemdtest.Start(t)
	m.Unit(t, "orders.service", "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			if p, err := m.Bus().GetUnitPropertiesContext(ctx, "orders.service"); err == nil && p["ActiveState"] == "activating" {
				return
			}
		}
	}()
	target := systemd.Target{Name: "app", Spec: systemd.Unit{Unit: "orders.service", Bus: m.Address}}
	began := time.Now()
	_, err := systemd.BeginStart(ctx, systemd.Start{Unit: target, Until: systemd.Until{Within: run.Duration(time.Hour), Steady: run.Duration(time.Hour)}})
	if err == nil || ctx.Err() == nil || time.Since(began) > time.Minute {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestNamesAndAliases(t *testing.T) {
	m := systemdtest.Start(t)
	m.Unit(t, "orders.service", sleeper)
	m.Alias(t, "orders.service", "shop.service")
	s := site(t, m, "shop.service", "")
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.Act(s.Step("systemd.mask", with{"unit": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "only another name of orders.service")
	m.Unit(t, "orders@.service", sleeper)
	s = site(t, m, "orders@osaka.service", "")
	if _, err := s.Act(s.Step("systemd.start", with{"unit": "app", "steady": "0s"}), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Act(s.Step("systemd.mask", with{"unit": "app"}), nil); err != nil {
		t.Fatal(fmt.Errorf("an instance: %w", err))
	}
}

// A unit file in /etc lies where the mask would have to be, and goes before one in /run.
func TestUnitFileWhereTheMaskLies(t *testing.T) {
	m := systemdtest.Start(t)
	m.Etc(t, "orders.service", sleeper)
	running := m.Run(t, "orders.service")
	s := site(t, m, "orders.service", "")
	_, err := s.Act(s.Step("systemd.mask", with{"unit": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "/usr/local/lib/systemd/system")
	step := s.Step("systemd.mask", with{"unit": "app", "until_reboot": true})
	_, err = s.Act(step, nil)
	sitetest.Want(t, err, plan.ErrFinding, "goes before the mask", "nothing was stopped")
	if seen := s.Settle(step); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Errorf("%+v", seen)
	}
	if at := status(t, s); at.Active != "active" || at.Invocation != running {
		t.Errorf("it was touched: %+v", at)
	}
}

// TestMain lets the test binary be a site worker that stops the unit it runs in: as
// "stop-myself BUS FILE", with what came of it in the file.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "stop-myself" {
		target := systemd.Target{Name: "worker", Spec: systemd.Unit{Unit: "worker.service", Bus: os.Args[2]}}
		_, err := systemd.BeginStop(context.Background(), systemd.Stop{Unit: target, BackBy: "refuse", Within: run.Duration(time.Minute)})
		if err := os.WriteFile(os.Args[3], fmt.Append(nil, err), 0o600); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestNeverItself(t *testing.T) {
	m := systemdtest.Start(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said := filepath.Join(t.TempDir(), "said")
	m.Unit(t, "worker.service", fmt.Sprintf("[Service]\nType=oneshot\nExecStart=%s stop-myself %s %s\n", exe, m.Address, said))
	m.Run(t, "worker.service")
	if b, err := os.ReadFile(said); err != nil || !strings.Contains(string(b), "this site worker runs in worker.service") {
		t.Errorf("%s %v", b, err)
	}
}
