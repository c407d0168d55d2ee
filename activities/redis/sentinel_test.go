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

// writer writes numbers as a client does that asks a sentinel for the master when its
// own fails, until it is stopped, and returns those that were acknowledged.
func writer(t *testing.T, w *redistest.Pair) (stop func() []string) {
	ctx, cancel := context.WithCancel(context.Background())
	var acked []string
	var done sync.WaitGroup
	done.Go(func() {
		servers := []*redistest.Server{w.Tokyo, w.Osaka}
		on := 0
		c := redislink.Open(servers[on].Target, 5*time.Second)
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := c.Do(ctx, "SADD", "numbers", n); err == nil {
				acked = append(acked, fmt.Sprint(n))
			} else {
				c.Close()
				on = 1 - on
				c = redislink.Open(servers[on].Target, 5*time.Second)
			}
			_ = wait(ctx, time.Millisecond)
		}
		c.Close()
	})
	return sync.OnceValue(func() []string { cancel(); done.Wait(); return acked })
}

// lost are the acknowledged numbers that a server does not hold.
func lost(t *testing.T, s *redistest.Server, acked []string) int {
	t.Helper()
	kept := map[string]bool{}
	for _, n := range s.Do(t, "SMEMBERS", "numbers").([]any) {
		kept[fmt.Sprint(n)] = true
	}
	missing := 0
	for _, n := range acked {
		if !kept[n] {
			missing++
		}
	}
	return missing
}

func TestFailoverThroughSentinelsLosesNothing(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatched(t, 30*time.Second)
	ctx := as(t, "r")
	there := Failover{Sentinel: w.Target, From: w.Tokyo.Target, To: w.Osaka.Target, MaxLag: 1 << 20, Wait: minute}
	stop := writer(t, w.Pair)
	defer stop()
	redistest.Eventually(t, time.Minute, func() string {
		if n := w.Tokyo.Do(t, "SCARD", "numbers").(int64); n < 100 {
			return fmt.Sprint(n, " numbers")
		}
		return ""
	})
	seen, err := lookFailedOver(ctx, there)
	wantSight(t, "servers not failed over", seen, err, plan.HoldsNot)
	out := must[FailedOver](t)(failover(ctx, there))
	t.Logf("there: %+v", out)
	seen, err = lookFailedOver(ctx, there)
	wantSight(t, "servers failed over", seen, err, plan.Holds)
	if again := must[FailedOver](t)(failover(ctx, there)); again.Epoch != out.Epoch {
		t.Errorf("failed over twice: %+v, want nothing done", again)
	}
	must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{w.Tokyo.Target, w.Osaka.Target}, Sentinel: w.Target, Expect: "osaka", Wait: minute}))
	back := must[FailedOver](t)(failover(ctx, Failover{Sentinel: w.Target, From: w.Osaka.Target, To: w.Tokyo.Target, MaxLag: 1 << 20, Wait: minute}))
	t.Logf("back: %+v", back)
	if back.Epoch <= out.Epoch || out.BlockedS <= 0 {
		t.Errorf("epochs %d, then %d, blocked %v", out.Epoch, back.Epoch, out.BlockedS)
	}
	acked := stop()
	if n := lost(t, w.Tokyo, acked); n > 0 || len(acked) < 100 {
		t.Errorf("%d of %d acknowledged writes are lost", n, len(acked))
	}
	t.Logf("%d writes acknowledged", len(acked))
}

// Two failovers within seconds are both answered OK by the sentinels, and both servers
// say that they are master. That is when no other is begun.
func TestNoFailoverIsBegunWhileOneIsUnderWay(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatched(t, 30*time.Second)
	ctx := as(t, "r")
	from, to := w.Tokyo, w.Osaka
	refused, split := 0, 0
	for orders := 1; refused == 0; orders++ { // one that is over before anybody looked shows nothing
		if orders > 5 {
			t.Fatal("the window of the failover was not met")
		}
		there := Failover{Sentinel: w.Target, From: from.Target, To: to.Target, MaxLag: 1 << 20, Wait: minute}
		back := Failover{Sentinel: w.Target, From: to.Target, To: from.Target, MaxLag: 1 << 20, Wait: minute}
		byHand := redislink.OpenSentinel(w.Target, w.Target.Spec.Addresses[0], answerWithin)
		redistest.Eventually(t, time.Minute, func() string { // after the last one it has to hear of its replica first
			if _, err := byHand.Do(ctx, "SENTINEL", "FAILOVER", "orders"); err != nil {
				return err.Error()
			}
			return ""
		})
		byHand.Close()
		home := false
		waittest.Moment(t, 2*time.Minute, func() string {
			old, next := from.Info(t, "role"), to.Info(t, "role")
			if old == "master" && next == "master" {
				split++
			}
			_, _, settledErr := settled(ctx, w.Target, to.Target, []Target{from.Target})
			if settledErr == nil {
				return ""
			}
			_, err := failover(ctx, back)
			if home = err == nil; home {
				return "" // it was over between the two looks
			}
			wantKind(t, err, plan.ErrRefused)
			refused++
			if seen, err := lookFailedOver(ctx, there); err != nil || seen.Sight == plan.HoldsNot && next == "master" {
				t.Errorf("look in the middle of a failover = %+v, %v", seen, err)
			}
			return text(settledErr)
		})
		must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{w.Tokyo.Target, w.Osaka.Target}, Sentinel: w.Target, Wait: minute}))
		if !home {
			from, to = to, from
		}
	}
	t.Logf("refused %d times, both were seen to say master %d times", refused, split)
}

func TestAnAutomaticFailoverIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatched(t, 5*time.Second)
	ctx := as(t, "r")
	p := WaitFailover{Sentinel: w.Target, From: w.Tokyo.Target, Servers: []Target{w.Osaka.Target}, Wait: run.Duration(5 * time.Second)}
	_, err := waitFailover(ctx, p)
	wantKind(t, err, plan.ErrFinding, "osaka is a replica")
	w.Tokyo.Freeze(t)
	p.Wait = minute
	out := must[WaitedFailover](t)(waitFailover(ctx, p))
	if out.To != "osaka" || len(out.Unheard) != 1 || out.Unheard[0] != "tokyo" {
		t.Errorf("waited for %+v", out)
	}
	t.Logf("waited: %+v", out)
	// The old master wakes, and the sentinels have to find it. Until they have, nothing
	// says that there is one writer.
	w.Tokyo.Thaw(t)
	passed, split := 0, 0
	waittest.Moment(t, 2*time.Minute, func() string {
		before := w.Tokyo.Info(t, "role")
		_, err := singleWriter(ctx, SingleWriter{Servers: []Target{w.Tokyo.Target, w.Osaka.Target}, Sentinel: w.Target, Expect: "osaka", Wait: run.Duration(2 * time.Second)})
		switch {
		case err == nil && before == "slave":
			return ""
		case err == nil && w.Tokyo.Info(t, "role") == "master":
			passed++
		case before == "master":
			split++
		}
		return fmt.Sprint("tokyo is ", before, ": ", err)
	})
	if passed > 0 {
		t.Errorf("two masters passed for one writer %d times", passed)
	}
	t.Logf("seen with two masters: %d times", split)
}

func TestFailoverRefusesWhatItCannotCarryThrough(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatched(t, 30*time.Second)
	ctx := as(t, "r")
	there := Failover{Sentinel: w.Target, From: w.Tokyo.Target, To: w.Osaka.Target, MaxLag: 1 << 20, Wait: minute}
	writes := func(when string) {
		t.Helper()
		if err := w.Tokyo.TryWrite(t); err != nil {
			t.Errorf("%s: the master refuses a write: %v", when, err)
		}
	}
	w.Osaka.Do(t, "CONFIG", "SET", "replica-priority", "0")
	_, err := failover(ctx, there)
	wantKind(t, err, plan.ErrRefused, "replica-priority 0")
	w.Osaka.Do(t, "CONFIG", "SET", "replica-priority", "100")
	must[Fenced](t)(fence(ctx, Fence{Server: w.Osaka.Target, Restart: true}))
	_, err = failover(ctx, there)
	wantKind(t, err, plan.ErrRefused, "fenced")
	must[Unfenced](t)(unfence(ctx, Unfence{Server: w.Osaka.Target, Others: []Target{w.Tokyo.Target}, Wait: minute}))
	writes("before the sentinels are gone")

	// One sentinel of three is gone: two are enough. Two are gone: one is not.
	w.Sentinels[2].Kill9(t)
	if _, err := agreed(ctx, w.Target); err != nil {
		t.Errorf("two of three sentinels: %v", err)
	}
	w.Sentinels[1].Freeze(t)
	_, err = failover(ctx, there)
	wantKind(t, err, plan.ErrRefused, "1 of 3 sentinels")
	w.Sentinels[1].Thaw(t)
	writes("after the refusals")

	w.Osaka.Freeze(t)
	_, err = failover(ctx, there)
	wantKind(t, err, plan.ErrRefused)
	w.Osaka.Thaw(t)
	writes("after a replica that hung")

	w.Tokyo.Kill9(t)
	_, err = failover(ctx, there)
	wantKind(t, err, plan.ErrRefused, "redis.wait_failover")
}

// The sentinel says OK and does nothing: writes go on, and nobody says that it was done.
func TestALyingSentinel(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatched(t, 30*time.Second)
	ctx := as(t, "r")
	lying := w.Target
	lying.Spec.Addresses = nil
	for _, s := range w.Sentinels {
		lying.Spec.Addresses = append(lying.Spec.Addresses, redislink.Address(redistest.Lying(t, s, "SENTINEL", "FAILOVER").Spec))
	}
	p := Failover{Sentinel: lying, From: w.Tokyo.Target, To: w.Osaka.Target, MaxLag: 1 << 20, Wait: run.Duration(2 * time.Second)}
	// A worker that restarts after it gave the order knows nothing of what the sentinels do: what the old master took
	// from then on would be lost when they promote.
	h := &handover{Failover: p, from: redislink.Open(p.From, answerWithin), to: redislink.Open(p.To, answerWithin)}
	defer h.from.Close()
	defer h.to.Close()
	if err := h.hold(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.order(ctx); err != nil {
		t.Fatal(err)
	}
	cut, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := h.follow(cut); err == nil {
		t.Error("a failover that was cut off is called done")
	}
	client := redislink.Open(w.Tokyo.Target, time.Second)
	defer client.Close()
	if _, err := client.Do(ctx, "INCR", "written"); err == nil {
		t.Error("writes go on at the old master as soon as the worker restarts, with the sentinels' failover under way")
	}
	h.release(ctx)

	_, err := failover(ctx, p)
	wantKind(t, err, plan.ErrFinding, "still a replica")
	if err := w.Tokyo.TryWrite(t); err != nil {
		t.Errorf("writes are still held back: %v", err)
	}
	seen, err := lookFailedOver(ctx, p)
	wantSight(t, "a failover that never was", seen, err, plan.HoldsNot)
}

// A worker that dies while it holds writes back leaves an outage of the lease, no more,
// and a look that says that nothing was done only when that is over.
func TestWritesGoOnWhenTheWorkerDies(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatched(t, 30*time.Second)
	ctx := as(t, "r")
	p := Failover{Sentinel: w.Target, From: w.Tokyo.Target, To: w.Osaka.Target, MaxLag: 1 << 20, Wait: minute}
	h := &handover{Failover: p, from: redislink.Open(p.From, answerWithin), to: redislink.Open(p.To, answerWithin)}
	if err := h.hold(ctx); err != nil {
		t.Fatal(err)
	}
	h.from.Close()
	h.to.Close()
	seen, err := lookFailedOver(ctx, p)
	wantSight(t, "writes held back", seen, err, plan.CannotTell)
	redistest.Eventually(t, 2*lease, func() string {
		if err := w.Tokyo.TryWrite(t); err != nil {
			return err.Error()
		}
		return ""
	})
	seen, err = lookFailedOver(ctx, p)
	wantSight(t, "writes that go on", seen, err, plan.HoldsNot)
}

// What a majority is, without servers.
func TestSentinelsAgree(t *testing.T) {
	t.Parallel()
	ok := says{master: "10.0.0.1:6379", runID: "a", role: "master", epoch: 3, others: 2, quorum: 2, flags: "master"}
	other := ok
	other.master, other.runID, other.epoch = "10.0.0.2:6379", "b", 4
	busy := ok
	busy.flags = "master,failover_in_progress"
	unasked := ok
	unasked.runID = ""
	gone := says{err: context.DeadlineExceeded}
	many := ok
	many.others = 4
	for name, c := range map[string]struct {
		heard []says
		words string // "" is agreement
	}{
		"all":                        {[]says{ok, ok, ok}, ""},
		"two of three":               {[]says{ok, gone, ok}, ""},
		"one of three":               {[]says{ok, gone, gone}, "1 of 3"},
		"none":                       {[]says{gone, gone}, "0 of 2"},
		"no sentinel at all":         {nil, "0 of 0"},
		"two names":                  {[]says{ok, other, ok}, "do not agree"},
		"two of three, of five":      {[]says{many, many, gone}, "2 of 5"},
		"in the middle":              {[]says{ok, busy, ok}, "under way"},
		"before the master answered": {[]says{unasked, ok, ok}, "has not heard"},
	} {
		_, err := agreeing(redislink.SentinelTarget{Name: "s"}, c.heard)
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}
