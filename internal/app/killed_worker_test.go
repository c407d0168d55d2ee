package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/report"
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
			files[site+"-runbook.yaml"] = fmt.Sprintf("kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n  - {id: %[1]s, at: %[1]s, retry: 1, timeout: 1m, queue_timeout: 5m, %[2]s}\n", site, v.step)
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

	var done sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	killed := &sync.Map{}
	defer done.Wait()
	defer cancel()
	for site := range all {
		_, moment, _ := strings.Cut(site, "-")
		dir := t.TempDir()
		cert, err := CertifySite(o, site, filepath.Join(dir, "certificate"), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		start := func(more ...string) *child.Process {
			p, err := child.Start("worker of "+site, filepath.Join(dir, "log"), binary, append(os.Environ(), more...), "worker", "--site", site, "--data", filepath.Join(dir, "data"),
				"--temporal-address", o.Config.Gateway.Listen, "--temporal-tls-ca-file", cert.CA, "--temporal-tls-cert-file", cert.Cert, "--temporal-tls-key-file", cert.Key)
			if err != nil {
				t.Error(err)
			}
			return p
		}
		p := start("MUSTER_FAULT=" + moment + ":" + site)
		done.Go(func() {
			select {
			case <-p.Done: // as a service manager does
				killed.Store(site, true)
				p = start()
				<-ctx.Done()
			case <-ctx.Done():
			}
			_ = p.End(context.WithoutCancel(ctx))
		})
	}
	runs := map[string]string{}
	for site := range all {
		started, err := u.Start(t.Context(), api.StartRequest{Scenario: site, Kind: run.Drill, By: "sato"})
		if err != nil {
			t.Fatal(err)
		}
		runs[site] = started.Run
	}
	for site, id := range runs {
		untilEnded(t, u, id)
		b, err := u.Report(t.Context(), id, "json", "en")
		if err != nil {
			t.Fatal(err)
		}
		var r report.Report
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		if _, ok := killed.Load(site); !ok {
			t.Errorf("%s: its worker was not killed", site)
		}
		for _, s := range r.Steps {
			want := run.ByObservation
			if strings.HasSuffix(site, "begun") {
				want = run.ByResult // it provably had not happened, and was done by the second order
			}
			if s.ID == site && (s.Outcome != run.Passed || s.SettledBy != want) {
				t.Errorf("%s: %s by %s (%s), want passed by %s", site, s.Outcome, s.SettledBy, s.Reason, want)
			}
		}
		if n := all[site].times(); n != 1 {
			t.Errorf("%s: the effect was had %d times", site, n)
		}
	}
}
