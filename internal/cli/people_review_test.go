package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/plan"
)

// Whoever acts over the server's own token is no stranger, and an alarm comes with its way out.
func TestTheAccessReviewKnowsTheConsoleAndSaysWhatToDo(t *testing.T) {
	store := peopleServerOf(t, plan.Estate{Name: "review", People: []plan.Person{{ID: "second", Roles: []string{"member"}}, {ID: "chief", Roles: []string{"commander"}}},
		Grants: []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayFindings}}}})
	if code, _, talk := muster(t, "findings", "add", "a finding", "--as", "second"); code == 0 {
		t.Fatal(talk)
	}
	now := time.Now()
	if err := store.Note(t.Context(), journal.Access{At: now, Act: lookout.ActRaised, Object: "guessing: 192.0.2.1", Outcome: "raised"}); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][]string{
		"en": {"console as second", "break-glass", "0 refusals of nobody known", "- repeated failed sign-ins: Ask whose address it is", "docs/alerts.md#mustersecurityalarm"},
		"ja": {"console as second", "緊急権限", "不明な相手の拒否 0 件", "- サインインの失敗が繰り返されています：接続元が誰のものか", "docs/alerts.ja.md#mustersecurityalarm"},
	} {
		t.Setenv("MUSTER_LANG", lang)
		code, out, talk := muster(t, "people", "review", now.UTC().Format("2006-01"))
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: exit %d, no %q in:\n%s%s", lang, code, w, out, talk)
			}
		}
		if strings.Contains(out, "break_glass") {
			t.Error(out)
		}
	}
	t.Setenv("MUSTER_LANG", "en")
	if _, out, _ := muster(t, "people", "review", now.UTC().Format("2006-01"), "-o", "csv"); !strings.HasPrefix(out, "person,came,read,refused,break_glass,last,from\n") {
		t.Errorf("a program reads %q", out)
	}
	if _, out, _ := muster(t, "people", "review", "--help"); !strings.Contains(out, "text or json; csv too") {
		t.Error(out)
	}
}
