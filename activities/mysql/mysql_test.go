package mysql

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const minute = run.Duration(time.Minute)

// as is the context of a step of run r.
func as(t testing.TB, r string) context.Context {
	return activities.WithCall(mysqltest.Context(t, 15*time.Minute), plan.Call{Run: r, Kind: run.Drill, Depth: run.Live, System: "orders", Step: "s", Token: 1})
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

// wantKind fails unless err is a finding, a refusal or a plain error as wanted, holds the
// word, and no secret.
func wantKind(t testing.TB, err error, want, word string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want kind %s with %q", want, word)
		return
	}
	if kindOf(err) != want || err != nil && !strings.Contains(err.Error(), word) {
		t.Errorf("error = %v (%s), want kind %s with %q", err, kindOf(err), want, word)
	}
	if said := plan.Apart(text(err)); (want == plan.ErrFinding || want == plan.ErrRefused) && said.EN == said.JA {
		t.Errorf("it is said in one language only: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), mysqltest.Password) {
		t.Errorf("the error holds the password: %v", err)
	}
}

func wantSight(t testing.TB, what string, seen activities.Seen, err error, want plan.Sight) {
	t.Helper()
	if said := plan.Apart(seen.Detail); err == nil && said.EN == said.JA {
		t.Errorf("look at %s: said in one language only: %s", what, seen.Detail)
	}
	if err != nil || seen.Sight != want {
		t.Errorf("look at %s = %s (%s), %v, want %s", what, seen.Sight, seen.Detail, err, want)
	}
}

func wantPartial(t testing.TB, what string, seen activities.Seen, err error) {
	t.Helper()
	wantSight(t, what, seen, err, plan.HoldsNot)
	if !seen.Partial {
		t.Errorf("look at %s: %s, want it partial", what, seen.Detail)
	}
}
