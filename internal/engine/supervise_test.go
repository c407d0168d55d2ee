package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/clocktest"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// An engine whose clock is set back stands still without a word. Started again it goes on, but for
// a timer of before: that waits until the clock says what it waits for, which is told. Once the
// clock is set right it goes off.
func TestClockStepRestarts(t *testing.T) {
	t.Parallel()
	s := setClock(t, -10*time.Minute)
	s.log.wants(t, "the machine's clock was set back", "set the clock right")
	s.log.wants(t, "engine is restarted", "clock was set by -")
	s.goesOn(t)
	if d, err := s.client.DescribeWorkflow(t.Context(), "nap", ""); err != nil || d.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		t.Errorf("a timer of before goes off though the clock is behind, and it is told that it does not: %+v, %v", d, err)
	}
	now, _ := s.machine.Read()
	s.machine.Set(t, time.Until(now).Abs().Round(time.Second))
	s.log.wants(t, "engine is back")
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := s.nap.Get(ctx, nil); err != nil {
		t.Errorf("the clock is right again, and the timer of before does not go off: %v", err)
	}
}

func TestClockStepForwardsRestarts(t *testing.T) {
	t.Parallel()
	s := setClock(t, time.Hour)
	s.log.wants(t, "engine is restarted", "clock was set by 1h")
	s.goesOn(t)
}

// napFor is longer than it takes to set the clock once the timer is known to run.
const napFor = 20 * time.Second

func nap(ctx workflow.Context) error { return workflow.Sleep(ctx, napFor) }

// stepped is a machine whose clock was set while an engine had work.
type stepped struct {
	machine *clocktest.Machine
	engine  *engine.Engine
	pid     int
	log     record
	client  client.Client
	nap     client.WorkflowRun // waits for a timer
	idle    client.WorkflowRun // waits for a signal
	signal  func(string)
}

// setClock sets the clock of an engine and its watchdog, as when a machine's is set. The engine
// that is started for it has that clock too.
func setClock(t *testing.T, step time.Duration) *stepped {
	t.Helper()
	s := &stepped{machine: clocktest.New(t)}
	log, logger := newRecord()
	s.log = log
	told := make(chan time.Duration, 10)
	s.engine = start(t, engine.Options{Binary: s.machine.Program(t, temporaltest.Binary(t)), Log: logger, OnClockStep: func(by time.Duration) { told <- by }})
	s.engine.SetClock(s.machine.Read)
	supervise(t, s.engine)
	s.pid, s.client = s.engine.PID(), dial(t, s.engine)
	s.idle, s.signal = startCounting(t, s.client, nap)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var err error
	if s.nap, err = s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "nap", TaskQueue: "count"}, nap); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the timer runs", func() bool {
		for history := s.client.GetWorkflowHistory(ctx, "nap", "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); history.HasNext(); {
			if e, err := history.Next(); err == nil && e.EventType == enums.EVENT_TYPE_TIMER_STARTED {
				return true
			}
		}
		return false
	})
	// Set it again and again: the watchdog may not have taken its first look yet.
	eventually(t, "the step is told", func() bool {
		s.machine.Set(t, step)
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
	return s
}

// goesOn wants the engine to be another process, on the same clock, in which what was begun
// before goes on and what begins now does.
func (s *stepped) goesOn(t *testing.T) {
	t.Helper()
	s.log.wants(t, "engine is back")
	if s.engine.PID() == s.pid {
		t.Error("the same process runs on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	after, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "after", TaskQueue: "count"}, count)
	if err != nil {
		t.Fatal(err)
	}
	began, err := s.client.DescribeWorkflow(ctx, "after", "")
	if err != nil {
		t.Fatal(err)
	}
	if now, _ := s.machine.Read(); now.Sub(began.WorkflowStartTime).Abs() > 2*deadline {
		t.Errorf("the engine's clock says %v, the machine's %v: this shows nothing", began.WorkflowStartTime, now)
	}
	for _, word := range []string{"one", "end"} {
		if err := s.client.SignalWorkflow(ctx, "after", "", "add", word); err != nil {
			t.Fatal(err)
		}
	}
	wantCount(t, after, 1)
	s.signal("one")
	s.signal("end")
	wantCount(t, s.idle, 1)
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
