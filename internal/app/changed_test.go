package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// While a run goes on its plan files are edited and a secret of its site is changed. The run
// goes on with the plan that it began with, and shows that; the next one is of the files
// as they are. The secret is read when a step needs it, so the new one counts at once, and
// neither stands anywhere in the record.
func TestFilesAndSecretsAreChangedInTheMiddle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const before, after = "the-password-of-before", "the-password-of-now"
	save(t, at("secret"), before)
	printing := func(id, then string) string {
		return fmt.Sprintf(`{id: %[1]s, uses: exec.run, with: {argv: [sh, -c, "printf %%s \"$PASSWORD\" > %[2]s/%[1]s; echo it says $PASSWORD; %[3]s"], secret_env: {PASSWORD: "secret://file%[2]s/secret"}}}`, id, dir, then)
	}
	runbook := func(second string) string {
		return "kind: Runbook\nname: orders\nsystem: orders\nsteps:\n  - " + printing("first", "until [ -e "+at("go")+" ]; do sleep 0.05; done") + "\n  - " + printing(second, "true") + "\n"
	}
	plans := map[string]string{
		"estate.yaml": `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: osaka}, {name: tokyo}]
systems:
  - {name: orders, home: tokyo, alternate: osaka, drillable: [live], runbooks: {failover: orders}}
people:
  - {id: sato, name: Sato, roles: [commander]}
muster_places: [{name: online, title: Online, online: true}]
`,
		"runbook.yaml": runbook("second"),
		"scenario.yaml": `kind: Scenario
name: changed
title: Files and secrets change
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [orders]
failback: stay
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
`}
	folder := plansDir(t, plans)
	o, _ := options(t, folder)
	u := begin(t, o)
	start := func() string {
		t.Helper()
		started, err := u.Start(t.Context(), api.StartRequest{Scenario: "changed", Kind: run.Drill, By: "sato"})
		if err != nil {
			t.Fatal(err)
		}
		return started.Run
	}
	id := start()
	read := func(name string) string {
		b, _ := os.ReadFile(at(name))
		return string(b)
	}
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if got := read("first"); got != before {
			return "the first step has read " + got
		}
		return ""
	})
	save(t, at("secret"), after)
	save(t, filepath.Join(folder, "runbook.yaml"), runbook("another"))
	save(t, at("go"), "")
	nothingOpen(t, u, id, "orders")

	r := readReport(t, u, id)
	if s := step(r, "second").Outcome; s != run.Passed || read("second") != after {
		t.Errorf("the second step %q, with the secret %q, want passed with the new one", s, read("second"))
	}
	if read("another") != "" || step(r, "another").Outcome != "" {
		t.Error("a step was done that was not in the plan when the run began")
	}
	hash := r.Run.PlanHash
	next := start()
	untilEnded(t, u, next)
	if r := readReport(t, u, next); step(r, "another").Outcome != run.Passed || r.Run.PlanHash == hash {
		t.Errorf("the next run is of plan %.12s, that of before was %.12s; step another: %q", r.Run.PlanHash, hash, step(r, "another").Outcome)
	}
	for _, e := range untilLast(t, u, id) {
		if text := asJSON(e.Event); strings.Contains(text, before) || strings.Contains(text, after) {
			t.Errorf("a secret is in the journal: %s", text)
		}
	}
}
