package mysql

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func TestFenceEndsWhatWrites(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	tokyo := p.Tokyo.Target
	ctx := as(t, "run-1")
	p.Tokyo.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY) ENGINE = InnoDB")
	p.Tokyo.Exec(t, "SET GLOBAL event_scheduler = ON")
	// An administrator's event: read_only does not bind it.
	p.Tokyo.Exec(t, "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO REPLACE INTO shop.orders VALUES (99)")
	half := must[*mylink.Conn](t)(p.Tokyo.Clerk(t))
	t.Cleanup(half.Close)
	locks := must[*mylink.Conn](t)(p.Tokyo.Clerk(t))
	t.Cleanup(locks.Close)
	for c, sql := range map[*mylink.Conn][]string{half: {"START TRANSACTION", "INSERT INTO orders VALUES (1)"}, locks: {"CREATE TABLE other (n int)", "LOCK TABLES other WRITE"}} {
		for _, s := range sql {
			if _, err := c.ExecContext(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	fenced := must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	if fenced.Was != rolePrimary || fenced.Method != "read-only" || fenced.GTID == "" {
		t.Errorf("fenced = %+v", fenced)
	}
	if _, err := half.ExecContext(ctx, "COMMIT"); err == nil {
		t.Error("a transaction from before the fence was committed after it")
	}
	if err := p.Tokyo.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
		t.Errorf("write on the fenced server = %v, want it read-only", err)
	}
	if n := mysqltest.Value[int](t, p.Tokyo, "SELECT COUNT(*) FROM shop.orders WHERE n = 1"); n != 0 {
		t.Error("half a transaction survived")
	}
	if on := mysqltest.Value[string](t, p.Tokyo, "SELECT @@global.event_scheduler"); on != "OFF" {
		t.Errorf("the event scheduler is %s: its events go on writing", on)
	}
	if again := must[Fenced](t)(fence(ctx, Fence{Server: tokyo})); again.GTID != fenced.GTID {
		t.Errorf("the fenced server went from %s to %s", fenced.GTID, again.GTID)
	}
	// The replica gets all that was written, since the fenced primary still sends.
	up := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	if !up.LagKnown || up.Lag != 0 || up.Events != 1 {
		t.Errorf("promoted = %+v, want a known lag of 0 and the event named", up)
	}
	stopped := must[Fenced](t)(fence(ctx, Fence{Server: tokyo, Stop: true}))
	if procs, err := p.Tokyo.Processes(); err != nil || len(procs) > 0 || stopped.Method != "stopped" {
		t.Errorf("fenced = %+v, %d processes, %v", stopped, len(procs), err)
	}
}

func TestUnfenceIsForTheRunThatFenced(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	unf := Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute}
	_, err := unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused, "no fence")
	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	_, err = unfence(as(t, "run-2"), unf)
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	_, err = unfence(ctx, Unfence{Server: tokyo, Others: []Target{tokyo}, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "tokyo itself")
	seen, err := lookUnfenced(ctx, unf)
	wantSight(t, "the fenced server", seen, err, plan.HoldsNot)
	must[Started](t)(unfence(ctx, unf))
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("unfenced, it refuses a write: %v", err)
	}
	seen, err = lookUnfenced(ctx, unf)
	wantSight(t, "the unfenced server", seen, err, plan.Holds)

	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	p.Osaka.Exec(t, "SET GLOBAL read_only = 0")
	_, err = unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused, "two primaries")
}

// A primary that died comes back within seconds where something watches over it.
func TestUnfenceBesideAServerThatMayComeBack(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	p.Osaka.Kill9(t)
	unf := Unfence{Server: p.Tokyo.Target, Others: []Target{p.Osaka.Target}, Wait: run.Duration(time.Second)}
	_, err := unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused, "may come back at any moment")
	if mysqltest.Value[int](t, p.Tokyo, "SELECT @@read_only") != 1 {
		t.Error("tokyo takes writes")
	}
	// What it says to do by hand, done as it says.
	config := p.Tokyo.Target.Spec.Config
	if err == nil || !strings.Contains(err.Error(), "have "+config+" say") || !strings.Contains(err.Error(), "remove "+config+".fence.json") {
		t.Errorf("the refusal does not name the files: %v", err)
	}
	if err := os.WriteFile(config, []byte("[mysqld]\nread_only = OFF\nloose_super_read_only = OFF\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Tokyo.Exec(t, "SET GLOBAL read_only = 0")
	if err := os.Remove(config + ".fence.json"); err != nil {
		t.Fatal(err)
	}
	seen, err := lookUnfenced(ctx, unf)
	wantSight(t, "the server whose fence was taken off by hand", seen, err, plan.Holds)

	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target})) // down, by its options
	unf.Wait = minute
	must[Started](t)(unfence(ctx, unf))
}

func TestAFencedServerIsNotPromoted(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	osaka := p.Osaka.Target
	must[Fenced](t)(fence(ctx, Fence{Server: osaka}))
	p.Tokyo.Kill9(t)
	up := Promote{Server: osaka, Wait: minute}
	_, err := promote(ctx, up)
	wantKind(t, err, plan.ErrRefused, "mysql.unfence")
	_, err = readyPromote(ctx, up)
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	seen, err := lookPromoted(ctx, up)
	wantSight(t, "the fenced replica", seen, err, plan.HoldsNot)
	_, err = switchover(ctx, Switchover{From: p.Tokyo.Target, To: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "down")
	p.Tokyo.StartServer(t)
	_, err = switchover(ctx, Switchover{From: p.Tokyo.Target, To: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")

	// Tokyo takes writes, and a replica's fence may come off all the same: it stays one.
	if out := must[Started](t)(unfence(ctx, Unfence{Server: osaka, Others: []Target{p.Tokyo.Target}, Wait: minute})); out.Role != roleReplica {
		t.Errorf("unfenced = %+v", out)
	}
	seen, err = lookUnfenced(ctx, Unfence{Server: osaka})
	wantSight(t, "the unfenced replica", seen, err, plan.Holds)
	if !mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only") {
		t.Error("the replica takes writes")
	}
	p.Tokyo.Kill9(t)
	must[Promoted](t)(promote(ctx, up))
}

func TestAWrongAccountIsNoReasonToKill(t *testing.T) {
	t.Parallel()
	s := mysqltest.StartOne(t)
	ctx := as(t, "run-1")
	serves := func(what string) {
		t.Helper()
		if err := s.TryWrite(t); err != nil {
			t.Errorf("%s: the server refuses a write: %v", what, err)
		}
	}
	for what, change := range map[string]func(*Server){
		"no such user":            func(s *Server) { s.User = "nobody" },
		"no rights":               func(s *Server) { s.User = "clerk" },
		"encryption it can't do":  func(s *Server) { s.TLS = "require" },
		"a certificate it hasn't": func(s *Server) { s.TLS = "verify-full" },
	} {
		wrong := Fence{Server: s.Target}
		change(&wrong.Server.Spec)
		_, err := fence(ctx, wrong)
		wantKind(t, err, plan.ErrRefused, "stop: true")
		serves(what)
		seen, err := lookFenced(ctx, wrong)
		if wantSight(t, what, seen, err, plan.HoldsNot); seen.Partial {
			t.Errorf("%s: something of a fence is there: %s", what, seen.Detail)
		}
	}

	// It lets us look, and not act.
	s.Exec(t, "CREATE USER watcher IDENTIFIED BY '"+mysqltest.Password+"'")
	s.Exec(t, "GRANT PROCESS, SLAVE MONITOR ON *.* TO watcher")
	watcher := Fence{Server: s.Target}
	watcher.Server.Spec.User = "watcher"
	_, err := fence(ctx, watcher)
	wantKind(t, err, plan.ErrFinding, "takes writes still")
	serves("an account that may not make it read-only")
	seen, err := lookFenced(ctx, watcher)
	wantPartial(t, "half a fence", seen, err)

	// A plan that wants it silent at any price needs no account.
	locked := Fence{Server: s.Target, Stop: true}
	locked.Server.Spec.User = "nobody"
	out := must[Fenced](t)(fence(ctx, locked))
	if out.Was != closed || out.Method != "stopped" {
		t.Errorf("fenced = %+v", out)
	}
	seen, err = lookFenced(ctx, locked)
	wantSight(t, "the stopped server", seen, err, plan.Holds)
}

func TestServersOfOneFolderHaveFencesOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	osaka := p.Osaka.Target
	beside := filepath.Join(filepath.Dir(p.Tokyo.Config), "zz-osaka.cnf")
	osaka.Spec.Config = beside
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	if st := must[Status](t)(status(ctx, Inspect{Server: osaka})); st.Fenced != "" {
		t.Errorf("osaka has tokyo's fence: %+v", st)
	}
	if st := must[Status](t)(status(ctx, Inspect{Server: p.Tokyo.Target})); st.Fenced != "run-1" {
		t.Errorf("status of tokyo = %+v", st)
	}
}

// The worker was upgraded while a fence was up. Its marker has the name of that time, and
// counts.
func TestAFenceOutlivesAnUpgrade(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	ctx := as(t, "run-1")
	older := filepath.Join(filepath.Dir(p.Tokyo.Config), "muster-fence.json")
	upgrade := func() {
		t.Helper()
		must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
		if err := os.Rename(p.Tokyo.Config+".fence.json", older); err != nil {
			t.Fatal(err)
		}
	}
	upgrade()
	_, err := start(ctx, Start{Server: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	_, err = promote(ctx, Promote{Server: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	if st := must[Status](t)(status(ctx, Inspect{Server: tokyo})); st.Fenced != "run-1" {
		t.Errorf("status = %+v", st)
	}
	beside := tokyo
	beside.Name = "nagoya"
	if st := must[Status](t)(status(ctx, Inspect{Server: beside})); st.Fenced != "" {
		t.Errorf("another server of the folder has the fence: %+v", st)
	}
	unf := Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute}
	_, err = unfence(as(t, "run-2"), unf)
	wantKind(t, err, plan.ErrRefused, "fenced by run run-1")
	must[Started](t)(unfence(ctx, unf))
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("unfenced, it refuses a write: %v", err)
	}

	// Fenced by both versions, nothing of either is left; what nobody can read is named.
	upgrade()
	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	must[Started](t)(unfence(ctx, unf))
	seen, err := lookUnfenced(ctx, unf)
	wantSight(t, "the unfenced server", seen, err, plan.Holds)
	if _, err := os.Stat(older); err == nil {
		t.Errorf("%s is still there", older)
	}
	if err := os.WriteFile(older, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = promote(ctx, Promote{Server: tokyo, Wait: minute})
	wantKind(t, err, "plain", older)
}

func TestFenceElsewhereNeverPassesWithoutProof(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	away := p.Tokyo.Target
	away.Spec.Data, away.Spec.Config = "/nowhere/data", "/nowhere/zz-muster.cnf"
	_, err := fence(as(t, "r"), Fence{Server: away})
	wantKind(t, err, plan.ErrFinding, "all that can be done from here") // nothing keeps it so after a restart
	if err := p.Tokyo.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
		t.Errorf("write = %v, want the server read-only already", err)
	}
	p.Tokyo.Kill9(t)
	_, err = fence(as(t, "r"), Fence{Server: away})
	wantKind(t, err, "plain", "can't be proven") // refused connections prove nothing about tomorrow

	// Muster's file is there, and the server does not read it.
	deaf := p.Tokyo.Target
	deaf.Spec.Config = strings.Replace(deaf.Spec.Config, "zz-muster.cnf", "zz-muster.conf", 1)
	_, err = fence(as(t, "r"), Fence{Server: deaf})
	wantKind(t, err, plan.ErrFinding, "include")
}

// A dead MySQL can't be told to be read-only, and what an earlier promotion had it keep
// outranks the fence's option file. (MariaDB reads no such file; the fence mends it all the
// same.)
func TestAFenceMendsWhatADeadServerKeepsItself(t *testing.T) {
	t.Parallel()
	s := mysqltest.StartOne(t)
	ctx := as(t, "run-1")
	file := filepath.Join(s.Data, "mysqld-auto.cnf")
	if err := os.WriteFile(file, []byte(`{"Version": 2, "mysql_dynamic_variables": {"read_only": {"Value": "OFF", "Metadata": {"Host": "", "User": "root", "Timestamp": 1}}}}`), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := s.Own(file); err != nil {
		t.Fatal(err)
	}
	s.Kill9(t)
	must[Fenced](t)(fence(ctx, Fence{Server: s.Target}))
	if st := must[Status](t)(status(ctx, Inspect{Server: s.Target})); !st.ReadOnly || st.Fenced != "run-1" {
		t.Errorf("fenced, it is %+v", st)
	}
	// Somebody takes the value back: the fence is no fence any more.
	if err := os.WriteFile(file, []byte(`{"Version": 2, "mysql_dynamic_variables": {"read_only": {"Value": "OFF", "Metadata": {}}}}`), 0o640); err != nil {
		t.Fatal(err)
	}
	seen, err := lookFenced(ctx, Fence{Server: s.Target})
	wantPartial(t, "a fence that a setting outranks", seen, err)
}
