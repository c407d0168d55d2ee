package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// third makes one more standby of tokyo, kyoto.
func third(t *testing.T, p *pgtest.Pair) *pgtest.Server {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(p.Dir, "kyoto")
	if err := p.Osaka.OwnDir(home); err != nil {
		t.Fatal(err)
	}
	from := filepath.Dir(p.Osaka.Config)
	change := strings.NewReplacer(from, home, fmt.Sprint("port = '", p.Osaka.Port), fmt.Sprint("port = '", port), "'osaka'", "'kyoto'")
	for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(home, name), []byte(change.Replace(string(b))), 0o600)
		}
		if err == nil {
			err = p.Osaka.Own(filepath.Join(home, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	i := *p.Osaka.Instance
	i.Name, i.Data, i.Config, i.Log, i.Port = "kyoto", filepath.Join(home, "data"), filepath.Join(home, "postgresql.conf"), filepath.Join(home, "server.log"), port
	s := &pgtest.Server{Instance: &i, Target: p.Osaka.Target}
	s.Target.Name, s.Target.Site = "kyoto", "kyoto"
	s.Target.Spec.Port, s.Target.Spec.Data, s.Target.Spec.Config = port, i.Data, i.Config
	t.Cleanup(func() {
		if _, err := s.Instance.Kill(pgtest.Context(t, 30*time.Second)); err != nil && !os.IsNotExist(err) {
			t.Errorf("end kyoto: %v", err)
		}
	})
	must[Rejoined](t)(rejoin(as(t, "setup"), Rejoin{Server: s.Target, Follow: p.Tokyo.Target, Method: byBaseBackup, Wait: minute}))
	p.Tokyo.AwaitStreaming(t, s)
	return s
}

// wantStandby fails when a server was promoted.
func wantStandby(t *testing.T, s *pgtest.Server) {
	t.Helper()
	if !pgtest.Value[bool](t, s, "SELECT pg_is_in_recovery()") {
		t.Fatalf("%s was promoted", s.Name)
	}
}

// An old switchover is run again: its "from" was stopped long ago, and its "to" follows
// another primary, which takes writes.
func TestSwitchoverDoesNotPromoteTheStandbyOfAnotherPrimary(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	kyoto := third(t, p)
	sw := Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 1 << 20, Wait: minute}
	p.Tokyo.StopServer(t)
	kyoto.Exec(t, "SELECT pg_promote()")
	must[Rejoined](t)(rejoin(as(t, "run-1"), Rejoin{Server: p.Osaka.Target, Follow: kyoto.Target, Method: "auto", Wait: minute}))
	kyoto.AwaitStreaming(t, p.Osaka)

	run := as(t, "run-2")
	_, err := switchover(run, sw)
	wantKind(t, err, plan.ErrRefused)
	wantStandby(t, p.Osaka)
	seen, err := lookSwitched(run, sw)
	wantSight(t, "servers that were not switched", seen, err, plan.HoldsNot)
	if seen.Partial {
		t.Errorf("a switchover that can't be gone on with is called half-way: %s", seen.Detail)
	}
	// So it is when another run stopped it for a switchover, and when this one did, before
	// kyoto took over.
	must[*fenceNote](t)(raise(as(t, "run-1"), p.Tokyo.Instance, "primary", "osaka"))
	_, err = switchover(run, sw)
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "run-1") {
		t.Errorf("switching from a server that another run fenced = %v", err)
	}
	wantStandby(t, p.Osaka)
	must[*fenceNote](t)(raise(run, p.Tokyo.Instance, "primary", "osaka"))
	_, err = switchover(run, sw)
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("switching to a server that follows another by now = %v", err)
	}
	wantStandby(t, p.Osaka)
	if ctl := must[pgcluster.Control](t)(p.Tokyo.Control(run)); ctl.State != pgcluster.ShutDown {
		t.Errorf("tokyo was started: %s", ctl.State)
	}
}
