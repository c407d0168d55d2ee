package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Where nothing starts because all is paused, who asks is told who paused it and how it goes on.
func TestPausedSchedulesSayHowTheyGoOn(t *testing.T) {
	list := []api.ScheduleView{{Schedule: "monthly", State: "in_effect"},
		{Schedule: "weekly", State: "paused", Note: "tanaka: the room is rebuilt", Since: time.Date(2026, 11, 1, 0, 30, 0, 0, time.UTC)}}
	for lang, all := range map[i18n.Lang][]string{i18n.EN: {"weekly is paused since 2026-11-01 00:30 UTC (tanaka: the room is rebuilt)"}, i18n.JA: {"weekly は一時停止中（2026-11-01 00:30 UTCから）"}} {
		c := &command{lang: lang, in: time.UTC}
		got := c.pausedSchedules(list)
		if len(got) != 1 {
			t.Fatalf("%s: %q", lang, got)
		}
		for _, want := range append(all, "muster schedule resume weekly") {
			if !strings.Contains(got[0], want) {
				t.Errorf("%s: %q does not say %q", lang, got[0], want)
			}
		}
	}
}

// In a list a remark shows what was said, cut short.
func TestARemarkShowsItsFirstWords(t *testing.T) {
	var f api.Finding
	f.Kind, f.Title.EN, f.Detail.EN = run.FindingRemark, "remark of sato", "the phone tree\nwas old, "+strings.Repeat("x", 100)
	if got := (&command{lang: i18n.EN}).findingTitle(f); !strings.HasPrefix(got, "remark of sato: the phone tree was old, xx") || !strings.HasSuffix(got, "…") || len(got) > 70 {
		t.Errorf("%q", got)
	}
}

// The server applies its own files: others that are named here would be taken for applied.
func TestApplyRefusesOtherPlanFiles(t *testing.T) {
	code, _, talk := muster(t, "schedule", "apply", "--plans", t.TempDir())
	if code != 2 || !strings.Contains(talk, "takes no --plans") || !strings.Contains(talk, "muster validate") {
		t.Errorf("exit %d: %s", code, talk)
	}
}

// The day on which a goal was judged is the organisation's, not that of the machine that shows it.
func TestTheDayOfAJudgementIsTheOrganisations(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var body any = map[string]string{"via": "token", "zone": "Pacific/Kiritimati"} // the 16th, where hardly any machine has it
		if strings.HasSuffix(r.URL.Path, "/goals") {
			body = []report.Pass{{ID: "manners", Verdict: run.Met, Judged: &report.Entry{By: "sato", At: time.Date(2027, 1, 15, 10, 30, 0, 0, time.UTC), Text: "polite"}}}
		}
		_, _ = w.Write(run.Encode(body))
	}))
	t.Cleanup(srv.Close)
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
	for lang, want := range map[string]string{"en": "judged by sato on 2027-01-16: polite", "ja": "sato が 2027-01-16 に判定: polite"} {
		if code, out, talk := muster(t, "coverage", "goals", "spring", "drl-1", "--lang", lang); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want %q in\n%s%s", code, want, out, talk)
		}
	}
}
