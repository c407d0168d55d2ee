package outline_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/forecast"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outline"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func sec(n int) run.Duration { return run.Duration(n) * run.Duration(time.Second) }

func sample() plan.Plan {
	rto := sec(120)
	step := func(id string, budget int, needs ...string) plan.Step {
		return plan.Step{ID: id, Uses: "db." + id, Site: "osaka", Effect: run.Disrupt, Needs: needs, Budget: sec(budget), Timeout: sec(60), Targets: []string{"db"}}
	}
	tell := plan.Step{ID: "tell", Uses: "human.task", Effect: run.Observe, Needs: []string{"fence"}, Timeout: sec(90), Human: &plan.Human{Role: "desk"}}
	return plan.Plan{
		Scenario: plan.Scenario{Name: "s", Title: plan.Text{EN: "Loss", JA: "喪失"}, Hazard: run.Disaster, Depth: run.Live, Failback: run.PolicyReturn,
			Phases: run.Phases(run.Disaster), Safety: plan.SafetyRules{Within: sec(30), Muster: sec(30), Task: sec(10)}, Decision: plan.DecisionRule{By: "boss", Within: sec(30)}},
		Estate: plan.Estate{Sites: []plan.Site{{Name: "osaka"}, {Name: "tokyo"}}, Targets: []plan.Target{{Name: "db", Kind: "db", Site: "osaka"}, {Name: "seen", Kind: "db", Site: "osaka"}}},
		Systems: []plan.System{{Name: "orders", Priority: "S", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto}, Failover: "over", Failback: "back",
			SingleWriter: &plan.Step{ID: "w", Uses: "db.writer", Site: "osaka", Effect: run.Observe, Targets: []string{"seen"}}}},
		Runbooks: []plan.Runbook{
			{Name: "back", Steps: []plan.Step{step("home", 0)}},
			{Name: "over", Steps: []plan.Step{step("fence", 10), step("promote", 20, "fence"), step("route", 5, "fence"), tell}},
		},
	}
}

func TestForecast(t *testing.T) {
	o := outline.Of(sample())
	over := o.Systems[0].Ways[0]
	if over.Forecast.S == nil || *over.Forecast.S != 30 || over.Forecast.Fits == nil || !*over.Forecast.Fits {
		t.Errorf("forecast = %+v, want 30 s that fit: fence and promote, people left out", over.Forecast)
	}
	// The person has no budget, so the timeout stands for it.
	if p := over.Path; !slices.Equal(p.Steps, []string{"fence", "tell"}) || p.S != 100 || p.Basis != "budget and timeout" {
		t.Errorf("critical path = %+v", p)
	}
	back := o.Systems[0].Ways[1]
	if back.Forecast.S != nil || back.Forecast.Fits != nil || !slices.Equal(back.Forecast.Missing, []string{"home"}) {
		t.Errorf("forecast = %+v, want no data, since home has no budget", back.Forecast)
	}
	if o.Systems[0].PeopleS != 130 {
		t.Errorf("people may take %v s, want 130", o.Systems[0].PeopleS)
	}
	if !slices.Equal(o.Sites, []string{"osaka"}) || !o.Targets[0].Changed || o.Targets[1].Changed {
		t.Errorf("sites %v, targets %+v", o.Sites, o.Targets)
	}
}

func TestBudgetsBeyondTheRTO(t *testing.T) {
	p := sample()
	p.Runbooks[1].Steps[1].Budget = sec(300)
	if f := outline.Of(p).Systems[0].Ways[0].Forecast; f.Fits == nil || *f.Fits {
		t.Errorf("forecast = %+v: 310 s do not fit into 120 s", f)
	}
}

func TestStayHasNoFailback(t *testing.T) {
	p := sample()
	p.Scenario.Failback = run.PolicyStay
	if w := outline.Of(p).Systems[0].Ways; len(w) != 1 {
		t.Errorf("%d ways, want only failover", len(w))
	}
}

// A system that moves without a check of its writers can't come home, or stay, proven: that
// is said before the drill, and not where nothing runs.
func TestWhatCannotBeProvenIsSaidBefore(t *testing.T) {
	p := sample()
	if what := outline.Of(p).Systems[0].CannotProve; len(what) != 0 {
		t.Errorf("with a single_writer step: %v", what)
	}
	p.Systems[0].SingleWriter = nil
	var b strings.Builder
	if err := outline.Text(&b, outline.Of(p), outline.Names{}, i18n.EN); err != nil || !strings.Contains(b.String(), "can't be proven: that exactly one side takes writes") {
		t.Errorf("%v; the text does not say it:\n%s", err, &b)
	}
	p.Scenario.Depth = run.Tabletop
	if what := outline.Of(p).Systems[0].CannotProve; len(what) != 0 {
		t.Errorf("at a tabletop: %v", what)
	}
}

func TestTextSaysThatItIsAForecast(t *testing.T) {
	for l, want := range map[i18n.Lang][]string{
		i18n.EN: {"forecast (not measured): machines need 30 s; of the RTO of 2 min that leaves 1 min 30 s", "people may take up to 2 min 10 s: AT RISK",
			"forecast: no data; no budget for home", "* fence", "@desk", "DISRUPT", "seen  db  osaka  looked at", "hazard disaster", "failback: yes, before the run ends"},
		i18n.JA: {"見込み（実測ではありません）", "データなし", "目安時間と制限時間", "参照のみ", "想定 大規模災害", "切戻し: あり（実施の終了前）"},
	} {
		var b strings.Builder
		if err := outline.Text(&b, outline.Of(sample()), outline.Names{}, l); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: no %q in\n%s", l, w, b.String())
			}
		}
	}
}

// A forecast whose people's times are of runs of another kind says so, and of how many.
func TestPeoplesTimesOfAnotherKindAreSaid(t *testing.T) {
	w := forecast.Way{Parts: []forecast.Part{{Part: forecast.PartPeople, Basis: forecast.BasisPast, Past: 8, Other: 6}, {Part: forecast.PartDecide, Basis: forecast.BasisPast, Past: 8}},
		Steps: []forecast.Step{{Step: "call-vendor", Basis: forecast.BasisPast, Past: 4, Other: 3}}}
	for l, want := range map[i18n.Lang]string{i18n.EN: "announced drills count together with blind and real ones: people (6/8), call-vendor (3/4)",
		i18n.JA: "告知ありの訓練と非提示型・本番の実績を合わせて算入: 要員 (6/8)、call-vendor (3/4)"} {
		if got := strings.Join(outline.Doubts(l, w), "\n"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want it to end in %q", l, got, want)
		}
	}
}

// Programs read lists as lists.
func TestJSONHasNoNullLists(t *testing.T) {
	b, err := json.Marshal(outline.Of(plan.Plan{Scenario: plan.Scenario{Name: "empty", Phases: []run.Phase{run.Activation}}}))
	if err != nil || strings.Contains(string(b), "null") {
		t.Errorf("%s, %v", b, err)
	}
}
