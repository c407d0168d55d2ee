package watch

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// A tabletop recovers nothing, so that nothing is "not restored" when it has ended.
func TestATabletopIsNotNotRestored(t *testing.T) {
	for depth, want := range map[run.Depth]string{run.Tabletop: "not observed at this depth", run.Walkthrough: "not observed at this depth", run.Live: "not restored"} {
		p := testPlan(t)
		p.Scenario.Depth = depth
		events := journalOf(p)
		last := events[len(events)-1]
		events = append(events, run.Event{Run: last.Run, Writer: "run", Seq: last.Seq + 1, At: at(65), Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.NotResumable})})
		text := strings.Join(Frame{Style: Style{Width: 160}, Lang: i18n.EN, Plan: p}.Lines(progress.Of(p, entries(events), at(70))), "\n")
		if !strings.Contains(text, want) || depth.Unseen() && strings.Contains(text, "not restored") {
			t.Errorf("%s: no %q in\n%s", depth, want, text)
		}
	}
}

// What the engine gives as a reason is in both languages, and is shown in one, once.
func TestAGroundIsSaidOnceInOneLanguage(t *testing.T) {
	ask := run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate}, Proposed: run.Alternate, Ground: "the home site is lost / 本拠点が使用不能"}
	e := run.Event{Kind: run.DecisionAsked, System: "orders", By: run.Engine, Reason: ask.Ground, Data: run.Encode(ask)}
	for l, want := range map[i18n.Lang]string{
		i18n.EN: "DECISION asked of commander on orders: switch to the alternate site proposed: the home site is lost",
		i18n.JA: "commander に判断を依頼 (orders): 提案 代替拠点へ切り替え: 本拠点が使用不能",
	} {
		if got := Line(l, testPlan(t), e); got != want {
			t.Errorf("%s: %q, want %q", l, got, want)
		}
	}
}

// A phase of more than an hour keeps its hours; below, minutes keep their place.
func TestAPhaseKeepsItsHours(t *testing.T) {
	for seconds, want := range map[float64]string{7: "00:07", 3599: "59:59", 3600: "1:00:00", 26*3600 + 124: "26:02:04"} {
		begun := at(0)
		o := progress.Overview{At: at(seconds), Phases: []progress.Phase{{ID: run.Recovery, Progress: progress.Now, StartedAt: &begun}}}
		if got := strings.Join(Frame{Style: Style{Width: 120}, Lang: i18n.EN}.phases(o), "\n"); !strings.Contains(got, " "+want+" ") {
			t.Errorf("after %v s: %q, want %q", seconds, got, want)
		}
	}
}

// The engine's reasons are in both languages: a reader gets the own one, whole.
func TestReasonsAreInTheReadersLanguage(t *testing.T) {
	both, p := "the servers did not come back in time / サーバーが時間内に復旧しませんでした", testPlan(t)
	o := progress.Overview{Run: "loss-1", State: run.NotResumable, StateWhy: both, Systems: []progress.System{{Name: "orders", LockKept: both}}}
	frame := strings.Join(Frame{Style: Style{Width: 160}, Lang: i18n.JA, Plan: p}.Lines(o), "\n")
	line := Line(i18n.JA, p, run.Event{Kind: run.EventDetected, Reason: both})
	for name, text := range map[string]string{"the frame": frame, "the verdict": Verdict(i18n.JA, o), "the line": line} {
		if !strings.Contains(text, "サーバーが時間内に復旧しませんでした") || strings.Contains(text, "the servers") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if strings.Count(frame, "復旧しませんでした") != 2 {
		t.Errorf("why it ended, and what is left:\n%s", frame)
	}
}
