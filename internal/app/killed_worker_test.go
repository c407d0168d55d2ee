package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// In every family of actions the worker of a site is killed with SIGKILL at its worst
// moments, between what it wrote down and what it did, and comes back: each run ends by
// itself, and each effect was had once.
func TestAKilledSiteWorkerDoesNothingTwice(t *testing.T) {
	t.Parallel()
	for _, a := range all.Registry(all.Options{}).Actions() {
		name, _, _ := strings.Cut(a.ID, ".")
		if _, ok := killable[name]; !ok && a.Doc.Effect.Once() && name != "postgres" && name != "temporal" {
			t.Errorf("family %s has effects and no entry in this table", name)
		}
	}
	binary := filepath.Join(filepath.Dir(temporaltest.Binary(t)), "faults", "muster")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v; make faulty-binary", err)
	}
	estate := &strings.Builder{}
	sites, systems, files := "{name: osaka}", &strings.Builder{}, map[string]string{}
	all := map[string]victim{} // by site
	for name, make := range killable {
		for _, moment := range []string{"begun", "acted"} {
			site := name + "-" + moment
			v := make(t, site, moment)
			v.family = name
			all[site] = v
			sites += ", {name: " + site + "}"
			if v.targets != "" {
				fmt.Fprintf(estate, "  - %s\n", v.targets)
			}
			fmt.Fprintf(systems, "  - {name: %[1]s, home: osaka, alternate: %[1]s, drillable: [live], runbooks: {failover: %[1]s}}\n", site)
			files[site+"-runbook.yaml"] = fmt.Sprintf("kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n  - {id: %[1]s, at: %[1]s, retry: 1, timeout: 1m, queue_timeout: 2m, %[2]s}\n", site, v.step)
			files[site+"-scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: %[1]s
title: A worker dies
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [%[1]s]
failback: stay
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
fail_wait: 5s
`, site)
		}
	}
	files["estate.yaml"] = "kind: Estate\nname: test\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [" + sites + "]\ntargets:\n" + estate.String() + "systems:\n" + systems.String() +
		"people:\n  - {id: sato, name: Sato, roles: [commander]}\nmuster_places: [{name: online, title: Online, online: true}]\n"
	o, _ := options(t, plansDir(t, files))
	o.Config.Sites = []string{"osaka"}
	openGate(t, &o)
	u := begin(t, o)

	for site, v := range all {
		t.Run(site, func(t *testing.T) {
			t.Parallel() // not all at once: two workers a site would be more than a machine's cores can start in time
			killAndComeBack(t, u, o, site, v)
		})
	}
}

// killAndComeBack runs a site's drill: its worker is killed at the moment that its name says, and started again as a
// service manager does.
func killAndComeBack(t *testing.T, u running, o Options, site string, v victim) {
	t.Helper()
	_, moment, _ := strings.Cut(site, "-")
	w := employSite(t, o, site, o.Config.Gateway.Listen, "MUSTER_FAULT="+moment+":"+site)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: site, Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.Done:
	case <-time.After(5 * time.Minute):
		t.Fatal("its worker was not killed")
	}
	w.start(t)
	untilEnded(t, u, started.Run)
	want := run.ByObservation
	if moment == "begun" {
		want = run.ByResult // it provably had not happened, and was done by the second order
	}
	if s := step(readReport(t, u, started.Run), site); s.Outcome != run.Passed || s.SettledBy != want {
		t.Errorf("%s by %s (%s), want passed by %s", s.Outcome, s.SettledBy, s.Reason, want)
	}
	if n := v.times(); n != 1 {
		t.Errorf("the effect was had %d times", n)
	}
}
