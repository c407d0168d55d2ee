package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// EndCarrying ends the processes whose environment holds a variable, as in NAME=value: what
// a worker that is gone left at work. It returns when none is left, or after within, in which
// a killed process has to be gone: one that waits for a hung disk is not.
func EndCarrying(ctx context.Context, variable string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		left := Carrying(variable)
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			p, err := os.FindProcess(pid) // holds on to this very process
			if err != nil || !slices.Contains(Carrying(variable), pid) {
				continue
			}
			err = p.Signal(syscall.SIGKILL)
			_ = p.Release()
			if err != nil && !errors.Is(err, os.ErrProcessDone) {
				return fmt.Errorf("end process %d, which is at work as %s: %w", pid, variable, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d is still at work as %s: %w", left[0], variable, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
