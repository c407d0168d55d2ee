package overview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/book"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

var tokyo = time.FixedZone("JST", 9*3600)

func frame() Frame {
	return Frame{Organisation: "髙﨑商事㈱", At: time.Date(2027, 1, 15, 10, 0, 0, 0, tokyo), Zone: tokyo}
}

func s(v float64) *float64 { return &v }

// drill is a run of one system with an RTO of ten minutes.
func drill(id string, day string, rto *float64, v run.Verdict) outcome.Outcome {
	at, err := time.ParseInLocation(time.DateOnly, day, tokyo)
	if err != nil {
		panic(err)
	}
	return outcome.Outcome{Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "loss", Title: plan.Text{EN: "Tokyo is lost", JA: "東京拠点の被災"}, PlanHash: "aaaaaaaa", StartedAt: at, EndedAt: at.Add(time.Hour), State: run.Recovered, Verdict: v,
		Systems: []outcome.System{{ID: "orders", Title: plan.Text{EN: "Orders", JA: "受注"}, Priority: "S", Verdict: v, RTO: outcome.Figure{ObjectiveS: s(600), ActualS: rto, Verdict: v}, RPO: outcome.Figure{Verdict: run.NoObjective}, Failback: outcome.Figure{Verdict: run.NoObjective}}},
		Steps:   []outcome.Step{{System: "orders", Runbook: "failover", Step: "promote", Purpose: "failover", ElapsedS: rto, BudgetS: s(300), Outcome: run.Passed}},
		Phases:  []outcome.Phase{{ID: run.RecoveryDecision, DurationS: s(60)}}, People: outcome.People{Called: 10, Answered: 9, Participation: s(0.9)}}
}

func TestTrendKeepsBlindApart(t *testing.T) {
	list := []outcome.Outcome{drill("b", "2026-05-10", s(900), run.Missed), drill("a", "2026-05-01", s(300), run.Met), drill("c", "2026-08-01", s(500), run.Met), drill("blind", "2026-05-20", s(9000), run.Missed)}
	list[2].PlanHash, list[3].Blind = "bbbbbbbb", true
	simulated := drill("sim", "2026-05-25", s(100), run.Met)
	simulated.People.Simulated, simulated.People.Participation = true, s(0.1)
	talk := drill("talk", "2026-05-26", s(1), run.Met)
	talk.Depth = run.Tabletop
	x := MakeTrend(frame(), "orders", "", append(list, simulated, talk))
	if len(x.Runs) != 5 || x.Runs[0].Run != "a" {
		t.Fatalf("runs %+v: want the five that did something, oldest first", x.Runs)
	}
	q := x.Quarters[0]
	if q.Quarter != "2026-Q2" || q.Blind || q.Simulated || q.Runs != 2 || *q.Systems[0].RTOP50S != 300 || *q.Systems[0].RTOP95S != 900 || *q.Participation != 0.9 {
		t.Errorf("announced drills of the quarter: %+v", q)
	}
	if b := x.Quarters[1]; !b.Blind || b.Runs != 1 || *b.Systems[0].RTOP50S != 9000 {
		t.Errorf("blind drills of the quarter: %+v", b)
	}
	if b := x.Quarters[2]; !b.Simulated || b.Runs != 1 || *b.Systems[0].RTOP50S != 100 || b.Participation != nil {
		t.Errorf("drills of the quarter in which the engine answered for people: %+v", b)
	}
	for _, st := range x.Steps {
		if st.Step == "promote" && !st.Blind && (st.Times != 4 || *st.P50S != 300) {
			t.Errorf("step %+v", st)
		}
	}
	d := x.Sheet()
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		if got := d.Terminal(l); !strings.Contains(got, "bbbbbbbb") || !strings.Contains(got, l.T("blind", "非提示型")) {
			t.Errorf("the page says neither which plan nor which drill was blind:\n%s", got)
		}
	}
}

func TestCompareNamesWhatChanged(t *testing.T) {
	a, b := drill("a", "2026-05-01", s(900), run.Missed), drill("b", "2026-08-01", s(500), run.Met)
	a.Findings = []outcome.Finding{{Place: "objective/orders/rto", Title: plan.Text{EN: "RTO missed", JA: "RTO未達"}}, {Place: "people/silent", Title: plan.Text{EN: "silent", JA: "応答なし"}}}
	b.Findings = []outcome.Finding{{Place: "people/silent", Title: plan.Text{EN: "silent", JA: "応答なし"}}, {Place: "retry/orders", Title: plan.Text{EN: "retried", JA: "再試行"}}}
	c := Compare(frame(), a, b)
	if len(c.Gone) != 1 || len(c.New) != 1 || len(c.Again) != 1 || c.Gone[0].Place != "objective/orders/rto" {
		t.Errorf("gone %v, new %v, again %v", c.Gone, c.New, c.Again)
	}
	if got := c.Sheet().Terminal(i18n.EN); !strings.Contains(got, "6 min 40 s faster") {
		t.Errorf("how much faster is not said:\n%s", got)
	}
}

// Gone is what the later run has shown to be in order: a step that it never reached, a person whom nobody asked, an
// objective that it met in a milder scenario or by what was simulated, were not put to the test.
func TestCompareTellsWhatIsGoneFromWhatWasNotTested(t *testing.T) {
	found := func(places ...string) (out []outcome.Finding) {
		for _, p := range places {
			out = append(out, outcome.Finding{Place: p, Title: plan.Text{EN: p, JA: p}})
		}
		return out
	}
	for name, c := range map[string]struct {
		place  string
		change func(a, b *outcome.Outcome)
		gone   bool
	}{
		"a step that passed":        {"step/orders/failover/promote", func(_, b *outcome.Outcome) {}, true},
		"a step that was not there": {"step/orders/failover/promote", func(_, b *outcome.Outcome) { b.Steps = nil }, false},
		"an objective that was met": {"objective/orders/rto", func(_, b *outcome.Outcome) {}, true},
		"met by simulated people":   {"objective/orders/rto", func(_, b *outcome.Outcome) { b.Systems[0].SimulatedParts = []string{"people_s"} }, false},
		"simulated before as well": {"objective/orders/rto", func(a, b *outcome.Outcome) {
			a.Systems[0].SimulatedParts, b.Systems[0].SimulatedParts = []string{"people_s"}, []string{"people_s"}
		}, true},
		"met in a milder scenario":  {"objective/orders/rto", func(a, b *outcome.Outcome) { a.Systems[0].SitesLost, b.Scenario = []string{"tokyo"}, "server" }, false},
		"people who were not asked": {"people/answer/operator", func(_, b *outcome.Outcome) {}, false},
	} {
		a, b := drill("a", "2026-05-01", s(900), run.Missed), drill("b", "2026-08-01", s(500), run.Met)
		a.Findings = found(c.place)
		c.change(&a, &b)
		got := Compare(frame(), a, b)
		if (len(got.Gone) == 1) != c.gone || (len(got.Untested) == 1) == c.gone {
			t.Errorf("%s: gone %v, not put to the test %v", name, got.Gone, got.Untested)
		}
		if text := got.Sheet().Terminal(i18n.EN); strings.Contains(text, "not put to the test") == c.gone && !strings.Contains(text, "0 not put to the test") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// What the two have not in common is said, and no difference is reckoned between people's times that
// can't be compared.
func TestCompareSaysWhichWasBlindOrSimulated(t *testing.T) {
	of := func(change func(o *outcome.Outcome)) (outcome.Outcome, outcome.Outcome) {
		a, b := drill("a", "2026-05-01", s(900), run.Missed), drill("b", "2026-08-01", s(500), run.Met)
		a.People.QuorumS, b.People.QuorumS = s(4000), s(100)
		change(&b)
		return a, b
	}
	for _, x := range []struct {
		what   string
		change func(o *outcome.Outcome)
		en, ja string
		faster bool
	}{
		{"announced", func(*outcome.Outcome) {}, "both: live drill", "両方ともシステム切り替え訓練", true},
		{"blind", func(o *outcome.Outcome) { o.Blind = true }, "now live drill, blind", "今回：システム切り替え訓練・非提示型", false},
		{"simulated", func(o *outcome.Outcome) { o.People.Simulated = true }, "now live drill, people simulated", "今回：システム切り替え訓練・人は模擬", false},
	} {
		a, b := of(x.change)
		d := Compare(frame(), a, b).Sheet()
		for l, want := range map[i18n.Lang]string{i18n.EN: x.en, i18n.JA: x.ja} {
			if got := strings.Join(strings.Fields(d.Terminal(l)), " "); !strings.Contains(got, want) {
				t.Errorf("%s: %q is not said:\n%s", x.what, want, got)
			}
		}
		if got := strings.Contains(d.Terminal(i18n.EN), "1 h 05 min faster"); got != x.faster {
			t.Errorf("%s: that people were faster is said: %t\n%s", x.what, got, d.Terminal(i18n.EN))
		}
	}
}

func facts() Facts {
	f := Facts{Frame: frame(), From: time.Date(2026, 4, 1, 0, 0, 0, 0, tokyo), Until: time.Date(2027, 4, 1, 0, 0, 0, 0, tokyo), Programme: "acme"}
	f.Outcomes = []outcome.Outcome{drill("a", "2026-05-01", s(900), run.Missed), drill("b", "2026-08-01", s(500), run.Met), drill("c", "2026-11-01", s(400), run.Met)}
	f.Planned = []programme.Item{
		{Row: "switch", Number: "6", Title: plan.Text{EN: "Switchover", JA: "システム切り替え訓練"}, From: f.From.AddDate(0, 6, 0), Status: programme.HeldThen, HeldOn: f.From.AddDate(0, 7, 0), Run: "c"},
		{Row: "restore", Number: "5", Title: plan.Text{EN: "Restore", JA: "システムリカバリ訓練"}, From: f.From.AddDate(0, 5, 0), Status: programme.Overdue},
	}
	opened := f.From.AddDate(0, 1, 0)
	closed := f.From.AddDate(0, 4, 0)
	f.Findings = []finding.Finding{
		{ID: "F-1", Title: plan.Text{EN: "RTO missed", JA: "RTO未達"}, System: "orders", State: finding.Closed, OpenedAt: opened, ClosedAt: &closed, History: []finding.Change{{What: finding.WasOpened, At: opened}, {What: finding.WasClosed, At: closed}}},
		{ID: "F-2", Title: plan.Text{EN: "silent deputy", JA: "代行者が未応答"}, State: finding.Open, Due: "2026-10-01", Overdue: true, OpenedAt: opened, History: []finding.Change{{What: finding.WasOpened, At: opened}}},
	}
	at := f.Outcomes[2].EndedAt
	f.Proven = []proof.System{{System: "orders", Title: plan.Text{EN: "Orders", JA: "受注"}, Priority: "S", Properties: []proof.Property{{Property: outcome.RTO, State: proof.Fresh, At: &at, Run: "c"}, {Property: outcome.Restore, State: proof.Never}}},
		{System: "portal", Properties: []proof.Property{{Property: outcome.RTO, State: proof.NotSet}}}}
	return f
}

func TestYearSaysWhatWasPlannedProvenAndFound(t *testing.T) {
	y := MakeYear(facts())
	want := Counts{Planned: 2, Held: 1, Overdue: 1, Runs: 3, Met: 2, Missed: 1, Systems: 2, SystemsProven: 1, NeedProof: 1, FindingsOpened: 2, FindingsClosed: 1, FindingsOpen: 1, FindingsLate: 1}
	if y.Counts != want {
		t.Errorf("got  %+v\nwant %+v", y.Counts, want)
	}
	if y.Verdict != run.Missed {
		t.Error("a year with an overdue drill is not in order")
	}
	if y.Findings[0].ID != "F-2" {
		t.Error("what is overdue stands first")
	}
	if y.Systems[0].System != "orders" || len(y.Systems[0].Times) != 1 || *y.Systems[0].Times[0].P50S != 500 || *y.Systems[0].Times[0].LastS != 400 || *y.Systems[0].Times[0].WorstS != 900 {
		t.Errorf("orders: %+v", y.Systems[0])
	}
}

// A real event stays one when its response was aborted, and so does what was seen to be missed in it; that the
// rest was not proven is no verdict.
func TestAYearCountsAResponseThatWasAborted(t *testing.T) {
	f := facts()
	real := func(id string, state run.State, v run.Verdict) outcome.Outcome {
		o := drill(id, "2026-07-01", s(1500), v)
		o.Kind, o.Depth, o.State = run.Response, run.Real, state
		return o
	}
	before := MakeYear(f)
	f.Outcomes = append(f.Outcomes, real("r1", run.Cancelled, run.Missed), real("r2", run.Cancelled, run.NotProven), real("r3", run.Refused, run.NotProven))
	y := MakeYear(f)
	if got := y.Counts; got.Real != before.Counts.Real+2 || got.Runs != before.Counts.Runs+2 || got.Missed != before.Counts.Missed+1 || got.NotProven != before.Counts.NotProven || got.Met != before.Counts.Met {
		t.Errorf("%+v, before %+v", got, before.Counts)
	}
	if got, was := y.Targets[0], before.Targets[0]; got.Missed != was.Missed+1 || got.NotProven != was.NotProven || got.Met != was.Met || *got.WorstS != 1500 {
		t.Errorf("%+v, before %+v", got, was)
	}
	cut := drill("d", "2026-07-02", nil, run.Missed)
	cut.State = run.Cancelled
	f.Outcomes = append(f.Outcomes, cut)
	if got := MakeYear(f); got.Counts != y.Counts {
		t.Errorf("a drill that was aborted counts: %+v, want %+v", got.Counts, y.Counts)
	}
}

// Attainment is against the targets that the runs' own plans had: one that was changed or dropped since
// keeps its figures, and is told from those that are held today.
func TestAYearCountsTargetsOfThen(t *testing.T) {
	f := facts()
	old := drill("d", "2026-06-01", s(1500), run.Met)
	before := 1800.0
	old.Systems[0].RTO.ObjectiveS = &before
	gone := drill("e", "2026-06-02", s(100), run.Met)
	gone.Systems[0].ID = "legacy"
	f.Outcomes = append(f.Outcomes, old, gone)
	today := run.Duration(time.Duration(*f.Outcomes[0].Systems[0].RTO.ObjectiveS) * time.Second)
	f.Estate = &estate.Estate{Systems: []plan.System{{Name: "orders", Objective: plan.Objective{RTO: &today}}}, Declared: make([]estate.System, 1)}
	got := map[string]string{}
	for _, x := range targetsOf(f) {
		if x.Target == "rto" {
			got[fmt.Sprintf("%s %.0f", x.System, *x.ObjectiveS)] = fmt.Sprintf("met %d missed %d best %.0f worst %.0f gone %t", x.Met, x.Missed, *x.BestS, *x.WorstS, *x.Gone)
		}
	}
	want := map[string]string{"orders 600": "met 2 missed 1 best 400 worst 900 gone false", "orders 1800": "met 1 missed 0 best 1500 worst 1500 gone true", "legacy 600": "met 1 missed 0 best 100 worst 100 gone true"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	said := MakeYear(f).Sheet().Section("targets")
	if len(said.Lead) != 2 || !strings.HasPrefix(said.Lead[1].EN, "2 of these targets") {
		t.Errorf("%+v", said.Lead)
	}
	if x := targetsOf(facts()); len(x) == 0 || x[0].Gone != nil {
		t.Errorf("without an estate nobody knows: %+v", x)
	}
}

// Best and worst are of what was measured and proven: neither an upper bound nor a drill in which the engine
// answered for people or a step only simulated what it does flatters the year.
func TestAYearsBestIsProven(t *testing.T) {
	f := facts()
	unproven, bound, simulated := drill("b", "2026-06-02", s(20), run.NotProven), drill("c", "2026-06-03", s(25), run.Met), drill("d", "2026-06-04", s(30), run.Met)
	unproven.Systems[0].RTO.AtMost, bound.Systems[0].RTO.AtMost = true, true
	late := drill("e", "2026-06-05", s(9000), run.NotProven)
	simulated.People.Simulated, simulated.Systems[0].SimulatedParts = true, []string{"decide_s"}
	steps := drill("f", "2026-06-06", s(1), run.Met)
	steps.Systems[0].SimulatedSteps = []outcome.Property{outcome.RTO}
	f.Outcomes = []outcome.Outcome{drill("a", "2026-06-01", s(500), run.Met), unproven, bound, simulated, late, steps}
	for _, x := range targetsOf(f) {
		if x.Target != "rto" {
			continue
		}
		if x.Met != 4 || x.NotProven != 2 || x.Simulated != 2 || x.BestS == nil || *x.BestS != 500 || *x.WorstS != 500 {
			t.Errorf("met %d not proven %d simulated %d best %.0f worst %.0f", x.Met, x.NotProven, x.Simulated, *x.BestS, *x.WorstS)
		}
		return
	}
	t.Error("no target was counted")
}

// The yearly report says of each goal that a held drill had set what became of it, and who judged it.
func TestAYearShowsItsGoals(t *testing.T) {
	f := facts()
	if s := MakeYear(f).Sheet(); s.Section("goals").ID != "" {
		t.Errorf("a year without goals has a section of them: %+v", s.Section("goals"))
	}
	f.Goals = []RowGoals{{Row: "switch", Title: plan.Text{EN: "Switchover", JA: "システム切り替え訓練"}, Run: "c", Goals: []report.Pass{
		{ID: "in-time", Text: plan.Text{EN: "in time", JA: "時間内に復旧"}, Expect: `run.verdict == "met"`, Verdict: run.Met, Simulated: []string{}},
		{ID: "calm", Text: plan.Text{EN: "calm", JA: "落ち着いた対応"}, Verdict: run.Missed, Simulated: []string{}, Judged: &report.Entry{By: "sato", At: f.From, Text: "二人が怒鳴った", Verdict: run.Missed}}}}}
	f.GoalsHidden = 2
	for l, want := range map[i18n.Lang][]string{
		i18n.EN: {"1 of 2 goals of the drills that were held were met", "judged by sato, 2026-04-01", "Goals of 2 drills are left out"},
		i18n.JA: {"目標2件のうち1件を達成", "判定：sato・2026-04-01", "訓練2件の目標は"},
	} {
		got := MakeYear(f).Sheet().Markdown(l)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", l, w, got)
			}
		}
	}
}

// A year in which nothing was planned, run or found says so under each heading, in words and not by tables without rows.
func TestAnEmptyYearHasNoEmptySections(t *testing.T) {
	f := facts()
	f.Outcomes, f.Findings, f.Planned, f.Proven = nil, nil, nil, nil
	for _, s := range MakeYear(f).Sheet().Sections {
		if len(s.Lead) == 0 && len(s.Tables) == 0 {
			t.Errorf("%s is a heading with nothing under it", s.ID)
		}
		for _, x := range s.Tables {
			if len(x.Rows) == 0 {
				t.Errorf("%s has a table without rows: %v", s.ID, x.Head)
			}
		}
	}
	got := MakeYear(f).Sheet().Terminal(i18n.JA)
	if !strings.Contains(got, "本年度の該当はありません") || strings.Contains(got, "p50は半数") {
		t.Errorf("a year without runs explains figures that are not there:\n%s", got)
	}
}

// What was only proven in simulation is counted apart, and what was missed since needs proof.
func TestAYearCountsNoSimulatedProof(t *testing.T) {
	f := facts()
	f.Proven[0].Properties[0].Simulated = []outcome.Simulated{outcome.SimulatedPeople}
	y := MakeYear(f)
	if c := y.Counts; c.SystemsProven != 0 || c.SystemsSimulated != 1 || c.NeedProof != 1 {
		t.Errorf("simulated: %+v", c)
	}
	if text := y.Sheet().Markdown(i18n.EN); !strings.Contains(text, "Of 1 more systems") || !strings.Contains(text, "people simulated") {
		t.Errorf("the year does not say that people were simulated:\n%s", text)
	}
	missed := f.Outcomes[0].EndedAt
	f.Proven[0].Properties[0].State, f.Proven[0].Properties[0].MissedAt = proof.Missed, &missed
	if c := MakeYear(f).Counts; c.SystemsProven != 0 || c.SystemsSimulated != 0 || c.NeedProof != 2 {
		t.Errorf("missed since: %+v", c)
	}
}

func TestReviewAnswersWhatTheRecordKnows(t *testing.T) {
	r := MakeReview(facts(), []Entry{{Item: "REV-05", By: "sato", Day: "2027-01-10", Text: "総務部と確認"}})
	if len(r.Questions) != 14 {
		t.Fatalf("%d questions, want 14", len(r.Questions))
	}
	for id, want := range map[string]run.Verdict{"REV-09": run.Missed, "REV-13": run.Missed, "REV-05": run.NotProven, "REV-08": run.Missed} {
		for _, q := range r.Questions {
			if q.ID == id && q.Answered != want {
				t.Errorf("%s %s: answered %s, want %s", q.ID, q.Question.EN, q.Answered, want)
			}
		}
	}
	text := r.Sheet().Terminal(i18n.JA)
	if !strings.Contains(text, "総務部と確認") || !strings.Contains(text, "portal") {
		t.Errorf("what was written, or which system has no RTO, is missing:\n%s", text)
	}
}

// What the record can't know is never answered with yes: that no system lacks an RTO says nothing of new ones,
// and that a review was held nothing of what came of it. What it knows to be missing is a no.
func TestReviewIsNotKinderThanTheRecord(t *testing.T) {
	answers := func(f Facts) map[string]Question {
		out := map[string]Question{}
		for _, q := range MakeReview(f, nil).Questions {
			out[q.ID] = q
		}
		return out
	}
	f := facts()
	f.Proven = f.Proven[:1] // the one with an RTO
	f.Planned = []programme.Item{{Row: "review", Kind: programme.KindReview, Status: programme.HeldThen, From: f.From, HeldOn: f.From.AddDate(0, 0, 9)},
		{Row: "autumn", Kind: "other", Status: programme.Planned, From: f.From.AddDate(0, 11, 0)}}
	got := answers(f)
	for id, fact := range map[string]string{"REV-09": "planned 2, held 1", "REV-10": "2026-04-10 ✓", "REV-13": "systems without an RTO: none"} {
		if got[id].Answered != run.NotProven || !strings.Contains(fmt.Sprint(got[id].Facts), fact) {
			t.Errorf("%s is answered %s by %v, want that people say, beside %q", id, got[id].Answered, got[id].Facts, fact)
		}
	}
	f.Planned[0].Status, f.Planned[0].HeldOn = programme.Overdue, time.Time{}
	f.Goals = []RowGoals{{Row: "autumn", Goals: []report.Pass{{ID: "calm", Verdict: run.Missed}}}}
	f.Estate = &estate.Estate{Declared: []estate.System{{}}}
	got = answers(f)
	for id, fact := range map[string]string{"REV-10": "goals missed: 1", "REV-14": "components with a target level: 0 of 0"} {
		if got[id].Answered != run.Missed || !strings.Contains(fmt.Sprint(got[id].Facts), fact) {
			t.Errorf("%s is answered %s by %v, want no, beside %q", id, got[id].Answered, got[id].Facts, fact)
		}
	}
}

// A year in which nothing ran, or of which the lists are empty, answers nothing by itself.
func TestReviewAnswersNothingOutOfNothing(t *testing.T) {
	f := facts()
	f.Outcomes, f.Findings, f.Planned, f.Proven = nil, nil, nil, nil
	open := facts()
	open.Outcomes = nil // findings of years before, and no run in this one
	quiet := facts()
	quiet.Findings = nil // runs, and nothing found
	for name, x := range map[string]struct {
		facts Facts
		ids   []string
	}{"nothing at all": {f, nil}, "no run": {open, []string{"REV-04", "REV-08"}}, "no finding": {quiet, []string{"REV-04", "REV-08"}}} {
		for _, q := range MakeReview(x.facts, nil).Questions {
			if (x.ids == nil || slices.Contains(x.ids, q.ID)) && q.Answered != run.NotProven {
				t.Errorf("%s: %s %s: answered %s, which is for people to say", name, q.ID, q.Question.EN, q.Answered)
			}
		}
	}
}

// TestEveryPageInEveryFormat: no letter is lost, in both languages.
func TestEveryPageInEveryFormat(t *testing.T) {
	fonts, err := book.FindFonts("", i18n.EN)
	if err != nil {
		t.Fatal(err)
	}
	f := facts()
	pages := map[string]sheet.Sheet{"trend": MakeTrend(f.Frame, "orders", "", f.Outcomes).Sheet(), "compare": Compare(f.Frame, f.Outcomes[0], f.Outcomes[1]).Sheet(), "year": MakeYear(f).Sheet(), "review": MakeReview(f, nil).Sheet()}
	for name, d := range pages {
		for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			var b bytes.Buffer
			if missing, err := d.PDF(&b, l, fonts); err != nil || len(missing) > 0 {
				t.Errorf("%s in %s: %v, letters missing %q", name, l, err, missing)
			}
			if dir := os.Getenv("PAGES"); dir != "" {
				_ = os.WriteFile(dir+"/"+name+"."+string(l)+".pdf", b.Bytes(), 0o600)
			}
			b.Reset()
			if err := d.HTML(&b, []i18n.Lang{l}); err != nil || !strings.Contains(b.String(), "髙﨑商事㈱") {
				t.Errorf("%s as HTML: %v", name, err)
			}
			b.Reset()
			if err := d.CSV(&b, l); err != nil {
				t.Errorf("%s as CSV: %v", name, err)
			}
			if !strings.Contains(d.Markdown(l), "髙﨑商事㈱") {
				t.Errorf("%s as Markdown lost a name", name)
			}
		}
	}
}

func TestDrillsHeldLateAreCountedAndShown(t *testing.T) {
	f := facts()
	f.Planned[0].Late = true
	y := MakeYear(f)
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(y.Sheet()); err != nil {
		t.Fatal(err)
	}
	if y.Counts.Held != 1 || y.Counts.HeldLate != 1 || !strings.Contains(b.String(), "held late") || !strings.Contains(b.String(), "遅れて実施") {
		t.Errorf("%+v\n%s", y.Counts, b.String())
	}
}

// An auditor who reads the yearly report learns what is sealed, what a time stamp says and what it does not,
// and how to make sure of both.
func TestTheYearSaysWhatItsEvidenceIs(t *testing.T) {
	f := facts()
	at := f.At
	f.Evidence = &Kept{Log: "muster-evidence-1", Fingerprint: "SHA256:x", Entries: 9, Runs: 3, Sealed: 2, CheckedAt: &at, Authority: "CN=Stamps,C=JP", StampedAt: &at, Stamped: 7, SealedStamped: 1, RowsCheckedAt: &at, Removed: 1}
	for l, words := range map[i18n.Lang][]string{
		i18n.EN: {"2 of the 3 runs", "first 7 entries of the log, and with them the seals of 1 of these runs", "CN=Stamps,C=JP", "does not say that what was recorded is true", "nothing was altered", "it is what the record gives", "Of 1 of these runs the record was removed", "No seal covers the yearly plan", "--later LOG.zip"},
		i18n.JA: {"3件のうち2件", "先頭7件、すなわち上記のうち1件", "真実であることまでは示さない", "改変のないことを確認", "求めた内容と照合し、一致を確認", "うち1件は保存期間の満了", "封印の対象外", "--later LOG.zip"},
	} {
		got := MakeYear(f).Sheet().Markdown(l)
		for _, w := range words {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", l, w, got)
			}
		}
		if strings.Contains(got, "%!") {
			t.Errorf("%s: %s", l, got)
		}
	}
	f.Evidence.StampedAt, f.Evidence.Altered = nil, []string{"tokyo-loss-2"}
	if got := MakeYear(f).Sheet().Markdown(i18n.EN); !strings.Contains(got, "no time stamp of an outside authority") || !strings.Contains(got, "ALTERED OR DAMAGED since it was sealed: tokyo-loss-2") {
		t.Error(got)
	}
	f.Evidence.Rows = []plan.Text{{EN: "outcome of run r1: verdict was \"met\"", JA: "実施 r1 の結果：verdict が \"met\""}}
	if got := MakeYear(f).Sheet().Markdown(i18n.EN); !strings.Contains(got, "made anew from it:") || !strings.Contains(got, "outcome of run r1: verdict was") || strings.Contains(got, "it is what the record gives") {
		t.Error(got)
	}
	if got := MakeYear(f).Sheet().Markdown(i18n.JA); !strings.Contains(got, "記録から再作成済み）：") || !strings.Contains(got, "実施 r1 の結果：verdict") {
		t.Error(got)
	}
	f.Evidence.RowsCheckedAt = nil
	if got := MakeYear(f).Sheet().Markdown(i18n.EN); !strings.Contains(got, "was not held against it yet") {
		t.Error(got)
	}
	f.Evidence = nil
	if s := MakeYear(f).Sheet(); s.Section("evidence").ID != "" {
		t.Error("a section without anything to say")
	}
}

// What one person did alone is counted, and what nobody has reviewed yet.
func TestTheYearCountsBreakGlass(t *testing.T) {
	f := facts()
	at := f.From.AddDate(0, 1, 0)
	use := func(place string, more ...finding.Change) finding.Finding {
		x := finding.Finding{ID: finding.IDOf(place), Place: place, Kind: run.FindingHand, OpenedAt: at, State: finding.Open, History: append([]finding.Change{{What: finding.WasOpened, At: at}}, more...)}
		if len(more) > 0 {
			x.State, x.ClosedAt = finding.Closed, &more[0].At
		}
		return x
	}
	f.Findings = []finding.Finding{use("glass/r1/approval"), use("glass/r1/step/orders/promote", finding.Change{What: finding.WasReviewed, At: at.AddDate(0, 0, 1), By: "tanaka"}), use("step/orders/failover/promote")}
	y := MakeYear(f)
	if c := y.Counts; c.BreakGlass != 2 || c.BreakGlassOpen != 1 || c.FindingsClosed != 1 {
		t.Errorf("counts: %+v", c)
	}
	if !slices.ContainsFunc(y.Sheet().Remarks, func(r plan.Text) bool {
		return strings.Contains(r.EN, "Break-glass was used 2 times; to be reviewed: 1.")
	}) {
		t.Errorf("remarks: %v", y.Sheet().Remarks)
	}
}
