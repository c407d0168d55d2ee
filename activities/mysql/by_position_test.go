package mysql

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
)

// A replica that does not replicate by GTID does not say in GTIDs what it received: what of
// that is still to be applied looks like nothing, and would go with its relay log.
func TestPromoteRefusesAReplicaThatCannotSayWhatItReceived(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	for _, sql := range []string{"STOP SLAVE", "CHANGE MASTER TO MASTER_USE_GTID = no", "START SLAVE"} {
		p.Osaka.Exec(t, sql)
	}
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Fatal(err)
	}
	p.Tokyo.AwaitReplica(t, p.Osaka)
	p.Osaka.Exec(t, "STOP SLAVE SQL_THREAD")
	for range 20 {
		if err := p.Tokyo.TryWrite(t); err != nil {
			t.Fatal(err)
		}
	}
	sent := must[[]map[string]string](t)(mylink.Rows(ctx, p.Tokyo.Connect(t), "SHOW MASTER STATUS"))
	osaka := p.Osaka.Connect(t)
	mysqltest.Eventually(t, 30*time.Second, func() string {
		rows, err := mylink.Rows(ctx, osaka, "SHOW SLAVE STATUS")
		if err != nil || rows[0]["Read_Master_Log_Pos"] != sent[0]["Position"] {
			return "it has not received it all"
		}
		return ""
	})
	_, err := switchover(ctx, Switchover{From: p.Tokyo.Target, To: p.Osaka.Target, MaxLag: 100, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "does not replicate by GTID")
	p.Tokyo.Kill9(t)

	_, err = promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "does not replicate by GTID")
	if !mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only") {
		t.Error("it was promoted")
	}
	// What it received is there still. The refusal's way out keeps it, and promotes.
	p.Osaka.Exec(t, "START SLAVE SQL_THREAD")
	mysqltest.Eventually(t, 30*time.Second, func() string {
		if mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM shop.written") != 21 {
			return "it has not applied what it received"
		}
		return ""
	})
	for _, sql := range []string{"STOP SLAVE", "CHANGE MASTER TO MASTER_USE_GTID = slave_pos", "START SLAVE"} {
		p.Osaka.Exec(t, sql)
	}
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM shop.written"); n != 21 {
		t.Errorf("%d of 21 rows outlasted the promotion", n)
	}
}
