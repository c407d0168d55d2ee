package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pdf"
)

// Format is a way to set a report.
type Format string

const (
	Text     Format = "text"     // for a terminal: at most 100 columns, no colour
	JSON     Format = "json"     // complete; the only one that programs should read
	Markdown Format = "markdown" // for wikis and issues
	HTML     Format = "html"     // one self-contained file for screen and A4
	CSV      Format = "csv"      // a zip file with one file for every table
	PDF      Format = "pdf"      // tagged, for paper and archives; see WritePDF
)

// Formats lists the formats that are text.
func Formats() []Format { return []Format{Text, JSON, Markdown, HTML} }

// Render writes the report. Lang is "ja", "en" or "" for both; with both, HTML holds the
// two languages with a switch that needs no script, and text and Markdown have one after
// the other, Japanese first. JSON is the same in every language.
func Render(w io.Writer, r Report, f Format, lang string) error {
	var langs []i18n.Lang
	switch lang {
	case "":
		langs = []i18n.Lang{i18n.JA, i18n.EN}
	case string(i18n.JA), string(i18n.EN):
		langs = []i18n.Lang{i18n.Lang(lang)}
	default:
		return fmt.Errorf("language %q: a report is in \"ja\", \"en\" or, with \"\", in both", lang)
	}
	switch f {
	case JSON:
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	case HTML:
		return writeHTML(w, newDocument(r), langs)
	case CSV:
		return newDocument(r).CSV(w, langs[0])
	case Text, Markdown:
		d := newDocument(r)
		for i, l := range langs {
			s := d.Markdown(l)
			if f == Text {
				s = writeText(d, l)
			}
			if i > 0 {
				s = "\n" + s
			}
			if _, err := io.WriteString(w, s); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("format %q: a report is one of %v", f, Formats())
}

// WritePDF sets the report as tagged PDF in one language. It names the letters that the fonts lack,
// which stand as 〓.
func WritePDF(w io.Writer, r Report, l i18n.Lang, fonts pdf.Fonts) (missing []rune, err error) {
	return newDocument(r).PDF(w, l, fonts)
}
