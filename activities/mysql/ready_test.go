package mysql

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
)

// While all is well nothing is complained of, and each problem is told with its way out, in
// both languages and without a secret.
func TestReadinessNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "check")
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	away, locked, bare := tokyo, osaka, tokyo
	away.Spec.Data, away.Spec.Config = "/nowhere/data", "/nowhere/zz-muster.cnf"
	locked.Spec.User = "nobody"
	bare.Spec.Bin = "/nowhere"
	type asked struct {
		what string
		ask  func() ([]plan.Text, error)
		want string // in the problem; "" is none
	}
	all := []asked{
		{"fence", func() ([]plan.Text, error) { return readyFence(ctx, Fence{Server: tokyo}) }, ""},
		{"fence from elsewhere", func() ([]plan.Text, error) { return readyFence(ctx, Fence{Server: away}) }, "run the step on the worker of its own site"},
		{"promote", func() ([]plan.Text, error) { return readyPromote(ctx, Promote{Server: osaka}) }, ""},
		{"promote the primary", func() ([]plan.Text, error) { return readyPromote(ctx, Promote{Server: tokyo}) }, ""},
		{"promote without the right account", func() ([]plan.Text, error) { return readyPromote(ctx, Promote{Server: locked}) }, "Access denied"},
		{"rejoin", func() ([]plan.Text, error) {
			return readyRejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Rebuild: true})
		}, ""},
		{"rebuild without programs", func() ([]plan.Text, error) {
			return readyRejoin(ctx, Rejoin{Server: bare, Follow: osaka, Rebuild: true})
		}, "/nowhere"},
		{"kill", func() ([]plan.Text, error) { return readyPower(ctx, tokyo) }, ""},
	}
	check := func(all []asked) {
		t.Helper()
		for _, a := range all {
			problems, err := a.ask()
			said := ""
			if err != nil {
				said = text(err)
			}
			for _, problem := range problems {
				said += problem.EN
				if problem.EN == "" || problem.JA == "" || strings.Contains(problem.EN+problem.JA, mysqltest.Password) {
					t.Errorf("%s: %+v", a.what, problem)
				}
			}
			if a.want == "" && said != "" || !strings.Contains(said, a.want) {
				t.Errorf("%s: %q, want %q", a.what, said, a.want)
			}
		}
	}
	check(all)
	p.Osaka.Exec(t, "STOP SLAVE")
	check([]asked{{"promote a replica that stands still", func() ([]plan.Text, error) { return readyPromote(ctx, Promote{Server: osaka}) }, "does not replicate"}})
	p.Osaka.Exec(t, "CHANGE MASTER TO MASTER_USE_GTID = no")
	p.Osaka.Exec(t, "START SLAVE")
	check([]asked{{"promote a replica without GTID", func() ([]plan.Text, error) { return readyPromote(ctx, Promote{Server: osaka}) }, "GTID"}})
	p.Osaka.Exec(t, "STOP SLAVE")
	p.Osaka.Exec(t, "RESET SLAVE ALL")
	check([]asked{{"promote what follows nobody", func() ([]plan.Text, error) { return readyPromote(ctx, Promote{Server: osaka}) }, "follows nobody"}})
}

func TestStopAndStart(t *testing.T) {
	t.Parallel()
	s := mysqltest.StartOne(t)
	ctx := as(t, "run-1")
	seen, err := lookStopped(ctx, Stop{Server: s.Target})
	wantSight(t, "a running server to stop", seen, err, plan.HoldsNot)
	must[Stopped](t)(stop(ctx, Stop{Server: s.Target, Wait: minute}))
	seen, err = lookStopped(ctx, Stop{Server: s.Target})
	wantSight(t, "the stopped server", seen, err, plan.Holds)
	seen, err = lookStarted(ctx, Start{Server: s.Target})
	wantSight(t, "a stopped server to start", seen, err, plan.HoldsNot)
	if up := must[Started](t)(start(ctx, Start{Server: s.Target, Wait: minute})); up.Role != rolePrimary {
		t.Errorf("started = %+v", up)
	}
	seen, err = lookStarted(ctx, Start{Server: s.Target})
	wantSight(t, "the started server", seen, err, plan.Holds)
	must[Started](t)(start(ctx, Start{Server: s.Target, Wait: minute})) // twice is once

	// The estate's own commands are taken where it names them, and judged by what they do.
	idle := s.Target
	idle.Spec.Stop = []string{"true"}
	_, err = stop(ctx, Stop{Server: idle, Wait: minute / 60})
	wantKind(t, err, plan.ErrFinding, "did not stop")
	s.Kill9(t)
	idle.Spec.Start = []string{"true"}
	_, err = start(ctx, Start{Server: idle, Wait: minute})
	wantKind(t, err, plan.ErrFinding, "ended while starting")
	away := s.Target
	away.Spec.Data = ""
	_, err = kill(ctx, Kill{Server: away})
	wantKind(t, err, plan.ErrRefused, "not managed")
}
