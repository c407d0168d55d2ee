package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
)

// Whoever starts a drill beside what is real, or the reverse, hears of the other.
func TestADrillBesideWhatIsRealIsTold(t *testing.T) {
	w := newWorld(t)
	held := w.start(drill("sato"))
	a, err := w.Activation(t.Context(), "tokyo-fire")
	if err != nil || !slices.Equal(a.Beside, []string{held.Run}) {
		t.Errorf("before it is activated: %v, %v; want the drill of the same system", a.Beside, err)
	}
	real := w.start(response("tokyo-fire", "tanaka"))
	if !slices.Equal(real.Beside, []string{held.Run}) {
		t.Errorf("a response beside a drill answered %+v", real)
	}
	if joined := w.start(drill("suzuki")); !joined.Attached || !slices.Equal(joined.Beside, []string{real.Run}) {
		t.Errorf("a drill beside a response answered %+v", joined)
	}
	w.abort(held.Run)
	if again := w.start(response("tokyo-fire", "sato")); len(again.Beside) != 0 {
		t.Errorf("the drill is over, and still: %+v", again)
	}
	w.abort(real.Run)
}

// A drill that holds what the real response needs is in its way: the refusal says how it
// is put out of it. The reverse is not offered.
func TestALiveDrillInTheWayOfWhatIsReal(t *testing.T) {
	w := newWorld(t)
	live := drill("sato")
	live.Depth = run.Live
	held := w.start(live)
	_, err := w.Start(t.Context(), response("tokyo-fire", "tanaka"))
	if p := problem(t, err); p.Code != api.CodeHeld || p.Holder != held.Run || !strings.Contains(p.WayOut, "muster drill abort "+held.Run) || !strings.Contains(p.WayOut, "DRILL") {
		t.Errorf("a response answered %+v, want to hear how the drill is stopped", p)
	}
	w.abort(held.Run)
	real := w.start(response("tokyo-fire", "tanaka"))
	_, err = w.Start(t.Context(), live)
	if p := problem(t, err); p.Code != api.CodeHeld || p.Holder != real.Run || !strings.Contains(p.WayOut, "REAL") || strings.Contains(p.WayOut, "abort") {
		t.Errorf("a drill answered %+v, want to be told of the response and not to stop it", p)
	}
	w.abort(real.Run)
}
