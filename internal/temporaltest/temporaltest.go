// Package temporaltest gives tests a real engine: muster-engine in a directory of its
// own, one for all tests of a package.
package temporaltest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-dr/muster/internal/engine"
)

// Engine is an engine that the tests of a package share.
type Engine struct {
	engine.Endpoint
	Client client.Client // for Namespace
	own    *engine.Engine
	dir    string
}

var (
	mu     sync.Mutex
	shared *Engine
)

// Start returns the package's engine and starts it at the first call. It ends, and its
// data with it, when the test binary ends, however that happens. Tests of a package that
// looks for leaked goroutines call Stop in their TestMain.
//
// Give each test names of its own (Queue, NewClient): the others use the same engine.
func Start(t testing.TB) *Engine {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if shared != nil {
		return shared
	}
	// Else the first worker reads the whole test binary for a checksum.
	worker.SetBinaryChecksum("test")
	dir, err := os.MkdirTemp("", "muster-engine-test-")
	if err != nil {
		t.Fatal(err)
	}
	own, err := engine.Start(context.Background(), engine.Options{Binary: Binary(t), Dir: dir, Discard: true})
	if err != nil {
		os.RemoveAll(dir)
		t.Fatal(err)
	}
	e := &Engine{Endpoint: own.Endpoint(), own: own, dir: dir}
	e.Client, err = engine.Dial(context.Background(), e.Connection(e.Namespace))
	if err != nil {
		e.stop()
		t.Fatal(err)
	}
	shared = e
	return e
}

// Stop ends the package's engine, if there is one.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	if shared != nil {
		shared.Client.Close()
		shared.stop()
		shared = nil
	}
}

func (e *Engine) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = e.own.Stop(ctx) // killed then, which is as good here
	os.RemoveAll(e.dir)
}

// Connection returns how to dial the engine for a namespace.
func (e *Engine) Connection(namespace string) engine.Connection {
	return engine.Connection{Address: e.Address, Token: e.Token, Namespace: namespace, Log: slog.New(slog.DiscardHandler)}
}

// Queue returns a name for a task queue, or anything else, that no other test has.
func (e *Engine) Queue(t testing.TB) string {
	return strings.ReplaceAll(t.Name(), "/", "-") + "-" + rand.Text()[:8]
}

// NewClient returns a client for a new namespace that the test has for itself. Use it
// where names can't be chosen, such as those of switch locks.
func (e *Engine) NewClient(t testing.TB) (c client.Client, namespace string) {
	t.Helper()
	namespace = "test-" + strings.ToLower(rand.Text()[:12])
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := e.Client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}); err != nil {
		t.Fatalf("make namespace %s: %v", namespace, err)
	}
	c, err := engine.Dial(ctx, e.Connection(namespace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, namespace
}

// Binary returns the path of muster-engine: $MUSTER_ENGINE, or bin/muster-engine of
// this repository.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("MUSTER_ENGINE"); path != "" {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for from := dir; ; from = filepath.Dir(from) {
		if _, err := os.Stat(filepath.Join(from, "go.mod")); err == nil {
			path := filepath.Join(from, "bin", engine.BinaryName)
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("%v: run `make build` first, or name the file in MUSTER_ENGINE", err)
			}
			return path
		}
		if from == filepath.Dir(from) {
			t.Fatalf("no go.mod above %s; name muster-engine in MUSTER_ENGINE", dir)
		}
	}
}
