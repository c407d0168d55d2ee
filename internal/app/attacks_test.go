package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	certs "github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
	"github.com/muster-dr/muster/internal/waittest"
	"github.com/muster-dr/muster/workflows"
)

// guarded is an estate with rights by role. ito leaves it during the test.
const guarded = `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
systems:
  - name: orders
    title: Orders
    home: tokyo
    alternate: osaka
    objectives: {rto: 1h}
    drillable: [live]
    functions:
      - {name: port, title: Port, probe: {uses: probe.tcp, at: osaka, with: {address: "127.0.0.1:1"}}}
    runbooks: {failover: orders-failover}
roles:
  - {name: commander, may: {drill: [start, decide, approve, control], real: [start, decide, approve, control]}}
  - {name: operator, may: {drill: [operate], real: [operate]}}
  - {name: keyholder, may: {drill: [admin], real: [admin]}}
  - {name: auditor, may: {drill: [audit], real: [audit]}}
  - {name: member}
people:
  - {id: sato, name: Sato, roles: [commander]}
  - {id: tanaka, name: Tanaka, roles: [operator, commander]}
  - {id: suzuki, name: Suzuki, roles: [member], mail: suzuki@example.jp}
  - {id: mori, name: Mori, roles: [member], mail: mori@example.jp}
  - {id: kagi, name: Kagi, roles: [keyholder], mail: kagi@example.jp}
  - {id: kansa, name: Kansa, roles: [auditor], mail: kansa@example.jp, lang: ja}
muster_places: [{name: online, title: Online, online: true}]
`

const leaves = "  - {id: ito, name: Ito, roles: [member]}\n"

// besieged is a server as it stands on a network: HTTPS, a gateway for site workers, a source of alarms,
// Slack and mail, rights by role.
type besieged struct {
	t       *testing.T
	o       Options
	up      running
	ca      *certs.Authority
	office  *mailtest.Office
	gateway *gateway.Authority
	door    string // https://127.0.0.1:PORT
	token   map[string]api.IssuedToken
	drill   string // a run that is sealed
	open    string // a run that goes on
}

// attack is one way to come in that is not one's own.
type attack struct {
	name string
	// does attacks from an address of its own, and returns what the door said at the last try.
	does func(b *besieged, from string) string
	// answer is what the door has to have said.
	answer string
	alarm  lookout.Kind
	// about is in the alarm besides its kind: an address ("" is the row's own), a person or a thing.
	about string
	// to is who has to have been told; "" are those in charge.
	to string
}

func attacks() []attack {
	return []attack{
		{name: "five guessed tokens from one address", answer: "401", alarm: lookout.Guessing, does: func(b *besieged, from string) string {
			return b.times(5, func(n int) string {
				return b.get(from, "/api/v1/me", fmt.Sprintf("mstr_guess%d_aaaaaaaaaaaaaaaaaaaaaaaaaa", n))
			})
		}},
		{name: "the secret of one token guessed from five addresses", answer: "401", alarm: lookout.Guessing, about: "token ", does: func(b *besieged, from string) string {
			return b.times(5, func(n int) string {
				return b.get(fmt.Sprintf("127.0.2%d.9", n), "/api/v1/me", "mstr_"+b.token["mori"].ID+"_aaaaaaaaaaaaaaaaaaaa")
			})
		}},
		{name: "a token that was taken back", answer: "401", alarm: lookout.ShutOut, does: func(b *besieged, from string) string {
			t := b.issue("suzuki")
			if _, err := b.up.RevokeToken(b.t.Context(), t.ID); err != nil {
				b.t.Error(err)
			}
			return b.untilRefused(from, t.Secret)
		}},
		{name: "the token of a person who is disabled", answer: "401", alarm: lookout.ShutOut, about: "tanaka", does: func(b *besieged, from string) string {
			t := b.issue("tanaka")
			if err := b.up.DisablePerson(b.t.Context(), "tanaka", "left"); err != nil {
				b.t.Error(err)
			}
			return b.untilRefused(from, t.Secret)
		}},
		{name: "the token of a person who has left the estate", answer: "401", alarm: lookout.ShutOut, about: "ito", does: func(b *besieged, from string) string {
			t := b.issue("ito")
			if err := os.WriteFile(filepath.Join(b.o.Config.Plans, "estate.yaml"), []byte(guarded), 0o600); err != nil {
				b.t.Error(err)
			}
			return b.untilRefused(from, t.Secret)
		}},
		{name: "a person's token from a network that it never came from", answer: "200", alarm: lookout.NewPlace, to: "suzuki@example.jp", does: func(b *besieged, from string) string {
			t := b.issue("suzuki")
			b.get("127.0.0.1", "/api/v1/me", t.Secret)
			return b.get(from, "/api/v1/me", t.Secret)
		}},
		{name: "a stolen cookie of a signed-in browser", answer: "200", alarm: lookout.NewPlace, to: "mori@example.jp", does: func(b *besieged, from string) string {
			return statusOf(b.do(from, http.MethodGet, "/api/v1/me", nil, "Cookie", b.signedIn("mori")))
		}},
		{name: "the server's own token from a network that it never came from", answer: "200", alarm: lookout.ConsolePlace, does: func(b *besieged, from string) string {
			secret, err := ReadToken(b.o.Lang, b.o.Config.TokenPath())
			if err != nil {
				b.t.Error(err)
			}
			return b.get(from, "/api/v1/me", secret)
		}},
		{name: "a viewer who tries to decide", answer: "409", alarm: lookout.NotAllowed, about: "suzuki", does: func(b *besieged, from string) string {
			return b.times(5, func(int) string {
				return b.post(from, "/api/v1/runs/"+b.open+"/decide", b.token["suzuki"].Secret, workflows.Decide{Choice: run.Alternate, Reason: "because"})
			})
		}},
		{name: "acting under another's name", answer: "403", alarm: lookout.NotAllowed, about: "mori", does: func(b *besieged, from string) string {
			return b.times(5, func(int) string {
				return b.post(from, "/api/v1/runs/"+b.open+"/approve", b.token["mori"].Secret, workflows.Approve{By: "sato"})
			})
		}},
		{name: "reading the access log without the right", answer: "403", alarm: lookout.NotAllowed, about: "sato", does: func(b *besieged, from string) string {
			return b.times(5, func(int) string { return b.get(from, "/api/v1/accesses", b.token["sato"].Secret) })
		}},
		{name: "an auditor who makes a token for somebody else", answer: "403", alarm: lookout.NotAllowed, about: "kansa", does: func(b *besieged, from string) string {
			return b.times(5, func(int) string {
				return b.post(from, "/api/v1/tokens", b.token["kansa"].Secret, api.TokenRequest{Person: "sato"})
			})
		}},
		{name: "break-glass outside working hours", answer: "200", alarm: lookout.OffHours, about: "sato", does: func(b *besieged, from string) string {
			return b.post("127.0.0.1", "/api/v1/runs/"+b.open+"/approve", b.token["sato"].Secret, workflows.Approve{For: workflows.ApproveActivation, BreakGlass: true, Reason: "nobody else answers"})
		}},
		{name: "a message of an alarm source with a wrong signature", answer: "401", alarm: lookout.ForgedMessage, does: func(b *besieged, from string) string {
			return b.quake(from, alarm.Sign("not-the-secret-of-the-relay", time.Now(), []byte("<x/>")))
		}},
		{name: "a message of an alarm source that was recorded and sent again", answer: "401", alarm: lookout.Replayed, does: func(b *besieged, from string) string {
			return b.quake(from, alarm.Sign(quakeSecret, time.Now().Add(-10*time.Minute), []byte("<x/>")))
		}},
		{name: "a search for alarm sources", answer: "401", alarm: lookout.Probing, does: func(b *besieged, from string) string {
			return b.times(5, func(n int) string {
				return statusOf(b.do(from, http.MethodPost, fmt.Sprintf("/alarms/try%d", n), strings.NewReader("{}"), "Content-Type", "application/json"))
			})
		}},
		{name: "a request to Slack's door with a wrong signature", answer: "401", alarm: lookout.ForgedMessage, does: func(b *besieged, from string) string {
			return b.slack(from, slacktest.Sign("not-slacks", time.Now(), []byte("command=/muster")))
		}},
		{name: "a request of Slack's that was recorded and sent again", answer: "401", alarm: lookout.Replayed, does: func(b *besieged, from string) string {
			signed := slacktest.Sign(slacktest.SigningSecret, time.Now(), []byte("command=/muster"))
			if first := b.slack(from, signed); first != "200" {
				b.t.Errorf("Slack's own request: %s", first)
			}
			return b.slack(from, signed)
		}},
		{name: "links that were changed", answer: "403", alarm: lookout.Guessing, does: func(b *besieged, from string) string {
			link, err := b.up.MakeLink(b.t.Context(), b.open, api.LinkRequest{Person: "mori", Purpose: identity.ForCheckIn})
			if err != nil {
				b.t.Error(err)
				return ""
			}
			return b.times(5, func(n int) string {
				changed := []byte(link.Text)
				changed[30+n] ^= 1 // for another person, perhaps
				return statusOf(b.do(from, http.MethodGet, identity.LinkPath+string(changed), nil))
			})
		}},
		{name: "a page of another site in a signed-in browser", answer: "403", alarm: lookout.CrossSite, does: func(b *besieged, from string) string {
			return statusOf(b.do(from, http.MethodPost, "/api/v1/runs/"+b.open+"/abort", strings.NewReader("{}"), "Content-Type", "application/json", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example", "Cookie", b.signedIn("sato")))
		}},
		{name: "a program that claims to be a page of another site", answer: "403", alarm: lookout.Probing, does: func(b *besieged, from string) string {
			return b.times(5, func(int) string {
				return statusOf(b.do(from, http.MethodPost, "/start", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"))
			})
		}},
		{name: "a page whose name leads here (DNS rebinding)", answer: "421", alarm: lookout.Probing, does: func(b *besieged, from string) string {
			return b.times(5, func(int) string {
				return statusOf(b.do(from, http.MethodGet, "/", nil, "Host", "evil.example"))
			})
		}},
		{name: "a site worker's certificate of a strange authority", answer: "not let in", alarm: lookout.SiteWorker, about: "strange_certificate", does: func(b *besieged, _ string) string {
			stranger, err := gateway.OpenAuthority(b.t.TempDir())
			if err != nil {
				b.t.Fatal(err)
			}
			return b.dialled(b.certificate(stranger, "tokyo"))
		}},
		{name: "a site's certificate that was replaced", answer: "not let in", alarm: lookout.SiteWorker, about: "replaced_certificate", does: func(b *besieged, _ string) string {
			old := b.certificate(b.gateway, "tokyo")
			b.certificate(b.gateway, "tokyo")
			return b.dialled(old)
		}},
		{name: "a site that asks for another site's work", answer: "not allowed", alarm: lookout.SiteWorker, about: "other_queue", does: func(b *besieged, _ string) string {
			return b.through(func(ctx context.Context, c client.Client) error {
				_, err := c.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{Namespace: client.DefaultNamespace, TaskQueue: &taskqueuepb.TaskQueue{Name: plan.SiteQueue("osaka"), Kind: enums.TASK_QUEUE_KIND_NORMAL}})
				return err
			})
		}},
		{name: "a site that answers for what it was not given", answer: "not allowed", alarm: lookout.SiteWorker, about: "other_task", does: func(b *besieged, _ string) string {
			return b.through(func(ctx context.Context, c client.Client) error {
				_, err := c.WorkflowService().RespondActivityTaskCompleted(ctx, &workflowservice.RespondActivityTaskCompletedRequest{Namespace: client.DefaultNamespace, TaskToken: bytes.Repeat([]byte{1}, 64)})
				return err
			})
		}},
		{name: "a site that ends a run by itself", answer: "not allowed", alarm: lookout.SiteWorker, about: "other_call", does: func(b *besieged, _ string) string {
			return b.through(func(ctx context.Context, c client.Client) error { return c.TerminateWorkflow(ctx, b.open, "", "mine") })
		}},
		{name: "a site that speaks for a probe that it was not given", answer: "not allowed", alarm: lookout.SiteWorker, about: "no_probe", does: func(b *besieged, _ string) string {
			return b.through(func(ctx context.Context, c client.Client) error {
				return c.SignalWorkflow(ctx, b.open, "", plan.SignalObserved, plan.Observed{Probe: "orders/write", Up: true, At: time.Now()})
			})
		}},
		{name: "the gateway without a certificate", answer: "not let in", alarm: lookout.Probing, about: "127.0.0.1", does: func(b *besieged, _ string) string {
			return b.times(5, func(int) string { return b.dialled(tls.Certificate{}) })
		}},
		{name: "sealed evidence that was altered on disk", answer: "", alarm: lookout.Evidence, about: "tokyo-loss-1", does: func(*besieged, string) string {
			return "" // while the server was down
		}},
		{name: "settings that were replaced while the server was down", answer: "", alarm: lookout.Altered, about: "settings", does: func(*besieged, string) string {
			return ""
		}},
	}
}

// Each of these attacks is refused, or found where it can't be refused, and has raised its alarm within a
// minute: in the access log, in the figures, and by mail to those in charge, or to whose token it is.
func TestEachAttackRaisesItsAlarm(t *testing.T) {
	b := besiege(t)
	all := attacks()
	if len(all) < 20 {
		t.Fatalf("%d attacks, want 20 at least", len(all))
	}
	begun := time.Now()
	for n, a := range all {
		if got := a.does(b, address4(n)); got != a.answer {
			t.Errorf("%s: the door said %q, want %q", a.name, got, a.answer)
		}
	}
	missing := func(n int, a attack) string {
		about := a.about
		if about == "" {
			about = address4(n)
		}
		to := a.to
		if to == "" {
			to = "kansa@example.jp"
		}
		switch {
		case !b.raised(a.alarm, about):
			return fmt.Sprintf("%s: no alarm %s about %s in the access log", a.name, a.alarm, about)
		case !b.told(to, a.alarm, about):
			return fmt.Sprintf("%s: %s was not told of %s", a.name, to, about)
		}
		return ""
	}
	var lacks []string
	for deadline := time.Now().Add(time.Minute); ; {
		lacks = nil
		for n, a := range all {
			if why := missing(n, a); why != "" {
				lacks = append(lacks, why)
			}
		}
		if len(lacks) == 0 || time.Now().After(deadline) {
			break
		}
		<-time.After(200 * time.Millisecond)
	}
	for _, why := range lacks {
		t.Error(why)
	}
	t.Logf("%d attacks; the last alarm was out %s after the first attack", len(all), time.Since(begun).Round(time.Second))
	figures := b.figures()
	for _, a := range all {
		if line := fmt.Sprintf("muster_security_alarms_total{kind=%q", a.alarm); !counted(figures, line) {
			t.Errorf("%s: %s is not counted", a.name, line)
		}
	}
	// The other way round: what nobody attacked raised nothing.
	for _, k := range []lookout.Kind{lookout.Flood, lookout.Changed} {
		if b.raised(k, "") {
			t.Errorf("alarm %s though nothing of the kind happened", k)
		}
	}
}

// docs/security.md lists the attacks that are tried.
func TestTheAttacksAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks() {
		answer := a.answer
		if answer == "" {
			answer = "found"
		}
		to := "those in charge"
		if a.to != "" {
			to = "the person"
		}
		if line := fmt.Sprintf("| %s | %s | `%s` | %s |", a.name, answer, a.alarm, to); !strings.Contains(string(doc), line+"\n") {
			t.Errorf("docs/security.md lacks the line\n%s", line)
		}
	}
	if n := strings.Count(string(doc), "| those in charge |\n") + strings.Count(string(doc), "| the person |\n"); n != len(attacks()) {
		t.Errorf("docs/security.md lists %d attacks, %d are tried", n, len(attacks()))
	}
}

// address4 is an address of this machine in a network of its own.
func address4(n int) string { return fmt.Sprintf("127.0.%d.9", 100+n) }

func statusOf(res *http.Response) string { return fmt.Sprint(res.StatusCode) }

func counted(figures, line string) bool {
	for l := range strings.Lines(figures) {
		if strings.HasPrefix(l, line) && !strings.HasSuffix(strings.TrimSpace(l), " 0") {
			return true
		}
	}
	return false
}

func besiege(t *testing.T) *besieged {
	t.Helper()
	b := &besieged{t: t, token: map[string]api.IssuedToken{}}
	var err error
	if b.ca, err = certs.New("test", time.Hour); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair, err := b.ca.Issue(dir, "server", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	estate := strings.Replace(guarded, "muster_places:", leaves+"muster_places:", 1)
	b.o, _ = options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	t.Setenv("MUSTER_TEST_QUAKES", quakeSecret)
	b.o.Config.Alarms = []config.Alarm{{Place: "muster.yaml:1", Name: "quakes", Kind: "jma", Secrets: []string{"secret://env/MUSTER_TEST_QUAKES"}}}
	slackSettings(t, &b.o, slacktest.Start(t), "http")
	b.office = mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	mailSettings(t, &b.o, b.office)
	b.o.Config.TLS.CertFile, b.o.Config.TLS.KeyFile = pair.Cert, pair.Key
	b.o.Config.ServerCAFile = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(b.o.Config.ServerCAFile, b.ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.o.Config.Security = config.Security{HoursFrom: "00:00", HoursTo: "00:01"}
	if now := time.Now().In(time.FixedZone("JST", 9*3600)); now.Hour() == 0 || now.Hour() == 23 {
		b.o.Config.Security = config.Security{HoursFrom: "12:00", HoursTo: "12:01"}
	}
	openGate(t, &b.o)

	b.o.Config.File = filepath.Join(dir, "muster.yaml")
	if err := os.WriteFile(b.o.Config.File, []byte("identity: {console: false}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.begin()
	entered(t, b.up, 1, lookout.ActProgram, "ok", "settings")
	begun, err := b.up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	b.drill = begun.Run
	untilEnded(t, b.up, b.drill)
	bundleOf(t, b.up, b.drill)
	if err := b.up.stop(); err != nil {
		t.Fatal(err)
	}
	b.alter()
	if err := os.WriteFile(b.o.Config.File, []byte("identity: {console: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.begin()
	for _, person := range []string{"sato", "suzuki", "mori", "kansa"} {
		b.token[person] = b.issue(person)
		// So that the network of an attack with it is not the first one that it comes from.
		b.get("127.0.0.1", "/api/v1/me", b.token[person].Secret)
	}
	real, err := b.with(b.token["sato"].Secret).Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Response, Reason: "smoke"})
	if err != nil {
		t.Fatal(err)
	}
	b.open = real.Run
	waittest.Eventually(t, time.Minute, func() string {
		r, err := b.up.Run(t.Context(), b.open)
		if err != nil || len(r.Overview.Waiting) == 0 {
			return fmt.Sprintf("nothing waits in %s: %v", b.open, err)
		}
		return ""
	})
	if b.gateway, err = gateway.OpenAuthority(b.o.Config.GatewayDir()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *besieged) begin() {
	b.t.Helper()
	b.up = begin(b.t, b.o)
	b.door = b.up.at
	secret, err := ReadToken(b.o.Lang, b.o.Config.TokenPath())
	if err != nil {
		b.t.Fatal(err)
	}
	b.up.Client = b.with(secret)
}

func (b *besieged) with(token string) *api.Client {
	b.t.Helper()
	c := b.o.Config
	c.Server = b.door
	out, err := Reach(b.o.Lang, c, token)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *besieged) issue(person string) api.IssuedToken {
	b.t.Helper()
	t, err := b.up.IssueToken(b.t.Context(), api.TokenRequest{Person: person})
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// signedIn is the cookie of a browser in which a person has signed in.
func (b *besieged) signedIn(person string) (cookie string) {
	b.t.Helper()
	res := b.do("127.0.0.1", http.MethodPost, "/login", strings.NewReader(url.Values{"token": {b.issue(person).Secret}}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	for _, c := range res.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return cookie
}

// alter changes a byte of what is sealed.
func (b *besieged) alter() {
	b.t.Helper()
	done := false
	_ = filepath.WalkDir(b.o.Config.EvidenceDir(), func(path string, e os.DirEntry, err error) error {
		if err == nil && !done && !e.IsDir() && strings.Contains(path, "sealed") && strings.Contains(path, b.drill) && strings.HasSuffix(path, ".zip") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[len(text)/2] ^= 1
			done = os.WriteFile(path, text, 0o600) == nil
		}
		return nil
	})
	if !done {
		b.t.Fatalf("nothing sealed of %s below %s", b.drill, b.o.Config.EvidenceDir())
	}
}

func (b *besieged) times(n int, f func(int) string) (last string) {
	for i := range n {
		last = f(i)
	}
	return last
}

// do asks the door from an address of this machine's.
func (b *besieged) do(from, method, path string, body io.Reader, headers ...string) *http.Response {
	b.t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Minute}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: b.ca.Roots()}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.door+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		} else {
			req.Header[headers[i]] = []string{headers[i+1]}
		}
	}
	res, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res
}

func (b *besieged) get(from, path, token string) string {
	return statusOf(b.do(from, http.MethodGet, path, nil, "Authorization", "Bearer "+token))
}

func (b *besieged) post(from, path, token string, body any) string {
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	return statusOf(b.do(from, http.MethodPost, path, bytes.NewReader(text), "Authorization", "Bearer "+token, "Content-Type", "application/json"))
}

// untilRefused tries a token until it is, which takes some seconds.
func (b *besieged) untilRefused(from, token string) (last string) {
	waittest.Eventually(b.t, time.Minute, func() string {
		if last = b.get(from, "/api/v1/me", token); last == "200" {
			return "it is still let in"
		}
		return ""
	})
	return last
}

func (b *besieged) quake(from, signature string) string {
	return statusOf(b.do(from, http.MethodPost, "/alarms/quakes", strings.NewReader("<x/>"), "Content-Type", "application/xml", "Muster-Signature", signature))
}

func (b *besieged) slack(from string, signed http.Header) string {
	headers := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for k, v := range signed {
		headers = append(headers, k, v[0])
	}
	return statusOf(b.do(from, http.MethodPost, "/slack/command", strings.NewReader("command=/muster"), headers...))
}

func (b *besieged) certificate(a *gateway.Authority, site string) tls.Certificate {
	b.t.Helper()
	issued, err := a.Issue(site, time.Hour)
	if err != nil {
		b.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(issued.Certificate, issued.Key)
	if err != nil {
		b.t.Fatal(err)
	}
	return pair
}

func (b *besieged) dial(pair tls.Certificate, within time.Duration) (client.Client, error) {
	text, err := os.ReadFile(filepath.Join(b.o.Config.GatewayDir(), "ca.pem"))
	if err != nil {
		b.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	conf := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}
	if len(pair.Certificate) > 0 {
		conf.Certificates = []tls.Certificate{pair}
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), within)
	defer cancel()
	return engine.Dial(ctx, engine.Connection{Address: b.o.Config.Gateway.Listen, TLS: conf})
}

func (b *besieged) dialled(pair tls.Certificate) string {
	c, err := b.dial(pair, 10*time.Second)
	if err != nil {
		return "not let in"
	}
	c.Close()
	return "let in"
}

// through does something with the good certificate of tokyo.
func (b *besieged) through(f func(context.Context, client.Client) error) string {
	c, err := b.dial(b.certificate(b.gateway, "tokyo"), time.Minute)
	if err != nil {
		b.t.Error(err)
		return "not let in"
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if err := f(ctx, c); err != nil {
		if ctx.Err() != nil {
			return "no answer"
		}
		return "not allowed"
	}
	return "done"
}

// raised reports whether the access log has that alarm.
func (b *besieged) raised(k lookout.Kind, about string) bool {
	b.t.Helper()
	return slices.ContainsFunc(b.log(), func(a api.Access) bool {
		return a.Act == lookout.ActRaised && strings.HasPrefix(a.Object, string(k)+": ") && strings.Contains(a.Object+" "+a.Person+" "+a.Via+" "+a.From, about)
	})
}

func (b *besieged) log() (out []api.Access) {
	b.t.Helper()
	for after := int64(0); ; {
		list, err := b.up.Accesses(b.t.Context(), after, 1000)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(list) == 0 {
			return out
		}
		out, after = append(out, list...), list[len(list)-1].Position
	}
}

// told reports whether somebody has a letter of that alarm.
func (b *besieged) told(to string, k lookout.Kind, about string) bool {
	rule, _ := lookout.RuleOf(k)
	title := rule.Title.EN
	if to == "kansa@example.jp" {
		title = rule.Title.JA
	}
	return slices.ContainsFunc(b.office.Letters(), func(l mailtest.Letter) bool {
		return l.To == to && strings.Contains(l.Subject, title) && strings.Contains(l.Parts["text/plain"], about)
	})
}

func (b *besieged) figures() string {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.door+"/metrics", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: b.ca.Roots()}}}).Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
