package book

import (
	"testing"

	"github.com/muster-dr/muster/internal/redistest"
)

func redisHand(t *testing.T, p *redistest.Pair) *operator {
	t.Helper()
	return newOperator(t, redistest.Password, p.Tokyo.Plan("pw"), p.Osaka.Plan("pw"))
}

func setting(t *testing.T, s *redistest.Server, name string) string {
	t.Helper()
	answer, _ := s.Do(t, "CONFIG", "GET", name).([]any)
	if len(answer) != 2 {
		t.Fatalf("%s: %v", name, answer)
	}
	value, _ := answer[1].(string)
	return value
}

// A fence outlasts a restart, says what was there before, and gives it back.
func TestRedisFenceByHandOutlastsARestart(t *testing.T) {
	for _, c := range []struct{ lag, was, n string }{{"10", "1", "1000000001"}, {"0", "500000003", "1500000003"}} {
		p := redistest.StartPair(t)
		o := redisHand(t, p)
		server := map[string]any{"server": "tokyo"}
		p.Tokyo.Do(t, "CONFIG", "SET", "min-replicas-max-lag", c.lag)
		p.Tokyo.Do(t, "CONFIG", "SET", "min-replicas-to-write", c.was[len(c.was)-1:])
		o.paste(t, "redis.fence", server) // without the number that it asks for
		if setting(t, p.Tokyo, "min-replicas-to-write") != c.was[len(c.was)-1:] {
			t.Fatal("what was there before is forgotten")
		}
		o.paste(t, "redis.fence", server, "WAS="+c.was)
		if p.Tokyo.TryWrite(t) == nil {
			t.Fatal("a fenced server takes writes")
		}
		p.Tokyo.Kill9(t)
		p.Tokyo.StartServer(t)
		if got := setting(t, p.Tokyo, "min-replicas-to-write"); got != c.n || p.Tokyo.TryWrite(t) == nil {
			t.Fatalf("after a restart: %s", got)
		}
		o.paste(t, "redis.unfence", map[string]any{"server": "tokyo", "others": []string{"osaka"}}, "N="+c.n)
		p.Tokyo.Kill9(t)
		p.Tokyo.StartServer(t)
		if n, lag := setting(t, p.Tokyo, "min-replicas-to-write"), setting(t, p.Tokyo, "min-replicas-max-lag"); n != c.was[len(c.was)-1:] || lag != c.lag {
			t.Fatalf("%s and %s are not what was there before", n, lag)
		}
	}
}

func TestRedisFailsOverByHand(t *testing.T) {
	p := redistest.StartPair(t)
	o := redisHand(t, p)
	p.Tokyo.Do(t, "SET", "kept", "1")
	o.paste(t, "redis.switchover", map[string]any{"from": "tokyo", "to": "osaka"})
	p.Osaka.AwaitRole(t, "master")
	p.Tokyo.AwaitRole(t, "slave")
	p.Osaka.Kill9(t)
	o.paste(t, "redis.promote", map[string]any{"server": "tokyo"})
	p.Tokyo.Kill9(t)
	p.Tokyo.StartServer(t)
	p.Tokyo.AwaitRole(t, "master") // its file says so too
	p.Osaka.StartServer(t)
	o.paste(t, "redis.rejoin", map[string]any{"server": "osaka", "follow": "tokyo"})
	p.Osaka.AwaitRole(t, "slave")
	p.Osaka.Kill9(t)
	p.Osaka.StartServer(t)
	p.Osaka.AwaitRole(t, "slave")
	if p.Osaka.TryWrite(t) == nil {
		t.Fatal("a replica takes writes")
	}
}
