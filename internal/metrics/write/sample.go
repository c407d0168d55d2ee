package main

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// past is a record store with one run of everything that is counted.
type past struct{ journal.Store }

var at = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

func (past) Append(context.Context, []run.Event) error                           { return nil }
func (past) Events(context.Context, string, int64, int) ([]journal.Entry, error) { return nil, nil }

func (past) Runs(_ context.Context, f journal.Filter) ([]journal.Summary, error) {
	one := journal.Summary{Run: "r", Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", State: run.Running, StartedAt: at}
	if f.Run == "" {
		one.State, one.EndedAt = run.Recovered, &at
	}
	return []journal.Summary{one}, nil
}

// sample is a server's whole set with a sample of every series that needs one to show.
func sample() *metrics.Metrics {
	m := metrics.New("1.2.3")
	store := past{}
	m.Runs(store)
	m.Request("/api/v1/runs/{run}", "GET", 200, time.Millisecond)
	event := func(kind run.EventKind, data any) run.Event {
		return run.Event{Run: "r", Writer: "run", At: at, Kind: kind, Phase: run.Recovery, By: "sato", System: "orders", Action: "postgres.promote", Outcome: run.Passed, Data: run.Encode(data)}
	}
	_ = m.Counted(m.Timed(store)).Append(context.Background(), []run.Event{event(run.PhaseStarted, nil), event(run.DecisionAsked, nil), event(run.DecisionMade, nil),
		event(run.PhaseEnded, nil), event(run.StepEnded, run.StepResult{DurationS: 1})})
	m.Security()
	m.Alarms([]string{"siren"}, []string{"siren"}).Answered("siren", at)
	m.Channels("mail").Delivered("mail", channel.Call, "delivered", time.Second)
	m.ChannelStates(func() map[string]string { return map[string]string{"mail": "ok"} })
	m.Evidence(func() metrics.Evidence { return metrics.Evidence{Copies: []int{0}} })
	m.Findings(func(context.Context) ([]finding.Finding, error) { return nil, nil }, func(context.Context) ([]proof.System, time.Time, error) {
		return []proof.System{{System: "orders", Properties: []proof.Property{{Property: outcome.RTO, State: proof.Fresh, At: &at}}}}, at, nil
	})
	m.Programme(func(context.Context) ([]programme.Item, error) { return []programme.Item{{Row: "autumn"}}, nil })
	m.Schedules([]string{"in_effect", "paused"}, func(context.Context) (map[string]int, error) { return map[string]int{"in_effect": 1}, nil })
	s := 60.0
	var figures []metrics.Figure
	for _, kind := range []string{"rto", "rpo", "rlo", "restore", "restore_point", "failback_outage"} {
		figures = append(figures, metrics.Figure{Kind: kind, Level: 50, ObjectiveS: &s, ActualS: &s})
	}
	m.Attained(func(context.Context) ([]metrics.Attained, error) {
		return []metrics.Attained{{System: "orders", Property: outcome.RTO, Verdict: run.Met, Figures: figures}}, nil
	})
	m.Open(func(context.Context) (metrics.Open, time.Time, error) {
		return metrics.Open{Waits: []metrics.Wait{{Kind: run.Drill, For: progress.AwaitDecision, Since: at}}, Functions: []metrics.Function{{System: "orders", Function: "read"}}}, at, nil
	})
	m.Plant(metrics.Plant{
		Tokens: func(context.Context) (map[string]time.Time, error) {
			return map[string]time.Time{"k3v9xq2m": at.AddDate(0, 2, 0)}, nil
		},
		Sites:  func(context.Context) ([]metrics.Site, error) { return []metrics.Site{{Site: "osaka"}}, nil },
		Engine: func(context.Context) metrics.Engine { return metrics.Engine{Canary: &metrics.Canary{}} },
		Parked: func(context.Context) (map[run.Kind]int, error) { return nil, nil },
		Left:   func(context.Context) (map[string]bool, error) { return map[string]bool{"orders": false}, nil },
		Ready:  func(context.Context) ([]metrics.Ready, error) { return []metrics.Ready{{Scenario: "tokyo-loss"}}, nil },
		Certificates: func(context.Context) []metrics.Certificate {
			return []metrics.Certificate{{Certificate: "site", Site: "osaka", NotAfter: at}}
		},
	})
	return m
}
