package main

import (
	"fmt"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/muster-dr/muster/internal/metrics"
)

// labels says of each label which set its values come from. A label that is not here may not be used: its
// values would have no bound.
var labels = map[string]string{
	"action":      "the actions that are compiled in",
	"token":       "public IDs of tokens in use, never who or what they open",
	"certificate": "`server`, `gateway_ca`, `site`, `engine_client`, `engine_ca`, `store_client`, `store_ca`; `store_server` is the one of the store's servers that ends first",
	"channel":     "the channels of the settings",
	"depth":       "the depths of runs; `none` where a run's is not known",
	"for":         "what people are asked to do (`decision`, `approval`, `step` and so on); of break-glass `activation`, `recovery`, `step`",
	"function":    "the functions of the estate's systems",
	"kind":        "kinds of runs, of findings, or of security alarms",
	"level":       "the levels of the estate's RLO, in per cent; of security alarms `alarm` or `notice`",
	"matter":      "what messages are about",
	"method":      "HTTP methods; `other`",
	"operation":   "`append`, `read`, `documents`, `outcomes`, `access_log`, `ping`",
	"outcome":     "outcomes of steps, messages or alarms",
	"phase":       "the phases of runs",
	"place":       "numbers of the entries in evidence.copy_to",
	"property":    "`rto`, `rpo`, `rlo`, `restore`, `failback`",
	"route":       "the routes of the API; `none`",
	"row":         "rows of the programme",
	"scenario":    "the scenarios of the plans directory",
	"site":        "the estate's sites",
	"source":      "the alarm sources of the settings",
	"state":       "states of runs, findings, proofs, evidence or schedules",
	"status":      "HTTP statuses; of planned drills what became of them",
	"system":      "the estate's systems",
	"verdict":     "`met`, `missed`, `not_proven`",
	"version":     "the one version that runs",
}

const head = `# Metrics

[日本語](metrics.ja.md)

What ` + "`/metrics`" + ` of ` + "`muster up` and `muster server`" + ` shows, made from the code by ` + "`make generate`" + `. Base units: seconds and ratios. No
label holds a person, a run, a host or a text of an error: sets without a bound, and personal data, are in the record and not here.

Gauges of more than one reading ask the store and the engine when they are scraped, at most once in 10 to 60 seconds. A gauge
that can't be read now is left out rather than kept at its last value; ` + "`muster_engine_up` and `muster_store_errors_total`" + ` say why. Histograms
marked *native* are native histograms too, for a Prometheus that asks for them.

Beside these are ` + "`go_…` and `process_…`" + ` of the process, and ` + "`temporal_…`" + ` of the Temporal SDK, which its own documentation describes.

| Metric | Type | Labels | What it says |
|---|---|---|---|
`

// document lists what m shows.
func document(m *metrics.Metrics) (string, error) {
	families, err := m.Gatherer().Gather()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	used := map[string]bool{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "muster_") {
			continue
		}
		var names []string
		kind := strings.ToLower(f.GetType().String())
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				if !slices.Contains(names, l.GetName()) {
					names = append(names, l.GetName())
				}
			}
			if native(one.GetHistogram()) {
				kind = "histogram, native"
			}
		}
		for i, n := range names {
			if labels[n] == "" {
				return "", fmt.Errorf("%s has the label %q, and internal/metrics/write does not say what bounds its values", f.GetName(), n)
			}
			used[n], names[i] = true, "`"+n+"`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), kind, strings.Join(names, ", "), f.GetHelp())
	}
	b.WriteString("\n## Labels\n\n| Label | Values |\n|---|---|\n")
	for _, n := range sorted(used) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", n, labels[n])
	}
	return b.String(), nil
}

func native(h *dto.Histogram) bool { return h != nil && h.Schema != nil }

func sorted(set map[string]bool) []string {
	var out []string
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
