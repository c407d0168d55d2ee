// Package slacktest is a small Slack for tests: the web API's methods that muster calls, with
// the answers and the refusals of the real one, and what Slack sends to an app: slash
// commands, clicks, submitted forms and events, over HTTP with a signature or over Socket
// Mode.
package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What an app of this Slack is set to.
const (
	Token         = "xoxb-a-bot-token-for-tests"
	AppToken      = "xapp-an-app-token-for-tests"
	SigningSecret = "8f742231b10e8888abcd99yyyzzz85a5"
	Team          = "T0001"
	Bot           = "UMUSTER"
)

// Message is one in a conversation.
type Message struct {
	Channel  string
	TS       string
	Thread   string // ts of the message it answers
	Text     string
	Blocks   json.RawMessage
	Metadata json.RawMessage
	Edits    int
}

// User is a member.
type User struct {
	ID                        string
	Guest, Bot, Deleted, Away bool // Away: of another workspace
}

// View is a modal that is open, or a home tab.
type View struct {
	ID, Hash, User string
	Body           json.RawMessage
}

// Failing is how a call is turned away: 429 with a Retry-After, or 500.
type Failing struct {
	Status     int
	RetryAfter int // seconds
	Error      string
	// Done: it was carried out, and only the answer is lost.
	Done bool
}

// Server is the Slack.
type Server struct {
	t    *testing.T
	http *httptest.Server

	mu       sync.Mutex
	seq      int
	messages []*Message
	users    map[string]User
	names    map[string]string          // channels by name
	members  map[string]map[string]bool // by channel
	views    []*View
	homes    map[string]*View
	replies  map[string][]Reply // to response URLs, by their key
	calls    map[string]int
	fail     func(method string, form url.Values) *Failing
	triggers map[string]string // user by trigger
	sockets  sockets
	app      string // URL at which the app listens; "" is Socket Mode
}

// Reply is what an app said through a response URL.
type Reply struct {
	Text            string          `json:"text"`
	ResponseType    string          `json:"response_type"`
	ReplaceOriginal bool            `json:"replace_original"`
	Blocks          json.RawMessage `json:"blocks"`
}

// Start serves until the test ends. Users are made as they are needed, full members.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{t: t, users: map[string]User{}, names: map[string]string{}, members: map[string]map[string]bool{}, homes: map[string]*View{},
		replies: map[string][]Reply{}, calls: map[string]int{}, triggers: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/{method}", s.method)
	mux.HandleFunc("GET /api/{method}", s.method)
	mux.HandleFunc("POST /respond/{key}", s.respond)
	mux.HandleFunc("GET /link", s.link)
	s.http = httptest.NewServer(mux)
	t.Cleanup(func() { s.sockets.close(); s.http.CloseClientConnections(); s.http.Close() })
	return s
}

// API is the URL of the web API.
func (s *Server) API() string { return s.http.URL + "/api/" }

// Fail sets how calls are turned away from now on; nil lets them through.
func (s *Server) Fail(f func(method string, form url.Values) *Failing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Set makes or changes a user.
func (s *Server) Set(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[u.ID] = u
}

// In lists the messages of a conversation as they are now. A direct one is "D" and the
// user's ID without its U.
func (s *Server) In(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.messages {
		if m.Channel == channel {
			out = append(out, *m)
		}
	}
	return out
}

// Direct is the conversation with a user.
func Direct(user string) string { return "D" + strings.TrimPrefix(user, "U") }

// Channel is the ID of a channel that was made; "" when there is none of that name.
func (s *Server) Channel(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[name]
}

// Members counts those invited to a channel.
func (s *Server) Members(channel string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members[channel])
}

// Home is a user's home tab.
func (s *Server) Home(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.homes[user]; v != nil {
		return string(v.Body)
	}
	return ""
}

// Opened is the newest modal that a user has; nil when there is none.
func (s *Server) Opened(user string) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.views) - 1; i >= 0; i-- {
		if s.views[i].User == user {
			v := *s.views[i]
			return &v
		}
	}
	return nil
}

// Calls counts calls of a method, refused ones too.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Replies are what came to a response URL.
func (s *Server) Replies(responseURL string) []Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Reply(nil), s.replies[responseURL[strings.LastIndex(responseURL, "/")+1:]]...)
}

func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	var reply Reply
	if err := json.NewDecoder(r.Body).Decode(&reply); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.failing("response_url", nil); f != nil {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		w.WriteHeader(f.Status)
		return
	}
	key := r.PathValue("key")
	if len(s.replies[key]) >= 5 {
		http.Error(w, "used_url", http.StatusNotFound)
		return
	}
	if err := limits(reply.Blocks); err != "" {
		s.t.Errorf("blocks that Slack would refuse: %s\n%.500s", err, reply.Blocks)
	}
	s.replies[key] = append(s.replies[key], reply)
	if at, ts, ok := strings.Cut(key, "~"); ok && reply.ReplaceOriginal {
		for _, m := range s.messages {
			if m.Channel == at && m.TS == ts {
				m.Text, m.Blocks, m.Edits = reply.Text, reply.Blocks, m.Edits+1
			}
		}
	}
	fmt.Fprint(w, "ok")
}

func (s *Server) failing(method string, form url.Values) *Failing {
	if s.fail == nil {
		return nil
	}
	return s.fail(method, form)
}

func (s *Server) method(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	if err := r.ParseForm(); err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
	form := r.Form
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var body map[string]any
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			form = url.Values{}
			for k, v := range body {
				if text, ok := v.(string); ok {
					form.Set(k, text)
				} else {
					b, _ := json.Marshal(v)
					form.Set(k, string(b))
				}
			}
		}
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = r.Form.Get("token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	f := s.failing(name, form)
	if f != nil && f.Status != 0 && !f.Done {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		w.WriteHeader(f.Status)
		return
	}
	var answer map[string]any
	switch want := map[bool]string{true: AppToken, false: Token}[name == "apps.connections.open"]; {
	case token != want:
		answer = no("invalid_auth")
	case f != nil && f.Error != "":
		answer = no(f.Error)
	default:
		answer = s.answer(name, form)
	}
	if f != nil && f.Done {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(answer)
}

func no(err string) map[string]any { return map[string]any{"ok": false, "error": err} }

func (s *Server) user(id string) User {
	u, ok := s.users[id]
	if !ok {
		u = User{ID: id}
	}
	return u
}

func (s *Server) answer(name string, form url.Values) map[string]any {
	ok := func(more map[string]any) map[string]any { more["ok"] = true; return more }
	switch name {
	case "auth.test":
		return ok(map[string]any{"url": "https://test.slack.com/", "team": "test", "team_id": Team, "user": "muster", "user_id": Bot, "bot_id": "B0001"})
	case "apps.connections.open":
		return ok(map[string]any{"url": "ws" + strings.TrimPrefix(s.http.URL, "http") + "/link"})
	case "users.info":
		u := s.user(form.Get("user"))
		if !strings.HasPrefix(u.ID, "U") {
			return no("user_not_found")
		}
		team := Team
		if u.Away {
			team = "T0002"
		}
		return ok(map[string]any{"user": map[string]any{"id": u.ID, "team_id": team, "name": strings.ToLower(u.ID), "deleted": u.Deleted, "is_bot": u.Bot,
			"is_restricted": u.Guest, "is_ultra_restricted": false, "is_stranger": u.Away}})
	case "conversations.open":
		return ok(map[string]any{"channel": map[string]any{"id": Direct(form.Get("users"))}})
	case "conversations.create":
		n := form.Get("name")
		if n == "" || len(n) > 80 || n != strings.ToLower(n) || strings.ContainsAny(n, " .#@/") {
			return no("invalid_name_specials")
		}
		if _, taken := s.names[n]; taken {
			return no("name_taken")
		}
		id := fmt.Sprintf("C%08d", len(s.names)+1)
		s.names[n], s.members[id] = id, map[string]bool{}
		return ok(map[string]any{"channel": map[string]any{"id": id, "name": n, "is_channel": true}})
	case "conversations.list":
		var list []map[string]any
		for n, id := range s.names {
			list = append(list, map[string]any{"id": id, "name": n, "is_channel": true})
		}
		return ok(map[string]any{"channels": list, "response_metadata": map[string]any{"next_cursor": ""}})
	case "conversations.invite":
		in, is := s.members[form.Get("channel")]
		if !is {
			return no("channel_not_found")
		}
		for _, u := range strings.Split(form.Get("users"), ",") {
			if s.user(u).Guest {
				return no("user_is_restricted")
			}
			if in[u] {
				return no("already_in_channel")
			}
		}
		for _, u := range strings.Split(form.Get("users"), ",") {
			in[u] = true
		}
		return ok(map[string]any{"channel": map[string]any{"id": form.Get("channel")}})
	case "conversations.setTopic":
		return ok(map[string]any{"channel": map[string]any{"id": form.Get("channel")}})
	case "conversations.history", "conversations.replies":
		return ok(map[string]any{"messages": s.history(form, name == "conversations.replies"), "has_more": false})
	case "chat.postMessage":
		return s.post(form)
	case "chat.update":
		return s.update(form)
	case "chat.getPermalink":
		return ok(map[string]any{"permalink": "https://test.slack.com/archives/" + form.Get("channel") + "/p" + strings.ReplaceAll(form.Get("message_ts"), ".", "")})
	case "views.open", "views.update", "views.publish":
		return s.view(name, form)
	}
	s.t.Errorf("%s is no method of this Slack", name)
	return no("unknown_method")
}

func (s *Server) history(form url.Values, replies bool) []map[string]any {
	var out []map[string]any
	for i := len(s.messages) - 1; i >= 0; i-- {
		m := s.messages[i]
		if m.Channel != form.Get("channel") || replies && m.Thread != form.Get("ts") && m.TS != form.Get("ts") || !replies && m.Thread != "" {
			continue
		}
		if oldest := form.Get("oldest"); oldest != "" && m.TS < oldest {
			continue
		}
		one := map[string]any{"type": "message", "user": Bot, "bot_id": "B0001", "ts": m.TS, "text": m.Text}
		if m.Thread != "" {
			one["thread_ts"] = m.Thread
		}
		if all := form.Get("include_all_metadata"); (all == "1" || all == "true") && len(m.Metadata) > 0 {
			one["metadata"] = m.Metadata
		}
		out = append(out, one)
	}
	return out
}

func (s *Server) post(form url.Values) map[string]any {
	to := form.Get("channel")
	switch {
	case strings.HasPrefix(to, "U"):
		if u := s.user(to); u.Deleted {
			return no("user_disabled")
		}
		to = Direct(to)
	case !strings.HasPrefix(to, "C") && !strings.HasPrefix(to, "D"):
		return no("channel_not_found")
	}
	blocks := json.RawMessage(form.Get("blocks"))
	if err := limits(blocks); err != "" {
		s.t.Errorf("blocks that Slack would refuse: %s\n%.500s", err, blocks)
		return no("invalid_blocks")
	}
	if form.Get("text") == "" {
		s.t.Errorf("a message without text: screen readers and notifications have nothing to say: %v", form)
		return no("no_text")
	}
	s.seq++
	m := &Message{Channel: to, TS: fmt.Sprintf("%d.%06d", 1796000000+s.seq/1000000, s.seq%1000000), Thread: form.Get("thread_ts"), Text: form.Get("text"), Blocks: blocks, Metadata: json.RawMessage(form.Get("metadata"))}
	s.messages = append(s.messages, m)
	return map[string]any{"ok": true, "channel": to, "ts": m.TS, "message": map[string]any{"text": m.Text, "ts": m.TS}}
}

func (s *Server) update(form url.Values) map[string]any {
	blocks := json.RawMessage(form.Get("blocks"))
	if err := limits(blocks); err != "" {
		s.t.Errorf("blocks that Slack would refuse: %s\n%.500s", err, blocks)
		return no("invalid_blocks")
	}
	for _, m := range s.messages {
		if m.Channel == form.Get("channel") && m.TS == form.Get("ts") {
			m.Text, m.Blocks, m.Edits = form.Get("text"), blocks, m.Edits+1
			return map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "text": m.Text}
		}
	}
	return no("message_not_found")
}

func (s *Server) view(name string, form url.Values) map[string]any {
	body := json.RawMessage(form.Get("view"))
	var v struct {
		Blocks json.RawMessage `json:"blocks"`
		Title  *struct{ Text string }
		Submit *struct{ Text string }
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return no("invalid_arguments")
	}
	if err := limits(v.Blocks); err != "" {
		s.t.Errorf("a view that Slack would refuse: %s\n%s", err, body)
		return no("invalid_blocks")
	}
	if v.Title != nil && len([]rune(v.Title.Text)) > 24 || v.Submit != nil && len([]rune(v.Submit.Text)) > 24 {
		s.t.Errorf("the title or the button of a view is longer than 24: %s", body)
		return no("invalid_arguments")
	}
	s.seq++
	made := &View{ID: fmt.Sprintf("V%08d", s.seq), Hash: fmt.Sprint(s.seq), Body: body}
	switch name {
	case "views.publish":
		made.User = form.Get("user_id")
		s.homes[made.User] = made
	case "views.open":
		user, good := s.triggers[form.Get("trigger_id")]
		if !good {
			return no("expired_trigger_id")
		}
		delete(s.triggers, form.Get("trigger_id"))
		made.User = user
		s.views = append(s.views, made)
	case "views.update":
		found := false
		for _, old := range s.views {
			if old.ID == form.Get("view_id") {
				old.Body, old.Hash, found, made = body, made.Hash, true, old
			}
		}
		if !found {
			return no("not_found")
		}
	}
	return map[string]any{"ok": true, "view": map[string]any{"id": made.ID, "hash": made.Hash}}
}
