package redis

import (
	"context"
	"fmt"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/redislink"
)

// What a server does with a write.
type stance string

const (
	takesWrites stance = "writes"
	readOnly    stance = "read-only"   // a replica
	fenced      stance = "fenced"      // a master that refuses every write, as muster's fence has it
	wanting     stance = "no-replicas" // a master that takes writes again as soon as a replica connects
	ailing      stance = "refuses"     // a master that refuses writes for a reason of its own: memory, disk, cluster
	notThere    stance = "down"
)

// nothing is a write that changes nothing: of a key that is not there, an empty part of
// its value is set. It is refused wherever any write is, a full memory included.
var nothing = []any{"SETRANGE", "muster:write-check", 0, ""}

// attempt tries a write and says what became of it. A server that doesn't answer is an
// error: it may be frozen, and write again when it thaws.
func attempt(ctx context.Context, t Target) (stance, string, error) {
	c := redislink.Open(t, answerWithin)
	defer c.Close()
	_, err := c.Do(ctx, nothing...)
	switch code := redislink.Code(err); {
	case err == nil:
		return takesWrites, "", nil
	case redislink.Refused(err):
		return notThere, "", nil
	case code == redislink.CodeReadOnly:
		return readOnly, "", nil
	case code == redislink.CodeNoReplicas:
		l, lerr := limitsOf(ctx, c)
		if lerr != nil {
			return "", "", fmt.Errorf("server %s refuses writes (%w), and whether that is a fence can't be told: %w", t.Name, err, lerr)
		}
		if l.fenced() {
			return fenced, "", nil
		}
		return wanting, err.Error(), nil
	case code == "OOM" || code == "MISCONF" || code == "MASTERDOWN" || code == "CLUSTERDOWN":
		return ailing, err.Error(), nil
	}
	return "", "", activities.Saying(err, "write on %s: %v", "%s への書き込み：%v", t.Name, err)
}
