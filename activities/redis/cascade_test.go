package redis

import (
	"fmt"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redistest"
)

// The server that a replica follows takes no writes since it is a replica itself: whose
// master takes them all the same.
func TestPromoteLooksUpTheWholeCascade(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	nagoya := redistest.Start(t, "nagoya", fmt.Sprintf("replicaof 127.0.0.1 %d", p.Osaka.Port))
	nagoya.AwaitRole(t, "slave")
	ctx := as(t, "r")
	p.Tokyo.Do(t, "SET", "orders", "1")
	must[Lag](t)(waitCaughtUp(ctx, CaughtUp{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}))
	redistest.Eventually(t, minute.Std(), func() string {
		if v := must[view](t)(visit(ctx, nagoya.Target)); v.Keys != 1 {
			return "nagoya has not got it"
		}
		return ""
	})
	up := Promote{Server: nagoya.Target, MaxLinkDown: minute, Wait: minute}
	_, err := promote(ctx, up)
	wantKind(t, err, plan.ErrRefused, "still takes writes")
	nagoya.AwaitRole(t, "slave")

	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	if out := must[Promoted](t)(promote(ctx, up)); !out.LagKnown || out.LagBytes != 0 {
		t.Errorf("promoted = %+v, want no lag, known from the fenced master at the top", out)
	}
}

func TestPromoteBelowAReplicaWhoseMasterIsGone(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	nagoya := redistest.Start(t, "nagoya", fmt.Sprintf("replicaof 127.0.0.1 %d", p.Osaka.Port))
	nagoya.AwaitRole(t, "slave")
	ctx := as(t, "r")
	p.Tokyo.Kill9(t)
	if out := must[Promoted](t)(promote(ctx, Promote{Server: nagoya.Target, MaxLinkDown: minute, Wait: minute})); out.LagKnown {
		t.Errorf("promoted = %+v: the master at the top can't say how far it wrote", out)
	}
}

// A master whose configuration file could not be rewritten comes back as a replica of the one that was rejoined to it: nobody
// is master, and each is asked only about the other.
func TestPromoteOfTwoThatFollowEachOther(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	p.Tokyo.Do(t, "SET", "orders", "1")
	must[Lag](t)(waitCaughtUp(ctx, CaughtUp{Server: p.Osaka.Target, Follow: p.Tokyo.Target, Wait: minute}))
	p.Tokyo.Do(t, "REPLICAOF", "127.0.0.1", fmt.Sprint(p.Osaka.Port))
	if out := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute})); !out.LagKnown || out.LagBytes != 0 {
		t.Errorf("promoted = %+v, want no lag, known from the other", out)
	}

	// One that follows itself has nobody to be held against.
	p.Osaka.Do(t, "REPLICAOF", "127.0.0.1", fmt.Sprint(p.Osaka.Port))
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "follows itself")
}
