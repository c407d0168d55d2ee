package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/redislink"
)

// limits are a server's min-replicas-to-write and min-replicas-max-lag. A master takes no
// write while fewer replicas than the first are at most the second, in seconds, behind; a
// lag of 0 switches the rule off.
//
// A fence is a number of replicas that nobody has. It holds for every client from the
// moment it is set, connected or not, in scripts and transactions too; replication and
// reading go on. Kept in the configuration file, it holds after any restart with that
// file. The number itself says what was there before, so that whoever takes the fence off
// needs no note, and whether the file has it.
type limits struct{ replicas, lag int64 }

const (
	fenceBase = 1_000_000_000 // and what min-replicas-to-write was
	fenceLag  = 500_000_000   // besides, when min-replicas-max-lag was 0
	fenceKept = 100_000_000   // besides, when the configuration file was seen to take it
)

func (l limits) fenced() bool { return l.replicas >= fenceBase && l.lag > 0 }

// parts are what was there before a fence, and whether the file has the fence.
func (l limits) parts() (was limits, kept bool) {
	was = limits{l.replicas - fenceBase, l.lag}
	if was.replicas >= fenceLag {
		was = limits{was.replicas - fenceLag, 0}
	}
	kept = was.replicas >= fenceKept
	was.replicas %= fenceKept
	return was, kept
}

// kept reports whether the fence is in the configuration file.
func (l limits) kept() bool {
	_, kept := l.parts()
	return l.fenced() && kept
}

// raised are limits with a fence, not yet in the file.
func (l limits) raised() limits {
	switch {
	case l.fenced():
		return l
	case l.lag == 0:
		return limits{fenceBase + fenceLag + l.replicas%fenceKept, 10}
	}
	return limits{fenceBase + l.replicas%fenceKept, l.lag}
}

// written are a fence's limits once the file has them.
func (l limits) written() limits {
	if l.kept() {
		return l
	}
	return limits{l.replicas + fenceKept, l.lag}
}

// lowered are the limits that were there before the fence.
func (l limits) lowered() limits {
	if l.replicas < fenceBase {
		return l
	}
	was, _ := l.parts()
	return was
}

// commands set the limits.
func (l limits) commands() [][]any {
	return [][]any{{"CONFIG", "SET", "min-replicas-max-lag", l.lag}, {"CONFIG", "SET", "min-replicas-to-write", l.replicas}}
}

func limitsOf(ctx context.Context, c *redislink.Conn) (limits, error) {
	answer, err := c.Do(ctx, "CONFIG", "GET", "min-replicas-*")
	if err != nil {
		return limits{}, err
	}
	p := pairs(answer)
	n, err1 := strconv.ParseInt(p["min-replicas-to-write"], 10, 64)
	lag, err2 := strconv.ParseInt(p["min-replicas-max-lag"], 10, 64)
	if err1 != nil || err2 != nil {
		return limits{}, fmt.Errorf("its min-replicas settings can't be read: %s", clip(fmt.Sprint(answer)))
	}
	return limits{n, lag}, nil
}

// limitsIn reads the limits from the text of a configuration file; the last line of a
// name counts, as the server has it. port is what the file says.
func limitsIn(conf string) (l limits, port string) {
	l, port = limits{0, 10}, "6379"
	for line := range strings.Lines(conf) {
		words := strings.Fields(line)
		if len(words) != 2 {
			continue
		}
		value := strings.Trim(words[1], `"'`)
		switch strings.ToLower(words[0]) {
		case "min-replicas-to-write", "min-slaves-to-write":
			l.replicas = number(value)
		case "min-replicas-max-lag", "min-slaves-max-lag":
			l.lag = number(value)
		case "port":
			port = value
		}
	}
	return l, port
}
