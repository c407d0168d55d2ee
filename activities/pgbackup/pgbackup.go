// Package pgbackup proves that PostgreSQL backups can be restored: it finds the newest
// one, restores it to a point in time in an isolated server of its own, verifies what came
// back, and takes it away again. It never connects to the live server, except to take a
// backup, and never writes outside of the folders that the estate declares for it.
package pgbackup

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Store is a target of kind "pgbackups": where backups are, and where they may be
// restored to.
type Store struct {
	Backups  string `json:"backups" reach:"path" help:"Folder of base backups, each a folder as pg_basebackup makes it, plain or tar (packed with gzip or zstd or not), with its manifest. Empty with a stanza." ja:"ベースバックアップのフォルダー。pg_basebackup が作るフォルダー（plain、またはtar。gzip・zstd圧縮も可）をマニフェストとともに置く。stanza を使う場合は空" default:"" example:"/var/backups/orders/base"`
	WAL      string `json:"wal" reach:"path" help:"Folder to which the server archives its write-ahead log. Empty with a stanza." ja:"サーバーがWALをアーカイブするフォルダー。stanza を使う場合は空" default:"" example:"/var/backups/orders/wal"`
	Stanza   string `json:"stanza" help:"pgBackRest's name of the server, when pgBackRest keeps the backups." ja:"pgBackRestで管理している場合の、サーバーの名前（stanza）" default:"" example:"orders"`
	Config   string `json:"config" reach:"path" help:"pgBackRest's configuration on this host, which names the repository; empty is pgBackRest's own place for it." ja:"リポジトリを指定した、このホストのpgBackRest設定ファイル。空ならpgBackRestの既定の場所" default:"" example:"/etc/pgbackrest/pgbackrest.conf"`
	Area     string `json:"area" reach:"path" help:"Folder for isolated servers: empty but for what muster puts there, on a disk with room for one." ja:"隔離サーバー用のフォルダー。muster専用とし、1つ分の空きがあるディスクに置く" example:"/var/tmp/muster-restore"`
	Database string `json:"database" help:"Database that is verified." ja:"検証するデータベース" default:"postgres"`
	User     string `json:"user" help:"Superuser in the restored server." ja:"復元したサーバーのスーパーユーザー" default:"postgres"`
	Bin      string `json:"bin" reach:"path" help:"Directory of the server's programs; empty finds those of the backup's version." ja:"サーバーのプログラムのディレクトリ。空なら、導入済みのうちバックアップと同じバージョンのもの" default:""`
	RunAs    string `json:"run_as" help:"Service user; empty is postgres when the worker is root, else the worker's user." ja:"実行ユーザー。空の場合、ワーカーがrootなら postgres、それ以外はワーカーのユーザー" default:""`
}

// Target is a parameter that names one.
type Target = activities.Target[Store]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Store]("pgbackups",
		plan.Text{EN: "Base backups and archived log of a PostgreSQL server, as folders on the site worker's host or in a pgBackRest repository, and the folder in which restores are tried.", JA: "PostgreSQLサーバーのベースバックアップとアーカイブ済みログ（拠点ワーカーのホスト上のフォルダー、またはpgBackRestのリポジトリ）と、復元を試すフォルダー。"})}
}

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("pgbackup.take", activities.Doc{
			Summary:   "Take a base backup of a running server into the folder of backups.",
			SummaryJA: "稼働中のサーバーのベースバックアップを取得し、バックアップの保存先に置く。",
			Effect:    run.Isolated, Settle: 2 * time.Second,
		}, take, activities.Look(lookTaken)),
		activities.Define("pgbackup.find", activities.Doc{
			Summary:    "Find the newest complete base backup, and its age.",
			SummaryJA:  "最新の完全なベースバックアップを探し、経過時間を調べる。",
			Effect:     run.Observe,
			Repeatable: true,
		}, find, activities.Ready(func(ctx context.Context, p Find) ([]plan.Text, error) {
			_, err := find(ctx, p)
			return nil, err
		})),
		activities.Define("pgbackup.restore", activities.Doc{
			Summary:   "Restore a backup to a point in time in an isolated server, which listens on no network.",
			SummaryJA: "バックアップを指定時点まで、ネットワークに接続しない隔離サーバーに復元する。",
			Effect:    run.Isolated, Undo: "pgbackup.discard", Settle: 2 * time.Second,
		}, restore, activities.Look(lookRestored), activities.Ready(readyRestore)),
		activities.Define("pgbackup.verify", activities.Doc{
			Summary:   "Verify the restored server: structure, contents, and the newest row as the recovery point.",
			SummaryJA: "復元したサーバーの構造と内容を検証し、最新の行から復旧時点を求める。",
			Effect:    run.Observe,
		}, verify),
		activities.Define("pgbackup.discard", activities.Doc{
			Summary:   "End the isolated server and remove its folder.",
			SummaryJA: "隔離サーバーを終了し、そのフォルダーを削除する。",
			Effect:    run.Isolated, Settle: 2 * time.Second,
		}, discard, activities.Look(lookDiscarded), activities.Ready(func(_ context.Context, p Discard) ([]plan.Text, error) {
			return nil, guardArea(p.Backups)
		})),
	}
}
