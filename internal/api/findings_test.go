package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/tracker"
)

// lessons is a server on a store with what ended runs came to, and a clock of its own.
type lessons struct {
	t      *testing.T
	store  journal.Store
	server *api.Server
	client *api.Client
	now    time.Time
}

func newLessons(t *testing.T, grants ...plan.Grant) *lessons {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	l := &lessons{t: t, store: store, now: time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)}
	l.server = &api.Server{Store: store, Plans: files{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return l.now },
		PublicURL: "https://muster.example.org", Tracker: tracker.Template("https://github.com/acme/dr/issues/new?title={title}&body={body}"),
		Estate: func(context.Context) (plan.Estate, error) {
			p, err := files{}.Compile("tokyo-loss", run.Tabletop)
			p.Estate.Grants = grants
			return p.Estate, err
		}}
	l.client = api.InProcess(l.server.Handler(), "en")
	return l
}

func (l *lessons) as(person string) context.Context {
	return identity.With(l.t.Context(), identity.Actor{Person: person, Via: "token 7f3a"})
}

// ended keeps what a run came to: a step that took too long, or did not, and what people remarked.
func (l *lessons) ended(id string, at time.Time, slow bool) {
	l.t.Helper()
	budget, over := 30.0, 12.0
	o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", State: run.Recovered, Verdict: run.Met, StartedAt: at.Add(-time.Hour), EndedAt: at,
		Systems: []outcome.System{{ID: "orders"}}, Steps: []outcome.Step{{System: "orders", Runbook: "failover", Step: "promote", Outcome: run.Passed, Attempts: 1, SettledBy: run.ByResult, BudgetS: &budget}}}
	if slow {
		o.Steps[0].OverS = &over
		o.Findings = []outcome.Finding{
			{Place: "budget/orders/failover/promote", Kind: run.FindingBudget, System: "orders", Step: "promote", Title: plan.Text{EN: "promote took too long", JA: "promote が遅い"}, Owner: "sato", Due: "2027-01-10"},
			{Place: "remark/" + id + "/1", Kind: run.FindingRemark, Title: plan.Text{EN: "remark of tanaka", JA: "tanaka の所見"}, Detail: plan.Text{EN: "the list was old", JA: "一覧が古い"}, Owner: "sato", Due: "2027-02-10"}}
	}
	if err := outcome.Put(l.t.Context(), l.store, o); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lessons) find(place string) api.Finding {
	l.t.Helper()
	list, err := l.client.Findings(l.as("sato"), api.FindingsFilter{State: "all"})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range list {
		if f.Place == place {
			return f
		}
	}
	l.t.Fatalf("no finding at %s", place)
	return api.Finding{}
}

func (l *lessons) count(f api.FindingsFilter) int {
	l.t.Helper()
	list, err := l.client.Findings(l.as("sato"), f)
	if err != nil {
		l.t.Fatal(err)
	}
	return len(list)
}

// What people do about findings is kept with who and when, whatever they find is shown as it
// stands, and nobody's word closes what a run has to pass.
func TestPeopleLookAfterFindings(t *testing.T) {
	l := newLessons(t)
	l.ended("r1", l.now.AddDate(0, 0, -30), true)
	f := l.find("budget/orders/failover/promote")
	if f.State != finding.Open || !f.Overdue || f.Owner != "sato" || f.Needs != run.Live || !f.Judged ||
		f.CreateIssue != "https://github.com/acme/dr/issues/new?title="+f.ID+"+promote+took+too+long&body=promote+took+too+long%0A%0A"+f.ID+"+%C2%B7+budget%2Forders%2Ffailover%2Fpromote%0Ahttps%3A%2F%2Fmuster.example.org%2Fruns%2Fr1%2Freport" {
		t.Errorf("opened: %+v", f)
	}
	short := f.ID[2:6]
	f, err := l.client.OnFinding(l.as("sato"), short, "assign", api.FindingRequest{Owner: "tanaka", Due: "2027-03-31", Reason: "she knows the standby"})
	if err != nil || f.Owner != "tanaka" || f.Due != "2027-03-31" || f.Overdue {
		t.Fatalf("assigned: %+v, %v", f, err)
	}
	if f, err = l.client.OnFinding(l.as("tanaka"), f.ID, "link", api.FindingRequest{Link: "https://github.com/acme/dr/issues/12"}); err != nil || f.Link != "https://github.com/acme/dr/issues/12" || f.CreateIssue != "" {
		t.Fatalf("linked: %+v, %v", f, err)
	}
	if f, err = l.client.OnFinding(l.as("suzuki"), f.ID, "waive", api.FindingRequest{Until: "2027-02-28", Reason: "new disks come in February"}); err != nil || f.State != finding.Waived || f.Waiver.By != "suzuki" {
		t.Fatalf("waived: %+v, %v", f, err)
	}
	if n := l.count(api.FindingsFilter{}); n != 1 { // the remark
		t.Errorf("%d are open", n)
	}
	last := f.History[len(f.History)-1]
	if len(f.History) != 4 || last.What != finding.WasWaived || last.By != "suzuki" || last.Via != "token 7f3a" || last.Reason != "new disks come in February" || !last.At.Equal(l.now) {
		t.Errorf("history: %+v", f.History)
	}
	l.now = l.now.AddDate(0, 2, 0)
	if f = l.find(f.Place); f.State != finding.Open {
		t.Errorf("after the last day of its waiver it is %s", f.State)
	}
	p := problem(t, fails(l.client.OnFinding(l.as("suzuki"), f.ID, "confirm", api.FindingRequest{Run: "r1", Reason: "it is fine"})))
	if p.Code != api.CodeRefused || p.Status != http.StatusConflict {
		t.Errorf("closed by a word: %+v", p)
	}
	l.ended("r2", l.now.AddDate(0, 0, 1), false)
	l.now = l.now.AddDate(0, 0, 2)
	if f = l.find(f.Place); f.State != finding.Closed || f.ClosedIn != "r2" {
		t.Errorf("after a run that passed: %+v", f)
	}
	// What no figure can judge is closed by a person who names a later run.
	remark := l.find("remark/r1/1")
	if p := problem(t, fails(l.client.OnFinding(l.as("suzuki"), remark.ID, "confirm", api.FindingRequest{Run: "r1", Reason: "new list"}))); p.Code != api.CodeRefused {
		t.Errorf("confirmed by the run that found it: %+v", p)
	}
	if remark, err = l.client.OnFinding(l.as("suzuki"), remark.ID, "confirm", api.FindingRequest{Run: "r2", Reason: "everybody was reached by the new list"}); err != nil || remark.State != finding.Closed || remark.ClosedIn != "r2" {
		t.Errorf("confirmed: %+v, %v", remark, err)
	}
	if n := l.count(api.FindingsFilter{State: "closed", Run: "r2"}); n != 2 {
		t.Errorf("r2 closed %d", n)
	}
}

// One of a person's own: at a step it is closed by a run that passes that step.
func TestAPersonAddsAFinding(t *testing.T) {
	l := newLessons(t)
	l.ended("r1", l.now.AddDate(0, 0, -1), false)
	f, err := l.client.AddFinding(l.as("tanaka"), api.FindingRequest{Title: "promote asks for a password / promote がパスワードを求める", System: "orders", Step: "failover/promote", Owner: "sato", Due: "2027-03-01"})
	if err != nil || f.State != finding.Open || f.AddedBy != "tanaka" || f.Place != "step/orders/failover/promote" || f.Title.JA != "promote がパスワードを求める" || f.Needs != run.Live {
		t.Fatalf("added: %+v, %v", f, err)
	}
	own, err := l.client.AddFinding(l.as("tanaka"), api.FindingRequest{Title: "no spare keys", Reason: "the only key is in Tokyo"})
	if err != nil || own.Judged || own.System != "" || own.Detail.EN != "the only key is in Tokyo" {
		t.Fatalf("added: %+v, %v", own, err)
	}
	l.ended("r2", l.now.AddDate(0, 0, 1), false)
	l.now = l.now.AddDate(0, 0, 2)
	if f = l.find(f.Place); f.State != finding.Closed || f.ClosedIn != "r2" {
		t.Errorf("after a run that passed the step: %+v", f)
	}
	if own = l.find(own.Place); own.State != finding.Open {
		t.Errorf("a run closed what it can't judge: %+v", own)
	}
}

// fails is the error of a call that gives something too.
func fails[T any](_ T, err error) error { return err }

func TestWhoMayLookAfterFindings(t *testing.T) {
	l := newLessons(t, plan.Grant{Role: "commander", May: []plan.Permission{plan.MayFindings, plan.MayWaive}}, plan.Grant{Role: "operator", May: []plan.Permission{plan.MayFindings}})
	l.ended("r1", l.now.AddDate(0, 0, -30), true)
	id := l.find("budget/orders/failover/promote").ID
	waiver := api.FindingRequest{Until: "2027-02-28", Reason: "new disks come"}
	for name, c := range map[string]struct {
		who, do string
		in      api.FindingRequest
		status  int
	}{
		"an operator assigns":     {"tanaka", "assign", api.FindingRequest{Owner: "tanaka"}, 0},
		"an operator waives":      {"tanaka", "waive", waiver, http.StatusForbidden},
		"a commander waives":      {"sato", "waive", waiver, 0},
		"nobody of the estate":    {"mallory", "assign", api.FindingRequest{Owner: "tanaka"}, http.StatusUnprocessableEntity},
		"as somebody else":        {"tanaka", "waive", api.FindingRequest{By: "sato", Until: "2027-02-28", Reason: "x"}, http.StatusForbidden},
		"an owner nobody knows":   {"tanaka", "assign", api.FindingRequest{Owner: "tanuki"}, http.StatusUnprocessableEntity},
		"no date":                 {"tanaka", "assign", api.FindingRequest{Due: "soon"}, http.StatusUnprocessableEntity},
		"neither owner nor date":  {"tanaka", "assign", api.FindingRequest{}, http.StatusUnprocessableEntity},
		"a waiver for ever":       {"sato", "waive", api.FindingRequest{Until: "2099-12-31", Reason: "x"}, http.StatusUnprocessableEntity},
		"a waiver that has ended": {"sato", "waive", api.FindingRequest{Until: "2027-01-14", Reason: "x"}, http.StatusUnprocessableEntity},
		"a waiver without a why":  {"sato", "waive", api.FindingRequest{Until: "2027-02-28"}, http.StatusUnprocessableEntity},
		"a link that is none":     {"tanaka", "link", api.FindingRequest{Link: "javascript:alert(1)"}, http.StatusUnprocessableEntity},
	} {
		_, err := l.client.OnFinding(l.as(c.who), id, c.do, c.in)
		if c.status == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if p := problem(t, err); p.Status != c.status {
			t.Errorf("%s: %+v, want %d", name, p, c.status)
		}
	}
	// The number within a report is told from an ID, with the way to the ID.
	if p := problem(t, fails(l.client.OnFinding(l.as("sato"), "F-001", "waive", waiver))); p.Status != http.StatusNotFound || !strings.Contains(p.WayOut, "--run RUN") {
		t.Errorf("the number of a report: %+v", p)
	}
	if p := problem(t, fails(l.client.OnFinding(l.as("sato"), "F-NOWHERE", "waive", waiver))); p.Status != http.StatusNotFound {
		t.Errorf("a finding that there is not: %+v", p)
	}
	f := l.find("budget/orders/failover/promote")
	if f.Owner != "tanaka" || f.Waiver == nil || f.Waiver.By != "sato" || len(f.History) != 3 {
		t.Errorf("what was refused has left something: %+v", f)
	}
}

// The same request twice is one act, and another server on the same store sees it.
func TestAnActOnAFindingCountsOnce(t *testing.T) {
	l := newLessons(t)
	l.ended("r1", l.now.AddDate(0, 0, -30), true)
	f := l.find("budget/orders/failover/promote")
	keyed := l.client.Keyed("once")
	for range 2 {
		if _, err := keyed.OnFinding(l.as("sato"), f.ID, "assign", api.FindingRequest{Owner: "tanaka"}); err != nil {
			t.Fatal(err)
		}
	}
	other := &finding.Ledger{Store: l.store}
	list, err := other.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if x.ID == f.ID && (len(x.History) != 2 || x.Owner != "tanaka") {
			t.Errorf("%+v", x)
		}
	}
	// What comes late is put in its place: a run that ended before the act and is kept after it.
	l.ended("r0", l.now.AddDate(0, 0, -60), true)
	if got := l.find(f.Place); len(got.History) != 2 || got.History[0].Run != "r0" || got.Owner != "tanaka" {
		t.Errorf("after an earlier run was kept: %+v", got)
	}
}

// The number that a report gives is found with its run, as the report's own words say.
func TestANumberOfAReportIsFoundWithItsRun(t *testing.T) {
	l := newLessons(t)
	p, err := files{}.Compile("tokyo-loss", run.Live)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	begun := l.now.Add(-2 * time.Hour)
	events := []run.Event{
		{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: p.Hash})},
		{Kind: run.RemarkMade, Person: "tanaka", By: "tanaka", Reason: "the list was old"},
		{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})},
	}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = "tokyo-loss-1", "run", int64(i+1), begun.Add(time.Duration(i)*time.Minute)
	}
	if err := l.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	r, err := report.Build(p, events)
	if err != nil {
		t.Fatal(err)
	}
	// What people have written into the report of another run is none of this one's.
	if err := l.store.Append(t.Context(), []run.Event{{Run: run.WrittenRecord, Writer: "write/1", Seq: 1, Kind: run.ReportWritten, At: l.now.Add(-time.Hour), By: "sato", Reason: "nothing to say", Data: run.Encode(run.Written{About: "tokyo-loss-0", Item: "1.1"})}}); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, x := range r.Findings {
		f, err := l.client.FindingOf(l.as("sato"), "tokyo-loss-1", strings.ToLower(x.ID))
		switch places := x.Places(); {
		case len(places) > 1:
			if p := problem(t, err); p.Status != http.StatusConflict || !strings.Contains(p.Detail, finding.IDOf(places[0].Key)) {
				t.Errorf("%s of several places: %+v", x.ID, p)
			}
		case err != nil || f.Place != places[0].Key:
			t.Errorf("%s is %+v, %v, want the one at %s", x.ID, f, err, places[0].Key)
		default:
			found++
		}
	}
	if found == 0 {
		t.Fatalf("the report has no finding of one place: %+v", r.Findings)
	}
	if p := problem(t, fails(l.client.FindingOf(l.as("sato"), "tokyo-loss-1", "F-900"))); p.Status != http.StatusNotFound || !strings.Contains(p.Detail, "has no finding F-900") {
		t.Errorf("a number that there is not: %+v", p)
	}
}

// Break-glass is reviewed by somebody who had no part in the run, as soon as it has ended; whoever used it can't
// close it, nor waive it.
func TestBreakGlassIsReviewedBySomebodyElse(t *testing.T) {
	l := newLessons(t)
	at := l.now.AddDate(0, 0, -1)
	events := []run.Event{
		{Kind: run.RunStarted, By: "suzuki", Data: run.Encode(run.Started{Kind: run.Response, Depth: run.Real, Scenario: "tokyo-loss"})},
		{Kind: run.ApprovalGiven, By: "sato", Reason: "nobody else is here", Data: run.Encode(run.Approval{BreakGlass: true})},
		{Kind: run.PersonAnswered, Person: "tanaka", By: "tanaka"},
		{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})},
	}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = "r1", "run", int64(i+1), at
	}
	if err := l.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	o := outcome.Outcome{Version: outcome.Version, Run: "r1", Kind: run.Response, Depth: run.Real, Scenario: "tokyo-loss", State: run.Recovered, Verdict: run.Met, StartedAt: at, EndedAt: at,
		Findings: []outcome.Finding{{Place: "glass/r1/approval", Kind: run.FindingHand, Title: plan.Text{EN: "sato approved alone", JA: "sato が単独で承認"}, Owner: "sato"}}}
	if err := outcome.Put(t.Context(), l.store, o); err != nil {
		t.Fatal(err)
	}
	f := l.find("glass/r1/approval")
	for _, who := range []string{"sato", "suzuki"} {
		for act, in := range map[string]api.FindingRequest{"confirm": {Reason: "it was right"}, "waive": {Reason: "it was right", Until: "2027-02-28"}} {
			if p := problem(t, fails(l.client.OnFinding(l.as(who), f.ID, act, in))); p.Code != api.CodeRefused || !strings.Contains(p.Detail, who+" had a part in run r1") {
				t.Errorf("%s by %s: %+v", act, who, p)
			}
		}
	}
	// Nor by one who comes with a secret that was theirs first.
	handed := identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "token 7f3a", Issuers: []string{"sato"}})
	if p := problem(t, fails(l.client.OnFinding(handed, f.ID, "confirm", api.FindingRequest{Reason: "it was right"}))); p.Code != api.CodeRefused {
		t.Errorf("by a token of sato's: %+v", p)
	}
	f, err := l.client.OnFinding(l.as("tanaka"), f.ID, "confirm", api.FindingRequest{Reason: "the standby was burning"})
	if last := f.History; err != nil || f.State != finding.Closed || last[len(last)-1].What != finding.WasReviewed || last[len(last)-1].By != "tanaka" {
		t.Fatalf("reviewed: %+v, %v", f, err)
	}
	if p := problem(t, fails(l.client.OnFinding(l.as("tanaka"), f.ID, "confirm", api.FindingRequest{Reason: "again"}))); !strings.Contains(p.Detail, "has been reviewed") {
		t.Errorf("reviewed twice: %+v", p)
	}
}

// Of a run whose record an earlier release removed after its time nobody can tell who had a part: whom the finding is of, and who began
// the run, are known, and may not. Of a run that is not there at all nobody may.
func TestBreakGlassIsReviewedWithoutItsRecord(t *testing.T) {
	l := newLessons(t)
	at := l.now.AddDate(-2, 0, 0)
	if err := l.store.Append(t.Context(), []run.Event{
		{Run: "r1", Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: "suzuki", Data: run.Encode(run.Started{Kind: run.Response, Depth: run.Real, Scenario: "tokyo-loss"})},
		{Run: "r1", Writer: "run", Seq: 2, At: at, Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"r1", "r2"} {
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Response, Depth: run.Real, Scenario: "tokyo-loss", State: run.Recovered, Verdict: run.Met, StartedAt: at, EndedAt: at,
			Findings: []outcome.Finding{{Place: "glass/" + id + "/approval", Kind: run.FindingHand, Title: plan.Text{EN: "sato approved alone", JA: "sato が単独で承認"}, Owner: "sato"}}}
		if err := outcome.Put(t.Context(), l.store, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.store.RemoveRun(t.Context(), "r1", l.now); err != nil {
		t.Fatal(err)
	}
	confirm := func(who, place string) error {
		_, err := l.client.OnFinding(l.as(who), l.find(place).ID, "confirm", api.FindingRequest{Reason: "it was right"})
		return err
	}
	for _, who := range []string{"sato", "suzuki"} {
		if p := problem(t, confirm(who, "glass/r1/approval")); p.Code != api.CodeRefused || !strings.Contains(p.Detail, "is gone") {
			t.Errorf("%s: %+v", who, p)
		}
	}
	if err := confirm("tanaka", "glass/r1/approval"); err != nil {
		t.Error(err)
	}
	if p := problem(t, confirm("tanaka", "glass/r2/approval")); p.Code != api.CodeUnknownRun {
		t.Errorf("a run that is not there: %+v", p)
	}
}

// A run shows nothing of a system that it was not about.
func TestAnotherSystemsRunShowsNothing(t *testing.T) {
	l := newLessons(t)
	own, err := l.client.AddFinding(l.as("tanaka"), api.FindingRequest{Title: "the list of stock is old", System: "stock"})
	if err != nil {
		t.Fatal(err)
	}
	l.ended("r2", l.now.AddDate(0, 0, 1), false)
	l.now = l.now.AddDate(0, 0, 2)
	if p := problem(t, fails(l.client.OnFinding(l.as("suzuki"), own.ID, "confirm", api.FindingRequest{Run: "r2", Reason: "new list"}))); p.Code != api.CodeRefused || !strings.Contains(p.Detail, "stock had no part") {
		t.Errorf("by a run of orders: %+v", p)
	}
	if p := problem(t, fails(l.client.OnFinding(l.as("suzuki"), own.ID, "confirm", api.FindingRequest{Reason: "new list"}))); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("by no run: %+v", p)
	}
}
