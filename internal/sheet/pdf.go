package sheet

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pdf"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// frontTiles is for how many things the first page on paper has room for tiles; a table has them all.
const frontTiles = 3

// PDF sets the sheet in one language, as tagged PDF. It names the letters that the fonts lack.
func (d Sheet) PDF(w io.Writer, l i18n.Lang, fonts pdf.Fonts) (missing []rune, err error) {
	lang := string(l)
	in := func(t plan.Text) string { return t.In(lang) }
	out, err := pdf.New(pdf.Options{Title: strings.TrimSpace(in(d.Mark) + " " + in(d.Title)), Lang: lang, Head: in(d.Mark), At: d.At, Fonts: fonts})
	if err != nil {
		return nil, err
	}
	small, note := pdf.Style{Size: 8.5}, pdf.Style{Size: 8, Soft: true}
	out.Heading(1, in(d.Title), "", 0)
	for _, f := range d.Facts {
		out.Text(note, in(f))
	}
	if d.Sentence != (plan.Text{}) {
		word := ""
		if d.Verdict != "" {
			word = VerdictWord(d.Verdict).In(lang)
		}
		var remarks []string
		for _, r := range d.Remarks {
			remarks = append(remarks, in(r))
		}
		out.Verdict(tone(d.Verdict), Mark(d.Verdict), word, in(d.Sentence), remarks)
	}
	for _, group := range d.Tiles[:min(frontTiles, len(d.Tiles))] {
		var tiles []pdf.Tile
		for _, t := range group.Tiles {
			tiles = append(tiles, pdf.Tile{Name: in(t.Name), Term: in(t.Term), Measured: in(t.Measured), Target: in(t.Target), Sign: Mark(t.Verdict), Word: VerdictWord(t.Verdict).In(lang), Tone: tone(t.Verdict)})
		}
		out.Tiles(in(group.Title), tiles)
	}
	if len(d.Brief) > 0 {
		out.Within("Sect", func() {
			out.Heading(3, l.T("In short", "要点"), "", 0)
			var items []string
			for _, b := range d.Brief {
				items = append(items, in(b))
			}
			out.List(small, items)
		})
	}
	shown := map[string]bool{}
	for _, f := range d.Front {
		shown[f.ID] = true
		out.Figure(figure(f, lang))
	}
	for _, s := range d.Sections {
		s.Figures = slices.DeleteFunc(slices.Clone(s.Figures), func(f *Drawing) bool { return shown[f.ID] })
		out.Within("Sect", func() { s.pdf(out, l, small) })
	}
	if d.Foot != (plan.Text{}) {
		out.Text(note, in(d.Foot))
	}
	if lost := out.Missing(); len(lost) > 0 {
		var names []string
		for _, r := range lost {
			names = append(names, fmt.Sprintf("%c (U+%04X)", r, r))
		}
		out.Text(note, l.T("The font lacks these letters; 〓 stands for them: ", "次の文字はフォントにないため「〓」で示しています：")+strings.Join(names, ", "))
	}
	return out.Write(w)
}

func (s Section) pdf(out *pdf.Doc, l i18n.Lang, small pdf.Style) {
	lang := string(l)
	other := ""
	if s.Title.EN != s.Title.JA {
		other = s.Title.In(string(otherThan(l)))
	}
	keep := 0.0
	if len(s.Figures) > 0 {
		keep = figure(s.Figures[0], lang).Height()
	}
	out.Heading(2, s.Title.In(lang), other, keep)
	for _, p := range s.Lead {
		out.Text(small, p.In(lang))
	}
	for _, f := range s.Figures {
		out.Figure(figure(f, lang))
	}
	for _, t := range s.Tables {
		out.Table(t.pdf(lang))
	}
}

func figure(f *Drawing, lang string) pdf.Figure {
	fig := pdf.Figure{Alt: f.Title.In(lang), W: f.W, H: f.H}
	if f.System != nil {
		fig.Title = f.System.In(lang)
	}
	for _, x := range f.Shapes {
		one := pdf.Shape{Class: x.Class, X: x.X, Y: x.Y, W: x.W, H: x.H, Path: x.Path, Anchor: x.Anchor}
		if x.Text != nil {
			if one.Text = x.Text.In(lang); one.Text == "" {
				continue
			}
		} else if x.Path == "" && x.W == 0 {
			continue
		}
		fig.Shapes = append(fig.Shapes, one)
	}
	return fig
}

func (t Table) pdf(lang string) pdf.Table {
	out := pdf.Table{Caption: t.Caption.In(lang)}
	for _, h := range t.Head {
		out.Head = append(out.Head, h.In(lang))
	}
	for _, r := range t.Rows {
		var row []pdf.Cell
		for _, c := range r {
			one := pdf.Cell{Text: c.Text.In(lang), Number: c.Class == "number", Word: c.Class == "word" || c.Class == "time" || strings.HasPrefix(c.Class, "outcome-"), Mono: c.Class == "hash", Blank: c.Class == "blank"}
			switch c.Class {
			case "outcome-failed", "safety-injured":
				one.Tone, one.Bold = pdf.Bad, true
			case "outcome-unknown", "safety-silent":
				one.Tone, one.Bold = pdf.Unsure, true
			case string(run.Met), string(run.Missed), string(run.NotProven), string(run.NoObjective):
				one.Tone, one.Bold, one.Word = tone(run.Verdict(c.Class)), true, true
			}
			row = append(row, one)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// otherThan is the other language.
func otherThan(l i18n.Lang) i18n.Lang {
	if l == i18n.EN {
		return i18n.JA
	}
	return i18n.EN
}

func tone(v run.Verdict) pdf.Tone {
	switch v {
	case run.Met:
		return pdf.Good
	case run.Missed:
		return pdf.Bad
	case run.NotProven:
		return pdf.Unsure
	case run.NoObjective:
	}
	return pdf.Neutral
}
