package mysql

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Fence is the parameters of mysql.fence.
type Fence struct {
	Server Target `json:"server" kind:"mysql" help:"Server that must take no more writes." ja:"書き込みを止めるサーバー" example:"shop-tokyo"`
	Stop   bool   `json:"stop" help:"Stop it as well, which needs no account on it. MariaDB's read_only does not bind accounts with READ_ONLY ADMIN; who has applications that use one asks for this." ja:"サーバーも停止する（サーバー上のアカウントは不要）。MariaDBの read_only は READ_ONLY ADMIN を持つアカウントには効かないため、アプリケーションがそれを使う場合に指定する" default:"false"`
}

// Fenced is its result.
type Fenced struct {
	Server string    `json:"server" help:"The server that is fenced." ja:"フェンスしたサーバー"`
	Was    string    `json:"was" help:"What it was found as: primary, replica, read-only, closed (it does not let muster in), frozen, hung or down." ja:"発見時の状態。primary、replica、read-only、closed（musterが接続できない）、frozen、hung、down"`
	Method string    `json:"method" help:"How its writes were ended: read-only, stopped, killed or none." ja:"書き込みの止め方。read-only、stopped、killed、none"`
	GTID   string    `json:"gtid" help:"Position at which it stands; empty when it does not run." ja:"止まった位置。稼働していなければ空"`
	At     time.Time `json:"at" help:"From when it provably took no writes, on the worker's clock." ja:"書き込みがないことを確認した時刻（ワーカーの時計）"`
}

// fencedHere is the fence of a server whose files are on this host; nil when it has none,
// or when they are elsewhere.
func fencedHere(t Target) (*fenceNote, error) {
	i, here := mylink.Instance(t)
	if !here || i.Config == "" {
		return nil, nil
	}
	return fenceOf(i)
}

// notFenced refuses a server that has a fence, as far as that is seen from here: whoever
// put it there wanted it to take no writes.
func notFenced(t Target) error {
	f, err := fencedHere(t)
	if err != nil || f == nil {
		return err
	}
	return activities.RefusedBoth("server %s was fenced by run %s at %s and must take no writes: take the fence off in that run first (mysql.unfence), or bring it back as a replica (mysql.rejoin). If that run is over, its primary is lost and no other copy has what %[1]s lacks, remove %[4]s.%[5]s on its host and repeat the step",
		"サーバー %s は実施 %s により %s にフェンスされており、書き込みを再開させられない。先にその実施で mysql.unfence によりフェンスを外すか、mysql.rejoin でレプリカとして復帰させる。その実施が終わっており、プライマリが失われ、ほかのどの複製にも %[1]s にないデータがないことが確かな場合は、そのホストで %[4]s.%[5]s を削除し、ステップを再実行する",
		t.Name, f.Run, f.At.Format(time.RFC3339), t.Spec.Config, fenceFile)
}

// closed is a server that runs, answers, and does not let muster in.
const closed = "closed"

// fence is the last resort before another server takes over: whatever state the server is
// in, it must not write any more. A server that gives no answer, or does not obey, is
// therefore killed: it might write again at any moment, and nothing else can be proven of
// it. A server that answers and only turns our account away is another matter. It is
// healthy as far as anybody knows, what is wrong is a password or a grant, and the same
// mistake in an estate must not take a primary down that serves. It is left alone, and
// refused; a plan that wants it silent at any price says stop: true, since a signal needs
// no account.
func fence(ctx context.Context, p Fence) (Fenced, error) {
	i, err := managed(p.Server)
	if err != nil {
		return fenceElsewhere(ctx, p, err)
	}
	out := Fenced{Server: p.Server.Name, Method: "none"}
	switch out.Was, err = condition(ctx, i, p.Server); {
	case out.Was == closed && !p.Stop:
		return Fenced{}, activities.RefusedBoth("server %s runs and does not let muster in, so it was left as it is: %v. Correct user, password and tls of the target, or what the account may do; to silence it without any of that, say stop: true",
			"サーバー %s は稼働しているが、muster のログインを受け付けないため、何も変更していない：%v。操作対象の user・password・tls、またはアカウントの権限を修正する。ログインせずに止めるには stop: true を指定する", p.Server.Name, err)
	case out.Was != closed && err != nil:
		return Fenced{}, err
	}
	// First what holds after a restart, then the server itself: the other way round,
	// whatever watches over it could start it again in between.
	if _, err := raise(ctx, i, ""); err != nil {
		return Fenced{}, err
	}
	if out.Method, err = silence(ctx, i, p, out.Was); err != nil {
		return Fenced{}, fmt.Errorf("fence %s: %w", p.Server.Name, err)
	}
	if out.GTID, err = fenceHolds(ctx, i, p.Server); err != nil {
		return Fenced{}, err
	}
	out.At = micro(time.Now())
	f, err := fenceOf(i)
	if err == nil && f != nil {
		f.Result = &out
		err = note(i, fenceFile, f)
	}
	return out, err
}

// silence ends a server's writes: it makes it read-only, and kills one that does not obey.
func silence(ctx context.Context, i *mycluster.Instance, p Fence, was string) (string, error) {
	soon, cancel := context.WithTimeout(ctx, mylink.StopTimeout(p.Server.Spec))
	defer cancel()
	var err error
	switch was {
	case roleDown:
		return "none", nil
	case "frozen", "hung":
		return "killed", bringDown(ctx, i)
	case closed:
	default:
		err = quieten(soon, p.Server)
	}
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case mylink.Denied(err) && !p.Stop:
		return "", activities.FindingBoth("server %s takes writes still, and will be read-only from its next start on: muster's account may not make it so now: %v. Grant that, or say stop: true, and repeat the fence",
			"サーバー %s はまだ書き込みを受け付けている（次回の起動からは読み取り専用になる）。muster のアカウントに、読み取り専用にする権限がない：%v。権限を付与するか stop: true を指定し、フェンスを再実行する", p.Server.Name, err)
	case mylink.Denied(err):
	case err != nil:
		activities.Log(ctx).Warn("the server did not become read-only, it is killed", "server", p.Server.Name, "err", err)
		return "killed", bringDown(ctx, i)
	case !p.Stop:
		return "read-only", nil
	}
	if err := i.Stop(soon); err == nil {
		return "stopped", nil
	}
	return "killed", bringDown(ctx, i)
}

// quieten makes a server read-only and ends its clients' sessions.
func quieten(ctx context.Context, t Target) error {
	c, err := connect(ctx, t)
	if err != nil {
		return err
	}
	defer c.Close()
	return quiet(ctx, c)
}

func bringDown(ctx context.Context, i *mycluster.Instance) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := i.Kill(ctx)
	return err
}

// raise writes the fence's marker and makes every later start read-only. A higher token's
// marker stays.
func raise(ctx context.Context, i *mycluster.Instance, to string) (*fenceNote, error) {
	call := activities.CallFrom(ctx)
	f := &fenceNote{Run: call.Run, Step: call.Step, Token: call.Token, At: micro(time.Now()), For: to}
	old, err := fenceOf(i)
	if err != nil {
		return nil, err
	}
	if old != nil && old.Token > call.Token {
		return nil, activities.RefusedBoth("server %s was fenced under a later token (%d, run %s); this run's token %d is out of date",
			"サーバー %s はより新しいトークン（%d、実施 %s）でフェンスされている。この実施のトークン %d は古い", i.Name, old.Token, old.Run, call.Token)
	}
	if err := note(i, fenceFile, f); err != nil {
		return nil, err
	}
	return f, i.KeepReadOnly(true)
}

// condition says what a managed server is before it is fenced. A closed one comes with
// what it said.
func condition(ctx context.Context, i *mycluster.Instance, t Target) (string, error) {
	procs, err := i.Processes()
	if err != nil {
		return "", err
	}
	if len(procs) == 0 {
		return roleDown, nil
	}
	for _, p := range procs {
		if p.Frozen {
			return "frozen", nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	v, err := visit(ctx, t)
	if mylink.Denied(err) {
		return closed, err
	}
	if err != nil {
		return "hung", nil //nolint:nilerr // it runs and does not answer: that is what it is
	}
	return v.role(), nil
}

// fenceHolds proves the fence and says where the server stands, or what is missing.
func fenceHolds(ctx context.Context, i *mycluster.Instance, t Target) (gtid string, err error) {
	f, err := fenceOf(i)
	if err != nil {
		return "", err
	}
	if f == nil {
		return "", activities.FindingBoth("server %s has no fence marker",
			"サーバー %s にフェンスの印がない", t.Name)
	}
	if readOnly, err := i.KeptReadOnly(ctx); err != nil {
		return "", err
	} else if !readOnly {
		return "", activities.FindingBoth("server %s has a fence marker, but its options do not say read_only: it would start as one that takes writes; let its main option file include %s last",
			"サーバー %s にフェンスの印はあるが、オプションが read_only になっていない。起動すると書き込みを受け付ける。メインのオプションファイルの最後で %s を読み込むようにする", t.Name, i.Config)
	}
	procs, err := i.Processes()
	if err != nil || len(procs) == 0 {
		return "", err
	}
	var v view
	if err := activities.Until(ctx, 15*time.Second, 100*time.Millisecond, func(ctx context.Context) (err error) {
		v, err = visit(ctx, t) // whatever watches over it may just have started it again
		return err
	}); err != nil {
		return "", fmt.Errorf("server %s runs and does not say whether it takes writes: %w", t.Name, err)
	}
	if !v.Bound {
		return "", activities.FindingBoth("server %s takes writes in spite of its fence",
			"サーバー %s はフェンスされているのに書き込みを受け付けている", t.Name)
	}
	return v.GTID, nil
}

// fenceElsewhere is for a server whose processes and files are out of reach. While it
// answers, it is made read-only all the same; but only a server that keeps that by itself
// over a restart is fenced by it, and one that doesn't answer can't be proven to be.
func fenceElsewhere(ctx context.Context, p Fence, why error) (Fenced, error) {
	c, err := connect(ctx, p.Server)
	if err != nil {
		return Fenced{}, fmt.Errorf("whether %s takes writes can't be proven from here: %w (%s)", p.Server.Name, err, text(why))
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return Fenced{}, err
	}
	out := Fenced{Server: p.Server.Name, Was: v.role(), Method: "read-only"}
	if err := quiet(ctx, c); err != nil {
		return Fenced{}, fmt.Errorf("fence %s: %w", p.Server.Name, err)
	}
	if v, err = see(ctx, c); err != nil {
		return Fenced{}, err
	}
	lasts, err := kept(ctx, c, p.Server, v)
	switch {
	case err != nil:
		return Fenced{}, err
	case !v.Bound:
		return Fenced{}, activities.FindingBoth("server %s takes writes although it was made read-only",
			"サーバー %s は読み取り専用にしたのに書き込みを受け付けている", p.Server.Name)
	case !lasts || p.Stop:
		return Fenced{}, activities.FindingBoth("server %s is read-only now and its sessions are ended, but that is all that can be done from here: %s",
			"サーバー %s を読み取り専用にし、接続を切ったが、ここからできるのはそこまでである：%s", p.Server.Name, why)
	}
	out.GTID, out.At = v.GTID, micro(time.Now())
	return out, nil
}

func lookFenced(ctx context.Context, p Fence) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil { // the action itself says what can be done from here, and repeats safely
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: text(err)}, nil //nolint:nilerr // see above
	}
	f, err := fenceOf(i)
	if err != nil {
		return activities.Seen{}, err
	}
	call := activities.CallFrom(ctx)
	if f == nil || f.Run != call.Run {
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is not fenced by this run", "%s はこの実施によってフェンスされていない", p.Server.Name)}, nil
	}
	gtid, err := fenceHolds(ctx, i, p.Server)
	if err != nil {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: text(err)}, nil //nolint:nilerr // fencing again is safe and is what helps
	}
	if p.Stop {
		if procs, err := i.Processes(); err != nil || len(procs) > 0 {
			return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s is fenced and still runs", "%s はフェンスされているが、まだ稼働している", p.Server.Name)}, err
		}
	}
	out := Fenced{Server: p.Server.Name, Was: roleDown, Method: "none", GTID: gtid, At: micro(time.Now())}
	if f.Result != nil {
		out = *f.Result
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("%s is fenced by this run", "%s はこの実施によってフェンスされている", p.Server.Name), Output: out}, nil
}

// Unfence is the parameters of mysql.unfence.
type Unfence struct {
	Server Target       `json:"server" kind:"mysql" help:"Server whose fence is taken off." ja:"フェンスを外すサーバー" example:"shop-tokyo"`
	Others []Target     `json:"others" kind:"mysql" help:"All other copies of the database: refused when one of them takes writes or can't say, or is down and may come back as one that does. A server does not know who was promoted while it was fenced, so the plan must; [] says that there is no other copy." ja:"データベースのほかの全コピー。書き込みを受け付けているか、確認できないか、停止していて書き込み可能な状態で復帰しうるものがあれば拒否する。フェンス中に何が昇格したかをサーバーは知らないため、計画に書く。ほかにコピーがなければ []" example:"[shop-osaka]"`
	Wait   run.Duration `json:"wait" help:"How long the start may take, and, before it, another copy that is down to answer again." ja:"起動を待つ時間。その前に、停止しているほかのコピーが応答するのを待つ時間でもある" default:"1m"`
}
