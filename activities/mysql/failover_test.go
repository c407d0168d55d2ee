package mysql

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func TestFailoverByKillAndTheWayHome(t *testing.T) {
	p := mysqltest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	p.Tokyo.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY) ENGINE = InnoDB")
	p.Tokyo.AwaitReplica(t, p.Osaka)

	seen, err := lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "a running server to kill", seen, err, plan.HoldsNot)
	killed := must[Killed](t)(kill(ctx, Kill{Server: tokyo}))
	seen, err = lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "the killed server", seen, err, plan.Holds)
	if seen.Output.(Killed) != killed {
		t.Errorf("the look says %+v, the kill said %+v", seen.Output, killed)
	}
	seen, err = lookKilled(as(t, "run-2"), Kill{Server: tokyo})
	wantSight(t, "a server that another run killed", seen, err, plan.HoldsNot)
	_, err = kill(as(t, "run-2"), Kill{Server: tokyo})
	wantKind(t, err, plan.ErrRefused, "nothing to kill")

	fenced := must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	if fenced.Was != "down" || fenced.Method != "none" {
		t.Errorf("fenced = %+v", fenced)
	}
	_, err = start(ctx, Start{Server: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")

	seen, err = lookPromoted(ctx, Promote{Server: osaka})
	wantSight(t, "the replica", seen, err, plan.HoldsNot)
	up := must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Errorf("the new primary refuses a write: %v", err)
	}
	t.Logf("kill to first write on the new primary: %v, fence included", time.Since(killed.At).Round(time.Millisecond))
	if up.LagKnown || !up.Kept {
		t.Errorf("promoted = %+v, want a lag that nobody can know, and the role kept", up)
	}
	must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'com_reset'"); n != 1 {
		t.Errorf("promoted twice: its upstream was forgotten %d times", n)
	}
	seen, err = lookPromoted(ctx, Promote{Server: osaka})
	wantSight(t, "the promoted server", seen, err, plan.Holds)

	seen, err = lookRejoined(ctx, Rejoin{Server: tokyo, Follow: osaka})
	wantSight(t, "the dead server", seen, err, plan.HoldsNot)
	back := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Wait: minute}))
	if back.Method != byFollowing || !back.Kept {
		t.Errorf("rejoined = %+v, want by following", back)
	}
	t.Logf("rejoined: %+v", back)
	p.Osaka.AwaitReplica(t, p.Tokyo)
	seen, err = lookRejoined(ctx, Rejoin{Server: tokyo, Follow: osaka})
	wantSight(t, "the rejoined server", seen, err, plan.Holds)
	lag := must[Lag](t)(caughtUp(ctx, CaughtUp{Server: tokyo, Follow: osaka, Limit: run.Duration(5 * time.Second), Wait: minute}))
	t.Logf("lag: %+v", lag)

	home := must[Switched](t)(switchover(ctx, Switchover{From: osaka, To: tokyo, MaxLag: 10, Wait: minute}))
	t.Logf("switched home: %+v", home)
	w := must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Expect: "tokyo", Wait: minute}))
	if w.Writer != "tokyo" || w.Servers[1].State != roleReadOnly {
		t.Errorf("writer = %+v", w)
	}
	must[KeptRole](t)(keep(ctx, Keep{Server: tokyo}))
	st := must[Status](t)(status(ctx, Inspect{Server: tokyo}))
	if st.Role != rolePrimary || st.Flavour != "mariadb" || !st.Kept || st.ReadOnly {
		t.Errorf("status of tokyo = %+v", st)
	}
	st = must[Status](t)(status(ctx, Inspect{Server: osaka}))
	if st.Role != roleReplica || st.Receives != "Yes" || st.Applies != "Yes" || !st.Kept || !st.ReadOnly || st.Error != "" {
		t.Errorf("status of osaka = %+v", st)
	}

	// Both come back from a power loss as what they were.
	for _, s := range []*mysqltest.Server{p.Tokyo, p.Osaka} {
		s.Kill9(t)
		if st := must[Status](t)(status(ctx, Inspect{Server: s.Target})); st.Role != roleDown {
			t.Errorf("status of the dead %s = %+v", s.Name, st)
		}
		s.StartServer(t)
	}
	must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Expect: "tokyo", Wait: minute}))
	p.Tokyo.AwaitReplica(t, p.Osaka)
}

func TestFrozenPrimaryIsFencedBeforeItCanWriteAgain(t *testing.T) {
	p := mysqltest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")

	clerk := must[*mylink.Conn](t)(p.Tokyo.Clerk(t)) // has a session from before
	t.Cleanup(clerk.Close)
	p.Tokyo.Freeze(t)
	frozen := time.Now()
	_, err := promote(ctx, Promote{Server: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "hung, not gone")
	_, err = singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Wait: run.Duration(time.Second)})
	wantKind(t, err, "plain", "cannot tell") // silent is not read-only
	_, err = stop(ctx, Stop{Server: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "frozen")
	_, err = switchover(ctx, Switchover{From: tokyo, To: osaka, Wait: minute})
	wantKind(t, err, "plain", "thaw it") // nobody can tell what a frozen server does next
	away := tokyo
	away.Spec.Data, away.Spec.Config = "/nowhere/data", "/nowhere/zz-muster.cnf"
	_, err = fence(ctx, Fence{Server: away})
	wantKind(t, err, "plain", "can't be proven from here")

	seen, err := lookFenced(ctx, Fence{Server: tokyo})
	wantSight(t, "the frozen server", seen, err, plan.HoldsNot)
	fenced := must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	if fenced.Was != "frozen" || fenced.Method != "killed" {
		t.Errorf("fenced = %+v", fenced)
	}
	seen, err = lookFenced(ctx, Fence{Server: tokyo})
	wantSight(t, "the fenced server", seen, err, plan.Holds)
	must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Errorf("the new primary refuses a write: %v", err)
	}
	t.Logf("freeze to first write: %v, with the refusals on the way", time.Since(frozen).Round(time.Millisecond))

	// Somebody who knows nothing of muster starts the old primary.
	p.Tokyo.StartServer(t)
	if err := p.Tokyo.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
		t.Errorf("write on the fenced server = %v, want it read-only", err)
	}
	seen, err = lookFenced(ctx, Fence{Server: tokyo})
	wantSight(t, "the fenced server, started", seen, err, plan.Holds)
	if w := must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Wait: minute})); w.Writer != "osaka" {
		t.Errorf("writer = %+v", w)
	}
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Wait: minute}))
	must[Started](t)(start(ctx, Start{Server: tokyo, Wait: minute})) // its fence is gone
}

// A fence catches a primary in the middle of its work: what was under way is ended, and
// what had a session has to come back and is refused.
func TestFenceEndsWhatWrites(t *testing.T) {
	p := mysqltest.StartPair(t)
	tokyo := p.Tokyo.Target
	ctx := as(t, "run-1")
	p.Tokyo.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY) ENGINE = InnoDB")
	p.Tokyo.Exec(t, "SET GLOBAL event_scheduler = ON")
	// An administrator's event: read_only does not bind it.
	p.Tokyo.Exec(t, "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO REPLACE INTO shop.orders VALUES (99)")
	half := must[*mylink.Conn](t)(p.Tokyo.Clerk(t))
	t.Cleanup(half.Close)
	locks := must[*mylink.Conn](t)(p.Tokyo.Clerk(t))
	t.Cleanup(locks.Close)
	for c, sql := range map[*mylink.Conn][]string{half: {"START TRANSACTION", "INSERT INTO orders VALUES (1)"}, locks: {"CREATE TABLE other (n int)", "LOCK TABLES other WRITE"}} {
		for _, s := range sql {
			if _, err := c.ExecContext(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	fenced := must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	if fenced.Was != rolePrimary || fenced.Method != "read-only" || fenced.GTID == "" {
		t.Errorf("fenced = %+v", fenced)
	}
	if _, err := half.ExecContext(ctx, "COMMIT"); err == nil {
		t.Error("a transaction from before the fence was committed after it")
	}
	if err := p.Tokyo.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
		t.Errorf("write on the fenced server = %v, want it read-only", err)
	}
	if n := mysqltest.Value[int](t, p.Tokyo, "SELECT COUNT(*) FROM shop.orders WHERE n = 1"); n != 0 {
		t.Error("half a transaction survived")
	}
	if on := mysqltest.Value[string](t, p.Tokyo, "SELECT @@global.event_scheduler"); on != "OFF" {
		t.Errorf("the event scheduler is %s: its events go on writing", on)
	}
	if again := must[Fenced](t)(fence(ctx, Fence{Server: tokyo})); again.GTID != fenced.GTID {
		t.Errorf("the fenced server went from %s to %s", fenced.GTID, again.GTID)
	}
	// The replica gets all that was written, since the fenced primary still sends.
	up := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	if !up.LagKnown || up.Lag != 0 || up.Events != 1 {
		t.Errorf("promoted = %+v, want a known lag of 0 and the event named", up)
	}
	stopped := must[Fenced](t)(fence(ctx, Fence{Server: tokyo, Stop: true}))
	if procs, err := p.Tokyo.Processes(); err != nil || len(procs) > 0 || stopped.Method != "stopped" {
		t.Errorf("fenced = %+v, %d processes, %v", stopped, len(procs), err)
	}
}

func TestPromoteIsRefused(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fence it first")
	if got := mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only"); !got {
		t.Fatal("osaka was promoted in spite of the refusal")
	}

	// It lacks what the fenced primary has, and says how much.
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD")
	for range 3 {
		if err := p.Tokyo.TryWrite(t); err != nil {
			t.Fatal(err)
		}
	}
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	_, err = promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "lacks 4 transactions") // a table and its rows
	p.Osaka.Exec(t, "START SLAVE IO_THREAD")
	p.Tokyo.AwaitReplica(t, p.Osaka)

	// What it applies clashes with what somebody wrote into the replica itself.
	p.Osaka.Exec(t, "CREATE TABLE shop.clash (n int)")
	p.Tokyo.Exec(t, "CREATE TABLE shop.clash (n int)") // an administrator can
	mysqltest.Eventually(t, 30*time.Second, func() string {
		if st := must[Status](t)(status(ctx, Inspect{Server: p.Osaka.Target})); !strings.Contains(st.Error, "error ") {
			return "the replica shows no error"
		}
		return ""
	})
	_, err = promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "stopped applying")
	_, err = caughtUp(ctx, CaughtUp{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Limit: minute, Wait: minute})
	wantKind(t, err, plan.ErrFinding, "does not replicate")
}

// receiveOnly lets osaka receive 20 rows and apply none.
func receiveOnly(t *testing.T, p *mysqltest.Pair) {
	t.Helper()
	p.Osaka.Exec(t, "STOP SLAVE SQL_THREAD")
	for range 20 {
		if err := p.Tokyo.TryWrite(t); err != nil {
			t.Fatal(err)
		}
	}
	want := p.Tokyo.Position(t)
	mysqltest.Eventually(t, 30*time.Second, func() string {
		st := must[Status](t)(status(as(t, "run-1"), Inspect{Server: p.Osaka.Target}))
		if st.Unapplied != p.Osaka.Position(t).Lacks(want) || st.Unapplied < 20 {
			return "the replica has not received it all"
		}
		return ""
	})
}

// What was received counts, when the primary is gone: it is applied, or nothing is done.
func TestPromoteThrowsNothingAwayThatWasReceived(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	receiveOnly(t, p)
	p.Tokyo.Kill9(t)
	// With both threads stopped, MariaDB would throw it away at the next start.
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD")
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "by hand")
	if st := must[Status](t)(status(ctx, Inspect{Server: p.Osaka.Target})); st.Unapplied < 20 || !st.ReadOnly {
		t.Errorf("after the refusal: %+v", st)
	}
}

func TestPromoteStartsTheThreadThatApplies(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	receiveOnly(t, p)
	p.Tokyo.Kill9(t)
	up := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM shop.written"); n != 20 || up.Applied < 20 {
		t.Errorf("%d of 20 rows are there, promoted = %+v", n, up)
	}
}

func TestTwoWritersAreFound(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "r")
	p.Osaka.Exec(t, "SET GLOBAL read_only = 0") // a replica that takes writes beside its primary
	all := SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target}, Wait: minute}
	_, err := singleWriter(ctx, all)
	wantKind(t, err, plan.ErrFinding, "tokyo and osaka")
	p.Tokyo.Kill9(t)
	if w := must[Writers](t)(singleWriter(ctx, all)); w.Writer != "osaka" || w.Servers[0].State != roleDown {
		t.Errorf("writers = %+v", w)
	}
	all.Expect = "tokyo"
	_, err = singleWriter(ctx, all)
	wantKind(t, err, plan.ErrFinding, "the writer is osaka")
	p.Osaka.Kill9(t)
	_, err = singleWriter(ctx, all)
	wantKind(t, err, plan.ErrFinding, "no server takes writes")
}

func TestUnfenceIsForTheRunThatFenced(t *testing.T) {
	p := mysqltest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	unf := Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute}
	_, err := unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused, "no fence")
	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	_, err = unfence(as(t, "run-2"), unf)
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	_, err = unfence(ctx, Unfence{Server: tokyo, Others: []Target{tokyo}, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "tokyo itself")
	seen, err := lookUnfenced(ctx, unf)
	wantSight(t, "the fenced server", seen, err, plan.HoldsNot)
	must[Started](t)(unfence(ctx, unf))
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("unfenced, it refuses a write: %v", err)
	}
	seen, err = lookUnfenced(ctx, unf)
	wantSight(t, "the unfenced server", seen, err, plan.Holds)

	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	p.Osaka.Exec(t, "SET GLOBAL read_only = 0")
	_, err = unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused, "two primaries")
}

// A fence says that a server must take no writes: nothing promotes it but the fence's own
// run, which takes it off first.
func TestAFencedServerIsNotPromoted(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	osaka := p.Osaka.Target
	must[Fenced](t)(fence(ctx, Fence{Server: osaka}))
	p.Tokyo.Kill9(t)
	up := Promote{Server: osaka, Wait: minute}
	_, err := promote(ctx, up)
	wantKind(t, err, plan.ErrRefused, "mysql.unfence")
	_, err = readyPromote(ctx, up)
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	seen, err := lookPromoted(ctx, up)
	wantSight(t, "the fenced replica", seen, err, plan.HoldsNot)
	_, err = switchover(ctx, Switchover{From: p.Tokyo.Target, To: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "down")
	p.Tokyo.StartServer(t)
	_, err = switchover(ctx, Switchover{From: p.Tokyo.Target, To: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")

	// Tokyo takes writes, and a replica's fence may come off all the same: it stays one.
	if out := must[Started](t)(unfence(ctx, Unfence{Server: osaka, Others: []Target{p.Tokyo.Target}, Wait: minute})); out.Role != roleReplica {
		t.Errorf("unfenced = %+v", out)
	}
	seen, err = lookUnfenced(ctx, Unfence{Server: osaka})
	wantSight(t, "the unfenced replica", seen, err, plan.Holds)
	if !mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only") {
		t.Error("the replica takes writes")
	}
	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, up))
}

// What is wrong is the account and not the server: a primary that serves is left alone.
func TestAWrongAccountIsNoReasonToKill(t *testing.T) {
	s := mysqltest.StartOne(t)
	ctx := as(t, "run-1")
	serves := func(what string) {
		t.Helper()
		if err := s.TryWrite(t); err != nil {
			t.Errorf("%s: the server refuses a write: %v", what, err)
		}
	}
	for what, change := range map[string]func(*Server){
		"no such user":            func(s *Server) { s.User = "nobody" },
		"no rights":               func(s *Server) { s.User = "clerk" },
		"encryption it can't do":  func(s *Server) { s.TLS = "require" },
		"a certificate it hasn't": func(s *Server) { s.TLS = "verify-full" },
	} {
		wrong := Fence{Server: s.Target}
		change(&wrong.Server.Spec)
		_, err := fence(ctx, wrong)
		wantKind(t, err, plan.ErrRefused, "stop: true")
		serves(what)
		seen, err := lookFenced(ctx, wrong)
		if wantSight(t, what, seen, err, plan.HoldsNot); seen.Partial {
			t.Errorf("%s: something of a fence is there: %s", what, seen.Detail)
		}
	}

	// It lets us look, and not act.
	s.Exec(t, "CREATE USER watcher IDENTIFIED BY '"+mysqltest.Password+"'")
	s.Exec(t, "GRANT PROCESS, SLAVE MONITOR ON *.* TO watcher")
	watcher := Fence{Server: s.Target}
	watcher.Server.Spec.User = "watcher"
	_, err := fence(ctx, watcher)
	wantKind(t, err, plan.ErrFinding, "takes writes still")
	serves("an account that may not make it read-only")
	seen, err := lookFenced(ctx, watcher)
	wantPartial(t, "half a fence", seen, err)

	// A plan that wants it silent at any price needs no account.
	locked := Fence{Server: s.Target, Stop: true}
	locked.Server.Spec.User = "nobody"
	out := must[Fenced](t)(fence(ctx, locked))
	if out.Was != closed || out.Method != "stopped" {
		t.Errorf("fenced = %+v", out)
	}
	seen, err = lookFenced(ctx, locked)
	wantSight(t, "the stopped server", seen, err, plan.Holds)
}

// Two servers' option files may lie in one folder.
func TestServersOfOneFolderHaveFencesOfTheirOwn(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	osaka := p.Osaka.Target
	beside := filepath.Join(filepath.Dir(p.Tokyo.Config), "zz-osaka.cnf")
	osaka.Spec.Config = beside
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	if st := must[Status](t)(status(ctx, Inspect{Server: osaka})); st.Fenced != "" {
		t.Errorf("osaka has tokyo's fence: %+v", st)
	}
	if st := must[Status](t)(status(ctx, Inspect{Server: p.Tokyo.Target})); st.Fenced != "run-1" {
		t.Errorf("status of tokyo = %+v", st)
	}
}

func TestFenceElsewhereNeverPassesWithoutProof(t *testing.T) {
	p := mysqltest.StartPair(t)
	away := p.Tokyo.Target
	away.Spec.Data, away.Spec.Config = "/nowhere/data", "/nowhere/zz-muster.cnf"
	_, err := fence(as(t, "r"), Fence{Server: away})
	wantKind(t, err, plan.ErrFinding, "all that can be done from here") // nothing keeps it so after a restart
	if err := p.Tokyo.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
		t.Errorf("write = %v, want the server read-only at least for now", err)
	}
	p.Tokyo.Kill9(t)
	_, err = fence(as(t, "r"), Fence{Server: away})
	wantKind(t, err, "plain", "can't be proven") // refused connections prove nothing about tomorrow

	// Muster's file is there, and the server does not read it.
	deaf := p.Tokyo.Target
	deaf.Spec.Config = strings.Replace(deaf.Spec.Config, "zz-muster.cnf", "zz-muster.conf", 1)
	_, err = fence(as(t, "r"), Fence{Server: deaf})
	wantKind(t, err, plan.ErrFinding, "include")
}
