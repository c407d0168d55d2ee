package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// workload is systems in tiers: every system of a tier takes its steps one after the
// other, side by side with the others, once all systems of the tier before are done.
// One system with many steps is a chain; many steps at once are as many chains of one,
// which muster runs as one runbook.
type workload struct {
	tiers   int // each waits for the one before
	systems int // in a tier
	depth   int // steps of a system
	each    time.Duration
}

func chain(steps int, each time.Duration) workload    { return workload{1, 1, steps, each} }
func parallel(steps int, each time.Duration) workload { return workload{1, steps, 1, each} }

func (w workload) steps() int { return w.tiers * w.systems * w.depth }

func (w workload) name() string {
	shape := "tiers"
	switch {
	case w.tiers == 1 && w.systems == 1:
		shape = "chain"
	case w.tiers == 1 && w.depth == 1:
		shape = "parallel"
	}
	return fmt.Sprintf("%s-%d-%s", shape, w.steps(), strings.ReplaceAll(w.each.String(), ".", "p"))
}

// critical is the least time that the workload can take.
func (w workload) critical() time.Duration { return time.Duration(w.tiers*w.depth) * w.each }

// floor is a scheduler that does as little as one may: it starts a process for each
// step and puts its begin and end on disk before it goes on.
func (b *bench) floor(ctx context.Context, w workload) (time.Duration, error) {
	journal, err := os.Create(filepath.Join(b.dir, "floor.journal"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = journal.Close() }()
	var mu sync.Mutex
	note := func(text string) error {
		mu.Lock()
		defer mu.Unlock()
		if _, err := journal.WriteString(text); err != nil {
			return err
		}
		return journal.Sync()
	}
	step := func(n int) error {
		if err := note(fmt.Sprintf("begin %d\n", n)); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "true")
		if w.each > 0 {
			cmd = exec.CommandContext(ctx, "sleep", fmt.Sprint(w.each.Seconds()))
		}
		if err := cmd.Run(); err != nil {
			return err
		}
		return note(fmt.Sprintf("end %d\n", n))
	}
	began := time.Now()
	for tier := range w.tiers {
		errs := make(chan error, w.systems)
		for system := range w.systems {
			go func() {
				for n := range w.depth {
					if err := step((tier*w.systems+system)*w.depth + n); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		for range w.systems {
			if err := <-errs; err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began), nil
}

// bash is the same as a script that people write; it keeps no record.
func (b *bench) bash(ctx context.Context, w workload) (time.Duration, error) {
	step := "/bin/true"
	if w.each > 0 {
		step = "sleep " + fmt.Sprint(w.each.Seconds())
	}
	steps := step
	if w.depth > 1 {
		steps = fmt.Sprintf("for ((n = 0; n < %d; n++)); do %s; done", w.depth, step)
	}
	script := steps
	if w.systems > 1 {
		script = fmt.Sprintf("for ((s = 0; s < %d; s++)); do { %s; } & done; wait", w.systems, steps)
	}
	if w.tiers > 1 {
		script = fmt.Sprintf("for ((t = 0; t < %d; t++)); do %s; done", w.tiers, script)
	}
	began := time.Now()
	if out, err := exec.CommandContext(ctx, "bash", "-c", script).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("bash: %w: %s", err, out)
	}
	return time.Since(began), nil
}
