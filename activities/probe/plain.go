package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/certpool"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/fetch"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// SQL is the parameters of probe.sql.
type SQL struct {
	Servers   Servers `json:"servers" kind:"postgres" help:"Hosts that a client would be given." ja:"クライアントに渡されるホスト"`
	Database  string  `json:"database" help:"Database to ask; empty is the target's." ja:"問い合わせるデータベース。空なら操作対象のデータベース" default:""`
	Query     string  `json:"query" help:"A question of one row and one column, which changes nothing." ja:"1行1列の結果を返す、何も変更しない問い合わせ" default:"SELECT 1"`
	Expect    string  `json:"expect" help:"The answer as text; empty is any." ja:"期待する応答の文字列。空なら何でもよい" default:""`
	Condition string  `json:"condition" over:"value" help:"Condition over value, the answer as text, such as int(value) > 0; empty is none." ja:"value（応答の文字列）に対する条件。int(value) > 0 など。空なら条件なし" default:"" example:"int(value) > 0"`
	Writable  bool    `json:"writable" help:"Only a host that takes writes will do." ja:"書き込みを受け付けるホストに限る" default:"false"`
}

func lookSQL(w plan.Watch, p SQL) (looker, error) {
	holds, err := condition(p.Condition)
	if err != nil {
		return looker{}, err
	}
	f, err := newFleet(w, p.Servers, p.Database, p.Writable)
	if err != nil {
		return looker{}, err
	}
	return looker{
		look: func(ctx context.Context, _ int64) (fate, string) {
			return plainly(f.use(ctx, func(ctx context.Context, c *pglink.Conn) error {
				var got *string
				if err := c.QueryRow(ctx, "SELECT ("+strings.TrimSuffix(strings.TrimSpace(p.Query), ";")+")::text").Scan(&got); err != nil {
					return err
				}
				if p.Expect != "" && (got == nil || *got != p.Expect) {
					return fmt.Errorf("the answer is %s, not %q", quoted(got), p.Expect)
				}
				var value any
				if got != nil {
					value = *got
				}
				return holds(map[string]any{"value": value})
			}))
		},
		close: f.close,
	}, nil
}

// condition returns what judges an answer by a condition in CEL; an empty one asks nothing.
func condition(src string) (func(map[string]any) error, error) {
	if src == "" {
		return func(map[string]any) error { return nil }, nil
	}
	c, err := expr.NewCondition(src)
	if err != nil {
		return nil, activities.RefusedBoth("the condition %q can't be read: %v", "条件 %q を解釈できない：%v", src, err)
	}
	return func(vars map[string]any) error {
		switch ok, err := c.Holds(vars); {
		case err != nil:
			return fmt.Errorf("the answer can't be judged by %q: %w", src, err)
		case !ok:
			return fmt.Errorf("%q is false", src)
		}
		return nil
	}, nil
}

func quoted(s *string) string {
	if s == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", clip(*s))
}

// plainly is the fate of a look that leaves nothing behind.
func plainly(err error) (fate, string) {
	if err != nil {
		return failed, err.Error()
	}
	return ok, ""
}

// within bounds one look.
func within(w plan.Watch) time.Duration {
	if w.Probe.Timeout > 0 {
		return w.Probe.Timeout.Std()
	}
	return time.Second
}

// TCP is the parameters of probe.tcp.
type TCP struct {
	Address string `json:"address" reach:"host" help:"host:port that must take a connection." ja:"接続を受け付けるべき ホスト:ポート"`
	Expect  string `json:"expect" help:"What the first bytes it says must begin with; empty is nothing." ja:"最初に受信するデータの先頭。空なら確かめない" default:""`
}

func lookTCP(w plan.Watch, p TCP) (looker, error) {
	if _, _, err := net.SplitHostPort(p.Address); err != nil {
		return looker{}, activities.RefusedBoth("address %q is not host:port", "address %q はホスト:ポートの形ではない", p.Address)
	}
	return looker{look: func(ctx context.Context, _ int64) (fate, string) {
		ctx, cancel := context.WithTimeout(ctx, within(w))
		defer cancel()
		return plainly(greet(ctx, p))
	}}, nil
}

func greet(ctx context.Context, p TCP) error {
	c, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", p.Address) // it lives for a moment
	if err != nil {
		return err
	}
	defer c.Close()
	if p.Expect == "" {
		return nil
	}
	end, _ := ctx.Deadline()
	if err := c.SetReadDeadline(end); err != nil {
		return err
	}
	said := make([]byte, len(p.Expect))
	if _, err := io.ReadFull(c, said); err != nil {
		return fmt.Errorf("%s takes the connection, then: %w", p.Address, err)
	}
	if string(said) != p.Expect {
		return fmt.Errorf("%s says %q, not %q", p.Address, said, p.Expect)
	}
	return nil
}

// HTTP is the parameters of probe.http.
type HTTP struct {
	URL      string            `json:"url" reach:"url" help:"Address to get; redirects are followed." ja:"取得するアドレス。リダイレクトに従う"`
	Status   int               `json:"status" help:"Status that means served; 0 is any from 200 to 299." ja:"提供中とみなすステータス。0 なら 200〜299 のすべて" default:"0"`
	Contains string            `json:"contains" help:"Text that the first 64 KiB of the answer must contain; empty is any answer." ja:"応答の先頭64KiBに含まれるべき文字列。空なら何でもよい" default:""`
	Expect   string            `json:"expect" over:"status,headers,json,text" help:"Condition over status, headers, json and text of the answer, such as json.stock > 0; empty is none." ja:"応答の status、headers、json、text に対する条件。json.stock > 0 など。空なら条件なし" default:"" example:"json.orders_open == true"`
	Token    activities.Secret `json:"token" help:"Bearer token to send; empty is none." ja:"送るBearerトークン。空なら送らない" default:""`
	CAFile   string            `json:"ca_file" reach:"path" help:"CA certificates by which an https address is known, PEM, on the site worker's machine; empty is the system's." ja:"httpsのアドレスを確かめるCA証明書（PEM）。拠点ワーカーのマシン上のパス。空ならシステムのもの" default:"" example:"/etc/muster/tls/ca.pem"`
	Resolver string            `json:"resolver" reach:"host" help:"Name server that looks the address up, host:port: what its users see, its cache included. Each sample is then a new client. Empty is the worker's own." ja:"名前を調べるネームサーバー（ホスト:ポート）。キャッシュも含め、利用者と同じ見え方になる。指定すると、計測ごとに新しいクライアントとして接続する。空ならワーカーと同じ" default:"" example:"192.0.2.53:53"`
}

func lookHTTP(w plan.Watch, p HTTP) (looker, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return looker{}, activities.RefusedBoth("url %q is not http:// or https:// with a host", "url %q は、ホストを含む http:// または https:// の形ではない", p.URL)
	}
	holds, err := condition(p.Expect)
	if err != nil {
		return looker{}, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.IdleConnTimeout = 10 * time.Second // then the name is looked up again, as a new client does
	transport.Proxy = nil
	if p.CAFile != "" {
		if transport.TLSClientConfig, err = trusting(p.CAFile); err != nil {
			return looker{}, err
		}
	}
	if p.Resolver != "" {
		if _, _, err := net.SplitHostPort(p.Resolver); err != nil {
			return looker{}, activities.RefusedBoth("resolver %q is not host:port, such as 192.0.2.53:53", "resolver %q はホスト:ポート（192.0.2.53:53 など）の形ではない", p.Resolver)
		}
		dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.Resolver)
		}}}
		transport.DialContext, transport.DisableKeepAlives = dialer.DialContext, true
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("it was redirected ten times")
		}
		return activities.MayReach(req.Context(), activities.HostOf(req.URL))
	}}
	return looker{
		look: func(ctx context.Context, _ int64) (fate, string) {
			ctx, cancel := context.WithTimeout(ctx, within(w))
			defer cancel()
			return plainly(get(ctx, client, p, holds))
		},
		close: transport.CloseIdleConnections,
	}, nil
}

// trusting knows a server by the certificates of a file. A probe shares no code with the actions it judges;
// which file says whom to believe is no action's.
func trusting(file string) (*tls.Config, error) {
	roots, err := certpool.Read(file)
	if err != nil {
		return nil, activities.RefusedBoth("ca_file: %v", "ca_file：%v", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, nil
}

func get(ctx context.Context, client *http.Client, p HTTP, holds func(map[string]any) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "muster-probe")
	req.Header.Set("Cache-Control", "no-cache") // an answer from a cache proves nothing
	if t := p.Token.Reveal(); t != "" {
		req.Header.Set("Authorization", "Bearer "+t)
	}
	answer, err := client.Do(req)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // without the address, which may hold a secret
		}
		return err
	}
	defer answer.Body.Close()
	most := int64(maxAnswer)
	if p.Expect != "" {
		most = maxJudged
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return err
	}
	switch {
	case p.Status != 0 && answer.StatusCode != p.Status:
		return unserved(fmt.Sprintf("status %d, not %d", answer.StatusCode, p.Status))
	case p.Status == 0 && (answer.StatusCode < 200 || answer.StatusCode > 299):
		return unserved(fmt.Sprintf("status %d", answer.StatusCode))
	case p.Contains != "" && !strings.Contains(string(body), p.Contains):
		return fmt.Errorf("the answer does not contain %q", p.Contains)
	case p.Expect == "":
		return nil
	}
	return holds(fetch.Read(answer, body).Facts())
}

// unserved is an answer with a status that is not service.
type unserved string

func (u unserved) Error() string { return string(u) }
