package board_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

const drill = "tokyo-loss-1"

// recorded is a board 18 minutes into the recorded drill.
func recorded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record(drill, run.Drill)
	return w
}

// allPages are what somebody who has signed in can open.
func allPages() []string {
	return []string{"/", "/?wall", "/tasks", "/systems", "/scenarios", "/scenarios/tokyo-loss", "/scenarios/tokyo-loss?depth=tabletop", "/history", "/programme", "/findings?state=all", "/people", "/activate", "/activate?scenario=tokyo-loss",
		"/runs/" + drill + "/damage", "/runs/" + drill + "/do/relocate", "/runs/" + drill + "/do/handover", "/runs/" + drill + "/do/strength", "/runs/" + drill + "/do/order", "/runs/" + drill + "/do/custody", "/runs/" + drill + "/do/notice",
		"/runs/" + drill + "/do/assess", "/runs/" + drill + "/do/assess?of=orders", "/runs/" + drill + "/do/inspect?of=tokyo", "/runs/" + drill + "/do/situation",
		"/runs/" + drill, "/runs/" + drill + "?wall", "/runs/" + drill + "/people", "/runs/" + drill + "/people?only=silent", "/runs/" + drill + "/control", "/runs/" + drill + "/report", "/nowhere", "/runs/no-such-run"}
}

func (w *world) events() int {
	w.t.Helper()
	list, err := w.store.Events(w.t.Context(), drill, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

var inlined = regexp.MustCompile(`(?i)<[^>]+\s(on[a-z]+|style)=|<style|<script(?:>| [^>]*[^/]>[^<])|javascript:`)

func TestEveryPageIsLockedDown(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	for _, path := range allPages() {
		res, body := b.get(path)
		h := res.Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %q: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "form-action 'self'") && !strings.Contains(csp, "form-action 'none'") {
			t.Errorf("%s: the policy is loose: %s", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, h)
		}
		if !strings.HasSuffix(path, "/report") {
			if found := inlined.FindString(body); found != "" {
				t.Errorf("%s holds %q, which its policy forbids", path, found)
			}
		}
	}
	_, page := b.get("/")
	asset := regexp.MustCompile(`/static/board\.[0-9a-f]{12}\.js`).FindString(page)
	if res, body := b.get(asset); res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") || !strings.Contains(body, "EventSource") {
		t.Errorf("the script %q: %s, %v", asset, res.Status, res.Header)
	}
}

func TestWhoHasNotSignedInSeesNothing(t *testing.T) {
	w := recorded(t)
	b := w.browser("")
	for _, path := range []string{"/live", "/runs/" + drill + "/live", "/runs/none/live"} {
		if _, body := b.get(path); body != "event: signedout\ndata: \n\n" {
			t.Errorf("GET %s: %s", path, body)
		}
	}
	for _, path := range allPages() {
		res, body := b.get(path)
		if strings.Contains(body, "Tokyo") || res.StatusCode == http.StatusOK {
			t.Errorf("GET %s: %s\n%s", path, res.Status, body)
		}
	}
	before := w.events()
	for _, path := range []string{"/runs/" + drill + "/act/abort", "/runs/" + drill + "/act/checkin", "/start", "/acting"} {
		if res, page := b.post(path, "reason", "because <b>", "sure", "yes", "back", "/tasks"); res.StatusCode != http.StatusForbidden || !strings.Contains(page, "nothing was done") ||
			!strings.Contains(page, "because &lt;b&gt;") || !strings.Contains(page, `href="/login?back=%2Ftasks"`) {
			t.Errorf("POST %s: %s, want what was written, and the way to the sign-in:\n%s", path, res.Status, page)
		}
	}
	if w.events() != before {
		t.Error("somebody who has not signed in has changed the record")
	}
}

func TestAGetChangesNothing(t *testing.T) {
	w := recorded(t)
	link, err := w.ids.Link(t.Context(), drill, personID(8), identity.ForCheckIn, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	before := w.events()
	b := w.browser(personID(0))
	for _, path := range append(allPages(), "/l/"+link, "/logout", "/lang?lang=ja", "/runs/"+drill+"/act/abort?reason=x&sure=yes", "/start?scenario=tokyo-loss&kind=drill") {
		b.get(path)
	}
	if _, page := b.get("/"); !strings.Contains(page, "Sato Misaki") {
		t.Error("a GET has signed somebody out")
	}
	if _, page := b.get("/l/" + link); !strings.Contains(page, `value="safe"`) {
		t.Errorf("the link's page does not ask:\n%s", page)
	}
	if w.events() != before {
		t.Error("a GET has changed the record")
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	link, err := w.ids.Link(t.Context(), drill, personID(8), identity.ForCheckIn, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	before := w.events()
	for _, path := range []string{"/runs/" + drill + "/act/abort", "/runs/" + drill + "/act/decide", "/start", "/logout", "/lang", "/acting", "/login", "/l/" + link} {
		for name, set := range map[string]func(http.Header){
			"marked by the browser": func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
			"with a foreign origin": func(h http.Header) { h.Set("Origin", "https://evil.example") },
			"of another port":       func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site") },
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(form("reason", "x", "sure", "yes", "safety", "safe")))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			set(req.Header)
			if res, body := b.do(req); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "another site") {
				t.Errorf("POST %s %s: %s\n%s", path, name, res.Status, body)
			}
		}
	}
	if w.events() != before {
		t.Error("another site's form has changed the record")
	}
	if res, _ := b.get("/tasks"); res.StatusCode != http.StatusOK {
		t.Errorf("another site's form has signed somebody out: %s", res.Status)
	}
}

const script = `"'><script>window.pwned=1</script><img src=x onerror=window.pwned=1>`

// What people write stands in pages as they wrote it, and is never taken for markup.
func TestWhatPeopleWriteIsText(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	p := &w.plan
	p.Scenario.Title.EN, p.Scenario.Title.JA = "scenario "+script, "scenario "+script
	for i := range p.Estate.People {
		p.Estate.People[i].Name.EN, p.Estate.People[i].Name.JA, p.Estate.People[i].Section = "person "+script, "person "+script, "section "+script
	}
	for i := range p.Systems {
		p.Systems[i].Title.EN = "system " + script
		for j := range p.Systems[i].Probes {
			p.Systems[i].Probes[j].Title.EN = "function " + script
		}
	}
	for i := range p.Runbooks {
		for j := range p.Runbooks[i].Steps {
			p.Runbooks[i].Steps[j].Title.EN = "step " + script
		}
	}
	for i := range p.Estate.Places {
		p.Estate.Places[i].Title.EN = "place " + script
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutPlan(t.Context(), *p); err != nil {
		t.Fatal(err)
	}
	w.record(drill, run.Drill)
	at := begun.Add(17 * time.Minute)
	w.append(
		run.Event{Run: drill, Writer: "people", Seq: 1, At: at, Kind: run.RunPaused, By: personID(0), Reason: "reason " + script},
		run.Event{Run: drill, Writer: "people", Seq: 2, At: at, Kind: run.MessageSent, Data: run.Encode(run.Message{Text: "message " + script + "\revent: signedout\rdata: planted"})},
		run.Event{Run: drill, Writer: "people", Seq: 3, At: at, Kind: run.PersonAnswered, Person: personID(9), By: personID(9), Reason: "note " + script, Data: run.Encode(run.Answer{Safety: run.Injured, Note: "note " + script})},
		run.Event{Run: drill, Writer: "people", Seq: 4, At: at, Kind: run.LockKept, System: "portal", Reason: "lock " + script},
		run.Event{Run: drill, Writer: "people", Seq: 5, At: at, Kind: run.WorkerAbsent, Site: "site " + script},
		run.Event{Run: drill, Writer: "people", Seq: 6, At: at, Kind: run.StepWaiting, System: "orders", Step: "announce", Runbook: "orders-failover", Reason: "why " + script, Data: run.Encode(run.Wait{Kind: run.WaitHuman, Role: "service-desk", Text: "task " + script, Acts: []run.Act{run.ActDone}})},
		run.Event{Run: drill, Writer: "people", Seq: 7, At: at, Kind: run.PhaseEnded, Phase: run.Communications, Outcome: run.Failed, Reason: "phase " + script},
		run.Event{Run: drill, Writer: "people", Seq: 8, At: at, Kind: run.DamageAssessed, System: "orders", By: personID(2), Phase: run.DamageAssessment, Reason: "damage " + script, Data: run.Encode(run.Assessment{Component: "part " + script, Damage: run.DamageStopped, Source: "person", Repair: run.Duration(time.Hour), Ground: "ground " + script})},
		run.Event{Run: drill, Writer: "people", Seq: 9, At: at, Kind: run.SiteInspected, Site: "tokyo", By: personID(2), Phase: run.SiteInspection, Reason: "inspection " + script, Data: run.Encode(run.Inspection{Overall: run.Restricted, Usable: true, Items: []run.CheckedItem{{Item: "item " + script, State: run.Unusable, Note: "itemnote " + script}}, Inspectors: []string{"inspector " + script}})},
		run.Event{Run: drill, Writer: "people", Seq: 10, At: at, Kind: run.OrderGiven, By: personID(2), Data: run.Encode(run.Order{ID: "order-1", Purpose: run.ForContractor, Party: "carrier", What: "order " + script})},
		run.Event{Run: drill, Writer: "people", Seq: 11, At: at, Kind: run.CustodyMoved, By: personID(2), Data: run.Encode(run.Custody{ID: "custody-1", What: "medium " + script, From: "vault " + script, To: "truck " + script, TakenBy: "carrier " + script})},
	)
	link, err := w.ids.Link(t.Context(), drill, personID(8), identity.ForArrival, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	check := func(who, path, body string) {
		t.Helper()
		if strings.Contains(body, "<script>window") || strings.Contains(body, "<img src=x") || strings.Contains(body, `"'>`) {
			t.Errorf("%s as %s takes what people wrote for markup", path, who)
		}
		for _, field := range []string{"scenario", "person", "section", "system", "function", "step", "place", "reason", "message", "lock", "site", "why", "task", "phase", "damage", "part", "ground", "inspection", "item", "itemnote", "inspector", "order", "medium", "vault", "truck", "carrier"} {
			if strings.Contains(body, field+" &#34;&#39;&gt;&lt;script&gt;") {
				seen[field] = true
			}
		}
	}
	for _, who := range []string{personID(0), personID(8), personID(17)} { // commander, silent operator, service desk
		b := w.browser(who)
		for _, path := range allPages() {
			_, body := b.get(path)
			check(who, path, body)
		}
		_, body := b.get("/nowhere/" + url.PathEscape(script))
		check(who, "the page of what is not there", body)
		_, body = b.post("/runs/"+drill+"/act/"+url.PathEscape(script), "back", script)
		check(who, "an act that is none", body)
		_, body = b.post("/start", "kind", "response", "scenario", "tokyo-loss", "typed", script)
		check(who, "the confirmation", body)
		_, body = b.get("/l/" + link)
		check(who, "a link", body)
		for name, text := range w.stream(t, b, "/runs/"+drill+"/live?own="+drill, "", 1) {
			check(who, "fragment "+name, text)
			if name == "signedout" {
				t.Error("what somebody wrote is taken for an event of the stream")
			}
		}
	}
	for _, field := range []string{"scenario", "person", "section", "system", "function", "step", "place", "reason", "message", "lock", "site", "why", "task", "phase", "damage", "part", "ground", "inspection", "item", "itemnote", "inspector", "order", "medium", "vault", "truck", "carrier"} {
		if !seen[field] {
			t.Errorf("no page shows what stands in %q: this test would not notice", field)
		}
	}
}

func TestAFormOfTenMegabytesIsRefusedWithAWord(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	before := w.events()
	for _, path := range []string{"/runs/" + drill + "/act/confirm", "/start", "/lang"} {
		res, body := b.post(path, "note", strings.Repeat("あ", 10<<20/9), "phase", "containment")
		if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "more than 64 KB") {
			t.Errorf("POST %s: %s\n%s", path, res.Status, body)
		}
	}
	b.lang = "ja"
	if _, body := b.post("/start", "note", strings.Repeat("x", 10<<20)); !strings.Contains(body, "64 KBを超えている") {
		t.Errorf("in Japanese: %s", body)
	}
	if w.events() != before {
		t.Error("a form that was refused has changed the record")
	}
}

func TestLanguagesFollowTheReader(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	for accept, want := range map[string]string{"ja": "ja", "ja-JP,en;q=0.5": "ja", "en-US,ja;q=0.5": "en", "de,ja;q=0.5": "ja", "": "en", "fr": "en"} {
		b.lang = accept
		if accept == "" {
			b.lang = "*"
		}
		if res, body := b.get("/"); !strings.Contains(body, `<html lang="`+want+`"`) || res.Header.Get("Content-Language") != want {
			t.Errorf("Accept-Language %q: not in %s", accept, want)
		}
	}
	b.lang = "en"
	if res, _ := b.post("/lang", "lang", "ja", "back", "/systems"); res.Header.Get("Location") != "/systems" {
		t.Errorf("the switch leads to %q", res.Header.Get("Location"))
	}
	for _, path := range allPages() {
		if _, body := b.get(path); !strings.Contains(body, `lang="ja"`) {
			t.Errorf("%s is not in Japanese after the switch", path)
		}
	}
	for _, elsewhere := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil"} {
		if res, _ := b.post("/lang", "lang", "en", "back", elsewhere); res.Header.Get("Location") != "/" {
			t.Errorf("the way back %q leads to %q", elsewhere, res.Header.Get("Location"))
		}
	}
}

// Who answered what, and how people are reached, is shown by right; a wall shows nobody.
func TestPersonalDataIsShownByRight(t *testing.T) {
	w := recorded(t)
	answered := "Kobayashi Ichiro" // silent so far
	phone := "+81 3 5550 0110"
	for who, sees := range map[string]bool{personID(0): true, personID(1): true, personID(30): false} {
		b := w.browser(who)
		if _, body := b.get("/runs/" + drill + "/people?only=silent"); strings.Contains(body, answered) != sees {
			t.Errorf("%s sees who is silent: %v, want %v", who, !sees, sees)
		}
		if _, body := b.get("/people"); strings.Contains(html.UnescapeString(body), phone) != sees {
			t.Errorf("%s sees other people's numbers: %v, want %v", who, !sees, sees)
		}
		for _, path := range []string{"/?wall", "/runs/" + drill + "?wall"} {
			_, body := b.get(path)
			for n := range 60 {
				if person, _ := w.plan.Estate.Person(personID(n)); strings.Contains(body, person.Name.EN) || strings.Contains(body, person.ID) {
					t.Errorf("the wall at %s shows %s", path, person.ID)
				}
			}
		}
		for name, text := range w.stream(t, b, "/runs/"+drill+"/live", "", 1) {
			if name == "wall" && (strings.Contains(text, "Sato") || strings.Contains(text, personID(1))) {
				t.Errorf("the wall's fragment shows somebody: %s", text)
			}
		}
	}
}

func TestButtonsAreForThoseWhoMayPressThem(t *testing.T) {
	w := recorded(t)
	for _, c := range []struct {
		who  string
		acts []string // forms that are there
	}{
		{personID(0), []string{"decide", "confirm"}}, // commander
		{personID(6), []string{"step", "confirm"}},   // operator
		{personID(8), []string{"checkin", "step"}},   // silent operator: first things first
		{personID(30), nil},                          // staff, answered
		{personID(2), []string{"confirm"}},           // the commander's deputy, who is here
	} {
		_, body := w.browser(c.who).get("/tasks")
		for _, act := range []string{"decide", "step", "checkin", "approve"} {
			want := false
			for _, a := range c.acts {
				want = want || a == act
			}
			if got := strings.Contains(body, "/act/"+act+`"`); got != want {
				t.Errorf("%s finds the form %q: %v, want %v", c.who, act, got, want)
			}
		}
		for _, form := range strings.Split(body, "<form")[1:] {
			form, _, _ = strings.Cut(form, "</form>")
			if buttons := strings.Split(form, "<button")[1:]; len(buttons) > 1 && !strings.HasPrefix(buttons[0], ` type="submit" disabled hidden`) {
				t.Errorf("%s: Enter in a field presses the first of several buttons:\n%s", c.who, form)
			}
		}
	}
}

func TestLinksThatDoNotWorkSaySo(t *testing.T) {
	w := recorded(t)
	link := func(person string) string {
		t.Helper()
		text, err := w.ids.Link(t.Context(), drill, person, identity.ForCheckIn, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	revoked, good := link(personID(8)), ""
	if err := w.ids.RevokeLinks(t.Context(), identity.Links{Person: personID(8)}, "sato"); err != nil {
		t.Fatal(err)
	}
	good = link(personID(13))
	foreign, err := w.ids.Link(t.Context(), "another-run-1", personID(8), identity.ForArrival, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	before := w.events()
	for name, c := range map[string]struct{ text, words string }{
		"forged":  {good[:len(good)-3] + "AAA", "not made by this server"},
		"revoked": {revoked, "revoked"},
		"cut":     {good[:20], "not made by this server"},
		"foreign": {foreign, ""},
	} {
		b := w.browser("")
		for _, ask := range []func() (*http.Response, string){
			func() (*http.Response, string) { return b.get("/l/" + c.text) },
			func() (*http.Response, string) { return b.post("/l/"+c.text, "safety", "safe") },
		} {
			res, body := ask()
			if res.StatusCode < 400 || !strings.Contains(body, c.words) || strings.Contains(body, "Loss of the Tokyo") {
				t.Errorf("a %s link: %s\n%s", name, res.Status, body)
			}
		}
	}
	if w.events() != before {
		t.Error("a link that does not work has changed the record")
	}
}

func TestSignInTellsWhyNot(t *testing.T) {
	w := recorded(t)
	b := w.browser("")
	if res, body := b.post("/login", "token", "wrong"); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "missing or wrong") {
		t.Errorf("a wrong token: %s\n%s", res.Status, body)
	}
	secret := w.token(personID(4))
	if err := w.ids.Disable(context.WithoutCancel(t.Context()), personID(4), "sato", "left"); err != nil {
		t.Fatal(err)
	}
	if res, body := b.post("/login", "token", secret); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "disabled") {
		t.Errorf("somebody disabled: %s\n%s", res.Status, body)
	}
	if res, _ := b.post("/login", "token", w.token(personID(5)), "back", "https://evil.example/"); res.Header.Get("Location") != "/" {
		t.Errorf("after the sign-in it goes to %q", res.Header.Get("Location"))
	}
	if res, _ := b.post("/acting", "person", personID(0)); res.StatusCode != http.StatusForbidden {
		t.Errorf("a person acts as somebody else: %s", res.Status)
	}
}

// The console is nobody until it says as whom it acts, and a cookie of that name gives
// nobody else anything.
func TestTheConsoleSaysAsWhomItActs(t *testing.T) {
	w := recorded(t)
	b := w.browser("")
	if res, body := b.post("/login", "token", consoleToken); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the server's own token: %s\n%s", res.Status, body)
	}
	if _, body := b.get("/tasks"); !strings.Contains(body, "as whom you act") || strings.Contains(body, "/act/decide") {
		t.Errorf("the console is somebody before it says who:\n%s", body)
	}
	if res, _ := b.post("/runs/"+drill+"/act/confirm", "phase", "containment"); res.StatusCode != http.StatusConflict {
		t.Errorf("an act of nobody: %s", res.Status)
	}
	if res, body := b.post("/acting", "person", "nobody-such"); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "nobody-such") {
		t.Errorf("a stranger: %s", res.Status)
	}
	b.post("/acting", "person", personID(0), "back", "/tasks")
	if _, body := b.get("/tasks"); !strings.Contains(body, "/act/decide") {
		t.Errorf("the console acts as the commander and finds no decision:\n%s", body)
	}
	other := w.browser(personID(30))
	other.http.Jar.SetCookies(nil, []*http.Cookie{{Name: "muster-acting", Value: personID(0)}})
	if _, body := other.get("/tasks"); strings.Contains(body, "/act/decide") {
		t.Error("a cookie lets a person act as the commander")
	}
}
