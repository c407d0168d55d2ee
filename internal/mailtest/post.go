package mailtest

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // letters in whatever charset
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Office takes mail for everybody, over real SMTP, and keeps what it took.
type Office struct {
	Address string
	// Refuse, when set, is asked for each receiver; nil takes it.
	Refuse func(to string, tries int) *smtp.SMTPError

	mu          sync.Mutex
	letters     []Letter
	tries       map[string]int
	connections int
	shut        bool
	inside      []net.Conn
	user        string
	password    string
	tls         *tls.Config
	implicit    bool
	lose        int // how many are taken without an answer
}

// Letter is one that was taken.
type Letter struct {
	To      string
	Raw     string
	Header  mail.Header
	Subject string
	Parts   map[string]string // by media type, decoded
}

// OfficeOptions say how strict it is.
type OfficeOptions struct {
	User, Password string      // "" asks nobody
	TLS            *tls.Config // nil offers none
	Implicit       bool        // TLS from the first byte
}

// OpenOffice serves until the test ends.
func OpenOffice(t *testing.T, o OfficeOptions) *Office {
	t.Helper()
	f := &Office{tries: map[string]int{}, user: o.User, password: o.Password, tls: o.TLS, implicit: o.Implicit}
	f.serve(t)
	return f
}

func (f *Office) serve(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.Address = ln.Addr().String()
	ln = &door{ln, f}
	if f.implicit {
		ln = tls.NewListener(ln, f.tls)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		f.mu.Lock()
		f.connections++
		f.mu.Unlock()
		return &counter{f: f, line: c.Conn()}, nil
	}))
	s.Domain, s.ErrorLog = "office.test", log.New(io.Discard, "", 0)
	if !f.implicit {
		s.TLSConfig = f.tls
	}
	s.ReadTimeout, s.WriteTimeout = 10*time.Second, 10*time.Second
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Close() })
}

// Close shuts the door: who comes is sent away, and who is inside too. The address stays
// its own.
func (f *Office) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = true
	for _, c := range f.inside {
		_ = c.Close()
	}
	f.inside = nil
}

// Open opens it again.
func (f *Office) Open() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = false
}

type door struct {
	net.Listener
	f *Office
}

func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.f.mu.Lock()
		shut := d.f.shut
		if !shut {
			d.f.inside = append(d.f.inside, c)
		}
		d.f.mu.Unlock()
		if !shut {
			return c, nil
		}
		_ = c.Close()
	}
}

// LoseAnswers takes the next n letters and breaks the connection instead of saying so.
func (f *Office) LoseAnswers(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = n
}

// Letters are those taken so far.
func (f *Office) Letters() []Letter {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Letter(nil), f.letters...)
}

// Connections is how many were made.
func (f *Office) Connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.connections
}

type counter struct {
	f     *Office
	line  net.Conn
	known bool
	to    []string
}

var _ smtp.AuthSession = (*counter)(nil)

func (s *counter) AuthMechanisms() []string {
	if s.f.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *counter) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.f.user || password != s.f.password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such user or password"}
		}
		s.known = true
		return nil
	}), nil
}

func (s *counter) Reset()        { s.to = nil }
func (s *counter) Logout() error { return nil }

func (s *counter) Mail(string, *smtp.MailOptions) error {
	if s.f.user != "" && !s.known {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "sign in first"}
	}
	return nil
}

func (s *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.f.mu.Lock()
	s.f.tries[to]++
	tries, refuse := s.f.tries[to], s.f.Refuse
	s.f.mu.Unlock()
	if refuse != nil {
		if e := refuse(to, tries); e != nil {
			return e
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *counter) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		l, err := read(to, b)
		if err != nil {
			return &smtp.SMTPError{Code: 554, Message: "not a message: " + err.Error()}
		}
		s.f.mu.Lock()
		s.f.letters = append(s.f.letters, l)
		s.f.mu.Unlock()
	}
	s.f.mu.Lock()
	lost := s.f.lose > 0
	if lost {
		s.f.lose--
	}
	s.f.mu.Unlock()
	if lost {
		return s.line.Close()
	}
	return nil
}

func read(to string, b []byte) (Letter, error) {
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		return Letter{}, err
	}
	l := Letter{To: to, Raw: string(b), Header: m.Header, Parts: map[string]string{}}
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return l, err
	}
	e, err := message.Read(bytes.NewReader(b))
	if err != nil {
		return l, err
	}
	return l, e.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, _, _ := part.Header.ContentType()
		if strings.HasPrefix(kind, "multipart/") {
			return nil
		}
		text, err := io.ReadAll(part.Body)
		l.Parts[kind] = string(text)
		return err
	})
}
