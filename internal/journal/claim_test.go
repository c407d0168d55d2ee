package journal_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

func claim(t *testing.T, s journal.Store, engine string, wait time.Duration) error {
	t.Helper()
	return s.(journal.Claimer).Claim(t.Context(), engine, wait)
}

// Servers of one engine work with a store together; those of another are refused as long as one of
// them lives, and are let in after that. A part is kept over the loss of the store's primary.
func TestOneControlPlaneHasAStore(t *testing.T) {
	t.Parallel()
	pair := pgtest.StartPair(t)
	pair.Tokyo.AwaitStandby(t, pair.Osaka)
	address, password := pair.NewDatabase(t)
	begin := func() journal.Store { return opened(t, address, journal.Password(password)) }
	first, second, other := begin(), begin(), begin()
	for _, s := range []journal.Store{first, second} {
		if err := claim(t, s, "tokyo", 0); err != nil {
			t.Fatal(err)
		}
	}
	err := claim(t, other, "osaka", 0)
	if !errors.Is(err, journal.ErrTwoEngines) {
		t.Errorf("another engine beside two servers: %v, want ErrTwoEngines", err)
	}
	bilingual(t, err, "engine of its own (tokyo)", "別のエンジン（tokyo）")
	first.Close()
	if err := claim(t, other, "osaka", 0); !errors.Is(err, journal.ErrTwoEngines) {
		t.Errorf("another engine beside one server: %v, want ErrTwoEngines", err)
	}

	pair.Tokyo.AwaitStreaming(t, pair.Osaka)
	pair.Tokyo.Kill9(t)
	promote(t, pair.Osaka)
	if err := second.Append(pgtest.Context(t, 30*time.Second), []run.Event{remark("r1", "w", 1)}); err != nil {
		t.Fatal(err)
	}
	held := databaseOf(pair.Osaka, address)
	pgtest.Eventually(t, 30*time.Second, func() string {
		if pgtest.Value[int](t, held, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") < 3 { // two stores that are open, and the part
			return "the part was not taken anew"
		}
		return ""
	})
	pgtest.Eventually(t, 30*time.Second, func() string {
		if err := claim(t, other, "osaka", 0); !errors.Is(err, journal.ErrTwoEngines) {
			return "another engine after the failover: " + errText(err)
		}
		return ""
	})
	second.Close()
	if err := claim(t, other, "osaka", 10*time.Second); err != nil {
		t.Errorf("after all of them ended: %v", err)
	}
}

// The same of a file, which two servers reach that have one data directory, or name the same store.
func TestOneControlPlaneHasAFile(t *testing.T) {
	at := "sqlite:" + filepath.Join(t.TempDir(), "journal.db")
	first, second, other := opened(t, at), opened(t, at), opened(t, at)
	for _, s := range []journal.Store{first, second} {
		if err := claim(t, s, "tokyo", 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []journal.Store{first, second} {
		err := claim(t, other, "osaka", 0)
		if !errors.Is(err, journal.ErrTwoEngines) {
			t.Errorf("another engine beside a server: %v, want ErrTwoEngines", err)
		}
		bilingual(t, err, "engine of its own (tokyo)", "別のエンジン（tokyo）")
		s.Close()
	}
	if err := claim(t, other, "osaka", 0); err != nil {
		t.Errorf("after all of them ended: %v", err)
	}
	if err := claim(t, opened(t, at), "tokyo", 0); !errors.Is(err, journal.ErrTwoEngines) {
		t.Errorf("back beside the other: %v, want ErrTwoEngines", err)
	}
}

func errText(err error) string {
	if err == nil {
		return "was let in"
	}
	return err.Error()
}

// Who lost its part to another engine's server writes no more, until it has it again.
func testWhoLostTheStoreWritesNoMore(t *testing.T, pair *pgtest.Pair) {
	address, password := pair.NewDatabase(t)
	first, other := opened(t, address, journal.Password(password)), opened(t, address, journal.Password(password))
	if err := claim(t, first, "tokyo", 0); err != nil {
		t.Fatal(err)
	}
	// Its connection is cut and another one is quicker, as over a partition.
	held := databaseOf(pair.Tokyo, address)
	pgtest.Eventually(t, 30*time.Second, func() string {
		held.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()")
		return errTextOrNothing(claim(t, other, "osaka", 0))
	})
	pgtest.Eventually(t, 30*time.Second, func() string {
		if err := first.Append(t.Context(), []run.Event{remark("r1", "w", 1)}); !errors.Is(err, journal.ErrTwoEngines) {
			return "append by who lost it: " + errText(err)
		}
		return ""
	})
	if err := first.Ping(t.Context()); !errors.Is(err, journal.ErrTwoEngines) {
		t.Errorf("ping: %v, want ErrTwoEngines", err)
	}
	if _, err := first.Events(t.Context(), "r1", 0, 0); err != nil {
		t.Errorf("reading: %v", err)
	}
	other.Close()
	pgtest.Eventually(t, 30*time.Second, func() string {
		return errTextOrNothing(first.Append(t.Context(), []run.Event{remark("r1", "w", 2)}))
	})
}

func errTextOrNothing(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
