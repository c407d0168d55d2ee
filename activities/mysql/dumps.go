package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Store is a target of kind "mysqldumps": where dumps are, and where they may be restored
// to.
type Store struct {
	Dumps string `json:"dumps" reach:"path" help:"Folder of dumps, each a file NAME.sql.zst with its description NAME.json." ja:"ダンプのフォルダー。NAME.sql.zst と説明の NAME.json が1組" example:"/var/backups/orders"`
	Area  string `json:"area" reach:"path" help:"Folder for isolated servers: empty but for what muster puts there, on a disk with room for one." ja:"隔離サーバー用のフォルダー。muster専用とし、1つ分の空きがあるディスクに置く" example:"/var/tmp/muster-restore"`
	Bin   string `json:"bin" reach:"path" help:"Directory of the server's programs; empty finds them." ja:"サーバーのプログラムのディレクトリ。空なら探す" default:""`
	RunAs string `json:"run_as" help:"Service user of isolated servers; empty is mysql when the worker is root, else the worker's user." ja:"隔離サーバーの実行ユーザー。空の場合、ワーカーがrootなら mysql、それ以外はワーカーのユーザー" default:""`
}

// StoreTarget is a parameter that names one.
type StoreTarget = activities.Target[Store]

func dumpActions() []activities.Action {
	return []activities.Action{
		activities.Define("mysql.dump", activities.Doc{
			Summary:   "Dump a running server's databases into the folder of dumps, consistently and with checksum.",
			SummaryJA: "稼働中のサーバーのデータベースを整合性を保ってダンプし、チェックサム付きで保存先に置く。",
			Effect:    run.Isolated, Settle: 2 * time.Second,
		}, dump, activities.Look(lookDumped), activities.Ready(readyDump)),
		activities.Define("mysql.find_dump", activities.Doc{
			Summary:   "Find the newest complete dump, and its age.",
			SummaryJA: "最新の完全なダンプを探し、経過時間を調べる。",
			Effect:    run.Observe, Repeatable: true,
		}, findDump, activities.Ready(func(ctx context.Context, p FindDump) ([]plan.Text, error) {
			_, err := findDump(ctx, p)
			return nil, err
		})),
		activities.Define("mysql.restore_dump", activities.Doc{
			Summary:   "Restore a dump in an isolated server of its own, which listens on no network.",
			SummaryJA: "ダンプを、ネットワークに接続しない専用の隔離サーバーに復元する。",
			Effect:    run.Isolated, Undo: "mysql.discard_restore", Settle: 2 * time.Second,
		}, restore, activities.Look(lookRestored), activities.Ready(readyRestore)),
		activities.Define("mysql.verify_restore", activities.Doc{
			Summary:   "Verify the restored server: structure, contents, and the newest row as the recovery point.",
			SummaryJA: "復元したサーバーの構造と内容を検証し、最新の行から復旧時点を求める。",
			Effect:    run.Observe,
		}, verify),
		activities.Define("mysql.discard_restore", activities.Doc{
			Summary:   "End the isolated server and remove its folder.",
			SummaryJA: "隔離サーバーを終了し、そのフォルダーを削除する。",
			Effect:    run.Isolated, Settle: 2 * time.Second,
		}, discard, activities.Look(lookDiscarded), activities.Ready(func(_ context.Context, p Discard) ([]plan.Text, error) {
			return nil, guardArea(p.Dumps)
		})),
	}
}

// Dumped is a dump as its description says it.
type Dumped struct {
	Backup    string    `json:"backup" help:"Name of the dump." ja:"ダンプの名前"`
	Server    string    `json:"server" help:"The server that was dumped." ja:"ダンプしたサーバー"`
	Address   string    `json:"address" help:"Where it was reached." ja:"接続先のアドレス"`
	Flavour   string    `json:"flavour" help:"mariadb or mysql." ja:"mariadb または mysql"`
	Version   string    `json:"version" help:"Its version." ja:"バージョン"`
	TakenAt   time.Time `json:"taken_at" help:"When it was begun, by the worker's clock." ja:"開始時刻（ワーカーの時計）"`
	AgeS      float64   `json:"age_s" help:"Seconds since then, by the worker's clock." ja:"それからの秒数（ワーカーの時計）"`
	GTID      string    `json:"gtid" help:"Position of the dump." ja:"ダンプの位置"`
	Databases []string  `json:"databases" help:"What is in it." ja:"含まれるデータベース"`
	SizeBytes int64     `json:"size_bytes" help:"Size of its file." ja:"ファイルの大きさ"`
	SQLBytes  int64     `json:"sql_bytes" help:"Size of what is packed in it." ja:"圧縮前のSQLの大きさ"`
	SHA256    string    `json:"sha256" help:"Checksum of its file." ja:"ファイルのチェックサム"`
}

// FindDump is the parameters of mysql.find_dump.
type FindDump struct {
	Dumps  StoreTarget  `json:"dumps" kind:"mysqldumps" example:"shop-dumps" help:"Where to look." ja:"確認する場所"`
	MaxAge run.Duration `json:"max_age" help:"An older dump is a finding; 0s is any age." ja:"これより古いダンプは指摘事項とする。0s なら古さを問わない" default:"0s"`
}

func findDump(_ context.Context, p FindDump) (Dumped, error) {
	b, err := newestDump(p.Dumps)
	if err != nil {
		return Dumped{}, err
	}
	if age := time.Duration(b.AgeS * float64(time.Second)); p.MaxAge > 0 && age > p.MaxAge.Std() {
		return b, activities.FindingBoth("the newest dump %s was taken at %s, %s ago, and may be %s old: see why none was taken since",
			"最新のダンプ %s の取得は %s（%s 前）で、許容される古さ %s を超えている。以降取得されていない理由を確認する",
			b.Backup, b.TakenAt.Format(time.RFC3339), age.Round(time.Second), p.MaxAge)
	}
	return b, nil
}

const (
	described = ".json"    // written last: what has one is complete
	packed    = ".sql.zst" // the dump itself
	partial   = ".partial" // what is still being written
)

func newestDump(t StoreTarget) (Dumped, error) {
	entries, err := os.ReadDir(t.Spec.Dumps)
	if err != nil {
		return Dumped{}, fmt.Errorf("dumps of %s: %w", t.Name, err)
	}
	var best Dumped
	var damaged error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), described)
		if !ok || e.IsDir() {
			continue
		}
		b, err := namedDump(t, name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // its description outlived it
		case err != nil:
			damaged = err
		case b.TakenAt.After(best.TakenAt):
			best = b
		}
	}
	switch {
	case best.Backup != "":
		return best, nil
	case damaged != nil:
		return Dumped{}, damaged
	}
	return Dumped{}, activities.FindingBoth("%s holds no complete dump: each is a file NAME%s with its description NAME%s, as mysql.dump makes them",
		"%s に完全なダンプがない。ダンプは mysql.dump が作る NAME%s と記述ファイル NAME%s の組である", t.Spec.Dumps, packed, described)
}

// namedDump reads a dump's description.
func namedDump(t StoreTarget, name string) (Dumped, error) {
	if name != filepath.Base(name) || name == "." || name == ".." || name == "" {
		return Dumped{}, activities.RefusedBoth("%q is not the name of a dump in %s",
			"%q は %s にあるダンプの名前ではない", name, t.Spec.Dumps)
	}
	path := filepath.Join(t.Spec.Dumps, name)
	text, err := os.ReadFile(path + described)
	if err != nil {
		return Dumped{}, fmt.Errorf("dump %s: %w", name, err)
	}
	var b Dumped
	if err := json.Unmarshal(text, &b); err != nil || b.SHA256 == "" || b.TakenAt.IsZero() {
		return Dumped{}, activities.FindingBoth("dump %s: its description can't be read, it is damaged: %v",
			"ダンプ %s の記述ファイルを読み取れない。破損している：%v", name, err)
	}
	st, err := os.Stat(path + packed)
	if err != nil {
		return Dumped{}, fmt.Errorf("dump %s: %w", name, err)
	}
	b.Backup, b.SizeBytes, b.AgeS = name, st.Size(), time.Since(b.TakenAt).Seconds()
	return b, nil
}

// Take is the parameters of mysql.dump.
type Take struct {
	Server    Target      `json:"server" kind:"mysql" help:"Server that is dumped; it goes on working. A replica will do." ja:"ダンプするサーバー。稼働したままでよく、レプリカでもよい" example:"shop-osaka"`
	Dumps     StoreTarget `json:"dumps" kind:"mysqldumps" example:"shop-dumps" help:"Where the dump is put." ja:"ダンプの保存先"`
	Databases []string    `json:"databases" help:"What is dumped; empty is every database of users." ja:"ダンプするデータベース。空ならシステム用を除くすべて" default:"[]"`
}

// isOf reports whether the dump was taken of that very server: installations that share a
// folder may call servers and runs the same.
func (b Dumped) isOf(t Target) bool {
	return b.Server == t.Name && b.Address == mylink.Address(t.Spec)
}

func lookDumped(ctx context.Context, p Take) (activities.Seen, error) {
	name := activities.CallFrom(ctx).ArtifactName()
	b, err := namedDump(p.Dumps, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("there is no complete dump %s", "完全なダンプ %s はない", name)}, nil
	case err != nil:
		return activities.Seen{}, err
	case !b.isOf(p.Server): // the action refuses, and says it
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("dump %s is of %s at %s", "ダンプ %s は %s（%s）のものである", name, b.Server, b.Address)}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("dump %s is there", "ダンプ %s がある", name), Output: b}, nil
}

func readyDump(ctx context.Context, p Take) ([]plan.Text, error) {
	c, err := connect(ctx, p.Server)
	if err != nil {
		return []plan.Text{unusable(p.Server, err)}, nil
	}
	defer c.Close()
	if _, err := programsIn(p.Dumps).Find(dialects[c.Flavour].dump); err != nil {
		return nil, err
	}
	var out []plan.Text
	if err := writable(p.Dumps.Spec.Dumps); err != nil {
		out = append(out, activities.Lacking("no dump can be put into the folder: %v", "ダンプの保存先に書き込めません：%v", err))
	}
	size, err := ask[int64](ctx, c, "SELECT COALESCE(CAST(SUM(data_length) AS SIGNED), 0) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')")
	if err != nil {
		return nil, err
	}
	if free, err := room(p.Dumps.Spec.Dumps); err == nil && free < size {
		out = append(out, activities.Lacking("%s has %d MB free, and a dump of %s may need up to %d MB: make room there", "%s の空きは %d MB で、%s のダンプに最大 %d MB 必要です。空きを増やしてください", p.Dumps.Spec.Dumps, free>>20, p.Server.Name, size>>20))
	}
	return out, nil
}
