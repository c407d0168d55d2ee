// Package sheet is what people read: a document of sentences, tables and charts in both languages at
// once, and the ways to set it. The ways say nothing of their own, so that every format tells the same.
package sheet

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Sheet is a document. What is empty is left out.
type Sheet struct {
	Name     string    // of its files
	Mark     plan.Text // what every page of a drill begins with
	Title    plan.Text
	Facts    []plan.Text // one line each
	Verdict  run.Verdict // "" where nothing is judged
	Sentence plan.Text   // the whole in one breath, with figures
	Remarks  []plan.Text // what must be known beside the sentence
	Tiles    []Tiles
	Brief    []plan.Text // what the first page says in short
	Front    []*Drawing  // pictures of the first page on paper
	Sections []Section
	Foot     plan.Text
	At       time.Time // as of when, for the file's own record
}

// Tiles are figures side by side.
type Tiles struct {
	Title plan.Text
	Tiles []Tile
}

// Tile is one figure: what it is, what was measured, against what, and the mark as a word.
type Tile struct {
	Name     plan.Text
	Term     plan.Text
	Measured plan.Text
	Target   plan.Text
	Verdict  run.Verdict
}

// Section is a part under a heading.
type Section struct {
	ID      string
	Title   plan.Text
	Lead    []plan.Text
	Figures []*Drawing // above the tables that say the same in figures
	Tables  []Table
}

// Table is a table with a caption. Brief tables also stand in the terminal's report.
type Table struct {
	Caption plan.Text
	Head    []plan.Text
	Rows    [][]Cell
	Brief   bool
}

// Cell is one field. Class is a verdict, an outcome, "number", "time", "hash", or "blank" for what
// people have yet to write. A row of one cell of class "group" is a line across the table.
type Cell struct {
	Text  plan.Text
	Class string
}

// Tell is a cell with a text.
func Tell(t plan.Text) Cell {
	if Cells(t.EN) > 24 || Cells(t.JA) > 24 || strings.Contains(t.EN, " ") {
		return Cell{Text: t}
	}
	return Cell{Text: t, Class: "word"} // a column of these is not broken
}

// Group is a line across a table.
func Group(t plan.Text) []Cell { return []Cell{{Text: t, Class: "group"}} }

// Time is a cell with a time, and Number one with a figure.
func Time(t plan.Text) Cell   { return Cell{Text: t, Class: "time"} }
func Number(t plan.Text) Cell { return Cell{Text: t, Class: "number"} }

// VerdictCell says a verdict by mark and word.
func VerdictCell(v run.Verdict) Cell {
	w := VerdictWord(v)
	return Cell{Text: plan.Text{EN: Mark(v) + " " + w.EN, JA: Mark(v) + " " + w.JA}, Class: string(v)}
}

// Dash stands where there is no figure.
var Dash = Plain("–")

// Plain is the same in both languages.
func Plain(s string) plan.Text { return plan.Text{EN: s, JA: s} }

// Across reports whether a row is a line across the table.
func Across(r []Cell) bool { return len(r) == 1 && r[0].Class == "group" }

// Compact leaves out columns that are empty in every row.
func (t Table) Compact() Table {
	var keep []int
	for c := range t.Head {
		if slices.ContainsFunc(t.Rows, func(r []Cell) bool { return !Across(r) && c < len(r) && r[c].Text != (plan.Text{}) }) {
			keep = append(keep, c)
		}
	}
	out := Table{Caption: t.Caption, Brief: t.Brief}
	for _, c := range keep {
		out.Head = append(out.Head, t.Head[c])
	}
	for _, r := range t.Rows {
		if Across(r) {
			out.Rows = append(out.Rows, r)
			continue
		}
		var row []Cell
		for _, c := range keep {
			if c < len(r) {
				row = append(row, r[c])
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// OrNone leaves out tables without a row; of a section of which nothing is left it says so, in the place of
// explaining figures that are not there.
func (s Section) OrNone(none plan.Text) Section {
	had := len(s.Tables) > 0
	s.Tables = slices.DeleteFunc(slices.Clone(s.Tables), func(t Table) bool { return len(t.Rows) == 0 })
	if len(s.Tables) == 0 && len(s.Figures) == 0 && (had || len(s.Lead) == 0) {
		s.Lead = []plan.Text{none}
	}
	return s
}

// Section finds a section by its ID.
func (d Sheet) Section(id string) Section {
	i := slices.IndexFunc(d.Sections, func(s Section) bool { return s.ID == id })
	if i < 0 {
		return Section{}
	}
	return d.Sections[i]
}
