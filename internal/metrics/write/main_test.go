package main

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// What Prometheus' own linter says of names, units and types holds for every series.
func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := testutil.GatherAndLint(sample().Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "muster_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// The document has every series that the alert rules and the dashboard may use, and each label's bound.
func TestEverySeriesIsDocumentedAndBounded(t *testing.T) {
	text, err := document(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{"muster_achieved_rto_seconds", "muster_objective_rlo_seconds", "muster_objective_verdict", "muster_proof_age_seconds", "muster_planned_drill_overdue",
		"muster_phase_duration_seconds` | histogram, native", "muster_person_wait_oldest_seconds", "muster_person_answer_duration_seconds", "muster_site_workers", "muster_function_up",
		"muster_engine_canary_up", "muster_channel_delivery_duration_seconds", "muster_store_errors_total", "muster_evidence_oldest_waiting_seconds", "muster_certificate_not_after_timestamp_seconds"} {
		if !strings.Contains(text, must) {
			t.Errorf("%s is not documented", must)
		}
	}
	for _, no := range []string{"run", "person", "host", "err", "error", "by", "owner", "name", "mail"} {
		if labels[no] != "" {
			t.Errorf("%q is a label", no)
		}
	}
	kept, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Error("docs/metrics.md is not current: make generate")
	}
}
