package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// An alarm says what, who, from where and what to do, in its reader's language. What a stranger wrote is one
// line of it, and can't make it a drill's message, which no channel would send.
func TestASecurityAlarmIsSaid(t *testing.T) {
	e, err := scenario.Inventory(plansDir(t, map[string]string{"estate.yaml": guarded, "runbook.yaml": runbook, "tokyo.yaml": tabletop}), all.Registry(all.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	g := &guards{lang: i18n.EN}
	a := lookout.Alarm{Kind: lookout.CrossSite, Key: "203.0.113.9", At: time.Date(2026, 11, 27, 17, 0, 0, 0, time.UTC),
		Entry: journal.Access{Position: 42, At: time.Date(2026, 11, 27, 17, 0, 0, 0, time.UTC), Act: "cross-site", Object: "/" + run.MarkJA + run.MarkEN + "[DR" + run.MarkEN + "ILL]【訓" + run.MarkEN + "練】[DR【訓" + run.MarkEN + " 練】ILL]\r\nBcc: x@example.org\u202e" + strings.Repeat("a", 5000), Outcome: "other_site", From: "203.0.113.9"}}
	rule, _ := lookout.RuleOf(a.Kind)
	for person, words := range map[string][]string{
		"kagi":  {"Security alarm: a page of another site", "when: 2026-11-28 02:00", "who: nobody known", "from: 203.0.113.9", "muster people log --after 41"},
		"kansa": {"【セキュリティ警報】別のサイト", "対象者：不明", "接続元：203.0.113.9", "muster people log --after 41"},
	} {
		p, _ := e.Person(person)
		m := g.message(a, rule, p, e)
		if err := m.Check(); err != nil {
			t.Errorf("%s: %v", person, err)
		}
		said := m.Subject + "\n" + m.Text
		for _, w := range words {
			if !strings.Contains(said, w) {
				t.Errorf("%s lacks %q:\n%s", person, w, said)
			}
		}
		if strings.ContainsAny(said, "\r\u202e") || strings.Contains(said, "\nBcc:") || len(said) > 2000 {
			t.Errorf("%s is given what a stranger wrote as it is:\n%q", person, said)
		}
		t.Log(said)
	}
}

// Off hours are by the organisation's clock, its weekend and its holidays.
func TestOffHours(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": guarded, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.Security.HoursFrom, o.Config.Security.HoursTo = "08:00", "20:00"
	catalog := all.Registry(all.Options{})
	off := offHours(o.Config.Security, &directory{dir: o.Config.Plans, catalog: catalog}, plans{dir: o.Config.Plans, catalog: catalog, kept: &keptPlans{}})
	for at, want := range map[string]bool{
		"2026-11-27T08:00:00+09:00": false, "2026-11-27T07:59:59+09:00": true, "2026-11-27T19:59:59+09:00": false, "2026-11-27T20:00:00+09:00": true,
		"2026-11-28T12:00:00+09:00": true, "2026-11-26T23:30:00Z": false, "2026-11-27T12:00:00Z": true,
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if off(moment) != want {
			t.Errorf("%s: off hours is %v", at, !want)
		}
	}
}

// A new place goes to its person alone where a channel reaches them; anything else to those in charge.
func TestWhoHearsOfANewPlace(t *testing.T) {
	e, err := scenario.Inventory(plansDir(t, map[string]string{"estate.yaml": guarded, "runbook.yaml": runbook, "tokyo.yaml": tabletop}), all.Registry(all.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	g := &guards{lang: i18n.EN, estate: func() (*inventory.Estate, error) { return e, nil }, channels: func() []channel.Channel { return []channel.Channel{lettersOnly{}} }}
	for _, c := range []struct {
		kind   lookout.Kind
		person string
		own    bool
		to     string
	}{{lookout.NewPlace, "suzuki", true, "suzuki"}, {lookout.NewPlace, "sato", false, "kagi kansa"}, {lookout.NewPlace, "nobody", false, "kagi kansa"}, {lookout.ShutOut, "suzuki", false, "kagi kansa"}} {
		a := lookout.Alarm{Kind: c.kind, Entry: journal.Access{Person: c.person}}
		rule, _ := lookout.RuleOf(c.kind)
		var to []string
		for _, p := range g.who(e, rule, a, g.channels()) {
			to = append(to, p.ID)
		}
		if own := g.reachesOwn(a); own != c.own || strings.Join(to, " ") != c.to {
			t.Errorf("%s of %s: alone %v, told %v", c.kind, c.person, own, to)
		}
	}
}

// lettersOnly reaches whoever has an address.
type lettersOnly struct{}

func (lettersOnly) Name() string                                      { return "letters" }
func (lettersOnly) Reaches(m channel.Message) bool                    { return m.Contact.Mail != "" }
func (lettersOnly) Send(context.Context, channel.Message, bool) error { return nil }
func (lettersOnly) Works(context.Context) error                       { return nil }
func (lettersOnly) AtOnce() int                                       { return 1 }
