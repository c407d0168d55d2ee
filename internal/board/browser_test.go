package board_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/muster-dr/muster/internal/run"
)

// line is a connection to the board that can be cut and mended.
type line struct {
	*http.Server
	url string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{url: "http://" + ln.Addr().String(), conns: map[net.Conn]bool{}}
	l.Server = &http.Server{Handler: proxy, ReadHeaderTimeout: within, ConnState: func(c net.Conn, s http.ConnState) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s == http.StateClosed || s == http.StateHijacked {
			delete(l.conns, c)
			return
		}
		if l.conns[c] = true; l.cut {
			_ = c.Close()
		}
	}}
	go func() { _ = l.Serve(ln) }()
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// set cuts the line, with all that goes over it, or mends it.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut = cut; cut {
		for c := range l.conns {
			_ = c.Close()
		}
	}
}

// A wall whose line is cut says by itself that it is old, and is current again by itself
// once the line is mended, with what it missed.
func TestAWallGrowsStaleAndComesBack(t *testing.T) {
	w := recorded(t)
	l := newLine(t, w.url)
	b := open(t, l.url, "ja")
	b.size(1920, 1080, false)
	b.signIn(w.token(personID(0)))
	b.to("/runs/" + drill + "?wall")
	b.says("最新")
	if tall := value[float64](b, `document.querySelector(".wall-clock").getBoundingClientRect().height / innerHeight`); tall < 0.2 {
		t.Errorf("the clock takes %.0f %% of the height, which can't be read at five metres", tall*100)
	}
	if value[bool](b, `document.documentElement.scrollHeight > innerHeight + 1`) {
		t.Error("the wall would have to be scrolled")
	}
	l.set(true)
	b.until(`document.documentElement.classList.contains("stale")`)
	b.says("情報が古くなっています")
	frozen := value[string](b, `document.querySelector(".wall-clock .tick").textContent`)
	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.RunPaused, By: personID(0), Reason: "looked at"})
	if now := value[string](b, `document.querySelector(".wall-clock .tick").textContent`); now != frozen {
		t.Errorf("an old clock goes on as if it were live: %s, then %s", frozen, now)
	}
	l.set(false)
	b.until(`!document.documentElement.classList.contains("stale")`)
	b.says("一時停止中")
}

// What is said again does not take a button from under a finger, and a form that somebody is
// filling in stays, with the focus, when something else changes beside it.
func TestAFormIsNotTakenAway(t *testing.T) {
	w := recorded(t)
	b := open(t, w.url, "en")
	b.signIn(w.token(personID(0)))
	b.to("/runs/" + drill)
	note := `form[action$="/act/confirm"] textarea`
	b.until(`!!document.querySelector(` + quote(note) + `)`)
	if !value[bool](b, `(() => { window.button = document.querySelector("form[action$='/act/decide'] button"); return !!button; })()`) {
		t.Fatal("there is no decision to take")
	}
	b.run(chromedp.SendKeys(chromedp.CSS(note), "half a sent"))
	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.MessageSent, Data: run.Encode(run.Message{Text: "a word in between"})})
	b.says("a word in between")
	if !value[bool](b, `button.isConnected`) {
		t.Error("a form whose question is the same was replaced")
	}
	// Something else is asked now: what is being written stays all the same.
	w.append(run.Event{Run: drill, Writer: "later", Seq: 2, At: w.now, Kind: run.PhaseEnded, Phase: run.Containment, Outcome: run.Passed})
	b.until(`!document.querySelector("#mine").innerText.includes("containment")`)
	b.run(chromedp.KeyEvent("ence"))
	if got := value[string](b, `document.querySelector(`+quote(note)+`).value`); got != "half a sentence" {
		t.Errorf("what was being written is now %q", got)
	}
}

// The first view of a phone is small, and what it fetches for it altogether too.
func TestTheFirstViewOfAPhoneIsSmall(t *testing.T) {
	w := recorded(t)
	packed := func(text string) int {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.Len()
	}
	b := w.browser(personID(8))
	b.lang = "ja"
	for _, path := range []string{"/", "/tasks", "/runs/" + drill} {
		_, page := b.get(path)
		sheet := strings.Split(strings.Split(page, `rel="stylesheet" href="`)[1], `"`)[0]
		_, css := b.get(sheet)
		if n := packed(page) + packed(css); n > 14<<10 {
			t.Errorf("%s shows itself after %d bytes; 14 KB fit into the first round trip", path, n)
		}
	}
	phone := open(t, w.url, "ja")
	phone.size(390, 844, true)
	phone.signIn(w.token(personID(8)))
	phone.to("/runs/" + drill)
	if n := value[int64](phone, `performance.getEntriesByType("resource").filter(e => !e.name.includes("/live")).reduce((n, e) => n + e.encodedBodySize, 0) + performance.getEntriesByType("navigation")[0].encodedBodySize`); n == 0 || n > 100_000 {
		t.Errorf("the first load takes %d bytes, want less than 100 kB", n)
	}
	// Of the buttons of the safety check Enter presses none, wherever it is pressed.
	value[bool](phone, `(() => { window.sent = 0; document.addEventListener("submit", e => { sent++; e.preventDefault(); }); document.querySelector("form[action$='/act/checkin'] details").open = true; return true; })()`)
	for _, field := range []string{`input[value="online"]`, `input[name="phone"]`, `select[name="in_minutes"]`} {
		phone.run(chromedp.Focus(chromedp.CSS(`form[action$="/act/checkin"] `+field)), chromedp.KeyEvent(kb.Enter))
		if sent := value[int64](phone, "sent"); sent != 0 {
			t.Errorf("Enter on %s sends the form", field)
		}
	}
	if value[bool](phone, `[...document.querySelectorAll(".huge")].some(e => e.getBoundingClientRect().height < 44)`) {
		t.Error("a button of the safety check is smaller than a thumb")
	}
}

// contrast measures every text of a page against what lies behind it (WCAG 2.2, 1.4.3).
const contrast = `(() => {
	const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
	const luminance = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
	const parse = s => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
	const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const behind = e => {
		const layers = [];
		for (let x = e; x; x = x.parentElement) layers.push(parse(getComputedStyle(x).backgroundColor));
		return layers.reverse().reduce((under, l) => over(l, under), [255, 255, 255, 1]);
	};
	const bad = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let seen = 0;
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement, style = getComputedStyle(e);
		if (!walker.currentNode.textContent.trim() || !e.getClientRects().length || style.visibility == "hidden") continue;
		const svg = !!e.closest("svg");
		const box = svg && e.parentElement.querySelector("rect");
		const back = box ? parse(getComputedStyle(box).fill) : behind(svg ? e.closest("svg").parentElement : e);
		const front = over(parse(svg ? style.fill : style.color), back);
		const [a, b] = [luminance(front), luminance(back)].sort((x, y) => y - x);
		const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && parseInt(style.fontWeight) >= 700;
		seen++;
		if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) bad.push(e.className + ": " + walker.currentNode.textContent.trim().slice(0, 30) + " " + ((a + 0.05) / (b + 0.05)).toFixed(2));
	}
	return JSON.stringify({seen, bad});
})()`

func TestEveryTextCanBeRead(t *testing.T) {
	w := recorded(t)
	b := open(t, w.url, "en")
	b.signIn(w.token(personID(0)))
	for _, path := range allPages() {
		if strings.HasSuffix(path, "/report") { // its own pages are tested with the report
			continue
		}
		b.to(path)
		got := value[string](b, contrast)
		if strings.Contains(got, `"seen":0`) || !strings.Contains(got, `"bad":[]`) {
			t.Errorf("%s: %s", path, got)
		}
		// What is pressed is large enough (2.5.8), and every field has a name (4.1.2).
		if small := value[string](b, `[...document.querySelectorAll("button,.button,input:not([type=hidden]),select,textarea,nav a")].filter(e => e.getClientRects().length && (e.getBoundingClientRect().height < 24 && !e.closest("label"))).map(e => e.outerHTML).join()`); small != "" {
			t.Errorf("%s: too small to press: %s", path, small)
		}
		if nameless := value[string](b, `[...document.querySelectorAll("input:not([type=hidden]),select,textarea")].filter(e => !e.labels.length).map(e => e.outerHTML).join()`); nameless != "" {
			t.Errorf("%s: fields without a name: %s", path, nameless)
		}
		if images := value[string](b, `[...document.querySelectorAll("svg")].filter(e => e.getAttribute("aria-hidden") != "true" && !e.getAttribute("aria-label")).map(e => e.outerHTML.slice(0, 80)).join()`); images != "" {
			t.Errorf("%s: drawings that say nothing: %s", path, images)
		}
	}
	// At 400 % nothing has to be scrolled sideways (1.4.10): 1280 pixels become 320.
	b.size(320, 640, false)
	for _, path := range []string{"/", "/tasks", "/runs/" + drill, "/runs/" + drill + "/people", "/activate?scenario=tokyo-loss"} {
		b.to(path)
		if wide := value[int64](b, "document.documentElement.scrollWidth"); wide > 320 {
			t.Errorf("%s is %d pixels wide on 320", path, wide)
		}
	}
}

// smallFiles are two people and a drill in which one step waits for a person.
func smallFiles(t *testing.T) map[string]string {
	return map[string]string{"estate.yaml": `kind: Estate
name: small
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo}, {name: osaka}]
muster_places: [{name: online, title: Online, online: true}]
systems:
  - {name: orders, title: {en: Order taking, ja: 受注システム}, home: tokyo, alternate: osaka, objectives: {rto: 1h}, drillable: [live], runbooks: {failover: orders-failover}}
people:
  - {id: sato, name: {en: Sato Misaki, ja: 佐藤 美咲}, roles: [commander, operator]}
  - {id: tanaka, name: {en: Tanaka Yui, ja: 田中 結衣}, roles: [operator]}
`, "runbook.yaml": fmt.Sprintf(`kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: move, uses: sim.step, with: {dir: %s}}
  - {id: announce, uses: human.task, as: operator, with: {text: {en: Tell the branches, ja: 営業店へ連絡する}}}
`, filepath.Join(t.TempDir(), "sim")), "scenario.yaml": `kind: Scenario
name: small
title: {en: Loss of Tokyo, ja: 東京拠点の喪失}
hazard: disaster
depth: live
phases: [activation, safety_check, muster, recovery_decision, recovery, verification, closing]
systems: [orders]
quorum: {operator: 1}
approvals: 0
muster_place: online
failback: stay
hold: 500ms
verify_wait: 1s
fail_wait: 2h
safety: {remind: 10m, within: 20s, muster: 2h, task: 2h}
decision: {by: commander, within: 2h, rule: wait}
`}
}

// Every act that matters works without a script, and by keyboard alone.
func TestActsWithoutAScriptAndByKeyboard(t *testing.T) {
	h := newHouse(t, smallFiles(t))
	b := open(t, h.url, "en")
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.to("/login")
	// Only the tab key, letters, space and enter, as the focus goes.
	b.byKeyboard("#token", h.token("sato"))
	b.says2("Sign out")
	b.to("/scenarios/small")
	b.byKeyboard(`form[action="/start"] button`, "")
	b.says2("The run has started")
	b.until2(func() bool { return b.there(`button[value="safe"]`) })
	b.byKeyboard(`form[action$="/act/checkin"] summary`, "")
	b.byKeyboard(`input[name="phone"]`, "090-0000-0000") // of several buttons, Enter in a field presses none
	b.byKeyboard(`button[value="safe"]`, "")
	b.says2("Your answer is recorded")
	b.byKeyboard(`form[action$="/act/arrive"] button`, "")
	b.says2("The arrival is recorded")
	b.until2(func() bool { return b.there(`input[name="choice"][value="alternate"]`) })
	b.byKeyboard(`input[name="choice"][value="alternate"]`, " ") // the first of its group
	b.byKeyboard(`form[action$="/act/decide"] textarea`, "the standby is whole")
	b.byKeyboard(`form[action$="/act/decide"] button`, "")
	b.says2("The decision is recorded")
	b.until2(func() bool { return b.there(`form[action$="/act/step"] button[value="done"]`) })
	old := &world{t: t, url: h.url, ids: h.ids}
	if res, body := old.browser("sato").post("/runs/small-1/act/step", "step", "announce", "system", "orders", "act", "done", "wait", "1", "key", "old"); res.StatusCode != http.StatusConflict || !strings.Contains(body, "out of date") {
		t.Errorf("an answer to what a step waited for before: %s\n%s", res.Status, body)
	}
	b.byKeyboard(`form[action$="/act/step"] button[value="done"]`, "")
	b.says2("Your word on the step is recorded")
	b.until2(func() bool { return b.there(`form[action$="/act/confirm"]`) })
	b.byKeyboard(`form[action$="/act/confirm"] textarea`, "nothing was hard")
	b.byKeyboard(`form[action$="/act/confirm"] button`, "")
	h.until("small-1", run.RunEnded)
	r := h.report("small-1")
	if r.People.Safe != 1 || r.People.Mustered != 1 || r.People.Silent != 1 {
		t.Errorf("the report counts %+v", r.People)
	}
	events, err := h.api.Events(context.WithoutCancel(t.Context()), "small-1", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	answers := 0
	for _, e := range events.Entries {
		if e.Event.Kind == run.PersonAnswered {
			answers++
		}
	}
	if answers != 1 {
		t.Errorf("%d answers to the safety check, want the one that was pressed", answers)
	}
}

// A double click counts once, and what no longer waits says so.
func TestADoubleClickCountsOnce(t *testing.T) {
	h := newHouse(t, smallFiles(t))
	w := &world{t: t, url: h.url, ids: h.ids}
	sato, tanaka := w.browser("sato"), w.browser("tanaka")
	res, _ := sato.post("/start", "kind", "drill", "scenario", "small", "key", "start-1")
	again, _ := sato.post("/start", "kind", "drill", "scenario", "small", "key", "start-1")
	if res.StatusCode != http.StatusSeeOther || again.Header.Get("Location") != res.Header.Get("Location") || !strings.HasPrefix(res.Header.Get("Location"), "/runs/small-1?ok=start") {
		t.Fatalf("a double start leads to %q and %q", res.Header.Get("Location"), again.Header.Get("Location"))
	}
	id := "small-1"
	path := "/runs/" + id + "/act/"
	h.until(id, run.PersonCalled)
	for range 2 {
		if res, body := sato.post(path+"checkin", "safety", "safe", "key", "one"); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("an answer: %s\n%s", res.Status, body)
		}
	}
	sato.post(path+"arrive", "key", "two")
	h.until(id, run.DecisionAsked)
	if res, body := tanaka.post(path+"decide", "system", "orders", "choice", "alternate", "reason", "x", "key", "t"); res.StatusCode < 400 || !strings.Contains(body, "commander") {
		t.Errorf("somebody else decides: %s\n%s", res.Status, body)
	}
	if res, body := sato.post(path+"approve", "key", "a"); res.StatusCode < 400 || !strings.Contains(body, "no approval is being asked for") {
		t.Errorf("approval of what does not wait: %s\n%s", res.Status, body)
	}
	for range 2 {
		if res, body := sato.post(path+"decide", "system", "orders", "choice", "alternate", "reason", "whole", "key", "d"); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("the decision, clicked twice: %s\n%s", res.Status, body)
		}
	}
	if res, body := sato.post(path+"abort", "reason", "x", "key", "ab"); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "tick") {
		t.Errorf("an abort without its tick: %s\n%s", res.Status, body)
	}
	if res, body := sato.post(path+"abort", "reason", "end of the test", "sure", "yes", "key", "ab"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("an abort: %s\n%s", res.Status, body)
	}
	h.until(id, run.RunEnded)
	events, err := h.api.Events(context.WithoutCancel(t.Context()), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := map[run.EventKind]int{}
	for _, e := range events.Entries {
		if e.Event.By == "sato" {
			count[e.Event.Kind]++
		}
	}
	if count[run.PersonAnswered] != 1 || count[run.DecisionMade] != 1 || count[run.RunStarted] != 1 {
		t.Errorf("what was clicked twice is in the record so often: %v", count)
	}
}

// there reports whether an element is on the page. With scripts switched off the page runs
// none, and the browser can still be asked.
func (b *tab) there(selector string) bool {
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	ids, err := chromedp.Run(ctx, chromedp.QueryNodeIDs(chromedp.CSSAll(selector), chromedp.AtLeast(0)))
	return err == nil && len(ids) > 0
}

// aLook is the pause between two looks at a page: without one the asking would keep the page from coming.
const aLook = 100 * time.Millisecond

// until2 asks for the page again until it is so, as people without scripts do.
func (b *tab) until2(so func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * within); !so(); {
		if time.Now().After(deadline) {
			b.t.Fatalf("it does not come; the page says:\n%s", b.text())
		}
		<-time.After(aLook)
		b.to("/tasks")
	}
}

func (b *tab) says2(text string) {
	b.t.Helper()
	for deadline := time.Now().Add(within); !strings.Contains(b.text(), text); {
		if time.Now().After(deadline) {
			b.t.Fatalf("it does not say %q:\n%s", text, b.text())
		}
		<-time.After(aLook)
	}
}

// byKeyboard goes to an element with the tab key, types, and presses enter on what is a
// button or a one-line field.
func (b *tab) byKeyboard(selector, keys string) {
	b.t.Helper()
	focused := func() bool { return b.there(selector + ":focus") }
	if !b.there(selector) {
		b.t.Fatalf("there is no %s; the page says:\n%s", selector, b.text())
	}
	for n := 0; !focused(); n++ {
		if n > 80 {
			b.t.Fatalf("the tab key does not lead to %s", selector)
		}
		b.run(chromedp.KeyEvent(kb.Tab))
		if b.there(strings.Split(selector, "[value")[0]+":focus") && strings.HasPrefix(selector, "input[name=\"choice\"]") {
			break // a group of radios takes the focus as one
		}
	}
	switch {
	case strings.Contains(selector, "textarea"):
		b.run(chromedp.KeyEvent(keys))
	case strings.HasPrefix(selector, "input[name=\"choice\"]"):
		b.run(chromedp.KeyEvent(" "))
	case keys != "":
		b.run(chromedp.KeyEvent(keys), chromedp.KeyEvent(kb.Enter))
	default:
		b.run(chromedp.KeyEvent(kb.Enter))
	}
}
