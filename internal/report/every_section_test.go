package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// The page sets its sections one by one: one that is made and forgotten there would be in every form but the one that people read.
func TestEverySectionIsOnThePage(t *testing.T) {
	var page bytes.Buffer
	d := newDocument(Report{})
	d.Sections = nil
	ids := []string{"attainment", "trend", "pass", "curve", "time", "timeline", "people", "situation", "communications", "decisions", "break-glass", "reporting", "findings", "review", "basis", "evidence", "crosswalk"}
	for _, id := range ids {
		d.Sections = append(d.Sections, section{ID: id, Title: plan.Text{EN: "heading of " + id, JA: id}})
	}
	if err := writeHTML(&page, d, []i18n.Lang{i18n.EN}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !strings.Contains(page.String(), `<section id="`+id+`"`) {
			t.Errorf("the page has no section %q", id)
		}
	}
	// What a report has is among these.
	for _, s := range newDocument(Report{BreakGlass: []BreakGlass{{What: "approval"}}}).Sections {
		if !strings.Contains(" "+strings.Join(ids, " ")+" ", " "+s.ID+" ") {
			t.Errorf("a report has the section %q, which this test does not know", s.ID)
		}
	}
}
