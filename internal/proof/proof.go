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
	// Simulated is what was not the real thing in it.
	Simulated []outcome.Simulated `json:"simulated,omitempty"`
	MissedIn  string              `json:"missed_in,omitempty"` // a newer run that missed an objective
	// Reasons say why proof is needed; empty when it is proven.
	Reasons []plan.Text `json:"needs_proof,omitempty"`
}

// looksBack bounds how many ended runs of a scenario are looked through.
const looksBack = 50

// Of looks for the newest run that met all objectives of the scenario and compares what
// it used with p, the plan compiled from the files as they are now. Only runs that
// did something count: a tabletop or a walkthrough proves no objective. A newer run that missed one
// takes the proof away. maxAge is how long a
// proof counts; 0 is MaxAge.
func Of(ctx context.Context, store journal.Store, p plan.Plan, now time.Time, maxAge time.Duration) (Proof, error) {
	if maxAge == 0 {
		maxAge = MaxAge
	}
	ended, err := outcome.List(ctx, store, journal.OutcomeFilter{Scenario: p.Scenario.Name, Limit: looksBack})
	if err != nil {
		return Proof{}, err
	}
	out, found := Proof{}, false
	for _, o := range ended {
		real := len(o.Simulations()) == 0
		switch {
		case !o.Ran():
			continue
		case o.Verdict == run.Missed && out.MissedIn == "" && (real || !found): // no simulated run makes a real miss good
			out.MissedIn = o.Run
			out.Reasons = append(out.Reasons, plan.Text{EN: "run " + o.Run + " has missed an objective", JA: "実施 " + o.Run + " で目標が未達でした"})
		case o.Verdict == run.Met && (real || !found):
			one, err := by(ctx, store, o, p, now, maxAge)
			if err != nil {
				return Proof{}, err
			}
			switch {
			case !found:
				one.MissedIn, one.Reasons = out.MissedIn, append(out.Reasons, one.Reasons...)
				out, found = one, true
			case len(one.Reasons) == 0: // what the real thing shows is worth more, as long as it counts
				out = one
			}
		}
		if found && (len(out.Simulated) == 0 || real || out.MissedIn != "") {
			break
		}
	}
	if out.Run == "" {
		out.Reasons = append(out.Reasons, plan.Text{EN: "no run has met its objectives yet", JA: "目標をすべて達成した実施がまだありません"})
	}
	out.Proven = len(out.Reasons) == 0
	return out, nil
}

// by is what a run that met everything proves of p.
func by(ctx context.Context, store journal.Store, o outcome.Outcome, p plan.Plan, now time.Time, maxAge time.Duration) (Proof, error) {
	at := o.EndedAt
	out := Proof{Run: o.Run, At: &at, Simulated: o.Simulations()}
	if o.PlanHash != p.Hash {
		used, err := store.Plan(ctx, o.PlanHash)
		if err != nil && !errors.Is(err, journal.ErrNotFound) { // its record may have been removed since
			return Proof{}, err
		}
		if err != nil || !sameButDepth(used, p) {
			out.Reasons = append(out.Reasons, plan.Text{EN: "the plan has changed since run " + o.Run, JA: "実施 " + o.Run + " の後に計画が変更されています"})
		}
	}
	if now.Sub(at) > maxAge {
		days := int(maxAge / (24 * time.Hour))
		out.Reasons = append(out.Reasons, plan.Text{EN: fmt.Sprintf("the proof of run %s is older than %d days", o.Run, days),
			JA: fmt.Sprintf("実施 %s による立証から%d日を超えています", o.Run, days)})
	}
	return out, nil
}

// sameButDepth reports whether two plans differ in nothing but how far they reach: a
// response is compiled for depth real, and proves what a live drill does. Nor does it matter what
// people call roles, which plans of before don't say.
func sameButDepth(a, b plan.Plan) bool {
	a.Scenario.Depth, a.Estate.Roles = b.Scenario.Depth, b.Estate.Roles
	return a.Seal() == nil && a.Hash == b.Hash
}
