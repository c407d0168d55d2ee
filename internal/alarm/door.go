package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

// Path is where senders post to, followed by the source's name.
const Path = "/alarms/"

// atOnce bounds the messages of one source that are worked on at the same time.
const atOnce = 16

// patienceForBody is how long a message may take to come in.
const patienceForBody = 5 * time.Second

// Handler takes the messages of senders: POST /alarms/NAME. Who only begins a message holds
// nothing that the real sender needs: until it is there it counts by the bytes it has sent, by
// address and together, and then it waits for a place of its source.
func (s *Service) Handler() http.Handler {
	return http.HandlerFunc(s.door)
}

func (s *Service) door(w http.ResponseWriter, r *http.Request) {
	l := i18n.Parse(r.Header.Get("Accept-Language"))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	name := strings.TrimPrefix(r.URL.Path, Path)
	var src *source
	for _, c := range s.sources {
		if c.Name == name && c.posted() {
			src = c
		}
	}
	refuse := func(status int, outcome, en, ja string) {
		if src != nil {
			s.count(src.Name, Refused)
		}
		// A flood must not fill the log, and one of strangers not hide the sender's.
		switch {
		case src == nil && s.strangers.Allow(), src != nil && outcome == "too many" && src.noisy.Allow(), src != nil && outcome != "too many" && src.banned.Allow():
			s.access(r, name, outcome)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		code := outcome
		if src == nil {
			code = "unsigned" // as of a source that there is
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": l.T(en, ja), "code": code})
	}
	if src == nil {
		// Whether there is such a source is told to nobody who has not shown a secret.
		w.Header().Set("WWW-Authenticate", `Bearer realm="muster alarms"`)
		refuse(http.StatusUnauthorized, "no such source", "The signature or token is missing or wrong.", "署名またはトークンがないか、正しくありません。")
		return
	}
	unverified := func(err error) {
		if errors.Is(err, errWrong) && src.waits() { // it may be of a secret that is not known yet
			if src.banned.Allow() {
				s.access(r, name, "secrets unread")
			}
			w.Header().Set("Retry-After", strconv.Itoa(int(askAgain.Seconds())))
			s.refused(w, src, l, http.StatusServiceUnavailable, "secrets unread", err)
			return
		}
		outcome := map[error]string{errUnsigned: "unsigned", errWrong: "wrong signature", errStale: "replayed"}[err]
		if src.banned.Allow() {
			s.log.Warn("a message to an alarm source was refused", "alarm", src.Name, "reason", err, "from", identity.Origin(r))
			s.access(r, name, outcome)
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="muster alarms"`)
		s.refused(w, src, l, http.StatusUnauthorized, outcome, err)
	}
	if err := src.shows(r.Header, s.now()); err != nil { // before anything of it is read
		unverified(err)
		return
	}
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		refuse(http.StatusMethodNotAllowed, "method", "Alarms are posted.", "警報はPOSTで送ってください。")
		return
	case !src.speaks(r.Header.Get("Content-Type")):
		refuse(http.StatusUnsupportedMediaType, "content type", "This source takes "+src.media()+".", "この送信元が受け付ける形式は "+src.media()+" です。")
		return
	}
	// Whoever sends slowly must not hold a place that the real sender needs.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.patience)) // a test's recorder has none
	limit, tooMany := int64(maxBody), http.StatusTooManyRequests
	switch src.Kind {
	case JMA:
		limit = jma.MaxSize
	case PagerDuty:
		tooMany = http.StatusServiceUnavailable // which it sends again; see left
	}
	held := s.intake.hold(identity.Origin(r))
	defer held.release()
	body, err := io.ReadAll(held.counting(http.MaxBytesReader(w, r.Body, limit)))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		refuse(http.StatusRequestEntityTooLarge, "too large", "The message is too large.", "メッセージが大きすぎます。")
		return
	} else if errors.Is(err, errFull) {
		w.Header().Set("Retry-After", "1")
		refuse(tooMany, "too many", "Too many messages at once; send it again a little later.", "短時間のメッセージが多すぎます。しばらくしてから再送してください。")
		return
	} else if err != nil {
		refuse(http.StatusBadRequest, "cut off", "The message was cut off.", "メッセージが途中で切れています。")
		return
	}
	select {
	case src.room <- struct{}{}:
		defer func() { <-src.room }()
	case <-r.Context().Done():
		return
	}
	if err := src.verify(r.Header, body, s.now()); err != nil {
		unverified(err)
		return
	}
	if !src.limit.Allow() {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(burst)/perSecond))))
		refuse(tooMany, "too many", "Too many messages at once; send it again a little later.", "短時間のメッセージが多すぎます。しばらくしてから再送してください。")
		return
	}
	a, err := src.parse(body)
	switch {
	case errors.Is(err, errNothing):
		out := Result{Outcome: Ignored, Why: nothingIn(err)}
		if t := trialOf(r.Context()); t != nil {
			t.Summary, t.Outcome, t.Why, t.Training = a.Summary, out.Outcome, out.Why, !a.Real
		} else {
			s.count(src.Name, Ignored)
			s.keep(a, out)
		}
		s.answer(w, out)
		return
	case err != nil:
		s.log.Warn("a message of an alarm source is not understood", "alarm", src.Name, "err", err)
		s.access(r, name, "malformed")
		s.left(w, r, src, l, http.StatusUnprocessableEntity, "malformed", err)
		return
	}
	if why := s.untimely(src, a); why != "" {
		s.access(r, name, why)
		s.left(w, r, src, l, http.StatusConflict, why, errors.New("the message is too old to act on, or of the future"))
		return
	}
	if t := trialOf(r.Context()); t != nil {
		s.explain(r.Context(), a, t)
		s.access(r, name, "test: "+string(t.Outcome))
		s.answer(w, Result{Outcome: t.Outcome})
		return
	}
	out, err := s.Take(r.Context(), a)
	if err != nil {
		// The sender sends it again: nothing else keeps it.
		s.log.Error("an alarm can't be kept; its sender is asked to send it again", "alarm", src.Name, "err", err)
		w.Header().Set("Retry-After", "5")
		s.refused(w, src, l, http.StatusServiceUnavailable, "store", errors.New("the record store can't be used now"))
		return
	}
	said := "ok: " + string(out.Outcome)
	if out.Why.EN != "" {
		said += ": " + oneLine(out.Why.EN)
	}
	s.access(r, name, said)
	s.answer(w, out)
}

// untimely says why a message comes too late or too early.
func (s *Service) untimely(src *source, a Alarm) string {
	if a.At.IsZero() {
		return ""
	}
	switch age := s.now().Sub(a.At); {
	case src.MaxAge > 0 && age > src.MaxAge:
		return "replayed"
	case age < -replay:
		return "of the future"
	}
	return ""
}

func (s *Service) answer(w http.ResponseWriter, out Result) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(out) // the sender may be gone
}

// left answers a verified sender whose message comes to nothing. What is answered 4xx, PagerDuty drops for good, and after
// three in a row it sends nothing at all for a day: it hears that its event was taken, and left.
func (s *Service) left(w http.ResponseWriter, r *http.Request, src *source, l i18n.Lang, status int, code string, err error) {
	if src.Kind != PagerDuty || trialOf(r.Context()) != nil {
		s.refused(w, src, l, status, code, err)
		return
	}
	s.count(src.Name, Refused)
	s.answer(w, Result{Outcome: Ignored, Why: plan.Text{EN: whyRefused(i18n.EN, code, err), JA: whyRefused(i18n.JA, code, err)}})
}

func (s *Service) refused(w http.ResponseWriter, src *source, l i18n.Lang, status int, code string, err error) {
	s.count(src.Name, Refused)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": whyRefused(l, code, err), "code": code})
}

func whyRefused(l i18n.Lang, code string, err error) string {
	words := map[string][2]string{
		"unsigned":        {"The signature or token is missing or wrong.", "署名またはトークンがないか、正しくありません。"},
		"wrong signature": {"The signature or token is missing or wrong.", "署名またはトークンがないか、正しくありません。"},
		"replayed":        {"The message is too old: it may have been recorded and sent again.", "古いメッセージです。記録されたものの再送の可能性があるため受け付けません。"},
		"of the future":   {"The message's time lies in the future; check the clocks of both machines.", "メッセージの時刻が未来です。双方の時計を確認してください。"},
		"secrets unread":  {"The store that keeps this source's secrets does not answer now; send it again.", "この送信元の秘密情報の保管先が応答しません。再送してください。"},
		"store":           {"The record store can't be used now; send it again.", "記録の保存先を利用できません。再送してください。"},
	}
	if t, ok := words[code]; ok {
		return l.T(t[0], t[1])
	}
	return l.T("The message is not understood: %v", "メッセージを解釈できません: %v", err)
}

// speaks reports whether a content type is one that the source understands.
func (s *source) speaks(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	if s.Kind == JMA {
		return t == "application/xml" || t == "text/xml" || strings.HasSuffix(t, "+xml")
	}
	return t == "application/json" || strings.HasSuffix(t, "+json")
}

func (s *source) media() string {
	if s.Kind == JMA {
		return "application/xml"
	}
	return "application/json"
}

// access enters who came in the access log.
func (s *Service) access(r *http.Request, name, outcome string) {
	// Also when the sender has gone away: what was refused is known by the log alone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	err := s.store.Note(ctx, journal.Access{At: s.now().UTC(), Via: "alarm " + oneLine(name), Act: "alarm", Object: oneLine(name), Outcome: outcome, From: identity.Origin(r)})
	if err != nil {
		s.log.Warn("the access log can't be written", "err", err)
	}
}
