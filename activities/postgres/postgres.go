// Package postgres acts on PostgreSQL servers: kill, stop and start them, fence and
// unfence, promote, rejoin, switch over, and say what they are. Everything is gated
// on what the server, its files and its processes show afterwards.
//
// An action that needs a server's processes or files runs on the worker of that
// server's host; promote and what only looks work from anywhere.
package postgres

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Server is a target of kind "postgres".
type Server = pglink.Server

// Target is a parameter that names one.
type Target = activities.Target[Server]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Server]("postgres",
		plan.Text{EN: "A PostgreSQL server, 13 or later. For a managed one, data and config name its files on the site worker's host.", JA: "PostgreSQLサーバー（13以降）。管理対象にする場合は、拠点ワーカーのホスト上のファイルを data と config に書く。"})}
}

// settle is how long a look must see "not yet" before that is proof: a promotion's
// signal travels through two processes before anything shows it.
const settle = 3 * time.Second

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("postgres.kill", activities.Doc{
			Summary:   "Kill a server with all its processes at once, as a power loss does.",
			SummaryJA: "サーバーの全プロセスを一斉に強制終了する（電源断と同じ）。",
			Effect:    run.Disrupt, Undo: "postgres.start", Settle: settle,
		}, kill, activities.Look(lookKilled), activities.Ready(func(ctx context.Context, p Kill) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("postgres.stop", activities.Doc{
			Summary:   "Stop a server and see that nothing of it runs any more.",
			SummaryJA: "サーバーを停止し、プロセスが残っていないことを確かめる。",
			Effect:    run.Disrupt, Undo: "postgres.start", Settle: settle,
		}, stop, activities.Look(lookStopped), activities.Ready(func(ctx context.Context, p Stop) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("postgres.start", activities.Doc{
			Summary:   "Start a server and wait until it accepts connections; refused for a fenced one.",
			SummaryJA: "サーバーを起動し、接続を受け付けるまで待つ。フェンス済みのサーバーは起動しない。",
			Effect:    run.Disrupt, Undo: "postgres.stop", Settle: settle,
		}, start, activities.Look(lookStarted), activities.Ready(func(ctx context.Context, p Start) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("postgres.fence", activities.Doc{
			Summary:   "Make sure that a server takes no writes, now and after any restart.",
			SummaryJA: "サーバーが今後、再起動後も含めて一切書き込みを受け付けないようにする（フェンス）。",
			Effect:    run.Disrupt, Undo: "postgres.unfence", Settle: settle,
		}, fence, activities.Look(lookFenced), activities.Ready(func(ctx context.Context, p Fence) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("postgres.unfence", activities.Doc{
			Summary:   "Take this run's fence off a server and start it as what it was: a primary takes writes again, a standby stays one.",
			SummaryJA: "この実施がかけたフェンスを外し、サーバーを元の役割で起動する（プライマリは書き込みを再開し、スタンバイはスタンバイのままにする）。",
			Effect:    run.Disrupt, Undo: "postgres.fence", Settle: settle,
		}, unfence, activities.Look(lookUnfenced), activities.Ready(func(ctx context.Context, p Unfence) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("postgres.promote", activities.Doc{
			Summary:   "Promote a standby to primary; refused while the old primary could still take writes.",
			SummaryJA: "スタンバイをプライマリに昇格する。旧プライマリがまだ書き込みを受け付けうる間は拒否する。",
			Effect:    run.Disrupt, Undo: "postgres.rejoin", After: "postgres.fence", Settle: settle,
		}, promote, activities.Look(lookPromoted), activities.Ready(readyPromote)),
		activities.Define("postgres.rejoin", activities.Doc{
			Summary:   "Make a server a standby that streams from another, by rewinding it or, failing that, rebuilding it.",
			SummaryJA: "サーバーを巻き戻し（できなければ再構築し）、指定したサーバーに追従するスタンバイにする。",
			Effect:    run.Destroy, Settle: settle,
		}, rejoin, activities.Look(lookRejoined), activities.Ready(readyRejoin)),
		activities.Define("postgres.switchover", activities.Doc{
			Summary:   "Move the primary role from one running server to another without losing a write.",
			SummaryJA: "書き込みを1件も失わずに、プライマリの役割を別のサーバーへ移す（計画切り替え）。",
			Effect:    run.Disrupt, Undo: "postgres.switchover", Settle: settle,
		}, switchover, activities.Look(lookSwitched), activities.Ready(readySwitchover)),
		activities.Define("postgres.caught_up", activities.Doc{
			Summary:   "Wait until a standby has replayed what its primary wrote, up to a limit.",
			SummaryJA: "スタンバイの遅れが上限以内に収まるまで待つ。",
			Effect:    run.Observe, Repeatable: true,
		}, caughtUp, activities.Ready(func(ctx context.Context, p CaughtUp) ([]plan.Text, error) {
			return readyReach(ctx, p.Server, p.Follow), nil
		})),
		activities.Define("postgres.single_writer", activities.Doc{
			Summary:   "Prove that exactly one of the servers takes writes.",
			SummaryJA: "書き込みを受け付けるサーバーが1台だけであることを確かめる。",
			Effect:    run.Observe, Repeatable: true,
		}, singleWriter, activities.Ready(func(ctx context.Context, p SingleWriter) ([]plan.Text, error) {
			return readyReach(ctx, p.Servers...), nil
		})),
		activities.Define("postgres.status", activities.Doc{
			Summary:   "Say a server's role, timeline, lag and slots.",
			SummaryJA: "サーバーの役割、タイムライン、遅れ、スロットを報告する。",
			Effect:    run.Observe, Repeatable: true,
		}, status, activities.Ready(func(ctx context.Context, p Inspect) ([]plan.Text, error) { return readyReach(ctx, p.Server), nil })),
	}
}
