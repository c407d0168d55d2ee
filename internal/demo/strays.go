package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/child"
)

// programs are those that a demo starts, directly or not.
var programs = []string{"muster", "muster-engine", "muster-witness", "postgres", "temporal-server", "prometheus"}

// stray is a process that works on a demo's folder.
type stray struct {
	pid  int
	name string
}

func (s stray) String() string { return fmt.Sprintf("%s (process %d)", s.name, s.pid) }

// strays lists the processes of a demo: programs that it starts and that work in one of
// the folders, by their working directory, an argument or a MUSTER_ setting. A process
// ID that was given away anew is thereby never taken for the one it was.
func strays(dirs ...string) ([]stray, error) {
	dirs = slices.DeleteFunc(slices.Clone(dirs), func(d string) bool { return d == "" })
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w (the demo needs Linux)", err)
	}
	var found []stray
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if s, ok := strayOf(pid, dirs); ok {
			found = append(found, s)
		}
	}
	return found, nil
}

func strayOf(pid int, dirs []string) (stray, bool) {
	proc := "/proc/" + strconv.Itoa(pid)
	exe, err := os.Readlink(proc + "/exe")
	if err != nil { // gone, or another user's
		return stray{}, false
	}
	name := filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	if !slices.Contains(programs, name) {
		return stray{}, false
	}
	cwd, _ := os.Readlink(proc + "/cwd")
	places := []string{cwd}
	args, _ := os.ReadFile(proc + "/cmdline")
	for _, a := range strings.Split(string(args), "\x00") {
		if _, value, ok := strings.Cut(a, "="); ok {
			a = value
		}
		places = append(places, resolve(cwd, a))
	}
	env, _ := os.ReadFile(proc + "/environ")
	for _, v := range strings.Split(string(env), "\x00") {
		if key, value, ok := strings.Cut(v, "="); ok && strings.HasPrefix(key, "MUSTER_") {
			places = append(places, resolve(cwd, value))
		}
	}
	for _, p := range places {
		for _, d := range dirs {
			if p == d || strings.HasPrefix(p, d+"/") {
				return stray{pid, name}, true
			}
		}
	}
	return stray{}, false
}

func resolve(cwd, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cwd, path)
}

// endAll ends the strays of the folders: asked first, killed after a while. The parents
// of those that restart their children are among them, so it looks again until none is
// left.
func endAll(ctx context.Context, dirs ...string) error {
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	asked := map[int]bool{}
	for {
		left, err := strays(dirs...)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, s := range left {
			sig := syscall.SIGKILL
			if time.Since(began) < child.Grace {
				if asked[s.pid] {
					continue
				}
				asked[s.pid] = true
				if sig = syscall.SIGTERM; s.name == "postgres" {
					sig = syscall.SIGQUIT // its data are thrown away
				}
			}
			if err := end(s, sig, dirs); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("still running: %v: %w", left, context.Cause(ctx))
		}
	}
}

// end signals a stray if its process ID is still its own.
func end(s stray, sig syscall.Signal, dirs []string) error {
	p, err := os.FindProcess(s.pid) // holds on to this very process
	if err != nil {
		return nil
	}
	defer func() { _ = p.Release() }()
	if now, ok := strayOf(s.pid, dirs); !ok || now.name != s.name {
		return nil
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %v: %w", s, err)
	}
	return nil
}
