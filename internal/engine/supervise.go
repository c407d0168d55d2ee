package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	restartFirst = 100 * time.Millisecond // before the first try; doubles
	restartMost  = 10 * time.Second
	stopWithin   = 5 * time.Second // for an engine that is stopped to be restarted
	// diskLow is where the engine's writes begin to fail. It goes on by itself when
	// space is freed; a restart would not, as it has to write.
	diskLow = 8 << 20
)

// Run watches the engine until ctx ends: one that dies, stands still or sees the clock
// step is started again, for as long as it takes. It then returns nil; the engine runs
// on until Stop.
func (e *Engine) Run(ctx context.Context) error {
	if e.probe == nil {
		c, err := lazyClient(Connection{Address: e.endpoint.Address, Namespace: canaryNamespace, Token: e.endpoint.Token})
		if err != nil {
			return err
		}
		defer c.Close()
		e.probe = func(ctx context.Context) error { return canary(ctx, c, rand.Text()) }
	}
	for {
		cause := e.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if e.PID() == 0 {
			continue // stopped
		}
		e.log.Warn("engine is restarted", "reason", cause.Error())
		if began := time.Now(); e.restart(ctx) {
			e.log.Info("engine is back", "pid", e.PID(), "after", time.Since(began).Round(time.Millisecond))
		}
	}
}

// watch returns when the engine needs a restart, with the cause, or when ctx ends.
func (e *Engine) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	c := e.child
	e.mu.Unlock()
	if c == nil {
		<-ctx.Done() // stopped
		return ctx.Err()
	}
	stalled := make(chan error, 1)
	go func() { stalled <- e.watchProgress(ctx) }()
	defer func() { cancel(); <-stalled }()

	clocks := newClockWatch(e.clock)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return c.failure("it died")
		case err := <-stalled:
			stalled <- nil // for the defer
			return err
		case <-second.C:
			if by := clocks.step(); by != 0 {
				if by < 0 { // a timer is a time on the clock, and the engine has no other
					e.log.Warn("the machine's clock was set back; what has waited for a time since before waits longer by as much; where the clock is wrong now, set the clock right and it goes on", "by", by.String())
				} else {
					e.log.Warn("the machine's clock was set", "by", by.String())
				}
				if e.opts.OnClockStep != nil {
					e.opts.OnClockStep(by)
				}
				return fmt.Errorf("the machine's clock was set by %v", by.Round(time.Millisecond))
			}
		}
	}
}

// watchProgress returns when work does not move on, or when ctx ends.
func (e *Engine) watchProgress(ctx context.Context) error {
	tick := time.NewTicker(e.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		full := diskFull(e.opts.Dir)
		err := e.try(ctx)
		for n := 1; err != nil && n < probeFailures; n++ {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second): // a call may fail at once
			}
			full = full || diskFull(e.opts.Dir)
			err = e.try(ctx)
		}
		switch {
		case err == nil || ctx.Err() != nil:
		case full || diskFull(e.opts.Dir): // also one that was freed while we tried: it has yet to go on
			e.log.Error("the engine's disk is full; free space on it and the engine goes on", "dir", e.opts.Dir, "err", err)
		default:
			return fmt.Errorf("it stands still: %w", err)
		}
	}
}

// restart replaces the process and reports whether it could before ctx ended.
func (e *Engine) restart(ctx context.Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return false
	}
	stopping, cancel := context.WithTimeout(ctx, stopWithin)
	_ = e.child.stop(stopping, e.child.terminate) // why it is restarted has been told
	cancel()
	for wait := restartFirst; ; wait = min(2*wait, restartMost) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		c, ep, err := launch(ctx, e.opts)
		if err == nil && ep != e.endpoint {
			c.kill()
			err = errors.New("it answers at another address or with another token; was engine.json removed? Restart muster")
		}
		if err == nil {
			e.child = c
			e.told.Lock()
			e.canary.Restarts++
			e.told.Unlock()
			return true
		}
		if ctx.Err() == nil {
			e.log.Error("engine could not be restarted", "err", err, "again_in", min(2*wait, restartMost).String())
		}
	}
}

func diskFull(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Bavail*uint64(s.Bsize) < diskLow
}
