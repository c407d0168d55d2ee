package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"time"

	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
)

// keeping is a step's place in its site's ledger.
type keeping struct {
	ledger *ledger.Ledger
	key    string // of the step, whichever try it is at
	begun  time.Time
}

type keepingKey struct{}

// WithLedger lets an action keep things in a ledger; a site does it for all of its
// actions, and tests that run one directly may.
func WithLedger(ctx context.Context, l *ledger.Ledger) context.Context {
	if key := CallFrom(ctx).EffectKey; key != "" {
		ctx = context.WithValue(ctx, keepingKey{}, keeping{ledger: l, key: path.Dir(key)})
	}
	return ctx
}

// Keep has the site's ledger keep what an action saw before it acts, so that a look which
// settles the attempt still knows what was there. On an error nothing may be done.
func Keep(ctx context.Context, v any) error {
	k, ok := ctx.Value(keepingKey{}).(keeping)
	if !ok {
		return nil // an observation, or a test's
	}
	text, err := json.Marshal(v)
	if err == nil {
		err = k.ledger.Note(k.key, string(text))
	}
	if err != nil {
		return RefusedBoth("nothing was begun: what is there now can't be kept: %v", "何も実行していない：現在の状態を記録できない：%v", err)
	}
	return nil
}

// Kept gives back what the step's last try kept, and whether it kept anything.
func Kept(ctx context.Context, into any) (bool, error) {
	return kept(ctx, into, func(step string) string { return step })
}

// Undone is Kept for an undo: what the step kept that it undoes, at the same site.
func Undone(ctx context.Context, into any) (bool, error) {
	return kept(ctx, into, func(step string) string {
		if at := undo.FindStringIndex(step); at != nil {
			return step[:at[0]]
		}
		return ""
	})
}

// Undoes reports whether the call is an undo of a step.
func Undoes(ctx context.Context) bool { return undo.MatchString(CallFrom(ctx).Step) }

// undo is what the engine puts behind a step's name for its undos.
var undo = regexp.MustCompile(`\.undo[0-9]+$`)

func kept(ctx context.Context, into any, of func(step string) string) (bool, error) {
	k, ok := ctx.Value(keepingKey{}).(keeping)
	if !ok || of(k.key) == "" {
		return false, nil
	}
	text, err := k.ledger.Noted(of(k.key))
	if err != nil || text == "" {
		return false, err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return false, fmt.Errorf("what the step kept can't be read: %w", err)
	}
	return true, nil
}

// withAttempt says since when the attempt that a look settles has been under way. One that was refused began nothing.
func withAttempt(ctx context.Context, e ledger.Entry) context.Context {
	if k, ok := ctx.Value(keepingKey{}).(keeping); ok && e.Outcome != plan.ErrRefused {
		k.begun = e.At
		ctx = context.WithValue(ctx, keepingKey{}, k)
	}
	return ctx
}

// BegunAt is when the attempt that a look settles was begun, by the worker's clock; the
// zero time while none is settled, and of one that was refused.
func BegunAt(ctx context.Context) time.Time {
	k, _ := ctx.Value(keepingKey{}).(keeping)
	return k.begun
}

// Short is what a look sees of a goal that does not hold, where the action can't know what its order does: what was begun
// may have left something behind, so that it needs its undo, and is no proof that nothing happened.
func Short(ctx context.Context, detail plan.Text) Seen {
	return Seen{Sight: plan.HoldsNot, Partial: !BegunAt(ctx).IsZero(), Detail: detail.Both()}
}
