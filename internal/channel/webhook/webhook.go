// Package webhook is the channel to a program of one's own: signed JSON over HTTP, for a
// gateway that writes or calls, another chat, or a log.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"github.com/muster-dr/muster/internal/certpool"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
)

// Options of the channel.
type Options struct {
	URL string
	// Secret and SecretNext are references to the keys; both sign while keys are changed.
	Secret, SecretNext string
	// Allow are private addresses and networks that may be reached.
	Allow []string
	// Contacts: also what is said to each person, with their telephone number and their own
	// links. Else only what is said to all in a run.
	Contacts bool
	CAFile   string
	Secrets  secret.Resolver
	Clock    channel.Clock
}

const (
	atOnce       = 8
	answerWithin = 10 * time.Second
)

// Channel posts to the webhook.
type Channel struct {
	o      Options
	client *http.Client
}

var _ channel.Channel = (*Channel)(nil)

// ErrForbidden: the webhook's name leads to an address that may not be reached.
var ErrForbidden = errors.New("the webhook leads to an address that is neither public nor in webhook.allow")

// New makes the channel.
func New(o Options) (*Channel, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("webhook.url is no URL such as https://gateway.example.jp/muster")
	}
	guard, err := guardian(o.Allow)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		roots, err := certpool.Read(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("webhook.ca_file: %w", err)
		}
		conf.RootCAs = roots
	}
	return &Channel{o: o, client: &http.Client{
		Timeout: answerWithin,
		// A redirect would carry what is said to where nobody said that it may go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// No proxy: the address that is judged is the one that is reached.
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second, Control: guard}).DialContext, TLSClientConfig: conf,
			MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true},
	}}, nil
}

// guardian judges addresses at the moment of connecting, after the name was looked up.
func guardian(allow []string) (func(network, address string, c syscall.RawConn) error, error) {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	var v4, v6 []netip.Prefix
	for _, a := range allow {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			ip, err := netip.ParseAddr(a)
			if err != nil {
				return nil, fmt.Errorf("webhook.allow: %q is neither an address nor a network", a)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	safe := ssrf.New(append(options, ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))...).Safe
	return func(network, address string, c syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		// Clouds hand out credentials at link-local addresses: never, whatever is allowed.
		if err != nil || at.Addr().Unmap().IsLinkLocalUnicast() {
			return ErrForbidden
		}
		if err := safe(network, address, c); err != nil {
			return ErrForbidden
		}
		return nil
	}, nil
}

func (c *Channel) Name() string { return "webhook" }

func (c *Channel) AtOnce() int { return atOnce }

// Reaches: the program gets what is said to all; what is said to one person only where it is
// there to pass that on.
func (c *Channel) Reaches(m channel.Message) bool {
	return m.Person == "" || c.o.Contacts && m.Contact.Phone != ""
}

// Close gives idle connections back.
func (c *Channel) Close() { c.client.CloseIdleConnections() }

// Body is what is posted. Fields are only ever added.
type Body struct {
	ID      string         `json:"id"` // the same at every attempt, as the header Idempotency-Key
	Run     string         `json:"run"`
	Kind    run.Kind       `json:"kind"`
	Drill   bool           `json:"drill"`
	Matter  channel.Matter `json:"matter"`
	Event   string         `json:"event"` // kind of the event that is said
	At      time.Time      `json:"at"`
	Lang    string         `json:"lang"`
	Subject string         `json:"subject"`
	Text    string         `json:"text"`
	To      *To            `json:"to"` // null: everybody in the run
	Links   []Link         `json:"links"`
}

// To is the person who is to be told.
type To struct {
	Person string `json:"person"`
	Name   string `json:"name"`
	Phone  string `json:"phone"`
}

// Link is one that the person may follow. A personal one is for nobody else's eyes.
type Link struct {
	Label    string `json:"label"`
	URL      string `json:"url"`
	Personal bool   `json:"personal"`
}

// Send posts the message. The Idempotency-Key is that of every attempt, so that the other
// side can count a repetition once.
func (c *Channel) Send(ctx context.Context, m channel.Message, _ bool) error {
	if err := m.Check(); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(m.ID))
	b := Body{ID: hex.EncodeToString(sum[:16]), Run: m.Run, Kind: m.Kind, Drill: m.Kind != run.Response, Matter: m.Matter, Event: string(m.Event.Kind), At: m.At.UTC(), Lang: string(m.Lang),
		Subject: m.Subject, Text: m.Text, Links: []Link{}}
	if m.Person != "" {
		b.To = &To{Person: m.Person, Name: m.Name, Phone: m.Contact.Phone}
	}
	for _, l := range m.Links {
		b.Links = append(b.Links, Link(l))
	}
	return c.post(ctx, b.ID, b)
}

// Works posts a signed ping.
func (c *Channel) Works(ctx context.Context) error {
	return c.post(ctx, "", map[string]any{"ping": true, "at": c.o.Clock.Time().UTC()})
}

// Answers asks for the head of the webhook's page: whatever the program answers, it is there. Other
// than a ping it is nothing that a program which knows none could pass on.
func (c *Channel) Answers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.o.URL, nil)
	if err != nil {
		return &channel.Failure{Text: channel.Says("the webhook's URL can't be used", "WebhookのURLを使用できない")}
	}
	req.Header.Set("User-Agent", "muster")
	res, err := c.client.Do(req)
	if err != nil {
		return lost(err)
	}
	_ = res.Body.Close()
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // a proxy before it, of which the program is gone
		return judge(res)
	}
	return nil
}

// Post sends something that is no message, signed as messages are; key is the same at every attempt.
func (c *Channel) Post(ctx context.Context, key string, body any) error {
	return c.post(ctx, key, body)
}

func (c *Channel) post(ctx context.Context, key string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	signature, err := c.sign(ctx, c.o.Clock.Time(), b)
	if err != nil {
		return channel.Down(channel.Says("the webhook's key can't be read", "Webhookの署名鍵を読み取れない"), 0, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL, bytes.NewReader(b))
	if err != nil {
		return &channel.Failure{Text: channel.Says("the webhook's URL can't be used", "WebhookのURLを使用できない")}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "muster")
	req.Header.Set(SignatureHeader, signature)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return lost(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return judge(res)
}

// SignatureHeader holds "t=SECONDS,v1=HEX": HMAC-SHA256 over SECONDS, a dot and the body;
// while keys are changed, a v1 for each.
const SignatureHeader = "Muster-Signature"

func (c *Channel) sign(ctx context.Context, at time.Time, body []byte) (string, error) {
	ts := strconv.FormatInt(at.Unix(), 10)
	out := "t=" + ts
	for _, ref := range []string{c.o.Secret, c.o.SecretNext} {
		if ref == "" {
			continue
		}
		key, err := c.o.Secrets.Resolve(ctx, ref)
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(mac, "%s.%s", ts, body)
		out += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return out, nil
}

// Verify reports whether a signature header is of a key and a body, and not older than age
// (nor newer). Receivers in other languages do the same in a few lines.
func Verify(header, key string, body []byte, now time.Time, age time.Duration) bool {
	parts := strings.Split(header, ",")
	ts, ok := strings.CutPrefix(parts[0], "t=")
	n, err := strconv.ParseInt(ts, 10, 64)
	if !ok || err != nil || now.Sub(time.Unix(n, 0)).Abs() > age {
		return false
	}
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s.%s", ts, body)
	want := "v1=" + hex.EncodeToString(mac.Sum(nil))
	good := false
	for _, p := range parts[1:] {
		good = hmac.Equal([]byte(p), []byte(want)) || good
	}
	return good
}

func lost(err error) *channel.Failure {
	if errors.Is(err, ErrForbidden) {
		return channel.Down(channel.Says("the webhook leads to an address that may not be reached; see webhook.allow", "Webhookの宛先アドレスへの接続は許可されていない（webhook.allowを参照）"), 0, ErrForbidden)
	}
	refused := errors.Is(err, syscall.ECONNREFUSED)
	f := channel.Down(channel.Says("the webhook can't be reached", "Webhookに接続できない"), 0, bare(err))
	f.Unsure = !refused
	return f
}

// bare drops the URL, which may hold a key of its own.
func bare(err error) error {
	if e := new(url.Error); errors.As(err, &e) {
		return e.Err
	}
	return err
}

func judge(res *http.Response) error {
	after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	wait := min(time.Duration(after)*time.Second, time.Hour)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return channel.Down(channel.Says("the webhook asks us to come back later (%d)", "Webhookが一時的に受け付けない（%d）", code), wait, nil)
	case code >= 300 && code < 400:
		return channel.Down(channel.Says("the webhook answers with a redirect (%d), which is not followed", "Webhookがリダイレクト（%d）を返した（追跡しない）", code), 0, nil)
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity:
		return &channel.Failure{Text: channel.Says("the webhook refuses this message (%d)", "Webhookがこの通知を拒否した（%d）", code)}
	case code >= 500:
		f := channel.Down(channel.Says("the webhook does not work (%d)", "Webhookの応答が異常（%d）", code), wait, nil)
		f.Unsure = true
		return f
	default:
		return channel.Down(channel.Says("the webhook does not take us (%d): check its URL and key", "Webhookに拒否された（%d）。URLと署名鍵を確認すること", code), 0, nil)
	}
}
