package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// Whoever stops or holds the drill without naming it does not stop the real response, when the drill has just ended.
func TestWhatIsRealIsNotStoppedUnnamed(t *testing.T) {
	var asked []string
	only := journal.Summary{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet && r.URL.Path == "/api/v1/runs" {
			_ = json.NewEncoder(w).Encode([]journal.Summary{only})
			return
		}
		asked = append(asked, r.URL.Path)
		_, _ = w.Write([]byte(`{}`))
	}))
	defer srv.Close()
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
	t.Setenv("MUSTER_LANG", "en")
	for _, act := range []string{"abort", "pause"} {
		args := []string{"drill", act, "--reason", "x", "--as", "sato"}
		asked, only = nil, journal.Summary{Run: "tokyo-loss-real-1", Kind: run.Response, State: run.Running}
		if code, _, talk := muster(t, args...); code != 2 || len(asked) != 0 || !strings.Contains(talk, "tokyo-loss-real-1 is REAL") || !strings.Contains(talk, "muster drill "+act+" tokyo-loss-real-1") {
			t.Errorf("%s: exit %d, asked %q: %s", act, code, asked, talk)
		}
		if code, _, talk := muster(t, append(args, "--run", only.Run)...); code != 0 || !slices.Contains(asked, "/api/v1/runs/tokyo-loss-real-1/"+act) {
			t.Errorf("%s, named: exit %d, asked %q: %s", act, code, asked, talk)
		}
		asked, only = nil, journal.Summary{Run: "tokyo-loss-1", Kind: run.Drill, State: run.Running}
		if code, _, talk := muster(t, args...); code != 0 || !slices.Contains(asked, "/api/v1/runs/tokyo-loss-1/"+act) {
			t.Errorf("%s of the only drill: exit %d, asked %q: %s", act, code, asked, talk)
		}
	}
}
