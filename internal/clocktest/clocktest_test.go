package clocktest_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/clocktest"
)

// clock is a program that tells the time and how long it runs, for each line it is given.
const clock = "MUSTER_CLOCKTEST_IS_A_CLOCK"

func TestMain(m *testing.M) {
	if os.Getenv(clock) == "" {
		os.Exit(m.Run())
	}
	start := time.Now()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		now := time.Now()
		fmt.Println(now.UnixNano(), now.Sub(start).Nanoseconds())
	}
}

// Programs see the clock that was set, those that run and those that start, and no time goes by
// for it. A test sees the same.
func TestSet(t *testing.T) {
	m := clocktest.New(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := m.Program(t, self)
	begin := func() (ask func() (off, runs time.Duration), pid int) {
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), clock+"=1")
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
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
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("the program: %v", err)
			}
		})
		return func() (off, runs time.Duration) {
			t.Helper()
			if _, err := io.WriteString(in, "\n"); err != nil {
				t.Fatal(err)
			}
			var wall, mono int64
			if _, err := fmt.Fscan(out, &wall, &mono); err != nil {
				t.Fatal(err)
			}
			return time.Until(time.Unix(0, wall)).Round(time.Minute), time.Duration(mono).Round(time.Minute)
		}, cmd.Process.Pid
	}
	first, pid := begin()
	wants := func(name string, ask func() (off, runs time.Duration), want time.Duration) {
		t.Helper()
		if off, runs := ask(); off != want || runs != 0 {
			t.Errorf("%s is off by %v and runs for %v, want %v and 0", name, off, runs, want)
		}
	}
	wants("the first", first, 0)
	m.Set(t, time.Hour)
	wants("the first", first, time.Hour)
	second, other := begin()
	wants("the second", second, time.Hour)
	if got := m.Running(t); len(got) != 2 || got[0] == got[1] || (got[0] != pid && got[0] != other) || (got[1] != pid && got[1] != other) {
		t.Errorf("those that go by it: %v, want %d and %d", got, pid, other)
	}
	m.Set(t, -70*time.Minute)
	wants("the first", first, -10*time.Minute)
	wants("the second", second, -10*time.Minute)
	if wall, mono := m.Read(); time.Until(wall).Round(time.Minute) != -10*time.Minute || mono > time.Hour {
		t.Errorf("the test itself reads %v after %v", wall, mono)
	}
}
