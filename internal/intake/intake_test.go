package intake_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/japanese"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/intake"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

const estateFile = `kind: Estate
name: acme
zone: Asia/Tokyo
control: tokyo
sites:
  - {name: tokyo, title: {en: Tokyo, ja: 東京}}
roles:
  - {name: operator, title: {en: Operator, ja: 運用担当}}
  - {name: network, title: {en: Network team, ja: ネットワーク班}}
people:
  - {id: sato, name: {en: Sato Hana, ja: 佐藤 花}, roles: [operator]}
  - {id: ito, name: {en: Ito Ken, ja: 伊藤 健}, roles: [operator]}
  - {id: mori, name: {en: Mori Jun, ja: 森 純}, roles: [network]}
systems:
  - {name: orders, title: {en: Orders, ja: 受注}, home: tokyo, objectives: {rto: 2h}}
`

func ask() intake.Ask {
	var actions []string
	for _, a := range all.Registry(all.Options{}).Actions() {
		actions = append(actions, a.ID)
	}
	return intake.Ask{Name: "imported", Title: "受注システム切替手順", System: "orders", Columns: map[string]string{}, Actions: actions,
		Roles:  map[string]plan.Text{"operator": {EN: "Operator", JA: "運用担当"}, "network": {EN: "Network team", JA: "ネットワーク班"}},
		People: []plan.Person{{ID: "sato", Name: plan.Text{JA: "佐藤 花"}, Roles: []string{"operator"}}, {ID: "ito", Roles: []string{"operator"}}, {ID: "mori", Name: plan.Text{JA: "森 純"}, Roles: []string{"network"}}}}
}

// made reads a file, makes its draft and holds what is written against the checks of every plan file.
func made(t *testing.T, file string, data []byte, a intake.Ask) intake.Draft {
	t.Helper()
	doc, err := intake.Read(file, data)
	if err != nil {
		t.Fatal(err)
	}
	d, err := intake.Make(doc, a)
	if err != nil {
		t.Fatal(err)
	}
	validates(t, d)
	return d
}

func validates(t *testing.T, d intake.Draft) {
	t.Helper()
	dir := t.TempDir()
	for _, lang := range []string{"en", "ja"} {
		yaml := intake.YAML(d, lang)
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "estate.yaml"), []byte(estateFile), 0o600), os.WriteFile(filepath.Join(dir, "imported.yaml"), yaml, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, mistakes := scenario.Load(dir, all.Registry(all.Options{})); len(mistakes) > 0 {
			t.Fatalf("what was written does not validate: %v\n%s", mistakes, yaml)
		}
	}
}

func gaps(d intake.Draft, kind string) (out []string) {
	for _, g := range d.Gaps {
		if g.Kind == kind {
			out = append(out, g.Step+": "+g.Text.EN)
		}
	}
	return out
}

func book(t *testing.T, fill func(f *excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	fill(f)
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A sheet as they are: a cover, a title and stamps above the heads, merged phases and headings,
// several lines in a cell, full-width digits, a second page that repeats the heads.
func procedure(f *excelize.File) {
	cover := "表紙"
	_ = f.SetSheetName("Sheet1", cover)
	_ = f.SetCellValue(cover, "B2", "受注システム 災害時切替手順書")
	s := "切替手順"
	_, _ = f.NewSheet(s)
	for i, row := range [][]any{
		{"災害時切替手順", "", "", "", "", "", "", ""},
		{"版数", "1.2", "", "作成", "佐藤", "", "", ""},
		{},
		{"項番", "フェーズ", "作業内容", "担当者", "所要時間（分）", "確認方法", "前提", "備考", "実績開始"},
		{"【１．事前準備】"},
		{"１", "準備", "関係者へ連絡する\n・営業部\n・コールセンター", "運用担当", "１０", "全員の返信を確認", "", "", ""},
		{"２", "", "本番DBの同期状態を確認する", "佐藤　花", "5", "遅延が0であること", "No.１", "", ""},
		{"３", "切替", "DBをスタンバイへ切り替える\n$ pg_ctl promote -D /var/lib/pgsql/data", "運用担当（DB）", "15", "", "１，２", "切り戻しは別紙", ""},
		{"", "", "", "", "", "SELECT pg_is_in_recovery() が f", "", "", ""},
		{"項番", "フェーズ", "作業内容", "担当者", "所要時間（分）", "確認方法", "前提", "備考", "実績開始"},
		{"４", "", "DNSを切り替える", "ネットワーク斑", "半日", "", "部長の承認後", "", ""},
		{"", "", "業務部門へ再開を連絡する", "", "", "", "", "", ""},
	} {
		_ = f.SetSheetRow(s, fmt.Sprintf("A%d", i+1), &row)
	}
	_ = f.MergeCell(s, "A1", "H1")
	_ = f.MergeCell(s, "A5", "H5")
	_ = f.MergeCell(s, "B6", "B7")
	_ = f.MergeCell(s, "B8", "B9")
	_ = f.MergeCell(s, "A8", "A9")
	_ = f.MergeCell(s, "C8", "C9")
	_ = f.MergeCell(s, "D8", "D9")
}

func TestASheetAsTheyAre(t *testing.T) {
	d := made(t, "手順書.xlsx", book(t, procedure), ask())
	if len(d.Steps) != 5 {
		t.Fatalf("%d steps, want 5: %+v", len(d.Steps), d.Steps)
	}
	first, second, third, fourth := d.Steps[0], d.Steps[1], d.Steps[2], d.Steps[3]
	if first.Title != "関係者へ連絡する" || !strings.Contains(first.Text, "・コールセンター") || first.Role != "operator" || first.Budget != 10*time.Minute || first.Group != "準備" || first.ID != "step-1" {
		t.Errorf("first: %+v", first)
	}
	if second.Role != "operator" || second.Group != "準備" || !slices.Equal(second.Needs, []string{"step-1"}) {
		t.Errorf("second, of 佐藤 花 by name: %+v", second)
	}
	if third.Role != "operator" || !slices.Equal(third.Needs, []string{"step-1", "step-2"}) || !strings.Contains(third.Text, "pg_is_in_recovery") || !strings.Contains(third.Text, "備考: 切り戻しは別紙") {
		t.Errorf("third, whose merged row goes on below: %+v", third)
	}
	if len(third.Chances) != 1 || third.Chances[0].Action != "postgres.promote" {
		t.Errorf("what could do the third: %+v", third.Chances)
	}
	if fourth.Budget != 4*time.Hour || !strings.Contains(fourth.Text, "部長の承認後") || fourth.Needs != nil {
		t.Errorf("fourth: %+v", fourth)
	}
	for kind, want := range map[string]string{intake.GapRole: `did you mean "ネットワーク班"`, intake.GapNeeds: "部長の承認後", intake.GapUndo: "step-3", intake.GapAutomate: "dns.update", intake.GapVerify: "step-4"} {
		if got := strings.Join(gaps(d, kind), "\n"); !strings.Contains(got, want) {
			t.Errorf("gaps of %s are %q, want %q among them", kind, got, want)
		}
	}
	if g := gaps(d, intake.GapRole); len(g) != 2 {
		t.Errorf("gaps of roles: %v", g)
	}
}

// Excel of Japan writes CSV as Shift_JIS, with line ends in cells.
func TestShiftJIS(t *testing.T) {
	text := "No,手順,担当,所要時間,確認\r\n1,\"サーバーを停止する\n①～③\",運用担当,約10分,停止したこと\r\n2,起動する,運用担当,1:30,\r\n3,確認する,運用担当,20～30分,表示\r\n"
	data, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"Shift_JIS": data, "UTF-8": []byte(text), "BOM": append([]byte("\xef\xbb\xbf"), text...)} {
		d := made(t, "手順.csv", content, ask())
		if len(d.Steps) != 3 || d.Steps[0].Title != "サーバーを停止する" || d.Steps[0].Budget != 10*time.Minute || d.Steps[1].Budget != 90*time.Minute || d.Steps[2].Budget != 30*time.Minute {
			t.Errorf("%s: %+v", name, d.Steps)
		}
	}
}

func TestMarkdown(t *testing.T) {
	text := "# 切替手順\n\n前書き。\n\n## 準備\n\n1. 関係者を招集する（担当：運用担当、10分）\n2. [ ] 被害を確認する\n   - 確認：全サーバーの死活\n   - 担当：森 純\n\n## 切り替え\n1. Stop the old server\n   ```\n   systemctl stop orders\n   ```\n2. 起動する\n   前提：1\n"
	d := made(t, "手順.md", []byte(text), ask())
	if len(d.Steps) != 4 {
		t.Fatalf("%+v", d.Steps)
	}
	if s := d.Steps[0]; s.Title != "関係者を招集する" || s.Role != "operator" || s.Budget != 10*time.Minute || s.Group != "準備" {
		t.Errorf("%+v", s)
	}
	if s := d.Steps[1]; s.Role != "network" || !strings.Contains(s.Text, "確認: 全サーバーの死活") {
		t.Errorf("%+v", s)
	}
	if s := d.Steps[2]; s.ID != "stop-the-old-server" || s.Group != "切り替え" || len(s.Chances) != 1 || s.Chances[0].Action != "systemd.stop" {
		t.Errorf("%+v", s)
	}
	if s := d.Steps[3]; !slices.Equal(s.Needs, []string{"stop-the-old-server"}) {
		t.Errorf("1 is the one of the same heading: %+v", s)
	}
	table := "| 手順 | 作業内容 | 担当 |\n|---|---|---|\n| 1 | 止める<br>待つ | 運用担当 |\n| 2 | 起こす | 運用担当 |\n"
	if d := made(t, "表.md", []byte(table), ask()); len(d.Steps) != 2 || d.Steps[0].Title != "止める" || d.Steps[0].ID != "step-1" {
		t.Errorf("a table whose 手順 is the number: %+v", d.Steps)
	}
}

// What can't be told is asked, with the candidates.
func TestUnsure(t *testing.T) {
	make := func(data string, change func(*intake.Ask)) (intake.Draft, error) {
		doc, err := intake.Read("x.csv", []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		a := ask()
		if change != nil {
			change(&a)
		}
		return intake.Make(doc, a)
	}
	_, err := make("a,b\n止める,10\n起こす,20\n", nil)
	u := new(intake.Unsure)
	if !errors.As(err, &u) || u.What != intake.ColStep || len(u.Candidates) != 2 || !strings.Contains(err.Error(), "--column step=LETTER") {
		t.Fatalf("%v", err)
	}
	d, err := make("a,b\n止める,10\n起こす,20\n", func(a *intake.Ask) { a.Columns = map[string]string{"step": "A", "duration": "B"} })
	if err != nil || len(d.Steps) != 3 {
		t.Errorf("%v %+v", err, d.Steps)
	}
	two := "作業内容,主担当,担当部署\n止める,運用担当,ネットワーク班\n"
	if _, err := make(two, nil); !errors.As(err, &u) || u.What != intake.ColRole || !u.Optional || u.Candidates[1].Value != "C" {
		t.Errorf("%v", err)
	}
	if d, err := make(two, func(a *intake.Ask) { a.Columns = map[string]string{"role": "担当部署"} }); err != nil || d.Steps[0].Role != "network" {
		t.Errorf("%v %+v", err, d.Steps)
	}
	if _, err := make(two, func(a *intake.Ask) { a.Columns = map[string]string{"role": "Z"} }); err == nil || !strings.Contains(err.Error(), `no column "Z"`) {
		t.Errorf("%v", err)
	}
	data := book(t, func(f *excelize.File) {
		for _, s := range []string{"東京", "大阪"} {
			_, _ = f.NewSheet(s)
			_ = f.SetSheetRow(s, "A1", &[]string{"手順", "担当"})
			_ = f.SetSheetRow(s, "A2", &[]string{s + "を止める", "運用担当"})
		}
	})
	doc, err := intake.Read("x.xlsx", data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = intake.Make(doc, ask()); !errors.As(err, &u) || u.What != "sheet" || len(u.Candidates) != 2 {
		t.Errorf("%v", err)
	}
	a := ask()
	a.Sheet = "大阪"
	if d, err := intake.Make(doc, a); err != nil || len(d.Steps) != 1 || d.Steps[0].Title != "大阪を止める" {
		t.Errorf("%v %+v", err, d.Steps)
	}
}

// Files that are none, too large, or unpack to gigabytes are refused, saying so.
func TestRefused(t *testing.T) {
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	for _, name := range []string{"[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"} {
		w, _ := z.Create(name)
		for range 90 {
			_, _ = w.Write(make([]byte, 1<<20))
		}
	}
	_ = z.Close()
	for name, c := range map[string]struct {
		file string
		data []byte
		want string
	}{
		"bomb":     {"b.xlsx", bomb.Bytes(), "can't be read as an Excel file"},
		"old":      {"b.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "old Excel file"},
		"no excel": {"b.xlsx", []byte("No,手順\n"), "is no Excel file"},
		"empty":    {"b.csv", nil, "is empty"},
		"large":    {"b.csv", make([]byte, intake.MaxBytes+1), "more than 10 MB"},
		"binary":   {"b.csv", []byte("\x00\x01\xff\xfe\x80"), "is no text"},
		"other":    {"b.docx", []byte("hello"), "only .md"},
		"no list":  {"b.md", []byte("# Title\n\nwords\n"), "no list and no table"},
	} {
		if _, err := intake.Read(c.file, c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("a.md", []byte("# A\n1. x（担当：y、10分）\n  - 確認：z\n|a|b|\n|--|--|\n|1|2|\n"))
	f.Add("a.csv", []byte("No,手順,担当,前提\n1,\"a\n b\",運用担当,\n2,${{ x }},x,1,9\n"))
	f.Add("a.csv", []byte("手順,所要時間\n: # - {a},1:99999\n\"\x01\u202e\",999999999日\n"))
	f.Add("a.tsv", []byte("\xef\xbb\xbfstep\tby\n- \t\n"))
	f.Fuzz(func(t *testing.T, file string, data []byte) {
		doc, err := intake.Read(file, data)
		if err != nil {
			return
		}
		d, err := intake.Make(doc, ask())
		if err != nil {
			return
		}
		validates(t, d)
	})
}
