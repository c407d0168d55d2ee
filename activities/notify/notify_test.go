package notify_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities/notify"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
)

type with map[string]any

func TestDrillMarkCannotBeLeftOut(t *testing.T) {
	for _, c := range []struct {
		kind run.Kind
		text any
		want string
	}{
		{run.Drill, "Orders are taken from Osaka", "[DRILL] Orders are taken from Osaka"},
		{run.Drill, "受注は大阪で続けています", "【訓練】受注は大阪で続けています"},
		{run.Drill, with{"en": "Go to Osaka", "ja": "大阪へ"}, "【訓練】大阪へ\n[DRILL] Go to Osaka"},
		{run.Drill, "【訓練】大阪へ", "【訓練】大阪へ"},
		{run.Drill, "This is no [DRILL]", "[DRILL] This is no [DRILL]"},
		{run.Response, with{"en": "Go to Osaka", "ja": "大阪へ"}, "大阪へ\nGo to Osaka"},
	} {
		s := sitetest.New(t, notify.Actions())
		s.Kind = c.kind
		var out notify.Sent
		if _, err := s.Act(s.Step("notify.send", with{"to": []string{"service-desk"}, "text": c.text}), &out); err != nil || out.Text != c.want {
			t.Errorf("%s %v: %q %v, want %q", c.kind, c.text, out.Text, err, c.want)
		}
		if n := strings.Count(s.Logged.String(), "\n"); n != 1 || !strings.Contains(s.Logged.String(), "service-desk") {
			t.Errorf("%d lines logged, want one: %s", n, s.Logged)
		}
	}
}

func TestWrongMessages(t *testing.T) {
	s := sitetest.New(t, notify.Actions())
	for _, c := range []struct {
		with with
		want string
	}{
		{with{"to": []string{}, "text": "x"}, "names nobody"},
		{with{"to": []string{"a"}, "text": " "}, "empty"},
		{with{"to": []string{"a"}, "text": 3}, "neither a text"},
		{with{"to": []string{"a"}, "text": with{"fr": "x"}}, `no language "fr"`},
	} {
		_, err := s.Act(s.Step("notify.send", c.with), nil)
		sitetest.Want(t, err, plan.ErrRefused, c.want)
	}
}
