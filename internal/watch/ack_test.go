package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// What an owner has to read before acknowledging is shown whole, in their language only.
func TestAStepToReadIsShownWhole(t *testing.T) {
	en := "would run postgres.promote, at site osaka, on osaka, effect disrupt, with {\"server\":\"osaka\",\"max_lag\":\"16MB\",\"wait\":\"60s\"}, undone by postgres.rejoin"
	ja := "本番で実行する内容: postgres.promote、拠点 osaka、対象 osaka、影響 中断、パラメーター {\"server\":\"osaka\",\"max_lag\":\"16MB\",\"wait\":\"60s\"}、取り消し postgres.rejoin"
	o := progress.Overview{Run: "r-1", Kind: run.Drill, Depth: run.Walkthrough, State: run.Running, At: time.Unix(60, 0), StartedAt: time.Unix(0, 0),
		Waiting: []progress.Waiting{{For: progress.AwaitStep, Kind: run.WaitAck, Role: "dba", System: "orders", Step: "promote", Text: run.Mark + en + " / " + ja, Since: time.Unix(0, 0)}}}
	for lang, want := range map[i18n.Lang]string{i18n.EN: run.MarkEN + " " + en, i18n.JA: run.MarkJA + ja} {
		lines := Frame{Style: Style{Width: 70}, Lang: lang}.Lines(o)
		var read string
		for _, line := range lines {
			if Cells(line) > 70 {
				t.Errorf("%d cells in %q", Cells(line), line)
			}
			read += strings.TrimSpace(line) + " "
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if !strings.Contains(squeeze(read), squeeze(want)) {
			t.Errorf("%s: the picture does not hold %q whole:\n%s", lang, want, strings.Join(lines, "\n"))
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"one two three", 7, "one two|three"}, {"onetwothree", 4, "onet|woth|ree"}, {"日本語の文", 5, "日本|語の|文"}, {"", 5, ""}, {"日", 1, "日"},
	} {
		if got := strings.Join(fold(c.text, c.n), "|"); got != c.want {
			t.Errorf("fold(%q, %d) = %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
