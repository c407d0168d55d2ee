package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

const secretly = "daughter-in-hospital"

// What is private is in no event and no history, is shown by right, the reading by others is
// noted, and it is erased when it has served.
func TestPrivatePartsStayPrivate(t *testing.T) {
	w, c, id := gathered(t, nil)
	w.answers(workflows.CheckIn{Person: "tanaka", Safety: run.Safe, CanCome: true, Family: run.FamilyHurt, Whereabouts: "at " + secretly, Phone: "090-0000-0000", Note: "my " + secretly})
	w.answers(workflows.CheckIn{Person: "suzuki", Safety: run.Safe, CanCome: true})
	for _, p := range []string{"sato", "tanaka", "suzuki"} {
		w.arrives(workflows.Arrive{Person: p})
	}
	w.until(id, run.QuorumReached)

	entries, err := w.store.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if b, _ := json.Marshal(e); strings.Contains(string(b), secretly) || strings.Contains(string(b), "090-0000") {
			t.Errorf("in the record: %s", b)
		}
	}
	for events := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.String(), secretly) || strings.Contains(e.String(), "090-0000") {
			t.Errorf("in the engine's history: %v", e)
		}
	}

	sees := func(as string) bool {
		for _, m := range w.people(api.PeopleFilter{As: as}).People {
			if m.Private != nil && m.Private.Note == "my "+secretly && m.Private.Family == run.FamilyHurt {
				return true
			}
		}
		return false
	}
	// suzuki and sato decide; without a name nobody reads.
	for as, want := range map[string]bool{"": false, "tanaka": true, "sato": true, "suzuki": true} {
		if got := sees(as); got != want {
			t.Errorf("as %q: shown %v, want %v", as, got, want)
		}
	}
	log, err := w.store.Accesses(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var readers []string
	for _, a := range log {
		if a.Act == "read private answers" {
			readers = append(readers, a.Person)
		}
	}
	if slices.Sort(readers); !slices.Equal(readers, []string{"sato", "suzuki"}) {
		t.Errorf("noted readers: %v; one's own needs no note", readers)
	}

	erase := func(at time.Time) int {
		s := &api.Server{Store: w.store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return at }}
		n, err := s.EraseAnswers(t.Context(), 30*24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := erase(time.Now().Add(365 * 24 * time.Hour)); n != 0 {
		t.Errorf("%d answers of an open run were erased", n)
	}
	w.abort(id)
	if n := erase(time.Now().Add(30*24*time.Hour - time.Minute)); n != 0 {
		t.Errorf("%d answers were erased too early", n)
	}
	if n := erase(time.Now().Add(30*24*time.Hour + time.Minute)); n != 1 {
		t.Errorf("%d answers were erased, want 1", n)
	}
	if sees("tanaka") {
		t.Error("what was erased is shown")
	}
	if got := w.people(api.PeopleFilter{}).Totals; got.Safe != 2 {
		t.Errorf("after erasing: %+v; the answers themselves stand", got)
	}
}

// The server erases by itself what has served.
func TestTheServerErasesWhatHasServed(t *testing.T) {
	w, c, id := gathered(t, nil)
	w.answers(workflows.CheckIn{Person: "tanaka", Safety: run.Safe, CanCome: true, Note: secretly})
	w.abort(id)
	docs := func() int {
		list, err := w.store.DocumentsOf(t.Context(), "answer")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if docs() != 1 {
		t.Fatalf("%d private answers are kept, want 1", docs())
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := &api.Server{Store: w.store, Engine: c, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(31 * 24 * time.Hour) }}
		s.Work(ctx, 30*24*time.Hour)
	}()
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for docs() > 0 {
		select {
		case <-deadline:
			t.Fatal("not erased within 30 s of the server's start")
		case <-tick.C:
		}
	}
	stop()
	<-ended
}

// Where rights are regulated, totals are for all, and how each of the others is for who may
// see it.
func TestTheListIsShownByRight(t *testing.T) {
	w, c, id := gathered(t, func(p *plan.Plan) {
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "ito", Roles: []string{"staff"}}, plan.Person{ID: "mori", Roles: []string{"secretariat"}})
		p.Estate.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayStart, plan.MayControl}}, {Role: "secretariat", May: []plan.Permission{plan.MayPeople}}}
	})
	w.answers(workflows.CheckIn{Person: "tanaka", Safety: run.BadlyHurt, Note: secretly})
	w.answers(workflows.CheckIn{Person: "ito", Safety: run.Safe, CanCome: true, Note: secretly})
	door := api.InProcess((&api.Server{Store: w.store, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler)}).Handler(), "en")
	for reader, want := range map[string]struct{ people, private int }{"ito": {1, 1}, "tanaka": {1, 1}, "mori": {5, 2}, "sato": {5, 2}} {
		p, err := door.People(identity.With(t.Context(), identity.Actor{Person: reader, Via: "session 9c01"}), id, api.PeopleFilter{As: "sato"})
		if err != nil {
			t.Fatalf("%s: %v", reader, err)
		}
		private := 0
		for _, m := range p.People {
			if m.Private != nil {
				private++
			}
		}
		if len(p.People) != want.people || private != want.private || p.Own != (want.people == 1) {
			t.Errorf("%s sees %d people and %d private parts (own %v); want %d and %d", reader, len(p.People), private, p.Own, want.people, want.private)
		}
		if p.Totals.Answered != 2 || p.Totals.BadlyHurt != 1 {
			t.Errorf("%s: totals %+v", reader, p.Totals)
		}
	}
}
