package pgbackup

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// vault is a live server whose backups and log pgBackRest keeps.
type vault struct {
	*shop
	tool *pgcluster.Instance
	repo string
}

func openVault(t *testing.T) *vault {
	t.Helper()
	dir := pgtest.Dir(t)
	i, err := programs(Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"repo", "area", "s", "lock", "log", "space"} {
		if err := i.OwnDir(filepath.Join(dir, d)); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "pgbackrest.conf")
	v := &vault{shop: &shop{dir: dir}, repo: filepath.Join(dir, "repo")}
	if v.tool, err = pgbackrest(i); err != nil {
		t.Fatalf("%v", err)
	}
	// The configuration names a host and asks for what would reach the live server: a
	// restore must take no notice of it.
	pair := pgtest.StartPairWith(t, map[string]string{"unix_socket_directories": filepath.Join(dir, "s"), "archive_mode": "on", "archive_command": "true"})
	pair.Osaka.StopServer(t) // on this host it would share the tablespace
	v.live = pair.Tokyo
	text := fmt.Sprintf("[global]\nrepo1-path=%[1]s\nrepo1-retention-full=9\nlog-path=%[2]s/log\nlock-path=%[2]s/lock\nstart-fast=y\njob-retry=0\ncompress-type=gz\nlog-level-file=off\n"+
		"[global:restore]\ndelta=y\nlink-all=y\n[orders]\npg1-path=%[3]s\npg1-socket-path=%[2]s/s\npg1-port=%[4]d\npg1-user=%[5]s\n", v.repo, dir, v.live.Data, v.live.Port, v.live.Target.Spec.User)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	v.store = Target{Name: "orders", Spec: Store{Stanza: "orders", Config: config, Area: filepath.Join(dir, "area"), Database: "postgres", User: "postgres"}}
	v.rest(t, "stanza-create")
	v.live.Exec(t, fmt.Sprintf("ALTER SYSTEM SET archive_command = 'pgbackrest --config=%s --stanza=orders archive-push %%p'", config))
	v.live.Exec(t, "SELECT pg_reload_conf()")
	v.live.Exec(t, fmt.Sprintf("CREATE TABLESPACE fast LOCATION '%s/space'", dir))
	v.live.Exec(t, "CREATE TABLE orders (id bigserial PRIMARY KEY, taken_at timestamptz NOT NULL DEFAULT clock_timestamp()) TABLESPACE fast")
	t.Cleanup(func() {
		left, _ := os.ReadDir(v.store.Spec.Area)
		for _, e := range left {
			t.Errorf("left behind: %s", e.Name())
		}
	})
	return v
}

// rest has pgBackRest do what the server's own schedule would.
func (v *vault) rest(t *testing.T, args ...string) {
	t.Helper()
	env := []string{"PGPASSWORD=" + v.live.Target.Spec.Password.Reveal()}
	if _, err := v.tool.Run(pgtest.Context(t, 10*time.Minute), env, "pgbackrest", append([]string{"--config=" + v.store.Spec.Config, "--stanza=orders", "--log-level-console=warn"}, args...)...); err != nil {
		t.Fatal(err)
	}
}

// archived closes the current segment and waits until pgBackRest has it.
func (v *vault) archived(t *testing.T) {
	t.Helper()
	name := pgtest.Value[string](t, v.live, "SELECT pg_walfile_name(pg_switch_wal())")
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if last := pgtest.Value[*string](t, v.live, "SELECT last_archived_wal FROM pg_stat_archiver"); last == nil || *last < name {
			return name + " is not archived"
		}
		return ""
	})
}

// files are all files of a kind in the repository.
func (v *vault) files(t *testing.T, under, ending string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(v.repo, under), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ending) {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no %s in %s: %v", ending, under, err)
	}
	return out
}

// flip changes a byte in the middle of a file and gives back what undoes it.
func flip(t *testing.T, path string) (mend func()) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(old)
	b[len(b)/2] ^= 0x55
	if err := os.WriteFile(path, b, 0); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(path, old, 0); err != nil {
			t.Error(err)
		}
	}
}

// space is what the live server's folders hold, with the files' times.
func space(t *testing.T, dirs ...string) string {
	t.Helper()
	var out strings.Builder
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !strings.Contains(path, "pg_stat") {
				fmt.Fprintln(&out, path)
			}
			return nil
		})
	}
	return out.String()
}

func TestAPgBackRestRepositoryIsRestoredToAPoint(t *testing.T) {
	t.Parallel()
	v := openVault(t)
	if _, err := find(pgtest.Context(t, time.Minute), Find{Backups: v.store}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "no complete backup") {
		t.Errorf("an empty repository: %v", err)
	}
	v.order(t, 3)
	v.rest(t, "--type=full", "backup")
	full, err := find(pgtest.Context(t, time.Minute), Find{Backups: v.store})
	if err != nil || full.Type != "full" || !strings.HasSuffix(full.Backup, "F") || full.AgeS < 0 || full.AgeS > 60 || full.SizeBytes < 1<<20 {
		t.Fatalf("found %+v %v", full, err)
	}
	last := v.order(t, 4)
	point := pgtest.Value[time.Time](t, v.live, "SELECT clock_timestamp()")
	v.order(t, 5) // must not come back
	v.archived(t)
	pgtest.Eventually(t, 5*time.Second, func() string { // pgBackRest tells whole seconds
		if time.Since(point) < time.Second {
			return "wait for the next second"
		}
		return ""
	})
	v.rest(t, "--type=incr", "backup") // newer than the point: of no use for it
	incr, err := find(pgtest.Context(t, time.Minute), Find{Backups: v.store})
	if err != nil || incr.Type != "incr" || !strings.HasPrefix(incr.Backup, full.Backup) {
		t.Fatalf("found %+v %v", incr, err)
	}
	before, _, err := v.live.Postmaster()
	if err != nil {
		t.Fatal(err)
	}
	held := space(t, v.live.Data, filepath.Join(v.dir, "space"), filepath.Join(v.dir, "lock"))

	ctx := v.call(t)
	p := Restore{Backups: v.store, To: point.Format(time.RFC3339Nano)}
	done, err := restore(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if done.Backup != full.Backup || done.FetchS <= 0 || done.RestoreS <= 0 || done.ReplayS <= 0 {
		t.Errorf("restored %+v", done)
	}
	if seen, err := lookRestored(ctx, p); err != nil || seen.Sight != plan.Holds || seen.Output.(Restored) != done {
		t.Errorf("a look sees %+v %v", seen, err)
	}
	checked, err := verify(ctx, Verify{Backups: v.store, Newest: newestOrder, AmCheck: true, Checks: []Check{{"SELECT count(*) FROM orders", "7"}}})
	if err != nil || !checked.RecoveryPoint.Equal(last) || checked.Rows["public.orders"] != 7 || checked.AmCheck != "passed" || checked.VerifyS <= 0 {
		t.Errorf("verified %+v %v, the newest row is of %s", checked, err, last)
	}

	// The live server noticed nothing, and the tablespace came back elsewhere.
	if now := space(t, v.live.Data, filepath.Join(v.dir, "space"), filepath.Join(v.dir, "lock")); now != held {
		t.Errorf("the live server's folders changed:\n%s\n%s", held, now)
	}
	if after, alive, err := v.live.Postmaster(); err != nil || !alive || after.PID != before.PID {
		t.Errorf("the live server changed: %v %v %v", before, after, err)
	}
	if n := pgtest.Value[int64](t, v.live, "SELECT count(*) FROM orders"); n != 12 {
		t.Errorf("the live server has %d orders", n)
	}
	if there, err := filepath.Glob(filepath.Join(done.Folder, "tablespaces", "*", "*", "*", "*")); err != nil || len(there) == 0 {
		t.Errorf("no isolated tablespace: %v", err)
	}
	if gone, err := discard(ctx, Discard{Backups: v.store}); err != nil || !gone.Gone {
		t.Fatalf("%+v %v", gone, err)
	}

	// To the end of the log, from the newest.
	ctx = v.call(t)
	if done, err = restore(ctx, Restore{Backups: v.store}); err != nil || done.Backup != incr.Backup {
		t.Fatalf("%+v %v", done, err)
	}
	if checked, err := verify(ctx, Verify{Backups: v.store, Newest: newestOrder}); err != nil || checked.Rows["public.orders"] != 12 {
		t.Errorf("%+v %v", checked, err)
	}
	if _, err := discard(ctx, Discard{Backups: v.store}); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedPgBackRestRepositoryIsAFinding(t *testing.T) {
	t.Parallel()
	v := openVault(t)
	v.order(t, 3)
	v.rest(t, "--type=full", "backup")
	v.order(t, 1)
	v.archived(t)
	late := pgtest.Value[time.Time](t, v.live, "SELECT clock_timestamp()").Add(time.Hour).Format(time.RFC3339Nano)
	b, err := find(pgtest.Context(t, time.Minute), Find{Backups: v.store})
	if err != nil {
		t.Fatal(err)
	}
	ready := func() error {
		_, err := readyRestore(pgtest.Context(t, time.Minute), Restore{Backups: v.store})
		return err
	}
	if err := ready(); err != nil {
		t.Errorf("readiness of a sound repository: %v", err)
	}
	wants := func(p Restore, words string) {
		t.Helper()
		if _, err := restore(v.call(t), p); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), words) {
			t.Errorf("want a finding with %q: %v", words, err)
		}
	}
	p := Restore{Backups: v.store}
	file := v.files(t, "backup/orders/"+b.Backup, "PG_VERSION.gz")[0]
	mend := flip(t, file)
	wants(p, "backup "+b.Backup+" is damaged")
	mend()
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	wants(p, "backup "+b.Backup+" is damaged")
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	wants(Restore{Backups: v.store, To: "2001-01-01T00:00:00Z"}, "no backup was taken before")
	wants(Restore{Backups: v.store, To: late}, "recovery ended before configured recovery target was reached")
	if _, err := restore(v.call(t), Restore{Backups: v.store, Backup: "20010101-000000F"}); kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), b.Backup) {
		t.Errorf("a label that is not there: %v", err)
	}
	if b, err := find(pgtest.Context(t, time.Minute), Find{Backups: v.store, MaxAge: 1}); kind(err) != plan.ErrFinding || b.Backup == "" {
		t.Errorf("an old backup: %+v %v", b, err)
	}
	other := v.store
	other.Spec.Stanza = "invoices"
	if _, err := find(pgtest.Context(t, time.Minute), Find{Backups: other}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "invoices") {
		t.Errorf("a stanza that is not there: %v", err)
	}
	other.Spec.Backups = v.repo
	if _, err := find(context.Background(), Find{Backups: other}); kind(err) != plan.ErrRefused {
		t.Errorf("both kinds at once: %v", err)
	}
	// The log is damaged where the backup itself needs it.
	for _, f := range v.files(t, "archive/orders", ".gz") {
		flip(t, f)
	}
	wants(p, "could not be restored")
}
