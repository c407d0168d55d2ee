package app

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/etcdtest"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// The shipped plan of an etcd cluster, on a real one: its leader is killed, the others go
// on, the member comes home and leads again; then what was saved is restored beside it.
func TestAnEtcdClusterLosesItsLeaderAndItsSnapshotComesBack(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	c := etcdtest.Start(t, etcdtest.Options{Members: 3, Env: func(name string) []string {
		return []string{"MUSTER_PROCESS=" + filepath.Join(state, "etcd-"+name)} // as process.start starts it
	}})
	for _, key := range []string{"/config/a", "/config/b"} {
		c.Put(t, key, "1")
	}
	places, err := os.MkdirTemp("", "muster-etcd-") // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(places) })
	folder, area := filepath.Join(places, "snapshots"), filepath.Join(places, "area")
	for _, d := range []string{folder, area} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	plans := filepath.Join(t.TempDir(), "etcd")
	if err := os.CopyFS(plans, os.DirFS(filepath.Join("..", "..", "scenarios", "etcd"))); err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(plans, "estate.yaml"), func(doc map[string]any) {
		doc["targets"] = []any{
			map[string]any{"name": "config", "kind": "etcd", "site": "osaka", "endpoints": c.URLs()},
			map[string]any{"name": "config-snapshots", "kind": "etcd_snapshots", "site": "osaka", "folder": folder, "area": area},
			map[string]any{"name": "etcd-tokyo", "kind": "process", "site": "tokyo", "argv": c.Members[0].Argv(), "state": state},
		}
		system := doc["systems"].([]any)[0].(map[string]any)
		system["objectives"].(map[string]any)["rto"] = "10m" // how fast this machine is proves nothing
		function := system["functions"].([]any)[0].(map[string]any)
		probe := function["probe"].(map[string]any)
		probe["with"].(map[string]any)["url"] = c.Members[1].URL + "/health"
		probe["timeout"] = "10s" // nor is a moment in which it got no turn a gap
	})
	o, _ := options(t, plans)
	u := begin(t, o)

	r := drilled(t, u, "config-leader-loss")
	if r.Run.State != run.Recovered || r.Systems[0].RTO.Verdict != run.Met || r.Systems[0].RTO.ActualS == nil {
		t.Errorf("%s, RTO %s: %s", r.Run.State, r.Systems[0].RTO.Verdict, asJSON(r.Systems[0].RTO))
	}
	passes(t, r, "majority", "snapshot", "start", "whole", "lead")
	if lead := c.Leader(t); lead.Name != "tokyo" {
		t.Errorf("%s leads after the drill", lead.Name)
	}

	r = drilled(t, u, "config-restore-test")
	got := r.Systems[0].Restore
	if r.Run.Verdict != run.Met || got == nil || got.Backup == "" || !got.IsolatedGone || got.RecoveryPoint == nil ||
		got.Parts.FetchS == nil || got.Parts.RestoreS == nil || got.Parts.ReplayS == nil || got.Parts.VerifyS == nil {
		t.Errorf("restore test %s: %s", r.Run.Verdict, asJSON(got))
	}
	if left, err := os.ReadDir(area); err != nil || len(left) > 0 {
		t.Errorf("left in the area: %v %v", left, err)
	}

	// One byte of the snapshot is another: the test is missed, plainly.
	name := filepath.Join(folder, got.Backup+".db")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(plans, "config-restore-test.yaml"), func(doc map[string]any) { doc["fail_wait"] = "1s" })
	r = drilled(t, u, "config-restore-test")
	if got := r.Systems[0].Restore; r.Run.Verdict != run.Missed || got.Verdict != run.Missed || len(got.Why) != 1 || got.Why[0].Code != "restore_failed" {
		t.Errorf("with a damaged snapshot %s: %s", r.Run.Verdict, asJSON(got))
	}
}

func passes(t *testing.T, r report.Report, steps ...string) {
	t.Helper()
	ended := map[string]string{}
	for _, s := range r.Steps {
		ended[s.ID] = string(s.Outcome) + " " + s.Reason
	}
	for _, id := range steps {
		if ended[id] != "passed " {
			t.Errorf("step %s: %q", id, ended[id])
		}
	}
}

// rewrite changes a plan file.
func rewrite(t *testing.T, path string, change func(doc map[string]any)) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	change(doc)
	if b, err = yaml.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
