package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// reportCompletion has the recovery reported as complete, or as partial, to those who
// wait for it (B-STP-12).
func (r *response) reportCompletion(ctx workflow.Context) (run.Outcome, string) {
	var called []string
	var partial []plan.Text
	doubtful := false
	for _, m := range r.people {
		if m.called {
			called = append(called, m.plan.ID)
		}
	}
	for _, s := range r.systems {
		if !s.restored {
			partial = append(partial, s.title())
		}
		doubtful = doubtful || s.writersUnproven
	}
	seen := false
	for _, w := range r.watches {
		seen = seen || len(w.downs) > 0
	}
	if len(partial) == 0 && doubtful {
		r.tell(ctx, called, "Service is restored, seen from outside; that exactly one side takes writes is not proven.", "サービスの復旧は外部から確認できましたが、書き込み先が一つだけであることは確認できていません。")
	} else if len(partial) == 0 && !seen {
		r.tell(ctx, called, "The systems are in service; an interruption was not seen from outside.", "システムは稼働中です。外部からの監視では停止を確認していません。")
	} else if len(partial) == 0 {
		r.tell(ctx, called, "Service is restored and verified from outside.", "サービスは復旧し、外部からの確認も済みました。")
	} else {
		en, ja := listed(partial)
		r.tell(ctx, called, "Recovery ended; not proven to be in service: "+en+".", "復旧作業は終了しましたが、次のシステムは稼働を確認できていません："+ja+"。")
	}
	r.reportSituation(ctx, triggerCompletion, "")
	r.simulateConfirm(ctx, run.Completion, "")
	return r.untilConfirmed(ctx, run.Completion)
}

// mostListed bounds how many systems a message names.
const mostListed = 20

// listed are the names of systems in a message.
func listed(titles []plan.Text) (en, ja string) {
	var e, j []string
	for _, t := range titles[:min(len(titles), mostListed)] {
		e, j = append(e, t.In("en")), append(j, t.In("ja"))
	}
	en, ja = strings.Join(e, ", "), strings.Join(j, "、")
	if more := len(titles) - mostListed; more > 0 {
		en, ja = fmt.Sprintf("%s and %d more", en, more), fmt.Sprintf("%s、ほか%d件", ja, more)
	}
	return en, ja
}
