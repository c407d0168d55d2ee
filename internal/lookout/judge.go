package lookout

import (
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// mostKeys bounds what is counted at a time: whoever comes from more addresses than that is not
// found by counting addresses, and must not fill the server.
const mostKeys = 8192

// Found is what one entry of the access log comes to.
type Found struct {
	Kind  Kind
	Key   string // what it is about, for telling it from others of its kind
	Count int    // entries within Window
	Entry journal.Access
}

// Judge finds in entries, given in their order.
type Judge struct {
	rules rules
	all   []Rule
	seen  map[seenKey][]time.Time // the newest After entries of each
}

type seenKey struct {
	kind Kind
	key  string
}

// NewJudge finds by all rules; offHours says when nobody works, nil never.
func NewJudge(offHours func(time.Time) bool) *Judge {
	return &Judge{rules: rules{offHours: offHours}, all: Rules(), seen: map[seenKey][]time.Time{}}
}

// See takes the next entry in.
func (j *Judge) See(a journal.Access) []Found {
	var out []Found
	for _, r := range j.all {
		for _, key := range r.keys(&j.rules, a) {
			n := 1
			if r.After > 1 {
				n = j.count(seenKey{r.Kind, key}, r.After, a.At)
			}
			if n >= r.After {
				out = append(out, Found{Kind: r.Kind, Key: key, Count: n, Entry: a})
			}
		}
	}
	return out
}

// count is how many there were within the window, up to most.
func (j *Judge) count(k seenKey, most int, at time.Time) int {
	times, held := j.seen[k]
	if !held && len(j.seen) >= mostKeys {
		j.evict(at)
	}
	kept := times[:0]
	for _, t := range times {
		if within(at, t, Window) {
			kept = append(kept, t)
		}
	}
	if kept = append(kept, at); len(kept) > most {
		kept = kept[len(kept)-most:]
	}
	j.seen[k] = kept
	return len(kept)
}

// evict drops what is over, and else an arbitrary one.
func (j *Judge) evict(now time.Time) {
	for k, times := range j.seen {
		if !within(now, times[len(times)-1], Window) {
			delete(j.seen, k)
		}
	}
	for k := range j.seen {
		if len(j.seen) < mostKeys {
			return
		}
		delete(j.seen, k)
	}
}
