package keep

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	// askWithin bounds one question to an authority.
	askWithin = 30 * time.Second
	// mostAnswer is far more than a time stamp with its certificates takes.
	mostAnswer = 1 << 20

	typeQuery = "application/timestamp-query" // RFC 3161, 3.4
	typeReply = "application/timestamp-reply"
)

// AuthorityOptions say who stamps the log's checkpoints, and how often.
type AuthorityOptions struct {
	URLs         []string // tried in this order
	Certificates []*x509.Certificate
	User         string
	Password     func(context.Context) (string, error) // asked at each use, so that it can be replaced; nil is ""
	Policy       string                                // an OID; "" is the authority's own choice
	Every        time.Duration
}

// Authority is an outside time-stamping authority (RFC 3161).
type Authority struct {
	o      AuthorityOptions
	client *http.Client
}

// NewAuthority makes one; nothing is sent yet. Its certificates are trusted for TLS too, beside the
// system's: an authority of one's own has one CA for both.
func NewAuthority(o AuthorityOptions) (*Authority, error) {
	if o.Policy != "" {
		if _, err := evidence.Policy(o.Policy); err != nil {
			return nil, err
		}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, c := range o.Certificates {
		roots.AddCert(c)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return &Authority{o, &http.Client{Transport: t, Timeout: askWithin, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		// A password goes to nobody else.
		if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme || len(via) > 3 {
			return plan.Wrong("it sends on to %s, which is not asked", "別の宛先 %s に転送されましたが、問い合わせません", r.URL.Host)
		}
		return nil
	}}}, nil
}

// stamp asks each address in turn for a time stamp of a checkpoint, and takes the first that holds:
// what can't be relied on later is not kept now.
func (a *Authority) stamp(ctx context.Context, size uint64, checkpoint []byte, now func() time.Time) (evidence.Stamp, evidence.Stamped, error) {
	var errs []error
	for _, at := range a.o.URLs {
		// A new nonce for each: an answer is to one question.
		request, err := evidence.StampRequest(checkpoint, a.o.Policy)
		if err != nil {
			return evidence.Stamp{}, evidence.Stamped{}, err
		}
		s := evidence.Stamp{Size: size, Checkpoint: checkpoint, Request: request}
		if s.Answer, err = a.ask(ctx, at, request); err == nil {
			var said evidence.Stamped
			if said, err = evidence.OpenStamp(s, a.o.Certificates); err == nil {
				err = inTime(said, now())
			}
			if err == nil {
				return s, said, nil
			}
		}
		errs = append(errs, plan.Wrong("%s: %s", "%s: %s", hostOf(at), plan.SaidBy(err)))
	}
	return evidence.Stamp{}, evidence.Stamped{}, errors.Join(errs...)
}

// inTime holds the authority's clock against the server's. A stamp of another time than now is no
// use: it is old, or one of the two is wrong, and people have to know.
func inTime(s evidence.Stamped, now time.Time) error {
	off := s.At.Sub(now)
	if off.Abs() > evidence.ClockTolerance {
		return plan.Wrong("it says %s and this server's clock %s: the stamp is old, or one of the clocks is wrong", "時刻が %s で、このサーバーの時計は %s です。古いタイムスタンプか、いずれかの時計が誤っています", s.At.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if s.AccuracyS != nil && *s.AccuracyS > evidence.ClockTolerance.Seconds() {
		return plan.Wrong("it is accurate to %.0f s only", "精度が %.0f 秒しかありません", *s.AccuracyS)
	}
	return nil
}

func (a *Authority) ask(ctx context.Context, at string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", typeQuery)
	r.Header.Set("Accept", typeReply)
	if a.o.User != "" {
		var password string
		if a.o.Password != nil {
			if password, err = a.o.Password(ctx); err != nil {
				return nil, err
			}
		}
		r.SetBasicAuth(a.o.User, password)
	}
	answer, err := a.client.Do(r)
	if err != nil {
		// url.Error would name the address with all that is in it.
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err
		}
		if spoken := interface{ Said() plan.Text }(nil); errors.As(err, &spoken) {
			return nil, err
		}
		if wait := net.Error(nil); errors.As(err, &wait) && wait.Timeout() {
			return nil, plan.Wrong("no answer within %s", "%s 以内に応答がありません", askWithin)
		}
		return nil, plan.Wrong("not reached: %v", "到達できません: %v", err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, plan.Wrong("it refuses user and password (HTTP %d)", "ユーザー名とパスワードが拒否されました (HTTP %d)", answer.StatusCode)
	default:
		return nil, plan.Wrong("it answers HTTP %d", "HTTP %d の応答がありました", answer.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != typeReply {
		return nil, plan.Wrong("it answers %q, which is no time stamp: is the address right?", "応答の種類が %q で、タイムスタンプではありません。アドレスを確認してください", kind)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	if err != nil {
		return nil, plan.Wrong("its answer was cut off: %v", "応答が途中で切れました: %v", err)
	}
	if len(b) > mostAnswer {
		return nil, plan.Wrong("its answer is longer than %d kB", "応答が %d kB を超えています", mostAnswer>>10)
	}
	return b, nil
}

func hostOf(at string) string {
	if u, err := url.Parse(at); err == nil && u.Host != "" {
		return u.Host
	}
	return "?"
}
