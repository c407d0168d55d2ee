package redis

import (
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// Promote is the parameters of redis.promote.
type Promote struct {
	Server      Target       `json:"server" kind:"redis" example:"redis-osaka" help:"Replica that becomes master." ja:"マスターにするレプリカ"`
	MaxLag      run.Bytes    `json:"max_lag" help:"Refuse when it is known to have applied less than this of what the old master wrote." ja:"旧マスターの書き込みのうち、未適用とわかっている量がこれを超えれば拒否する" default:"0B"`
	MaxLinkDown run.Duration `json:"max_link_down" help:"Refuse when its link to the old master has been down for longer and the old master can't say any more how far it had written: nobody knows then what is missing. Leave room for the time that people take." ja:"旧マスターとの接続がこれより長く切れており、旧マスターが書き込み済みの量を答えられない場合に拒否する（不足分が誰にもわからないため）。人の対応にかかる時間を見込む" default:"30m"`
	Wait        run.Duration `json:"wait" help:"How long the promotion may take." ja:"昇格を待つ時間" default:"30s"`
}

// Promoted is its result.
type Promoted struct {
	Server    string  `json:"server" help:"The new master." ja:"新しいマスター"`
	History   string  `json:"history" help:"Identifier of the history of writes that it begins." ja:"新たに始まる書き込み履歴の識別子"`
	Offset    int64   `json:"offset" help:"Bytes of it written." ja:"その履歴に書き込んだバイト数"`
	LagBytes  int64   `json:"lag_bytes" help:"What it had not applied of the old master's writes; 0 too when lag_known is false." ja:"旧マスターの書き込みのうち未適用だった量。lag_known が false の場合も0"`
	LagKnown  bool    `json:"lag_known" help:"Whether the old master itself could still say how far it had written." ja:"旧マスター自身が書き込み済みの量を答えられたか"`
	LinkDownS float64 `json:"link_down_s" help:"For how many seconds its link to the old master had been down." ja:"旧マスターとの接続が切れていた秒数"`
	Kept      bool    `json:"kept" help:"Whether its configuration file has the change; without, a restart may make it a replica again." ja:"変更が設定ファイルにも書かれているか。なければ、再起動でレプリカに戻ることがある"`
}

func promote(ctx context.Context, p Promote) (Promoted, error) {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return Promoted{}, err
	}
	if v.Master {
		out := Promoted{Server: p.Server.Name, History: v.ReplID, Offset: v.Offset, Kept: true}
		return out, takesOver(ctx, p.Server, p.Wait.Std())
	}
	out := Promoted{Server: p.Server.Name, LinkDownS: max(v.LinkDown, 0).Seconds()}
	l, err := limitsOf(ctx, c)
	switch {
	case err != nil:
		return Promoted{}, err
	case l.fenced():
		return Promoted{}, activities.RefusedBoth("%s is fenced itself, and would take no write; take the fence off first (redis.unfence)",
			"%s 自体がフェンスされており書き込みを受け付けない。先にフェンスを外す（redis.unfence）", p.Server.Name)
	case v.Syncing || v.Loading:
		return Promoted{}, activities.RefusedBoth("%s is being sent a whole copy, or reads one: what it holds is old or half",
			"%s は全体同期の受信中または読み込み中で、保持するデータは古いか不完全である", p.Server.Name)
	}
	// What the old master sent last may still be on its way.
	const drain = 5 * time.Second
	var silent time.Duration
	for began := time.Now(); ; {
		if out.LagBytes, out.LagKnown, silent, err = oldMaster(ctx, p.Server, v, nil); err != nil {
			return Promoted{}, err
		}
		if out.LagBytes == 0 || !v.Link || time.Since(began) > min(drain, p.Wait.Std()) || wait(ctx, tick) != nil {
			break
		}
		if v, err = see(ctx, c); err != nil {
			return Promoted{}, err
		}
	}
	switch {
	case out.LagBytes > int64(p.MaxLag):
		return Promoted{}, activities.RefusedBoth("%s is %d bytes behind the old master, more than max_lag %s allows: that much would be lost; raise max_lag if the loss is accepted",
			"%s は旧マスターより %d バイト遅れており、max_lag %s を超えている。その分のデータが失われる。損失を許容する場合は max_lag を引き上げる",
			p.Server.Name, out.LagBytes, p.MaxLag)
	case !out.LagKnown && silent < 0:
		return Promoted{}, activities.RefusedBoth("%s has had no link to its master since it was started: how old its data are can't be told",
			"%s は起動後一度もマスターと接続しておらず、データの古さを判断できない", p.Server.Name)
	case !out.LagKnown && silent > p.MaxLinkDown.Std():
		return Promoted{}, activities.RefusedBoth("the link of %s to its master has been down for %s, longer than max_link_down %s, and the master can't say what it wrote since; raise max_link_down if the loss is accepted",
			"%s とマスターの接続は %s 途絶えており、max_link_down %s を超えている。その後の書き込みをマスターに確認することもできない。損失を許容する場合は max_link_down を引き上げる",
			p.Server.Name, silent, p.MaxLinkDown)
	}

	// In one go, as a sentinel does it: a server that died in between would come back
	// as a replica, and throw away what it was given.
	answers, err := c.Together(ctx, []any{"REPLICAOF", "NO", "ONE"}, []any{"CONFIG", "REWRITE"})
	if err != nil && redislink.Code(err) == "" {
		return Promoted{}, activities.Saying(err, "promote %s: %v", "%s の昇格：%v", p.Server.Name, err)
	}
	out.Kept = err == nil
	if len(answers) > 0 && answers[0] == nil {
		return Promoted{}, activities.FindingBoth("server %s would not take the promotion: %v", "サーバー %s が昇格を受け付けない：%v", p.Server.Name, err)
	}
	if !out.Kept {
		activities.Log(ctx).Warn("the new master can't rewrite its configuration file: a restart may make it a replica again", "server", p.Server.Name, "err", err)
	}
	if err := takesOver(ctx, p.Server, p.Wait.Std()); err != nil {
		return Promoted{}, err
	}
	if v, err = see(ctx, c); err != nil {
		return Promoted{}, err
	}
	out.History, out.Offset = v.ReplID, v.Offset
	return out, nil
}

// takesOver waits until a server is master and takes writes, or says why it does not.
func takesOver(ctx context.Context, t Target, within time.Duration) error {
	return activities.Until(ctx, within, tick, func(ctx context.Context) error {
		does, why, err := attempt(ctx, t)
		switch {
		case err != nil:
			return activities.Saying(err, "server %s was told to be master, and then: %v", "サーバー %s に昇格を指示した後のエラー：%v", t.Name, err)
		case does == readOnly:
			return activities.FindingBoth("server %s is still a replica after it was told to be master",
				"サーバー %s は昇格を指示された後もレプリカのままである", t.Name)
		case does == wanting:
			return activities.FindingBoth("server %s is master and takes no write while it has too few replicas (min-replicas-to-write): %s",
				"サーバー %s はマスターだが、レプリカ数が min-replicas-to-write に満たないため書き込みを受け付けない：%s", t.Name, why)
		case does != takesWrites:
			return activities.FindingBoth("server %s is master and takes no write: %s %s",
				"サーバー %s はマスターだが、書き込みを受け付けない：%s %s", t.Name, does, why)
		}
		return nil
	})
}

// oldMaster looks at the server that t follows or followed, and refuses when it still
// takes writes, or would again. One that is a replica itself may have a master that does,
// which is looked for up to the first. It says how far t is behind; known is false when the
// first is not there to be asked, and silent for how long nothing came from it (negative: that
// is not known). before are the processes on the way up.
func oldMaster(ctx context.Context, t Target, v view, before []string) (lag int64, known bool, silent time.Duration, err error) {
	before = append(before, v.RunID)
	old, err := upstreamOf(t, v)
	if err != nil {
		return 0, false, 0, err
	}
	if err := activities.MayReach(ctx, redislink.Address(old.Spec)); err != nil {
		return 0, false, 0, err
	}
	o, err := visit(ctx, old)
	switch code := redislink.Code(err); {
	case redislink.Hung(err):
		return 0, false, 0, activities.RefusedBoth("%s takes connections and answers nothing: it is hung, not gone, and would take writes again; fence it first (redis.fence)",
			"%s は接続を受け付けるが応答しない。停止ではなくハングしており、再び書き込みを受け付けるおそれがある。先にフェンスする（redis.fence）", old.Name)
	case code != "":
		return 0, false, 0, activities.RefusedBoth("%s runs and does not let muster in, so whether it takes writes can't be told: %v",
			"%s は稼働しているが muster の接続を拒否しており、書き込みを受け付けるか判断できない：%v", old.Name, err)
	case err != nil && redislink.Sent(err):
		return 0, false, 0, activities.RefusedBoth("%s runs, and whether it takes writes can't be told: %v",
			"%s は稼働しているが、書き込みを受け付けるか判断できない：%v", old.Name, err)
	case err != nil:
		return 0, false, v.LinkDown, nil //nolint:nilerr // it is not there
	case len(before) > 1 && slices.Contains(before, o.RunID): // those below follow each other: above them nobody is left to ask
		return 0, true, v.LinkDown, nil
	case slices.Contains(before, o.RunID):
		return 0, false, 0, activities.RefusedBoth("%s follows itself", "%s が自分自身に追従している", t.Name)
	}
	does, why, err := attempt(ctx, old)
	switch {
	case err != nil:
		return 0, false, 0, activities.RefusedBoth("whether %s takes writes can't be told: %v; fence it first (redis.fence)",
			"%s が書き込みを受け付けるか判断できない：%v。先にフェンスする（redis.fence）", old.Name, err)
	case does == notThere:
		return 0, false, v.LinkDown, nil
	case does == takesWrites:
		return 0, false, 0, activities.RefusedBoth("%s still takes writes; fence it first (redis.fence)",
			"%s はまだ書き込みを受け付けている。先にフェンスする（redis.fence）", old.Name)
	case does == wanting || does == ailing:
		return 0, false, 0, activities.RefusedBoth("%s refuses writes only for now (%s); fence it first (redis.fence)",
			"%s は一時的に書き込みを拒否しているだけである（%s）。先にフェンスする（redis.fence）", old.Name, why)
	}
	// What it wrote can't grow any more. Had it begun a history of its own meanwhile,
	// its offset would say nothing about t.
	if err := sameData(t.Name, v, old.Name, o); err != nil {
		return 0, false, 0, err
	}
	lag, known = max(o.Offset-v.Offset, 0), true
	if !o.Master {
		up := old
		up.Name = redislink.Address(old.Spec)
		above := int64(0)
		if above, known, silent, err = oldMaster(ctx, up, o, before); err != nil {
			return 0, false, 0, err
		}
		lag += above
		if v.LinkDown < 0 || silent >= 0 && v.LinkDown > silent {
			silent = v.LinkDown
		}
	}
	return lag, known, silent, nil
}

// upstreamOf is the server that t follows, reached as t is.
func upstreamOf(t Target, v view) (Target, error) {
	host, port, err := net.SplitHostPort(v.Upstream)
	if err != nil {
		return Target{}, err
	}
	old := t
	old.Name = "the server that " + t.Name + " followed (" + v.Upstream + ")"
	old.Spec.Host, old.Spec.Config = host, ""
	old.Spec.Port, err = strconv.Atoi(port)
	return old, err
}

func lookPromoted(ctx context.Context, p Promote) (activities.Seen, error) {
	v, err := visit(ctx, p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	if !v.Master {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is a replica", "%s はレプリカである", p.Server.Name).Both()}, nil
	}
	does, why, err := attempt(ctx, p.Server)
	switch {
	case err != nil:
		return activities.Seen{}, err
	case does != takesWrites:
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s is master and takes no write: %s %s", "%s はマスターだが、書き込みを受け付けない：%s %s", p.Server.Name, does, why).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is master", "%s はマスターである", p.Server.Name).Both(), Output: Promoted{Server: p.Server.Name, History: v.ReplID, Offset: v.Offset}}, nil
}

// CaughtUp is the parameters of redis.wait_caught_up.
type CaughtUp struct {
	Server Target       `json:"server" kind:"redis" example:"redis-osaka" help:"Replica." ja:"レプリカ"`
	Follow Target       `json:"follow" kind:"redis" example:"redis-tokyo" help:"Master that it follows." ja:"追随しているマスター"`
	Limit  run.Bytes    `json:"limit" help:"Lag that is small enough. Under writes 0B may never be seen." ja:"十分に小さいとみなす遅れ。書き込みが続く間は 0B にならないことがある" default:"1MB"`
	Wait   run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"10m"`
}

// Lag is its result.
type Lag struct {
	Server   string `json:"server" help:"The replica." ja:"レプリカ"`
	LagBytes int64  `json:"lag_bytes" help:"What it had not applied when the limit was met." ja:"条件を満たしたときに未適用だった量"`
}

func waitCaughtUp(ctx context.Context, p CaughtUp) (Lag, error) {
	lag, err := awaitLag(ctx, p.Server, p.Follow, int64(p.Limit), p.Wait.Std())
	return Lag{Server: p.Server.Name, LagBytes: lag}, err
}

// awaitLag waits until a replica follows a master and has at most limit bytes left to
// apply.
func awaitLag(ctx context.Context, replica, master Target, limit int64, within time.Duration) (int64, error) {
	from, to := redislink.Open(master, answerWithin), redislink.Open(replica, answerWithin)
	defer from.Close()
	defer to.Close()
	var lag int64
	err := activities.Until(ctx, within, 50*time.Millisecond, func(ctx context.Context) (err error) {
		lag, err = lagOf(ctx, replica, to, master, from)
		if err == nil && lag > limit {
			err = activities.FindingBoth("server %s is still %d bytes behind, more than %d",
				"サーバー %s はまだ %d バイト遅れており、%d を超えている", replica.Name, lag, limit)
		}
		return err
	})
	return lag, err
}

// lagOf is what a replica has not applied yet. The master is asked first, so that what it
// writes meanwhile never makes the replica look better.
func lagOf(ctx context.Context, replica Target, to *redislink.Conn, master Target, from *redislink.Conn) (int64, error) {
	m, err := see(ctx, from)
	if err != nil {
		return 0, err
	}
	r, err := see(ctx, to)
	switch {
	case err != nil:
		return 0, err
	case !m.Master:
		return 0, activities.FindingBoth("server %s is a replica itself", "サーバー %s 自体がレプリカである", master.Name)
	case r.Master:
		return 0, activities.FindingBoth("server %s is a master", "サーバー %s はマスターである", replica.Name)
	case !r.Link || r.Syncing:
		return 0, activities.FindingBoth("server %s has no link to its master", "サーバー %s はマスターと接続していない", replica.Name)
	case r.ReplID != m.ReplID:
		return 0, activities.FindingBoth("server %s follows %s, which is not %s", "サーバー %s が追従しているのは %s で、%s ではない", replica.Name, r.Upstream, master.Name)
	}
	return max(m.Offset-r.Offset, 0), nil
}
