package mysql

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
)

// writer inserts numbers, as an ordinary account, into whichever of the pair takes them,
// and gives what was acknowledged.
func writer(t *testing.T, p *mysqltest.Pair) (stop func() []int) {
	t.Helper()
	p.Tokyo.Exec(t, "CREATE TABLE shop.numbers (n int PRIMARY KEY) ENGINE = InnoDB")
	p.Tokyo.AwaitReplica(t, p.Osaka)
	ctx, cancel := context.WithCancel(context.Background())
	var acked []int
	var ended sync.WaitGroup
	ended.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			for _, s := range []*mysqltest.Server{p.Tokyo, p.Osaka} {
				as := s.Target
				as.Spec.User = "clerk"
				once, done := context.WithTimeout(ctx, time.Second)
				c, err := mylink.Connect(once, as, "shop", 0)
				if err == nil {
					_, err = c.ExecContext(once, "INSERT INTO numbers VALUES (?)", n)
				}
				c.Close()
				done()
				if err == nil {
					acked = append(acked, n)
					break
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	stop = sync.OnceValue(func() []int { cancel(); ended.Wait(); return acked })
	t.Cleanup(func() { stop() })
	return stop
}

// wantNumbers fails unless the server holds all that was acknowledged.
func wantNumbers(t *testing.T, s *mysqltest.Server, acked []int) {
	t.Helper()
	lost := 0
	c := s.Connect(t)
	for _, n := range acked {
		if got, err := mylink.One[int](mysqltest.Context(t, 10*time.Second), c, "SELECT COUNT(*) FROM shop.numbers WHERE n = ?", n); err != nil || got != 1 {
			lost++
		}
	}
	if lost > 0 || len(acked) == 0 {
		t.Errorf("%d of %d acknowledged writes are lost on %s", lost, len(acked), s.Name)
	}
}

func TestSwitchoverThereAndBackLosesNothing(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	stop := writer(t, p)
	there := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 100, Wait: minute}
	seen, err := lookSwitched(ctx, there)
	wantSight(t, "servers not switched", seen, err, plan.HoldsNot)
	out := must[Switched](t)(switchover(ctx, there))
	t.Logf("there: %+v", out)
	seen, err = lookSwitched(ctx, there)
	wantSight(t, "switched servers", seen, err, plan.Holds)
	if again := must[Switched](t)(switchover(ctx, there)); again.BlockedS != 0 {
		t.Errorf("switched twice: %+v, want nothing done", again)
	}
	back := must[Switched](t)(switchover(ctx, Switchover{From: p.Osaka.Target, To: p.Tokyo.Target, MaxLag: 100, Wait: minute}))
	t.Logf("back: %+v", back)
	acked := stop()
	t.Logf("%d writes acknowledged", len(acked))
	wantNumbers(t, p.Tokyo, acked)
}

// A switchover that was cut off anywhere goes on where it stands, and loses nothing.
func TestSwitchoverGoesOnAfterEveryInterruption(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	stop := writer(t, p)
	servers := map[string]*mysqltest.Server{"tokyo": p.Tokyo, "osaka": p.Osaka}
	from, to := "tokyo", "osaka"

	// Each case leaves the servers as an interruption does.
	for _, cut := range []struct {
		name string
		do   func(t *testing.T, s *switching, from, to *mysqltest.Server)
	}{
		{"after the marker, before the writes were stopped", func(t *testing.T, s *switching, _, _ *mysqltest.Server) {
			must[*fenceNote](t)(raise(ctx, s.i, s.To.Name))
		}},
		{"after the writes were stopped", func(t *testing.T, s *switching, _, _ *mysqltest.Server) {
			if err := s.halt(ctx); err != nil {
				t.Fatal(err)
			}
		}},
		{"after the writes were stopped, and the server was restarted", func(t *testing.T, s *switching, from, _ *mysqltest.Server) {
			if err := s.halt(ctx); err != nil {
				t.Fatal(err)
			}
			from.Kill9(t)
			from.StartServer(t)
			if err := from.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
				t.Errorf("write on the halted and restarted server = %v, want it read-only", err)
			}
		}},
		{"while the new one stopped to be a replica", func(t *testing.T, s *switching, _, to *mysqltest.Server) {
			if err := s.halt(ctx); err != nil {
				t.Fatal(err)
			}
			mysqltest.Eventually(t, 30*time.Second, func() string {
				if from := must[view](t)(visit(ctx, s.From)); !to.Position(t).Has(from.Has) {
					return "it has not got all"
				}
				return ""
			})
			to.Exec(t, "STOP SLAVE")
			to.Exec(t, "SET GLOBAL read_only = 0")
		}},
		{"after the promotion", func(t *testing.T, s *switching, _, _ *mysqltest.Server) {
			for _, step := range []func(context.Context) error{s.halt, s.takeOver} {
				if err := step(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"after the rejoin, before the fence was taken off", func(t *testing.T, s *switching, _, _ *mysqltest.Server) {
			for _, step := range []func(context.Context) error{s.halt, s.takeOver} {
				if err := step(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.step(ctx, moved); err != nil {
				t.Fatal(err)
			}
			must[*fenceNote](t)(raise(ctx, s.i, s.To.Name))
		}},
	} {
		t.Run(cut.name, func(t *testing.T) {
			sw := Switchover{From: servers[from].Target, To: servers[to].Target, MaxLag: 100, Wait: minute}
			s := &switching{Switchover: sw}
			if err := s.open(ctx); err != nil {
				t.Fatal(err)
			}
			defer s.close()
			cut.do(t, s, servers[from], servers[to])
			seen, err := lookSwitched(ctx, sw)
			wantPartial(t, cut.name, seen, err)
			must[Switched](t)(switchover(ctx, sw))
			seen, err = lookSwitched(ctx, sw)
			wantSight(t, "the switch repeated", seen, err, plan.Holds)
			must[Writers](t)(singleWriter(ctx, SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target}, Expect: to, Wait: minute}))
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
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	sw := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 100, Wait: minute}
	must[Switched](t)(switchover(ctx, Switchover{From: sw.To, To: sw.From, MaxLag: 100, Wait: minute})) // to the server that is primary already
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD")
	slow := sw
	slow.Wait = minute / 30
	_, err := switchover(ctx, slow)
	wantKind(t, err, plan.ErrFinding, "nothing was switched")
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("nothing was switched, and the primary is read-only: %v", err)
	}
	p.Tokyo.Kill9(t)
	_, err = switchover(ctx, sw)
	wantKind(t, err, plan.ErrRefused, "down")
	p.Tokyo.StartServer(t)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("a refused switchover left the primary read-only: %v", err)
	}
	p.Osaka.Exec(t, "STOP SLAVE")
	p.Osaka.Exec(t, "RESET SLAVE ALL")
	p.Osaka.Exec(t, "SET GLOBAL read_only = 0")
	_, err = switchover(ctx, sw)
	wantKind(t, err, plan.ErrFinding, "both primaries")
}

// The replica can't get the rest: the old primary takes writes again, nothing is lost.
func TestSwitchoverBacksOut(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	sw := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 100, Wait: minute}
	s := &switching{Switchover: sw}
	if err := s.open(ctx); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	p.Tokyo.Exec(t, "CREATE TABLE shop.late (n int)")
	p.Tokyo.AwaitReplica(t, p.Osaka)
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD")
	p.Tokyo.Exec(t, "INSERT INTO shop.late VALUES (1)")
	must[*fenceNote](t)(raise(ctx, s.i, "osaka"))
	c := p.Tokyo.Connect(t)
	if err := quiet(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := s.takeOver(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("backed out, and the primary is read-only: %v", err)
	}
	if !mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only") {
		t.Error("osaka takes writes")
	}
	p.Osaka.Exec(t, "START SLAVE IO_THREAD")
	must[Switched](t)(switchover(ctx, sw))
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM shop.late"); n != 1 {
		t.Errorf("%d of 1 rows came along", n)
	}
}

// A switchover that was cut off before anything moved is undone by one the other way round:
// the server that was to hand over is left as it was, without a marker.
func TestASwitchoverThatDidNotMoveIsUndone(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	there := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 100, Wait: minute}
	back := Switchover{From: there.To, To: there.From, MaxLag: 100, Wait: minute}
	for name, cut := range map[string]func(s *switching) error{
		"after the marker":             func(s *switching) error { _, err := raise(ctx, s.i, s.To.Name); return err },
		"after the writes were halted": func(s *switching) error { return s.halt(ctx) },
	} {
		s := &switching{Switchover: there}
		if err := s.open(ctx); err != nil {
			t.Fatal(err)
		}
		if err := cut(s); err != nil {
			t.Fatal(err)
		}
		s.close()
		seen, err := lookSwitched(ctx, there)
		wantPartial(t, name, seen, err)
		_, err = switchover(as(t, "run-2"), back)
		wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
		seen, err = lookSwitched(ctx, back)
		wantPartial(t, name+", the undo", seen, err)
		must[Switched](t)(switchover(ctx, back))
		if err := p.Tokyo.TryWrite(t); err != nil {
			t.Errorf("%s, undone: the primary refuses a write: %v", name, err)
		}
		if st := must[Status](t)(status(ctx, Inspect{Server: p.Tokyo.Target})); st.Fenced != "" || !st.Kept {
			t.Errorf("%s, undone: %+v", name, st)
		}
	}

	// Where the other server's files are elsewhere, keep_role at its site does it.
	must[*fenceNote](t)(raise(ctx, p.Tokyo.Instance, "osaka"))
	_, err := keep(as(t, "run-2"), Keep{Server: p.Tokyo.Target})
	wantKind(t, err, plan.ErrFinding, "in spite of the fence")
	must[KeptRole](t)(keep(ctx, Keep{Server: p.Tokyo.Target}))
	if st := must[Status](t)(status(ctx, Inspect{Server: p.Tokyo.Target})); st.Fenced != "" || !st.Kept {
		t.Errorf("its role kept: %+v", st)
	}
}
