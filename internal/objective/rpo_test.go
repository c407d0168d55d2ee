package objective_test

import (
	"errors"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

func TestAchievedRPO(t *testing.T) {
	lost := func(acked, survivor float64) run.Loss {
		l := run.Loss{AckedAt: at(acked)}
		if survivor != 0 {
			l.SurvivorAt = at(survivor)
		}
		return l
	}
	for _, c := range []struct {
		name    string
		markers run.Markers
		target  *run.Duration
		span    time.Duration
		err     error
		verdict run.Verdict
	}{
		{name: "nothing lost", markers: run.Markers{Acked: 40, Unknown: 2, CountedAt: at(60)},
			target: span(0), verdict: run.Met},
		{name: "unknown writes are not lost", markers: run.Markers{Acked: 40, Unknown: 40, CountedAt: at(60)},
			target: span(0), verdict: run.Met},
		{name: "two lost", markers: run.Markers{Acked: 40, Lost: 2, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -0.7), lost(-0.1, -0.7)}},
			target: span(1), span: 600 * time.Millisecond, verdict: run.Met},
		{name: "too much lost", markers: run.Markers{Acked: 40, Lost: 1, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -3)}},
			target: span(1), span: 2500 * time.Millisecond, verdict: run.Missed},
		{name: "never counted", markers: run.Markers{Acked: 40},
			target: span(1), err: objective.ErrNoMarker, verdict: run.NotProven},
		{name: "counted before the restoration", markers: run.Markers{Acked: 40, CountedAt: at(5)},
			target: span(1), err: objective.ErrNoMarker, verdict: run.NotProven},
		{name: "nothing was ever acknowledged", markers: run.Markers{Unknown: 9, CountedAt: at(60)},
			target: span(1), err: objective.ErrNoMarker, verdict: run.NotProven},
		{name: "none survived", markers: run.Markers{Acked: 3, Lost: 3, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, 0)}},
			target: span(1), err: objective.ErrNoSurvivor, verdict: run.NotProven},
		{name: "more lost than listed", markers: run.Markers{Acked: 9, Lost: 3, LossesCut: 2, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -1)}},
			target: span(1), span: 500 * time.Millisecond, err: objective.ErrLossesCut, verdict: run.NotProven},
		{name: "more lost than listed, and the listed are too many", markers: run.Markers{Acked: 9, Lost: 3, LossesCut: 2, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -4)}},
			target: span(1), span: 3500 * time.Millisecond, err: objective.ErrLossesCut, verdict: run.Missed},
		{name: "no objective", markers: run.Markers{Acked: 40, CountedAt: at(60)}, verdict: run.NoObjective},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := objective.AchievedRPO(c.markers, at(10))
			if got != c.span || !errors.Is(err, c.err) {
				t.Errorf("achieved RPO = %v, %v, want %v, %v", got, err, c.span, c.err)
			}
			if v := objective.JudgeRPO(got, err, c.target); v != c.verdict {
				t.Errorf("verdict = %s, want %s", v, c.verdict)
			}
		})
	}
}

func TestInterruption(t *testing.T) {
	gap := seen("orders/write", 60, 20, 22)
	gap.Gaps = []run.Span{{From: at(30), To: at(33)}}
	for _, c := range []struct {
		name   string
		seen   []run.Observations
		want   time.Duration
		proven bool
	}{
		{"none", []run.Observations{seen("orders/write", 60, 1, 5)}, 0, true},
		{"from the last success to the next", []run.Observations{seen("orders/write", 60, 1, 9, 20, 21, 30, 30.5)}, 1200 * time.Millisecond, true},
		{"nobody looked for a while", []run.Observations{gap}, 2200 * time.Millisecond, false},
		{"not back at the end", []run.Observations{seen("orders/write", 60, 20)}, 40200 * time.Millisecond, false},
		{"nobody looked", nil, 0, false},
		{"the observation ended before", []run.Observations{seen("orders/write", 35)}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, proven := objective.Interruption(whole, c.seen, at(10), at(40))
			if got != c.want || proven != c.proven {
				t.Errorf("longest interruption = %v (proven %v), want %v (%v)", got, proven, c.want, c.proven)
			}
		})
	}
}
