package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// People and places are called by their names, not by what the files call them; commands keep
// the IDs, and whoever has no name is called by theirs.
func TestPeopleAreCalledByTheirNames(t *testing.T) {
	p := plan.Plan{Estate: plan.Estate{
		People: []plan.Person{{ID: "sato", Name: plan.Text{EN: "Sato Misaki", JA: "佐藤 美咲"}}, {ID: "ito", Name: plan.Text{EN: "Ito Sakura", JA: "伊藤 さくら"}}, {ID: "p9"}},
		Places: []plan.Place{{Name: "room", Title: plan.Text{EN: "Response room", JA: "対策本部室"}}},
	}}
	for _, x := range []struct {
		e      run.Event
		en, ja string
	}{
		{run.Event{Kind: run.PersonArrived, Person: "ito", Data: run.Encode(run.Arrival{Place: "room"})}, "Ito Sakura arrived at Response room", "伊藤 さくら 参集 (対策本部室)"},
		{run.Event{Kind: run.PersonStandsIn, Person: "ito", Data: run.Encode(run.StandIn{For: "sato", Why: "silent"})}, "Ito Sakura stands in for Sato Misaki", "伊藤 さくら が 佐藤 美咲 を代行"},
		{run.Event{Kind: run.ApprovalGiven, By: "sato", Data: run.Encode(run.Approval{})}, "approved (Sato Misaki)", "承認 (佐藤 美咲)"},
		{run.Event{Kind: run.ApprovalGiven, By: run.Simulated("sato"), Data: run.Encode(run.Approval{})}, "approved (Sato Misaki, simulated)", "承認 (佐藤 美咲・模擬)"},
		{run.Event{Kind: run.ApprovalRefused, By: "sato", Reason: "not now", Data: run.Encode(run.Objection{})}, "REFUSED (Sato Misaki): not now", "却下 (佐藤 美咲): not now"},
		{run.Event{Kind: run.PersonArrived, Person: "p9", Data: run.Encode(run.Arrival{Place: "elsewhere"})}, "p9 arrived at elsewhere", "p9 参集 (elsewhere)"},
	} {
		for lang, want := range map[i18n.Lang]string{i18n.EN: x.en, i18n.JA: x.ja} {
			if got := Line(lang, p, x.e); !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q", lang, got, want)
			}
		}
	}
	w := progress.Waiting{For: progress.AwaitApproval, People: []string{"sato", "ito"}, Need: 1, Asked: 41, RefusedBy: "ito"}
	o := progress.Overview{Run: "loss-1", At: time.Unix(0, 0), Waiting: []progress.Waiting{w}}
	shown := strings.Join(Frame{Style: Style{Width: 120}, Lang: i18n.EN, Plan: p, As: true}.Lines(o), "\n")
	for _, want := range []string{"Sato Misaki, Ito Sakura", "muster approve loss-1 --asked 41 --as "} {
		if !strings.Contains(shown, want) {
			t.Errorf("drill show lacks %q:\n%s", want, shown)
		}
	}
}
