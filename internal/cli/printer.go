package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/muster-dr/muster/internal/watch"
)

// printJSON writes data for programs.
func (c *command) printJSON(v any) error {
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printList is printJSON of a list: one without anything is [] and not null.
func (c *command) printList(list any) error {
	if v := reflect.ValueOf(list); v.Kind() == reflect.Slice && v.IsNil() {
		list = []any{}
	}
	return c.printJSON(list)
}

// table writes rows in columns; the last column is as long as it is. Full-width letters
// count as two.
func table(w io.Writer, head []string, rows [][]string) {
	all := rows
	if len(head) > 0 {
		all = append([][]string{head}, rows...)
	}
	var widths []int
	for _, r := range all {
		for i, cell := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], watch.Cells(cell))
		}
	}
	for _, r := range all {
		line := ""
		for i, cell := range r {
			if i == len(r)-1 {
				line += cell
				break
			}
			line += cell + strings.Repeat(" ", widths[i]-watch.Cells(cell)+2)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}
