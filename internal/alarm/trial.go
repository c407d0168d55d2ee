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
	"html"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/plan"
)

// Test asks what a message would do. Nothing is proposed and nothing starts.
type Test struct {
	Source string `json:"source"`
	// Message is one of the source's own, as it sends it; without it a training message is made.
	Message string `json:"message,omitempty"`
	// Intensity and Area are for a telegram that is made; Labels for an alert.
	Intensity string            `json:"intensity,omitempty"`
	Area      string            `json:"area,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
}

// Trial is what a message would do.
type Trial struct {
	Source  string    `json:"source"`
	Kind    Kind      `json:"kind"`
	Summary plan.Text `json:"summary,omitzero" doc:"What the message is read as."`
	// Door: it went through the source's own door, signed as its sender signs.
	Door     bool    `json:"door"`
	Training bool    `json:"training"`
	Made     bool    `json:"made" doc:"It was made for this test."`
	Outcome  Outcome `json:"outcome" doc:"What it would do."`
	// Why nothing would come of it.
	Why   plan.Text `json:"why,omitzero"`
	Rules []Tried   `json:"rules"`
}

// Tried is what a rule makes of the message, and of the same one if it were real.
type Tried struct {
	Scenario string    `json:"scenario"`
	Place    string    `json:"place"`
	Does     Outcome   `json:"does" doc:"ignored, proposed or starting."`
	Why      plan.Text `json:"why,omitzero"`
	Real     Outcome   `json:"real" doc:"What it would do if the message were real."`
	RealWhy  plan.Text `json:"real_why,omitzero"`
}

// ErrNoSource: there is no source of that name.
var ErrNoSource = errors.New("no such source")

// Sources are the names of the sources and what they speak.
func (s *Service) Sources() map[string]Kind {
	out := map[string]Kind{}
	for _, c := range s.sources {
		out[c.Name] = c.Kind
	}
	return out
}

type trialKey struct{}

func trialOf(ctx context.Context) *Trial {
	t, _ := ctx.Value(trialKey{}).(*Trial)
	return t
}

// Try sends a message through the door of a source, signed with its own secret, and says what
// would come of it. The error says what the door refuses it for.
func (s *Service) Try(ctx context.Context, in Test, lang string) (Trial, error) {
	at := slices.IndexFunc(s.sources, func(c *source) bool { return c.Name == in.Source })
	if at < 0 {
		return Trial{}, ErrNoSource
	}
	src := s.sources[at]
	out := Trial{Source: src.Name, Kind: src.Kind, Rules: []Tried{}}
	body := []byte(in.Message)
	if len(body) == 0 {
		var err error
		if body, err = s.made(ctx, src, in); err != nil {
			return out, err
		}
		out.Made = true
	}
	if !src.posted() { // a feed is asked; nothing is posted to it
		a, err := src.parse(body)
		if err != nil {
			return out, err
		}
		s.explain(ctx, a, &out)
		return out, nil
	}
	if len(src.secrets()) == 0 {
		return out, plan.Wrong("the store that keeps this source's secrets has not answered yet; the server's log says why", "この送信元の秘密情報の保管先がまだ応答していません。理由はサーバーのログに記録されます")
	}
	out.Door = true
	r, err := http.NewRequestWithContext(context.WithValue(ctx, trialKey{}, &out), http.MethodPost, Path+src.Name, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	r.RemoteAddr = "127.0.0.1:0"
	r.Header.Set("Accept-Language", lang)
	r.Header.Set("Content-Type", src.media())
	src.signAs(r.Header, body, s.now())
	w := &heard{header: http.Header{}}
	s.door(w, r)
	if w.status == http.StatusAccepted {
		return out, nil
	}
	var refused struct{ Detail string }
	if err := json.Unmarshal(w.body.Bytes(), &refused); err != nil || refused.Detail == "" {
		return out, fmt.Errorf("the door answered %d: %s", w.status, w.body.String())
	}
	return out, errors.New(refused.Detail)
}

// heard is an answer of the door.
type heard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heard) Header() http.Header         { return h.header }
func (h *heard) WriteHeader(status int)      { h.status = status }
func (h *heard) Write(b []byte) (int, error) { return h.body.Write(b) }

// signAs signs as the source's sender does.
func (s *source) signAs(h http.Header, body []byte, now time.Time) {
	secret := s.secrets()[0]
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	sum := hex.EncodeToString(mac.Sum(nil))
	switch s.Verify {
	case Bearer:
		h.Set("Authorization", "Bearer "+secret)
	case Signature:
		h.Set("Muster-Signature", Sign(secret, now, body))
	case Hub:
		h.Set("X-Hub-Signature-256", "sha256="+sum)
	case PagerDutyV1:
		h.Set("X-PagerDuty-Signature", "v1="+sum)
	}
}

// explain judges a message by every rule, and does nothing.
func (s *Service) explain(ctx context.Context, a Alarm, out *Trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh(ctx)
	out.Summary, out.Training, out.Outcome = a.Summary, !a.Real, Ignored
	real := a
	real.Real, real.Training = true, false
	for _, r := range s.read {
		t := Tried{Scenario: r.Scenario, Place: r.Place}
		t.Does, t.Why = r.would(a)
		t.Real, t.RealWhy = r.would(real)
		out.Rules = append(out.Rules, t)
	}
	for _, m := range s.matches(ctx, a) {
		does := Proposed
		if m.start {
			does = Starting
		}
		if rank[does] > rank[out.Outcome] {
			out.Outcome = does
		}
		if !slices.ContainsFunc(s.read, func(r Rule) bool { return r.Place == m.rule.Place }) { // the source's own, not a rule of the files
			out.Rules = append(out.Rules, Tried{Scenario: m.rule.Scenario, Place: m.rule.Place, Does: does, Why: m.why, Real: does, RealWhy: m.why})
		}
	}
	switch {
	case s.readErr != nil && len(s.read) == 0:
		out.Why = plan.Text{EN: "the plan files can't be read; `muster validate` names the mistakes", JA: "計画ファイルを読み取れない。`muster validate` で誤りを確認のこと"}
	case out.Outcome == Ignored:
		out.Why = s.whyNothing(a)
	}
}

// would is what a rule does with a message.
func (r Rule) would(a Alarm) (Outcome, plan.Text) {
	m, ok, why, err := r.judge(a)
	switch {
	case err != nil && a.Real:
		return Proposed, plan.Say("it can't be applied to the message (%s); a person looks", "この規則を適用できない（%s）。人に提案する", err.Error())
	case err != nil:
		return Ignored, plan.Say("it can't be applied to the message: %s", "この規則を適用できない：%s", err.Error())
	case !ok:
		return Ignored, why
	case m.start && !a.Timeless:
		return Starting, m.why
	}
	return Proposed, m.why
}

// made is a training message of a source.
func (s *Service) made(ctx context.Context, src *source, in Test) ([]byte, error) {
	now := s.now().UTC()
	switch src.Kind {
	case JMA:
		return s.telegram(ctx, src, in, now), nil
	case Alertmanager:
		labels := map[string]string{"alertname": "MusterAlarmTest"}
		for k, v := range in.Labels {
			labels[k] = v
		}
		return json.Marshal(map[string]any{"version": "4", "groupKey": "muster-alarm-test", "status": "firing", "receiver": "muster", "commonLabels": labels, "groupLabels": labels,
			"commonAnnotations": map[string]string{"summary": "訓練 / training: muster alarm test"},
			"alerts":            []any{map[string]any{"status": "firing", "labels": labels, "startsAt": now.Format(time.RFC3339)}}})
	}
	return nil, ErrNeedsMessage
}

// telegram is a training of the source's first rule for telegrams: of its tsunami where it asks
// for one and no intensity was said, else of its intensity.
func (s *Service) telegram(ctx context.Context, src *source, in Test, now time.Time) []byte {
	level, area, grade := in.Intensity, in.Area, jma.Grade(0)
	s.mu.Lock()
	s.refresh(ctx)
	for _, r := range s.read {
		shakes := r.Intensity > 0
		if r.Source != "" && r.Source != src.Name || !shakes && (r.Tsunami == 0 || level != "") {
			continue
		}
		if shakes && level == "" {
			level = r.Intensity.String()
		}
		if !shakes {
			grade = r.Tsunami
		}
		if area == "" && len(r.Areas) > 0 {
			area = r.Areas[0]
		}
		break
	}
	s.mu.Unlock()
	if grade > 0 {
		if area == "" {
			area = "宮城県"
		}
		area = html.EscapeString(area)
		return training("津波警報・注意報・予報a", "津波警報・注意報・予報", now, `<Tsunami><Forecast><Item><Area><Name>`+area+`</Name><Code>`+area+`</Code></Area><Category><Kind><Name>`+grade.Text().JA+`</Name></Kind></Category></Item></Forecast></Tsunami>`)
	}
	if level == "" {
		level = "6-lower"
	}
	if area == "" {
		area = "宮城県南部"
	}
	short := html.EscapeString(strings.NewReplacer("-lower", "-", "-upper", "+").Replace(level))
	area = html.EscapeString(area)
	return training("震度速報", "震度速報", now, `<Intensity><Observation><MaxInt>`+short+`</MaxInt><Pref><Name>`+area+`</Name><Code>`+area+`</Code><MaxInt>`+short+`</MaxInt><Area><Name>`+area+`</Name><Code>`+area+`</Code><MaxInt>`+short+`</MaxInt></Area></Pref></Observation></Intensity>`)
}

// training is a telegram of a training that has this to say.
func training(title, kind string, now time.Time, says string) []byte {
	at := now.Format(time.RFC3339)
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<Report xmlns="http://xml.kishou.go.jp/jmaxml1/"><Control><Title>` + title + `</Title><DateTime>` + at + `</DateTime><Status>訓練</Status><EditorialOffice>muster</EditorialOffice><PublishingOffice>muster</PublishingOffice></Control>
<Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/"><Title>` + title + `</Title><ReportDateTime>` + at + `</ReportDateTime><TargetDateTime>` + at + `</TargetDateTime><EventID>` + now.Format("20060102150405") + `</EventID><InfoType>発表</InfoType><Serial></Serial><InfoKind>` + kind + `</InfoKind><InfoKindVersion>1.0_1</InfoKindVersion><Headline><Text>訓練</Text></Headline></Head>
<Body xmlns="http://xml.kishou.go.jp/jmaxml1/body/seismology1/">` + says + `</Body></Report>`)
}

// ErrNeedsMessage: of a source of this kind nobody but its sender knows what a message holds.
var ErrNeedsMessage = errors.New("a message of the source's own is needed")
