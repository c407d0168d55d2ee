package app

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
	"github.com/muster-dr/muster/workflows"
)

// crowdPlans is an estate of n people with addresses, and a table-top drill of it in which
// people really answer.
func crowdPlans(t *testing.T, n int) string {
	t.Helper()
	e := &strings.Builder{}
	e.WriteString("kind: Estate\nname: crowd\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [{name: tokyo}, {name: osaka}]\n" +
		"systems: [{name: orders, title: {en: Orders, ja: 受注}, home: tokyo, alternate: osaka, objectives: {rto: 1h}, drillable: [live], runbooks: {failover: orders-failover}}]\n" +
		"muster_places: [{name: online, title: {en: Online, ja: オンライン}, online: true}]\npeople:\n")
	for i := range n {
		role := "staff"
		switch i {
		case 0:
			role = "commander"
		case 1:
			role = "operator"
		}
		lang := []string{"ja", "en"}[i%2]
		fmt.Fprintf(e, "  - {id: p%02d, name: {en: Person %[1]d, ja: 髙﨑 %[1]d}, roles: [%[2]s], mail: p%02[1]d@example.jp, slack: U%08[1]d, lang: %[3]s}\n", i, role, lang)
	}
	return plansDir(t, map[string]string{"estate.yaml": e.String(), "runbook.yaml": runbook, "scenario.yaml": `kind: Scenario
name: tokyo-loss
title: {en: Loss of Tokyo, ja: 東京の喪失}
hazard: disaster
depth: tabletop
phases: [activation, safety_check, muster, recovery_decision, closing]
sites_lost: [tokyo]
systems: [orders]
failback: stay
muster_place: online
approvals: 0
quorum: {operator: 1, commander: 1}
safety: {remind: 5s, within: 12s, muster: 30s, task: 30s}
decision: {by: commander, within: 1m, rule: wait}
`})
}

func mailSettings(t *testing.T, o *Options, f *mailtest.Office) {
	t.Helper()
	host, port, err := net.SplitHostPort(f.Address)
	if err != nil {
		t.Fatal(err)
	}
	o.Config.Mail = config.Mail{Host: host, TLS: "none", From: "muster@example.jp"}
	o.Config.Mail.Port, _ = strconv.Atoi(port)
	o.Config.PublicURL = "https://muster.example.jp"
}

// A drill with people is led to its end while the mail server is away at first and one
// receiver is refused: everybody else is reached once, in their language, and the record
// says who was not.
func TestADrillByMail(t *testing.T) {
	t.Parallel()
	const people = 6
	o, _ := options(t, crowdPlans(t, people))
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	f.Refuse = func(to string, tries int) *smtp.SMTPError {
		switch {
		case to == "p05@example.jp":
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user: " + to}
		case to == "p04@example.jp" && tries == 1:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back later"}
		}
		return nil
	}
	mailSettings(t, &o, f)
	f.Close()
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "p01"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	until(ctx, t, u, started.Run, func(e run.Event) bool { return e.Kind == run.PersonCalled && e.Person == "p05" })
	eventually(t, 30*time.Second, "health to say so", func() bool {
		h, err := u.Health(ctx)
		return err == nil && h.OK && strings.Contains(h.Channels["mail"], "can't be reached")
	})
	f.Open() // nobody was told yet, and the run went on all the same

	var acted sync.Map
	play(ctx, t, u, started.Run, func(e run.Event) {
		var d run.Delivery
		_ = e.Decode(&d)
		if e.Kind != run.MessageDelivered || d.Matter != "call" {
			return
		}
		if _, twice := acted.LoadOrStore(e.Person, true); twice {
			return
		}
		if _, err := u.CheckIn(ctx, started.Run, workflows.CheckIn{Person: e.Person, By: e.Person, Safety: run.Safe, CanCome: true}); err != nil {
			t.Error(err)
		}
		if _, err := u.Arrive(ctx, started.Run, workflows.Arrive{Person: e.Person, By: e.Person}); err != nil {
			t.Error(err)
		}
	})
	r := readReport(t, u, started.Run)
	if r.People.Called != people || r.People.Safe != people-1 || r.People.Mustered != people-1 || r.People.Silent != 1 {
		t.Errorf("people: %+v, want %d called and one of them silent", r.People, people)
	}
	for _, p := range r.People.List {
		want := []string{"mail"}
		if p.ID == "p05" {
			if len(p.Reached) > 0 || !slices.Equal(p.Unreached, want) {
				t.Errorf("p05, whom the mail server refuses: reached %v, not %v", p.Reached, p.Unreached)
			}
		} else if !slices.Equal(p.Reached, want) || len(p.Unreached) > 0 {
			t.Errorf("%s: reached %v, not %v", p.ID, p.Reached, p.Unreached)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(x report.Finding) bool {
		return x.Kind == run.FindingPeople && x.Title == "1 could not be reached by any channel" && x.Detail == "p05"
	}) {
		t.Errorf("no finding says that p05 was not reached: %+v", r.Findings)
	}
	for _, w := range r.Evidence.Writers {
		if w.Missing > 0 || strings.Contains(w.Name, "channel/") {
			t.Errorf("writer %+v", w)
		}
	}
	ids, calls := map[string]int{}, map[string]int{}
	for _, l := range f.Letters() {
		ids[l.Header.Get("Message-ID")]++
		if !strings.HasPrefix(l.Subject, run.MarkJA) && !strings.HasPrefix(l.Subject, run.MarkEN) {
			t.Errorf("an unmarked subject: %q", l.Subject)
		}
		if strings.Contains(l.Subject, "安否確認：東京の喪失") || strings.Contains(l.Subject, "Safety check: Loss of Tokyo") {
			calls[l.To]++
			if ja := strings.Contains(l.Subject, "安否"); ja != (l.To == "p00@example.jp" || l.To == "p02@example.jp" || l.To == "p04@example.jp") {
				t.Errorf("%s was called in the wrong language: %q", l.To, l.Subject)
			}
		}
		if !strings.Contains(l.Parts["text/plain"], "https://muster.example.jp/runs/"+started.Run) {
			t.Errorf("no link to the run: %q", l.Parts["text/plain"])
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if len(calls) != people-1 {
		t.Errorf("called by mail: %v", calls)
	}
	for _, e := range untilLast(t, u, started.Run) {
		if strings.Contains(asJSON(e), "@example.jp") {
			t.Errorf("an address is in the record: %s", asJSON(e))
		}
	}
}

// until follows a run to the first event that will do.
func until(ctx context.Context, t *testing.T, u running, id string, will func(run.Event) bool) {
	t.Helper()
	for after := int64(0); ; {
		events, err := u.Events(ctx, id, after, 10*time.Second)
		if err != nil {
			t.Fatalf("the run does not come that far: %v", err)
		}
		for _, e := range events.Entries {
			if will(e.Event) {
				return
			}
		}
		after = events.Next
	}
}

// play follows a run to its end, telling of each event. The commander, p00, decides and
// closes it.
func play(ctx context.Context, t *testing.T, u running, id string, told func(run.Event)) {
	t.Helper()
	for after, ended := int64(0), false; !ended; {
		events, err := u.Events(ctx, id, after, 10*time.Second)
		if err != nil {
			r, _ := u.Run(t.Context(), id)
			t.Fatalf("the run does not end: %v; it waits for %+v", err, r.Overview.Waiting)
		}
		for _, e := range events.Entries {
			switch {
			case e.Event.Kind == run.DecisionAsked:
				_, err = u.Decide(ctx, id, workflows.Decide{System: e.Event.System, By: "p00", Choice: run.Alternate, Reason: "the site is lost"})
			case e.Event.Kind == run.PhaseStarted && e.Event.Phase == run.Closing:
				_, err = u.Confirm(ctx, id, workflows.Confirm{Phase: run.Closing, By: "p00", Note: "nothing was hard"})
			}
			if err != nil {
				t.Errorf("%s: %v", e.Event.Kind, err)
			}
			told(e.Event)
		}
		after, ended = events.Next, events.Ended
	}
}

// slackSettings point at a Slack for tests.
func slackSettings(t *testing.T, o *Options, s *slacktest.Server, mode string) {
	t.Helper()
	secret := func(value string) string {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		return "secret://file" + file
	}
	o.Config.Slack = config.Slack{Mode: mode, Token: secret(slacktest.Token), API: s.API(), Channel: "C00000099"}
	if mode == "http" {
		o.Config.Slack.SigningSecret = secret(slacktest.SigningSecret)
	} else {
		o.Config.Slack.AppToken = secret(slacktest.AppToken)
	}
	o.Config.PublicURL = "https://muster.example.jp"
}

// A drill of 60 people is led through Slack alone, over HTTP and over Socket Mode: the people
// of the report are those of the script's own log.
func TestADrillInSlackAlone(t *testing.T) {
	for _, mode := range []string{"http", "socket"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const people = 60
			o, _ := options(t, crowdPlans(t, people))
			s := slacktest.Start(t)
			slackSettings(t, &o, s, mode)
			u := begin(t, o)
			if mode == "http" {
				s.UseHTTP(u.at + "/slack")
			}
			member := func(n int) string { return fmt.Sprintf("U%08d", n) }
			soon := func(what string, ok func() bool) {
				t.Helper()
				eventually(t, 60*time.Second, what, ok)
			}
			// The operator starts it, by a command and its form.
			if _, err := s.Command(member(1), "drill start tokyo-loss"); err != nil {
				t.Fatal(err)
			}
			soon("the form that starts it", func() bool {
				v := s.Opened(member(1))
				return v != nil && strings.Contains(string(v.Body), `"callback_id":"start"`)
			})
			if a, err := s.Submit(member(1), s.Opened(member(1)), nil); err != nil || !strings.Contains(string(a.Body), "update") {
				t.Fatalf("%s, %v", a.Body, err)
			}
			const id = "tokyo-loss-1"
			soon("the call of the last", func() bool { return len(s.In(slacktest.Direct(member(people-1)))) > 0 })

			// The script: every tenth is hurt, every seventh is silent, the others are safe; of
			// those every third comes.
			safe, hurt, silent, came := 0, 0, 0, 0
			for n := range people {
				m := func() slacktest.Message {
					for _, m := range s.In(slacktest.Direct(member(n))) {
						if strings.Contains(string(m.Blocks), `"checkin.safe"`) || strings.Contains(string(m.Blocks), `"checkin.more"`) {
							return m
						}
					}
					t.Fatalf("%d has no card: %+v", n, s.In(slacktest.Direct(member(n))))
					return slacktest.Message{}
				}
				press := func(action string) {
					t.Helper()
					a, err := s.Click(member(n), m(), action)
					if err != nil || a.Status != 200 { // how soon is TestAcknowledgedAtOnceAndDoneOnce's
						t.Fatalf("%d, %s: %+v, %v", n, action, a, err)
					}
				}
				switch {
				case n > 1 && n%7 == 0:
					silent++
					continue
				case n > 1 && n%10 == 0:
					hurt++
					press("checkin.lightly_hurt")
				default:
					safe++
					press("checkin.safe")
					soon("the card to change", func() bool { return strings.Contains(string(m().Blocks), `"checkin.more"`) })
					if n < 2 || n%3 == 0 {
						came++
						press("arrive")
					}
				}
			}
			// The commander decides on the card, with a reason.
			var decide slacktest.Message
			soon("the decision's card", func() bool {
				for _, m := range s.In(slacktest.Direct(member(0))) {
					if strings.Contains(string(m.Blocks), `"decide.alternate"`) {
						decide = m
						return true
					}
				}
				return false
			})
			asked := func(user, text string) string {
				a, err := s.Command(user, text)
				if err != nil {
					t.Fatal(err)
				}
				soon("an answer to "+text, func() bool { return len(s.Replies(a.ResponseURL)) > 0 })
				r := s.Replies(a.ResponseURL)[0]
				if r.ResponseType != "ephemeral" {
					t.Errorf("the answer to %s is for everybody", text)
				}
				return r.Text + string(r.Blocks)
			}
			if got := asked(member(0), "status"); !strings.Contains(got, run.MarkJA) || !strings.Contains(got, "東京の喪失") || !strings.Contains(got, "判断") {
				t.Errorf("status: %s", got)
			}
			if got := asked(member(0), "tasks"); !strings.Contains(got, `"decide.alternate"`) {
				t.Errorf("tasks of the commander: %s", got)
			}
			if got := asked(member(3), "tasks"); strings.Contains(got, "decide.") {
				t.Errorf("tasks of somebody else: %s", got)
			}
			if got := asked("U99999999", "checkin safe"); !strings.Contains(got, "does not know this Slack account") && !strings.Contains(got, "登録されていません") {
				t.Errorf("a stranger: %s", got)
			}
			s.Set(slacktest.User{ID: member(7), Guest: true})
			if got := asked(member(7), "checkin safe"); !strings.Contains(got, "Guests") {
				t.Errorf("a guest: %s", got)
			}
			if got := asked(member(3), "chekin"); !strings.Contains(got, "/muster checkin") {
				t.Errorf("a slip: %s", got)
			}
			if _, err := s.OpenHome(member(0)); err != nil {
				t.Fatal(err)
			}
			soon("the commander's home tab", func() bool { return strings.Contains(s.Home(member(0)), `"decide.alternate"`) })
			if _, err := s.Click(member(3), decide, "decide.alternate"); err != nil { // not theirs
				t.Fatal(err)
			}
			soon("the form for somebody else", func() bool { return s.Opened(member(3)) != nil })
			if _, err := s.Submit(member(3), s.Opened(member(3)), map[string]map[string]any{"reason": {"reason": map[string]any{"type": "plain_text_input", "value": "me"}}}); err != nil {
				t.Fatal(err)
			}
			soon("the refusal", func() bool { return strings.Contains(string(s.Opened(member(3)).Body), "commander") })
			if _, err := s.Click(member(0), decide, "decide.alternate"); err != nil {
				t.Fatal(err)
			}
			soon("the form for the reason", func() bool {
				v := s.Opened(member(0))
				return v != nil && strings.Contains(string(v.Body), `"decide.alternate"`)
			})
			if a, _ := s.Submit(member(0), s.Opened(member(0)), map[string]map[string]any{"reason": {"reason": map[string]any{"type": "plain_text_input", "value": "  "}}}); !strings.Contains(string(a.Body), `"errors"`) {
				t.Errorf("a decision without a reason: %s", a.Body)
			}
			if _, err := s.Submit(member(0), s.Opened(member(0)), map[string]map[string]any{"reason": {"reason": map[string]any{"type": "plain_text_input", "value": "東京が使えない"}}}); err != nil {
				t.Fatal(err)
			}
			soon("the decision's buttons to vanish", func() bool {
				for _, m := range s.In(slacktest.Direct(member(0))) {
					if m.TS == decide.TS {
						return !strings.Contains(string(m.Blocks), `"decide.`) && strings.Contains(string(m.Blocks), "髙﨑 0が")
					}
				}
				return false
			})
			untilLast(t, u, id)
			r := readReport(t, u, id)
			p := r.People
			if p.Called != people || p.Safe != safe || p.Injured != hurt || p.Silent != silent || p.Mustered != came {
				t.Errorf("the report says called %d, safe %d, injured %d, silent %d, mustered %d; the script's log: %d, %d, %d, %d, %d",
					p.Called, p.Safe, p.Injured, p.Silent, p.Mustered, people, safe, hurt, silent, came)
			}
			if len(r.Decisions) == 0 || r.Decisions[0].By != "p00" || r.Decisions[0].Reason != "東京が使えない" {
				t.Errorf("decisions: %+v", r.Decisions)
			}
			for _, x := range p.List {
				if !slices.Contains(x.Reached, "slack") {
					t.Errorf("%s was not reached in Slack", x.ID)
				}
			}
			soon("the run's message to say how it ended", func() bool {
				room := s.In("C00000099")
				return len(room) > 0 && strings.Contains(room[0].Text, "talked through") || len(room) > 0 && strings.Contains(room[0].Text, "机上")
			})
			cards := map[string]int{}
			for _, m := range s.In("C00000099") {
				if m.Thread == "" {
					cards[m.Text]++
				}
				if !strings.HasPrefix(m.Text, run.MarkEN) && !strings.HasPrefix(m.Text, run.MarkJA) {
					t.Errorf("unmarked: %q", m.Text)
				}
			}
			if len(cards) != 1 {
				t.Errorf("the room has %v, want the run's one message and its thread", cards)
			}
		})
	}
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s in vain for %s", within, what)
		}
	}
}

// A channel is tried with one marked message, and what is wrong with it is told by doctor.
func TestAChannelIsTried(t *testing.T) {
	o, _ := options(t, crowdPlans(t, 3))
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	if err := TestChannel(t.Context(), o, "mail", "p01"); err == nil || !strings.Contains(err.Error(), "mail.host") {
		t.Errorf("without a channel: %v", err)
	}
	mailSettings(t, &o, f)
	for _, x := range [][3]string{{"slack", "p01", "Set up are: mail"}, {"mail", "nobody", "no person"}} {
		if err := TestChannel(t.Context(), o, x[0], x[1]); err == nil || !strings.Contains(err.Error(), x[2]) {
			t.Errorf("%v: %v", x, err)
		}
	}
	if err := TestChannel(t.Context(), o, "mail", "p00"); err != nil {
		t.Fatal(err)
	}
	if l := f.Letters(); len(l) != 1 || l[0].To != "p00@example.jp" || l[0].Subject != "【訓練】musterからの通知テスト" || strings.Contains(l[0].Raw, "/runs/") {
		t.Errorf("%+v", l)
	}
	doctor := func() Check {
		for _, c := range Examine(t.Context(), o.Lang, o.Config) {
			if c.ID == "channel mail" {
				return c
			}
		}
		return Check{}
	}
	if c := doctor(); c.Result != Good {
		t.Errorf("%+v", c)
	}
	f.Close()
	if c := doctor(); c.Result != Bad || c.WayOut == "" || !strings.Contains(c.Found, "can't be reached") {
		t.Errorf("%+v", c)
	}
}
