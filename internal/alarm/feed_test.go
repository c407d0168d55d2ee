package alarm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// publisher is a feed of telegrams with conditional requests.
type publisher struct {
	mu      sync.Mutex
	entries []string // newest first
	files   map[string][]byte
	version int
	feeds   int // full answers
	same    int // 304
	fetched []string
	broken  bool
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	if body, ok := p.files[r.URL.Path]; ok {
		p.fetched = append(p.fetched, r.URL.Path)
		w.Header().Set("Content-Type", "application/xml")
		_, _ = w.Write(body)
		return
	}
	tag := fmt.Sprintf(`"v%d"`, p.version)
	if r.Header.Get("If-None-Match") == tag && r.Header.Get("If-Modified-Since") != "" {
		p.same++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	p.feeds++
	w.Header().Set("ETag", tag)
	w.Header().Set("Last-Modified", "Fri, 11 Mar 2011 05:48:30 GMT")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" lang="ja"><title>高頻度（地震火山）</title><updated>2011-03-11T14:48:30+09:00</updated>%s</feed>`, strings.Join(p.entries, ""))
}

func entry(title, at, href string) string {
	return fmt.Sprintf(`<entry><title>%s</title><id>%s</id><updated>%s</updated><author><name>気象庁</name></author><link type="application/xml" href="%s"/><content type="text">【%s】</content></entry>`, title, href, at, href, title)
}

func (p *publisher) publish(path string, body []byte, title, at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	p.files[path] = body
	p.entries = append([]string{entry(title, at, path)}, p.entries...)
}

func TestTheFeedIsAskedForWhatIsNew(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	p := &publisher{files: map[string][]byte{}}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	t.Cleanup(other.Close)
	src := *h.s.sources[0]
	src.Feed = srv.URL + "/eqvol.xml"
	f := &feed{src: &src, seen: map[string]string{}, lastOK: h.clock}

	p.publish("/old.xml", telegram(t, quick, "20110311144640", "20110311100000", "2011-03-11T05:48:10Z", "2011-03-11T01:00:00Z"), "震度速報", "2011-03-11T01:00:05Z")
	p.publish("/volcano.xml", []byte("<x/>"), "噴火に関する火山観測報", "2011-03-11T05:48:20Z")
	p.entries = append(p.entries, entry("震度速報", "2011-03-11T05:48:21Z", other.URL+"/quake.xml"))
	if err := h.s.ask(t.Context(), f); err != nil || len(p.fetched) != 0 {
		t.Fatalf("%v, fetched %v: what is old, of another kind or elsewhere is left", err, p.fetched)
	}
	if err := h.s.ask(t.Context(), f); err != nil || p.feeds != 1 || p.same != 1 {
		t.Errorf("%v: asked again: %d full answers, %d of no change", err, p.feeds, p.same)
	}
	p.publish("/quake.xml", telegram(t, quick), "震度速報", "2011-03-11T05:48:25Z")
	if err := h.s.ask(t.Context(), f); err != nil || len(p.fetched) != 1 || p.fetched[0] != "/quake.xml" {
		t.Fatalf("%v, fetched %v", err, p.fetched)
	}
	h.carry()
	if got := h.only(); got.State != Started || got.Natural != true {
		t.Errorf("%+v", got)
	}
	// The same telegram by the other way changes nothing.
	if got := h.send("quakes", telegram(t, quick)); got != Seen {
		t.Errorf("by post: %s", got)
	}
	// What could not be fetched is asked for again.
	p.publish("/next.xml", telegram(t, quick, "20110311144640", "20110311151500"), "震度速報", "2011-03-11T05:48:40Z")
	good := p.files["/next.xml"]
	p.mu.Lock()
	delete(p.files, "/next.xml") // then the publisher answers its address with the feed: no telegram, told in the log
	p.mu.Unlock()
	_ = h.s.ask(t.Context(), f)
	if !strings.Contains(h.said.String(), "not understood") {
		t.Error("a telegram that is none is not told")
	}
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	if err := h.s.ask(t.Context(), f); err == nil {
		t.Error("a feed that is away is no error")
	}
	p.mu.Lock()
	p.broken, p.files["/next.xml"] = false, good
	p.version++
	p.entries[0] = entry("震度速報", "2011-03-11T05:48:45Z", "/next.xml")
	p.mu.Unlock()
	if err := h.s.ask(t.Context(), f); err != nil || len(h.proposals()) != 2 {
		t.Errorf("%v, %d proposals", err, len(h.proposals()))
	}
}

// People are told once of a silence, whichever server has it, also after a restart; and not where one of several has answers.
func TestPeopleAreToldOnceOfASilentFeed(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	var told []string
	var fails error
	server := func() (*Service, *feed) {
		s, err := New(Options{Store: h.store, Rules: given{}, Runs: h.runs, Log: h.s.log, Now: func() time.Time { return h.clock }, Sources: []Source{{Name: "quakes", Kind: JMA, Secrets: []string{secretKey}}},
			Silent: func(_ context.Context, source string, since time.Time, again bool) error {
				told = append(told, fmt.Sprint(source, since.Format(" 15:04"), again))
				return fails
			}})
		if err != nil {
			t.Fatal(err)
		}
		return s, &feed{src: s.sources[0], seen: map[string]string{}, lastOK: h.clock}
	}
	first, a := server()
	second, b := server()
	minutes := func(n int, one, other error) {
		t.Helper()
		for range n {
			h.clock = h.clock.Add(time.Minute)
			for _, ask := range []struct {
				s   *Service
				f   *feed
				err error
			}{{first, a, one}, {second, b, other}} {
				ask.s.judge(ask.f, ask.err)
				ask.s.notice(t.Context(), ask.f, ask.err == nil)
				ask.f.beside.Wait()
			}
		}
	}
	want := func(what string, sayings ...string) {
		t.Helper()
		if !slices.Equal(told, sayings) {
			t.Errorf("%s: people were told %q, want %q", what, told, sayings)
		}
		told = nil
	}
	away := errors.New("away")
	minutes(3, away, away)
	want("within three minutes")
	minutes(1, away, away)
	want("after that", "quakes 05:49false")
	minutes(30, away, away)
	first, a = server()
	minutes(10, away, away)
	want("while it goes on, and after a restart")
	minutes(1, nil, nil)
	minutes(10, away, nil)
	want("while another server has answers")
	minutes(10, away, away)
	if len(told) != 1 {
		t.Errorf("of another silence people were told %q", told)
	}
	told = nil
	minutes(1, nil, nil)
	fails = errors.New("no mail server")
	minutes(5, away, away)
	fails = nil
	minutes(5, away, away)
	if len(told) != 2 && len(told) != 3 || !strings.HasSuffix(told[0], "false") || !strings.HasSuffix(told[len(told)-1], "true") {
		t.Errorf("where telling failed, people were told %q: want it again until it has got through, and not after", told)
	}
}

func TestASilentFeedIsToldOnce(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	f := &feed{src: h.s.sources[0], seen: map[string]string{}, lastOK: h.clock}
	away := fmt.Errorf("away")
	for range 10 {
		h.clock = h.clock.Add(time.Minute)
		h.s.judge(f, away)
	}
	if n := strings.Count(h.said.String(), "is silent"); n != 1 {
		t.Errorf("told %d times", n)
	}
	h.s.judge(f, nil)
	h.s.judge(f, nil)
	if !h.count.last.Equal(h.clock) {
		t.Errorf("the feed's last answer is counted at %s, want %s", h.count.last, h.clock)
	}
	if n := strings.Count(h.said.String(), "answers again"); n != 1 {
		t.Errorf("its return was told %d times", n)
	}
}
