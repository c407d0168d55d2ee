package app

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lookAtMemory is how often a process looks whether it could give memory back.
	lookAtMemory = 15 * time.Second
	// worthGiving is how much must be to be had: a collection of some 20 MB that live costs 20 ms of
	// CPU, which is little for what a start, a seal or a yearly report leave behind and much for a page. With
	// nothing to do it comes to that two or three times a minute: 0.1 % of a core.
	worthGiving = 4 << 20
	// stillBusy is how much a process allocates between two looks that is at work. What it leaves
	// behind it needs again at once.
	stillBusy = 8 << 20
	// mostProgram is how much of the program's file may be in memory of a process that has nothing to do,
	// before it is let go of. An idle server goes over some 8 MB of it, and the kernel maps what lies around.
	mostProgram = 32 << 20
	// lookAtProgram is how long it is let alone then: what comes back at once is needed.
	lookAtProgram = 2 * time.Minute
)

// givesBack returns to the system what large work has left behind, as soon as the process has nothing
// to do: reading 650 plan files, sealing, a yearly report. The collector would keep it for as long
// as twice what lives is not reached, which takes an idle process some minutes, and the system would
// get little of it even then.
func givesBack(ctx context.Context) {
	tick := time.NewTicker(lookAtMemory)
	defer tick.Stop()
	var seen memorySeen
	var again time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			seen.look()
			if now := time.Now(); seen.idle && now.After(again) && ofFiles() > mostProgram {
				letGoOfProgram()
				again = now.Add(lookAtProgram)
			}
		}
	}
}

// memorySeen is what the last look saw.
type memorySeen struct {
	allocated uint64
	idle      bool // it has allocated next to nothing since the look before
}

// look gives memory back if it is worth it, and reports whether it did.
func (s *memorySeen) look() bool {
	m := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(m)
	allocated, live, objects, free := m[0].Value.Uint64(), m[1].Value.Uint64(), m[2].Value.Uint64(), m[3].Value.Uint64()
	since := allocated - s.allocated
	s.allocated, s.idle = allocated, since <= stillBusy
	if !s.idle || objects+free < live+worthGiving {
		return false
	}
	debug.FreeOSMemory()
	return true
}

// ofFiles is how much of this process's resident memory are pages of files, which is nearly all the
// program's own; 0 where the system doesn't say.
func ofFiles() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return kilobytes(string(b), "RssFile:") << 10
}

// letGoOfProgram takes the pages of the program's file out of this process's memory: of the 60 MB that a start goes over,
// since every package that is linked has something to set up, an idle server needs a few. They stay in the system's
// cache, from which the kernel maps 64 KB at a time when one is needed again.
// What was ever written since it was mapped would be lost, also where it is only read now, as a loader leaves
// it that relocates a program: such a mapping has pages of its own, in memory or swapped out, and is let alone.
func letGoOfProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var from, to uintptr // of the mapping whose figures are being read; 0 is none of ours
	var own bool         // it has pages of its own
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case !strings.HasSuffix(f[0], ":"): // addresses, rights, offset, device, inode, path
			from, to, own = 0, 0, false
			if len(f) == 6 && f[5] == self && !strings.Contains(f[1], "w") {
				_, _ = fmt.Sscanf(f[0], "%x-%x", &from, &to)
			}
		case f[0] == "Anonymous:":
			own = kilobytes(line, "Anonymous:") > 0
		case f[0] == "Swap:" && to > 0 && !own && kilobytes(line, "Swap:") == 0: // stands after the other
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}

// kilobytes is the figure behind a name in what the system tells of a process; 0 where there is none.
func kilobytes(text, name string) (kb int) {
	if _, after, ok := strings.Cut(text, name); ok {
		_, _ = fmt.Sscan(after, &kb)
	}
	return kb
}
