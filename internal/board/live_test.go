package board_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// stream reads a page's stream until so many beats and returns its events by name; "id"
// is the last ID.
func (w *world) stream(t *testing.T, b *browser, path, last string, beats int) map[string]string {
	t.Helper()
	return w.streamUntil(t, b, path, last, func() bool {
		beats--
		return beats == 0
	})
}

// streamUntil is stream with a say, at each beat, whether that is enough; "closed" is set where the stream ended before.
func (w *world) streamUntil(t *testing.T, b *browser, path, last string, enough func() bool) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", b.lang)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := b.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
		t.Fatalf("the stream is %s: %s", ct, res.Status)
	}
	out := map[string]string{}
	name, data := "", []string{}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = append(data, line[6:])
		case strings.HasPrefix(line, "id: "):
			out["id"] = line[4:]
		case line == "" && name != "":
			out[name] = strings.Join(data, "\n")
			if name == "beat" && enough() {
				return out
			}
			name, data = "", nil
		}
	}
	out["closed"] = "yes"
	return out
}

// Whoever was cut off gets what has changed since, and nothing else; another process's
// stamp gets everything.
func TestAStreamResumes(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(30))
	path := "/runs/" + drill + "/live"
	first := w.stream(t, b, path, "", 1)
	for _, f := range []string{"head", "systems", "phases", "waiting", "crowd", "steps", "said", "wall"} {
		if first[f] == "" {
			t.Errorf("the first picture lacks %q", f)
		}
	}
	if again := w.stream(t, b, path, first["id"], 1); again["head"] != "" || again["said"] != "" || again["crowd"] != "" {
		t.Errorf("nothing has happened, and it is sent again: %v", keys(again))
	}
	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: w.now, Kind: run.MessageSent, Data: run.Encode(run.Message{Text: "a word in between"})})
	var resumed map[string]string
	waittest.Eventually(t, within, func() string { // the board may not have read it yet
		if resumed = w.stream(t, b, path, first["id"], 1); !strings.Contains(resumed["said"], "a word in between") {
			return fmt.Sprintf("what was said while the viewer was away is not sent: %v", keys(resumed))
		}
		return ""
	})
	if resumed["crowd"] != "" || resumed["phases"] != "" {
		t.Errorf("what has not changed is sent again: %v", keys(resumed))
	}
	if other := w.stream(t, b, path, "other123-1-1", 1); other["head"] == "" || other["crowd"] == "" {
		t.Errorf("after another process's stamp not everything is sent: %v", keys(other))
	}
}

func keys(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// What happens is seen by a viewer who is there, without asking again.
func TestAViewerSeesWhatHappens(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(30))
	seen := make(chan map[string]string, 1)
	go func() { seen <- w.stream(t, b, "/runs/"+drill+"/live", "", 2) }()
	deadline := time.After(within)
	for n := int64(1); ; n++ { // the viewer may not be there yet at the first
		w.append(run.Event{Run: drill, Writer: "later", Seq: n, At: w.now, Kind: run.MessageSent, Data: run.Encode(run.Message{Text: "heard at once"})})
		select {
		case got := <-seen:
			if !strings.Contains(got["said"], "heard at once") {
				t.Errorf("the viewer has not heard: %v", keys(got))
			}
			return
		case <-deadline:
			t.Fatal("the viewer has heard nothing")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// A viewer whose sign-in was taken back is told, and sees no more.
func TestAStreamEndsWithTheSignIn(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(30))
	disabled := false
	got := w.streamUntil(t, b, "/live", "", func() bool {
		if !disabled { // the stream is open, and has shown a picture
			disabled = true
			if err := w.ids.Disable(t.Context(), personID(30), personID(0), "left"); err != nil {
				t.Fatal(err)
			}
		}
		return false
	})
	if _, told := got["signedout"]; got["runs"] == "" || !told || got["closed"] == "" {
		t.Errorf("want a picture, signedout, and the end: %v", keys(got))
	}
}

// One person's pages take nobody else's place, and the one too many says so.
func TestOnePersonKeepsSoManyPagesCurrent(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(30))
	open := func(b *browser) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Language", "ja")
		res, err := b.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	var last *http.Response
	for n := range 33 {
		if last = open(b); n < 32 && last.StatusCode != http.StatusOK {
			t.Fatalf("page %d: %s", n+1, last.Status)
		}
	}
	body, _ := io.ReadAll(last.Body)
	if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "上限の32ページ") {
		t.Errorf("page 33: %s\n%.400s", last.Status, body)
	}
	if res := open(w.browser(personID(31))); res.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %s", res.Status)
	}
	// The console is nobody's name: each session there is counted by itself.
	for range 2 {
		console := w.browser("")
		if res, body := console.post("/login", "token", consoleToken); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("the console: %s\n%s", res.Status, body)
		}
		for n := range 32 {
			if res := open(console); res.StatusCode != http.StatusOK {
				t.Fatalf("page %d at a console: %s", n+1, res.Status)
			}
		}
	}
}
