package activities

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	// defaultSettle: see Doc.Settle.
	defaultSettle = 5 * time.Second
	// settleBound ends a settling look, however long the engine would listen.
	settleBound = time.Minute
)

// lookAt answers whether the action's goal holds. A settling look first makes sure
// that the attempt whose answer was lost can't begin any more, or waits until it is over.
func (s *Site) lookAt(ctx context.Context, a Action, call plan.Call) (plan.Looked, error) {
	ctx = s.enter(ctx, call)
	ctx, stop := beat(ctx)
	defer stop()
	if call.Uses != a.ID {
		return plan.Looked{}, s.fault(ctx, RefusedBoth("this is %s, and the step uses %q", "ここは %s だが、ステップが使うのは %q", a.ID, call.Uses))
	}
	ask := s.asking(a, call.Effect, call.Kind, call.Targets)
	if err := ask.permit(ctx, nil); err != nil {
		return plan.Looked{}, s.fault(ctx, err)
	}
	ctx = ask.under(ctx)
	p, err := a.decode(s.decoder(ctx, a, call))
	if err != nil {
		return plan.Looked{}, s.fault(ctx, err)
	}
	if err := ask.permitAll(ctx, p); err != nil {
		return plan.Looked{}, s.fault(ctx, err)
	}
	var seen Seen
	if call.Settling {
		seen, err = s.settle(ctx, a, call, p)
		if err == nil && seen.Sight == plan.CannotTell && broken(ctx) {
			return plan.Looked{}, temporal.NewApplicationErrorWithCause(plan.Say("the look was cut off before its time, and is begun again", "確認が途中で打ち切られたため、やり直す").Both(), "Error", context.Cause(ctx))
		}
	} else {
		seen, err = glance(ctx, a, p)
	}
	if err != nil {
		return plan.Looked{}, s.fault(ctx, err)
	}
	if seen.Sight == "" {
		none := Lacking("%s has no way to look here: a person must see whether it happened", "%s はここで確認する手段を持たない。実行されたかどうかは人が確認する", a.ID)
		seen = Seen{Sight: plan.CannotTell, Detail: cmp.Or(seen.Detail, none.Both())}
	}
	looked := plan.Looked{Sight: seen.Sight, Partial: seen.Partial && seen.Sight == plan.HoldsNot, Never: seen.Never, Detail: s.short(seen.Detail), At: time.Now().UTC()}
	if seen.Sight == plan.Holds {
		out, err := s.output(seen.Output)
		if err != nil {
			return plan.Looked{}, s.fault(ctx, err)
		}
		looked.Output = s.capped(ctx, call, out)
	}
	return looked, nil
}

// broken reports whether a look was ended by other than its time or its run: the worker stops, or the engine
// was out of reach for longer than a heartbeat. That it could not tell says nothing of the step then.
func broken(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause != nil && !errors.Is(cause, context.DeadlineExceeded) && !errors.As(cause, new(*temporal.CanceledError))
}

// glance looks once. Without a way to look it returns the zero Seen.
func glance(ctx context.Context, a Action, p any) (Seen, error) {
	if a.look == nil {
		return Seen{}, nil
	}
	return guarded(func() (Seen, error) { return a.look(ctx, p) })
}

// settle decides an attempt whose answer was lost.
func (s *Site) settle(ctx context.Context, a Action, call plan.Call, p any) (Seen, error) {
	if call.EffectKey == "" {
		return glance(ctx, a, p) // an observation: there is nothing to settle
	}
	ctx, cancel := context.WithTimeout(ctx, settleBound)
	defer cancel()
	ctx, stop := inTimeToAnswer(ctx)
	defer stop()
	if who, theirs := plan.LedgerOf(call.TakenBy); theirs != "" && theirs != s.Ledger.ID() {
		seen, err := glance(ctx, a, p)
		if err != nil {
			seen.Detail = said(err).Both()
		}
		return Seen{Sight: plan.CannotTell, Detail: Lacking("it was taken by another worker of %[1]s, process %[2]s, whose ledger is not this worker's, so that asking again tells no more: see that this process is gone or done with it, do the step by hand where it is not done, and mark it done (seen from here: %[3]s)",
			"このステップは拠点 %[1]s の別のワーカー（プロセス %[2]s）が受け取っており、その実行台帳はこのワーカーのものではないため、再確認しても判明しない。そのプロセスが終了済みか実行済みであることを確認し、未実施なら手作業で行って完了とする（こちらからの確認結果：%[3]s）", s.Name, who, plan.Apart(seen.Detail)).Both()}, nil
	}
	entry, err := s.Ledger.Void(call.EffectKey)
	if err != nil {
		return Seen{}, err
	}
	if entry.State == ledger.Voided {
		seen, err := glance(ctx, a, p)
		if err == nil && seen.Sight == plan.Holds { // by somebody else
			seen.Never = true
			return seen, nil
		}
		return Seen{Sight: plan.HoldsNot, Never: true, Detail: Lacking("it was never begun, and can't begin any more", "実行は一度も開始されておらず、今後開始されることもない").Both()}, nil
	}

	every := min(max(s.settleTime(a)/10, 10*time.Millisecond), 500*time.Millisecond)
	for entry.State == ledger.Begun && entry.Life != ledger.Over {
		if !pause(ctx, every) {
			return Seen{Sight: plan.CannotTell, Detail: underWay(entry)}, nil
		}
		if entry, err = s.Ledger.Status(call.EffectKey); err != nil {
			return Seen{}, err
		}
	}
	seen, err := s.observe(withAttempt(ctx, entry), a, p, every)
	if err == nil && seen.Sight == "" && entry.State == ledger.Ended && entry.Outcome == endedWell {
		// What it returned is lost; that it happened is not.
		return Seen{Sight: plan.Holds, Detail: Lacking("the worker's ledger says that it passed, at %s", "ワーカーの実行台帳では %s に成功している", entry.EndedAt.UTC().Format(time.RFC3339)).Both()}, nil
	}
	return seen, err
}

// observe looks until the goal holds, or until it was seen not to hold for the whole
// settling time without a break.
func (s *Site) observe(ctx context.Context, a Action, p any, every time.Duration) (Seen, error) {
	var notSince time.Time
	for {
		seen, err := glance(ctx, a, p)
		app := new(temporal.ApplicationError)
		switch {
		case errors.As(err, &app) && app.Type() == errPanic:
			return Seen{}, err
		case err != nil:
			seen = Seen{Sight: plan.CannotTell, Detail: said(err).Both()}
		case seen.Sight == plan.Holds || seen.Sight == "":
			return seen, nil
		}
		if seen.Sight != plan.HoldsNot {
			notSince = time.Time{}
		} else if notSince.IsZero() {
			notSince = time.Now()
		} else if time.Since(notSince) >= s.settleTime(a) {
			return seen, nil
		}
		if !pause(ctx, every) {
			if seen.Sight == plan.HoldsNot {
				seen.Detail = Lacking("%s; not seen for the whole %s that it takes to be sure", "%s。確実と言える %s の間、観測を続けられなかった", plan.Apart(seen.Detail), s.settleTime(a)).Both()
			}
			return Seen{Sight: plan.CannotTell, Detail: seen.Detail}, nil
		}
	}
}

func (s *Site) settleTime(a Action) time.Duration {
	switch {
	case s.Settle > 0:
		return s.Settle
	case a.Doc.Settle > 0:
		return a.Doc.Settle
	}
	return defaultSettle
}

func underWay(e ledger.Entry) string {
	began := e.At.Format(time.RFC3339)
	switch e.Life {
	case ledger.Frozen:
		return Lacking("process %d began it at %s and is stopped; it may go on when it wakes: end that process, or let it go on",
			"プロセス %d が %s に開始し、停止中である。再開すれば続行しうるため、そのプロセスを終了するか再開させる", e.Owner.PID, began).Both()
	case ledger.Hidden:
		return Lacking("process %d began it at %s in another container, which can't be seen from here",
			"プロセス %d が %s に別のコンテナーで開始しており、ここからは確認できない", e.Owner.PID, began).Both()
	case ledger.Elsewhere:
		return Lacking("process %d of another machine (%s) began it at %s, which can't be seen from here: see that it is not at it any more, and give each machine a ledger on its own disk",
			"別のマシンのプロセス %d（%s）が %s に開始しており、ここからは確認できない。もう実行していないことを確認し、実行台帳をマシンごとに自分のディスクに置く", e.Owner.PID, e.Owner.Machine, began).Both()
	}
	return Lacking("process %d began it at %s and is still at it", "プロセス %d が %s に開始し、まだ実行中である", e.Owner.PID, began).Both()
}

// inTimeToAnswer ends an attempt a little before the engine stops listening: what the action then says of
// how far it came tells people more than that there was no answer.
func inTimeToAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	left := time.Until(deadline)
	return context.WithTimeout(ctx, left-min(left/10, time.Second))
}

// pause waits for d, or returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
