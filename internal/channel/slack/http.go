package slack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
)

const (
	mostBody = 1 << 20
	// mostAge is how old a request may be, and how far its sender's clock may be ahead.
	mostAge = 5 * time.Minute
)

// Handler takes what Slack sends over HTTP: /command, /interact and /events. Each request is
// signed; none is taken twice.
func (c *Channel) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /command", c.signed(c.httpCommand))
	mux.HandleFunc("POST /interact", c.signed(c.httpInteract))
	mux.HandleFunc("POST /events", c.signed(c.httpEvent))
	return mux
}

// signed lets only what Slack sent through, by the signature over the body as it came.
func (c *Channel) signed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
		if err != nil {
			http.Error(w, "the request is larger than 1 MiB, or broke off", http.StatusRequestEntityTooLarge)
			return
		}
		if err := c.verify(r, body); err != nil {
			if c.o.Unsigned == nil || c.o.Unsigned(r, errors.Is(err, errReplay)) {
				c.o.Log.Warn("slack: a request was refused", "reason", err)
			}
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(w, r)
	}
}

// errReplay: it may be Slack's own, sent again by somebody else.
var errReplay = errors.New("the request is a replay, or late")

func (c *Channel) verify(r *http.Request, body []byte) error {
	secret, err := c.o.Secrets.Resolve(r.Context(), c.o.SigningSecret)
	if err != nil {
		return errors.New("the signing secret can't be read on this server")
	}
	ts, signature := r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature")
	n, err := strconv.ParseInt(ts, 10, 64)
	if err != nil || signature == "" {
		return errors.New("the request is not signed")
	}
	now := c.o.Clock.Time()
	if age := now.Sub(time.Unix(n, 0)); age > mostAge || age < -mostAge {
		return fmt.Errorf("%w: it is of %s, and this server's clock says %s: more than 5 minutes apart; check both clocks", errReplay, time.Unix(n, 0).UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", ts, body)
	if want := "v0=" + hex.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(signature)) {
		return errors.New("the signature is not Slack's for this body")
	}
	if !c.seen.first("signature "+signature, now) {
		return fmt.Errorf("%w: it was sent before", errReplay)
	}
	return nil
}

func (c *Channel) httpCommand(w http.ResponseWriter, r *http.Request) {
	cmd, err := slackgo.SlashCommandParse(r)
	if err != nil {
		http.Error(w, "no slash command", http.StatusBadRequest)
		return
	}
	acknowledge(w, c.command(cmd))
}

func (c *Channel) httpInteract(w http.ResponseWriter, r *http.Request) {
	cb, err := slackgo.InteractionCallbackParse(r)
	if err != nil {
		http.Error(w, "no interaction", http.StatusBadRequest)
		return
	}
	acknowledge(w, c.interact(cb))
}

func (c *Channel) httpEvent(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	var challenge struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		ID        string `json:"event_id"`
	}
	if json.Unmarshal(body, &challenge) == nil && challenge.Type == slackevents.URLVerification {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, challenge.Challenge)
		return
	}
	e, err := slackevents.ParseEvent(body, slackevents.OptionNoVerifyToken())
	if err != nil {
		// An event of a kind that we don't know is none of ours; a refusal would make
		// Slack send it again and again.
		w.WriteHeader(http.StatusOK)
		return
	}
	c.event(challenge.ID, e)
	w.WriteHeader(http.StatusOK)
}

// acknowledge answers at once; nil is an empty answer.
func acknowledge(w http.ResponseWriter, body any) {
	if body == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

// fields are the words of a command.
func fields(text string) []string { return strings.Fields(text) }
