package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/run"
)

const (
	storeBatch   = 20  // events of one Append, as a busy run's next batch
	storeRounds  = 300 // Appends of each writer
	storeWriters = 4   // runs that go on beside each other
)

// store measures how long Append takes until it is acknowledged, in a file and in PostgreSQL with a
// standby, whose answer is waited for and not, in turns of one run of this program.
func (b *bench) store(ctx context.Context) (err error) {
	pair, err := pgcluster.Create(ctx, pgcluster.Options{Dir: filepath.Join(b.dir, "store-pair"), WALSegmentMB: 16})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, pair.Stop(stop))
	}()
	command := func(database string, statements ...string) error {
		for _, s := range statements {
			if _, err := pair.Primary.Run(ctx, []string{"PGPASSWORD=" + pair.Password}, "psql", "-h", pair.Primary.Host, "-p", fmt.Sprint(pair.Primary.Port),
				"-U", pair.User, "-d", database, "-Atqc", s); err != nil {
				return err
			}
		}
		return nil
	}
	if err := command("postgres", "CREATE DATABASE one", "CREATE DATABASE two"); err != nil {
		return err
	}
	word := journal.Password(func(context.Context) (string, error) { return pair.Password, nil })
	at := func(database string) string {
		return fmt.Sprintf("postgres://%s@%s:%d/%s", pair.User, pair.Primary.Host, pair.Primary.Port, database)
	}
	stores := []struct {
		name, address string
		before        []string
	}{
		{"SQLite", "sqlite:" + filepath.Join(b.dir, "store", "journal.db"), nil},
		{"PostgreSQL", at("one"), nil},
		{"PostgreSQL, its standby waited for", at("two"), []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"}},
	}
	fmt.Printf("\nrecord store: Append of %d events, %d times by each of %d runs at once; from the call to the acknowledgement, synced\n", storeBatch, storeRounds, storeWriters)
	fmt.Printf("%-36s %8s %8s %8s %10s %8s\n", "", "p50 ms", "p99 ms", "most ms", "events/s", "p99 to SQLite's")
	var first time.Duration
	for _, s := range stores {
		if err := command("postgres", s.before...); err != nil {
			return err
		}
		store, err := journal.Open(ctx, s.address, word)
		if err != nil {
			return err
		}
		took, whole, err := appendAll(ctx, store)
		if err = errors.Join(err, store.Close()); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		p99 := quantileOf(took, 0.99)
		if first == 0 {
			first = p99
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		fmt.Printf("%-36s %8.2f %8.2f %8.2f %10.0f %8.2f\n", s.name, ms(quantileOf(took, 0.5)), ms(p99), ms(took[len(took)-1]),
			float64(len(took)*storeBatch)/whole.Seconds(), float64(p99)/float64(first))
	}
	return nil
}

// appendAll returns how long each Append took, in order of length, and all of them.
func appendAll(ctx context.Context, store journal.Store) ([]time.Duration, time.Duration, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var working sync.WaitGroup
	began := time.Now()
	for w := range storeWriters {
		working.Go(func() {
			id, seq := fmt.Sprintf("drl-%d", w), int64(0)
			for range storeRounds {
				var events []run.Event
				for range storeBatch {
					seq++
					events = append(events, run.Event{Run: id, Writer: "run", Seq: seq, At: time.Now().UTC(), Kind: run.StepEnded, System: "orders", Step: fmt.Sprintf("step-%d", seq), By: run.Engine,
						Outcome: run.Passed, Data: run.Encode(run.StepResult{SettledBy: run.ByResult, DurationS: 1.5})})
				}
				began := time.Now()
				err := store.Append(ctx, events)
				mu.Lock()
				took, failed = append(took, time.Since(began)), errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	working.Wait()
	whole := time.Since(began)
	slices.Sort(took)
	return took, whole, failed
}
