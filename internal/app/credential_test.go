package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	certs "github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/i18n"
)

// credential writes a certificate as a worker of tokyo is given it.
func credential(t *testing.T, issued gateway.Issued) config.Config {
	t.Helper()
	dir := t.TempDir()
	c := config.Config{Site: "tokyo", Data: filepath.Join(dir, "data")}
	c.Temporal.TLS.CAFile, c.Temporal.TLS.CertFile, c.Temporal.TLS.KeyFile = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "tokyo.pem"), filepath.Join(dir, "tokyo-key.pem")
	for file, text := range map[string][]byte{c.Temporal.TLS.CAFile: issued.CA, c.Temporal.TLS.CertFile: issued.Certificate, c.Temporal.TLS.KeyFile: issued.Key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func authority(t *testing.T) *gateway.Authority {
	t.Helper()
	a, err := gateway.OpenAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *gateway.Authority, site string, valid time.Duration) gateway.Issued {
	t.Helper()
	issued, err := a.Issue(site, valid)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// A worker whose certificate the gateway would not take says why, in both languages, with
// the way out, and does not go on knocking.
func TestAWorkerThatIsNotLetInSaysWhy(t *testing.T) {
	ours, stranger := authority(t), authority(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	quiet := slog.New(slog.DiscardHandler)
	nobody, err := grpc.NewClient("127.0.0.1:1", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	go func() {
		served <- gateway.Serve(ctx, ln, gateway.Options{Engine: workflowservice.NewWorkflowServiceClient(nobody), Namespace: "x", TLS: ours.Server([]string{"127.0.0.1"}, quiet), Key: ours.Key, Log: quiet})
	}()
	defer func() { stop(); <-served }()

	replaced := issue(t, ours, "tokyo", time.Hour)
	newest := issue(t, ours, "tokyo", time.Hour)
	foreign := issue(t, stranger, "tokyo", time.Hour)
	foreign.CA = newest.CA
	lied := newest
	lied.CA = issue(t, stranger, "tokyo", time.Hour).CA
	none := credential(t, newest)
	none.Temporal.TLS.CertFile, none.Temporal.TLS.KeyFile = "", ""
	for name, c := range map[string]struct {
		config config.Config
		en, ja string
	}{
		"replaced":     {credential(t, replaced), "a newer one has replaced it", "新しい証明書に置き換えられた"},
		"foreign":      {credential(t, foreign), "another authority made it", "別の認証局が発行した"},
		"a liar":       {credential(t, lied), "is not what temporal.tls.ca_file vouches for", "確認できません"},
		"none":         {none, "asks for a certificate", "証明書が必要"},
		"over":         {credential(t, issue(t, ours, "nagoya", -time.Minute)), "ended on", "期限が切れています"},
		"another site": {credential(t, issue(t, ours, "osaka", time.Hour)), "is the certificate of site osaka", "拠点 osaka の証明書"},
	} {
		c.config.Temporal.Address, c.config.Temporal.Namespace = ln.Addr().String(), "x"
		for lang, want := range map[i18n.Lang]string{i18n.EN: c.en, i18n.JA: c.ja} {
			within, cancel := context.WithTimeout(ctx, 2*time.Minute)
			err := Worker(within, Options{Config: c.config, Lang: lang, Talk: io.Discard, Log: quiet})
			cancel()
			var trouble *Trouble
			if !errors.As(err, &trouble) || !trouble.Mistake || trouble.WayOut == "" || !strings.Contains(trouble.What, want) {
				t.Errorf("%s, %s: %v, want %q", name, lang, err, want)
			}
		}
	}
}

// With a Temporal of one's own there is no gateway to make a new one: the way leads to where the authority is kept.
func TestTheWayToANewCertificateIsThatOfWhoMadeIt(t *testing.T) {
	ours, stranger := engineAuthority(t), engineAuthority(t)
	there, err := ours.Issue(t.TempDir(), "temporal", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := there.Load()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.Roots(), NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).Handshake(); _ = conn.Close() }()
		}
	}()
	given := func(by *certs.Authority) config.Config {
		t.Helper()
		dir := t.TempDir()
		pair, err := by.IssueAs(dir, "engine", "tokyo")
		if err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, "ca.pem"), string(ours.PEM()))
		c := config.Config{Site: "tokyo", Data: filepath.Join(dir, "data")}
		c.Temporal.Address, c.Temporal.Namespace = ln.Addr().String(), "x"
		c.Temporal.TLS.CAFile, c.Temporal.TLS.CertFile, c.Temporal.TLS.KeyFile = filepath.Join(dir, "ca.pem"), pair.Cert, pair.Key
		return c
	}
	foreign, good, none := given(stranger), given(ours), given(ours)
	none.Temporal.TLS.CertFile, none.Temporal.TLS.KeyFile = "", ""
	quiet := slog.New(slog.DiscardHandler)
	for name, c := range map[string]config.Config{"another authority's": foreign, "none": none} {
		for _, lang := range []i18n.Lang{i18n.EN, i18n.JA} {
			within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			err := Worker(within, Options{Config: c, Lang: lang, Talk: io.Discard, Log: quiet})
			cancel()
			if trouble := new(Trouble); !errors.As(err, &trouble) || !strings.Contains(trouble.WayOut, "muster certificates") || name != "none" && strings.Contains(trouble.WayOut, "muster site certificate") {
				t.Errorf("%s, %s: %v", name, lang, err)
			}
		}
	}
	const day = 24 * time.Hour
	over := time.Now().Add(91 * day)
	if trouble := new(Trouble); !errors.As(ownCertificate(i18n.EN, good, over), &trouble) || !strings.Contains(trouble.WayOut, "muster certificates") || !strings.Contains(trouble.WayOut, "folder tokyo") {
		t.Errorf("one that is over: %+v", trouble)
	}
	ready := certificateReady(good, func() time.Time { return time.Now().Add(85 * day) })()
	if len(ready.Problems) != 1 || !strings.Contains(ready.Problems[0].EN, "muster certificates") || !strings.Contains(ready.Problems[0].JA, "フォルダー tokyo") {
		t.Errorf("one that ends: %+v", ready)
	}
}

func engineAuthority(t *testing.T) *certs.Authority {
	t.Helper()
	a, err := certs.New("engine", 90*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The coming end of a certificate is worth a note for a month, and is in the way in its
// last week.
func TestACheckTellsOfACertificatesEnd(t *testing.T) {
	a := authority(t)
	const day = 24 * time.Hour
	for left, want := range map[time.Duration]string{400 * day: "", 29 * day: "note", 6 * day: "problem", -time.Minute: "problem"} {
		c := credential(t, issue(t, a, "tokyo", left))
		ready := certificateReady(c, time.Now)()
		got := ""
		switch {
		case len(ready.Problems) > 0:
			got = "problem"
			if p := ready.Problems[0]; !strings.Contains(p.EN, "muster site certificate tokyo") || !strings.Contains(p.JA, "期限が切れます") {
				t.Errorf("%s left: %+v", left, p)
			}
		case ready.Note != "":
			got = "note"
		}
		if got != want {
			t.Errorf("%s left: %q, want %q", left, got, want)
		}
	}
	c := credential(t, issue(t, a, "tokyo", 400*day))
	ask := certificateReady(c, time.Now)
	if err := os.WriteFile(c.Temporal.TLS.CertFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ready := ask(); len(ready.Problems) != 1 {
		t.Errorf("a certificate that can't be read: %+v", ready)
	}
	if certificateReady(config.Config{}, time.Now) != nil {
		t.Error("a worker without a certificate is asked about it")
	}
}
