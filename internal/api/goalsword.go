package api

import (
	"context"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

var withoutRun = plan.Say("it was held without a run", "muster の訓練によらず行われた")

// byHand reports whether an ID is that of the record of what people held without a run.
func byHand(id string) bool {
	return strings.HasPrefix(id, "occasion-") && strings.Contains(id, "-by-hand-")
}

// goalsOfWord are goals of a row of what people held without a run, by the ID of its record: whoever has a goal's role
// judges it, and what a run would have shown is not proven. It reports whether there is such a record of the row, under
// the name of now or one that it had.
func (s *Server) goalsOfWord(ctx context.Context, row programme.Row, goals []programme.Goal, id string) ([]report.Pass, bool, error) {
	if !byHand(id) {
		return nil, false, nil
	}
	_, r, err := s.word(ctx, id)
	if err != nil || r.State != run.Held || !slices.Contains(row.Names(), r.Due.Schedule) {
		return nil, false, err
	}
	list := []report.Pass{}
	for _, g := range goals {
		one := report.Pass{ID: g.ID, Text: g.Text, Expect: g.Expect, Verdict: run.NotProven, Why: withoutRun, Simulated: []string{}}
		if g.Expect == "" {
			one.Why = plan.Say("the role %s judges it", "役割 %s が判定する", g.Judge)
		}
		list = append(list, one)
	}
	written, err := s.writtenAbout(ctx, id)
	if err != nil {
		return nil, false, err
	}
	// What was taken back took its judgements along.
	written = slices.DeleteFunc(written, func(e report.Entry) bool { return e.At.Before(r.HeldAt) })
	return report.WithJudged(list, row.Names(), written), true, nil
}
