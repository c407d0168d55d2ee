package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/muster-dr/muster/internal/plan"
)

// decode makes text of bytes: UTF-8 with and without its mark, UTF-16 with its mark, and what Japanese
// Excel writes as CSV, Shift_JIS.
func decode(file string, data []byte) (text, name string, err error) {
	try := func(e encoding.Encoding, name string) (string, string, bool) {
		out, err := e.NewDecoder().Bytes(data)
		return string(out), name, err == nil && !bytes.ContainsRune(out, utf8.RuneError) && !bytes.ContainsRune(out, 0)
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) && utf8.Valid(data):
		return string(data[3:]), "UTF-8", nil
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		if text, name, ok := try(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM), "UTF-16"); ok {
			return text, name, nil
		}
	case utf8.Valid(data) && !bytes.ContainsRune(data, 0):
		return string(data), "UTF-8", nil
	default:
		if text, name, ok := try(japanese.ShiftJIS, "Shift_JIS"); ok {
			return text, name, nil
		}
		if text, name, ok := try(japanese.EUCJP, "EUC-JP"); ok {
			return text, name, nil
		}
	}
	return "", "", plan.Wrong("%s is no text in UTF-8, UTF-16 or Shift_JIS; save it as UTF-8", "%s は UTF-8、UTF-16、Shift_JIS のいずれのテキストでもありません。UTF-8で保存し直してください", file)
}

func readCSV(file, text string) (Sheet, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma(text), -1, true
	s := Sheet{Name: strings.TrimSuffix(strings.TrimSuffix(file, ".csv"), ".tsv")}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, plan.Wrong("%s: it can't be read as CSV: %v", "%s: CSVとして読み取れません: %v", file, err)
		}
		line, _ := r.FieldPos(0)
		if len(s.Rows) >= maxRows {
			return s, plan.Wrong("%s has more than %d rows", "%s は %d 行を超えています", file, maxRows)
		}
		var row []Cell
		for _, f := range record[:min(len(record), maxColumns)] {
			row = append(row, Cell{Text: clean(f)})
		}
		s.Rows, s.Lines = append(s.Rows, row), append(s.Lines, line)
	}
}

// comma is what most of the first lines have most of.
func comma(text string) rune {
	head := text[:min(len(text), 4000)]
	best, most := ',', strings.Count(head, ",")
	for _, c := range []rune{'\t', ';'} {
		if n := strings.Count(head, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}
