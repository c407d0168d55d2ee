// Package pgcluster runs PostgreSQL servers on this host: their processes, their
// programs and a pair of servers for demonstrations and tests. It works on files and
// processes only; what a server says of itself is asked over SQL elsewhere.
package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/serverproc"
)

// Instance is one server on this host. Nothing is held open; the zero times and
// processes are read anew by every call.
type Instance struct {
	Name   string
	Data   string // data directory
	Config string // main configuration file, outside Data (pg_rewind and pg_basebackup overwrite what is inside)
	Log    string // file the server's output is appended to; "" is <dir of Config>/server.log
	Bin    string // directory of the server's programs
	RunAs  string // service user; "" is this process's user
	Host   string // address it listens on
	Port   int
}

// LogFile is where the server's output goes.
func (i *Instance) LogFile() string {
	if i.Log != "" {
		return i.Log
	}
	return filepath.Join(filepath.Dir(i.Config), "server.log")
}

// Start starts the server and returns when it accepts connections; at once when it
// already does. It waits until ctx ends. The server outlives this process. A server
// that ends while starting is an error with the end of its log; the lock file of a
// server that was just killed may stand in the way for a moment, so that is retried.
func (i *Instance) Start(ctx context.Context) error {
	for {
		procs, err := i.Processes()
		if err != nil {
			return err
		}
		var ended <-chan error
		if len(procs) == 0 {
			if ended, err = i.launch(); err != nil {
				return err
			}
		}
		err = i.awaitReady(ctx, ended)
		if err == nil || !errors.Is(err, errLocked) {
			return err
		}
		if perr := serverproc.Pause(ctx); perr != nil {
			return err
		}
	}
}

var errLocked = errors.New("a lock file of the server that ran before is still there")

// launch starts the server program; the channel gives its end.
func (i *Instance) launch() (<-chan error, error) {
	log, err := os.OpenFile(i.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	defer log.Close()
	if err := i.Own(i.LogFile()); err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	args := []string{"-D", i.Data}
	if i.Config != "" {
		args = append(args, "-c", "config_file="+i.Config)
	}
	cmd, err := i.command(context.Background(), "postgres", args...)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: cmd.SysProcAttr.Credential}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // reaps it, so that its end is seen without an init process
	return ended, nil
}

// awaitReady waits until the server says in its pid file that it accepts connections.
func (i *Instance) awaitReady(ctx context.Context, ended <-chan error) error {
	missing := time.Time{}
	for {
		_, state, alive, err := i.postmaster()
		if err != nil {
			return err
		}
		if alive && state == "ready" {
			return nil
		}
		select {
		case err := <-ended:
			end := i.logEnd()
			if strings.Contains(end, "postmaster.pid") || strings.Contains(end, "pre-existing shared memory") {
				return fmt.Errorf("start %s: %w%s", i.Name, errLocked, lastLines(end))
			}
			if err == nil {
				err = errors.New("it ended")
			}
			return fmt.Errorf("start %s: %w (log %s)%s", i.Name, err, i.LogFile(), lastLines(end))
		default:
		}
		switch {
		case alive || ended != nil:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > time.Second: // somebody else's server went away while we waited for it
			return fmt.Errorf("start %s: it ended while starting (log %s)%s", i.Name, i.LogFile(), lastLines(i.logEnd()))
		}
		if err := serverproc.Pause(ctx); err != nil {
			return fmt.Errorf("start %s: it does not accept connections yet: %w (log %s)%s", i.Name, err, i.LogFile(), lastLines(i.logEnd()))
		}
	}
}

// logEnd is the end of the server's log.
func (i *Instance) logEnd() string {
	f, err := os.Open(i.LogFile())
	if err != nil {
		return ""
	}
	defer f.Close()
	const end = 2048
	if st, err := f.Stat(); err == nil && st.Size() > end {
		if _, err := f.Seek(-end, 2); err != nil {
			return ""
		}
	}
	b := make([]byte, end)
	n, _ := f.Read(b)
	return string(b[:n])
}

// StopMode is how a server is asked to end.
type StopMode string

const (
	Fast      StopMode = "fast"      // ends sessions, ships all WAL, writes a checkpoint
	Immediate StopMode = "immediate" // ends at once; recovers at the next start
)

// Stop asks the server to end and waits until nothing of it runs, or ctx ends. A
// frozen server can't obey: thaw or kill it.
func (i *Instance) Stop(ctx context.Context, mode StopMode) error {
	s := syscall.SIGINT
	if mode == Immediate {
		s = syscall.SIGQUIT
	}
	p, alive, err := i.Postmaster()
	if err != nil {
		return err
	}
	if alive {
		if err := p.Signal(s); err != nil {
			return fmt.Errorf("stop %s: %w", i.Name, err)
		}
	}
	for alive {
		if err := serverproc.Pause(ctx); err != nil {
			return fmt.Errorf("stop %s: process %d still runs: %w", i.Name, p.PID, err)
		}
		now, ok := serverproc.Find(p.PID)
		alive = ok && now.Same(p)
	}
	for { // orphans of a postmaster that died without them
		procs, err := i.Processes()
		if err != nil {
			return err
		}
		if len(procs) == 0 {
			i.release() // of a postmaster that had been killed
			return nil
		}
		if err := serverproc.Pause(ctx); err != nil {
			return fmt.Errorf("stop %s: %d processes still run: %w", i.Name, len(procs), err)
		}
	}
}

// Control is what a server's control file says, also when the server is down. It
// is only exact while the server is down.
type Control struct {
	SystemID      string
	State         string // "shut down", "in production", "in archive recovery", ...
	Checkpoint    LSN    // start of the latest checkpoint record
	Timeline      uint32 // of the latest checkpoint
	MinRecovery   LSN
	MinRecoveryTL uint32
}

// States of a control file.
const (
	ShutDown           = "shut down"
	ShutDownInRecovery = "shut down in recovery"
	InArchiveRecovery  = "in archive recovery"
)

// Control reads the server's control file.
func (i *Instance) Control(ctx context.Context) (Control, error) {
	out, err := i.Run(ctx, nil, "pg_controldata", "-D", i.Data)
	if err != nil {
		return Control{}, fmt.Errorf("read the control file of %s: %w", i.Name, err)
	}
	values := map[string]string{}
	for line := range strings.Lines(out) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			values[k] = strings.TrimSpace(v)
		}
	}
	c := Control{SystemID: values["Database system identifier"], State: values["Database cluster state"]}
	if c.SystemID == "" || c.State == "" {
		return Control{}, fmt.Errorf("read the control file of %s: pg_controldata printed neither identifier nor state%s", i.Name, lastLines(out))
	}
	c.Checkpoint, err = ParseLSN(values["Latest checkpoint location"])
	if err != nil {
		return Control{}, fmt.Errorf("read the control file of %s: %w", i.Name, err)
	}
	c.MinRecovery, _ = ParseLSN(values["Minimum recovery ending location"])
	c.Timeline = number(values["Latest checkpoint's TimeLineID"])
	c.MinRecoveryTL = number(values["Min recovery ending loc's timeline"])
	return c, nil
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// LSN is a position in the write-ahead log, in bytes.
type LSN uint64

// ParseLSN reads PostgreSQL's form, "0/3000148".
func ParseLSN(s string) (LSN, error) {
	hi, lo, ok := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(hi, 16, 32)
	l, err2 := strconv.ParseUint(lo, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no position in the write-ahead log", s)
	}
	return LSN(h<<32 | l), nil
}

func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }
