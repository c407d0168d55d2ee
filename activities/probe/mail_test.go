package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const probesMailbox = "probe@muster.test"

// addressesOf two free ports.
func addressesOf(t *testing.T) (string, string) {
	t.Helper()
	ports, err := freeport.Several(2)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
}

func startMail(t *testing.T, o mailtest.Options) *mailtest.Server {
	t.Helper()
	s, err := mailtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func mailing(t *testing.T, timeout time.Duration, p Mail) looker {
	t.Helper()
	p.To, p.From, p.User, p.Password, p.Folder = probesMailbox, "outside@example.test", probesMailbox, activities.NewSecret(mailtest.Password), "INBOX"
	w := watched
	w.Probe.Timeout = run.Duration(timeout)
	l, err := lookMail(w, p)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A message that arrived is service; one that was refused is none; one that was taken and is
// not in the mailbox is neither lost nor kept.
func TestMailArrivesOrNot(t *testing.T) {
	in, box := addressesOf(t)
	folder := t.TempDir()
	s := startMail(t, mailtest.Options{SMTP: in, IMAP: box, Folder: folder, User: probesMailbox})
	l := mailing(t, time.Minute, Mail{Server: in, Mailbox: box})
	for n := int64(1); n <= 3; n++ {
		if f, why := l.look(t.Context(), n); f != ok {
			t.Fatalf("message %d: %v (%s)", n, f, why)
		}
	}
	if got, err := l.survivors(t.Context()); err != nil || !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("in the mailbox are %v (%v), want 1 to 3", got, err)
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*.eml"))
	if b, err := os.ReadFile(files[0]); err != nil || !strings.Contains(string(b), "Subject: [DRILL] =?utf-8?B?44CQ6KiT57e044CR?=") {
		t.Errorf("a drill's message is not marked: %s %v", b, err)
	}

	named, err := lookMail(watched, Mail{Server: in, Mailbox: box, To: "Probe of the shop <" + probesMailbox + ">", From: "Ops <outside@example.test>",
		User: probesMailbox, Folder: "INBOX", Password: activities.NewSecret(mailtest.Password)})
	if err != nil {
		t.Fatal(err)
	}
	if f, why := named.look(t.Context(), 9); f != ok {
		t.Errorf("to an address behind a name: %v (%s)", f, why)
	}

	// Another server's mailbox, where nothing of it arrives.
	in2, box2 := addressesOf(t)
	startMail(t, mailtest.Options{SMTP: in2, IMAP: box2, Folder: t.TempDir(), User: probesMailbox})
	if f, why := mailing(t, 10*time.Second, Mail{Server: in, Mailbox: box2}).look(t.Context(), 4); f != unknown || !strings.Contains(why, "has not arrived at "+box2) {
		t.Errorf("taken and not arrived is %v (%s)", f, why)
	}
	wrong := Mail{Server: in2, Mailbox: box2, To: "nobody@muster.test", From: "outside@example.test", User: probesMailbox, Folder: "INBOX", Password: activities.NewSecret("not-the-password")}
	refused, err := lookMail(watched, wrong)
	if err != nil {
		t.Fatal(err)
	}
	if f, why := refused.look(t.Context(), 1); f != failed || !strings.Contains(why, "no such user") {
		t.Errorf("refused is %v (%s)", f, why)
	}
	if _, err := refused.survivors(t.Context()); err == nil || strings.Contains(err.Error(), "not-the-password") {
		t.Errorf("a wrong password: %v", err)
	}
	if problems, err := readyMail(t.Context(), wrong); err != nil || len(problems) != 2 {
		t.Errorf("readiness names %v (%v), want the address and the password", problems, err)
	}

	s.Close()
	if f, why := l.look(t.Context(), 5); f != failed {
		t.Errorf("with the server gone: %v (%s)", f, why)
	}
	for _, rubbish := range []string{"", "nobody", "a@b, c@d", "Ops <ops@>", `"a b"@example.com`, "運用@example.com", "a@b>\r\nRCPT TO:<c@d"} {
		if a, err := activities.MailAddress(rubbish); err == nil {
			t.Errorf("%q is taken for the address %q", rubbish, a)
		}
	}
	if _, err := lookMail(plan.Watch{}, Mail{To: "nobody", From: "a@b", Mailbox: box}); err == nil {
		t.Error("an address without a domain was taken")
	}
}

// A server that takes connections and says nothing, or rubbish without end, costs one timeout
// at most, at either protocol.
func TestMailServerHangsOrBabbles(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	babbling, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer babbling.Close()
	go func() {
		for {
			c, err := babbling.Accept()
			if err != nil {
				return
			}
			go func() { // until the probe has enough
				defer c.Close()
				for err := error(nil); err == nil; _, err = c.Write(bytes.Repeat([]byte{0, '{', '2', '*', 0xff, '-'}, 1000)) {
				}
			}()
		}
	}()
	in, box := addressesOf(t)
	startMail(t, mailtest.Options{SMTP: in, IMAP: box, Folder: t.TempDir(), User: probesMailbox})
	for name, c := range map[string]struct {
		p    Mail
		want fate
	}{
		"deaf smtp": {Mail{Server: deaf.Addr().String(), Mailbox: box}, failed}, "deaf imap": {Mail{Server: in, Mailbox: deaf.Addr().String()}, unknown},
		"babbling smtp": {Mail{Server: babbling.Addr().String(), Mailbox: box}, failed}, "babbling imap": {Mail{Server: in, Mailbox: babbling.Addr().String()}, unknown},
	} {
		done := make(chan fate, 1)
		l := mailing(t, 10*time.Second, c.p)
		go func() { f, _ := l.look(context.Background(), 1); done <- f }()
		select {
		case f := <-done:
			if f != c.want {
				t.Errorf("%s: %v, want %v", name, f, c.want)
			}
		case <-time.After(2 * time.Minute):
			t.Errorf("%s: the probe hangs", name)
		}
	}
}

// The way is the one that a sender outside would find, and both connections are encrypted.
func TestMailByMXAndTLS(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate is for example.com and 127.0.0.1
	defer certified.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	in, box := addressesOf(t)
	startMail(t, mailtest.Options{SMTP: in, IMAP: box, Folder: t.TempDir(), User: probesMailbox, TLS: &tls.Config{Certificates: certified.TLS.Certificates}})
	l := mailing(t, time.Minute, Mail{Server: in, Mailbox: box, TLS: true, CAFile: ca})
	if f, why := l.look(t.Context(), 1); f != ok {
		t.Errorf("encrypted: %v (%s)", f, why)
	}
	if f, why := mailing(t, time.Minute, Mail{Server: in, Mailbox: box, TLS: true}).look(t.Context(), 2); f != failed || !strings.Contains(why, "certificate") {
		t.Errorf("an unknown certificate: %v (%s)", f, why)
	}

	primary, _ := dnstest.Start(t, 3)
	in, box = addressesOf(t)
	startMail(t, mailtest.Options{SMTP: in, IMAP: box, Folder: t.TempDir(), User: probesMailbox})
	_, port, _ := net.SplitHostPort(in)
	m := new(dns.Msg).SetUpdate(dnstest.Zone + ".")
	for _, r := range []string{"%s. 3 IN MX 10 mx.%[1]s.", "mx.%s. 3 IN A 127.0.0.1"} {
		rr, err := dns.NewRR(fmt.Sprintf(r, dnstest.Zone))
		if err != nil {
			t.Fatal(err)
		}
		m.Insert([]dns.RR{rr})
	}
	m.SetTsig(dnstest.Key+".", dns.HmacSHA256, 300, time.Now().Unix())
	if a, _, err := (&dns.Client{Net: "tcp", Timeout: time.Minute, TsigSecret: map[string]string{dnstest.Key + ".": dnstest.Secret}}).Exchange(m, primary.Address); err != nil || a.Rcode != dns.RcodeSuccess {
		t.Fatalf("put the MX into the zone: %v %v", a, err)
	}
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	if f, why := mailing(t, time.Minute, Mail{Port: n, Mailbox: box, Resolver: primary.Address}).look(t.Context(), 1); f != ok {
		t.Errorf("by the MX: %v (%s)", f, why)
	}
}
