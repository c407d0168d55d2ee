package postgres

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
)

// A rejoin needs no superuser of the primary: what PostgreSQL documents for pg_rewind, with replication,
// checkpoints and the monitoring that every target needs, is enough.
func TestARejoinNeedsTheGrantsOfPgRewindAndNoSuperuser(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	for _, sql := range []string{
		"CREATE ROLE rejoins LOGIN REPLICATION PASSWORD '" + strings.ReplaceAll(p.Password, "'", "''") + "'",
		"GRANT pg_monitor, pg_checkpoint TO rejoins",
		"GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text, boolean, boolean) TO rejoins",
		"GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO rejoins",
		"GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text) TO rejoins",
		"GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO rejoins",
	} {
		p.Tokyo.Exec(t, sql)
	}
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, MaxLag: 1 << 20, Wait: minute}))
	follow := p.Osaka.Target
	follow.Spec.User = "rejoins"
	r := Rejoin{Server: p.Tokyo.Target, Follow: follow, Method: byRewind, Wait: minute}
	if lacking, err := readyRejoin(ctx, r); err != nil || len(lacking) > 0 {
		t.Errorf("ready: %v, %v", lacking, err)
	}
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}
