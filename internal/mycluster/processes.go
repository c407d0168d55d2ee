package mycluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/proc"
)

// Process is a live process of a server.
type Process struct {
	PID    int
	Frozen bool // stopped by a signal
	start  uint64
}

// Processes lists the live processes of the server. One is known by its program and by its
// data directory: the server works in it, and names it when we started it. A server has one
// process, all its sessions are threads.
func (i *Instance) Processes() ([]Process, error) {
	data, err := i.realData()
	if err != nil {
		return nil, err
	}
	pids := proc.PIDs()
	if len(pids) == 0 {
		return nil, errors.New("list processes: /proc is not there or empty; muster reads from it which processes belong to a server (on Linux hosts only)")
	}
	var found []Process
	for _, pid := range pids {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || !slices.Contains(Server, strings.TrimSpace(string(name))) {
			continue
		}
		st, ok := proc.Read(pid)
		if !ok || st.Ended() || !works(pid, data) && !works(pid, i.Data) {
			continue
		}
		found = append(found, Process{PID: pid, Frozen: st.Frozen(), start: st.Start})
	}
	return found, nil
}

func works(pid int, data string) bool {
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && cwd == data {
		return true
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && slices.Contains(strings.Split(string(line), "\x00"), "--datadir="+data)
}

// realData is the data directory as the kernel names it.
func (i *Instance) realData() (string, error) {
	data, err := filepath.EvalSymlinks(i.Data)
	if errors.Is(err, os.ErrNotExist) {
		return filepath.Abs(i.Data)
	}
	if err != nil {
		return "", fmt.Errorf("data directory of %s: %w", i.Name, err)
	}
	return filepath.Abs(data)
}

// signal sends s to p, if p is still the process that was found.
func signal(p Process, s syscall.Signal) error {
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

// Kill ends the server with SIGKILL, as a power loss does, a frozen one too, and returns
// when the first signal was sent; zero when nothing ran.
func (i *Instance) Kill(ctx context.Context) (at time.Time, err error) {
	var killed []Process
	for {
		procs, err := i.Processes()
		if err != nil {
			return at, err
		}
		for _, p := range procs {
			if !slices.ContainsFunc(killed, func(k Process) bool { return k.PID == p.PID && k.start == p.start }) {
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
			if err := signal(p, syscall.SIGKILL); err != nil {
				return at, fmt.Errorf("kill %s: %w", i.Name, err)
			}
		}
		if err := pause(ctx); err != nil {
			return at, fmt.Errorf("kill %s: process %d is still there (state D is a hung disk, and one that comes back is started by its service manager): %w", i.Name, killed[0].PID, err)
		}
	}
}

// gone reports whether nothing of the process is left but what its parent has to reap. Its
// first thread ends before the others, which still hold its sockets and locks.
func (p Process) gone() bool {
	st, ok := proc.Read(p.PID)
	if !ok || st.Start != p.start {
		return true
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.PID))
	return st.Ended() && (err != nil || len(threads) <= 1)
}

// Freeze stops the server with SIGSTOP: its port takes connections and says nothing.
func (i *Instance) Freeze(ctx context.Context) error {
	for {
		procs, err := i.Processes()
		if err != nil {
			return err
		}
		if len(procs) == 0 {
			return fmt.Errorf("freeze %s: it does not run", i.Name)
		}
		if !slices.ContainsFunc(procs, func(p Process) bool { return !p.Frozen }) {
			return nil
		}
		for _, p := range procs {
			if err := signal(p, syscall.SIGSTOP); err != nil {
				return fmt.Errorf("freeze %s: %w", i.Name, err)
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("freeze %s: %w", i.Name, err)
		}
	}
}

// Thaw lets a frozen server go on.
func (i *Instance) Thaw() error {
	procs, err := i.Processes()
	if err != nil {
		return err
	}
	for _, p := range procs {
		if err := signal(p, syscall.SIGCONT); err != nil {
			return fmt.Errorf("thaw %s: %w", i.Name, err)
		}
	}
	return nil
}

// pause waits a moment between two looks.
func pause(ctx context.Context) error {
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
