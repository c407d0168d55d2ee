package filelock_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/muster-dr/muster/internal/filelock"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func try(t *testing.T, f *os.File, use filelock.Use, want bool) {
	t.Helper()
	if taken, err := filelock.Try(f, use); err != nil || taken != want {
		t.Fatalf("taken %v, %v; want %v", taken, err, want)
	}
}

func TestWhoIsAloneKeepsEverybodyOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	one, other := open(t, path), open(t, path)
	try(t, one, filelock.Shared, true)
	try(t, other, filelock.Shared, true)
	try(t, one, filelock.Alone, false)
	if err := filelock.Release(other); err != nil {
		t.Fatal(err)
	}
	try(t, one, filelock.Alone, true)
	try(t, open(t, path), filelock.Shared, false)
}

// A child that has been forked and does not run its program yet has every open file of its parent: here a duplicate is in its place.
func TestAChildThatIsJustStartedHoldsNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	one := open(t, path)
	try(t, one, filelock.Alone, true)
	child, err := syscall.Dup(int(one.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(child) })
	if err := filelock.Release(one); err != nil {
		t.Fatal(err)
	}
	try(t, open(t, path), filelock.Alone, true)
}
