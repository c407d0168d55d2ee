package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/systemdtest"
)

// asService runs a command as a unit of the test's systemd, and returns what it printed and its exit code.
func asService(t *testing.T, m *systemdtest.Manager, dir string, argv ...string) (string, int) {
	t.Helper()
	script, err := filepath.Abs("muster-as-service")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), script, append([]string{"--user"}, argv...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + dir, "DBUS_SESSION_BUS_ADDRESS=" + m.Address}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// placed is a shipped unit as a user's systemd can have it, with the test's folder in place of /etc/muster and /var/lib/muster.
func placed(t *testing.T, m *systemdtest.Manager, unit, etc, lib string) {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(read(t, unit)) {
		name, _, _ := strings.Cut(line, "=")
		switch name {
		case "Environment", "EnvironmentFile", "WorkingDirectory", "ExecStart", "LoadCredential":
		default:
			if beyond.MatchString(line) || strings.HasPrefix(line, "[Install]") {
				continue
			}
		}
		text.WriteString(line)
	}
	m.Unit(t, unit, strings.NewReplacer("/etc/muster", etc, "/var/lib/muster", lib).Replace(text.String()))
}

// Commands get what stands in a service's unit, in its drop-ins, in its .env and in its credentials, whether it runs or not; so upgrade-check and doctor
// look at the installation that is there.
func TestACommandIsRunAsTheServiceIs(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	etc, lib := t.TempDir(), t.TempDir() // which go after all that runs in them
	m := systemdtest.Start(t)
	for _, d := range []string{"credentials", "plans"} {
		if err := os.Mkdir(filepath.Join(etc, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(etc, "server.env"), "MUSTER_LISTEN=127.0.0.1:1\nMUSTER_STORE=\"sqlite:with a space.db\"\n", 0o600)
	write(t, filepath.Join(etc, "worker-tokyo.env"), "MUSTER_TEMPORAL_ADDRESS=127.0.0.1:1\n", 0o600)
	write(t, filepath.Join(etc, "muster.yaml"), "log: {format: json}\n", 0o600)
	muster := filepath.Join(repo, "bin", "muster")
	if out, err := exec.CommandContext(t.Context(), muster, "key", "new", "--keyring", filepath.Join(etc, "credentials", "keyring")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	keys := read(t, filepath.Join(etc, "credentials", "keyring"))
	for _, unit := range []string{"muster-server.service", "muster-worker@.service"} {
		placed(t, m, unit, etc, lib)
	}
	for _, unit := range []string{"muster-server", "muster-worker@osaka"} {
		if err := os.MkdirAll(filepath.Join(m.Dir, "config", "systemd", "user", unit+".service.d"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.Etc(t, "muster-server.service.d/more.conf", "[Service]\nEnvironment=\"MORE=of a drop-in\"\n")
	out, code := asService(t, m, t.TempDir(), "muster-server", "sh", "-c", `echo "$PWD|$MUSTER_CONFIG|$MUSTER_DATA|$MUSTER_LISTEN|$MUSTER_STORE|$MORE|$1"; umask; cat "$CREDENTIALS_DIRECTORY/secret_keyring"; exit 5`, "sh", "a b")
	want := etc + "|" + etc + "/muster.yaml|" + lib + "/server|127.0.0.1:1|sqlite:with a space.db|of a drop-in|a b\n0077\n" + keys
	if out != want || code != 5 {
		t.Errorf("as the server: exit code %d\n%s\nwant 5 and\n%s", code, out, want)
	}
	// A command of the folder that one is in, as the worker of a site.
	if err := os.Symlink(muster, filepath.Join(lib, "new")); err != nil {
		t.Fatal(err)
	}
	out, code = asService(t, m, lib, "muster-worker@tokyo.service", "./new", "doctor", "--site", "tokyo", "--lang", "en")
	for _, says := range []string{"site: tokyo", "encryption of histories: key ", lib + "/tokyo"} {
		if !strings.Contains(out, says) || code != 1 {
			t.Errorf("the doctor as tokyo's worker says nothing of %q, exit code %d:\n%s", says, code, out)
		}
	}
	// A worker with secrets and certificates of its own, by the shipped drop-in: those, and not the server's.
	if err := os.Mkdir(filepath.Join(etc, "credentials-osaka"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(etc, "credentials-osaka", "own"), "of osaka alone", 0o600)
	own := strings.NewReplacer("User=muster-%i\n", "", "Group=muster-%i\n", "", "/etc/muster", etc).Replace(read(t, "examples/worker-of-its-own-user.conf"))
	m.Etc(t, "muster-worker@osaka.service.d/own-user.conf", own)
	out, code = asService(t, m, lib, "muster-worker@osaka", "sh", "-c", `ls "$CREDENTIALS_DIRECTORY"; cat "$CREDENTIALS_DIRECTORY"/*; echo "|$MUSTER_TEMPORAL_TLS_CERT_FILE"`)
	if want := "secret_own\nof osaka alone|" + etc + "/tls-osaka/engine.pem\n"; out != want || code != 0 {
		t.Errorf("as a worker of its own user: exit code %d\n%s\nwant %s", code, out, want)
	}
	if err := os.Rename(filepath.Join(etc, "credentials-osaka"), filepath.Join(etc, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if out, code := asService(t, m, lib, "muster-worker@osaka", "true"); code != 243 || !strings.Contains(out, "LoadCredential=") {
		t.Errorf("without its secrets: exit code %d\n%s", code, out)
	}
	for argv, want := range map[string]struct {
		says string
		code int
	}{"muster-server": {"which command", 2}, "muster-server nothing-of-that-name": {"no such program", 127}, "muster-sever true": {"no unit muster-sever.service", 2}} {
		if out, code := asService(t, m, lib, strings.Fields(argv)...); code != want.code || !strings.Contains(out, want.says) {
			t.Errorf("%s: exit code %d\n%s", argv, code, out)
		}
	}

	// muster up, running: what is under way is asked for at its own engine.
	free, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	m.Unit(t, "muster.service", upUnit(t, repo, filepath.Join(lib, "up"), filepath.Join(repo, "scenarios", "self-up"), strconv.Itoa(free)))
	m.Run(t, "muster.service")
	out, code = asService(t, m, lib, "muster", muster, "upgrade-check", "--lang", "en")
	if code != 0 || !strings.Contains(out, "runs under way: none\n") || !strings.Contains(out, "answers at http://127.0.0.1:"+strconv.Itoa(free)) {
		t.Errorf("upgrade-check as muster up: exit code %d\n%s", code, out)
	}
	// Without it the same command has other settings, and says that it has looked at nothing.
	cmd := exec.CommandContext(t.Context(), muster, "upgrade-check", "--lang", "en", "--listen", "127.0.0.1:"+strconv.Itoa(free))
	cmd.Dir = t.TempDir()
	if b, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 5 || !strings.Contains(string(b), "muster-as-service") {
		t.Errorf("by hand: %v\n%s", err, b)
	}
}

// What a user's systemd can't give is passed on too.
func TestACommandIsRunAsTheServicesUser(t *testing.T) {
	text := read(t, "muster-as-service")
	for _, name := range []string{"User", "Group", "SupplementaryGroups", "UMask", "WorkingDirectory", "Environment"} {
		if !strings.Contains(text, " "+name+" ") && !strings.Contains(text, " "+name+";") {
			t.Errorf("%s of the unit is not passed on", name)
		}
	}
}
