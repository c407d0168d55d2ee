package etcd

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
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Restore is the parameters of etcd.restore.
type Restore struct {
	Snapshots Snapshots    `json:"snapshots" kind:"etcd_snapshots" example:"config-snapshots" help:"Which snapshots, and where the isolated cluster is made." ja:"使うスナップショットと、隔離クラスターを作る場所"`
	Snapshot  string       `json:"snapshot" help:"Name of the snapshot, its file's without .db; empty is the newest." ja:"スナップショットの名前（ファイル名から .db を除いたもの）。空なら最新" default:""`
	MaxAge    run.Duration `json:"max_age" help:"An older snapshot is a finding; 0s is any age." ja:"これより古いスナップショットは指摘事項とする。0s なら古さを問わない" default:"0s"`
	Newest    string       `json:"newest" help:"Key whose value is the time of the newest work, RFC 3339 or seconds since 1970: the recovery point. Empty takes the moment that the snapshot's list tells, before which everything acknowledged is in it." ja:"最新の業務データの時刻を値に持つキー（RFC 3339、または1970年からの秒数）。これを復旧時点とする。空なら、スナップショットの一覧にある時刻（それより前に確定した書き込みはすべて含まれる）とする" default:"" example:"/orders/last-taken-at"`
	Prefixes  []Prefix     `json:"prefixes" help:"Keys that must have come back." ja:"復元されているべきキー" default:"[]"`
}

// Prefix is a range of keys.
type Prefix struct {
	Prefix  string `json:"prefix" help:"What the keys begin with." ja:"キーの先頭の文字列" example:"/orders/"`
	AtLeast int    `json:"at_least" help:"How many of them there must be at least." ja:"最低限必要な件数" default:"1"`
}

// Restored is its result. Parts of the time are the worker's, monotonic.
type Restored struct {
	Backup        string           `json:"backup" help:"The snapshot that was used." ja:"使ったスナップショット"`
	TakenAt       time.Time        `json:"taken_at" help:"When that was taken." ja:"その取得時刻"`
	BegunAt       time.Time        `json:"begun_at" help:"When the restore began, by the worker's clock." ja:"復元の開始時刻（ワーカーの時計）"`
	SizeBytes     int64            `json:"size_bytes" help:"Size of the snapshot." ja:"スナップショットの大きさ"`
	Revision      int64            `json:"revision" help:"Revision up to which it came back." ja:"復元されたリビジョン"`
	HashKV        uint32           `json:"hash_kv" help:"etcd's own hash of all keys up to that revision." ja:"そのリビジョンまでの全キーに対する、etcd自身のハッシュ値"`
	Hash          string           `json:"hash" help:"same as when the snapshot was taken, or not known then." ja:"スナップショット取得時と同じか。取得時の値がなければ不明"`
	Keys          int64            `json:"keys" help:"All keys at that revision." ja:"そのリビジョンの全キー数"`
	Counts        map[string]int64 `json:"counts" help:"Keys at that revision by prefix." ja:"そのリビジョンの接頭辞ごとのキー数"`
	ClusterID     string           `json:"cluster_id" help:"ID of the isolated cluster, which is not the live one's." ja:"隔離クラスターのID。稼働中のクラスターとは異なる"`
	Endpoint      string           `json:"endpoint" help:"Socket of the isolated cluster, for programs of later steps on the same host." ja:"隔離クラスターのソケット。同じホストで後続のステップのプログラムが使う"`
	RecoveryPoint time.Time        `json:"recovery_point" help:"Time of the newest work that came back." ja:"復元された最新の業務データの時刻"`
	BehindS       float64          `json:"behind_s" help:"How much is lost: from the recovery point to the restore's begin." ja:"失われた長さ。復旧時点から復元開始まで"`
	FetchS        float64          `json:"fetch_s" help:"Seconds to find the snapshot and hold it against its own checksum." ja:"スナップショットを探し、そのチェックサムと照合した秒数"`
	RestoreS      float64          `json:"restore_s" help:"Seconds to make the isolated cluster's data of it." ja:"隔離クラスターのデータを作った秒数"`
	ReplayS       float64          `json:"replay_s" help:"Seconds until the isolated cluster answered." ja:"隔離クラスターが応答するまでの秒数"`
	VerifyS       float64          `json:"verify_s" help:"Seconds that the verification took." ja:"検証にかかった秒数"`
	Folder        string           `json:"folder" help:"Where the isolated cluster is." ja:"隔離クラスターの場所"`
}

func restore(ctx context.Context, p Restore) (Restored, error) {
	begun := time.Now()
	if err := guardArea(p.Snapshots); err != nil {
		return Restored{}, err
	}
	i, err := isolatedOf(ctx, p.Snapshots)
	if err != nil {
		return Restored{}, err
	}
	if _, err := server(p.Snapshots); err != nil {
		return Restored{}, err
	}
	if err := i.remove(ctx); err != nil { // an earlier attempt of this run
		return Restored{}, err
	}
	s, err := p.choose()
	if err != nil {
		return Restored{}, err
	}
	if err := (folder{p.Snapshots}).sound(ctx, s); err != nil {
		return Restored{}, err
	}
	out := Restored{Backup: s.Backup, TakenAt: s.TakenAt, BegunAt: begun.UTC(), SizeBytes: s.SizeBytes, Endpoint: i.endpoint(), Folder: i.dir, Counts: map[string]int64{}}
	out.FetchS = time.Since(begun).Seconds()
	if err := out.raise(ctx, p, i, s); err != nil {
		if cleared := i.remove(context.WithoutCancel(ctx)); cleared != nil {
			return Restored{}, activities.NotCleared(err, cleared)
		}
		return Restored{}, err
	}
	return out, nil
}

// choose is the snapshot that was named, or the newest.
func (p Restore) choose() (s Snapshot, err error) {
	in := folder{p.Snapshots}
	if p.Snapshot != "" {
		s, err = in.named(p.Snapshot)
	} else {
		s, err = in.newest()
	}
	if err != nil {
		return s, err
	}
	if age := time.Duration(s.AgeS * float64(time.Second)); p.MaxAge > 0 && age > p.MaxAge.Std() {
		return s, activities.FindingBoth("the newest snapshot %s was taken at %s, %s ago, and may be %s old: see why none was taken since",
			"最新のスナップショット %s の取得は %s（%s 前）で、許容される古さ %s を超えている。以降取得されていない理由を確認する",
			s.Backup, s.TakenAt.Format(time.RFC3339), age.Round(time.Second), p.MaxAge)
	}
	if p.Newest == "" && !s.Listed {
		return s, activities.RefusedBoth("nothing says up to when snapshot %s reaches: name a key that holds a time (newest), or take snapshots with etcd.snapshot, which writes it down",
			"スナップショット %s がいつの時点までのものか分からない。時刻を持つキーを newest に指定するか、時点を記録する etcd.snapshot で取得する", s.Backup)
	}
	// The database, the log that a member lays out ahead, and a copy while it is made.
	return s, fits(p.Snapshots.Spec.Area, activities.Lacking("restoring %s", "%s の復元", s.Backup), s.SizeBytes+128<<20)
}

// raise makes the isolated cluster and verifies it.
func (r *Restored) raise(ctx context.Context, p Restore, i isolated, s Snapshot) error {
	in, began := folder{p.Snapshots}, time.Now()
	has, err := read(ctx, p.Snapshots, in.file(s.Backup))
	if err == nil {
		err = i.lay(ctx, p.Snapshots, in.file(s.Backup))
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("it was not restored in time: %w", ctx.Err())
	case err != nil && (full(err) || strings.Contains(err.Error(), "no space left")):
		return activities.FindingBoth("the disk of %s filled up while %s was restored; what was written is removed again: make room there",
			"%s のディスクが %s の復元中に満杯になった。書き込んだものは削除済み。空きを増やす", p.Snapshots.Spec.Area, s.Backup)
	case err != nil && !typed(err):
		return activities.FindingBoth("snapshot %s could not be restored: %v", "スナップショット %s を復元できない：%v", s.Backup, err)
	case err != nil:
		return err
	}
	r.RestoreS = time.Since(began).Seconds()

	began = time.Now()
	ended, err := i.start(p.Snapshots, s.SizeBytes)
	if err != nil {
		return err
	}
	e, err := i.serve(ctx, p.Snapshots, ended)
	switch {
	case err != nil && (ctx.Err() != nil || typed(err)):
		return err
	case err != nil:
		return activities.FindingBoth("what was restored from %s does not run: %v", "%s から復元したものが起動しない：%v", s.Backup, err)
	}
	defer e.close()
	r.ReplayS = time.Since(began).Seconds()

	began = time.Now()
	r.Revision = has.Revision
	if err := r.verify(ctx, p, e, s); err != nil {
		return err
	}
	r.VerifyS = time.Since(began).Seconds()
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(i.dir, resultFile), text)
}

func lookRestored(ctx context.Context, p Restore) (activities.Seen, error) {
	i, err := isolatedOf(ctx, p.Snapshots)
	if err != nil {
		return activities.Seen{}, err
	}
	if _, err := os.Stat(i.dir); errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s は存在しない", i.dir).Both()}, nil
	}
	var done Restored
	text, err := os.ReadFile(filepath.Join(i.dir, resultFile))
	if err != nil || json.Unmarshal(text, &done) != nil {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s holds a restore that did not end", "%s に途中で終わった復元がある", i.dir).Both()}, nil
	}
	if pids, err := i.processes(); err != nil || len(pids) == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("the isolated cluster does not run", "隔離クラスターは稼働していない").Both()}, err
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("restored in %s", "%s に復元済み", i.dir).Both(), Output: done}, nil
}

// readyRestore looks for a snapshot, room, and the programs, and that the area is safe.
func readyRestore(ctx context.Context, p Restore) ([]plan.Text, error) {
	if err := guardArea(p.Snapshots); err != nil {
		return nil, err
	}
	_, noTool := tool(p.Snapshots)
	_, noServer := server(p.Snapshots)
	_, short := isolatedOf(ctx, p.Snapshots)
	_, none := p.choose()
	var out []plan.Text
	for _, err := range []error{noTool, noServer, short, none} {
		if err != nil {
			text := words(err)
			out = append(out, plan.Text{EN: text, JA: text})
		}
	}
	return out, nil
}

// Discard is the parameters of etcd.discard.
type Discard struct {
	Snapshots Snapshots `json:"snapshots" kind:"etcd_snapshots" example:"config-snapshots" help:"Whose isolated cluster is taken away." ja:"隔離クラスターを片付ける操作対象"`
}

// Discarded is its result.
type Discarded struct {
	Folder string `json:"folder" help:"The folder that is gone." ja:"削除したフォルダー"`
	Gone   bool   `json:"isolated_gone" help:"True: neither a process nor a file of it is left." ja:"true。プロセスもファイルも残っていない"`
}

func discard(ctx context.Context, p Discard) (Discarded, error) {
	if err := guardArea(p.Snapshots); err != nil {
		return Discarded{}, err
	}
	i, err := isolatedOf(ctx, p.Snapshots)
	if err != nil {
		return Discarded{}, err
	}
	if err := i.remove(ctx); err != nil {
		return Discarded{}, err
	}
	return Discarded{Folder: i.dir, Gone: true}, nil
}

func lookDiscarded(ctx context.Context, p Discard) (activities.Seen, error) {
	i, err := isolatedOf(ctx, p.Snapshots)
	if err != nil {
		return activities.Seen{}, err
	}
	if _, err := os.Lstat(i.dir); !errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s is still there", "%s が残っている", i.dir).Both()}, err
	}
	pids, err := i.processes()
	if err != nil || len(pids) > 0 {
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%d processes of it still run", "そのプロセスが %d 個残っている", len(pids)).Both()}, err
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is gone", "%s は削除済み", i.dir).Both(), Output: Discarded{Folder: i.dir, Gone: true}}, nil
}
