package outcome_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Whom somebody else entered an answer for is known to be safe, and took no part: neither in the share of those who
// did, nor as a role that answers when it is called.
func TestWhoWasAnsweredForTookNoPart(t *testing.T) {
	at := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	said := func(by string) *report.Said { return &report.Said{At: at, By: by, Safety: run.Safe} }
	for name, c := range map[string]struct {
		person  report.PersonRecord
		share   float64
		answers outcome.Shown
	}{
		"answered":                        {report.PersonRecord{AnsweredAt: &at, First: said("ito")}, 1, outcome.Passed},
		"answered for":                    {report.PersonRecord{AnsweredAt: &at, EnteredBy: "sato", First: said("sato")}, 0, outcome.Nothing},
		"answered, and for them later":    {report.PersonRecord{AnsweredAt: &at, EnteredBy: "sato", First: said("ito"), Last: said("sato")}, 1, outcome.Passed},
		"answered for, and then by them":  {report.PersonRecord{AnsweredAt: &at, First: said("sato"), Last: said("ito")}, 1, outcome.Passed},
		"answered for, and came":          {report.PersonRecord{AnsweredAt: &at, ArrivedAt: &at, EnteredBy: "sato", First: said("sato")}, 1, outcome.Passed},
		"came without an answer":          {report.PersonRecord{ArrivedAt: &at}, 1, outcome.Nothing},
		"neither answered nor came to it": {report.PersonRecord{}, 0, outcome.Nothing},
	} {
		c.person.ID, c.person.Roles = "ito", []string{"operator"}
		o, err := outcome.Of(plan.Plan{}, report.Report{Run: report.Run{ID: "r", EndedAt: &at, StartedAt: at, Depth: run.Live, State: run.Recovered}, People: report.People{Called: 1, List: []report.PersonRecord{c.person}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := *o.People.Participation; got != c.share {
			t.Errorf("%s: a share of %v, want %v", name, got, c.share)
		}
		if got := o.Shows("people/answer/operator").Shown; got != c.answers {
			t.Errorf("%s: that the role answers is shown as %q, want %q", name, got, c.answers)
		}
	}
}
