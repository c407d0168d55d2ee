package book

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// sample is the source of the files in testdata, at a fixed time.
func sample(t *testing.T, dir string) Source {
	t.Helper()
	registry := all.Registry(all.Options{})
	b, mistakes := scenario.Load(dir, registry)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	s, err := Gather(b, func(id string) plan.Text {
		for _, a := range registry.Actions() {
			if a.ID == id {
				return plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}
			}
		}
		return plan.Text{}
	}, time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fonts(t *testing.T) Fonts {
	t.Helper()
	f, err := FindFonts("", i18n.EN)
	if err != nil {
		way := ""
		if m := new(MissingFont); errors.As(err, &m) {
			way = m.WayOut()
		}
		t.Fatalf("%v\n%s", err, way)
	}
	return f
}

// read extracts the text of every page, as a reader's search finds it.
func read(t *testing.T, pdf []byte) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "pdftotext", "-raw", "-enc", "UTF-8", file, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (package poppler-utils): %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

var squeeze = regexp.MustCompile(`[\s\x{3000}]+`)

func has(t *testing.T, what, text string, want ...string) {
	t.Helper()
	text = squeeze.ReplaceAllString(text, "")
	for _, w := range want {
		if !strings.Contains(text, squeeze.ReplaceAllString(w, "")) {
			t.Errorf("%s does not say %q", what, w)
		}
	}
}

func TestTheBookSaysEverything(t *testing.T) {
	s, f := sample(t, "testdata/plans"), fonts(t)
	for l, want := range map[i18n.Lang][]string{
		"ja": {"髙橋 裕子", "山﨑 健", "齋藤 芽衣", "情報システム部①課", "㈱受注ソフト 緊急窓口", "0120-555-010", "渡邉 太郎", "保守責任者", "06-5550-0199", "070-5550-0188", "desk@maker.example.jp", "髙田 070-5550-0177", "2026-04-01", "総務部", "渡邊 花", "（個人のみ。窓口なし）", "090-5550-0102", "saito@example.jp", // contacts
			"指示を待たず参集：震度6弱以上（東京都２３区）", "神戸支店 応接室", "それを優先する", // muster
			"171をダイヤルし、録音は1、再生は2", "web171.jp", "発生時刻＋RTO−切り替えに要する時間", "保守契約（3時間以内に技術者到着）", "最高責任者（10m以内）、承認者 1名", // the paper way
			"東京のアプリケーションを止める", "実施場所：東京データセンター", "先行：tell", "目安 30秒", "上限 2分", "unit=orders.service", "復旧責任者", "https://orders.example.jp/health",
			"$ /opt/orders/bin/take-over --from tokyo --note '受注 切替' '--until=5 minutes'", "tokyo-loss"},
		"en": {"Takahashi Yuko", "Chief continuity officer", "Without an order: seismic intensity 6-lower or more", "take precedence", "dial 171", "Stop the application in Tokyo", "should take 30s",
			"$ /opt/orders/bin/take-over --from tokyo --note '受注 切替' '--until=5 minutes'", "Class A"},
	} {
		d := Make(s, l)
		var html, pdf bytes.Buffer
		if err := d.WriteHTML(&html); err != nil {
			t.Fatal(err)
		}
		unescaped := strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&", "&#43;", "+").Replace(html.String())
		has(t, string(l)+" HTML", unescaped, want...)
		missing, err := d.WritePDF(&pdf, f, s.At)
		if err != nil || len(missing) > 0 {
			t.Fatalf("%v, letters that the font lacks: %q", err, string(missing))
		}
		pages := read(t, pdf.Bytes())
		has(t, string(l)+" PDF", strings.Join(pages, "\n"), want...)
		for i, p := range pages {
			has(t, "page", p, s.Hash[:12], "2026-11-28 18:30 JST", fmt.Sprintf("%d / %d", i+1, len(pages)))
		}
	}
}

// Shipped plans go over many pages and lose no step; where secrets lie is not told.
func TestEveryStepOfShippedPlansIsThere(t *testing.T) {
	f := fonts(t)
	for _, dir := range []string{"mysql", "pgbackrest", "systemd", "etcd", "kubernetes"} {
		t.Run(dir, func(t *testing.T) {
			s := sample(t, "../../scenarios/"+dir)
			var pdf, html bytes.Buffer
			d := Make(s, i18n.JA)
			if missing, err := d.WritePDF(&pdf, f, s.At); err != nil || len(missing) > 0 {
				t.Fatalf("%v %q", err, string(missing))
			}
			if err := d.WriteHTML(&html); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(read(t, pdf.Bytes()), "\n")
			n := 0
			for _, sys := range s.Systems {
				for _, name := range []string{sys.Failover, sys.InPlace, sys.Failback, sys.Restore} {
					r, _, ok := s.runbook(name)
					for _, st := range r.Steps {
						if n++; ok && st.Human == nil && !bytes.Contains(st.With, []byte(`"argv"`)) {
							has(t, "step "+st.ID, text, st.Uses)
						}
						has(t, "step", text, st.ID)
					}
				}
			}
			if n == 0 {
				t.Error("no step: the sample shows nothing")
			}
			if strings.Contains(text+html.String(), "secret://") {
				t.Error("it tells where a secret lies")
			}
		})
	}
}

func TestCards(t *testing.T) {
	s, f := sample(t, "testdata/plans"), fonts(t)
	for l, want := range map[i18n.Lang][]string{
		"ja": {"携行カード　齋藤 芽衣", "情報システム部②課", "棚や窓から離れ、身を守る", "火の元を確かめる", "ドアを開け、出口を確保する", "靴を履き", "頭を守り、建物から離れる", "切れた電線に近づかない", "自動車で避難しない",
			"震度6弱以上", "第1参集場所", "神戸支店 応接室", "それを優先する", "https://muster.example.jp/safe", "本人の安否、参集の可否と見込み、連絡手段", "髙橋 裕子", "090-5550-0101", "山﨑 健", "171（録音1・再生2", "www.web171.jp",
			"氏名・血液型", "保険者番号等", "家族の集合場所", "家族の連絡先", "避難場所（勤務時）"},
		"en": {"Carry card: Saito Mei", "Move away from shelves and windows", "check for fire", "Keep away from cut wires", "Do not flee by car", "place 1", "Kobe branch", "take precedence", "dial 171", "www.web171.jp", "family meets at", "insurance no."},
	} {
		c, err := MakeCards(s, CardOptions{Person: "saito", Report: "https://muster.example.jp/safe"}, l)
		if err != nil || len(c.Cards) != 1 {
			t.Fatal(err, len(c.Cards))
		}
		var html, pdf bytes.Buffer
		if err := c.WriteHTML(&html); err != nil {
			t.Fatal(err)
		}
		has(t, string(l)+" HTML", html.String(), want...)
		missing, err := c.WritePDF(&pdf, f, s.At)
		if err != nil || len(missing) > 0 {
			t.Fatalf("%v %q", err, string(missing))
		}
		pages := read(t, pdf.Bytes())
		has(t, string(l)+" PDF", pages[0], want...)
		if n := strings.Count(squeeze.ReplaceAllString(pages[0], ""), s.Hash[:12]); n != panels || len(pages) != 1 {
			t.Errorf("%d pages, the plan is named %d times, want once a panel", len(pages), n)
		}
		if !strings.Contains(pages[0], "suzuki@example.jp") {
			t.Error("the deputy is not on the card")
		}
	}
	everybody, err := MakeCards(s, CardOptions{}, i18n.JA)
	if err != nil || len(everybody.Cards) != 4 || len(everybody.Sheets()) != 2 {
		t.Errorf("%d cards on %d sheets, %v; want 4 on 2", len(everybody.Cards), len(everybody.Sheets()), err)
	}
	if _, err := MakeCards(s, CardOptions{Person: "nobody"}, i18n.EN); err == nil || !strings.Contains(err.Error(), "suzuki") {
		t.Errorf("a card of nobody: %v", err)
	}
}

// A card that left out a line would be worse than none.
func TestAPanelThatIsTooFullIsAnError(t *testing.T) {
	s, f := sample(t, "testdata/plans"), fonts(t)
	s.Estate.Places[0].Title.JA = strings.Repeat("とても長い名前の会議室", 30)
	s.Estate.Muster.Ranks = []plan.PlaceRank{{Places: []string{s.Estate.Places[0].Name}}}
	c, err := MakeCards(s, CardOptions{Person: "saito"}, i18n.JA)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WritePDF(&bytes.Buffer{}, f, s.At); err == nil || !strings.Contains(err.Error(), "参集") {
		t.Errorf("err = %v, want the panel to be named", err)
	}
}

// What people write in the files stays text, and the file fetches nothing.
func TestWhatPeopleWroteStaysText(t *testing.T) {
	s := sample(t, "testdata/plans")
	const evil = `</style><script>alert(1)</script><img src=x onerror=alert(2)>"';}`
	s.Estate.Name, s.Estate.People[0].Section = evil, evil
	s.Estate.People[0].Name, s.Estate.Places[0].Title = plan.Text{JA: evil}, plan.Text{JA: evil}
	s.Titles["chief"] = plan.Text{JA: evil}
	c, err := MakeCards(s, CardOptions{Report: evil}, i18n.JA)
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{"book": func(b *bytes.Buffer) error { return Make(s, i18n.JA).WriteHTML(b) }, "cards": func(b *bytes.Buffer) error { return c.WriteHTML(b) }} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.Contains(text, "<script") || strings.Contains(text, "<img") || strings.Count(text, "</style>") != 1 || strings.Contains(text, "ZgotmplZ") {
			t.Errorf("%s: what was written became markup", name)
		}
		if m := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(?:https?:)?//|@import|url\(`).FindString(text); m != "" {
			t.Errorf("%s: it fetches something: %s", name, m)
		}
		if !strings.Contains(text, `content="default-src 'none'`) {
			t.Errorf("%s: no policy", name)
		}
	}
}

func TestAMissingFontSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"cff.ttf": "OTTO" + strings.Repeat("x", 20), "all.ttc": "ttcf" + strings.Repeat("x", 20), "text.ttf": "hello, this is text"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FindFonts(filepath.Join(dir, name), i18n.EN); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []string{dir, filepath.Join(dir, "absent")} {
		_, err := FindFonts(at, i18n.JA)
		if m := new(MissingFont); !errors.As(err, &m) || !strings.Contains(m.WayOut(), "fonts-morisawa-bizud-gothic") || !strings.Contains(m.WayOut(), "--format html") {
			t.Errorf("%s: %v", at, err)
		}
	}
	one := filepath.Join(dir, "one.ttf")
	if err := os.WriteFile(one, fonts(t).Regular, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := FindFonts(one, i18n.EN); err != nil || len(f.Bold) == 0 {
		t.Errorf("one font for all: %v", err)
	}
}

// A letter that the font lacks is shown as 〓 and named, never dropped.
func TestAMissingLetterIsNamed(t *testing.T) {
	s, f := sample(t, "testdata/plans"), fonts(t)
	s.Estate.People[0].Name.JA = "𠮷田🦕"
	missing, err := Make(s, i18n.JA).WritePDF(&bytes.Buffer{}, f, s.At)
	if err != nil || !slices.Contains(missing, '🦕') {
		t.Errorf("%v, missing %q", err, string(missing))
	}
}

// The book is in everybody's hands: what a blind scenario is called, and its file's name, would tell what
// its drill brings.
func TestBookTellsNothingOfBlindScenarios(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/plans")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tokyo-loss.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "\nblind: true\nfacilitators: [takahashi]\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		var b bytes.Buffer
		if err := Make(sample(t, dir), l).WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		for _, title := range []string{"Loss of Tokyo", "東京データセンターの喪失", "tokyo-loss"} {
			if strings.Contains(b.String(), title) {
				t.Errorf("the book in %s calls it %s", l, title)
			}
		}
		if !strings.Contains(b.String(), plan.WithheldTitle().In(string(l))) {
			t.Errorf("the book in %s leaves it out", l)
		}
	}
}
