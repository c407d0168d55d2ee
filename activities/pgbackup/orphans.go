package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/proc"
)

// mark is the variable with which every program is started that works on a folder: a
// worker that is killed leaves it at work, and it is found by this.
func mark(dir string) string { return "MUSTER_WORKS_ON=" + dir }

// dying is how long a killed program has to be gone: one that waits for a hung disk is not.
const dying = 10 * time.Second

// endWork ends the programs that an attempt whose worker died left at work on a folder.
// Nothing else may write there after it.
func endWork(ctx context.Context, dir string) error {
	return activities.Until(ctx, dying, 20*time.Millisecond, func(context.Context) error {
		left := proc.Carrying(mark(dir))
		for _, pid := range left {
			p, err := os.FindProcess(pid) // holds on to this very process
			if err != nil || !slices.Contains(proc.Carrying(mark(dir)), pid) {
				continue
			}
			err = p.Signal(syscall.SIGKILL)
			_ = p.Release()
			if err != nil && !errors.Is(err, os.ErrProcessDone) {
				return fmt.Errorf("end process %d, which works on %s: %w", pid, dir, err)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("process %d still works on %s", left[0], dir)
		}
		return nil
	})
}
