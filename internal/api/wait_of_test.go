package api

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// Nobody is woken for the closing of the records before the plan's own time for it is over.
func TestClosingTheRecordsHasThePlansTime(t *testing.T) {
	since := time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)
	due := since.Add(time.Hour)
	for _, c := range []struct {
		phase run.Phase
		after time.Duration
		want  progress.Awaited
	}{
		{run.Closing, 59 * time.Minute, progress.AwaitRemark},
		{run.Closing, time.Hour, progress.AwaitConfirm},
		{run.Completion, 20 * time.Minute, progress.AwaitConfirm},
	} {
		w := waitOf(run.Response, progress.Waiting{For: progress.AwaitConfirm, Phase: c.phase, Since: since, Due: &due}, since.Add(c.after))
		if w.For != c.want || w.Kind != run.Response || !w.Since.Equal(since) {
			t.Errorf("%s after %s: %+v, want %s", c.phase, c.after, w, c.want)
		}
	}
}
