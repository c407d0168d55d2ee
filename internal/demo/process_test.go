package demo

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
)

// This test binary plays the programs of a demo when it is asked to.
func TestMain(m *testing.M) {
	if os.Getenv("DEMO_TEST_PLAY") == "" {
		os.Exit(m.Run())
	}
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// named copies this test binary under another name.
func named(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// begin runs a program and returns when it plays its part.
func begin(t *testing.T, binary, cwd string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append([]string{"DEMO_TEST_PLAY=1"}, env...)
	cmd.Dir = cwd
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s says %q, %v", binary, line, err)
	}
	return cmd
}

func TestStraysAreFoundByWhatTheyWorkOn(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	witness, engine, muster := named(t, "muster-witness"), named(t, "muster-engine"), named(t, "muster")
	want := map[int]string{
		begin(t, witness, "/", nil, "--csv", filepath.Join(dir, "client.csv")).Process.Pid:       "argument",
		begin(t, engine, dir, nil).Process.Pid:                                                   "working directory",
		begin(t, muster, "/", []string{"MUSTER_CONFIG=" + dir + "/muster.yaml"}).Process.Pid:     "setting",
		begin(t, muster, filepath.Dir(dir), nil, "up", "--data="+filepath.Base(dir)).Process.Pid: "relative argument",
	}
	others := []*exec.Cmd{
		begin(t, muster, other, []string{"MUSTER_DATA=" + other}, dir+"-too"),
		begin(t, named(t, "editor"), dir, nil, filepath.Join(dir, "report.md")),
	}
	found, err := strays(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range found {
		if want[s.pid] == "" {
			t.Errorf("%v was found, which has nothing to do with %s", s, dir)
		}
		delete(want, s.pid)
	}
	for pid, how := range want {
		t.Errorf("process %d, which names the folder by its %s, was not found", pid, how)
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := endAll(ctx, dir); err != nil {
		t.Fatal(err)
	}
	for _, o := range others {
		if err := o.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%s was ended too: %v", o.Path, err)
		}
	}
}

func TestAFolderOfSomethingElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal.db"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &demo{Options: Options{Dir: dir, Lang: i18n.EN, Talk: io.Discard}}
	if _, err := d.prepare(context.Background()); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("err = %v, want a refusal", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "journal.db")); string(b) != "precious" {
		t.Errorf("the folder was touched: %q, %v", b, err)
	}
}

func TestPrepareKeepsNothingStaleAndNobodyOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	first := &demo{Options: Options{Dir: dir, Lang: i18n.EN, Talk: io.Discard}}
	unlock, err := first.prepare(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "engine", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ReportJSON), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := &demo{Options: Options{Dir: dir, Lang: i18n.EN, Talk: io.Discard}}
	if _, err := second.prepare(context.Background()); err == nil || !strings.Contains(err.Error(), "another demo runs") {
		t.Errorf("a second demo beside the first: %v, want a refusal", err)
	}
	unlock()
	if unlock, err = second.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer unlock()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want only its mark", entries, err)
	}
}
