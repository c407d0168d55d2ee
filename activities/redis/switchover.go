package redis

import (
	"context"
	"net"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// Switchover is the parameters of redis.switchover.
type Switchover struct {
	From    Target       `json:"from" kind:"redis" example:"redis-osaka" help:"Master now." ja:"現在のマスター"`
	To      Target       `json:"to" kind:"redis" example:"redis-tokyo" help:"Replica that follows it and becomes master." ja:"追随しており、マスターにするレプリカ"`
	MaxLag  run.Bytes    `json:"max_lag" help:"Refuse when the replica is further behind: writes would be held back for longer." ja:"レプリカの遅れがこれを超えれば拒否する。書き込みを待たせる時間が長くなるため" default:"1MB"`
	Restart bool         `json:"restart" help:"Whether it has to hold after a restart of the old master with the same configuration file too; a server without one is refused, and one that it may not rewrite is a finding." ja:"旧マスターが同じ設定ファイルで再起動しても保つ必要があるか。設定ファイルのないサーバーは拒否し、書き換えられない場合は指摘事項とする" default:"true"`
	Wait    run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"30s"`
}

// Switched is its result.
type Switched struct {
	From      string  `json:"from" help:"The replica now." ja:"新しいレプリカ"`
	To        string  `json:"to" help:"The master now." ja:"新しいマスター"`
	BlockedS  float64 `json:"blocked_s" help:"Seconds from the order until the new master took writes; 0 when it was so already." ja:"指示から、新しいマスターが書き込みを受け付けるまでの秒数。すでに切り替わっていた場合は0"`
	DurationS float64 `json:"duration_s" help:"The whole, until the old master follows the new one." ja:"旧マスターが新しいマスターに追随するまでの全体の秒数"`
	Kept      bool    `json:"kept" help:"Whether both configuration files have the change." ja:"変更が両方の設定ファイルに書かれているか"`
}

// switchover has the master hand over: it holds writes back until the replica has them
// all, makes it master and follows it, or goes on as master when that takes too long.
func switchover(ctx context.Context, p Switchover) (Switched, error) {
	began := time.Now()
	from, to := redislink.Open(p.From, answerWithin), redislink.Open(p.To, answerWithin)
	defer from.Close()
	defer to.Close()
	out := Switched{From: p.From.Name, To: p.To.Name}
	if switched(ctx, p, to, from) != nil {
		target, err := ready(ctx, p, from, to)
		if err != nil {
			return Switched{}, err
		}
		ordered := time.Now()
		_, err = from.Do(ctx, "FAILOVER", "TO", target.host, target.port, "TIMEOUT", p.Wait.Std().Milliseconds())
		if redislink.Code(err) != "" {
			return Switched{}, activities.RefusedBoth("server %s does not begin to hand over: %v", "サーバー %s が役割の引き渡しを開始しない：%v", p.From.Name, err)
		}
		if err != nil {
			return Switched{}, activities.Saying(err, "whether %s hands over can't be told: %v", "%s が役割を引き渡しているか判断できない：%v", p.From.Name, err)
		}
		if err := activities.Until(ctx, p.Wait.Std()+answerWithin, tick, func(ctx context.Context) error {
			does, why, err := attempt(ctx, p.To)
			switch {
			case err != nil:
				return err
			case does == takesWrites:
				return nil
			}
			if v, err := see(ctx, from); err != nil || v.Master && v.Failover == "no-failover" {
				return orFinding(err, "server %s gave up and is still master: %s did not take over",
					"サーバー %s は引き渡しを中止し、マスターのままである。%s は引き継がなかった", p.From.Name, p.To.Name)
			}
			return activities.FindingBoth("server %s takes no write: %s %s", "サーバー %s が書き込みを受け付けない：%s %s", p.To.Name, does, why)
		}); err != nil {
			return Switched{}, err
		}
		out.BlockedS = time.Since(ordered).Seconds()
	}
	// Until its file says that it follows, the old master comes back as a master.
	keptFrom, err := keep(ctx, from, p.From, p.Restart)
	keptTo, toErr := keep(ctx, to, p.To, false)
	switch {
	case err != nil:
		return Switched{}, err
	case toErr != nil:
		return Switched{}, toErr
	}
	out.Kept = keptFrom && keptTo
	if err := activities.Until(ctx, p.Wait.Std(), tick, func(ctx context.Context) error { return switched(ctx, p, to, from) }); err != nil {
		return Switched{}, err
	}
	out.DurationS = time.Since(began).Seconds()
	return out, nil
}

// readySwitchover: both servers answer, and the one that will follow can keep that.
func readySwitchover(ctx context.Context, p Switchover) ([]plan.Text, error) {
	out := readyReach(ctx, p.From, p.To)
	if v, err := visit(ctx, p.From); err == nil {
		if why := forgets(p.From, v, p.Restart); why.EN != "" {
			out = append(out, why)
		}
	}
	return out, nil
}

type endpoint struct{ host, port string }

// ready refuses what is no switchover, and says how the master knows the replica.
func ready(ctx context.Context, p Switchover, from, to *redislink.Conn) (endpoint, error) {
	m, err := see(ctx, from)
	if err != nil {
		return endpoint{}, err
	}
	if !m.Master {
		return endpoint{}, activities.RefusedBoth("server %s is no master", "サーバー %s はマスターではない", p.From.Name)
	}
	if why := forgets(p.From, m, p.Restart); why.EN != "" {
		return endpoint{}, activities.Refused("%s", why.Both())
	}
	if does, why, err := attempt(ctx, p.From); err != nil || does != takesWrites {
		return endpoint{}, orRefused(err, "server %s takes no write, so there is nothing to hand over: %s %s",
			"サーバー %s は書き込みを受け付けておらず、引き渡すものがない：%s %s", p.From.Name, does, why)
	}
	lag, err := lagOf(ctx, p.To, to, p.From, from)
	switch {
	case isGuard(err):
		return endpoint{}, activities.Refused("%s", text(err))
	case err != nil:
		return endpoint{}, err
	case lag > int64(p.MaxLag):
		return endpoint{}, activities.RefusedBoth("%s is %d bytes behind, more than max_lag %s",
			"%s は %d バイト遅れており、max_lag %s を超えている", p.To.Name, lag, p.MaxLag)
	}
	l, err := limitsOf(ctx, to)
	if err != nil || l.fenced() {
		return endpoint{}, orRefused(err, "%s is fenced, and would take no write; take the fence off first (redis.unfence)",
			"%s はフェンスされており書き込みを受け付けない。先にフェンスを外す（redis.unfence）", p.To.Name)
	}
	// Its link is up a moment before its master counts it as online.
	var at endpoint
	err = activities.Until(ctx, answerWithin, tick, func(ctx context.Context) (err error) {
		at, err = replicaOf(ctx, p, from)
		return err
	})
	return at, err
}

// replicaOf is how the master knows the replica that is to take over.
func replicaOf(ctx context.Context, p Switchover, from *redislink.Conn) (endpoint, error) {
	_, want, err := net.SplitHostPort(redislink.Address(p.To.Spec))
	if err != nil {
		return endpoint{}, err
	}
	m, err := see(ctx, from)
	if err != nil {
		return endpoint{}, err
	}
	var found []endpoint
	for _, r := range m.Replicas {
		host, port, err := net.SplitHostPort(r.Address)
		if err != nil || len(m.Replicas) > 1 && r.Address != redislink.Address(p.To.Spec) && (port != want || net.ParseIP(p.To.Spec.Host) != nil) {
			continue
		}
		if r.State != "online" {
			return endpoint{}, activities.RefusedBoth("%s is not online yet, says %s: %s", "%s はまだオンラインではない（%s から見た状態：%s）", p.To.Name, p.From.Name, r.State)
		}
		found = append(found, endpoint{host, port})
	}
	if len(found) != 1 {
		return endpoint{}, activities.RefusedBoth("which of its replicas is %s can't be told from what %s says: %v",
			"どのレプリカが %s か、%s の情報からは判断できない：%v", p.To.Name, p.From.Name, m.Replicas)
	}
	return found[0], nil
}

// switched is nil when to is master and takes writes, and from follows it.
func switched(ctx context.Context, p Switchover, to, from *redislink.Conn) error {
	if _, err := lagOf(ctx, p.From, from, p.To, to); err != nil {
		return err
	}
	does, why, err := attempt(ctx, p.To)
	if err != nil || does != takesWrites {
		return orFinding(err, "server %s is master and takes no write: %s %s",
			"サーバー %s はマスターだが、書き込みを受け付けない：%s %s", p.To.Name, does, why)
	}
	return nil
}

func lookSwitched(ctx context.Context, p Switchover) (activities.Seen, error) {
	from, to := redislink.Open(p.From, answerWithin), redislink.Open(p.To, answerWithin)
	defer from.Close()
	defer to.Close()
	err := switched(ctx, p, to, from)
	v, ferr := see(ctx, from)
	if ferr != nil {
		return activities.Seen{}, ferr
	}
	if err == nil {
		kept, why := followsInFile(p.From, v)
		if p.Restart && !kept {
			return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: why.Both()}, nil
		}
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is master and %s follows it", "%s がマスターで、%s が追従している", p.To.Name, p.From.Name).Both(),
			Output: Switched{From: p.From.Name, To: p.To.Name, Kept: kept && leadsInFile(p.To)}}, nil
	}
	if v.Master && v.Failover == "no-failover" {
		if t, terr := see(ctx, to); terr == nil && !t.Master {
			return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is master and hands nothing over", "%s はマスターで、引き渡しは行われていない", p.From.Name).Both()}, nil
		}
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: text(err)}, nil
}
