package board_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// house is `muster up` in this process, with the personal tokens of its people.
type house struct {
	t   *testing.T
	url string
	api *api.Client
	ids *identity.Service
}

func newHouse(t *testing.T, files map[string]string) *house {
	t.Helper()
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := config.Config{Data: data, Plans: dir, Listen: "127.0.0.1:0", Engine: temporaltest.Binary(t)}
	ctx, cancel := context.WithCancel(context.Background())
	at, ended := make(chan string, 1), make(chan error, 1)
	said := &strings.Builder{}
	go func() {
		ended <- app.Up(ctx, app.Options{Config: c, Version: "test", Lang: i18n.EN, Talk: said, Log: slog.New(slog.DiscardHandler)}, func(api, _ string) { at <- api })
	}()
	h := &house{t: t}
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case h.url = <-at:
	case err := <-ended:
		ended <- err
		t.Fatalf("it did not start: %v\n%s", err, said)
	case <-time.After(within):
		t.Fatal("it did not start in time")
	}
	token, err := app.ReadToken(i18n.EN, c.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	h.api = api.Connect(h.url, token, "en")
	store, err := journal.Open(t.Context(), c.StoreURL()) // as a second server on the same records
	if err != nil {
		t.Fatal(err)
	}
	h.ids = identity.New(store, identity.Options{Console: token})
	t.Cleanup(func() { h.api.Close(); _ = store.Close() })
	return h
}

func (h *house) token(person string) string {
	h.t.Helper()
	secret, _, err := h.ids.Issue(h.t.Context(), person, "test", person, time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return secret
}

// as opens a tab in which somebody has signed in.
func (h *house) as(t *testing.T, person, lang string) *tab {
	t.Helper()
	b := open(t, h.url, lang)
	b.signIn(h.token(person))
	return b
}

func (h *house) report(id string) report.Report {
	h.t.Helper()
	text, err := h.api.Report(h.t.Context(), id, "json", "en")
	if err != nil {
		h.t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		h.t.Fatal(err)
	}
	return r
}

// until waits for a run's event of a kind.
func (h *house) until(id string, kind run.EventKind) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*within)
	defer cancel()
	for after := int64(0); ; {
		got, err := h.api.Events(ctx, id, after, 20*time.Second)
		if err != nil {
			h.t.Fatalf("waiting for %s: %v", kind, err)
		}
		for _, e := range got.Entries {
			if e.Event.Kind == kind {
				return
			}
		}
		if got.Ended {
			h.t.Fatalf("%s ended without %s", id, kind)
		}
		after = got.Next
	}
}

const crowd = 60

func crowdRole(n int) string {
	switch {
	case n < 2:
		return "commander"
	case n < 5:
		return "lead"
	case n < 12:
		return "operator"
	}
	return "staff"
}

// drillFiles are an estate of sixty people and a drill that moves a system, acted by people.
func drillFiles(t *testing.T) map[string]string {
	e := &strings.Builder{}
	e.WriteString(`kind: Estate
name: house
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo}, {name: osaka}]
muster_places: [{name: room, title: {en: Response room, ja: 対策本部室}, site: osaka}, {name: online, title: Online, online: true}]
systems:
  - {name: orders, title: {en: Order taking, ja: 受注システム}, home: tokyo, alternate: osaka, objectives: {rto: 1h}, drillable: [live], runbooks: {failover: orders-failover}}
people:
`)
	for n := range crowd {
		fmt.Fprintf(e, "  - {id: p%02d, name: {en: Person %02[1]d, ja: 職員%02[1]d}, roles: [%s], section: section-%d}\n", n, crowdRole(n), n%4)
	}
	return map[string]string{"estate.yaml": e.String(), "runbook.yaml": fmt.Sprintf(`kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: move, uses: sim.step, with: {dir: %s}}
  - {id: announce, uses: human.task, as: operator, with: {text: {en: Tell the branches, ja: 営業店へ連絡する}}}
`, filepath.Join(t.TempDir(), "sim")), "scenario.yaml": `kind: Scenario
name: loss
title: {en: Loss of Tokyo, ja: 東京拠点の喪失}
hazard: disaster
depth: live
phases: [activation, safety_check, muster, communications, damage_assessment, recovery_decision, recovery, verification, completion, closing]
systems: [orders]
quorum: {operator: 4, lead: 1, commander: 1}
approvals: 1
muster_place: online
failback: stay
hold: 500ms
verify_wait: 1s
fail_wait: 2h
safety: {remind: 10m, within: 1m, muster: 2h, task: 2h}
decision: {by: commander, within: 2h, rule: wait}
`}
}

// A whole drill, acted by sixty people in a real browser and by nothing else: the figures
// of the report are those of the script's own log.
func TestADrillThroughTheBoard(t *testing.T) {
	h := newHouse(t, drillFiles(t))
	commander := h.as(t, "p00", "ja")
	commander.to("/scenarios/loss")
	commander.press(`form[action="/start"] button`)
	commander.says("開始しました")
	id := "loss-1"
	if at := value[string](commander, "location.pathname"); strings.HasPrefix(at, "/runs/") {
		id = strings.TrimPrefix(at, "/runs/")
	}
	h.until(id, run.PersonCalled)

	log := struct {
		sync.Mutex
		safe, hurt, silent, here int
	}{}
	// Everybody has a phone of their own; four of them are looked at, at a time.
	next, all := make(chan int, crowd), sync.WaitGroup{}
	for n := range crowd {
		if n%12 == 5 { // they never answer
			log.silent++
			continue
		}
		next <- n
	}
	close(next)
	for range 4 {
		all.Go(func() {
			for n := range next {
				person, lang := fmt.Sprintf("p%02d", n), []string{"ja", "en"}[n%2]
				tapped := `button[value="safe"]`
				if n%10 == 7 {
					tapped = `button[value="lightly_hurt"]`
				}
				if n%20 == 19 {
					tapped = `button[value="badly_hurt"]`
				}
				b := h.as(t, person, lang)
				b.size(390, 844, true)
				b.to("/tasks")
				b.press(tapped)
				b.says(map[string]string{"ja": "安否の回答を記録しました", "en": "Your answer is recorded"}[lang])
				comes := n < 12 && n%10 != 7
				if comes {
					b.press(`form[action$="/act/arrive"] button`)
					b.says(map[string]string{"ja": "参集を記録しました", "en": "The arrival is recorded"}[lang])
				}
				log.Lock()
				if tapped == `button[value="safe"]` {
					log.safe++
				} else {
					log.hurt++
				}
				if comes {
					log.here++
				}
				log.Unlock()
				b.close()
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	h.until(id, run.QuorumReached)

	// Who leads acts from the page of the run, which tells them by itself what waits.
	commander.to("/runs/" + id)
	lead := h.as(t, "p02", "en")
	lead.to("/runs/" + id)
	lead.fill(`form[action$="/act/assess"]`, map[string]string{"damage": "stopped", "note": "no answer from Tokyo"})
	lead.says("The assessment is recorded")
	commander.fill(`form[action$="/act/decide"]`, map[string]string{"choice": "alternate", "reason": "待機系は正常"})
	commander.says("判断を記録しました")
	// Whoever asked for it can't approve it, and a second commander can.
	second := h.as(t, "p01", "en")
	second.to("/tasks")
	second.fill(`form[action$="/act/approve"]`, map[string]string{"reason": "seen"})
	second.says("The approval is recorded")
	operator := h.as(t, "p06", "ja")
	operator.to("/tasks")
	operator.fill(`form[action$="/act/step"]`, map[string]string{})
	operator.says("ステップへの操作を記録しました")
	for _, phase := range []string{"communications", "completion", "closing"} {
		commander.to("/tasks")
		form := `form[action$="/act/confirm"][data-key*="/` + phase + `/"]`
		commander.fill(form, map[string]string{"note": "特になし"})
		commander.says("報告を記録しました")
	}
	h.until(id, run.RunEnded)

	r := h.report(id)
	if r.People.Called != crowd || r.People.Safe != log.safe || r.People.Injured != log.hurt || r.People.Silent != log.silent || r.People.Mustered != log.here {
		t.Errorf("the report counts called %d, safe %d, injured %d, silent %d, mustered %d; the script %d, %d, %d, %d, %d",
			r.People.Called, r.People.Safe, r.People.Injured, r.People.Silent, r.People.Mustered, crowd, log.safe, log.hurt, log.silent, log.here)
	}
	for _, d := range r.Decisions {
		if d.Question == "recovery" && (d.By != "p00" || d.Answer != run.Alternate || d.Reason != "待機系は正常") {
			t.Errorf("the decision in the report is %+v", d)
		}
	}
	for _, s := range r.Steps {
		if s.Outcome != run.Passed {
			t.Errorf("step %s: %s (%s)", s.ID, s.Outcome, s.Reason)
		}
	}
	// The report is a page of the board too, and the history leads to it.
	commander.to("/history")
	commander.press(`a[href="/runs/` + id + `/report"]`)
	commander.until(`document.title.includes("` + id + `")`)
}

// fill fills in a form as a person does and sends it with its last button.
func (b *tab) fill(selector string, values map[string]string) {
	b.t.Helper()
	b.until("!!document.querySelector(" + quote(selector) + ")")
	for name, v := range values {
		radio := selector + ` input[type=radio][name="` + name + `"][value="` + v + `"]`
		if value[bool](b, "!!document.querySelector("+quote(radio)+")") {
			b.press(radio)
			continue
		}
		field := selector + ` [name="` + name + `"]`
		b.run(chromedp.ScrollIntoView(chromedp.CSS(field)), chromedp.SendKeys(chromedp.CSS(field), v))
	}
	b.press(selector + ` button:not([hidden])`)
}
