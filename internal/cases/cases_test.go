package cases_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/cases"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

func aCase(name string, ids ...string) cases.Case {
	return cases.Case{File: name + ".yaml", Plan: plan.Plan{Hash: "now", Scenario: plan.Scenario{Name: name, Requirements: ids,
		Pass: []plan.Criterion{{ID: "kept", Text: plan.Text{EN: "It held"}}}}}}
}

// Nothing that is missing goes unnamed.
func TestCheck(t *testing.T) {
	rows := []cases.Row{{ID: "E-1"}, {ID: "E-2"}, {ID: "E-3"}, {ID: "E-4", Owed: "later"}, {ID: "E-5", Owed: "later"}}
	got := strings.Join(cases.Check(rows, []cases.Case{aCase("ran", "E-1", "E-5"), aCase("fresh", "E-2"), aCase("stray", "E-9")},
		cases.Results{"ran": {}}), "\n")
	for _, want := range []string{"E-2: 0 of its 1 scenarios", "E-3 has no scenario", "E-5 is marked as owed", "stray.yaml proves E-9"} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing says %q:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 3 {
		t.Errorf("more is said:\n%s", got)
	}
}

func TestDocument(t *testing.T) {
	rows := []cases.Row{{ID: "E-1", Title: plan.Text{EN: "Power", JA: "電源"}}, {ID: "E-2", Title: plan.Text{EN: "Water"}, Owed: "later"}}
	doc := cases.Document(rows, []cases.Case{aCase("ran", "E-1"), aCase("never", "E-1")}, cases.Results{"ran": {Plan: "before", Verdict: run.Missed,
		Pass: []report.Pass{{ID: "kept", Verdict: run.Missed, Why: plan.Text{EN: "the record says otherwise"}, Simulated: []string{"people"}}}}})
	for _, want := range []string{"| E-1 | Power / 電源 | [ran](#ran)", "(files changed since) | ✕ 0/1", "| never | none |", "none yet: later",
		"- ✕ It held — the record says otherwise *(simulated: people)*", "- ? It held — never run"} {
		if !strings.Contains(doc, want) {
			t.Errorf("the document does not hold %q:\n%s", want, doc)
		}
	}
}

// The list of rows is whole and in both languages.
func TestRows(t *testing.T) {
	rows, err := cases.Rows()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range rows {
		if r.Title.EN == "" || r.Title.JA == "" || slices.Contains(ids, r.ID) {
			t.Errorf("%+v", r)
		}
		ids = append(ids, r.ID)
	}
	if len(ids) != 42 {
		t.Errorf("%d rows, want 42: %v", len(ids), ids)
	}
}
