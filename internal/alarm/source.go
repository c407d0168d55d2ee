package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/run"
)

// Source is a source of alarms as the settings give it.
type Source struct {
	Name  string
	Kind  Kind
	Place string // file:line, for mistakes
	// Secrets are those that its sender may use; several while one takes the other's place.
	Secrets []string
	// Elsewhere reads more of them, each from a store that may be away when this process starts, as after a power failure. Each is
	// asked until it answers; until all have, a sender whose message shows none that is known is asked to send it again.
	Elsewhere []func(context.Context) (string, error)
	// Verify is how the sender shows that it knows one; "" is the kind's own way.
	Verify Verify
	// Feed is an Atom feed of telegrams that is asked Every so often; "" is none.
	Feed  string
	Every time.Duration
	// MaxAge is how old a message may be and still wake somebody; 0 is the kind's own.
	MaxAge time.Duration

	// CEL over body, for JSON. "" is the kind's own mapping; of kind webhook, Dedup is needed.
	When, Summary, Dedup, Scenario, Exercise, Over string
}

// source is a Source that is ready.
type source struct {
	Source
	limit *rate.Limiter // of verified messages
	room  chan struct{} // a place each for those that are worked on
	// banned and noisy bound what refusals of unverified and of too many messages add to the
	// access log.
	banned, noisy *rate.Limiter
	elsewhere     []*atomic.Pointer[string] // what each of Elsewhere gave; nil is nothing yet
}

// secrets are those that are known now.
func (s *source) secrets() []string {
	known := slices.Clone(s.Secrets)
	for _, e := range s.elsewhere {
		if more := e.Load(); more != nil {
			known = append(known, *more)
		}
	}
	return known
}

// posted reports whether somebody posts messages to it; otherwise only its feed is asked.
func (s *source) posted() bool { return len(s.Secrets)+len(s.Elsewhere) > 0 }

// waits reports whether some of its secrets have not been read yet.
func (s *source) waits() bool {
	return slices.ContainsFunc(s.elsewhere, func(e *atomic.Pointer[string]) bool { return e.Load() == nil })
}

const (
	// askAgain is how often a store of secrets that is away is asked, and when a sender is told to send again.
	askAgain = 10 * time.Second
	// sayAgain is how often it is said that it is.
	sayAgain = 5 * time.Minute
)

// learn reads the secrets that are kept elsewhere, until it has them: one that can't be read keeps out no other.
func (s *Service) learn(ctx context.Context, src *source) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for said := (time.Time{}); ; {
		var errs []error
		for i, read := range src.Elsewhere {
			if src.elsewhere[i].Load() != nil {
				continue
			}
			value, err := read(ctx)
			if err == nil {
				err = errors.Join(tooShort([]string{value})...)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			src.elsewhere[i].Store(&value)
		}
		err := errors.Join(errs...)
		if err == nil {
			return
		}
		if ctx.Err() == nil && s.now().Sub(said) >= sayAgain {
			said = s.now()
			s.log.Warn("secrets of an alarm source can't be read; its senders are asked to send again until they are", "alarm", src.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tooShort are the mistakes of secrets that could be guessed.
func tooShort(secrets []string) (out []error) {
	for _, s := range secrets {
		if len(s) < minSecret {
			out = append(out, fmt.Errorf("a secret has fewer than %d characters; make one with `openssl rand -hex 32`", minSecret))
		}
	}
	return out
}

const (
	// perSecond and burst bound what a verified sender may ask of the server.
	perSecond, burst = 20, 200
	// maxBody bounds a message in JSON.
	maxBody = 1 << 20
)

// ages are how old a message may be. A telegram tells the truth for longer than its
// signature can be told from a replay.
var ages = map[Kind]time.Duration{JMA: time.Hour, Alertmanager: 0, PagerDuty: replay, Webhook: 0}

// open checks the sources.
func open(list []Source) ([]*source, error) {
	var errs []error
	var out []*source
	for _, c := range list {
		say := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s: alarm source %s: %s", c.Place, c.Name, fmt.Sprintf(format, args...)))
		}
		if slices.ContainsFunc(out, func(o *source) bool { return o.Name == c.Name }) {
			say("is there twice; give each its own name")
		}
		if !slices.Contains(Kinds(), c.Kind) {
			say("kind %q is none of jma, alertmanager, pagerduty, webhook", c.Kind)
		}
		if c.Verify == "" {
			c.Verify = usual[c.Kind]
		}
		if c.MaxAge == 0 {
			c.MaxAge = ages[c.Kind]
		}
		if len(c.Secrets)+len(c.Elsewhere) == 0 && c.Feed == "" {
			say("has no secret, so that no sender could be told from a stranger; add secret: secret://env/NAME or secret://file/PATH")
		}
		for _, err := range tooShort(c.Secrets) {
			say("%v", err)
		}
		if c.Feed != "" && c.Kind != JMA {
			say("only a source of kind jma has a feed")
		}
		if c.Kind == JMA && (c.When+c.Summary+c.Dedup+c.Scenario+c.Exercise+c.Over) != "" {
			say("telegrams need no mapping: intensity, areas and what they wake stand in the scenarios (wake:)")
		}
		if c.Kind == Webhook && c.Dedup == "" {
			say("needs dedup: what makes two messages one event, as in dedup: body.incident.id")
		}
		for _, e := range []struct {
			name, src string
			kind      expr.Kind
		}{{"when", c.When, expr.Truth}, {"summary", c.Summary, expr.Text}, {"dedup", c.Dedup, expr.Text}, {"scenario", c.Scenario, expr.Text},
			{"exercise", c.Exercise, expr.Truth}, {"over", c.Over, expr.Truth}} {
			if e.src == "" {
				continue
			}
			if err := CheckExpression(e.src, e.kind); err != nil {
				say("%s: %v", e.name, err)
			}
		}
		out = append(out, &source{Source: c, limit: rate.NewLimiter(perSecond, burst), room: make(chan struct{}, atOnce), banned: entries(), noisy: entries(),
			elsewhere: make([]*atomic.Pointer[string], len(c.Elsewhere))})
		for i := range c.Elsewhere {
			out[len(out)-1].elsewhere[i] = new(atomic.Pointer[string])
		}
	}
	return out, errors.Join(errs...)
}

const minSecret = 16

// entries are those that one kind of refusal may add to the access log.
func entries() *rate.Limiter { return rate.NewLimiter(rate.Every(time.Second), 20) }

// CheckExpression finds the mistakes of an expression over body before there is one.
func CheckExpression(src string, kind expr.Kind) error {
	checked, err := scope().Check(src)
	if err != nil {
		return err
	}
	if checked.Kind != kind && checked.Kind != expr.Any {
		return fmt.Errorf("%q gives %s, not %s", src, checked.Kind, kind)
	}
	return nil
}

func scope() *expr.Scope {
	return expr.NewFacts([]expr.Field{{Name: "body", Shape: expr.Shape{Kind: expr.Any}}})
}

// holds evaluates a condition over a body.
func holds(src string, body any) (bool, error) {
	return expr.Bool(src, map[string]any{"body": body})
}

// text evaluates an expression that gives text.
func text(src string, body any) (string, error) {
	b, err := expr.Value(src, map[string]any{"body": body})
	if err != nil {
		return "", err
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return "", fmt.Errorf("%q gives %s, not text", src, b)
	}
	return s, nil
}

// oneLine is what a stranger wrote as one line of bounded length, for people to read.
func oneLine(s string) string { return run.OneLine(s, 300) }
