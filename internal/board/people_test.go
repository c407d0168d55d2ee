package board_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// regulated is a recorded drill of an estate that grants rights by role.
func regulated(t *testing.T, grants ...plan.Grant) *world {
	t.Helper()
	w := newWorld(t, begun.Add(18*time.Minute))
	w.plan.Estate.Grants = grants
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.record(drill, run.Drill)
	return w
}

// later appends an event of the run to the record.
func (w *world) later(e run.Event) {
	w.t.Helper()
	e.Run, e.Seq = drill, 1
	if e.Writer == "" {
		e.Writer = fmt.Sprintf("later/%d", w.events())
	}
	if e.At.IsZero() {
		e.At = w.now
	}
	if e.By == "" {
		e.By = run.Engine
	}
	w.append(e)
}

func (w *world) handOver(role, from, to string) {
	w.t.Helper()
	w.later(run.Event{Kind: run.RoleHandedOver, Person: to, By: from, Data: run.Encode(run.Handover{Role: role, From: from, To: to})})
}

var sheetRow = regexp.MustCompile(`<tr><th scope="row">(?:<a[^>]*>)?([^<]*)(?:</a>)?</th>(.*?)<td class="w">`)

// rowOf are the figures of a section or role on the page of people.
func rowOf(t *testing.T, page, name string) string {
	t.Helper()
	for _, m := range sheetRow.FindAllStringSubmatch(page, -1) {
		if m[1] == name {
			return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(strings.ReplaceAll(m[2], "</td>", " "), ""))), " ")
		}
	}
	t.Fatalf("the page has no row %s", name)
	return ""
}

// The page counts people as the run does: a role by who holds it now, nobody among the silent
// whom the drill takes out, and of two answers the one that the record has later.
func TestFiguresAreThoseOfTheRun(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	_, page := b.get("/runs/" + drill + "/people")
	if got, want := rowOf(t, page, "Service desk"), "4 3 3 0 ? 1 3 3"; got != want {
		t.Errorf("the service desk is shown as %q, want %q", got, want)
	}
	w.later(run.Event{Kind: run.PersonAbsent, Person: personID(18), Data: run.Encode(run.Absent{})})
	w.later(run.Event{Kind: run.PersonStandsIn, Person: personID(30), Data: run.Encode(run.StandIn{For: personID(18), Why: run.WhyAbsent})})
	w.handOver("service-desk", personID(17), personID(40))
	// Later in the record, by a server whose clock is behind.
	w.later(run.Event{Kind: run.PersonAnswered, Person: personID(19), By: personID(19), At: begun.Add(30 * time.Second), Data: run.Encode(run.Answer{Safety: run.Injured})})
	_, page = b.get("/runs/" + drill + "/people")
	if got, want := rowOf(t, page, "Service desk"), "3 + 1 absent 3 2 ✚ 1 0 1 2"; got != want {
		t.Errorf("the service desk is shown as %q, want %q", got, want)
	}
	absent, _ := w.plan.Estate.Person(personID(18))
	if !strings.Contains(page, "absent in this drill") || !strings.Contains(page, "(for "+absent.Name.EN) {
		t.Error("the page does not say who is absent, or for whom somebody stands in")
	}
}

// A role that has changed hands takes its tasks and its rights along, and whom the drill takes
// out is offered nothing.
func TestRightsFollowTheRole(t *testing.T) {
	may := func(p ...plan.Permission) []plan.Permission { return p }
	w := regulated(t, plan.Grant{Role: "commander", May: may(plan.MayDecide, plan.MayControl)}, plan.Grant{Role: "operator", May: may(plan.MayOperate)},
		plan.Grant{Role: "secretariat", May: may(plan.MayPeople, plan.MayProxy)})
	if res, body := w.browser(personID(20)).post("/runs/"+drill+"/act/checkin", "key", "a", "safety", "safe", "phone", "03-0000-1234"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the answer: %s\n%s", res.Status, body)
	}
	sees := func(who string) map[string]bool {
		b := w.browser(who)
		_, page := b.get("/runs/" + drill)
		_, people := b.get("/runs/" + drill + "/people")
		res, _ := b.post("/runs/"+drill+"/act/checkin", "key", who, "person", personID(33), "safety", "safe")
		return map[string]bool{"decides": strings.Contains(page, `/act/decide"`), "operates": strings.Contains(page, `/act/step"`), "controls": strings.Contains(page, `/control"`),
			"names": strings.Contains(people, "Kobayashi Ichiro"), "private": strings.Contains(people, "03-0000-1234"), "proxy": res.StatusCode == http.StatusSeeOther}
	}
	check := func(when, who string, want ...string) {
		t.Helper()
		got := sees(who)
		for what, is := range got {
			if should := strings.Contains(" "+strings.Join(want, " ")+" ", " "+what+" "); is != should {
				t.Errorf("%s, %s has %q: %v, want %v", when, who, what, is, should)
			}
		}
	}
	check("before", personID(0), "decides", "controls")
	check("before", personID(1), "names", "private", "proxy")
	check("before", personID(40))
	check("before", personID(7), "operates")
	w.handOver("commander", personID(0), personID(40))
	w.handOver("secretariat", personID(1), personID(41))
	w.later(run.Event{Kind: run.PersonAbsent, Person: personID(7), Data: run.Encode(run.Absent{})})
	check("afterwards", personID(0))
	check("afterwards", personID(40), "decides", "controls")
	check("afterwards", personID(1))
	check("afterwards", personID(41), "names", "private", "proxy")
	check("afterwards", personID(7))
}

// Deputies of somebody whose yes counts and who is not here, or has left, are asked in their place, where
// rights are granted and where they are not; nobody else is.
func TestDeputiesApprove(t *testing.T) {
	for name, grants := range map[string][]plan.Grant{"by role": nil, "by right": {{Role: "operator", May: []plan.Permission{plan.MayApprove}}, {Role: "secretariat", May: []plan.Permission{plan.MayControl}}}} {
		w := newWorld(t, begun.Add(18*time.Minute))
		for i, p := range w.plan.Estate.People {
			switch p.ID {
			case personID(13): // an operator who has not come
				w.plan.Estate.People[i].Deputies = []string{personID(30)}
			case personID(5): // one who has
				w.plan.Estate.People[i].Deputies = []string{personID(31)}
			case personID(9): // one who has, and has to go
				w.plan.Estate.People[i].Deputies = []string{personID(32)}
			}
		}
		w.plan.Estate.Grants = grants
		if err := w.plan.Seal(); err != nil {
			t.Fatal(err)
		}
		if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
			t.Fatal(err)
		}
		w.record(drill, run.Drill)
		w.later(run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, Reason: "again: the decision was revised"})
		w.later(run.Event{Kind: run.PersonAnswered, Person: personID(9), By: personID(9), Data: run.Encode(run.Answer{Safety: run.Safe})})
		for who, want := range map[string]bool{personID(32): true, personID(13): true, personID(30): true, personID(31): false, personID(1): false, personID(40): false} {
			if _, page := w.browser(who).get("/tasks"); strings.Contains(page, `/act/approve"`) != want {
				t.Errorf("%s: %s is offered to approve: %v, want %v", name, who, !want, want)
			}
		}
	}
}

// Who stands in for the commander is offered what the commander is: the tasks that name nobody, the work that is ordered, and
// the roles of others to hand over, also of those who have not come. While the commander is here they are not.
func TestADeputyInCommandIsOfferedWhatTheCommanderIs(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	i := slices.IndexFunc(w.plan.Estate.People, func(p plan.Person) bool { return p.ID == personID(0) })
	w.plan.Estate.People[i].Deputies = []string{personID(30)}
	w.grant() // seals it
	w.record(drill, run.Drill)
	offered := func(when string, want bool) {
		t.Helper()
		b := w.browser(personID(30))
		_, page := b.get("/tasks")
		_, more := b.get("/runs/" + drill)
		_, handover := b.get("/runs/" + drill + "/do/handover")
		for what, is := range map[string]bool{"confirmations": strings.Contains(page, `/act/confirm"`), "moving the muster": strings.Contains(more, `/do/relocate"`),
			"the commander's role to hand over": strings.Contains(handover, `value="commander/`+personID(0)+`"`)} {
			if is != want {
				t.Errorf("%s the deputy is offered %s: %v, want %v", when, what, is, want)
			}
		}
	}
	offered("with the commander here", false)
	w.later(run.Event{Kind: run.PersonAnswered, Person: personID(0), By: personID(0), Data: run.Encode(run.Answer{Safety: run.BadlyHurt})})
	offered("with the commander hurt", true)
}

// An answer may be corrected: one's own from the run's page, also that one has come after all, and another's by who speaks
// for others, who finds everybody called in the form, the silent first.
func TestAnAnswerIsCorrected(t *testing.T) {
	w := recorded(t)
	_, page := w.browser(personID(0)).get("/runs/" + drill + "/people")
	answer, arrive, _ := strings.Cut(page[strings.Index(page, "correct an answer")+1:], "Say that somebody has arrived")
	option := func(form string, n int) int { return strings.Index(form, `<option value="`+personID(n)+`">`) }
	if silent, answered := option(answer, 8), option(answer, 5); silent < 0 || answered < silent {
		t.Errorf("the form to answer for others has the silent at %d, who has answered at %d", silent, answered)
	}
	for n, want := range map[int]bool{8: true, 40: true, 5: false} { // silent, can't come, is here
		if got := option(arrive, n) >= 0; got != want {
			t.Errorf("the form to say who has arrived has %s: %v, want %v", personID(n), got, want)
		}
	}
	for n, want := range map[int][2]bool{8: {false, false}, 40: {true, true}, 5: {true, false}} {
		b := w.browser(personID(n))
		_, page := b.get("/runs/" + drill)
		for i, what := range []string{"answer", "arrive"} {
			if got := strings.Contains(page, "/do/"+what+`"`); got != want[i] {
				t.Errorf("%s is offered %s: %v, want %v", personID(n), what, got, want[i])
			}
			if _, form := b.get("/runs/" + drill + "/do/" + what); want[i] && !strings.Contains(form, map[string]string{"answer": `/act/checkin"`, "arrive": `/act/arrive"`}[what]) {
				t.Errorf("the page to %s has no form", what)
			}
		}
	}
}

// All runs that the first page shows are followed: it does not read fifty records from their
// beginnings four times a second.
func TestTheFirstPageReadsOnWhatIsNew(t *testing.T) {
	w := recorded(t)
	for n := range 45 {
		w.append(run.Event{Run: fmt.Sprintf("tokyo-loss-%d", n+2), Writer: "run", Seq: 1, At: w.now, Kind: run.RunStarted, By: personID(1),
			Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})})
	}
	b := w.browser(personID(0))
	if _, page := b.get("/"); !strings.Contains(page, "tokyo-loss-46") {
		t.Fatal("the first page does not show every run")
	}
	before := w.read.whole.Load()
	b.get("/")
	if n := w.read.whole.Load() - before; n > 0 {
		t.Errorf("the page read %d records from their beginnings again", n)
	}
}

// Whom no channel reaches stands on the page of people, for somebody to ring them up.
func TestThePageSaysWhomNoChannelReaches(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	w.later(run.Event{Kind: run.MessageFailed, Person: personID(18), Outcome: run.Failed, Reason: "no address for any channel that is set up / 設定済みの通知手段の宛先が構成台帳にない",
		Data: run.Encode(run.Delivery{Of: "run/2", Matter: "call"})})
	const mark = "could not be reached by any channel"
	if _, page := b.get("/runs/" + drill + "/people"); strings.Count(page, mark) != 1 {
		t.Errorf("the page says so of %d people", strings.Count(page, mark))
	}
	w.later(run.Event{Kind: run.MessageDelivered, Person: personID(18), Data: run.Encode(run.Delivery{Channel: "mail", Of: "run/9", Matter: "notice"})})
	if _, page := b.get("/runs/" + drill + "/people"); strings.Contains(page, mark) {
		t.Error("it still does when they have been reached")
	}
}

// Where nobody is asked how they are, as in an intrusion, whoever is called says on the board whether they can come, and who had to
// go again that they are back.
func TestAnIntrusionAsksWhoComes(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.plan.Scenario.Hazard, w.plan.Scenario.Simulate = run.SecurityIncident, nil
	w.plan.Scenario.Phases = []run.Phase{run.Activation, run.Muster, run.RecoveryDecision, run.Recovery, run.Closing}
	w.grant()
	me := personID(6)
	w.append(run.Event{Run: drill, Writer: "run", Seq: 1, At: begun, Kind: run.RunStarted, By: personID(1),
		Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Walkthrough, Scenario: "tokyo-loss", Hazard: run.SecurityIncident, PlanHash: w.plan.Hash})},
		run.Event{Run: drill, Writer: "run", Seq: 2, At: begun, Kind: run.PersonCalled, Person: me, By: run.Engine, Data: run.Encode(run.Call{})},
		run.Event{Run: drill, Writer: "run", Seq: 3, At: begun, Kind: run.PhaseStarted, Phase: run.Muster, By: run.Engine})
	b := w.browser(me)
	offers := func(when string, answer, arrival bool) {
		t.Helper()
		_, page := b.get("/tasks")
		if got := strings.Contains(page, "/act/checkin"); got != answer {
			t.Errorf("%s: asked whether they can come: %v, want %v", when, got, answer)
		}
		if got := strings.Contains(page, "/act/arrive"); got != arrival {
			t.Errorf("%s: offered to say that they are there: %v, want %v", when, got, arrival)
		}
	}
	offers("called", true, true)
	if _, page := b.get("/tasks"); !strings.Contains(page, `value="yes" required`) {
		t.Error("who sends the form without a word would be counted on")
	}
	says := func(can bool) {
		w.later(run.Event{Kind: run.PersonAnswered, Person: me, By: me, Data: run.Encode(run.Answer{CanCome: can})})
	}
	says(true)
	offers("can come", false, true)
	w.later(run.Event{Kind: run.PersonArrived, Person: me, By: me, Data: run.Encode(run.Arrival{})})
	offers("there", false, false)
	says(false)
	offers("had to go", false, true)
	if _, page := b.get("/runs/" + drill); !strings.Contains(page, "Change my answer") {
		t.Error("who has answered is not offered to change that")
	}
}
