package mysql

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// shop is a live server with orders, and a place for its dumps.
func shop(t *testing.T) (*mysqltest.Server, StoreTarget) {
	t.Helper()
	live := mysqltest.StartOne(t)
	live.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY AUTO_INCREMENT, note varchar(200), taken_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)) ENGINE = InnoDB CHARSET = utf8mb4")
	live.Exec(t, "INSERT INTO shop.orders (note) VALUES ('一件目'), ('it''s a test; -- \\\\! touch /tmp/no'), (NULL)")
	live.Exec(t, "CREATE VIEW shop.latest AS SELECT MAX(taken_at) AS at FROM shop.orders")
	live.Exec(t, "CREATE PROCEDURE shop.noted() SELECT COUNT(*) FROM shop.orders WHERE note IS NOT NULL")
	live.Exec(t, "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO DELETE FROM shop.orders") // must not run in isolation
	dir := mysqltest.Dir(t)
	for _, d := range []string{"dumps", "area"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	store := StoreTarget{Name: "orders-dumps", Spec: Store{Dumps: filepath.Join(dir, "dumps"), Area: filepath.Join(dir, "area")}}
	t.Cleanup(func() { // a test that failed half-way leaves no server behind
		if _, i, err := isolated(as(t, "run-1"), store); err == nil {
			_, _ = i.Kill(as(t, "run-1"))
		}
	})
	return live, store
}

const newest = "SELECT at FROM shop.latest"

func TestADumpComesBackInIsolation(t *testing.T) {
	t.Parallel()
	live, store := shop(t)
	ctx := as(t, "run-1")
	take := Take{Server: live.Target, Dumps: store}
	seen, err := lookDumped(ctx, take)
	wantSight(t, "no dump yet", seen, err, plan.HoldsNot)
	_, err = findDump(ctx, FindDump{Dumps: store})
	wantKind(t, err, plan.ErrFinding, "no complete dump")
	b := must[Dumped](t)(dump(ctx, take))
	if b.GTID != mysqltest.Value[string](t, live, "SELECT @@gtid_current_pos") || b.SizeBytes == 0 || len(b.Databases) != 1 || b.Flavour != "mariadb" {
		t.Errorf("dump = %+v", b)
	}
	seen, err = lookDumped(ctx, take)
	wantSight(t, "the dump", seen, err, plan.Holds)
	if left, _ := filepath.Glob(filepath.Join(store.Spec.Dumps, "*"+partial)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	live.Exec(t, "INSERT INTO shop.orders (note) VALUES ('after the dump')")
	before := mysqltest.Value[string](t, live, "SELECT @@gtid_current_pos")
	connections := mysqltest.Value[int](t, live, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'connections'")

	found := must[Dumped](t)(findDump(ctx, FindDump{Dumps: store, MaxAge: run.Duration(time.Hour)}))
	if found.Backup != b.Backup {
		t.Errorf("found %+v", found)
	}
	// A live server's temporary table, where all servers keep theirs unless told otherwise.
	temporary := filepath.Join(os.TempDir(), fmt.Sprintf("#sql-temptable-%x-1-1.MAI", os.Getpid()))
	if err := os.WriteFile(temporary, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(temporary) })

	seen, err = lookRestored(ctx, Restore{Dumps: store})
	wantSight(t, "no restore yet", seen, err, plan.HoldsNot)
	_, err = verify(ctx, Verify{Dumps: store, Newest: newest})
	wantKind(t, err, plan.ErrRefused, "must come before")
	r := must[Restored](t)(restore(ctx, Restore{Dumps: store}))
	if r.Backup != b.Backup || r.GTID != b.GTID || r.RestoreS <= 0 || r.FetchS <= 0 {
		t.Errorf("restored = %+v", r)
	}
	seen, err = lookRestored(ctx, Restore{Dumps: store})
	wantSight(t, "the restore", seen, err, plan.Holds)
	notListening(t, ctx, store)
	if _, err := os.Stat(temporary); err != nil {
		t.Errorf("the isolated server took a live one's temporary table away: %v", err)
	}

	v := must[Verified](t)(verify(ctx, Verify{Dumps: store, Newest: newest, Check: true, Checks: []Check{
		{Query: "SELECT COUNT(*) = 3 FROM shop.orders", Expect: "1"},
		{Query: "SELECT note FROM shop.orders WHERE n = 1", Expect: "一件目"},
	}}))
	if v.Rows["shop.orders"] != 3 || v.Checks != 2 || v.CheckTables != "passed" || v.BehindS <= 0 {
		t.Errorf("verified = %+v", v)
	}
	if want := mysqltest.Value[time.Time](t, live, "SELECT taken_at FROM shop.orders WHERE n = 3"); !v.RecoveryPoint.Equal(want) {
		t.Errorf("recovery point %v, the data's newest row is of %v", v.RecoveryPoint, want)
	}
	_, err = verify(ctx, Verify{Dumps: store, Newest: newest, Checks: []Check{{Query: "SELECT COUNT(*) FROM shop.orders", Expect: "4"}}})
	wantKind(t, err, plan.ErrFinding, `answers "3"`)
	_, err = verify(ctx, Verify{Dumps: store, Newest: "SELECT MAX(taken_at) + INTERVAL 9 HOUR FROM shop.orders"}) // Tokyo's, without saying so
	wantKind(t, err, plan.ErrFinding, "CONVERT_TZ")
	_, err = verify(ctx, Verify{Dumps: store, Newest: "SELECT MAX(taken_at) FROM shop.nowhere"})
	wantKind(t, err, plan.ErrFinding, "nowhere")

	gone := must[Discarded](t)(discard(ctx, Discard{Dumps: store}))
	seen, err = lookDiscarded(ctx, Discard{Dumps: store})
	wantSight(t, "the discarded restore", seen, err, plan.Holds)
	if left, err := os.ReadDir(store.Spec.Area); err != nil || len(left) > 0 || !gone.Gone {
		t.Errorf("left in the area: %v, %v", left, err)
	}
	// Nobody touched the live server, or so much as looked at it, but for this question itself.
	if n := mysqltest.Value[int](t, live, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'connections'"); n != connections+2 {
		t.Errorf("the live server saw %d connections, want those of this test alone, %d", n, connections+2)
	}
	if now := mysqltest.Value[string](t, live, "SELECT @@gtid_current_pos"); now != before {
		t.Errorf("the live server went from %s to %s", before, now)
	}
}

// notListening fails if the isolated server has a socket in a network.
func notListening(t *testing.T, ctx context.Context, store StoreTarget) {
	t.Helper()
	dir, i, err := isolated(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	procs, err := i.Processes()
	if err != nil || len(procs) != 1 {
		t.Fatalf("processes = %v, %v", procs, err)
	}
	out, err := exec.Command("ss", "-Hltnp").CombinedOutput()
	if err != nil {
		t.Fatalf("ss (package iproute2): %v %s", err, out)
	}
	if strings.Contains(string(out), fmt.Sprintf("pid=%d,", procs[0].PID)) {
		t.Errorf("the isolated server listens:\n%s", out)
	}
	c, err := mylink.Connect(ctx, inside(store, dir), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if rows, err := mylink.Rows(ctx, c, "SELECT @@skip_networking AS n, @@event_scheduler AS e, @@log_bin AS l, @@tmpdir AS t"); err != nil || !strings.HasPrefix(rows[0]["t"], dir) || rows[0]["n"] != "1" || rows[0]["e"] != "OFF" || rows[0]["l"] != "0" {
		t.Errorf("the isolated server: %v, %v", rows, err)
	}
}

func TestADumpThatIsDamagedIsSaidToBe(t *testing.T) {
	t.Parallel()
	live, store := shop(t)
	ctx := as(t, "run-1")
	b := must[Dumped](t)(dump(ctx, Take{Server: live.Target, Dumps: store}))
	file := filepath.Join(store.Spec.Dumps, b.Backup+packed)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"a bit": flipped(whole), "cut off": whole[:len(whole)/2], "empty": nil} {
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = restore(ctx, Restore{Dumps: store})
		wantKind(t, err, plan.ErrFinding, "damaged")
		if left, _ := os.ReadDir(store.Spec.Area); len(left) > 0 {
			t.Errorf("%s: left in the area: %v", name, left)
		}
	}

	// Its checksum is right, its contents are not: the client says where.
	text := must[[]byte](t)(unzstd(whole))
	evil := zst(t, append(bytes.Replace(text, []byte("INSERT INTO"), []byte("INSERT INT"), 1), '\n'))
	rewrite(t, store, b, evil)
	_, err = restore(ctx, Restore{Dumps: store})
	wantKind(t, err, plan.ErrFinding, "could not be restored")

	// A shell's command in it is not obeyed.
	trap := filepath.Join(mysqltest.Dir(t), "obeyed")
	if err := os.Chmod(filepath.Dir(trap), 0o777); err != nil {
		t.Fatal(err)
	}
	rewrite(t, store, b, zst(t, append([]byte("\\! touch "+trap+"\nsystem touch "+trap+"\n"), text...)))
	_, err = restore(ctx, Restore{Dumps: store})
	if _, serr := os.Stat(trap); serr == nil {
		t.Errorf("a command inside of the dump was run (restore: %v)", err)
	}
	must[Discarded](t)(discard(ctx, Discard{Dumps: store}))
	if err := os.WriteFile(filepath.Join(store.Spec.Dumps, b.Backup+described), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = findDump(ctx, FindDump{Dumps: store})
	wantKind(t, err, plan.ErrFinding, "description")
}

func flipped(b []byte) []byte {
	out := bytes.Clone(b)
	out[len(out)/2] ^= 1
	return out
}

func unzstd(b []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(b, nil)
}

func zst(t *testing.T, b []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(b, nil)
}

// rewrite puts other contents into a dump, its checksum with them.
func rewrite(t *testing.T, store StoreTarget, b Dumped, file []byte) {
	t.Helper()
	text := fmt.Sprintf(`{"taken_at": %q, "flavour": "mariadb", "sha256": "%x", "sql_bytes": 1}`, b.TakenAt.Format(time.RFC3339Nano), sha256.Sum256(file))
	if err := os.WriteFile(filepath.Join(store.Spec.Dumps, b.Backup+described), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store.Spec.Dumps, b.Backup+packed), file, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADumpOrRestoreThatIsCutOff(t *testing.T) {
	t.Parallel()
	live, store := shop(t)
	ctx := as(t, "run-1")
	cut, cancel := context.WithCancel(ctx)
	cancel()
	take := Take{Server: live.Target, Dumps: store}
	if _, err := dump(cut, take); err == nil {
		t.Error("a dump that was cut off passed")
	}
	seen, err := lookDumped(ctx, take)
	wantSight(t, "the dump that was cut off", seen, err, plan.HoldsNot)
	must[Dumped](t)(dump(ctx, take))

	// The worker died in the middle: its folder is there, and half of a server.
	dir, i, err := isolated(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	b := must[Dumped](t)(namedDump(store, activities.CallFrom(ctx).ArtifactName()))
	if err := lay(ctx, dir, i, store, filepath.Join(store.Spec.Dumps, b.Backup+packed), b); err != nil {
		t.Fatal(err)
	}
	seen, err = lookRestored(ctx, Restore{Dumps: store})
	wantSight(t, "the restore that was cut off", seen, err, plan.HoldsNot)
	must[Restored](t)(restore(ctx, Restore{Dumps: store}))
	must[Discarded](t)(discard(ctx, Discard{Dumps: store}))
	must[Discarded](t)(discard(ctx, Discard{Dumps: store})) // twice is once

	// A folder of somebody else's is left alone.
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = restore(ctx, Restore{Dumps: store})
	wantKind(t, err, plan.ErrRefused, "left alone")
	_, err = discard(ctx, Discard{Dumps: store})
	wantKind(t, err, plan.ErrRefused, "left alone")
	unsafe := store
	unsafe.Spec.Area = live.Data
	_, err = restore(ctx, Restore{Dumps: unsafe})
	wantKind(t, err, plan.ErrRefused, "data directory")
	unsafe.Spec.Area = store.Spec.Dumps
	_, err = restore(ctx, Restore{Dumps: unsafe})
	wantKind(t, err, plan.ErrRefused, "lie in one another")
}

func TestADeadServerIsNotDumped(t *testing.T) {
	t.Parallel()
	live, store := shop(t)
	ctx := as(t, "run-1")
	half := halfAlive(t, nil)
	_, err := dump(ctx, Take{Server: half, Dumps: store})
	wantKind(t, err, "plain", "no answer in time")
	live.Kill9(t)
	_, err = dump(ctx, Take{Server: live.Target, Dumps: store})
	wantKind(t, err, "plain", "connection refused")
	if left, _ := os.ReadDir(store.Spec.Dumps); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Two systems may run one runbook, and two estates may call a server the same.
func TestADumpIsItsOwnStepsAndServers(t *testing.T) {
	t.Parallel()
	live, store := shop(t)
	step := plan.Call{Run: "run-1", System: "shop", Runbook: "backup", Step: "dump"}
	other := step
	other.System = "mail"
	take := Take{Server: live.Target, Dumps: store}
	ctx := activities.WithCall(mysqltest.Context(t, time.Minute), step)
	first := must[Dumped](t)(dump(ctx, take))
	seen, err := lookDumped(activities.WithCall(ctx, other), take)
	wantSight(t, "another system's dump", seen, err, plan.HoldsNot)
	if second := must[Dumped](t)(dump(activities.WithCall(ctx, other), take)); second.Backup == first.Backup {
		t.Errorf("both systems' dumps are named %s", first.Backup)
	}

	namesake := take
	namesake.Server.Spec.Host = "127.0.0.2"
	seen, err = lookDumped(ctx, namesake)
	wantSight(t, "the dump of a server of the same name", seen, err, plan.HoldsNot)
	_, err = dump(ctx, namesake)
	wantKind(t, err, plan.ErrRefused, "another server")
	if found := must[Dumped](t)(namedDump(store, first.Backup)); found.SHA256 != first.SHA256 {
		t.Error("the dump of another server was overwritten")
	}
}

// Whoever may make a database names it, and names reach the command line of programs.
func TestADatabaseMayHaveTheNameOfAnOption(t *testing.T) {
	t.Parallel()
	live, store := shop(t)
	ctx := as(t, "run-1")
	trap := filepath.Join(mysqltest.Dir(t), "trap")
	for _, name := range []string{"--no-data", "--result-file=" + trap, "-r" + trap} {
		live.Exec(t, "CREATE DATABASE "+quoted(name))
		live.Exec(t, "CREATE TABLE "+quoted(name)+".rows_of_it (n int)")
		live.Exec(t, "INSERT INTO "+quoted(name)+".rows_of_it VALUES (1)")
	}
	must[Dumped](t)(dump(ctx, Take{Server: live.Target, Dumps: store}))
	if _, err := os.Stat(trap); err == nil {
		t.Error("a database's name was obeyed as an option")
	}
	must[Restored](t)(restore(ctx, Restore{Dumps: store}))
	v := must[Verified](t)(verify(ctx, Verify{Dumps: store, Newest: newest, Check: true}))
	if v.Rows["--no-data.rows_of_it"] != 1 || v.Rows["-r"+trap+".rows_of_it"] != 1 || v.Rows["shop.orders"] != 3 {
		t.Errorf("verified = %+v", v)
	}
	must[Discarded](t)(discard(ctx, Discard{Dumps: store}))
}
