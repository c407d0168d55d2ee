package journal_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/journal/journaltest"
	"github.com/muster-dr/muster/internal/pgtest"
)

func TestSQLite(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Store {
		return opened(t, "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	})
}

// What does not hurt the servers shares a pair of them. But for the suite it runs one after the other: some of it looks at, or
// ends, what holds a lock anywhere on the server.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	pair := pgtest.StartPair(t)
	t.Run("Suite", func(t *testing.T) {
		journaltest.Run(t, func(t *testing.T) journal.Store {
			t.Parallel() // each has a database of its own
			address, password := pair.NewDatabase(t)
			return opened(t, address, journal.Password(password))
		})
	})
	for name, test := range map[string]func(*testing.T, *pgtest.Pair){
		"AWholeStoreMoves":                    testAWholeStoreMoves,
		"NoCopyIsMadeBesideAMuster":           testNoCopyIsMadeBesideAMuster,
		"ASnapshotIsOfOneMoment":              testASnapshotIsOfOneMoment,
		"Schemas":                             testPostgreSQLSchemas,
		"ASchemaMayTakeItsTime":               testASchemaMayTakeItsTime,
		"ADatabaseOfAnotherEncodingIsRefused": testADatabaseOfAnotherEncodingIsRefused,
		"WhoLostTheStoreWritesNoMore":         testWhoLostTheStoreWritesNoMore,
		"TheAnswerToACommitIsLost":            testTheAnswerToACommitIsLost,
		"TheServerProvesWhoItIs":              testTheServerProvesWhoItIs,
	} {
		t.Run(name, func(t *testing.T) { test(t, pair) })
	}
}

func opened(t *testing.T, address string, more ...journal.Option) journal.Store {
	t.Helper()
	s, err := journal.Open(t.Context(), address, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func sqliteExec(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
