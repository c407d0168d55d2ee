package alarm

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/alarm/jma"
)

// A test says what a message would do by each rule, and nothing comes of it.
func TestATestSaysWhatWouldHappen(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	for _, c := range []struct {
		name     string
		in       Test
		outcome  Outcome
		training bool
		real     Outcome // of the first rule
		says     []string
	}{
		{"a telegram of the first rule", Test{Source: "quakes"}, Proposed, true, Starting, []string{"intensity 6-lower at 宮城県南部"}},
		{"less than the first rule asks for", Test{Source: "quakes", Intensity: "5-upper"}, Ignored, true, Ignored, []string{"asks for intensity 6-lower or more in 宮城県南部, 東京都23区, 390, and the message has intensity 5-upper at 宮城県南部", "ignores trainings"}},
		{"somewhere else", Test{Source: "quakes", Area: "沖縄県"}, Ignored, true, Ignored, []string{"tells nothing of there"}},
		{"signed as a hub signs", Test{Source: "relay"}, Proposed, true, Starting, nil},
		{"an alert that matches", Test{Source: "prom", Labels: map[string]string{"severity": "critical"}}, Proposed, false, Ignored, nil},
		{"an alert that lacks what is asked for", Test{Source: "prom"}, Proposed, false, Ignored, []string{"can't be applied", "a person looks"}},
		{"an alert that does not", Test{Source: "prom", Labels: map[string]string{"severity": "warning"}}, Ignored, false, Ignored, []string{`when: body.commonLabels.severity == "critical"`}},
		{"a message of one's own", Test{Source: "pager", Message: string(pagerDuty("01A", "incident.triggered", "Q1", h.clock))}, Starting, false, Ignored, nil},
		{"an event that asks for nothing", Test{Source: "pager", Message: string(pagerDuty("01A", "incident.acknowledged", "Q1", h.clock))}, Ignored, false, "", []string{"incident.acknowledged"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := h.s.Try(t.Context(), c.in, "en")
			if err != nil || !out.Door || out.Outcome != c.outcome || out.Training != c.training || len(out.Rules) > 0 && out.Rules[0].Real != c.real {
				t.Fatalf("%+v, %v; want %s, the first rule if real %s", out, err, c.outcome, c.real)
			}
			text := out.Summary.EN + out.Why.EN
			for _, r := range out.Rules {
				text += r.Why.EN + r.RealWhy.EN
			}
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in %s", want, text)
				}
			}
		})
	}
	if p := h.proposals(); len(p) != 0 {
		t.Errorf("a test came to %+v", p)
	}
	if _, err := h.s.Try(t.Context(), Test{Source: "any"}, "en"); !errors.Is(err, ErrNeedsMessage) {
		t.Errorf("of any webhook: %v", err)
	}
	if out, err := h.s.Try(t.Context(), Test{Source: "any", Message: `{"incident":{"id":"1","title":"x","severity":"sev1"},"state":"open"}`}, "en"); err != nil || out.Outcome != Proposed {
		t.Errorf("what the source's own mapping names: %+v, %v", out, err)
	}
	if _, err := h.s.Try(t.Context(), Test{Source: "nobody"}, "en"); !errors.Is(err, ErrNoSource) {
		t.Errorf("of no source: %v", err)
	}
	if _, err := h.s.Try(t.Context(), Test{Source: "prom", Message: "{"}, "ja"); err == nil || !strings.Contains(err.Error(), "解釈できません") {
		t.Errorf("what the door does not understand: %v", err)
	}
	log, err := h.store.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) == 0 || !strings.HasPrefix(log[0].Outcome, "test: ") {
		t.Errorf("access log: %+v, %v", log, err)
	}
}

// Where the rules for telegrams are of tsunamis, one is made for the test: else everything would be
// ignored, and the rules be none the wiser.
func TestATestOfATsunamiRule(t *testing.T) {
	wave := miyagi()[2]
	wave.Training = ProposeDrill
	for name, rules := range map[string][]Rule{"alone": {wave}, "after one of another source": {{Scenario: "x", Source: "relay", Intensity: jma.Int6Lower, Place: "x"}, wave}} {
		h := newHouse(t, given{rules: rules})
		out, err := h.s.Try(t.Context(), Test{Source: "quakes"}, "en")
		if err != nil || !out.Door || out.Outcome != Proposed || !out.Training || !strings.Contains(out.Summary.JA, "津波注意報") {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
		if out, err := h.s.Try(t.Context(), Test{Source: "quakes", Intensity: "7"}, "en"); err != nil || out.Outcome != Ignored {
			t.Errorf("%s, an earthquake: %+v, %v", name, out, err)
		}
	}
	h := newHouse(t, given{rules: miyagi()})
	if out, err := h.s.Try(t.Context(), Test{Source: "quakes"}, "en"); err != nil || strings.Contains(out.Summary.JA, "津波") {
		t.Errorf("of both, the first rule: %+v, %v", out, err)
	}
}

// Why a message was ignored is told to its sender, in the list and in the access log.
func TestIgnoredMessagesSayWhy(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	alert := []byte(strings.ReplaceAll(string(file(t, "testdata", "alertmanager-v0.25.0-firing-1alert.json")), "critical", "warning"))
	const why = `sendai-loss: its condition is not met (when: body.commonLabels.severity == "critical")`
	if status, text := h.post("prom", alert, "Content-Type", "application/json", "Authorization", "Bearer "+secretKey); status != http.StatusAccepted || !strings.Contains(text, "condition is not met") {
		t.Errorf("%d %s", status, text)
	}
	quake := []byte(strings.ReplaceAll(string(telegram(t, quick)), "<Status>通常", "<Status>試験"))
	if got := h.send("quakes", quake); got != Ignored {
		t.Fatalf("a test of the line was %s", got)
	}
	lately := h.s.Lately()
	if len(lately) != 2 || lately[0].Source != "quakes" || !strings.Contains(lately[0].Why.JA, "試験報") || lately[1].Outcome != Ignored || lately[1].Why.EN != why {
		t.Errorf("lately: %+v", lately)
	}
	log, err := h.store.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) != 2 || log[0].Outcome != "ok: ignored: "+why {
		t.Errorf("access log: %+v, %v", log, err)
	}
	none := newHouse(t, given{})
	if none.send("quakes", telegram(t, quick)) != Ignored || !strings.Contains(none.s.Lately()[0].Why.EN, "no scenario has a rule") {
		t.Errorf("without rules: %+v", none.s.Lately())
	}
}

func TestTheMadeTelegramIsATraining(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	b, err := h.s.made(t.Context(), h.s.sources[0], Test{Area: "<x>&"})
	if err != nil {
		t.Fatal(err)
	}
	tel, err := jma.Parse(b)
	if err != nil || !tel.Training() || tel.Real() || len(tel.Areas) == 0 || tel.Areas[0].Name != "<x>&" {
		t.Errorf("%+v, %v", tel, err)
	}
}
