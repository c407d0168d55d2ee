package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// as is a client that comes with a person's own token.
func (w *world) as(person string) *api.Client {
	w.t.Helper()
	secret, _, err := w.identity.Issue(w.t.Context(), person, "test", person, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	c := api.Connect(w.url, secret, "en")
	w.t.Cleanup(c.Close)
	return c
}

func TestActsAreUnderWhoeverAsks(t *testing.T) {
	w := newWorld(t)
	sato := w.as("sato")
	begun, err := sato.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, Depth: run.Live})
	if err != nil || begun.StartedBy != "sato" {
		t.Fatalf("started %+v, %v, want by sato", begun, err)
	}
	if e := w.until(begun.Run, run.RunStarted); e.By != "sato" || !strings.HasPrefix(e.Via, "token ") {
		t.Errorf("the start is recorded as by %q via %q", e.By, e.Via)
	}
	w.until(begun.Run, run.DecisionAsked)
	if _, err := sato.Decide(t.Context(), begun.Run, workflows.Decide{Choice: run.Alternate, Reason: "as planned", Via: "token of somebody else"}); err != nil {
		t.Fatal(err)
	}
	if e := w.until(begun.Run, run.DecisionMade); e.By != "sato" || !strings.HasPrefix(e.Via, "token ") || strings.Contains(e.Via, "somebody") {
		t.Errorf("the decision is recorded as by %q via %q", e.By, e.Via)
	}
	w.until(begun.Run, run.StepWaiting)
	if _, err := w.as("tanaka").Step(t.Context(), begun.Run, "announce", api.StepRequest{Act: run.ActDone}); err != nil {
		t.Fatal(err)
	}
	if e := w.until(begun.Run, run.StepActed); e.By != "tanaka" || !strings.HasPrefix(e.Via, "token ") {
		t.Errorf("the step is recorded as by %q via %q", e.By, e.Via)
	}
	w.abort(begun.Run)
	if e := w.until(begun.Run, run.RunAbortRequested); e.By != "sato" || e.Via != "console" {
		t.Errorf("what the console did is recorded as by %q via %q", e.By, e.Via)
	}
}

// Every act that exists refuses to be somebody else's.
func TestNobodyActsAsSomebodyElse(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	w.until(id, run.DecisionAsked)
	tanaka := w.as("tanaka")
	before, err := w.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, act := range map[string]func() error{
		"start": func() error { _, err := tanaka.Start(t.Context(), drill("sato")); return err },
		"checkin": func() error {
			_, err := tanaka.CheckIn(t.Context(), id, workflows.CheckIn{By: "sato", Person: "tanaka", Safety: run.Safe})
			return err
		},
		"arrive": func() error { _, err := tanaka.Arrive(t.Context(), id, workflows.Arrive{By: "sato"}); return err },
		"inspect": func() error {
			_, err := tanaka.Inspect(t.Context(), id, workflows.Inspect{By: "sato", Site: "osaka"})
			return err
		},
		"assess": func() error {
			_, err := tanaka.Assess(t.Context(), id, workflows.Assess{By: "sato", System: "orders", Damage: run.DamageNone})
			return err
		},
		"decide": func() error {
			_, err := tanaka.Decide(t.Context(), id, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "x"})
			return err
		},
		"approve": func() error { _, err := tanaka.Approve(t.Context(), id, workflows.Approve{By: "sato"}); return err },
		"confirm": func() error {
			_, err := tanaka.Confirm(t.Context(), id, workflows.Confirm{By: "sato", Phase: run.Closing, Note: "x"})
			return err
		},
		"abort": func() error {
			_, err := tanaka.Abort(t.Context(), id, workflows.Control{By: "sato", Reason: "x"})
			return err
		},
		"pause": func() error {
			_, err := tanaka.Pause(t.Context(), id, workflows.Control{By: "sato", Reason: "x"})
			return err
		},
		"step": func() error {
			_, err := tanaka.Step(t.Context(), id, "announce", api.StepRequest{By: "sato", Act: run.ActDone})
			return err
		},
		"release": func() error {
			_, err := tanaka.Release(t.Context(), "orders", workflows.Control{By: "sato", Reason: "x"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if p := problem(t, act()); p.Status != 403 || p.Code != api.CodeRefused || !strings.Contains(p.Detail, "tanaka") || p.WayOut == "" {
				t.Errorf("answered %+v, want 403 that names who asks", p)
			}
		})
	}
	log, err := w.Accesses(t.Context(), 0, 100)
	if err != nil || !slices.ContainsFunc(log, func(a api.Access) bool {
		return a.Outcome == "forbidden" && a.Person == "tanaka" && strings.Contains(a.Object, "/decide") && a.From != ""
	}) {
		t.Errorf("the access log does not say that tanaka tried: %+v, %v", log, err)
	}
	after, err := w.Events(t.Context(), id, 0, 0)
	if err != nil || after.Next != before.Next {
		t.Errorf("the journal grew from %d to %d, %v: what is refused changes nothing", before.Next, after.Next, err)
	}
}

func TestAnswerEnteredForSomebodyNamesBoth(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	if _, err := w.as("tanaka").CheckIn(t.Context(), id, workflows.CheckIn{Person: "suzuki", Safety: run.Safe}); err != nil {
		t.Fatal(err)
	}
	if e := w.until(id, run.PersonAnswered); e.By != "tanaka" || e.Person != "suzuki" {
		t.Errorf("recorded by %q about %q", e.By, e.Person)
	}
}

// linked is a client that comes with a signed link, as the link's page does.
func linked(t *testing.T, w *world, id, person string, p identity.Purpose) (*api.Client, context.Context) {
	t.Helper()
	text, err := w.identity.Link(t.Context(), id, person, p, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.identity.OpenLink(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return api.InProcess(w.handler, "en"), identity.With(t.Context(), a)
}

func TestLinkDoesItsOneActInItsOneRun(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	other := w.start(api.StartRequest{Scenario: "tokyo-fire", Kind: run.Drill, By: "sato"}).Run
	c, ctx := linked(t, w, id, "tanaka", identity.ForCheckIn)
	if _, err := c.CheckIn(ctx, id, workflows.CheckIn{Safety: run.Safe}); err != nil {
		t.Fatalf("what the link is for: %v", err)
	}
	if e := w.until(id, run.PersonAnswered); e.By != "tanaka" || e.Person != "tanaka" || !strings.HasPrefix(e.Via, "link ") {
		t.Errorf("recorded by %q about %q via %q", e.By, e.Person, e.Via)
	}
	me, err := c.Me(ctx)
	if err != nil || me.Link == nil || me.Link.Run != id || me.Link.Title.EN != "Loss of Tokyo" || me.Person != "tanaka" {
		t.Errorf("the page learns %+v, %v", me, err)
	}
	for name, act := range map[string]func() error{
		"for somebody else": func() error {
			_, err := c.CheckIn(ctx, id, workflows.CheckIn{Person: "sato", Safety: run.Safe})
			return err
		},
		"in another run": func() error { _, err := c.CheckIn(ctx, other, workflows.CheckIn{Safety: run.Safe}); return err },
		"another act":    func() error { _, err := c.Arrive(ctx, id, workflows.Arrive{}); return err },
		"a decision": func() error {
			_, err := c.Decide(ctx, id, workflows.Decide{Choice: run.Alternate, Reason: "x"})
			return err
		},
		"a start": func() error {
			_, err := c.Start(ctx, api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill})
			return err
		},
		"reading the run":    func() error { _, err := c.Run(ctx, id); return err },
		"reading its events": func() error { _, err := c.Events(ctx, id, 0, 0); return err },
		"a token":            func() error { _, err := c.IssueToken(ctx, api.TokenRequest{}); return err },
		"the access log":     func() error { _, err := c.Accesses(ctx, 0, 10); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if p := problem(t, act()); p.Status != 403 || p.Code != api.CodeRefused {
				t.Errorf("answered %+v, want 403", p)
			}
		})
	}
}

// A GET, as the programs make that fetch links for a preview, changes nothing.
func TestReadingActsOnNothing(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	w.until(id, run.DecisionAsked)
	before, _ := w.Events(t.Context(), id, 0, 0)
	for _, act := range []string{"checkin", "arrive", "decide", "approve", "abort", "pause", "confirm"} {
		if status, _ := w.ask("GET", "/api/v1/runs/"+id+"/"+act, "", map[string]string{"Authorization": "Bearer " + token}); status != 405 && status != 404 {
			t.Errorf("GET %s answered %d", act, status)
		}
	}
	if after, err := w.Events(t.Context(), id, 0, 0); err != nil || after.Next != before.Next {
		t.Errorf("the journal grew from %d to %d, %v", before.Next, after.Next, err)
	}
}

func TestSessionOfABrowserActsThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	rec := httptest.NewRecorder()
	if err := w.identity.SignIn(t.Context(), rec, httptest.NewRequest("POST", "/", nil), identity.Actor{Person: "tanaka", Via: "oidc"}); err != nil {
		t.Fatal(err)
	}
	cookie := rec.Result().Cookies()[0]
	post := func(header map[string]string) int {
		req, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/api/v1/runs/"+id+"/checkin", strings.NewReader(`{"safety":"safe","can_come":true}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for k, v := range header {
			req.Header.Set(k, v)
		}
		req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	// Another site's page rides on the cookie: refused, whatever the browser let through.
	if got := post(map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}); got != 403 {
		t.Errorf("another site's page was answered %d", got)
	}
	if got := post(map[string]string{"Sec-Fetch-Site": "same-origin"}); got != 200 {
		t.Errorf("the own page was answered %d", got)
	}
	if e := w.until(id, run.PersonAnswered); e.By != "tanaka" || !strings.HasPrefix(e.Via, "session ") {
		t.Errorf("recorded by %q via %q", e.By, e.Via)
	}
}

func TestDisabledPersonCanNotAct(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	tanaka := w.as("tanaka")
	if _, err := tanaka.CheckIn(t.Context(), id, workflows.CheckIn{Safety: run.Safe}); err != nil {
		t.Fatal(err)
	}
	if err := w.DisablePerson(t.Context(), "tanaka", "left the company"); err != nil {
		t.Fatal(err)
	}
	_, err := tanaka.CheckIn(t.Context(), id, workflows.CheckIn{Safety: run.Safe})
	if p := problem(t, err); p.Status != 401 || !strings.Contains(p.Detail, "tanaka") || !strings.Contains(p.WayOut, "enable") {
		t.Errorf("answered %+v", p)
	}
	log, err := w.Accesses(t.Context(), 0, 100)
	if err != nil || !slices.ContainsFunc(log, func(a api.Access) bool { return a.Act == "disable" && a.Object == "tanaka" && a.Person == "console" }) ||
		!slices.ContainsFunc(log, func(a api.Access) bool { return a.Act == "sign in" && a.Person == "tanaka" && a.Outcome == "disabled" }) {
		b, _ := json.Marshal(log)
		t.Errorf("the access log says %s, %v", b, err)
	}
}

// A mistyped name is not said to be shut out, while who is meant goes on.
func TestOnlySomebodyIsShutOut(t *testing.T) {
	w := newWorld(t)
	w.server.Estate = func(context.Context) (plan.Estate, error) {
		return plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"commander"}}, {ID: "tanaka", Roles: []string{"operator"}}}}, nil
	}
	id := w.start(drill("sato")).Run
	tanaka := w.as("tanaka")
	w.as("ito") // has left the estate, and has a token still
	for name, c := range map[string]struct {
		act    func() error
		status int
		says   string
	}{
		"a person":            {func() error { return w.DisablePerson(t.Context(), "tanaca", "the phone is stolen") }, 422, `"tanaka"`},
		"links of a person":   {func() error { return w.RevokeLinks(t.Context(), api.RevokeLinksRequest{Person: "tanaca"}) }, 422, `"tanaka"`},
		"links of a run":      {func() error { return w.RevokeLinks(t.Context(), api.RevokeLinksRequest{Run: id + "0"}) }, 404, `"` + id + `"`},
		"a link that is none": {func() error { return w.RevokeLinks(t.Context(), api.RevokeLinksRequest{ID: "22d0"}) }, 422, "12 hexadecimal digits"},
	} {
		if p := problem(t, c.act()); p.Status != c.status || !strings.Contains(p.Error(), c.says) {
			t.Errorf("%s, mistyped: %+v, want %d that says %s", name, p, c.status, c.says)
		}
	}
	if list, err := w.DisabledPeople(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("disabled: %+v, %v", list, err)
	}
	if _, err := tanaka.CheckIn(t.Context(), id, workflows.CheckIn{Safety: run.Safe}); err != nil {
		t.Errorf("who was meant, and not named: %v", err)
	}
	for name, err := range map[string]error{
		"a person of the estate":  w.DisablePerson(t.Context(), "tanaka", "the phone is stolen"),
		"once more":               w.DisablePerson(t.Context(), "tanaka", "the phone is stolen"),
		"who has a token only":    w.DisablePerson(t.Context(), "ito", "left the company"),
		"links of a person":       w.RevokeLinks(t.Context(), api.RevokeLinksRequest{Person: "tanaka"}),
		"links of a run":          w.RevokeLinks(t.Context(), api.RevokeLinksRequest{Run: id}),
		"a link, as the log says": w.RevokeLinks(t.Context(), api.RevokeLinksRequest{ID: "0a1b2c3d4e5f"}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.server.Estate = func(context.Context) (plan.Estate, error) {
		return plan.Estate{}, errors.New("estate.yaml:1: mistaken")
	}
	if err := w.DisablePerson(t.Context(), "suzuki", "left the company"); err != nil {
		t.Errorf("while the plan files have a mistake: %v", err)
	}
	w.server.Estate = nil
	w.abort(id)
}

func TestTokensAreOnesOwnAffair(t *testing.T) {
	w := newWorld(t)
	tanaka, sato := w.as("tanaka"), w.as("sato")
	issued, err := tanaka.IssueToken(t.Context(), api.TokenRequest{Name: "phone"})
	if err != nil || issued.Person != "tanaka" || issued.Secret == "" || issued.By != "tanaka" {
		t.Fatalf("one's own token: %+v, %v", issued, err)
	}
	list, err := tanaka.Tokens(t.Context(), "tanaka")
	if err != nil || len(list) != 2 {
		t.Errorf("one's own list has %d tokens, %v, want 2", len(list), err)
	}
	for name, act := range map[string]func() error{
		"issue":   func() error { _, err := sato.IssueToken(t.Context(), api.TokenRequest{Person: "tanaka"}); return err },
		"list":    func() error { _, err := sato.Tokens(t.Context(), "tanaka"); return err },
		"all":     func() error { _, err := sato.Tokens(t.Context(), ""); return err },
		"revoke":  func() error { _, err := sato.RevokeToken(t.Context(), issued.ID); return err },
		"disable": func() error { return sato.DisablePerson(t.Context(), "tanaka", "x") },
		"enable":  func() error { return sato.EnablePerson(t.Context(), "tanaka") },
		"log":     func() error { _, err := sato.Accesses(t.Context(), 0, 10); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if p := problem(t, act()); p.Status != 403 || p.WayOut == "" {
				t.Errorf("of somebody else: %+v, want 403", p)
			}
		})
	}
	if _, err := tanaka.RevokeToken(t.Context(), issued.ID); err != nil {
		t.Fatal(err)
	}
	gone := api.Connect(w.url, issued.Secret, "ja")
	defer gone.Close()
	_, err = gone.Me(t.Context())
	if p := problem(t, err); p.Status != 401 || !strings.Contains(p.Detail, "取り消されています") {
		t.Errorf("a revoked token was answered %+v", p)
	}
	_, err = w.RevokeToken(t.Context(), "nothing")
	if p := problem(t, err); p.Status != 404 {
		t.Errorf("a token that is not there: %+v", p)
	}
}
