package systemd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/systemdtest"
	"github.com/muster-dr/muster/internal/waittest"
)

// A renewal by `muster certificates` has PostgreSQL told to read its certificate, each time that there is a new one and no other time.
func TestPostgreSQLIsToldOfItsRenewedCertificate(t *testing.T) {
	dir, told := t.TempDir(), filepath.Join(t.TempDir(), "told")
	at, of := "examples/muster-postgresql-certificate.path", "examples/muster-postgresql-certificate.service"
	machine := root(t)
	for _, f := range []string{at, of} {
		write(t, filepath.Join(machine, "etc", "systemd", "system", filepath.Base(f)), read(t, f), 0o644)
	}
	for _, f := range []string{at, of} {
		if out := analyze(t, "verify", "--man=no", "--root="+machine, filepath.Base(f)); out != "" {
			t.Errorf("%s:\n%s", f, out)
		}
	}

	set := authority.Set{Dir: dir, Lasts: 90 * 24 * time.Hour}
	now := time.Now()
	if _, err := set.Write(now); err != nil {
		t.Fatal(err)
	}
	m := systemdtest.Start(t)
	const alone = "[Unit]\nDefaultDependencies=no\n"
	fill := strings.NewReplacer("[Unit]\n", alone, "/etc/postgresql/tls/postgres.pem", filepath.Join(dir, "postgres", "postgres.pem"),
		"systemctl reload postgresql@16-main.service", "sh -c 'echo told >> "+told+"'")
	for _, f := range []string{of, at} {
		m.Unit(t, filepath.Base(f), fill.Replace(read(t, f)))
	}
	m.Run(t, "muster-postgresql-certificate.path")
	times := func() int {
		b, err := os.ReadFile(told)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Count(string(b), "told")
	}
	for n := range 2 {
		if made, err := set.Write(now.Add(40 * 24 * time.Hour)); err != nil || len(made) > 0 || times() != n {
			t.Fatalf("a week in which nothing is due: %v made, told %d times; %v", made, times(), err)
		}
		before := times()
		if made, err := set.Write(now.Add(46 * 24 * time.Hour)); err != nil || len(made) == 0 {
			t.Fatalf("nothing was renewed: %v", err)
		}
		waittest.Eventually(t, 30*time.Second, func() string {
			if times() == before {
				return "PostgreSQL is not told"
			}
			return ""
		})
	}
}
