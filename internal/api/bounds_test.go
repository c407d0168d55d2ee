package api_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// The engine ends a run whose history is too large, for good: no text makes it so.
func TestTextsOfARunAreBounded(t *testing.T) {
	w := newWorld(t)
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.RunStarted)
	ctx, tanaka := t.Context(), w.as("tanaka")
	for name, c := range map[string]struct {
		act func() error
		say string
	}{
		"a sentence of 2,001 characters": {func() error {
			_, err := tanaka.Remark(ctx, id, workflows.Remark{Text: strings.Repeat("震", 2001)})
			return err
		}, "text has 2001 characters"},
		"a name of 201": {func() error {
			_, err := tanaka.Notice(ctx, id, workflows.Notice{Who: strings.Repeat("a", 201), Text: "x"})
			return err
		}, "who has 201 characters"},
		"many names": {func() error {
			_, err := tanaka.Prioritize(ctx, id, workflows.Prioritize{Order: make([]string, 201)})
			return err
		}, "order has 201 entries"},
		"long names, many": {func() error {
			many := make([]string, 100)
			for i := range many {
				many[i] = strings.Repeat("a", 100)
			}
			_, err := tanaka.Prioritize(ctx, id, workflows.Prioritize{Order: many})
			return err
		}, "together"},
		"an escape": {func() error {
			_, err := tanaka.Remark(ctx, id, workflows.Remark{Text: "\x1b[2J"})
			return err
		}, "control character (U+001B)"},
		"a line in a name": {func() error {
			_, err := tanaka.Notice(ctx, id, workflows.Notice{Who: "a\nb", Text: "x"})
			return err
		}, "control character (U+000A)"},
		"text that runs backwards": {func() error {
			_, err := tanaka.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, Reason: "\u202eenod"})
			return err
		}, "control character (U+202E)"},
		"a start": {func() error {
			in := response("tokyo-fire", "")
			in.Reason = strings.Repeat("a", 2001)
			_, err := tanaka.Start(ctx, in)
			return err
		}, "reason has 2001 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			if p := problem(t, c.act()); p.Status != 422 || !strings.Contains(p.Detail, c.say) || p.WayOut == "" {
				t.Errorf("%+v, want 422 with %q", p, c.say)
			}
		})
	}
	if _, err := tanaka.Remark(ctx, id, workflows.Remark{Text: strings.Repeat("震", 1990) + "\n二行目"}); err != nil {
		t.Errorf("a long remark of two lines: %v", err)
	}
	w.abort(id)
}

// Nor does anybody by how often they speak; the others still do.
func TestActsOfAPersonAreBounded(t *testing.T) {
	w := newWorld(t)
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.RunStarted)
	tanaka := w.as("tanaka")
	var err error
	taken := 0
	for range 90 {
		if _, err = tanaka.Remark(t.Context(), id, workflows.Remark{Text: "again"}); err != nil {
			break
		}
		taken++
	}
	if p := problem(t, err); p.Status != 429 || p.WayOut == "" || taken < 60 {
		t.Errorf("%d taken, then %+v", taken, p)
	}
	if _, err := w.as("suzuki").Remark(t.Context(), id, workflows.Remark{Text: "the lift stands still"}); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	// All together have a bound too: an engine that took 20 acts of a run, as the Cloud takes 2,000, has few left.
	w.server.Updates = 20
	for range 100 - taken {
		if _, err = w.as("suzuki").Remark(t.Context(), id, workflows.Remark{Text: "again"}); err != nil {
			break
		}
	}
	if p := problem(t, err); p.Status != 429 || p.WayOut == "" || !strings.Contains(p.Detail, "what the engine takes of one run") {
		t.Errorf("of a run that is nearly full: %+v", p)
	}
	w.abort(id) // which is taken
}
