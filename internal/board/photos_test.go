package board_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// snapshot is a photo as a phone takes it.
func snapshot(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		m.Set(i%64, i/64, color.RGBA{uint8(4 * (i % 64)), uint8(5 * (i / 64)), 90, 255})
	}
	b := &bytes.Buffer{}
	if err := jpeg.Encode(b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// upload sends a form with a photo, as a page of the board would.
func (b *browser) upload(path string, photo []byte, pairs ...string) (*http.Response, string) {
	return b.uploadAll(path, [][]byte{photo}, pairs...)
}

// uploadAll sends a form with several photos.
func (b *browser) uploadAll(path string, photos [][]byte, pairs ...string) (*http.Response, string) {
	b.w.t.Helper()
	body := &bytes.Buffer{}
	m := multipart.NewWriter(body)
	for i := 0; i < len(pairs); i += 2 {
		if err := m.WriteField(pairs[i], pairs[i+1]); err != nil {
			b.w.t.Fatal(err)
		}
	}
	for i, photo := range photos {
		part, err := m.CreateFormFile("photo", fmt.Sprintf("IMG_%04d.jpg", i+1))
		if err != nil {
			b.w.t.Fatal(err)
		}
		_, _ = part.Write(photo)
	}
	_ = m.Close()
	req, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// What is no photo, or too large a one, is refused with words, and nothing is reported.
func TestWhatIsNoPhotoIsRefusedWithAWord(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	before := w.events()
	whole := snapshot(t)
	padded := func(n int) []byte { return append(bytes.Clone(whole), make([]byte, n)...) }
	for name, c := range map[string]struct {
		photo  []byte
		pairs  []string
		status int
		en, ja string
	}{
		"ten megabytes":     {padded(10 << 20), nil, http.StatusRequestEntityTooLarge, "at most 5 MB", "5 MBまで"},
		"a little too much": {padded(5 << 20), nil, http.StatusRequestEntityTooLarge, "at most 5 MB", "5 MBまで"},
		"a page":            {[]byte("<html><script>alert(1)</script></html>"), nil, http.StatusUnprocessableEntity, "JPEG", "JPEG"},
		"cut off":           {whole[:len(whole)/2], nil, http.StatusUnprocessableEntity, "", ""},
		"a long text":       {whole, []string{"note", strings.Repeat("x", 70<<10)}, http.StatusRequestEntityTooLarge, "more than 64 KB", "64 KBを超えている"},
		"no choice":         {whole, []string{"damage", ""}, http.StatusUnprocessableEntity, "choice was not made", "選択されていない"},
		"no ground":         {whole, []string{"repair", "3", "repair_unit", "h"}, http.StatusUnprocessableEntity, "ground", "根拠"},
		"no time":           {whole, []string{"repair", "soon", "repair_unit", "h"}, http.StatusUnprocessableEntity, "choice was not made", "選択されていない"},
	} {
		for lang, words := range map[string]string{"en": c.en, "ja": c.ja} {
			b.lang = lang
			res, body := b.upload("/runs/"+drill+"/act/assess", c.photo, append([]string{"key", name + lang, "back", "/tasks", "system", "orders"}, append(c.pairs, "damage", "stopped")...)...)
			if res.StatusCode != c.status || !strings.Contains(body, words) || !strings.Contains(res.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s in %s: %s, want %d and %q\n%s", name, lang, res.Status, c.status, words, body)
			}
		}
	}
	b.lang = "en"
	for name, c := range map[string]struct {
		photos [][]byte
		words  string
	}{
		"six":                 {[][]byte{whole, whole, whole, whole, whole, whole}, "at most 5 go with one report"},
		"the third is a page": {[][]byte{whole, whole, []byte("<html>")}, "photo 3 of 3 (IMG_0003.jpg)"},
		"one is too large":    {[][]byte{whole, padded(6 << 20)}, "at most 5 MB"},
	} {
		if res, body := b.uploadAll("/runs/"+drill+"/act/assess", c.photos, "key", name, "system", "orders", "damage", "stopped"); res.StatusCode < 400 || !strings.Contains(body, c.words) {
			t.Errorf("%s: %s, want %q\n%s", name, res.Status, c.words, body)
		}
	}
	if docs, err := w.store.DocumentsOf(t.Context(), "photo"); err != nil || len(docs) > 0 {
		t.Errorf("of reports that were refused %d photos are kept: %v", len(docs), err)
	}
	if w.events() != before {
		t.Error("a form that was refused has changed the record")
	}
	if res, _ := b.upload("/runs/"+drill+"/act/confirm", padded(1<<20), "phase", "containment", "note", "x"); res.StatusCode < 400 || w.events() != before {
		t.Errorf("a form that takes no photo: %s", res.Status)
	}
}

// Photos are for the people of the run; an address alone opens none.
func TestPhotosAreForThePeopleOfTheRun(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	outsider := personID(59)
	w.plan.Estate.People = slices.DeleteFunc(w.plan.Estate.People, func(p plan.Person) bool { return p.ID == outsider })
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.record(drill, run.Drill)
	b := w.browser(personID(0))
	// The record has no engine behind it: the photo is kept, and the report is not taken.
	if res, _ := b.upload("/runs/"+drill+"/act/assess", snapshot(t), "key", "one", "system", "orders", "damage", "stopped"); res.StatusCode < 500 && res.StatusCode != http.StatusConflict && res.StatusCode != http.StatusNotFound {
		t.Fatalf("a report to nobody: %s", res.Status)
	}
	docs, err := w.store.DocumentsOf(t.Context(), "photo")
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d photos are kept: %v", len(docs), err)
	}
	id := strings.TrimPrefix(docs[0].ID, drill+"/")
	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.DamageAssessed, By: personID(0), System: "orders", Phase: run.DamageAssessment, Reason: "rack 3 has fallen",
		Data: run.Encode(run.Assessment{Damage: run.DamageDestroyed, Source: "person", Photos: []string{id}, Repair: run.Duration(36 * time.Hour), Ground: "the vendor's word"})})

	path := "/runs/" + drill + "/photos/" + id
	res, picture := b.get(path)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/jpeg" || res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Fatalf("the photo: %s %v", res.Status, res.Header)
	}
	if m, _, err := image.Decode(strings.NewReader(picture)); err != nil || m.Bounds().Dx() != 64 {
		t.Errorf("it is not the picture that was sent: %v", err)
	}
	if _, page := b.get("/runs/" + drill + "/damage"); !strings.Contains(page, `<img src="`+path+`"`) || !strings.Contains(page, "rack 3 has fallen") || !strings.Contains(page, "36 h") || !strings.Contains(page, "the vendor&#39;s word") {
		t.Errorf("the damage page does not show it:\n%s", page)
	}
	if _, page := b.get("/runs/" + drill); !strings.Contains(page, "1 photo(s)") || strings.Contains(page, "<img") {
		t.Error("the run's page says that there is a photo, and stays small")
	}
	other := w.browser(outsider)
	if res, _ := other.get(path); res.StatusCode != http.StatusForbidden {
		t.Errorf("somebody who is not of the run gets it: %s", res.Status)
	}
	if _, page := other.get("/runs/" + drill + "/damage"); strings.Contains(page, "<img") || !strings.Contains(page, "for the people of the run") {
		t.Error("somebody who is not of the run is shown photos")
	}
	if res, body := w.browser("").get(path); res.StatusCode == http.StatusOK || strings.Contains(body, "JFIF") {
		t.Errorf("who has not signed in gets it: %s", res.Status)
	}
	if res, _ := b.get("/runs/" + drill + "/photos/" + strings.Repeat("0", 64)); res.StatusCode != http.StatusNotFound {
		t.Errorf("a photo that is not there: %s", res.Status)
	}
}

// fieldFiles are a drill with a site to inspect and a system with parts.
func fieldFiles(t *testing.T) map[string]string {
	files := smallFiles(t)
	files["estate.yaml"] = `kind: Estate
name: field
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: {en: Tokyo, ja: 東京}}, {name: osaka, title: {en: Osaka, ja: 大阪}}]
muster_places: [{name: online, title: {en: Online, ja: オンライン}, online: true}, {name: room, title: {en: Response room, ja: 対策本部室}, site: osaka}]
parties: [{name: carrier, title: {en: Network carrier, ja: 通信事業者}, contact: "0120-555-010"}]
systems:
  - name: orders
    title: {en: Order taking, ja: 受注システム}
    home: tokyo
    alternate: osaka
    objectives: {rto: 1h}
    drillable: [live]
    runbooks: {failover: orders-failover, in_place: orders-in-place}
    components:
      - {name: rack, title: {en: Server rack, ja: サーバーラック}, kind: hardware}
      - {name: line, title: {en: Leased line, ja: 専用線}, kind: network}
people:
  - {id: sato, name: {en: Sato Misaki, ja: 佐藤 美咲}, roles: [commander, operator]}
  - {id: suzuki, name: {en: Suzuki Ken, ja: 鈴木 健}, roles: [commander]}
  - {id: tanaka, name: {en: Tanaka Yui, ja: 田中 結衣}, roles: [operator]}
`
	files["in-place.yaml"] = fmt.Sprintf("kind: Runbook\nname: orders-in-place\nsystem: orders\nsteps:\n  - {id: restart, uses: sim.step, with: {dir: %s}}\n", filepath.Join(t.TempDir(), "sim"))
	files["scenario.yaml"] = strings.NewReplacer("muster, recovery", "muster, site_inspection, communications, damage_assessment, recovery", "approvals: 0", "approvals: 1", "muster_place: online", "muster_place: room", "within: 20s", "within: 10m").Replace(files["scenario.yaml"]) +
		"reports: {every: 30m, to: [commander]}\n"
	return files
}

// On a phone whose browser runs no scripts, people inspect a site by its checklist and report
// damage with a photo; the board shows the photo, and the record names it.
func TestInspectionAndDamageWithPhotosByPhone(t *testing.T) {
	h := newHouse(t, fieldFiles(t))
	w := &world{t: t, url: h.url, ids: h.ids}
	sato := w.browser("sato")
	sato.post("/start", "kind", "drill", "scenario", "small", "key", "start")
	id := "small-1"
	h.until(id, run.PersonCalled)
	for _, who := range []string{"sato", "suzuki", "tanaka"} {
		b := w.browser(who)
		b.post("/runs/"+id+"/act/checkin", "safety", "safe", "key", "c-"+who)
		b.post("/runs/"+id+"/act/arrive", "key", "a-"+who)
	}
	h.until(id, run.QuorumReached)
	file := filepath.Join(t.TempDir(), "IMG_0001.jpg")
	if err := os.WriteFile(file, snapshot(t), 0o600); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(file), "IMG_0002.png")
	var other bytes.Buffer
	if err := png.Encode(&other, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second, other.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	phone := open(t, h.url, "ja")
	call(phone, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	phone.size(390, 844, true)
	phone.to("/login")
	phone.byKeyboard("#token", h.token("tanaka"))
	phone.says2("サインアウト")

	inspect := `form[action$="/act/inspect"][data-key*="/osaka/"] `
	phone.until2(func() bool { return phone.there(inspect) })
	phone.says2("ひび割れ") // of the checklist
	phone.press(inspect + `input[name="overall"][value="restricted"]`)
	phone.run(chromedp.SetValue(chromedp.CSS(inspect+`select[name="item-ceiling"]`), "unusable"), chromedp.SetValue(chromedp.CSS(inspect+`select[name="item-power"]`), "ok"),
		chromedp.SendKeys(chromedp.CSS(inspect+`[name="note"]`), "天井の一部が落下"), chromedp.SendKeys(chromedp.CSS(inspect+`[name="inspectors"]`), "高橋、山本"),
		chromedp.SetUploadFiles(chromedp.CSS(inspect+`[name="photo"]`), []string{file}))
	phone.press(inspect + `button`)
	phone.says2("安全点検の結果を記録しました")
	assess := `form[action$="/act/assess"][data-key*="/rack/"] `
	phone.until2(func() bool { return phone.there(assess) })
	phone.press(assess + `input[name="damage"][value="destroyed"]`)
	phone.press(assess + `summary`)
	phone.run(chromedp.SetValue(chromedp.CSS(assess+`[name="component"]`), "line"), chromedp.SendKeys(chromedp.CSS(assess+`[name="note"]`), "回線断"), chromedp.SendKeys(chromedp.CSS(assess+`[name="repair"]`), "36"),
		chromedp.SendKeys(chromedp.CSS(assess+`[name="ground"]`), "通信事業者の回答"), chromedp.SetUploadFiles(chromedp.CSS(assess+`[name="photo"]`), []string{file, second}))
	phone.press(assess + `button`)
	phone.says2("被害状況を記録しました")

	events, err := h.api.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var seen run.Inspection
	var found run.Assessment
	for _, e := range events.Entries {
		switch {
		case e.Event.Kind == run.SiteInspected && e.Event.Site == "osaka":
			_ = e.Event.Decode(&seen)
		case e.Event.Kind == run.DamageAssessed && e.Event.By == "tanaka":
			_ = e.Event.Decode(&found)
		}
	}
	states := map[string]run.Usability{}
	for _, i := range seen.Items {
		states[i.Item] = i.State
	}
	if seen.Overall != run.Restricted || len(seen.Items) != 6 || states["ceiling"] != run.Unusable || states["power"] != run.ItemOK || states["water"] != run.NotLookedAt || strings.Join(seen.Inspectors, " ") != "高橋 山本" || len(seen.Photos) != 1 {
		t.Errorf("the inspection in the record: %+v", seen)
	}
	if found.Component != "line" || found.Damage != run.DamageDestroyed || found.Repair.Std() != 36*time.Hour || found.Ground != "通信事業者の回答" || len(found.Photos) != 2 {
		t.Errorf("the assessment in the record: %+v", found)
	}
	desk := h.as(t, "suzuki", "ja")
	desk.to("/runs/" + id + "/damage")
	desk.until(`[...document.querySelectorAll(".photos img")].length == 3`)
	desk.until(`[...document.querySelectorAll(".photos img")].map(e => { e.loading = "eager"; return e.naturalWidth; }).sort().join(" ") == "32 64 64"`)
	desk.says("専用線")
	desk.says("天井の一部が落下")
}
