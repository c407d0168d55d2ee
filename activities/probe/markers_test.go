package probe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// planting is a marker probe on a pair of real servers.
func planting(t *testing.T, p *pgtest.Pair, o *told, dir string) *attempt {
	t.Helper()
	return plantingAs(t, p, o, dir, watched)
}

func plantingAs(t *testing.T, p *pgtest.Pair, o *told, dir string, w plan.Watch) *attempt {
	t.Helper()
	w.Probe.Interval, w.Probe.Timeout = run.Duration(50*time.Millisecond), run.Duration(10*time.Second)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	ctx, cancel := context.WithCancelCause(context.Background())
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	a := &attempt{cancel: cancel, stop: make(chan struct{}), ended: make(chan struct{})}
	env.SetWorkerStopChannel(a.stop)
	watch := serving(newDesk(o.options(dir)), lookMarkers)
	env.RegisterActivityWithOptions(func(ctx context.Context) (run.Observations, error) {
		return watch(ctx, w, Markers{Servers: Servers{p.Tokyo.Target, p.Osaka.Target}})
	}, activity.RegisterOptions{Name: "probe.postgres_markers"})
	env.SetTestTimeout(10 * time.Minute)
	go func() {
		defer close(a.ended)
		v, err := env.ExecuteActivity("probe.postgres_markers")
		if a.err = err; err == nil {
			a.err = v.Get(&a.obs)
		}
	}()
	t.Cleanup(func() { cancel(nil); <-a.ended })
	return a
}

// planted waits until the server holds n markers.
func planted(t *testing.T, s *pgtest.Server, n int) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, func() string {
		if !pgtest.Value[bool](t, s, "SELECT to_regclass('muster_markers') IS NOT NULL") {
			return "the table of markers is not on " + s.Name
		}
		if pgtest.Value[int](t, s, "SELECT count(*) FROM muster_markers") < n {
			return "too few markers on " + s.Name
		}
		return ""
	})
}

// plantedBefore is the folder of a probe that planted some markers and whose worker was stopped.
func plantedBefore(t *testing.T, p *pgtest.Pair) string {
	t.Helper()
	dir, told := t.TempDir(), newTold()
	a := planting(t, p, told, dir)
	told.await(t, true)
	planted(t, p.Tokyo, 5)
	close(a.stop)
	<-a.ended
	return dir
}

// glancing is a probe of a run of its own.
var glancing = func() plan.Watch {
	w := watched
	w.Run = "glancing"
	return w
}()

// glanced looks without a marker.
func glanced(t *testing.T, kind func() (looker, error), served bool) {
	t.Helper()
	l, err := kind()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.glance(pgtest.Context(t, time.Minute)); (err == nil) != served {
		t.Errorf("a glance says %v, want served %v", err, served)
	}
}

func TestMarkersSeeAFailoverAndLoseNothingThatArrived(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	told := newTold()
	a := planting(t, p, told, t.TempDir())
	told.await(t, true)
	planted(t, p.Osaka, 5)
	p.Tokyo.Kill9(t)
	killed := time.Now()
	told.await(t, false)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	promoted := time.Now()
	told.await(t, true)
	for condition, want := range map[string]fate{"int(value) > 0": ok, "int(value) < 0": failed, "value.open": failed} {
		l, err := lookSQL(watched, SQL{Servers: Servers{p.Osaka.Target}, Query: "SELECT count(*) FROM muster_markers", Condition: condition})
		if err != nil {
			t.Fatal(err)
		}
		if f, why := l.look(context.Background(), 1); f != want {
			t.Errorf("%s: %v (%s), want %v", condition, f, why, want)
		}
		l.close()
	}
	glanced(t, func() (looker, error) {
		return lookMarkers(glancing, Markers{Servers: Servers{p.Tokyo.Target, p.Osaka.Target}})
	}, true)
	if n := pgtest.Value[int](t, p.Osaka, "SELECT count(*) FROM muster_markers WHERE run = $1", glancing.Run); n != 0 {
		t.Errorf("a glance left %d markers", n)
	}
	held := pgtest.Value[int](t, p.Osaka, "SELECT count(*) FROM muster_markers")
	planted(t, p.Osaka, held+5)
	o := a.end(t)
	m := o.Markers
	if len(o.Transitions) != 3 || m.CountedAt.IsZero() {
		t.Fatalf("observations = %+v, markers %+v", o, m)
	}
	down, up := o.Transitions[1], o.Transitions[2]
	if down.LastOKAt.After(killed) || down.At.Before(killed.Add(-20*time.Second)) || up.At.Before(killed) {
		t.Errorf("killed at %v, transitions %+v", killed, o.Transitions)
	}
	if m.Lost > 2 || m.Acked < 10 || m.LossesCut != 0 {
		t.Errorf("markers = %+v: at most the last may have been on its way", m)
	}
	outage := objective.Outage{Event: killed, Stopped: down.At, Restored: up.At}
	var shown time.Duration
	for _, l := range m.Losses {
		shown = max(shown, l.Span())
	}
	if lost, err := objective.AchievedRPO([]run.Observations{o}, outage); err != nil || lost != shown || (lost == 0) != (m.Lost == 0) {
		t.Errorf("the loss is %v (%v), want what the markers from before the kill show: %+v", lost, err, m.Losses)
	}
	t.Logf("kill to first write seen %v, pg_promote's answer to first write %v; acked %d, lost %d, unknown %d",
		up.At.Sub(killed).Round(time.Millisecond), up.At.Sub(promoted).Round(time.Millisecond), m.Acked, m.Lost, m.Unknown)
}

// As in a response to what has happened: the primary died with work that its standby never received, and the probe begins after it.
// All its markers survive, and nothing is proven by that.
func TestMarkersThatBeginAfterTheOutageProveNoLoss(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.StallReceiver(t)
	p.Tokyo.Exec(t, "CREATE TABLE orders (n int)") // acknowledged, and never received
	p.Tokyo.Kill9(t)
	p.Osaka.Kill9(t)
	p.Osaka.StartServer(t)
	told := newTold()
	a := planting(t, p, told, t.TempDir())
	told.await(t, false)
	glanced(t, func() (looker, error) {
		return lookMarkers(glancing, Markers{Servers: Servers{p.Tokyo.Target, p.Osaka.Target}})
	}, false)
	promoted := time.Now() // at the earliest
	p.Osaka.Exec(t, "SELECT pg_promote()")
	told.await(t, true)
	planted(t, p.Osaka, 5)
	o := a.end(t)
	if pgtest.Value[bool](t, p.Osaka, "SELECT to_regclass('orders') IS NOT NULL") {
		t.Fatal("what was to be lost has arrived")
	}
	m := o.Markers
	if m.Acked < 5 || m.Lost != 0 || m.CountedAt.IsZero() || m.FirstAckedAt.Before(promoted) || len(o.Transitions) != 2 {
		t.Fatalf("observations = %+v, markers %+v; want all of it from after the promotion at %v", o, m, promoted)
	}
	outage := objective.Outage{Event: o.StartedAt, Stopped: o.Transitions[0].At, Restored: o.Transitions[1].At}
	if lost, err := objective.AchievedRPO([]run.Observations{o}, outage); !errors.Is(err, objective.ErrNoneBefore) {
		t.Errorf("the loss is %v (%v), want that nobody knows it", lost, err)
	}
}

func TestMarkersCountWhatAsynchronousReplicationLost(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	told := newTold()
	a := planting(t, p, told, t.TempDir())
	told.await(t, true)
	planted(t, p.Osaka, 3)
	p.Osaka.StallReceiver(t) // acknowledged from here on, and never received
	planted(t, p.Tokyo, pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM muster_markers")+10)
	p.Tokyo.Kill9(t)
	told.await(t, false)
	p.Osaka.Kill9(t) // with what lay in its receiver's socket
	p.Osaka.StartServer(t)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	told.await(t, true)
	o := a.end(t)
	m := o.Markers

	// The servers themselves say what was acknowledged and what is left.
	p.Osaka.Exec(t, "CREATE TABLE kept AS SELECT seq FROM muster_markers")
	kept := pgtest.Value[[]int64](t, p.Osaka, "SELECT array_agg(seq ORDER BY seq) FROM kept")
	p.Tokyo.StartServer(t)
	had := pgtest.Value[[]int64](t, p.Tokyo, "SELECT array_agg(seq ORDER BY seq) FROM muster_markers")
	on := map[int64]bool{}
	for _, s := range kept {
		on[s] = true
	}
	missing := map[int64]bool{}
	for _, s := range had {
		if !on[s] {
			missing[s] = true
		}
	}
	if len(missing) < 10 || m.CountedAt.IsZero() {
		t.Fatalf("%d markers are missing, the probe says %+v", len(missing), m)
	}
	// All the missing were acknowledged, but for one that may have been under way.
	if d := int64(len(missing)) - m.Lost; d < 0 || d > m.Unknown {
		t.Errorf("the probe lost %d and does not know of %d; the servers miss %d", m.Lost, m.Unknown, len(missing))
	}
	listed := int64(0)
	for _, l := range m.Losses {
		listed += l.Count
		if !missing[l.Seq] || l.SurvivorAt.IsZero() || !l.SurvivorAt.Before(l.AckedAt) {
			t.Errorf("loss %+v is not one", l)
		}
	}
	if listed != m.Lost {
		t.Errorf("the stretches hold %d of %d lost", listed, m.Lost)
	}
	t.Logf("lost %d of %d, unknown %d", m.Lost, m.Acked, m.Unknown)
}

func TestFrozenPrimaryDoesNotHideTheNewOne(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	told := newTold()
	a := planting(t, p, told, "")
	told.await(t, true)
	planted(t, p.Osaka, 3)
	frozen := time.Now()
	p.Tokyo.Freeze(t)
	told.await(t, false)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	promoted := time.Now()
	told.await(t, true)
	o := a.end(t)
	if len(o.Transitions) != 3 || o.Markers.CountedAt.IsZero() {
		t.Fatalf("observations = %+v", o)
	}
	down, up := o.Transitions[1], o.Transitions[2]
	if down.At.Before(frozen.Add(-20*time.Second)) || down.At.After(promoted) {
		t.Errorf("frozen at %v, seen down at %v", frozen, down.At)
	}
	t.Logf("frozen to seen down %v, promoted to first write seen %v", down.At.Sub(frozen).Round(time.Millisecond), up.At.Sub(promoted).Round(time.Millisecond))
}

func TestMarkersGoOnAfterARestartOfTheProbe(t *testing.T) {
	p := pgtest.StartPair(t)
	dir := plantedBefore(t, p)
	again := newTold()
	b := planting(t, p, again, dir)
	again.await(t, true)
	planted(t, p.Tokyo, pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM muster_markers")+5)
	o := b.end(t)
	n := pgtest.Value[int64](t, p.Tokyo, "SELECT count(*) FROM muster_markers")
	if m := o.Markers; m.Lost != 0 || m.Acked < 10 || m.Acked > n || n-m.Acked > 2 || len(o.Gaps) != 1 {
		t.Errorf("markers = %+v, gaps %v, the server holds %d", m, o.Gaps, n)
	}
}

// A worker that is killed between a marker and its line in the log leaves a number that the next start comes upon: the
// service is not down for that.
func TestAMarkerThatTheLogDoesNotHaveHidesNoService(t *testing.T) {
	p := pgtest.StartPair(t)
	dir := plantedBefore(t, p)
	p.Tokyo.Exec(t, "INSERT INTO muster_markers SELECT run, probe, max(seq) + n, now() FROM muster_markers, generate_series(1, 25000) AS n GROUP BY run, probe, n")
	again := newTold()
	b := planting(t, p, again, dir)
	again.await(t, true)
	planted(t, p.Tokyo, pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM muster_markers")+5)
	if o := b.end(t); o.Markers.Lost != 0 || len(o.Transitions) != 1 || !o.Transitions[0].Up {
		t.Errorf("markers = %+v, transitions %+v; want none lost, and up all the while", o.Markers, o.Transitions)
	}
}

// A run starts a silent probe again, and another worker of the site takes it, which has none of the logs: its markers are none of those that
// are there already.
func TestMarkersGoOnAtAnotherWorkerOfTheSite(t *testing.T) {
	p := pgtest.StartPair(t)
	there := newTold()
	a := planting(t, p, there, t.TempDir())
	there.await(t, true)
	planted(t, p.Tokyo, 5)
	again := watched
	again.Look = 1
	here := newTold()
	b := plantingAs(t, p, here, t.TempDir(), again)
	here.await(t, true)
	planted(t, p.Tokyo, pgtest.Value[int](t, p.Tokyo, "SELECT count(*) FROM muster_markers")+10)
	before, after := a.end(t), b.end(t)
	for _, o := range []run.Observations{before, after} {
		if m := o.Markers; m.Acked < 5 || m.Lost != 0 || len(o.Transitions) != 1 {
			t.Errorf("observations = %+v, markers %+v", o, m)
		}
	}
	if n := pgtest.Value[int64](t, p.Tokyo, "SELECT count(*) FROM muster_markers"); n < before.Markers.Acked+after.Markers.Acked {
		t.Errorf("%d and %d markers were acknowledged, and %d are there", before.Markers.Acked, after.Markers.Acked, n)
	}
}

func TestSQLAsksWhomeverServes(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ask := func(q SQL) (fate, string) {
		t.Helper()
		q.Servers = Servers{p.Tokyo.Target, p.Osaka.Target}
		l, err := lookSQL(watched, q)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		return l.look(pgtest.Context(t, time.Minute), 1)
	}
	if f, why := ask(SQL{Query: "SELECT 40 + 2", Expect: "42"}); f != ok {
		t.Errorf("42: %s", why)
	}
	if f, why := ask(SQL{Query: "SELECT 1", Expect: "42"}); f != failed || why != `the answer is "1", not "42"` {
		t.Errorf("a wrong answer: %v %s", f, why)
	}
	p.Tokyo.Kill9(t)
	if f, why := ask(SQL{Query: "SELECT 1"}); f != ok {
		t.Errorf("reading from the standby: %s", why)
	}
	if f, _ := ask(SQL{Query: "SELECT 1", Writable: true}); f != failed {
		t.Error("writable, with only a standby left")
	}
}

func TestHTTPAndTCP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("orders are taken"))
	}))
	defer s.Close()
	look := func(p HTTP) (fate, string) {
		l, err := lookHTTP(watched, p)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		return l.look(pgtest.Context(t, time.Minute), 1)
	}
	if f, why := look(HTTP{URL: s.URL, Contains: "taken"}); f != ok {
		t.Error(why)
	}
	if f, why := look(HTTP{URL: s.URL, Contains: "closed"}); f != failed || why != `the answer does not contain "closed"` {
		t.Errorf("%v %s", f, why)
	}
	if f, why := look(HTTP{URL: s.URL + "/broken"}); f != failed || why != "status 503" {
		t.Errorf("%v %s", f, why)
	}
	if _, err := lookHTTP(watched, HTTP{URL: "orders"}); err == nil {
		t.Error("a URL without a host was taken")
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail"))
			c.Close()
		}
	}()
	tcp := func(p TCP) (fate, string) {
		k, err := lookTCP(watched, p)
		if err != nil {
			t.Fatal(err)
		}
		return k.look(pgtest.Context(t, time.Minute), 1)
	}
	if f, why := tcp(TCP{Address: l.Addr().String(), Expect: "220"}); f != ok {
		t.Error(why)
	}
	if f, _ := tcp(TCP{Address: l.Addr().String(), Expect: "221"}); f != failed {
		t.Error("a wrong greeting was taken")
	}
	l.Close()
	if f, _ := tcp(TCP{Address: l.Addr().String()}); f != failed {
		t.Error("nobody listens, and that was taken")
	}
}
