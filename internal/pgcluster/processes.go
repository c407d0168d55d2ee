package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a live process of a server.
type Process struct {
	PID       int
	Parent    int
	Frozen    bool // stopped by a signal
	server    bool // runs the postgres program in the data directory
	directory string
}

// readProcess reads one process. ok is false when it is gone, or a zombie: killed
// and only waiting to be reaped, which signal 0 can't tell from alive.
func readProcess(pid int) (p Process, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	// "12 (postgres) S 1 ...": the name may itself hold spaces and brackets.
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if open < 0 || end < open || len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return p, false
	}
	p = Process{PID: pid, Frozen: fields[0] == "T" || fields[0] == "t"}
	p.Parent, _ = strconv.Atoi(fields[1])
	p.server = string(stat[open+1:end]) == "postgres"
	p.directory, _ = os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return p, true
}

// Processes lists the live processes of the server, the postmaster first, then its
// children, orphans of a dead postmaster and what they started. A server process is
// known by its program and by its working directory, which is the data directory.
func (i *Instance) Processes() ([]Process, error) {
	data, err := i.realData()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w (muster manages servers on Linux hosts only)", err)
	}
	if len(entries) == 0 {
		return nil, errors.New("list processes: /proc is empty; mount it, muster reads from it which processes belong to a server")
	}
	all := map[int]Process{}
	children := map[int][]int{}
	var queue []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p, ok := readProcess(pid)
		if !ok {
			continue
		}
		all[pid] = p
		children[p.Parent] = append(children[p.Parent], pid)
		if p.server && p.directory == data {
			queue = append(queue, pid)
		}
	}
	var found []Process
	seen := map[int]bool{}
	for len(queue) > 0 {
		pid := queue[0]
		queue = queue[1:]
		if seen[pid] {
			continue
		}
		seen[pid] = true
		found = append(found, all[pid])
		queue = append(queue, children[pid]...)
	}
	for n, p := range found {
		if parent, ok := all[p.Parent]; p.server && !(ok && seen[parent.PID]) {
			found[0], found[n] = found[n], found[0]
			break
		}
	}
	return found, nil
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

// Postmaster returns the server's main process. ok is false when none is alive.
func (i *Instance) Postmaster() (p Process, ok bool, err error) {
	line, err := i.pidFile()
	if err != nil {
		return p, false, err
	}
	if len(line) > 0 {
		if pid, err := strconv.Atoi(strings.TrimSpace(line[0])); err == nil && pid > 1 {
			data, err := i.realData()
			if err != nil {
				return p, false, err
			}
			if p, ok := readProcess(pid); ok && p.server && p.directory == data {
				return p, true, nil
			}
		}
	}
	return p, false, nil
}

// pidFile is postmaster.pid by lines; none when it does not exist.
func (i *Instance) pidFile() ([]string, error) {
	b, err := os.ReadFile(filepath.Join(i.Data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read postmaster.pid of %s: %w", i.Name, err)
	}
	return strings.Split(string(b), "\n"), nil
}

// signal sends s to p, if p is still the process that was found.
func signal(p Process, s syscall.Signal) error {
	h, err := os.FindProcess(p.PID) // holds on to this very process, by a pidfd
	if err != nil {
		return nil
	}
	defer h.Release()
	if now, ok := readProcess(p.PID); !ok || now.directory != p.directory {
		return nil
	}
	if err := h.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// Kill ends the postmaster and every child with SIGKILL, as a power loss does,
// frozen ones too, and returns when the first signal was sent; zero when nothing ran.
func (i *Instance) Kill(ctx context.Context) (at time.Time, err error) {
	for {
		procs, err := i.Processes()
		if err != nil {
			return at, err
		}
		if len(procs) == 0 {
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
			return at, fmt.Errorf("kill %s: %d processes are still there (state D is a hung disk): %w", i.Name, len(procs), err)
		}
	}
}

// Freeze stops the postmaster and every child (SIGSTOP): the server accepts
// connections and says nothing. With only the postmaster stopped, open sessions
// would go on writing.
func (i *Instance) Freeze(ctx context.Context) error {
	for {
		procs, err := i.Processes()
		if err != nil {
			return err
		}
		if len(procs) == 0 {
			return fmt.Errorf("freeze %s: it does not run", i.Name)
		}
		running := 0
		for _, p := range procs {
			if p.Frozen {
				continue
			}
			running++
			if err := signal(p, syscall.SIGSTOP); err != nil {
				return fmt.Errorf("freeze %s: %w", i.Name, err)
			}
		}
		if running == 0 {
			return nil
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
	for n := len(procs) - 1; n >= 0; n-- {
		if err := signal(procs[n], syscall.SIGCONT); err != nil {
			return fmt.Errorf("thaw %s: %w", i.Name, err)
		}
	}
	return nil
}

// pause waits a moment between two looks.
func pause(ctx context.Context) error {
	t := time.NewTimer(5 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Stopping reports whether the server is on its way down by its own word.
func (i *Instance) Stopping() bool {
	lines, err := i.pidFile()
	if err != nil || len(lines) < 8 {
		return false
	}
	_, alive, err := i.Postmaster()
	return err == nil && alive && strings.TrimSpace(lines[7]) == "stopping"
}
