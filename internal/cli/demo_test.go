package cli

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A demo that is told to end says so, and its exit code is the one that scripts know a signal by.
func TestADemoThatIsToldToEndSaysSo(t *testing.T) {
	path, err := exec.LookPath("muster")
	if err != nil {
		t.Fatal(err)
	}
	for sig, want := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGHUP: 129, syscall.SIGINT: exitInterrupted} {
		dir := filepath.Join(t.TempDir(), "demo")
		t.Cleanup(func() { // where its servers' user gets to
			if to, err := os.Readlink(filepath.Join(dir, "servers")); err == nil {
				_ = os.RemoveAll(to)
			}
		})
		cmd := exec.Command(path, "demo", "--dir", dir, "--lang", "ja")
		talk, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said []string
		for lines := bufio.NewScanner(talk); lines.Scan(); {
			if said = append(said, lines.Text()); len(said) == 1 { // it makes its servers
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(said[len(said)-1], "中断しました") {
			t.Errorf("%v: exit %d, want %d; it says %q", sig, got, want, said)
		}
	}
}
