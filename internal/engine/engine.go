// Package engine runs the embedded workflow engine, muster-engine, as a child process
// that it watches, and dials engines of every kind: that one, a Temporal cluster,
// Temporal Cloud.
//
// Programs that run workers call worker.SetBinaryChecksum first thing in main, and
// TestMain of packages that do: the SDK else reads the whole executable for a checksum
// inside the first workflow, which on a busy machine takes longer than the second it
// allows a workflow to think.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// BinaryName is the file that Start looks for.
const BinaryName = "muster-engine"

// Options of an embedded engine.
type Options struct {
	// Binary is the path of muster-engine; "" looks beside the running executable and
	// then in PATH.
	Binary string
	// Dir is the data directory. One engine at a time can use it.
	Dir string
	// Port and UIPort are ports on loopback that must be free; 0 takes those that the
	// directory's last engine had if they are free, else any.
	Port, UIPort int
	Log          *slog.Logger // nil is silence
	// OnClockStep is told when the machine's clock was set by more than 2 s (negative
	// is backwards), before the engine is restarted for it. It must not block.
	OnClockStep func(by time.Duration)
	// Discard removes the data at Stop: for tests.
	Discard bool
	// TimeSkipping lets workflows be told to skip the time that they wait: for simulations.
	TimeSkipping bool
}

// Endpoint is how to reach the engine. It holds for the life of the Engine, restarts
// included. Token and UIAddress open the engine to whoever has them.
type Endpoint struct {
	Address   string `json:"address"`    // host:port
	Token     string `json:"token"`      // bearer token of every call
	UIAddress string `json:"ui_address"` // URL that opens the web UI in a browser
	Namespace string `json:"namespace"`
}

// Engine is a running muster-engine.
type Engine struct {
	opts     Options
	log      *slog.Logger
	endpoint Endpoint
	clock    clock
	probe    func(context.Context) error // says whether work moves on
	every    time.Duration               // between probes

	told   sync.Mutex
	canary Canary
	mu     sync.Mutex // guards child; held while one replaces another
	child  *child     // nil once stopped
}

// Start starts the engine and returns when it answers, which takes about a second.
// What stands in its way (a port taken, the directory in use, a full disk, data of
// another version) is in the error with the way out. ctx limits the starting only.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if o.Dir == "" {
		return nil, errors.New("engine: no data directory given")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if o.Binary, err = findBinary(o.Binary); err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	e := &Engine{opts: o, log: o.Log, clock: systemClock(), every: probeEvery}
	if e.child, e.endpoint, err = launch(ctx, o); err != nil {
		return nil, err
	}
	// From here on the ports are fixed: clients find a restarted engine where it was.
	e.opts.Port, e.opts.UIPort = portOf(e.endpoint.Address), portOfURL(e.endpoint.UIAddress)
	return e, nil
}

// Endpoint returns how to reach the engine.
func (e *Engine) Endpoint() Endpoint { return e.endpoint }

// PID returns the engine's process, which a restart changes; 0 when it is stopped.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return 0
	}
	return e.child.cmd.Process.Pid
}

// Stop ends the engine and waits until its file is closed, which takes about a second.
// When ctx ends first, the engine is killed; nothing is lost by that. Stop comes after
// Run has returned.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return nil
	}
	c := e.child
	e.child = nil
	if e.opts.Discard {
		return c.stop(ctx, func() { c.stdin.Close() })
	}
	return c.stop(ctx, c.terminate)
}

// findBinary returns the path of muster-engine.
func findBinary(given string) (string, error) {
	if given != "" {
		path, err := exec.LookPath(given)
		if err != nil {
			return "", plan.Caused(err, "the engine is not there; build it with `make build`", "エンジンのプログラムがありません。`make build` で作成してください")
		}
		return filepath.Abs(path)
	}
	beside := "the running program"
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside = filepath.Dir(self)
		if path, err := exec.LookPath(filepath.Join(beside, BinaryName)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(BinaryName)
	if err != nil {
		return "", plan.Wrong("engine: %s is neither in %s nor in PATH; build it with `make build`, or connect to a Temporal cluster instead",
			"エンジン: %s が %s にもPATHにもありません。`make build` で作成するか、Temporalクラスターに接続してください", BinaryName, beside)
	}
	return filepath.Abs(path)
}
