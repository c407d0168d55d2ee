package report

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/sheet"
)

// writeText sets the parts of a report that fit a terminal: the verdicts first.
func writeText(d *document, l i18n.Lang) string {
	var b strings.Builder
	lang := string(l)
	fmt.Fprintf(&b, "%s  %s\n", d.Mark.In(lang), d.Title.In(lang))
	for _, f := range d.Facts {
		b.WriteString(f.In(lang) + "\n")
	}
	b.WriteString("\n")
	section := func(id string) {
		s := d.Section(id)
		head := s.Title.In(lang)
		fmt.Fprintf(&b, "\n%s\n%s\n", head, strings.Repeat("-", min(sheet.Columns, sheet.Cells(head))))
		for _, p := range s.Lead {
			b.WriteString(strings.Join(sheet.Wrap(p.In(lang), sheet.Columns), "\n") + "\n")
		}
		below := len(s.Lead) > 0 // something stands above
		for _, t := range s.Tables {
			if t.Brief {
				if c := t.Caption.In(lang); c != "" {
					if below {
						b.WriteString("\n")
					}
					b.WriteString(c + "\n")
				}
				b.WriteString(t.Terminal(lang))
				below = true
			}
		}
	}
	section("attainment")
	b.WriteString("\n" + strings.Join(sheet.Wrap(d.Sentence.In(lang), sheet.Columns), "\n") + "\n")
	for _, p := range d.Remarks {
		b.WriteString(strings.Join(sheet.Wrap(p.In(lang), sheet.Columns), "\n") + "\n")
	}
	for _, id := range []string{"pass", "curve"} {
		if len(d.Section(id).Tables) > 0 {
			section(id)
		}
	}
	for _, id := range []string{"time", "timeline", "people", "decisions", "break-glass", "findings"} {
		if id == "break-glass" && len(d.report.BreakGlass) == 0 {
			continue
		}
		section(id)
	}
	e := d.report.Evidence
	b.WriteString("\n" + l.T("Plan %s, journal %s (%d events)\n", "計画 %s、記録 %s（%d 件）\n", short(e.PlanHash), short(e.JournalDigest), e.Events))
	return b.String()
}
