package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

var record = flag.Bool("record", false, "write the histories of the shipped scenarios to workflows/testdata/histories")

// Every shipped scenario runs to its end on a real engine, the live one on real servers,
// side by side. With -record their histories become those that TestReplay replays.
func TestShippedScenariosRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	d := &demo{Options: Options{Dir: t.TempDir(), Binary: faultyBinary(t), Out: io.Discard, Talk: t.Output()}}
	unlock, err := d.prepare(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if d.cluster, err = d.createCluster(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		if to := d.linked(); to != "" {
			_ = os.RemoveAll(to)
		}
	}()
	if d.person, err = d.writePlans(); err != nil {
		t.Fatal(err)
	}
	if d.up, err = d.startServer(ctx); err != nil {
		t.Fatal(err)
	}
	d.client = d.up.client(d.Lang)

	states := map[string]run.State{Scenario: run.Recovered, "demo-intrusion": "", "demo-pandemic": ""}
	runs := map[string]string{}
	for name := range states {
		started, err := d.client.Start(ctx, api.StartRequest{Scenario: name, Kind: run.Drill, By: d.person, Reason: "shipped scenarios"})
		if err != nil {
			t.Fatal(err)
		}
		runs[name] = started.Run
	}
	for name, id := range runs {
		after := int64(0)
		var ended run.Ended
		follow(ctx, t, d, d.client, id, &after, func(e run.Event) bool {
			return e.Kind == run.RunEnded && e.Decode(&ended) == nil
		})
		if want := states[name]; want != "" && ended.State != want {
			t.Errorf("%s ended %s, want %s", name, ended.State, want)
		}
		if !ended.State.Ended() || ended.State == run.Refused || ended.State == run.CleanUpIncomplete {
			t.Errorf("%s ended %q", name, ended.State)
		}
	}
	// The backup comes back in isolation, now that there are markers in it; a backup with a
	// flipped byte does not, plainly, and leaves nothing either.
	restored := restoreTest(ctx, t, d, runs)
	if r := restored.Systems[0].Restore; restored.Run.Verdict != run.Met || r == nil || r.Verdict != run.Met || r.PointVerdict != run.Met || !r.IsolatedGone ||
		r.RecoveryPoint == nil || r.Parts.FetchS == nil || r.Parts.RestoreS == nil || r.Parts.ReplayS == nil || r.Parts.VerifyS == nil {
		t.Errorf("the restore test: %s %+v", restored.Run.Verdict, restored.Systems)
	}
	flip(t, filepath.Join(backupsIn(d.cluster.pair.Dir).base, "nightly", "global", "pg_control"))
	damaged := restoreTest(ctx, t, d, map[string]string{})
	if r := damaged.Systems[0].Restore; damaged.Run.Verdict != run.Missed || r == nil || r.Verdict != run.Missed || damaged.Run.State != run.NotResumable {
		t.Errorf("the restore test of a damaged backup: %s %s %+v", damaged.Run.Verdict, damaged.Run.State, damaged.Systems)
	}
	if left, err := os.ReadDir(backupsIn(d.cluster.pair.Dir).area); err != nil || len(left) != 0 {
		t.Errorf("restore tests left %v %v", left, err)
	}

	if *record {
		recordHistories(ctx, t, d, runs)
	}

	// What the run proved counts as long as the files say the same.
	proven, err := d.client.Readiness(ctx, Scenario)
	// On a starved machine a drill may rightly end not proven, and then proves nothing.
	met := reportOf(ctx, t, d, runs[Scenario]).Run.Verdict == run.Met
	if err != nil || proven.Proof.Proven != met || met && proven.Proof.Run != runs[Scenario] {
		t.Errorf("verdict met: %v, and the proof is %+v %v", met, proven.Proof, err)
	}
	edit(t, d, "max_lag: 16MB", "max_lag: 15MB")
	changed, err := d.client.Readiness(ctx, Scenario)
	if err != nil || changed.Proof.Proven || len(changed.Proof.Reasons) != 1 {
		t.Errorf("after a change of a runbook: %+v %v", changed.Proof, err)
	}
}

// restoreTest runs the shipped restore test and returns its report.
func restoreTest(ctx context.Context, t *testing.T, d *demo, runs map[string]string) report.Report {
	t.Helper()
	started, err := d.client.Start(ctx, api.StartRequest{Scenario: "demo-restore", Kind: run.Drill, By: d.person, Reason: "shipped scenarios"})
	if err != nil {
		t.Fatal(err)
	}
	runs["demo-restore"] = started.Run
	after := int64(0)
	follow(ctx, t, d, d.client, started.Run, &after, func(e run.Event) bool { return e.Kind == run.RunEnded })
	return reportOf(ctx, t, d, started.Run)
}

func reportOf(ctx context.Context, t *testing.T, d *demo, id string) report.Report {
	t.Helper()
	b, err := d.client.Report(ctx, id, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// flip changes one bit of a file.
func flip(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// recordHistories writes the histories of each run's workflows.
func recordHistories(ctx context.Context, t *testing.T, d *demo, runs map[string]string) {
	t.Helper()
	b, err := os.ReadFile(d.path("engine", "engine.json"))
	if err != nil {
		t.Fatal(err)
	}
	var at engine.Endpoint
	if err := json.Unmarshal(b, &at); err != nil {
		t.Fatal(err)
	}
	c, err := engine.Dial(ctx, engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, id := range runs {
		for file, workflow := range map[string]string{
			name:               id,
			name + "-failover": workflows.ExecuteID(id, "orders", workflows.ForFailover),
			name + "-restore":  workflows.ExecuteID(id, "orders", workflows.ForRestore),
			name + "-failback": workflows.ExecuteID(id, "orders", workflows.ForFailback),
		} {
			if h := historyOf(ctx, t, c, workflow); h != nil {
				keepHistory(t, file, h)
			}
		}
	}
	keepHistory(t, "switch", historyOf(ctx, t, c, workflows.SwitchID("orders")))
}

// keepHistory writes a history for TestReplay, without the name of the machine it is from.
func keepHistory(t *testing.T, file string, h *history.History) {
	t.Helper()
	out, err := protojson.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	out = bytes.ReplaceAll(out, []byte("@"+host), []byte("@recorder"))
	if err := os.WriteFile(filepath.Join("..", "..", "workflows", "testdata", "histories", file+".json"), out, 0o644); err != nil {
		t.Fatal(err)
	}
}

// historyOf returns a workflow's history, or nil when there is no such workflow.
func historyOf(ctx context.Context, t *testing.T, c client.Client, id string) *history.History {
	t.Helper()
	h := &history.History{}
	for it := c.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		e, err := it.Next()
		if err != nil {
			return nil
		}
		h.Events = append(h.Events, e)
	}
	return h
}
