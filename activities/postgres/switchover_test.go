package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// writer inserts numbers on whichever server takes them until it is stopped, and
// returns those that were acknowledged.
func writer(t *testing.T, p *pgtest.Pair) (stop func() []int) {
	p.Tokyo.Exec(t, "CREATE TABLE numbers (n int PRIMARY KEY)")
	ctx, cancel := context.WithCancel(context.Background())
	var acked []int
	var done sync.WaitGroup
	done.Go(func() {
		var c *pglink.Conn
		for n := 0; ctx.Err() == nil; n++ {
			for _, s := range []*pgtest.Server{p.Tokyo, p.Osaka} {
				if c == nil {
					c, _ = connect(ctx, s.Target)
				}
				if c == nil {
					continue
				}
				if err := tell(ctx, c, answerWithin, "INSERT INTO numbers VALUES ($1)", n); err == nil {
					acked = append(acked, n)
					break
				}
				c.Close()
				c = nil
			}
			_ = wait(ctx, time.Millisecond)
		}
		c.Close()
	})
	return sync.OnceValue(func() []int { cancel(); done.Wait(); return acked })
}

func wantNumbers(t *testing.T, s *pgtest.Server, acked []int) {
	t.Helper()
	kept := map[int]bool{}
	for _, n := range pgtest.Value[[]int](t, s, "SELECT coalesce(array_agg(n), '{}') FROM numbers") {
		kept[n] = true
	}
	lost := 0
	for _, n := range acked {
		if !kept[n] {
			lost++
		}
	}
	if lost > 0 || len(acked) == 0 {
		t.Errorf("%d of %d acknowledged writes are lost on %s", lost, len(acked), s.Name)
	}
}

func TestSwitchoverThereAndBackLosesNothing(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	stop := writer(t, p)
	defer stop()
	there := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 1 << 20, Wait: minute}
	seen, err := lookSwitched(ctx, there)
	wantSight(t, "servers not switched", seen, err, plan.HoldsNot)
	out := must[Switched](t)(switchover(ctx, there))
	t.Logf("there: %+v", out)
	seen, err = lookSwitched(ctx, there)
	wantSight(t, "switched servers", seen, err, plan.Holds)
	if again := must[Switched](t)(switchover(ctx, there)); again.Timeline != 2 {
		t.Errorf("switched twice: %+v, want nothing done", again)
	}
	back := must[Switched](t)(switchover(ctx, Switchover{From: p.Osaka.Target, To: p.Tokyo.Target, MaxLag: 1 << 20, Wait: minute}))
	t.Logf("back: %+v", back)
	acked := stop()
	t.Logf("%d writes acknowledged", len(acked))
	wantNumbers(t, p.Tokyo, acked)
	if tl := p.Tokyo.Timeline(t); tl != 3 {
		t.Errorf("timeline = %d, want 3: each promotion raised it once", tl)
	}
}

// A switchover that was cut off anywhere goes on where it stands, and promotes once.
func TestSwitchoverGoesOnAfterEveryInterruption(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	stop := writer(t, p)
	defer stop()
	servers := map[string]*pgtest.Server{"tokyo": p.Tokyo, "osaka": p.Osaka}
	from, to := "tokyo", "osaka"
	timeline := 1

	// Each case leaves the servers as an interruption does.
	for _, cut := range []struct {
		name string
		do   func(t *testing.T, s *switching, from, to *pgtest.Server)
		want plan.Sight
	}{
		{"after the marker, before the stop", func(t *testing.T, s *switching, _, _ *pgtest.Server) {
			must[*fenceNote](t)(raise(ctx, s.i, "primary", s.To.Name))
		}, plan.HoldsNot},
		{"after the stop", func(t *testing.T, s *switching, _, _ *pgtest.Server) {
			if err := s.halt(ctx); err != nil {
				t.Fatal(err)
			}
		}, plan.HoldsNot},
		{"after the stop, and somebody started it again", func(t *testing.T, s *switching, from, _ *pgtest.Server) {
			if err := s.halt(ctx); err != nil {
				t.Fatal(err)
			}
			from.StartServer(t)
			if err := from.TryWrite(t); pglink.Code(err) != pglink.CodeReadOnly {
				t.Errorf("write on the stopped and restarted server = %v, want it read-only", err)
			}
		}, plan.HoldsNot},
		{"killed while it stopped", func(t *testing.T, s *switching, from, _ *pgtest.Server) {
			must[*fenceNote](t)(raise(ctx, s.i, "primary", s.To.Name))
			from.Kill9(t)
		}, plan.HoldsNot},
		{"after the promotion", func(t *testing.T, s *switching, _, _ *pgtest.Server) {
			for _, step := range []func(context.Context) error{s.halt, s.takeOver} {
				if err := step(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}, plan.HoldsNot},
		{"after the rejoin, before the fence was taken off", func(t *testing.T, s *switching, _, _ *pgtest.Server) {
			for _, step := range []func(context.Context) error{s.halt, s.takeOver, s.followNew} {
				if err := step(ctx); err != nil {
					t.Fatal(err)
				}
			}
			must[*fenceNote](t)(raise(ctx, s.i, "primary", s.To.Name))
		}, plan.HoldsNot},
	} {
		t.Run(cut.name, func(t *testing.T) {
			sw := Switchover{From: servers[from].Target, To: servers[to].Target, MaxLag: 1 << 20, Wait: minute}
			s := &switching{Switchover: sw}
			var err error
			if s.i, err = managed(sw.From); err != nil {
				t.Fatal(err)
			}
			if s.standby, err = connect(ctx, sw.To); err != nil {
				t.Fatal(err)
			}
			defer s.standby.Close()
			cut.do(t, s, servers[from], servers[to])
			seen, err := lookSwitched(ctx, sw)
			wantSight(t, cut.name, seen, err, cut.want)
			out := must[Switched](t)(switchover(ctx, sw))
			timeline++
			if out.Timeline != timeline || servers[to].Timeline(t) != timeline {
				t.Errorf("timeline = %d, want %d: promoted once", out.Timeline, timeline)
			}
			seen, err = lookSwitched(ctx, sw)
			wantSight(t, "the switch repeated", seen, err, plan.Holds)
			servers[to].AwaitStandby(t, servers[from])
			from, to = to, from
		})
		if t.Failed() {
			return
		}
	}
	acked := stop()
	t.Logf("%d writes acknowledged", len(acked))
	wantNumbers(t, servers[from], acked)
}

func TestSwitchoverRefusesWhatIsNoSwitchover(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	sw := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 1 << 20, Wait: minute}

	if out := must[Switched](t)(switchover(ctx, Switchover{From: sw.To, To: sw.From, MaxLag: 1 << 20, Wait: minute})); out.Timeline != 1 {
		t.Errorf("to the server that is primary already = %+v, want nothing done", out)
	}

	p.Tokyo.Freeze(t)
	_, err := switchover(ctx, sw)
	wantKind(t, err, "plain") // nobody can tell what a frozen server does next
	p.Tokyo.Thaw(t)

	if _, err := p.Tokyo.Instance.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = switchover(ctx, sw)
	wantKind(t, err, plan.ErrRefused) // a dead primary is failed over from
	p.Tokyo.StartServer(t)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("a refused switchover left the primary read-only: %v", err)
	}

	p.Osaka.Exec(t, "SELECT pg_promote()")
	_, err = switchover(ctx, sw)
	wantKind(t, err, plan.ErrFinding)
	if err == nil || !strings.Contains(err.Error(), "both primaries") {
		t.Errorf("two primaries = %v", err)
	}
}

func TestSwitchoverBacksOutWhenTheStandbyLacksLog(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	i := p.Tokyo.Instance
	// Stopped by a switchover that could not ship all: its receiver was stalled and
	// its sender killed.
	resume := p.Osaka.StallReceiver(t)
	p.Tokyo.Exec(t, "CREATE TABLE late AS SELECT g FROM generate_series(1, 1000) g")
	must[*fenceNote](t)(raise(ctx, i, "primary", "osaka"))
	if _, err := i.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Run(ctx, nil, "pg_controldata", "-D", i.Data); err != nil {
		t.Fatal(err)
	}
	if err := i.ClearStandby(); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Run(ctx, nil, "postgres", "--single", "-D", i.Data, "-c", "config_file="+i.Config, "template1"); err != nil {
		t.Fatal(err)
	}
	if ctl := must[pgcluster.Control](t)(i.Control(ctx)); ctl.State != pgcluster.ShutDown {
		t.Fatalf("control file = %+v, want a clean end", ctl)
	}
	resume()
	out := must[Switched](t)(switchover(ctx, Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 1 << 20, Wait: minute}))
	if out.Timeline != 2 {
		t.Errorf("switched = %+v", out)
	}
	if n := pgtest.Value[int](t, p.Osaka, "SELECT count(*) FROM late"); n != 1000 {
		t.Errorf("%d of 1000 rows came along", n)
	}
}
