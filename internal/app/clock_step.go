package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// clockStepWithin bounds how long the record of a step of the clock may take: it is told in
// the log anyway.
const clockStepWithin = 30 * time.Second

// enterClockStep enters in every open run that the clock of the engine's machine was set, and by how
// much: no figure across that moment is right by the clock, and the record alone shows
// only a clock that was set back.
func enterClockStep(ctx context.Context, store journal.Store, log *slog.Logger, by time.Duration, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, clockStepWithin)
	defer cancel()
	open, err := store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		log.Error("that the clock was set is not in the record", "by", by.String(), "err", err)
		return
	}
	said := plan.Say("the clock of the engine's machine was set forward by %s during the run: a figure across that moment is too long by as much", "訓練または対応の途中で、エンジンのマシンの時計が %s 進められた：この時点をまたぐ時間は、その分だけ長く出る", by.Abs().Round(time.Millisecond))
	if by < 0 {
		said = plan.Say("the clock of the engine's machine was set back by %s during the run: a figure across that moment is too short by as much, and what waited for a time waits longer by as much; where the clock is wrong now, set it right", "訓練または対応の途中で、エンジンのマシンの時計が %s 戻された：この時点をまたぐ時間は、その分だけ短く出る。時刻を待っていた処理もその分だけ遅れる。現在の時計が誤っている場合は、正しい時刻に合わせる", by.Abs().Round(time.Millisecond))
	}
	for _, r := range open {
		e := run.Event{Run: r.Run, Writer: fmt.Sprintf("clock/%d", now.UnixNano()), Seq: 1, At: now.UTC(), Kind: run.FindingOpened, By: run.Engine, Reason: said.Both(),
			Data: run.Encode(run.Finding{Kind: run.FindingClock, Detail: said.Both()})}
		if err := store.Append(ctx, []run.Event{e}); err != nil {
			log.Error("that the clock was set is not in the record", "run", r.Run, "by", by.String(), "err", err)
		}
	}
}
