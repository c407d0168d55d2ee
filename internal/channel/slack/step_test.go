package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// What takes a second person is not said to be done by the first.
func TestAStepThatWaitsForASecondPersonIsNotSaidToBeDone(t *testing.T) {
	for answer, want := range map[string]string{`{"seq":9,"unconfirmed":true}`: "「promote（省略）」を要請しました。まだ確定していません。別の人が同じ操作をすると確定します", `{"seq":9}`: "に対応：promote（省略）"} {
		sent := ""
		o := staffed(t, func(x *Options) {
			x.Door = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				sent = string(b)
				_, _ = io.WriteString(w, answer)
			})
		})
		done, err := o.c.do(t.Context(), person{id: "p001", lang: i18n.JA}, "step.skip", value{Run: "tokyo-loss-7", Step: "promote", Act: run.ActSkip, Wait: 41}, answersGiven{reason: "by hand"})
		if err != nil || !strings.Contains(done, want) {
			t.Errorf("%q, %v, want %q", done, err, want)
		}
		if !strings.Contains(sent, `"wait":41`) {
			t.Errorf("it does not say to what it answers: %s", sent)
		}
	}
}

// A button answers what its message asked.
func TestAStepsButtonSaysWhatItAnswers(t *testing.T) {
	o := staffed(t, nil)
	wait := run.Event{Run: "tokyo-loss-7", Seq: 41, Kind: run.StepWaiting, Step: "promote", Data: run.Encode(run.Wait{Kind: run.WaitFailed, Acts: []run.Act{run.ActRetry}})}
	if m := o.card(t, 2, run.Drill, wait); !strings.Contains(string(m.Blocks), `\"u\":41`) {
		t.Errorf("the message: %s", m.Blocks)
	}
	buttons, _ := json.Marshal(o.c.waitingButtons(progress.Waiting{For: progress.AwaitStep, Step: "promote", Kind: run.WaitFailed, Acts: []string{"retry"}, Wait: 41}, value{Run: "tokyo-loss-7"}, run.Disaster))
	if !strings.Contains(string(buttons), `\"u\":41`) {
		t.Errorf("the list of tasks: %s", buttons)
	}
}

// Roles and steps are what people call them, in commands and in the run's message.
func TestSlackCallsThingsByName(t *testing.T) {
	pl := plan.Plan{Estate: plan.Estate{Roles: []plan.Role{{Name: "commander", Title: plan.Text{EN: "Incident commander", JA: "対策本部長"}}}},
		Systems:  []plan.System{{Name: "orders", Title: plan.Text{EN: "Order taking", JA: "受注システム"}}},
		Runbooks: []plan.Runbook{{Name: "orders-failover", System: "orders", Steps: []plan.Step{{ID: "promote", Title: plan.Text{EN: "Promote Osaka", JA: "大阪側の昇格"}}}}}}
	one := api.Run{Summary: journal.Summary{Run: "fire-2", Kind: run.Drill}, Overview: progress.Overview{Run: "fire-2", Kind: run.Drill, Waiting: []progress.Waiting{
		{For: progress.AwaitStep, Role: "commander", People: []string{"p002"}, System: "orders", Step: "promote", Kind: run.WaitFailed, Acts: []string{"retry"}},
		{For: progress.AwaitDecision, Role: "commander", People: []string{"p002"}, System: "orders", Acts: []string{"alternate"}}}}}
	o := staffed(t, func(x *Options) {
		x.Door = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch strings.TrimPrefix(r.URL.Path, "/api/v1/runs/fire-2") {
			case "":
				_ = json.NewEncoder(w).Encode(one)
			case "/plan":
				_ = json.NewEncoder(w).Encode(pl)
			default:
				_ = json.NewEncoder(w).Encode([]journal.Summary{one.Summary})
			}
		})
	})
	who := person{id: "p002", user: member(2), lang: i18n.JA}
	status, err := o.c.status(t.Context(), who, nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := o.c.tasks(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	tasks, _ := json.Marshal(blocks)
	o.c.o.Lang = i18n.JA
	waits := (&showing{c: o.c, f: channel.Following{Plan: pl}}).waits(one.Overview, i18n.JA)
	for _, said := range []string{status, string(tasks), waits} {
		for _, want := range []string{"大阪側の昇格（promote）", "受注システム の判断", "対策本部長"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in %s", want, said)
			}
		}
	}
}

// An abort goes on for a while: what was asked does not read as if the run were over.
func TestWhatAnAbortLeavesOpenSaysSo(t *testing.T) {
	for kind, want := range map[run.EventKind]string{run.RunAbortRequested: "中止が指示されたため", run.RunEnded: "回答のないまま実施が終了しました"} {
		s := &showing{tell: channel.NewTeller(plan.Plan{}), settled: map[string]settlement{"k": {by: run.Event{Kind: kind, At: time.Unix(0, 0)}}}}
		if got := s.words("k", channel.Message{Lang: i18n.JA}); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
