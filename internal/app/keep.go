package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/wholefile"
)

// keepWorking runs a worker until ctx ends. A worker that the engine turned away, or
// that could not begin because no engine answered, begins again; ready is called each
// time one has begun. It says so once a change, not once a try.
func keepWorking(ctx context.Context, log *slog.Logger, build func(onFatal func(error)) worker.Worker, ready func()) {
	pause, silent := time.Second, false
	for ctx.Err() == nil {
		fatal := make(chan error, 1)
		w := build(func(err error) {
			select {
			case fatal <- err:
			default:
			}
		})
		err := w.Start()
		if err == nil {
			if silent {
				log.Info("worker is back")
			}
			pause, silent = time.Second, false
			ready()
			select {
			case err = <-fatal:
			case <-ctx.Done():
			}
			w.Stop()
		}
		if ctx.Err() != nil {
			return
		}
		if !silent {
			log.Warn("worker stopped; trying again", "err", err)
			silent = true
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, 15*time.Second)
		case <-ctx.Done():
		}
	}
}

// workerOptions are those of every worker: a slot for every step that a run orders at once
// and as many for probes, looks and other runs, enough pollers for a burst of steps, below
// the engine's limits, and a stop that leaves time for the rest of the process's.
func workerOptions(onFatal func(error)) worker.Options {
	return worker.Options{
		MaxConcurrentActivityExecutionSize:     2_000,
		MaxConcurrentActivityTaskPollers:       8,
		MaxConcurrentWorkflowTaskPollers:       8,
		MaxConcurrentWorkflowTaskExecutionSize: 200,
		WorkerStopTimeout:                      1500 * time.Millisecond,
		// A cancel reaches an activity with its heartbeat: not later than this.
		MaxHeartbeatThrottleInterval: time.Second,
		OnFatalError:                 onFatal,
	}
}

// longOutputs keeps texts that are too long for a history, each under its content's
// digest, so that keeping one twice is harmless. One that is named is there after a power failure too.
func longOutputs(dir string) func(ctx context.Context, name string, b []byte) (string, error) {
	return func(_ context.Context, _ string, b []byte) (string, error) {
		sum := sha256.Sum256(b)
		name := hex.EncodeToString(sum[:])
		path := filepath.Join(dir, name[:2], name)
		if _, err := os.Stat(path); err == nil {
			return "evidence:" + name, keptOutput(path) // whoever kept it may have been cut off before this
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
		f, err := os.CreateTemp(filepath.Dir(path), newOutput)
		if err != nil {
			return "", err
		}
		_, err = f.Write(b)
		if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
			return "", fmt.Errorf("keep evidence: %w", err)
		}
		return "evidence:" + name, keptOutput(path)
	}
}

// keptOutput has the names that lead to a long output on disk: its own, and those of folders that may be new.
func keptOutput(path string) error {
	digits := filepath.Dir(path)
	dir := filepath.Dir(digits)
	return errors.Join(wholefile.SyncDir(digits), wholefile.SyncDir(dir), wholefile.SyncDir(filepath.Dir(dir)))
}

const (
	newOutput = "new-*"
	// halfOld is from what age on a long output that is still being written is one whose writer is gone.
	halfOld = 24 * time.Hour
)

// sweepOutputs removes what was being written when its worker was killed.
func sweepOutputs(dir string, now time.Time) error {
	left, err := filepath.Glob(filepath.Join(dir, "??", newOutput))
	for _, path := range left {
		info, serr := os.Lstat(path)
		if serr == nil && now.Sub(info.ModTime()) > halfOld {
			serr = os.Remove(path)
		}
		if !errors.Is(serr, fs.ErrNotExist) { // another worker was first
			err = errors.Join(err, serr)
		}
	}
	return err
}
