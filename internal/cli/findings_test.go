package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A finding from the command line: listed, looked at, given to somebody, waived; in the reader's
// language, with exit codes for a pipeline.
func TestFindings(t *testing.T) {
	store := peopleServerOf(t, plan.Estate{Name: "test", Zone: "Asia/Tokyo", People: []plan.Person{{ID: "sato", Roles: []string{"commander"}}, {ID: "tanaka", Roles: []string{"operator"}}}})
	ended := time.Now().UTC().AddDate(0, 0, -60)
	o := outcome.Outcome{Version: outcome.Version, Run: "loss-1", Kind: run.Drill, Depth: run.Live, Scenario: "loss", State: run.Recovered, EndedAt: ended, Systems: []outcome.System{{ID: "orders"}},
		Findings: []outcome.Finding{{Place: "budget/orders/failover/promote", Kind: run.FindingBudget, System: "orders", Step: "promote", Title: plan.Text{EN: "promote took too long", JA: "promote が目安時間を超過"}, Owner: "sato", Due: ended.AddDate(0, 0, 30).Format(time.DateOnly)}}}
	if err := outcome.Put(t.Context(), store, o); err != nil {
		t.Fatal(err)
	}
	id := finding.IDOf("budget/orders/failover/promote")
	says := func(code int, wants string, args ...string) string {
		t.Helper()
		got, out, talk := muster(t, args...)
		if got != code || !strings.Contains(out+talk, wants) {
			t.Errorf("muster %s: exit %d, want %d with %q\n%s%s", strings.Join(args, " "), got, code, wants, out, talk)
		}
		return out
	}
	says(0, "OVERDUE", "findings", "list")
	says(3, "promote が目安時間を超過", "findings", "list", "--check", "--lang", "ja")
	says(0, "no findings", "findings", "list", "--system", "stock")
	says(0, "a run at depth live or deeper", "findings", "show", strings.ToLower(id[:6]))
	says(0, "loss-1", "findings", "show", id)
	due := time.Now().AddDate(0, 0, 90).Format(time.DateOnly)
	says(0, due, "findings", "assign", id, "--owner", "tanaka", "--due", due, "--as", "sato")
	says(4, "tanaka", "findings", "list", "--check", "--owner", "tanaka")
	says(2, "--reason", "findings", "waive", id, "--until", due, "--as", "sato")
	says(0, "容認（"+due+" まで）", "findings", "waive", id, "--until", due, "--reason", "新しい機器が入る", "--as", "sato", "--lang", "ja")
	says(0, "", "findings", "list", "--check")
	says(2, "no finding", "findings", "show", "F-NOTHING")
	says(5, "closed by nobody's word", "findings", "confirm", id, "--run", "loss-1", "--reason", "fine", "--as", "sato")
	says(2, "tanuki", "findings", "assign", id, "--owner", "tanuki", "--as", "sato")
	says(0, "予備の鍵がない", "findings", "add", "予備の鍵がない", "--owner", "tanaka", "--as", "sato")
	var list []api.Finding
	if err := json.Unmarshal([]byte(says(0, id, "findings", "list", "--state", "all", "-o", "json")), &list); err != nil || len(list) != 2 {
		t.Errorf("as JSON: %d, %v", len(list), err)
	}
}
