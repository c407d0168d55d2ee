package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/serverproc"
)

// Process is a live process of a server.
type Process = serverproc.Process

// isServer reports whether p is one of the server whose data directory it is: it runs the
// server's program, and works there.
func isServer(p Process, data serverproc.Directory) (bool, error) {
	if p.Program != "postgres" {
		return false, nil
	}
	return data.Worked(p)
}

func (i *Instance) data() (serverproc.Directory, error) {
	d, err := serverproc.At(i.Data)
	return d, i.doing("find the data directory of", err)
}

// Processes lists the live processes of the server, the postmaster first, then its
// children, orphans of a dead postmaster and what they started. A server process is
// known by its program and by its working directory, which is the data directory.
func (i *Instance) Processes() ([]Process, error) {
	data, err := i.data()
	if err != nil {
		return nil, err
	}
	list, err := serverproc.List()
	if err != nil {
		return nil, err
	}
	all, servers := map[int]Process{}, map[int]bool{}
	children := map[int][]int{}
	var queue []int
	for _, p := range list {
		all[p.PID] = p
		children[p.Parent] = append(children[p.Parent], p.PID)
		ours, err := isServer(p, data)
		if err != nil {
			return nil, err
		}
		if ours {
			servers[p.PID] = true
			queue = append(queue, p.PID)
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
		if parent, ok := all[p.Parent]; servers[p.PID] && !(ok && seen[parent.PID]) {
			found[0], found[n] = found[n], found[0]
			break
		}
	}
	return found, nil
}

// RealData is the data directory as the kernel names it, whatever links lead there.
func (i *Instance) RealData() (string, error) {
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
	p, _, ok, err = i.postmaster()
	return p, ok, err
}

// postmaster is Postmaster with what it says of itself in its pid file; "" when none is alive.
// Both come from one reading of the file: that of a server that was killed lies there until the
// next one has put its own in place, and says "ready".
func (i *Instance) postmaster() (p Process, state string, ok bool, err error) {
	line, err := i.pidFile()
	if err != nil || len(line) == 0 {
		return p, "", false, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line[0]))
	if err != nil || pid <= 1 {
		return p, "", false, nil
	}
	data, err := i.data()
	if err != nil {
		return p, "", false, err
	}
	p, ok = serverproc.Find(pid)
	if !ok {
		return p, "", false, nil
	}
	if ok, err = isServer(p, data); ok && len(line) > 7 {
		state = strings.TrimSpace(line[7])
	}
	return p, state, ok, err
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

// Kill ends the postmaster and every child with SIGKILL, as a power loss does,
// frozen ones too, and returns when the first signal was sent; zero when nothing ran.
func (i *Instance) Kill(ctx context.Context) (time.Time, error) {
	at, err := serverproc.Server(i.Processes).Kill(ctx)
	if err == nil {
		i.release()
	}
	return at, i.doing("kill", err)
}

// Freeze stops the postmaster and every child (SIGSTOP): the server accepts
// connections and says nothing.
func (i *Instance) Freeze(ctx context.Context) error {
	return i.doing("freeze", serverproc.Server(i.Processes).Freeze(ctx))
}

// Thaw lets a frozen server go on.
func (i *Instance) Thaw() error {
	return i.doing("thaw", serverproc.Server(i.Processes).Thaw())
}

func (i *Instance) doing(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, i.Name, err)
	}
	return nil
}

// Stopping reports whether the server is on its way down by its own word.
func (i *Instance) Stopping() bool {
	_, state, alive, err := i.postmaster()
	return err == nil && alive && state == "stopping"
}
