// Package sitetest runs actions in tests as a site worker runs them: through their
// registered activities, with a real ledger, on JSON parameters.
package sitetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Site is a site worker with some actions.
type Site struct {
	t       testing.TB
	env     *testsuite.TestActivityEnvironment
	actions *activities.Registry
	steps   int
	// Targets are what calls may name.
	Targets []plan.Target
	// Kind is of the run; a drill unless it is set.
	Kind run.Kind
	// Policy is the worker's; without one everything is allowed.
	Policy activities.Policy
	// Ledger is the site's.
	Ledger *ledger.Ledger
	// Logged is all that the actions logged, a line each.
	Logged *strings.Builder
}

// New registers actions at a site with a ledger of its own. Settling takes 100 ms.
func New(t testing.TB, actions []activities.Action) *Site {
	t.Helper()
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &Site{t: t, actions: activities.NewRegistry(), Kind: run.Drill, Ledger: l, Logged: &strings.Builder{}}
	s.actions.Add(actions...)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(slog.New(slog.DiscardHandler))
	s.env = suite.NewTestActivityEnvironment()
	s.actions.Register(s.env, activities.Site{Name: "osaka", Ledger: l, Policy: policyOf{s}, Settle: 100 * time.Millisecond, Log: slog.New(slog.NewTextHandler(s.Logged, nil))})
	return s
}

// policyOf is the policy that a test gives its site after it was made.
type policyOf struct{ site *Site }

func (p policyOf) Permit(ctx context.Context, a activities.Ask) error {
	if p.site.Policy == nil {
		return nil
	}
	return p.site.Policy.Permit(ctx, a)
}

// Step makes a new step of an action: with is its parameters, as they marshal.
func (s *Site) Step(uses string, with any) plan.Call {
	s.t.Helper()
	a, ok := s.actions.Action(uses)
	if !ok {
		s.t.Fatalf("there is no action %s here", uses)
	}
	raw, err := json.Marshal(with)
	if err != nil {
		s.t.Fatal(err)
	}
	s.steps++
	c := plan.Call{Run: "r1", Kind: s.Kind, Depth: run.Live, System: "orders", Runbook: "failover", Step: fmt.Sprintf("step%d", s.steps),
		Uses: uses, Effect: a.Doc.Effect, With: raw, Targets: s.Targets}
	if s.Kind == run.Response {
		c.Depth = run.Real
	}
	return Generation(c, 1)
}

// Generation is the same step as its nth try.
func Generation(c plan.Call, n int) plan.Call {
	c.Generation = n
	if c.Effect.Once() {
		c.EffectKey, c.Token = fmt.Sprintf("%s/orders/failover/%s/%d", c.Run, c.Step, n), 1
	}
	return c
}

// Act runs the step and decodes its output into out, which may be nil.
func (s *Site) Act(c plan.Call, out any) (plan.Result, error) {
	s.t.Helper()
	var res plan.Result
	value, err := s.env.ExecuteActivity(c.Uses, c)
	if err != nil {
		return res, err
	}
	if err := value.Get(&res); err != nil {
		s.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(res.Output, out); err != nil {
			s.t.Fatalf("output %s: %v", res.Output, err)
		}
	}
	return res, nil
}

// Look looks whether the step's goal holds; Settle settles an attempt whose answer was
// lost.
func (s *Site) Look(c plan.Call) plan.Looked { s.t.Helper(); return s.look(c, false) }

func (s *Site) Settle(c plan.Call) plan.Looked { s.t.Helper(); return s.look(c, true) }

// Ready asks what would keep the step from working.
func (s *Site) Ready(c plan.Call) plan.Ready {
	s.t.Helper()
	value, err := s.env.ExecuteActivity(c.Uses+plan.ReadySuffix, c)
	var out plan.Ready
	if err == nil {
		err = value.Get(&out)
	}
	if err != nil {
		s.t.Fatalf("readiness of %s: %v", c.Uses, err)
	}
	return out
}

func (s *Site) look(c plan.Call, settling bool) plan.Looked {
	s.t.Helper()
	c.Settling = settling
	value, err := s.env.ExecuteActivity(c.Uses+plan.LookSuffix, c)
	var seen plan.Looked
	if err == nil {
		err = value.Get(&seen)
	}
	if err != nil {
		s.t.Fatalf("look of %s: %v", c.Uses, err)
	}
	return seen
}

// Want fails the test unless err has the type and holds the words. Type "" is any
// error without one of the plan's types.
func Want(t testing.TB, err error, errorType string, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s %q", errorType, words)
	}
	app := new(temporal.ApplicationError)
	got := ""
	if errors.As(err, &app) {
		got = app.Type()
	}
	known := got == plan.ErrFinding || got == plan.ErrRefused || got == plan.ErrBegun
	if errorType == "" && known || errorType != "" && got != errorType {
		t.Fatalf("error of type %q, want %q: %v", got, errorType, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("error %v, want %q in it", err, w)
		}
	}
}

// Target is an entry of the estate.
func Target(t testing.TB, name, kind string, spec any) plan.Target {
	t.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Target{Name: name, Kind: kind, Site: name, Spec: raw}
}
