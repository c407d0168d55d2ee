package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
)

// RedisMarkers is the parameters of probe.redis_markers.
type RedisMarkers struct {
	Servers  []redislink.Target       `json:"servers" kind:"redis" help:"All copies of the data; markers go to the one that takes writes, into a sorted set muster:markers:RUN:PROBE that is gone a week after the last." ja:"データの全コピー。マーカーは書き込みを受け付ける側のソート済みセット muster:markers:RUN:PROBE に書き、最後の書き込みの1週間後に消える"`
	Sentinel redislink.SentinelTarget `json:"sentinel" kind:"sentinel" help:"Sentinels that are asked where the master is, as clients do; empty tries the servers themselves." ja:"クライアントと同じようにマスターの所在を尋ねるSentinel。空ならサーバーに直接接続する" default:""`
}

// redisClient is a client as users have it: it keeps to one server, and looks for the
// master again when that one fails it.
type redisClient struct {
	RedisMarkers
	key     string
	timeout time.Duration

	on *redislink.Conn // in use; only the sampling goroutine touches it
}

// lookRedisMarkers plants a number a sample and later reads back which survived.
func lookRedisMarkers(w plan.Watch, p RedisMarkers) (looker, error) {
	if len(p.Servers) == 0 {
		return looker{}, activities.RefusedBoth("servers is empty: name every copy of the data", "servers が空：データの複製をすべて指定する")
	}
	c := &redisClient{RedisMarkers: p, key: "muster:markers:" + w.Run + ":" + w.Probe.Name, timeout: w.Probe.Timeout.Std()}
	if c.timeout <= 0 {
		c.timeout = time.Second
	}
	return looker{look: c.plant, glance: c.glance, survivors: c.survivors, close: func() { c.on.Close() }}, nil
}

func (c *redisClient) plant(ctx context.Context, n int64) (fate, string) {
	if c.on == nil {
		found, err := c.find(ctx)
		if err != nil {
			return failed, err.Error()
		}
		c.on = found
	}
	const week = 7 * 24 * 3600
	_, err := c.on.Together(ctx, []any{"ZADD", c.key, n, n}, []any{"EXPIRE", c.key, week})
	if err == nil {
		return ok, ""
	}
	c.on.Close()
	c.on = nil
	if redislink.Sent(err) {
		return unknown, err.Error()
	}
	return failed, err.Error()
}

// glance looks whether a write would be taken.
func (c *redisClient) glance(ctx context.Context) error {
	if c.on == nil {
		found, err := c.find(ctx)
		if err != nil {
			return err
		}
		c.on = found
	}
	err := takesWrite(ctx, c.on, c.key)
	if err != nil {
		c.on.Close()
		c.on = nil
	}
	return err
}

// takesWrite writes what changes nothing.
func takesWrite(ctx context.Context, conn *redislink.Conn, key string) error {
	_, err := conn.Do(ctx, "SETRANGE", key+":check", 0, "")
	return err
}

// find asks every candidate at once whether it takes writes, so that one that says
// nothing never hides another that would serve. The first that does is taken.
func (c *redisClient) find(ctx context.Context) (*redislink.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	found := make(chan *redislink.Conn)
	nobody := make(chan error, 1)
	go func() {
		var all sync.WaitGroup
		var mu sync.Mutex
		var said []string
		try := func(t redislink.Target) {
			conn := redislink.Open(t, c.timeout)
			err := takesWrite(ctx, conn, c.key)
			if err == nil {
				select {
				case found <- conn:
					return
				case <-ctx.Done():
				}
			} else {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, err.Error())
			}
			conn.Close()
		}
		if c.Sentinel.Name == "" {
			for _, t := range c.Servers {
				all.Go(func() { try(t) })
			}
		} else {
			masters := newMasters(c.Servers)
			for _, address := range c.Sentinel.Spec.Addresses {
				all.Go(func() {
					t, fresh, err := masters.ask(ctx, c.Sentinel, address, c.timeout)
					if fresh {
						err = activities.MayReach(ctx, redislink.Address(t.Spec))
					}
					if fresh && err == nil {
						try(t)
					}
					if err != nil {
						mu.Lock()
						defer mu.Unlock()
						said = append(said, err.Error())
					}
				})
			}
		}
		all.Wait()
		nobody <- errors.New("no server takes writes: " + strings.Join(said, "; "))
	}()
	select {
	case conn := <-found:
		return conn, nil
	case err := <-nobody:
		return nil, err
	case <-ctx.Done():
		select {
		case conn := <-found:
			return conn, nil
		case err := <-nobody: // everything ends with ctx
			return nil, err
		}
	}
}

// masters are the addresses that sentinels named, each tried once.
type masters struct {
	servers []redislink.Target
	mu      sync.Mutex
	named   map[string]bool
}

func newMasters(servers []redislink.Target) *masters {
	return &masters{servers: servers, named: map[string]bool{}}
}

// ask asks one sentinel where the master is; fresh says that nobody else named it.
func (m *masters) ask(ctx context.Context, s redislink.SentinelTarget, address string, within time.Duration) (t redislink.Target, fresh bool, err error) {
	c := redislink.OpenSentinel(s, address, within)
	defer c.Close()
	answer, err := c.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Spec.Master)
	if err != nil {
		return t, false, err
	}
	pair, _ := answer.([]any)
	if len(pair) != 2 {
		return t, false, fmt.Errorf("sentinel %s knows no master %q", address, s.Spec.Master)
	}
	host, port := fmt.Sprint(pair[0]), fmt.Sprint(pair[1])
	m.mu.Lock()
	defer m.mu.Unlock()
	at := net.JoinHostPort(host, port)
	if m.named[at] {
		return t, false, nil
	}
	m.named[at] = true
	// A client has one log-in for whichever server it is sent to.
	t = m.servers[0]
	for _, known := range m.servers {
		if redislink.Address(known.Spec) == at {
			t = known
		}
	}
	t.Spec.Host = host
	t.Spec.Port, err = strconv.Atoi(port)
	return t, err == nil, err
}

// survivors reads the markers back from the server that takes writes.
func (c *redisClient) survivors(ctx context.Context) ([]int64, error) {
	conn, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	const page = 10_000
	var out []int64
	for {
		answer, err := conn.Do(ctx, "ZRANGE", c.key, len(out), len(out)+page-1)
		if err != nil {
			return nil, err
		}
		list, _ := answer.([]any)
		for _, one := range list {
			n, err := strconv.ParseInt(fmt.Sprint(one), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s holds %q, which is no marker", c.key, one)
			}
			out = append(out, n)
		}
		if len(list) < page {
			return out, nil
		}
	}
}

// readyRedisMarkers looks, without planting one, whether markers could be planted now.
func readyRedisMarkers(ctx context.Context, p RedisMarkers) ([]plan.Text, error) {
	if len(p.Servers) == 0 {
		return nil, activities.RefusedBoth("servers is empty: name every copy of the data", "servers が空：データの複製をすべて指定する")
	}
	c := &redisClient{RedisMarkers: p, key: "muster:markers", timeout: 5 * time.Second}
	conn, err := c.find(ctx)
	if err != nil {
		return []plan.Text{activities.Lacking("none of the servers takes writes from here: %v", "ここから書き込めるサーバーがありません：%v", err)}, nil
	}
	conn.Close()
	return nil, nil
}
