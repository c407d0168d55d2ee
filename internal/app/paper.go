package app

import (
	"bytes"
	"io"

	"github.com/muster-dr/muster/internal/book"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// paper writes reports; it is where the fonts of PDFs are, "" for the system's folders.
type paper string

// Render writes a run's report.
func Render(w io.Writer, p plan.Plan, events []run.Event, earlier []report.Earlier, format, lang, font string) error {
	return paper(font).Render(w, p, events, earlier, format, lang)
}

// Render writes a run's report.
func (at paper) Render(w io.Writer, p plan.Plan, events []run.Event, earlier []report.Earlier, format, lang string) error {
	r, err := build(p, events, earlier)
	if err != nil {
		return err
	}
	return at.write(w, p, r, format, lang)
}

// RenderFor writes it for a reader who may not see what each of the others said.
func (at paper) RenderFor(w io.Writer, p plan.Plan, events []run.Event, earlier []report.Earlier, format, lang, reader string) error {
	r, err := build(p, events, earlier)
	if err != nil {
		return err
	}
	return at.write(w, p, report.WithoutIndividuals(r, reader), format, lang)
}

// build makes the report of a run's events, beside earlier runs, with what people wrote into it afterwards
// where that is among them.
func build(p plan.Plan, events []run.Event, earlier []report.Earlier) (report.Report, error) {
	var own, written []run.Event
	for _, e := range events {
		if e.Run == run.WrittenRecord {
			written = append(written, e)
		} else {
			own = append(own, e)
		}
	}
	r, err := report.Build(p, own)
	if err != nil {
		return r, err
	}
	return report.WithWritten(report.WithTrend(p, r, earlier), written)
}

func (at paper) write(w io.Writer, p plan.Plan, r report.Report, format, lang string) error {
	if format == "record" {
		return report.WriteRecord(w, p, r)
	}
	if report.Format(format) != report.PDF {
		return report.Render(w, r, report.Format(format), lang)
	}
	l := i18n.Parse(lang)
	fonts, err := book.FindFonts(string(at), l)
	if err != nil {
		return err
	}
	var b bytes.Buffer // all or nothing
	if _, err := report.WritePDF(&b, r, l, fonts); err != nil {
		return err
	}
	_, err = b.WriteTo(w)
	return err
}

// Sheet writes a page over many runs.
func (at paper) Sheet(w io.Writer, d sheet.Sheet, format string, l i18n.Lang) error {
	switch format {
	case "html":
		return d.HTML(w, []i18n.Lang{l})
	case "csv":
		return d.CSV(w, l)
	case "markdown":
		_, err := io.WriteString(w, d.Markdown(l))
		return err
	case "pdf":
		fonts, err := book.FindFonts(string(at), l)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if _, err := d.PDF(&b, l, fonts); err != nil {
			return err
		}
		_, err = b.WriteTo(w)
		return err
	}
	_, err := io.WriteString(w, d.Terminal(l))
	return err
}
