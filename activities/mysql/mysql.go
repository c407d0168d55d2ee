// Package mysql acts on MariaDB and MySQL servers that replicate by GTID: kill, stop and
// start them, fence and unfence, promote, rejoin, switch over, say what they are, and dump
// and restore what they hold. Everything is gated on what the server, its files and its
// processes show afterwards.
//
// Which of the two a server is, it says itself; what they say differently is in dialect.go.
// An action that needs a server's processes or files runs on the worker of that server's
// host; the others work from anywhere.
package mysql

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Server is a target of kind "mysql".
type Server = mylink.Server

// Target is a parameter that names one.
type Target = activities.Target[Server]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{
		activities.DefineTarget[Server]("mysql",
			plan.Text{EN: "A MariaDB server, 10.5 or later, or a MySQL server, 8.0.23 or later, that replicates by GTID. For a managed one, data and config name its files on the site worker's host.", JA: "GTIDで複製するMariaDB（10.5以降）またはMySQL（8.0.23以降）のサーバー。管理対象にする場合は、拠点ワーカーのホスト上のファイルを data と config に書く。"}),
		activities.DefineTarget[Store]("mysqldumps",
			plan.Text{EN: "Dumps of MariaDB or MySQL servers, as files in a folder on the site worker's host, and the folder in which restores are tried.", JA: "MariaDBまたはMySQLのダンプ（拠点ワーカーのホスト上のフォルダー）と、復元を試すフォルダー。"}),
	}
}

// settle is how long a look must see "not yet" before that is proof: a statement whose
// sender died may still reach its server.
const settle = 3 * time.Second

// Actions lists the family's actions.
func Actions() []activities.Action {
	return append([]activities.Action{
		activities.Define("mysql.kill", activities.Doc{
			Summary:   "Kill a server at once, as a power loss does.",
			SummaryJA: "サーバーを即座に強制終了する（電源断と同じ）。",
			Effect:    run.Disrupt, Undo: "mysql.start", Settle: settle,
		}, kill, activities.Look(lookKilled), activities.Ready(func(ctx context.Context, p Kill) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("mysql.stop", activities.Doc{
			Summary:   "Stop a server and see that nothing of it runs any more.",
			SummaryJA: "サーバーを停止し、プロセスが残っていないことを確かめる。",
			Effect:    run.Disrupt, Undo: "mysql.start", Settle: settle,
		}, stop, activities.Look(lookStopped), activities.Ready(func(ctx context.Context, p Stop) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("mysql.start", activities.Doc{
			Summary:   "Start a server and wait until it accepts connections; refused for a fenced one.",
			SummaryJA: "サーバーを起動し、接続を受け付けるまで待つ。フェンス済みのサーバーは起動しない。",
			Effect:    run.Disrupt, Undo: "mysql.stop", Settle: settle,
		}, start, activities.Look(lookStarted), activities.Ready(func(ctx context.Context, p Start) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("mysql.fence", activities.Doc{
			Summary:   "Make sure that a server takes no writes, now and after any restart: read-only, its clients' sessions ended; killed when it does not answer.",
			SummaryJA: "サーバーが今後、再起動後も含めて書き込みを受け付けないようにする（読み取り専用にし、クライアントの接続を切る。応答しなければ強制終了する）。",
			Effect:    run.Disrupt, Undo: "mysql.unfence", Settle: settle,
		}, fence, activities.Look(lookFenced), activities.Ready(readyFence)),
		activities.Define("mysql.unfence", activities.Doc{
			Summary:   "Take this run's fence off a server and let it take writes again; a replica stays one.",
			SummaryJA: "この実施がかけたフェンスを外し、サーバーの書き込みを再開させる（レプリカはレプリカのままにする）。",
			Effect:    run.Disrupt, Undo: "mysql.fence", Settle: settle,
		}, unfence, activities.Look(lookUnfenced), activities.Ready(func(ctx context.Context, p Unfence) ([]plan.Text, error) { return readyPower(ctx, p.Server) })),
		activities.Define("mysql.promote", activities.Doc{
			Summary:   "Promote a replica to primary, once it has applied all that it received; refused while the old primary could still take writes.",
			SummaryJA: "受信済みの変更をすべて適用してから、レプリカをプライマリに昇格する。旧プライマリがまだ書き込みを受け付けうる間は拒否する。",
			Effect:    run.Disrupt, Undo: "mysql.rejoin", After: "mysql.fence", Settle: settle,
		}, promote, activities.Look(lookPromoted), activities.Ready(readyPromote)),
		activities.Define("mysql.rejoin", activities.Doc{
			Summary:   "Make a server a replica of another, and see a transaction arrive; when their data differ, rebuild it if that is allowed.",
			SummaryJA: "サーバーを指定したサーバーのレプリカにし、変更が届くことを確かめる。データが食い違う場合は、許可されていれば再構築する。",
			Effect:    run.Destroy, Settle: settle,
		}, rejoin, activities.Look(lookRejoined), activities.Ready(readyRejoin)),
		activities.Define("mysql.switchover", activities.Doc{
			Summary:   "Move the primary role from one running server to another without losing a write.",
			SummaryJA: "書き込みを1件も失わずに、プライマリの役割を別のサーバーへ移す（計画切り替え）。",
			Effect:    run.Disrupt, Undo: "mysql.switchover", Settle: settle,
		}, switchover, activities.Look(lookSwitched), activities.Ready(func(ctx context.Context, p Switchover) ([]plan.Text, error) {
			return readyReach(ctx, p.From, p.To), nil
		})),
		activities.Define("mysql.keep_role", activities.Doc{
			Summary:   "Write the role that a server has now into its options, so that a restart does not change it.",
			SummaryJA: "サーバーの現在の役割を設定に書き込み、再起動しても変わらないようにする。",
			Effect:    run.Disrupt, Settle: settle,
		}, keep, activities.Look(lookKept), activities.Ready(func(ctx context.Context, p Keep) ([]plan.Text, error) { return readyReach(ctx, p.Server), nil })),
		activities.Define("mysql.wait_caught_up", activities.Doc{
			Summary:   "Wait until a replica has what its primary had a moment ago, measured by transactions.",
			SummaryJA: "レプリカが少し前のプライマリに追いつくまで、トランザクション単位で測りながら待つ。",
			Effect:    run.Observe, Repeatable: true,
		}, caughtUp, activities.Ready(func(ctx context.Context, p CaughtUp) ([]plan.Text, error) {
			return readyReach(ctx, p.Server, p.Follow), nil
		})),
		activities.Define("mysql.single_writer", activities.Doc{
			Summary:   "Prove that exactly one of the servers takes writes.",
			SummaryJA: "書き込みを受け付けるサーバーが1台だけであることを確かめる。",
			Effect:    run.Observe, Repeatable: true,
		}, singleWriter, activities.Ready(func(ctx context.Context, p SingleWriter) ([]plan.Text, error) {
			return readyReach(ctx, p.Servers...), nil
		})),
		activities.Define("mysql.status", activities.Doc{
			Summary:   "Say a server's role, position, replication and its errors.",
			SummaryJA: "サーバーの役割、GTID の位置、レプリケーションの状態とエラーを報告する。",
			Effect:    run.Observe, Repeatable: true,
		}, status, activities.Ready(func(ctx context.Context, p Inspect) ([]plan.Text, error) { return readyReach(ctx, p.Server), nil })),
	}, dumpActions()...)
}
