// Package proc tells one process from a later one with the same number, by what the
// kernel says of it. It reads /proc, and knows nothing where there is none.
package proc

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Identity is boot/namespace/start of a process, or "" where the system has no /proc or
// the process is gone.
func Identity(pid int) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		space = "?"
	}
	stat, ok := Read(pid)
	if !ok {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + space + "/" + strconv.FormatUint(stat.Start, 10)
}

// Machine names this machine for as long as it is installed, through restarts: its ID, which
// copies of one disk may share, and its host name.
func Machine() string {
	id, _ := os.ReadFile("/etc/machine-id")
	host, _ := os.Hostname()
	return strings.TrimSpace(string(id)) + "/" + host
}

// CutIdentity takes an identity apart.
func CutIdentity(s string) (boot, space, start string) {
	boot, s, _ = strings.Cut(s, "/")
	space, start, _ = strings.Cut(s, "/")
	return boot, space, start
}

// Stat is what the kernel says of a process.
type Stat struct {
	Name    string // of its program, the first 15 bytes
	State   string // "R", "S", "D", "T", "Z", ...
	Parent  int
	Group   int // the process group
	Session int
	Start   uint64 // clock ticks since boot
}

// Ended reports whether the process is over and only waits to be reaped.
func (s Stat) Ended() bool { return s.State == "Z" || s.State == "X" }

// Frozen reports whether a signal stopped the process.
func (s Stat) Frozen() bool { return s.State == "T" || s.State == "t" }

// Read reads /proc/PID/stat.
func Read(pid int) (Stat, bool) {
	name, fields := statOf(pid)
	if len(fields) < 20 {
		return Stat{}, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	group, err2 := strconv.Atoi(fields[2])
	session, err3 := strconv.Atoi(fields[3])
	start, err4 := strconv.ParseUint(fields[19], 10, 64)
	return Stat{name, fields[0], parent, group, session, start}, errors.Join(err1, err2, err3, err4) == nil
}

// statOf takes /proc/PID/stat apart: proc(5) counts its fields from 1, and the first here, the state, is 3. The name may
// hold anything, so they are counted from its closing bracket. None of a process that is gone.
func statOf(pid int) (name string, fields []string) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if err != nil || open < 0 || end < open {
		return "", nil
	}
	return string(b[open+1 : end]), strings.Fields(string(b[end+1:]))
}

// InSession is a process of a session that lives, whoever it belongs to, or 0. The kernel
// gives the session's number to nobody else for as long as there is one. Where /proc shows
// only one's own processes (hidepid), others' are found in the session's first group.
func InSession(session int) int {
	seen := false
	for _, pid := range PIDs() {
		stat, ok := Read(pid)
		if !ok || stat.Session != session && stat.Group != session {
			continue
		}
		if !stat.Ended() {
			return pid
		}
		seen = true
	}
	if !seen && errors.Is(syscall.Kill(-session, 0), syscall.EPERM) {
		return session
	}
	return 0
}

// Carrying lists the processes whose environment holds a variable, as in NAME=value: what
// a worker started is found by it when the worker is gone. It sees those that this user
// may look into. One that is just becoming another program (exec) shows no environment for
// a moment, and is looked at again.
func Carrying(variable string) []int { return carriers(PIDs(), variable) }

// Carries reports the same of one process.
func Carries(pid int, variable string) bool { return len(carriers([]int{pid}, variable)) > 0 }

func carriers(look []int, variable string) (out []int) {
	for again := 0; len(look) > 0 && again < 40; again++ {
		if again > 0 {
			time.Sleep(5 * time.Millisecond)
		}
		var changing []int
		for _, pid := range look {
			carries, known := carrying(pid, variable)
			switch {
			case carries:
				out = append(out, pid)
			case !known:
				changing = append(changing, pid)
			}
		}
		look = changing
	}
	return out
}

// carrying is not known of a process whose environment was exchanged while it was read.
func carrying(pid int, variable string) (carries, known bool) {
	of := "/proc/" + strconv.Itoa(pid)
	before := environmentAt(pid)
	env, err := os.ReadFile(of + "/environ")
	if err != nil {
		return false, true
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if string(v) == variable {
			return true, true
		}
	}
	if before != "0" && before == environmentAt(pid) {
		return false, true
	}
	_, err = os.Readlink(of + "/exe") // a thread of the kernel has neither
	return false, err != nil
}

// environmentAt is where the end of a process's environment lies in its memory, another place in each
// program that it becomes; "0" between two.
func environmentAt(pid int) string {
	const envEnd = 51 - 3
	if _, fields := statOf(pid); len(fields) > envEnd {
		return fields[envEnd]
	}
	return ""
}

// Hidden reports whether a process is there that /proc does not show to this user: one of somebody else's, where /proc
// shows everybody only their own (hidepid; a unit's ProtectProc=). That nothing can be read of it does not say that it is gone.
func Hidden(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return errors.Is(err, fs.ErrNotExist) && errors.Is(syscall.Kill(pid, 0), syscall.EPERM)
}

// PIDs lists the processes that can be seen from here.
func PIDs() []int {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	var out []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			out = append(out, pid)
		}
	}
	return out
}
