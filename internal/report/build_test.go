package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// shuffled is a permutation with repetitions of events, as stores and activities that
// deliver twice may hand them out.
func shuffled(t *rapid.T, events []run.Event) []run.Event {
	out := append([]run.Event{}, events...)
	for range rapid.IntRange(0, 5).Draw(t, "repeated") {
		out = append(out, events[rapid.IntRange(0, len(events)-1).Draw(t, "which")])
	}
	for i := len(out) - 1; i > 0; i-- {
		j := rapid.IntRange(0, i).Draw(t, "swap")
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func TestTheSameRecordGivesTheSameBytes(t *testing.T) {
	s := twoSystems(t)
	want := build(t, s)
	pages := map[report.Format]string{}
	for _, f := range report.Formats() {
		pages[f] = render(t, want, f, "")
	}
	rapid.Check(t, func(rt *rapid.T) {
		events := shuffled(rt, s.journal())
		for i := range events { // another zone, other spaces: the same events
			events[i].At = events[i].At.In(time.FixedZone("JST", 9*3600))
			if len(events[i].Data) > 0 {
				var v any
				if err := json.Unmarshal(events[i].Data, &v); err != nil {
					rt.Fatal(err)
				}
				events[i].Data, _ = json.MarshalIndent(v, " ", "  ")
			}
		}
		r, err := report.Build(s.plan, events)
		if err != nil {
			rt.Fatal(err)
		}
		if got := render(t, r, report.JSON, ""); got != pages[report.JSON] {
			rt.Fatalf("another order of the same events gives another report: %s", firstDifference(pages[report.JSON], got))
		}
	})
	var back report.Report
	if err := json.Unmarshal([]byte(pages[report.JSON]), &back); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Formats() {
		if render(t, back, f, "") != pages[f] {
			t.Errorf("%s from a report that was written and read again differs", f)
		}
	}
}

// rank orders verdicts from worst to best; what is not judged is no better than met.
var rank = map[run.Verdict]int{run.Missed: 0, run.NotProven: 1, run.Met: 2, run.NoObjective: 2}

// TestNoVerdictFlatters takes a good run and spoils it: whatever is skipped, failed,
// marked by hand or lost from the record, no verdict may come out better.
func TestNoVerdictFlatters(t *testing.T) {
	worse := func(after, before run.Verdict, lost bool) bool {
		if lost { // what is lost may have shown a miss; it must not become met
			return after != run.Met || before == run.Met
		}
		return rank[after] <= rank[before]
	}
	for _, story := range stories {
		before := build(t, story.tell(t))
		rapid.Check(t, func(rt *rapid.T) {
			s := story.tell(t)
			events := s.journal()
			i := rapid.IntRange(0, len(events)-1).Draw(rt, "event")
			e := &events[i]
			lost := false
			switch {
			case e.Kind == run.StepEnded:
				var res run.StepResult
				if err := e.Decode(&res); err != nil {
					rt.Fatal(err)
				}
				e.Outcome = rapid.SampledFrom([]run.Outcome{run.Failed, run.Unknown, run.Skipped, run.Passed}).Draw(rt, "outcome")
				if e.Outcome == run.Passed || e.Outcome == run.Skipped {
					res.SettledBy = run.ByPerson
				}
				res.Output = nil
				e.Data = run.Encode(res)
			case e.Kind == run.ProbeEnded:
				var o run.Observations
				if err := e.Decode(&o); err != nil {
					rt.Fatal(err)
				}
				if rapid.Bool().Draw(rt, "lost") {
					e.Data, e.Outcome, lost = nil, run.Unknown, true
					break
				}
				// Service stayed away a while longer before it came back.
				for j := range o.Transitions {
					if tr := &o.Transitions[j]; tr.Up && j == 2 && len(o.Gaps) == 0 { // a later success after a gap would be news
						tr.At = tr.At.Add(time.Duration(rapid.IntRange(0, 4000).Draw(rt, "longer")) * time.Millisecond)
					}
				}
				if o.Markers != nil && rapid.Bool().Draw(rt, "loses") {
					o.Markers.Lost++
					o.Markers.Losses = append(o.Markers.Losses, run.Loss{Seq: 99, AckedAt: at(5), SurvivorAt: at(rapid.Float64Range(-9, 5).Draw(rt, "survivor"))})
				}
				e.Data = run.Encode(o)
			case e.Kind == run.RunStarted || e.Kind == run.EventOccurred || e.Kind == run.PhaseStarted || e.Kind == run.RecoveryOrdered || e.Kind == run.StepStarted || e.Kind == run.StepIntended:
				return
			default:
				events, lost = append(events[:i], events[i+1:]...), true
			}
			after, err := report.Build(s.plan, events)
			if err != nil {
				rt.Fatal(err)
			}
			if !worse(after.Run.Verdict, before.Run.Verdict, lost) {
				rt.Fatalf("%s: the run's verdict went from %s to %s", story.name, before.Run.Verdict, after.Run.Verdict)
			}
			for k, sys := range after.Systems {
				if was := before.Systems[k]; !worse(sys.RTO.Verdict, was.RTO.Verdict, lost) || !worse(sys.RPO.Verdict, was.RPO.Verdict, lost) || !worse(sys.Failback.Verdict, was.Failback.Verdict, lost) {
					rt.Fatalf("%s: %s went from RTO %s, RPO %s to %s, %s", story.name, sys.ID, was.RTO.Verdict, was.RPO.Verdict, sys.RTO.Verdict, sys.RPO.Verdict)
				}
			}
		})
	}
}

func TestPartsOfEveryReportAddUp(t *testing.T) {
	for _, s := range stories {
		for _, sys := range build(t, s.tell(t)).Systems {
			if sys.RTO.Parts == nil {
				continue
			}
			p := sys.RTO.Parts
			ms := 0
			for _, v := range []float64{p.DetectS, p.PeopleS, p.DecideS, p.RecoverS, p.VerifyS} {
				if v < 0 {
					t.Errorf("%s: negative part in %+v", s.name, p)
				}
				ms += int(v*1000 + 0.5)
			}
			if want := int(*sys.RTO.ActualS*1000 + 0.5); ms != want {
				t.Errorf("%s: parts %+v add up to %d ms, RTO is %d ms", s.name, p, ms, want)
			}
		}
	}
}

func TestRubbishIsLeftOutOrNamed(t *testing.T) {
	s := met(t)
	want := render(t, build(t, s), report.Text, "en")
	odd := append(s.journal(), run.Event{Run: "drl-20261119-1400", Writer: "zz", Seq: 1, At: at(3), Kind: "moon.phase", Data: []byte(`{"full": tru`)})
	r, err := report.Build(s.plan, odd)
	if err != nil {
		t.Fatalf("an unknown kind of event is an error: %v", err)
	}
	tail := strings.LastIndex(want, "\nPlan ")
	if got := render(t, r, report.Text, "en"); got[:tail] != want[:tail] {
		t.Errorf("an unknown kind of event changed the report: %s", firstDifference(want, got))
	}

	other := met(t)
	other.plan.Scenario.Title.EN = "Another"
	if err := other.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	without := met(t)
	without.plan.Systems = nil
	noRunbook := met(t)
	noRunbook.plan.Runbooks = nil
	broken := met(t).journal()
	broken[4].Data = []byte(`{"oops`)
	for i, e := range broken {
		if e.Kind == run.ProbeEnded {
			broken[i].Data = []byte(`{"oops`)
		}
	}
	mixed := met(t).journal()
	mixed[7].Run = "another"
	for _, c := range []struct {
		name   string
		plan   *story
		events []run.Event
		want   string
	}{
		{"no events", s, nil, "drill list"},
		{"the front is missing", s, met(t).journal()[5:], "events are missing at its front"},
		{"another plan", other, s.journal(), "used plan"},
		{"a plan without the system", without, s.journal(), "one copy of the record store"},
		{"a plan without the runbook", noRunbook, s.journal(), "one copy of the record store"},
		{"data that can't be read", s, broken, "the record is damaged"},
		{"two runs", s, mixed, "more than one run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := report.Build(c.plan.plan, c.events); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

func TestHolesInTheRecordAreFound(t *testing.T) {
	s := met(t)
	var kept []run.Event
	for _, e := range s.journal() {
		if e.Kind != run.QuorumReached {
			kept = append(kept, e)
		}
	}
	r, err := report.Build(s.plan, kept)
	if err != nil {
		t.Fatal(err)
	}
	if r.Run.Verdict != run.NotProven || len(r.Findings) != 1 || r.Findings[0].Kind != run.FindingRecord {
		t.Errorf("verdict %s, findings %+v; want not proven and the hole named", r.Run.Verdict, r.Findings)
	}
}

func TestAClockThatIsSetBackIsFoundAndHarmless(t *testing.T) {
	s := met(t)
	events := s.journal()
	want := *build(t, s).Systems[0].RTO.ActualS
	back := false
	for i := range events {
		back = back || events[i].Kind == run.CompletionReport
		if back && events[i].Writer == "run" {
			events[i].At = events[i].At.Add(-10 * time.Minute)
		}
	}
	r, err := report.Build(s.plan, events)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Systems[0].RTO.ActualS; got == nil || *got != want {
		t.Errorf("RTO = %+v, want %v: a clock step is no RTO", r.Systems[0].RTO, want)
	}
	if fb := r.Systems[0].Failback; fb.ActualS != nil || fb.OutageS != nil {
		t.Errorf("failback = %+v, though the clock that measures it was set back", fb)
	}
	if len(r.Findings) == 0 || r.Findings[len(r.Findings)-1].Kind != run.FindingClock {
		t.Errorf("findings %+v, want the clock step among them", r.Findings)
	}
	if r.Run.State != run.Recovered {
		t.Errorf("state %s: the run's last event is not read as its last", r.Run.State)
	}
}

func TestFindingsWrittenDuringTheRunAreMerged(t *testing.T) {
	s := missed(t)
	s.run(60, run.Event{Kind: run.FindingOpened, System: "orders", Step: "promote"},
		run.Finding{Kind: run.FindingBudget, Owner: "suzuki", Due: "2026-11-25", Detail: "waited for WAL"})
	s.run(61, run.Event{Kind: run.FindingOpened, Reason: "the door was locked"}, run.Finding{Kind: run.FindingPeople, Detail: "the door was locked"})
	r := build(t, s)
	var budget, door int
	for _, f := range r.Findings {
		if f.Kind == run.FindingBudget {
			budget++
			if f.Owner != "suzuki" || f.Due != "2026-11-25" || f.Detail != "waited for WAL" {
				t.Errorf("finding %+v, want owner, date and words of the record", f)
			}
		}
		if f.Detail == "the door was locked" {
			door++
		}
	}
	if budget != 1 || door != 1 {
		t.Errorf("budget findings %d, written ones %d, want 1 and 1: %+v", budget, door, r.Findings)
	}
}

func TestAResponseIsNotCalledADrill(t *testing.T) {
	p := aPlan()
	p.Scenario.Simulate = nil
	s := newStory(t, p)
	s.begin(0, run.Response)
	s.run(1, run.Event{Kind: run.EventOccurred, System: "orders"}, run.Occurrence{At: at(-60), Source: "reported"})
	s.end(2, run.NotResumable)
	page := render(t, build(t, s), report.HTML, "")
	if strings.Contains(page, "【訓練】") || !strings.Contains(page, "REAL") {
		t.Error("the report of a real response is marked as a drill")
	}
}
