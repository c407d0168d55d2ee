package report_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// A reader who may not see how the others are gets the totals and their own line, in every
// format; the figures are the same, and the report says that something is left out.
func TestIndividualsAreLeftOut(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening("yamazaki")
	s.on(20, run.PeopleWriter+"x", run.Event{Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: "takahashi", By: "takahashi"}, run.Answer{Safety: run.BadlyHurt})
	s.run(21, run.Event{Kind: run.PersonStandsIn, Person: "suzuki"}, run.StandIn{For: "takahashi", Why: run.WhyHurt})
	s.run(22, run.Event{Kind: run.PersonAbsent, Person: "yamazaki"}, run.Absent{})
	s.run(23, run.Event{Kind: run.MessageSent}, run.Message{To: []string{"suzuki", "takahashi"}, Text: run.Mark + " Go. / 移動。", Ack: true})
	s.run(24, run.Event{Kind: run.MessageFailed, Person: "takahashi", Outcome: run.Failed, Reason: "no such mailbox"}, run.Delivery{Channel: "mail", Of: "run/1"})
	full, _ := built(t, s, "en")
	before, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	r := report.WithoutIndividuals(full, "suzuki")
	if after, _ := json.Marshal(full); !bytes.Equal(before, after) {
		t.Error("the report that it was given has changed")
	}
	if len(r.People.List) != 1 || r.People.List[0].ID != "suzuki" || !r.People.Withheld {
		t.Errorf("people = %+v", r.People.List)
	}
	if len(r.People.StandIns) != 1 { // it is about the reader
		t.Errorf("stand-ins = %+v", r.People.StandIns)
	}
	a, b := full.People, r.People
	for _, p := range []*report.People{&a, &b} {
		p.List, p.Absent, p.StandIns, p.Withheld = nil, nil, nil, false
	}
	if !reflect.DeepEqual(a, b) || len(full.Findings) != len(r.Findings) || full.Run.Verdict != r.Run.Verdict {
		t.Errorf("the totals differ: %+v, %+v", a, b)
	}
	nobody := report.WithoutIndividuals(full, "")
	for _, format := range report.Formats() {
		var out, all bytes.Buffer
		if err := report.Render(&out, nobody, format, ""); err != nil {
			t.Fatal(err)
		}
		if err := report.Render(&all, full, format, ""); err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"takahashi", "yamazaki", "髙橋", "Yamazaki Mei"} {
			if strings.Contains(out.String(), who) {
				t.Errorf("%s: %s is named", format, who)
			}
		}
		if !strings.Contains(all.String(), "takahashi") {
			t.Errorf("%s: the full report does not name them either", format)
		}
	}
	_, text := built(t, s, "en")
	var out bytes.Buffer
	if err := report.Render(&out, nobody, report.Markdown, "en"); err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "What individuals said is left out", string(plan.MayPeople))
	if strings.Contains(text, "is left out") {
		t.Error("the full report says that something is left out")
	}
}
