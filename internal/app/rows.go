package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
)

// rows is what the record store keeps beside the records: of each run, and of all of them.
type rows struct {
	each *outcome.Rows
	all  []func(ctx context.Context) ([]plan.Text, error)
}

func (s *server) rows() rows {
	return rows{each: &outcome.Rows{Store: s.store}, all: []func(context.Context) ([]plan.Text, error){s.api.Ledger.Hold, s.api.HoldProgramme}}
}

func (r rows) OfRun(ctx context.Context, runID string, entries []journal.Entry) ([]plan.Text, error) {
	return r.each.Hold(ctx, runID, entries)
}

func (r rows) OfAll(ctx context.Context) (out []plan.Text, err error) {
	for _, hold := range r.all {
		said, wrong := hold(ctx)
		out, err = append(out, said...), errors.Join(err, wrong)
	}
	return out, err
}

// thisBuild tells this program from others of the same version, as one that is being worked on.
func thisBuild(version string) string {
	path, err := os.Executable()
	if err != nil {
		return version
	}
	info, err := os.Stat(path)
	if err != nil {
		return version
	}
	return fmt.Sprintf("%s %d %d", version, info.Size(), info.ModTime().UnixNano())
}
