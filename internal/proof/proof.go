// Package proof says whether a scenario, as its files are now, was proven by a run, or
// needs proof again and why.
package proof

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// MaxAge is how long a proof counts: a quarter and ten days of grace, so that a drill
// held each quarter is never overdue by a holiday (requirements C.4, C.5).
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
const looksBack = 20

// Of looks for the newest run that met all objectives of the scenario and compares what
// it used with p, the plan compiled from the files as they are now. Only runs that
// did something count: a tabletop or a walkthrough proves no objective.
func Of(ctx context.Context, store journal.Store, p plan.Plan, now time.Time) (Proof, error) {
	runs, err := store.Runs(ctx, journal.Filter{Scenario: p.Scenario.Name, Limit: looksBack})
	if err != nil {
		return Proof{}, err
	}
	var out Proof
	for _, r := range runs {
		if r.EndedAt == nil || r.Depth == run.Tabletop || r.Depth == run.Walkthrough {
			continue
		}
		used, err := store.Plan(ctx, r.PlanHash)
		if err != nil {
			return Proof{}, err
		}
		entries, err := store.Events(ctx, r.Run, 0, 0)
		if err != nil {
			return Proof{}, err
		}
		events := make([]run.Event, len(entries))
		for i, e := range entries {
			events[i] = e.Event
		}
		built, err := report.Build(used, events)
		if err != nil {
			return Proof{}, err
		}
		if built.Run.Verdict != run.Met {
			continue
		}
		out.Run, out.At = r.Run, r.EndedAt
		if used.Hash != p.Hash && !sameButDepth(used, p) {
			out.Reasons = append(out.Reasons, plan.Text{EN: "the plan has changed since run " + r.Run, JA: "実行 " + r.Run + " の後に計画が変更されています"})
		}
		if age := now.Sub(*r.EndedAt); age > MaxAge {
			out.Reasons = append(out.Reasons, plan.Text{EN: "the proof of run " + r.Run + " is older than 100 days", JA: "実行 " + r.Run + " による実証から100日を超えています"})
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
