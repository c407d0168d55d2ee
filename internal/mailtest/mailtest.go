// Package mailtest is a small mail server for tests that really takes, keeps, relays and
// hands out mail: SMTP and IMAP before a folder of messages, a file each.
package mailtest

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-smtp"
)

// Password is every user's.
const Password = "a-mailbox-for-tests-only"

// Options of a server.
type Options struct {
	SMTP, IMAP string // addresses
	Folder     string // messages of user, a file each; read at the start
	User       string // address whose mail is kept here
	Relay      string // SMTP server that gets the mail of others; "" refuses it
	TLS        *tls.Config
}

// Server is a running one.
type Server struct {
	smtp *smtp.Server
	imap *imapserver.Server
}

// Start listens and serves.
func Start(o Options) (*Server, error) {
	user := imapmemserver.NewUser(o.User, Password)
	if err := user.Create("INBOX", nil); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(o.Folder, "*.eml"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			_, err = user.Append("INBOX", bytes.NewReader(b), &imap.AppendOptions{Time: time.Now()})
		}
		if err != nil {
			return nil, err
		}
	}
	box := imapmemserver.New()
	box.AddUser(user)
	s := &Server{
		smtp: smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{o: o, user: user}, nil })),
		imap: imapserver.New(&imapserver.Options{InsecureAuth: true, Caps: imap.CapSet{imap.CapIMAP4rev1: {}},
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return box.NewSession(), nil, nil
			}}),
	}
	s.smtp.Domain, s.smtp.TLSConfig = "mailtest", o.TLS
	in, err := net.Listen("tcp", o.SMTP)
	if err != nil {
		return nil, err
	}
	out, err := net.Listen("tcp", o.IMAP)
	if err != nil {
		in.Close()
		return nil, err
	}
	if o.TLS != nil {
		out = tls.NewListener(out, o.TLS)
	}
	go func() { _ = s.smtp.Serve(in) }()
	go func() { _ = s.imap.Serve(out) }()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { s.smtp.Close(); s.imap.Close() }

type session struct {
	o        Options
	user     *imapmemserver.User
	from, to string
}

func (s *session) Reset()        { s.from, s.to = "", "" }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !strings.EqualFold(to, s.o.User) && s.o.Relay == "" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !strings.EqualFold(s.to, s.o.User) {
		if err := s.relay(b); err != nil {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 1}, Message: fmt.Sprintf("relay: %v", err)}
		}
		return nil
	}
	if err := os.WriteFile(filepath.Join(s.o.Folder, rand.Text()+".eml"), b, 0o600); err != nil {
		return err
	}
	_, err = s.user.Append("INBOX", bytes.NewReader(b), &imap.AppendOptions{Time: time.Now()})
	return err
}

// relay passes a message on.
func (s *session) relay(b []byte) error {
	c, err := smtp.Dial(s.o.Relay)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SendMail(s.from, []string{s.to}, bytes.NewReader(b)); err != nil {
		return err
	}
	return c.Quit()
}
