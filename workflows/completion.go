package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// reportCompletion has the recovery reported as complete, or as partial, to those who
// wait for it (B-STP-12).
func (r *response) reportCompletion(ctx workflow.Context) (run.Outcome, string) {
	var called, partial []string
	doubtful := false
	for _, m := range r.people {
		if m.called {
			called = append(called, m.plan.ID)
		}
	}
	for _, s := range r.systems {
		if !s.restored {
			partial = append(partial, s.plan.Name)
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
		r.tell(ctx, called, "Recovery ended; some systems are not proven to be in service.", "復旧作業は終了しましたが、稼働を確認できていないシステムがあります。")
	}
	r.reportSituation(ctx, triggerCompletion, "")
	r.simulateConfirm(ctx, run.Completion, "")
	return r.untilConfirmed(ctx, run.Completion)
}
