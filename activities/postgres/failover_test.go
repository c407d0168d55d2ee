package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

func TestFailoverByKillAndTheWayHome(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")

	seen, err := lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "a running server to kill", seen, err, plan.HoldsNot)
	killed := must[Killed](t)(kill(ctx, Kill{Server: tokyo}))
	if killed.At.IsZero() || time.Since(killed.At) > time.Minute || killed.Processes < 5 {
		t.Errorf("killed = %+v", killed)
	}
	seen, err = lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "the killed server", seen, err, plan.Holds)
	if seen.Output.(Killed) != killed {
		t.Errorf("the look says %+v, the kill said %+v", seen.Output, killed)
	}
	seen, err = lookKilled(as(t, "run-2"), Kill{Server: tokyo})
	wantSight(t, "a server that another run killed", seen, err, plan.HoldsNot)
	_, err = kill(as(t, "run-2"), Kill{Server: tokyo})
	wantKind(t, err, plan.ErrRefused)

	fenced := must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	if fenced.Was != "down" || fenced.Method != "none" {
		t.Errorf("fenced = %+v", fenced)
	}
	_, err = start(ctx, Start{Server: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused)

	seen, err = lookPromoted(ctx, Promote{Server: osaka})
	wantSight(t, "the standby", seen, err, plan.HoldsNot)
	up := must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Errorf("the new primary refuses a write: %v", err)
	}
	t.Logf("kill to first write on the new primary: %v, fence included", time.Since(killed.At).Round(time.Millisecond))
	if up.TimelineBefore != 1 || up.Timeline != 2 || up.LagKnown {
		t.Errorf("promoted = %+v, want timeline 1 to 2 and a lag that nobody can know", up)
	}
	again := must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	if again.Timeline != 2 || p.Osaka.Timeline(t) != 2 {
		t.Errorf("promoted twice: timeline %d, want it raised once", again.Timeline)
	}
	seen, err = lookPromoted(ctx, Promote{Server: osaka})
	wantSight(t, "the promoted server", seen, err, plan.Holds)

	back := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Method: "auto", Wait: minute}))
	if back.Method != byRewind || back.Timeline != 2 {
		t.Errorf("rejoined = %+v, want by rewind", back)
	}
	t.Logf("rejoined: %+v", back)
	p.Osaka.AwaitStreaming(t, p.Tokyo)
	seen, err = lookRejoined(ctx, Rejoin{Server: tokyo, Follow: osaka})
	wantSight(t, "the rejoined server", seen, err, plan.Holds)
	if n := pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM pg_replication_slots"); n != 0 {
		t.Errorf("%d slots are left on the new standby, where they hold log back", n)
	}
	lag := must[Lag](t)(caughtUp(ctx, CaughtUp{Server: tokyo, Follow: osaka, Wait: minute}))
	if lag.LagBytes != 0 {
		t.Errorf("caught up with a lag of %d", lag.LagBytes)
	}

	home := must[Switched](t)(switchover(ctx, Switchover{From: osaka, To: tokyo, MaxLag: 1 << 20, Wait: minute}))
	if home.Timeline != 3 || home.Method != byFollowing {
		t.Errorf("switched = %+v, want timeline 3 without a rewind", home)
	}
	t.Logf("switched home: %+v", home)
	w := must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Expect: "tokyo", Wait: minute}))
	if w.Writer != "tokyo" {
		t.Errorf("writer = %+v", w)
	}
	st := must[Status](t)(status(ctx, Inspect{Server: tokyo}))
	if st.Role != "primary" || st.Timeline != 3 || len(st.Standbys) != 1 || st.Standbys[0].Name != "osaka" || len(st.Slots) != 1 || st.Slots[0].Name != "muster_osaka" {
		t.Errorf("status of tokyo = %+v", st)
	}
	st = must[Status](t)(status(ctx, Inspect{Server: osaka}))
	if st.Role != "standby" || st.Timeline != 3 || !st.Streaming || len(st.Slots) != 0 {
		t.Errorf("status of osaka = %+v", st)
	}
}

// A service manager starts the server again within seconds: the kill is done all the same, and a second one
// would be another crash.
func TestAKillIsDoneThoughTheServerIsBack(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
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
	var note killNote
	if err := kept(p.Tokyo.Instance, killFile, &note); err != nil {
		t.Fatal(err)
	}
	pm, _, err := p.Tokyo.Postmaster()
	if err != nil {
		t.Fatal(err)
	}
	note.Process = proc.Identity(pm.PID)
	if err := keep(p.Tokyo.Instance, killFile, note); err != nil {
		t.Fatal(err)
	}
	seen, err = lookKilled(ctx, Kill{Server: tokyo})
	wantSight(t, "a server that was meant and not struck", seen, err, plan.HoldsNot)
}

func TestFrozenPrimaryIsFencedBeforeItCanWriteAgain(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")

	p.Tokyo.Freeze(t)
	frozen := time.Now()
	_, err := promote(ctx, Promote{Server: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused) // hung is not gone
	_, err = singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Wait: run.Duration(time.Second)})
	wantKind(t, err, "plain") // and silent is not read-only
	_, err = stop(ctx, Stop{Server: tokyo, Mode: "fast", Wait: minute})
	wantKind(t, err, plan.ErrRefused)

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
	pgtest.Eventually(t, 30*time.Second, func() string { // it may still be at its crash recovery
		if err := p.Tokyo.TryWrite(t); err == nil {
			t.Error("the fenced server takes a write")
		} else if pglink.Code(err) != pglink.CodeReadOnly {
			return fmt.Sprintf("write on the fenced server = %v, want it read-only", err)
		}
		return ""
	})
	seen, err = lookFenced(ctx, Fence{Server: tokyo})
	wantSight(t, "the fenced server, started", seen, err, plan.Holds)
	if w := must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{tokyo, osaka}, Wait: minute})); w.Writer != "osaka" {
		t.Errorf("writer = %+v", w)
	}
	// It holds what osaka lacks, and ran as a standby meanwhile: still it is rewound.
	back := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Method: "auto", Wait: minute}))
	t.Logf("rejoined: %+v", back)
	p.Osaka.AwaitStreaming(t, p.Tokyo)
	must[Started](t)(start(ctx, Start{Server: tokyo, Wait: minute})) // its fence is gone
}

func TestPromoteIsRefused(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	_, err := promote(as(t, "run-1"), Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "fence it first") {
		t.Errorf("promoting beside a writing primary = %v", err)
	}
	if got := pgtest.Value[bool](t, p.Osaka, "SELECT pg_is_in_recovery()"); !got {
		t.Fatal("osaka was promoted in spite of the refusal")
	}
}

func TestAPromotionUnderWayIsNotTakenForNone(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka) // one that still starts takes the file up at once
	trigger := filepath.Join(p.Osaka.Data, "promote")
	if err := os.WriteFile(trigger, nil, 0o600); err != nil { // asked for, and not taken up yet
		t.Fatal(err)
	}
	seen, err := lookPromoted(as(t, "r"), Promote{Server: p.Osaka.Target})
	wantSight(t, "a standby with a promotion pending", seen, err, plan.CannotTell)
	if err := os.Remove(trigger); err != nil {
		t.Fatal(err)
	}
	seen, err = lookPromoted(as(t, "r"), Promote{Server: p.Osaka.Target})
	wantSight(t, "the standby without it", seen, err, plan.HoldsNot)
	if !pgtest.Value[bool](t, p.Osaka, "SELECT pg_is_in_recovery() AND NOT pg_is_wal_replay_paused()") {
		t.Error("looking changed the standby")
	}
}

func TestPromoteSaysWhenItIsTooFarBehind(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, ctx := p.Tokyo.Target, as(t, "run-1")
	tokyo.Spec.Stop = run.Duration(time.Second) // it can't ship its log to the end
	resume := p.Osaka.StallReceiver(t)
	p.Tokyo.Exec(t, "CREATE TABLE late AS SELECT g FROM generate_series(1, 10000) g")
	if f := must[Fenced](t)(fence(ctx, Fence{Server: tokyo})); f.Method != "killed" {
		t.Errorf("fenced = %+v", f)
	}
	p.Tokyo.StartServer(t) // read-only, and can say how far it had come
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, MaxLag: 1024, Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "behind the old primary") {
		t.Errorf("promote = %v", err)
	}
	p.Tokyo.Kill9(t)
	resume()
	// Nobody can say any more what it wrote, and what the standby has of it is older than is accepted.
	_, err = promote(ctx, Promote{Server: p.Osaka.Target, MaxSilence: run.Duration(time.Nanosecond), Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "max_silence") {
		t.Errorf("promote = %v", err)
	}
	out := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, MaxSilence: run.Duration(24 * time.Hour), Wait: minute}))
	if out.LagKnown || out.SilentS <= 0 {
		t.Errorf("promoted = %+v, and nobody could know the lag", out)
	}
}

func TestTwoWritersAreFound(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	both := SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target}, Wait: minute}
	_, err := singleWriter(as(t, "r"), both)
	wantKind(t, err, plan.ErrFinding)
	if err == nil || !strings.Contains(err.Error(), "tokyo and osaka") {
		t.Errorf("two writers = %v", err)
	}
	p.Tokyo.Kill9(t)
	if w := must[Writers](t)(singleWriter(as(t, "r"), both)); w.Writer != "osaka" || w.Servers[0].State != notThere {
		t.Errorf("writers = %+v", w)
	}
	both.Expect = "tokyo"
	_, err = singleWriter(as(t, "r"), both)
	wantKind(t, err, plan.ErrFinding)
	p.Osaka.Kill9(t)
	_, err = singleWriter(as(t, "r"), both)
	wantKind(t, err, plan.ErrFinding)
}

func TestUnfenceIsForTheRunThatFenced(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	unf := Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute}
	_, err := unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused)
	fenced := must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	if fenced.Was != "primary" || fenced.Method != "stopped" {
		t.Errorf("fenced = %+v", fenced)
	}
	_, err = unfence(as(t, "run-2"), unf)
	wantKind(t, err, plan.ErrRefused)
	seen, err := lookUnfenced(ctx, unf)
	wantSight(t, "the fenced server", seen, err, plan.HoldsNot)
	must[Started](t)(unfence(ctx, unf))
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("unfenced, it refuses a write: %v", err)
	}
	seen, err = lookUnfenced(ctx, unf)
	wantSight(t, "the unfenced server", seen, err, plan.Holds)

	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	p.Osaka.Exec(t, "SELECT pg_promote()")
	_, err = unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused) // two primaries
}

// The system stays at osaka, and tokyo is its standby: what a run that is aborted fenced there is a standby again, that may
// be promoted, whoever takes writes.
func TestAStandbyThatWasFencedIsOneAfterwards(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	unf := Unfence{Server: p.Osaka.Target, Others: []Target{p.Tokyo.Target}, Wait: minute}
	for _, down := range []bool{false, true} {
		for range 2 { // what is fenced again is what it was before the first time
			must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target}))
		}
		if down {
			p.Osaka.Kill9(t)
		}
		if out := must[Started](t)(unfence(ctx, unf)); out.Role != "standby" {
			t.Errorf("unfenced = %+v", out)
		}
		wantStandby(t, p.Osaka)
		seen, err := lookUnfenced(ctx, unf)
		wantSight(t, "the unfenced standby, where the ledger alone knows who took its fence off", seen, err, "")
	}
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
}

// A standby whose fence was left behind, and that somebody promoted since, takes writes: what a later run fences and lets go of
// takes them again.
func TestAStandbyThatWasPromotedSinceItsFenceIsAPrimaryAfterwards(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	must[Fenced](t)(fence(as(t, "run-1"), Fence{Server: p.Osaka.Target}))
	p.Tokyo.Kill9(t)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	note := must[*fenceNote](t)(fenceOf(p.Osaka.Instance))
	for run, strike := range map[string]func(){"run-2": func() {}, "run-3": func() { p.Osaka.Kill9(t) }} {
		if err := keep(p.Osaka.Instance, fenceFile, note); err != nil { // as the first run left it
			t.Fatal(err)
		}
		strike()
		ctx := as(t, run)
		for range 2 { // also when the attempt is made again
			must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target}))
		}
		if out := must[Started](t)(unfence(ctx, Unfence{Server: p.Osaka.Target, Wait: minute})); out.Role != "primary" {
			t.Errorf("%s: unfenced = %+v", run, out)
		}
		if err := p.Osaka.TryWrite(t); err != nil {
			t.Errorf("%s: after the fence came off: %v", run, err)
		}
	}
}

func TestFenceElsewhereNeverPassesWithoutProof(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	away := p.Tokyo.Target
	away.Spec.Data, away.Spec.Config = "/nowhere/data", "/nowhere/postgresql.conf"
	_, err := fence(as(t, "r"), Fence{Server: away})
	wantKind(t, err, plan.ErrFinding) // it takes writes
	reads := p.Osaka.Target
	reads.Spec.Data, reads.Spec.Config = "/nowhere/data", "/nowhere/postgresql.conf"
	_, err = fence(as(t, "r"), Fence{Server: reads})
	wantKind(t, err, plan.ErrFinding) // it is read-only, and nothing keeps it so
	p.Tokyo.Kill9(t)
	_, err = fence(as(t, "r"), Fence{Server: away})
	wantKind(t, err, "plain") // refused connections prove nothing about tomorrow
}

func TestRejoinByBaseBackup(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	_, err := rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Method: "auto", Wait: run.Duration(3 * time.Second)})
	if err == nil {
		t.Error("the only primary rejoined a dead one")
	}
	back := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Method: "basebackup", Wait: minute}))
	if back.Method != byBaseBackup || back.Bytes < 1<<20 {
		t.Errorf("rejoined = %+v", back)
	}
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

func TestRejoinRefusesToThrowAwayANewerTimeline(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	p.Osaka.Exec(t, "SELECT pg_promote()")
	r := Rejoin{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Method: "auto", Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Errorf("refused, and yet osaka does not write any more: %v", err)
	}
	r.Discard = true
	must[Rejoined](t)(rejoin(ctx, r))
	p.Tokyo.AwaitStreaming(t, p.Osaka)
}

func TestRejoinRebuildsWhatCannotBeRewound(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	// Without its log no crash recovery and no rewind is possible.
	if err := removeWAL(p.Tokyo.Instance); err != nil {
		t.Fatal(err)
	}
	leavesNoSlot(t, p, Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: byRewind, Wait: minute})
	back := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}))
	if back.Method != byBaseBackup {
		t.Errorf("rejoined = %+v, want rebuilt", back)
	}
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

// leavesNoSlot lets a rejoin fail that can't succeed: what it reserved on the only primary would fill that one's disk.
func leavesNoSlot(t *testing.T, p *pgtest.Pair, r Rejoin) {
	t.Helper()
	ctx := as(t, "run-1")
	c := must[*pglink.Conn](t)(connect(ctx, r.Follow))
	defer c.Close()
	name := pglink.Slot(r.Server)
	for _, a := range []struct {
		what   string
		before func() error
		left   bool
	}{
		{"no slot", func() error { return nil }, false},
		{"a slot of an attempt that was killed", func() error {
			return errors.Join(keep(p.Tokyo.Instance, rejoinFile, rejoinNote{Run: "run-0", Step: "s", Slot: pglink.Address(r.Follow.Spec)}), makeSlot(ctx, c, name))
		}, false},
		{"a slot that somebody made", func() error { return makeSlot(ctx, c, name) }, true},
	} {
		if err := a.before(); err != nil {
			t.Fatal(err)
		}
		if back, err := rejoin(ctx, r); err == nil {
			t.Fatalf("%s: rejoined = %+v", a.what, back)
		}
		if there := must[bool](t)(hasSlot(ctx, c, name)); there != a.left {
			t.Errorf("%s before a rejoin that failed: it is there afterwards: %v", a.what, there)
		}
	}
	if err := dropSlot(ctx, c, name); err != nil {
		t.Fatal(err)
	}
}

// A fresh copy of a primary is a primary, until standby.signal says otherwise: whoever
// starts it right after the copy, it must not take writes.
func TestARebuiltServerIsReadOnlyFromTheFirstMoment(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	j := &joining{Rejoin: Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: byBaseBackup, Wait: minute},
		out: Rejoined{Slot: pglink.Slot(p.Tokyo.Target)}}
	if err := j.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	defer j.primary.Close()
	if err := makeSlot(ctx, j.primary, j.out.Slot); err != nil {
		t.Fatal(err)
	}
	must[int64](t)(j.rebuild(ctx))
	if ok, err := j.i.StandbySignalled(); err != nil || !ok {
		t.Fatalf("standby.signal in the rebuilt data: %v, %v", ok, err)
	}
	p.Tokyo.StartServer(t)
	if err := p.Tokyo.TryWrite(t); pglink.Code(err) != pglink.CodeReadOnly {
		t.Errorf("write on the rebuilt server = %v, want it read-only", err)
	}
}

// However a crash recovery ends, standby.signal is back.
func TestACrashRecoveryLeavesTheServerReadOnly(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.Kill9(t)
	cut, cancel := context.WithCancel(as(t, "run-1"))
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		before func() error
		passes bool
	}{
		{"cut off", cut, p.Tokyo.SignalStandby, false},
		{"done", as(t, "run-1"), p.Tokyo.SignalStandby, true},
		{"without a log", as(t, "run-1"), func() error { return removeWAL(p.Tokyo.Instance) }, false},
	} {
		if err := c.before(); err != nil {
			t.Fatal(err)
		}
		j := &joining{i: p.Tokyo.Instance}
		if err := j.recover(c.ctx, "in production"); (err == nil) != c.passes {
			t.Errorf("%s: %v", c.name, err)
		}
		if ok, err := p.Tokyo.StandbySignalled(); err != nil || !ok {
			t.Errorf("%s: standby.signal is there: %v, %v", c.name, ok, err)
		}
	}
}

func TestOtherDatabasesAreRefused(t *testing.T) {
	t.Parallel()
	a, b := pgtest.StartPair(t), pgtest.StartPair(t)
	ctx := as(t, "r")
	_, err := rejoin(ctx, Rejoin{Server: b.Osaka.Target, Follow: a.Tokyo.Target, Method: "auto", Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	_, err = switchover(ctx, Switchover{From: a.Tokyo.Target, To: b.Osaka.Target, MaxLag: 1 << 20, Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	inside := a.Tokyo.Target
	inside.Spec.Config = inside.Spec.Data + "/postgresql.conf"
	_, err = stop(ctx, Stop{Server: inside, Mode: "fast", Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err := a.Tokyo.TryWrite(t); err != nil {
		t.Errorf("a refusal did something: %v", err)
	}
}

// removeWAL takes a server's write-ahead log away.
func removeWAL(i *pgcluster.Instance) error {
	files, err := filepath.Glob(filepath.Join(i.Data, "pg_wal", "0*"))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}
