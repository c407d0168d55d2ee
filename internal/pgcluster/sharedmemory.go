package pgcluster

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// release gives back what a server that was killed left behind in the kernel: a System V shared memory
// segment of a few bytes, which lives until the next start of the same data directory. A power
// loss leaves none. Where directories are made, killed and removed again and again, they use up
// the kernel's 4096, and no PostgreSQL of the machine can be started any more.
//
// One that a process is still on is left alone, as is one of another key: an ID may have been given again.
func (i *Instance) release() {
	line, err := i.pidFile()
	if err != nil || len(line) < 7 {
		return
	}
	var key, id int
	if n, err := fmt.Sscan(line[6], &key, &id); err != nil || n != 2 {
		return
	}
	var is unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &is); err != nil || is.Nattch != 0 || int(is.Perm.Key) != key {
		return
	}
	_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
}
