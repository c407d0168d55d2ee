package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A site without a worker, a target that can't be asked and a person without a contact
// are all told, each once, and the result is journalled as a check.
func TestCheckTellsAllThatIsMissing(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	workflows.Register(env)
	var events []run.Event
	env.RegisterActivityWithOptions(func(_ context.Context, batch []run.Event) error {
		events = append(events, batch...)
		return nil
	}, activity.RegisterOptions{Name: plan.ActivityAppend})
	asked := map[string]int{}
	env.RegisterActivityWithOptions(func(_ context.Context, c plan.Call) (plan.Ready, error) {
		asked[c.Step]++
		switch c.Step {
		case "away":
			return plan.Ready{}, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
		case "broken":
			return plan.Ready{}, errors.New("no route / 経路がありません")
		case "lagging":
			return plan.Ready{Problems: []plan.Text{{EN: "it lags", JA: "遅れています"}}}, nil
		}
		return plan.Ready{}, nil
	}, activity.RegisterOptions{Name: "sim.step" + plan.ReadySuffix})

	env.RegisterActivityWithOptions(func(ctx context.Context) (plan.Ready, error) {
		if activity.GetInfo(ctx).TaskQueue == plan.SiteQueue("tokyo") {
			return plan.Ready{}, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
		}
		return plan.Ready{Note: "its certificate ends soon"}, nil
	}, activity.RegisterOptions{Name: plan.ActivityWorker})

	step := func(id, site string) plan.Step {
		return plan.Step{ID: id, Uses: "sim.step", Site: site, Effect: run.Isolated, With: []byte(`{"id":"` + id + `"}`)}
	}
	twice := step("again", "osaka")
	twice.With = step("lagging", "osaka").With // the same question of the same site
	p := plan.Plan{
		Scenario: plan.Scenario{Name: "loss", Depth: run.IsolatedRun},
		Estate:   plan.Estate{People: []plan.Person{{ID: "sato", Contact: "1"}, {ID: "ito"}}},
		Runbooks: []plan.Runbook{{Name: "r", System: "orders", Steps: []plan.Step{
			step("fine", "osaka"), step("away", "tokyo"), step("broken", "osaka"), step("lagging", "osaka"), twice,
			{ID: "tell", Human: &plan.Human{Role: "desk"}},
		}}},
	}
	env.ExecuteWorkflow(workflows.TypeCheck, workflows.CheckInput{RunID: "check-loss-1", Plan: p, By: "sato", Kind: run.Drill})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var out run.Checked
	if err := env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, i := range out.Items {
		for _, problem := range i.Problems {
			told = append(told, i.Where+": "+problem.EN)
			if strings.Contains(problem.EN, " / ") || strings.Contains(problem.JA, " / ") {
				t.Errorf("two languages in one line: %+v", problem)
			}
		}
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"ito: no contact", "away: no worker of site tokyo", "tokyo: no worker of site tokyo", "broken: it could not be checked: no route", "lagging: it lags"} {
		if !strings.Contains(all, want) {
			t.Errorf("not told: %s", want)
		}
	}
	if out.Ready || len(told) != 5 {
		t.Errorf("ready %v, told:\n%s", out.Ready, all)
	}
	noted := 0
	for _, i := range out.Items {
		if i.What == "worker" && i.Where == "osaka" && i.Note == "its certificate ends soon" {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("what the worker of osaka says of itself is told %d times", noted)
	}
	if asked["again"] != 0 || asked["lagging"] != 1 {
		t.Errorf("asked %v", asked)
	}
	if n := len(events); n != 3 || events[0].Kind != run.RunStarted || events[1].Kind != run.ReadinessChecked || events[2].Kind != run.RunEnded {
		t.Errorf("journal: %v", events)
	}
}
