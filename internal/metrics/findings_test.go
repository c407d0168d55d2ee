package metrics

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// Findings and the age of proofs are in /metrics with labels that name no person and no run.
func TestFindingsAndFreshness(t *testing.T) {
	m := New("test")
	now := time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)
	proven, days := now.Add(-120*24*time.Hour), 120
	m.Findings(func(context.Context) ([]finding.Finding, error) {
		return []finding.Finding{
			{ID: "F-1", Kind: run.FindingObjective, State: finding.Open, Overdue: true, Owner: "sato", System: "orders"},
			{ID: "F-2", Kind: run.FindingObjective, State: finding.Waived}, {ID: "F-3", Kind: run.FindingObjective, State: finding.Closed}}, nil
	}, func(context.Context) ([]proof.System, time.Time, error) {
		return []proof.System{{System: "orders", Properties: []proof.Property{
			{Property: outcome.RTO, State: proof.Expired, Run: "loss-7", At: &proven, Days: &days, Simulated: []outcome.Simulated{outcome.SimulatedPeople}}, {Property: outcome.RPO, State: proof.Never}, {Property: outcome.Failback, State: proof.Missed}, {Property: outcome.RLO, State: proof.NotSet}}}}, now, nil
	})
	text := scrape(t, m)
	for _, want := range []string{
		`muster_findings_open{kind="objective",state="open"} 1`, `muster_findings_open{kind="objective",state="waived"} 1`, `muster_findings_open{kind="budget",state="open"} 0`,
		`muster_findings_overdue{kind="objective"} 1`, `muster_proof_age_seconds{property="rto",system="orders"} 1.0368e+07`,
		`muster_proof_needed{property="rto",system="orders"} 1`, `muster_proof_needed{property="rpo",system="orders"} 1`, `muster_proofs{state="expired"} 1`, `muster_proofs{state="fresh"} 0`, `muster_proofs{state="missed"} 1`, `muster_proof_needed{property="failback",system="orders"} 1`, `muster_proof_simulated{property="rto",system="orders"} 1`, `muster_proofs_known 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, grep(text, "muster_finding", "muster_proof"))
		}
	}
	for _, not := range []string{"sato", "loss-7", `property="rlo"`, `muster_proof_age_seconds{property="rpo"`} {
		if strings.Contains(text, not) {
			t.Errorf("%s is in the metrics", not)
		}
	}
}

// Plan files with a mistake take no other figure away.
func TestAMistakeInAFileLeavesTheMetrics(t *testing.T) {
	m := New("test")
	m.Findings(func(context.Context) ([]finding.Finding, error) { return nil, nil },
		func(context.Context) ([]proof.System, time.Time, error) {
			return nil, time.Time{}, errors.New("estate.yaml:3: a mistake")
		})
	text := scrape(t, m)
	if !strings.Contains(text, "muster_proofs_known 0\n") || !strings.Contains(text, `muster_findings_open{kind="step",state="open"} 0`) || strings.Contains(text, "muster_proof_") {
		t.Errorf("%s", grep(text, "muster_finding", "muster_proof"))
	}
}

func grep(text string, words ...string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		for _, w := range words {
			if strings.HasPrefix(line, w) {
				out = append(out, line)
			}
		}
	}
	return strings.Join(out, "\n")
}
