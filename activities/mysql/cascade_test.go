package mysql

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
)

// The server that a replica follows is read-only since it is a replica itself: whose primary
// takes writes all the same.
func TestPromoteLooksUpTheWholeCascade(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	top := mysqltest.StartOne(t)
	ctx := as(t, "run-1")
	top.Exec(t, "SET GLOBAL server_id = 3")
	for _, sql := range []string{
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
			top.Target.Spec.Port, mysqltest.User, mysqltest.Password),
		"START SLAVE", "SET GLOBAL read_only = 1",
	} {
		p.Tokyo.Exec(t, sql)
	}
	if err := top.TryWrite(t); err != nil {
		t.Fatal(err)
	}
	top.AwaitReplica(t, p.Tokyo)
	top.AwaitReplica(t, p.Osaka)

	_, err := promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "still takes writes")
	if !mysqltest.Value[bool](t, p.Osaka, "SELECT @@read_only") {
		t.Error("it was promoted")
	}
	top.Kill9(t)
	if up := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})); up.LagKnown || up.Lag != 0 {
		t.Errorf("promoted = %+v, want a lag that nobody can know", up)
	}
}

// Two servers that follow each other have no third one above them.
func TestPromoteOfOneOfTwoThatFollowEachOther(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	ctx := as(t, "run-1")
	for _, sql := range []string{
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
			p.Osaka.Target.Spec.Port, mysqltest.User, mysqltest.Password),
		"START SLAVE",
	} {
		p.Tokyo.Exec(t, sql)
	}
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "still takes writes")
	p.Tokyo.Exec(t, "SET GLOBAL read_only = 1")
	mysqltest.Eventually(t, 30*time.Second, func() string {
		if v := must[view](t)(visit(ctx, p.Tokyo.Target)); v.Replica.ServerID == "0" {
			return "tokyo has not reached osaka"
		}
		return ""
	})
	if up := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})); !up.LagKnown {
		t.Errorf("promoted = %+v, want the lag known from tokyo", up)
	}
}
