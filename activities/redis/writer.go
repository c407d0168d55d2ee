package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// SingleWriter is the parameters of redis.single_writer.
type SingleWriter struct {
	Servers  []Target                 `json:"servers" kind:"redis" example:"[redis-tokyo, redis-osaka]" help:"All copies of the data." ja:"データの全コピー"`
	Sentinel redislink.SentinelTarget `json:"sentinel" kind:"sentinel" help:"Sentinels that have to name that server too; empty asks none." ja:"同じサーバーをマスターとして答えるべきSentinel。空なら尋ねない" default:""`
	Expect   string                   `json:"expect" help:"Name of the server that should be the writer; empty is any of them." ja:"書き込みを受け付けるべきサーバーの名前。空ならいずれでもよい" default:""`
	Wait     run.Duration             `json:"wait" help:"How long to go on asking while there is no clear answer." ja:"明確な応答がない間、問い合わせ続ける時間" default:"10s"`
}

// Writers is its result.
type Writers struct {
	Writer  string   `json:"writer" help:"The one server that takes writes." ja:"書き込みを受け付ける唯一のサーバー"`
	Servers []Writes `json:"servers" help:"What each server did with a write." ja:"書き込みに対する各サーバーの応答"`
}

// Writes is what a server did with a write.
type Writes struct {
	Server string `json:"server" help:"The server." ja:"サーバー"`
	State  string `json:"state" help:"writes, read-only, fenced, no-replicas (refuses until a replica connects), refuses (for a reason of its own) or down." ja:"writes、read-only、fenced、no-replicas（レプリカが接続するまで拒否）、refuses（サーバー側の理由で拒否）、down のいずれか"`
}

// singleWriter attempts a write on every server. A server that doesn't answer is never
// taken for read-only: a frozen one writes again when it thaws.
func singleWriter(ctx context.Context, p SingleWriter) (Writers, error) {
	if len(p.Servers) == 0 {
		return Writers{}, activities.RefusedBoth("servers is empty: name every copy of the data",
			"servers が空である。データを持つサーバーをすべて指定する")
	}
	var out Writers
	var verdict error // certain, and not to be waited away
	err := activities.Until(ctx, p.Wait.Std(), 200*time.Millisecond, func(ctx context.Context) (err error) {
		out, err = writersNow(ctx, p.Servers)
		switch {
		case isGuard(err):
			verdict = err
		case err != nil:
			return err
		case p.Expect != "" && p.Expect != out.Writer:
			verdict = activities.FindingBoth("the writer is %s, not %s", "書き込みを受け付けているのは %s で、%s ではない", out.Writer, p.Expect)
		case p.Sentinel.Name != "":
			return named(ctx, p.Sentinel, p.Servers, out.Writer)
		}
		return nil
	})
	if err == nil {
		err = verdict
	}
	return out, err
}

func writersNow(ctx context.Context, servers []Target) (Writers, error) {
	states, whys, errs := make([]stance, len(servers)), make([]string, len(servers)), make([]error, len(servers))
	var all sync.WaitGroup
	for n, t := range servers {
		all.Go(func() { states[n], whys[n], errs[n] = attempt(ctx, t) })
	}
	all.Wait()
	var out Writers
	var writers, wavering []string
	var unclear []error
	for n, t := range servers {
		out.Servers = append(out.Servers, Writes{Server: t.Name, State: string(states[n])})
		switch {
		case errs[n] != nil:
			unclear = append(unclear, errs[n])
		case states[n] == takesWrites:
			writers = append(writers, t.Name)
		case states[n] == wanting || states[n] == ailing:
			wavering = append(wavering, t.Name+": "+whys[n])
		}
	}
	switch {
	case len(writers) > 1: // certain, whatever the others are
		return out, activities.TwoWrite("%s take writes at the same time: fence all but one at once",
			"%s が同時に書き込みを受け付けている。直ちに1台を残してすべてフェンスする", strings.Join(writers, " and "))
	case len(unclear) > 0:
		return out, activities.UnclearWriter(unclear)
	case len(wavering) > 0:
		return out, activities.FindingBoth("a master refuses writes only for now: %s", "マスターが一時的に書き込みを拒否しているだけである：%s", strings.Join(wavering, "; "))
	case len(writers) == 0:
		return out, activities.FindingBoth("no server takes writes", "書き込みを受け付けるサーバーがない")
	}
	out.Writer = writers[0]
	return out, nil
}

// named is nil when a majority of the sentinels names the server as master.
func named(ctx context.Context, s redislink.SentinelTarget, servers []Target, name string) error {
	a, err := agreed(ctx, s)
	if err != nil {
		return err
	}
	for _, t := range servers {
		if t.Name != name {
			continue
		}
		v, err := visit(ctx, t)
		if err != nil {
			return err
		}
		if v.RunID != a.RunID {
			return activities.FindingBoth("server %s takes writes, and the sentinels name %s as master",
				"サーバー %s が書き込みを受け付けているが、Sentinel は %s をマスターとしている", name, a.Address)
		}
	}
	return nil
}
