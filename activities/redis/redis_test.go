package redis

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

const minute = run.Duration(time.Minute)

// as is the context of a step of run r.
func as(t testing.TB, r string) context.Context {
	return activities.WithCall(redistest.Context(t, 15*time.Minute), plan.Call{Run: r, Kind: run.Drill, Depth: run.Live, Step: "s", Token: 1})
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

// wantKind fails unless err is a finding, a refusal or a plain error as wanted, says
// each of the words, and no secret.
func wantKind(t testing.TB, err error, want string, words ...string) {
	t.Helper()
	var app *temporal.ApplicationError
	kind := ""
	switch {
	case errors.As(err, &app):
		kind = app.Type()
	case err != nil:
		kind = "plain"
	}
	if kind != want {
		t.Errorf("error = %v (%s), want kind %s", err, kind, want)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), redistest.Password) {
		t.Errorf("the error holds the password: %v", err)
	}
}

func wantSight(t testing.TB, what string, seen activities.Seen, err error, want plan.Sight) {
	t.Helper()
	if err != nil || seen.Sight != want {
		t.Errorf("look at %s = %s (%s), %v, want %s", what, seen.Sight, seen.Detail, err, want)
	}
}

func wantWriter(t testing.TB, p *redistest.Pair, name string) {
	t.Helper()
	w := must[Writers](t)(singleWriter(as(t, "r"), SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target}, Wait: minute}))
	if w.Writer != name {
		t.Errorf("writer = %+v, want %s", w, name)
	}
}
