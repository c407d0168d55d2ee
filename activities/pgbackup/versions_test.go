package pgbackup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

// Programs of another version call a sound backup damaged, so they are not asked.
func TestABackupOfAnotherVersionIsNotCalledDamaged(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.order(t, 1)
	b := s.take(t)
	s.archive(t)
	file := filepath.Join(s.store.Spec.Backups, b.Backup, "PG_VERSION")
	own, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() error{
		"restore": func() error { _, err := restore(s.call(t), Restore{Backups: s.store}); return err },
		"ready":   func() error { _, err := readyRestore(s.call(t), Restore{Backups: s.store}); return err },
	} {
		if err := try(); kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), "is of PostgreSQL 12") || !strings.Contains(err.Error(), "PostgreSQL 12 のもの") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(file, own, 0o600); err != nil {
		t.Fatal(err)
	}
	if lacking, err := readyRestore(s.call(t), Restore{Backups: s.store}); err != nil || len(lacking) > 0 {
		t.Errorf("of its own version: %v, %v", lacking, err)
	}
}
