package board_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A record store that is away signs nobody out: what was sent is told as not done and given back, and a
// page that is open keeps its last picture, says how old it is, and goes on by itself.
func TestARecordStoreThatIsAwaySignsNobodyOut(t *testing.T) {
	w := recorded(t)
	for lang, words := range map[string][]string{"en": {"nothing was done", "The record store is away", "What you had written"}, "ja": {"何も行っていません", "記録の保存先に接続できません", "入力されていた内容"}} {
		b := w.browser(personID(0))
		b.lang = lang
		w.read.away.Store(true)
		res, page := b.post("/runs/"+drill+"/act/abort", "reason", "Osaka is flooded", "sure", "yes", "key", "k", "back", "/runs/"+drill)
		if res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s", lang, res.Status)
		}
		wants(t, lang, page, append(words, "Osaka is flooded", `href="/runs/`+drill+`"`)...)
		if res, page := b.get("/"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Refresh") == "" || !strings.Contains(page, words[1]) {
			t.Errorf("%s: a page: %s, %v", lang, res.Status, res.Header)
		}
		if res, _ := b.get("/live"); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: a stream: %s", lang, res.Status)
		}
		w.read.away.Store(false)
	}

	b := open(t, w.url, "en")
	b.signIn(w.token(personID(0)))
	b.to("/tasks")
	b.until(`document.getElementById("fresh").textContent.includes("Live")`)
	b.run(chromedp.SendKeys(chromedp.CSS(`#mine textarea[name=reason], #mine input[name=reason]`), "half a sentence"))
	w.read.away.Store(true)
	b.until(`document.documentElement.classList.contains("stale") && location.pathname === "/tasks"`)
	w.read.away.Store(false)
	b.until(`!document.documentElement.classList.contains("stale") && document.getElementById("fresh").textContent.includes("Live")`)
	if typed := value[string](b, `document.querySelector("#mine textarea[name=reason], #mine input[name=reason]").value`); typed != "half a sentence" {
		t.Errorf("what was typed is %q", typed)
	}
	// Somebody whose sign-in is over does not lose it either.
	if err := w.ids.Disable(t.Context(), personID(0), personID(1), "left"); err != nil {
		t.Fatal(err)
	}
	b.says("SIGNED OUT")
	if typed := value[string](b, `document.querySelector("#mine textarea[name=reason], #mine input[name=reason]").value`); typed != "half a sentence" {
		t.Errorf("signed out, what was typed is %q", typed)
	}
}

// Whoever was signed out while their page had no connection is told that, and not that the server is silent.
func TestAStreamOfWhoWasSignedOutMeanwhileSaysSo(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	if err := w.ids.Disable(t.Context(), personID(0), personID(1), "left"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/live?own=tasks", "/runs/" + drill + "/live"} {
		if res, said := b.get(path); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || said != "event: signedout\ndata: \n\n" {
			t.Errorf("%s: %s, %q", path, res.Status, said)
		}
	}
}

// A form with photos is given back without them.
func TestAFormWithPhotosIsGivenBackInWords(t *testing.T) {
	w := recorded(t)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("photo", "x.jpg")
	if err == nil {
		_, err = part.Write(bytes.Repeat([]byte("x"), 200<<10))
	}
	if err == nil {
		err = form.WriteField("note", "the rack is wet")
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/runs/"+drill+"/act/assess", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, page := w.browser("").do(req)
	if res.StatusCode != http.StatusForbidden || !strings.Contains(page, "the rack is wet") {
		t.Errorf("%s\n%s", res.Status, page)
	}
}
