package slack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// served is an office whose door has these open runs, under one plan of before any handover.
func served(t *testing.T, runs ...api.Run) *office {
	t.Helper()
	return staffed(t, func(x *Options) {
		x.Door = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var out any
			list := []journal.Summary{}
			for _, one := range runs {
				list = append(list, one.Summary)
				switch strings.TrimPrefix(r.URL.Path, "/api/v1/runs/"+one.Summary.Run) {
				case "":
					out = one
				case "/plan":
					out = plan.Plan{Estate: plan.Estate{People: []plan.Person{{ID: "p001", Roles: []string{"commander"}}}}}
				}
			}
			if out == nil {
				out = list
			}
			_ = json.NewEncoder(w).Encode(out)
		})
	})
}

// After a handover a step that failed is the new holder's task, not that of whom the plan names.
func TestTasksAreThePresentHolders(t *testing.T) {
	o := served(t, api.Run{Summary: journal.Summary{Run: "fire-2", Kind: run.Drill}, Overview: progress.Overview{Run: "fire-2", Kind: run.Drill, Waiting: []progress.Waiting{
		{For: progress.AwaitStep, Role: "commander", People: []string{"p002"}, Step: "promote", Kind: run.WaitFailed, Acts: []string{"retry", "skip"}}}}})
	for who, want := range map[string]bool{"p001": false, "p002": true} {
		blocks, err := o.c.tasks(t.Context(), person{id: who, user: member(1), lang: "en"})
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := json.Marshal(blocks); strings.Contains(string(text), "step.retry") != want {
			t.Errorf("%s has the step as a task: %v, want %v: %s", who, !want, want, text)
		}
	}
}

// The approval that moves production home is asked for as such.
func TestTheReturnHomeIsApprovedAsSuchInSlack(t *testing.T) {
	o := served(t, api.Run{Summary: journal.Summary{Run: "fire-2", Kind: run.Drill}, Overview: progress.Overview{Run: "fire-2", Kind: run.Drill, Waiting: []progress.Waiting{
		{For: progress.AwaitApproval, Phase: run.Failback, People: []string{"p001"}, Need: 1, Asked: 9}}}})
	for lang, want := range map[string][]string{"en": {"approval of the return home: 1", "Approve the return home"}, "ja": {"切戻しの承認（あと 1 名）", "切戻しを承認する"}} {
		blocks, err := o.c.tasks(t.Context(), person{id: "p001", user: member(1), lang: i18n.Lang(lang)})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(blocks)
		for _, words := range want {
			if !strings.Contains(string(text), words) {
				t.Errorf("%s: no %q in %s", lang, words, text)
			}
		}
	}
}

// `/muster status` says of a run that it is being aborted, alone and among others.
func TestStatusSaysAborting(t *testing.T) {
	fire := api.Run{Summary: journal.Summary{Run: "fire-2", Kind: run.Response, State: run.Running, Aborting: true}, Overview: progress.Overview{Run: "fire-2", Kind: run.Response, State: run.Running, Aborting: true}}
	other := api.Run{Summary: journal.Summary{Run: "test-1", Kind: run.Drill, State: run.Running}}
	for _, o := range []*office{served(t, fire), served(t, fire, other)} {
		for lang, want := range map[string]string{"en": "aborting", "ja": "中止処理中"} {
			if text, err := o.c.status(t.Context(), person{id: "p001", user: member(1), lang: i18n.Lang(lang)}, nil); err != nil || !strings.Contains(text, want) {
				t.Errorf("%s: %q, %v, want %q", lang, text, err, want)
			}
		}
	}
}
