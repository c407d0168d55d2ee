package certpool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/plan"
)

func TestAuthoritiesAreReadOrTheFileIsNamed(t *testing.T) {
	ca, err := authority.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good, empty := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	for path, b := range map[string][]byte{good: ca.PEM(), empty: []byte("no certificate")} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pool, err := Read(good); err != nil || !pool.Equal(ca.Roots()) {
		t.Errorf("%v, %v, want the authority", pool, err)
	}
	_, err = Read(empty)
	if said := plan.SaidBy(err); err == nil || !strings.Contains(said.EN, empty) || !strings.Contains(said.JA, "証明書なし") {
		t.Errorf("a file without any: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "gone.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
