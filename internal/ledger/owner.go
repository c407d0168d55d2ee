package ledger

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/proc"
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
	Machine string // proc.Machine; "" in entries of an older muster
}

// Life is what is known about an attempt that was begun and not ended.
type Life string

const (
	Over    Life = "over"    // its process is gone, or has left the attempt
	Running Life = "running" // its process lives and is in the attempt
	Frozen  Life = "frozen"  // its process lives, but is stopped: it may go on at any time
	Hidden  Life = "hidden"  // its process can't be seen from here (another container, say)
	// Elsewhere: its process is or was on another machine, whose ledger lies in a shared
	// folder. No lock tells: a file server lets go of it for a machine that it lost sight of.
	Elsewhere Life = "elsewhere"
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
	mark, machine, _ := strings.Cut(e.Digest, "@")
	e.Digest, e.Owner.Machine = "", machine
	switch e.Owner {
	case self:
		e.Life = Over
		if l.inFlight(e.Key) {
			e.Life = Running
		}
	default:
		e.Life = e.Owner.life()
		if e.Life == Hidden && l.owner.gone(mark) {
			e.Life = Over
		}
	}
	return e
}

var self = Owner{PID: os.Getpid(), Process: proc.Identity(os.Getpid()), Machine: proc.Machine()}

func (o Owner) life() Life {
	boot, space, _ := proc.CutIdentity(o.Process)
	myBoot, mySpace, _ := proc.CutIdentity(self.Process)
	switch {
	case (boot != myBoot || boot == "") && o.Machine != "" && o.Machine != self.Machine:
		return Elsewhere
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
	stat, ok := proc.Read(o.PID)
	switch {
	case !ok || proc.Identity(o.PID) != o.Process || stat.Ended():
		return Over
	case stat.Frozen():
		return Frozen
	}
	return Running
}
