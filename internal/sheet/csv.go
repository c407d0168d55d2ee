package sheet

import (
	"archive/zip"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

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

// PlainCell keeps a spreadsheet from taking a cell for a formula: what people wrote could be one.
func PlainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
