package ssh

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/execresult"
	"github.com/muster-dr/muster/internal/plan"
)

// grace is how long a program has to end after it was told to, and after it was killed.
const grace = 5 * time.Second

// gate says on the program's standard error which process the program will be, after a word
// that only it knows, and becomes the program when a line comes: until the site's ledger has
// that process, nothing is begun.
// It is one line, since there are login shells (csh) that let no quoted text go over several.
const gate = `l=; { IFS= read -r l </proc/$$/stat; } 2>/dev/null; t=${l##*)}; t=$(echo $t | cut -d " " -f 20); ` +
	`b=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null); echo "$0 $$ ${b:--} ${t:--}" >&2; ` +
	`IFS= read -r go || exit 125; exec "$@"`

// gated runs words on the host through the gate.
func (c Command) gated(ctx context.Context, words []string) (Outcome, error) {
	mark := rand.Text()
	line := "exec sh -c " + quote(gate) + " " + mark + " env " + callVar + "=" + mark + " " + strings.Join(words, " ")
	return shell(ctx, c.Host, line, &gatekeeper{mark: mark, seen: make(chan work, 1)}, c.Stdin)
}

// gatekeeper takes the gate's word out of what the program says.
type gatekeeper struct {
	mark string
	seen chan work
	to   io.Writer

	mu   sync.Mutex
	held []byte // what came before it
	open bool
}

func (g *gatekeeper) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		return g.to.Write(p)
	}
	g.held = append(g.held, p...)
	before, rest, ok := bytes.Cut(g.held, []byte(g.mark+" "))
	line, after, whole := bytes.Cut(rest, []byte("\n"))
	words := strings.Fields(string(line))
	if !ok || !whole || len(words) != 3 {
		return len(p), nil
	}
	session, _ := strconv.Atoi(words[0])
	g.open = true
	g.seen <- work{Session: session, Boot: words[1], Start: words[2]}
	if _, err := g.to.Write(append(before, after...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush gives on what was held back of a host that never had the gate.
func (g *gatekeeper) flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		_, _ = g.to.Write(g.held)
	}
}

// shell hands one line to the user's shell on the host: to a gate, where there is a keeper of
// one. When ctx ends, everything that it started is told to end, and after a grace killed; a
// connection that is lost leaves unknown what came of it, and says so.
func shell(ctx context.Context, t Target, line string, keeper *gatekeeper, stdin string) (Outcome, error) {
	c, err := dial(ctx, t)
	if err != nil {
		return Outcome{}, notBegun(err)
	}
	defer c.Close()
	defer watch(c)()
	s, err := c.NewSession()
	if err != nil {
		return Outcome{}, notBegun(fmt.Errorf("host %s: %w", t.Name, err))
	}
	defer s.Close()
	var stdout, stderr execresult.Capture
	s.Stdout, s.Stderr = &stdout, &stderr
	in, err := s.StdinPipe()
	if err != nil {
		return Outcome{}, notBegun(fmt.Errorf("host %s: %w", t.Name, err))
	}
	if keeper != nil {
		keeper.to, s.Stderr = &stderr, keeper
	}
	if err := s.Start(line); err != nil {
		return Outcome{}, fmt.Errorf("host %s: %w", t.Name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	leave := func() error { _ = c.Close(); <-ended; return context.Cause(ctx) }
	if keeper == nil {
		_ = in.Close()
		select {
		case err = <-ended:
		case <-ctx.Done():
			return Outcome{}, fmt.Errorf("host %s: %w", t.Name, leave())
		}
		return outcome(t, &stdout, &stderr, err)
	}
	var at work
	select {
	case at = <-keeper.seen:
	case err = <-ended:
		keeper.flush()
		out, err := outcome(t, &stdout, &stderr, err)
		if err == nil {
			err = plan.Wrong("host %s did not run what it was given, but ended with exit code %d: %s; the user needs a shell and the program sh, and may have no command forced on them", "ホスト %s は渡されたものを実行せず、終了コード %d で終了した：%s。ユーザーにはシェルと sh が必要で、コマンドが強制されていてはならない", t.Name, out.ExitCode, out.LastLine())
		}
		return out, err
	case <-ctx.Done():
		return Outcome{}, notBegun(leave()) // the gate ends with its input
	}
	if at.Effect = activities.CallFrom(ctx).EffectKey; at.Effect != "" {
		if err := activities.Keep(ctx, at); err != nil {
			_ = leave()
			return Outcome{}, err
		}
	}
	go func() {
		_, _ = io.WriteString(in, "\n"+stdin)
		_ = in.Close()
	}()
	select {
	case err = <-ended:
		return outcome(t, &stdout, &stderr, err)
	case <-ctx.Done():
		return Outcome{}, stop(ctx, c, t, at, keeper.mark, ended)
	}
}

// outcome is how a session ended.
func outcome(t Target, stdout, stderr *execresult.Capture, err error) (Outcome, error) {
	out := Outcome{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *ssh.ExitError
	var lost *ssh.ExitMissingError
	switch {
	case errors.As(err, &exit) && exit.Signal() != "":
		return out, fmt.Errorf("the program on %s ended by signal %s: %s", t.Name, exit.Signal(), out.LastLine())
	case errors.As(err, &exit):
		out.ExitCode = exit.ExitStatus()
	case errors.As(err, &lost):
		return out, fmt.Errorf("the connection to %s was lost while the program ran; what came of it is not known", t.Name)
	case err != nil:
		return out, fmt.Errorf("host %s: %w", t.Name, err)
	}
	return out, nil
}

// stop ends a program and what it started. What belongs to another user can't be ended by
// this one, and may run for ever: that is told, and not waited for.
func stop(ctx context.Context, c *ssh.Client, t Target, at work, mark string, ended chan error) error {
	late := time.AfterFunc(3*grace, func() { _ = c.Close() }) // the host does not answer any more
	defer late.Stop()
	over := false
	for _, signal := range []string{"TERM", "KILL"} {
		end(c, at, mark, signal)
		select {
		case <-ended:
			over = true
		case <-time.After(grace):
			continue
		}
		break
	}
	end(c, at, mark, "KILL") // whoever ignored the first word
	var left string
	var err error
	for until := time.Now().Add(grace); ; time.Sleep(100 * time.Millisecond) {
		if left, err = output(c, at.found("")); err != nil || left == "" || !over || time.Now().After(until) {
			break
		}
	}
	_ = c.Close()
	if !over {
		<-ended
	}
	switch file := strings.TrimSpace(left); {
	case err != nil:
		return plan.Caused(context.Cause(ctx), "the program on %s was told to end, and whether it did can't be told: %v", "%s のプログラムに終了を指示したが、終了したか判断できない：%v", t.Name, err)
	case file != "" && file != blind:
		return plan.Caused(context.Cause(ctx), "the program on %s was told to end and runs on, as %s: %s may not end what runs as another user (sudo); end it by hand", "%s のプログラムに終了を指示したが、%s として動き続けている。%s は別のユーザーで動くプログラム（sudo）を終了できない。手作業で終了する", t.Name, file, t.Spec.User)
	}
	return plan.Caused(context.Cause(ctx), "the program on %s was told to end", "%s のプログラムに終了を指示した", t.Name)
}
