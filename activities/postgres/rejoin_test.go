package postgres

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// Nobody fenced tokyo, and it takes writes beside osaka, on an older timeline.
func TestRejoinRefusesAServerThatTakesWrites(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	p.Tokyo.Exec(t, "CREATE TABLE only_here (n int)")
	ctx := as(t, "run-1")
	r := Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	p.Tokyo.Exec(t, "INSERT INTO only_here VALUES (1)")
	// Silent is not read-only.
	p.Tokyo.Freeze(t)
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	p.Tokyo.Thaw(t)
	p.Tokyo.Exec(t, "INSERT INTO only_here VALUES (2)")

	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

func TestRejoinThrowsAwayWhatALiveServerWroteWhenTold(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "SELECT pg_promote()")
	must[Rejoined](t)(rejoin(as(t, "run-1"), Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Discard: true, Wait: minute}))
	p.Osaka.AwaitStreaming(t, p.Tokyo)
}

// Two standbys that were promoted apart from one another call their timelines the same.
func TestRejoinTellsTimelinesOfOneNumberApart(t *testing.T) {
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	kyoto := third(t, p)
	p.Tokyo.StopServer(t) // both have all of its log
	p.Osaka.Exec(t, "SELECT pg_promote()")
	kyoto.Exec(t, "SELECT pg_promote()")
	kyoto.Exec(t, "CREATE TABLE only_here (n int)")
	kyoto.StopServer(t)
	ctx := as(t, "run-1")
	r := Rejoin{Server: kyoto.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}
	_, err := rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "promoted apart") {
		t.Errorf("rejoin of a server that was promoted at the same position = %v", err)
	}
	// A later standby of tokyo left it elsewhere: the histories differ.
	kyoto.StartServer(t)
	left := forks("1\t0/4000000\tno recovery target specified\n")
	if other := must[bool](t)(apart(ctx, p.Osaka.Connect(t), 2, 2, left)); !other {
		t.Error("a timeline that was left elsewhere is taken for the same")
	}
	kyoto.StopServer(t)
	r.Discard, r.Method = true, byRewind
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	r.Method = "auto"
	must[Rejoined](t)(rejoin(ctx, r))
	p.Osaka.AwaitStreaming(t, kyoto)
	if pgtest.Value[bool](t, kyoto, "SELECT to_regclass('only_here') IS NOT NULL") {
		t.Error("kyoto streams from osaka and still has what osaka never had")
	}
	// tokyo left where osaka was promoted: it follows without a word.
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: p.Tokyo.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}))
	r = Rejoin{Server: kyoto.Target, Follow: p.Osaka.Target, Method: "auto", Wait: minute}
	must[Rejoined](t)(rejoin(ctx, r)) // and so does a standby of its own
}
