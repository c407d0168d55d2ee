package serverproc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/serverproc"
)

const asked = "SERVERPROC_TEST_ASKED"

// Another user's process can't be looked into. It is not "none of ours": a server that runs
// would be taken for down. The test's own program, run once more as another user, asks.
func TestWhatMayNotBeSeenIsNotAbsent(t *testing.T) {
	if who := os.Getenv(asked); who != "" {
		ask(t, who)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// A folder that the other user may enter, unlike the test's own.
	dir, err := os.MkdirTemp("", "serverproc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "asks")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(ctx, "sh", "-c", "echo up; read end")
	server.Dir = dir
	end, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("the server says %q, %v", line, err)
	}
	other := exec.CommandContext(ctx, program, "-test.run=^"+t.Name()+"$", "-test.v")
	other.Dir = dir
	other.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", asked, server.Process.Pid, dir))
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}} // nobody
	if said, err := other.CombinedOutput(); err != nil || !strings.Contains(string(said), "--- PASS") {
		t.Errorf("as another user (only root may become one): %v\n%s", err, said)
	}
	other = exec.CommandContext(ctx, program, "-test.run=^"+t.Name()+"$", "-test.v")
	other.Env = append(os.Environ(), asked+"=0 "+dir)
	other.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if said, err := other.CombinedOutput(); !errors.Is(err, syscall.EPERM) && (err != nil || !strings.Contains(string(said), "--- PASS")) {
		t.Errorf("where /proc shows only one's own: %v\n%s", err, said)
	}
	d, err := serverproc.At(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := serverproc.Find(server.Process.Pid)
	if ours, err := d.Worked(p); !ok || !ours || err != nil {
		t.Errorf("as root: %v, %v, %v, want it found", ok, ours, err)
	}
	end.Close()
	_ = server.Wait() // its shell says that nothing was read
	if ours, err := d.Worked(p); ours || err != nil {
		t.Errorf("once it is gone: %v, %v", ours, err)
	}
}

// ask is what the other user does.
func ask(t *testing.T, who string) {
	t.Helper()
	var pid int
	var dir string
	if _, err := fmt.Sscan(who, &pid, &dir); err != nil {
		t.Fatal(err)
	}
	if pid == 0 {
		askHidden(t, dir)
		return
	}
	d, err := serverproc.At(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := serverproc.Find(pid)
	if !ok {
		t.Fatalf("process %d is not there", pid)
	}
	for what, look := range map[string]func() (bool, error){
		"works there": func() (bool, error) { return d.Worked(p) },
		"was told to": func() (bool, error) { return d.Named(p, dir) },
	} {
		ours, err := look()
		said, both := err.(interface{ Said() plan.Text })
		if ours || !both || !strings.Contains(said.Said().EN, "as root or as the server's user") || said.Said().JA == "" {
			t.Errorf("%s: %v, %v, want that it may not be seen", what, ours, err)
		}
	}
	own, _ := serverproc.Find(os.Getpid())
	if ours, err := d.Worked(own); !ours || err != nil {
		t.Errorf("our own process: %v, %v", ours, err)
	}
}

// askHidden asks where /proc shows only one's own processes, as under the shipped units.
func askHidden(t *testing.T, dir string) {
	t.Helper()
	for _, err := range []error{syscall.Mount("proc", "/proc", "proc", 0, "hidepid=2"), syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)} {
		if err != nil {
			t.Log("this machine does not let processes be hidden:", err)
			return
		}
	}
	_, err := serverproc.At(dir)
	said, both := err.(interface{ Said() plan.Text })
	if !both || !strings.Contains(said.Said().EN, "so whether the server in "+dir+" runs can't be told") || !strings.Contains(said.Said().JA, dir) {
		t.Errorf("%v, want that its processes may not be seen", err)
	}
	if d, err := serverproc.At(t.TempDir()); err != nil || d == (serverproc.Directory{}) {
		t.Errorf("its own: %v, %v", d, err)
	}
}
