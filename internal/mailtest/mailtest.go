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
	"sync"
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
	SMTP, IMAP string      // addresses
	Folder     string      // messages of user, a file each; one that is put there is a message too
	User       string      // address whose mail is kept here
	Relay      string      // SMTP server that gets the mail of others; "" refuses it
	TLS        *tls.Config `json:"-"`
}

// Server is a running one.
type Server struct {
	smtp *smtp.Server
	imap *imapserver.Server
	stop func()
}

// Start listens and serves.
func Start(o Options) (*Server, error) {
	user := imapmemserver.NewUser(o.User, Password)
	if err := user.Create("INBOX", nil); err != nil {
		return nil, err
	}
	b := &mailbox{Options: o, user: user, known: map[string]bool{}}
	if err := b.scan(); err != nil {
		return nil, err
	}
	box := imapmemserver.New()
	box.AddUser(user)
	s := &Server{
		smtp: smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{mailbox: b}, nil })),
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
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for tick := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-ended:
				tick.Stop()
				return
			case <-tick.C:
				_ = b.scan() // again in a moment
			}
		}
	}()
	s.stop = sync.OnceFunc(func() { close(ended); <-gone })
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { s.smtp.Close(); s.imap.Close(); s.stop() }

// mailbox is a folder and what of it the user sees.
type mailbox struct {
	Options
	user  *imapmemserver.User
	mu    sync.Mutex
	known map[string]bool // files
}

// scan takes in what is new in the folder.
func (b *mailbox) scan() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(b.Folder, "*.eml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if b.known[f] {
			continue
		}
		text, err := os.ReadFile(f)
		if err == nil {
			_, err = b.user.Append("INBOX", bytes.NewReader(text), &imap.AppendOptions{Time: time.Now()})
		}
		if err != nil {
			return err
		}
		b.known[f] = true
	}
	return nil
}

// deliver keeps a message, which the user sees when this returns.
func (b *mailbox) deliver(text []byte) error {
	part := filepath.Join(b.Folder, rand.Text())
	if err := os.WriteFile(part, text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(part, part+".eml"); err != nil {
		return err
	}
	return b.scan()
}

type session struct {
	*mailbox
	from, to string
}

func (s *session) Reset()        { s.from, s.to = "", "" }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !strings.EqualFold(to, s.User) && s.Relay == "" {
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
	if !strings.EqualFold(s.to, s.User) {
		if err := s.pass(b); err != nil {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 1}, Message: fmt.Sprintf("relay: %v", err)}
		}
		return nil
	}
	return s.deliver(b)
}

// pass gives a message to the relay.
func (s *session) pass(b []byte) error {
	c, err := smtp.Dial(s.Relay)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SendMail(s.from, []string{s.to}, bytes.NewReader(b)); err != nil {
		return err
	}
	return c.Quit()
}
