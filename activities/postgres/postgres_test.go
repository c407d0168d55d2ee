package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const minute = run.Duration(time.Minute)

// as is the context of a step of run r.
func as(t testing.TB, r string) context.Context {
	return activities.WithCall(pgtest.Context(t, 15*time.Minute), plan.Call{Run: r, Kind: run.Drill, Depth: run.Live, Step: "s", Token: 1})
}

func kindOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type()
	}
	if err != nil {
		return "plain"
	}
	return ""
}

func must[R any](t testing.TB) func(R, error) R {
	return func(r R, err error) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// wantKind fails unless err is a finding, a refusal or a plain error as wanted.
func wantKind(t testing.TB, err error, want string) {
	t.Helper()
	if kindOf(err) != want {
		t.Errorf("error = %v (%s), want kind %s", err, kindOf(err), want)
	}
}

func wantSight(t testing.TB, what string, seen activities.Seen, err error, want plan.Sight) {
	t.Helper()
	if err != nil || seen.Sight != want {
		t.Errorf("look at %s = %s (%s), %v, want %s", what, seen.Sight, seen.Detail, err, want)
	}
}
