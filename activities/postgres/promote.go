package postgres

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Promote is the parameters of postgres.promote.
type Promote struct {
	Server     Target       `json:"server" kind:"postgres" help:"Standby that becomes primary." ja:"プライマリにするスタンバイ"`
	MaxLag     run.Bytes    `json:"max_lag" help:"Refuse when it is known to have received less than this of what the old primary wrote." ja:"旧プライマリの書き込みのうち、受信していないとわかっている量がこれを超えれば拒否する" default:"0B"`
	MaxSilence run.Duration `json:"max_silence" help:"Refuse when the old primary can't say how far it had written, and the newest sign of it (a transaction or checkpoint that was replayed, a word that is still received) is older than this: the standby may have stopped receiving long before. Put it above the longest time without any write, a holiday say, and the time that people take. 0s is never." ja:"旧プライマリが書き込み済みの位置を答えられず、その最新の痕跡（適用したトランザクションやチェックポイント、受信中の通信）がこれより古ければ拒否する（スタンバイの受信がずっと前に止まっていたおそれがあるため）。連休など書き込みのない最長の時間に、人の対応にかかる時間を足した値より長くする。0s なら拒否しない" default:"0s"`
	Wait       run.Duration `json:"wait" help:"How long the promotion may take." ja:"昇格を待つ時間" default:"60s"`
}

// Promoted is its result.
type Promoted struct {
	Server         string  `json:"server" help:"The new primary." ja:"新しいプライマリ"`
	TimelineBefore int     `json:"timeline_before" help:"Timeline it followed; 0 when it was primary already." ja:"それまで追随していたタイムライン。すでにプライマリだった場合は0"`
	Timeline       int     `json:"timeline" help:"Timeline it writes now." ja:"現在書き込んでいるタイムライン"`
	LSN            string  `json:"lsn" help:"Position in the write-ahead log after the promotion." ja:"昇格後のWALの位置"`
	LagBytes       int64   `json:"lag_bytes" help:"What it had not received of the old primary's log; at least this much when lag_known is false." ja:"旧プライマリのログのうち受信していなかった量。lag_known が false の場合は少なくともこの量"`
	LagKnown       bool    `json:"lag_known" help:"Whether the old primary itself could still say how far it had written." ja:"旧プライマリ自身が書き込み済みの位置を答えられたか"`
	SilentS        float64 `json:"silent_s" help:"Age of the newest sign of the old primary, in seconds, when lag_known is false: an idle database gives none." ja:"lag_known が false の場合、旧プライマリの最新の痕跡からの秒数。書き込みのないデータベースには痕跡がない"`
}

func promote(ctx context.Context, p Promote) (Promoted, error) {
	c, err := reach(ctx, p.Server, p.Wait.Std())
	if err != nil {
		return Promoted{}, err
	}
	defer c.Close()
	if err := notFenced(ctx, c, p.Server); err != nil {
		return Promoted{}, err
	}
	v, err := see(ctx, c)
	if err != nil {
		return Promoted{}, err
	}
	if !v.Recovery {
		return promotedAlready(p.Server, v), nil
	}
	out := Promoted{Server: p.Server.Name, TimelineBefore: v.Timeline}
	if out.LagBytes, out.LagKnown, err = oldPrimary(ctx, c, p.Server, v); err != nil {
		return Promoted{}, err
	}
	if out.LagBytes > int64(p.MaxLag) {
		return Promoted{}, activities.RefusedBoth("%s is %d bytes behind the old primary, more than max_lag %s allows: that much would be lost; raise max_lag if the loss is accepted",
			"%s は旧プライマリより %d バイト遅れており、max_lag %s を超えている。その分のデータが失われる。損失を許容する場合は max_lag を引き上げる",
			p.Server.Name, out.LagBytes, p.MaxLag)
	}
	if !out.LagKnown {
		silent, err := silence(ctx, c)
		if err != nil {
			return Promoted{}, err
		}
		if p.MaxSilence > 0 && silent > p.MaxSilence.Std() {
			return Promoted{}, activities.RefusedBoth("the newest sign of the old primary on %s is %s old, more than max_silence %s allows, and it can't be asked what it wrote since: nothing is lost if nothing was written for so long, else it may be all of that; promote another standby; if that loss is accepted, SELECT pg_promote() on %[1]s and repeat the step",
				"%s にある旧プライマリの最新の痕跡は %s 前のもので、max_silence %s を超えている。その後の書き込みを旧プライマリに確認することもできない。その間に書き込みがなかったのであれば何も失われないが、あったのであればすべて失われるおそれがある。別のスタンバイを昇格する。損失を許容する場合は、%[1]s で SELECT pg_promote() を実行してからステップを再実行する",
				p.Server.Name, silent.Round(time.Second), p.MaxSilence)
		}
		out.SilentS = silent.Seconds()
	}
	v, err = raiseTimeline(ctx, c, p.Server, v, p.Wait.Std())
	if err != nil {
		return Promoted{}, err
	}
	out.Timeline, out.LSN = v.Timeline, v.Position.String()
	return out, nil
}

// silence is the age of the newest sign of its primary that the standby behind c has. Without a receiver nothing says
// since when there is none.
func silence(ctx context.Context, c *pglink.Conn) (time.Duration, error) {
	var s float64
	err := ask(ctx, c, `SELECT extract(epoch FROM clock_timestamp() - greatest(pg_last_xact_replay_timestamp(),
		(SELECT checkpoint_time FROM pg_control_checkpoint()), (SELECT last_msg_receipt_time FROM pg_stat_wal_receiver)))::float8`, nil, &s)
	return max(0, time.Duration(s*float64(time.Second))), err
}

func promotedAlready(t Target, v view) Promoted {
	return Promoted{Server: t.Name, Timeline: v.Timeline, LSN: v.Position.String()}
}

// raiseTimeline promotes the standby behind c, unless a promotion is already under
// way, and waits until it has left recovery.
func raiseTimeline(ctx context.Context, c *pglink.Conn, t Target, before view, within time.Duration) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if !before.Pending {
		var asked bool
		err := ask(ctx, c, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(false) ELSE true END", nil, &asked)
		if err != nil {
			return view{}, activities.Saying(err, "promote %s: %v", "%s の昇格：%v", t.Name, err)
		}
		if !asked {
			return view{}, activities.FindingBoth("server %s would not take the promotion; see its log",
				"サーバー %s が昇格を受け付けない。ログを確認する", t.Name)
		}
	}
	for {
		var recovery bool
		if err := ask(ctx, c, "SELECT pg_is_in_recovery()", nil, &recovery); err != nil {
			if ctx.Err() != nil {
				return view{}, activities.FindingBoth("server %s is still in recovery %s after it was told to promote",
					"サーバー %s は昇格を指示してから %s経過してもリカバリー中である", t.Name, within)
			}
			return view{}, activities.Saying(err, "promote %s: it was told to, and then: %v", "%s に昇格を指示した後のエラー：%v", t.Name, err)
		}
		if !recovery {
			break
		}
		if wait(ctx, tick) != nil {
			return view{}, activities.FindingBoth("server %s is still in recovery %s after it was told to promote",
				"サーバー %s は昇格を指示してから %s経過してもリカバリー中である", t.Name, within)
		}
	}
	v, err := see(ctx, c)
	if err == nil && v.Timeline <= before.Timeline {
		err = activities.FindingBoth("server %s left recovery on timeline %d, which is not after %d",
			"サーバー %s はタイムライン %d でリカバリーを終えたが、%d より新しくない", t.Name, v.Timeline, before.Timeline)
	}
	return v, err
}

func lookPromoted(ctx context.Context, p Promote) (activities.Seen, error) {
	c, err := connect(ctx, p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	defer c.Close()
	if err := notFenced(ctx, c, p.Server); err != nil {
		if isGuard(err) { // the action says it, and does nothing
			return activities.Seen{Sight: plan.HoldsNot, Detail: text(err)}, nil
		}
		return activities.Seen{}, err
	}
	v, err := see(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	if !v.Recovery {
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is primary on timeline %d", "%s はプライマリである（タイムライン %d）", p.Server.Name, v.Timeline).Both(),
			Output: promotedAlready(p.Server, v)}, nil
	}
	pending, err := promoting(ctx, c, v)
	if err != nil {
		return activities.Seen{}, err
	}
	if pending {
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s is being promoted", "%s は昇格中である", p.Server.Name).Both()}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is a standby", "%s はスタンバイである", p.Server.Name).Both()}, nil
}

// standing connects, sees what t is, and, of a standby, whether a promotion is under way.
func standing(ctx context.Context, t Target) (v view, rising bool, err error) {
	c, err := connect(ctx, t)
	if err != nil {
		return view{}, false, err
	}
	defer c.Close()
	if v, err = see(ctx, c); err == nil && v.Recovery {
		rising, err = promoting(ctx, c, v)
	}
	if err != nil {
		return v, rising, activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", t.Name, err)
	}
	return v, rising, nil
}

// promoting reports whether a promotion is under way in a standby: its trigger file is
// there, or it has been taken up. Of the latter only one thing is seen from outside:
// the server then refuses pg_wal_replay_resume, which does nothing to a replay that is
// not paused.
func promoting(ctx context.Context, c *pglink.Conn, v view) (bool, error) {
	if v.Pending {
		return true, nil
	}
	var paused bool
	if err := ask(ctx, c, "SELECT pg_is_in_recovery() AND pg_is_wal_replay_paused()", nil, &paused); err != nil {
		return false, err
	}
	if paused {
		return false, nil
	}
	err := tell(ctx, c, answerWithin, "SELECT pg_wal_replay_resume()")
	if pglink.Code(err) == "55000" { // under way, or just done
		return true, nil
	}
	return false, err
}
