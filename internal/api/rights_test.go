package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// granting are the plan files with rights by role.
type granting struct{ files }

func (g granting) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := g.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	p.Estate.Grants = []plan.Grant{
		{Role: "commander", May: []plan.Permission{plan.MayStart, plan.MayDecide, plan.MayApprove, plan.MayControl, plan.MayProxy}},
		{Role: "operator", May: []plan.Permission{plan.MayOperate}},
	}
	return p, p.Seal()
}

func TestServerHoldsRightsBeforeAnythingBegins(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, granting{})
	_, err := w.as("tanaka").Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill})
	if p := problem(t, err); p.Status != 403 || !strings.Contains(p.Detail, "start") || !strings.Contains(p.WayOut, "commander") {
		t.Errorf("starting without the right: %+v", p)
	}
	if list, err := w.store.Plan(t.Context(), "x"); err == nil {
		t.Errorf("a plan was kept: %+v", list)
	}
	id := w.start(api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, Depth: run.Live, By: "sato"}).Run
	_, err = w.as("tanaka").CheckIn(t.Context(), id, workflows.CheckIn{Person: "suzuki", Safety: run.Safe})
	if p := problem(t, err); p.Status != 403 || !strings.Contains(p.Detail, "proxy") {
		t.Errorf("answering for somebody without the right: %+v", p)
	}
	// Suzuki may enter answers for others, under their own name and not by a link of theirs.
	_, err = w.as("suzuki").MakeLink(t.Context(), id, api.LinkRequest{Person: "tanaka", Purpose: identity.ForCheckIn})
	if p := problem(t, err); p.Status != 403 {
		t.Errorf("a link of somebody else: %+v", p)
	}
	if _, err := w.as("tanaka").CheckIn(t.Context(), id, workflows.CheckIn{Safety: run.Safe}); err != nil {
		t.Errorf("answering for oneself: %v", err)
	}
	_, err = w.as("tanaka").Pause(t.Context(), id, workflows.Control{Reason: "x"})
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "control") {
		t.Errorf("pausing without the right: %+v", p)
	}
	w.abort(id)
}

// Four eyes and break-glass on a real engine, where a runbook is a workflow of its own and
// its run has to hear of it to tell everybody.
func TestForcingAloneIsToldToEverybody(t *testing.T) {
	w := newWorld(t)
	sato, tanaka, suzuki := w.as("sato"), w.as("tanaka"), w.as("suzuki")
	begun, err := sato.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Response, Reason: "smoke in the computer room"})
	if err != nil {
		t.Fatal(err)
	}
	id := begun.Run
	w.until(id, run.ActivationAsked)
	_, err = sato.Approve(t.Context(), id, workflows.Approve{For: workflows.ApproveActivation})
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "another person") {
		t.Errorf("confirming one's own activation: %+v", p)
	}
	// Two confirm at once: one wins, the other is told by whom it is confirmed.
	w.until(id, run.DecisionAsked)
	if _, err := suzuki.Approve(t.Context(), id, workflows.Approve{}); err != nil {
		t.Fatalf("a second person: %v", err)
	}
	_, err = suzuki.Approve(t.Context(), id, workflows.Approve{For: workflows.ApproveActivation})
	if p := problem(t, err); !strings.Contains(p.Detail, "suzuki") {
		t.Errorf("once more: %+v", p)
	}
	if _, err := sato.Decide(t.Context(), id, workflows.Decide{Choice: run.Alternate, Reason: "as planned"}); err != nil {
		t.Fatal(err)
	}
	_, err = suzuki.Decide(t.Context(), id, workflows.Decide{System: "orders", Choice: run.StandDown, Reason: "no"})
	if p := problem(t, err); !strings.Contains(p.Detail, "sato") || !strings.Contains(p.Detail, "--instead") {
		t.Errorf("a second decision: %+v", p)
	}
	w.until(id, run.ApprovalAsked)
	if _, err := suzuki.Approve(t.Context(), id, workflows.Approve{}); err != nil {
		t.Fatal(err)
	}
	w.until(id, run.StepWaiting)
	if _, err := tanaka.Step(t.Context(), id, "announce", api.StepRequest{Act: run.ActSkip, Reason: "no line to the branches"}); err != nil {
		t.Fatal(err)
	}
	_, err = tanaka.Step(t.Context(), id, "announce", api.StepRequest{Act: run.ActSkip, Reason: "no line to the branches"})
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "another person confirms it") {
		t.Errorf("the same person again: %+v", p)
	}
	if _, err := tanaka.Step(t.Context(), id, "announce", api.StepRequest{Act: run.ActSkip, Reason: "nobody else is awake", BreakGlass: true}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	told := false
	for after := int64(0); !told; {
		ev, err := w.Events(ctx, id, after, 20*time.Second)
		if err != nil {
			t.Fatalf("waiting for the message to everybody: %v", err)
		}
		told = slices.ContainsFunc(ev.Entries, func(e api.Entry) bool {
			var m run.Message
			return e.Event.Kind == run.MessageSent && e.Event.Decode(&m) == nil && strings.Contains(m.Text, "nobody else is awake") && slices.Contains(m.To, "sato")
		})
		after = ev.Next
		if ev.Ended && !told {
			t.Fatal("the run ended and nobody was told")
		}
	}
}
