package pgbackup

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/proc"
)

// mark is the variable with which every program is started that works on a folder: a
// worker that is killed leaves it at work, and it is found by this.
func mark(dir string) string { return "MUSTER_WORKS_ON=" + dir }

// dying is how long a killed program has to be gone: one that waits for a hung disk is not.
const dying = 10 * time.Second

// endWork ends the programs that an attempt whose worker died left at work on a folder.
// Nothing else may write there after it.
func endWork(ctx context.Context, dir string) error { return proc.EndCarrying(ctx, mark(dir), dying) }
