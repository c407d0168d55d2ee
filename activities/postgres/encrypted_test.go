package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// encrypted is a pair whose servers show a certificate of an authority of their own, and what a target needs
// to believe them: its file, and the pair of a client.
func encrypted(t *testing.T) (p *pgtest.Pair, ca string, client authority.Pair) {
	t.Helper()
	dir := pgtest.Dir(t)
	a, err := authority.New("a company's own", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Issue(dir, "server", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if client, err = a.Issue(dir, "postgres"); err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, a.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	located, err := pgcluster.Locate(pgcluster.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{server.Cert, server.Key, client.Cert, client.Key} {
		if err := located.Primary.Own(f); err != nil {
			t.Fatal(err)
		}
	}
	return pgtest.StartPairWith(t, map[string]string{"ssl": "on", "ssl_cert_file": server.Cert, "ssl_key_file": server.Key, "ssl_ca_file": ca}), ca, client
}

// known makes a home whose user's authority is ca, this process's for now.
func known(t *testing.T, ca string) (home string) {
	t.Helper()
	home = pgtest.Dir(t)
	pem, err := os.ReadFile(ca)
	if err := errors.Join(err, os.Mkdir(filepath.Join(home, ".postgresql"), 0o755), os.WriteFile(filepath.Join(home, ".postgresql", "root.crt"), pem, 0o644)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	return home
}

// at makes a directory of programs that work as those in bin do for a user with a home.
func at(t *testing.T, home, bin string) string {
	t.Helper()
	dir := pgtest.Dir(t)
	programs, err := filepath.Glob(filepath.Join(bin, "*"))
	for _, p := range programs {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, filepath.Base(p)), fmt.Appendf(nil, "#!/bin/sh\nHOME=%s exec %s \"$@\"\n", home, p), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// muster itself goes by the system's authorities, and the server's own programs by none: that is told before
// the server is down.
func TestAServerOfAnAuthorityOfItsOwnIsRejoined(t *testing.T) {
	p, ca, client := encrypted(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	bare, tokyo, osaka := p.Tokyo.Target, p.Tokyo.Target, p.Osaka.Target
	bare.Spec.SSLMode = "verify-full"
	for _, s := range []*Target{&tokyo, &osaka} {
		s.Spec.SSLMode, s.Spec.CA, s.Spec.Cert, s.Spec.Key = "verify-full", ca, client.Cert, client.Key
	}

	home := known(t, ca)
	_, err := rejoin(ctx, Rejoin{Server: osaka, Follow: bare, Method: "auto", Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	lacking, rerr := readyRejoin(ctx, Rejoin{Server: osaka, Follow: bare, Method: "auto"})
	if rerr != nil || len(lacking) == 0 || !strings.Contains(lacking[0].EN, "ca_file") || err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("without an authority: %v, ready %v, %v", err, lacking, rerr)
	}
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	wrapped := osaka // an installation whose programs find their user's root.crt
	wrapped.Spec.Bin = at(t, home, p.Osaka.Bin)
	if lacking, err := readyRejoin(ctx, Rejoin{Server: wrapped, Follow: bare, Method: "auto"}); err != nil || len(lacking) > 0 {
		t.Errorf("ready, with a root.crt: %v, %v", lacking, err)
	}
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: wrapped, Follow: bare, Method: byBaseBackup, Wait: minute}))
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	// PostgreSQL's own library does not take a key that others may read.
	if err := os.Chmod(client.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Method: "auto", Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	_, serr := switchover(ctx, Switchover{From: tokyo, To: osaka, MaxLag: 1 << 20, Wait: minute})
	wantKind(t, serr, plan.ErrRefused)
	lacking, rerr = readySwitchover(ctx, Switchover{From: tokyo, To: osaka})
	if rerr != nil || len(lacking) != 1 || !strings.Contains(lacking[0].EN, "private key file") || err == nil || !strings.Contains(err.Error(), "private key file") {
		t.Errorf("with an open key: %v, ready %v, %v", err, lacking, rerr)
	}
	p.Tokyo.AwaitStreaming(t, p.Osaka) // nothing was stopped
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("a refusal did something: %v", err)
	}
	if err := os.Chmod(client.Key, 0o600); err != nil {
		t.Fatal(err)
	}

	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	for _, method := range []string{byRewind, byBaseBackup} {
		if lacking, err := readyRejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Method: method}); err != nil || len(lacking) > 0 {
			t.Errorf("ready: %v, %v", lacking, err)
		}
		must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Method: method, Wait: minute}))
		p.Osaka.AwaitStreaming(t, p.Tokyo)
		if dn := pgtest.Value[string](t, p.Osaka, "SELECT coalesce(s.client_dn, '') FROM pg_stat_ssl s JOIN pg_stat_replication USING (pid)"); dn != "/CN=postgres" {
			t.Errorf("the standby shows the certificate of %q", dn)
		}
		if to := pgtest.Value[string](t, p.Tokyo, "SHOW primary_conninfo"); !strings.Contains(to, "verify-full") || !strings.Contains(to, ca) {
			t.Errorf("the standby follows %s", to)
		}
	}
	must[Switched](t)(switchover(ctx, Switchover{From: osaka, To: tokyo, MaxLag: 1 << 20, Wait: minute}))
}
