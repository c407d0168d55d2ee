package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/channeltest"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
	"github.com/muster-dr/muster/internal/slacktest"
)

// kept is a reference to a secret in a file.
func kept(t *testing.T, value string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	return "secret://file" + file
}

func open(t *testing.T, s *slacktest.Server, change func(*Options)) *Channel {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	o := Options{Token: kept(t, slacktest.Token), API: s.API(), Secrets: secret.Local{}, Lang: i18n.JA, Store: store, PerChannel: time.Nanosecond, Overall: time.Nanosecond}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func member(n int) string { return fmt.Sprintf("U%08d", n) }

// shown is the text that a message shows.
func shown(m slacktest.Message) string {
	var blocks []struct {
		Text struct{ Text string }
	}
	_ = json.Unmarshal(m.Blocks, &blocks)
	var out []string
	for _, b := range blocks {
		out = append(out, b.Text.Text)
	}
	return m.Text + "\n" + strings.Join(out, "\n")
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T) channeltest.World {
		s := slacktest.Start(t)
		busy, lose, down := 0, 0, false
		s.Fail(func(method string, _ url.Values) *slacktest.Failing {
			switch {
			case down:
				return &slacktest.Failing{Status: 503}
			case method == "chat.postMessage" && busy > 0:
				busy--
				return &slacktest.Failing{Status: 429, RetryAfter: 30}
			case method == "chat.postMessage" && lose > 0:
				lose--
				return &slacktest.Failing{Done: true}
			}
			return nil
		})
		return channeltest.World{
			Channel: open(t, s, nil),
			Contact: func(n int) estate.Contact { return estate.Contact{Slack: member(n)} },
			Got: func(n int) (out []string) {
				for _, m := range s.In(slacktest.Direct(member(n))) {
					out = append(out, shown(m))
				}
				return out
			},
			Refuse:  func(n int) { s.Set(slacktest.User{ID: member(n), Deleted: true}) },
			Busy:    func(tries int) { busy = tries },
			Lose:    func() { lose = 1 },
			Down:    func() { down = true },
			Up:      func() { down = false },
			Secrets: []string{slacktest.Token},
		}
	})
}

// Slack says how long to wait, and that is kept.
func TestRetryAfter(t *testing.T) {
	s := slacktest.Start(t)
	s.Fail(func(string, url.Values) *slacktest.Failing { return &slacktest.Failing{Status: 429, RetryAfter: 37} })
	err := open(t, s, nil).Send(t.Context(), channeltest.Message(1, estate.Contact{Slack: member(1)}), false)
	if f, ok := err.(*channel.Failure); !ok || f.After != 37*time.Second || f.Unsure {
		t.Errorf("err = %+v, want 37 s and a message that provably was not posted", err)
	}
}

// Whatever people write, a message stays within Slack's limits and mentions nobody.
func TestEveryMessageIsWithinTheLimits(t *testing.T) {
	s := slacktest.Start(t)
	c := open(t, s, func(o *Options) { o.Addresses.Base = "https://muster.example.jp" })
	long := strings.Repeat("㈱髙﨑①<!channel> *x* \x07", 3000)
	choices := []run.Choice{run.Alternate, run.InPlace, run.StandDown, run.NotPossible}
	acts := []run.Act{run.ActDone, run.ActRetry, run.ActSkip}
	for i, e := range []run.Event{
		{Kind: run.PersonCalled}, {Kind: run.PersonReminded}, {Kind: run.MessageSent}, {Kind: run.RunEnded},
		{Kind: run.DecisionAsked, System: strings.Repeat("s", 400), Data: run.Encode(run.DecisionAsk{Choices: choices, Proposed: run.Alternate})},
		{Kind: run.ApprovalAsked}, {Kind: run.StepWaiting, Step: strings.Repeat("t", 2500), Data: run.Encode(run.Wait{Kind: run.WaitFailed, Acts: acts})},
		{Kind: run.StepWaiting, Step: "x", Data: run.Encode(run.Wait{Kind: run.WaitHuman, Acts: acts})},
	} {
		for _, kind := range []run.Kind{run.Drill, run.Response} {
			for _, lang := range []i18n.Lang{i18n.JA, i18n.EN} {
				m := channeltest.Message(i, estate.Contact{Slack: member(i)})
				m.Event, m.Kind, m.Lang = e, kind, lang
				m.Matter = map[run.EventKind]channel.Matter{run.PersonCalled: channel.Call, run.PersonReminded: channel.Reminder, run.DecisionAsked: channel.Decision, run.ApprovalAsked: channel.Approval, run.StepWaiting: channel.Task}[e.Kind]
				if m.Matter == "" {
					m.Matter = channel.Notice
				}
				m.Subject, m.Text = run.Marked(kind, m.Mark(), long), run.Marked(kind, m.Mark(), long)
				m.ID = fmt.Sprint(i, kind, lang)
				if err := c.Send(t.Context(), m, false); err != nil { // the server refuses what breaks a limit
					t.Errorf("%s of a %s: %v", e.Kind, kind, err)
				}
			}
		}
	}
	for i := range 8 {
		for _, m := range s.In(slacktest.Direct(member(i))) {
			if strings.Contains(m.Text, "<!channel>") || strings.Contains(string(m.Blocks), `"mrkdwn"`) {
				t.Errorf("a text may mention everybody: %s", m.Text)
			}
		}
	}
}

// A real response is not decided, approved or moved by a click in Slack, unless the
// settings say so: the message leads to the board.
func TestSlackAloneMovesNothingReal(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		s := slacktest.Start(t)
		c := open(t, s, func(o *Options) { o.Addresses.Base, o.ApproveReal = "https://muster.example.jp", allowed })
		for i, e := range []run.Event{
			{Kind: run.DecisionAsked, System: "orders", Data: run.Encode(run.DecisionAsk{Choices: []run.Choice{run.Alternate}})},
			{Kind: run.ApprovalAsked},
			{Kind: run.StepWaiting, Step: "promote", Data: run.Encode(run.Wait{Kind: run.WaitFailed, Acts: []run.Act{run.ActRetry}})},
			{Kind: run.StepWaiting, Step: "tell", Data: run.Encode(run.Wait{Kind: run.WaitHuman, Acts: []run.Act{run.ActDone}})},
		} {
			m := channeltest.Message(i, estate.Contact{Slack: member(i)})
			m.Event, m.Kind, m.Subject, m.Text = e, run.Response, "決定", "決定"
			m.Matter = []channel.Matter{channel.Decision, channel.Approval, channel.Task, channel.Task}[i]
			if err := c.Send(t.Context(), m, false); err != nil {
				t.Fatal(err)
			}
			blocks := string(s.In(slacktest.Direct(member(i)))[0].Blocks)
			action := []string{"decide.alternate", "approve", "step.retry", "step.done"}[i]
			if has, want := strings.Contains(blocks, `"`+action+`"`), allowed || i == 3; has != want {
				t.Errorf("approve_real %v: the button %s is there: %v, want %v\n%.800s", allowed, action, has, want, blocks)
			}
			if !strings.Contains(blocks, "https://muster.example.jp/runs/tokyo-loss-7") {
				t.Errorf("no link to the board: %s", blocks)
			}
		}
	}
}
