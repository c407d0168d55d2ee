// Package mycluster runs MariaDB and MySQL servers on this host: their processes, their
// programs and the option file that keeps a server's role over a restart. It works on files
// and processes only; what a server says of itself is asked over SQL elsewhere.
package mycluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/serverproc"
)

// Flavour is whose server it is.
type Flavour string

const (
	MariaDB Flavour = "mariadb"
	MySQL   Flavour = "mysql"
)

// Instance is one server on this host. Nothing is held open; processes and files are read
// anew by every call.
type Instance struct {
	Name     string
	Data     string   // data directory
	Config   string   // option file of muster's own, read by the server last
	Defaults string   // main option file; "" is the server's own place for it
	Args     []string // more arguments of its program
	Bin      string   // directory of its programs; "" looks in the usual places
	RunAs    string   // service user; "" is this process's user
	StartBy  []string // command that starts it; none starts its program
	StopBy   []string // command that stops it; none asks its process to end
}

// LogFile is where the output of a program that we started goes. The server's own log is
// where its options say.
func (i *Instance) LogFile() string { return filepath.Join(i.Data, "muster-server.log") }

// HoldsDatabase reports whether the data directory has a database of that name, which also
// a server shows that does not run. The name is one of letters and underscores: others are
// written otherwise on disk.
func (i *Instance) HoldsDatabase(name string) bool {
	st, err := os.Stat(filepath.Join(i.Data, name))
	return err == nil && st.IsDir()
}

// errLocked says that the server before it is not quite gone: its files are still locked.
var errLocked = errors.New("the files of the server that ran before are still locked")

// Start starts the server, unless it runs, and returns when ready says nil. It waits until
// ctx ends. The server outlives this process. One that ends while starting is an error with
// the end of its log.
func (i *Instance) Start(ctx context.Context, ready func(context.Context) error) error {
	for {
		procs, err := i.Processes()
		if err != nil {
			return err
		}
		var ended <-chan error
		if len(procs) == 0 {
			if ended, err = i.launch(ctx); err != nil {
				return err
			}
		}
		err = i.await(ctx, ended, ready)
		if err == nil || !errors.Is(err, errLocked) {
			return err
		}
		if serverproc.Pause(ctx) != nil {
			return err
		}
	}
}

// launch starts the server; the channel gives the end of a program of ours.
func (i *Instance) launch(ctx context.Context) (<-chan error, error) {
	if len(i.StartBy) > 0 {
		return nil, i.command(ctx, i.StartBy)
	}
	log, err := os.OpenFile(i.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	defer log.Close()
	if err := i.Own(i.LogFile()); err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	cmd, err := i.program(context.Background(), Server, append(i.options(), "--datadir="+i.Data)...)
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

// options are the arguments that the server's program takes first.
func (i *Instance) options() []string {
	var args []string
	if i.Defaults != "" {
		args = append(args, "--defaults-file="+i.Defaults)
	}
	return append(args, i.Args...)
}

func (i *Instance) await(ctx context.Context, ended <-chan error, ready func(context.Context) error) error {
	missing := time.Time{}
	for {
		why := ready(ctx)
		if why == nil {
			return nil
		}
		select {
		case err := <-ended:
			end := i.logEnd()
			if strings.Contains(end, "Unable to lock") || strings.Contains(end, "Can't lock aria control file") {
				return fmt.Errorf("start %s: %w%s", i.Name, errLocked, lastLines(end))
			}
			if err == nil {
				err = errors.New("it ended")
			}
			return fmt.Errorf("start %s: %w (log %s)%s", i.Name, err, i.LogFile(), lastLines(end))
		default:
		}
		procs, err := i.Processes()
		if err != nil {
			return err
		}
		switch {
		case len(procs) > 0 || ended != nil:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > 2*time.Second: // its service manager said yes, and nothing came or stayed
			return fmt.Errorf("start %s: it ended while starting; see its log", i.Name)
		}
		if err := serverproc.Pause(ctx); err != nil {
			return fmt.Errorf("start %s: it does not serve yet (%w): %w", i.Name, why, err)
		}
	}
}

// logEnd is the end of what a program of ours printed.
func (i *Instance) logEnd() string {
	f, err := os.Open(i.LogFile())
	if err != nil {
		return ""
	}
	defer f.Close()
	const end = 4096
	if st, err := f.Stat(); err == nil && st.Size() > end {
		if _, err := f.Seek(-end, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, end))
	if err != nil {
		return ""
	}
	// What it died of, rather than the last of what it said while dying.
	var grave []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "[ERROR]") {
			grave = append(grave, line)
		}
	}
	if len(grave) > 0 {
		return strings.Join(grave, "")
	}
	return string(b)
}

// Stop asks the server to end and waits until nothing of it runs, or ctx ends. A frozen
// server can't obey: thaw or kill it.
func (i *Instance) Stop(ctx context.Context) error {
	procs, err := i.Processes()
	if err != nil || len(procs) == 0 {
		return err
	}
	if len(i.StopBy) > 0 {
		if err := i.command(ctx, i.StopBy); err != nil {
			return err
		}
	} else {
		for _, p := range procs {
			if err := p.Signal(syscall.SIGTERM); err != nil {
				return fmt.Errorf("stop %s: %w", i.Name, err)
			}
		}
	}
	for {
		procs, err := i.Processes()
		if err != nil || len(procs) == 0 {
			return err
		}
		if err := serverproc.Pause(ctx); err != nil {
			return fmt.Errorf("stop %s: process %d still runs: %w", i.Name, procs[0].PID, err)
		}
	}
}
