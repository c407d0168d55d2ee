package sheet

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

//go:embed sheet.css
var style string

//go:embed parts.html.tmpl
var parts string

//go:embed sheet.html.tmpl
var page string

// Style is the style sheet of every page.
func Style() template.CSS { return template.CSS(style) }

// Policy is the content security policy of a page: it fetches nothing, and only its own style sheet,
// by hash, is obeyed.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// Template is a page with the parts that all of them share.
func Template(langs []i18n.Lang, more template.FuncMap, page string) (*template.Template, error) {
	t := template.New("page").Funcs(template.FuncMap{
		"t":       func(x plan.Text) template.HTML { return inLanguages(x, langs) },
		"heading": func(x plan.Text) template.HTML { return heading(x, langs) },
		"langs":   func() []i18n.Lang { return langs },
		"textOf":  func(x *plan.Text) plan.Text { return *x },
		"in":      func(x *plan.Text, l i18n.Lang) string { return x.In(string(l)) },
		"same":    func(x *plan.Text) bool { return x.EN == x.JA || len(langs) == 1 },
		"across":  Across,
		"mark":    Mark,
		"verdict": VerdictWord,
		"say":     func(en, ja string) plan.Text { return Say(en, ja) },
	}).Funcs(more)
	if _, err := t.Parse(parts); err != nil {
		return nil, err
	}
	return t.Parse(page)
}

// view is what the page's template sees.
type view struct {
	Sheet
	Langs     []i18n.Lang
	Style     template.CSS
	Policy    string
	PageTitle *plan.Text
}

// HTML sets the sheet as one file that fetches nothing.
func (d Sheet) HTML(w io.Writer, langs []i18n.Lang) error {
	title := plan.Text{EN: d.Title.EN, JA: d.Title.JA}
	if d.Mark != (plan.Text{}) {
		title = plan.Text{EN: d.Mark.EN + " " + title.EN, JA: d.Mark.JA + " " + title.JA}
	}
	t, err := Template(langs, nil, page)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view{Sheet: d, Langs: langs, Style: Style(), Policy: Policy(), PageTitle: &title}); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// inLanguages sets a text in the languages asked for; the style sheet shows the chosen one.
func inLanguages(x plan.Text, langs []i18n.Lang) template.HTML {
	if x.EN == x.JA || len(langs) == 1 {
		return template.HTML(template.HTMLEscapeString(x.In(string(langs[0]))))
	}
	var b bytes.Buffer
	for _, l := range langs {
		b.WriteString(`<span lang="` + string(l) + `">` + template.HTMLEscapeString(x.In(string(l))) + `</span>`)
	}
	return template.HTML(b.String())
}

// heading sets a heading with the other language's term beside it (requirement H).
func heading(x plan.Text, langs []i18n.Lang) template.HTML {
	var b bytes.Buffer
	for _, l := range langs {
		other := otherThan(l)
		b.WriteString(`<span lang="` + string(l) + `">` + template.HTMLEscapeString(x.In(string(l))))
		if x.EN != x.JA {
			b.WriteString(` <small>` + template.HTMLEscapeString(x.In(string(other))) + `</small>`)
		}
		b.WriteString(`</span>`)
	}
	return template.HTML(b.String())
}
