package sim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities/sim"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/simworld"
	"github.com/muster-dr/muster/internal/sitetest"
)

type with map[string]any

func effects(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "effects.log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

func TestStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	s := sitetest.New(t, sim.Actions())
	step := s.Step("sim.step", with{"dir": dir, "output": with{"timeline": 2}, "block_for": "1ms", "block_after": "1ms"})
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	var out struct {
		Value map[string]int
		Times int
	}
	if _, err := s.Act(step, &out); err != nil || out.Value["timeline"] != 2 || out.Times != 1 {
		t.Fatalf("%+v %v", out, err)
	}
	if res, err := s.Act(step, nil); err != nil || !res.Already {
		t.Fatalf("again: %+v %v", res, err)
	}
	if _, err := s.Act(s.Step("sim.step", with{}), nil); err != nil {
		t.Fatalf("without a folder: %v", err)
	}
	if n := effects(t, dir); n != 1 {
		t.Fatalf("%d effects, want 1", n)
	}
}

func TestStepFails(t *testing.T) {
	dir := t.TempDir()
	s := sitetest.New(t, sim.Actions())
	for fail, kind := range map[string]string{"finding": plan.ErrFinding, "refused": plan.ErrRefused, "error": "", "panic": "Panic"} {
		step := s.Step("sim.step", with{"dir": dir, "fail_with": fail})
		_, err := s.Act(step, nil)
		sitetest.Want(t, err, kind)
		if seen := s.Settle(step); seen.Sight != plan.HoldsNot {
			t.Errorf("%s: settled %+v", fail, seen)
		}
	}
	if n := effects(t, dir); n != 0 {
		t.Fatalf("%d effects of failed steps", n)
	}
}

func TestStepWorksAfterSomeAttempts(t *testing.T) {
	dir := t.TempDir()
	s := sitetest.New(t, sim.Actions())
	step := s.Step("sim.step", with{"dir": dir, "fail_with": "error", "fail_attempts": 2})
	for n := 1; n <= 2; n++ {
		_, err := s.Act(sitetest.Generation(step, n), nil)
		sitetest.Want(t, err, "")
	}
	if _, err := s.Act(sitetest.Generation(step, 3), nil); err != nil {
		t.Fatal(err)
	}
	if n := effects(t, dir); n != 1 {
		t.Fatalf("%d effects, want 1", n)
	}
}

func TestStepLosesItsAnswer(t *testing.T) {
	dir := t.TempDir()
	s := sitetest.New(t, sim.Actions())
	lost := s.Step("sim.step", with{"dir": dir, "lose_ack": true})
	_, err := s.Act(lost, nil)
	sitetest.Want(t, err, "")
	if seen := s.Settle(lost); seen.Sight != plan.Holds {
		t.Fatalf("settled: %+v", seen)
	}
	hidden := s.Step("sim.step", with{"dir": dir, "lose_ack": true, "hide": true})
	_, err = s.Act(hidden, nil)
	sitetest.Want(t, err, "")
	if seen := s.Look(hidden); seen.Sight != plan.CannotTell {
		t.Fatalf("hidden: %+v", seen)
	}
	_, err = s.Act(hidden, nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was begun")
	if n := effects(t, dir); n != 2 {
		t.Fatalf("%d effects, want one for each step", n)
	}
}

func TestService(t *testing.T) {
	s := sitetest.New(t, sim.Actions())
	dir := filepath.Join(t.TempDir(), "state")
	s.Targets = []plan.Target{sitetest.Target(t, "web", "sim", simworld.Service{Dir: dir})}
	status := func(expect string) error {
		_, err := s.Act(s.Step("sim.status", with{"service": "web", "expect": expect}), nil)
		return err
	}
	if err := status("up"); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	if _, err := s.Act(s.Step("sim.break", with{"service": "web"}), nil); err != nil {
		t.Fatal(err)
	}
	sitetest.Want(t, status("up"), plan.ErrFinding, "web is down, not up")
	if res, err := s.Act(s.Step("sim.break", with{"service": "web"}), nil); err != nil || !res.Already {
		t.Fatalf("break twice: %+v %v", res, err)
	}
	if _, err := s.Act(s.Step("sim.restore", with{"service": "web"}), nil); err != nil {
		t.Fatal(err)
	}
	if err := status("up"); err != nil {
		t.Fatalf("restored: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "web.state"), []byte("sideways"), 0o600); err != nil {
		t.Fatal(err)
	}
	sitetest.Want(t, status("any"), "", "sideways")
	_, err := s.Act(s.Step("sim.break", with{"service": "web"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was begun")
}

// Racks live on either feed or the battery; a service that lacks what it needs is down
// whatever its switch says, and comes back by itself.
func TestServiceNeedsOthers(t *testing.T) {
	s := sitetest.New(t, sim.Actions())
	dir := t.TempDir()
	racks := simworld.Service{Dir: dir, Needs: []simworld.Need{{Of: []string{"main", "standby"}, AtLeast: 1}, {Of: []string{"a", "b", "c"}, AtLeast: 2}}}
	s.Targets = []plan.Target{sitetest.Target(t, "racks", "sim", racks)}
	for _, name := range []string{"main", "standby", "a", "b"} {
		s.Targets = append(s.Targets, sitetest.Target(t, name, "sim", simworld.Service{Dir: dir}))
	}
	do := func(action, service string) error {
		_, err := s.Act(s.Step(action, with{"service": service}), nil)
		return err
	}
	is := func(want string) {
		t.Helper()
		if _, err := s.Act(s.Step("sim.status", with{"service": "racks", "expect": want}), nil); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ action, service, racks string }{
		{"sim.break", "main", "up"}, {"sim.break", "standby", "down"}, {"sim.restore", "standby", "up"},
		{"sim.break", "a", "up"}, {"sim.break", "b", "down"}, {"sim.restore", "a", "up"},
	} {
		if err := do(c.action, c.service); err != nil {
			t.Fatal(err)
		}
		is(c.racks)
	}
	if err := do("sim.break", "standby"); err != nil {
		t.Fatal(err)
	}
	sitetest.Want(t, do("sim.restore", "racks"), plan.ErrFinding, "0 of main, standby run, and it needs 1")
	if err := do("sim.break", "racks"); err != nil { // it is down for another reason, which may pass
		t.Fatal(err)
	}
	if err := do("sim.restore", "standby"); err != nil {
		t.Fatal(err)
	}
	is("down")
}

func TestStepStandsForMore(t *testing.T) {
	s := sitetest.New(t, sim.Actions())
	var out sim.Stepped
	if _, err := s.Act(s.Step("sim.step", with{"dir": t.TempDir(), "stands_for": "72h"}), &out); err != nil || out.StandsForS != 72*3600 {
		t.Fatalf("%+v %v", out, err)
	}
}
