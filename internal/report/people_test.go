package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// crowded is a muster in which everything happens, entered by people themselves.
func crowded(t *testing.T) *story {
	p := aPlan()
	p.Scenario.Simulate = nil
	p.Scenario.Quorum = []plan.RoleCount{{Role: "commander", Count: 1}, {Role: "operator", Count: 3}}
	p.Scenario.Absent = &plan.Absence{People: []string{"p9"}}
	p.Estate.People = nil
	for n := range 10 {
		role, section := "operator", "operations"
		if n == 0 {
			role, section = "commander", "systems"
		}
		p.Estate.People = append(p.Estate.People, plan.Person{ID: fmt.Sprintf("p%d", n), Name: plan.Text{EN: fmt.Sprintf("Person %d", n), JA: fmt.Sprintf("職員%d", n)},
			Roles: []string{role}, Section: section})
	}
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.run(1, run.Event{Kind: run.CallHeld, Phase: run.Activation}, run.CallHold{Until: at(31)})
	s.run(5, run.Event{Kind: run.CallReleased, Phase: run.Activation, By: "p0"}, run.CallSettled{Sent: true})
	for n := range 9 {
		s.run(5, run.Event{Kind: run.PersonCalled, Phase: run.Activation, Person: fmt.Sprintf("p%d", n)}, run.Call{Channel: "journal"})
	}
	s.run(5, run.Event{Kind: run.PersonAbsent, Person: "p9"}, run.Absent{})
	s.run(5, run.Event{Kind: run.PersonStandsIn, Person: "p1"}, run.StandIn{For: "p9", Why: run.WhyAbsent})
	answer := func(second float64, id, by string, a run.Answer) {
		s.on(second, run.PeopleWriter+fmt.Sprint(id, second), run.Event{Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: id, By: by}, a)
	}
	answer(15, "p0", "p0", run.Answer{Safety: run.BadlyHurt})
	answer(25, "p1", "p1", run.Answer{Safety: run.Safe, CanCome: true})
	answer(35, "p2", "p1", run.Answer{Safety: run.LightlyHurt, CanCome: true, Private: true})
	answer(45, "p3", "p3", run.Answer{Safety: run.Safe, CanCome: true})
	answer(55, "p4", "p4", run.Answer{Safety: run.Safe})
	answer(65, "p0", "p0", run.Answer{Safety: run.Safe, CanCome: true})
	answer(75, "p5", "p5", run.Answer{Safety: run.Safe, CanCome: true})
	answer(85, "p6", "p6", run.Answer{Safety: run.Safe, CanCome: true})
	for i, id := range []string{"p0", "p1"} {
		s.on(90+float64(i), run.PeopleWriter+"arrive"+id, run.Event{Kind: run.PersonArrived, Phase: run.Muster, Person: id, By: id}, run.Arrival{Place: "online", Online: true})
	}
	s.run(100, run.Event{Kind: run.MusterMoved, By: "p0", Reason: "the bridge is closed"}, run.MusterMove{From: "hall", To: "online", Ordered: true})
	s.run(110, run.Event{Kind: run.StrengthReported, By: "p1"}, run.Strength{Present: map[string]int{"operator": 1, "commander": 1}, Places: map[string]int{"online": 2}})
	s.run(112, run.Event{Kind: run.StrengthConfirmed, By: "p0"}, run.Strength{Present: map[string]int{"operator": 1, "commander": 1}, Places: map[string]int{"online": 2}})
	s.run(120, run.Event{Kind: run.QuorumMissed, Phase: run.Muster, Reason: "short: operator 1/3; Person 0 leads on / 不足：operator 1/3。職員0が指揮"},
		run.Quorum{Need: map[string]int{"operator": 3, "commander": 1}, Present: map[string]int{"operator": 1, "commander": 1}, Decider: "p0"})
	s.run(130, run.Event{Kind: run.RoleHandedOver, Person: "p1", By: "p0", Reason: "end of the shift"}, run.Handover{Role: "commander", From: "p0", To: "p1"})
	s.end(200, run.Recovered)
	return s
}

func TestPeopleAsTheRecordHasThem(t *testing.T) {
	r := build(t, crowded(t))
	p := r.People
	// Nine are called; seven answered, at 10, 20, ... seconds after the call.
	for what, c := range map[string][2]int{
		"called": {p.Called, 9}, "answered": {p.Answered, 7}, "safe": {p.Safe, 6}, "injured": {p.Injured, 1}, "lightly hurt": {p.LightlyHurt, 1},
		"badly hurt": {p.BadlyHurt, 0}, "silent": {p.Silent, 2}, "can come": {p.CanCome, 6}, "mustered": {p.Mustered, 2},
		"departments": {len(p.Sections), 2}, "curve": {len(p.Curve), 7}, "absent": {len(p.Absent), 1}, "handovers": {len(p.Handovers), 1}, "moves": {len(p.Moves), 1}, "counts": {len(p.Strengths), 2},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", what, c[0], c[1])
		}
	}
	for what, c := range map[string]struct {
		got  *float64
		want float64
	}{"the first": {p.FirstAnswerS, 10}, "25 %": {p.Answered25S, 30}, "50 %": {p.Answered50S, 50}, "75 %": {p.Answered75S, 80}} {
		if c.got == nil || *c.got != c.want {
			t.Errorf("%s after %v s, want %v", what, c.got, c.want)
		}
	}
	if p.Answered100S != nil {
		t.Errorf("everybody had answered after %v s, and two never did", *p.Answered100S)
	}
	zero := p.List[0]
	if zero.First == nil || zero.First.Safety != run.BadlyHurt || zero.Last == nil || zero.Last.Safety != run.Safe || zero.Answers != 2 || zero.Safety != run.Safe || !zero.Online {
		t.Errorf("the first and the last answer: %+v", zero)
	}
	if two := p.List[2]; two.EnteredBy != "p1" {
		t.Errorf("entered by %q", two.EnteredBy)
	}
	if p.Decider != "p0" || p.CallOut == nil || !p.CallOut.Sent || p.CallOut.HeldS != 4 || len(p.Absent[0].StandIns) != 1 || !p.Strengths[1].Confirmed {
		t.Errorf("%+v", p)
	}
	// What people wrote themselves is one writer in the evidence, however many they are.
	people := 0
	for _, w := range r.Evidence.Writers {
		if strings.HasPrefix(w.Name, "people") {
			people++
			if w.Events != 10 || w.Missing != 0 {
				t.Errorf("%+v", w)
			}
		}
	}
	if people != 1 {
		t.Errorf("%d writers of people", people)
	}
	for lang, all := range map[string][]string{
		"en": {"Taken out of the drill: p9 (named by the scenario); stood in: p1", "from Person 0 (p0) to Person 1 (p1)", "Reduced path", "confirmed by a second person", "the bridge is closed", "end of the shift", "held for 4 s", "half after 50 s", "Lightly hurt 1"},
		"ja": {"訓練での不在設定：p9（シナリオで指定）・代行 p1", "職員0（p0） から 職員1（p1）", "縮小体制", "別の者による参集状況の確認", "the bridge is closed", "へ引き継ぎ", "4秒 保留", "50% まで 50秒", "軽傷 1名"},
	} {
		for _, f := range []report.Format{report.Text, report.Markdown, report.HTML} {
			flat := func(text string) string { return strings.Join(strings.Fields(text), "") } // however it is wrapped
			text := flat(render(t, r, f, lang))
			if f != report.HTML && strings.Contains(text, "{") { // a sentence within a sentence, in both languages
				t.Errorf("%s in %s: %s", f, lang, text)
			}
			for _, want := range all {
				if !strings.Contains(text, flat(want)) {
					t.Errorf("%s in %s does not say %q", f, lang, want)
				}
			}
		}
	}
}

func TestTheCurveOfAnswersIsDrawn(t *testing.T) {
	if html := render(t, build(t, crowded(t)), report.HTML, "en"); !strings.Contains(html, `<svg id="answers"`) {
		t.Error("no curve of answers in the page")
	}
	if html := render(t, build(t, met(t)), report.HTML, "en"); strings.Contains(html, `<svg id="answers"`) {
		t.Error("a curve of four people")
	}
}

func TestACallOutThatWasCalledOff(t *testing.T) {
	p := aPlan()
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.run(1, run.Event{Kind: run.CallHeld, Phase: run.Activation}, run.CallHold{Until: at(31)})
	s.run(9, run.Event{Kind: run.CallReleased, Phase: run.Activation, By: "sato", Reason: "a test of the sensor"}, run.CallSettled{})
	s.end(20, run.Cancelled)
	for lang, want := range map[string]string{"en": "a test of the sensor", "ja": "取り消しました"} {
		if text := render(t, build(t, s), report.Text, lang); !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("in %s it does not say %q:\n%s", lang, want, text)
		}
	}
}
