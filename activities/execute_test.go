package activities

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
)

const canary = `kanariya&"42"`

type server struct {
	Host     string `json:"host" help:"Host."`
	Port     int    `json:"port" help:"Port." default:"5432"`
	Password Secret `json:"password" help:"Password." default:""`
}

type part struct {
	Name string       `json:"name" help:"Name."`
	Wait run.Duration `json:"wait" help:"Wait." default:"3s"`
}

type params struct {
	Server  Target[server]    `json:"server" kind:"fake" help:"Server." default:""`
	Others  []Target[server]  `json:"others" kind:"fake" help:"More servers." default:""`
	Text    string            `json:"text" help:"Text." default:"hello"`
	Empty   string            `json:"empty" help:"Text." default:""`
	Mode    string            `json:"mode" help:"Mode." default:"a" enum:"a,b"`
	N       int               `json:"n" help:"Number." default:"7"`
	Ratio   float64           `json:"ratio" help:"Ratio." default:"0.5"`
	On      bool              `json:"on" help:"Flag." default:"true"`
	Wait    run.Duration      `json:"wait" help:"Wait." default:"90s"`
	Size    run.Bytes         `json:"size" help:"Size." default:"16MB"`
	Codes   []int             `json:"codes" help:"Codes." default:"[0, 3]"`
	Words   map[string]string `json:"words" help:"Words." default:""`
	Part    *part             `json:"part" help:"Part." default:""`
	Key     Secret            `json:"key" help:"Key." default:""`
	Keys    map[string]Secret `json:"keys" help:"Keys." default:""`
	Any     any               `json:"any" help:"Any." default:""`
	Seconds float64           `json:"seconds" help:"Seconds." default:"0"`
}

// seeing is an action that hands its parameters to the test.
func seeing(got *params, effect run.Effect) Action {
	return Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: effect}, func(_ context.Context, p params) (map1, error) {
		*got = p
		return map1{}, nil
	})
}

type map1 struct{}

func siteFor(t *testing.T) *Site {
	t.Helper()
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return testSite(l)
}

func observing(with string) plan.Call {
	return plan.Call{Run: "r", Kind: run.Drill, Depth: run.Live, Step: "s", Uses: "test.see", Effect: run.Observe, Generation: 1, With: json.RawMessage(with)}
}

func TestParametersDefaultsAndExpressions(t *testing.T) {
	s := siteFor(t)
	t.Setenv("MUSTER_TEST_KEY", canary)
	var got params
	call := observing(`{
		"server": "osaka", "others": ["tokyo", "osaka"],
		"text": "port ${{ steps.find.port }} of ${{ run.id }}, ${{ run.kind }}",
		"n": "${{ steps.find.port }}", "any": "${{ steps.find }}", "mode": null,
		"part": {"name": "x"}, "words": {"a": "b"},
		"key": "secret://env/MUSTER_TEST_KEY", "keys": {"k": "secret://env/MUSTER_TEST_KEY"}}`)
	call.Vars = map[string]json.RawMessage{"find": json.RawMessage(`{"port": 5433}`)}
	call.Targets = []plan.Target{
		{Name: "tokyo", Kind: "fake", Site: "tokyo", Spec: json.RawMessage(`{"host": "10.0.0.1", "port": 1}`)},
		{Name: "osaka", Kind: "fake", Site: "osaka", Spec: json.RawMessage(`{"host": "10.0.0.2", "password": "secret://env/MUSTER_TEST_KEY"}`)},
	}
	if _, err := s.act(context.Background(), seeing(&got, run.Observe), call); err != nil {
		t.Fatal(err)
	}
	osaka := Target[server]{"osaka", "osaka", server{"10.0.0.2", 5432, NewSecret(canary)}, "osaka"}
	switch {
	case got.Server != osaka, len(got.Others) != 2, got.Others[0].Spec.Port != 1, got.Others[1] != osaka:
		t.Errorf("targets: %+v", got)
	case got.Text != "port 5433 of r, drill", got.N != 5433, fmt.Sprint(got.Any) != "map[port:5433]":
		t.Errorf("expressions: %+v", got)
	case got.Empty != "", got.Mode != "a", got.Ratio != 0.5, !got.On, got.Wait.Std() != 90*time.Second, got.Size != 16<<20, !slices.Equal(got.Codes, []int{0, 3}):
		t.Errorf("defaults: %+v", got)
	case got.Part == nil || got.Part.Name != "x" || got.Part.Wait.Std() != 3*time.Second, got.Words["a"] != "b":
		t.Errorf("nested: %+v", got)
	case got.Key.Reveal() != canary, got.Keys["k"].Reveal() != canary, strings.Contains(fmt.Sprintf("%v %+v %#v", got, got, got.Key), "kanariya"):
		t.Errorf("secrets: %+v", got)
	}
}

func TestWrongParametersAreRefusedAtOnce(t *testing.T) {
	s := siteFor(t)
	var got params
	targets := []plan.Target{{Name: "osaka", Kind: "fake", Spec: json.RawMessage(`{}`)}, {Name: "web", Kind: "other", Spec: json.RawMessage(`{}`)}}
	for _, c := range []struct {
		with string
		want []string
	}{
		{`{"n": "many", "on": 1, "mode": "c", "wait": "soon", "size": "big", "codes": 3, "txt": "x", "part": {"nam": 1}}`,
			[]string{"with.n is text, not a whole number", "with.on is the number 1", "it may be a, b", `"soon" is not a duration`, `"big" is not a size`,
				"with.codes is the number 3, not a list", `no "txt"; did you mean "text"?`, "with.part.name is missing: Name."}},
		{`{"n": 1.5}`, []string{"not a whole number"}},
		{`{"codes": [1, "x"]}`, []string{"with.codes[1] is text"}},
		{`[]`, []string{"with is a list"}},
		{`{"text": "${{ steps.gone.port }}"}`, []string{"gone"}},
		{`{"server": "kobe"}`, []string{`the plan has no target "kobe"`}},
		{`{"server": "web"}`, []string{"web is a other target, not fake"}},
		{`{"server": "osaka"}`, []string{"target osaka.host is missing"}},
		{`{"key": "secret://env/MUSTER_TEST_GONE"}`, []string{"with.key", "has no MUSTER_TEST_GONE"}},
		{`{"key": "` + "hunter2hunter2" + `"}`, []string{"with.key", "given by reference"}},
	} {
		call := observing(c.with)
		call.Effect, call.EffectKey, call.Targets = run.Disrupt, "r/run/s/1", targets
		_, err := s.act(context.Background(), seeing(&got, run.Disrupt), call)
		if typeOf(err) != plan.ErrRefused {
			t.Errorf("%s: %v, want Refused", c.with, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.with, err, want)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error gives the value away: %v", err)
		}
	}
	if e, err := s.Ledger.Status("r/run/s/1"); err != nil || e.State != ledger.None {
		t.Errorf("refused parameters reached the ledger: %+v %v", e, err)
	}
}

// What a plan's compiler refuses the worker refuses too, also of a plan made by hand.
func TestGuards(t *testing.T) {
	s := siteFor(t)
	var got params
	for name, c := range map[string]struct {
		change func(*plan.Call)
		want   string
	}{
		"tabletop":      {func(c *plan.Call) { c.Depth = run.Tabletop }, "depth tabletop"},
		"isolated":      {func(c *plan.Call) { c.Depth = run.IsolatedRun }, "depth isolated"},
		"graver plan":   {func(c *plan.Call) { c.Depth, c.Effect = run.IsolatedRun, run.Observe }, "depth isolated"},
		"drill at real": {func(c *plan.Call) { c.Depth = run.Real }, "a drill can't run at depth real"},
		"live response": {func(c *plan.Call) { c.Kind = run.Response }, "a response can't run at depth live"},
		"spared system": {func(c *plan.Call) { c.System, c.Spared = "pay", []run.Depth{run.Live} }, "may change system pay"},
		"spared target": {func(c *plan.Call) {
			c.Targets = []plan.Target{{Name: "db", Spared: []run.Depth{run.IsolatedRun, run.Live}}}
		}, "may change target db"},
		"no kind":          {func(c *plan.Call) { c.Kind = "" }, "drill or a response"},
		"no key":           {func(c *plan.Call) { c.EffectKey = "" }, "needs a key"},
		"another activity": {func(c *plan.Call) { c.Uses = "test.other" }, `uses "test.other"`},
	} {
		call := observing(`{}`)
		call.Effect, call.EffectKey = run.Disrupt, "r/run/s/"+name
		c.change(&call)
		if _, err := s.act(context.Background(), seeing(&got, run.Disrupt), call); typeOf(err) != plan.ErrRefused || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// An effect that can't see its goal before it acts does not act.
func TestBlindEffectIsNotBegun(t *testing.T) {
	s := siteFor(t)
	acted := false
	for name, seen := range map[string]func() (Seen, error){
		"error":       func() (Seen, error) { return Seen{}, errors.New("osaka does not answer") },
		"cannot tell": func() (Seen, error) { return Seen{Sight: plan.CannotTell, Detail: "osaka is starting"}, nil },
		"panic":       func() (Seen, error) { panic("osaka broke") },
	} {
		a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Disrupt}, func(context.Context, map1) (map1, error) {
			acted = true
			return map1{}, nil
		}, Look(func(context.Context, map1) (Seen, error) { return seen() }))
		call := observing(`{}`)
		call.Effect, call.EffectKey = run.Disrupt, "r/run/s/1"
		_, err := s.act(context.Background(), a, call)
		if typeOf(err) != plan.ErrRefused || !strings.Contains(err.Error(), "nothing was begun") || !strings.Contains(err.Error(), "osaka") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e, err := s.Ledger.Status("r/run/s/1"); acted || err != nil || e.State != ledger.None {
		t.Errorf("acted %v, ledger %+v %v", acted, e, err)
	}
}

// What an attempt left behind is looked at, whatever its errors say of themselves.
func TestWhatIsNotClearedIsNoRefusal(t *testing.T) {
	s := siteFor(t)
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Isolated}, func(context.Context, map1) (map1, error) {
		return map1{}, NotCleared(RefusedBoth("it has a link", "リンクを含む"), Refused("it is not ours"))
	})
	call := observing(`{}`)
	call.Effect, call.EffectKey = run.Isolated, "r/run/s/1"
	_, err := s.act(context.Background(), a, call)
	want := "it has a link; and what was written could not be removed: it is not ours / リンクを含む。書き込んだものも削除できなかった：it is not ours"
	if typeOf(err) != "Error" || !strings.Contains(err.Error(), want) {
		t.Errorf("%v (%s), want %q", err, typeOf(err), want)
	}
}

// Parameters that give nothing to look at do not stop an effect; a lost answer then
// can't be settled by looking.
func TestEffectWithNothingToLookAt(t *testing.T) {
	s := siteFor(t)
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Disrupt}, func(context.Context, map1) (map1, error) {
		return map1{}, errors.New("connection lost")
	}, Look(func(context.Context, map1) (Seen, error) { return Seen{}, nil }))
	call := observing(`{}`)
	call.Effect, call.EffectKey = run.Disrupt, "r/run/s/1"
	if _, err := s.act(context.Background(), a, call); err == nil || typeOf(err) == plan.ErrRefused {
		t.Fatalf("%v", err)
	}
	call.Settling = true
	seen, err := s.lookAt(context.Background(), a, call)
	if err != nil || seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "a person must see") {
		t.Fatalf("%+v %v", seen, err)
	}
	// What never began is proven without seeing anything.
	call.EffectKey = "r/run/s/2"
	if seen, err := s.lookAt(context.Background(), a, call); err != nil || seen.Sight != plan.HoldsNot {
		t.Fatalf("%+v %v", seen, err)
	}
}

// What can't be looked at is settled by the ledger when it says how it went: a passed
// attempt did happen, a failed one may have.
func TestLedgerProvesWhatCannotBeSeen(t *testing.T) {
	for name, opts := range map[string][]Option[map1]{
		"no look":            nil,
		"nothing to look at": {Look(func(context.Context, map1) (Seen, error) { return Seen{}, nil })},
	} {
		t.Run(name, func(t *testing.T) {
			s := siteFor(t)
			fails := error(nil)
			a := Define("test.blind", Doc{Summary: "Acts.", SummaryJA: "実行する。", Effect: run.Disrupt}, func(context.Context, map1) (map1, error) {
				return map1{}, fails
			}, opts...)
			call := observing(`{}`)
			call.Uses, call.Effect, call.EffectKey = a.ID, run.Disrupt, "r/run/s/1"
			if _, err := s.act(context.Background(), a, call); err != nil {
				t.Fatal(err)
			}
			call.Settling = true
			seen, err := s.lookAt(context.Background(), a, call)
			if err != nil || seen.Sight != plan.Holds || len(seen.Output) != 0 || !strings.Contains(seen.Detail, "ledger") {
				t.Errorf("passed, answer lost: %+v %v", seen, err)
			}
			fails, call.Settling, call.EffectKey = Finding("it fell short"), false, "r/run/s/2"
			if _, err := s.act(context.Background(), a, call); err == nil {
				t.Fatal("no error")
			}
			call.Settling = true
			if seen, err := s.lookAt(context.Background(), a, call); err != nil || seen.Sight != plan.CannotTell {
				t.Errorf("failed, answer lost: %+v %v", seen, err)
			}
		})
	}
}

type texts struct {
	Stdout string   `json:"stdout" help:"Text."`
	Stderr string   `json:"stderr" help:"Text."`
	List   []string `json:"list" help:"List."`
	Code   int      `json:"code" help:"Code."`
}

func output(t *testing.T, s *Site, out texts) plan.Result {
	t.Helper()
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Observe}, func(context.Context, map1) (texts, error) { return out, nil })
	res, err := s.act(context.Background(), a, observing(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestLongOutputKeepsHeadAndTail(t *testing.T) {
	s := siteFor(t)
	kept := map[string]string{}
	s.Evidence = func(_ context.Context, name string, b []byte) (string, error) {
		kept[name] = string(b)
		return "evidence:" + name, nil
	}
	s.Redactor.Add("kanariya-secret")
	long := "HEAD " + strings.Repeat("あいう<>\x00", 30_000) + " kanariya-secret TAIL"
	for name, out := range map[string]texts{
		"one text":  {Stdout: long, Code: 3},
		"two texts": {Stdout: long, Stderr: long, Code: 3},
		"many":      {Stdout: "HEAD and TAIL", List: slices.Repeat([]string{"line", "kanariya-secret"}, 10_000), Code: 3},
	} {
		clear(kept)
		res := output(t, s, out)
		if len(res.Output) > maxOutput {
			t.Errorf("%s: %d bytes", name, len(res.Output))
		}
		var got struct {
			Stdout string
			Code   int
			Cut    []Cut
		}
		if err := json.Unmarshal(res.Output, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.HasPrefix(got.Stdout, "HEAD") || !strings.HasSuffix(got.Stdout, "TAIL") || got.Code != 3 {
			t.Errorf("%s: head, tail or small fields are lost: %.60q", name, got.Stdout)
		}
		if len(got.Cut) == 0 || len(kept) != len(got.Cut) {
			t.Errorf("%s: %d cut, %d kept", name, len(got.Cut), len(kept))
		}
		for _, c := range got.Cut {
			whole := kept[strings.TrimPrefix(c.Evidence, "evidence:")]
			if len(whole) != c.Bytes || len(c.SHA256) != 64 {
				t.Errorf("%s: %+v, kept %d bytes", name, c, len(whole))
			}
			if strings.Contains(whole, "kanariya") {
				t.Errorf("%s: the evidence holds a secret", name)
			}
		}
	}
	if res := output(t, s, texts{Stdout: "short"}); strings.Contains(string(res.Output), "cut") {
		t.Errorf("a short output was cut: %s", res.Output)
	}
}

// What an action prints or fails with never holds a secret, whoever put it there.
func TestSecretsNeverLeave(t *testing.T) {
	s := siteFor(t)
	t.Setenv("MUSTER_TEST_KEY", canary)
	quoted, _ := json.Marshal(canary)
	said := strings.Join([]string{canary, base64.StdEncoding.EncodeToString([]byte("user:" + canary)), url.QueryEscape(canary), string(quoted)}, " | ")
	type keyed struct {
		Key  Secret `json:"key" help:"Key."`
		Fail string `json:"fail" help:"How." default:""`
	}
	body := func(p keyed) (texts, error) {
		switch p.Fail {
		case "error":
			return texts{}, errors.New(said)
		case "cause":
			return texts{}, temporal.NewApplicationErrorWithCause("see the cause", plan.ErrFinding, errors.New(said), said)
		case "finding":
			return texts{}, Finding("%s", said)
		case "panic":
			panic(said)
		case "long":
			return texts{}, errors.New(strings.Repeat("x", 3*maxError) + said)
		}
		return texts{Stdout: said, List: []string{said}}, nil
	}
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Isolated}, func(_ context.Context, p keyed) (texts, error) { return body(p) },
		Look(func(_ context.Context, p keyed) (Seen, error) {
			if p.Fail == "look" {
				return Seen{Sight: plan.Holds, Detail: said, Output: texts{Stdout: said}}, nil
			}
			return Seen{}, nil
		}))
	for i, fail := range []string{"", "error", "cause", "finding", "panic", "long", "look"} {
		call := observing(`{"key": "secret://env/MUSTER_TEST_KEY", "fail": "` + fail + `"}`)
		call.Effect, call.EffectKey = run.Isolated, fmt.Sprint("r/run/s/", i)
		res, err := s.act(context.Background(), a, call)
		looked, _ := s.lookAt(context.Background(), a, call)
		// What the engine keeps of it: the failure with its cause and details.
		failure := ""
		if err != nil {
			failure = temporal.GetDefaultFailureConverter().ErrorToFailure(err).String()
			if len(failure) > 3*maxError {
				t.Errorf("%s: the failure takes %d bytes", fail, len(failure))
			}
		}
		everything := fmt.Sprintf("%s %v %s %s %+v", res.Output, err, failure, looked.Output, looked)
		for _, trace := range []string{"kanariya", "a2FuYXJpeW", "thbmFyaXlh", "rYW5hcml5Y"} {
			if strings.Contains(everything, trace) {
				t.Errorf("%q shows %s: %.300s", fail, trace, everything)
			}
		}
		if fail == "panic" && typeOf(err) != errPanic || fail == "finding" && typeOf(err) != plan.ErrFinding {
			t.Errorf("%s: %v", fail, err)
		}
	}
}

func TestRegisteredActivities(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got params
	r := NewRegistry()
	r.Add(seeing(&got, run.Observe), writeLine,
		Define[map1, map1]("human.task", Doc{Summary: "Asks.", SummaryJA: "頼む。", Effect: run.Observe, Human: true}, nil),
		DefineProbe("probe.fake", Doc{Summary: "Probes.", SummaryJA: "探る。"}, func(_ context.Context, w plan.Watch, p part) (run.Observations, error) {
			return run.Observations{Probe: w.Probe.Name + p.Name + p.Wait.String()}, nil
		}))
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	r.Register(env, Site{Name: "osaka", Ledger: l})

	value, err := env.ExecuteActivity("test.see", observing(`{"text": "x"}`))
	var res plan.Result
	if err != nil || value.Get(&res) != nil || got.Text != "x" || res.Already || res.EndedAt.Before(res.StartedAt) {
		t.Fatalf("act: %+v %+v %v", res, got, err)
	}
	value, err = env.ExecuteActivity("test.see.look", observing(`{}`))
	var seen plan.Looked
	if err != nil || value.Get(&seen) != nil || seen.Sight != plan.CannotTell {
		t.Fatalf("look: %+v %v", seen, err)
	}
	value, err = env.ExecuteActivity("probe.fake", plan.Watch{Probe: plan.Probe{Name: "orders/write", With: json.RawMessage(`{"name": "!"}`)}})
	var observed run.Observations
	if err != nil || value.Get(&observed) != nil || observed.Probe != "orders/write!3s" {
		t.Fatalf("probe: %+v %v", observed, err)
	}
	for _, id := range []string{"human.task", "human.task.look", "probe.fake.look"} {
		if _, err := env.ExecuteActivity(id, plan.Call{}); err == nil || !strings.Contains(err.Error(), "unable to find") {
			t.Errorf("%s: %v, want no such activity", id, err)
		}
	}
}

// The engine hears from an action as long as it runs, and cancels it by its answer.
func TestHeartbeatAndProgress(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	beats := make(chan string, 100)
	r := NewRegistry()
	r.Add(Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Observe, Repeatable: true}, func(ctx context.Context, _ map1) (texts, error) {
		var before int
		if Resumed(ctx, &before) {
			Progress(ctx, before+1)
		}
		seen := ""
		for !strings.Contains(seen, "8") {
			select {
			case seen = <-beats:
			case <-ctx.Done():
				return texts{}, ctx.Err()
			}
		}
		return texts{Code: before}, nil
	}))
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetHeartbeatDetails(7)
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var n int
		if details.HasValues() && details.Get(&n) == nil {
			beats <- fmt.Sprint(n)
		}
	})
	r.Register(env, Site{Name: "osaka", Ledger: l})
	value, err := env.ExecuteActivity("test.see", observing(`{}`))
	var res plan.Result
	if err != nil || value.Get(&res) != nil || !strings.Contains(string(res.Output), `"code":7`) {
		t.Fatalf("%s %v", res.Output, err)
	}
}

func TestCancelledActionSaysSo(t *testing.T) {
	s := siteFor(t)
	ctx, cancel := context.WithCancel(context.Background())
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Isolated}, func(ctx context.Context, _ map1) (map1, error) {
		cancel()
		<-ctx.Done()
		return map1{}, fmt.Errorf("asked osaka: %w", ctx.Err())
	})
	call := observing(`{}`)
	call.Effect, call.EffectKey = run.Isolated, "r/run/s/1"
	if _, err := s.act(ctx, a, call); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want context.Canceled", err)
	}
	if e, err := s.Ledger.Status("r/run/s/1"); err != nil || e.State != ledger.Ended || e.Outcome != "Cancelled" {
		t.Fatalf("%+v %v", e, err)
	}
}

type refusing struct{ asked []Ask }

func (r *refusing) Permit(_ context.Context, a Ask) error {
	r.asked = append(r.asked, a)
	return errors.New("no rule allows it (policy.yaml:3:5)")
}

// What the worker's own policy refuses is neither done nor looked at, whatever the plan
// says, and the refusal names the rule.
func TestTheWorkersPolicyComesBeforeThePlan(t *testing.T) {
	touched := 0
	a := Define("test.effect", Doc{Summary: "S.", SummaryJA: "S。", Effect: run.Disrupt},
		func(context.Context, struct{}) (struct{}, error) { touched++; return struct{}{}, nil },
		Look(func(context.Context, struct{}) (Seen, error) { touched++; return Seen{Sight: plan.HoldsNot}, nil }))
	p := &refusing{}
	s := &Site{Name: "tokyo", Policy: p, Redactor: &secret.Redactor{}, Log: slog.New(slog.DiscardHandler)}
	call := plan.Call{Run: "r", Kind: run.Drill, Depth: run.Live, Uses: "test.effect", Effect: run.Disrupt, EffectKey: "k", Targets: []plan.Target{{Name: "db"}}}
	_, acted := s.act(t.Context(), a, call)
	_, looked := s.lookAt(t.Context(), a, call)
	ready, _ := s.readyFor(t.Context(), a, call)
	for _, err := range []error{acted, looked} {
		app := new(temporal.ApplicationError)
		if !errors.As(err, &app) || app.Type() != plan.ErrRefused || !strings.Contains(err.Error(), "policy.yaml:3:5") {
			t.Errorf("%v", err)
		}
	}
	if touched != 0 || len(ready.Problems) != 1 || len(p.asked) != 3 || p.asked[0].Targets[0] != "db" {
		t.Errorf("touched %d times; %+v; asked %+v", touched, ready, p.asked)
	}
}

// A unit, or a program, of another site's machine is not the one of that name on this.
func TestATargetOfAnotherSitesMachineIsRefused(t *testing.T) {
	s := siteFor(t)
	s.local = map[string]bool{"fake": true}
	var got params
	call := observing(`{"server": "tokyo"}`)
	call.Targets = []plan.Target{{Name: "tokyo", Kind: "fake", Site: "tokyo", Spec: json.RawMessage(`{"host": "10.0.0.1"}`)}}
	_, err := s.act(context.Background(), seeing(&got, run.Observe), call)
	if err == nil || !strings.Contains(err.Error(), "run the step at: tokyo") || !strings.Contains(err.Error(), "at: tokyo を指定する") {
		t.Errorf("a step on tokyo's target by the worker of %s = %v", s.Name, err)
	}
	for _, site := range []string{"osaka", ""} {
		call.Targets[0].Site = site
		if _, err := s.act(context.Background(), seeing(&got, run.Observe), call); err != nil {
			t.Errorf("a target of site %q by the worker of %s: %v", site, s.Name, err)
		}
	}
}

// A panic in an action is a failure with its cause and its place, entered in the ledger as
// any other, and the worker goes on; the effect it may have had is not begun again.
func TestAPanicIsAFailureWithItsCause(t *testing.T) {
	s := siteFor(t)
	a := Define("test.see", Doc{Summary: "Sees.", SummaryJA: "見る。", Effect: run.Disrupt}, func(context.Context, map1) (map1, error) {
		panic("osaka broke")
	}, Look(func(context.Context, map1) (Seen, error) { return Seen{Sight: plan.HoldsNot}, nil }))
	call := observing(`{}`)
	call.Effect, call.EffectKey = run.Disrupt, "r/run/s/1"
	_, err := s.act(context.Background(), a, call)
	if typeOf(err) != errPanic || !strings.Contains(err.Error(), "osaka broke") || !strings.Contains(err.Error(), "execute_test.go") {
		t.Errorf("%v (%s), want a panic with its cause and place", err, typeOf(err))
	}
	if app := new(temporal.ApplicationError); !errors.As(err, &app) || !app.NonRetryable() {
		t.Error("the engine would try it again")
	}
	if e, err := s.Ledger.Status(call.EffectKey); err != nil || e.State != ledger.Ended || e.Outcome != errPanic {
		t.Errorf("the ledger says %+v, %v", e, err)
	}
	if _, err := s.act(context.Background(), a, call); typeOf(err) != plan.ErrBegun {
		t.Errorf("the same key again: %v, want it begun already", err)
	}
}
