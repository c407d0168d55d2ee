package probe

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// plantingMySQL is a marker probe on a pair of real servers.
func plantingMySQL(t *testing.T, p *mysqltest.Pair, o *told) *attempt {
	t.Helper()
	w := watched
	w.Probe.Interval, w.Probe.Timeout = run.Duration(50*time.Millisecond), run.Duration(10*time.Second)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	ctx, cancel := context.WithCancelCause(context.Background())
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	a := &attempt{cancel: cancel, stop: make(chan struct{}), ended: make(chan struct{})}
	env.SetWorkerStopChannel(a.stop)
	watch := serving(newDesk(o.options(t.TempDir())), lookMySQLMarkers)
	env.RegisterActivityWithOptions(func(ctx context.Context) (run.Observations, error) {
		return watch(ctx, w, MySQLMarkers{Servers: []activities.Target[mylink.Server]{p.Tokyo.Target, p.Osaka.Target}, Database: "muster"})
	}, activity.RegisterOptions{Name: "probe.mysql_markers"})
	env.SetTestTimeout(10 * time.Minute)
	go func() {
		defer close(a.ended)
		v, err := env.ExecuteActivity("probe.mysql_markers")
		if a.err = err; err == nil {
			a.err = v.Get(&a.obs)
		}
	}()
	t.Cleanup(func() { cancel(nil); <-a.ended })
	return a
}

func markersOn(t *testing.T, s *mysqltest.Server) int {
	t.Helper()
	if mysqltest.Value[int](t, s, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'muster' AND table_name = 'muster_markers'") == 0 {
		return 0
	}
	return mysqltest.Value[int](t, s, "SELECT COUNT(*) FROM muster.muster_markers")
}

// plantedMySQL waits until the server holds n markers.
func plantedMySQL(t *testing.T, s *mysqltest.Server, n int) {
	t.Helper()
	mysqltest.Eventually(t, time.Minute, func() string {
		if markersOn(t, s) < n {
			return "too few markers on " + s.Name
		}
		return ""
	})
}

func promoteByHand(t *testing.T, s *mysqltest.Server) {
	t.Helper()
	s.Exec(t, "STOP SLAVE")
	s.Exec(t, "RESET SLAVE ALL")
	s.Exec(t, "SET GLOBAL read_only = 0")
}

func TestMySQLMarkersCountWhatAsynchronousReplicationLost(t *testing.T) {
	p := mysqltest.StartPair(t)
	told := newTold()
	a := plantingMySQL(t, p, told)
	told.await(t, true)
	plantedMySQL(t, p.Osaka, 5)
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD") // acknowledged from here on, and never received
	plantedMySQL(t, p.Tokyo, markersOn(t, p.Tokyo)+10)
	kind := func() (looker, error) {
		return lookMySQLMarkers(glancing, MySQLMarkers{Servers: []activities.Target[mylink.Server]{p.Tokyo.Target, p.Osaka.Target}, Database: "muster"})
	}
	glanced(t, kind, true)
	p.Tokyo.Kill9(t)
	killed := time.Now()
	told.await(t, false)
	glanced(t, kind, false)
	promoteByHand(t, p.Osaka)
	told.await(t, true)
	plantedMySQL(t, p.Osaka, markersOn(t, p.Osaka)+5)
	o := a.end(t)
	m := o.Markers
	if len(o.Transitions) != 3 || m.CountedAt.IsZero() {
		t.Fatalf("observations = %+v, markers %+v", o, m)
	}
	if down, up := o.Transitions[1], o.Transitions[2]; down.LastOKAt.After(killed) || up.At.Before(killed) {
		t.Errorf("killed at %v, transitions %+v", killed, o.Transitions)
	}
	// The servers themselves say what was acknowledged and what is left.
	p.Tokyo.StartServer(t)
	missing := map[int64]bool{}
	for _, row := range rows(t, p.Tokyo) {
		missing[row] = true
	}
	for _, row := range rows(t, p.Osaka) {
		delete(missing, row)
	}
	if d := int64(len(missing)) - m.Lost; len(missing) < 10 || d < 0 || d > m.Unknown {
		t.Errorf("the probe lost %d and does not know of %d; the servers miss %d", m.Lost, m.Unknown, len(missing))
	}
	for _, l := range m.Losses {
		if !missing[l.Seq] {
			t.Errorf("loss %+v is not one", l)
		}
	}
	t.Logf("lost %d of %d, unknown %d", m.Lost, m.Acked, m.Unknown)
}

func rows(t *testing.T, s *mysqltest.Server) (out []int64) {
	t.Helper()
	c := s.Connect(t)
	r, err := c.QueryContext(mysqltest.Context(t, time.Minute), "SELECT seq FROM muster.muster_markers")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		var n int64
		if err := r.Scan(&n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// A frozen primary does not hide the new one, and a marker never goes into a server that is
// read-only, although the account of the probe could write there.
func TestMySQLMarkersKeepOutOfWhatIsFenced(t *testing.T) {
	p := mysqltest.StartPair(t)
	told := newTold()
	a := plantingMySQL(t, p, told)
	told.await(t, true)
	plantedMySQL(t, p.Osaka, 3)
	p.Tokyo.Exec(t, "SET GLOBAL read_only = 1") // and nobody ends the probe's session
	told.await(t, false)
	held := markersOn(t, p.Tokyo)
	p.Tokyo.AwaitReplica(t, p.Osaka)
	p.Tokyo.Freeze(t)
	promoteByHand(t, p.Osaka)
	told.await(t, true)
	plantedMySQL(t, p.Osaka, held+5)
	o := a.end(t)
	if m := o.Markers; m.Lost != 0 || m.Acked < 8 || m.CountedAt.IsZero() {
		t.Errorf("markers = %+v", m)
	}
	p.Tokyo.Thaw(t)
	if n := markersOn(t, p.Tokyo); n != held {
		t.Errorf("the fenced server went from %d to %d markers", held, n)
	}
}

// A number that an earlier start has used is told from a service that is down.
func TestAMySQLMarkersNumberThatIsTakenIsNoOutage(t *testing.T) {
	s := mysqltest.StartOne(t)
	l, err := lookMySQLMarkers(watched, MySQLMarkers{Servers: []activities.Target[mylink.Server]{s.Target}, Database: "muster"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for i, want := range []fate{ok, taken} {
		if got, why := l.look(waittest.Context(t, time.Minute), 7); got != want {
			t.Errorf("look %d with the same number: %v (%s), want %v", i+1, got, why, want)
		}
	}
	if got, why := l.look(waittest.Context(t, time.Minute), 8); got != ok {
		t.Errorf("with the next number: %v (%s)", got, why)
	}
}
