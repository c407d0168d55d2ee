package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startWithin is how long an engine may take to answer on a machine that is very busy.
const startWithin = time.Minute

// child is one process of muster-engine. It ends by itself when stdin closes, and so
// with this process, however that ends.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when it has ended and all it said is read
	err   error         // how it ended; read after done

	mu   sync.Mutex
	last []string // its last words that were no log lines
}

// errPortLost says that another program took a port between the engine's choice and its use.
var errPortLost = errors.New("another program took a port that the engine had found free")

// launch starts a process and returns when it says that it answers. One that lost a port it
// had chosen is started again, with others.
func launch(ctx context.Context, o Options) (c *child, e Endpoint, err error) {
	for range 3 {
		if c, e, err = launchOnce(ctx, o); !errors.Is(err, errPortLost) {
			break
		}
	}
	return c, e, err
}

func launchOnce(ctx context.Context, o Options) (*child, Endpoint, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("it did not answer within %v", startWithin))
	defer cancel()
	args := []string{"--dir", o.Dir, "--port", strconv.Itoa(o.Port), "--ui-port", strconv.Itoa(o.UIPort)}
	if o.Discard {
		args = append(args, "--discard")
	}
	if o.TimeSkipping {
		args = append(args, "--time-skipping")
	}
	c := &child{cmd: exec.Command(o.Binary, args...), done: make(chan struct{})}
	c.cmd.Env = environment()
	// In a group of its own, so that Ctrl-C at a terminal reaches the engine only
	// through whoever stops it, after the workers.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, stderr, err := c.pipes()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, Endpoint{}, fmt.Errorf("engine: start %s: %w", o.Binary, err)
	}
	var reading sync.WaitGroup
	ready := make(chan Endpoint, 1)
	reading.Go(func() { c.readEndpoint(stdout, ready) })
	reading.Go(func() { c.relay(stderr, o.Log) })
	go func() {
		reading.Wait()
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	select {
	case ep := <-ready:
		return c, ep, nil
	case <-c.done:
		return nil, Endpoint{}, c.failure("engine did not start")
	case <-ctx.Done():
		c.kill()
		return nil, Endpoint{}, fmt.Errorf("engine did not start: %w", context.Cause(ctx))
	}
}

func (c *child) pipes() (stdout, stderr io.Reader, err error) {
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, nil, err
	}
	stderr, err = c.cmd.StderrPipe()
	return stdout, stderr, err
}

// environment leaves out everything that may be a secret of muster's own.
func environment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GOTRACEBACK"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (c *child) readEndpoint(r io.Reader, ready chan<- Endpoint) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e Endpoint
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Address != "" {
			select {
			case ready <- e:
			default:
			}
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// relay passes the engine's log on and keeps what else it says: why it ended.
func (c *child) relay(r io.Reader, log *slog.Logger) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, _, err := lines.ReadLine() // the rest of a longer line comes as the next
		if err != nil {
			return
		}
		if level, msg, attrs, ok := parseLog(line); ok {
			log.LogAttrs(context.Background(), level, msg, attrs...)
			if level >= slog.LevelError {
				c.remember(string(line))
			}
			continue
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			c.remember(text)
		}
	}
}

func parseLog(line []byte) (level slog.Level, msg string, attrs []slog.Attr, ok bool) {
	var fields map[string]any
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &fields) != nil {
		return 0, "", nil, false
	}
	text, _ := fields[slog.LevelKey].(string)
	if level.UnmarshalText([]byte(text)) != nil {
		return 0, "", nil, false
	}
	msg, _ = fields[slog.MessageKey].(string)
	for k, v := range fields {
		if k != slog.LevelKey && k != slog.MessageKey && k != slog.TimeKey {
			attrs = append(attrs, slog.Any(k, v))
		}
	}
	return level, msg, attrs, true
}

func (c *child) remember(text string) {
	const most = 12 // the head of a panic; the goroutines below it help nobody
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) < most {
		c.last = append(c.last, text)
	}
}

// failure tells how the process ended in its own words.
func (c *child) failure(what string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.last) - 1; i >= 0; i-- {
		if why, ok := strings.CutPrefix(c.last[i], BinaryName+": "); ok {
			return fmt.Errorf("%s: %s", what, why)
		}
	}
	if said := strings.Join(c.last, "\n"); strings.Contains(said, syscall.EADDRINUSE.Error()) {
		return fmt.Errorf("%s: %w: %s", what, errPortLost, said)
	} else if said != "" {
		return fmt.Errorf("%s: %w: %s", what, c.end(), said)
	}
	return fmt.Errorf("%s: %w", what, c.end())
}

func (c *child) end() error {
	if c.err == nil {
		return errors.New("it ended")
	}
	return c.err
}

func (c *child) terminate() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended
}

// stop asks the process to end and kills it when ctx ends before that.
func (c *child) stop(ctx context.Context, ask func()) error {
	ask()
	select {
	case <-c.done:
		if c.err != nil {
			return c.failure("engine did not stop cleanly")
		}
		return nil
	case <-ctx.Done():
		c.kill()
		return fmt.Errorf("engine was killed, as it did not stop in time: %w", context.Cause(ctx))
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error says that it has ended
	<-c.done
}

func portOf(hostport string) int {
	_, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

func portOfURL(s string) int {
	u, err := url.Parse(s)
	if err != nil {
		return 0
	}
	return portOf(u.Host)
}
