package app

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Beside a server whose settings are not these, nothing is found to be well that was not looked at: the engine, the records and the runs of
// a packaged server stand in its unit.
func TestNothingIsWellThatWasNotLookedAt(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	up := begin(t, o)
	o.Config.Listen = strings.TrimPrefix(up.at, "http://")
	here, named := o.Config, o.Config
	here.Data = filepath.Join(t.TempDir(), "data")
	named.Data, named.Server = here.Data, up.at
	judged := func(c config.Config, look func(config.Config) []Check, ids ...string) {
		t.Helper()
		for _, lang := range []i18n.Lang{i18n.EN, i18n.JA} {
			o.Lang = lang
			for _, id := range ids {
				if k := checked(t, look(c), id); k.Result != Bad || !strings.Contains(k.WayOut, "muster-as-service muster-server muster ") {
					t.Errorf("%s, data %s, server %q: %+v", lang, c.Data, c.Server, k)
				}
			}
		}
	}
	upgrade := func(c config.Config) []Check { return ExamineUpgrade(t.Context(), o.Lang, c, "next") }
	doctor := func(c config.Config) []Check { return Examine(t.Context(), o.Lang, c) }
	judged(here, upgrade, "store", "runs")
	judged(named, upgrade, "store", "runs")
	judged(here, doctor, "engine", "store")
	// Of a server on another machine the doctor has its own word.
	token, err := ReadToken(i18n.EN, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	named.Token, o.Lang = token, i18n.EN
	for _, id := range []string{"engine", "store"} {
		if k := checked(t, doctor(named), id); k.Result != Good || !strings.Contains(k.Found, "the server") {
			t.Errorf("by its own word: %+v", k)
		}
	}
	for id, k := range map[string]Check{"runs": checked(t, upgrade(o.Config), "runs"), "engine": checked(t, doctor(o.Config), "engine")} {
		if k.Result != Good {
			t.Errorf("with the server's settings, %s: %+v", id, k)
		}
	}
}

// Before an upgrade the new program replays what is under way: a run of its own kind goes on, one
// whose history is another program's is named, and nothing is changed.
func TestAnUpgradeIsTriedBeforeIt(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	found := func(id string) Check {
		t.Helper()
		checks := ExamineUpgrade(t.Context(), o.Lang, o.Config, "next")
		for _, k := range checks {
			if k.ID == id {
				return k
			}
		}
		t.Fatalf("no check %q in %+v", id, checks)
		return Check{}
	}
	if k := found("runs"); k.Result != Good {
		t.Errorf("before the first start: %+v", k)
	}

	up := begin(t, o)
	o.Config.Listen = strings.TrimPrefix(up.at, "http://")
	if k := found("runs"); k.Result != Good || k.Found != "none" {
		t.Errorf("without runs: %+v", k)
	}
	begun, err := up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	if k := found("runs"); k.Result != Good || !strings.Contains(k.Found, begun.Run) {
		t.Errorf("with a run under way: %+v", k)
	}

	// A run as a program had it whose commands were others.
	at, err := engine.Running(filepath.Join(o.Config.Data, "engine"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := engine.Dial(t.Context(), engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, "foreign", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ any) error { return workflow.Sleep(ctx, time.Hour) }, workflow.RegisterOptions{Name: workflows.TypeRun})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "foreign-1", TaskQueue: "foreign"}, workflows.TypeRun, map[string]any{"run": "foreign-1"}); err != nil {
		t.Fatal(err)
	}
	// One of a kind that this program lacks, for the servers to work on.
	if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "newer-1", TaskQueue: plan.ControlQueue}, "Newer"); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the run of a newer kind is named", func() bool {
		for _, k := range ExamineUpgrade(t.Context(), o.Lang, o.Config, "next") {
			if k.ID == "run newer-1" {
				return k.Result == Bad
			}
		}
		return false
	})
	if _, err := c.QueryWorkflow(t.Context(), "foreign-1", "", client.QueryTypeStackTrace); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the foreign run is listed", func() bool {
		for _, k := range ExamineUpgrade(t.Context(), o.Lang, o.Config, "next") {
			if k.ID == "run foreign-1" {
				return k.Result == Bad && strings.Contains(k.WayOut, "abort")
			}
		}
		return false
	})
	if k := found("runs"); k.Result != Good || !strings.Contains(k.Found, begun.Run) {
		t.Errorf("beside a foreign run: %+v", k)
	}

	if err := up.stop(); err != nil {
		t.Fatal(err)
	}
	if k := found("runs"); k.Result != Bad || !strings.Contains(k.WayOut, "still up") {
		t.Errorf("with the engine down: %+v", k)
	}
}
