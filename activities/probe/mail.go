package probe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Mail is the parameters of probe.mail.
type Mail struct {
	To       string            `json:"to" form:"mail" help:"Address that gets the messages: a mailbox of the probe's own, which it fills." ja:"メッセージの宛先。プローブ専用のメールボックス（受信がたまる）" example:"muster-probe@example.com"`
	From     string            `json:"from" form:"mail" help:"Sender." ja:"差出人" default:"muster-probe@localhost"`
	Server   string            `json:"server" reach:"host" help:"Server that takes them by SMTP, host:port; empty asks for the MX of the address, as any sender outside does." ja:"SMTPで送るサーバー（ホスト:ポート）。空なら、外部の送信者と同じく宛先のMXを調べる" default:"" example:"relay.example.com:25"`
	Port     int               `json:"port" help:"Port at which the MX listens." ja:"MXのポート" default:"25"`
	Mailbox  string            `json:"mailbox" reach:"host" help:"Server at which the messages must then be found by IMAP, host:port." ja:"メッセージの到着をIMAPで確認するサーバー（ホスト:ポート）" example:"imap.example.com:993"`
	User     string            `json:"user" help:"User of the mailbox." ja:"メールボックスのユーザー"`
	Password activities.Secret `json:"password" help:"The user's password." ja:"ユーザーのパスワード"`
	Folder   string            `json:"folder" help:"Folder that they arrive in." ja:"受信先のフォルダー" default:"INBOX"`
	Resolver string            `json:"resolver" reach:"host" help:"Name server that looks names up, host:port, its cache included; empty is the worker's own." ja:"名前を調べるネームサーバー（ホスト:ポート）。キャッシュも含めて確かめる。空ならワーカーと同じ" default:"" example:"192.0.2.53:53"`
	TLS      bool              `json:"tls" help:"SMTP must offer STARTTLS and IMAP begin with TLS; false only for a network that nobody else is on." ja:"SMTPはSTARTTLS、IMAPは接続時からのTLSを必須とする。false にするのは、ほかに誰も使わないネットワークだけにする" default:"true"`
	CAFile   string            `json:"ca_file" reach:"path" help:"File with the certificates to trust instead of the system's." ja:"システムの認証局に代えて信頼する証明書のファイル" default:""`
}

// post is the way of one probe's messages.
type post struct {
	Mail
	domain string
	id     string // part of every Message-ID: this run and probe
	kind   run.Kind
	name   string
	dialer *net.Dialer
	tls    *tls.Config
}

func newPost(w plan.Watch, p Mail) (*post, error) {
	for field, address := range map[string]*string{"to": &p.To, "from": &p.From} {
		bare, err := activities.MailAddress(*address)
		if err != nil {
			return nil, activities.RefusedBoth("%s: %v", "%s：メールアドレスの形式ではない（%v）", field, err)
		}
		*address = bare
	}
	for field, address := range map[string]string{"server": p.Server, "mailbox": p.Mailbox, "resolver": p.Resolver} {
		if _, _, err := net.SplitHostPort(address); err != nil && (address != "" || field == "mailbox") {
			return nil, activities.RefusedBoth("%s %q is not host:port", "%s %q はホスト:ポートの形ではない", field, address)
		}
	}
	sum := sha256.Sum256([]byte(w.Run + "\x00" + w.Probe.Name))
	m := &post{Mail: p, domain: p.To[strings.LastIndexByte(p.To, '@')+1:], id: hex.EncodeToString(sum[:12]), kind: w.Kind, name: w.Probe.Name,
		dialer: &net.Dialer{}, tls: &tls.Config{}}
	if p.Resolver != "" {
		m.dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.Resolver)
		}}
	}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
		if err != nil {
			return nil, activities.RefusedBoth("ca_file: %v", "ca_file：%v", err)
		}
		if m.tls.RootCAs = x509.NewCertPool(); !m.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, activities.RefusedBoth("ca_file %s holds no certificate", "ca_file %s に証明書がない", p.CAFile)
		}
	}
	return m, nil
}

// lookMail sends a numbered message a sample and looks for its arrival. What was taken and has
// not arrived in time may yet do so: it is neither lost nor kept.
func lookMail(w plan.Watch, p Mail) (looker, error) {
	m, err := newPost(w, p)
	if err != nil {
		return looker{}, err
	}
	return looker{
		look: func(ctx context.Context, n int64) (fate, string) {
			ctx, cancel := context.WithTimeout(ctx, within(w))
			defer cancel()
			if taken, err := m.send(ctx, n); err != nil {
				if taken {
					return unknown, err.Error()
				}
				return failed, err.Error()
			}
			if err := m.arrives(ctx, n); err != nil {
				return unknown, err.Error()
			}
			return ok, ""
		},
		survivors: m.survivors,
	}, nil
}

// connect opens a connection that ends with ctx.
func (m *post) connect(ctx context.Context, address string) (net.Conn, func(), error) {
	c, err := m.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return c, func() { stop(); c.Close() }, nil
}

// servers are those that take the mail, the preferred one first.
func (m *post) servers(ctx context.Context) ([]string, error) {
	if m.Server != "" {
		return []string{m.Server}, nil
	}
	r := m.dialer.Resolver
	if r == nil {
		r = net.DefaultResolver
	}
	found, err := r.LookupMX(ctx, m.domain)
	if err != nil {
		return nil, fmt.Errorf("the MX of %s: %w", m.domain, err)
	}
	var out []string
	for _, mx := range found {
		server := net.JoinHostPort(strings.TrimSuffix(mx.Host, "."), strconv.Itoa(m.Port))
		if err := activities.MayReach(ctx, server); err != nil {
			return nil, err
		}
		out = append(out, server)
	}
	return out, nil
}

// greeted is a server that takes mail from us.
func (m *post) greeted(ctx context.Context) (*smtp.Client, func(), error) {
	servers, err := m.servers(ctx)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, s := range servers {
		conn, end, err := m.connect(ctx, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c := smtp.NewClient(conn)
		if m.TLS {
			host, _, _ := net.SplitHostPort(s)
			secured := m.tls.Clone()
			secured.ServerName = host
			c, err = smtp.NewClientStartTLS(conn, secured)
		} else {
			err = c.Hello("muster-probe")
		}
		if err == nil {
			return c, end, nil
		}
		end()
		errs = append(errs, fmt.Errorf("%s: %w", s, err))
	}
	return nil, nil, errors.Join(errs...)
}

// send gives message n to the server. taken is true when it may have been accepted.
func (m *post) send(ctx context.Context, n int64) (taken bool, err error) {
	c, end, err := m.greeted(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	if err := c.Mail(m.From, nil); err != nil {
		return false, err
	}
	if err := c.Rcpt(m.To, nil); err != nil {
		return false, err
	}
	data, err := c.Data()
	if err != nil {
		return false, err
	}
	if _, err := io.WriteString(data, m.message(n)); err != nil {
		return false, err // without its end no server takes a message
	}
	if err := data.Close(); err != nil {
		refused := new(smtp.SMTPError)
		return !errors.As(err, &refused), err
	}
	_ = c.Quit()
	return true, nil
}

// message is marked for whoever else reads the mailbox.
func (m *post) message(n int64) string {
	subject := fmt.Sprintf("muster probe %s %d", m.name, n)
	if m.kind != run.Response {
		subject = "[DRILL] =?utf-8?B?44CQ6KiT57e044CR?= " + subject // 【訓練】
	}
	return fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d.%s@muster.invalid>\r\nAuto-Submitted: auto-generated\r\n\r\nNo answer is needed.\r\n",
		m.From, m.To, subject, time.Now().Format(time.RFC1123Z), n, m.id)
}

// opened is the mailbox.
func (m *post) opened(ctx context.Context) (*imapclient.Client, func(), error) {
	conn, end, err := m.connect(ctx, m.Mailbox)
	if err != nil {
		return nil, nil, err
	}
	if m.TLS {
		host, _, _ := net.SplitHostPort(m.Mailbox)
		secured := m.tls.Clone()
		secured.ServerName = host
		conn = tls.Client(conn, secured)
	}
	c := imapclient.New(conn, nil)
	closed := func() { _ = c.Close(); end() }
	if err := c.WaitGreeting(); err != nil {
		closed()
		return nil, nil, fmt.Errorf("%s: %w", m.Mailbox, cmp.Or(ctx.Err(), err))
	}
	if err := c.Login(m.User, m.Password.Reveal()).Wait(); err != nil {
		closed()
		return nil, nil, fmt.Errorf("log in at %s as %s: %w", m.Mailbox, m.User, cmp.Or(ctx.Err(), err))
	}
	if _, err := c.Select(m.Folder, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		closed()
		return nil, nil, fmt.Errorf("open %s at %s: %w", m.Folder, m.Mailbox, cmp.Or(ctx.Err(), err))
	}
	return c, closed, nil
}

// arriving is the time between two looks into the mailbox.
const arriving = 100 * time.Millisecond

// arrives waits until message n is in the mailbox.
func (m *post) arrives(ctx context.Context, n int64) error {
	c, end, err := m.opened(ctx)
	if err != nil {
		return fmt.Errorf("message %d was taken; %w", n, err)
	}
	defer end()
	for {
		found, err := c.UIDSearch(m.criteria(fmt.Sprintf("<%d.%s@", n, m.id)), nil).Wait()
		if err == nil && len(found.AllUIDs()) > 0 {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("message %d was taken; search the mailbox: %w", n, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("message %d was taken and has not arrived at %s in time", n, m.Mailbox)
		case <-time.After(arriving):
		}
	}
}

func (m *post) criteria(id string) *imap.SearchCriteria {
	return &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: id}}}
}

// survivors are the messages of this run that are in the mailbox now.
func (m *post) survivors(ctx context.Context) ([]int64, error) {
	c, end, err := m.opened(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	found, err := c.UIDSearch(m.criteria("."+m.id+"@"), nil).Wait()
	if err != nil {
		return nil, err
	}
	var out []int64
	if uids := found.AllUIDs(); len(uids) > 0 {
		list, err := c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{Envelope: true}).Collect()
		if err != nil {
			return nil, err
		}
		for _, msg := range list {
			n, _, _ := strings.Cut(strings.TrimPrefix(msg.Envelope.MessageID, "<"), ".")
			if seq, err := strconv.ParseInt(n, 10, 64); err == nil {
				out = append(out, seq)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil // a relay may deliver one twice
}

// readyMail looks, without sending one, whether a message would be taken and found.
func readyMail(ctx context.Context, p Mail) ([]plan.Text, error) {
	m, err := newPost(plan.Watch{}, p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var out []plan.Text
	if c, end, err := m.greeted(ctx); err != nil {
		out = append(out, activities.Lacking("no server takes mail for %s: %v", "%s あてのメールを受け取るサーバーがありません：%v", p.To, err))
	} else {
		if err := c.Mail(m.From, nil); err == nil {
			err = c.Rcpt(m.To, nil)
			if err != nil {
				out = append(out, activities.Lacking("mail for %s is refused: %v", "%s あてのメールが拒否されます：%v", p.To, err))
			}
		}
		end()
	}
	if _, end, err := m.opened(ctx); err != nil {
		out = append(out, activities.Lacking("the mailbox can't be read: %v", "メールボックスを読めません：%v", err))
	} else {
		end()
	}
	return out, nil
}
