// Package etcd is the family of actions on etcd clusters: their state, leadership moved
// under control, snapshots, and the proof that a snapshot comes back: restored as a cluster
// of its own that no client of the live one reaches, verified, and taken away again.
package etcd

import (
	"context"
	"net"
	"net/url"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Cluster is a target of kind "etcd".
type Cluster struct {
	Endpoints []string          `json:"endpoints" help:"Client URLs of its members, one for each: what none of them reaches counts as not answering." ja:"各メンバーのクライアントURL。どれからも届かないメンバーは応答なしとみなす" example:"[\"https://10.0.1.5:2379\", \"https://10.0.2.5:2379\"]"`
	CA        string            `json:"ca" reach:"path" help:"File on the site worker's host with the certificates that sign the members'; empty is the system's own." ja:"メンバーの証明書に署名した認証局の証明書（拠点ワーカーのホスト上のファイル）。空ならシステムの認証局" default:"" example:"/etc/muster/etcd-ca.pem"`
	Cert      string            `json:"cert" reach:"path" help:"File with the client certificate, where members ask for one." ja:"クライアント証明書のファイル。メンバーが求める場合に指定する" default:"" example:"/etc/muster/etcd-client.pem"`
	Key       activities.Secret `json:"key" help:"Its private key, PEM." ja:"その秘密鍵（PEM）" default:"" example:"secret://file/etc/muster/etcd-client.key"`
	User      string            `json:"user" help:"User, where authentication is on; snapshots and leadership need one with the role root." ja:"認証が有効な場合のユーザー。スナップショットとリーダーの移動には root ロールが必要" default:"" example:"root"`
	Password  activities.Secret `json:"password" help:"Its password." ja:"そのパスワード" default:"" example:"secret://env/ETCD_PASSWORD"`
}

// Reach is the members' addresses, which may be those of sockets.
func (c Cluster) Reach() activities.Reach {
	var out activities.Reach
	for _, endpoint := range c.Endpoints {
		u, err := url.Parse(endpoint)
		_, _, noAddress := net.SplitHostPort(endpoint)
		switch {
		case err == nil && (u.Scheme == "unix" || u.Scheme == "unixs"):
			out.Paths = append(out.Paths, u.Host+u.Path+u.Opaque)
		case err == nil && (u.Scheme == "http" || u.Scheme == "https"):
			out.Hosts = append(out.Hosts, activities.HostOf(u))
		case noAddress == nil:
			out.Hosts = append(out.Hosts, endpoint)
		default:
			out.Hosts = append(out.Hosts, "") // nowhere that a rule allows
		}
	}
	return out
}

// Target is a parameter that names a cluster.
type Target = activities.Target[Cluster]

// Store is a target of kind "etcd_snapshots": where snapshots are, and where they may be
// restored to.
type Store struct {
	Folder   string            `json:"folder" reach:"path" help:"Folder of snapshots, each a file NAME.db as etcdctl or etcdutl saves it; those of etcd.snapshot have a list NAME.json beside them." ja:"スナップショットのフォルダー。etcdctl や etcdutl が保存した NAME.db を置く。etcd.snapshot によるものは一覧 NAME.json を伴う" example:"/var/backups/etcd"`
	Area     string            `json:"area" reach:"path" help:"Folder for isolated clusters: empty but for what muster puts there, on a disk with room for one." ja:"隔離クラスター用のフォルダー。muster専用とし、1つ分の空きがあるディスクに置く" example:"/var/tmp/muster-restore"`
	Bin      string            `json:"bin" reach:"path" help:"Directory of etcd, etcdutl and etcdctl; empty finds them by PATH." ja:"etcd、etcdutl、etcdctl のディレクトリ。空ならPATHから探す" default:""`
	User     string            `json:"user" help:"User with the role root in what is restored, where authentication is on." ja:"認証が有効な場合、復元したデータ内で root ロールを持つユーザー" default:""`
	Password activities.Secret `json:"password" help:"Its password." ja:"そのパスワード" default:""`
}

// Snapshots is a parameter that names one.
type Snapshots = activities.Target[Store]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{
		activities.DefineTarget[Cluster]("etcd", plan.Text{EN: "A running etcd cluster.", JA: "稼働中のetcdクラスター。"}),
		activities.DefineTarget[Store]("etcd_snapshots", plan.Text{EN: "Snapshots of an etcd cluster, as files on the site worker's host, and the folder in which restores are tried.", JA: "etcdクラスターのスナップショット（拠点ワーカーのホスト上のファイル）と、復元を試すフォルダー。"}),
	}
}

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("etcd.status", activities.Doc{
			Summary:    "Show a cluster's members, leader, revision, sizes, alarms and learners, as each member answers for itself.",
			SummaryJA:  "クラスターのメンバー・リーダー・リビジョン・サイズ・アラーム・ラーナーを、各メンバー自身の応答から調べる。",
			Effect:     run.Observe,
			Repeatable: true,
		}, status, activities.Ready(func(ctx context.Context, p Status) ([]plan.Text, error) { return readyCluster(ctx, p.Cluster) })),
		activities.Define("etcd.wait_healthy", activities.Doc{
			Summary:    "Wait until a majority or all of a cluster's members agree on one leader, without alarms, and a linearizable read is answered.",
			SummaryJA:  "過半数または全メンバーのリーダーが一致し、アラームがなく、線形化読み取りに応答するまで待つ。",
			Effect:     run.Observe,
			Repeatable: true,
		}, waitHealthy, activities.Ready(func(ctx context.Context, p Wait) ([]plan.Text, error) { return readyCluster(ctx, p.Cluster) })),
		activities.Define("etcd.move_leader", activities.Doc{
			Summary:   "Move leadership to a named member under control, and see every member agree.",
			SummaryJA: "指定したメンバーへリーダーを計画的に移し、全メンバーの一致を確かめる。",
			Effect:    run.Disrupt, Undo: "etcd.move_leader",
		}, moveLeader, activities.Look(lookLeader), activities.Ready(readyMove)),
		activities.Define("etcd.snapshot", activities.Doc{
			Summary:   "Save a snapshot of a running cluster into the folder of snapshots, with what a restore of it must show.",
			SummaryJA: "稼働中のクラスターのスナップショットを、復元時の照合情報とともに保存先に置く。",
			Effect:    run.Isolated, Settle: 2 * time.Second,
		}, snapshot, activities.Look(lookSnapshot), activities.Ready(readySnapshot)),
		activities.Define("etcd.restore", activities.Doc{
			Summary:   "Restore a snapshot as an isolated cluster of one member, which listens on no network, and verify what came back.",
			SummaryJA: "スナップショットを、ネットワークに接続しない単一メンバーの隔離クラスターに復元し、内容を検証する。",
			Effect:    run.Isolated, Undo: "etcd.discard", Settle: 2 * time.Second,
		}, restore, activities.Look(lookRestored), activities.Ready(readyRestore)),
		activities.Define("etcd.discard", activities.Doc{
			Summary:   "End the isolated cluster and remove its folder.",
			SummaryJA: "隔離クラスターを終了し、そのフォルダーを削除する。",
			Effect:    run.Isolated, Settle: 2 * time.Second,
		}, discard, activities.Look(lookDiscarded), activities.Ready(func(_ context.Context, p Discard) ([]plan.Text, error) {
			return nil, guardArea(p.Snapshots)
		})),
	}
}
