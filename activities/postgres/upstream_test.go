package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// follows makes a running standby's primary_conninfo say what an administrator may write there.
func follows(t *testing.T, s *pgtest.Server, conninfo string) {
	t.Helper()
	s.Exec(t, "ALTER SYSTEM SET primary_conninfo = '"+strings.ReplaceAll(conninfo, "'", "''")+"'")
	s.Exec(t, "SELECT pg_reload_conf()")
	pgtest.Eventually(t, time.Minute, func() string {
		if got := pgtest.Value[string](t, s, "SELECT current_setting('primary_conninfo')"); got != conninfo {
			return "primary_conninfo is " + got
		}
		return ""
	})
}

func TestPromoteAsksWhomeverTheStandbyFollows(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	nobody, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ conninfo, says string }{
		{fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=verify-full sslrootcert=/nowhere/root.crt sslcert=/nowhere/a.crt sslkey=/nowhere/a.key", p.Tokyo.Port), "still takes writes"},
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres", nobody, p.Tokyo.Port), "still takes writes"},
		{fmt.Sprintf("hostaddr=127.0.0.1 port=%d user=postgres", p.Tokyo.Port), "still takes writes"},
		{fmt.Sprintf("postgresql://postgres:a%%20b@127.0.0.1:%d,127.0.0.1:%d/postgres?sslrootcert=/nowhere/root.crt", nobody, p.Tokyo.Port), "still takes writes"},
		{"service=tokyo", "primary_conninfo"},
		{"user=postgres", "primary_conninfo"},
	} {
		follows(t, p.Osaka, c.conninfo)
		_, err := promote(as(t, "run-1"), Promote{Server: p.Osaka.Target, Wait: minute})
		wantKind(t, err, plan.ErrRefused)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want that it %s", c.conninfo, err, c.says)
		}
		wantStandby(t, p.Osaka)
	}
	problems, err := readyPromote(as(t, "run-1"), Promote{Server: p.Osaka.Target})
	if err != nil || len(problems) == 0 || !strings.Contains(problems[0].EN, "primary_conninfo") {
		t.Errorf("ready to promote a standby that names nobody: %v, %v", problems, err)
	}
}

// kyoto follows osaka, a standby itself: whether tokyo takes writes is what counts.
func TestPromoteAsksThePrimaryBehindAStandby(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	kyoto := third(t, p)
	follows(t, kyoto, fmt.Sprintf("host=127.0.0.1 port=%d user=postgres", p.Osaka.Port))
	_, err := promote(as(t, "run-1"), Promote{Server: kyoto.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("127.0.0.1:%d still takes writes", p.Tokyo.Port)) {
		t.Errorf("promoting a standby of a standby = %v", err)
	}
	wantStandby(t, kyoto)
	must[Fenced](t)(fence(as(t, "run-1"), Fence{Server: p.Tokyo.Target}))
	if out := must[Promoted](t)(promote(as(t, "run-1"), Promote{Server: kyoto.Target, MaxLag: 1 << 20, Wait: minute})); out.LagKnown {
		t.Errorf("promoted = %+v, and the primary could not be asked", out)
	}
}
