package sheet

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Markdown sets the whole sheet but the charts.
func (d Sheet) Markdown(l i18n.Lang) string {
	var b strings.Builder
	lang := string(l)
	fmt.Fprintf(&b, "# %s %s\n\n", d.Mark.In(lang), Escape(d.Title.In(lang)))
	for _, f := range d.Facts {
		b.WriteString("- " + Escape(f.In(lang)) + "\n")
	}
	fmt.Fprintf(&b, "\n**%s**\n", Escape(d.Sentence.In(lang)))
	for _, p := range d.Remarks {
		b.WriteString("\n" + Escape(p.In(lang)) + "\n")
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s\n", Escape(headingIn(s.Title, l)))
		for _, p := range s.Lead {
			b.WriteString("\n" + Escape(p.In(lang)) + "\n")
		}
		for _, t := range s.Tables {
			if c := t.Caption.In(lang); c != "" {
				fmt.Fprintf(&b, "\n### %s\n", Escape(c))
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

func (t Table) markdown(lang string) string {
	var b strings.Builder
	for _, h := range t.Head {
		b.WriteString("| " + Escape(h.In(lang)) + " ")
	}
	b.WriteString("|\n" + strings.Repeat("| --- ", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		for i := range t.Head {
			text := ""
			if Across(r) && i == 0 {
				b.WriteString("| **" + Escape(r[0].Text.In(lang)) + "** ")
				continue
			}
			if i < len(r) {
				text = Escape(r[i].Text.In(lang))
			}
			b.WriteString("| " + text + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// markup are the characters that Markdown or the HTML inside it would act upon.
var markup = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "]", "\\]", "#", "\\#", "\r", " ", "\n", " ")

// Escape takes from a text what Markdown would act upon.
func Escape(s string) string { return markup.Replace(s) }
