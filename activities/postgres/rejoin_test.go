package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/sitetest"
)

// Nobody fenced tokyo, and it takes writes beside osaka, on an older timeline.
func TestRejoinRefusesAServerThatTakesWrites(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	p.Tokyo.Exec(t, "CREATE TABLE only_here (n int)")
	ctx := as(t, "run-1")
	r := Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	p.Tokyo.Exec(t, "INSERT INTO only_here VALUES (1)")
	// Silent is not read-only.
	p.Tokyo.Freeze(t)
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	p.Tokyo.Thaw(t)
	p.Tokyo.Exec(t, "INSERT INTO only_here VALUES (2)")

	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

func TestRejoinThrowsAwayWhatALiveServerWroteWhenTold(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	must[Rejoined](t)(rejoin(as(t, "run-1"), Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Discard: true, Wait: minute}))
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

// Two standbys that were promoted apart from one another call their timelines the same.
func TestRejoinTellsTimelinesOfOneNumberApart(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	kyoto := third(t, p)
	p.Tokyo.StopServer(t) // both have all of its log
	p.Osaka.Exec(t, "SELECT pg_promote()")
	kyoto.Exec(t, "SELECT pg_promote()")
	kyoto.Exec(t, "CREATE TABLE only_here (n int)")
	kyoto.StopServer(t)
	ctx := as(t, "run-1")
	r := Rejoin{Server: kyoto.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "promoted apart") {
		t.Errorf("rejoin of a server that was promoted at the same position = %v", err)
	}
	// A later standby of tokyo left it elsewhere: the histories differ.
	kyoto.StartServer(t)
	left := forks("1\t0/4000000\tno recovery target specified\n")
	if other := must[bool](t)(apart(ctx, p.Osaka.Connect(t), 2, 2, left)); !other {
		t.Error("a timeline that was left elsewhere is taken for the same")
	}
	kyoto.StopServer(t)
	r.Discard, r.Method = true, byRewind
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	r.Method = "auto"
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitStreaming(t, kyoto)
	if pgtest.Value[bool](t, kyoto, "SELECT to_regclass('only_here') IS NOT NULL") {
		t.Error("kyoto streams from osaka and still has what osaka never had")
	}
	// tokyo left where osaka was promoted: it follows without a word.
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}))
	r = Rejoin{Server: kyoto.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}
	must[Rejoined](t)(rejoin(ctx, r)) // and so does a standby of its own
}

// The worker was killed in the middle of a copy, and pg_basebackup goes on without it.
func TestRejoinEndsTheCopyThatAnAttemptLeftAtWork(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	r := Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: byBaseBackup, Wait: minute}
	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	seen, err := lookRejoined(ctx, r)
	wantSight(t, "a rejoin that has not begun", seen, err, plan.HoldsNot)
	if seen.Partial {
		t.Errorf("a rejoin that has not begun is called half-way: %s", seen.Detail)
	}

	j := &joining{Rejoin: r, i: p.Tokyo.Instance}
	if err := keep(j.i, rejoinFile, rejoinNote{Run: "run-1", Step: "s"}); err != nil {
		t.Fatal(err)
	}
	fresh := j.i.Data + ".muster-new"
	if err := j.i.OwnDir(fresh); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := j.i.Run(ctx, j.env(), "pg_basebackup", "-D", fresh, "-d", j.conninfo(), "--checkpoint=fast", "--max-rate=32", "--no-password")
		ended <- err
	}()
	pgtest.Eventually(t, 30*time.Second, func() string {
		if len(proc.Carrying(mark(j.i))) == 0 {
			return "the copy has not begun"
		}
		return ""
	})
	seen, err = lookRejoined(ctx, r)
	wantSight(t, "a rejoin whose copy is at work", seen, err, plan.HoldsNot)
	if !seen.Partial {
		t.Errorf("a rejoin whose copy is at work is called not begun: %s", seen.Detail)
	}
	s := sitetest.New(t, Actions())
	tokyo := p.Tokyo.Plan(p.PasswordFile)
	tokyo.Site = "osaka" // this worker's
	s.Targets = []plan.Target{tokyo, p.Osaka.Plan(p.PasswordFile)}
	if _, err := s.Act(s.Step("postgres.rejoin", json.RawMessage(`{"server": "tokyo", "follow": "osaka", "method": "basebackup"}`)), nil); err != nil {
		t.Fatalf("a rejoin whose copy is at work, by a worker: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the copy that was left at work went on to its end")
	}
	p.Osaka.AwaitStreaming(t, p.Tokyo)
	seen, err = lookRejoined(ctx, r)
	wantSight(t, "the rejoined server", seen, err, plan.Holds)

	if err := keep(j.i, rejoinFile, rejoinNote{Run: "run-1", Step: "s"}); err != nil {
		t.Fatal(err)
	}
	p.Tokyo.StopServer(t) // as it is half-way
	pgtest.Eventually(t, 30*time.Second, func() string {
		if seen, err := lookRejoined(ctx, r); err != nil || seen.Sight != plan.HoldsNot || !seen.Partial {
			return fmt.Sprintf("a rejoin that was cut off = %+v, %v, want it half-way", seen, err)
		}
		return ""
	})
}

// One server keeps ordinary sessions from writing, and two write: that is what is said.
func TestTwoWritersAreNamedBesideOneThatOnlyMay(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	kyoto := third(t, p)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	kyoto.Exec(t, "SELECT pg_promote()")
	p.Tokyo.Exec(t, "ALTER SYSTEM SET default_transaction_read_only = on")
	p.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	all := SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target, kyoto.Target}, Wait: minute}
	pgtest.Eventually(t, 30*time.Second, func() string {
		_, err := singleWriter(as(t, "r"), all)
		if err == nil || !strings.Contains(err.Error(), "osaka and kyoto take writes") {
			return fmt.Sprintf("three primaries = %v, want osaka and kyoto named", err)
		}
		return ""
	})
	all.Servers = all.Servers[:1]
	_, err := singleWriter(as(t, "r"), all)
	wantKind(t, err, plan.ErrFinding)
	if err == nil || !strings.Contains(err.Error(), "default_transaction_read_only") {
		t.Errorf("a primary that ordinary sessions can't write to = %v", err)
	}
}
