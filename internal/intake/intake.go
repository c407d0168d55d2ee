// Package intake turns a procedure as organisations have them, a sheet or a text, into the skeleton of
// a runbook: steps that people do, with what is missing named. It guesses what columns mean and asks
// when it can't tell; what it writes is a draft for somebody to read.
package intake

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/muster-dr/muster/internal/plan"
)

// Bounds of what is read. A procedure for people is far below; what is above is something else.
const (
	MaxBytes   = 10 << 20
	maxSheets  = 50
	maxRows    = 5000
	maxColumns = 100
	maxCell    = 8000 // characters
	maxSteps   = 1000
)

// Sheet is a table, or what a text comes to as one.
type Sheet struct {
	Name string
	Rows [][]Cell
	// Lines is set for texts: the place of a row is its line.
	Lines []int
}

// Cell is one field. Covered is set where a merged cell lies over it: Text is then the merged one's.
type Cell struct {
	Text    string
	Covered bool // by one to the left or above
	Wide    int  // columns that a merged cell spans; 0 and 1 are one
}

// Document is a file as far as it is understood without asking.
type Document struct {
	File   string
	Sheets []Sheet
	// List is set for a text that is a list of steps already, in place of Sheets.
	List []item
	// Encoding is what the bytes were, where that was a choice.
	Encoding string
}

// Read reads a file by its name's ending and its content.
func Read(file string, data []byte) (Document, error) {
	d := Document{File: filepath.Base(file)}
	if len(data) > MaxBytes {
		return d, plan.Wrong("%s has more than %d MB; that is no procedure. Export the one sheet as CSV", "%s は %d MB を超えています。手順書のシートだけをCSVで書き出してください", d.File, MaxBytes>>20)
	}
	if len(data) == 0 {
		return d, plan.Wrong("%s is empty", "%s は空です", d.File)
	}
	ending := strings.ToLower(filepath.Ext(file))
	switch {
	case strings.HasPrefix(string(data), "PK\x03\x04"):
		sheets, err := readXLSX(d.File, data)
		d.Sheets = sheets
		return d, err
	case strings.HasPrefix(string(data), "\xd0\xcf\x11\xe0"):
		return d, plan.Wrong("%s is an old Excel file, or one with a password; save it as .xlsx without one", "%s は旧形式（.xls）またはパスワード付きのExcelファイルです。パスワードなしの .xlsx で保存し直してください", d.File)
	case ending == ".xlsx" || ending == ".xlsm":
		return d, plan.Wrong("%s is no Excel file, whatever its name says", "%s は拡張子が Excel ですが、内容が Excel ファイルではありません", d.File)
	}
	text, encoding, err := decode(d.File, data)
	if err != nil {
		return d, err
	}
	d.Encoding = encoding
	switch ending {
	case ".md", ".markdown", ".txt":
		d.List, d.Sheets = readMarkdown(text)
		if len(d.List) == 0 && len(d.Sheets) == 0 {
			return d, plan.Wrong("%s holds no list and no table; steps are written as 1., -, - [ ] or as a table's rows", "%s に箇条書きも表もありません。手順は 1.、-、- [ ]、または表の行として書いてください", d.File)
		}
		return d, nil
	case ".csv", ".tsv":
		sheet, err := readCSV(d.File, text)
		d.Sheets = []Sheet{sheet}
		return d, err
	}
	return d, plan.Wrong("%s: only .md, .csv, .tsv and .xlsx are read", "%s: 読み込めるのは .md、.csv、.tsv、.xlsx です", d.File)
}

// clean is a field as it is worked with: no control characters, plain line ends, no more than a cell
// may hold.
func clean(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "_x000D_", "", "\t", " ", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r == 0xfffd, r >= 0xe000 && r <= 0xf8ff, r >= 0xfff0 && r <= 0xffff, r >= 0xe0000:
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxCell {
		s = string(r[:maxCell]) + "…"
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \u3000")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n \u3000")
}

// fold makes what people type alike comparable: full and half width, case, spaces.
func fold(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(s)), ""))
}

// Letter is a column as spreadsheets call it.
func Letter(column int) string {
	out := ""
	for column++; column > 0; column = (column - 1) / 26 {
		out = string(rune('A'+(column-1)%26)) + out
	}
	return out
}

// columnOf reads a column's letter; -1 is none.
func columnOf(letter string) int {
	n := 0
	for _, r := range strings.ToUpper(strings.TrimSpace(letter)) {
		if r < 'A' || r > 'Z' || n > maxColumns {
			return -1
		}
		n = n*26 + int(r-'A') + 1
	}
	return n - 1
}

// Unsure says what could not be told from the file, and what it could be.
type Unsure struct {
	// What is "sheet", or the column that is asked for.
	What       string
	Sheet      string
	Candidates []Candidate
	Optional   bool // it may be none
}

// Candidate is one answer.
type Candidate struct {
	Value string // what is said with --column or --sheet
	Label string
}

// Error is English; Said has both.
func (u *Unsure) Error() string { return u.Said().EN }

// Said names the candidates and the way to say which.
func (u *Unsure) Said() plan.Text {
	var list []string
	for _, c := range u.Candidates {
		list = append(list, fmt.Sprintf("%s (%s)", c.Value, c.Label))
	}
	all := strings.Join(list, ", ")
	if u.What == "sheet" {
		return plan.Say("which sheet is the procedure? --sheet NAME says it: %s", "どのシートが手順書か判断できません。--sheet 名前 で指定してください: %s", all)
	}
	none := plan.Text{}
	if u.Optional {
		none = plan.Say(", or --column %s=- for none", "。なければ --column %s=-", u.What)
	}
	return plan.Say("sheet %s: which column is the %s? --column %s=LETTER says it%s: %s", "シート %s: 「%s」の列を判断できません。--column %s=列 で指定してください%s: %s", u.Sheet, WordFor(u.What), u.What, none, all)
}

// Gap is something that the procedure doesn't say, or says so that it can't be taken over.
type Gap struct {
	Step string    `json:"step,omitempty"` // "" is of all
	Row  string    `json:"row,omitempty"`  // where it stands in the file
	Kind string    `json:"kind"`
	Text plan.Text `json:"text"`
}

// Kinds of gaps.
const (
	GapRole      = "role"
	GapDuration  = "duration"
	GapVerify    = "verification"
	GapUndo      = "undo"
	GapOrder     = "order"
	GapNeeds     = "needs"
	GapText      = "text"
	GapAutomate  = "automate" // no gap, a chance
	GapCondition = "condition"
)

// Counted is how many gaps there are of each kind, in the order of the kinds.
func Counted(gaps []Gap) []Gap {
	var out []Gap
	for _, g := range gaps {
		if !slices.ContainsFunc(out, func(o Gap) bool { return o.Kind == g.Kind }) {
			out = append(out, g)
		}
	}
	return out
}
