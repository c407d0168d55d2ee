//go:build previous

package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A run that began on the programs of the previous release (MUSTER_PREVIOUS is their folder; `make
// upgraded` builds them) ends on this one, in the same data directory: what was done is not done
// again, and the report is of the whole run.
func TestARunOfThePreviousReleaseEndsOnThisOne(t *testing.T) {
	previous := os.Getenv("MUSTER_PREVIOUS")
	if previous == "" {
		t.Fatal("MUSTER_PREVIOUS names no folder of programs; make upgraded")
	}
	done := filepath.Join(t.TempDir(), "done")
	plans := plansDir(t, map[string]string{
		"estate.yaml": `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
systems:
  - {name: orders, home: tokyo, alternate: osaka, drillable: [live], runbooks: {failover: orders-failover}}
people:
  - {id: sato, name: Sato, roles: [commander, operator]}
muster_places: [{name: online, title: Online, online: true}]
`,
		"runbook.yaml": `kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: first, at: osaka, uses: exec.run, with: {argv: [sh, -c, "echo first >> ` + done + `"]}}
  - {id: announce, uses: human.task, as: operator, with: {text: Tell the branches}}
  - {id: second, at: osaka, uses: exec.run, with: {argv: [sh, -c, "echo second >> ` + done + `"]}}
`,
		"scenario.yaml": `kind: Scenario
name: upgrade
title: An upgrade in the middle
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [orders]
failback: stay
muster_place: online
approvals: 0
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
`,
	})
	o, _ := options(t, plans)
	o.Config.Listen = atFreePort(t)
	log := filepath.Join(t.TempDir(), "previous.log")
	old, err := child.Start("the previous release", log, filepath.Join(previous, "muster"), os.Environ(),
		"up", "--data", o.Config.Data, "--plans", plans, "--listen", o.Config.Listen, "--engine", filepath.Join(previous, "muster-engine"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = old.End(t.Context()) })
	var c *api.Client
	eventually(t, time.Minute, "the previous release to answer", func() bool {
		token, err := ReadToken(i18n.EN, o.Config.TokenPath())
		if err != nil {
			return false
		}
		c = api.Connect("http://"+o.Config.Listen, token, "en")
		h, err := c.Health(t.Context())
		return err == nil && h.OK
	})
	begun, err := c.Start(t.Context(), api.StartRequest{Scenario: "upgrade", Kind: run.Drill, By: "sato"})
	if err != nil {
		b, _ := os.ReadFile(log)
		t.Fatalf("start on the previous release: %v\n%s", err, b)
	}
	asked := func(c *api.Client) func() bool {
		return func() bool {
			r, err := c.Run(t.Context(), begun.Run)
			for _, w := range r.Overview.Waiting {
				if err == nil && w.Step == "announce" {
					return true
				}
			}
			return false
		}
	}
	eventually(t, time.Minute, "the step of the operator", asked(c))
	before, err := c.Events(t.Context(), begun.Run, 0, 0)
	if err != nil {
		t.Fatal(err)
	}

	for _, k := range ExamineUpgrade(t.Context(), o.Lang, o.Config, "this") {
		if k.Result == Bad || k.ID == "runs" && (k.Result != Good || !strings.Contains(k.Found, begun.Run)) {
			t.Errorf("upgrade-check: %+v", k)
		}
	}
	if err := old.End(t.Context()); err != nil {
		t.Fatalf("the previous release did not end well: %v", err)
	}

	up := begin(t, o)
	eventually(t, time.Minute, "the step of the operator, still", asked(up.Client))
	if _, err := up.Step(t.Context(), begun.Run, "announce", api.StepRequest{Act: run.ActDone, By: "sato"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the closing", func() bool {
		r, err := up.Run(t.Context(), begun.Run)
		return err == nil && slices.ContainsFunc(r.Overview.Waiting, func(w progress.Waiting) bool { return w.For == progress.AwaitConfirm && w.Phase == run.Closing })
	})
	if _, err := up.Confirm(t.Context(), begun.Run, workflows.Confirm{Phase: run.Closing, By: "sato", Note: "done"}); err != nil {
		t.Fatal(err)
	}
	untilEnded(t, up, begun.Run)
	if b, _ := os.ReadFile(done); string(b) != "first\nsecond\n" {
		t.Errorf("done: %q, want each once", b)
	}
	after, err := up.Events(t.Context(), begun.Run, 0, 0)
	if err != nil || len(after.Entries) <= len(before.Entries) {
		t.Fatalf("%d events after %d, %v", len(after.Entries), len(before.Entries), err)
	}
	for i, e := range before.Entries {
		if after.Entries[i].Event.Kind != e.Event.Kind || after.Entries[i].Event.Seq != e.Event.Seq {
			t.Errorf("event %d was %s and is %s", i, e.Event.Kind, after.Entries[i].Event.Kind)
		}
	}
	b, err := up.Report(t.Context(), begun.Run, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Steps {
		if s.Outcome != run.Passed || s.Attempts > 1 {
			t.Errorf("%s: %s after %d attempt(s)", s.ID, s.Outcome, s.Attempts)
		}
	}
}
