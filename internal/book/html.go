package book

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed book.html
var bookHTML string

//go:embed cards.html
var cardsHTML string

var pages = template.Must(template.New("book").Funcs(template.FuncMap{
	"t": func(lang, en, ja string) string {
		if lang == "ja" {
			return ja
		}
		return en
	},
	"code": code,
	"share": func(widths []float64, i int) float64 {
		sum := 0.0
		for _, w := range widths {
			sum += w
		}
		if i >= len(widths) || sum == 0 {
			return 0
		}
		return widths[i] / sum * 100
	},
}).Parse(bookHTML))

var cardPages = template.Must(template.New("cards").Parse(cardsHTML))

// code is text with what stands in backticks as code.
func code(text string) template.HTML {
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 { // one that is not closed is a letter
		return template.HTML(template.HTMLEscapeString(text))
	}
	var b strings.Builder
	for i, p := range parts {
		if p = template.HTMLEscapeString(p); i%2 == 1 {
			p = "<code>" + p + "</code>"
		}
		b.WriteString(p)
	}
	return template.HTML(b.String())
}

// StampCSS is the stamp as a string of CSS, for the margin of every page. Its letters are
// escaped one by one, so it can't end the string.
func (d Document) StampCSS() template.CSS {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range d.Stamp {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\%06x`, r)
		}
	}
	b.WriteByte('"')
	return template.CSS(b.String())
}

// WriteHTML writes the document as one file for A4 that fetches nothing.
func (d Document) WriteHTML(w io.Writer) error { return pages.Execute(w, d) }
