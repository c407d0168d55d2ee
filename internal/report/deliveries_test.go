package report

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// The report says by which channel each person was reached, and names those who were not;
// what was not needed any more is no finding, and the receipts' many writers are told as one.
func TestWhoWasReached(t *testing.T) {
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "x", Depth: run.Tabletop, Phases: run.Phases(run.Disaster)},
		Estate: plan.Estate{Zone: "UTC", People: []plan.Person{{ID: "sato", Roles: []string{"staff"}}, {ID: "tanaka", Roles: []string{"staff"}}, {ID: "ito", Roles: []string{"staff"}},
			{ID: "abe", Roles: []string{"staff"}}, {ID: "mori", Roles: []string{"staff"}}}}}
	p.Seal()
	at := time.Date(2026, 11, 12, 5, 0, 0, 0, time.UTC)
	var events []run.Event
	add := func(writer string, seq int64, e run.Event) {
		at = at.Add(time.Second)
		e.Run, e.Writer, e.Seq, e.At = "x-1", writer, seq, at
		events = append(events, e)
	}
	add("run", 1, run.Event{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "x", Hazard: run.Disaster, PlanHash: p.Hash})})
	for i, who := range []string{"sato", "tanaka", "ito", "abe", "mori"} {
		add("run", int64(i+2), run.Event{Kind: run.PersonCalled, Person: who, By: run.Engine, Data: run.Encode(run.Call{Channel: "journal"})})
	}
	receipt := func(part string, seq int64, kind run.EventKind, who, channel string, o run.Outcome, why string) {
		add("channel/"+part, seq, run.Event{Kind: kind, Person: who, By: run.Engine, Outcome: o, Reason: why, Data: run.Encode(run.Delivery{Channel: channel, Of: "run/2", Matter: "call", Attempts: 1})})
	}
	const why = "the mail server refuses this receiver (550) / メールサーバーがこの宛先を拒否した（550）"
	receipt("1-0000", 1, run.MessageDelivered, "sato", "mail", "", "")
	receipt("1-0000", 2, run.MessageDelivered, "sato", "slack", "", "")
	receipt("1-0000", 3, run.MessageFailed, "tanaka", "mail", run.Failed, why)
	receipt("2-0000", 1, run.MessageDelivered, "tanaka", "slack", "", "")
	receipt("2-0000", 2, run.MessageFailed, "ito", "mail", run.Failed, why)
	receipt("2-0000", 4, run.MessageFailed, "sato", "mail", run.Skipped, "answered / 回答済み") // 3 is missing
	const nowhere = "no address for any channel that is set up / 設定済みの通知手段の宛先が構成台帳にない"
	receipt("unreached/call/abe", 1, run.MessageFailed, "abe", "", run.Failed, nowhere)
	receipt("unreached/call/mori", 1, run.MessageFailed, "mori", "", run.Failed, nowhere)
	receipt("3-0000", 1, run.MessageDelivered, "mori", "mail", "", "") // somebody has entered an address
	r, err := Build(p, events)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2][]string{"sato": {{"mail", "slack"}, nil}, "tanaka": {{"slack"}, {"mail"}}, "ito": {nil, {"mail"}}, "mori": {{"mail"}, nil}}
	for _, x := range r.People.List {
		if !slices.Equal(x.Reached, want[x.ID][0]) || !slices.Equal(x.Unreached, want[x.ID][1]) {
			t.Errorf("%s: reached %v, not %v", x.ID, x.Reached, x.Unreached)
		}
	}
	found := map[string]Finding{}
	for _, f := range r.Findings {
		found[f.Title] = f
	}
	if f := found["2 could not be reached by any channel"]; f.Kind != run.FindingPeople || f.Detail != "abe, ito; no address for any channel that is set up: abe" ||
		f.DetailJA != "abe、ito；設定済みの通知手段の宛先が構成台帳にない：abe" {
		t.Errorf("nobody says that abe and ito were not reached: %+v", r.Findings)
	}
	if f := found["mail did not deliver to 2"]; f.Detail != "ito, tanaka (the mail server refuses this receiver (550))" || f.DetailJA != "ito、tanaka（メールサーバーがこの宛先を拒否した（550））" {
		t.Errorf("%+v", f)
	}
	for _, w := range r.Evidence.Writers {
		if w.Name == "channel" && (w.Events != 9 || w.Missing != 1) || w.Name != "run" && w.Name != "channel" {
			t.Errorf("writer %+v", w)
		}
	}
}
