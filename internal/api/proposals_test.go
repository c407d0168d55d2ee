package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// An alarm that names no scenario is closed by those who may start one, as the estate has
// them now, and by nobody when it can't say.
func TestWhoClosesAnAlarmThatNamesNothing(t *testing.T) {
	w := newWorld(t)
	body, err := json.Marshal(alarm.Proposal{ID: "p-1", State: alarm.Open, Kind: run.Response, Source: "jma", Trouble: plan.Text{EN: "no scenario matches"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: "p-1", Body: body}); err != nil {
		t.Fatal(err)
	}
	estate := func(context.Context) (plan.Estate, error) {
		return plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"chief"}}, {ID: "tanaka", Roles: []string{"staff"}}}, Grants: []plan.Grant{{Role: "chief", May: []plan.Permission{plan.MayStart}}}}, nil
	}
	dismiss := func(s *api.Server, by string) error {
		s.Store, s.Plans, s.Token, s.Log = w.store, files{}, token, slog.New(slog.DiscardHandler)
		_, err := api.InProcess(s.Handler(), "en").DismissProposal(identity.With(t.Context(), identity.Actor{Person: by, Via: "session 9c01"}), "p-1", api.ProposalRequest{Reason: "a test of the line"})
		return err
	}
	for _, by := range []string{"tanaka", "mallory"} {
		if p := problem(t, dismiss(&api.Server{Estate: estate}, by)); by == "tanaka" && (p.Status != 403 || !strings.Contains(p.Detail, "start")) || by == "mallory" && p.Status != 422 {
			t.Errorf("%s closes it: %+v", by, p)
		}
	}
	if err := dismiss(&api.Server{}, "sato"); err == nil {
		t.Error("closed where nobody is known")
	}
	if err := dismiss(&api.Server{Estate: estate}, "sato"); err != nil {
		t.Errorf("closing it: %v", err)
	}
}

// What is started is the plan that somebody has looked at, as with an activation.
func TestAnAlarmStartsThePlanThatWasRead(t *testing.T) {
	w := newWorld(t)
	body, err := json.Marshal(alarm.Proposal{ID: "p-1", State: alarm.Open, Kind: run.Response, Scenario: "tokyo-loss", Source: "jma", Summary: plan.Text{EN: "an earthquake", JA: "地震"}, RaisedAt: time.Now(), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: "p-1", Body: body}); err != nil {
		t.Fatal(err)
	}
	_, err = w.StartProposal(t.Context(), "p-1", api.ProposalRequest{By: "sato", PlanHash: strings.Repeat("0", 64)})
	if err == nil {
		t.Fatal("it started another plan than the one that was read")
	}
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "changed since you looked") {
		t.Errorf("%+v", p)
	}
	a, err := w.Activation(t.Context(), "tokyo-loss")
	if err != nil {
		t.Fatal(err)
	}
	begun, err := w.StartProposal(t.Context(), "p-1", api.ProposalRequest{By: "sato", PlanHash: a.PlanHash})
	if err != nil {
		t.Fatal(err)
	}
	w.abort(begun.Run)
}
