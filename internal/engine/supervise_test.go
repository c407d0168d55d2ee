package engine_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// steppedClock is the machine's clock, set by hand on top.
type steppedClock struct {
	mu    sync.Mutex
	start time.Time
	by    time.Duration
}

func (c *steppedClock) read() (time.Time, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	return now.Round(0).Add(c.by), now.Sub(c.start)
}

func (c *steppedClock) step(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}

func TestClockStepRestarts(t *testing.T) {
	t.Parallel()
	clockStepRestarts(t, -10*time.Minute, "clock was set by -")
}

func TestClockStepForwardsRestarts(t *testing.T) {
	t.Parallel()
	clockStepRestarts(t, time.Hour, "clock was set by 1h")
}

func clockStepRestarts(t *testing.T, step time.Duration, said string) {
	log, logger := newRecord()
	told := make(chan time.Duration, 10)
	e := start(t, engine.Options{Log: logger, OnClockStep: func(by time.Duration) { told <- by }})
	clock := &steppedClock{start: time.Now()}
	e.SetClock(clock.read)
	supervise(t, e)
	run, signal := startCounting(t, dial(t, e))
	signal("one")
	pid := e.PID()
	// Set it again and again: the watchdog may not have taken its first look yet.
	eventually(t, "the step is told", func() bool {
		clock.step(step)
		select {
		case by := <-told:
			if n := (by + step/10) / step; n < 1 || (by-n*step).Abs() > time.Minute {
				t.Errorf("told a step of %v, want %v or a multiple", by, step)
			}
			return true
		case <-time.After(1100 * time.Millisecond):
			return false
		}
	})
	log.wants(t, "engine is restarted", said)
	log.wants(t, "engine is back")
	if e.PID() == pid {
		t.Error("the same process runs on")
	}
	signal("end")
	wantCount(t, run, 1)
}

func TestStallRestarts(t *testing.T) {
	t.Parallel()
	log, logger := newRecord()
	e := start(t, engine.Options{Log: logger})
	var stalls atomic.Bool
	stalls.Store(true)
	e.SetProbe(10*time.Millisecond, func(context.Context) error {
		if stalls.Load() {
			return errors.New("no task came")
		}
		return nil
	})
	supervise(t, e)
	pid := e.PID()
	log.wants(t, "engine is restarted", "it stands still: no task came")
	stalls.Store(false)
	log.wants(t, "engine is back")
	if e.PID() == pid {
		t.Error("the same process runs on")
	}
}

// A stopped process answers nothing and can't be asked to end.
func TestFrozenEngineIsReplaced(t *testing.T) {
	t.Parallel()
	log, logger := newRecord()
	e := start(t, engine.Options{Log: logger})
	e.SetProbeEvery(10 * time.Millisecond)
	supervise(t, e)
	run, signal := startCounting(t, dial(t, e))
	signal("one")
	if err := syscall.Kill(e.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	log.wants(t, "engine is restarted", "it stands still")
	log.wants(t, "engine is back")
	signal("one")
	signal("end")
	wantCount(t, run, 2)
}

// The real probe finds a healthy engine healthy.
func TestCanaryPasses(t *testing.T) {
	log, logger := newRecord()
	e := start(t, engine.Options{Log: logger})
	e.SetProbeEvery(time.Millisecond)
	supervise(t, e)
	pid := e.PID()
	run, signal := startCounting(t, dial(t, e))
	for range 20 {
		signal("one")
	}
	signal("end")
	wantCount(t, run, 20)
	if e.PID() != pid {
		t.Error("a healthy engine was restarted")
	}
	select {
	case m := <-log.messages:
		t.Errorf("a healthy engine is talked about: %s", m)
	default:
	}
}

func TestDeathIsToldInItsOwnWords(t *testing.T) {
	e, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(e.PID(), syscall.SIGQUIT); err != nil { // Go prints its goroutines
		t.Fatal(err)
	}
	wants(t, e.Stop(t.Context()), "did not stop cleanly", "SIGQUIT", "exit status 2")
}
