package proc

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/plan"
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
			if err != nil || !Carries(pid, variable) {
				continue
			}
			err = p.Signal(syscall.SIGKILL)
			_ = p.Release()
			if err != nil && !errors.Is(err, os.ErrProcessDone) {
				return plan.Caused(err, "end process %d, which is at work as %s", "プロセス %d（%s として処理中）の終了", pid, variable)
			}
		}
		select {
		case <-ctx.Done():
			return plan.Caused(context.Cause(ctx), "process %d is still at work as %s", "プロセス %d がまだ %s として処理を続けている", left[0], variable)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
