package api_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// itself are plans of which one is of a part of muster.
type itself struct{ files }

func (i itself) Scenarios() ([]api.Scenario, error) {
	list, err := i.files.Scenarios()
	return append(list, api.Scenario{Name: "self-drill"}), err
}

func (i itself) Compile(name string, depth run.Depth) (plan.Plan, error) {
	if name != "self-drill" {
		return i.files.Compile(name, depth)
	}
	p, err := i.files.Compile("tokyo-loss", depth)
	if err != nil {
		return p, err
	}
	p.Scenario.Name, p.Systems[0].Name, p.Systems[0].Own, p.Runbooks[0].System = name, "muster-server", true, "muster-server"
	return p, p.Seal()
}

// A drill of muster itself kills what carries a run: it begins beside none, none begins beside it but the real
// thing, and to that it gives way at once.
func TestADrillOfMusterItselfNeverStandsInTheWay(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, itself{})
	self := api.StartRequest{Scenario: "self-drill", Kind: run.Drill, By: "sato", Depth: run.Live}
	live := drill("sato")
	live.Depth = run.Live
	refused := func(s api.StartRequest, words ...string) {
		t.Helper()
		for _, lang := range []string{"en", "ja"} {
			_, err := api.Connect(w.url, token, lang).Start(t.Context(), s)
			p := problem(t, err)
			said := p.Error()
			for _, word := range words {
				if !strings.Contains(said, word) && lang == "en" {
					t.Errorf("%+v: %s, want %q in it", s, said, word)
				}
			}
			if p.Code != api.CodeRefused || lang == "ja" && !strings.Contains(p.Detail, "進行中です") {
				t.Errorf("%s %+v: %s %s", lang, s, p.Code, said)
			}
		}
	}
	real := w.start(response("tokyo-fire", "tanaka"))
	refused(self, "real response is under way", real.Run, "hold it afterwards")
	onPaper := self
	onPaper.Depth = run.Tabletop
	w.abort(w.start(onPaper).Run) // it kills nothing
	w.abort(real.Run)

	held := w.start(live)
	refused(self, "drill "+held.Run+" is under way")
	w.abort(held.Run)

	began := w.start(self)
	if again := w.start(self); !again.Attached {
		t.Errorf("the same again answered %+v, want to join", again)
	}
	refused(live, "drill "+began.Run+" is killing parts of muster itself")

	next := w.start(response("tokyo-fire", "tanaka"))
	stopped := w.until(began.Run, run.RunAbortRequested)
	if stopped.By != run.Engine || !strings.Contains(stopped.Reason, next.Run) || !strings.Contains(stopped.Reason, "本番対応") {
		t.Errorf("stopped by %s: %s", stopped.By, stopped.Reason)
	}
	w.until(began.Run, run.RunEnded)
	w.abort(next.Run)
	w.abort(w.start(self).Run)
}
