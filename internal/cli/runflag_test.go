package cli

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// Every command for the people of a run takes the run by --run, also where it may be an argument.
func TestTheRunIsNamedAlikeEverywhere(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`))
	}))
	defer srv.Close()
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
	t.Setenv("MUSTER_LANG", "en")
	for path, args := range map[string][]string{
		"approve":         {"approve"},
		"refuse":          {"approve", "--refuse", "not yet"},
		"strength":        {"strength"},
		"pause":           {"drill", "pause", "--reason", "x"},
		"abort":           {"drill", "abort", "--reason", "x"},
		"callout":         {"drill", "callout", "send"},
		"steps/reconcile": {"step", "done", "reconcile"},
		"confirm":         {"confirm", "closing"},
	} {
		asked = nil
		if code, _, talk := muster(t, append(args, "--run", "drl-7", "--as", "sato")...); code != 0 || !slices.Contains(asked, "/api/v1/runs/drl-7/"+path) {
			t.Errorf("%v: exit %d, asked %q: %s", args, code, asked, talk)
		}
	}
	if code, _, talk := muster(t, "approve", "drl-7", "--run", "drl-8", "--as", "sato"); code != 2 || !strings.Contains(talk, "named twice") {
		t.Errorf("exit %d, %s", code, talk)
	}
}
