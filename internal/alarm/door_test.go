package alarm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/muster-dr/muster/internal/waittest"
)

func TestWhoIsNotVerifiedIsRefused(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	quake, alert := telegram(t, quick), file(t, "testdata", "alertmanager-v0.25.0-firing-1alert.json")
	hoursAgo := telegram(t, quick, "2011-03-11T05:48:10Z", "2011-03-11T01:00:00Z")
	page := pagerDuty("01A", "incident.triggered", "Q1", h.clock)
	const xml, json = "application/xml", "application/json"
	for _, c := range []struct {
		name, source string
		body         []byte
		headers      []string
		status       int
		code         string
	}{
		{"unsigned", "quakes", quake, []string{"Content-Type", xml}, 401, "unsigned"},
		{"another secret", "quakes", quake, []string{"Content-Type", xml, "Muster-Signature", Sign("another-secret-of-somebody", h.clock, quake)}, 401, "wrong signature"},
		{"signature of another body", "quakes", append(slices.Clone(quake), ' '), []string{"Content-Type", xml, "Muster-Signature", Sign(secretKey, h.clock, quake)}, 401, "wrong signature"},
		{"replayed", "quakes", quake, []string{"Content-Type", xml, "Muster-Signature", Sign(secretKey, h.clock.Add(-301*time.Second), quake)}, 401, "replayed"},
		{"of the future", "quakes", quake, []string{"Content-Type", xml, "Muster-Signature", Sign(secretKey, h.clock.Add(301*time.Second), quake)}, 401, "replayed"},
		{"time not signed", "quakes", quake, []string{"Content-Type", xml, "Muster-Signature", strings.Replace(Sign(secretKey, h.clock.Add(-time.Hour), quake), fmt.Sprint(h.clock.Add(-time.Hour).Unix()), fmt.Sprint(h.clock.Unix()), 1)}, 401, "wrong signature"},
		{"token instead of a signature", "quakes", quake, []string{"Content-Type", xml, "Authorization", "Bearer " + secretKey}, 401, "unsigned"},
		{"JSON to telegrams", "quakes", alert, []string{"Content-Type", json, "Muster-Signature", Sign(secretKey, h.clock, alert)}, 415, "content type"},
		{"no content type", "prom", alert, []string{"Authorization", "Bearer " + secretKey}, 415, "content type"},
		{"malformed XML", "quakes", quake[:900], []string{"Content-Type", xml, "Muster-Signature", Sign(secretKey, h.clock, quake[:900])}, 422, "malformed"},
		{"malformed JSON", "prom", []byte(`{"version":"4",`), []string{"Content-Type", json, "Authorization", "Bearer " + secretKey}, 422, "malformed"},
		{"two JSONs", "prom", append(slices.Clone(alert), alert...), []string{"Content-Type", json, "Authorization", "Bearer " + secretKey}, 422, "malformed"},
		{"another version", "prom", bytes.Replace(alert, []byte(`"version":"4"`), []byte(`"version":"3"`), 1), []string{"Content-Type", json, "Authorization", "Bearer " + secretKey}, 422, "malformed"},
		{"no dedup", "any", []byte(`{"incident":{"id":"","title":"x","severity":"sev1"},"state":"open"}`), []string{"Content-Type", json, "Muster-Signature", Sign(secretKey, h.clock, []byte(`{"incident":{"id":"","title":"x","severity":"sev1"},"state":"open"}`))}, 422, "malformed"},
		{"wrong token", "prom", alert, []string{"Content-Type", json, "Authorization", "Bearer " + secretKey + "x"}, 401, "wrong signature"},
		{"no token", "prom", alert, []string{"Content-Type", json}, 401, "unsigned"},
		{"PagerDuty unsigned", "pager", page, []string{"Content-Type", json}, 401, "unsigned"},
		{"PagerDuty v0", "pager", page, []string{"Content-Type", json, "X-PagerDuty-Signature", "v0=" + hmacHex(secretKey, page)}, 401, "unsigned"},
		{"PagerDuty wrong", "pager", page, []string{"Content-Type", json, "X-PagerDuty-Signature", "v1=" + hmacHex("wrong", page)}, 401, "wrong signature"},
		{"a telegram of hours ago", "quakes", hoursAgo, []string{"Content-Type", xml, "Muster-Signature", Sign(secretKey, h.clock, hoursAgo)}, 409, "replayed"},
		{"hub with SHA-1", "relay", quake, []string{"Content-Type", xml, "X-Hub-Signature", "sha1=" + strings.Repeat("0", 40)}, 401, "unsigned"},
		{"too large", "prom", bytes.Repeat([]byte(" "), maxBody+1), []string{"Content-Type", json, "Authorization", "Bearer " + secretKey}, 413, "too large"},
		{"no such source", "nobody", alert, []string{"Content-Type", json, "Authorization", "Bearer " + secretKey}, 401, "unsigned"},
		// A stranger hears the same of a source that there is, whatever they send.
		{"stranger with another content type", "prom", alert, []string{"Content-Type", "text/plain"}, 401, "unsigned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text := h.post(c.source, c.body, c.headers...)
			if status != c.status || !strings.Contains(text, `"code":"`+c.code+`"`) || !strings.Contains(text, `"detail":"`) || strings.Contains(text, secretKey) {
				t.Errorf("%d %s, want %d with code %q and words", status, text, c.status, c.code)
			}
			logged := c.code
			if c.source == "nobody" {
				logged = "no such source"
			}
			log, err := h.store.Accesses(t.Context(), 0, 0)
			if err != nil || len(log) == 0 || log[len(log)-1].Outcome != logged || log[len(log)-1].Object != c.source || log[len(log)-1].From == "" {
				t.Errorf("access log: %+v, %v, want the refusal at its end", log, err)
			}
		})
	}
	if p := h.proposals(); len(p) != 0 {
		t.Errorf("what was refused came to %+v", p)
	}
	if n := h.count.n; n["quakes refused"] != 10 || n["pager refused"] != 3 || n["nobody refused"] != 0 {
		t.Errorf("counted %v", n)
	}
	if status, text := h.post("quakes", quake, "Content-Type", xml, "Accept-Language", "ja"); status != 401 || !strings.Contains(text, "署名") {
		t.Errorf("in Japanese: %d %s", status, text)
	}
}

// PagerDuty sends nothing for a day after three answers of 4xx: whatever it signed is taken, or asked for again.
func TestWhatPagerDutySignedIsNeverAnswered4xx(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	signed := func(body []byte) (int, string) {
		return h.post("pager", body, "Content-Type", "application/json", "X-PagerDuty-Signature", "v1="+hmacHex(secretKey, body))
	}
	for name, c := range map[string]struct {
		body      []byte
		entry, ja string
	}{
		"two days old":      {pagerDuty("01B", "incident.triggered", "Q1", h.clock.Add(-47*time.Hour)), "replayed", "古いメッセージです"},
		"of the future":     {pagerDuty("01C", "incident.triggered", "Q1", h.clock.Add(time.Hour)), "of the future", "時刻が未来です"},
		"not understood":    {[]byte(`{"event":{"id":7}}`), "malformed", "解釈できません"},
		"no JSON":           {[]byte(`{"event":`), "malformed", "解釈できません"},
		"of a kind unknown": {pagerDuty("01D", "incident.dreamt_of", "Q1", h.clock), "", ""},
	} {
		before := h.count.n["pager refused"]
		status, text := signed(c.body)
		if status != http.StatusAccepted || !strings.Contains(text, `"outcome":"ignored"`) || !strings.Contains(text, c.ja) {
			t.Errorf("%s: %d %s, want it taken and ignored, with why", name, status, text)
		}
		if c.entry == "" {
			continue
		}
		log, err := h.store.Accesses(t.Context(), 0, 0)
		if err != nil || len(log) == 0 || log[len(log)-1].Outcome != c.entry || log[len(log)-1].Object != "pager" || h.count.n["pager refused"] != before+1 {
			t.Errorf("%s: the access log has %+v at its end, %v, and %d were counted", name, log, err, h.count.n["pager refused"]-before)
		}
	}
	if p := h.proposals(); len(p) != 0 {
		t.Errorf("what was ignored came to %+v", p)
	}
	h.s.sources[slices.IndexFunc(h.s.sources, func(s *source) bool { return s.Name == "pager" })].limit = rate.NewLimiter(rate.Every(time.Hour), 1)
	taken, later := 0, 0
	for n := range 30 {
		switch status, text := signed(pagerDuty(fmt.Sprint("02", n), "incident.triggered", "Q2", h.clock)); status {
		case http.StatusAccepted:
			taken++
		case http.StatusServiceUnavailable:
			later++
		default:
			t.Fatalf("%d %s", status, text)
		}
	}
	if taken == 0 || later == 0 {
		t.Errorf("of a flood %d were taken, %d are to be sent again", taken, later)
	}
	// Somebody who tries a message out is told what is wrong with it.
	if _, err := h.s.Try(t.Context(), Test{Source: "pager", Message: `{"event":`}, "en"); err == nil {
		t.Error("a trial of a message that is not understood says nothing")
	}
}

func TestASecretInRotation(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	for _, secret := range []string{secretKey, "the-secret-that-follows-it"} {
		body := telegram(t, quick)
		if status, text := h.post("quakes", body, "Content-Type", "application/xml", "Muster-Signature", Sign(secret, h.clock, body)); status != http.StatusAccepted {
			t.Errorf("%d %s", status, text)
		}
		page := pagerDuty("01A", "incident.triggered", "Q1", h.clock)
		if status, text := h.post("pager", page, "Content-Type", "application/json", "X-PagerDuty-Signature", "v1="+hmacHex("gone", page)+", v1="+hmacHex(secret, page)); status != http.StatusAccepted {
			t.Errorf("%d %s", status, text)
		}
	}
}

// Of a source's secrets that a store elsewhere keeps, one that can't be read keeps out no other; while one is unknown, who shows
// none that is known is asked to send again, and is no stranger yet.
func TestASecretThatCantBeReadKeepsOutNoOther(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	away, value := errors.New("the vault is sealed"), "the-new-secret-of-the-alertmanager"
	var known atomic.Bool
	s, err := New(Options{Store: h.store, Rules: given{rules: miyagi()}, Runs: h.runs, Log: h.s.log, Now: func() time.Time { return h.clock }, Sources: []Source{{Name: "prom", Kind: Alertmanager, Elsewhere: []func(context.Context) (string, error){
		func(context.Context) (string, error) { return "", away },
		func(context.Context) (string, error) {
			if !known.Load() {
				return "", away
			}
			return value, nil
		}}}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	h.url = srv.URL
	alert := file(t, "testdata", "alertmanager-v0.25.0-firing-1alert.json")
	post := func(token string, want int) {
		t.Helper()
		if status, text := h.post("prom", alert, "Content-Type", "application/json", "Authorization", "Bearer "+token); status != want {
			t.Errorf("%d %s, want %d", status, text, want)
		}
	}
	post(value, http.StatusServiceUnavailable)
	known.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	learnt := make(chan struct{})
	go func() { s.learn(ctx, s.sources[0]); close(learnt) }()
	waittest.Eventually(t, time.Minute, func() string {
		if len(s.sources[0].secrets()) == 0 {
			return "nothing is known"
		}
		return ""
	})
	post(value, http.StatusAccepted)
	post("somebody-else-has-another-one", http.StatusServiceUnavailable)
	cancel()
	<-learnt
}

// A sender that goes wild is slowed down; what it said first has counted.
func TestAFloodIsBounded(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.s.sources[2].limit = rate.NewLimiter(rate.Every(time.Hour), 10) // however slowly they come
	alert := file(t, "testdata", "alertmanager-v0.25.0-firing-1alert.json")
	refused := 0
	for range 60 {
		status, _ := h.post("prom", alert, "Content-Type", "application/json", "Authorization", "Bearer "+secretKey)
		if status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || h.only().State != Open {
		t.Errorf("%d of 60 refused, %+v", refused, h.only())
	}
	h.s.sources[2].banned = rate.NewLimiter(rate.Every(time.Hour), 20)
	for range 60 {
		h.post("prom", alert, "Content-Type", "application/json", "Authorization", "Bearer wrong")
	}
	log, err := h.store.Accesses(t.Context(), 0, 0)
	wrong := 0
	for _, a := range log {
		if a.Outcome == "wrong signature" {
			wrong++
		}
	}
	if err != nil || wrong == 0 || wrong > 40 {
		t.Errorf("%d entries of 60 wrong tokens, %v: a stranger must not fill the log", wrong, err)
	}
}

func TestMistakesInSourcesAreAllNamed(t *testing.T) {
	_, err := New(Options{Sources: []Source{
		{Name: "a", Kind: "smoke", Place: "muster.yaml:3", Secrets: []string{secretKey}},
		{Name: "b", Kind: Webhook, Place: "muster.yaml:4", Secrets: []string{"short"}, When: "body.x == ", Summary: "1 + 1"},
		{Name: "c", Kind: JMA, Place: "muster.yaml:5", Dedup: "body.id"},
		{Name: "c", Kind: Alertmanager, Place: "muster.yaml:6", Secrets: []string{secretKey}, Feed: "https://example.com/feed", Over: "bodi.x"},
	}})
	for _, want := range []string{
		`muster.yaml:3: alarm source a: kind "smoke"`, "muster.yaml:4: alarm source b: a secret has fewer than", "alarm source b: needs dedup", "alarm source b: when: ",
		`alarm source b: summary: "1 + 1" gives whole number, not text`, "alarm source c: has no secret", "alarm source c: telegrams need no mapping", "muster.yaml:6: alarm source c: is there twice",
		"only a source of kind jma has a feed", `there is no "bodi"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no line says %q in:\n%v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "short") {
		t.Error("a secret is in the error")
	}
}

// Whatever a verified sender sends, it is understood or refused.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"version":"4","groupKey":"{}","status":"firing","alerts":[{"status":"firing","startsAt":"2026-11-22T17:36:49Z"}]}`))
	f.Add([]byte(`{"event":{"id":"01","event_type":"incident.triggered","occurred_at":"2026-11-22T17:36:49Z","data":{"id":"Q1"}}}`))
	f.Add([]byte(`{"incident":{"id":"i1","title":"x","severity":"sev1"},"state":"open"}`))
	sources, err := open([]Source{
		{Name: "prom", Kind: Alertmanager, Secrets: []string{secretKey}, When: "body.alerts.size() > 0"},
		{Name: "pager", Kind: PagerDuty, Secrets: []string{secretKey}},
		{Name: "any", Kind: Webhook, Secrets: []string{secretKey}, Dedup: "body.incident.id", Summary: "body.incident.title", When: `body.incident.severity == "sev1"`},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range sources {
			a, err := s.parse(body)
			if err == nil && (a.Event == "" || a.Message == "" || a.Summary.EN == "" && a.Summary.JA == "" && s.Kind != Webhook) {
				t.Errorf("%s made %+v of %q", s.Name, a, body)
			}
			if strings.ContainsAny(a.Summary.EN+a.Title, "\n\r\u202e") {
				t.Errorf("%s: more than a line: %q", s.Name, a.Summary.EN)
			}
		}
	})
}
