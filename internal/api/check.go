package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// CheckRequest asks whether a scenario could be carried out now.
type CheckRequest struct {
	By   string `json:"by,omitempty" doc:"Who asks: an ID of the estate; left out, the schedule."`
	Real bool   `json:"real,omitempty" doc:"Try the rights and secrets of a real response, not a drill's."`
}

// Readiness is what is known of a scenario without running it.
type Readiness struct {
	Scenario string       `json:"scenario"`
	Run      string       `json:"run,omitempty" doc:"The check, in the record; empty when none was made."`
	At       *time.Time   `json:"at,omitempty" doc:"When it was checked."`
	Checked  *run.Checked `json:"checked,omitempty" doc:"What was found."`
	Stale    bool         `json:"stale,omitempty" doc:"The plan has changed since the check."`
	Proof    proof.Proof  `json:"proof"`
}

// checkWithin bounds a check: a site without a worker is told after five seconds, and a
// target that does not answer after fifteen.
const checkWithin = 45 * time.Second

func (s *Server) checkRoutes(api huma.API) {
	huma.Register(api, route("check-scenario", http.MethodPost, "/scenarios/{name}/check", "Check, without changing anything, whether a scenario could be carried out now.", 404, 422, 503, 504),
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body CheckRequest
		}) (*answer[Readiness], error) {
			if a, _ := identity.From(ctx); in.Body.By != "" || !a.Console {
				if err := sign(ctx, &in.Body); err != nil {
					return nil, err
				}
			}
			if p, err := s.compile(ctx, in.Name, ""); err == nil {
				if err := s.withheld(ctx, p); err != nil {
					return nil, err
				}
			}
			out, err := s.Check(ctx, in.Name, in.Body)
			if err != nil {
				return nil, err
			}
			return &answer[Readiness]{out}, nil
		})
	huma.Register(api, route("scenario-readiness", http.MethodGet, "/scenarios/{name}/readiness", "The newest check of a scenario, and whether it is proven.", 404, 422),
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
		}) (*answer[Readiness], error) {
			p, err := s.compile(ctx, in.Name, "")
			if err == nil {
				err = s.withheld(ctx, p)
			}
			if err != nil {
				return nil, err
			}
			out, err := s.readiness(ctx, p)
			if err != nil {
				return nil, err
			}
			return &answer[Readiness]{out}, nil
		})
}

// Check asks the site workers and keeps the result. A check that already runs is joined.
func (s *Server) Check(ctx context.Context, scenario string, in CheckRequest) (Readiness, error) {
	depth, kind := run.Depth(""), run.Drill
	if in.Real {
		depth, kind = run.Real, run.Response
	}
	p, err := s.compile(ctx, scenario, depth)
	if err != nil {
		return Readiness{}, err
	}
	if in.By == "" {
		in.By = run.Engine
	} else if err := knownPerson(ctx, p, in.By); err != nil {
		return Readiness{}, err
	}
	if err := s.Store.PutPlan(ctx, p); err != nil {
		return Readiness{}, s.storeProblem(ctx, err)
	}
	if err := s.engineAnswers(ctx); err != nil {
		return Readiness{}, s.engineAway(ctx, err)
	}
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	id := "check-" + scenario + s.now().UTC().Format("-20060102T150405.000")
	h, err := s.Engine.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.CheckID(scenario), TaskQueue: plan.ControlQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, WorkflowExecutionTimeout: 5 * time.Minute},
		workflows.TypeCheck, workflows.CheckInput{RunID: id, Plan: p, By: in.By, Kind: kind})
	if err != nil {
		return Readiness{}, s.problemOf(ctx, id, err)
	}
	var found run.Checked
	if err := h.Get(ctx, &found); err != nil {
		if gone := new(serviceerror.NotFound); errors.As(err, &gone) || ctx.Err() == nil {
			return Readiness{}, s.problemOf(ctx, id, err)
		}
		l := lang(ctx)
		return Readiness{}, problem(http.StatusGatewayTimeout, CodeUnknownOutcome, l.T("The check has not ended within %s.", "点検が%s以内に終わりませんでした。", checkWithin),
			l.T("Look at its result later: `muster check --last %s`", "後で `muster check --last %s` で結果を確認してください", scenario))
	}
	return s.readiness(context.WithoutCancel(ctx), p)
}

// readiness reads the newest check of a plan's scenario from the record.
func (s *Server) readiness(ctx context.Context, p plan.Plan) (Readiness, error) {
	out := Readiness{Scenario: p.Scenario.Name}
	if err := s.keepEnded(ctx); err != nil {
		return out, err
	}
	proven, err := proof.Of(ctx, s.Store, p, s.now(), s.proofAge(p.Scenario.Name))
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	out.Proof = proven
	checks, err := s.Store.Runs(ctx, journal.Filter{Scenario: p.Scenario.Name, Kind: run.Readiness, Limit: 5})
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	for _, c := range checks {
		if c.EndedAt == nil {
			continue
		}
		if out.Checked, err = s.checked(ctx, c.Run); err != nil {
			return out, s.storeProblem(ctx, err)
		}
		out.Run, out.At, out.Stale = c.Run, c.EndedAt, c.PlanHash != p.Hash
		break
	}
	return out, nil
}

// DueChecks lists the scenarios whose newest check is older than every, or missing, or from further ahead: a clock
// that was ahead was set right. A tabletop needs nothing that could be checked.
func (s *Server) DueChecks(ctx context.Context, every time.Duration) (due []string, err error) {
	list, err := s.Plans.Scenarios()
	if err != nil {
		return nil, err
	}
	for _, sc := range list {
		if sc.Depth == run.Tabletop {
			continue
		}
		newest, err := s.Store.Runs(ctx, journal.Filter{Scenario: sc.Name, Kind: run.Readiness, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(newest) == 0 || s.now().Sub(newest[0].StartedAt).Abs() >= every {
			due = append(due, sc.Name)
		}
	}
	return due, nil
}

// now is the server's clock.
func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// Check asks for a readiness check and waits for it.
func (c *Client) Check(ctx context.Context, scenario string, in CheckRequest) (out Readiness, err error) {
	return out, c.do(ctx, http.MethodPost, "/scenarios/"+url.PathEscape(scenario)+"/check", nil, "", in, &out)
}

// Readiness reads the newest check.
func (c *Client) Readiness(ctx context.Context, scenario string) (out Readiness, err error) {
	return out, c.do(ctx, http.MethodGet, "/scenarios/"+url.PathEscape(scenario)+"/readiness", nil, "", nil, &out)
}
