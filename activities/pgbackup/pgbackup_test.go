package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

// shop is a live server that archives its log, with orders that carry their time.
type shop struct {
	live  *pgtest.Server
	store Target
	dir   string
	runs  int
}

func open(t *testing.T) *shop {
	t.Helper()
	dir := pgtest.Dir(t)
	s := &shop{dir: dir}
	i, err := programs(Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"base", "wal", "area"} {
		if err := i.OwnDir(filepath.Join(dir, d)); err != nil {
			t.Fatal(err)
		}
	}
	wal := filepath.Join(dir, "wal")
	pair := pgtest.StartPairWith(t, map[string]string{"archive_mode": "on", "archive_command": fmt.Sprintf("test ! -f %s/%%f && cp %%p %[1]s/%%f", wal)})
	s.live = pair.Tokyo
	s.store = Target{Name: "orders", Spec: Store{Backups: filepath.Join(dir, "base"), WAL: wal, Area: filepath.Join(dir, "area"), Database: "postgres", User: "postgres"}}
	s.live.Exec(t, "CREATE TABLE orders (id bigserial PRIMARY KEY, taken_at timestamptz NOT NULL DEFAULT clock_timestamp())")
	t.Cleanup(func() { // whatever a test leaves is a leak
		left, _ := os.ReadDir(s.store.Spec.Area)
		for _, e := range left {
			t.Errorf("left behind: %s", e.Name())
		}
	})
	return s
}

// call is a step of a run of its own.
func (s *shop) call(t *testing.T) context.Context {
	s.runs++
	return activities.WithCall(pgtest.Context(t, 10*time.Minute), plan.Call{Run: fmt.Sprintf("r%d", s.runs), System: "orders", Step: "s"})
}

func (s *shop) order(t *testing.T, n int) time.Time {
	s.live.Exec(t, fmt.Sprintf("INSERT INTO orders SELECT FROM generate_series(1, %d)", n))
	return pgtest.Value[time.Time](t, s.live, "SELECT max(taken_at) FROM orders")
}

// archive closes the current segment and waits until it is in the archive.
func (s *shop) archive(t *testing.T) {
	name := pgtest.Value[string](t, s.live, "SELECT pg_walfile_name(pg_switch_wal())")
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if _, err := os.Stat(filepath.Join(s.store.Spec.WAL, name)); err != nil {
			return err.Error()
		}
		return ""
	})
}

func (s *shop) take(t *testing.T) Backup {
	t.Helper()
	b, err := take(s.call(t), Take{Server: s.live.Target, Backups: s.store})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Two systems of a run may use one runbook, and keep their backups in one folder.
func TestABackupIsOfItsOwnSystemAndServer(t *testing.T) {
	t.Parallel()
	s := open(t)
	call := plan.Call{Run: "r", System: "orders", Runbook: "backup", Step: "s"}
	ctx := activities.WithCall(pgtest.Context(t, 2*time.Minute), call)
	p := Take{Server: s.live.Target, Backups: s.store}
	if _, err := take(ctx, p); err != nil {
		t.Fatal(err)
	}
	if seen, err := lookTaken(ctx, p); err != nil || seen.Sight != plan.Holds {
		t.Errorf("a look at a backup just taken: %+v %v", seen, err)
	}
	for _, other := range []plan.Call{{Run: "r", System: "mail", Runbook: "backup", Step: "s"}, {Run: "r", System: "orders", Runbook: "move", Step: "s"}} {
		if seen, err := lookTaken(activities.WithCall(ctx, other), p); err != nil || seen.Sight != plan.HoldsNot {
			t.Errorf("a look of %s/%s sees %+v %v, want no backup of its own", other.System, other.Runbook, seen, err)
		}
	}
	p.Server = pgtest.StartPair(t).Osaka.Target
	if seen, err := lookTaken(ctx, p); err != nil || seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "identifier") || !strings.Contains(seen.Detail, "識別子") {
		t.Errorf("a look at another server's backup: %+v %v", seen, err)
	}
}

const newestOrder = "SELECT max(taken_at) FROM orders"

func TestARestoreToAPointGivesTheDataOfThatPoint(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.order(t, 3)
	b := s.take(t)
	last := s.order(t, 4)
	point := pgtest.Value[time.Time](t, s.live, "SELECT clock_timestamp()")
	s.order(t, 5) // must not come back
	s.archive(t)
	before, _, err := s.live.Postmaster()
	if err != nil {
		t.Fatal(err)
	}
	timeline := s.live.Timeline(t)

	ctx := s.call(t)
	p := Restore{Backups: s.store, To: point.Format(time.RFC3339Nano)}
	done, err := restore(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if done.Backup != b.Backup || done.FetchS <= 0 || done.RestoreS <= 0 || done.ReplayS <= 0 {
		t.Errorf("restored %+v", done)
	}
	seen, err := lookRestored(ctx, p)
	if err != nil || seen.Sight != plan.Holds || seen.Output.(Restored) != done {
		t.Errorf("a look sees %+v %v", seen, err)
	}
	v, err := verify(ctx, Verify{Backups: s.store, Newest: newestOrder, AmCheck: true, Checks: []Check{{"SELECT count(*) FROM orders", "7"}}})
	if err != nil {
		t.Fatal(err)
	}
	if !v.RecoveryPoint.Equal(last) || v.Rows["public.orders"] != 7 || v.AmCheck != "passed" || v.Checks != 1 {
		t.Errorf("verified %+v, the newest row is of %s", v, last)
	}
	if want := point.Sub(last).Seconds(); v.BehindS < want-1e-3 || v.BehindS > want+1e-3 {
		t.Errorf("%f s behind, want %f", v.BehindS, want)
	}
	if _, err := verify(ctx, Verify{Backups: s.store, Newest: newestOrder, Checks: []Check{{"SELECT count(*) FROM orders", "12"}}}); kind(err) != plan.ErrFinding {
		t.Errorf("a wrong number of rows: %v", err)
	}
	// A column without a time zone that holds Tokyo's time: 9 h lost would read as none.
	if _, err := verify(ctx, Verify{Backups: s.store, Newest: "SELECT max(taken_at AT TIME ZONE 'Asia/Tokyo') FROM orders"}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "AT TIME ZONE") {
		t.Errorf("a newest row of local time: %v", err)
	}

	// The live server noticed nothing: same process, same timeline, nobody of ours in it.
	after, alive, err := s.live.Postmaster()
	if err != nil || !alive || after.PID != before.PID || s.live.Timeline(t) != timeline {
		t.Errorf("the live server changed: %v %v %v", before, after, err)
	}
	if n := pgtest.Value[int64](t, s.live, "SELECT count(*) FROM orders"); n != 12 {
		t.Errorf("the live server has %d orders", n)
	}

	gone, err := discard(ctx, Discard{Backups: s.store})
	if err != nil || !gone.Gone {
		t.Fatalf("%+v %v", gone, err)
	}
	if seen, err := lookDiscarded(ctx, Discard{Backups: s.store}); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after the discard a look sees %+v %v", seen, err)
	}
	if _, err := discard(ctx, Discard{Backups: s.store}); err != nil {
		t.Errorf("a second discard: %v", err)
	}
}

func TestABackupThatCannotBeRestoredIsAFinding(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.order(t, 1)
	b := s.take(t)
	s.archive(t)
	s.order(t, 1)
	s.archive(t)
	s.order(t, 1)
	late := pgtest.Value[time.Time](t, s.live, "SELECT clock_timestamp()")

	// The log has a hole: the point can't be reached.
	segments, err := filepath.Glob(filepath.Join(s.store.Spec.WAL, "0*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range segments {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	_, err = restore(s.call(t), Restore{Backups: s.store, To: late.Format(time.RFC3339Nano)})
	if kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "recovery") {
		t.Errorf("a log with a hole: %v", err)
	}
	if _, err := restore(s.call(t), Restore{Backups: s.store, To: "2001-01-01T00:00:00Z"}); kind(err) != plan.ErrFinding {
		t.Errorf("a point before every backup: %v", err)
	}

	// One flipped byte.
	table := pgtest.Value[string](t, s.live, "SELECT pg_relation_filepath('orders')")
	f, err := os.OpenFile(filepath.Join(s.store.Spec.Backups, b.Backup, table), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, 100); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 1
	if _, err := f.WriteAt(one, 100); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = restore(s.call(t), Restore{Backups: s.store})
	if kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a flipped byte: %v", err)
	}

	// A backup that was cut off has no manifest.
	if err := os.Remove(filepath.Join(s.store.Spec.Backups, b.Backup, "backup_manifest")); err != nil {
		t.Fatal(err)
	}
	if _, err := find(t.Context(), Find{Backups: s.store}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "incomplete: "+b.Backup) {
		t.Errorf("no complete backup: %v", err)
	}
}

func TestARestoreKeepsToItsArea(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.take(t)
	inside := s.store
	inside.Spec.Area = filepath.Join(s.live.Data, "base")
	if _, err := restore(s.call(t), Restore{Backups: inside}); kind(err) != plan.ErrRefused {
		t.Errorf("an area in the live server's data: %v", err)
	}
	inside.Spec.Area = s.store.Spec.Backups
	if _, err := discard(s.call(t), Discard{Backups: inside}); kind(err) != plan.ErrRefused {
		t.Errorf("an area among the backups: %v", err)
	}
	// A folder of somebody else's at our place is left alone.
	ctx := s.call(t)
	dir, _, err := isolated(ctx, s.store)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(ctx, Restore{Backups: s.store}); kind(err) != plan.ErrRefused {
		t.Errorf("over a foreign folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "precious")); err != nil {
		t.Error(err)
	}
	_ = os.RemoveAll(dir)

	if _, err := verify(s.call(t), Verify{Backups: s.store, Newest: newestOrder}); kind(err) != plan.ErrRefused {
		t.Errorf("verified without a restore: %v", err)
	}
	if b, err := find(t.Context(), Find{Backups: s.store, MaxAge: 1}); kind(err) != plan.ErrFinding || b.Backup == "" {
		t.Errorf("an old backup: %+v %v", b, err)
	}
}

func kind(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}
