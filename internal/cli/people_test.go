package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// peopleServer is a server that knows who comes, and nothing else; commands find it.
func peopleServer(t *testing.T) journal.Store {
	t.Helper()
	return peopleServerOf(t, plan.Estate{})
}

// peopleServerOf is one of an organisation.
func peopleServerOf(t *testing.T, e plan.Estate) journal.Store {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	const console = "the-server's-own-token-of-the-test"
	server := &api.Server{Store: store, Log: slog.New(slog.DiscardHandler), Identity: identity.New(store, identity.Options{Console: console})}
	if e.Name != "" {
		server.Estate = func(context.Context) (plan.Estate, error) { return e, nil }
	}
	srv := httptest.NewServer(server.Handler())
	t.Cleanup(func() { srv.Close(); _ = store.Close() })
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", console)
	t.Setenv("MUSTER_LANG", "en")
	return store
}

func muster(t *testing.T, args ...string) (code int, out, talk string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(args, Stdio{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestPersonalTokenComesInWithoutSayingWho(t *testing.T) {
	peopleServer(t)
	code, secret, talk := muster(t, "people", "token", "sato", "--name", "=HYPERLINK(1)")
	secret = strings.TrimSpace(secret)
	if code != 0 || !strings.HasPrefix(secret, "mstr_") || strings.Contains(talk, secret) {
		t.Fatalf("exit %d, %q, %q: want the secret on stdout and nowhere else", code, secret, talk)
	}
	t.Setenv("MUSTER_TOKEN", secret)
	if code, out, _ := muster(t, "people", "me"); code != 0 || !strings.HasPrefix(out, "sato") {
		t.Errorf("exit %d, %q, want sato", code, out)
	}
	// Who acts needs no --as any more: the run that is not there is what is wrong.
	if code, _, talk := muster(t, "checkin", "--run", "nothing-1"); code == 0 || !strings.Contains(talk, "nothing-1") {
		t.Errorf("asked who it is: %q", talk)
	}
	// Who is hurt, and says when they come, would be recorded as not coming.
	if code, _, talk := muster(t, "checkin", "--run", "nothing-1", "--safety", "lightly-hurt", "--comes", "2h"); code != 2 || !strings.Contains(talk, "--can-come") {
		t.Errorf("exit %d, %q; want to be told to add --can-come", code, talk)
	}
	_, out, _ := muster(t, "people", "tokens", "-o", "json")
	var list []identity.Token
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Person != "sato" {
		t.Fatalf("tokens are %q, %v", out, err)
	}
	if strings.Contains(out, secret[len(secret)-52:]) {
		t.Error("the list shows the secret")
	}
	if code, _, talk := muster(t, "people", "revoke", secret); code != 2 || strings.Contains(talk, secret) {
		t.Errorf("revoking by the secret: exit %d, %q", code, talk)
	}
	if code, _, _ := muster(t, "people", "revoke", list[0].ID); code != 0 {
		t.Errorf("revoking one's own: exit %d", code)
	}
	if code, _, talk := muster(t, "people", "me"); code == 0 || !strings.Contains(talk, "revoked") {
		t.Errorf("after that: exit %d, %q", code, talk)
	}
}

// What a monitoring system has opens nothing else, whoever's it is.
func TestTokenForTheFiguresOpensNothingElse(t *testing.T) {
	peopleServer(t)
	if code, _, talk := muster(t, "people", "token", "sato", "--for", "everything"); code != 2 || !strings.Contains(talk, "--for metrics") {
		t.Errorf("a purpose that there is not: exit %d, %q", code, talk)
	}
	code, secret, talk := muster(t, "people", "token", "sato", "--name", "Prometheus", "--for", "metrics")
	if code != 0 {
		t.Fatal(talk)
	}
	_, out, _ := muster(t, "people", "tokens")
	if !strings.Contains(out, "metrics") {
		t.Errorf("the list does not show what it is for: %q", out)
	}
	t.Setenv("MUSTER_TOKEN", strings.TrimSpace(secret))
	for lang, want := range map[string]string{"en": "for the figures (/metrics) alone", "ja": "メトリクス（/metrics）だけ"} {
		t.Setenv("MUSTER_LANG", lang)
		if code, _, talk := muster(t, "people", "me"); code == 0 || !strings.Contains(talk, want) {
			t.Errorf("with a token for the figures: exit %d, %q", code, talk)
		}
	}
}

func TestTokenGoesIntoAFileOfOnesOwn(t *testing.T) {
	peopleServer(t)
	file := filepath.Join(t.TempDir(), "token")
	if code, out, _ := muster(t, "people", "token", "sato", "--to", file); code != 0 || out != "" {
		t.Fatalf("exit %d, stdout %q", code, out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v", info.Mode(), err)
	}
	t.Setenv("MUSTER_TOKEN", "")
	t.Setenv("MUSTER_TOKEN_FILE", file)
	if code, out, talk := muster(t, "people", "me"); code != 0 || !strings.HasPrefix(out, "sato") {
		t.Errorf("by the file: exit %d, %q, %q", code, out, talk)
	}
	if code, _, _ := muster(t, "people", "token", "sato", "--to", file); code != 2 {
		t.Errorf("an existing file was written over: exit %d", code)
	}
}

// What people wrote must not act when an auditor opens the file.
func TestCellsOfASpreadsheetAreNoFormulas(t *testing.T) {
	peopleServer(t)
	for _, name := range []string{`=HYPERLINK("http://evil.example")`, "+1", "-1", "@SUM(A1)", "plain"} {
		if code, _, talk := muster(t, "people", "token", "sato", "--name="+name); code != 0 {
			t.Fatal(talk)
		}
	}
	_, out, _ := muster(t, "people", "tokens", "--output", "csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if name := row[2]; name != "plain" && !strings.HasPrefix(name, "'") {
			t.Errorf("cell %q would be a formula", name)
		}
	}
	if code, _, _ := muster(t, "actions", "--output", "csv"); code != 2 {
		t.Errorf("csv elsewhere: exit %d, want 2", code)
	}
}

func TestDisabledPersonIsInTheAccessLog(t *testing.T) {
	peopleServer(t)
	_, secret, _ := muster(t, "people", "token", "sato")
	if code, _, _ := muster(t, "people", "disable", "sato"); code != 2 {
		t.Errorf("without a reason: exit %d", code)
	}
	if code, _, talk := muster(t, "people", "disable", "sato", "--reason", "left"); code != 0 {
		t.Fatal(talk)
	}
	if _, out, _ := muster(t, "people", "disabled"); !strings.Contains(out, "sato") {
		t.Errorf("the disabled are %q", out)
	}
	console := os.Getenv("MUSTER_TOKEN")
	t.Setenv("MUSTER_TOKEN", strings.TrimSpace(secret))
	if code, _, talk := muster(t, "people", "me"); code == 0 || !strings.Contains(talk, "disabled") {
		t.Errorf("exit %d, %q", code, talk)
	}
	t.Setenv("MUSTER_TOKEN", console)
	_, out, _ := muster(t, "people", "log", "-o", "json")
	var log []api.Access
	if err := json.Unmarshal([]byte(out), &log); err != nil || len(log) < 3 {
		t.Fatalf("the log is %q, %v", out, err)
	}
	if last := log[len(log)-1]; last.Outcome != "disabled" || last.Person != "sato" || last.From == "" {
		t.Errorf("its last entry is %+v", last)
	}
	if code, _, talk := muster(t, "people", "enable", "sato"); code != 0 {
		t.Error(talk)
	}
}

// `muster drill people` says whom no channel reaches.
func TestPeopleWhomNoChannelReaches(t *testing.T) {
	store := peopleServer(t)
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "x", Depth: run.Tabletop, Phases: run.Phases(run.Disaster)},
		Estate: plan.Estate{Zone: "UTC", People: []plan.Person{{ID: "sato"}, {ID: "tanaka"}}}}
	p.Seal()
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 12, 5, 0, 0, 0, time.UTC)
	events := []run.Event{
		{Writer: "run", Seq: 1, Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "x", Hazard: run.Disaster, PlanHash: p.Hash})},
		{Writer: "run", Seq: 2, Kind: run.PersonCalled, Person: "sato"}, {Writer: "run", Seq: 3, Kind: run.PersonCalled, Person: "tanaka"},
		{Writer: "channel/unreached/call/tanaka", Seq: 1, Kind: run.MessageFailed, Person: "tanaka", Outcome: run.Failed, Data: run.Encode(run.Delivery{Of: "run/3", Matter: "call"})},
	}
	for i := range events {
		events[i].Run, events[i].At = "x-1", at
	}
	if err := store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	code, out, talk := muster(t, "drill", "people", "x-1")
	if code != 0 || !strings.Contains(out, "silent; could not be reached by any channel") || strings.Count(out, "could not be reached") != 1 {
		t.Errorf("exit %d:\n%s%s", code, out, talk)
	}
	if code, flagged, talk := muster(t, "drill", "people", "--run", "x-1"); code != 0 || flagged != out {
		t.Errorf("--run: exit %d:\n%s%s", code, flagged, talk)
	}
	if code, _, talk := muster(t, "drill", "people", "x-1", "--run", "x-2"); code != exitMistake || !strings.Contains(talk, "two runs") {
		t.Errorf("two runs: exit %d: %s", code, talk)
	}
	t.Setenv("MUSTER_LANG", "ja")
	if _, out, _ := muster(t, "drill", "people", "x-1"); !strings.Contains(out, "未回答・どの連絡手段でも届いていない") {
		t.Errorf("in Japanese:\n%s", out)
	}
}
