package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/channeltest"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/secret"
)

const (
	key     = "a-webhook-key-for-tests"
	nextKey = "the-key-that-comes-after-it"
)

func kept(t *testing.T, value string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	return "secret://file" + file
}

// gateway is a receiver that takes each Idempotency-Key once.
type gateway struct {
	*httptest.Server
	mu     sync.Mutex
	taken  map[string]Body
	posts  int
	answer func(b Body) int // a status besides 200; -1 breaks off
}

func start(t *testing.T) *gateway {
	g := &gateway{taken: map[string]Body{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if !Verify(r.Header.Get(SignatureHeader), key, raw, time.Now(), 5*time.Minute) {
			t.Errorf("signature %q is not of the key and the body", r.Header.Get(SignatureHeader))
		}
		var b Body
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Error(err)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.posts++
		status := 0
		if g.answer != nil {
			status = g.answer(b)
		}
		if status > 0 {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(status)
			return
		}
		if b.ID != "" && b.ID == r.Header.Get("Idempotency-Key") {
			g.taken[b.ID] = b
		}
		if status < 0 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func open(t *testing.T, g *gateway, change func(*Options)) *Channel {
	t.Helper()
	o := Options{URL: g.URL + "/in?token=in-the-url", Secret: kept(t, key), Allow: []string{"127.0.0.1"}, Contacts: true, Secrets: secret.Local{}}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T) channeltest.World {
		g := start(t)
		busy, lose, down := 0, 0, false
		refused := map[string]bool{}
		phone := func(n int) string { return fmt.Sprintf("+81-3-0000-%04d", n) }
		g.answer = func(b Body) int {
			switch {
			case down:
				return 503
			case b.To != nil && refused[b.To.Phone]:
				return 422
			case busy > 0:
				busy--
				return 429
			case lose > 0:
				lose--
				return -1
			}
			return 0
		}
		locked := func(f func()) { g.mu.Lock(); defer g.mu.Unlock(); f() }
		return channeltest.World{
			Channel: open(t, g, nil),
			Contact: func(n int) estate.Contact { return estate.Contact{Phone: phone(n)} },
			Got: func(n int) (out []string) {
				locked(func() {
					for _, b := range g.taken {
						if b.To.Phone == phone(n) {
							out = append(out, b.Text)
						}
					}
				})
				return out
			},
			Refuse:  func(n int) { locked(func() { refused[phone(n)] = true }) },
			Busy:    func(tries int) { locked(func() { busy = tries }) },
			Lose:    func() { locked(func() { lose = 1 }) },
			Down:    func() { locked(func() { down = true }) },
			Up:      func() { locked(func() { down = false }) },
			Secrets: []string{key, nextKey, "in-the-url"},
		}
	})
}

// Two keys sign while they are changed, and a changed body or an old time is noticed.
func TestSignatures(t *testing.T) {
	g := start(t)
	c := open(t, g, func(o *Options) { o.SecretNext = kept(t, nextKey) })
	at, body := time.Unix(1796000000, 0), []byte(`{"id":"x"}`)
	header, err := c.sign(t.Context(), at, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, header, key string
		body              []byte
		now               time.Time
		want              bool
	}{
		{"first key", header, key, body, at, true},
		{"second key", header, nextKey, body, at, true},
		{"another key", header, "another-key", body, at, false},
		{"changed body", header, key, []byte(`{"id":"y"}`), at, false},
		{"too old", header, key, body, at.Add(6 * time.Minute), false},
		{"from the future", header, key, body, at.Add(-6 * time.Minute), false},
		{"changed time", strings.Replace(header, "t=1796000000", "t=1796000001", 1), key, body, at, false},
		{"no header", "", key, body, at, false},
	} {
		if got := Verify(x.header, x.key, x.body, x.now, 5*time.Minute); got != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}

// What a name leads to is judged when it is reached: no private address unless it is
// allowed, never a link-local one, and no redirect.
func TestWhereItMayGo(t *testing.T) {
	g := start(t)
	m := channeltest.Message(1, estate.Contact{Phone: "+81-3-0000-0001"})
	for name, change := range map[string]func(*Options){
		"loopback":              func(o *Options) { o.Allow = nil },
		"loopback by name":      func(o *Options) { o.Allow, o.URL = nil, strings.Replace(o.URL, "127.0.0.1", "localhost", 1) },
		"another one allowed":   func(o *Options) { o.Allow = []string{"10.0.0.0/8"} },
		"metadata, though told": func(o *Options) { o.Allow, o.URL = []string{"169.254.0.0/16"}, "http://169.254.169.254/latest" },
		"mapped into IPv6": func(o *Options) {
			o.Allow, o.URL = []string{"169.254.0.0/16"}, "http://[::ffff:169.254.169.254]/latest"
		},
	} {
		if err := open(t, g, change).Send(t.Context(), m, false); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want it forbidden", name, err)
		}
	}
	if g.posts > 0 {
		t.Errorf("%d posts came through", g.posts)
	}
	other := start(t)
	hop := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(hop.Close)
	f := new(channel.Failure)
	if err := open(t, g, func(o *Options) { o.URL = hop.URL }).Send(t.Context(), m, false); !errors.As(err, &f) || !strings.Contains(f.Text, "redirect") {
		t.Errorf("a redirect: %v", err)
	}
	if other.posts > 0 {
		t.Error("a redirect was followed")
	}
}

// Without contacts, only what is said to all goes out.
func TestWithoutContacts(t *testing.T) {
	g := start(t)
	c := open(t, g, func(o *Options) { o.Contacts = false })
	if c.Reaches(channeltest.Message(1, estate.Contact{Phone: "+81-3-0000-0001"})) {
		t.Error("a person's message would go to a program for all")
	}
	m := channeltest.Message(1, estate.Contact{})
	m.Person, m.Links = "", nil
	if !c.Reaches(m) {
		t.Error("what is said to all would not")
	}
	if err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	for _, b := range g.taken {
		if b.To != nil || !b.Drill || b.Matter != channel.Call {
			t.Errorf("%+v", b)
		}
	}
}

// A look whether the webhook is there posts nothing: a program that knows no ping could pass it on.
func TestALookPostsNothing(t *testing.T) {
	var status atomic.Int64
	g := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead || r.ContentLength > 0 || r.Header.Get(SignatureHeader) != "" {
			t.Errorf("%s of %d bytes", r.Method, r.ContentLength)
		}
		w.WriteHeader(int(status.Load()))
	}))
	defer g.Close()
	c := open(t, &gateway{Server: g}, nil)
	for _, x := range []struct {
		status int64
		there  bool
	}{{200, true}, {405, true}, {401, true}, {500, true}, {503, false}, {502, false}} {
		status.Store(x.status)
		if err := c.Answers(t.Context()); (err == nil) != x.there {
			t.Errorf("%d: %v", x.status, err)
		}
	}
	g.Close()
	f := new(channel.Failure)
	if err := c.Answers(t.Context()); !errors.As(err, &f) || !f.Wide {
		t.Errorf("nobody is there: %v", err)
	}
}
