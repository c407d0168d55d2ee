package journal

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A copy takes along every table and column that there is.
func TestACopyForgetsNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"))
	var want, got []string
	err := s.list(t.Context(), s.read, `SELECT m.name || '.' || c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT IN ('goose_db_version', 'pings')`, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		want = append(want, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tab := range tables {
		for _, c := range tab.columns {
			got = append(got, tab.name+"."+c)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 40 || !slices.Equal(got, want) {
		t.Errorf("a copy takes\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
