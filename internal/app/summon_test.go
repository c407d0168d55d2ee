package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// postOffice carries letters; some never get through and some not now.
type postOffice struct {
	lettersOnly
	mu         sync.Mutex
	got        []string
	never, now map[string]bool // by person
}

func (o *postOffice) Send(_ context.Context, m channel.Message, _ bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := m.Check(); err != nil {
		return err
	}
	switch {
	case o.never[m.Person]:
		return &channel.Failure{Text: "no such mailbox"}
	case o.now[m.Person]:
		return &channel.Failure{Text: "try later", Temporary: true}
	}
	o.got = append(o.got, m.Person)
	return nil
}

func summoned(t *testing.T, people string, channels ...channel.Channel) *summon {
	t.Helper()
	with := strings.NewReplacer("{id: sato, name: Sato, roles: [commander]}", people).Replace(estate)
	catalog := all.Registry(all.Options{})
	dir := plansDir(t, map[string]string{"estate.yaml": with, "runbook.yaml": runbook, "tokyo.yaml": woken})
	e, err := scenario.Inventory(dir, catalog)
	if err != nil {
		t.Fatal(err)
	}
	return &summon{lang: i18n.EN, within: time.Minute, files: plans{dir: dir, catalog: catalog, kept: &keptPlans{}},
		estate: func() (*inventory.Estate, error) { return e, nil }, channels: func() []channel.Channel { return channels }}
}

func raised(ago time.Duration) alarm.Proposal {
	return alarm.Proposal{ID: "p-1", State: alarm.Open, Kind: run.Response, Scenario: "tokyo-loss", Source: "quakes", RaisedAt: time.Now().Add(-ago),
		Summary: plan.Text{EN: "intensity 6-lower", JA: "震度6弱"}, Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, Expires: time.Now().Add(time.Hour)}
}

// Where no channel reaches those who decide, everybody with a role hears of an alarm; and where it reaches nobody
// at all, nobody has.
func TestAnAlarmThatDoesNotReachThoseWhoDecide(t *testing.T) {
	const ito = "\n  - {id: ito, name: Ito, roles: [operator], mail: ito@example.jp}"
	reachable := "{id: sato, name: Sato, roles: [commander], mail: sato@example.jp}" + ito
	for name, c := range map[string]struct {
		people     string
		never, now string
		ago        time.Duration
		to         string
		heard, err bool
	}{
		"they have addresses":                {people: reachable, to: "sato", heard: true},
		"they have none":                     {people: "{id: sato, name: Sato, roles: [commander]}" + ito, to: "ito", heard: true},
		"their addresses are refused":        {people: reachable, never: "sato", to: "ito", heard: true},
		"nobody has one":                     {people: "{id: sato, name: Sato, roles: [commander]}"},
		"all addresses are refused":          {people: "{id: sato, name: Sato, roles: [commander], mail: sato@example.jp}", never: "sato"},
		"they can't be reached just now":     {people: reachable, now: "sato", err: true},
		"they can't be reached, for minutes": {people: reachable, now: "sato", ago: 3 * time.Minute, to: "ito", heard: true, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			office := &postOffice{never: map[string]bool{c.never: true}, now: map[string]bool{c.now: true}}
			s := summoned(t, c.people, office)
			for range 2 { // nobody is told twice
				heard, err := s.tell(t.Context(), raised(c.ago))
				if heard != c.heard || (err != nil) != c.err {
					t.Errorf("heard %t, %v; want heard %t and an error %t", heard, err, c.heard, c.err)
				}
			}
			if got := strings.Join(office.got, " "); got != c.to {
				t.Errorf("told %q, want %q", got, c.to)
			}
		})
	}
	if heard, err := summoned(t, reachable).tell(t.Context(), raised(0)); heard || err != nil {
		t.Errorf("without a channel: heard %t, %v", heard, err)
	}
}

// hanging takes messages and answers when it is let go.
type hanging struct {
	lettersOnly
	let chan struct{}
}

func (hanging) Name() string { return "hanging" }

func (h hanging) Send(ctx context.Context, _ channel.Message, _ bool) error {
	select {
	case <-h.let:
		return errors.New("no answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A mail server that takes messages and does not answer holds up no other channel's, whoever is first.
func TestAHangingChannelHoldsUpNoAlarm(t *testing.T) {
	people := "{id: sato, name: Sato, roles: [commander], mail: sato@example.jp}"
	want := []string{"ito1", "ito2", "ito3", "ito4", "ito5", "sato"}
	for _, id := range want[:5] {
		people += "\n  - {id: " + id + ", name: Ito, roles: [commander], mail: " + id + "@example.jp}"
	}
	hangs, works := hanging{let: make(chan struct{})}, &postOffice{}
	s := summoned(t, people, hangs, works)
	ended := make(chan error, 1)
	go func() {
		_, err := s.tell(t.Context(), raised(0))
		ended <- err
	}()
	told := func() []string {
		works.mu.Lock()
		defer works.mu.Unlock()
		return slices.DeleteFunc(slices.Sorted(slices.Values(works.got)), func(id string) bool { return !slices.Contains(want, id) })
	}
	for deadline := time.Now().Add(30 * time.Second); !slices.Equal(told(), want); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("while mail hangs, %v are told within 30 s, want %v", told(), want)
			break
		}
	}
	close(hangs.let)
	if err := <-ended; err == nil {
		t.Error("mail did not get through, and that is no error")
	}
}

// What a sender or a colleague wrote can't make an alarm a message of a drill, or unmake one: no channel would
// send it, and nobody would ever hear.
func TestAnAlarmIsToldWhateverItSays(t *testing.T) {
	hostile := run.MarkJA + run.MarkEN + "[DR" + run.MarkEN + "ILL]【訓" + run.MarkEN + "練】[DR【訓" + run.MarkEN + " 練】ILL]\r\nBcc: x@example.org\u202e"
	said := plan.Text{EN: hostile + " shakes", JA: hostile + "揺れ"}
	for _, kind := range []run.Kind{run.Response, run.Drill} {
		for _, state := range []alarm.State{alarm.Open, alarm.Started, alarm.Dismissed, alarm.Expired} {
			for l, word := range map[i18n.Lang]string{i18n.EN: "shakes", i18n.JA: "揺れ"} {
				office := &postOffice{}
				s := summoned(t, "{id: sato, name: Sato, roles: [commander], mail: sato@example.jp}", office)
				s.lang = l
				var known []string // to the channel's state
				s.done.heard = func(name string, err error) { known = append(known, fmt.Sprint(name, " ", err)) }
				p := raised(0)
				p.Kind, p.State, p.Title, p.Summary, p.Trouble, p.Reason, p.Run, p.By = kind, state, said, said, said, said.Both(), "tokyo-loss-1", "sato"
				if heard, err := s.tell(t.Context(), p); !heard || err != nil || len(office.got) != 1 {
					t.Errorf("%s, %s, %s: heard %t, %v", kind, state, l, heard, err)
				}
				if !slices.Equal(known, []string{"letters <nil>"}) {
					t.Errorf("%s, %s, %s: of the channel is known %q", kind, state, l, known)
				}
				m := s.message(p, plan.Person{ID: "sato"}, l, time.UTC)
				if !strings.Contains(m.Subject, word) || !strings.Contains(m.Text, word) || strings.ContainsAny(m.Subject, "\r\n\u202e") {
					t.Errorf("%s, %s: %q\n%s", kind, state, m.Subject, m.Text)
				}
			}
		}
	}
}
