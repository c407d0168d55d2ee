package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// fenced are plans with a fence beside the person's task, at a site that has no worker.
type fenced struct{ files }

func (f fenced) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := f.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	p.Runbooks[0].Steps = append(p.Runbooks[0].Steps, plan.Step{ID: "fence", Uses: "site.fence", Site: "tokyo", Effect: run.Disrupt,
		Timeout: d(time.Minute), Queue: d(time.Second), Prerequisite: true})
	return p, p.Seal()
}

// Whoever issued somebody's token is not a second person by it.
func TestATokenOfAnotherIsNoSecondPerson(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, fenced{})
	secret, _, err := w.identity.Issue(t.Context(), "suzuki", "laptop", "sato", 0)
	if err != nil {
		t.Fatal(err)
	}
	given := api.Connect(w.url, secret, "en")
	t.Cleanup(given.Close)
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.RunStarted)
	for name, act := range map[string]func() error{
		"start":   func() error { _, err := given.Start(t.Context(), response("tokyo-fire", "")); return err },
		"approve": func() error { _, err := given.Approve(t.Context(), id, workflows.Approve{Reason: "x"}); return err },
		"decide": func() error {
			_, err := given.Decide(t.Context(), id, workflows.Decide{Choice: run.Alternate, Reason: "x"})
			return err
		},
		"force": func() error {
			_, err := given.Step(t.Context(), id, "announce", api.StepRequest{Act: run.ActDone, BreakGlass: true, Reason: "x"})
			return err
		},
	} {
		if p := problem(t, act()); p.Status != 403 || !strings.Contains(p.Detail, "issued by sato") || !strings.Contains(p.WayOut, "muster people token") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, err := given.Remark(t.Context(), id, workflows.Remark{Text: "the lift stands still"}); err != nil {
		t.Errorf("what counts by nobody: %v", err)
	}
	log, err := w.store.Accesses(t.Context(), 0, 0)
	if err != nil || !slices.ContainsFunc(log, func(a journal.Access) bool { return a.Person == "suzuki" && a.Outcome == "forbidden" && a.From != "" }) {
		t.Errorf("access log: %+v, %v", log, err)
	}
	// What the run's own rules refuse is a conflict, and entered as well.
	tanaka := w.as("tanaka")
	_, err = tanaka.Approve(t.Context(), id, workflows.Approve{Reason: "x"})
	if p := problem(t, err); p.Status != 409 {
		t.Errorf("an operator approves: %+v", p)
	}
	log, err = w.store.Accesses(t.Context(), 0, 0)
	if err != nil || !slices.ContainsFunc(log, func(a journal.Access) bool { return a.Person == "tanaka" && a.Outcome == "refused" && a.From != "" }) {
		t.Errorf("access log: %+v, %v", log, err)
	}
	own, err := given.IssueToken(t.Context(), api.TokenRequest{Name: "my own"})
	if err != nil {
		t.Fatal(err)
	}
	mine := api.Connect(w.url, own.Secret, "en")
	t.Cleanup(mine.Close)
	// The run's own rule: who started it has had the secret that this one was issued with.
	_, err = mine.Approve(t.Context(), id, workflows.Approve{Reason: "x"})
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "issued by sato") {
		t.Errorf("with a token of one's own, issued with the starter's: %+v", p)
	}
	other, _, err := w.identity.Issue(t.Context(), "suzuki", "phone", "yamada", 0)
	if err != nil {
		t.Fatal(err)
	}
	free := api.Connect(w.url, other, "en")
	t.Cleanup(free.Close)
	if own, err = free.IssueToken(t.Context(), api.TokenRequest{Name: "my own"}); err != nil {
		t.Fatal(err)
	}
	free = api.Connect(w.url, own.Secret, "en")
	t.Cleanup(free.Close)
	if _, err := free.Approve(t.Context(), id, workflows.Approve{Reason: "x"}); err != nil {
		t.Errorf("with a token of one's own: %v", err)
	}
	if e := w.until(id, run.ActivationConfirmed); e.By != "suzuki" || !strings.HasSuffix(e.Via, " issued by yamada") {
		t.Errorf("the record says by %q via %q", e.By, e.Via)
	}
	// Vouching for a fence takes two people, so that it is held as the rest; one's own task is not.
	w.until(id, run.DecisionAsked)
	if _, err := w.Decide(t.Context(), id, workflows.Decide{System: "orders", By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"}); err != nil {
		t.Fatal(err)
	}
	w.until(id, run.ApprovalAsked)
	if _, err := free.Approve(t.Context(), id, workflows.Approve{Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"fence", "announce"} {
		w.follow(id, "the wait of "+step, func(e run.Event) bool { return e.Kind == run.StepWaiting && e.Step == step })
	}
	vouch := api.StepRequest{Act: run.ActDone, Reason: "its power is off"}
	_, err = given.Step(t.Context(), id, "fence", vouch)
	if p := problem(t, err); p.Status != 403 || !strings.Contains(p.Detail, "issued by sato") {
		t.Errorf("a fence is vouched for: %+v", p)
	}
	if _, err := given.Step(t.Context(), id, "announce", api.StepRequest{Act: run.ActDone}); err != nil {
		t.Errorf("a task of one's own: %v", err)
	}
	if done, err := free.Step(t.Context(), id, "fence", vouch); err != nil || !done.Unconfirmed {
		t.Errorf("with a token of one's own: %+v, %v", done, err)
	}
	w.abort(id)
}
