package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/channeltest"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// door stands for the API: it keeps who asked for what.
type door struct {
	mu   sync.Mutex
	acts []string
	held chan struct{} // answers wait for it
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.held != nil {
		<-d.held
	}
	who, _ := identity.From(r.Context())
	b, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.acts = append(d.acts, fmt.Sprintf("%s by %s via %s %s", r.URL.Path, who.Person, who.Via, b))
	d.mu.Unlock()
	_, _ = io.WriteString(w, `{"seq":1,"run":"tokyo-loss-7","started_by":"p001"}`)
}

func (d *door) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.acts...)
}

// office is an app with its Slack and its door.
type office struct {
	*slacktest.Server
	c    *Channel
	door *door
	url  string
}

func staffed(t *testing.T, change func(*Options)) *office {
	t.Helper()
	o := &office{Server: slacktest.Start(t), door: &door{}}
	o.c = open(t, o.Server, func(x *Options) {
		x.HTTP, x.SigningSecret, x.Door, x.Log = true, kept(t, slacktest.SigningSecret), o.door, slog.New(slog.DiscardHandler)
		x.Addresses.Base = "https://muster.example.jp"
		x.Estate = func() (*estate.Estate, error) {
			e := &estate.Estate{Contacts: map[string]estate.Contact{}}
			for n := range 5 {
				e.Contacts[fmt.Sprintf("p%03d", n)] = estate.Contact{Slack: member(n), Lang: "en"}
			}
			return e, nil
		}
		if change != nil {
			change(x)
		}
	})
	s := httptest.NewServer(o.c.Handler())
	t.Cleanup(s.Close)
	o.url = s.URL
	o.UseHTTP(s.URL)
	return o
}

// card posts a message of an event to somebody and returns it as Slack has it.
func (o *office) card(t *testing.T, n int, kind run.Kind, e run.Event) slacktest.Message {
	t.Helper()
	m := channeltest.Message(n, estate.Contact{Slack: member(n)})
	m.Event, m.Kind, m.Hazard = e, kind, run.Disaster
	m.Matter = map[run.EventKind]channel.Matter{run.PersonCalled: channel.Call, run.DecisionAsked: channel.Decision, run.ApprovalAsked: channel.Approval, run.ActivationAsked: channel.Approval, run.StepWaiting: channel.Task, run.ForceAsked: channel.Task}[e.Kind]
	if kind == run.Response {
		m.Subject, m.Text = "件名", "本文"
	}
	if err := o.c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	list := o.In(slacktest.Direct(member(n)))
	return list[len(list)-1]
}

// Forged, changed, old, early and replayed requests are refused with the reason, and
// nothing comes of them.
func TestSignatures(t *testing.T) {
	var unsigned atomic.Int32
	o := staffed(t, func(x *Options) {
		x.Unsigned = func(r *http.Request, _ bool) bool { return r.URL.Path == "/command" && unsigned.Add(1) > 0 }
	})
	form := url.Values{"user_id": {member(1)}, "command": {"/muster"}, "text": {"checkin safe tokyo-loss-7"}, "response_url": {o.API() + "x"}, "trigger_id": {"t1"}}
	body := []byte(form.Encode())
	now := time.Now()
	good := slacktest.Sign(slacktest.SigningSecret, now, body)
	post := func(h http.Header, b []byte) (int, string) {
		h = h.Clone()
		if h == nil {
			h = http.Header{}
		}
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		a, err := slacktest.Post(o.url+"/command", h, b)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status, string(a.Body)
	}
	other := slacktest.Sign(slacktest.SigningSecret, now.Add(time.Second), body)
	mixed := good.Clone()
	mixed.Set("X-Slack-Request-Timestamp", other.Get("X-Slack-Request-Timestamp"))
	for name, x := range map[string]struct {
		h    http.Header
		body []byte
		says string
	}{
		"no signature":       {nil, body, "not signed"},
		"another secret":     {slacktest.Sign("another-secret-of-somebody", now, body), body, "not Slack's"},
		"a changed body":     {good, []byte(strings.Replace(string(body), member(1), member(0), 1)), "not Slack's"},
		"a changed time":     {mixed, body, "not Slack's"},
		"six minutes old":    {slacktest.Sign(slacktest.SigningSecret, now.Add(-6*time.Minute), body), body, "check both clocks"},
		"six minutes ahead":  {slacktest.Sign(slacktest.SigningSecret, now.Add(6*time.Minute), body), body, "check both clocks"},
		"a time of no clock": {http.Header{"X-Slack-Request-Timestamp": {"now"}, "X-Slack-Signature": {"v0=00"}}, body, "not signed"},
	} {
		if status, said := post(x.h, x.body); status != http.StatusUnauthorized || !strings.Contains(said, x.says) {
			t.Errorf("%s: %d %q, want 401 and %q", name, status, said, x.says)
		}
	}
	if status, _ := post(good, make([]byte, 2<<20)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB: %d", status)
	}
	if status, _ := post(good, body); status != http.StatusOK {
		t.Errorf("the good one: %d", status)
	}
	if status, said := post(good, body); status != http.StatusUnauthorized || !strings.Contains(said, "replay") {
		t.Errorf("the same again: %d %q", status, said)
	}
	// A clock that is four minutes off still works: Slack's own tolerance.
	form.Set("trigger_id", "t2")
	late := []byte(form.Encode())
	if status, _ := post(slacktest.Sign(slacktest.SigningSecret, now.Add(-4*time.Minute), late), late); status != http.StatusOK {
		t.Errorf("four minutes old: %d", status)
	}
	o.c.Idle(t.Context())
	if n := unsigned.Load(); n != 8 {
		t.Errorf("%d refusals were handed on to be entered, want 8", n)
	}
	if acts := o.door.all(); len(acts) != 2 {
		t.Errorf("acts: %q, want one for each good request", acts)
	}
}

// Slack is answered before the act is done, however long that takes; a delivery that Slack
// repeats is done once, under the person's name.
func TestAcknowledgedAtOnceAndDoneOnce(t *testing.T) {
	o := staffed(t, nil)
	o.door.held = make(chan struct{})
	m := o.card(t, 1, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.PersonCalled})
	clicked := make(chan error, 1)
	go func() {
		a, err := o.Click(member(1), m, "checkin.safe")
		if err == nil && a.Status != http.StatusOK {
			err = fmt.Errorf("%+v", a)
		}
		clicked <- err
	}()
	select {
	case err := <-clicked: // while the door is shut
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Error("the click is answered only once it is done")
	}
	close(o.door.held)
	o.c.Idle(t.Context())
	acts := o.door.all()
	if len(acts) != 1 || !strings.Contains(acts[0], "/api/v1/runs/tokyo-loss-7/checkin by p001 via slack "+member(1)) || !strings.Contains(acts[0], `"safety":"safe"`) || !strings.Contains(acts[0], `"person":"p001"`) {
		t.Errorf("acts: %q", acts)
	}
	if got := o.In(slacktest.Direct(member(1)))[0]; strings.Contains(string(got.Blocks), `"checkin.safe"`) || !strings.Contains(string(got.Blocks), "Your answer of") || !strings.Contains(got.Text, "") {
		t.Errorf("the card after the answer: %s", got.Blocks)
	}
	for range 3 {
		if _, err := o.Event("Ev1", map[string]any{"type": "app_home_opened", "user": member(1), "tab": "home", "channel": "D1", "event_ts": "1.1"}, http.Header{"X-Slack-Retry-Num": {"1"}}); err != nil {
			t.Fatal(err)
		}
	}
	o.c.Idle(t.Context())
	if n := o.Calls("views.publish"); n != 1 {
		t.Errorf("an event that came three times was taken %d times", n)
	}
}

// Who may not act is told why, and nothing comes of it.
func TestWhoMayNot(t *testing.T) {
	off := false
	for name, x := range map[string]struct {
		user  slacktest.User
		spoil func(*office)
		says  string
	}{
		"a stranger":        {slacktest.User{ID: "U77777777"}, nil, "does not know this Slack account"},
		"a guest":           {slacktest.User{ID: member(1), Guest: true}, nil, "Guests"},
		"a bot":             {slacktest.User{ID: member(1), Bot: true}, nil, "bots"},
		"another workspace": {slacktest.User{ID: member(1), Away: true}, nil, "other workspaces"},
		"somebody who left": {slacktest.User{ID: member(1), Deleted: true}, nil, "Guests, bots"},
		"a disabled person": {slacktest.User{ID: member(1)}, func(*office) { off = true }, "disabled"},
		"whom Slack can't say": {slacktest.User{ID: member(1)}, func(o *office) {
			o.Fail(func(m string, _ url.Values) *slacktest.Failing {
				return map[bool]*slacktest.Failing{true: {Status: 500}}[m == "users.info"]
			})
		}, "can't say now who you are"},
		"a broken estate": {slacktest.User{ID: member(1)}, func(o *office) {
			o.c.o.Estate = func() (*estate.Estate, error) { return nil, errors.New("estate.yaml:1:1: broken") }
		}, "muster validate"},
	} {
		t.Run(name, func(t *testing.T) {
			off = false
			o := staffed(t, func(x *Options) {
				x.Lang = "en"
				x.Disabled = func(context.Context, string) (bool, error) { return off, nil }
			})
			m := o.card(t, 1, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.PersonCalled})
			o.Set(x.user)
			if x.spoil != nil {
				x.spoil(o)
			}
			a, err := o.Click(x.user.ID, m, "checkin.safe")
			if err != nil {
				t.Fatal(err)
			}
			o.c.Idle(t.Context())
			said := o.Replies(a.ResponseURL)
			if len(said) != 1 || !strings.Contains(said[0].Text, x.says) || said[0].ReplaceOriginal || said[0].ResponseType != "ephemeral" {
				t.Errorf("told %+v, want %q and to nobody else", said, x.says)
			}
			if acts := o.door.all(); len(acts) > 0 {
				t.Errorf("it acted: %q", acts)
			}
		})
	}
}

// The real thing is started by its name, typed, with a reason; and an approval of it by
// Slack alone is refused even where an old button, or a forged one, is pressed.
func TestTheRealThing(t *testing.T) {
	o := staffed(t, nil)
	v := value{Run: "-", Step: "tokyo-loss", Kind: run.Response, Lang: "en"}
	form := &slacktest.View{ID: "V1", Body: json.RawMessage(fmt.Sprintf(`{"type":"modal","callback_id":"activate","private_metadata":%q}`, v.text()))}
	typed := func(name, reason string) map[string]map[string]any {
		return map[string]map[string]any{"typed": {"typed": map[string]any{"type": "plain_text_input", "value": name}}, "reason": {"reason": map[string]any{"type": "plain_text_input", "value": reason}}}
	}
	for _, x := range [][2]string{{"tokyo", "because"}, {"Tokyo-loss", "because"}, {"tokyo-loss", " "}} {
		if a, err := o.Submit(member(1), form, typed(x[0], x[1])); err != nil || !strings.Contains(string(a.Body), `"errors"`) {
			t.Errorf("%v: %s, %v, want it refused in the form", x, a.Body, err)
		}
	}
	if _, err := o.Submit(member(1), form, typed("tokyo-loss", "the building shakes")); err != nil {
		t.Fatal(err)
	}
	o.c.Idle(t.Context())
	if acts := o.door.all(); len(acts) != 1 || !strings.Contains(acts[0], "/api/v1/runs by p001") || !strings.Contains(acts[0], `"kind":"response"`) || !strings.Contains(acts[0], "the building shakes") {
		t.Errorf("acts: %q", acts)
	}

	drill := o.card(t, 2, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.ApprovalAsked})
	drill.Blocks = json.RawMessage(strings.Replace(string(drill.Blocks), `\"k\":\"drill\"`, `\"k\":\"response\"`, 1))
	a, err := o.Click(member(2), drill, "approve")
	if err != nil {
		t.Fatal(err)
	}
	o.c.Idle(t.Context())
	if said := o.Replies(a.ResponseURL); len(said) != 1 || !strings.Contains(said[0].Text, "https://muster.example.jp/runs/tokyo-loss-7") {
		t.Errorf("told %+v", said)
	}
	if acts := o.door.all(); len(acts) != 1 {
		t.Errorf("acts: %q", acts)
	}
}

// A response URL that is not Slack's is not called.
func TestAnswersGoToSlackOnly(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(elsewhere.Close)
	o := staffed(t, nil)
	o.c.reply(t.Context(), elsewhere.URL+"/respond/x", onlyYou("secret"))
	if asked {
		t.Error("it was called")
	}
}
