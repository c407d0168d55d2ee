// Package filelock keeps processes out of each other's files and folders. A lock is a flock of an open file: whoever dies lets go of it.
package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Use says whom a lock keeps out.
type Use int

const (
	Alone  Use = unix.LOCK_EX // everybody
	Shared Use = unix.LOCK_SH // who wants to be alone
)

// Wait takes the lock as soon as nobody is in the way. One that this open file has already is changed to the other use: for a moment it has none.
func Wait(f *os.File, use Use) error { return lock(f, int(use)) }

// Try takes the lock, or says at once that somebody is in the way. One that this open file had already is gone then.
func Try(f *os.File, use Use) (taken bool, err error) {
	err = lock(f, int(use)|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// Release lets go of the lock and closes the file. To close it is not enough: a program that is just being started holds a copy of it, and
// the lock with it, until it runs.
func Release(f *os.File) error {
	return errors.Join(lock(f, unix.LOCK_UN), f.Close())
}

func lock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
