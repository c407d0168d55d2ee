package redis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestFailoverOfAPairAndTheWayHome(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	client := redislink.Open(tokyo, time.Minute) // connected from before the fence on
	defer client.Close()
	must[any](t)(client.Do(ctx, "INCR", "orders"))

	_, err := promote(ctx, Promote{Server: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "still takes writes")
	if err := p.Osaka.TryWrite(t); redislink.Code(err) != redislink.CodeReadOnly {
		t.Errorf("a refused promotion left osaka with %v", err)
	}
	seen, err := lookFenced(ctx, Fence{Server: tokyo, Restart: true})
	wantSight(t, "the master to fence", seen, err, plan.HoldsNot)
	f := must[Fenced](t)(fence(ctx, Fence{Server: tokyo, Restart: true}))
	if f.Was != "master" || f.Method != "refusing" || !f.Kept || f.Offset == 0 || f.At.IsZero() {
		t.Errorf("fenced = %+v", f)
	}
	seen, err = lookFenced(ctx, Fence{Server: tokyo, Restart: true})
	wantSight(t, "the fenced master", seen, err, plan.Holds)
	if again := must[Fenced](t)(fence(ctx, Fence{Server: tokyo, Restart: true})); again.Offset != f.Offset || !again.Kept {
		t.Errorf("fenced twice: %+v after %+v", again, f)
	}
	for name, command := range map[string][]any{
		"a write":              {"INCR", "orders"},
		"a script":             {"EVAL", "return redis.call('INCR', 'orders')", 0},
		"emptying":             {"FLUSHALL"},
		"a list with a waiter": {"LPUSH", "queue", "1"},
	} {
		if _, err := client.Do(ctx, command...); !strings.Contains(fmt.Sprint(err), redislink.CodeNoReplicas) {
			t.Errorf("%s of a connected client on the fenced master = %v", name, err)
		}
	}
	if _, err := client.Together(ctx, []any{"INCR", "orders"}); err == nil {
		t.Error("a transaction was let through the fence")
	}
	if v := must[any](t)(client.Do(ctx, "GET", "orders")); v != "1" {
		t.Errorf("orders on the fenced master = %v, want it readable and 1", v)
	}

	seen, err = lookPromoted(ctx, Promote{Server: osaka})
	wantSight(t, "the replica", seen, err, plan.HoldsNot)
	up := must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	if !up.LagKnown || up.LagBytes != 0 || !up.Kept {
		t.Errorf("promoted = %+v, want no lag, known from the fenced master", up)
	}
	seen, err = lookPromoted(ctx, Promote{Server: osaka})
	wantSight(t, "the promoted server", seen, err, plan.Holds)
	must[Promoted](t)(promote(ctx, Promote{Server: osaka, Wait: minute}))
	wantWriter(t, p, "osaka")
	_, err = unfence(ctx, Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "would make two")

	// Somebody who knows nothing of muster starts both again.
	for _, s := range []*redistest.Server{p.Tokyo, p.Osaka} {
		s.Kill9(t)
		s.StartServer(t)
	}
	wantWriter(t, p, "osaka")

	seen, err = lookRejoined(ctx, Rejoin{Server: tokyo, Follow: osaka})
	wantSight(t, "the server to rejoin", seen, err, plan.HoldsNot)
	back := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Wait: minute}))
	if !back.Fenced || back.Method != "full" {
		t.Errorf("rejoined = %+v", back)
	}
	seen, err = lookRejoined(ctx, Rejoin{Server: tokyo, Follow: osaka})
	wantSight(t, "the rejoined server", seen, err, plan.Holds)
	if again := must[Rejoined](t)(rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Wait: minute})); again.Method != "none" {
		t.Errorf("rejoined twice: %+v", again)
	}
	lag := must[Lag](t)(waitCaughtUp(ctx, CaughtUp{Server: tokyo, Follow: osaka, Wait: minute}))
	if lag.LagBytes != 0 {
		t.Errorf("lag = %+v", lag)
	}

	// Home: by the same three steps, this time without a copy of everything.
	must[Fenced](t)(fence(ctx, Fence{Server: osaka, Restart: true}))
	must[Promoted](t)(promote(ctx, Promote{Server: tokyo, Wait: minute}))
	back = must[Rejoined](t)(rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Wait: minute}))
	if back.Method != "partial" {
		t.Errorf("rejoined = %+v, want what it holds to fit", back)
	}
	wantWriter(t, p, "tokyo")
	st := must[Status](t)(status(ctx, Inspect{Server: tokyo}))
	if st.Role != "master" || len(st.Replicas) != 1 || st.Fenced || st.MinReplicas != 0 {
		t.Errorf("status of tokyo = %+v", st)
	}
	st = must[Status](t)(status(ctx, Inspect{Server: osaka}))
	if st.Role != "replica" || !st.Link || st.Syncing || st.Follows != redislink.Address(tokyo.Spec) || st.Fenced {
		t.Errorf("status of osaka = %+v", st)
	}
}

func TestPromoteRefusesWhatWouldLose(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	pr := Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute}

	// Behind and cut off, and the fenced master says by how much.
	p.Osaka.Do(t, "CONFIG", "SET", "masterauth", "wrong") // for its next link
	p.Tokyo.Do(t, "CLIENT", "KILL", "TYPE", "REPLICA")
	redistest.Eventually(t, time.Minute, func() string {
		if p.Osaka.Info(t, "master_link_status") != "down" {
			return "the replica's link is up"
		}
		return ""
	})
	for range 100 {
		p.Tokyo.Do(t, "SET", "orders", strings.Repeat("x", 100))
	}
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	_, err := promote(ctx, pr)
	wantKind(t, err, plan.ErrRefused, "more than max_lag")
	pr.MaxLag = 1 << 20
	p.Tokyo.Do(t, "CONFIG", "SET", "requirepass", "another")
	_, err = promote(ctx, pr)
	wantKind(t, err, plan.ErrRefused, "does not let muster in")
	p.Osaka.Do(t, "CONFIG", "SET", "masterauth", "another")
	p.Osaka.AwaitRole(t, "slave")

	// The link has been down for longer than allowed, and nobody can tell what is missing.
	p.Tokyo.Kill9(t)
	redistest.Eventually(t, time.Minute, func() string {
		if p.Osaka.Info(t, "master_link_status") == "down" && p.Osaka.Info(t, "master_link_down_since_seconds") != "0" {
			return ""
		}
		return "the replica's link is not down for a second"
	})
	pr.MaxLinkDown = run.Duration(time.Millisecond)
	_, err = promote(ctx, pr)
	wantKind(t, err, plan.ErrRefused, "max_link_down")
	pr.MaxLinkDown = minute
	must[Promoted](t)(promote(ctx, pr))
}

// The link between the two comes and goes. What is said of the lag is true whenever it is
// said, and what was acknowledged before the fence is on the new master.
func TestAFlappingLink(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx, cancel := context.WithCancel(as(t, "r"))
	var flaps sync.WaitGroup
	flaps.Go(func() {
		for ctx.Err() == nil {
			p.Tokyo.Do(t, "CLIENT", "KILL", "TYPE", "REPLICA")
			_ = wait(ctx, 300*time.Millisecond)
		}
	})
	for n := range 300 {
		p.Tokyo.Do(t, "SET", "orders", n)
	}
	must[Lag](t)(waitCaughtUp(ctx, CaughtUp{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}))
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	var err error
	waittest.Moment(t, time.Minute, func() string { // between two flaps
		if _, err = promote(ctx, Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute}); err != nil {
			return err.Error()
		}
		return ""
	})
	cancel()
	flaps.Wait()
	if v := p.Osaka.Do(t, "GET", "orders"); v != "299" {
		t.Errorf("orders on the new master = %v, want the last that was acknowledged", v)
	}
	wantWriter(t, p, "osaka")
}

// A server that answers OK to everything and stays a replica.
func TestALyingReplicaIsNotPromoted(t *testing.T) {
	t.Parallel()
	liar := redistest.Start(t, "liar")
	upstream := redistest.Start(t, "upstream")
	liar.Do(t, "REPLICAOF", "127.0.0.1", upstream.Port)
	liar.AwaitRole(t, "slave")
	must[Fenced](t)(fence(as(t, "r"), Fence{Server: upstream.Target, Restart: true}))
	between := redistest.Lying(t, liar, "REPLICAOF")
	_, err := promote(as(t, "r"), Promote{Server: between, MaxLinkDown: minute, Wait: run.Duration(5 * time.Second)})
	wantKind(t, err, plan.ErrFinding, "still a replica")
	seen, err := lookPromoted(as(t, "r"), Promote{Server: between})
	wantSight(t, "the liar", seen, err, plan.HoldsNot)
}

func TestRejoinRefusesToThrowAwayWrites(t *testing.T) {
	t.Parallel()
	a, b := redistest.Start(t, "a"), redistest.Start(t, "b")
	ctx := as(t, "r")
	b.Do(t, "SET", "orders", "7")
	r := Rejoin{Server: b.Target, Follow: a.Target, Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused, "discard: true")
	if v := b.Do(t, "GET", "orders"); v != "7" {
		t.Errorf("refused, and orders = %v", v)
	}
	same := b.Target
	same.Name = "c"
	_, err = rejoin(ctx, Rejoin{Server: b.Target, Follow: same, Discard: true, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "one server")
	r.Discard = true
	if back := must[Rejoined](t)(rejoin(ctx, r)); back.Method != "full" {
		t.Errorf("rejoined = %+v", back)
	}
	_, err = rejoin(ctx, Rejoin{Server: a.Target, Follow: b.Target, Discard: true, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "is a replica itself")
}

// A master that was started without its data is empty, and would empty what follows it.
func TestRejoinKeepsTheLastCopy(t *testing.T) {
	t.Parallel()
	empty, last := redistest.Start(t, "empty"), redistest.Start(t, "last")
	ctx := as(t, "r")
	last.Do(t, "SET", "orders", "7")
	must[Fenced](t)(fence(ctx, Fence{Server: last.Target, Restart: true}))
	r := Rejoin{Server: last.Target, Follow: empty.Target, Restart: true, Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused, "empty holds no data and last holds 1 keys", "データがなく", "discard: true")
	if v := last.Do(t, "GET", "orders"); v != "7" {
		t.Errorf("refused, and orders = %v", v)
	}
	r.Discard = true
	if back := must[Rejoined](t)(rejoin(ctx, r)); back.Method != "full" || !back.Kept {
		t.Errorf("rejoined = %+v", back)
	}
}

// The worker dies between the handing over and the rewriting of the files, or the old
// master can't rewrite its own: a restart would bring a second master back.
func TestAMasterThatForgetsTheSwitchIsSeen(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	there := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 1 << 20, Restart: true, Wait: minute}
	p.Tokyo.Do(t, "FAILOVER", "TO", "127.0.0.1", p.Osaka.Port)
	p.Osaka.AwaitRole(t, "master")
	p.Tokyo.AwaitRole(t, "slave")
	half := func(what string, look Switchover, words string) {
		t.Helper()
		seen, err := lookSwitched(ctx, look)
		wantSight(t, what, seen, err, plan.HoldsNot)
		if !seen.Partial || !strings.Contains(seen.Detail, words) {
			t.Errorf("look at %s = %+v, want some of it done, and %q", what, seen, words)
		}
	}
	half("a switch that the file does not have", there, "a restart would make it a master")
	elsewhere := there
	elsewhere.From.Spec.Config = ""
	half("a file that is on another host", elsewhere, "can't be seen from here")
	if again := must[Switched](t)(switchover(ctx, there)); !again.Kept {
		t.Errorf("switched again = %+v, want the files to have it", again)
	}
	seen, err := lookSwitched(ctx, there)
	wantSight(t, "the switch once it is written", seen, err, plan.Holds)
	p.Tokyo.Kill9(t)
	p.Tokyo.StartServer(t)
	wantWriter(t, p, "osaka")
	p.Tokyo.AwaitRole(t, "slave")

	p.Osaka.Unwritable(t)
	back := Switchover{From: p.Osaka.Target, To: p.Tokyo.Target, MaxLag: 1 << 20, Restart: true, Wait: minute}
	_, err = switchover(ctx, back)
	wantKind(t, err, plan.ErrFinding, "can't rewrite its configuration file", "second master", "書き換えられない", "restart: false")
	half("a switch that can't be written", back, "configuration file")
	back.Restart = false
	if out := must[Switched](t)(switchover(ctx, back)); out.Kept {
		t.Errorf("switched = %+v, and the file has nothing", out)
	}
	seen, err = lookSwitched(ctx, back)
	wantSight(t, "a switch that need not outlast a restart", seen, err, plan.Holds)

	// The same of a server that rejoins.
	r := Rejoin{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Restart: true, Wait: minute}
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrFinding, "second master")
	seen, err = lookRejoined(ctx, r)
	if wantSight(t, "a replica whose file does not say so", seen, err, plan.HoldsNot); !seen.Partial {
		t.Errorf("%+v, want some of it done", seen)
	}
}

// A server without a configuration file, as most containers', can't keep that it follows.
// That is known before anything is moved.
func TestWithoutAConfigurationFileNothingIsMoved(t *testing.T) {
	t.Parallel()
	bare, other := redistest.StartBare(t, "bare"), redistest.Start(t, "other")
	other.Do(t, "REPLICAOF", "127.0.0.1", bare.Port)
	other.AwaitRole(t, "slave")
	ctx := as(t, "r")
	words := []string{"without a configuration file", "second master", "設定ファイルなし", "restart: false"}
	said := func(what string, got []plan.Text, err error) {
		t.Helper()
		if err != nil || len(got) != 1 || !strings.Contains(got[0].EN, words[0]) || !strings.Contains(got[0].JA, words[2]) {
			t.Errorf("%s: problems = %v, %v", what, got, err)
		}
	}
	s := Switchover{From: bare.Target, To: other.Target, MaxLag: 1 << 20, Restart: true, Wait: minute}
	got, err := readySwitchover(ctx, s)
	said("switchover", got, err)
	_, err = switchover(ctx, s)
	wantKind(t, err, plan.ErrRefused, words...)
	if err := bare.TryWrite(t); err != nil || other.Info(t, "role") != "slave" {
		t.Errorf("refused, and the master takes a write: %v; the replica is %s", err, other.Info(t, "role"))
	}
	s.Restart = false
	if got, err := readySwitchover(ctx, s); err != nil || len(got) > 0 {
		t.Errorf("that it need not outlast a restart: problems = %v, %v", got, err)
	}
	redistest.Eventually(t, time.Minute, func() string {
		if out, err := switchover(ctx, s); err != nil || out.Kept {
			return fmt.Sprintf("%+v, %v", out, err)
		}
		return ""
	})

	other.Do(t, "SET", "orders", "1")
	bare.Do(t, "REPLICAOF", "NO", "ONE")
	must[Fenced](t)(fence(ctx, Fence{Server: bare.Target}))
	r := Rejoin{Server: bare.Target, Follow: other.Target, Restart: true, Wait: minute}
	got, err = readyRejoin(ctx, r)
	said("rejoin", got, err)
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused, words...)
	if role := bare.Info(t, "role"); role != "master" {
		t.Errorf("refused, and it is %s", role)
	}
	r.Restart = false
	if got, err := readyRejoin(ctx, r); err != nil || len(got) > 0 {
		t.Errorf("that it need not outlast a restart: problems = %v, %v", got, err)
	}
	if back := must[Rejoined](t)(rejoin(ctx, r)); back.Kept || !back.Fenced {
		t.Errorf("rejoined = %+v", back)
	}
}

func TestSwitchoverThereAndBackLosesNothing(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t, "appendonly yes", "appendfsync always") // it is restarted
	ctx := as(t, "r")
	there := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 1 << 20, Restart: true, Wait: minute}
	back := Switchover{From: p.Osaka.Target, To: p.Tokyo.Target, MaxLag: 1 << 20, Restart: true, Wait: minute}
	stop := writer(t, p)
	defer stop()
	redistest.Eventually(t, time.Minute, func() string {
		if n := p.Tokyo.Do(t, "SCARD", "numbers").(int64); n < 100 {
			return fmt.Sprint(n, " numbers")
		}
		return ""
	})
	seen, err := lookSwitched(ctx, there)
	wantSight(t, "servers not switched", seen, err, plan.HoldsNot)
	out := must[Switched](t)(switchover(ctx, there))
	t.Logf("there: %+v", out)
	seen, err = lookSwitched(ctx, there)
	wantSight(t, "switched servers", seen, err, plan.Holds)
	if again := must[Switched](t)(switchover(ctx, there)); again.BlockedS != 0 || !again.Kept {
		t.Errorf("switched twice: %+v, want nothing done", again)
	}
	for _, s := range []*redistest.Server{p.Tokyo, p.Osaka} { // whoever starts them again
		s.Kill9(t)
		s.StartServer(t)
	}
	wantWriter(t, p, "osaka")
	p.Tokyo.AwaitRole(t, "slave")
	home := must[Switched](t)(switchover(ctx, back))
	t.Logf("back: %+v", home)
	acked := stop()
	if n := lost(t, p.Tokyo, acked); n > 0 || len(acked) < 100 {
		t.Errorf("%d of %d acknowledged writes are lost", n, len(acked))
	}

	must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target, Restart: true}))
	_, err = switchover(ctx, there)
	wantKind(t, err, plan.ErrRefused, "is fenced")
	must[Unfenced](t)(unfence(ctx, Unfence{Server: p.Osaka.Target, Others: []Target{p.Tokyo.Target}, Wait: minute}))
	p.Osaka.Freeze(t)
	_, err = switchover(ctx, there)
	wantKind(t, err, "plain")
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the master refuses a write after a switchover that was not begun: %v", err)
	}
	p.Osaka.Thaw(t)
	p.Tokyo.Kill9(t)
	_, err = switchover(ctx, there)
	wantKind(t, err, "plain") // a dead master is failed over from
}
