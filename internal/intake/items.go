package intake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// items are the document's steps, from its list or the sheet that holds a procedure.
func (d Document) items(ask Ask) (out []item, gaps []Gap, kept []Kept, err error) {
	var procedures []Sheet
	for _, s := range d.Sheets {
		if _, ok := s.headerRow(); ok && ask.Sheet == "" || ask.Sheet == s.Name {
			procedures = append(procedures, s)
		}
	}
	list := Candidate{Value: "list", Label: fmt.Sprintf("%d", len(d.List))}
	switch {
	case ask.Sheet == list.Value && len(d.List) > 0, ask.Sheet == "" && len(procedures) == 0 && len(d.List) > 0:
		return d.List, nil, nil, nil
	case ask.Sheet != "" && len(procedures) == 0:
		return nil, nil, nil, plan.Wrong("%s has no sheet %q with anything in it; it has: %s", "%s に、内容のあるシート %q がありません。あるもの: %s", d.File, ask.Sheet, strings.Join(names(d.Sheets), ", "))
	case len(procedures) == 0 && len(d.Sheets) == 1:
		procedures = d.Sheets
	case len(procedures) > 1 && ask.Sheet == "", len(procedures) == 0, len(d.List) > 3 && len(procedures) > 0 && ask.Sheet == "":
		u := &Unsure{What: "sheet"}
		from := procedures
		if len(from) == 0 {
			from = d.Sheets
		}
		for _, s := range from {
			u.Candidates = append(u.Candidates, Candidate{Value: s.Name, Label: fmt.Sprint(len(s.Rows))})
		}
		if len(d.List) > 0 {
			u.Candidates = append(u.Candidates, list)
		}
		return nil, nil, nil, u
	}
	for _, s := range procedures {
		l, err := lay(s, ask.Columns)
		if err != nil {
			return nil, nil, nil, err
		}
		more, g := s.items(l)
		out, gaps, kept = append(out, more...), append(gaps, g...), append(kept, s.kept(l)...)
	}
	return out, gaps, kept, nil
}

// Kept is a column whose head says nothing that is known: what stands in it is kept in the steps' texts.
type Kept struct {
	Sheet  string `json:"sheet,omitempty"`
	Column string `json:"column"` // its letter, as --column takes it
	Head   string `json:"head"`
}

// kept are the columns of a sheet that hold something below a head that says nothing known.
func (s Sheet) kept(l layout) (out []Kept) {
	if l.header < 0 {
		return nil
	}
	used := map[int]bool{}
	for _, c := range l.at {
		used[c] = true
	}
	for c, head := range s.Rows[l.header] {
		holds := slices.ContainsFunc(s.Rows[l.header+1:], func(r []Cell) bool { return c < len(r) && r[c].Text != "" && !r[c].Covered })
		if holds && !used[c] && head.Text != "" && !head.Covered && !ticked(head.Text) {
			out = append(out, Kept{Sheet: s.Name, Column: Letter(c), Head: strings.ReplaceAll(head.Text, "\n", " ")})
		}
	}
	return out
}

func names(sheets []Sheet) []string {
	var out []string
	for _, s := range sheets {
		out = append(out, s.Name)
	}
	return out
}

// lineAt is a line of a text, the same in every language.
func lineAt(n int) string { return fmt.Sprintf("L%d", n) }

// items reads the rows below the heads.
func (s Sheet) items(l layout) (out []item, gaps []Gap) {
	group := ""
	heads := []Cell{}
	if l.header >= 0 {
		heads = s.Rows[l.header]
	}
	used := map[int]bool{}
	for _, c := range l.at {
		used[c] = true
	}
	for i := l.header + 1; i < len(s.Rows); i++ {
		row := s.Rows[i]
		where := fmt.Sprintf("%s!%d", s.Name, i+1)
		if i < len(s.Lines) {
			where = lineAt(s.Lines[i])
		}
		// What a merged cell covers is said once for steps, and for every row of anything else.
		get := func(col string, covered bool) string {
			at, ok := l.at[col]
			if !ok || at >= len(row) || row[at].Covered && !covered {
				return ""
			}
			return row[at].Text
		}
		if title, ok := alone(row, l); ok {
			group = title
			continue
		}
		if l.header >= 0 && i > l.header && headed(row) >= 2 && headed(row) >= headed(heads) {
			continue // the heads again, on a new page
		}
		if g := get(ColGroup, true); g != "" {
			group = strings.ReplaceAll(g, "\n", " ")
		}
		it := item{row: where, group: group, number: get(ColNumber, false), step: get(ColStep, false), role: get(ColRole, true), duration: get(ColDuration, false),
			verify: get(ColVerify, false), needs: get(ColNeeds, false), undo: get(ColUndo, false), notes: get(ColNotes, false)}
		if at, ok := l.at[ColDuration]; ok && at < len(heads) {
			it.unit = heads[at].Text
		}
		if d := get(ColDetail, false); d != "" {
			it.detail = append(it.detail, d)
		}
		for c, f := range row {
			if !used[c] && !f.Covered && f.Text != "" && c < len(heads) && heads[c].Text != "" && !heads[c].Covered && !ticked(heads[c].Text) {
				it.detail = append(it.detail, strings.ReplaceAll(heads[c].Text, "\n", "")+": "+f.Text)
			}
		}
		if it.step == "" {
			if len(out) == 0 || len(it.detail) == 0 && it.verify == "" && it.notes == "" && it.undo == "" {
				if it.number != "" && (len(it.detail) > 0 || it.role != "") {
					gaps = append(gaps, Gap{Row: where, Kind: GapText, Text: plan.Say("the row has a number and no step; it was left out", "番号はあるが手順の記載がないため、取り込んでいません")})
				}
				continue
			}
			last := &out[len(out)-1] // goes on with the step above
			last.detail = append(last.detail, it.detail...)
			last.verify, last.notes, last.undo = join(last.verify, it.verify), join(last.notes, it.notes), join(last.undo, it.undo)
			continue
		}
		out = append(out, it)
	}
	return out, gaps
}

// ticked: columns that are filled while the procedure is carried out.
func ticked(head string) bool {
	h := unitless(head)
	for _, w := range []string{"チェック", "済", "完了", "実績", "開始時刻", "終了時刻", "開始", "終了", "確認者", "印", "捺印", "結果", "done", "check", "checked", "actual", "start", "end", "result", "signature", "sign"} {
		if h == w || strings.HasPrefix(h, "実績") {
			return true
		}
	}
	return false
}

// alone is a row with one text that spans several columns: a heading inside the table.
func alone(row []Cell, l layout) (string, bool) {
	text, wide := "", 0
	for _, c := range row {
		if c.Text == "" || c.Covered && c.Text == text {
			continue
		}
		if text != "" || c.Covered {
			return "", false
		}
		text, wide = c.Text, c.Wide
	}
	return strings.ReplaceAll(text, "\n", " "), text != "" && wide >= 3
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}
