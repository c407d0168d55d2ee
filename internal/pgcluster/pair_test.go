package pgcluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/pgtest"
)

func TestPairStreamsAndSurvivesAPowerLoss(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Fatalf("the primary refuses a write: %v", err)
	}
	if err := p.Osaka.TryWrite(t); pglink.Code(err) != pglink.CodeReadOnly {
		t.Errorf("write on the standby = %v, want %s", err, pglink.CodeReadOnly)
	}

	segment := sharedMemory(t, p.Tokyo)
	before := time.Now()
	at := p.Tokyo.Kill9(t)
	if at.Before(before) || at.After(time.Now()) {
		t.Errorf("killed at %v, which is not while it was killed", at)
	}
	if procs, err := p.Tokyo.Processes(); err != nil || len(procs) > 0 {
		t.Errorf("processes after the kill = %v, %v", procs, err)
	}
	if _, err := unix.SysvShmCtl(segment, unix.IPC_STAT, new(unix.SysvShmDesc)); err == nil {
		t.Errorf("the kernel still holds shared memory %d of the server that was killed: it has only so much of it", segment)
	}
	if at, err := p.Tokyo.Kill(pgtest.Context(t, time.Second)); err != nil || !at.IsZero() {
		t.Errorf("killing a dead server = %v, %v, want no time and no error", at, err)
	}
	p.Tokyo.StartServer(t) // at once, with the dead server's lock file in place
	p.Tokyo.StartServer(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	c, err := p.Tokyo.Control(pgtest.Context(t, 10*time.Second))
	if err != nil || c.SystemID == "" || c.State != "in production" || c.Timeline != 1 {
		t.Errorf("control file = %+v, %v", c, err)
	}
}

// sharedMemory is the ID of the segment that a running server holds.
func sharedMemory(t *testing.T, s *pgtest.Server) (id int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var key int
	if _, err := fmt.Sscan(strings.Split(string(b), "\n")[6], &key, &id); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, new(unix.SysvShmDesc)); err != nil {
		t.Fatalf("shared memory %d of a running server: %v", id, err)
	}
	return id
}

func TestFrozenServerHangsAndThaws(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.Freeze(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if _, err := pglink.Connect(ctx, p.Tokyo.Target, "", 0); !pglink.Hung(err) {
		t.Errorf("connect to a frozen server = %v, want hung", err)
	}
	stop, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := p.Tokyo.Stop(stop, pgcluster.Fast); err == nil {
		t.Error("a frozen server was stopped without being thawed")
	}
	p.Tokyo.Thaw(t)
	pgtest.Eventually(t, 30*time.Second, func() string {
		if procs, err := p.Tokyo.Processes(); err != nil || len(procs) > 0 {
			return "the stop asked for while frozen was not done after thawing"
		}
		return ""
	})
}

func TestCreateNamesWhatIsInTheWay(t *testing.T) {
	p := pgtest.StartPair(t)
	_, err := pgcluster.Create(pgtest.Context(t, time.Minute), pgcluster.Options{Dir: p.Dir})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("create in a used directory = %v", err)
	}
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the pair that was there before does not work any more: %v", err)
	}
	_, err = pgcluster.Create(pgtest.Context(t, time.Minute), pgcluster.Options{Dir: filepath.Join(pgtest.Dir(t), "pair"), PrimaryPort: p.Primary.Port})
	if err == nil || !strings.Contains(err.Error(), "name another one") {
		t.Errorf("create on a port in use = %v", err)
	}
}
