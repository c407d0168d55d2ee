package run_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// A response's text holds no mark, however its author put one together; a drill's keeps its own.
func TestAResponseHoldsNoMark(t *testing.T) {
	for _, text := range []string{"[DRILL] open", "【訓練】open", "[DR[DRILL]ILL]open", "【訓[DRILL]練】open", "【訓[DR【訓練】ILL] 練】open", "[DR[DR[DRILL] ILL] ILL]open"} {
		if got := run.Marked(run.Response, run.MarkEN, text); got != "open" {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if got := run.Marked(run.Drill, run.MarkEN, "open"); !strings.HasPrefix(got, run.MarkEN+" ") {
		t.Errorf("a drill says %q", got)
	}
}
