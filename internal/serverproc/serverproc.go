// Package serverproc finds the processes of a database server on this host, by its program
// and by the directory that it works in, and ends, freezes and thaws them.
package serverproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
)

// Process is a live process, as it was when it was found.
type Process struct {
	PID, Parent int
	Program     string // its name, as the kernel has it
	Frozen      bool   // stopped by a signal
	start       uint64
}

// List lists the live processes that can be seen from here.
func List() ([]Process, error) {
	pids := proc.PIDs()
	if len(pids) == 0 {
		return nil, errors.New("list processes: /proc is not there or empty; muster reads from it which processes belong to a server (on Linux hosts only)")
	}
	var all []Process
	for _, pid := range pids {
		if p, ok := Find(pid); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// Find reads one process. ok is false when it is gone, or killed and only waiting to be
// reaped, which signal 0 can't tell from alive.
func Find(pid int) (p Process, ok bool) {
	st, ok := proc.Read(pid)
	if !ok || st.Ended() {
		return p, false
	}
	return Process{PID: pid, Parent: st.Parent, Program: st.Name, Frozen: st.Frozen(), start: st.Start}, true
}

// Same reports whether p and q are one process, and not a later one with its number.
func (p Process) Same(q Process) bool { return p.PID == q.PID && p.start == q.start }

// Directory is a directory by what it is on its file system, whatever it is called: a
// container's server calls its directory what ours does, and it is another one.
type Directory struct {
	device, inode uint64
	owner         uint32
	there         bool
}

// At is the directory of that path. Where there is none, nothing works in it. One of another user is refused where
// /proc shows only one's own processes: its server would be taken for down.
func At(path string) (Directory, error) {
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return Directory{}, nil
	}
	if err != nil {
		return Directory{}, err
	}
	d := of(st)
	if d.there && int(d.owner) != os.Geteuid() && proc.Hidden(1) {
		return Directory{}, denied(plan.Say("the worker may not see other users' processes (/proc shows it only its own), so whether the server in %s runs can't be told: run the worker as the server's user",
			"/proc に自分のユーザーのプロセスしか見えず、%s のサーバーが稼働しているかワーカーには判断できません。ワーカーをサーバーの実行ユーザーで動かしてください", path))
	}
	return d, nil
}

func of(st os.FileInfo) Directory {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return Directory{}
	}
	return Directory{device: uint64(s.Dev), inode: s.Ino, owner: s.Uid, there: true} //nolint:unconvert // its type differs between systems
}

// Worked reports whether it is the working directory of p.
func (d Directory) Worked(p Process) (bool, error) {
	return d.is(p, fmt.Sprintf("/proc/%d/cwd", p.PID))
}

// Named reports whether p means it by that path, which is one of p's own file system.
func (d Directory) Named(p Process, path string) (bool, error) {
	return d.is(p, fmt.Sprintf("/proc/%d/root/%s", p.PID, path))
}

// is: a process that we may not look into might be the server's, and one that is overlooked
// has a server that runs taken for down. One of another user than the directory's owner is
// not its server; one that the kernel shows as root's may be (a program that changed its user).
func (d Directory) is(p Process, path string) (bool, error) {
	if !d.there {
		return false, nil
	}
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrPermission) && d.mayBeRunBy(p) && !p.gone() {
		return false, denied(plan.Say("the worker may not see in which directory process %d (%s) works, so whether the server runs can't be told: run the worker as root or as the server's user",
			"プロセス %d（%s）の作業ディレクトリをワーカーの権限では確認できず、サーバーが稼働しているか判断できません。ワーカーを root かサーバーの実行ユーザーで動かしてください", p.PID, p.Program))
	}
	return err == nil && of(st) == d, nil
}

func (d Directory) mayBeRunBy(p Process) bool {
	st, err := os.Stat("/proc/" + strconv.Itoa(p.PID))
	if err != nil {
		return true
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	return !ok || s.Uid == d.owner || s.Uid == 0
}

// denied is what we may not see, with the way out.
type denied plan.Text

func (d denied) Error() string   { return d.EN }
func (d denied) Said() plan.Text { return plan.Text(d) }

// Signal sends s to p, if p is still the process that was found.
func (p Process) Signal(s syscall.Signal) error {
	h, err := os.FindProcess(p.PID) // holds on to this very process, by a pidfd
	if err != nil {
		return nil
	}
	defer h.Release()
	if st, ok := proc.Read(p.PID); !ok || st.Start != p.start {
		return nil
	}
	if err := h.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// gone reports whether nothing of the process is left but what its parent has to reap. Its
// first thread ends before the others, which still hold its sockets and locks.
func (p Process) gone() bool {
	st, ok := proc.Read(p.PID)
	if !ok || st.Start != p.start {
		return true
	}
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(p.PID) + "/task")
	return st.Ended() && (err != nil || len(threads) <= 1)
}

// Server is the processes of one server, found anew by every call.
type Server func() ([]Process, error)

// Kill ends them with SIGKILL, as a power loss does, frozen ones too, and returns when the
// first signal was sent; zero when nothing ran.
func (s Server) Kill(ctx context.Context) (at time.Time, err error) {
	var killed []Process
	for {
		procs, err := s()
		if err != nil {
			return at, err
		}
		for _, p := range procs {
			if !slices.ContainsFunc(killed, p.Same) {
				killed = append(killed, p)
			}
		}
		killed = slices.DeleteFunc(killed, Process.gone)
		if len(killed) == 0 {
			return at, nil
		}
		if at.IsZero() {
			at = time.Now()
		}
		for _, p := range procs {
			if err := p.Signal(syscall.SIGKILL); err != nil {
				return at, err
			}
		}
		if err := Pause(ctx); err != nil {
			return at, fmt.Errorf("process %d is still there (state D is a hung disk, and one that comes back is started by its service manager): %w", killed[0].PID, err)
		}
	}
}

// Freeze stops them all with SIGSTOP: the server takes connections and says nothing. With
// its main process alone stopped, the sessions of others would go on writing.
func (s Server) Freeze(ctx context.Context) error {
	for {
		procs, err := s()
		if err != nil {
			return err
		}
		if len(procs) == 0 {
			return errors.New("it does not run")
		}
		running := slices.DeleteFunc(procs, func(p Process) bool { return p.Frozen })
		if len(running) == 0 {
			return nil
		}
		for _, p := range running {
			if err := p.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
		}
		if err := Pause(ctx); err != nil {
			return err
		}
	}
}

// Thaw lets them go on, the main process last.
func (s Server) Thaw() error {
	procs, err := s()
	if err != nil {
		return err
	}
	for _, p := range slices.Backward(procs) {
		if err := p.Signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	return nil
}

// Pause waits a moment between two looks.
func Pause(ctx context.Context) error {
	t := time.NewTimer(5 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
