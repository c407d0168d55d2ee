package mysql

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

// A service manager starts the server again within seconds: the kill is done all the same, and a second one
// would be another crash.
func TestAKillIsDoneThoughTheServerIsBack(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	tokyo, ctx := p.Tokyo.Target, as(t, "run-1")
	killed := must[Killed](t)(kill(ctx, Kill{Server: tokyo}))
	p.Tokyo.StartServer(t)
	seen, err := lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "the killed server, started again", seen, err, plan.Holds)
	if seen.Output != killed {
		t.Errorf("the look says %+v, the kill said %+v", seen.Output, killed)
	}
	seen, err = lookKilled(as(t, "run-2"), Kill{Server: tokyo})
	wantSight(t, "a server that another run killed", seen, err, plan.HoldsNot)

	// The worker died after it had noted the kill and before it struck.
	var n killNote
	if err := recall(p.Tokyo.Instance, killFile, &n); err != nil {
		t.Fatal(err)
	}
	procs, err := p.Tokyo.Processes()
	if err != nil || len(procs) != 1 {
		t.Fatalf("%v, %v", procs, err)
	}
	n.Process = proc.Identity(procs[0].PID)
	if err := note(p.Tokyo.Instance, killFile, n); err != nil {
		t.Fatal(err)
	}
	seen, err = lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "a server that was meant and not struck", seen, err, plan.HoldsNot)
}

func TestFailoverByKillAndTheWayHome(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
func TestPromoteIsRefused(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fence it first")
	// Its primary's address leads to another server of the same data, as a virtual one does that was moved.
	id := mysqltest.Value[int](t, p.Tokyo, "SELECT @@server_id")
	p.Tokyo.Exec(t, "SET GLOBAL server_id = 77")
	if err := p.Tokyo.TryWrite(t); err != nil { // what it wrote as another one is not in its position
		t.Fatal(err)
	}
	p.Tokyo.AwaitReplica(t, p.Osaka)
	_, err = promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "another server")
	p.Tokyo.Exec(t, fmt.Sprintf("SET GLOBAL server_id = %d", id))
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
	wantKind(t, err, plan.ErrRefused, "lacks 3 transactions")
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
	t.Parallel()
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

// Somebody stopped the receiver and forgot it; then the primary is lost.
func TestPromoteRefusesAReplicaThatSomebodyStopped(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD")
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Fatal(err)
	}
	p.Tokyo.Kill9(t)
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "START SLAVE IO_THREAD on osaka")
	if !mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only") {
		t.Error("it was promoted")
	}
	led, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	step := func(run string) context.Context {
		return activities.WithLedger(activities.WithCall(ctx, plan.Call{Run: run, EffectKey: run + "/orders/failover/promote/1"}), led)
	}
	noteStop(step("run-1"), p.Osaka.Target) // as an attempt of the step leaves it that is cut off
	_, err = promote(step("run-2"), Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "START SLAVE IO_THREAD on osaka")
	must[Promoted](t)(promote(step("run-1"), Promote{Server: p.Osaka.Target, Wait: minute}))
}

func TestPromoteStartsTheThreadThatApplies(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

// A fence says that a server must take no writes: nothing promotes it but the fence's own
// run, which takes it off first.
// What is wrong is the account and not the server: a primary that serves is left alone.
// Two servers' option files may lie in one folder.
