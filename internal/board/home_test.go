package board_test

import (
	"cmp"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// The approval that moves production home says so, to whoever approves it and to whoever may break
// the glass; who decided may take the return back until it is approved.
func TestTheReturnHomeIsApprovedAsSuch(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record(drill, run.Response)
	seq := int64(0)
	add := func(e run.Event) {
		seq++
		e.Run, e.Writer, e.Seq, e.At, e.Phase, e.By = drill, "later", seq, w.now, run.Failback, cmp.Or(e.By, run.Engine)
		w.append(e)
	}
	add(run.Event{Kind: run.PhaseStarted})
	add(run.Event{Kind: run.DecisionAsked, System: "orders", Data: run.Encode(run.DecisionAsk{Question: "failback", Role: "commander", Choices: []run.Choice{run.GoHome, run.Stay}})})
	add(run.Event{Kind: run.DecisionMade, System: "orders", By: personID(0), Data: run.Encode(run.Decision{Question: "failback", Answer: run.GoHome})})
	add(run.Event{Kind: run.ApprovalAsked, Reason: "the return home / 切戻し", Data: run.Encode(run.Ask{Need: 1, Not: []string{personID(0)}})})
	approver, decider := w.browser(personID(3)), w.browser(personID(0))
	for lang, says := range map[string][3]string{
		"en": {"Approval of the return home", "Approve the return home</button>", "Approve the return home alone</button>"},
		"ja": {"切戻しの承認", "切戻しを承認する</button>", "緊急権限で切戻しを承認する</button>"},
	} {
		approver.lang, decider.lang = lang, lang
		_, page := approver.get("/tasks")
		_, own := decider.get("/tasks")
		if !strings.Contains(page, says[0]) || !strings.Contains(page, says[1]) || !strings.Contains(own, says[2]) || strings.Contains(page+own, "pprove the recovery") || strings.Contains(page+own, "復旧を承認") {
			t.Errorf("%s: no %q in\n%s\n%s", lang, says, page, own)
		}
	}
	revision := regexp.MustCompile(`(?s)name="system" value="orders"><input type="hidden" name="instead" value="return">.*?name="choice" value="stay"`)
	if _, page := decider.get("/tasks"); !revision.MatchString(page) {
		t.Errorf("the return can't be taken back:\n%s", page)
	}
	add(run.Event{Kind: run.ApprovalGiven, By: personID(3), Data: run.Encode(run.Approval{})})
	if _, page := decider.get("/tasks"); revision.MatchString(page) {
		t.Error("a return that is approved is offered to be taken back")
	}
}

// A run that was held and then aborted is shown as being aborted, and offers neither to go on nor
// another abort; held after that, it can go on. The way home of a response can be aborted in turn.
func TestTheControlPageOfAnAbortedRun(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record(drill, run.Response)
	b := w.browser(personID(0))
	for i, c := range []struct {
		kind                 run.EventKind
		says                 string
		resume, pause, abort bool
	}{{run.RunPaused, "paused</span>", true, false, true}, {run.RunAbortRequested, "aborting</span>", false, true, false}, {run.RunPaused, "paused</span>", true, false, false}, {run.PhaseStarted, "paused</span>", true, false, true}} {
		w.append(run.Event{Run: drill, Writer: "later", Seq: int64(i + 1), At: w.now, Kind: c.kind, By: personID(0), Phase: run.Failback, Reason: "smoke"})
		_, page := b.get("/runs/" + drill + "/control")
		if !strings.Contains(page, c.says) || strings.Contains(page, "being aborted already") == c.abort {
			t.Errorf("after %s: no %q in\n%s", c.kind, c.says, page)
		}
		for act, want := range map[string]bool{"resume": c.resume, "pause": c.pause, "abort": c.abort} {
			if got := strings.Contains(page, "/act/"+act+`"`); got != want {
				t.Errorf("after %s it offers %s: %v, want %v", c.kind, act, got, want)
			}
		}
	}
}
