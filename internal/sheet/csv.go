package sheet

import (
	"archive/zip"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/muster-dr/muster/internal/i18n"
)

// CSV writes a zip file with one CSV file for every table. They are UTF-8 with a byte order mark, so
// that a spreadsheet reads Japanese; what it would take for a formula is quoted.
func (d Sheet) CSV(w io.Writer, l i18n.Lang) error {
	lang := string(l)
	z := zip.NewWriter(w)
	n := 0
	for _, s := range d.Sections {
		for i, t := range s.Tables {
			n++
			name := fmt.Sprintf("%02d-%s.csv", n, s.ID)
			if len(s.Tables) > 1 {
				name = fmt.Sprintf("%02d-%s-%d.csv", n, s.ID, i+1)
			}
			f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: d.At.UTC()})
			if err != nil {
				return err
			}
			if _, err := io.WriteString(f, "\ufeff"); err != nil {
				return err
			}
			out := csv.NewWriter(f)
			out.UseCRLF = true
			head := make([]string, len(t.Head))
			for i, h := range t.Head {
				head[i] = PlainCell(h.In(lang))
			}
			if err := out.Write(head); err != nil {
				return err
			}
			for _, r := range t.Rows {
				row := make([]string, len(t.Head))
				for i, c := range r[:min(len(r), len(row))] {
					row[i] = PlainCell(c.Text.In(lang))
				}
				if err := out.Write(row); err != nil {
					return err
				}
			}
			if out.Flush(); out.Error() != nil {
				return out.Error()
			}
		}
	}
	return z.Close()
}

// number is a plain number, which a spreadsheet may take for what it is.
var number = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?%?$`)

// PlainCell keeps a spreadsheet from taking a cell for a formula: what people wrote could be one. Some
// trim a cell first, and in a Japanese one the full-width signs begin a formula too. What begins with a
// line break or a tab is quoted whatever follows.
func PlainCell(s string) string {
	if number.MatchString(s) {
		return s
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == 0 }))
	if strings.ContainsRune("=+-@＝＋－＠−", first) || s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
