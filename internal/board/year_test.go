package board_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// planner plans the year's drills.
func planner() string { return personID(2) }

// programmeFile is a yearly plan: what is held by itself, by hand, and without being told of.
func programmeFile() string {
	return fmt.Sprintf(`kind: Programme
name: example
title: {en: Yearly drill plan, ja: 年間訓練計画}
begins: 4
chief: commander
manager: secretariat
planner: %s
calendar: {holidays: japan}
rules: {every: 30m, for: 2h, give_up: 14d, late: 1h}
rows:
  - id: structure-check
    number: "1"
    kind: structure-check
    title: {en: Runbooks read by their owners, ja: 手順書確認訓練}
    content: {en: Each role reads its steps, ja: 各役割が手順を読む}
    method: in-house
    audience: emergency-structure
    months: [5]
  - id: surprise
    number: "2"
    kind: blind-structure
    title: {en: Blind drill of the structure, ja: 非提示型訓練（対応体制）}
    content: {en: Nothing is known beforehand, ja: 事前にシナリオを知らせない}
    method: in-house
    audience: emergency-structure
    scenario: night-shift
    schedule: {yearly: {month: 12, week: 1, weekday: monday, at: "09:00"}}
    blind: {days: 8, from: "10:00", to: "15:30", approved_by: %s, approved: "2026-04-10"}
  - id: switchover
    number: "3"
    kind: system-switchover
    title: {en: Switch to Osaka and back, ja: システム切り替え訓練}
    content: {en: Three systems move and return, ja: 3システムを切り替え、切戻す}
    method: in-house
    audience: emergency-structure
    scenario: tokyo-loss
    schedule: {quarterly: {month: 2, week: 2, weekday: thursday, at: "14:00"}}
`, planner(), personID(0))
}

func (f files) Programme() (*programme.Programme, error) {
	b, err := f.load()
	if err != nil {
		return nil, err
	}
	return b.Programme(), nil
}

// client is the API in this process, and as is who asks it.
func (w *world) client() *api.Client { return api.InProcess(w.api, "en") }

func (w *world) as(person string) context.Context {
	return identity.With(w.t.Context(), identity.Actor{Person: person, Via: "token 7f3a"})
}

// ended keeps what an earlier drill came to: a step that took too long, or did not.
func (w *world) ended(id string, at time.Time, slow bool, more ...outcome.Finding) {
	w.t.Helper()
	budget, over := 120.0, 95.0
	o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", State: run.Recovered, Verdict: run.Met, PlanHash: w.plan.Hash, StartedAt: at.Add(-time.Hour), EndedAt: at,
		Steps: []outcome.Step{{System: "orders", Runbook: "orders-failover", Step: "promote", Outcome: run.Passed, Attempts: 1, SettledBy: run.ByResult, BudgetS: &budget}}}
	for _, s := range w.plan.Systems {
		one := outcome.System{ID: s.Name, Verdict: run.Met, Fingerprints: outcome.FingerprintsOf(w.plan, s)}
		one.RTO.Verdict, one.RPO.Verdict, one.RLO = run.Met, run.Met, []outcome.Stage{{Level: 100, Figure: outcome.Figure{Verdict: run.Met}}}
		o.Systems = append(o.Systems, one)
	}
	if slow {
		o.Verdict, o.Steps[0].OverS = run.Missed, &over
		o.Findings = []outcome.Finding{
			{Place: "budget/orders/orders-failover/promote", Kind: run.FindingBudget, System: "orders", Step: "promote", Title: plan.Text{EN: "Step promote took 3 min 35 s of 2 min", JA: "ステップ「待機系の昇格」が目安2分に対し3分35秒"}, Owner: personID(5), Due: at.AddDate(0, 1, 0).Format(time.DateOnly)},
			{Place: "remark/" + id + "/1", Kind: run.FindingRemark, Title: plan.Text{EN: "The list of contacts was old", JA: "連絡網が古かった"}, Detail: plan.Text{EN: "two numbers did not answer", JA: "2件の番号が不通"}, Owner: personID(5), Due: at.AddDate(0, 9, 0).Format(time.DateOnly)}}
	}
	o.Findings = append(o.Findings, more...)
	events := []run.Event{
		{Kind: run.RunStarted, By: personID(1), At: at.Add(-time.Hour), Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})},
		{Kind: run.RunEnded, By: run.Engine, At: at, Data: run.Encode(run.Ended{State: run.Recovered})}}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq = id, "run", int64(i+1)
	}
	w.append(events...)
	if err := outcome.Put(w.t.Context(), w.store, o); err != nil {
		w.t.Fatal(err)
	}
}

// quarters are the drills of a year: promote was slow in the first, in order in the second, and
// slow again in the third.
func (w *world) quarters() {
	w.t.Helper()
	w.ended("tokyo-loss-a", begun.AddDate(0, -9, 0), true)
	w.ended("tokyo-loss-b", begun.AddDate(0, -6, 0), false)
	w.ended("tokyo-loss-c", begun.AddDate(0, -3, 0), true)
}

func (w *world) finding(place string) api.Finding {
	w.t.Helper()
	list, err := w.client().Findings(w.as(personID(0)), api.FindingsFilter{State: "all"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range list {
		if f.Place == place {
			return f
		}
	}
	w.t.Fatalf("no finding at %s of %d", place, len(list))
	return api.Finding{}
}

const slowPromote = "budget/orders/orders-failover/promote"

// A step that was renamed is passed by no run: whoever may waive closes its finding from its page, and nobody by a run that can't show it.
func TestAFindingInNoPlanIsClosedFromItsPage(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.quarters()
	w.ended("tokyo-loss-d", begun.AddDate(0, -2, 0), true, outcome.Finding{Place: "step/orders/an-old-runbook/promote", Kind: run.FindingStep, System: "orders", Title: plan.Text{EN: "The step failed", JA: "ステップの失敗"}})
	b := w.browser(personID(0))
	if _, page := b.get("/findings/" + w.finding(slowPromote).ID); strings.Contains(page, `name="gone"`) {
		t.Error("a place that the plans hold is offered to be closed as gone")
	}
	at := "/findings/" + w.finding("step/orders/an-old-runbook/promote").ID
	_, page := b.get(at)
	wants(t, "gone", page, `name="gone"`, "No run can: no plan holds this place any more.")
	if strings.Contains(page, `name="run"`) {
		t.Error("a run is asked for")
	}
	if res, page := b.post(at+"/confirm", "gone", "1", "reason", "the runbook was rewritten", "key", "k1"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("closed: %s %s", res.Status, page)
	}
	if f := w.finding("step/orders/an-old-runbook/promote"); f.State != finding.Closed {
		t.Errorf("it is %s", f.State)
	}
}

// The record keeps those who did not answer by their IDs; people read their names.
func TestAFindingNamesPeople(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	ids := personID(5) + ", " + personID(6)
	w.ended("tokyo-loss-a", begun.AddDate(0, -3, 0), false, outcome.Finding{Place: "answer/operator", Kind: run.FindingPeople, Title: plan.Text{EN: "2 of 30 called did not answer", JA: "未回答 2 名"}, Detail: plan.Text{EN: ids, JA: ids}},
		outcome.Finding{Place: "people/hurt", Kind: run.FindingPeople, Title: plan.Text{EN: "hurt", JA: "負傷"}, Detail: plan.Text{EN: personID(5) + ", somebody else", JA: personID(5) + ", ほか"}})
	one, _ := w.plan.Estate.Person(personID(5))
	other, _ := w.plan.Estate.Person(personID(6))
	b := w.browser(personID(0))
	_, page := b.get("/findings/" + w.finding("answer/operator").ID)
	wants(t, "who did not answer", page, one.Name.In("en")+", "+other.Name.In("en"))
	_, page = b.get("/findings/" + w.finding("people/hurt").ID)
	wants(t, "any other text", page, personID(5)+", somebody else")
}

// What is overdue and came back stands first; each finding's page tells its history, and what
// people do about it there counts once however often they press.
func TestFindingsPages(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.quarters()
	f := w.finding(slowPromote)
	b := w.browser(personID(0))
	_, list := b.get("/findings")
	wants(t, "the list", list, "Step promote took 3 min 35 s of 2 min", "overdue, and it came back", "Order taking", "Hayashi", f.ID, `<a href="/findings/`+f.ID+`">`)
	if strings.Index(list, f.ID) > strings.Index(list, "The list of contacts was old") {
		t.Error("what is overdue does not stand first")
	}
	for query, want := range map[string]bool{"?state=closed": false, "?state=all": true, "?system=payments": false, "?kind=budget": true, "?kind=people": false, "?owner=" + personID(5): true, "?owner=-": false, "?overdue=1": true, "?owner=me": false} {
		if _, page := b.get("/findings" + query); strings.Contains(page, f.ID) != want {
			t.Errorf("%s: shown %v, want %v", query, !want, want)
		}
	}
	at := "/findings/" + f.ID
	_, page := b.get(at)
	wants(t, "the page", page, "opened", "closed", "came back", `href="/runs/tokyo-loss-a"`, `href="/runs/tokyo-loss-b"`, `href="/runs/tokyo-loss-c"`, "2026-02-19", "2026-05-19", "2026-08-19", "A run at depth live")
	for range 2 {
		if res, body := b.post(at+"/assign", "key", "once", "owner", personID(6), "due", "2027-01-31", "reason", "knows the standby"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != at+"?ok=finding-assign" {
			t.Fatalf("assign: %s\n%s", res.Status, body)
		}
	}
	if got := w.finding(slowPromote); got.Owner != personID(6) || got.Due != "2027-01-31" || len(got.History) != len(f.History)+1 || got.History[len(got.History)-1].By != personID(0) {
		t.Errorf("assigned twice by one form: %+v", got)
	}
	for _, form := range [][]string{{"link", "link", "https://tracker.example.org/DR-12"}, {"waive", "until", "2027-02-28", "reason", "new disks come in February"}} {
		if res, body := b.post(at+"/"+form[0], append(form[1:], "key", "k-"+form[0])...); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s\n%s", form[0], res.Status, body)
		}
	}
	_, page = b.get(at)
	wants(t, "afterwards", page, `href="https://tracker.example.org/DR-12"`, "waived until 2027-02-28", "new disks come in February", "Sato Misaki lets it be")
	if res, page := b.post(at+"/waive", "until", "2099-01-01", "reason", "never", "key", "k2"); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "A waiver ends between today and") || !strings.Contains(page, `href="`) {
		t.Errorf("a waiver for ever: %s", res.Status)
	}
	if res, _ := b.post(at + "/forget"); res.StatusCode != http.StatusNotFound {
		t.Errorf("an act that there is not: %s", res.Status)
	}
	// Of somebody's own, and closed by the run that a person names.
	res, _ := b.post("/findings", "key", "own", "title", "No spare keys", "reason", "the only key is in Tokyo", "system", "portal")
	if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/findings/F-") {
		t.Fatalf("added: %s to %s", res.Status, res.Header.Get("Location"))
	}
	_, page = b.get(res.Header.Get("Location"))
	wants(t, "one's own", page, "No spare keys", "Customer portal", "/confirm", "The finding is added.", "added by")
	if res, _ := b.get("/findings/F-NOWHERE"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a finding that there is not: %s", res.Status)
	}
	// The owner finds it among what waits for them.
	_, mine := w.browser(personID(5)).get("/tasks")
	wants(t, "tasks", mine, "The list of contacts was old", "Findings that you see to")
	w.shoot(t, personID(0), map[string]string{"findings": "/findings?state=all", "finding": at})
	w.shoot(t, personID(5), map[string]string{"tasks-findings": "/tasks"})
}

// Where the estate grants rights by role, the forms follow, and the API says no to the rest.
func TestFindingsFormsFollowRights(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.quarters()
	w.grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayFindings, plan.MayWaive}}, {Role: "lead", May: []plan.Permission{plan.MayFindings}}}
	at := "/findings/" + w.finding(slowPromote).ID
	for who, sees := range map[string][2]bool{personID(0): {true, true}, personID(3): {true, false}, personID(40): {false, false}} {
		b := w.browser(who)
		_, page := b.get(at)
		for i, form := range []string{"/assign", "/waive"} {
			if strings.Contains(page, `action="`+at+form+`"`) != sees[i] {
				t.Errorf("%s is offered %s: %v, want %v", who, form, !sees[i], sees[i])
			}
			pairs := map[string][]string{"/assign": {"owner", personID(6)}, "/waive": {"until", "2027-02-28", "reason", "new disks"}}[form]
			res, body := b.post(at+form, append(pairs, "key", who+form)...)
			if (res.StatusCode == http.StatusSeeOther) != sees[i] || !sees[i] && res.StatusCode != http.StatusForbidden {
				t.Errorf("%s by %s: %s\n%s", form, who, res.Status, body)
			}
		}
	}
}

// The year's plan beside what was held, what is late and why, and what begins next, with what
// moves it.
func TestProgrammePage(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.quarters()
	if _, err := w.client().ApplySchedules(w.as(planner()), api.ScheduleRequest{By: planner()}); err != nil {
		t.Fatal(err)
	}
	b := w.browser(planner())
	_, page := b.get("/programme")
	wants(t, "the programme", page, "Yearly drill plan", "2026-04 to 2027-03", "Runbooks read by their owners", "overdue", "held", "planned", `href="/runs/tokyo-loss-b"`,
		"2026-12-07 to 2026-12-16", "blind: drawn within the window", "2027-02-12 14:00 JST", "2027-02-11 is a public holiday", "in effect", `action="/schedules/switchover/pause"`)
	if res, body := b.post("/schedules/switchover/pause", "key", "p", "note", "the data centre moves"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("paused: %s\n%s", res.Status, body)
	}
	_, page = b.get("/programme?ok=schedule-pause")
	wants(t, "paused", page, "The schedule is paused.", "the data centre moves", `action="/schedules/switchover/resume"`)
	if strings.Contains(page, "2027-02-12 14:00 JST</th>") {
		t.Error("a schedule that is paused stands among the next starts")
	}
	if res, _ := b.post("/schedules/switchover/resume", "key", "r"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("resumed: %s", res.Status)
	}
	// Held by people, without a run.
	if res, body := b.post("/programme/held", "key", "h", "row", "structure-check", "on", "2026-05-20", "reason", "twelve read, two steps were corrected"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("recorded: %s\n%s", res.Status, body)
	}
	_, page = b.get("/programme")
	wants(t, "recorded", page, "2026-05-20", "held (as recorded)", "twelve read, two steps were corrected", `action="/programme/withdraw"`)
	if res, body := b.post("/programme/withdraw", "key", "w", "row", "structure-check", "on", "2026-05-20", "for", "", "reason", "it was the other department"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("taken back: %s\n%s", res.Status, body)
	}
	_, page = b.get("/programme?ok=row-withdrawn")
	wants(t, "taken back", page, "It is taken back")
	if strings.Contains(page, "held (as recorded)") {
		t.Error("what was taken back still stands as held")
	}
	// Whoever has no part in planning reads it and changes nothing.
	other := w.browser(personID(40))
	_, page = other.get("/programme")
	if strings.Contains(page, "/pause") || strings.Contains(page, "/programme/held") || strings.Contains(page, "/programme/withdraw") {
		t.Error("somebody who does not plan is offered to")
	}
	if res, _ := other.post("/schedules/switchover/pause", "key", "x", "note", "no"); res.StatusCode != http.StatusForbidden {
		t.Errorf("paused by somebody else: %s", res.Status)
	}
	waittest.Eventually(t, time.Minute, func() string { // a page does not wait for a slow answer: the next one has it
		if _, page = other.get("/"); strings.Contains(page, "Blind drill of the structure") {
			return ""
		}
		return "now does not say what begins next:\n" + page
	})
	w.shoot(t, planner(), map[string]string{"programme": "/programme", "now-ahead": "/"})
}

// Each system tells how old its proofs are, which are too old or rest on what has changed since,
// and what has to be proven first.
func TestSystemsPageTellsAges(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.ended("tokyo-loss-d", begun.AddDate(0, 0, -31), false)
	b := w.browser(personID(0))
	_, page := b.get("/systems")
	wants(t, "fresh", page, "31 days ago", `class="age"`, "What has to be proven", "come home")
	if strings.Contains(page, ": overdue") || strings.Contains(page, "changed since</span>") {
		t.Error("what is fresh is said to be overdue or changed")
	}
	w.shoot(t, personID(0), map[string]string{"systems-fresh": "/systems"})
	w.now = begun.AddDate(0, 0, 80)
	_, page = b.get("/systems")
	wants(t, "too old", page, "111 days ago: overdue", "too old since 2027-01-27")
	w.now = begun.Add(18 * time.Minute)
	w.change("roles: [service-desk]", "roles: [service-desk, staff]")
	w.change("dir: /tmp/orders", "dir: /tmp/new")
	_, page = b.get("/systems")
	wants(t, "changed", page, "31 days ago: changed since", "changed: plan, roster", "changed: roster")
	w.shoot(t, personID(0), map[string]string{"systems-changed": "/systems"})
}

// A long history comes by pages, with verdicts, and can be narrowed; all of it quickly, whatever is
// in the runs.
func TestHistoryIsPagedAndNarrowed(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	for n := 119; n >= 0; n-- {
		w.ended(fmt.Sprintf("tokyo-loss-%03d", n), begun.AddDate(0, -n, 0), n%4 == 0)
	}
	w.record(drill, run.Drill)
	b := w.browser(personID(0))
	_, page := b.get("/history")
	wants(t, "the first page", page, "121 runs", "page 1 of 3", drill, "tokyo-loss-000", "missed", `rel="next" href="/history?page=2"`)
	if strings.Contains(page, "tokyo-loss-060") || strings.Contains(page, `rel="prev"`) {
		t.Error("the first page has what is on the second")
	}
	_, page = b.get("/history?page=3&verdict=")
	wants(t, "the last page", page, "page 3 of 3", "tokyo-loss-119", `rel="prev"`)
	_, page = b.get("/history?page=99999999999999999999")
	wants(t, "a page that there is not", page, "page 3 of 3")
	for query, want := range map[string]string{"year=2020": "12 runs", "verdict=missed": "30 runs", "verdict=none": "1 runs", "system=portal&year=2026&verdict=met": "8 runs", "scenario=ransomware": "0 runs", "system=nothing": "No run fits."} {
		if _, page = b.get("/history?" + query); !strings.Contains(page, want) {
			t.Errorf("%s: not %q", query, want)
		}
	}
	_, page = b.get("/history?verdict=missed&page=1")
	if strings.Contains(page, "tokyo-loss-001<") || !strings.Contains(page, "tokyo-loss-004<") {
		t.Error("the filter is not on the page")
	}
	w.shoot(t, personID(0), map[string]string{"history": "/history"})
}

// What years of runs came to is read on the board too, and saved for those who print.
func TestReportsOverManyRunsAreReadOnTheBoard(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	for n := 3; n >= 0; n-- {
		w.ended(fmt.Sprintf("tokyo-loss-%03d", n), begun.AddDate(0, -3*n, 0), n == 2)
	}
	b := w.browser(personID(0))
	for path, want := range map[string]string{
		"/reports/trend": "Trend", "/reports/year?fiscal=2026": "2026", "/reports/review": "questions", "/reports/gaps": "target",
		"/reports/compare?before=tokyo-loss-002&after=tokyo-loss-001": "tokyo-loss-002",
	} {
		res, page := b.get(path)
		if res.StatusCode != http.StatusOK || !strings.Contains(page, want) || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s, policy %q, no %q", path, res.Status, res.Header.Get("Content-Security-Policy"), want)
		}
	}
	res, _ := b.get("/reports/trend?format=markdown")
	if got := res.Header.Get("Content-Disposition"); got != `attachment; filename="trend.md"` {
		t.Errorf("saved as %q", got)
	}
	if res, _ = b.get("/reports/nothing"); res.StatusCode == http.StatusOK {
		t.Error("a page that there is not")
	}
}

// ProofFiles are the files as proofs rest on them.
func (f files) ProofFiles() (proof.Files, error) {
	b, err := f.load()
	if err != nil {
		return proof.Files{}, err
	}
	return proof.Files{Systems: b.Systems(), Zone: b.Estate().Zone, Compile: b.Compile}, nil
}

var _ api.ProofFiles = files{}
