package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// built is the report of a story, and its text in a language.
func built(t *testing.T, s *story, lang string) (report.Report, string) {
	t.Helper()
	r, err := report.Build(s.plan, s.journal())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := report.Render(&out, r, report.Markdown, lang); err != nil {
		t.Fatal(err)
	}
	return r, out.String()
}

func holds(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the report does not say %q", w)
		}
	}
}

func TestDamageShowsConflictsAndCorrections(t *testing.T) {
	p := aPlan()
	p.Systems[0].Components = []plan.Component{{Name: "db", Title: plan.Text{EN: "Database server", JA: "DBサーバー"}, Function: "write"}, {Name: "line"}}
	s := newStory(t, p)
	s.opening()
	probe := run.Event{Kind: run.ProbeChanged, System: "orders", Step: "orders/write"}
	s.run(6.3, probe, run.ProbeChange{Up: false, At: at(6.2)})
	said := run.Event{Kind: run.DamageAssessed, System: "orders", By: "suzuki", Reason: "<b>lights are on</b>", Happened: at(10)}
	s.run(12, said, run.Assessment{Component: "db", Damage: run.DamageStopped, Source: "person"})
	said.Happened = at(10.5)
	s.run(12.5, said, run.Assessment{Component: "db", Damage: run.DamageNone, Source: "person", Photos: []string{strings.Repeat("ab", 32)}})
	s.run(12.6, run.Event{Kind: run.PrioritiesSet, By: "sato"}, run.Priorities{Order: []string{"orders/db"}})
	s.order(14, "orders", "orders-failover")
	s.run(15, probe, run.ProbeChange{Up: true, At: at(15)})
	r, text := built(t, s, "en")
	if len(r.Damage) != 3 || r.Damage[0].Component != "db" {
		t.Fatalf("damage = %+v; want db first, as the lead said", r.Damage)
	}
	db := r.Damage[0]
	if !db.Conflict || db.Damage != run.DamageNone || db.Probes != run.DamageStopped || db.Reports != 2 || db.AgeS == nil || *db.AgeS != 2.5 {
		t.Errorf("db = %+v; want the correction, held against the probe before the recovery, 2.5 s old when it was decided", db)
	}
	for _, d := range r.Damage[1:] {
		if d.Component == "line" && d.At != nil {
			t.Errorf("nobody looked at line: %+v", d)
		}
	}
	holds(t, text, "they disagree", "not looked at", "abababababab")
	if strings.Contains(text, "<b>") {
		t.Error("markup of a remark came through")
	}
	_, text = built(t, s, "ja")
	holds(t, text, "食い違いあり", "未確認", "停止")
}

func TestInspectionsShowEachItem(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	s.run(20, run.Event{Kind: run.SiteInspected, Site: "tokyo", By: "suzuki", Reason: "stairs only", Happened: at(15)}, run.Inspection{Usable: true, Overall: run.Restricted,
		Items: []run.CheckedItem{{Item: "power", State: run.Unusable, Note: "on the generator"}, {Item: "cracks", State: run.ItemOK}}, Inspectors: []string{"building manager"}, Began: at(9)})
	r, text := built(t, s, "en")
	if i := r.Inspections[len(r.Inspections)-1]; !i.At.Equal(at(15)) || i.EnteredAt == nil || !i.EnteredAt.Equal(at(20)) {
		t.Errorf("inspected at %v, entered at %v", i.At, i.EnteredAt)
	}
	holds(t, text, "restricted", "building manager", "Power", "on the generator", "6 s")
	_, text = built(t, s, "ja")
	holds(t, text, "制限付きで使用可", "電源", "壁・柱・床のひび割れ")
}

func TestOrdersContactsAndCustodyShowTheirTimes(t *testing.T) {
	p := aPlan()
	p.Estate.Parties = []plan.Party{{Name: "carrier", Title: plan.Text{EN: "Carrier", JA: "通信事業者"}}, {Name: "maintainer"}}
	s := newStory(t, p)
	s.opening()
	s.run(12, run.Event{Kind: run.PartyTried, By: "suzuki"}, run.Contacted{Party: "carrier", Channel: "telephone", Outcome: run.ContactSilent})
	s.run(22, run.Event{Kind: run.PartyTried, By: "suzuki", Happened: at(20)}, run.Contacted{Party: "carrier", Channel: "satellite", Outcome: run.ContactReached, Person: "Ono"})
	s.run(23, run.Event{Kind: run.OrderGiven, System: "orders", Site: "tokyo", By: "suzuki"}, run.Order{ID: "order-1", Party: "carrier", Purpose: run.ForContractor, What: "repair the line"})
	s.run(33, run.Event{Kind: run.OrderFollowed, By: "suzuki"}, run.OrderState{ID: "order-1", State: run.OrderAccepted, Person: "Ono"})
	s.run(63, run.Event{Kind: run.OrderFollowed, By: "suzuki", Happened: at(53)}, run.OrderState{ID: "order-1", State: run.OrderArrived})
	s.run(64, run.Event{Kind: run.OrderGiven, By: "sato"}, run.Order{ID: "order-2", Role: "operator", Purpose: run.ForRecovery, What: "switch over"})
	s.run(65, run.Event{Kind: run.CustodyMoved, By: "suzuki"}, run.Custody{ID: "custody-1", What: "tape 7", From: "tokyo safe", To: "osaka vault", TakenBy: "suzuki"})
	s.end(70, run.Recovered)
	r, text := built(t, s, "en")
	if c := r.Parties[0]; c.ReachedAt == nil || *c.ReachedS != 10 || len(c.Tries) != 2 || c.Tries[1].EnteredAt == nil {
		t.Errorf("carrier = %+v; want the first two-way contact 10 s after communications began", c)
	}
	if o := r.Orders[0]; *o.AcceptS != 10 || *o.ArriveS != 30 || o.AcceptedBy != "Ono" || !o.Late || o.EndedAt != nil {
		t.Errorf("order-1 = %+v", o)
	}
	holds(t, text, "satellite", "no answer", "repair the line", "entered late", "! nobody")
	var titles []string
	for _, f := range r.Findings {
		titles = append(titles, f.Title)
	}
	holds(t, strings.Join(titles, "\n"), "maintainer was not reached", "order-2 to operator was not accepted", "nobody has received tape 7")
	_, text = built(t, s, "ja")
	holds(t, text, "媒体等の搬送記録", "未受領", "委託先への依頼", "連絡成立")
}

func TestDraftDecisionAndReviewAreShownApart(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	policy := run.Policy{Place: "osaka", Level: 80, Method: "failover", Order: 1, Requests: []string{"tell the branches"}, Rejected: []run.Rejected{{Choice: run.InPlace, Reason: "no power"}}}
	s.run(11.2, run.Event{Kind: run.DraftMade, System: "orders", By: "suzuki", Reason: "Tokyo is dark"}, run.Draft{Choice: run.Alternate, Policy: policy})
	s.run(11.4, run.Event{Kind: run.ConsultationBegun, By: "sato"}, run.Consultation{With: "headquarters"})
	s.run(12.4, run.Event{Kind: run.ConsultationEnded, By: "sato", Reason: "agreed"}, run.Consultation{With: "headquarters"})
	s.run(12.6, run.Event{Kind: run.ConsultationEnded, By: "sato"}, run.Consultation{NoHeadquarters: true})
	s.run(14, run.Event{Kind: run.DecisionMade, System: "orders", By: "sato", Reason: "as proposed", Happened: at(13.5)},
		run.Decision{Question: "recovery", Answer: run.Alternate, Policy: policy, Drafter: "suzuki", AsDrafted: true})
	s.order(15, "orders", "orders-failover")
	s.run(40, run.Event{Kind: run.ReviewAsked, System: "orders"}, run.Review{Choice: run.Alternate, ObjectiveS: 60, UsedS: 34, RemainingS: 40, MissS: 14})
	s.run(45, run.Event{Kind: run.ReviewMade, System: "orders", By: "sato", Reason: "nothing is faster"}, run.Reviewed{Choice: run.Alternate, WaitedS: 5})
	r, text := built(t, s, "en")
	d := r.Decisions[len(r.Decisions)-1]
	if d.Drafter != "suzuki" || !d.AsDrafted || d.Level != 80 || !d.At.Equal(at(13.5)) || d.EnteredAt == nil || d.UsedShare == nil || *d.UsedShare != 0.125 || d.OldestS == nil || *d.OldestS != 2.6 {
		t.Errorf("decision = %+v (used %v, oldest %v); want it at 13.5 s, an eighth of the RTO used, on a report 2.6 s old", d, d.UsedShare, d.OldestS)
	}
	if c := r.Consultations; len(c) != 2 || *c[0].TookS != 1 || !c[1].NoHeadquarters {
		t.Errorf("consultations = %+v", c)
	}
	if len(r.Reviews) != 1 || r.Reviews[0].AnsweredAt == nil {
		t.Errorf("reviews = %+v", r.Reviews)
	}
	if got := r.Systems[0].RTO.DecidedAt; got != nil && !got.Before(at(15)) {
		t.Errorf("decided at %v: a review is no decision", got)
	}
	holds(t, text, "as drafted by suzuki", "tell the branches", "recover in place: no power", "agreed", "no headquarters to consult", "kept,", "nothing is faster")
	_, text = built(t, s, "ja")
	holds(t, text, "suzuki の案どおり", "協議すべき対策本部なし", "復旧方針の見直し")
}

// Who writes that there is nothing, as the instructions say, has opened no finding; the findings of other
// remarks keep their places.
func TestARemarkThatSaysNothingIsNoFinding(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	s.run(51, run.Event{Kind: run.RecordsAsked}, run.Asked{People: []string{"sato", "suzuki", "tanaka"}})
	s.run(52, run.Event{Kind: run.RecordHandedIn, Person: "tanaka", By: "tanaka", Reason: "None."}, run.Record{Final: true})
	s.run(53, run.Event{Kind: run.RecordHandedIn, Person: "sato", By: "sato", Reason: "the phone tree was old"}, run.Record{Final: true})
	s.run(54, run.Event{Kind: run.RemarkMade, Phase: run.Closing, By: "suzuki", Reason: "特になし。"}, nil)
	s.end(60, run.Recovered)
	r, text := built(t, s, "en")
	var remarks []report.Finding
	for _, f := range r.Findings {
		if f.Kind == run.FindingRemark {
			remarks = append(remarks, f)
		}
	}
	if len(remarks) != 1 || remarks[0].Detail != "the phone tree was old" || !strings.HasSuffix(remarks[0].Places()[0].Key, "/2") {
		t.Errorf("findings of remarks: %+v, want that of sato only, in its old place", remarks)
	}
	if n := strings.Count(text, "nothing was hard"); n != 2 {
		t.Errorf("%d say that nothing was hard, want tanaka and suzuki in\n%s", n, text)
	}
}

func TestReportsCompletionAndRecordsAreShown(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	in := func(sec float64) *time.Time { x := at(sec); return &x }
	s.run(16, run.Event{Kind: run.SituationReported}, run.Situation{No: 1, Trigger: "cadence", To: []string{"sato"}, EN: "Situation report 1. <i>Orders</i>", JA: "状況報告 第1報。",
		Systems: []run.SituationOfSystem{{System: "orders", Damage: run.DamageStopped, Choice: run.Alternate, ExpectedAt: in(40), TargetAt: in(66)}}})
	s.run(46, run.Event{Kind: run.SituationReported}, run.Situation{No: 2, Trigger: "forecast", To: []string{"sato"}, Parties: []string{"carrier", "maintainer"}, EN: "two", JA: "二", Systems: []run.SituationOfSystem{}})
	s.run(46.5, run.Event{Kind: run.NoticeKept, By: "suzuki", Reason: "as reported"}, run.Notice{Who: "carrier", Channel: "telephone"})
	s.run(47, run.Event{Kind: run.NoticeKept, By: "suzuki", Reason: "tell the branches"}, run.Notice{Received: true, Who: "headquarters", Channel: "telephone"})
	level := 100
	s.run(50, run.Event{Kind: run.CompletionReport, Phase: run.Completion, By: "sato", Reason: "done"}, run.Completed{Systems: []run.CompletedSystem{{System: "orders", Restored: true, Level: &level}}, Restrictions: []string{"no faxes"}})
	s.run(51, run.Event{Kind: run.RecordsAsked}, run.Asked{People: []string{"sato", "suzuki"}})
	s.run(52, run.Event{Kind: run.RecordHandedIn, Person: "sato", By: "sato", Reason: "the phone tree was old"}, run.Record{About: "communications", Final: true})
	s.run(53, run.Event{Kind: run.RecordHandedIn, Person: "sato", By: "sato"}, run.Record{Nothing: true})
	s.end(60, run.Recovered)
	r, text := built(t, s, "en")
	if len(r.Situations) != 2 || *r.Situations[1].IntervalS != 30 || r.Completion == nil || len(r.Records) != 2 || r.Records[0].SignedAt == nil || r.Records[1].SignedAt != nil {
		t.Errorf("situations %+v, completion %+v, records %+v", r.Situations, r.Completion, r.Records)
	}
	var titles []string
	for _, f := range r.Findings {
		titles = append(titles, f.Title+" "+f.Detail)
	}
	holds(t, strings.Join(titles, "\n"), "remark of sato on communications the phone tree was old", "1 did not hand in theirs suzuki")
	holds(t, text, "instruction received", "Restriction: no faxes", "nothing was hard", "! not handed in", "carrier: told; maintainer: not recorded as told", "a target is expected to be missed")
	if strings.Contains(text, "<i>") {
		t.Error("markup in a report came through")
	}
	_, text = built(t, s, "ja")
	holds(t, text, "復旧完了報告：sato", "残る制限：no faxes", "特になし", "未提出", "情報共有手段の確立")
}
