package board_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// blindScenario is withheld from those who take part. Quokkas and wombats are planted in it, and
// stand nowhere else.
func blindScenario() string {
	return `kind: Scenario
name: night-shift
title: {en: Quokka fire in the basement, ja: 地下室のクオッカ火災}
hazard: disaster
depth: live
blind: true
facilitators: [` + planner() + `]
sites_lost: [tokyo]
systems: [orders]
quorum: {operator: 6}
muster_place: osaka-room
failback: stay
injects:
  - {id: wombat-cable, title: {en: A wombat bites the cable, ja: ウォンバットがケーブルを噛む}, at: 0s, starts: orders, uses: sim.step, site: osaka, with: {dir: /tmp/wombat}}
decision: {by: commander, within: 10m, rule: wait}
`
}

var planted = []string{"quokka", "wombat", "クオッカ", "ウォンバット"}

const blind = "blind-k3j9x2mq4z" // as the API draws them

// recordBlind writes a blind drill in which its inject has struck and people are called, and returns the hash of its plan.
func (w *world) recordBlind() string {
	w.t.Helper()
	p, err := (files{w.dir}).Compile("night-shift", "")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.PutPlan(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
	inject := run.Event{Phase: run.Activation, Step: "wombat-cable", Action: "sim.step", Site: "osaka", Generation: 1}
	started, ended, released := inject, inject, inject
	started.Kind, ended.Kind, ended.Outcome, released.Kind = run.StepStarted, run.StepEnded, run.Passed, run.InjectReleased
	ended.Data = run.Encode(run.StepResult{SettledBy: run.ByResult, Attempts: 1})
	events := []run.Event{
		{Kind: run.RunStarted, By: personID(1), Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "night-shift", Hazard: run.Disaster, PlanHash: p.Hash})},
		{Kind: run.PhaseStarted, Phase: run.Activation}, released, started, ended,
		{Kind: run.EventOccurred, System: "orders", Data: run.Encode(run.Occurrence{At: begun.Add(5 * time.Second), Source: "inject"})},
		{Kind: run.PersonCalled, Person: personID(8), Phase: run.Activation, Data: run.Encode(run.Call{Channel: "mail", Roles: []string{"operator"}})},
		{Kind: run.PersonCalled, Person: personID(0), Phase: run.Activation, Data: run.Encode(run.Call{Channel: "mail", Roles: []string{"commander"}})},
		{Kind: run.PhaseStarted, Phase: run.SafetyCheck},
	}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = blind, "run", int64(i+1), begun.Add(time.Duration(i)*time.Second)
		if events[i].By == "" {
			events[i].By = run.Engine
		}
	}
	w.append(events...)
	return p.Hash
}

// hears reads what a stream says first.
func (b *browser) hears(path string) string {
	b.w.t.Helper()
	ctx, stop := context.WithTimeout(b.w.t.Context(), within)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.w.url+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	req.Header.Set("Accept-Language", b.lang)
	res, err := b.http.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if lines.Text() == "event: beat" {
			return text.String()
		}
	}
	b.w.t.Fatalf("the stream %s says nothing whole:\n%s", path, text.String())
	return ""
}

// Whoever takes part reads nothing of a blind drill before it is over, on no page, in no stream and
// in nothing that a page asks the API for; who plans it does, and so does everybody afterwards.
func TestBlindDrillsAreWithheldOnEveryPage(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	hash := w.recordBlind()
	w.record(drill, run.Response) // the other kind, so that each is marked beside the other
	link, err := w.ids.Link(t.Context(), blind, personID(8), identity.ForCheckIn, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	at := "/runs/" + blind
	pages := []string{"/", "/?wall", "/tasks", "/systems", "/scenarios", "/scenarios/night-shift", "/scenarios/night-shift?depth=tabletop", "/scenarios/night-shift?depth=real", "/activate", "/activate?scenario=night-shift",
		"/history", "/history?scenario=night-shift", "/programme", "/findings", "/people", at, at + "?wall", at + "/people", at + "/damage", at + "/report", at + "/report?format=json", at + "/control",
		at + "/do/assess?of=orders", at + "/do/order", at + "/do/strength", at + "/do/handover", "/runs/" + drill, "/l/" + link}
	streams := []string{"/live", "/live?own=now", "/live?own=tasks", at + "/live", at + "/live?own=" + blind, at + "/live?own=people", at + "/live?wall=" + blind, "/runs/" + drill + "/live"}
	told := func(person, lang string) (where []string) {
		b := w.browser(person)
		b.lang = lang
		look := func(path, text string) {
			words := planted
			if (strings.Contains(path, blind) || path == "/" || strings.HasPrefix(path, "/live") || path == "/tasks" || path == "api: run" || path == "api: events" || path == "api: runs" || path == "api: run's plan") && person != planner() {
				words = append([]string{"night-shift", hash[:8]}, planted...) // which scenario it is of is withheld as well
			}
			for _, word := range words {
				if strings.Contains(strings.ToLower(text), word) {
					where = append(where, path)
					return
				}
			}
		}
		for _, p := range pages {
			res, text := b.get(p)
			if res.StatusCode >= 500 {
				t.Errorf("%s for %s: %s", p, person, res.Status)
			}
			look(p, text)
		}
		for _, p := range streams {
			look(p, b.hears(p))
		}
		c, ctx := api.InProcess(w.api, lang), w.as(person)
		asked := map[string]func() (any, error){
			"run":        func() (any, error) { return c.Run(ctx, blind) },
			"events":     func() (any, error) { return c.Events(ctx, blind, 0, 0) },
			"runs":       func() (any, error) { return c.Runs(ctx, journal.Filter{Open: true}) },
			"run's plan": func() (any, error) { return c.RunPlan(ctx, blind) },
			"activation": func() (any, error) { return c.Activation(ctx, "night-shift") },
			"scenarios":  func() (any, error) { return c.Scenarios(ctx) },
		}
		for name, ask := range asked {
			if got, err := ask(); err == nil {
				text, err := json.Marshal(got)
				if err != nil {
					t.Fatal(err)
				}
				look("api: "+name, string(text))
			}
		}
		return where
	}
	for _, lang := range []string{"en", "ja"} {
		for _, person := range []string{personID(0), personID(8), personID(1)} { // who decides, who operates, who started it
			if where := told(person, lang); len(where) > 0 {
				t.Errorf("%s is told in %s on %q", person, lang, where)
			}
		}
		where := strings.Join(told(planner(), lang), " ")
		for _, must := range []string{at, at + "/live", "/scenarios/night-shift", at + "/report", "api: events", "api: run"} {
			if !strings.Contains(" "+where+" ", " "+must+" ") {
				t.Errorf("who plans it does not see it in %s on %s: %s", lang, must, where)
			}
		}
		if strings.Contains(where, "?wall") || strings.Contains(where, "/live?own=now") || strings.Contains(" "+where+" ", " / ") {
			t.Errorf("what many look at together tells it to who plans it: %s", where)
		}
	}
	_, page := w.browser(personID(8)).get(at)
	wants(t, "a participant's page", page, "Blind drill", "Order taking", "/act/checkin")
	w.shoot(t, personID(0), map[string]string{"blind": at})
	w.append(run.Event{Run: blind, Writer: "run", Seq: 100, At: w.now, Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})})
	_, page = w.browser(personID(8)).get(at)
	wants(t, "when it is over", page, "Quokka fire in the basement", "wombat-cable")
}
