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

// workload is steps of one duration, all at once or one after the other.
type workload struct {
	chain bool
	steps int
	each  time.Duration
}

func (w workload) name() string {
	shape := "parallel"
	if w.chain {
		shape = "chain"
	}
	return fmt.Sprintf("%s-%d-%s", shape, w.steps, strings.ReplaceAll(w.each.String(), ".", "p"))
}

// critical is the least time that the workload can take.
func (w workload) critical() time.Duration {
	if w.chain {
		return time.Duration(w.steps) * w.each
	}
	return w.each
}

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
	if w.chain {
		for n := range w.steps {
			if err := step(n); err != nil {
				return 0, err
			}
		}
		return time.Since(began), nil
	}
	errs := make(chan error, w.steps)
	for n := range w.steps {
		go func() { errs <- step(n) }()
	}
	for range w.steps {
		if err := <-errs; err != nil {
			return 0, err
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
	script := fmt.Sprintf("for ((i = 0; i < %d; i++)); do %s & done; wait", w.steps, step)
	if w.chain {
		script = fmt.Sprintf("for ((i = 0; i < %d; i++)); do %s; done", w.steps, step)
	}
	began := time.Now()
	if out, err := exec.CommandContext(ctx, "bash", "-c", script).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("bash: %w: %s", err, out)
	}
	return time.Since(began), nil
}
