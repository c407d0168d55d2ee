package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// Snapshot is one snapshot. What etcd.snapshot knew of it stands in the list beside it.
type Snapshot struct {
	Backup    string    `json:"backup" help:"Its name: its file's, without .db." ja:"名前（ファイル名から .db を除いたもの）"`
	TakenAt   time.Time `json:"taken_at" help:"What was acknowledged before this moment is in it, by the clock of the worker that took it; of a snapshot without list, when its file was written." ja:"この時刻（取得したワーカーの時計）より前に確定した書き込みは含まれる。一覧のないスナップショットでは、ファイルの書き込み時刻"`
	AgeS      float64   `json:"age_s" help:"Seconds since then, by the worker's clock." ja:"それからの秒数（ワーカーの時計）"`
	SizeBytes int64     `json:"size_bytes" help:"Size of its file." ja:"ファイルの大きさ"`
	SHA256    string    `json:"sha256" help:"SHA-256 of the database in it, which its last 32 bytes are too; empty when it has no list." ja:"内容のSHA-256。データベースの末尾32バイトと同じ。一覧がなければ空"`
	Listed    bool      `json:"listed" help:"Whether it has a list, which etcd.snapshot writes." ja:"etcd.snapshot が書いた一覧があるか"`
	Member    string    `json:"member" help:"The member that gave it." ja:"取得元のメンバー"`
	ClusterID string    `json:"cluster_id" help:"The cluster that it is of." ja:"取得元のクラスター"`
	Revision  int64     `json:"revision" help:"Highest revision in it; 0 when it has no list." ja:"含まれる最大のリビジョン。一覧がなければ0"`
	HashKV    uint32    `json:"hash_kv" help:"etcd's own hash of all keys up to that revision, on the member that gave it; 0 when it could not be had." ja:"そのリビジョンまでの全キーに対する、取得元メンバーでのetcd自身のハッシュ値。得られなければ0"`
	Compacted int64     `json:"compacted" help:"Revision up to which that member's history was compacted, on which the hash depends." ja:"取得元メンバーで履歴が圧縮されていたリビジョン。ハッシュ値はこれに左右される"`
}

const (
	suffix     = ".db"
	listSuffix = ".json"
	partSuffix = ".part"
)

func (t folder) file(name string) string { return filepath.Join(t.Spec.Folder, name+suffix) }
func (t folder) list(name string) string { return filepath.Join(t.Spec.Folder, name+listSuffix) }

// folder is where snapshots are kept.
type folder struct{ Snapshots }

// newest is the one that was taken last.
func (t folder) newest() (Snapshot, error) {
	entries, err := os.ReadDir(t.Spec.Folder)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshots of %s: %w", t.Name, err)
	}
	var best Snapshot
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		s, err := t.named(name)
		if err != nil {
			return Snapshot{}, err
		}
		if best.Backup == "" || s.TakenAt.After(best.TakenAt) {
			best = s
		}
	}
	if best.Backup == "" {
		return Snapshot{}, activities.FindingBoth("%s holds no snapshot: each is a file that ends in %s",
			"%s にスナップショットがない。スナップショットは末尾が %s のファイルである", t.Spec.Folder, suffix)
	}
	return best, nil
}

// named reads the list of one, and its file's size.
func (t folder) named(name string) (Snapshot, error) {
	if name != filepath.Base(name) || name == "." || name == ".." || name == "" {
		return Snapshot{}, activities.RefusedBoth("%q is not the name of a snapshot in %s", "%q は %s にあるスナップショットの名前ではない", name, t.Spec.Folder)
	}
	st, err := os.Lstat(t.file(name))
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot %s: %w", name, err)
	}
	if !st.Mode().IsRegular() {
		return Snapshot{}, activities.RefusedBoth("%s is no file", "%s は通常のファイルではない", t.file(name))
	}
	s := Snapshot{TakenAt: st.ModTime()}
	text, err := os.ReadFile(t.list(name))
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &s); err != nil || s.SHA256 == "" || s.TakenAt.IsZero() {
			return Snapshot{}, activities.FindingBoth("the list of snapshot %s is damaged: %s", "スナップショット %s の一覧ファイルが破損している：%s", name, t.list(name))
		}
		s.Listed = true
	case !errors.Is(err, fs.ErrNotExist):
		return Snapshot{}, fmt.Errorf("the list of snapshot %s: %w", name, err)
	}
	s.Backup, s.SizeBytes, s.TakenAt, s.AgeS = name, st.Size(), s.TakenAt.UTC(), time.Since(s.TakenAt).Seconds()
	return s, nil
}

// sound reads the file through and holds it against the checksum at its own end, and
// against its list.
func (t folder) sound(ctx context.Context, s Snapshot) error {
	f, err := os.Open(t.file(s.Backup))
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", s.Backup, err)
	}
	defer f.Close()
	sealed := newSeal()
	if _, err := io.Copy(sealed, reader{ctx, f}); err != nil {
		return fmt.Errorf("snapshot %s: %w", s.Backup, err)
	}
	if err := sealed.check(); err != nil {
		return activities.FindingBoth("snapshot %s is damaged: %v", "スナップショット %s は破損している：%v", s.Backup, err)
	}
	if digest := sealed.digest(); s.Listed && digest != s.SHA256 {
		return activities.FindingBoth("snapshot %s is not the one of its list: it has the digest %s, and not %s",
			"スナップショット %s は一覧ファイルのものと異なる。ダイジェストは %s で、%s ではない", s.Backup, digest, s.SHA256)
	}
	return nil
}

// seal computes the checksum of a snapshot's contents while it goes by, and keeps its last
// 32 bytes, which are the checksum that its member computed.
type seal struct {
	contents interface {
		io.Writer
		Sum([]byte) []byte
	}
	last []byte
	n    int64
}

func newSeal() *seal { return &seal{contents: sha256.New()} }

func (s *seal) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	s.last = append(s.last, p...)
	if over := len(s.last) - sha256.Size; over > 0 {
		_, _ = s.contents.Write(s.last[:over])
		s.last = append(s.last[:0], s.last[over:]...)
	}
	return len(p), nil
}

func (s *seal) check() error {
	const sector = 512 // a database is a multiple of it: what is left over is the checksum
	switch {
	case s.n <= sha256.Size || s.n%sector == 0:
		return errors.New("it has no checksum at its end: it was cut off, or copied from a member's folder instead of being saved as a snapshot")
	case s.n%sector != sha256.Size:
		return fmt.Errorf("its %d bytes are no database with a checksum at its end: it was cut off", s.n)
	case !bytes.Equal(s.contents.Sum(nil), s.last):
		return errors.New("its contents do not give the checksum at its end")
	}
	return nil
}

// digest is the checksum at the end, of a file that was checked.
func (s *seal) digest() string {
	return hex.EncodeToString(s.last)
}

// reader stops between two reads when ctx ends.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// room is what is free for us at a folder, in bytes.
var room = func(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// fits is a finding when dir has no room for need bytes and a tenth to spare.
func fits(dir string, what plan.Text, need int64) error {
	free, err := room(dir)
	if err != nil {
		return activities.RefusedBoth("the room cannot be told: %v", "空き容量を確認できない：%v", err)
	}
	if need += need / 10; free < need {
		return activities.FindingBoth("%s has %d MB free, and %s needs %d MB: make room there; nothing was written",
			"%s の空きは %d MB で、%s に必要な %d MB に足りない。空きを増やす。何も書き込んでいない", dir, free>>20, what, max(need>>20, 1))
	}
	return nil
}

// full reports whether a write failed for want of room.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
