package board

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// A function that gives a part, or nobody knows how much, does not look whole.
func TestAFunctionOfPartialServiceSaysSo(t *testing.T) {
	up, down := true, false
	for _, c := range []struct {
		f    progress.Function
		want service
	}{
		{progress.Function{}, service{"idle", "?", "未観測"}},
		{progress.Function{Up: &down}, service{"bad", "✕", "停止"}},
		{progress.Function{Up: &up}, service{"ok", "●", "稼働"}},
		{progress.Function{Up: &up, Level: 40}, service{"warn", "◐", "一部稼働 40%"}},
		{progress.Function{Up: &up, Level: run.LevelUnknown}, service{"warn", "◐", "稼働（能力未測定）"}},
	} {
		if got := serviceOf(i18n.JA, c.f); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.f, got, c.want)
		}
	}
}

// A tabletop recovers nothing, so nothing is "not restored" in red, and there is no curve.
func TestATabletopIsNotJudgedAsNotRestored(t *testing.T) {
	begun, low := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), 0
	s := progress.System{Name: "orders", EventAt: &begun, Floor: &low, Curve: []progress.Point{{AtS: 1, Level: 0}}}
	for depth, want := range map[run.Depth]string{run.Tabletop: "not observed at this depth", run.Walkthrough: "not observed at this depth", run.Live: "not restored"} {
		var p plan.Plan
		p.Scenario.Depth = depth
		v := systemOf(i18n.EN, p, s, begun.Add(time.Minute), true)
		if v.Word != want {
			t.Errorf("%s: %q, want %q", depth, v.Word, want)
		}
		if depth.Unseen() && (len(v.Rows) > 0 || strings.Contains(string(v.Chart), "svg") || v.Floor != nil) {
			t.Errorf("%s: a curve that nobody saw: %+v", depth, v.Rows)
		}
	}
}
