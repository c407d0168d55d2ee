package pgbackup

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

// A backup of a logical subscriber has the live publisher's address and slot in it: a restore that went
// there would confirm changes that the subscriber itself never gets.
func TestARestoredSubscriberLeavesThePublisherAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	publisher := pgtest.StartPairWith(t, map[string]string{"wal_level": "logical"})
	p := publisher.Tokyo
	p.Exec(t, "CREATE TABLE offers (id int PRIMARY KEY)")
	p.Exec(t, "CREATE PUBLICATION shop FOR TABLE offers")
	s.live.Exec(t, "CREATE TABLE offers (id int PRIMARY KEY)")
	s.live.Exec(t, fmt.Sprintf("CREATE SUBSCRIPTION shop CONNECTION 'host=%s port=%d user=%s password=%s dbname=postgres' PUBLICATION shop",
		p.Host, p.Port, publisher.User, publisher.Password))
	got := func(n int) func() string {
		return func() string {
			if has := pgtest.Value[int](t, s.live, "SELECT count(*) FROM offers"); has != n {
				return fmt.Sprintf("the subscriber has %d offers, want %d", has, n)
			}
			return ""
		}
	}
	p.Exec(t, "INSERT INTO offers VALUES (1)")
	pgtest.Eventually(t, time.Minute, got(1))
	s.order(t, 1)
	s.take(t)
	s.archive(t)

	// The subscriber is down, so the slot is free for whoever asks for it.
	s.live.StopServer(t)
	p.Exec(t, "INSERT INTO offers VALUES (2)")
	ctx := s.call(t)
	if _, err := restore(ctx, Restore{Backups: s.store}); err != nil {
		t.Fatal(err)
	}
	_, i, err := isolated(ctx, s.store)
	if err != nil {
		t.Fatal(err)
	}
	c, err := connect(ctx, i, s.store)
	if err != nil {
		t.Fatal(err)
	}
	var subscriptions, workers int
	if err := c.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_subscription WHERE subenabled),
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%')`).Scan(&subscriptions, &workers); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if subscriptions != 1 || workers != 0 {
		t.Errorf("the restored server has %d subscriptions, want 1, and %d workers of logical replication, want none", subscriptions, workers)
	}
	if _, err := verify(ctx, Verify{Backups: s.store, Newest: newestOrder, Checks: []Check{{"SELECT count(*) FROM offers", "1"}}}); err != nil {
		t.Errorf("what the backup held: %v", err)
	}
	s.live.StartServer(t)
	pgtest.Eventually(t, time.Minute, got(2)) // while the restored server still runs
	if _, err := discard(ctx, Discard{Backups: s.store}); err != nil {
		t.Fatal(err)
	}
}
