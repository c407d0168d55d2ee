package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// What people read is in the organisation's zone, which is named, wherever this machine is;
// what programs read is RFC 3339.
func TestTimesAreTheOrganisations(t *testing.T) {
	store := peopleServerOf(t, plan.Estate{Name: "test", Zone: "Asia/Tokyo", People: []plan.Person{{ID: "sato"}}})
	if err := recorded(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	raised := time.Date(2026, 11, 19, 15, 30, 0, 0, time.UTC)
	body, err := json.Marshal(alarm.Proposal{ID: "12ab", State: alarm.Open, Kind: run.Response, Scenario: "tokyo-loss", Source: "quakes", RaisedAt: raised, Expires: raised.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: "12ab", Body: body}); err != nil {
		t.Fatal(err)
	}
	if code, out, talk := muster(t, "drill", "list"); code != 0 || !strings.Contains(out, "2026-11-19 14:00:00 JST") {
		t.Errorf("drill list: exit %d\n%s%s", code, out, talk)
	}
	if code, out, talk := muster(t, "proposal", "list"); code != 0 || !strings.Contains(out, "2026-11-20 00:30:00 JST") {
		t.Errorf("proposal list: exit %d\n%s%s", code, out, talk)
	}
	code, _, talk := muster(t, "people", "token", "sato")
	if code != 0 || !regexp.MustCompile(`until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d JST`).MatchString(talk) {
		t.Errorf("people token: exit %d, %s", code, talk)
	}
	if _, out, _ := muster(t, "people", "tokens"); strings.Count(out, " JST") != 2 {
		t.Errorf("people tokens:\n%s", out)
	}
	if _, out, _ := muster(t, "people", "tokens", "--lang", "ja"); !strings.HasPrefix(out, "ID") || !strings.Contains(out, "最終使用") || strings.Contains(out, "revoked") {
		t.Errorf("people tokens in Japanese:\n%s", out)
	}
	if _, out, _ := muster(t, "people", "tokens", "-o", "csv"); strings.Contains(out, "JST") || !regexp.MustCompile(`,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,`).MatchString(out) {
		t.Errorf("people tokens for a spreadsheet:\n%s", out)
	}
}
