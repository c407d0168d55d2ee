package journal_test

import (
	"path/filepath"
	"testing"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/journal/journaltest"
)

func TestSQLite(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Store {
		s, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		return s
	})
}
