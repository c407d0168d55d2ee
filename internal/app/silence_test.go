package app

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/scenario"
)

// keeping is a channel that keeps what was sent.
type keeping struct {
	lettersOnly
	mu  sync.Mutex
	got []channel.Message
}

func (*keeping) Reaches(channel.Message) bool { return true }

func (k *keeping) Send(_ context.Context, m channel.Message, _ bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got = append(k.got, m)
	return nil
}

// That a feed is silent is told to those in charge, in their languages, with since when in the organisation's zone and
// what to do; and is no message of a drill.
func TestThoseInChargeAreToldOfASilentFeed(t *testing.T) {
	e, err := scenario.Inventory(plansDir(t, map[string]string{"estate.yaml": guarded, "runbook.yaml": runbook, "tokyo.yaml": tabletop}), all.Registry(all.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 11, 29, 1, 2, 0, 0, time.UTC)
	for l, want := range map[i18n.Lang][]string{
		i18n.EN: {"The alarm feed quakes is silent", "has not answered since 2026-11-29 10:02:00 JST", "wakes nobody now", "by hand"},
		i18n.JA: {"【警報停止】配信元 quakes から応答がありません", "10:02", "誰も召集されません", "人が情報源を確認してください"},
	} {
		for id, c := range e.Contacts {
			c.Lang = string(l)
			e.Contacts[id] = c
		}
		sent := &keeping{}
		g := &guards{lang: l, estate: func() (*inventory.Estate, error) { return e, nil }, channels: func() []channel.Channel { return []channel.Channel{sent} }, within: time.Minute}
		for range 2 { // told again after it got through to everybody
			if err := g.silent(t.Context(), "quakes", since, false); err != nil {
				t.Fatal(err)
			}
		}
		to := map[string]bool{}
		for _, m := range sent.got {
			to[m.Person] = true
			for _, w := range want {
				if !strings.Contains(m.Subject+"\n"+m.Text, w) {
					t.Errorf("to %s: %s\n%s\nwant %q in it", m.Person, m.Subject, m.Text, w)
				}
			}
			if strings.Contains(m.Subject+m.Text, "DRILL") || strings.Contains(m.Subject+m.Text, "訓練") {
				t.Errorf("it is marked as a drill's: %s", m.Subject)
			}
		}
		if len(sent.got) != 2 || !to["kagi"] || !to["kansa"] {
			t.Errorf("%d messages to %v, want one each to kagi and kansa", len(sent.got), to)
		}
	}
}
