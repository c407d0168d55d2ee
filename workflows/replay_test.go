package workflows_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/workflows"
)

// TestReplay replays every recorded history: a change of workflow code that would break
// a run in flight fails here. Histories are recorded on a real engine, named for what
// happened, and never edited (docs/decisions.md says how to add one).
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories (%v)", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			workflows.Register(r)
			if err := r.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), f); err != nil {
				t.Errorf("%.400v\nPut the change behind workflow.GetVersion: this history is of a run that users may have in flight.", err)
			}
		})
	}
}
