package slack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// One open run that can't be read does not take away what waits in the others.
func TestTasksOfRunsBesideOneThatCantBeRead(t *testing.T) {
	o := staffed(t, func(x *Options) {
		x.Door = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var out any
			switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/runs"); {
			case path == "":
				out = []journal.Summary{{Run: "old-1", Kind: run.Drill}, {Run: "fire-2", Kind: run.Response}}
			case path == "/fire-2":
				out = api.Run{Summary: journal.Summary{Run: "fire-2", Kind: run.Response}, Overview: progress.Overview{Run: "fire-2", Waiting: []progress.Waiting{{For: progress.AwaitSafety, People: []string{"p001"}}}}}
			case path == "/fire-2/plan":
				out = plan.Plan{}
			default:
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusServiceUnavailable)
				out = api.Problem{Status: http.StatusServiceUnavailable, Code: api.CodeStore, Detail: "read plan 0123: it was altered"}
			}
			_ = json.NewEncoder(w).Encode(out)
		})
	})
	blocks, err := o.c.tasks(t.Context(), person{id: "p001", user: member(1), lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"checkin.safe", "fire-2", "old-1 can't be read", "it was altered"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}
