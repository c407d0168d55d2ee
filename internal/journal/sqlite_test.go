package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

func open(t *testing.T, path string) *database {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*database)
}

func started(id string) []run.Event {
	return []run.Event{{Run: id, Writer: "run", Seq: 1, At: time.Unix(0, 0).UTC(), Kind: run.RunStarted,
		Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "quarterly"})}}
}

// wants fails unless err says every word.
func wants(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func exec(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, st := range statements {
		if _, err := db.Exec(st); err != nil {
			t.Fatalf("%s: %v", st, err)
		}
	}
}

func TestOpenRefusesAddresses(t *testing.T) {
	for url, word := range map[string]string{
		"":                                  "sqlite:PATH",
		"sqlite:":                           "no file named",
		"/var/lib/muster/journal.db":        "write sqlite:/var/lib/muster/journal.db",
		"mysql://host":                      `"mysql" is not a kind of store`,
		"postgres://muster:hunter2@db/drrc": "store_password",
		"postgres://muster@db/drrc?password=hunter2": "store_password",
		"postgres://muster@db:hunter2/drrc":          "postgres://USER@HOST",
		"sqlite:" + t.TempDir():                      "this is not a file",
	} {
		_, err := Open(t.Context(), url)
		wants(t, err, word)
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "a path ?#%41", "journal.db")
	s := open(t, path)
	if err := s.Append(t.Context(), started("r1")); err != nil {
		t.Fatal(err)
	}
	before, err := s.Token(t.Context(), "orders", "r1")
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Events(t.Context(), "r1", 0, 0)
	if err != nil || len(want) != 1 {
		t.Fatalf("events: %v, %v", want, err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*-wal")); len(left) > 0 {
		t.Errorf("%v is left after a clean close: a copy of the file alone would miss records", left)
	}
	again := open(t, path)
	got, err := again.Events(t.Context(), "r1", 0, 0)
	if err != nil || len(got) != 1 || got[0].Position != want[0].Position {
		t.Errorf("after reopening: %v, %v, want %v", got, err, want)
	}
	if n, err := again.Token(t.Context(), "orders", "r2"); err != nil || n <= before {
		t.Errorf("token after reopening: %d, %v, want one above %d", n, err, before)
	}
}

func TestOnlyOwnerReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own", "journal.db")
	s := open(t, path)
	if err := s.Append(t.Context(), started("r1")); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode().Perm(), err, mode)
		}
	}
	s.Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file that others could read was left so: %v, %v", info.Mode(), err)
	}
}

func TestRefusesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	exec(t, foreign, "CREATE TABLE stamps (id INT)")
	for path, word := range map[string]string{text: "not a SQLite file", foreign: "another program's SQLite file"} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), "sqlite:"+path)
		wants(t, err, word, path, "name a new file")
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s was changed (%v)", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s has another mode: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestRefusesNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	open(t, path).Close()
	exec(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	_, err := Open(t.Context(), "sqlite:"+path)
	wants(t, err, "a newer muster wrote it (schema 999", "start that version again")
}

func TestTwoProcessesMigrateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	done := make(chan error)
	for range 4 {
		go func() {
			s, err := Open(context.Background(), "sqlite:"+path)
			if err == nil {
				err = s.Close()
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Errorf("open at once: %v", err)
		}
	}
}

// A store of an earlier muster lists its runs as a new one does: what summaries lack is made from
// the events.
func TestSummariesOfAnEarlierSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	events := append(started("r1"), run.Event{Run: "r1", Writer: "run", Seq: 2, At: time.Unix(8, 0).UTC(), Kind: run.RunPaused}, run.Event{Run: "r1", Writer: "run", Seq: 3, At: time.Unix(9, 0).UTC(), Kind: run.RunAbortRequested})
	if err := s.Append(t.Context(), append(events, started("r2")...)); err != nil {
		t.Fatal(err)
	}
	want, err := s.Runs(t.Context(), Filter{})
	if err != nil || len(want) != 2 || !want[1].Aborting || want[0].Aborting {
		t.Fatalf("runs %+v, %v", want, err)
	}
	s.Close()
	down, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00004_outcomes.sql", "00003_runs.sql"} {
		b, err := fs.ReadFile(down, name)
		if err != nil {
			t.Fatal(err)
		}
		_, undo, _ := strings.Cut(string(b), "-- +goose Down")
		exec(t, path, undo)
	}
	exec(t, path, "DELETE FROM goose_db_version WHERE version_id > 2", "UPDATE runs SET body = json_remove(body, '$.aborting')")
	upgraded := func() {
		t.Helper()
		s := open(t, path)
		defer s.Close()
		if got, err := s.Runs(t.Context(), Filter{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("after the upgrade: %+v, %v, want %+v", got, err, want)
		}
	}
	upgraded()
	exec(t, path, "DELETE FROM goose_db_version WHERE version_id > 5", "UPDATE runs SET body = json_set(body, '$.state', 'paused') WHERE run = 'r1'")
	upgraded()
}

// What another process appends is seen too, by looking.
// Lists are read along an index: none sorts ten years of runs to show the newest.
func TestListsAreReadAlongAnIndex(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"))
	for _, f := range []Filter{{Limit: 20}, {Open: true}, {Kind: run.Drill, Limit: 20}, {Scenario: "quarterly", Kind: run.Drill, Limit: 20}} {
		query, args := listing(f)
		rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		var how []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			how = append(how, detail)
		}
		if plan := strings.Join(how, "; "); strings.Contains(plan, "TEMP B-TREE") || !strings.Contains(plan, "USING INDEX") {
			t.Errorf("%+v: %s", f, plan)
		}
	}
}

func TestWaitSeesAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	reader, writer := open(t, path), open(t, path)
	got := make(chan error, 1)
	go func() {
		_, err := Wait(t.Context(), reader, "r1", 0)
		got <- err
	}()
	if err := writer.Append(t.Context(), started("r1")); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("wait: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if err := s.Append(t.Context(), started("r0")); err != nil {
		t.Fatal(err)
	}
	// SQLite's own limit of pages gives the same error as a full disk.
	var pages int
	if err := s.write.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		var got int
		if err := s.write.QueryRow(fmt.Sprintf("PRAGMA max_page_count=%d", n)).Scan(&got); err != nil || got != n {
			t.Fatalf("limit the file to %d pages: %d, %v", n, got, err)
		}
	}
	limit(pages)
	big := started("r1")
	big[0].Reason = strings.Repeat("x", 100_000)
	wants(t, s.Append(t.Context(), big), s.where, "the disk is full", "free space")
	if got, err := s.Events(t.Context(), "r0", 0, 0); err != nil || len(got) != 1 {
		t.Errorf("what was recorded before: %v, %v", got, err)
	}
	limit(1 << 20)
	if err := s.Append(t.Context(), big); err != nil {
		t.Errorf("after space was freed: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if _, err := s.write.Exec("PRAGMA query_only=1"); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Append(t.Context(), started("r1")), s.where, "can't be written to", "writable")
	wants(t, s.Ping(t.Context()), "can't be written to")
}

func TestPingSeesThatTheFileIsGone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if err := os.Rename(s.where, s.where+".moved"); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Ping(t.Context()), s.where, "is gone", "put the file back")
	if err := os.WriteFile(s.where, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Ping(t.Context()), "another file")
}

func TestPlanAlteredInTheStore(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if _, err := s.write.Exec(`INSERT INTO plans (hash, body) VALUES ('aa', '{"hash":"aa","format":1}')`); err != nil {
		t.Fatal(err)
	}
	_, err := s.Plan(t.Context(), "aa")
	wants(t, err, "altered in the store")
}

// A disk that has no room for the backup keeps the schema from being changed.
func TestNoBackupNoUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	s.Close()
	exec(t, path, "DELETE FROM goose_db_version WHERE version_id > 4")
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	full := errors.New("no room")
	err = migrate(t.Context(), db, sqliteSchema, options{}, func(context.Context, *sql.DB, int64, int64) (plan.Text, error) { return plan.Text{}, full })
	wants(t, err, "could not be saved before", "nothing was changed")
	var has int64
	if qerr := db.QueryRow("SELECT MAX(version_id) FROM goose_db_version").Scan(&has); qerr != nil || has != 4 || !errors.Is(err, full) {
		t.Errorf("schema %d, %v, want 4 as before; %v", has, qerr, err)
	}
}
