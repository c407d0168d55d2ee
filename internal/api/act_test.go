package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// send posts a body with a key, and returns the status and the body of the answer.
func (w *world) send(path, key string, body any) (int, []byte) {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.url+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(res.Body); err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, out.Bytes()
}

// faults.md row 35: a double click on two phones is one answer.
func TestDoubleClicksCountOnce(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	w.until(id, run.PersonCalled)
	const n = 30
	answers := make([]string, n)
	together(n, func(i int) {
		status, body := w.send("/api/v1/runs/"+id+"/checkin", "one-click", workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe, CanCome: true})
		if status != 200 {
			t.Errorf("click %d: %d %s", i, status, body)
		}
		answers[i] = string(body)
	})
	if slices.ContainsFunc(answers, func(a string) bool { return a != answers[0] }) {
		t.Errorf("the clicks got different answers: %q", answers)
	}
	// The same key with other content is another act, and is not swallowed.
	if status, body := w.send("/api/v1/runs/"+id+"/checkin", "one-click", workflows.CheckIn{Person: "suzuki", By: "tanaka", Safety: run.Injured}); status != 200 {
		t.Errorf("another person's answer under the same key: %d %s", status, body)
	}
	ev, err := w.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, e := range ev.Entries {
		if e.Event.Kind == run.PersonAnswered {
			count[e.Event.Person]++
		}
	}
	if count["tanaka"] != 1 || count["suzuki"] != 1 {
		t.Errorf("answers in the journal: %v, want one of tanaka and one of suzuki", count)
	}
}

func TestARealResponseByPeopleAlone(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.DecisionAsked)
	if got := w.waitingFor(id); !slices.Contains(got, progress.AwaitDecision) {
		t.Errorf("waiting for %v, want a decision", got)
	}

	_, err := w.Decide(ctx, id, workflows.Decide{By: "tanaka", Choice: run.Alternate, Reason: "no"})
	if p := problem(t, err); p.Status != 409 || p.Code != api.CodeRefused || !strings.Contains(p.Detail, "commander") {
		t.Errorf("an operator decided: %+v, want a refusal that names the commander", p)
	}
	if _, err := w.Decide(ctx, id, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"}); err != nil {
		t.Fatalf("decide: %v", err)
	}
	w.until(id, run.ApprovalAsked)
	_, err = w.Approve(ctx, id, workflows.Approve{By: "sato"})
	if p := problem(t, err); p.Code != api.CodeRefused {
		t.Errorf("the requester approved: %+v", p)
	}
	// What was refused stands in the record, but for strangers, whom it could not name.
	if _, err := w.Approve(ctx, id, workflows.Approve{By: "nobody"}); err == nil {
		t.Error("a stranger approved")
	}
	entries, err := w.Events(ctx, id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, e := range entries.Entries {
		if e.Event.Kind == run.ActRefused {
			refused = append(refused, e.Event.By+": "+e.Event.Reason)
		}
	}
	if len(refused) != 2 || !strings.Contains(refused[0], "tanaka: the decision is for the role commander") || !strings.Contains(refused[1], "sato: who asked for the recovery can't approve it") {
		t.Errorf("the journal has %q", refused)
	}
	if _, err := w.Approve(ctx, id, workflows.Approve{By: "suzuki"}); err != nil {
		t.Fatalf("approve: %v", err)
	}
	w.until(id, run.StepWaiting)

	_, err = w.Step(ctx, id, "anounce", api.StepRequest{Act: run.ActDone, By: "tanaka"})
	if p := problem(t, err); p.Status != 404 || p.Code != api.CodeUnknownStep || !strings.Contains(p.WayOut, `"announce"`) {
		t.Errorf("a mistyped step answered %+v", p)
	}
	if _, err := w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "tanaka"}); err != nil {
		t.Fatalf("step done: %v", err)
	}
	ended := w.until(id, run.StepEnded)
	if ended.Step != "announce" || ended.Outcome != run.Passed || ended.By != "tanaka" {
		t.Errorf("the step ended %+v, want announce passed by tanaka", ended)
	}
	_, err = w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "tanaka"})
	if p := problem(t, err); p.Status != 409 {
		t.Errorf("a step that does not wait was settled: %+v", p)
	}
	sys, err := w.System(ctx, "orders")
	if err != nil || !sys.Held || sys.Run != id {
		t.Errorf("orders is held by %+v, %v, want %s", sys, err, id)
	}
	w.until(id, run.RecordsAsked)
	_, err = w.Confirm(ctx, id, workflows.Confirm{Phase: run.Closing, By: "tanaka", Note: "nothing was hard"})
	if p := problem(t, err); p.Status != 409 {
		t.Errorf("who does not lead closed the records: %+v", p)
	}
	if _, err := w.Confirm(ctx, id, workflows.Confirm{Phase: run.Closing, By: "suzuki", Note: "nothing was hard"}); err != nil {
		t.Fatalf("closing: %v", err)
	}
	w.until(id, run.RunEnded)
	if sys, err := w.System(ctx, "orders"); err != nil || sys.Held || sys.Run != "" {
		t.Errorf("after the run orders is held: %+v, %v", sys, err)
	}
	_, err = w.CheckIn(ctx, id, workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe})
	if p := problem(t, err); p.Status != 409 || p.Code != api.CodeEnded {
		t.Errorf("an ended run took an answer: %+v", p)
	}
	_, err = w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "tanaka"})
	if p := problem(t, err); p.Status != 409 || p.Code != api.CodeEnded || !strings.Contains(p.WayOut, "muster report "+id) {
		t.Errorf("an ended run took a step: %+v", p)
	}
}

func TestUnknownRunsAreNamedNearly(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	_, err := w.Run(t.Context(), "tokyo-los-1")
	if p := problem(t, err); p.Status != 404 || p.Code != api.CodeUnknownRun || !strings.Contains(p.WayOut, id) {
		t.Errorf("reading: %+v, want 404 that names %s", p, id)
	}
	_, err = w.Pause(t.Context(), "tokyo-los-1", workflows.Control{By: "sato", Reason: "x"})
	if p := problem(t, err); p.Status != 404 || !strings.Contains(p.WayOut, id) {
		t.Errorf("acting: %+v, want 404 that names %s", p, id)
	}
}

// A reader that waits hears of an event at once, and is told when nothing came.
func TestEventsAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	w.until(id, run.DecisionAsked)
	seen, err := w.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	type heard struct {
		events api.Events
		err    error
	}
	got := make(chan heard, 1)
	go func() {
		ev, err := w.Events(t.Context(), id, seen.Next, 20*time.Second)
		got <- heard{ev, err}
	}()
	if _, err := w.Pause(t.Context(), id, workflows.Control{By: "sato", Reason: "lunch"}); err != nil {
		t.Fatal(err)
	}
	select {
	case h := <-got:
		if h.err != nil || len(h.events.Entries) == 0 || h.events.Entries[0].Event.Kind != run.RunPaused || h.events.Ended {
			t.Errorf("heard %+v, %v, want the pause", h.events, h.err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing heard within 30 s")
	}
	r, err := w.Run(t.Context(), id)
	if err != nil || r.Overview.State != run.Paused || r.Overview.StateBy != "sato" {
		t.Errorf("overview %+v, %v, want paused by sato", r.Overview.State, err)
	}
	if b, err := w.Report(t.Context(), id, "markdown", "ja"); err != nil || !strings.HasPrefix(string(b), "tokyo-loss markdown ja ") {
		t.Errorf("report = %q, %v", b, err)
	}
}
