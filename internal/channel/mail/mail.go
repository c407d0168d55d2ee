// Package mail is the channel by mail: over SMTP, with few connections that carry many
// messages each.
package mail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/muster-dr/muster/internal/certpool"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/secret"
)

// How a connection is secured.
const (
	StartTLS    = "starttls" // or not at all: the server has to offer it
	ImplicitTLS = "tls"
	Plain       = "none"
)

// Options of the channel.
type Options struct {
	Host string
	Port int    // 0 is the usual one of TLS
	TLS  string // StartTLS unless said
	// User and Password sign in; "" does not. Password is a reference (secret://), resolved
	// whenever a connection is made.
	User, Password string
	From           string // address
	CAFile         string // certificates to trust instead of the system's
	Secrets        secret.Resolver
}

const (
	connections   = 2
	perConnection = 100
	answerWithin  = 30 * time.Second
	// idle is how long a connection that carries nothing is kept.
	idle = 20 * time.Second
)

// Channel sends mail.
type Channel struct {
	o      Options
	domain string
	free   chan *conn
}

type conn struct {
	client  *gomail.Client
	smtp    *smtp.Client
	carried int
	used    time.Time
}

var _ channel.Channel = (*Channel)(nil)

// New makes the channel. It connects when there is something to say.
func New(o Options) (*Channel, error) {
	o.TLS = cmp.Or(o.TLS, StartTLS)
	if o.Port == 0 {
		o.Port = map[string]int{StartTLS: 587, ImplicitTLS: 465, Plain: 25}[o.TLS]
	}
	_, domain, ok := strings.Cut(o.From, "@")
	if !ok || o.Host == "" {
		return nil, fmt.Errorf("mail needs a host and an address to send from, such as muster@example.jp")
	}
	return &Channel{o: o, domain: domain, free: make(chan *conn, connections)}, nil
}

func (c *Channel) Name() string { return "mail" }

func (c *Channel) AtOnce() int { return connections }

// Reaches: mail goes to people only; the room of a run has no mailbox.
func (c *Channel) Reaches(m channel.Message) bool { return m.Person != "" && m.Contact.Mail != "" }

// Send gives the message to the server. The Message-ID is that of every attempt, so that a
// mailbox shows the message once.
func (c *Channel) Send(ctx context.Context, m channel.Message, _ bool) error {
	if err := m.Check(); err != nil {
		return err
	}
	msg, err := c.compose(m)
	if err != nil {
		return &channel.Failure{Text: channel.Says("no message could be made for this address", "この宛先向けのメールを作成できない"), Err: err}
	}
	cn, err := c.connection(ctx)
	if err != nil {
		return c.down(err)
	}
	err = cn.client.SendWithSMTPClient(cn.smtp, msg)
	cn.carried++
	if msg.IsDelivered() { // what went wrong after that is the connection's
		c.giveBack(cn, err == nil)
		return nil
	}
	fail := judge(err)
	c.giveBack(cn, !fail.Wide)
	return fail
}

// Works connects, signs in and leaves. It is a connection of its own: one that is kept says nothing
// of the password as it is now.
func (c *Channel) Works(ctx context.Context) error {
	cn, err := c.dial(ctx)
	if err != nil {
		return c.down(err)
	}
	_ = cn.client.CloseWithSMTPClient(cn.smtp)
	return nil
}

// Close ends the connections that are kept.
func (c *Channel) Close() {
	for {
		select {
		case cn := <-c.free:
			_ = cn.client.CloseWithSMTPClient(cn.smtp)
		default:
			return
		}
	}
}

// connection is a free one, or a new one.
func (c *Channel) connection(ctx context.Context) (*conn, error) {
	for {
		select {
		case cn := <-c.free:
			if time.Since(cn.used) < idle && cn.client.ResetWithSMTPClient(cn.smtp) == nil {
				return cn, nil
			}
			_ = cn.client.CloseWithSMTPClient(cn.smtp) // the server has ended it, or will soon
			continue
		default:
		}
		return c.dial(ctx)
	}
}

// dial makes a connection.
func (c *Channel) dial(ctx context.Context) (*conn, error) {
	client, err := c.client(ctx)
	if err != nil {
		return nil, err
	}
	dial, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := client.DialToSMTPClientWithContext(dial)
	if err != nil {
		return nil, err
	}
	return &conn{client: client, smtp: s}, nil
}

func (c *Channel) giveBack(cn *conn, good bool) {
	cn.used = time.Now()
	if good && cn.carried < perConnection {
		select {
		case c.free <- cn:
			return
		default:
		}
	}
	_ = cn.client.CloseWithSMTPClient(cn.smtp)
}

// client makes one with the settings and the password as they are now.
func (c *Channel) client(ctx context.Context) (*gomail.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.o.Host}
	if c.o.CAFile != "" {
		roots, err := certpool.Read(c.o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("mail.ca_file: %w", err)
		}
		conf.RootCAs = roots
	}
	options := []gomail.Option{gomail.WithPort(c.o.Port), gomail.WithTimeout(answerWithin), gomail.WithTLSConfig(conf), gomail.WithHELO(c.domain), gomail.WithoutNoop()}
	switch c.o.TLS {
	case ImplicitTLS:
		options = append(options, gomail.WithSSL())
	case Plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if c.o.User != "" {
		password, err := c.o.Secrets.Resolve(ctx, c.o.Password)
		if err != nil {
			return nil, err
		}
		auth := gomail.SMTPAuthAutoDiscover
		if c.o.TLS == Plain {
			// What goes over a line that anybody may read is only what can't be read back.
			auth = gomail.SMTPAuthCramMD5
		}
		options = append(options, gomail.WithSMTPAuth(auth), gomail.WithUsername(c.o.User), gomail.WithPassword(password))
	}
	return gomail.NewClient(c.o.Host, options...)
}

// messageID is the same at every attempt, and tells nobody who it is for.
func (c *Channel) messageID(m channel.Message) string {
	sum := sha256.Sum256([]byte(m.ID))
	return hex.EncodeToString(sum[:16]) + "@" + c.domain
}

// down is why no connection came about.
func (c *Channel) down(err error) *channel.Failure {
	text := channel.Says("the mail server can't be reached", "メールサーバーに接続できない")
	answer, certificate := new(textproto.Error), new(tls.CertificateVerificationError)
	switch {
	case errors.As(err, &answer) && answer.Code == 535:
		text = channel.Says("the mail server refuses the user or the password", "メールサーバーの認証に失敗した")
	case errors.As(err, &answer):
		text = channel.Says("the mail server turns us away (%d)", "メールサーバーに拒否された（%d）", answer.Code)
	case noStartTLS(err):
		text = channel.Says("the mail server offers no STARTTLS", "メールサーバーがSTARTTLSに対応していない")
	case errors.As(err, &certificate):
		text = channel.Says("the mail server's certificate is not valid for its name", "メールサーバーの証明書を検証できない")
	}
	return channel.Down(text, 0, err)
}

// judge tells what concerns this receiver from what concerns the server. Answers of the
// server are told by their number only: their text may hold the address.
func judge(err error) *channel.Failure {
	sent := new(gomail.SendError)
	if !errors.As(err, &sent) || sent.Reason == gomail.ErrConnCheck {
		return &channel.Failure{Text: channel.Says("the connection to the mail server broke", "メールサーバーとの接続が切れた"), Temporary: true, Wide: true, Unsure: true, Err: err}
	}
	code := sent.ErrorCode()
	switch {
	case code == 421: // it closes the connection
		return channel.Down(channel.Says("the mail server asks to come back later (421)", "メールサーバーが一時的に受け付けない（421）"), 0, err)
	case code >= 400 && code < 500:
		return &channel.Failure{Text: channel.Says("the mail server puts this receiver off (%d)", "メールサーバーがこの宛先を一時的に受け付けない（%d）", code), Temporary: true, Err: err}
	case code >= 500 && sent.Reason == gomail.ErrSMTPMailFrom:
		return channel.Down(channel.Says("the mail server refuses the address we send from (%d)", "メールサーバーが送信元のアドレスを拒否した（%d）", code), 0, err)
	case code >= 500:
		return &channel.Failure{Text: channel.Says("the mail server refuses this receiver (%d)", "メールサーバーがこの宛先を拒否した（%d）", code), Err: err}
	}
	broken := new(net.OpError)
	_ = errors.As(err, &broken)
	return &channel.Failure{Text: channel.Says("the connection to the mail server broke", "メールサーバーとの接続が切れた"), Temporary: true, Wide: true,
		Unsure: sent.Reason == gomail.ErrSMTPDataClose || sent.Reason == gomail.ErrWriteContent, Err: err}
}
