package book

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

func postgresHand(t *testing.T, p *pgtest.Pair) *operator {
	t.Helper()
	return newOperator(t, p.Password, p.Tokyo.Plan("pw"), p.Osaka.Plan("pw"))
}

// down makes sure that nothing of a server runs, and that its next start is a read-only one.
func down(t *testing.T, s *pgtest.Server) {
	t.Helper()
	if procs, err := s.Processes(); err != nil || len(procs) > 0 {
		t.Fatalf("%s runs: %v %v", s.Name, procs, err)
	}
	if signalled, err := s.StandbySignalled(); err != nil || !signalled {
		t.Fatalf("%s would start as a primary: %v %v", s.Name, signalled, err)
	}
}

func standby(t *testing.T, s *pgtest.Server) bool {
	t.Helper()
	return pgtest.Value[bool](t, s, "SELECT pg_is_in_recovery()")
}

// A server that died as primary follows the one that took over.
func TestPostgresFailsOverByHand(t *testing.T) {
	p := pgtest.StartPair(t)
	o := postgresHand(t, p)
	p.Tokyo.Exec(t, "CREATE TABLE lost (n int)")
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Tokyo.Kill9(t)
	o.paste(t, "postgres.fence", map[string]any{"server": "tokyo"})
	down(t, p.Tokyo)
	o.paste(t, "postgres.promote", map[string]any{"server": "osaka"})
	if standby(t, p.Osaka) {
		t.Fatal("osaka was not promoted")
	}
	// The fence holds against whoever starts it, and is not taken off beside another primary.
	o.paste(t, "postgres.unfence", map[string]any{"server": "tokyo", "others": []string{"osaka"}})
	down(t, p.Tokyo)
	o.paste(t, "postgres.rejoin", map[string]any{"server": "tokyo", "follow": "osaka"})
	p.Osaka.Exec(t, "INSERT INTO lost VALUES (1)")
	p.Osaka.AwaitStreaming(t, p.Tokyo)
	if pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM lost") != 1 {
		t.Fatal("tokyo follows, and does not have what osaka wrote")
	}
}

// When pg_rewind fails, nothing is started: it would be a second primary.
func TestPostgresRewindThatFailsStartsNothing(t *testing.T) {
	p := pgtest.StartPair(t)
	o := postgresHand(t, p)
	p.Osaka.Exec(t, "SELECT pg_promote(true, 60)")
	for range 4 { // tokyo writes on, and gives up what both have in common
		p.Tokyo.Exec(t, "CREATE TABLE IF NOT EXISTS astray (n text)")
		p.Tokyo.Exec(t, "INSERT INTO astray SELECT repeat('x', 100) FROM generate_series(1, 10000)")
		p.Tokyo.Exec(t, "SELECT pg_switch_wal()")
		p.Tokyo.Exec(t, "CHECKPOINT")
	}
	last := pgtest.Value[string](t, p.Tokyo, "SELECT pg_walfile_name(redo_lsn) FROM pg_control_checkpoint()")
	files, err := filepath.Glob(filepath.Join(p.Tokyo.Data, "pg_wal", "0*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := filepath.Base(f); len(name) == len(last) && name < last {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := o.paste(t, "postgres.rejoin", map[string]any{"server": "tokyo", "follow": "osaka"})
	has(t, "the shell", out, "pg_rewind")
	down(t, p.Tokyo)
}

func TestPostgresSwitchesOverByHand(t *testing.T) {
	p := pgtest.StartPair(t)
	o := postgresHand(t, p)
	p.Tokyo.Exec(t, "CREATE TABLE moved AS SELECT generate_series(1, 1000) n")
	o.paste(t, "postgres.switchover", map[string]any{"from": "tokyo", "to": "osaka"})
	if standby(t, p.Osaka) || pgtest.Value[int](t, p.Osaka, "SELECT count(*) FROM moved") != 1000 {
		t.Fatal("osaka did not take over with everything")
	}
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

// Who lacks something is not promoted, and the way back is there.
func TestPostgresIsNotSwitchedToOneThatLacksSomething(t *testing.T) {
	p := pgtest.StartPair(t)
	o := postgresHand(t, p)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "ALTER SYSTEM SET primary_conninfo = ''")
	p.Osaka.Exec(t, "SELECT pg_reload_conf()")
	pgtest.Eventually(t, 30*time.Second, func() string {
		if pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM pg_stat_replication") > 0 {
			return "osaka still streams"
		}
		return ""
	})
	p.Tokyo.Exec(t, "CREATE TABLE behind AS SELECT generate_series(1, 1000) n")
	o.paste(t, "postgres.switchover", map[string]any{"from": "tokyo", "to": "osaka"})
	if !standby(t, p.Osaka) {
		t.Fatal("osaka was promoted without what tokyo wrote")
	}
	down(t, p.Tokyo)
	h := hand{e: o.e}
	from, _ := h.named("tokyo")
	o.run(t, chain(from.as("rm", "-f", from.signal()), from.starts())...)
	if standby(t, p.Tokyo) {
		t.Fatal("tokyo did not come back as primary")
	}
}

func TestPostgresFenceComesOffByHand(t *testing.T) {
	p := pgtest.StartPair(t)
	o := postgresHand(t, p)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	o.paste(t, "postgres.fence", map[string]any{"server": "tokyo"})
	down(t, p.Tokyo)
	p.Tokyo.StartServer(t) // by whoever knows nothing of it
	if p.Tokyo.TryWrite(t) == nil {
		t.Fatal("a fenced server takes writes")
	}
	if err := p.Tokyo.Keep("muster-fence.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	o.paste(t, "postgres.unfence", map[string]any{"server": "tokyo", "others": []string{"osaka"}})
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Fatal(err)
	}
	if b, err := p.Tokyo.Kept("muster-fence.json"); err != nil || b != nil {
		t.Fatalf("muster would still take it for fenced: %s %v", b, err)
	}
}
