package mycluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/serverproc"
)

// Processes lists the live processes of the server. One is known by its program and by its
// data directory: the server works in it, and names it when we started it. A server has one
// process, all its sessions are threads.
func (i *Instance) Processes() ([]serverproc.Process, error) {
	data, err := serverproc.At(i.Data)
	if err != nil {
		return nil, fmt.Errorf("data directory of %s: %w", i.Name, err)
	}
	all, err := serverproc.List()
	if err != nil {
		return nil, err
	}
	var found []serverproc.Process
	for _, p := range all {
		if !slices.Contains(Server, p.Program) {
			continue
		}
		ours, err := data.Worked(p)
		if err == nil && !ours {
			ours, err = data.Named(p, datadir(p))
		}
		if err != nil {
			return nil, err
		}
		if ours {
			found = append(found, p)
		}
	}
	return found, nil
}

// datadir is the data directory that a server was started with, in its own words: it works
// in it only a moment later.
func datadir(p serverproc.Process) string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if err != nil {
		return ""
	}
	for arg := range bytes.SplitSeq(line, []byte{0}) {
		if path, ok := bytes.CutPrefix(arg, []byte("--datadir=")); ok {
			return string(path)
		}
	}
	return ""
}

// Kill ends the server with SIGKILL, as a power loss does, a frozen one too, and returns
// when the first signal was sent; zero when nothing ran.
func (i *Instance) Kill(ctx context.Context) (time.Time, error) {
	at, err := serverproc.Server(i.Processes).Kill(ctx)
	return at, i.doing("kill", err)
}

// Freeze stops the server with SIGSTOP: its port takes connections and says nothing.
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
