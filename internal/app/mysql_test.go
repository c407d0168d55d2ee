package app

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/run"
)

// shopOn is the shipped folder scenarios/mysql, its targets being a pair of real servers, and the folder of its dumps.
func shopOn(t *testing.T, p *mysqltest.Pair) (plans, dumps string) {
	t.Helper()
	const shipped = "../../scenarios/mysql"
	files := map[string]string{}
	found, err := os.ReadDir(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		b, err := os.ReadFile(filepath.Join(shipped, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name()] = string(b)
	}
	dir := mysqltest.Dir(t)
	for _, d := range []string{"dumps", "area"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(mysqltest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	var estate map[string]any
	if err := yaml.Unmarshal([]byte(files["estate.yaml"]), &estate); err != nil {
		t.Fatal(err)
	}
	for _, x := range estate["targets"].([]any) {
		target := x.(map[string]any)
		fields := map[string]any{"dumps": filepath.Join(dir, "dumps"), "area": filepath.Join(dir, "area")}
		switch target["name"] {
		case "shop-tokyo":
			fields = p.Tokyo.Fields(password)
		case "shop-osaka":
			fields = p.Osaka.Fields(password)
		}
		for _, gone := range []string{"start", "stop", "replication_user", "replication_password"} {
			delete(target, gone)
		}
		for k, v := range fields {
			target[k] = v
		}
	}
	for _, x := range estate["systems"].([]any) {
		for _, f := range x.(map[string]any)["functions"].([]any) {
			f.(map[string]any)["probe"].(map[string]any)["timeout"] = "10s" // a moment in which it got no turn is no gap
		}
	}
	b, err := yaml.Marshal(estate)
	if err != nil {
		t.Fatal(err)
	}
	files["estate.yaml"] = string(b)
	files["shop-restore-test.yaml"] += "fail_wait: 1s\n" // nobody is there to answer
	return plansDir(t, files), filepath.Join(dir, "dumps")
}

// nightly dumps a server as the how-to's cron job does, and says the dump's name.
func nightly(t *testing.T, s *mysqltest.Server, dumps string) string {
	t.Helper()
	const name = "shop-20261124T170000Z"
	taken := time.Now().UTC().Format(time.RFC3339)
	c := exec.Command("mariadb-dump", "--no-defaults", "--host=127.0.0.1", fmt.Sprintf("--port=%d", s.Target.Spec.Port), "--user="+mysqltest.User,
		"--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob", "--gtid", "--master-data=2", "--databases", "shop")
	c.Env = append(os.Environ(), "MYSQL_PWD="+mysqltest.Password)
	sql, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	packed := z.EncodeAll(sql, nil)
	said := fmt.Sprintf(`{"flavour": "mariadb", "taken_at": "%s", "sha256": "%x"}`, taken, sha256.Sum256(packed))
	for file, b := range map[string][]byte{".sql.zst": packed, ".json": []byte(said)} {
		if err := os.WriteFile(filepath.Join(dumps, name+file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// The shipped shop, from the loss of its primary to its return, and its dumps restored, on
// real servers.
func TestTheShopOnMariaDBIsLedThroughItsDrills(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	p.Tokyo.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY AUTO_INCREMENT, taken_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)) ENGINE = InnoDB")
	p.Tokyo.Exec(t, "INSERT INTO shop.orders () VALUES ()")
	p.Tokyo.AwaitReplica(t, p.Osaka)
	plans, dumps := shopOn(t, p)
	o, _ := options(t, plans)
	u := begin(t, o)

	r := drilled(t, u, "shop-tokyo-loss")
	for _, s := range r.Steps {
		if s.Outcome != run.Passed {
			t.Errorf("step %s %s: %s", s.ID, s.Outcome, s.Reason)
		}
	}
	if len(r.Systems) != 1 {
		t.Fatalf("systems = %+v", r.Systems)
	}
	s := r.Systems[0]
	if s.RTO.Verdict != run.Met || s.RPO.Verdict != run.Met || s.Failback.Verdict != run.Met || r.Run.Verdict != run.Met {
		t.Errorf("run %s; rto %s, rpo %s, failback %s", asJSON(r.Run), asJSON(s.RTO), asJSON(s.RPO), asJSON(s.Failback))
	}
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the primary is home and refuses a write: %v", err)
	}
	p.Tokyo.AwaitReplica(t, p.Osaka)
	// It stays so over a restart, whoever starts it.
	p.Tokyo.Kill9(t)
	p.Tokyo.StartServer(t)
	mysqltest.Eventually(t, 30*time.Second, func() string {
		if err := p.Tokyo.TryWrite(t); err != nil {
			return err.Error()
		}
		return ""
	})

	// Without a dump of last night's the test is missed, and takes none itself.
	r = drilled(t, u, "shop-restore-test")
	if back := r.Systems[0].Restore; back == nil || back.Verdict != run.Missed {
		t.Errorf("a restore test without a dump = %s", asJSON(r))
	}
	last := mysqltest.Value[time.Time](t, p.Osaka, "SELECT MAX(taken_at) FROM shop.orders")
	made := nightly(t, p.Osaka, dumps)
	p.Tokyo.Exec(t, "INSERT INTO shop.orders () VALUES ()") // of today: it is not in it
	r = drilled(t, u, "shop-restore-test")
	back := r.Systems[0].Restore
	if back != nil && (back.Backup != made || back.RecoveryPoint == nil || !back.RecoveryPoint.Equal(last)) {
		t.Errorf("restored %s, want what the night made, %s, up to %s: %s", back.Backup, made, last, asJSON(back))
	}
	if back == nil || back.Verdict != run.Met || back.PointVerdict != run.Met || !back.IsolatedGone || back.RecoveryPoint == nil || back.Parts.FetchS == nil || back.Parts.VerifyS == nil {
		t.Errorf("restore = %s", asJSON(r))
	}
}
