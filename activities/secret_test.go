package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// reads are the references that were resolved.
type reads struct{ asked []string }

func (r *reads) Resolve(_ context.Context, ref string) (string, error) {
	r.asked = append(r.asked, ref)
	if strings.HasSuffix(ref, "/MISSING") {
		return "", fmt.Errorf("%s: the site worker's environment has no MISSING", ref)
	}
	return "value of " + ref, nil
}

// ofKind is a call whose secrets are others in drills than in the real thing.
func ofKind(kind run.Kind, drill, real string) plan.Call {
	both := fmt.Sprintf(`{"drill": "secret://env/%s", "real": "secret://env/%s"}`, drill, real)
	call := observing(fmt.Sprintf(`{"server": "db", "key": %s, "keys": {"k": %s}}`, both, both))
	call.Targets = []plan.Target{{Name: "db", Kind: "fake", Site: "osaka", Spec: json.RawMessage(`{"host": "h", "password": ` + both + `}`)}}
	if call.Kind = kind; kind == run.Response {
		call.Depth = run.Real
	}
	return call
}

// A run resolves the secrets of its own kind and never asks for the others, wherever they
// stand: parameters, lists of them, targets, probes.
func TestASecretOfEachKindOfRun(t *testing.T) {
	for kind, want := range map[run.Kind]string{run.Drill: "secret://env/DRILL", run.Response: "secret://env/REAL"} {
		s, asked := siteFor(t), &reads{}
		s.Secrets = asked
		var got params
		a := seeing(&got, run.Observe)
		call := ofKind(kind, "DRILL", "REAL")
		if _, err := s.act(context.Background(), a, call); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		value := "value of " + want
		if got.Key.Reveal() != value || got.Keys["k"].Reveal() != value || got.Server.Spec.Password.Reveal() != value {
			t.Errorf("a %s got %q, %q, %q; want %q", kind, got.Key.Reveal(), got.Keys["k"].Reveal(), got.Server.Spec.Password.Reveal(), value)
		}
		if _, err := s.lookAt(context.Background(), a, call); err != nil {
			t.Error(err)
		}
		probe := DefineProbe("probe.see", Doc{Summary: "Sees.", SummaryJA: "見る。"}, func(_ context.Context, _ plan.Watch, p params) (run.Observations, error) {
			got = p
			return run.Observations{}, nil
		})
		if _, err := s.watch(context.Background(), probe, plan.Watch{Kind: kind, Probe: plan.Probe{With: call.With}, Targets: call.Targets}); err != nil || got.Key.Reveal() != value {
			t.Errorf("a probe of a %s got %q (%v)", kind, got.Key.Reveal(), err)
		}
		for _, ref := range asked.asked {
			if ref != want {
				t.Errorf("a %s resolved %s", kind, ref)
			}
		}
	}
}

// A call that lies about its kind gets no secret at all.
func TestNoKindNoSecret(t *testing.T) {
	s, asked := siteFor(t), &reads{}
	s.Secrets = asked
	var got params
	for name, change := range map[string]func(*plan.Call){
		"no kind":               func(c *plan.Call) { c.Kind = "" },
		"a response at live":    func(c *plan.Call) { c.Kind = run.Response },
		"a drill at real":       func(c *plan.Call) { c.Depth = run.Real },
		"a drill without one":   func(c *plan.Call) { c.With = json.RawMessage(`{"key": {"real": "secret://env/REAL"}}`) },
		"a reference of no use": func(c *plan.Call) { c.With = json.RawMessage(`{"key": {"drill": {"real": "secret://env/REAL"}}}`) },
	} {
		call := ofKind(run.Drill, "DRILL", "REAL")
		change(&call)
		if _, err := s.act(context.Background(), seeing(&got, run.Observe), call); typeOf(err) != plan.ErrRefused {
			t.Errorf("%s: %v, want refused", name, err)
		}
	}
	for _, ref := range asked.asked {
		if strings.HasSuffix(ref, "REAL") {
			t.Errorf("%s was resolved", ref)
		}
	}
}

// A readiness check tries the secrets of its own kind and says whether the others are
// there, where the worker may answer for such runs.
func TestReadinessChecksBothSecrets(t *testing.T) {
	var got params
	for _, c := range []struct {
		kind        run.Kind
		drill, real string
		policy      Policy
		want        []string
	}{
		{run.Drill, "DRILL", "REAL", nil, nil},
		{run.Drill, "DRILL", "MISSING", nil, []string{"in a real response: target db.password: the secret can't be read: secret://env/MISSING"}},
		{run.Response, "MISSING", "REAL", nil, []string{"in a drill: target db.password: the secret can't be read: secret://env/MISSING"}},
		{run.Drill, "MISSING", "REAL", nil, []string{"target db.password: the secret can't be read: secret://env/MISSING"}},
		{run.Drill, "DRILL", "MISSING", drillsOnly{}, nil},
	} {
		s := siteFor(t)
		s.Secrets, s.Policy = &reads{}, c.policy
		ready, err := s.readyFor(context.Background(), seeing(&got, run.Observe), ofKind(c.kind, c.drill, c.real))
		if err != nil {
			t.Fatal(err)
		}
		if len(ready.Problems) != len(c.want) {
			t.Errorf("%+v: problems %v", c, ready.Problems)
			continue
		}
		for i, p := range ready.Problems {
			if !strings.HasPrefix(p.EN, c.want[i]) || i == 0 && strings.HasPrefix(c.want[i], "in a real") && !strings.HasPrefix(p.JA, "本番対応では：") {
				t.Errorf("%+v: problem %q / %q", c, p.EN, p.JA)
			}
		}
	}
}

type drillsOnly struct{}

func (drillsOnly) Permit(_ context.Context, a Ask) error {
	if a.Kind == run.Response {
		return fmt.Errorf("this worker's policy denies %s in responses", a.Action)
	}
	return nil
}
