package board

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
)

// Commands within a sentence look like commands, and nothing of a sentence becomes markup.
func TestCommandsInASentence(t *testing.T) {
	for in, want := range map[string]string{
		"`muster drill list` で一覧":  "<code>muster drill list</code> で一覧",
		"a `<b>` and <i>":          "a <code>&lt;b&gt;</code> and &lt;i&gt;",
		"one ` alone <i>":          "one ` alone &lt;i&gt;",
		"nothing":                  "nothing",
		"`muster a` or `muster b`": "<code>muster a</code> or <code>muster b</code>",
	} {
		if got := string(inCode(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// A step is called what the plan calls it, also an inject and the check of writers, which belong to
// no runbook, and so are its system and site.
func TestStepsAreNamedAsThePlanNamesThem(t *testing.T) {
	text := func(ja string) plan.Text { return plan.Text{EN: "in English", JA: ja} }
	p := plan.Plan{
		Scenario: plan.Scenario{Injects: []plan.Step{{ID: "power-loss", Title: text("東京で電源が失われる")}}},
		Estate:   plan.Estate{Sites: []plan.Site{{Name: "tokyo", Title: text("東京データセンター")}}},
		Systems:  []plan.System{{Name: "orders", Title: text("受注システム"), SingleWriter: &plan.Step{ID: "single-writer"}}},
		Runbooks: []plan.Runbook{{Name: "over", Steps: []plan.Step{{ID: "fence", Title: text("書き込みを止める")}, {ID: "bare"}}}},
	}
	v := runView{picture: picture{Plan: p}, L: i18n.JA, O: progress.Overview{Steps: []progress.Step{
		{ID: "power-loss", System: "orders", Site: "tokyo"}, {ID: "fence", Runbook: "over", System: "orders", Site: "tokyo"},
		{ID: "bare", Runbook: "over", System: "orders"}, {ID: "single-writer", System: "orders", Site: "osaka"},
	}}}
	steps, _ := stepsOf(i18n.JA, v, v.O.At)
	var got []string
	for _, s := range steps {
		got = append(got, s.Label+" | "+s.Of)
	}
	want := "東京で電源が失われる | 受注システム・東京データセンター\n書き込みを止める | 受注システム・東京データセンター\nbare | 受注システム\n書き込み先が一つだけであることの確認 | 受注システム・osaka"
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}
