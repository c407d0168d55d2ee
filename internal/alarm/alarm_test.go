package alarm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const secretKey = "a-secret-for-tests-only-1"

// house is a service on a real store, whose runs are kept in memory.
type house struct {
	t     *testing.T
	store journal.Store
	s     *Service
	url   string
	runs  *runsKept
	clock time.Time
	said  *bytes.Buffer
	count *counted
}

// counted counts what became of messages.
type counted struct {
	mu   sync.Mutex
	n    map[string]int
	last time.Time
}

func (c *counted) Message(source string, o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[source+" "+string(o)]++
}

func (c *counted) Answered(_ string, at time.Time) { c.last = at }

func (c *counted) Unheard(int) {}

// runsKept are runs as far as alarms touch them.
type runsKept struct {
	mu     sync.Mutex
	runs   map[string]string // by request ID
	starts []Proposal
	drills []Drill
	before []Response
	past   error // why what was before can't be told
	aborts []string
	notes  []string
	fail   error
}

func (r *runsKept) Start(_ context.Context, p Proposal, reason string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return "", r.fail
	}
	r.starts = append(r.starts, p)
	if r.runs == nil {
		r.runs = map[string]string{}
	}
	if r.runs[p.RequestID()] == "" {
		r.runs[p.RequestID()] = fmt.Sprintf("%s-%s-%d", p.Scenario, p.Kind, len(r.runs)+1)
	}
	return r.runs[p.RequestID()], nil
}

func (r *runsKept) Drills(context.Context) ([]Drill, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.drills), nil
}

func (r *runsKept) Responses(_ context.Context, since time.Time) ([]Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.before), func(e Response) bool { return !e.Ended.IsZero() && e.Ended.Before(since) }), r.past
}

func (r *runsKept) Abort(_ context.Context, id, source, reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborts = append(r.aborts, id+": "+reason)
	for i := range r.drills {
		if r.drills[i].Run == id {
			r.drills[i].Stopping = true
		}
	}
	return nil
}

func (r *runsKept) Note(_ context.Context, id, source, message string, said run.AlarmSaid, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf("%s %+v %s", id, said, text))
	return nil
}

// given are rules that are given.
type given struct {
	rules []Rule
	err   error
}

func (g given) Rules(context.Context) ([]Rule, error) { return g.rules, g.err }

func miyagi() []Rule {
	base := Rule{Scenario: "sendai-loss", Title: plan.Text{EN: "Loss of Sendai", JA: "仙台拠点の喪失"}, Systems: []string{"orders"}, Areas: []string{"宮城県南部", "東京都23区", "390"}, Place: "scenario.yaml:9"}
	start, propose, wave, alert := base, base, base, base
	start.Intensity, start.Start, start.Training, start.Place = jma.Int6Lower, true, ProposeDrill, "scenario.yaml:8"
	propose.Intensity = jma.Int5Lower
	wave.Tsunami, wave.Areas, wave.Place = jma.Advisory, []string{"220"}, "scenario.yaml:10"
	alert.Source, alert.Areas, alert.When, alert.Place = "prom", nil, `body.commonLabels.severity == "critical"`, "scenario.yaml:11"
	paged := base
	paged.Source, paged.Areas, paged.Start = "pager", nil, true
	return []Rule{start, propose, wave, alert, paged}
}

func newHouse(t *testing.T, rules Rules) *house {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: store, runs: &runsKept{}, clock: time.Date(2011, 3, 11, 5, 49, 0, 0, time.UTC), said: &bytes.Buffer{}, count: &counted{n: map[string]int{}}}
	h.s, err = New(Options{Store: store, Rules: rules, Runs: h.runs, Log: slog.New(slog.NewTextHandler(h.said, nil)), Now: func() time.Time { return h.clock }, Metrics: h.count,
		Sources: []Source{
			{Name: "quakes", Kind: JMA, Secrets: []string{secretKey, "the-secret-that-follows-it"}},
			{Name: "relay", Kind: JMA, Secrets: []string{secretKey}, Verify: Hub},
			{Name: "prom", Kind: Alertmanager, Secrets: []string{secretKey}},
			{Name: "pager", Kind: PagerDuty, Secrets: []string{secretKey, "the-secret-that-follows-it"}},
			{Name: "any", Kind: Webhook, Secrets: []string{secretKey}, Dedup: "body.incident.id", Summary: "body.incident.title", Scenario: `"sendai-loss"`,
				When: `body.incident.severity in ["sev1", "sev2"]`, Exercise: "has(body.incident.test) && body.incident.test", Over: `body.state == "closed"`},
		}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h.s.Handler())
	h.url = srv.URL
	t.Cleanup(func() { srv.Close(); store.Close() })
	return h
}

func file(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func telegram(t *testing.T, name string, changes ...string) []byte {
	t.Helper()
	return []byte(strings.NewReplacer(changes...).Replace(string(file(t, "jma", "testdata", name))))
}

// post sends a message with headers in pairs.
func (h *house) post(source string, body []byte, headers ...string) (int, string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPost, h.url+Path+source, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// send posts as the source's sender does, and returns the outcome.
func (h *house) send(source string, body []byte) Outcome {
	h.t.Helper()
	headers := []string{"Content-Type", "application/json"}
	switch source {
	case "quakes":
		headers = []string{"Content-Type", "application/xml", "Muster-Signature", Sign(secretKey, h.clock, body)}
	case "relay":
		headers = []string{"Content-Type", "text/xml; charset=utf-8", "X-Hub-Signature-256", "sha256=" + hmacHex(secretKey, body)}
	case "prom":
		headers = append(headers, "Authorization", "Bearer "+secretKey)
	case "pager":
		headers = append(headers, "X-PagerDuty-Signature", "v1="+hmacHex("an-older-secret", body)+",v1="+hmacHex(secretKey, body))
	default:
		headers = append(headers, "Muster-Signature", Sign(secretKey, h.clock, body))
	}
	status, text := h.post(source, body, headers...)
	var out Result
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != http.StatusAccepted {
		h.t.Fatalf("%s answered %d: %s", source, status, text)
	}
	return out.Outcome
}

func hmacHex(key string, body []byte) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func (h *house) carry() {
	h.t.Helper()
	if _, err := h.s.carry(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) proposals() []Proposal {
	h.t.Helper()
	list, err := new(Proposals).List(h.t.Context(), h.store, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// only is the one proposal there is.
func (h *house) only() Proposal {
	h.t.Helper()
	list := h.proposals()
	if len(list) != 1 {
		h.t.Fatalf("%d proposals, want one: %+v", len(list), list)
	}
	return list[0]
}

const quick = "VXSE51_sample_20110311_int6plus.xml"

func TestSixLowerInTheAreaStarts(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	if got := h.send("quakes", telegram(t, quick)); got != Starting {
		t.Errorf("outcome %s, want starting", got)
	}
	h.carry()
	p := h.only()
	if p.State != Started || p.Run == "" || p.Kind != run.Response || !p.Automatic || p.By != "alarm:quakes" || p.Rule != "scenario.yaml:8" {
		t.Errorf("proposal = %+v", p)
	}
	if !strings.Contains(p.Summary.JA, "震度６弱：宮城県南部") || !strings.Contains(p.Summary.EN, "intensity 6-lower at 宮城県南部") {
		t.Errorf("summary = %+v: it names the area of the rule, not the greatest", p.Summary)
	}
	if len(p.Evidence) != 1 || p.Evidence[0].Digest != digest(string(telegram(t, quick))) || p.Evidence[0].Title != "震度速報" {
		t.Errorf("evidence = %+v", p.Evidence)
	}
}

func TestFiveLowerProposesAndMoreStarts(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	weaker := telegram(t, quick, "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>5-</MaxInt></Area>\n</Pref>")
	if got := h.send("quakes", weaker); got != Proposed {
		t.Fatalf("outcome %s, want proposed", got)
	}
	h.carry()
	if p := h.only(); p.State != Open || p.Automatic || p.Level != int(jma.Int5Lower) || len(h.runs.starts) != 0 {
		t.Fatalf("5-lower: %+v, starts %v", p, h.runs.starts)
	}
	// A person puts it aside; what is graver starts all the same.
	if _, err := Change(t.Context(), h.store, h.only().ID, func(p *Proposal) error {
		return p.Settle(Dismissed, "sato", "", "no damage here", h.clock)
	}); err != nil {
		t.Fatal(err)
	}
	again := telegram(t, quick, "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>5-</MaxInt></Area>\n</Pref>", "05:48:10Z", "05:48:30Z")
	if got := h.send("quakes", again); got != Noted || h.only().State != Dismissed {
		t.Errorf("the same intensity again: %s, %s, want it to stay dismissed", got, h.only().State)
	}
	if got := h.send("quakes", telegram(t, quick, "05:48:10Z", "05:48:50Z")); got != Starting {
		t.Errorf("6-lower after it: %s, want starting", got)
	}
	h.carry()
	if p := h.only(); p.State != Started || p.Level != int(jma.Int6Lower) || p.Messages != 3 {
		t.Errorf("%+v", p)
	}
}

func TestOneEventStartsOneRun(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			body := telegram(t, quick)
			switch i % 4 {
			case 1: // another of its series
				body = telegram(t, quick, "05:48:10Z", fmt.Sprintf("05:48:%02dZ", 11+i))
			case 2: // another kind of telegram of the same event
				body = telegram(t, quick, "<Title>震度速報</Title>", "<Title>震源・震度に関する情報</Title>", "05:48:10Z", fmt.Sprintf("05:48:%02dZ", 11+i))
			}
			source := []string{"quakes", "relay"}[i/4%2]
			headers := []string{"Content-Type", "application/xml", "Muster-Signature", Sign(secretKey, h.clock, body)}
			if source == "relay" {
				headers[2], headers[3] = "X-Hub-Signature-256", "sha256="+hmacHex(secretKey, body)
			}
			if status, text := h.post(source, body, headers...); status != http.StatusAccepted {
				t.Errorf("%d: %s", status, text)
			}
		})
	}
	all.Wait()
	h.carry()
	h.carry()
	if p := h.only(); p.State != Started || len(h.runs.starts) != 1 || len(p.Evidence) > keptEvidence {
		t.Errorf("%d starts, %+v", len(h.runs.starts), p)
	}
	if got := h.send("quakes", telegram(t, quick)); got != Seen && got != Outdated {
		t.Errorf("the first again: %s", got)
	}
}

func TestTheNewestOfASeriesCounts(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	// A correction says 4; the telegram it corrects comes later.
	corrected := telegram(t, quick, "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>4</MaxInt></Area>\n</Pref>", "発表", "訂正", "05:48:10Z", "05:48:40Z")
	if got := h.send("quakes", corrected); got != Ignored {
		t.Errorf("a 4: %s", got)
	}
	if got := h.send("quakes", telegram(t, quick)); got != Outdated || len(h.proposals()) != 0 {
		t.Errorf("the older one after it: %s with %d proposals, want it to count for nothing", got, len(h.proposals()))
	}
	// Another event is another series.
	if got := h.send("quakes", telegram(t, quick, "20110311144640", "20110311150000")); got != Starting {
		t.Errorf("another event: %s", got)
	}
}

func TestACancelClosesWhatWaitsAndUndoesNothing(t *testing.T) {
	cancel := func(t *testing.T) []byte {
		return telegram(t, "VXSE53_sample_20080614_cancel.xml", "震源・震度に関する情報", "震度速報", "20080614084350", "20110311144640", "2008-06-14T00:06:34Z", "2011-03-11T05:48:50Z")
	}
	t.Run("proposed", func(t *testing.T) {
		h := newHouse(t, given{rules: miyagi()[1:2]})
		h.send("quakes", telegram(t, quick))
		// One of another series of the event leaves what this one said.
		other := bytes.Replace(cancel(t), []byte("<Title>震度速報"), []byte("<Title>震源・震度に関する情報"), 1)
		if got := h.send("quakes", other); got != Noted || h.only().State != Open {
			t.Errorf("a cancel of another series: %s, %s", got, h.only().State)
		}
		if got := h.send("quakes", cancel(t)); got != Withdrawn {
			t.Errorf("outcome %s", got)
		}
		if p := h.only(); p.State != Dismissed || p.By != "alarm:quakes" || !strings.Contains(p.Reason, "取消") {
			t.Errorf("%+v", p)
		}
		if got := h.send("quakes", telegram(t, quick, "05:48:10Z", "05:48:55Z")); got != Proposed || h.only().State != Open {
			t.Errorf("said again after the cancel: %s, %s, want it to be proposed again", got, h.only().State)
		}
	})
	t.Run("started", func(t *testing.T) {
		h := newHouse(t, given{rules: miyagi()})
		h.send("quakes", telegram(t, quick))
		h.carry()
		if got := h.send("quakes", cancel(t)); got != Noted {
			t.Errorf("outcome %s", got)
		}
		h.carry()
		if p := h.only(); p.State != Started || len(h.runs.aborts) != 0 {
			t.Errorf("%s, aborts %v: a running response is people's to stop", p.State, h.runs.aborts)
		}
		if len(h.runs.notes) != 1 || !strings.Contains(h.runs.notes[0], "Withdrawn:true") {
			t.Errorf("notes = %v", h.runs.notes)
		}
	})
}

func TestATrainingTelegramNeverStartsAResponse(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.clock = time.Date(2009, 10, 1, 4, 51, 0, 0, time.UTC)
	drill := func(changes ...string) []byte {
		return telegram(t, "VXSE53_sample_20091001_drill_int5minus.xml", append(changes, "<Code>350</Code>\n            <MaxInt>3", "<Code>350</Code>\n            <MaxInt>7")...)
	}
	if bytes.Count(drill(), []byte("<MaxInt>7")) != 1 {
		t.Fatal("the sample has changed")
	}
	if got := h.send("quakes", drill()); got != Proposed {
		t.Fatalf("outcome %s", got)
	}
	h.carry()
	if p := h.only(); p.Kind != run.Drill || p.Automatic || p.Natural || len(h.runs.starts) != 0 {
		t.Errorf("a drill's telegram of intensity 7: %+v", p)
	}
	if got := h.send("quakes", drill("<Status>訓練", "<Status>試験", "20091001134500", "20091001134501")); got != Ignored {
		t.Errorf("a test of the line: %s", got)
	}
	if got := h.send("quakes", drill("<Status>訓練", "<Status>未知", "20091001134500", "20091001134502")); got != Ignored {
		t.Errorf("a status that nobody knows: %s", got)
	}
	h2 := newHouse(t, given{rules: slices.Collect(func(yield func(Rule) bool) {
		for _, r := range miyagi() {
			r.Training = StartDrill
			if !yield(r) {
				return
			}
		}
	})})
	h2.clock = h.clock
	h2.send("quakes", drill())
	h2.carry()
	if p := h2.only(); p.State != Started || len(h2.runs.starts) != 1 || h2.runs.starts[0].Kind != run.Drill {
		t.Errorf("training: start: %+v", p)
	}
}

func TestARealAlarmStopsDrills(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.runs.drills = []Drill{{Run: "sendai-loss-4", Systems: []string{"orders"}}, {Run: "tabletop-2", GoesOn: true}}
	h.send("quakes", telegram(t, quick))
	h.carry()
	if len(h.runs.aborts) != 1 || !strings.HasPrefix(h.runs.aborts[0], "sendai-loss-4: ") || !strings.Contains(h.runs.aborts[0], "震度６弱：宮城県南部") {
		t.Fatalf("aborts = %v: one, for the reason of the alarm; what goes on by its rule goes on", h.runs.aborts)
	}
	if p := h.only(); p.State != Open || !p.Due || !strings.Contains(p.Trouble.JA, "sendai-loss-4") {
		t.Errorf("while the drill puts back: %+v", p)
	}
	h.carry()
	h.runs.drills = h.runs.drills[1:]
	h.carry()
	if p := h.only(); p.State != Started || len(h.runs.aborts) != 1 || p.Trouble != (plan.Text{}) {
		t.Errorf("after it: %+v, aborts %v", p, h.runs.aborts)
	}
}

// A live drill breaks things on purpose: what a machine reports then may be the drill's doing.
func TestADrillsOwnAlarmsDoNotStartTheRealThing(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.clock = time.Date(2026, 11, 22, 17, 37, 0, 0, time.UTC)
	h.runs.drills = []Drill{{Run: "sendai-loss-4", Systems: []string{"orders"}}}
	if got := h.send("pager", pagerDuty("01A", "incident.triggered", "Q1", h.clock)); got != Starting {
		t.Fatalf("outcome %s", got)
	}
	h.carry()
	h.runs.drills = nil
	h.carry()
	if p := h.only(); p.State != Open || p.Due || len(h.runs.starts)+len(h.runs.aborts) != 0 || !strings.Contains(p.Trouble.EN, "a person decides") {
		t.Errorf("%+v, starts %v, aborts %v", p, h.runs.starts, h.runs.aborts)
	}
}

// A target that comes and goes: for an hour after a response no rule starts the next one for its
// systems by what monitoring says, and people are asked. Other systems, what nature does, and a response
// that is open to be joined are not held up; nor is anything by a record that can't be read.
func TestATargetThatComesAndGoesStartsOneResponse(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 37, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ended  Response
		open   string // the scenario of an open response
		over   bool   // which has recovered what it could
		past   error
		quake  bool
		starts bool
	}{
		"the same system":             {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"stock", "orders"}, Ended: now.Add(-59 * time.Minute)}},
		"an hour later":               {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"orders"}, Ended: now.Add(-61 * time.Minute)}, starts: true},
		"another system":              {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"stock"}, Ended: now.Add(-time.Minute)}, starts: true},
		"the earthquake after that":   {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"orders"}, Ended: now.Add(-time.Minute)}, quake: true, starts: true},
		"one that is open":            {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"orders"}, Ended: now.Add(-time.Minute)}, open: "sendai-loss", starts: true},
		"one that is over":            {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"stock"}, Ended: now.Add(-time.Minute)}, open: "sendai-loss", over: true},
		"an earthquake, and that":     {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"stock"}, Ended: now.Add(-time.Minute)}, open: "sendai-loss", over: true, quake: true, starts: true},
		"another one is open":         {ended: Response{Run: "sendai-loss-response-1", Systems: []string{"orders"}, Ended: now.Add(-time.Minute)}, open: "tokyo-loss"},
		"a record that can't be read": {past: errors.New("no such plan"), starts: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, given{rules: miyagi()})
			h.runs.before, h.runs.past = []Response{c.ended}, c.past
			if c.open != "" {
				h.runs.before = append(h.runs.before, Response{Run: "open", Scenario: c.open, Over: c.over})
			}
			if c.quake {
				h.runs.before[0].Ended = h.clock.Add(-time.Minute)
				h.send("quakes", telegram(t, quick))
			} else {
				h.clock = now
				h.send("pager", pagerDuty("01A", "incident.triggered", "Q1", h.clock))
			}
			h.carry()
			p := h.only()
			if c.starts != (p.State == Started) || c.starts != (len(h.runs.starts) == 1) {
				t.Fatalf("%+v, started %v, want that it starts: %v", p, h.runs.starts, c.starts)
			}
			why := "sendai-loss-response-1 was for orders"
			if c.over {
				why = "response open has recovered what it could"
			}
			if !c.starts && (p.State != Open || p.Due || !strings.Contains(p.Trouble.EN, why) || !strings.Contains(p.Trouble.JA, "人の判断が必要")) {
				t.Errorf("what keeps it is not said to people: %+v", p)
			}
		})
	}
}

func TestWhatCantStartIsTriedAgainOrPutBeforePeople(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.runs.fail = &Obstacle{Text: plan.Text{EN: "the engine is away", JA: "エンジンに接続できない"}, Again: true}
	h.send("quakes", telegram(t, quick))
	h.carry()
	if p := h.only(); p.State != Open || !p.Due || p.Trouble.EN != "the engine is away" {
		t.Errorf("%+v", p)
	}
	h.runs.fail = nil
	h.carry()
	if p := h.only(); p.State != Started {
		t.Errorf("once it is back: %+v", p)
	}
	h.runs.fail = &Obstacle{Text: plan.Text{EN: "the files have mistakes", JA: "誤りがある"}}
	h.send("quakes", telegram(t, quick, "20110311144640", "20110311150000"))
	h.carry()
	if p := h.proposals(); len(p) != 2 || p[0].Due && p[1].Due {
		t.Errorf("%+v", p)
	}
}

// Rules that can't be read must not make an alarm go unheard.
func TestAnAlarmIsHeardWithoutRules(t *testing.T) {
	h := newHouse(t, given{err: fmt.Errorf("estate.yaml:1:1: no estate")})
	if got := h.send("quakes", telegram(t, quick)); got != Proposed {
		t.Errorf("outcome %s", got)
	}
	if p := h.only(); p.Scenario != "" || p.Trouble.EN == "" || p.State != Open {
		t.Errorf("%+v", p)
	}
	slight := telegram(t, quick, "20110311144640", "20110311150000", "6+", "3", "6-", "3", "5+", "3", "5-", "3", "震度６強", "震度３", "震度６弱", "震度３", "震度５強", "震度３", "震度５弱", "震度３")
	if got := h.send("quakes", slight); got != Ignored {
		t.Errorf("a slight one: %s", got)
	}
}

func TestTsunamiAndForecast(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.clock = time.Date(2022, 1, 15, 15, 16, 0, 0, time.UTC)
	if got := h.send("quakes", telegram(t, "VTSE41_20220115_warning_excerpt.xml")); got != Proposed {
		t.Errorf("tsunami: %s", got)
	}
	if p := h.only(); p.Summary.JA != "津波注意報：宮城県" || p.Rule != "scenario.yaml:10" {
		t.Errorf("%+v", p)
	}
	h.clock = time.Date(2024, 1, 1, 7, 25, 0, 0, time.UTC)
	if got := h.send("quakes", telegram(t, "VXSE53_made_not_received.xml")); got != Proposed {
		t.Errorf("not received: %s", got)
	}
	if p := h.proposals(); len(p) != 2 || !strings.Contains(p[0].Summary.JA, "震度５弱以上未入電：石川県能登") {
		t.Errorf("%+v", p)
	}
	rules := miyagi()[:1]
	rules[0].Areas = []string{"301"}
	w := newHouse(t, given{rules: rules})
	w.clock = time.Date(2026, 11, 20, 5, 0, 15, 0, time.UTC)
	if got := w.send("quakes", telegram(t, "VXSE43_made_warning.xml")); got != Proposed {
		t.Errorf("a forecast of 6-lower: %s; nobody has seen it yet", got)
	}
}

func pagerDuty(id, kind, incident string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"event":{"id":%q,"event_type":%q,"resource_type":"incident","occurred_at":%q,"agent":null,"client":null,"data":{"id":%q,"type":"incident","number":2,"status":"triggered","title":"orders: primary is down","created_at":%q,"service":{"id":"PF9KMXH","summary":"Orders","type":"service_reference"},"urgency":"high"}}}`,
		id, kind, at.Format(time.RFC3339), incident, at.Format(time.RFC3339))
}

func TestPagerDuty(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	for kind, want := range map[string]Outcome{"pagey.ping": Ignored, "incident.acknowledged": Ignored} {
		if got := h.send("pager", pagerDuty("01"+kind, kind, "Q1", h.clock)); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
	first := pagerDuty("01AAA", "incident.triggered", "Q1", h.clock)
	if got := h.send("pager", first); got != Starting {
		t.Errorf("triggered: %s", got)
	}
	if got := h.send("pager", first); got != Seen {
		t.Errorf("the same event delivered again: %s", got)
	}
	h.carry()
	if got := h.send("pager", pagerDuty("01AAB", "incident.resolved", "Q1", h.clock)); got != Noted {
		t.Errorf("resolved: %s", got)
	}
	if p := h.only(); p.State != Started || p.Over.IsZero() || !strings.Contains(p.Summary.EN, "orders: primary is down (Orders)") {
		t.Errorf("%+v", p)
	}
}

func TestAlertmanager(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.clock = time.Date(2026, 11, 22, 17, 37, 0, 0, time.UTC)
	firing := file(t, "testdata", "alertmanager-v0.25.0-firing-1alert.json")
	if got := h.send("prom", firing); got != Proposed {
		t.Fatalf("firing: %s", got)
	}
	if got := h.send("prom", firing); got != Seen {
		t.Errorf("its repetition: %s", got)
	}
	resolved := bytes.ReplaceAll(firing, []byte(`"status":"firing"`), []byte(`"status":"resolved"`))
	if got := h.send("prom", resolved); got != Withdrawn {
		t.Errorf("resolved: %s", got)
	}
	p := h.only()
	if p.State != Dismissed || !strings.Contains(p.Summary.JA, "東京サイトのデータベースが応答しません") || p.Since.IsZero() {
		t.Errorf("%+v", p)
	}
	later := bytes.ReplaceAll(firing, []byte("17:36:49"), []byte("23:10:00"))
	if got := h.send("prom", later); got != Proposed || len(h.proposals()) != 2 {
		t.Errorf("firing again hours later: %s with %d proposals; it is another event", got, len(h.proposals()))
	}
	if got := h.send("prom", bytes.ReplaceAll(firing, []byte("critical"), []byte("warning"))); got != Ignored {
		t.Errorf("not critical: %s", got)
	}
}

func TestAnyWebhook(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	body := func(id, severity, state, more string) []byte {
		return fmt.Appendf(nil, `{"incident":{"id":%q,"title":"<script>alert(1)</script>\n\u202eorders","severity":%q%s},"state":%q}`, id, severity, more, state)
	}
	if got := h.send("any", body("i1", "sev3", "open", "")); got != Ignored {
		t.Errorf("sev3: %s", got)
	}
	if got := h.send("any", body("i1", "sev1", "open", "")); got != Proposed {
		t.Errorf("sev1: %s", got)
	}
	if got := h.send("any", body("i1", "sev2", "open", "")); got != Noted {
		t.Errorf("the same incident: %s", got)
	}
	if p := h.only(); p.Scenario != "sendai-loss" || p.Automatic || p.Summary.EN != "<script>alert(1)</script> orders" {
		t.Errorf("%+v: what a source's own mapping names is proposed, as one line of text", p)
	}
	if got := h.send("any", body("i1", "sev3", "closed", "")); got != Withdrawn {
		t.Errorf("closed: %s", got)
	}
	if got := h.send("any", body("i2", "sev1", "open", `,"test":true`)); got != Ignored {
		t.Errorf("its test: %s", got)
	}
}

func TestAProposalRunsOut(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()[1:2]})
	h.send("quakes", telegram(t, quick))
	h.clock = h.clock.Add(expiry + time.Second)
	h.carry()
	if p := h.only(); p.State != Expired || p.By != run.Engine {
		t.Errorf("%+v", p)
	}
}
