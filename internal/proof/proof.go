// Package proof says what is proven, how long ago, and whether it still counts: of a scenario as its
// files are now, and of every system, by property. It reads what ended runs came to, never their journals.
package proof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// MaxAge is how long a proof counts where the files don't say: a quarter and ten days of grace, so
// that a drill held each quarter is never overdue by a holiday (requirements C.4, C.5).
const MaxAge = 100 * 24 * time.Hour

// Proof is what is known of a scenario.
type Proof struct {
	Proven bool       `json:"proven"`
	Run    string     `json:"run,omitempty"` // the newest run whose verdict is met
	At     *time.Time `json:"at,omitempty"`  // its end
	// Reasons say why proof is needed; empty when it is proven.
	Reasons []plan.Text `json:"needs_proof,omitempty"`
}

// looksBack bounds how many ended runs of a scenario are looked through.
const looksBack = 50

// Of looks for the newest run that met all objectives of the scenario and compares what
// it used with p, the plan compiled from the files as they are now. Only runs that
// did something count: a tabletop or a walkthrough proves no objective. maxAge is how long a
// proof counts; 0 is MaxAge.
func Of(ctx context.Context, store journal.Store, p plan.Plan, now time.Time, maxAge time.Duration) (Proof, error) {
	if maxAge == 0 {
		maxAge = MaxAge
	}
	ended, err := outcome.List(ctx, store, journal.OutcomeFilter{Scenario: p.Scenario.Name, Limit: looksBack})
	if err != nil {
		return Proof{}, err
	}
	var out Proof
	for _, o := range ended {
		if o.Verdict != run.Met || !o.Ran() {
			continue
		}
		at := o.EndedAt
		out.Run, out.At = o.Run, &at
		if o.PlanHash != p.Hash {
			used, err := store.Plan(ctx, o.PlanHash)
			if err != nil && !errors.Is(err, journal.ErrNotFound) { // its record may have been removed since
				return Proof{}, err
			}
			if err != nil || !sameButDepth(used, p) {
				out.Reasons = append(out.Reasons, plan.Text{EN: "the plan has changed since run " + o.Run, JA: "実行 " + o.Run + " の後に計画が変更されています"})
			}
		}
		if age := now.Sub(at); age > maxAge {
			days := int(maxAge / (24 * time.Hour))
			out.Reasons = append(out.Reasons, plan.Text{EN: fmt.Sprintf("the proof of run %s is older than %d days", o.Run, days),
				JA: fmt.Sprintf("実行 %s による実証から%d日を超えています", o.Run, days)})
		}
		break
	}
	if out.Run == "" {
		out.Reasons = append(out.Reasons, plan.Text{EN: "no run has met its objectives yet", JA: "目標をすべて達成した実行がまだありません"})
	}
	out.Proven = len(out.Reasons) == 0
	return out, nil
}

// sameButDepth reports whether two plans differ in nothing but how far they reach: a
// response is compiled for depth real, and proves what a live drill does.
func sameButDepth(a, b plan.Plan) bool {
	a.Scenario.Depth = b.Scenario.Depth
	return a.Seal() == nil && a.Hash == b.Hash
}
