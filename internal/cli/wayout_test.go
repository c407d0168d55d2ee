package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// answering is a server that answers one path with a problem, and others with what is given.
func answering(t *testing.T, problems map[string]api.Problem, others map[string]any) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1")
		if p, ok := problems[at]; ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(p.Status)
			_ = json.NewEncoder(w).Encode(p)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(others[at])
	}))
	t.Cleanup(srv.Close)
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
	t.Setenv("MUSTER_LANG", "en")
}

// Whoever does not know whether a run has started is given what to ask again with.
func TestAStartOfUnknownOutcomeNamesItsRequest(t *testing.T) {
	answering(t, map[string]api.Problem{"POST /runs": {Status: 504, Code: api.CodeUnknownOutcome, Detail: "no answer came in time"}}, nil)
	for _, args := range [][]string{{"drill", "start", "tokyo-loss", "--as", "sato"}, {"drill", "start", "tokyo-loss", "--as", "sato", "--request-id", "the-request"}} {
		code, _, talk := muster(t, args...)
		_, id, found := strings.Cut(talk, "--request-id ")
		if code == 0 || !found || strings.TrimSpace(id) == "" || len(args) > 5 && !strings.HasPrefix(id, "the-request") {
			t.Errorf("%v: exit %d: %s", args, code, talk)
		}
	}
}

// The overview of a run is for everybody, its plan is not: without it the overview is shown all the same.
func TestARunIsShownWithoutItsPlan(t *testing.T) {
	sum := journal.Summary{Run: "tokyo-loss-1", Kind: run.Drill, State: run.Running}
	view := api.Run{Summary: sum, Overview: progress.Overview{Run: "tokyo-loss-1", Kind: run.Drill, State: run.Running, Waiting: []progress.Waiting{{For: progress.AwaitStep, Step: "announce", System: "orders", Role: "operator"}}}}
	answering(t, map[string]api.Problem{"GET /runs/tokyo-loss-1/plan": {Status: 403, Code: api.CodeRefused, Detail: "ito was not called in run tokyo-loss-1"}},
		map[string]any{"GET /runs/tokyo-loss-1": view, "GET /me": api.Me{Person: "ito", Zone: "Asia/Tokyo"}})
	code, out, talk := muster(t, "drill", "show", "tokyo-loss-1")
	if code != 0 || !strings.Contains(out, "tokyo-loss-1") || !strings.Contains(out, "announce") || !strings.Contains(talk, "with a part in the run") {
		t.Errorf("exit %d: %s\n%s", code, out, talk)
	}
}

// The list says of a run that it is being aborted, and not that it runs on.
func TestTheListSaysAborting(t *testing.T) {
	answering(t, nil, map[string]any{"GET /runs": []journal.Summary{{Run: "fire-2", Kind: run.Response, State: run.Running, Aborting: true}}, "GET /me": api.Me{Person: "ito", Zone: "Asia/Tokyo"}})
	for lang, want := range map[string]string{"en": "aborting", "ja": "中止処理中"} {
		if code, out, talk := muster(t, "drill", "list", "--lang", lang); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d: %s\n%s", code, out, talk)
		}
	}
}

// A server that is named and does not answer may be at work behind a line that is cut: nobody is told to start a second one.
func TestNoSecondServerIsStartedBesideOneThatIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
	for env, want := range map[string]struct{ en, ja string }{
		"MUSTER_SERVER=http://127.0.0.1:1":           {"start no other beside it", "並行して起動してはいけません"},
		"MUSTER_LISTEN=127.0.0.1:1":                  {"Start one with `muster up`", "`muster up`（"},
		"MUSTER_TEMPORAL_ADDRESS=temporal.test:7233": {"or `muster server`", "または `muster server`"},
	} {
		t.Run(env, func(t *testing.T) {
			t.Setenv("MUSTER_LISTEN", "127.0.0.1:1")
			name, value, _ := strings.Cut(env, "=")
			t.Setenv(name, value)
			for lang, way := range map[string]string{"en": want.en, "ja": want.ja} {
				code, _, talk := muster(t, "approve", "tokyo-loss-1", "--as", "suzuki", "--lang", lang)
				if code != exitFault || !strings.Contains(talk, way) || strings.Contains(talk, "unknown") || strings.Contains(talk, "不明") {
					t.Errorf("%s: exit %d: %s", lang, code, talk)
				}
				if starts := strings.Contains(talk, "`muster up`（") || strings.Contains(talk, "with `muster up`"); starts != strings.HasPrefix(env, "MUSTER_LISTEN") {
					t.Errorf("%s: told to start one: %s", lang, talk)
				}
			}
		})
	}
}

// An act that reached a server which then died may have been carried out, also when the next tries find nobody.
func TestAnActWhoseAnswerWasLostIsToldSo(t *testing.T) {
	for _, args := range [][]string{{"approve", "tokyo-loss-1", "--as", "suzuki"}, {"drill", "show", "tokyo-loss-1"}} {
		var srv *httptest.Server
		srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = srv.Listener.Close()
			panic(http.ErrAbortHandler)
		}))
		t.Cleanup(srv.Close)
		t.Chdir(t.TempDir())
		t.Setenv("MUSTER_SERVER", srv.URL)
		t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
		code, _, talk := muster(t, append(args, "--lang", "en")...)
		if told := strings.Contains(talk, "whether it happened is unknown") && strings.Contains(talk, "`muster drill show` tells"); code != exitFault || told != (args[0] == "approve") {
			t.Errorf("%v: exit %d: %s", args, code, talk)
		}
	}
}

// Who presses Ctrl-C while an act is under way hears that it may have happened, and what tells; before it was sent nothing has.
func TestAnInterruptedActSaysWhatMayHaveHappened(t *testing.T) {
	for args, want := range map[string][2]string{
		"drill start tokyo-loss --as sato --request-id again":                                 {"whether it started is unknown", "--request-id again starts nothing twice"},
		"activate tokyo-loss --as sato --reason fire --confirm tokyo-loss --request-id again": {"開始されたかどうかは不明です", "--request-id again を付けて再実行すれば"},
		"approve tokyo-loss-1 --as suzuki":                                                    {"whether it happened is unknown", "`muster drill show` tells"},
		"drill abort tokyo-loss-1 --as suzuki --reason over":                                  {"実行されたかどうかは不明です", "`muster drill show` で"},
		"drill release orders --as suzuki --reason over":                                      {"whether it happened is unknown", "do it again where it did not"},
		"drill show tokyo-loss-1":                                                             {"interrupted\n", ""},
		"drill start tokyo-loss --as sato (before it was sent)":                               {"interrupted; nothing was started", ""},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			interrupt()
			<-r.Context().Done()
		}))
		t.Chdir(t.TempDir())
		t.Setenv("MUSTER_SERVER", srv.URL)
		t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
		given, before := strings.CutSuffix(args, " (before it was sent)")
		if before {
			interrupt()
		}
		lang := i18n.EN
		if strings.ContainsFunc(want[0], func(r rune) bool { return r >= 0x3040 }) {
			lang = i18n.JA
		}
		var talk strings.Builder
		c := &command{Stdio: Stdio{In: strings.NewReader(""), Out: io.Discard, Err: &talk}, lang: lang}
		root := c.root()
		root.SetArgs(append(strings.Fields(given), "--lang", string(lang)))
		code := c.exit(ctx, root.ExecuteContext(ctx))
		for _, w := range want {
			if code != exitInterrupted || !strings.Contains(talk.String(), w) {
				t.Errorf("%s: exit %d, without %q: %s", args, code, w, talk.String())
			}
		}
		interrupt()
		srv.Close()
	}
}

// A release is no event of the run that left the lock: it is told where it stands.
func TestAReleaseSaysWhereItStands(t *testing.T) {
	answering(t, nil, map[string]any{"POST /systems/orders/release": workflows.Done{}})
	for lang, want := range map[string]string{"en": "stands in the access log (`muster people log`)", "ja": "アクセス記録に残りました（`muster people log`）"} {
		code, _, talk := muster(t, "drill", "release", "orders", "--as", "sato", "--reason", "restarted by hand", "--lang", lang)
		if code != 0 || !strings.Contains(talk, want) || strings.Contains(talk, "journal") {
			t.Errorf("%s: exit %d: %s", lang, code, talk)
		}
	}
}

// That none of those asked for is there does not mean that there is no run.
func TestAListOfNoneSaysOfWhat(t *testing.T) {
	answering(t, nil, map[string]any{"GET /runs": []journal.Summary{}})
	for args, want := range map[string]string{"drill list --open": "`muster drill list` shows all", "drill list --scenario tokyo-loss": "`muster drill list` shows all", "drill list": "`muster drill start SCENARIO`"} {
		if code, _, talk := muster(t, strings.Fields(args)...); code != 0 || !strings.Contains(talk, want) {
			t.Errorf("%s: exit %d: %s", args, code, talk)
		}
	}
}
