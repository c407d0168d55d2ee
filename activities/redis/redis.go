// Package redis acts on Redis servers (and Valkey's) that replicate, with and without
// sentinels: fence and unfence, promote, rejoin, fail over, and say what they are.
// Everything is gated on what the servers, and a majority of the sentinels, show
// afterwards. It is not for Redis Cluster.
package redis

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/run"
)

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{
		activities.DefineTarget[redislink.Server]("redis",
			plan.Text{EN: "A Redis or Valkey server, 6.2 or later, that replicates or is alone. Its user may run INFO, CONFIG, CLIENT, REPLICAOF and SETRANGE on muster:*.", JA: "RedisまたはValkeyのサーバー（6.2以降。レプリケーション構成でも単独でもよい）。ユーザーには INFO、CONFIG、CLIENT、REPLICAOF と、muster:* への SETRANGE を許可する。"}),
		activities.DefineTarget[redislink.Sentinel]("sentinel", plan.Text{EN: "The sentinels that watch one master.", JA: "1つのマスターを監視するSentinel。"}),
	}
}

// settle is how long a look must see "not yet" before that is proof.
const settle = 3 * time.Second

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("redis.fence", activities.Doc{
			Summary:   "Make sure that a server takes no writes, from connected clients either, now and after a restart.",
			SummaryJA: "サーバーが、接続中のクライアントからも再起動後も、一切書き込みを受け付けないようにする（フェンス）。",
			Effect:    run.Disrupt, Undo: "redis.unfence", Settle: settle,
		}, fence, activities.Look(lookFenced), activities.Ready(readyFence)),
		activities.Define("redis.unfence", activities.Doc{
			Summary:   "Take the fence off a server; refused while another one takes writes.",
			SummaryJA: "サーバーのフェンスを外す。別のサーバーが書き込みを受け付けている間は拒否する。",
			Effect:    run.Disrupt, Undo: "redis.fence", Settle: settle,
		}, unfence, activities.Look(lookUnfenced), activities.Ready(func(ctx context.Context, p Unfence) ([]plan.Text, error) {
			return readyReach(ctx, append([]Target{p.Server}, p.Others...)...), nil
		})),
		activities.Define("redis.promote", activities.Doc{
			Summary:   "Make a replica the master, where no sentinels do; refused while the old master could still take writes.",
			SummaryJA: "レプリカをマスターに昇格する（Sentinel を使わない構成）。旧マスターがまだ書き込みを受け付けうる間は拒否する。",
			Effect:    run.Disrupt, Undo: "redis.rejoin", After: "redis.fence", Settle: settle,
		}, promote, activities.Look(lookPromoted), activities.Ready(readyPromote)),
		activities.Define("redis.rejoin", activities.Doc{
			Summary:   "Make a server a replica of another, and take its fence off.",
			SummaryJA: "サーバーを指定したマスターのレプリカにし、フェンスを外す。",
			Effect:    run.Destroy, Settle: settle,
		}, rejoin, activities.Look(lookRejoined), activities.Ready(readyRejoin)),
		activities.Define("redis.switchover", activities.Doc{
			Summary:   "Move the master role from one running server to another without losing a write, where no sentinels do.",
			SummaryJA: "書き込みを1件も失わずに、マスターの役割を別のサーバーへ移す（Sentinel を使わない構成の計画切り替え）。",
			Effect:    run.Disrupt, Undo: "redis.switchover", Settle: settle,
		}, switchover, activities.Look(lookSwitched), activities.Ready(readySwitchover)),
		activities.Define("redis.failover", activities.Doc{
			Summary:   "Have the sentinels move the master role to a replica without losing a write: writes are held back until it has them all.",
			SummaryJA: "書き込みを一時的に止め、1件も失わずに Sentinel でマスターの役割をレプリカへ移す（計画切り替え）。",
			Effect:    run.Disrupt, Undo: "redis.failover", Settle: 5 * time.Second,
		}, failover, activities.Look(lookFailedOver), activities.Ready(func(ctx context.Context, p Failover) ([]plan.Text, error) {
			return readyFailover(ctx, p.Sentinel, append(p.others(p.From), p.To)...)
		})),
		activities.Define("redis.wait_failover", activities.Doc{
			Summary:   "Wait until the sentinels have failed over by themselves, and sentinels and servers agree on the new master.",
			SummaryJA: "Sentinel による自動フェイルオーバーが終わり、Sentinel と全サーバーの認識が新マスターで一致するまで待つ。",
			Effect:    run.Observe, Repeatable: true,
		}, waitFailover, activities.Ready(func(ctx context.Context, p WaitFailover) ([]plan.Text, error) {
			servers := append([]Target{p.From}, p.Servers...)
			out, err := readyFailover(ctx, p.Sentinel, servers...)
			return append(out, isolatedMaster(ctx, servers...)...), err
		})),
		activities.Define("redis.wait_caught_up", activities.Doc{
			Summary:   "Wait until a replica has applied what its master wrote, up to a limit.",
			SummaryJA: "レプリカの遅れが上限以内に収まるまで待つ。",
			Effect:    run.Observe, Repeatable: true,
		}, waitCaughtUp, activities.Ready(func(ctx context.Context, p CaughtUp) ([]plan.Text, error) {
			return readyReach(ctx, p.Server, p.Follow), nil
		})),
		activities.Define("redis.single_writer", activities.Doc{
			Summary:   "Prove that exactly one of the servers takes writes, and that the sentinels name that one.",
			SummaryJA: "書き込みを受け付けるサーバーが1台だけであり、Sentinel もそれをマスターとしていることを確かめる。",
			Effect:    run.Observe, Repeatable: true,
		}, singleWriter, activities.Ready(func(ctx context.Context, p SingleWriter) ([]plan.Text, error) {
			if p.Sentinel.Name != "" {
				return readyFailover(ctx, p.Sentinel, p.Servers...)
			}
			return readyReach(ctx, p.Servers...), nil
		})),
		activities.Define("redis.status", activities.Doc{
			Summary:   "Say a server's role, position, link, lag and fence.",
			SummaryJA: "サーバーの役割、位置、接続、遅れ、フェンスの有無を報告する。",
			Effect:    run.Observe, Repeatable: true,
		}, status, activities.Ready(func(ctx context.Context, p Inspect) ([]plan.Text, error) { return readyReach(ctx, p.Server), nil })),
	}
}
