package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/channeltest"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
)

const password = "an-smtp-password-for-tests"

func open(t *testing.T, f *mailtest.Office, o Options) *Channel {
	t.Helper()
	host, port, err := net.SplitHostPort(f.Address)
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.From, o.Secrets = host, "muster@example.jp", secret.Local{}
	o.Port, _ = strconv.Atoi(port)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func address(n int) string { return fmt.Sprintf("p%03d@example.jp", n) }

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T) channeltest.World {
		f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
		busy, refused := 0, map[string]bool{}
		f.Refuse = func(to string, _ int) *smtp.SMTPError {
			switch {
			case refused[to]:
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user: " + to}
			case busy > 0:
				busy--
				return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "busy"}
			}
			return nil
		}
		return channeltest.World{
			Channel: open(t, f, Options{TLS: Plain}),
			Contact: func(n int) estate.Contact { return estate.Contact{Mail: address(n)} },
			Got:     func(n int) []string { return mailbox(f, address(n)) },
			Refuse:  func(n int) { refused[address(n)] = true },
			Busy:    func(tries int) { busy = tries },
			Lose:    func() { f.LoseAnswers(1) },
			Down:    f.Close,
			Up:      f.Open,
		}
	})
}

// mailbox is what a mailbox shows: of letters with one Message-ID, one.
func mailbox(f *mailtest.Office, to string) []string {
	var out []string
	seen := map[string]bool{}
	for _, l := range f.Letters() {
		if id := l.Header.Get("Message-ID"); l.To == to && !seen[id] {
			seen[id] = true
			out = append(out, l.Parts["text/plain"])
		}
	}
	return out
}

// What a mail program and its spam filter look at, and that nothing people write adds a
// header or a tag.
func TestALetter(t *testing.T) {
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	c := open(t, f, Options{TLS: Plain})
	m := channeltest.Message(1, estate.Contact{Mail: address(1)})
	m.Name = "Eve\r\nBcc: all@example.jp"
	m.Subject = "【訓練】<b>髙﨑①㈱</b>\r\nX-Evil: 1"
	m.Text = "【訓練】<script>alert(1)</script>\n.\nMAIL FROM:<x@example.jp>"
	if err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	letters := f.Letters()
	if len(letters) != 1 {
		t.Fatalf("%d letters", len(letters))
	}
	l := letters[0]
	for header, want := range map[string]string{"Auto-Submitted": "auto-generated", "List-Id": "muster <muster.example.jp>", "From": `"muster" <muster@example.jp>`,
		"X-Evil": "", "Bcc": ""} {
		if got := l.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if !strings.HasPrefix(l.Subject, "【訓練】<b>髙﨑①㈱</b>") || l.Header.Get("Message-ID") == "" || l.Header.Get("Date") != "Thu, 12 Nov 2026 14:00:00 +0000" {
		t.Errorf("subject %q, id %q, date %q", l.Subject, l.Header.Get("Message-ID"), l.Header.Get("Date"))
	}
	if strings.Contains(l.Header.Get("Message-ID"), "p001") {
		t.Error("the Message-ID tells who it is for")
	}
	if got := l.Parts["text/plain"]; !strings.Contains(got, "<script>alert(1)</script>\r\n.\r\nMAIL FROM") || !strings.Contains(got, "https://muster.example.jp/l/x1") {
		t.Errorf("text: %q", got)
	}
	if got := l.Parts["text/html"]; strings.Contains(got, "<script") || strings.Contains(got, "<b>") || !strings.Contains(got, `href="https://muster.example.jp/l/x1"`) {
		t.Errorf("html: %q", got)
	}
	for _, line := range strings.Split(l.Raw, "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// A response says nothing of drills, and is marked important.
func TestAResponse(t *testing.T) {
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	c := open(t, f, Options{TLS: Plain})
	m := channeltest.Message(1, estate.Contact{Mail: address(1)})
	m.Kind, m.Subject, m.Text = run.Response, "安否確認", "安否を報告してください。"
	if err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	if l := f.Letters()[0]; strings.Contains(l.Subject, "訓練") || l.Header.Get("Importance") != "high" {
		t.Errorf("subject %q, importance %q", l.Subject, l.Header.Get("Importance"))
	}
}

// One connection carries many letters.
func TestFewConnections(t *testing.T) {
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	c := open(t, f, Options{TLS: Plain})
	for n := range 250 {
		if err := c.Send(t.Context(), channeltest.Message(n, estate.Contact{Mail: address(n)}), false); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Connections(); got > 4 {
		t.Errorf("250 letters took %d connections", got)
	}
}

func TestSecuredConnections(t *testing.T) {
	conf, ca := certificate(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ref := "secret://file" + file
	try := func(f *mailtest.Office, o Options) error {
		return open(t, f, o).Send(t.Context(), channeltest.Message(1, estate.Contact{Mail: address(1)}), false)
	}
	t.Run("starttls, signed in", func(t *testing.T) {
		f := mailtest.OpenOffice(t, mailtest.OfficeOptions{User: "muster", Password: password, TLS: conf})
		if err := try(f, Options{User: "muster", Password: ref, CAFile: ca}); err != nil {
			t.Error(err)
		}
		if err := try(f, Options{User: "other", Password: ref, CAFile: ca}); err == nil || !strings.Contains(err.Error(), "refuses the user or the password") || strings.Contains(fmt.Sprint(err, err.(*channel.Failure).Err), password) {
			t.Errorf("a wrong user: %v", err)
		}
		if err := try(f, Options{User: "muster", Password: ref}); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("a certificate that nobody vouches for: %v", err)
		}
	})
	t.Run("a password that is changed", func(t *testing.T) {
		f := mailtest.OpenOffice(t, mailtest.OfficeOptions{User: "muster", Password: password, TLS: conf})
		changed := filepath.Join(t.TempDir(), "password")
		c := open(t, f, Options{User: "muster", Password: "secret://file" + changed, CAFile: ca})
		for _, x := range []struct {
			is    string
			works bool
		}{{password, true}, {"of-before-the-change", false}, {password, true}} {
			if err := os.WriteFile(changed, []byte(x.is), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.Works(t.Context()); (err == nil) != x.works {
				t.Errorf("with %q: %v", x.is, err)
			}
		}
		if len(c.free) > 0 || len(f.Letters()) > 0 {
			t.Errorf("a look keeps %d connections and leaves %d letters", len(c.free), len(f.Letters()))
		}
	})
	t.Run("tls from the first byte", func(t *testing.T) {
		f := mailtest.OpenOffice(t, mailtest.OfficeOptions{User: "muster", Password: password, TLS: conf, Implicit: true})
		if err := try(f, Options{TLS: ImplicitTLS, User: "muster", Password: ref, CAFile: ca}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a server without TLS gets nothing unless that was asked for", func(t *testing.T) {
		f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
		if err := try(f, Options{}); err == nil || len(f.Letters()) > 0 {
			t.Errorf("err = %v, %d letters", err, len(f.Letters()))
		}
	})
}

// What to set is said when the line to the server can't be secured as the settings want it.
func TestTheWayOutOfTLS(t *testing.T) {
	conf, ca := certificate(t)
	for _, x := range []struct {
		name    string
		office  mailtest.OfficeOptions
		o       Options
		en, ja  string
		without string // in what is found
	}{
		{"no STARTTLS", mailtest.OfficeOptions{}, Options{}, "set mail.tls: tls", "mail.tls: none", "offers no STARTTLS"},
		{"nobody vouches for it", mailtest.OfficeOptions{TLS: conf}, Options{}, "Set mail.ca_file", "mail.ca_file に指定", "certificate"},
		{"no TLS from the first byte", mailtest.OfficeOptions{TLS: conf}, Options{TLS: ImplicitTLS, CAFile: ca}, "set mail.tls: starttls", "mail.tls: starttls", "can't be reached"},
	} {
		t.Run(x.name, func(t *testing.T) {
			f := mailtest.OpenOffice(t, x.office)
			host, port, _ := net.SplitHostPort(f.Address)
			x.o.Host, x.o.From = host, "muster@example.jp"
			x.o.Port, _ = strconv.Atoi(port)
			c, err := New(x.o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			err = c.Works(t.Context())
			if err == nil || !strings.Contains(err.Error(), x.without) {
				t.Fatalf("found %v, want %q", err, x.without)
			}
			if way := c.WayOut(err); !strings.Contains(way.EN, x.en) || !strings.Contains(way.JA, x.ja) {
				t.Errorf("the way out: %+v, want %q and %q (%v)", way, x.en, x.ja, errors.Unwrap(err))
			}
		})
	}
}

func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "office.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, file
}
