package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/run"
)

var personalLink = regexp.MustCompile(`https://muster\.example\.jp(/l/[^\s]+)`)

// A drill of 60 people who have nothing but the links in their mail: whatever fetches a link
// to preview it changes nothing, and the people of the report are those of the script's log.
func TestADrillByMailLinksAlone(t *testing.T) {
	t.Parallel()
	const people = 60
	o, _ := options(t, crowdPlans(t, people))
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	mailSettings(t, &o, f)
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "p01"})
	if err != nil {
		t.Fatal(err)
	}
	// links are a person's two, in the order of the letter: to check in, and to arrive.
	links := func(n int) []string {
		for _, l := range f.Letters() {
			if l.To == fmt.Sprintf("p%02d@example.jp", n) && (strings.Contains(l.Subject, "安否確認") || strings.Contains(l.Subject, "Safety check")) {
				var out []string
				for _, m := range personalLink.FindAllStringSubmatch(l.Parts["text/plain"], -1) {
					out = append(out, m[1])
				}
				return out
			}
		}
		return nil
	}
	do := func(method, path string, form url.Values) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, u.at+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "muster.example.jp"
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	eventually(t, 60*time.Second, "the call of everybody", func() bool {
		for n := range people {
			if len(links(n)) < 2 {
				return false
			}
		}
		return true
	})
	for n := range people { // scanners of mail follow every link
		for _, at := range links(n) {
			if status, body := do(http.MethodGet, at, nil); status != http.StatusOK {
				t.Fatalf("%s: %d %.300s", at, status, body)
			}
		}
	}
	if r, err := u.Run(t.Context(), started.Run); err != nil || r.Overview.People.Silent != people || r.Overview.People.Mustered != 0 {
		t.Fatalf("to look at links changed something: %+v, %v", r.Overview.People, err)
	}
	safe, silent, came := 0, 0, 0
	for n := range people {
		if n > 1 && n%7 == 0 {
			silent++
			continue
		}
		safe++
		if status, body := do(http.MethodPost, links(n)[0], url.Values{"safety": {"safe"}, "come": {"yes"}}); status >= 400 {
			t.Fatalf("%d checks in: %d %.500s", n, status, body)
		}
		if n < 2 || n%3 == 0 {
			came++
			if status, body := do(http.MethodPost, links(n)[1], url.Values{}); status >= 400 {
				t.Fatalf("%d arrives: %d %.500s", n, status, body)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	play(ctx, t, u, started.Run, func(run.Event) {})
	p := readReport(t, u, started.Run).People
	if p.Called != people || p.Safe != safe || p.Silent != silent || p.Mustered != came {
		t.Errorf("the report says called %d, safe %d, silent %d, mustered %d; the script's log: %d, %d, %d, %d", p.Called, p.Safe, p.Silent, p.Mustered, people, safe, silent, came)
	}
	// A link is one person's, and for one thing.
	if status, _ := do(http.MethodPost, "/l/forged", url.Values{"safety": {"safe"}}); status < 400 {
		t.Errorf("a forged link: %d", status)
	}
}
