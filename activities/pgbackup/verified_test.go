package pgbackup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/pgtest"
)

// Without ca_file pg_basebackup goes by its user's root.crt, and where there is none it is told what is missing.
func TestABackupOfAServerThatProvesWhoItIsGoesByTheUsersAuthorities(t *testing.T) {
	t.Parallel()
	dir := pgtest.Dir(t)
	i, err := programs(Target{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := authority.New("a company's own", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Issue(dir, "server", "127.0.0.1")
	home, bin, base := filepath.Join(dir, "home"), filepath.Join(dir, "bin"), filepath.Join(dir, "base")
	if err := errors.Join(err, i.Own(pair.Cert), i.Own(pair.Key), i.OwnDir(base), os.Mkdir(bin, 0o755), os.MkdirAll(filepath.Join(home, ".postgresql"), 0o755),
		os.WriteFile(filepath.Join(home, ".postgresql", "root.crt"), a.PEM(), 0o644)); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(i.Bin, "*"))
	for _, p := range all {
		err = errors.Join(err, os.WriteFile(filepath.Join(bin, filepath.Base(p)), fmt.Appendf(nil, "#!/bin/sh\nHOME=%s exec %s \"$@\"\n", home, p), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{dir: dir, live: pgtest.StartPairWith(t, map[string]string{"ssl": "on", "ssl_cert_file": pair.Cert, "ssl_key_file": pair.Key}).Tokyo}
	s.store = Target{Name: "orders", Spec: Store{Backups: base, Database: "postgres", User: "postgres"}}
	s.live.Target.Spec.SSLMode = "verify-full"
	_, err = take(s.call(t), Take{Server: s.live.Target, Backups: s.store})
	if err == nil || !strings.Contains(err.Error(), "ca_file") || !strings.Contains(err.Error(), "root.crt") {
		t.Errorf("without a root.crt: %v", err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		t.Errorf("left of it: %v, %v", left, err)
	}
	s.store.Spec.Bin = bin
	if b := s.take(t); b.SizeBytes == 0 {
		t.Errorf("taken: %+v", b)
	}
}
