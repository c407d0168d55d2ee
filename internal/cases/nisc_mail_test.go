package cases_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A mail server that a drill kills is a process of its own: this test's program again, with
// its options in a file.
const mailServer = "MUSTER_CASES_MAIL_SERVER"

func TestMain(m *testing.M) {
	if file := os.Getenv(mailServer); file != "" {
		os.Exit(serveMail(file))
	}
	os.Exit(m.Run())
}

func serveMail(file string) int {
	var o mailtest.Options
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err == nil {
		var s *mailtest.Server
		if s, err = mailtest.Start(o); err == nil {
			defer s.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
	return 0
}

// The group nisc-mail has a zone on two name servers, a resolver, mail servers at the main
// office, and at the alternate site once a drill starts it, the contractor's, and one outside
// whose mailbox shows what was sent.
func init() {
	servers["nisc-mail"] = func(t *testing.T, g *group) {
		primary, secondary := dnstest.Start(t, 1)
		resolver := dnstest.StartResolver(t, primary)
		vms := newMachines(t)
		_, smtpPort := hostPort(t, loopback(t))
		_, imapPort := hostPort(t, loopback(t))
		host := func() string { h, _ := hostPort(t, loopback(t)); return h }
		office, standby, provider, outside := host(), host(), host(), host()
		office2 := host()
		server := func(name, at, user string) {
			o := mailtest.Options{SMTP: fmt.Sprintf("%s:%d", at, smtpPort), IMAP: fmt.Sprintf("%s:%d", at, imapPort), User: user}
			if name != "outside" {
				o.Relay = fmt.Sprintf("%s:%d", outside, smtpPort)
			}
			vms.mail(t, g, name, o, name != "mail-standby") // which has no mailboxes before a copy was restored
		}
		server("mail-main", office, "probe@muster.test")
		server("mail-standby", standby, "probe@muster.test")
		server("mail-main-2", office2, "probe@step2.muster.test")
		server("provider", provider, "probe@step2.muster.test")
		server("outside", outside, "probe@example.test")

		m := new(dns.Msg).SetUpdate(dnstest.Zone + ".")
		for _, r := range []string{"@ MX 10 mail-main", "step2 MX 10 mail-main-2", "mail-main A " + office, "mail-standby A " + standby, "mail-main-2 A " + office2,
			"mail-provider A " + provider, "imap A " + office, "relay A " + office, "imap2 A " + office2, "relay2 A " + office2} {
			f := strings.Fields(r)
			name, value := f[0]+"."+dnstest.Zone+".", strings.Join(f[2:], " ")
			if f[0] == "@" {
				name = dnstest.Zone + "."
			}
			if f[1] == "MX" {
				value += "." + dnstest.Zone + "."
			}
			rr, err := dns.NewRR(fmt.Sprintf("%s 1 IN %s %s", name, f[1], value))
			if err != nil {
				t.Fatal(err)
			}
			m.Insert([]dns.RR{rr})
		}
		m.SetTsig(dnstest.Key+".", dns.HmacSHA256, 300, time.Now().Unix())
		if in, _, err := (&dns.Client{TsigSecret: map[string]string{dnstest.Key + ".": dnstest.Secret}}).Exchange(m, primary.Address); err != nil || in.Rcode != dns.RcodeSuccess {
			t.Fatalf("fill the zone: %v %v", in, err)
		}

		notices := loopback(t)
		g.set(t, "name", "notices", vms.make(t, "notices", notices, "notices"))
		vms.run(t, "notices")
		listening(t, notices)

		g.set(t, "name", "mail-zone", map[string]any{"primary": primary.Address, "servers": []any{secondary.Address}, "secret": "secret://file" + vms.secret(t, dnstest.Secret)})
		g.replace(t, strings.NewReplacer("secret://env/MUSTER_CASES_MAILBOX", "secret://file"+vms.secret(t, mailtest.Password), "127.0.0.1:1144", fmt.Sprintf("%s:%d", outside, imapPort),
			":1143", fmt.Sprintf(":%d", imapPort), "127.0.0.4:2525", fmt.Sprintf("%s:%d", provider, smtpPort), ":2525", fmt.Sprintf(":%d", smtpPort), "port: 2525", fmt.Sprintf("port: %d", smtpPort),
			"127.0.0.1:55", resolver.Address, "127.0.0.1:8094", notices, "127.0.0.3", standby, "127.0.0.4", provider,
			"/var/backups/mail", vms.dir, "/srv/mail/standby", filepath.Join(vms.dir, "mail-standby"), "/srv/mail/main", filepath.Join(vms.dir, "mail-main")))
		for _, f := range []string{"mail-switch", "mail-return"} {
			g.replaceIn(t, f, strings.NewReplacer("127.0.0.2", office))
		}
		g.replaceIn(t, "mail-external", strings.NewReplacer("127.0.0.2", office2))
	}

	for scenario, system := range map[string]string{"nisc-mail-alternate-site": "nisc-mail", "nisc-mail-external-service": "nisc-mail-step-2"} {
		acts[scenario] = func(ctx context.Context, c *cast) { leadAndLiaison(ctx, c, system) }
	}
}

// leadAndLiaison has the recovery lead draft, long before the chief officer decides, and the
// liaison call the contractor.
func leadAndLiaison(ctx context.Context, c *cast, system string) {
	if !c.kind(ctx, run.EventDetected) {
		return
	}
	_, err := c.me.Assess(ctx, c.run, workflows.Assess{System: system, By: "mori", Damage: run.DamageStopped, Note: "draft: the main office can't be entered; mail moves, receiving first"})
	c.must("the lead's draft", false, err)
	var step string
	if !c.await(ctx, "the question to the liaison", func(e run.Event) bool {
		step = e.Step
		return e.Kind == run.StepWaiting && (e.Step == "desk" || e.Step == "order")
	}) {
		return
	}
	_, err = c.me.Step(ctx, c.run, step, api.StepRequest{Act: run.ActDone, By: "kimura", Reason: "0120-555-301 answered at once; ticket 4711"})
	c.must("the call to the contractor", false, err)
}
