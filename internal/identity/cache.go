package identity

import (
	"encoding/json"
	"sync"
	"time"
)

// mostCached bounds what is remembered; beyond, all is read again.
const mostCached = 20_000

// cache remembers documents for a moment, those that are not there too.
type cache struct {
	mu   sync.Mutex
	held map[cacheKey]cached
}

type cacheKey struct{ kind, id string }

type cached struct {
	body json.RawMessage // nil: there is none
	at   time.Time
}

func (c *cache) get(kind, id string, now time.Time) (json.RawMessage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.held[cacheKey{kind, id}]
	if age := now.Sub(e.at); !ok || age < 0 || age >= fresh {
		return nil, false
	}
	return e.body, true
}

func (c *cache) put(kind, id string, body json.RawMessage, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil || len(c.held) >= mostCached {
		c.held = map[cacheKey]cached{}
	}
	c.held[cacheKey{kind, id}] = cached{body, now}
}

func (c *cache) forget(kind, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, cacheKey{kind, id})
}
