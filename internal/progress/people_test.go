package progress

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// An overview that somebody holds stays as it was while the tracker goes on: servers hand it
// out and read on.
func TestAnOverviewIsOfItsMoment(t *testing.T) {
	events := story(
		started(),
		run.Event{At: at(1), Kind: run.CallHeld, Data: run.Encode(run.CallHold{Until: at(31)})},
		run.Event{At: at(2), Kind: run.CallReleased, By: "sato", Data: run.Encode(run.CallSettled{Sent: true})},
		run.Event{At: at(2), Kind: run.PersonCalled, Person: "sato", Data: run.Encode(run.Call{Place: "hall"})},
		run.Event{At: at(2), Kind: run.PersonCalled, Person: "tanaka", Data: run.Encode(run.Call{Place: "hall"})},
		run.Event{At: at(12), Writer: run.PeopleWriter + "1", Kind: run.PersonAnswered, Person: "tanaka", By: "tanaka", Data: run.Encode(run.Answer{Safety: run.BadlyHurt})},
		run.Event{At: at(20), Writer: run.PeopleWriter + "2", Kind: run.PersonAnswered, Person: "tanaka", By: "sato", Data: run.Encode(run.Answer{Safety: run.LightlyHurt, CanCome: true})},
		run.Event{At: at(22), Writer: run.PeopleWriter + "3", Kind: run.PersonAnswered, Person: "sato", By: "sato", Data: run.Encode(run.Answer{Safety: run.Safe, CanCome: true})},
		run.Event{At: at(30), Writer: run.PeopleWriter + "4", Kind: run.PersonArrived, Person: "sato", By: "sato", Data: run.Encode(run.Arrival{Place: "hall"})},
		run.Event{At: at(40), Kind: run.MusterMoved, By: "sato", Data: run.Encode(run.MusterMove{From: "hall", To: "annex", Ordered: true})},
		run.Event{At: at(50), Kind: run.StrengthReported, By: "sato", Data: run.Encode(run.Strength{Present: map[string]int{"commander": 1}})},
		run.Event{At: at(51), Kind: run.StrengthConfirmed, By: "tanaka", Data: run.Encode(run.Strength{Present: map[string]int{"commander": 1}})},
		run.Event{At: at(60), Kind: run.RoleHandedOver, Person: "tanaka", By: "sato", Data: run.Encode(run.Handover{Role: "commander", From: "sato", To: "tanaka"})},
	)
	tr := New(testPlan())
	var held []Overview
	var rolls [][]Person
	var then []string
	text := func(o Overview, roll []Person) string {
		b, err := json.Marshal([]any{o, roll})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, e := range events {
		tr.Apply(e)
		o, roll := tr.Overview(e.Event.At), tr.Roll()
		held, rolls, then = append(held, o), append(rolls, roll), append(then, text(o, roll))
	}
	for i := range held {
		if now := text(held[i], rolls[i]); now != then[i] {
			t.Errorf("after event %d the overview was\n%s\nand has become\n%s", i+1, then[i], now)
		}
	}
	if w := held[1].Waiting; len(w) == 0 || w[0].For != AwaitCallOut || w[0].Due == nil || !w[0].Due.Equal(at(31)) {
		t.Errorf("while the call-out is held it waits for %+v", w)
	}
	p, roll := held[len(held)-1].People, rolls[len(rolls)-1]
	if p.Called != 2 || p.Answered != 2 || p.Safe != 1 || p.LightlyHurt != 1 || p.BadlyHurt != 0 || p.CanCome != 2 || p.Mustered != 1 || p.Place != "annex" || p.HeldUntil != nil {
		t.Errorf("%+v", p)
	}
	if p.FirstS == nil || *p.FirstS != 10 || p.HalfS == nil || *p.HalfS != 10 || p.AllS == nil || *p.AllS != 20 {
		t.Errorf("shares of answers: %+v", p.Shares)
	}
	if p.Strength == nil || p.Strength.By != "sato" || p.Strength.ConfirmedBy != "tanaka" {
		t.Errorf("strength: %+v", p.Strength)
	}
	i := slices.IndexFunc(roll, func(x Person) bool { return x.ID == "tanaka" })
	if x := roll[i]; x.First.Safety != run.BadlyHurt || x.Last.Safety != run.LightlyHurt || x.Last.By != "sato" || x.Answers != 2 || x.State != HasReplied || !slices.Contains(x.Roles, "commander") {
		t.Errorf("tanaka: %+v", x)
	}
	if got := tr.MusterPlace("tanaka"); got != "annex" {
		t.Errorf("tanaka musters at %s after the move", got)
	}
}
