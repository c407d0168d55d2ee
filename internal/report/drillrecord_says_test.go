package report

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// The record says what is so: a copy that is left, a system that is away and a way home that nobody proved are no
// restored environment. One that was sealed in the first format is made again as it was.
func TestTheRecordSaysWhatIsSo(t *testing.T) {
	at := time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)
	later := at.Add(time.Hour)
	yes, no := true, false
	for name, c := range map[string]struct {
		system System
		want   *bool
	}{
		"nothing moved":             {System{}, &yes},
		"home, and proven":          {System{Moved: true, Failback: Failback{EndedAt: &later, Verdict: run.Met}}, &yes},
		"home, and nobody saw it":   {System{Moved: true, Failback: Failback{EndedAt: &later, Verdict: run.NotProven}}, nil},
		"two writers":               {System{Moved: true, Failback: Failback{EndedAt: &later, Verdict: run.Missed}}, &no},
		"it stays at the alternate": {System{Moved: true, Failback: Failback{Policy: run.PolicyStay, Verdict: run.NoObjective}}, &no},
		"the copy is left":          {System{Restore: &Restore{left: true}}, &no},
		"the copy is gone":          {System{Restore: &Restore{IsolatedGone: true}}, &yes},
	} {
		r := Report{Run: Run{Kind: run.Drill, Depth: run.Live, EndedAt: &later}, Systems: []System{c.system}}
		got := RecordOf(plan.Plan{}, r).After.Restored
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: restored %v, want %v", name, got, c.want)
		}
		if was := recordAs(recordFormat1, plan.Plan{}, r); was.After.Restored == nil || !*was.After.Restored || was.Identity.Form != "full_scale" {
			t.Errorf("%s: the first format is made as %+v, %+v", name, was.After, was.Identity)
		}
	}

	r := Report{Run: Run{Kind: run.Drill, Depth: run.Live, EndedAt: &later}, People: People{Answered: 2, List: []PersonRecord{{ID: "sato", AnsweredAt: &at}, {ID: "tanaka", AnsweredAt: &at, EnteredBy: "sato"}, {ID: "ito", ArrivedAt: &at}, {ID: "kato"}}},
		Systems: []System{{ID: "orders", RTO: RTO{EventAt: &at, EventSource: "reported", DetectedAt: &later, detectedBy: "reported"}}}}
	lost := plan.Plan{Scenario: plan.Scenario{SitesLost: []string{"tokyo"}}}
	got := RecordOf(lost, r)
	if *got.People.Share != 0.5 || got.Identity.Form != "full_scale" {
		t.Errorf("participation %v, form %s", *got.People.Share, got.Identity.Form)
	}
	source := map[string]string{}
	for _, m := range got.Times {
		source[m.What] = m.Source
	}
	if source["event"] != "reported" || source["detected"] != "reported" {
		t.Errorf("times: %+v", got.Times)
	}
	if got := RecordOf(plan.Plan{}, r).Identity.Form; got != "functional" {
		t.Errorf("a server that was restarted: %s", got)
	}
	r.People.Simulated = true
	if got := RecordOf(lost, r).Identity.Form; got != "functional" {
		t.Errorf("with simulated people: %s", got)
	}

	var b bytes.Buffer
	var was DrillRecord
	if err := WriteRecordAs(recordFormat1, &b, lost, r); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &was); err != nil || was.Format != recordFormat1 || *was.People.Share != 0.5 || len(was.Times) != len(got.Times)-1 {
		t.Errorf("the first format: %+v, %v", was, err)
	}
}
