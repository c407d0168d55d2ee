package slacktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// UseHTTP sends to an app at a URL from now on, such as http://127.0.0.1:7700/slack;
// without it, over Socket Mode.
func (s *Server) UseHTTP(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app = strings.TrimRight(app, "/")
}

// Answer is how the app acknowledged.
type Answer struct {
	Status int // 200 in Socket Mode
	Body   []byte
	Took   time.Duration
	// ResponseURL is the one that went with what was sent.
	ResponseURL string
}

// Trigger makes a trigger for a user, as Slack does with each interaction.
func (s *Server) trigger(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := rand.Text()
	s.triggers[id] = user
	return id
}

// ExpireTriggers has all of them be older than 3 s.
func (s *Server) ExpireTriggers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.triggers)
}

// Command sends "/muster TEXT".
func (s *Server) Command(user, text string) (Answer, error) {
	form := url.Values{"token": {"legacy"}, "team_id": {Team}, "team_domain": {"test"}, "channel_id": {"C00000001"}, "channel_name": {"general"}, "user_id": {user},
		"user_name": {strings.ToLower(user)}, "command": {"/muster"}, "text": {text}, "api_app_id": {"A0001"}, "is_enterprise_install": {"false"},
		"response_url": {s.http.URL + "/respond/" + rand.Text()}, "trigger_id": {s.trigger(user)}}
	return s.deliver("slash_commands", "/command", form, form.Get("response_url"), nil)
}

// Click presses the button of a message that has this action_id, as it is shown now.
func (s *Server) Click(user string, m Message, action string) (Answer, error) {
	return s.ClickAgain(user, m, action, "")
}

// ClickAgain is Click with the number of the retry in the header.
func (s *Server) ClickAgain(user string, m Message, action, retry string) (Answer, error) {
	value, block := Button(m.Blocks, action)
	if block == "" {
		return Answer{}, fmt.Errorf("the message has no button %s: %s", action, m.Blocks)
	}
	responseURL := s.http.URL + "/respond/" + m.Channel + "~" + m.TS
	payload := map[string]any{"type": "block_actions", "user": map[string]any{"id": user, "username": strings.ToLower(user), "team_id": Team}, "api_app_id": "A0001",
		"token": "legacy", "container": map[string]any{"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": false}, "trigger_id": s.trigger(user),
		"team": map[string]any{"id": Team, "domain": "test"}, "enterprise": nil, "is_enterprise_install": false, "channel": map[string]any{"id": m.Channel, "name": "directmessage"},
		"message": map[string]any{"type": "message", "ts": m.TS, "user": Bot, "text": m.Text, "blocks": m.Blocks}, "state": map[string]any{"values": map[string]any{}},
		"response_url": responseURL,
		"actions":      []any{map[string]any{"action_id": action, "block_id": block, "text": map[string]any{"type": "plain_text", "text": "x"}, "value": value, "type": "button", "action_ts": m.TS}}}
	var headers http.Header
	if retry != "" {
		headers = http.Header{"X-Slack-Retry-Num": {retry}, "X-Slack-Retry-Reason": {"http_timeout"}}
	}
	return s.interact(payload, responseURL, headers)
}

// ClickHome presses a button of the home tab.
func (s *Server) ClickHome(user, action string) (Answer, error) {
	var v struct{ Blocks json.RawMessage }
	_ = json.Unmarshal([]byte(s.Home(user)), &v)
	value, block := Button(v.Blocks, action)
	if block == "" {
		return Answer{}, fmt.Errorf("the home tab has no button %s: %s", action, v.Blocks)
	}
	return s.interact(map[string]any{"type": "block_actions", "user": map[string]any{"id": user, "team_id": Team}, "container": map[string]any{"type": "view"}, "trigger_id": s.trigger(user),
		"team": map[string]any{"id": Team}, "view": map[string]any{"type": "home"}, "actions": []any{map[string]any{"action_id": action, "block_id": block, "value": value, "type": "button"}}}, "", nil)
}

// Submit submits a modal with these values: by block, then action, as Slack's state has it.
func (s *Server) Submit(user string, v *View, values map[string]map[string]any) (Answer, error) {
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return Answer{}, err
	}
	body["id"], body["hash"], body["team_id"], body["state"] = v.ID, v.Hash, Team, map[string]any{"values": values}
	return s.interact(map[string]any{"type": "view_submission", "team": map[string]any{"id": Team, "domain": "test"}, "user": map[string]any{"id": user, "username": strings.ToLower(user), "team_id": Team},
		"api_app_id": "A0001", "token": "legacy", "trigger_id": s.trigger(user), "view": body, "response_urls": []any{}, "is_enterprise_install": false}, "", nil)
}

// OpenHome opens the app's home tab.
func (s *Server) OpenHome(user string) (Answer, error) {
	return s.Event(rand.Text(), map[string]any{"type": "app_home_opened", "user": user, "channel": Direct(user), "tab": "home", "event_ts": "1796000000.000001"}, nil)
}

// Event sends one of the events API.
func (s *Server) Event(id string, event map[string]any, headers http.Header) (Answer, error) {
	return s.deliver("events_api", "/events", map[string]any{"token": "legacy", "team_id": Team, "api_app_id": "A0001", "event": event, "type": "event_callback", "event_id": id, "event_time": 1796000000}, "", headers)
}

func (s *Server) interact(payload map[string]any, responseURL string, headers http.Header) (Answer, error) {
	return s.deliver("interactive", "/interact", payload, responseURL, headers)
}

// Button finds the value and the block of a button.
func Button(blocks json.RawMessage, action string) (value, block string) {
	type element struct {
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
	}
	var raw []struct {
		ID        string            `json:"block_id"`
		Elements  []json.RawMessage `json:"elements"`
		Accessory json.RawMessage   `json:"accessory"`
	}
	if json.Unmarshal(blocks, &raw) != nil {
		return "", ""
	}
	for i, b := range raw {
		for _, e := range append(b.Elements, b.Accessory) {
			var el element
			if json.Unmarshal(e, &el) == nil && el.ActionID == action {
				if b.ID == "" {
					b.ID = fmt.Sprintf("b%d", i)
				}
				return el.Value, b.ID
			}
		}
	}
	return "", ""
}

// Sign makes the headers of a request at a time.
func Sign(secret string, at time.Time, body []byte) http.Header {
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", ts, body)
	return http.Header{"X-Slack-Request-Timestamp": {ts}, "X-Slack-Signature": {"v0=" + hex.EncodeToString(mac.Sum(nil))}}
}

func (s *Server) deliver(kind, path string, what any, responseURL string, headers http.Header) (Answer, error) {
	s.mu.Lock()
	app := s.app
	s.mu.Unlock()
	begun := time.Now()
	if app == "" {
		payload := what
		if form, ok := what.(url.Values); ok {
			flat := map[string]string{}
			for k := range form {
				flat[k] = form.Get(k)
			}
			payload = flat
		}
		body, err := s.sockets.send(kind, payload)
		return Answer{Status: http.StatusOK, Body: body, Took: time.Since(begun), ResponseURL: responseURL}, err
	}
	var body []byte
	media := "application/x-www-form-urlencoded"
	switch kind {
	case "slash_commands":
		body = []byte(what.(url.Values).Encode())
	case "interactive":
		b, _ := json.Marshal(what)
		body = []byte(url.Values{"payload": {string(b)}}.Encode())
	default:
		body, _ = json.Marshal(what)
		media = "application/json"
	}
	h := Sign(SigningSecret, time.Now(), body)
	for k, v := range headers {
		h[k] = v
	}
	h.Set("Content-Type", media)
	a, err := Post(app+path, h, body)
	a.Took, a.ResponseURL = time.Since(begun), responseURL
	return a, err
}

// Post sends a request with exactly these headers.
func Post(to string, h http.Header, body []byte) (Answer, error) {
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return Answer{Status: res.StatusCode, Body: b}, err
}

// sockets are the connections of Socket Mode.
type sockets struct {
	mu    sync.Mutex
	open  []*websocket.Conn
	acks  map[string]chan json.RawMessage
	ready chan struct{} // closed when the first one is there
}

func (s *Server) link(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // the app says that it is of Slack
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	_ = c.WriteJSON(map[string]any{"type": "hello", "num_connections": 1, "connection_info": map[string]any{"app_id": "A0001"}, "debug_info": map[string]any{"host": "applink-1", "approximate_connection_time": 18060}})
	k := &s.sockets
	k.mu.Lock()
	k.init()
	if k.open = append(k.open, c); len(k.open) == 1 {
		select {
		case <-k.ready:
		default:
			close(k.ready)
		}
	}
	k.mu.Unlock()
	for {
		var ack struct {
			ID      string          `json:"envelope_id"`
			Payload json.RawMessage `json:"payload"`
		}
		if err := c.ReadJSON(&ack); err != nil {
			k.mu.Lock()
			for i, o := range k.open {
				if o == c {
					k.open = append(k.open[:i], k.open[i+1:]...)
					break
				}
			}
			if len(k.open) == 0 {
				k.ready = make(chan struct{})
			}
			k.mu.Unlock()
			return
		}
		k.mu.Lock()
		if ch, ok := k.acks[ack.ID]; ok {
			ch <- ack.Payload
			delete(k.acks, ack.ID)
		}
		k.mu.Unlock()
	}
}

func (k *sockets) init() {
	if k.acks == nil {
		k.acks, k.ready = map[string]chan json.RawMessage{}, make(chan struct{})
	}
}

func (k *sockets) send(kind string, payload any) (json.RawMessage, error) {
	k.mu.Lock()
	k.init()
	ready := k.ready
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	select {
	case <-ready:
	case <-ctx.Done():
		return nil, errors.New("the app has not connected")
	}
	id, ch := rand.Text(), make(chan json.RawMessage, 1)
	k.mu.Lock()
	if len(k.open) == 0 {
		k.mu.Unlock()
		return nil, errors.New("the app has gone")
	}
	k.acks[id] = ch
	err := k.open[len(k.open)-1].WriteJSON(map[string]any{"envelope_id": id, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api", "retry_attempt": 0, "retry_reason": ""})
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case b := <-ch:
		return b, nil
	case <-ctx.Done():
		return nil, errors.New("no acknowledgement within 20 s")
	}
}

// Disconnect ends all connections of Socket Mode.
func (s *Server) Disconnect() { s.sockets.close() }

func (k *sockets) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.open {
		_ = c.Close()
	}
}
