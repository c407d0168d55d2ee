package redis

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// Fence is the parameters of redis.fence.
type Fence struct {
	Server  Target `json:"server" kind:"redis" example:"redis-tokyo" help:"Server that must take no more writes." ja:"書き込みを止めるサーバー"`
	Restart bool   `json:"restart" help:"Whether the fence has to hold after a restart with the same configuration file too; without one that the server may rewrite, that is a finding. What a restart's command line says wins over the file." ja:"同じ設定ファイルでの再起動後もフェンスを保つ必要があるか。サーバーが書き換えられる設定ファイルがなければ指摘事項とする。起動時のコマンドラインの指定は設定ファイルより優先される" default:"true"`
}

// Fenced is its result.
type Fenced struct {
	Server  string    `json:"server" help:"The server that is fenced." ja:"フェンスしたサーバー"`
	Was     string    `json:"was" help:"What it was found as: master, replica, hung or down." ja:"発見時の状態。master、replica、hung、down"`
	Method  string    `json:"method" help:"How it was fenced: refusing (it runs and refuses every write), killed (it hung) or file (it was down)." ja:"フェンスの方法。refusing（稼働したまま全書き込みを拒否）、killed（ハングしていた）、file（停止していた）"`
	Kept    bool      `json:"kept" help:"Whether its configuration file has the fence, so that a restart does too." ja:"フェンスが設定ファイルにも書かれ、再起動後も保たれるか"`
	History string    `json:"history" help:"Identifier of its history of writes; empty when it could not say." ja:"書き込み履歴の識別子。確認できなければ空"`
	Offset  int64     `json:"offset" help:"Bytes of it that it has written, and no more; 0 when it could not say." ja:"その履歴に書き込んだバイト数。これ以上は書き込まない。確認できなければ0"`
	At      time.Time `json:"at" help:"From when it provably took no writes, on the worker's clock." ja:"書き込みがないことを確認した時刻（ワーカーの時計）"`
}

func fence(ctx context.Context, p Fence) (Fenced, error) {
	out := Fenced{Server: p.Server.Name, Method: "refusing"}
	err := fenceLive(ctx, p, &out)
	switch {
	case err == nil || isGuard(err) || ctx.Err() != nil:
		return out, err
	case !redislink.Here(p.Server) && redislink.Refused(err):
		return Fenced{}, activities.Saying(err, "whether %s takes writes tomorrow can't be proven from here: it is down now, and its configuration file is not on this host (%v); run the step on the worker of its host, with config in the estate", "%s が今後書き込みを受け付けないことをここからは証明できない。現在は停止しており、設定ファイルがこのホストにない（%v）。構成台帳に config を記載し、そのホストのワーカーでステップを実行する", p.Server.Name, err)
	case !redislink.Here(p.Server):
		return Fenced{}, activities.Saying(err, "whether %s takes writes can't be proven from here: %v; end its process on its host", "%s が書き込みを受け付けないことをここからは証明できない：%v。そのホストでプロセスを終了する", p.Server.Name, err)
	case redislink.Refused(err):
		out.Was, out.Method = "down", "file"
	case redislink.IsTimeout(err):
		out.Was, out.Method = "hung", "killed"
	default:
		return Fenced{}, err // it runs and does not let us in, or is starting
	}
	return out, fenceHere(ctx, p, &out)
}

// fenceLive fences a server that answers.
func fenceLive(ctx context.Context, p Fence, out *Fenced) error {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return err
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return err
	}
	if out.Was == "" {
		out.Was = v.role()
	}
	// A replica that was made writable does not ask for replicas of its own.
	if !v.Master {
		if _, err := c.Do(ctx, "CONFIG", "SET", "replica-read-only", "yes"); err != nil {
			return err
		}
	}
	// Clients that are connected are refused from here on. No pause before: it would
	// hold their writes back and let them in when it ends. One that somebody else set
	// is ended, so that what it holds back is refused now.
	l = l.raised()
	if _, err := c.Together(ctx, append(l.commands(), []any{"CLIENT", "UNPAUSE"})...); err != nil {
		return err
	}
	_, rewriteErr := c.Do(ctx, "CONFIG", "REWRITE")
	if rewriteErr == nil {
		l = l.written()
		if _, err := c.Together(ctx, l.commands()...); err != nil {
			return err
		}
	} else if redislink.Code(rewriteErr) == "" {
		return rewriteErr
	}
	if err := refuses(ctx, p.Server); err != nil {
		return err
	}
	out.At, out.Kept = time.Now().UTC().Truncate(time.Microsecond), rewriteErr == nil
	if v, err = see(ctx, c); err != nil { // after the last write
		return err
	}
	out.History, out.Offset = v.ReplID, v.Offset
	if rewriteErr != nil && p.Restart {
		return activities.FindingBoth("server %s takes no writes now, but will after a restart, since its configuration file does not have the fence: %v",
			"サーバー %s は現在書き込みを受け付けないが、設定ファイルにフェンスがないため再起動すると受け付ける：%v", p.Server.Name, rewriteErr)
	}
	return nil
}

// refuses proves that a server takes no write.
func refuses(ctx context.Context, t Target) error {
	does, why, err := attempt(ctx, t)
	switch {
	case err != nil:
		return err
	case does == fenced || does == readOnly:
		return nil
	}
	return activities.FindingBoth("server %s should refuse every write now, and does not: %s %s",
		"サーバー %s はすべての書き込みを拒否するはずだが、拒否していない：%s %s", t.Name, does, why)
}

// fenceHere fences a server of this host that does not answer: in its file, and then by
// ending what hangs. The other way round, whatever watches over it could start it in
// between.
func fenceHere(ctx context.Context, p Fence, out *Fenced) error {
	if err := fenceFile(p.Server); err != nil {
		return err
	}
	out.Kept = true
	if err := endListener(ctx, p.Server); err != nil {
		return err
	}
	// It may have been started just before the file had the fence, or by somebody since.
	for {
		begun := starting(p.Server) // first: what starts after this has the fence
		pid, err := listener(ctx, p.Server)
		if err != nil {
			return err
		}
		if pid != 0 {
			return fenceAgain(ctx, p, out)
		}
		if !begun {
			out.At = time.Now().UTC().Truncate(time.Microsecond)
			return nil
		}
		if err := wait(ctx, tick); err != nil {
			return activities.Saying(err, "server %s is being started, and does not listen yet: %v", "サーバー %s は起動中で、まだ接続を受け付けていない：%v", p.Server.Name, err)
		}
	}
}

// fenceAgain fences a server that somebody started meanwhile.
func fenceAgain(ctx context.Context, p Fence, out *Fenced) error {
	again := *out
	if err := activities.Until(ctx, 30*time.Second, 100*time.Millisecond, func(ctx context.Context) error { return fenceLive(ctx, p, &again) }); err != nil {
		if isGuard(err) {
			return err
		}
		return activities.Saying(err, "server %s was started again while it was fenced: %v", "サーバー %s はフェンス中に再び起動された：%v", p.Server.Name, err)
	}
	*out = again
	return nil
}

func lookFenced(ctx context.Context, p Fence) (activities.Seen, error) {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if redislink.Refused(err) && redislink.Here(p.Server) {
		return lookFencedHere(ctx, p)
	}
	if err != nil {
		if isGuard(err) || redislink.Code(err) != "" {
			return activities.Seen{}, err
		}
		// Fencing again is safe, and is what helps.
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: text(err)}, nil
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	if !l.fenced() {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s has no fence", "%s にフェンスはない", p.Server.Name).Both()}, nil
	}
	if p.Restart && !l.kept() {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s has a fence, but not in its configuration file", "%s にフェンスはあるが、設定ファイルに反映されていない", p.Server.Name).Both()}, nil
	}
	if err := refuses(ctx, p.Server); err != nil {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: text(err)}, nil //nolint:nilerr // fencing again is safe and is what helps
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is fenced", "%s はフェンスされている", p.Server.Name).Both(), Output: Fenced{Server: p.Server.Name, Was: v.role(), Method: "refusing",
		Kept: l.kept(), History: v.ReplID, Offset: v.Offset, At: time.Now().UTC().Truncate(time.Microsecond)}}, nil
}

func lookFencedHere(ctx context.Context, p Fence) (activities.Seen, error) {
	l, err := fileLimits(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	if pid, err := listener(ctx, p.Server); err != nil || pid != 0 || !l.fenced() {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is down, and its file has no fence", "%s は停止しており、設定ファイルにフェンスはない", p.Server.Name).Both()}, err
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is down, and its file has the fence", "%s は停止しており、設定ファイルにフェンスがある", p.Server.Name).Both(), Output: Fenced{Server: p.Server.Name,
		Was: "down", Method: "file", Kept: true, At: time.Now().UTC().Truncate(time.Microsecond)}}, nil
}

// Unfence is the parameters of redis.unfence.
type Unfence struct {
	Server Target       `json:"server" kind:"redis" example:"redis-tokyo" help:"Server whose fence is taken off." ja:"フェンスを外すサーバー"`
	Others []Target     `json:"others" kind:"redis" example:"[redis-osaka]" help:"All other copies of the data: refused when one of them takes writes or can't say, or is down and may come back as a master. A server does not know who was promoted while it was fenced, so the plan must; [] says that there is no other copy." ja:"データのほかの全コピー。書き込みを受け付けているか、確認できないか、停止していてマスターとして復帰しうるものがあれば拒否する。フェンス中に何が昇格したかをサーバーは知らないため、計画に書く。ほかにコピーがなければ []"`
	Wait   run.Duration `json:"wait" help:"How long the server may take to answer, when it was just started, and another copy that is down to answer again." ja:"起動直後の場合に、サーバーの応答を待つ時間。停止しているほかのコピーが応答するのを待つ時間でもある" default:"1m"`
}

// Unfenced is its result.
type Unfenced struct {
	Server      string `json:"server" help:"The server without a fence." ja:"フェンスを外したサーバー"`
	Role        string `json:"role" help:"master or replica." ja:"master または replica"`
	MinReplicas int64  `json:"min_replicas" help:"How many replicas it needs to take a write, as before the fence." ja:"書き込みを受け付けるために必要なレプリカ数。フェンス前と同じ"`
}

func unfence(ctx context.Context, p Unfence) (Unfenced, error) {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	var v view
	if err := activities.Until(ctx, p.Wait.Std(), 100*time.Millisecond, func(ctx context.Context) (err error) {
		if v, err = see(ctx, c); err == nil && v.Loading {
			err = errors.New(p.Server.Name + " still reads its data")
		}
		return err
	}); err != nil {
		return Unfenced{}, activities.Saying(err, "%v; start it first, it comes up fenced", "%v。先に起動する（フェンスされた状態で起動する）", err)
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return Unfenced{}, err
	}
	if !l.fenced() {
		return Unfenced{}, activities.RefusedBoth("server %s has no fence of muster's", "サーバー %s に muster のフェンスはない", p.Server.Name)
	}
	l = l.lowered()
	if err := alone(ctx, p, v, l); err != nil {
		return Unfenced{}, err
	}
	if _, err := c.Together(ctx, l.commands()...); err != nil {
		return Unfenced{}, err
	}
	if _, err := keep(ctx, c, p.Server, false); err != nil {
		return Unfenced{}, err
	}
	does, why, err := attempt(ctx, p.Server)
	if err == nil && v.Master && does != takesWrites {
		err = activities.FindingBoth("server %s has no fence any more, and still takes no write: %s %s",
			"サーバー %s のフェンスは外れたが、書き込みを受け付けない：%s %s", p.Server.Name, does, why)
	}
	return Unfenced{Server: p.Server.Name, Role: v.role(), MinReplicas: l.replicas}, err
}

// alone refuses to unfence a server beside one that takes writes, or may. The others are
// asked, and waited for, beside each other. was is what the fence replaced.
func alone(ctx context.Context, p Unfence, v view, was limits) error {
	wrong := make([]error, len(p.Others))
	var all sync.WaitGroup
	for n, o := range p.Others {
		all.Go(func() { wrong[n] = silentBeside(ctx, p, v, was, o) })
	}
	all.Wait()
	return cmp.Or(wrong...)
}

// silentBeside refuses while another copy takes writes, or may. One that is down counts only
// when its file is seen to keep it from them: whatever watches over a master that died starts
// it again, and it takes writes beside this one.
func silentBeside(ctx context.Context, p Unfence, v view, was limits, o Target) error {
	for until := time.Now().Add(p.Wait.Std()); ; {
		does, why, err := attempt(ctx, o)
		switch {
		case err != nil:
			return activities.RefusedBoth("cannot tell whether %s takes writes: %v", "%s が書き込みを受け付けるか判断できない：%v", o.Name, err)
		case v.Master && (does == takesWrites || does == wanting || does == ailing):
			return activities.RefusedBoth("%s is a master (%s %s): unfencing %s would make two; use redis.rejoin",
				"%s はマスターである（%s %s）。%s のフェンスを外すとマスターが2台になる。redis.rejoin を使う", o.Name, does, why, p.Server.Name)
		case !v.Master || does != notThere || comesUpSilent(o):
			return nil
		case time.Now().After(until):
			return activities.RefusedBoth("%s is down, and may come back at any moment as a second master beside %s. Where the step can be repeated, have the service manager of its host start it (a replica and a fenced server take no writes), and repeat it. In an undo, which nobody can repeat, or if it is gone for good, see that %[1]s comes up without taking writes or never again, and take the fence off by hand with redis-cli on %[2]s: CONFIG SET min-replicas-max-lag %[3]d, CONFIG SET min-replicas-to-write %[4]d, then CONFIG REWRITE",
				"%s は停止しているが、いつでも %s と並ぶ2台目のマスターとして復帰するおそれがある。ステップを再実行できる場合は、そのホストのサービス管理（systemd など）で起動してから（レプリカとフェンス済みのサーバーは書き込みを受け付けない）再実行する。再実行できない取り消しの場合や、二度と復帰しない場合は、%[1]s が書き込みを受け付けない状態で起動するか、二度と起動しないことを確かめたうえで、%[2]s に redis-cli で接続し、手作業でフェンスを外す。CONFIG SET min-replicas-max-lag %[3]d、CONFIG SET min-replicas-to-write %[4]d、続いて CONFIG REWRITE を実行する",
				o.Name, p.Server.Name, was.lag, was.replicas)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// comesUpSilent reports whether the configuration file of a server that is down is here, and
// makes it a replica or has a fence.
func comesUpSilent(t Target) bool {
	if !redislink.Here(t) {
		return false
	}
	if l, err := fileLimits(t); err == nil && l.fenced() {
		return true
	}
	b, err := os.ReadFile(t.Spec.Config)
	return err == nil && upstreamIn(string(b)) != ""
}

func lookUnfenced(ctx context.Context, p Unfence) (activities.Seen, error) {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	if l.fenced() {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is fenced", "%s はフェンスされている", p.Server.Name).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s has no fence", "%s にフェンスはない", p.Server.Name).Both(),
		Output: Unfenced{Server: p.Server.Name, Role: v.role(), MinReplicas: l.replicas}}, nil
}
