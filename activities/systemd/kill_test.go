package systemd_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/systemd"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/systemdtest"
)

// twoServices is a site worker on a machine with a service that systemd brings back, and one of
// which a child lives on its own.
func twoServices(t *testing.T, m *systemdtest.Manager, restart string) *sitetest.Site {
	t.Helper()
	s := site(t, m, "orders.service", "[Service]\nExecStart=/bin/sh -c 'setsid sleep 1000 & exec sleep 1001'\nRestart="+restart+"\nRestartSec=300ms\n")
	m.Unit(t, "web.service", "[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=300ms\n")
	s.Targets = append(s.Targets, sitetest.Target(t, "web", "unit", systemd.Unit{Unit: "web.service", Bus: m.Address}))
	for _, u := range []string{"orders.service", "web.service"} {
		m.Run(t, u)
	}
	return s
}

// Whatever becomes of the answer, the start that was meant is ended once and no other.
func TestKill(t *testing.T) {
	m := systemdtest.Start(t)
	s := twoServices(t, m, "always")
	before := status(t, s)
	step := s.Step("systemd.kill", with{"units": []string{"app", "web"}, "rescue": "2m"})
	if seen := s.Look(step); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Fatalf("before: %+v", seen)
	}
	if r := s.Ready(step); len(r.Problems) > 0 {
		t.Errorf("not ready: %v", r.Problems)
	}
	began := time.Now()
	var out systemd.Killed
	if res, err := s.Act(step, &out); err != nil || res.Already {
		t.Fatalf("%+v %v", res, err)
	}
	if !slices.Equal(out.Units, []string{"orders.service", "web.service"}) || len(out.Rescued)+len(out.Down) > 0 || out.BackS <= 0 || out.At.Before(began) || out.At.After(time.Now()) {
		t.Errorf("%+v", out)
	}
	after := status(t, s)
	if after.Active != "active" || after.Invocation == before.Invocation || after.MainPID == before.MainPID {
		t.Errorf("killed, and it is %+v; before %+v", after, before)
	}
	var again systemd.Killed
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Errorf("lost answer: %+v", seen)
	}
	if _, err := s.Act(step, &again); err != nil || !again.At.Equal(out.At) {
		t.Errorf("the same order once more: %+v %v", again, err)
	}
	for _, u := range []string{"orders.service", "web.service"} {
		started(t, m, u, 2)
	}
}

// What nothing brings back is started in the end, and that is in the result.
func TestKillRescues(t *testing.T) {
	m := systemdtest.Start(t)
	s := twoServices(t, m, "no")
	step := s.Step("systemd.kill", with{"units": []string{"app", "web"}, "rescue": "8s"})
	r := s.Ready(step)
	if len(r.Problems) != 1 {
		t.Fatalf("ready: %v", r.Problems)
	}
	if p := r.Problems[0]; !strings.Contains(p.EN, "orders.service has Restart=no") || !strings.Contains(p.JA, "orders.service は Restart=no") {
		t.Errorf("ready: %+v", p)
	}
	var out systemd.Killed
	if _, err := s.Act(step, &out); err != nil || !slices.Equal(out.Rescued, []string{"orders.service"}) || len(out.Down) > 0 || out.BackS < 8 {
		t.Fatalf("%+v %v", out, err)
	}
	if at := status(t, s); at.Active != "active" {
		t.Errorf("rescued, and it is %s", at.Active)
	}
	// Without a rescue nobody waits.
	var left systemd.Killed
	if _, err := s.Act(s.Step("systemd.kill", with{"units": []string{"app"}}), &left); err != nil || len(left.Rescued) > 0 || left.BackS != 0 {
		t.Fatalf("%+v %v", left, err)
	}
	if at := status(t, s); at.Active != "failed" || at.Result != "signal" {
		t.Errorf("killed, and it is %+v", at)
	}
	_, err := s.Act(s.Step("systemd.kill", with{"units": []string{"app"}}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing to kill")
	_, err = s.Act(s.Step("systemd.kill", with{"units": []string{"web", "web"}}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "twice")
	_, err = s.Act(s.Step("systemd.kill", with{"units": []string{}}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "name what is to be killed")
	started(t, m, "web.service", 2) // what was refused has not killed it
}

// The time to come back may run out while units are being asked: what is back by then is not taken for down.
func TestKillLooksToTheEnd(t *testing.T) {
	m := systemdtest.Start(t)
	s := twoServices(t, m, "always")
	p := systemd.Kill{Units: []systemd.Target{{Name: "app", Spec: systemd.Unit{Unit: "orders.service", Bus: m.Address}}}}
	now := status(t, s).Invocation
	for start, want := range map[string][]string{"another": {}, now: {"orders.service"}} {
		if down, err := systemd.StillDown(t.Context(), p, map[string]string{"orders.service": start}); err != nil || !slices.Equal(down, want) {
			t.Errorf("the start %s was meant, it is %s: down %v, %v; want %v", start, now, down, err, want)
		}
	}
}

// A worker that is killed by its own order leaves nobody to answer. Its successor knows by the ledger
// which start was meant, and does not take the new one for it.
func TestKillIsSettledByWhoComesAfter(t *testing.T) {
	m := systemdtest.Start(t)
	s := twoServices(t, m, "always")
	before := status(t, s)
	step := s.Step("systemd.kill", with{"units": []string{"app"}})
	note := `{"at":"2026-11-20T01:02:03Z","starts":{"orders.service":"` + before.Invocation + `"}}`
	if err := s.Ledger.Note("r1/orders/failover/"+step.Step, note); err != nil {
		t.Fatal(err)
	}
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("died just before the kill: %+v", seen)
	}
	if err := m.Bus().KillUnitWithTarget(t.Context(), "orders.service", "all", 9); err != nil {
		t.Fatal(err)
	}
	soon(t, "it is back", func() bool { at := status(t, s); return at.Active == "active" && at.Invocation != before.Invocation })
	if seen := s.Look(step); seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), "2026-11-20T01:02:03Z") {
		t.Fatalf("died of the kill: %+v %s", seen, seen.Output)
	}
	started(t, m, "orders.service", 2)
}

// What was killed may be what carries the order: that it is started in the end does not rest on the order
// going on, and who settles it hears of it.
func TestARescueOutlivesItsOrder(t *testing.T) {
	m := systemdtest.Start(t)
	s := twoServices(t, m, "no")
	ctx, cancel := context.WithCancel(t.Context())
	step := s.Step("systemd.kill", with{"units": []string{"app"}, "rescue": "8s"})
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			if status(t, s).Active != "active" {
				cancel()
				return
			}
		}
	}()
	target := systemd.Target{Name: "app", Spec: systemd.Unit{Unit: "orders.service", Bus: m.Address}}
	own := activities.WithLedger(activities.WithCall(ctx, step), s.Ledger)
	if _, err := systemd.Strike(own, systemd.Kill{Units: []systemd.Target{target}, Rescue: run.Duration(8 * time.Second)}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cut off, and it says %v", err)
	}
	if seen := s.Look(step); seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), `"down":["orders.service"]`) {
		t.Errorf("killed, and not back yet: %+v %s", seen, seen.Output)
	}
	soon(t, "it was started", func() bool { return status(t, s).Active == "active" })
	soon(t, "the record says so", func() bool {
		return strings.Contains(string(s.Look(step).Output), `"rescued":["orders.service"],"down":[]`)
	})
}
