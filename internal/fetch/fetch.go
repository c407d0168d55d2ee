// Package fetch asks an HTTP server once and judges its answer. It follows redirects
// on the same host only, reads a bounded body, and never reaches the link-local
// addresses at which clouds hand out credentials.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/certpool"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
)

// maxBody is how much of an answer's body is read.
const maxBody = 8 << 20

// ErrRefused: the host answered that nothing listens there. Unlike a timeout, this is
// an observation of the host itself.
var ErrRefused = errors.New("nothing listens there")

// said is an error that speaks both languages, for those who pass it on to people.
type said struct {
	text  plan.Text
	cause error
}

func (e said) Error() string   { return e.text.EN }
func (e said) Unwrap() error   { return e.cause }
func (e said) Said() plan.Text { return e.text }

// Request is what to ask.
type Request struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    string
	Timeout time.Duration
	// CAFile holds the certificates to trust instead of the system's.
	CAFile string
}

// Answer is what came back.
type Answer struct {
	Status   int               `json:"status" help:"HTTP status." ja:"HTTPステータス"`
	Headers  map[string]string `json:"headers" help:"Headers, names in lower case; several values of one are joined by a comma." ja:"ヘッダー。名前は小文字。同名のものはコンマでつなぐ"`
	Text     string            `json:"text" help:"Body as text." ja:"本文の文字列"`
	JSON     any               `json:"json" help:"Body as a value, when it is JSON." ja:"本文を読み取った値。JSONの場合"`
	LatencyS float64           `json:"latency_s" help:"Seconds until the whole answer was there." ja:"応答全体を受け取るまでの秒数"`
}

// Expectation is what an answer must be: one of the statuses, and an expression that is
// true over status, headers, json and text. An empty expression asks nothing.
type Expectation struct {
	Status []int
	Expr   string
}

// Do asks once. Its errors name the URL without a password in it.
func Do(ctx context.Context, r Request) (Answer, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Answer{}, fmt.Errorf("%q is no address such as https://orders.example.com/health", redactURL(r.URL))
	}
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	for k, v := range r.Headers {
		if strings.EqualFold(k, "Host") {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	transport, err := transportFor(r.CAFile)
	if err != nil {
		return Answer{}, err
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: sameHost}

	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return Answer{}, reach(ctx, u, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return Answer{}, reach(ctx, u, err)
	}
	a := Read(res, body)
	a.LatencyS = time.Since(began).Seconds()
	return a, nil
}

// Read is an answer whose body has been read.
func Read(res *http.Response, body []byte) Answer {
	a := Answer{Status: res.StatusCode, Headers: map[string]string{}, Text: strings.ToValidUTF8(string(body), "\uFFFD")}
	for k, v := range res.Header {
		a.Headers[strings.ToLower(k)] = strings.Join(v, ", ")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&a.JSON) != nil || d.More() {
		a.JSON = nil
	}
	return a
}

// Facts is what conditions are over.
func (a Answer) Facts() map[string]any {
	return map[string]any{"status": a.Status, "headers": a.Headers, "json": a.JSON, "text": a.Text}
}

// Meets returns nil, or what of the answer is not as expected.
func (a Answer) Meets(e Expectation) error {
	if len(e.Status) > 0 && !slices.Contains(e.Status, a.Status) {
		if to := a.Headers["location"]; to != "" && a.Status >= 300 && a.Status < 400 {
			return said{text: plan.Say("it answered status %d, not %s, and points to %s, which was not followed", "応答のステータスは %d で、%s ではない。転送先は %s（たどっていない）", a.Status, oneOf(e.Status), pathOf(to))}
		}
		return said{text: plan.Say("it answered status %d, not %s: %s", "応答のステータスは %d で、%s ではない：%s", a.Status, oneOf(e.Status), firstLine(a.Text))}
	}
	if e.Expr == "" {
		return nil
	}
	ok, err := expr.Bool(e.Expr, a.Facts())
	switch {
	case err != nil:
		return fmt.Errorf("its answer can't be judged by %q: %w", e.Expr, err)
	case !ok:
		return said{text: plan.Say("it answered status %d, and %q is false: %s", "応答（ステータス %d）が条件 %q を満たさない：%s", a.Status, e.Expr, firstLine(a.Text))}
	}
	return nil
}

func transportFor(caFile string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DialContext:       (&net.Dialer{Control: noLinkLocal}).DialContext,
		ForceAttemptHTTP2: true,
		DisableKeepAlives: true, // every question finds out anew where the name leads
	}
	if caFile == "" {
		return t, nil
	}
	pool, err := certpool.Read(caFile)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// sameHost follows within one host, and never as another method: 301, 302 and 303 make a GET without a body of what
// changes something, whose answer says nothing of the change.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme || req.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	return nil
}

func noLinkLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if at.Addr().Unmap().IsLinkLocalUnicast() {
		return fmt.Errorf("%s is a link-local address, which is never asked", at.Addr())
	}
	return nil
}

func reach(ctx context.Context, u *url.URL, err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // the URL is told once, without its password
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return said{plan.Say("%s: nothing listens there", "%s：接続先で待ち受けているプログラムがない", u.Redacted()), ErrRefused}
	case ctx.Err() == context.DeadlineExceeded:
		return said{text: plan.Say("%s: no answer in time", "%s：時間内に応答がない", u.Redacted())}
	}
	return fmt.Errorf("%s: %w", u.Redacted(), err)
}

func redactURL(s string) string {
	if at := strings.LastIndex(s, "@"); at >= 0 {
		return "…" + s[at:]
	}
	return s
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(line); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return line
}

// pathOf is an address without what in it may be secret: user and query.
func pathOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "…"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return firstLine(u.String())
}

func oneOf(status []int) string {
	words := make([]string, len(status))
	for i, s := range status {
		words[i] = fmt.Sprint(s)
	}
	return strings.Join(words, " or ")
}
