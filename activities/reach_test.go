package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

type reachable struct {
	Host string `json:"host" reach:"host" help:"Host."`
	Port int    `json:"port" reach:"port" help:"Port." default:"5432"`
	Data string `json:"data" reach:"path" help:"Data." default:""`
}

type given struct{ Text string }

func (g given) Reach() Reach { return Reach{Hosts: []string{g.Text}} }

type embedded struct {
	given
	URL string `json:"url" reach:"url" help:"URL."`
}

func TestReachIsReadFromTags(t *testing.T) {
	p := struct {
		Server  Target[reachable]   `json:"server"`
		Others  []Target[reachable] `json:"others"`
		Servers []string            `json:"servers" reach:"host"`
		Program []string            `json:"program" reach:"program"`
		Web     *embedded           `json:"web"`
		None    *embedded           `json:"none"`
		By      map[string]given    `json:"by"`
		Env     map[string]Secret   `json:"env" reach:"env"`
		Queue   string              `json:"queue" reach:"queue"`
		Text    string              `json:"text"`
	}{
		Server: Target[reachable]{Name: "t", Spec: reachable{"db", 5433, "/data"}}, Others: []Target[reachable]{{Spec: reachable{"/run/socket", 5432, ""}}, {Spec: reachable{"2001:db8::1", 1, ""}}},
		Servers: []string{"ns1:53", ""}, Program: []string{"/bin/run", "/not/a/program"}, Web: &embedded{given{"own:1"}, "https://web/x"}, By: map[string]given{"a": {"by:2"}}, Env: map[string]Secret{"PATH": NewSecret("/not/a/path")}, Queue: "tools", Text: "/not/a/path",
	}
	got := reachOf(p)
	if want := []string{"[2001:db8::1]:1", "by:2", "db:5433", "ns1:53", "own:1", "web:443"}; !slices.Equal(got.Hosts, want) {
		t.Errorf("hosts %q, want %q", got.Hosts, want)
	}
	if want := []string{"/bin/run", "/data", "/run/socket"}; !slices.Equal(got.Paths, want) {
		t.Errorf("paths %q, want %q", got.Paths, want)
	}
	if !slices.Equal(got.Env, []string{"PATH"}) || !slices.Equal(got.Queues, []string{"tools"}) {
		t.Errorf("variables %q, queues %q", got.Env, got.Queues)
	}
}

// onlyHome lets nothing but home be reached.
type onlyHome struct{}

func (onlyHome) Permit(_ context.Context, a Ask) error {
	if a.Reach != nil && slices.ContainsFunc(a.Reach.Hosts, func(h string) bool { return h != "home:80" }) {
		return errors.New("not home")
	}
	return nil
}

// Where a probe is sent on to, by a redirect, is asked about as well.
func TestAProbeAsksBeforeItGoesOn(t *testing.T) {
	s := siteFor(t)
	s.Policy = onlyHome{}
	var home, away error
	probe := DefineProbe("probe.see", Doc{Summary: "Sees.", SummaryJA: "見る。"}, func(ctx context.Context, _ plan.Watch, _ struct{}) (run.Observations, error) {
		home, away = MayReach(ctx, "home:80"), MayReach(ctx, "away:80")
		return run.Observations{}, nil
	})
	if _, err := s.watch(t.Context(), probe, plan.Watch{Kind: run.Drill}); err != nil || home != nil || away == nil {
		t.Errorf("home: %v, away: %v (%v)", home, away, err)
	}
}

// So is where an action is sent on to, by a server that names another.
func TestAnActionAsksBeforeItGoesOn(t *testing.T) {
	s := siteFor(t)
	s.Policy = onlyHome{}
	var asked []error
	ask := func(ctx context.Context) {
		asked = append(asked, MayReach(ctx, "away:80"))
		if err := MayReach(ctx, "home:80"); err != nil {
			t.Error(err)
		}
	}
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Observe}, func(ctx context.Context, _ struct{}) (map1, error) {
		ask(ctx)
		return map1{}, nil
	}, Look(func(ctx context.Context, _ struct{}) (Seen, error) {
		ask(ctx)
		return Seen{Sight: plan.HoldsNot}, nil
	}), Ready(func(ctx context.Context, _ struct{}) ([]plan.Text, error) {
		ask(ctx)
		return nil, nil
	}))
	call := observing("{}")
	_, acted := s.act(t.Context(), a, call) // which looks first
	_, looked := s.lookAt(t.Context(), a, call)
	_, checked := s.readyFor(t.Context(), a, call)
	if err := errors.Join(acted, looked, checked); err != nil || len(asked) != 4 || slices.Contains(asked, nil) {
		t.Errorf("%v; asked about away: %v, want four times no", err, asked)
	}
}

// noKey lets no secret come from where keys are.
type noKey struct{}

func (noKey) Permit(_ context.Context, a Ask) error {
	if a.Reach != nil && slices.Contains(a.Reach.Secrets, "/keys/root") {
		return errors.New("not that key")
	}
	return nil
}

// A secret file is asked about before it is read, wherever it is used.
func TestASecretFileIsAskedAboutBeforeItIsRead(t *testing.T) {
	s, asked := siteFor(t), &reads{}
	s.Policy, s.Secrets = noKey{}, asked
	a := seeing(new(params), run.Observe)
	for _, with := range []string{`{"server": "db", "key": "secret://file/keys/root"}`, `{"server": "db", "key": "secret://env/A", "keys": {"k": "secret://file//keys/root"}}`} {
		call := observing(with)
		call.Targets = []plan.Target{{Name: "db", Kind: "fake", Site: "osaka", Spec: []byte(`{"host": "h", "password": "secret://env/A"}`)}}
		_, acted := s.act(t.Context(), a, call)
		_, looked := s.lookAt(t.Context(), a, call)
		for _, err := range []error{acted, looked} {
			if err == nil || !strings.Contains(err.Error(), "not that key") {
				t.Errorf("%s: %v, want the policy's no", with, err)
			}
		}
		if ready, err := s.readyFor(t.Context(), a, call); err != nil || len(ready.Problems) == 0 || !strings.Contains(ready.Problems[0].EN, "not that key") {
			t.Errorf("%s: ready %+v, %v", with, ready, err)
		}
	}
	if slices.Contains(asked.asked, "secret://file/keys/root") || slices.Contains(asked.asked, "secret://file//keys/root") {
		t.Errorf("it was read: %q", asked.asked)
	}
}

// onlyObserving allows nothing that changes something.
type onlyObserving struct{}

func (onlyObserving) Permit(_ context.Context, a Ask) error {
	if a.Effect != run.Observe {
		return errors.New("it may be " + string(a.Effect))
	}
	return nil
}

// What a step declares is its author's word, which does not open a policy.
func TestADeclaredEffectDoesNotOpenAPolicy(t *testing.T) {
	s := siteFor(t)
	s.Policy = onlyObserving{}
	a := Define("test.declared", Doc{Summary: "Does.", SummaryJA: "行う。", Effect: run.Destroy, Declares: "effect"}, func(context.Context, struct {
		Effect string `json:"effect" help:"Effect." default:"destroy"`
	}) (map1, error) {
		return map1{}, nil
	})
	call := observing(`{"effect": "observe"}`)
	call.Uses, call.Effect = a.ID, run.Observe
	if _, err := s.act(t.Context(), a, call); err == nil || !strings.Contains(err.Error(), "it may be destroy") {
		t.Errorf("%v, want the policy's no", err)
	}
}
