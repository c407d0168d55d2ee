package ledger

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// State is how far an effect came.
type State string

const (
	None   State = "none"   // nobody has tried it
	Voided State = "voided" // given up before it began; it never can begin
	Begun  State = "begun"  // begun, and its end was never entered
	Ended  State = "ended"
)

// Entry is what a ledger holds for one effect key.
type Entry struct {
	Key     string
	State   State
	System  string
	Token   int64
	Action  string
	At      time.Time // when it was begun or voided
	EndedAt time.Time
	Outcome string
	Digest  string
	Owner   Owner
	// Life says, for a begun effect, whether its attempt may still be under way.
	Life Life
}

// Owner is the process that began an effect. Process tells it from a later process
// with the same number: boot, PID namespace and start time, as the kernel gives them.
type Owner struct {
	PID     int
	Process string
}

// Life is what is known about an attempt that was begun and not ended.
type Life string

const (
	Over    Life = "over"    // its process is gone, or has left the attempt
	Running Life = "running" // its process lives and is in the attempt
	Frozen  Life = "frozen"  // its process lives, but is stopped: it may go on at any time
	Hidden  Life = "hidden"  // its process can't be seen from here (another container, say)
)

// inFlight counts the attempts that this process has under way, by ledger file: two
// Ledgers of one file may be open in one process.
var inFlight = struct {
	sync.Mutex
	attempts map[flight]int
}{attempts: map[flight]int{}}

type flight struct{ path, key string }

func (l *Ledger) enter(key string) {
	inFlight.Lock()
	defer inFlight.Unlock()
	inFlight.attempts[flight{l.path, key}]++
}

func (l *Ledger) leave(key string) {
	inFlight.Lock()
	defer inFlight.Unlock()
	f := flight{l.path, key}
	if inFlight.attempts[f]--; inFlight.attempts[f] <= 0 {
		delete(inFlight.attempts, f)
	}
}

func (l *Ledger) inFlight(key string) bool {
	inFlight.Lock()
	defer inFlight.Unlock()
	return inFlight.attempts[flight{l.path, key}] > 0
}

// alive fills Life of a begun entry.
func (l *Ledger) alive(e Entry) Entry {
	if e.State != Begun {
		return e
	}
	if e.Owner == self {
		e.Life = Over
		if l.inFlight(e.Key) {
			e.Life = Running
		}
		return e
	}
	e.Life = e.Owner.life()
	return e
}

var self = Owner{PID: os.Getpid(), Process: identity(os.Getpid())}

func (o Owner) life() Life {
	boot, space, _ := cutIdentity(o.Process)
	myBoot, mySpace, _ := cutIdentity(self.Process)
	switch {
	case boot != myBoot && boot != "" && myBoot != "":
		return Over // the machine was restarted since
	case space != mySpace:
		return Hidden
	}
	if myBoot == "" { // no /proc here: a living process of that number counts
		if err := syscall.Kill(o.PID, 0); err == syscall.ESRCH {
			return Over
		}
		return Running
	}
	stat, ok := readStat(o.PID)
	if !ok || identity(o.PID) != o.Process {
		return Over
	}
	switch stat.state {
	case "Z", "X":
		return Over
	case "T", "t":
		return Frozen
	}
	return Running
}

// identity is boot/namespace/start of a process, or "" where the system has no /proc.
func identity(pid int) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		space = "?"
	}
	stat, ok := readStat(pid)
	if !ok {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + space + "/" + strconv.FormatUint(stat.start, 10)
}

func cutIdentity(s string) (boot, space, start string) {
	boot, s, _ = strings.Cut(s, "/")
	space, start, _ = strings.Cut(s, "/")
	return boot, space, start
}

type procStat struct {
	state string
	start uint64 // clock ticks since boot
}

// readStat reads /proc/PID/stat. The name in it may hold anything, so fields are
// counted from its closing bracket.
func readStat(pid int) (procStat, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procStat{}, false
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return procStat{}, false
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return procStat{fields[0], start}, err == nil
}
