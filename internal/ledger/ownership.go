package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownership shows other processes that this one lives, also those that can't see it: each
// open ledger locks a byte of its own in a file beside it, which the kernel gives free when
// the process ends, in whatever container.
type ownership struct {
	f  *os.File
	at int64
}

// markPrefix begins the place of the lock and the machine in a begun effect's digest, which it has no
// other use for until it ends.
const markPrefix = "owner:"

func own(path string) (*ownership, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the list of its owners: %w", err)
	}
	for range 10 {
		o := &ownership{f: f, at: rand.Int64N(1 << 62)}
		err = o.fcntl(unix.F_OFD_SETLK, o.at, nil)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			if err == nil {
				return o, nil
			}
			break
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("lock a place in %s: %w", path, err)
}

func (o *ownership) fcntl(cmd int, at int64, out *unix.Flock_t) error {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0, Start: at, Len: 1}
	err := unix.FcntlFlock(o.f.Fd(), cmd, &l)
	if out != nil {
		*out = l
	}
	return err
}

// mark says which lock is this owner's, and on which machine.
func (o *ownership) mark() string {
	return markPrefix + strconv.FormatInt(o.at, 10) + "@" + self.Machine
}

// gone reports whether the owner that left the mark has let go of its lock. What can't be
// told is not gone.
func (o *ownership) gone(mark string) bool {
	text, ok := strings.CutPrefix(mark, markPrefix)
	at, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return false
	}
	var l unix.Flock_t
	if err := o.fcntl(unix.F_OFD_GETLK, at, &l); err != nil {
		return false
	}
	return l.Type == unix.F_UNLCK && at != o.at
}

func (o *ownership) close() error {
	if o == nil {
		return nil
	}
	return o.f.Close()
}
