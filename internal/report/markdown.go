package report

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// writeMarkdown sets the whole report but the charts.
func writeMarkdown(d *document, l i18n.Lang) string {
	var b strings.Builder
	lang := string(l)
	fmt.Fprintf(&b, "# %s %s\n\n", d.Mark.In(lang), escape(d.Title.In(lang)))
	for _, f := range d.Facts {
		b.WriteString("- " + escape(f.In(lang)) + "\n")
	}
	fmt.Fprintf(&b, "\n**%s**\n", escape(d.Sentence.In(lang)))
	for _, p := range d.Remarks {
		b.WriteString("\n" + escape(p.In(lang)) + "\n")
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s\n", escape(headingIn(s.Title, l)))
		for _, p := range s.Lead {
			b.WriteString("\n" + escape(p.In(lang)) + "\n")
		}
		for _, t := range s.Tables {
			if c := t.Caption.In(lang); c != "" {
				fmt.Fprintf(&b, "\n### %s\n", escape(c))
			}
			b.WriteString("\n" + t.markdown(lang))
		}
	}
	return b.String()
}

// headingIn is a heading with the other language's term beside it (requirement H).
func headingIn(t plan.Text, l i18n.Lang) string {
	if t.EN == t.JA {
		return t.EN
	}
	return l.T(t.EN+" ["+t.JA+"]", t.JA+" ["+t.EN+"]")
}

func (t table) markdown(lang string) string {
	var b strings.Builder
	for _, h := range t.Head {
		b.WriteString("| " + escape(h.In(lang)) + " ")
	}
	b.WriteString("|\n" + strings.Repeat("| --- ", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		for i := range t.Head {
			text := ""
			if across(r) && i == 0 {
				b.WriteString("| **" + escape(r[0].Text.In(lang)) + "** ")
				continue
			}
			if i < len(r) {
				text = escape(r[i].Text.In(lang))
			}
			b.WriteString("| " + text + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// markup are the characters that Markdown or the HTML inside it would act upon.
var markup = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "]", "\\]", "#", "\\#", "\r", " ", "\n", " ")

func escape(s string) string { return markup.Replace(s) }
