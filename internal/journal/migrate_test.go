package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// told collects what an opened store says.
type told struct {
	mu   sync.Mutex
	said []string
}

func (n *told) hear(t plan.Text) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, t.EN, t.JA)
}

func (n *told) says(words ...string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := strings.Join(n.said, "\n")
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) })
}

// times counts the notes with these words.
func (n *told) times(words string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(strings.Join(n.said, "\n"), words)
}

// bilingual fails unless an error is said in both languages with these words.
func bilingual(t *testing.T, err error, en, ja string) {
	t.Helper()
	var both interface{ Said() plan.Text }
	if !errors.As(err, &both) {
		t.Errorf("%v is not said in both languages", err)
		return
	}
	if said := both.Said(); !strings.Contains(said.EN, en) || !strings.Contains(said.JA, ja) {
		t.Errorf("said %q and %q, want %q and %q", said.EN, said.JA, en, ja)
	}
}

// A newer schema in PostgreSQL is refused and left as it is, as in a file; an older one is only
// looked at where somebody only looks.
func testPostgreSQLSchemas(t *testing.T, pair *pgtest.Pair) {
	address, password := pair.NewDatabase(t)
	at := databaseOf(pair.Tokyo, address)
	if _, err := journal.Inspect(t.Context(), address, journal.Password(password)); !errors.Is(err, journal.ErrEmpty) {
		t.Errorf("look where there is none yet: %v, want ErrEmpty", err)
	}
	if n := pgtest.Value[int](t, at, "SELECT count(*) FROM pg_class WHERE relname IN ('events', 'muster_schema')"); n != 0 {
		t.Error("looking made tables")
	}

	// Several servers start at once on an empty database.
	done := make(chan error)
	for range 4 {
		go func() {
			s, err := journal.Open(context.Background(), address, journal.Password(password))
			if err == nil {
				err = errors.Join(s.Append(context.Background(), []run.Event{remark("r1", "w", 1)}), s.Close())
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Errorf("open at once: %v", err)
		}
	}
	if n := pgtest.Value[int64](t, at, "SELECT max(version_id) FROM muster_schema"); n != journal.Schema() {
		t.Errorf("schema %d, want %d", n, journal.Schema())
	}

	// An older one is brought up to date, which is told with the way to save it before.
	at.Exec(t, "DELETE FROM muster_schema WHERE version_id > 4")
	if _, err := journal.Inspect(t.Context(), address, journal.Password(password)); !errors.Is(err, journal.ErrOlder) {
		t.Errorf("look at an older one: %v, want ErrOlder", err)
	}
	var notes told
	s := opened(t, address, journal.Password(password), journal.Notices(notes.hear))
	if !notes.says("from schema 4 to", "pg_dump", "更新しました") {
		t.Errorf("the upgrade says %q", notes.said)
	}
	if list, err := s.Events(t.Context(), "r1", 0, 0); err != nil || len(list) != 1 {
		t.Errorf("events after the upgrade: %v, %v", list, err)
	}

	at.Exec(t, "INSERT INTO muster_schema (version_id, is_applied) VALUES (999, true)")
	_, err := journal.Open(t.Context(), address, journal.Password(password))
	if !errors.Is(err, journal.ErrNewer) {
		t.Errorf("open a newer one: %v, want ErrNewer", err)
	}
	bilingual(t, err, "schema 999", "より新しいmuster")

	foreign, _ := pair.NewDatabase(t)
	databaseOf(pair.Tokyo, foreign).Exec(t, "CREATE TABLE stamps (id int)")
	_, err = journal.Open(t.Context(), foreign, journal.Password(password))
	bilingual(t, err, "another program's tables", "別のプログラムの表")

	_, err = journal.Open(t.Context(), address, journal.Password(func(context.Context) (string, error) { return "wrong", nil }))
	bilingual(t, err, "does not let this user in", "ログインを拒否")
	if err != nil && strings.Contains(err.Error(), pair.Password) {
		t.Error("the error tells the password")
	}
}

// Bringing the schema up to date takes longer than a server may take for an answer, and so does
// waiting for another one that does it.
func testASchemaMayTakeItsTime(t *testing.T, pair *pgtest.Pair) {
	const patience = time.Second
	address, password := pair.NewDatabase(t)
	at := databaseOf(pair.Tokyo, address)
	var notes told
	type answer struct {
		s   journal.Store
		err error
	}
	open := func(ctx context.Context) chan answer {
		done := make(chan answer, 1)
		go func() {
			s, err := journal.Open(ctx, address, journal.Password(password), journal.Notices(notes.hear), journal.Patience(patience))
			done <- answer{s, err}
		}()
		return done
	}
	other := at.Connect(t)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := other.Exec(pgtest.Context(t, time.Minute), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	const lock = "hashtextextended('muster/migrate/public', 0)"
	exec("SELECT pg_advisory_lock(" + lock + ")")
	ctx, cancel := context.WithCancel(t.Context())
	first, given := open(t.Context()), open(ctx)
	pgtest.Eventually(t, time.Minute, func() string {
		if en, ja := notes.times("another server brings its schema up to date"), notes.times("別のサーバーがスキーマを更新中"); en < 2 || ja < 2 {
			return fmt.Sprintf("of two that wait %d and %d are told why", en, ja)
		}
		return ""
	})
	cancel()
	stopped := <-given
	if stopped.err == nil {
		stopped.s.Close()
	}
	bilingual(t, stopped.err, "another server still brings its schema up to date", "まだスキーマを更新中")
	// Its first step waits for a table of the same name, of which nobody knows yet whether it will be there.
	exec("BEGIN")
	exec("CREATE TABLE events (x int)")
	exec("SELECT pg_advisory_unlock(" + lock + ")")
	pgtest.Eventually(t, time.Minute, func() string {
		if !pgtest.Value[bool](t, at, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND now() - query_start > $1::interval)", (4 * patience).String()) {
			return "no step takes longer than a try may"
		}
		return ""
	})
	exec("ROLLBACK")
	got := <-first
	if got.err != nil {
		t.Fatal(got.err)
	}
	if err := errors.Join(got.s.Append(t.Context(), []run.Event{remark("r1", "w", 1)}), got.s.Close()); err != nil {
		t.Error(err)
	}
}

// A database whose names could not all be written is refused.
func testADatabaseOfAnotherEncodingIsRefused(t *testing.T, pair *pgtest.Pair) {
	address, password := pair.NewDatabase(t)
	pair.Tokyo.Exec(t, "CREATE DATABASE japanese ENCODING 'EUC_JP' TEMPLATE template0")
	_, err := journal.Open(t.Context(), address[:strings.LastIndex(address, "/")+1]+"japanese", journal.Password(password))
	bilingual(t, err, "EUC_JP", "ENCODING 'UTF8'")
}

// Beyond this machine the server has to prove who it is, unless somebody says otherwise, and is told.
func TestAServerBeyondThisMachineProvesItself(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody is asked
	for address, weak := range map[string]bool{
		"postgres://muster@db1.example.jp,127.0.0.1/muster":                    false,
		"postgres://muster@db1.example.jp/muster?sslmode=verify-full":          false,
		"postgres://muster@db1.example.jp/muster?sslmode=require":              true,
		"postgres://muster@127.0.0.1,localhost,[::1]:5/muster?sslmode=disable": false,
		"postgres://muster@/muster?host=/run/postgresql":                       false,
	} {
		var notes told
		if _, err := journal.Open(ctx, address, journal.Notices(notes.hear)); err == nil {
			t.Fatalf("%s was opened", address)
		}
		if notes.says("verify-full") != weak {
			t.Errorf("%s: told %q, want weak %v", address, notes.said, weak)
		}
	}
}

// Before the schema of a file is changed it is copied beside itself; where that can't be, it is left.
func TestAFileIsSavedBeforeItsSchemaChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	s := opened(t, "sqlite:"+path)
	if err := s.Append(t.Context(), []run.Event{remark("r1", "w", 1)}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	older := func() { sqliteExec(t, path, "DELETE FROM goose_db_version WHERE version_id > 4") }
	older()
	// Where there is no room for the copy, the look before an upgrade says so, and a start refuses before it writes.
	looked := func(free int64) journal.Facts {
		t.Helper()
		facts, err := journal.Inspect(t.Context(), "sqlite:"+path, journal.FreeBeside(free))
		if !errors.Is(err, journal.ErrOlder) {
			t.Errorf("with %d bytes free: %v", free, err)
		}
		return facts
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if f := looked(info.Size() - 1<<14); !f.Bad || len(f.Notes) != 1 || !strings.Contains(f.Notes[0].EN, "or it is refused") {
		t.Errorf("without room: %+v", f)
	}
	if f := looked(info.Size() * 3 / 2); f.Bad || len(f.Notes) != 1 || !strings.Contains(f.Notes[0].EN, "little is left") {
		t.Errorf("with little room: %+v", f)
	}
	if f := looked(3 * info.Size()); f.Bad || len(f.Notes) != 0 {
		t.Errorf("with room: %+v", f)
	}
	_, err = journal.Open(t.Context(), "sqlite:"+path, journal.FreeBeside(1<<14))
	if _, serr := os.Stat(path + ".schema-4"); err == nil || !strings.Contains(err.Error(), "free some space and start again") || serr == nil {
		t.Errorf("a start without room: %v, and beside it %v", err, serr)
	}
	// An upgrade that was cut off in the middle of its copy leaves no copy that anybody would take for one.
	if err := os.WriteFile(path+".schema-4.part", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	var notes told
	again := opened(t, "sqlite:"+path, journal.Notices(notes.hear))
	saved := path + ".schema-4"
	if !notes.says("from schema 4 to", saved, "更新前の内容は") {
		t.Errorf("the upgrade says %q", notes.said)
	}
	if info, err := os.Stat(saved); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup: %v, %v", info, err)
	}
	if _, err := os.Stat(saved + ".part"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a backup is left: %v", err)
	}
	if err := again.Append(t.Context(), []run.Event{remark("r1", "w", 2)}); err != nil {
		t.Fatal(err)
	}
	again.Close()
	// The way back: the older muster works on the copy, which has what was there before.
	was := opened(t, "sqlite:"+saved)
	if list, err := was.Events(t.Context(), "r1", 0, 0); err != nil || len(list) != 1 {
		t.Errorf("the backup has %v, %v, want the one event from before", list, err)
	}
	// A second upgrade from there leaves the first backup alone.
	older()
	opened(t, "sqlite:"+path)
	if _, err := os.Stat(saved + ".1"); err != nil {
		t.Errorf("the second backup: %v", err)
	}
}
