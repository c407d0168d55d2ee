package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
)

// Who leaves the file is out; a slip in the file puts nobody out.
func TestDirectoryFollowsTheEstate(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		file := filepath.Join(dir, "estate.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &directory{dir: dir, catalog: all.Registry(all.Options{})}
	again := func() { d.looked = time.Time{}; d.stamp = "" }
	known := func(person string) bool {
		t.Helper()
		again()
		ok, err := d.Known(t.Context(), person)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if _, err := d.Known(t.Context(), "sato"); err == nil {
		t.Error("without an estate nobody can tell")
	}
	full := strings.NewReplacer("name: Sato,", "name: Sato, subject: sub-1, mail: sato@example.jp,",
		"name: Tanaka,", "name: Tanaka, mail: tanaka@example.jp,").Replace(estate)
	for _, f := range []struct{ name, text string }{{"runbook.yaml", runbook}, {"scenario.yaml", tabletop}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(full)
	if !known("sato") || !known("tanaka") || known("nobody") {
		t.Error("the people are not those of the file")
	}
	if p, err := d.BySubject(t.Context(), "sub-1"); p != "sato" || err != nil {
		t.Errorf("the subject is %q, %v", p, err)
	}
	if p, err := d.ByMail(t.Context(), "TANAKA@example.jp"); p != "tanaka" || err != nil {
		t.Errorf("the address is %q's, %v", p, err)
	}
	if p, err := d.ByMail(t.Context(), "sato@example.jp"); p != "" || err != nil {
		t.Errorf("another subject that the provider gives sato's address is %q, %v", p, err)
	}
	if p, _ := d.BySubject(t.Context(), ""); p != "" {
		t.Errorf("no subject is %q", p)
	}
	write(full + "  nonsense: [\n")
	if !known("sato") {
		t.Error("a slip in the file put people out")
	}
	if e, err := d.inventory(); err != nil || len(e.People) == 0 || len(e.Systems) == 0 {
		t.Errorf("a slip in the file emptied the board: %+v, %v", e, err)
	}
	write(strings.Replace(full, "  - {id: tanaka, name: Tanaka, mail: tanaka@example.jp, roles: [operator, commander]}\n", "  - {id: suzuki, name: Suzuki, roles: [operator]}\n", 1))
	if known("tanaka") || !known("suzuki") {
		t.Error("who left the file is still known")
	}
}

// One mistake in the estate at a server's start: those who can be read are reached, and
// nobody is taken for somebody.
func TestAMistakeInTheEstateSilencesNobody(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(estate, "name: Sato,", "name: Sato, mail: sato@example.jp,", 1) + "nonsense: 1\n"
	for _, f := range []struct{ name, text string }{{"estate.yaml", text}, {"runbook.yaml", runbook}, {"scenario.yaml", tabletop}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &directory{dir: dir, catalog: all.Registry(all.Options{})}
	e, err := d.estate()
	if err == nil || e == nil || e.Contacts["sato"].Mail != "sato@example.jp" {
		t.Errorf("%+v, %v; want those who can be read, and the mistake", e, err)
	}
	if _, err := d.Known(t.Context(), "sato"); err == nil {
		t.Error("with mistakes and nothing good before, nobody can tell who may act")
	}
}
