package intake

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/muster-dr/muster/internal/plan"
)

// unpacked bounds what an XLSX, which is a ZIP, may come to: a few kilobytes can unpack to gigabytes.
const unpacked = 64 << 20

func readXLSX(file string, data []byte) (sheets []Sheet, err error) {
	defer func() {
		if r := recover(); r != nil { // the library's, on a broken file: refused as such
			sheets, err = nil, plan.Wrong("%s can't be read as an Excel file: %s", "%s は Excel ファイルとして読み取れません: %s", file, fmt.Sprint(r))
		}
	}()
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: unpacked, UnzipXMLSizeLimit: unpacked / 4})
	if err != nil {
		return nil, plan.Wrong("%s can't be read as an Excel file: %v", "%s は Excel ファイルとして読み取れません: %v", file, err)
	}
	defer func() { _ = f.Close() }() // temporary files only; nothing is written
	names := f.GetSheetList()
	for _, name := range names[:min(len(names), maxSheets)] {
		if visible, err := f.GetSheetVisible(name); err == nil && !visible {
			continue
		}
		s, err := readSheet(f, file, name)
		if err != nil {
			return nil, err
		}
		if len(s.Rows) > 0 {
			sheets = append(sheets, s)
		}
	}
	if len(sheets) == 0 {
		return nil, plan.Wrong("%s has no visible sheet with anything in it", "%s に、内容のある表示シートがありません", file)
	}
	return sheets, nil
}

func readSheet(f *excelize.File, file, name string) (Sheet, error) {
	s := Sheet{Name: name}
	broken := func(err error) error {
		return plan.Wrong("%s, sheet %s can't be read: %v", "%s のシート %s を読み取れません: %v", file, name, err)
	}
	rows, err := f.Rows(name)
	if err != nil {
		return s, broken(err)
	}
	defer func() { _ = rows.Close() }()
	last := 0
	for rows.Next() {
		fields, err := rows.Columns()
		if err != nil {
			return s, broken(err)
		}
		if len(s.Rows) >= maxRows {
			break // formats reach down to the last row; anything filled below is told
		}
		row := make([]Cell, min(len(fields), maxColumns))
		for i := range row {
			row[i].Text = clean(fields[i])
			if row[i].Text != "" {
				last = len(s.Rows) + 1
			}
		}
		s.Rows = append(s.Rows, row)
	}
	if err := rows.Error(); err != nil {
		return s, broken(err)
	}
	if last == maxRows {
		return s, plan.Wrong("%s, sheet %s has more than %d rows", "%s のシート %s は %d 行を超えています", file, name, maxRows)
	}
	s.Rows = s.Rows[:last]
	merged, err := f.GetMergeCells(name)
	if err != nil {
		return s, broken(err)
	}
	for _, m := range merged {
		s.cover(m)
	}
	return s, nil
}

// cover spreads a merged cell over what it lies on.
func (s *Sheet) cover(m excelize.MergeCell) {
	c1, r1, err1 := excelize.CellNameToCoordinates(m.GetStartAxis())
	c2, r2, err2 := excelize.CellNameToCoordinates(m.GetEndAxis())
	if err1 != nil || err2 != nil || r1 < 1 || c1 < 1 || r1 > len(s.Rows) || c1 > maxColumns {
		return
	}
	r2, c2 = min(r2, len(s.Rows)), min(c2, maxColumns)
	text := ""
	if c1 <= len(s.Rows[r1-1]) {
		text = s.Rows[r1-1][c1-1].Text
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	for r := r1 - 1; r < r2; r++ {
		for len(s.Rows[r]) < c2 {
			s.Rows[r] = append(s.Rows[r], Cell{})
		}
		for c := c1 - 1; c < c2; c++ {
			s.Rows[r][c] = Cell{Text: text, Covered: r != r1-1 || c != c1-1}
		}
	}
	s.Rows[r1-1][c1-1].Wide = c2 - c1 + 1
}
