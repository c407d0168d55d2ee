package mysql

import (
	"testing"
	"time"

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
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	for n := range writes {
		p.Osaka.Exec(t, "INSERT INTO shop.orders VALUES (?)", 100+n)
	}
}

func TestADivergedServerIsFoundAndRebuiltOnlyWhenThatIsAllowed(t *testing.T) {
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

// What a rebuild leaves that was cut off anywhere is never taken for a replica's data.
func TestARebuildThatWasCutOff(t *testing.T) {
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
	p.Tokyo.Kill9(t)
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrFinding, "cut off")
	r.Rebuild = true
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitReplica(t, p.Tokyo)
}

func TestRejoinRefuses(t *testing.T) {
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
// without the password.
func TestRejoinWithAWrongPassword(t *testing.T) {
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	tokyo := p.Tokyo.Target
	tokyo.Spec.Replicate, tokyo.Spec.ReplicatePwd = "nobody", p.Tokyo.Target.Spec.Password
	p.Osaka.Exec(t, "STOP SLAVE")
	_, err := rejoin(ctx, Rejoin{Server: p.Osaka.Target, Follow: tokyo, Wait: minute})
	wantKind(t, err, plan.ErrFinding, "Access denied")
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}))
}
