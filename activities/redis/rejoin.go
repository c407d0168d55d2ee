package redis

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// Rejoin is the parameters of redis.rejoin.
type Rejoin struct {
	Server  Target       `json:"server" kind:"redis" example:"redis-tokyo" help:"Server that becomes a replica. It runs, fenced or not; one that was fenced while it was down is started first." ja:"レプリカにするサーバー。稼働している必要がある（フェンスの有無は問わない）。停止中にフェンスされたものは先に起動する"`
	Follow  Target       `json:"follow" kind:"redis" example:"redis-osaka" help:"Master that it will follow, at the address in the estate." ja:"追随先となるマスター（構成台帳のアドレス）"`
	Discard bool         `json:"discard" help:"Allow throwing away what a master that takes writes has written, and what the server holds when the master to follow holds nothing." ja:"書き込みを受け付けているマスターが書いたものと、追随先のマスターが空の場合にこのサーバーが持つデータを破棄してよい" default:"false"`
	Restart bool         `json:"restart" help:"Whether it has to follow after a restart with the same configuration file too; a server without one is refused, and one that it may not rewrite is a finding." ja:"同じ設定ファイルでの再起動後も追随する必要があるか。設定ファイルのないサーバーは拒否し、書き換えられない場合は指摘事項とする" default:"true"`
	Wait    run.Duration `json:"wait" help:"How long it may take until it follows." ja:"追随が始まるまで待つ時間" default:"10m"`
}

// Rejoined is its result.
type Rejoined struct {
	Server    string  `json:"server" help:"The new replica." ja:"新しいレプリカ"`
	Follow    string  `json:"follow" help:"The master it follows." ja:"追随先のマスター"`
	Method    string  `json:"method" help:"partial (its data fitted), full (it was sent a whole copy) or none (it followed already)." ja:"partial（データがそのまま使えた）、full（全体のコピーを受け取った）、none（すでに追随していた）のいずれか"`
	DurationS float64 `json:"duration_s" help:"Seconds until its link was up." ja:"接続が確立するまでの秒数"`
	Fenced    bool    `json:"fenced" help:"Whether a fence was taken off; a replica refuses writes without." ja:"フェンスを外したか。レプリカはフェンスがなくても書き込みを拒否する"`
	Kept      bool    `json:"kept" help:"Whether its configuration file says so too; without, a restart may make it a second master." ja:"設定ファイルにも書かれているか。なければ、再起動で2台目のマスターになることがある"`
}

func rejoin(ctx context.Context, p Rejoin) (Rejoined, error) {
	began := time.Now()
	if p.Server.Name == p.Follow.Name {
		return Rejoined{}, activities.RefusedBoth("server and follow are both %s", "server と follow がどちらも %s である", p.Server.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	var v view
	if err := activities.Until(ctx, min(p.Wait.Std(), 30*time.Second), 100*time.Millisecond, func(ctx context.Context) (err error) {
		if v, err = see(ctx, c); err == nil && v.Loading {
			err = fmt.Errorf("server %s is starting, and reads its data", p.Server.Name)
		}
		return err
	}); err != nil {
		return Rejoined{}, activities.Saying(err, "%v; start it first, it may come up fenced", "%v。先に起動する（フェンスされた状態でもよい）", err)
	}
	of, err := visit(ctx, p.Follow)
	if err != nil {
		return Rejoined{}, err
	}
	switch {
	case !of.Master:
		return Rejoined{}, activities.RefusedBoth("server %s is a replica itself; promote it first, or follow its master",
			"サーバー %s 自体がレプリカである。先に昇格するか、そのマスターに追従させる", p.Follow.Name)
	case of.RunID == v.RunID:
		return Rejoined{}, activities.RefusedBoth("%s and %s are one server: correct the estate",
			"%s と %s は同じサーバーである。構成台帳を修正する", p.Server.Name, p.Follow.Name)
	}
	if why := forgets(p.Server, v, p.Restart); why.EN != "" {
		return Rejoined{}, activities.Refused("%s", why.Both())
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return Rejoined{}, err
	}
	if v.Master && !l.fenced() && !p.Discard {
		return Rejoined{}, activities.RefusedBoth("server %s is a master that takes writes: rejoining it throws away what was written there and %s does not have; fence it first (redis.fence), or say discard: true if that is meant",
			"サーバー %s は書き込みを受け付けているマスターである。追従させると、そこに書き込まれ %s にないデータは破棄される。先にフェンスする（redis.fence）か、意図した操作であれば discard: true を指定する",
			p.Server.Name, p.Follow.Name)
	}
	out := Rejoined{Server: p.Server.Name, Follow: p.Follow.Name, Fenced: l.fenced()}
	if !v.Master && v.Link && v.ReplID == of.ReplID && !l.fenced() {
		out.Method = "none"
		out.Kept, err = keep(ctx, c, p.Server, p.Restart)
		return out, err
	}
	// A master that was started without its data is empty, and so would be what follows it.
	if of.Keys == 0 && v.Keys > 0 && !p.Discard {
		return Rejoined{}, activities.RefusedBoth("%s holds no data and %s holds %d keys: following would wipe what may be the last copy; see why %s is empty, or say discard: true if that is meant",
			"%s にはデータがなく、%s には %d 個のキーがある。追従させると最後のコピーを失うおそれがある。%s が空である理由を確認し、意図した操作であれば discard: true を指定する", p.Follow.Name, p.Server.Name, v.Keys, p.Follow.Name)
	}
	// It is a replica from the first of these on, so the fence may go in the same breath.
	host, port, err := net.SplitHostPort(redislink.Address(p.Follow.Spec))
	if err != nil {
		return Rejoined{}, err
	}
	commands := append([][]any{{"REPLICAOF", host, port}, {"CONFIG", "SET", "replica-read-only", "yes"}}, l.lowered().commands()...)
	if _, err := c.Together(ctx, commands...); err != nil {
		return Rejoined{}, activities.Saying(err, "make %s follow %s: %v", "%s を %s に追従させる操作：%v", p.Server.Name, p.Follow.Name, err)
	}
	if out.Kept, err = keep(ctx, c, p.Server, p.Restart); err != nil {
		return Rejoined{}, err
	}
	if _, err := awaitLag(ctx, p.Server, p.Follow, int64(16<<20), p.Wait.Std()); err != nil {
		return Rejoined{}, err
	}
	if does, why, err := attempt(ctx, p.Server); err != nil || does != readOnly {
		return Rejoined{}, orFinding(err, "server %s follows %s and does not refuse a write: %s %s",
			"サーバー %s は %s に追従しているが、書き込みを拒否しない：%s %s", p.Server.Name, p.Follow.Name, does, why)
	}
	out.Method = "partial"
	if after, err := visit(ctx, p.Follow); err == nil && after.FullSync > of.FullSync {
		out.Method = "full"
	}
	out.DurationS = time.Since(began).Seconds()
	return out, nil
}

// orFinding is err, or the finding in both languages.
func orFinding(err error, en, ja string, args ...any) error {
	if err != nil {
		return err
	}
	return activities.FindingBoth(en, ja, args...)
}

func lookRejoined(ctx context.Context, p Rejoin) (activities.Seen, error) {
	from, to := redislink.Open(p.Follow, answerWithin), redislink.Open(p.Server, answerWithin)
	defer from.Close()
	defer to.Close()
	l, err := limitsOf(ctx, to)
	if err != nil {
		return activities.Seen{}, err
	}
	v, err := see(ctx, to)
	if err != nil {
		return activities.Seen{}, err
	}
	lag, err := lagOf(ctx, p.Server, to, p.Follow, from)
	switch {
	case isGuard(err):
		sight := plan.HoldsNot
		if v.Syncing || v.Upstream == redislink.Address(p.Follow.Spec) {
			sight = plan.CannotTell // on its way
		}
		return activities.Seen{Sight: sight, Detail: text(err)}, nil
	case err != nil:
		return activities.Seen{}, err
	case l.fenced():
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s follows, but its fence is still there", "%s は追従しているが、フェンスが残っている", p.Server.Name).Both()}, nil
	}
	kept, why := followsInFile(p.Server, v)
	if p.Restart && !kept {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: why.Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s follows %s, %d bytes behind", "%s は %s に追従している（遅れ %d バイト）", p.Server.Name, p.Follow.Name, lag).Both(),
		Output: Rejoined{Server: p.Server.Name, Follow: p.Follow.Name, Method: "none", Kept: kept}}, nil
}
