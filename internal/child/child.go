// Package child runs other programs in process groups of their own and ends them, so
// that nothing of theirs outlives whoever started them.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Grace is how long a program may take to end when it is asked to.
const Grace = 25 * time.Second

// Process is a program in a process group of its own: Ctrl-C in a terminal is for its
// parent alone, which ends it in its turn.
type Process struct {
	Name string
	Log  string // file its output goes to
	Cmd  *exec.Cmd
	// Done is closed when it has ended. Err then says how; nil is exit code 0.
	Done chan struct{}
	Err  error

	stdin io.WriteCloser
}

// Start starts a program whose output goes to the end of the log file. Its stdin stays
// open until it is ended.
func Start(name, log, binary string, env []string, args ...string) (*Process, error) {
	return StartIn(Place{}, name, log, binary, env, args...)
}

// Place is where a program works, and as whom.
type Place struct {
	Dir string              // "" is this process's
	As  *syscall.Credential // nil is as this process
}

// StartIn is Start at another place.
func StartIn(in Place, name, log, binary string, env []string, args ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Dir = env, in.Dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: in.As}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, Log: log, Cmd: cmd, stdin: stdin, Done: make(chan struct{})}
	go func() {
		p.Err = cmd.Wait()
		close(p.Done)
	}()
	return p, nil
}

// Ended reports whether the program has ended by itself.
func (p *Process) Ended() bool {
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// Failure says how the program ended, with the end of its log.
func (p *Process) Failure() error {
	how := "with exit code 0"
	if p.Err != nil {
		how = p.Err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", p.Name, how, p.Log, lastLines(p.Log, 12))
}

// End asks the program to end, and kills its whole group when it does not within Grace
// or before ctx ends. Having ended already is fine.
func (p *Process) End(ctx context.Context) error {
	defer func() { _ = p.stdin.Close() }()
	if p.Ended() {
		return nil
	}
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s: %w", p.Name, err)
	}
	late := time.NewTimer(Grace)
	defer late.Stop()
	select {
	case <-p.Done:
		return nil
	case <-late.C:
	case <-ctx.Done():
	}
	_ = syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL) // it may have ended this moment
	<-p.Done
	return fmt.Errorf("%s did not end within %v and was killed; see %s", p.Name, Grace, p.Log)
}

func lastLines(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
