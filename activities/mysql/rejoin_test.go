package mysql

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// diverge makes tokyo hold a transaction that osaka never got, kills it, and promotes
// osaka, which writes on.
func diverge(t *testing.T, p *mysqltest.Pair, writes int) {
	t.Helper()
	ctx := as(t, "run-1")
	p.Tokyo.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY) ENGINE = InnoDB")
	p.Tokyo.AwaitReplica(t, p.Osaka)
	p.Osaka.Exec(t, "STOP SLAVE IO_THREAD")
	p.Tokyo.Exec(t, "INSERT INTO shop.orders VALUES (1)")
	p.Tokyo.Kill9(t)
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	p.Osaka.Exec(t, "START SLAVE IO_THREAD") // the loss is accepted
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	for n := range writes {
		p.Osaka.Exec(t, "INSERT INTO shop.orders VALUES (?)", 100+n)
	}
}

func TestADivergedServerIsFoundAndRebuiltOnlyWhenThatIsAllowed(t *testing.T) {
	t.Parallel()
	for name, writes := range map[string]int{
		"it is ahead in number":        0,
		"the numbers are the same":     1,
		"the new primary wrote on":     5, // only the primary can tell: error 1236
		"it is behind and yet differs": 50,
	} {
		t.Run(name, func(t *testing.T) {
			p := mysqltest.StartPair(t)
			diverge(t, p, writes)
			ctx := as(t, "run-1")
			r := Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Wait: minute}
			_, err := rejoin(ctx, r)
			wantKind(t, err, plan.ErrFinding, "rebuild: true")
			seen, err := lookRejoined(ctx, r)
			wantSight(t, "the diverged server", seen, err, plan.HoldsNot)
			if err := p.Tokyo.TryWrite(t); mylink.Code(err) != mylink.CodeReadOnly {
				t.Errorf("write on the diverged server = %v, want it read-only", err)
			}
			if n := mysqltest.Value[int](t, p.Tokyo, "SELECT COUNT(*) FROM shop.orders WHERE n = 1"); n != 1 {
				t.Error("what only it had is gone, and nobody asked for that")
			}
			r.Rebuild = true
			back := must[Rejoined](t)(rejoin(ctx, r))
			if back.Method != byRebuild || back.Bytes == 0 || !back.Kept {
				t.Errorf("rejoined = %+v", back)
			}
			t.Logf("rebuilt: %+v", back)
			p.Osaka.Exec(t, "INSERT INTO shop.orders VALUES (1000)")
			p.Osaka.AwaitReplica(t, p.Tokyo)
			const all = "SELECT COALESCE(GROUP_CONCAT(n ORDER BY n), '') FROM shop.orders"
			if a, b := mysqltest.Value[string](t, p.Tokyo, all), mysqltest.Value[string](t, p.Osaka, all); a != b || a == "" {
				t.Errorf("tokyo holds %s, osaka %s", a, b)
			}
			seen, err = lookRejoined(ctx, r)
			wantSight(t, "the rebuilt server", seen, err, plan.Holds)
			must[Started](t)(start(ctx, Start{Server: p.Tokyo.Target, Wait: minute})) // its fence is gone
			if n := mysqltest.Value[int](t, p.Tokyo, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?", rebuilding); n != 0 {
				t.Error("it still says that it is being rebuilt")
			}
		})
	}
}

// A replica that was pointed at its primary by hand replicates, and has a transaction that the primary never had. On
// MySQL, where each server has numbers of its own, that is how every diverged one looks.
func TestAReplicaWithTransactionsOfItsOwnIsNotFoundDone(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	r := Rejoin{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}
	p.Tokyo.AwaitReplica(t, p.Osaka)
	seen, err := lookRejoined(ctx, r)
	wantSight(t, "a replica", seen, err, plan.Holds)
	c := p.Osaka.Connect(t)
	for _, sql := range []string{"SET SESSION gtid_domain_id = 9", "CREATE TABLE shop.own (n int)"} {
		if _, err := c.ExecContext(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	seen, err = lookRejoined(ctx, r)
	wantPartial(t, "a replica with a transaction of its own", seen, err)
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrFinding, "1 transactions that tokyo lacks")
	_, err = switchover(ctx, Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 100, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "nothing was switched")
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("refused, and the primary takes no writes: %v", err)
	}

	// MySQL's own positions, whose server is not here.
	at := func(gtid string) view {
		return view{Flavour: mycluster.MySQL, GTID: gtid, Has: must[mylink.Position](t)(mylink.ParsePosition(mycluster.MySQL, gtid))}
	}
	const one, two = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4f22ab58-71ca-11e1-9e33-c80aa9429562"
	if why := apart(at(one+":1-90,"+two+":1"), at(one+":1-100"), p.Tokyo.Target); why.EN == "" {
		t.Error("a transaction of its own is none")
	}
	if why := apart(at(one+":1-90"), at(one+":1-100"), p.Tokyo.Target); why.EN != "" {
		t.Errorf("one that is only behind: %s", why.EN)
	}
}

// What a rebuild leaves that was cut off anywhere is never taken for a replica's data.
func TestARebuildThatWasCutOff(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	diverge(t, p, 5)
	ctx := as(t, "run-1")
	r := Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Wait: minute}
	j := &joining{Rejoin: r}
	defer j.close()
	if err := j.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	if err := j.clear(ctx, dialects[j.server.Flavour]); err != nil {
		t.Fatal(err)
	}
	j.close()
	seen, err := lookRejoined(ctx, r)
	wantPartial(t, "the rebuild that was cut off", seen, err)
	p.Tokyo.Kill9(t)
	seen, err = lookRejoined(ctx, r)
	wantPartial(t, "the rebuild that was cut off, its server dead", seen, err)
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrFinding, "cut off")
	r.Rebuild = true
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitReplica(t, p.Tokyo)
}

func TestRejoinRefuses(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	_, err := rejoin(ctx, Rejoin{Server: tokyo, Follow: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "both tokyo")
	_, err = rejoin(ctx, Rejoin{Server: tokyo, Follow: osaka, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "replica itself")
	p.Osaka.Exec(t, "STOP SLAVE")
	p.Osaka.Exec(t, "RESET SLAVE ALL")
	p.Osaka.Exec(t, "SET GLOBAL read_only = 0")
	_, err = rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fence it first")
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Errorf("refused, and yet osaka does not write any more: %v", err)
	}
	p.Tokyo.Freeze(t)
	_, err = rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Wait: run.Duration(4 * time.Second)})
	wantKind(t, err, "plain", "no answer in time")
}

// The primary's account is wrong in the estate: the replica can't connect, which is told,
// without the password. Its data are sound, so they are left alone even where a rebuild is
// allowed.
func TestRejoinWithAWrongPassword(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	tokyo := p.Tokyo.Target
	tokyo.Spec.Replicate, tokyo.Spec.ReplicatePwd = "nobody", p.Tokyo.Target.Spec.Password
	c := p.Osaka.Connect(t)
	for _, sql := range []string{"SET SESSION sql_log_bin = 0", "CREATE TABLE shop.sound (n int)"} { // a rebuild would take it away
		if _, err := c.ExecContext(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	p.Osaka.Exec(t, "STOP SLAVE")
	_, err := rejoin(ctx, Rejoin{Server: p.Osaka.Target, Follow: tokyo, Rebuild: true, Wait: minute})
	wantKind(t, err, plan.ErrFinding, "Access denied")
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'sound'"); n != 1 {
		t.Error("the server was rebuilt because its primary's account is wrong")
	}
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}))
}

// What the replica lacks is not in the primary's log any more: that is proof.
func TestAServerThatWasAwayForTooLongIsRebuilt(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	p.Osaka.Exec(t, "STOP SLAVE")
	p.Tokyo.Exec(t, "CREATE TABLE shop.orders (n int PRIMARY KEY) ENGINE = InnoDB")
	p.Tokyo.Exec(t, "FLUSH BINARY LOGS")
	p.Tokyo.Exec(t, "INSERT INTO shop.orders VALUES (1)")
	mysqltest.Eventually(t, 30*time.Second, func() string {
		p.Tokyo.Exec(t, "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
		logs, err := mylink.Rows(ctx, p.Tokyo.Connect(t), "SHOW BINARY LOGS")
		if err != nil || len(logs) != 1 {
			return fmt.Sprintf("logs are still there: %v, %v", logs, err)
		}
		return ""
	})
	r := Rejoin{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrFinding, "rebuild: true")
	r.Rebuild = true
	if back := must[Rejoined](t)(rejoin(ctx, r)); back.Method != byRebuild {
		t.Errorf("rejoined = %+v", back)
	}
	p.Tokyo.AwaitReplica(t, p.Osaka)
}

// What the servers themselves say in a replica's status, word for word.
func TestOnlyProofMakesDataUnfit(t *testing.T) {
	t.Parallel()
	fatal := func(no int, said string) replica {
		return replica{ReceiveNo: no, ReceiveErr: "Got fatal error 1236 from master when reading data from binary log: '" + said + "'"}
	}
	for name, c := range map[string]struct {
		of   replica
		want bool
	}{
		"diverged":               {fatal(1236, "Error: connecting slave requested to start from GTID 0-1-3, which is not in the master's binlog"), true},
		"purged":                 {fatal(1236, "Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old and required binlog files have been purged."), true},
		"MySQL, diverged":        {fatal(13114, "Slave has more GTIDs than the master has, using the master's SERVER_UUID. This may indicate that the end of the binary log was truncated"), true},
		"MySQL, purged":          {fatal(13114, "Cannot replicate because the source purged required binary logs. Replicate the missing transactions from elsewhere"), true},
		"MySQL 8.0.23, purged":   {fatal(1236, "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master has purged binary logs containing GTIDs that the slave requires."), true},
		"a row that is there":    {replica{ApplyNo: 1062, ApplyErr: "Duplicate entry"}, true},
		"a number used up":       {replica{ApplyNo: 1950, ApplyErr: "An attempt was made to binlog GTID 0-1-4 which would create an out-of-order sequence number"}, true},
		"a server ID used twice": {fatal(1236, "A slave with the same server_uuid/server_id as this slave has connected to the master"), false},
		"a packet too large":     {fatal(1236, "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on master"), false},
		"GTID off":               {fatal(13114, "The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE = OFF instead of ON."), false},
		"a damaged log":          {fatal(1236, "bogus data in log event"), false},
		"a wrong password":       {replica{ReceiveNo: 1045, ReceiveErr: "error connecting to master: Access denied"}, false},
		"a closed port":          {replica{ReceiveNo: 2003, ReceiveErr: "error connecting to master 'replica@192.0.2.1:3306': Can't connect"}, false},
		"a full disk":            {replica{ApplyNo: 1114, ApplyErr: "The table 'orders' is full"}, false},
		"a lock":                 {replica{ApplyNo: 1205, ApplyErr: "Lock wait timeout exceeded"}, false},
		"a broken relay log":     {replica{ApplyNo: 1594, ApplyErr: "Relay log read failure"}, false},
		"nothing":                {replica{}, false},
	} {
		if got := c.of.unfit(); got != c.want {
			t.Errorf("%s: unfit = %v", name, got)
		}
	}
}
