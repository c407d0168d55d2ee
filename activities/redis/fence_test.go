package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/run"
)

// The limits that were there before a fence are back after it, whatever they were.
func TestAFenceRemembersWhatWasThere(t *testing.T) {
	t.Parallel()
	ctx := as(t, "r")
	for _, was := range []limits{{0, 10}, {1, 7}, {3, 0}, {0, 0}} {
		s := redistest.Start(t, "tokyo", fmt.Sprintf("min-replicas-to-write %d", was.replicas), fmt.Sprintf("min-replicas-max-lag %d", was.lag))
		must[Fenced](t)(fence(ctx, Fence{Server: s.Target, Restart: true}))
		s.Kill9(t)
		must[Fenced](t)(fence(ctx, Fence{Server: s.Target, Restart: true})) // down, by its file
		s.StartServer(t)
		must[Fenced](t)(fence(ctx, Fence{Server: s.Target, Restart: true}))
		if err := s.TryWrite(t); redislink.Code(err) != redislink.CodeNoReplicas {
			t.Errorf("%+v: write on the fenced server = %v", was, err)
		}
		if was.replicas == 0 || was.lag == 0 {
			must[Unfenced](t)(unfence(ctx, Unfence{Server: s.Target, Wait: minute}))
		} else { // as before, it wants a replica
			_, err := unfence(ctx, Unfence{Server: s.Target, Wait: minute})
			wantKind(t, err, plan.ErrFinding, "no-replicas")
		}
		s.Kill9(t)
		s.StartServer(t)
		c := redislink.Open(s.Target, answerWithin)
		if l, err := limitsOf(ctx, c); err != nil || l != was {
			t.Errorf("limits after the fence = %+v, %v, want %+v", l, err, was)
		}
		c.Close()
		_, err := unfence(ctx, Unfence{Server: s.Target, Wait: minute})
		wantKind(t, err, plan.ErrRefused, "no fence")
	}
}

// A master that died comes back within seconds where something watches over it.
func TestUnfenceBesideAServerThatMayComeBack(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	p.Osaka.Kill9(t)
	unf := Unfence{Server: p.Tokyo.Target, Others: []Target{p.Osaka.Target}, Wait: run.Duration(time.Second)}
	_, err := unfence(ctx, unf)
	wantKind(t, err, plan.ErrRefused, "may come back at any moment")
	if err := p.Tokyo.TryWrite(t); redislink.Code(err) != redislink.CodeNoReplicas {
		t.Errorf("write on the fenced master = %v", err)
	}
	// What it says to do by hand, done as it says.
	c := redislink.Open(p.Tokyo.Target, answerWithin)
	defer c.Close()
	for _, set := range []string{"CONFIG SET min-replicas-max-lag 10", "CONFIG SET min-replicas-to-write 0", "CONFIG REWRITE"} {
		if err == nil || !strings.Contains(err.Error(), set) {
			t.Errorf("the refusal does not say %s: %v", set, err)
		}
		var words []any
		for _, w := range strings.Fields(set) {
			words = append(words, w)
		}
		must[any](t)(c.Do(ctx, words...))
	}
	seen, err := lookUnfenced(ctx, unf)
	if err != nil || seen.Sight != plan.Holds || p.Tokyo.TryWrite(t) != nil {
		t.Errorf("the server whose fence was taken off by hand = %+v, %v", seen, err)
	}

	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target, Restart: true})) // down, by its file
	unf.Wait = minute
	must[Unfenced](t)(unfence(ctx, unf))
}

func TestADeadMasterIsFencedByItsFile(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	away := p.Tokyo.Target
	away.Spec.Config = "/nowhere/redis.conf"
	p.Tokyo.Kill9(t)
	_, err := fence(ctx, Fence{Server: away, Restart: true})
	wantKind(t, err, "plain", "tomorrow") // refused connections prove nothing about it
	seen, err := lookFenced(ctx, Fence{Server: p.Tokyo.Target, Restart: true})
	wantSight(t, "the dead master", seen, err, plan.HoldsNot)
	f := must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	if f.Was != "down" || f.Method != "file" || !f.Kept {
		t.Errorf("fenced = %+v", f)
	}
	seen, err = lookFenced(ctx, Fence{Server: p.Tokyo.Target, Restart: true})
	wantSight(t, "the fenced file", seen, err, plan.Holds)
	up := must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute}))
	if up.LagKnown {
		t.Errorf("promoted = %+v: a dead master can't say how far it wrote", up)
	}
	wantWriter(t, p, "osaka")
	p.Tokyo.StartServer(t)
	if err := p.Tokyo.TryWrite(t); redislink.Code(err) != redislink.CodeNoReplicas {
		t.Errorf("write on the old master, back again = %v, want it refused", err)
	}
	wantWriter(t, p, "osaka")
	wrong := p.Tokyo.Target
	wrong.Spec.Port = p.Osaka.Port
	p.Osaka.Kill9(t)
	_, err = fence(ctx, Fence{Server: wrong, Restart: true})
	wantKind(t, err, plan.ErrRefused, "correct config or port")
}

// A frozen master takes connections and says nothing. It is ended before anybody takes
// over, and comes back without taking a write.
func TestAFrozenMasterTakesNoWriteThatCounts(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	p.Tokyo.Freeze(t)
	_, err := promote(ctx, Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "hung, not gone")
	_, err = singleWriter(ctx, SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target}, Wait: run.Duration(time.Second)})
	wantKind(t, err, "plain") // silent is not read-only
	away := p.Tokyo.Target
	away.Spec.Config = ""
	_, err = fence(ctx, Fence{Server: away, Restart: true})
	wantKind(t, err, "plain", "end its process on its host")
	// What a client sends into it would be done when it wakes.
	late := redislink.Open(p.Tokyo.Target, 100*time.Millisecond)
	defer late.Close()
	if _, err := late.Do(ctx, "INCR", "orders"); !redislink.Hung(err) || !redislink.Sent(err) {
		t.Errorf("a command to the frozen master = %v, want it sent and unanswered", err)
	}
	f := must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target, Restart: true}))
	if f.Was != "hung" || f.Method != "killed" || !p.Tokyo.Gone() {
		t.Errorf("fenced = %+v, its process gone %v", f, p.Tokyo.Gone())
	}
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, MaxLinkDown: minute, Wait: minute}))
	p.Tokyo.StartServer(t)
	wantWriter(t, p, "osaka")
	if err := p.Tokyo.TryWrite(t); redislink.Code(err) != redislink.CodeNoReplicas {
		t.Errorf("write on the old master, back again = %v, want it refused", err)
	}
}

func TestAFenceThatARestartForgetsIsAFinding(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "tokyo")
	ctx := as(t, "r")
	s.Unwritable(t)
	_, err := fence(ctx, Fence{Server: s.Target, Restart: true})
	wantKind(t, err, plan.ErrFinding, "after a restart")
	if err := s.TryWrite(t); redislink.Code(err) != redislink.CodeNoReplicas {
		t.Errorf("it says that no writes are taken now, and a write = %v", err)
	}
	seen, err := lookFenced(ctx, Fence{Server: s.Target, Restart: true})
	wantSight(t, "a fence without a file", seen, err, plan.HoldsNot)
	f := must[Fenced](t)(fence(ctx, Fence{Server: s.Target}))
	if f.Kept {
		t.Errorf("fenced = %+v: the file does not have it", f)
	}
	seen, err = lookFenced(ctx, Fence{Server: s.Target})
	wantSight(t, "a fence that need not be in the file", seen, err, plan.Holds)
}

func TestAWritableReplicaIsFencedToo(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	ctx := as(t, "r")
	p.Osaka.Do(t, "CONFIG", "SET", "replica-read-only", "no")
	_, err := singleWriter(ctx, SingleWriter{Servers: []Target{p.Tokyo.Target, p.Osaka.Target}, Wait: minute})
	wantKind(t, err, plan.ErrFinding, "tokyo and osaka")
	f := must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target, Restart: true}))
	if f.Was != "replica" {
		t.Errorf("fenced = %+v", f)
	}
	wantWriter(t, p, "tokyo")
	_, err = promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute})
	wantKind(t, err, plan.ErrRefused, "fenced itself")
}
