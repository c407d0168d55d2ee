package keep

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Rows is what the record store keeps beside the records and makes from them: what pages over many runs rest on. No
// seal covers it, but what it is made from. What is told of was made anew.
type Rows interface {
	// OfRun returns what is kept of a run otherwise than its events give it. What it returns beside an error is made anew already.
	OfRun(ctx context.Context, runID string, entries []journal.Entry) ([]plan.Text, error)
	// OfAll returns what is made of all runs, and is not what they give. What it returns beside an error is made anew already.
	OfAll(ctx context.Context) ([]plan.Text, error)
}

// fileRows names the program whose rows were last held against the records. Beside the log, and not in the store:
// whoever alters a row there can't say that another program had made it.
const fileRows = "rows"

// rowCheck is one look through all rows.
type rowCheck struct {
	k *Keeper
	// anew: another program made them. Its rules may have been others, so what differs is nobody's alteration.
	anew bool
}

func (k *Keeper) holdsRows() *rowCheck {
	made, err := os.ReadFile(filepath.Join(k.o.Dir, fileRows))
	return &rowCheck{k: k, anew: err != nil || string(made) != k.o.Build}
}

func (c *rowCheck) ofRun(ctx context.Context, runID string, entries []journal.Entry) error {
	if c.k.o.Rows == nil || len(entries) == 0 || run.Endless(runID) {
		return nil
	}
	said, err := c.k.o.Rows.OfRun(ctx, runID, entries)
	return c.found(ctx, runID, said, err)
}

func (c *rowCheck) ofAll(ctx context.Context) error {
	if c.k.o.Rows == nil {
		return nil
	}
	said, err := c.k.o.Rows.OfAll(ctx)
	if err := c.found(ctx, "", said, err); err != nil || !c.anew {
		return err
	}
	if err := writeFile(filepath.Join(c.k.o.Dir, fileRows), []byte(c.k.o.Build), 0o600); err != nil {
		c.k.o.Log.Warn("what was made anew from the records can't be noted as such; it is at the next check", "err", plain(err))
	}
	return nil
}

// found takes up what was found out. A run of which nothing can be made any more is told of, and holds up no others. The keeper
// remembers it until a check that comes to its end has told it: the next one finds a row that was made anew.
func (c *rowCheck) found(ctx context.Context, runID string, said []plan.Text, err error) error {
	if !c.anew {
		for _, s := range said {
			c.k.o.Log.Error("what is kept beside a record was not what the record gives; it was made anew", "what", s.EN)
		}
		c.k.rowsWrong = append(c.k.rowsWrong, said...)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, outcome.ErrGrows) || runID == "" || !errors.As(c.k.ofRun(ctx, runID, err), new(*runError)) {
		return errUnchecked
	}
	no := plan.Say("run %s can't be held against its record: %s", "実施 %s は記録と照合できません: %s", runID, run.OneLine(err.Error(), 200))
	c.k.o.Log.Error("what is kept beside a record can't be held against it", "run", runID, "err", err)
	if !slices.Contains(c.k.rowsWrong, no) {
		c.k.rowsWrong = append(c.k.rowsWrong, no)
	}
	return nil
}
