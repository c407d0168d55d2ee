package app

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// vault is a live server's backup, which restores are tried from.
type vault struct {
	live  *pgtest.Server
	dir   string
	wal   string
	name  string // of the base backup
	size  int64
	first string // log segment that a restore needs first
	grows int64  // by how much the log makes it grow, at least
}

// restoreTest is one system's: its own area and log, and where it is held up.
type restoreTest struct {
	vault   *vault
	name    string
	area    string
	wal     string
	bin     string
	holding string // file that keeps the fetch from going on while it is there; "" for the replay's
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{dir: pgtest.Dir(t), name: "monday"}
	v.wal = filepath.Join(v.dir, "wal")
	pair := pgtest.StartPairWith(t, map[string]string{"archive_mode": "on", "archive_command": fmt.Sprintf("test ! -f %s/%%f && cp %%p %[1]s/%%f", v.wal)})
	v.live = pair.Tokyo
	v.own(t, filepath.Join(v.dir, "base"))
	v.own(t, v.wal)
	v.live.Exec(t, "CREATE TABLE orders (id bigserial PRIMARY KEY, note text, at timestamptz NOT NULL DEFAULT clock_timestamp())")
	if _, err := v.live.Run(pgtest.Context(t, time.Minute), []string{"PGPASSWORD=" + pair.Password}, "pg_basebackup", "-D", filepath.Join(v.dir, "base", v.name),
		"-h", v.live.Host, "-p", fmt.Sprint(v.live.Port), "-U", pair.User, "-X", "stream", "--checkpoint=fast", "--manifest-checksums=SHA256"); err != nil {
		t.Fatal(err)
	}
	v.first = pgtest.Value[string](t, v.live, "SELECT pg_walfile_name(pg_current_wal_lsn())")
	v.grows = 16 << 20
	v.live.Exec(t, "INSERT INTO orders (note) SELECT repeat('x', 1000) FROM generate_series(1, 16384)")
	last := pgtest.Value[string](t, v.live, "SELECT pg_walfile_name(pg_switch_wal())")
	pgtest.Eventually(t, 30*time.Second, func() string {
		if _, err := os.Stat(filepath.Join(v.wal, last)); err != nil {
			return err.Error()
		}
		return ""
	})
	err := filepath.WalkDir(filepath.Join(v.dir, "base", v.name), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if st, serr := d.Info(); serr == nil {
				v.size += (st.Size() + 4095) &^ 4095
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *vault) own(t *testing.T, dir string) {
	t.Helper()
	if err := v.live.OwnDir(dir); err != nil {
		t.Fatal(err)
	}
}

// test makes a system's area, a log of its own, and programs that can be held up.
func (v *vault) test(t *testing.T, name string) *restoreTest {
	t.Helper()
	x := &restoreTest{vault: v, name: name, area: filepath.Join(v.dir, name), wal: v.wal, bin: v.live.Bin}
	v.own(t, x.area)
	return x
}

// inFetch holds the first restore up while it holds the backup against its checksums.
func (x *restoreTest) inFetch(t *testing.T) *restoreTest {
	t.Helper()
	x.bin, x.holding = filepath.Join(x.vault.dir, x.name+"-bin"), filepath.Join(x.vault.dir, x.name+"-hold")
	if err := os.Mkdir(x.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	programs, err := os.ReadDir(x.vault.live.Bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		if p.Name() == "pg_verifybackup" {
			continue
		}
		if err := os.Symlink(filepath.Join(x.vault.live.Bin, p.Name()), filepath.Join(x.bin, p.Name())); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("#!/bin/sh\n[ ! -e %s ] || sleep 1000\nexec %s/pg_verifybackup \"$@\"\n", x.holding, x.vault.live.Bin)
	if err := os.WriteFile(filepath.Join(x.bin, "pg_verifybackup"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, x.holding, "")
	return x
}

// inReplay holds the first restore up in the middle of its log: a segment that never comes.
func (x *restoreTest) inReplay(t *testing.T) *restoreTest {
	t.Helper()
	x.wal = filepath.Join(x.vault.dir, x.name+"-wal")
	if err := os.CopyFS(x.wal, os.DirFS(x.vault.wal)); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(x.wal, x.vault.first)
	if err := os.Rename(segment, segment+".kept"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(segment, 0o644); err != nil {
		t.Fatal(err)
	}
	x.own(t)
	return x
}

func (x *restoreTest) own(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("chown", "-R", owner(), x.wal).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// release lets later restores go on; the one at hand stays where it is.
func (x *restoreTest) release(t *testing.T) {
	t.Helper()
	err := os.Remove(x.holding)
	if x.holding == "" {
		segment := filepath.Join(x.wal, x.vault.first)
		err = os.Rename(segment+".kept", segment)
	}
	if err != nil {
		t.Error(err)
	}
}

// heldUp waits until the restore is in the middle.
func (x *restoreTest) heldUp(t *testing.T) {
	t.Helper()
	pgtest.Eventually(t, 3*time.Minute, func() string {
		at := "sleep"
		if x.holding == "" {
			at = "cp"
		}
		for _, p := range x.left() {
			if strings.Contains(p, ": "+at) || strings.Contains(p, "/"+at) {
				return ""
			}
		}
		return fmt.Sprintf("%s is not held up: %v", x.name, x.left())
	})
}

// left is every process and file of the isolated copy.
func (x *restoreTest) left() []string {
	out := leftRunning(x.area)
	entries, err := os.ReadDir(x.area)
	if err != nil {
		return append(out, err.Error())
	}
	for _, e := range entries {
		out = append(out, filepath.Join(x.area, e.Name()))
	}
	return out
}

// tmpfs gives the area a file system of its own.
func (x *restoreTest) tmpfs(t *testing.T, size int64) {
	t.Helper()
	if out, err := rooted("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=0777", size), "tmpfs", x.area).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := rooted("umount", x.area).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
			_ = rooted("umount", "-l", x.area).Run()
		}
	})
}

func rooted(argv ...string) *exec.Cmd {
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	return exec.Command(argv[0], argv[1:]...)
}

// siteWorker is a `muster worker` of its own process behind a gateway.
type siteWorker struct {
	*child.Process
	start func(t *testing.T, more ...string) *child.Process
}

// employSite starts one, with more in its environment; it ends with the test.
func employSite(t *testing.T, o Options, site, gateway string, more ...string) *siteWorker {
	t.Helper()
	dir := t.TempDir()
	cert, err := CertifySite(o, site, filepath.Join(dir, "certificate"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(filepath.Dir(temporaltest.Binary(t)), "faults", "muster")
	w := &siteWorker{}
	w.start = func(t *testing.T, more ...string) *child.Process {
		t.Helper()
		p, err := child.Start("worker of "+site, filepath.Join(dir, "log"), binary, append(os.Environ(), more...), "worker", "--site", site, "--data", filepath.Join(dir, "data"),
			"--temporal-address", gateway, "--temporal-tls-ca-file", cert.CA, "--temporal-tls-cert-file", cert.Cert, "--temporal-tls-key-file", cert.Key)
		if err != nil {
			t.Fatal(err)
		}
		w.Process = p
		return p
	}
	w.start(t, more...)
	t.Cleanup(func() {
		_ = w.End(context.WithoutCancel(t.Context()))
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("worker of %s:\n%s", site, b[max(0, len(b)-3000):])
		}
	})
	return w
}

// openGate gives the options a gateway on a free port.
func openGate(t *testing.T, o *Options) string {
	t.Helper()
	o.Config.Gateway.Listen = atFreePort(t)
	return o.Config.Gateway.Listen
}

// A restore whose disk fills up, whose worker is killed in the middle or whose run is
// aborted leaves neither a process nor a file of its isolated copy, and says what it was.
func TestFaultsOfRestores(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	full := v.test(t, "full")
	full.tmpfs(t, v.size+v.size/8+v.grows/4)
	tests := []*restoreTest{full, v.test(t, "killed-in-fetch").inFetch(t), v.test(t, "killed-in-replay").inReplay(t),
		v.test(t, "aborted-in-fetch").inFetch(t), v.test(t, "aborted-in-replay").inReplay(t)}
	files := map[string]string{}
	sites, targets, systems := "{name: osaka}", &strings.Builder{}, &strings.Builder{}
	for _, x := range tests {
		site := "osaka"
		if strings.HasPrefix(x.name, "killed") {
			site = x.name
			sites += ", {name: " + site + "}"
		}
		fmt.Fprintf(targets, "  - {name: %[1]s-backups, kind: pgbackups, site: %[2]s, backups: %[3]s/base, wal: %[4]s, area: %[5]s, bin: %[6]s, run_as: %[7]q}\n", x.name, site, v.dir, x.wal, x.area, x.bin, v.live.RunAs)
		fmt.Fprintf(systems, "  - {name: %[1]s, home: osaka, drillable: [isolated], objectives: {restore: {within: 15m, point: 1h}}, runbooks: {restore: %[1]s}}\n", x.name)
		files[x.name+"-runbook.yaml"] = fmt.Sprintf(`kind: Runbook
name: %[1]s
system: %[1]s
steps:
  - {id: restore, at: %[2]s, uses: pgbackup.restore, retry: 1, timeout: 5m, queue_timeout: 5m, with: {backups: %[1]s-backups}, undo: {uses: pgbackup.discard, with: {backups: %[1]s-backups}}}
  - {id: verify, at: %[2]s, uses: pgbackup.verify, queue_timeout: 5m, with: {backups: %[1]s-backups, newest: SELECT max(at) FROM orders, amcheck: false}}
  - {id: discard, at: %[2]s, uses: pgbackup.discard, queue_timeout: 5m, with: {backups: %[1]s-backups}}
`, x.name, site)
		files[x.name+"-scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: %[1]s
title: {en: A restore at fault, ja: 復元の障害}
hazard: restore-test
depth: isolated
systems: [%[1]s]
failback: stay
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 10s}
fail_wait: 1s
`, x.name)
	}
	files["estate.yaml"] = "kind: Estate\nname: faults\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [" + sites + "]\ntargets:\n" + targets.String() + "systems:\n" + systems.String() +
		"people: [{id: sato, name: Sato, roles: [commander]}]\nmuster_places: [{name: online, title: Online, online: true}]\n"
	o, _ := options(t, plansDir(t, files))
	o.Config.Sites = []string{"osaka"}
	gate := openGate(t, &o)
	u := begin(t, o)
	rubbish(t, gate)
	runs, workers := map[string]string{}, map[string]*siteWorker{}
	for _, x := range tests {
		if strings.HasPrefix(x.name, "killed") {
			workers[x.name] = employSite(t, o, x.name, gate)
		}
		started, err := u.Start(t.Context(), api.StartRequest{Scenario: x.name, Kind: run.Drill, By: "sato"})
		if err != nil {
			t.Fatal(err)
		}
		runs[x.name] = started.Run
	}
	for _, x := range tests[1:] {
		x.heldUp(t)
		if w := workers[x.name]; w != nil {
			if err := w.Cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-w.Done
			x.release(t)
			w.start(t)
		} else if _, err := u.Abort(t.Context(), runs[x.name], workflows.Control{By: "sato", Reason: "the disk is needed"}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]struct {
		state   run.State
		verdict run.Verdict
		reads   map[string][]string
	}{
		"full":   {run.NotResumable, run.Missed, map[string][]string{"en": {full.area, "filled up", "make room there"}, "ja": {full.area, "満杯", "空きを増やす"}}},
		"killed": {run.Recovered, run.Met, nil}, "aborted": {run.Cancelled, run.NotProven, map[string][]string{"en": {"aborted"}, "ja": {"中止"}}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			untilEnded(t, u, runs[x.name])
			r := readReport(t, u, runs[x.name])
			kind, _, _ := strings.Cut(x.name, "-")
			w := want[kind]
			got := r.Systems[0].Restore
			if got == nil || r.Run.State != w.state || got.Verdict != w.verdict {
				t.Fatalf("the run ended %s with %s, want %s and %s; restore: %s", r.Run.State, asJSON(got), w.state, w.verdict, step(r, "restore").Reason)
			}
			readsIn(t, u, r, w.reads)
			nothingOpen(t, u, runs[x.name], x.name)
			if left := x.left(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if kind == "killed" {
				if s := step(r, "restore"); s.Outcome != run.Passed || s.Attempts != 2 {
					t.Errorf("restore %s after %d attempts: %s", s.Outcome, s.Attempts, s.Reason)
				}
				if !got.IsolatedGone {
					t.Error("the isolated copy is not said to be gone")
				}
			}
		})
	}
}

// rubbish is sent to a gateway by those who mistake it for something else, or mean harm:
// some speak another protocol, some nothing at all, and none of them goes away.
func rubbish(t *testing.T, gate string) {
	t.Helper()
	for n := range 100 {
		c, err := net.Dial("tcp", gate)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		says := [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), make([]byte, 64<<10), {0x16, 3, 1, 0xff, 0xff}}[n%5]
		_, _ = c.Write(says)
	}
}

// readsIn looks for words in a run's report, in each language.
func readsIn(t *testing.T, u running, r report.Report, words map[string][]string) {
	t.Helper()
	for lang, list := range words {
		page, err := u.Report(t.Context(), r.Run.ID, "markdown", lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range list {
			if !strings.Contains(string(page), w) {
				t.Errorf("the %s report does not say %q:\n%s", lang, w, asJSON(r.Findings))
			}
		}
	}
}
