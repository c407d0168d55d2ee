// Package systemd_test looks at the units with systemd's own tools, and runs one under a real systemd.
package systemd_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/systemdtest"
	"github.com/muster-dr/muster/internal/waittest"
)

var units = []string{"muster-server.service", "muster-worker@.service", "muster.service", "examples/temporal.service"}

// dropIns are the examples, and the unit that each belongs to.
var dropIns = map[string]string{"worker-beside-postgresql.conf": "muster-worker@.service", "worker-of-its-own-user.conf": "muster-worker@.service", "evidence-elsewhere.conf": "muster-server.service"}

// most is the exposure that a unit may have, in tenths, as `systemd-analyze security` counts: a service
// without any protection has 96.
const most = "15"

// stubs are the units that every machine has.
var stubs = []string{"sysinit.target", "basic.target", "shutdown.target", "network-online.target", "multi-user.target", "umount.target", "system.slice", "-.slice"}

func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	etc := filepath.Join(dir, "etc", "systemd", "system")
	for _, d := range []string{etc, filepath.Join(dir, "usr", "bin")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"muster", "temporal-server", "systemctl"} {
		write(t, filepath.Join(dir, "usr", "bin", program), "#!/bin/sh\n", 0o755)
	}
	for _, s := range stubs {
		write(t, filepath.Join(etc, s), "[Unit]\nDefaultDependencies=no\n", 0o644)
	}
	for _, u := range units {
		write(t, filepath.Join(etc, filepath.Base(u)), read(t, u), 0o644)
	}
	return dir
}

func TestSystemdUnderstandsTheUnits(t *testing.T) {
	dir := root(t)
	for _, u := range units {
		if out := analyze(t, "verify", "--man=no", "--root="+dir, filepath.Base(u)); out != "" {
			t.Errorf("%s:\n%s", u, out)
		}
	}
	for example, unit := range dropIns {
		dropIn(t, dir, unit, example)
		if out := analyze(t, "verify", "--man=no", "--root="+dir, strings.Replace(unit, "@.", "@osaka.", 1)); out != "" {
			t.Errorf("with %s beside it:\n%s", example, out)
		}
		if err := os.RemoveAll(filepath.Join(dir, "etc", "systemd", "system", unit+".d")); err != nil {
			t.Fatal(err)
		}
	}
	// It would say what is wrong.
	write(t, filepath.Join(dir, "etc", "systemd", "system", "muster.service"), read(t, "muster.service")+"\n[Service]\nProtectSytem=strict\n", 0o644)
	if out := analyze(t, "verify", "--man=no", "--root="+dir, "muster.service"); !strings.Contains(out, "ProtectSytem") {
		t.Errorf("a misspelt setting is said nothing about: %q", out)
	}
}

// What the engine's database holds of runs is encrypted unless somebody says otherwise.
func TestTheUnitsEncryptHistories(t *testing.T) {
	for _, u := range []string{"muster-server.service", "muster-worker@.service"} {
		text := read(t, u)
		at, over := strings.Index(text, "Environment=MUSTER_ENCRYPTION_KEYRING=secret://systemd/secret_keyring\n"), strings.Index(text, "EnvironmentFile=")
		if at < 0 || over < at || !strings.Contains(text, "LoadCredential=secret:/etc/muster/credentials\n") {
			t.Errorf("%s has no keyring that its environment file may replace", u)
		}
	}
}

func TestTheUnitsAreHardened(t *testing.T) {
	dir := root(t)
	file := func(u string) string { return filepath.Join(dir, "etc", "systemd", "system", filepath.Base(u)) }
	for _, u := range units {
		if out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+most, file(u)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", u, err, out)
		}
	}
	weak := strings.NewReplacer("User=muster\n", "", "ProtectSystem=strict\n", "", "SystemCallFilter=~@privileged @resources\n", "").Replace(read(t, units[0]))
	write(t, file(units[0]), weak, 0o644)
	if out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+most, file(units[0])).CombinedOutput(); err == nil {
		t.Errorf("a unit with less protection passes too:\n%s", out)
	}
}

// A PostgreSQL that a worker started runs on when the worker ends. systemd itself says what the unit with the drop-in does to it: the
// unit alone would take its shared memory and forbid it to compile, and the servers inherit that.
func TestAWorkerBesidePostgreSQLDoesItNoHarm(t *testing.T) {
	dir := root(t)
	judged := func() map[string]bool {
		t.Helper()
		var all []struct {
			Field string `json:"json_field"`
			Name  string
			Set   *bool
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--root="+dir, "--json=short", "muster-worker@osaka.service").Output()
		if err == nil {
			err = json.Unmarshal(out, &all)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		set := map[string]bool{}
		for _, a := range all {
			if a.Set != nil {
				set[strings.TrimSuffix(a.Name, "=")] = *a.Set
			}
		}
		return set
	}
	harmful := []string{"RemoveIPC", "MemoryDenyWriteExecute", "PrivateTmp", "PrivateUsers"}
	for _, name := range harmful {
		if !judged()[name] {
			t.Errorf("the unit alone has no %s, so that this looks at nothing", name)
		}
	}
	dropIn(t, dir, "muster-worker@.service", "worker-beside-postgresql.conf")
	after := judged()
	for _, name := range harmful {
		if set, known := after[name]; set || !known {
			t.Errorf("%s does harm to a PostgreSQL server that the worker started", name)
		}
	}
	if !after["NoNewPrivileges"] || !after["ProtectKernelModules"] {
		t.Errorf("the drop-in takes more than PostgreSQL needs: %v", after)
	}
}

// Beside the server a worker is somebody else: its unit with the drop-in names no folder of the server's, and no less is kept from it. The commands of the
// documentation make what the drop-in names, for its user and nobody else.
func TestAWorkerBesideTheServerIsKeptApart(t *testing.T) {
	dir := root(t)
	dropIn(t, dir, "muster-worker@.service", "worker-of-its-own-user.conf")
	if out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+most, "--root="+dir, "muster-worker@osaka.service").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	own := read(t, "examples/worker-of-its-own-user.conf")
	set, reset := strings.Index(own, "\nLoadCredential=secret:"), strings.Index(own, "\nLoadCredential=\n")
	if reset < 0 || set < reset {
		t.Error("the server's secrets are loaded too")
	}
	unit := read(t, "muster-server.service")
	for line := range strings.Lines(own) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && value != "" && !strings.HasPrefix(line, "#") && strings.Contains(unit, key+"="+value+"\n") {
			t.Errorf("%s=%s is the server's", key, value)
		}
	}
	files := regexp.MustCompile(`/etc/muster/(\S+)-%i(?:/(\S+))?`).FindAllStringSubmatch(strings.SplitN(own, "[Service]", 2)[1], -1)
	if len(files) != 4 {
		t.Errorf("the drop-in names %q", files)
	}
	for _, page := range []string{"deployment.md", "deployment.ja.md"} {
		steps := read(t, "../../docs/"+page)
		want := []string{"useradd --system --no-create-home --home-dir /var/lib/muster --shell /usr/sbin/nologin muster-osaka\n", "install -d -m 0750 -g muster-osaka /etc/muster/tls-osaka ",
			"install -d -m 0700 /etc/muster/credentials-osaka\n", "examples/worker-of-its-own-user.conf /etc/systemd/system/muster-worker@osaka.service.d/"}
		for _, f := range files {
			if f[2] != "" {
				want = append(want, " "+f[2]+" ")
			}
		}
		for _, w := range want {
			if !strings.Contains(steps, w) {
				t.Errorf("docs/%s does not say %q", page, w)
			}
		}
	}
}

// dropIn puts an example beside a unit.
func dropIn(t *testing.T, dir, unit, example string) {
	t.Helper()
	to := filepath.Join(dir, "etc", "systemd", "system", unit+".d")
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(to, example), read(t, "examples/"+example), 0o644)
}

// beyond are settings that only the machine's own systemd can give a service: the test's is
// a user's.
var beyond = regexp.MustCompile(`^(User|Group|StateDirectory|StateDirectoryMode|LoadCredential|CapabilityBoundingSet|AmbientCapabilities|Protect\w+|Private\w+|RemoveIPC|Environment|EnvironmentFile|WorkingDirectory|ExecStart|Restrict(Namespaces|SUIDSGID)|LimitNOFILE)=`)

// muster, with its engine, works under the unit's filter of system calls, says when it is up, and is started
// again when it hangs.
func TestMusterRunsUnderItsUnit(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	free, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free)
	text := strings.Replace(upUnit(t, repo, data, filepath.Join(repo, "scenarios", "cases"), port), "WatchdogSec=30s", "WatchdogSec=15s", 1)
	for _, kept := range []string{"SystemCallFilter=@system-service", "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=", "Type=notify", "Restart=always"} {
		if !strings.Contains(text, kept) {
			t.Fatalf("%s is not in what is tested:\n%s", kept, text)
		}
	}
	m := systemdtest.Start(t)
	m.Unit(t, "muster.service", text)
	m.Run(t, "muster.service") // Type=notify: returns when muster has said that it is up
	healthy := func() string {
		res, err := http.Get("http://127.0.0.1:" + port + "/api/v1/health")
		if err != nil {
			return err.Error()
		}
		_ = res.Body.Close()
		return map[bool]string{false: res.Status}[res.StatusCode == http.StatusOK]
	}
	if not := healthy(); not != "" {
		t.Errorf("systemd says that it is up: %s", not)
	}
	pid := process(t, "muster", "MUSTER_DATA="+data)
	status := read(t, "/proc/"+strconv.Itoa(pid)+"/status")
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			t.Errorf("the process has not %q:\n%s", want, status)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waittest.Eventually(t, 3*time.Minute, func() string {
		if m.Starts(t, "muster.service") < 2 {
			return "it hangs, and is not started again"
		}
		return healthy()
	})
}

// upUnit is the shipped unit of `muster up`, as far as a user's systemd can have it, with a folder and a port of the test's.
func upUnit(t *testing.T, repo, data, plans, port string) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(read(t, "muster.service")) {
		switch {
		case strings.HasPrefix(line, "[Unit]"):
			text.WriteString(line + "DefaultDependencies=no\n")
		case strings.HasPrefix(line, "[Install]"), strings.HasPrefix(line, "WantedBy="), strings.HasPrefix(line, "Wants="), strings.HasPrefix(line, "After="):
		case strings.HasPrefix(line, "[Service]"):
			text.WriteString(line + "ExecStart=" + filepath.Join(repo, "bin", "muster") + " up\nWorkingDirectory=" + t.TempDir() + "\n" +
				"Environment=MUSTER_DATA=" + data + " MUSTER_PLANS=" + plans + " MUSTER_LISTEN=127.0.0.1:" + port + " HOME=" + data + "\n")
		case beyond.MatchString(line):
		default:
			text.WriteString(line)
		}
	}
	return text.String()
}

// process is the one that runs a program with a setting. systemd knows it by another number: it
// has a process table of its own.
func process(t *testing.T, program, setting string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		exe, _ := os.Readlink(p + "/exe")
		env, _ := os.ReadFile(p + "/environ")
		if filepath.Base(exe) == program && strings.Contains("\x00"+string(env), "\x00"+setting+"\x00") {
			n, err := strconv.Atoi(filepath.Base(p))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no process runs %s with %s", program, setting)
	return 0
}

// analyze returns what systemd-analyze has to say, "" is nothing.
func analyze(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command("systemd-analyze", argv...).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatalf("systemd-analyze (package systemd): %v", err)
	}
	return strings.TrimSpace(string(out))
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
