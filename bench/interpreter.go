package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// workloads are the cells of the table, bounded so that it takes minutes.
func workloads(largest int) (all []workload) {
	add := func(w workload) {
		if w.steps() <= largest && w.critical() <= time.Minute {
			all = append(all, w)
		}
	}
	durations := []time.Duration{0, 50 * time.Millisecond, time.Second}
	for _, each := range durations {
		for _, steps := range []int{10, 100, 1000} {
			add(parallel(steps, each))
		}
	}
	for _, each := range durations {
		add(chain(10, each))
		if each < time.Second {
			add(chain(100, each))
		}
		if each == 0 {
			add(chain(1000, each))
		}
	}
	// Responses: a system of a tier depends on every one of the tier before.
	for _, each := range durations {
		add(workload{2, 2, 4, each})
		add(workload{5, 5, 4, each})
		add(workload{4, 25, 10, each})
	}
	return all
}

// interpreter prints the makespan of each workload over the least time it can take, for
// muster on the embedded engine, for the floor and for bash. muster's steps start no
// process; the others' are one each.
func (b *bench) interpreter(ctx context.Context) error {
	all := slices.DeleteFunc(workloads(b.largest), func(w workload) bool {
		match, err := path.Match(b.named, w.name())
		return err != nil || !match
	})
	dir := filepath.Join(b.dir, "interpreter")
	if err := writeWorkloads(filepath.Join(dir, "plans"), all); err != nil {
		return err
	}
	up, err := b.startUp(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = up.process.End(context.WithoutCancel(ctx)) }()

	fmt.Printf("\nstep interpreter on the embedded engine, beside the floor (process and fsynced journal a step) and bash\n")
	fmt.Printf("makespan / critical path; where the critical path is 0, ms a step\n")
	fmt.Printf("%-20s %10s %10s %10s %14s %10s %14s\n", "workload", "floor", "bash", "muster", "muster over s", "CPU ms", "engine RSS MB")
	for _, w := range all {
		floor, err := b.floor(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: floor: %w", w.name(), err)
		}
		bash, err := b.bash(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name(), err)
		}
		before := used(up.processes()...)
		took, err := up.drill(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name(), err)
		}
		cpu := used(up.processes()...) - before
		fmt.Printf("%-20s %10s %10s %10s %14.3f %10.2f %14.0f\n", w.name(), w.figure(floor), w.figure(bash), w.figure(took),
			(took - w.critical()).Seconds(), float64(cpu.Microseconds())/1000/float64(w.steps()), up.engineRSS())
	}
	return nil
}

// figure is the ratio, or milliseconds a step where there is nothing to divide by.
func (w workload) figure(took time.Duration) string {
	if w.critical() == 0 {
		return fmt.Sprintf("%.2f ms", float64(took.Microseconds())/1000/float64(w.steps()))
	}
	return fmt.Sprintf("%.3f", took.Seconds()/w.critical().Seconds())
}

// drill runs the workload's scenario and returns the time from the first step's begin
// to the last one's end, on the engine's clock.
func (u *up) drill(ctx context.Context, w workload) (time.Duration, error) {
	id, err := u.start(ctx, w.name())
	if err != nil {
		return 0, err
	}
	events, err := u.events(ctx, id)
	if err != nil {
		return 0, err
	}
	var first, last time.Time
	passed, why := 0, ""
	for _, e := range events {
		switch {
		case e.Outcome != "" && e.Outcome != run.Passed:
			why += fmt.Sprintf("\n%s %s%s: %s %s", e.Kind, e.Phase, e.Step, e.Outcome, e.Reason)
		case e.Kind == run.StepStarted && (first.IsZero() || e.At.Before(first)):
			first = e.At
		case e.Kind == run.StepEnded && e.Outcome == run.Passed:
			passed++
			if e.At.After(last) {
				last = e.At
			}
		}
	}
	if passed != w.steps() {
		return 0, fmt.Errorf("%d of %d steps passed in run %s%s", passed, w.steps(), id, why)
	}
	return last.Sub(first), nil
}

// processes are muster and what it started.
func (u *up) processes() []int {
	pids := []int{u.process.Cmd.Process.Pid}
	for n := 0; n < len(pids); n++ {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pids[n]))
		if err != nil {
			continue
		}
		for _, t := range tasks {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pids[n], t.Name()))
			if err != nil {
				continue
			}
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// engineRSS is the engine's resident memory in MB.
func (u *up) engineRSS() float64 { return resident(u.enginePID()) }
