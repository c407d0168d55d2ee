// Package clocktest sets the clock of programs that a test starts, and of nothing else: the
// machine's own is everybody's. A program is told the time by a function that the kernel puts
// into its memory; it is given another one before it runs its first instruction. What is set is
// the wall clock, while the monotonic one goes on, as when somebody sets a machine's.
package clocktest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Machine is what has a clock. All programs that are started through it go by that.
type Machine struct {
	dir   string
	start time.Time
}

// New returns a machine whose clock is right.
func New(t testing.TB) *Machine {
	t.Helper()
	m := &Machine{dir: t.TempDir(), start: time.Now()}
	if err := os.WriteFile(filepath.Join(m.dir, offsetFile), []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// Program returns what to start in place of the program at path: the same process is that
// program in the end.
func (m *Machine) Program(t testing.TB, path string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	script := fmt.Sprintf("#!/bin/sh\n%s=%s %s=%s exec %s \"$@\"\n", runKey, quote(path), dirKey, quote(m.dir), quote(self))
	name := filepath.Join(m.dir, filepath.Base(path))
	syscall.ForkLock.RLock() // a child that inherits it open for writing makes it busy
	err = os.WriteFile(name, []byte(script), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Set sets the clock by whole seconds, for the programs that run and those to come. Where that
// can't be done the test fails, as it would show nothing.
func (m *Machine) Set(t testing.TB, by time.Duration) {
	t.Helper()
	if by%time.Second != 0 {
		t.Fatalf("the clock is set by whole seconds, not by %v", by)
	}
	if err := m.set(int64(by / time.Second)); err != nil {
		t.Fatal(err)
	}
}

// Read is the machine's clock for a test that has a part in what it tests: the wall clock, and
// the monotonic one since New.
func (m *Machine) Read() (time.Time, time.Duration) {
	by, err := offset(m.dir)
	if err != nil { // its folder is gone, and the test with it
		by = 0
	}
	now := time.Now()
	return now.Round(0).Add(time.Duration(by) * time.Second), now.Sub(m.start)
}

// Running are the processes that go by this clock.
func (m *Machine) Running(t testing.TB) []int {
	t.Helper()
	var out []int
	err := locked(m.dir, func() error {
		return eachSlot(m.dir, func(pid int, _ *os.File, _ int64) error {
			out = append(out, pid)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const (
	offsetFile = "offset" // in seconds; what a program is given that starts
	lockFile   = "lock"
	slotSuffix = ".slot" // PID.slot has the place in that process's memory
)

func (m *Machine) set(by int64) error {
	return locked(m.dir, func() error {
		now, err := offset(m.dir)
		if err != nil {
			return err
		}
		by += now
		tmp := filepath.Join(m.dir, "offset.new")
		if err := os.WriteFile(tmp, strconv.AppendInt(nil, by, 10), 0o600); err != nil {
			return err
		}
		if err := os.Rename(tmp, filepath.Join(m.dir, offsetFile)); err != nil {
			return err
		}
		return eachSlot(m.dir, func(pid int, mem *os.File, slot int64) error {
			_, err := mem.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(by)), slot)
			if gone(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("set the clock of process %d: %w", pid, err)
			}
			return nil
		})
	})
}

func offset(dir string) (int64, error) {
	b, err := os.ReadFile(filepath.Join(dir, offsetFile))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// locked keeps a program that starts from being given the time of before a change.
func locked(dir string, do func() error) error {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return do()
}

// eachSlot visits the processes that still run, with their memory and the place of their offset.
func eachSlot(dir string, do func(pid int, mem *os.File, slot int64) error) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"+slotSuffix))
	if err != nil {
		return err
	}
	for _, f := range files {
		pid, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(f), slotSuffix))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		slot, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return err
		}
		if err := visit(pid, slot, do); err != nil {
			return err
		}
	}
	return nil
}

func visit(pid int, slot int64, do func(int, *os.File, int64) error) error {
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer mem.Close()
	mark := make([]byte, len(magic))
	if _, err := mem.ReadAt(mark, slot-int64(len(magic))); err != nil || string(mark) != magic {
		return nil // it has ended, and its number may be another's by now
	}
	return do(pid, mem, slot)
}

func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EIO)
}
