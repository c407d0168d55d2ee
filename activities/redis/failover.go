package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// Failover is the parameters of redis.failover.
type Failover struct {
	Sentinel redislink.SentinelTarget `json:"sentinel" kind:"sentinel" example:"sentinels" help:"Sentinels that carry the failover out." ja:"切り替えを実行するSentinel"`
	From     Target                   `json:"from" kind:"redis" example:"redis-osaka" help:"Master now, which is there and hands over." ja:"現在のマスター。稼働しており、役割を引き渡す側"`
	To       Target                   `json:"to" kind:"redis" example:"redis-tokyo" help:"Replica that becomes master. The sentinels choose by replica-priority, so it has to be the only one that they can choose, or the best." ja:"マスターにするレプリカ。Sentinelは replica-priority で選ぶため、選べる唯一のものか、最優先のものとする"`
	Others   []Target                 `json:"others" kind:"redis" help:"All other copies of the data." ja:"データのほかの全コピー" default:""`
	MaxLag   run.Bytes                `json:"max_lag" help:"Refuse when the replica is further behind: writes would be held back for longer." ja:"レプリカの遅れがこれを超えれば拒否する。書き込みを待たせる時間が長くなるため" default:"1MB"`
	Wait     run.Duration             `json:"wait" help:"How long the sentinels may take." ja:"Sentinelを待つ時間" default:"1m"`
}

// FailedOver is its result.
type FailedOver struct {
	From      string  `json:"from" help:"The replica now." ja:"新しいレプリカ"`
	To        string  `json:"to" help:"The master now." ja:"新しいマスター"`
	Epoch     int64   `json:"epoch" help:"Of the sentinels' configuration that all of them have now." ja:"全Sentinelが現在持つ設定のエポック"`
	BlockedS  float64 `json:"blocked_s" help:"For how many seconds writes were held back, until the new master took them; 0 when it was so already." ja:"新しいマスターが書き込みを受け付けるまで、書き込みを待たせた秒数。すでに切り替わっていた場合は0"`
	DurationS float64 `json:"duration_s" help:"The whole, until sentinels and servers agreed." ja:"Sentinelとサーバーの全体が一致するまでの秒数"`
}

const (
	// lease is how long writes are held back by one word of ours. It is given again as
	// long as the failover is under way. Were we to die, writes go on after it: an outage of
	// seconds, or, in the middle of a failover, the loss of what comes between that and the
	// sentinels' order to the old master.
	lease = 10 * time.Second
	// drain bounds how long writes are held back for the replica to catch up. Half of the
	// time after which the sentinels take the master for down is a bound too: their own
	// messages through it are held back as well.
	drain = 3 * time.Second
)

func failover(ctx context.Context, p Failover) (FailedOver, error) {
	began := time.Now()
	out := FailedOver{From: p.From.Name, To: p.To.Name}
	if a, _, err := settled(ctx, p.Sentinel, p.To, p.others(p.From)); err == nil {
		out.Epoch = a.Epoch
		return out, nil
	}
	a, unheard, err := settled(ctx, p.Sentinel, p.From, p.others(p.To))
	switch {
	case err != nil && redislink.IsTimeout(err), err != nil && redislink.Refused(err):
		return FailedOver{}, activities.RefusedBoth("%s: a master that is not there can't hand over; the sentinels fail over from it by themselves (redis.wait_failover)",
			"%s。応答しないマスターは役割を引き渡せない。Sentinel が自動でフェイルオーバーする（redis.wait_failover）", plan.Apart(text(err)))
	case err != nil:
		return FailedOver{}, activities.RefusedBoth("no failover is begun while servers and sentinels are not of one mind: %s",
			"サーバーと Sentinel の認識が一致していないため、フェイルオーバーを開始しない：%s", plan.Apart(text(err)))
	case len(unheard) > 0:
		return FailedOver{}, activities.RefusedBoth("no failover is begun while %v can't be heard",
			"%v から応答がないため、フェイルオーバーを開始しない", unheard)
	}
	if err := p.chosen(ctx, a); err != nil {
		return FailedOver{}, err
	}
	h := &handover{Failover: p, before: a, from: redislink.Open(p.From, answerWithin), to: redislink.Open(p.To, answerWithin)}
	defer h.from.Close()
	defer h.to.Close()
	if err := h.hold(ctx); err != nil {
		return FailedOver{}, err
	}
	if err := h.order(ctx); err != nil {
		return FailedOver{}, err
	}
	blocked, err := h.follow(ctx)
	if err != nil {
		return FailedOver{}, err
	}
	out.Epoch, out.BlockedS, out.DurationS = h.after.Epoch, blocked.Seconds(), time.Since(began).Seconds()
	return out, nil
}

// others are all servers but the master.
func (p Failover) others(besides Target) []Target { return append([]Target{besides}, p.Others...) }

// chosen refuses when the sentinels could choose another replica, or when the one they
// choose would take no write.
func (p Failover) chosen(ctx context.Context, a agreement) error {
	c := redislink.Open(p.To, answerWithin)
	defer c.Close()
	to, err := see(ctx, c)
	if err != nil {
		return err
	}
	if l, err := limitsOf(ctx, c); err != nil || l.fenced() {
		return orRefused(err, "%s is fenced, and would take no write; take the fence off first (redis.unfence)",
			"%s はフェンスされており書き込みを受け付けない。先にフェンスを外す（redis.unfence）", p.To.Name)
	}
	if to.Priority == 0 {
		return activities.RefusedBoth("%s has replica-priority 0: the sentinels never choose it",
			"%s は replica-priority が 0 のため、Sentinel に選ばれることがない", p.To.Name)
	}
	found := false
	for _, r := range a.Replicas {
		switch priority := number(r["slave-priority"]); {
		case r["runid"] == to.RunID:
			found = true
		case priority != 0 && priority <= to.Priority:
			return activities.RefusedBoth("the sentinels may choose %s, which has replica-priority %d, and %s %d: give %s a lower number",
				"Sentinel が %s（replica-priority %d）を選ぶ可能性がある（%s は %d）。%s の値をより小さくする", r["name"], priority, p.To.Name, to.Priority, p.To.Name)
		}
	}
	if !found {
		return activities.RefusedBoth("the sentinels do not know %s as a replica",
			"Sentinel が %s をレプリカとして把握していない", p.To.Name)
	}
	return nil
}

func orRefused(err error, en, ja string, args ...any) error {
	if err != nil {
		return err
	}
	return activities.RefusedBoth(en, ja, args...)
}

// handover is one failover on its way.
type handover struct {
	Failover
	before, after agreement
	from, to      *redislink.Conn
	heldAt        time.Time
}

// hold holds writes back and waits until the replica has applied all that the master
// acknowledged before. A failover without loses those: the sentinels don't ask.
func (h *handover) hold(ctx context.Context) error {
	lag, err := lagOf(ctx, h.To, h.to, h.From, h.from)
	if err != nil || lag > int64(h.MaxLag) {
		return orRefused(err, "%s is %d bytes behind, more than max_lag %s",
			"%s は %d バイト遅れており、max_lag %s を超えている", h.To.Name, lag, h.MaxLag)
	}
	within := drain
	h.heldAt = time.Now()
	if err := h.renew(ctx); err != nil {
		return orRefused(nil, "the writes of %s can't be held back (needs Redis 6.2): %v",
			"%s への書き込みを一時停止できない（Redis 6.2 以降が必要）：%v", h.From.Name, err)
	}
	if h.before.DownAfter > 0 {
		within = min(within, h.before.DownAfter/2)
	}
	if err := activities.Until(ctx, within, tick, func(ctx context.Context) error {
		lag, err := lagOf(ctx, h.To, h.to, h.From, h.from)
		if err == nil && lag > 0 {
			err = fmt.Errorf("%s is still %d bytes behind", h.To.Name, lag)
		}
		return err
	}); err != nil {
		h.release(ctx)
		return activities.RefusedBoth("writes were held back for %s and go on now: %v",
			"書き込みを %s 一時停止したが、再開した：%v", within, err)
	}
	return nil
}

func (h *handover) renew(ctx context.Context) error {
	_, err := h.from.Do(ctx, "CLIENT", "PAUSE", lease.Milliseconds(), "WRITE")
	return err
}

// release lets writes go on, when nothing came about.
func (h *handover) release(ctx context.Context) {
	if _, err := h.from.Do(context.WithoutCancel(ctx), "CLIENT", "UNPAUSE"); err != nil {
		activities.Log(ctx).Warn("writes go on by themselves after a while", "server", h.From.Name, "after", lease, "err", err)
	}
}

// order tells one sentinel to fail over. They agree, so any will do.
func (h *handover) order(ctx context.Context) error {
	var errs []error
	for _, address := range h.Sentinel.Spec.Addresses {
		c := redislink.OpenSentinel(h.Sentinel, address, answerWithin)
		_, err := c.Do(ctx, "SENTINEL", "FAILOVER", h.Sentinel.Spec.Master)
		c.Close()
		switch {
		case err == nil:
			return nil
		case redislink.Sent(err):
			// It may be at it. Writes stay held back for what is left of the lease.
			return activities.Saying(err, "whether the failover was begun can't be told: %v", "フェイルオーバーが開始されたかどうか判断できない：%v", err)
		}
		errs = append(errs, err)
		if redislink.Code(err) == redislink.CodeBusy {
			break
		}
	}
	h.release(ctx)
	return activities.RefusedBoth("no sentinel would begin the failover: %v",
		"どの Sentinel もフェイルオーバーを開始しない：%v", errors.Join(errs...))
}

// follow keeps writes held back until the replica is master, makes the old master its
// replica, and waits until sentinels and servers agree.
func (h *handover) follow(step context.Context) (blocked time.Duration, err error) {
	ctx, cancel := context.WithTimeout(step, h.Wait.Std())
	defer cancel()
	renewed := time.Now()
	if err := activities.Until(ctx, h.Wait.Std(), tick, func(ctx context.Context) error {
		if time.Since(renewed) > lease/3 {
			if err := h.renew(ctx); err != nil {
				return err
			}
			renewed = time.Now()
		}
		v, err := see(ctx, h.to)
		if err == nil && !v.Master {
			err = activities.FindingBoth("the sentinels took the order and %s is still a replica after %s",
				"Sentinel は指示を受け付けたが、%s は %s経過後もレプリカのままである", h.To.Name, h.Wait)
		}
		return err
	}); err != nil {
		// The sentinels are at it, for all that is known. A step that is cut off leaves them what is left of the lease:
		// what the old master takes before they have made it a replica is lost.
		if step.Err() == nil {
			h.release(ctx) // before the sentinels take a master that is held back for one that is down
		}
		return 0, err
	}
	blocked = time.Since(h.heldAt)
	host, port, err := net.SplitHostPort(redislink.Address(h.To.Spec))
	if err != nil {
		return 0, err
	}
	for _, r := range h.before.Replicas { // as the sentinels name it
		if v, err := see(ctx, h.to); err == nil && r["runid"] == v.RunID {
			host, port = r["ip"], r["port"]
		}
	}
	err = activities.Until(ctx, h.Wait.Std(), 50*time.Millisecond, func(ctx context.Context) error {
		// The sentinel's own order to the old master may wait there behind a message of
		// its that is held back, for longer than the lease.
		if v, err := see(ctx, h.from); err != nil {
			return err
		} else if v.Master {
			if _, err := h.from.Together(ctx, []any{"REPLICAOF", host, port}, []any{"CLIENT", "UNPAUSE"}); err != nil {
				return err
			}
			if _, err := keep(ctx, h.from, h.From, false); err != nil { // the sentinels would tell it again
				return err
			}
		}
		a, unheard, err := settled(ctx, h.Sentinel, h.To, h.others(h.From))
		if err == nil && len(unheard) > 0 {
			err = fmt.Errorf("%v can't be heard", unheard)
		}
		h.after = a
		return err
	})
	if err == nil && h.after.Epoch <= h.before.Epoch {
		err = activities.FindingBoth("the sentinels name %s under epoch %d, which is not after %d",
			"Sentinel が示す %s のエポックは %d で、%d より新しくない", h.To.Name, h.after.Epoch, h.before.Epoch)
	}
	return blocked, err
}

func lookFailedOver(ctx context.Context, p Failover) (activities.Seen, error) {
	a, unheard, err := settled(ctx, p.Sentinel, p.To, p.others(p.From))
	if err == nil && len(unheard) == 0 {
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is master, and everybody says so", "%s がマスターであり、全員の認識が一致している", p.To.Name).Both(),
			Output: FailedOver{From: p.From.Name, To: p.To.Name, Epoch: a.Epoch}}, nil
	}
	if _, _, back := settled(ctx, p.Sentinel, p.From, p.others(p.To)); back == nil {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is master, and everybody says so", "%s がマスターであり、全員の認識が一致している", p.From.Name).Both()}, nil
	}
	if err == nil {
		err = fmt.Errorf("%v can't be heard", unheard)
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: text(err)}, nil
}

// WaitFailover is the parameters of redis.wait_failover.
type WaitFailover struct {
	Sentinel redislink.SentinelTarget `json:"sentinel" kind:"sentinel" example:"sentinels" help:"Sentinels that fail over by themselves." ja:"自動で切り替えを行うSentinel"`
	From     Target                   `json:"from" kind:"redis" example:"redis-tokyo" help:"Master that was lost; it may be gone." ja:"失われたマスター。存在しなくてもよい"`
	Servers  []Target                 `json:"servers" kind:"redis" example:"[redis-osaka]" help:"The other copies of the data, one of which becomes master." ja:"データのほかのコピー。いずれかをマスターにする"`
	Wait     run.Duration             `json:"wait" help:"How long it may take, from now." ja:"これから待つ時間" default:"3m"`
}

// WaitedFailover is its result.
type WaitedFailover struct {
	To      string   `json:"to" help:"The master now." ja:"新しいマスター"`
	Epoch   int64    `json:"epoch" help:"Of the sentinels' configuration that a majority has now." ja:"過半数のSentinelが現在持つ設定のエポック"`
	WaitedS float64  `json:"waited_s" help:"Seconds until it was over." ja:"切り替えが終わるまでの秒数"`
	Unheard []string `json:"unheard" help:"Servers that did not answer. One that hangs takes writes again when it wakes, until the sentinels see it: fence it." ja:"応答しなかったサーバー。ハング中のものは、動き出すとSentinelが気付くまで書き込みを受け付けるため、フェンスする"`
}

func waitFailover(ctx context.Context, p WaitFailover) (WaitedFailover, error) {
	began := time.Now()
	var out WaitedFailover
	err := activities.Until(ctx, p.Wait.Std(), 200*time.Millisecond, func(ctx context.Context) error {
		errs := make([]error, len(p.Servers))
		var all sync.WaitGroup
		var mu sync.Mutex
		for n, to := range p.Servers {
			others := []Target{p.From}
			for m, o := range p.Servers {
				if m != n {
					others = append(others, o)
				}
			}
			all.Go(func() {
				a, unheard, err := settled(ctx, p.Sentinel, to, others)
				if errs[n] = err; err == nil {
					mu.Lock()
					defer mu.Unlock()
					out = WaitedFailover{To: to.Name, Epoch: a.Epoch, Unheard: unheard}
				}
			})
		}
		all.Wait()
		if out.To != "" {
			return nil
		}
		if len(errs) == 0 {
			return activities.RefusedBoth("servers is empty: name the other copies of the data",
				"servers が空である。データを持つ他のサーバーを指定する")
		}
		return errs[0]
	})
	out.WaitedS = time.Since(began).Seconds()
	return out, err
}
