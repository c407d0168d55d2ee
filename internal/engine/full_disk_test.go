package engine_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/engine"
)

// The engine's disk is full: nothing is taken that is not stored, the log names the disk,
// and a restart, which would have to write, is not tried. Once space is freed it goes on
// by itself, with all that it had taken.
func TestAFullDiskHoldsTheEngine(t *testing.T) {
	dir := smallDisk(t)
	log, logger := newRecord()
	e := start(t, engine.Options{Dir: filepath.Join(dir, "engine"), Log: logger})
	e.SetProbeEvery(time.Second)
	supervise(t, e)
	c := dial(t, e)
	run, signal := startCounting(t, c)
	for range 3 {
		signal("one")
	}
	pid := e.PID()

	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	taken := 0
	for full := false; !full; {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		err := c.SignalWorkflow(ctx, "count", "", "add", "one")
		cancel()
		if full = err != nil; !full { // there was a page left
			taken++
		}
		if taken > 10_000 {
			t.Fatal("the engine takes signals on a full disk")
		}
	}
	log.wants(t, "the engine's disk is full", "free space on it")
	if e.PID() != pid {
		t.Error("it was restarted, which takes space too")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	signal("one") // the lost one again
	signal("end")
	var got int
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	// The signal that was not acknowledged may have been stored all the same.
	if err := run.Get(ctx, &got); err != nil || got < 3+taken+1 || got > 3+taken+2 {
		t.Errorf("workflow ended with %d, %v, want %d, or one more", got, err, 3+taken+1)
	}
	if e.PID() != pid {
		t.Error("it did not go on by itself")
	}
}

// A disk that is freed while the watchdog tries the engine: what failed before it was freed
// is no reason to restart.
func TestADiskFreedBetweenTwoTriesIsNoReasonToRestart(t *testing.T) {
	dir := smallDisk(t)
	log, logger := newRecord()
	e := start(t, engine.Options{Dir: filepath.Join(dir, "engine"), Log: logger})
	pid, ballast := e.PID(), filepath.Join(dir, "ballast")
	fill(t, ballast)
	well := make(chan struct{})
	tries := 0
	e.SetProbe(10*time.Millisecond, func(context.Context) error {
		switch tries++; tries {
		case 1, 2:
			return syscall.ENOSPC
		case 3: // the last of a row
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
			return syscall.ENOSPC
		case 4:
			close(well)
		}
		return nil
	})
	supervise(t, e)
	select {
	case <-well:
	case <-time.After(deadline):
		t.Fatal("it was not tried again")
	}
	log.wants(t, "the engine's disk is full")
	if e.PID() != pid {
		t.Error("it was restarted")
	}
}

// smallDisk is a mounted directory of 48 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := rooted("mount", "-t", "tmpfs", "-o", "size=48m,mode=0777", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { // after the engine has stopped
		if out, err := rooted("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
			_ = rooted("umount", "-l", dir).Run()
		}
	})
	return dir
}

// fill writes a file until its disk has no room.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, block := range []int{1 << 20, 4096, 1} {
		b := make([]byte, block)
		for err = nil; err == nil; {
			_, err = f.Write(b)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("want a full disk: %v", err)
	}
}

func rooted(argv ...string) *exec.Cmd {
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	return exec.Command(argv[0], argv[1:]...)
}
