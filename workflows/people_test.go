package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

const runID = "default-test-workflow-id"

// say is what people said to the server: it is in the record, and the run gets a signal
// unless it is lost.
func (w *world) say(signal bool, said ...plan.Said) {
	w.mu.Lock()
	for _, s := range said {
		if s.At.IsZero() {
			s.At = w.env.Now()
		}
		w.said = append(w.said, s)
	}
	w.mu.Unlock()
	if signal {
		w.env.SignalWorkflow(plan.SignalPeople, nil)
	}
}

func safe(id string) plan.Said { return plan.Said{Person: id, Safety: run.Safe, CanCome: true} }
func here(id string) plan.Said { return plan.Said{Person: id, Arrived: true, Place: "hall"} }

// called is a drill that ends after the muster.
func called(t *testing.T, change func(*plan.Plan)) workflows.Input {
	return drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Injects = nil, nil
		p.Scenario.Depth = run.Tabletop
		p.Scenario.Phases = []run.Phase{run.Activation, run.SafetyCheck, run.Muster, run.Closing}
		p.Scenario.Safety.Task = d(time.Minute)
		if change != nil {
			change(p)
		}
	})
}

func (w *world) standIns() []string {
	var out []string
	for _, e := range w.find(run.PersonStandsIn) {
		var s run.StandIn
		if err := e.Decode(&s); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e.Person+" for "+s.For+": "+s.Why)
	}
	return out
}

func TestAnswersInTheRecordReachTheRun(t *testing.T) {
	for name, signal := range map[string]bool{"told": true, "the signal was lost": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.atEvent(run.PersonCalled, "", func() {
				w.say(signal, safe("sato"), safe("tanaka"), here("sato"), here("tanaka"))
			})
			w.run(called(t, nil))
			if n := len(w.find(run.QuorumReached)); n != 1 {
				t.Fatalf("the quorum was reached %d times; events: %+v", n, w.find(run.QuorumMissed))
			}
			if got := w.find(run.PersonReminded); len(got) > 0 {
				t.Errorf("reminded in vain: %v", got)
			}
			if got := len(w.find(run.PersonAnswered)) + len(w.find(run.PersonArrived)); got != 0 {
				t.Errorf("the run wrote %d answers a second time", got)
			}
		})
	}
}

func TestRemindersFollowTheirSchedule(t *testing.T) {
	w := newWorld(t)
	w.run(called(t, func(p *plan.Plan) {
		p.Scenario.Safety.Reminders = []run.Duration{d(5 * time.Minute), d(15 * time.Minute), d(30 * time.Minute), d(time.Hour)}
		p.Scenario.Safety.Within = d(50 * time.Minute)
	}))
	begun := w.find(run.PersonCalled)[0].At
	var after []string
	for _, e := range w.find(run.PersonReminded) {
		if e.Person == "tanaka" {
			after = append(after, e.At.Sub(begun).Round(time.Minute).String())
		}
	}
	if !slices.Equal(after, []string{"5m0s", "15m0s", "30m0s"}) {
		t.Errorf("reminded after %v; want 5, 15 and 30 minutes, and not at the end", after)
	}
}

// Where a scenario has no safety check, as in an intrusion, its muster reminds the silent and calls their deputies.
func TestAMusterWithoutASafetyCheckReminds(t *testing.T) {
	for version, want := range map[workflow.Version][]string{1: {"suzuki for sato: " + run.WhySilent}, workflow.DefaultVersion: nil} {
		w := newWorld(t)
		w.env.OnGetVersion("muster-reminds", workflow.DefaultVersion, workflow.Version(1)).Return(version)
		w.atEvent(run.PersonCalled, "", func() { w.say(true, here("tanaka")) })
		w.atEvent(run.PersonStandsIn, "", func() { w.say(true, here("suzuki")) })
		w.run(called(t, func(p *plan.Plan) {
			p.Scenario.Hazard, p.Scenario.Phases = run.SecurityIncident, []run.Phase{run.Activation, run.Muster, run.Closing}
		}))
		var reminded []string
		for _, e := range w.find(run.PersonReminded) {
			reminded = append(reminded, e.Person)
		}
		if got := w.standIns(); !slices.Equal(got, want) || len(w.find(run.QuorumReached)) != len(want) {
			t.Errorf("version %d: stand-ins %v; missed: %+v", version, got, w.find(run.QuorumMissed))
		}
		if version == 1 && !slices.Equal(reminded, []string{"sato"}) || version != 1 && reminded != nil {
			t.Errorf("version %d: reminded %v, want sato once, and nobody who is there or after the muster", version, reminded)
		}
	}
}

func TestDeputiesAreCalledAtOnce(t *testing.T) {
	for why, said := range map[string]plan.Said{
		run.WhyHurt:       {Person: "sato", Safety: run.BadlyHurt},
		run.WhyCannotCome: {Person: "sato", Safety: run.Safe},
	} {
		t.Run(why, func(t *testing.T) {
			w := newWorld(t)
			var answered time.Time
			w.atEvent(run.PersonCalled, "", func() {
				answered = w.env.Now()
				w.say(true, said, safe("tanaka"), here("tanaka"))
			})
			w.atEvent(run.PersonStandsIn, "", func() { w.say(true, here("suzuki")) })
			w.run(called(t, nil))
			if got := w.standIns(); !slices.Equal(got, []string{"suzuki for sato: " + why}) {
				t.Fatalf("stand-ins: %v", got)
			}
			if took := w.find(run.PersonStandsIn)[0].At.Sub(answered); took > time.Second {
				t.Errorf("the deputy was called %s after the answer", took)
			}
			if len(w.find(run.QuorumReached)) != 1 {
				t.Error("the deputy does not count for the commander")
			}
		})
	}
	for version, reached := range map[workflow.Version]int{1: 1, workflow.DefaultVersion: 0} {
		t.Run(fmt.Sprintf("hurt after they had come, in version %d", version), func(t *testing.T) {
			w := newWorld(t)
			w.env.OnGetVersion("unfit-replaced", workflow.DefaultVersion, workflow.Version(1)).Return(version)
			w.atEvent(run.PersonCalled, "", func() {
				w.say(true, safe("sato"), here("sato"), plan.Said{Person: "sato", Safety: run.BadlyHurt})
			})
			w.atEvent(run.PersonStandsIn, "", func() { w.say(true, here("suzuki"), safe("tanaka"), here("tanaka")) })
			w.run(called(t, nil))
			if n := len(w.find(run.QuorumReached)); n != reached {
				t.Errorf("reached %d times; the deputy counts for a commander who came and is hurt from version 1 on: %+v", n, w.find(run.QuorumMissed))
			}
		})
	}
	for version, leads := range map[workflow.Version]bool{1: true, workflow.DefaultVersion: false} {
		t.Run(fmt.Sprintf("they came and have to go, in version %d", version), func(t *testing.T) {
			w := newWorld(t)
			w.env.OnGetVersion("left-replaced", workflow.DefaultVersion, workflow.Version(1)).Return(version)
			w.env.OnGetVersion("spares-deputies", workflow.DefaultVersion, workflow.Version(1)).Return(version)
			var gone, back error
			w.atEvent(run.PersonCalled, "", func() {
				w.say(true, safe("sato"), here("sato"), safe("tanaka"), plan.Said{Person: "sato", Safety: run.Safe})
				w.say(true, plan.Said{Person: "sato", Safety: run.LightlyHurt}) // on the road
			})
			w.atEvent(run.PersonStandsIn, "", func() {
				w.update(runID, workflows.UpdateRelocate, workflows.Relocate{By: "suzuki", Place: "annex", Reason: "closer"}, &gone)
				w.say(true, here("tanaka"))
			})
			w.atEvent(run.QuorumMissed, "", func() {
				w.say(true, here("sato"))
				w.env.RegisterDelayedCallback(func() {
					w.update(runID, workflows.UpdateRelocate, workflows.Relocate{By: "suzuki", Place: "online", Reason: "closer"}, &back)
				}, time.Second)
			})
			w.run(called(t, ranked))
			missed := w.find(run.QuorumMissed)
			if leads != (gone == nil) || leads != (len(missed) == 1) {
				t.Errorf("the deputy of who has left is refused: %v; missed: %+v; from version 1 on they lead, and who has left does not count", gone, missed)
			}
			if leads && !said(back, "does not hold it") {
				t.Errorf("the deputy of who came back: %v", back)
			}
		})
	}
	for version, want := range map[workflow.Version][]string{1: nil, workflow.DefaultVersion: {"suzuki for sato: "}} {
		for why, said := range map[string][]plan.Said{
			run.WhySilent:     {here("sato")},
			run.WhyCannotCome: {here("sato"), {Person: "sato", Safety: run.LightlyHurt}},
		} {
			t.Run(fmt.Sprintf("not of who is there, %s, in version %d", why, version), func(t *testing.T) {
				w := newWorld(t)
				w.env.OnGetVersion("spares-deputies", workflow.DefaultVersion, workflow.Version(1)).Return(version)
				w.atEvent(run.PersonCalled, "", func() { w.say(true, said...) })
				w.run(called(t, nil))
				got := w.standIns()
				if len(got) != len(want) || len(got) > 0 && got[0] != want[0]+why {
					t.Errorf("stand-ins: %v", got)
				}
				if reminded := slices.ContainsFunc(w.find(run.PersonReminded), func(e run.Event) bool { return e.Person == "sato" }); reminded != (why == run.WhySilent) {
					t.Errorf("reminded: %t", reminded)
				}
			})
		}
	}
	t.Run("a light wound keeps nobody away", func(t *testing.T) {
		w := newWorld(t)
		w.atEvent(run.PersonCalled, "", func() {
			w.say(true, plan.Said{Person: "sato", Safety: run.LightlyHurt, CanCome: true}, safe("tanaka"), here("sato"), here("tanaka"))
		})
		w.run(called(t, nil))
		if got := w.standIns(); len(got) > 0 || len(w.find(run.QuorumReached)) != 1 {
			t.Errorf("stand-ins %v; quorum reached %d times", got, len(w.find(run.QuorumReached)))
		}
	})
}

func TestTooFewAreNamedAndSomebodyLeadsOn(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.PersonCalled, "", func() { w.say(true, safe("sato"), here("sato")) })
	w.run(called(t, nil))
	missed := w.find(run.QuorumMissed)
	var q run.Quorum
	if len(missed) != 1 || missed[0].Decode(&q) != nil || q.Decider != "sato" || !strings.Contains(missed[0].Reason, "operator 0/1") || strings.Contains(missed[0].Reason, "commander 1/1") {
		t.Errorf("missed = %+v; want the operators named, and sato who leads on", missed)
	}
}

// What is said to a role is said to who stands in for its holder; so is who leads on to a deputy who does.
func TestWhoStandsInIsTold(t *testing.T) {
	for version, also := range map[workflow.Version][]string{1: {"suzuki"}, workflow.DefaultVersion: nil} {
		w := newWorld(t)
		w.env.OnGetVersion("deputies-told", workflow.DefaultVersion, workflow.Version(1)).Return(version)
		w.atEvent(run.PersonStandsIn, "", func() {
			w.say(true, here("suzuki"))
			w.do(workflows.UpdateOrder, workflows.Order{By: "tanaka", To: "commander", What: "call the bank"})
			w.do(workflows.UpdateSituation, workflows.Control{By: "tanaka"})
		})
		w.run(called(t, func(p *plan.Plan) {
			p.Scenario.Absent = &plan.Absence{People: []string{"sato"}}
			p.Scenario.Reports = &plan.Reports{Every: d(time.Hour), To: []string{"commander"}}
		}))
		var ordered []string
		for _, m := range w.told("call the bank") {
			ordered = append(ordered, m.To...)
		}
		reported := w.told("Situation report 1")
		if !slices.Equal(ordered, also) || len(reported) != 1 || !slices.Equal(reported[0].To, append([]string{"sato"}, also...)) {
			t.Errorf("version %d: ordered %v, reported to %+v", version, ordered, reported)
		}
		if m := w.told("suzuki leads on"); len(m) != 1 || !slices.Contains(m[0].To, "suzuki") {
			t.Errorf("who leads on is not told: %+v", m)
		}
	}
}

// The drill takes people out: they are not called, their deputies stand in, what they do is
// refused, and they may still stop the drill.
func TestAbsentPeopleAreOutOfTheDrill(t *testing.T) {
	w := newWorld(t)
	var answer, count, abort error
	w.atEvent(run.PersonCalled, "", func() {
		w.update(runID, workflows.UpdateCheckIn, workflows.CheckIn{Person: "sato", By: "sato", Safety: run.Safe}, &answer)
		w.update(runID, workflows.UpdateStrength, workflows.Strength{By: "sato"}, &count)
		w.say(true, safe("tanaka"), here("tanaka"), here("suzuki"))
	})
	w.atEvent(run.QuorumReached, "", func() {
		w.update(runID, workflows.UpdateAbort, workflows.Control{By: "sato", Reason: "a real fire"}, &abort)
	})
	w.run(called(t, func(p *plan.Plan) { p.Scenario.Absent = &plan.Absence{People: []string{"sato"}} }))
	for _, e := range w.find(run.PersonCalled) {
		if e.Person == "sato" {
			t.Error("who is absent was called")
		}
	}
	if got := w.standIns(); !slices.Equal(got, []string{"suzuki for sato: absent"}) {
		t.Errorf("stand-ins: %v", got)
	}
	if got := w.find(run.PersonAbsent); len(got) != 1 || got[0].Person != "sato" {
		t.Errorf("absent in the record: %v", got)
	}
	for what, err := range map[string]error{"answer": answer, "count": count} {
		if err == nil || !strings.Contains(err.Error(), "absent in this drill") {
			t.Errorf("%s: %v; want a refusal that says why", what, err)
		}
	}
	if abort != nil || w.state() != run.Cancelled {
		t.Errorf("abort: %v, state %s; a drill is stopped by anybody", abort, w.state())
	}
}

func TestWhoStartsADrillIsNotAbsent(t *testing.T) {
	w := newWorld(t)
	w.run(called(t, func(p *plan.Plan) { p.Scenario.Absent = &plan.Absence{People: []string{"tanaka"}} }))
	if got := w.find(run.RunRefused); w.state() != run.Refused || len(got) != 1 || !strings.Contains(got[0].Reason, "absent") {
		t.Errorf("state %s, %v", w.state(), got)
	}
}

func TestTheCallOutIsHeld(t *testing.T) {
	held := func(p *plan.Plan) { p.Scenario.Safety.Hold = d(30 * time.Second) }
	settled := func(w *world) run.CallSettled {
		var s run.CallSettled
		if e := w.find(run.CallReleased); len(e) != 1 || e[0].Decode(&s) != nil {
			w.t.Fatalf("settled: %+v", e)
		}
		return s
	}
	t.Run("nobody says anything", func(t *testing.T) {
		w := newWorld(t)
		w.run(called(t, held))
		if wait := w.find(run.PersonCalled)[0].At.Sub(w.find(run.CallHeld)[0].At); wait < 30*time.Second || wait > 31*time.Second {
			t.Errorf("called after %s", wait)
		}
		if !settled(w).Sent {
			t.Error("not sent")
		}
	})
	t.Run("a false alarm", func(t *testing.T) {
		w := newWorld(t)
		var without error
		w.atEvent(run.CallHeld, "", func() {
			w.update(runID, workflows.UpdateCallOut, workflows.CallOut{By: "sato"}, &without)
			w.update(runID, workflows.UpdateCallOut, workflows.CallOut{By: "sato", Reason: "a test of the sensor"}, nil)
		})
		w.run(called(t, held))
		if got := w.find(run.PersonCalled); len(got) > 0 || w.state() != run.Cancelled || settled(w).Sent {
			t.Errorf("called %d, state %s", len(got), w.state())
		}
		if without == nil {
			t.Error("called off without a reason")
		}
		if why := w.find(run.RunAbortRequested); len(why) != 1 || !strings.Contains(why[0].Reason, "a test of the sensor") {
			t.Errorf("aborted because %v", why)
		}
	})
	t.Run("sent at once", func(t *testing.T) {
		w := newWorld(t)
		var twice error
		w.atEvent(run.CallHeld, "", func() {
			w.update(runID, workflows.UpdateCallOut, workflows.CallOut{By: "sato", Send: true}, nil)
		})
		w.atEvent(run.PersonCalled, "", func() {
			w.update(runID, workflows.UpdateCallOut, workflows.CallOut{By: "sato", Reason: "no"}, &twice)
		})
		w.run(called(t, held))
		if wait := w.find(run.PersonCalled)[0].At.Sub(w.find(run.CallHeld)[0].At); wait > time.Second {
			t.Errorf("called after %s", wait)
		}
		if twice == nil || len(w.find(run.RunAbortRequested)) > 0 {
			t.Errorf("what was sent was called off: %v", twice)
		}
	})
}

// wrapped has both hear of an event.
func wrapped(first, then func(run.Event)) func(run.Event) {
	return func(e run.Event) {
		if first != nil {
			first(e)
		}
		then(e)
	}
}

// A drill without its commander goes its whole way: the deputy decides and does the
// commander's steps.
func TestADrillWithoutItsCommander(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		p.Scenario.Absent = &plan.Absence{People: []string{"sato"}}
		for i, b := range p.Runbooks {
			if b.Name == "orders-failover" {
				p.Runbooks[i].Steps = append(p.Runbooks[i].Steps, plan.Step{ID: "announce", Uses: "human.task", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(time.Minute), Needs: []string{"promote"},
					Human: &plan.Human{Role: "commander", Text: plan.Text{EN: "Tell them", JA: "連絡する"}}})
			}
		}
	}))
	if got := w.state(); got != run.Recovered {
		t.Fatalf("state = %s", got)
	}
	if made := w.find(run.DecisionMade); len(made) == 0 || made[0].By != run.Simulated("suzuki") {
		t.Errorf("decided: %+v", made)
	}
	if s := w.step("announce"); s.Outcome != run.Passed || s.By != run.Simulated("suzuki") {
		t.Errorf("the commander's step: %+v", s)
	}
	for _, e := range w.events {
		if run.Person(e.By) == "sato" {
			t.Errorf("%s by who is absent", e.Kind)
		}
	}
}

func TestWhatPeopleAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Plan)
		says   []string
		not    []string
	}{
		"a disaster at night": {ranked, []string{"Report that you are safe", "Hall B", "helmet", "安否を報告", "B会議室", "ヘルメット"}, []string{"roll-call"}},
		"by day": {func(p *plan.Plan) { ranked(p); p.Scenario.Daytime = true },
			[]string{"gather at Hall B for the roll-call", "out of the office", "B会議室に集合して点呼"}, []string{"helmet", "ヘルメット"}},
		"a pandemic": {func(p *plan.Plan) { ranked(p); p.Scenario.Hazard, p.Scenario.Place = run.Pandemic, "online" },
			[]string{"Report your health", "online", "健康状態を報告"}, []string{"helmet", "safe"}},
		"an attack": {func(p *plan.Plan) {
			ranked(p)
			p.Scenario.Hazard, p.Scenario.Place = run.SecurityIncident, "online"
			p.Scenario.Phases = []run.Phase{run.Activation, run.Muster, run.Closing}
		}, []string{"Say whether you can come", "online", "参集の可否を回答"}, []string{"helmet", "安否", "safe"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.run(called(t, c.change))
			var m run.Message
			if err := w.find(run.MessageSent)[0].Decode(&m); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(m.Text, "DRILL") || !strings.Contains(m.Text, "【訓練】") {
				t.Errorf("not marked as a drill: %q", m.Text)
			}
			for _, want := range c.says {
				if !strings.Contains(m.Text, want) {
					t.Errorf("%q does not say %q", m.Text, want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(m.Text, not) {
					t.Errorf("%q says %q", m.Text, not)
				}
			}
		})
	}
}
