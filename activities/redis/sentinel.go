package redis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/redislink"
)

// says is what one sentinel says of the master it watches.
type says struct {
	sentinel string
	master   string // address
	runID    string // "" until it has asked the master
	epoch    int64  // of its configuration: higher after each failover
	others   int64  // sentinels that it knows besides itself
	quorum   int64
	patience time.Duration // see agreement.DownAfter
	flags    string
	role     string // that the master reported to it
	replicas []map[string]string
	err      error
}

// busy reports whether a failover is under way there.
func (s says) busy() bool { return strings.Contains(s.flags, "failover_in_progress") }

// agreement is what a majority of the sentinels says.
type agreement struct {
	Address  string
	RunID    string
	Epoch    int64
	Replicas []map[string]string // as one of the majority knows them
	// DownAfter is how long a master is silent before a sentinel takes it for down.
	DownAfter time.Duration
}

// hear asks all sentinels at once.
func hear(ctx context.Context, t redislink.SentinelTarget) []says {
	out := make([]says, len(t.Spec.Addresses))
	var all sync.WaitGroup
	for n, address := range t.Spec.Addresses {
		all.Go(func() { out[n] = hearOne(ctx, t, address) })
	}
	all.Wait()
	return out
}

func hearOne(ctx context.Context, t redislink.SentinelTarget, address string) says {
	c := redislink.OpenSentinel(t, address, answerWithin)
	defer c.Close()
	s := says{sentinel: address}
	answer, err := c.Do(ctx, "SENTINEL", "MASTER", t.Spec.Master)
	if err != nil {
		s.err = err
		return s
	}
	m := pairs(answer)
	s.master, s.runID, s.flags, s.role = m["ip"]+":"+m["port"], m["runid"], m["flags"], m["role-reported"]
	s.epoch, s.others, s.quorum = number(m["config-epoch"]), number(m["num-other-sentinels"]), number(m["quorum"])
	s.patience = time.Duration(number(m["down-after-milliseconds"])) * time.Millisecond
	if answer, s.err = c.Do(ctx, "SENTINEL", "REPLICAS", t.Spec.Master); s.err == nil {
		list, _ := answer.([]any)
		for _, r := range list {
			s.replicas = append(s.replicas, pairs(r))
		}
	}
	return s
}

// agreed is what a majority of all sentinels says, the quorum at least, while no sentinel
// that answers says otherwise and no failover is under way. Until then it is a finding:
// what they say now may be over in a moment.
func agreed(ctx context.Context, t redislink.SentinelTarget) (agreement, error) {
	return agreeing(t, hear(ctx, t))
}

func agreeing(t redislink.SentinelTarget, heard []says) (agreement, error) {
	var a agreement
	var quorum, all int64 = 1, int64(len(heard))
	var said, silent []string
	var agree int64
	for _, s := range heard {
		if s.err != nil {
			silent = append(silent, s.err.Error())
			continue
		}
		quorum, all = max(quorum, s.quorum), max(all, s.others+1)
		said = append(said, fmt.Sprintf("%s names %s (epoch %d)", s.sentinel, s.master, s.epoch))
		switch {
		case s.busy():
			return a, activities.FindingBoth("a failover of %s is under way, says sentinel %s",
				"%s のフェイルオーバーが進行中である（Sentinel %s）", t.Spec.Master, s.sentinel)
		case s.runID == "" || s.role != "master":
			return a, activities.FindingBoth("sentinel %s names %s, and has not heard from it yet that it is master",
				"Sentinel %s は %s をマスターとしているが、本人からはまだ確認できていない", s.sentinel, s.master)
		case agree > 0 && (s.master != a.Address || s.epoch != a.Epoch):
			return a, activities.FindingBoth("the sentinels do not agree: %s", "Sentinel の認識が一致していない：%s", strings.Join(said, ", "))
		}
		agree++
		a.Address, a.RunID, a.Epoch = s.master, s.runID, s.epoch
		if a.DownAfter == 0 || s.patience < a.DownAfter {
			a.DownAfter = s.patience
		}
		if s.replicas != nil {
			a.Replicas = s.replicas
		}
	}
	if need := max(quorum, all/2+1); agree < need {
		return a, fmt.Errorf("%d of %d sentinels name one master, and %d must: %s", agree, all, need, strings.Join(append(said, silent...), "; "))
	}
	return a, nil
}

// settled is nil when a failover is over, or none ever began: the sentinels agree on one
// master, that is the server named, it takes writes, and every other server that
// answers follows it. It names those that don't answer.
//
// Two failovers within seconds are each answered OK, and until the first is over both
// servers say that they are master: this is what tells.
func settled(ctx context.Context, s redislink.SentinelTarget, master Target, others []Target) (a agreement, unheard []string, err error) {
	if a, err = agreed(ctx, s); err != nil {
		return a, nil, err
	}
	m, err := visit(ctx, master)
	if err != nil {
		return a, nil, err
	}
	switch {
	case !m.Master:
		return a, nil, activities.FindingBoth("server %s is a replica", "サーバー %s はレプリカである", master.Name)
	case m.RunID != a.RunID:
		return a, nil, activities.FindingBoth("the sentinels name %s as master, which is not %s",
			"Sentinel がマスターとしているのは %s で、%s ではない", a.Address, master.Name)
	}
	for _, o := range others {
		v, err := visit(ctx, o)
		switch {
		case err != nil:
			unheard = append(unheard, o.Name)
		case v.Master:
			return a, nil, activities.FindingBoth("%s and %s both say that they are master", "%s と %s がどちらもマスターを名乗っている", master.Name, o.Name)
		case !v.Link || v.ReplID != m.ReplID:
			return a, nil, activities.FindingBoth("server %s does not follow %s yet", "サーバー %s はまだ %s に追従していない", o.Name, master.Name)
		}
	}
	if does, why, err := attempt(ctx, master); err != nil || does != takesWrites {
		return a, unheard, orFinding(err, "server %s is master and takes no write: %s %s",
			"サーバー %s はマスターだが、書き込みを受け付けない：%s %s", master.Name, does, why)
	}
	return a, unheard, nil
}
