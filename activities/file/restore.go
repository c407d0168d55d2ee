package file

import (
	"bytes"
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

// Restore is the parameters of file.restore.
type Restore struct {
	Archive  string `json:"archive" reach:"path" help:"Archive to restore: tar, plain or compressed with gzip or zstd." ja:"復元するアーカイブ。tar（無圧縮、gzip、zstd）" example:"/mnt/vault/orders/documents.tar.zst"`
	Into     string `json:"into" reach:"path" help:"Folder to restore it to; it must be empty or not be there, and the folder around it must be." ja:"復元先のフォルダー。空であるか存在せず、親フォルダーが存在している必要がある" example:"/var/tmp/muster-restore/documents"`
	Digest   string `json:"digest" help:"SHA-256 that the archive must have; empty takes it as it is." ja:"アーカイブのSHA-256。空なら照合しない" default:""`
	Manifest string `json:"manifest" reach:"path" help:"Manifest that the restored files must meet before they appear; empty holds them against the archive alone." ja:"復元したファイルを公開する前に照合するマニフェスト。空ならアーカイブとだけ照合する" default:"" example:"/var/lib/muster/custody/documents.sha256"`
}

// Restored is its result. Parts of the time are the worker's, monotonic.
type Restored struct {
	Folder   string  `json:"folder" help:"Where the files are." ja:"ファイルの場所"`
	Digest   string  `json:"digest" help:"SHA-256 of the archive." ja:"アーカイブのSHA-256"`
	Files    int     `json:"files" help:"How many files were restored." ja:"復元したファイル数"`
	Bytes    int64   `json:"bytes" help:"Their size together." ja:"合計の大きさ"`
	FetchS   float64 `json:"fetch_s" help:"Seconds to read the archive through and see that it is sound and fits." ja:"アーカイブを最後まで読み、破損がなく展開先に収まることを確かめた秒数"`
	RestoreS float64 `json:"restore_s" help:"Seconds to write the files and hold them against the manifest." ja:"ファイルを書き、マニフェストと照合した秒数"`
}

// Discard is the parameters of file.discard.
type Discard struct {
	Into string `json:"into" reach:"path" help:"Folder that a file.restore made." ja:"file.restore が作成したフォルダー" example:"/var/tmp/muster-restore/documents"`
}

// Discarded is its result.
type Discarded struct {
	Folder string `json:"folder" help:"The folder that is gone." ja:"削除したフォルダー"`
}

// markSuffix is beside a restored folder: what is in it, and that a restore made it.
const markSuffix = ".muster-restore.json"

type mark struct {
	Restored
	Run    string `json:"run"`
	System string `json:"system"`
}

var restore = activities.Define("file.restore", activities.Doc{
	Summary:   "Restore an archive into an empty place of its own, whole or not at all.",
	SummaryJA: "アーカイブを専用の空の場所に、完全に、または全く行わない形で復元する。",
	Effect:    run.Isolated,
	Undo:      "file.discard",
}, restoreInto, activities.Look(func(ctx context.Context, p Restore) (activities.Seen, error) {
	into, err := openPlace(p.Into)
	if err != nil {
		return activities.Seen{}, err
	}
	defer into.around.Close()
	m, err := into.signed()
	if errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is no restore", "%s はリストアではない", p.Into).Both()}, nil
	}
	if err != nil {
		return activities.Seen{}, err
	}
	if info, err := into.around.Lstat(into.name); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s がない", p.Into).Both()}, nil
	}
	if _, err := into.around.Lstat(into.part()); !errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s was begun and never finished", "%s は途中で終わっている", p.Into).Both()}, nil
	}
	if now := activities.CallFrom(ctx).Run; m.Run != now { // else a test would pass by last quarter's restore
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s was restored by another run, %s", "%s は別の実施（%s）がリストアした", p.Into, m.Run).Both()}, nil
	}
	if p.Digest != "" && !strings.EqualFold(p.Digest, m.Digest) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is the restore of another archive", "%s は別のアーカイブのリストアである", p.Into).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s was restored by run %s", "%s は実施 %s がリストアした", p.Into, m.Run).Both(), Output: m.Restored}, nil
}), activities.Ready(func(_ context.Context, p Restore) ([]plan.Text, error) {
	into, err := openPlace(p.Into)
	if err != nil {
		return nil, err
	}
	defer into.around.Close()
	st, err := os.Stat(p.Archive)
	if err != nil {
		return nil, err
	}
	free, _, err := room(into.around.Name())
	if err == nil && free < st.Size() {
		return []plan.Text{activities.Lacking("%s has %s free, and the archive alone has %s: make room there", "%s の空きは %s ですが、アーカイブだけで %s あります。空きを作ってください", into.around.Name(), size(free), size(st.Size()))}, nil
	}
	return nil, err
}))

func restoreInto(ctx context.Context, p Restore) (Restored, error) {
	begun := time.Now()
	into, err := openPlace(p.Into)
	if err != nil {
		return Restored{}, err
	}
	defer into.around.Close()
	if err := into.empty(); err != nil {
		return Restored{}, err
	}
	if real, err := filepath.EvalSymlinks(p.Archive); err == nil && within(real, into.path()) {
		return Restored{}, activities.RefusedBoth("the archive %s lies in %s itself", "アーカイブ %s がリストア先 %s の中にある", p.Archive, p.Into)
	}
	// What an attempt that died has left; it never had its name.
	if err := errors.Join(into.around.RemoveAll(into.part()), into.around.RemoveAll(into.name+markSuffix)); err != nil {
		return Restored{}, err
	}
	free, files, err := room(into.around.Name())
	if err != nil {
		return Restored{}, activities.RefusedBoth("the room cannot be told: %v", "空き容量を確認できない：%v", err)
	}
	found, err := survey(ctx, p.Archive, free, files)
	if err != nil {
		return Restored{}, err
	}
	if p.Digest != "" && !strings.EqualFold(p.Digest, found.digest) {
		return Restored{}, activities.FindingBoth("%s has the digest %s, and not %s: it is another archive, or it was changed; nothing was written", "%s のダイジェストは %s で、%s と異なる：別のアーカイブか、変更されている。何も書き込んでいない", p.Archive, found.digest, p.Digest)
	}
	if err := fits(into.around.Name(), found.need, int64(found.files+found.links)); err != nil {
		return Restored{}, err
	}
	out := Restored{Folder: into.path(), Digest: found.digest, Files: found.files, Bytes: found.bytes, FetchS: time.Since(begun).Seconds()}

	writing := time.Now()
	if err := into.around.Mkdir(into.part(), 0o700); err != nil {
		return Restored{}, err
	}
	if err := into.fill(ctx, p, found); err != nil {
		return Restored{}, into.undo(err)
	}
	out.RestoreS = time.Since(writing).Seconds()
	if err := into.sign(ctx, out); err != nil {
		return Restored{}, errors.Join(into.undo(err), into.around.RemoveAll(into.name+markSuffix))
	}
	if err := into.appear(); err != nil {
		return Restored{}, errors.Join(into.undo(err), into.around.RemoveAll(into.name+markSuffix))
	}
	return out, nil
}

// empty refuses a place where anything is.
func (p place) empty() error {
	info, err := p.around.Lstat(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return activities.Refused("%v", err)
	}
	if !info.IsDir() {
		return activities.RefusedBoth("%s is there and is no folder", "%s は既にあり、フォルダーではない", p.path())
	}
	d, err := p.around.Open(p.name)
	if err != nil {
		return activities.Refused("%v", err)
	}
	defer d.Close()
	if names, _ := d.Readdirnames(1); len(names) > 0 {
		return activities.RefusedBoth("%s is not empty (%s): a restore writes over nothing; name a new folder, or remove an earlier restore with file.discard", "%s は空ではない（%s）：リストアは上書きをしない。新しいフォルダーを指定するか、以前のリストアを file.discard で削除する", p.path(), names[0])
	}
	return nil
}

func (p place) fill(ctx context.Context, with Restore, found contentsOf) error {
	dir, err := p.around.OpenRoot(p.part())
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unpack(ctx, with.Archive, dir, found); err != nil || with.Manifest == "" {
		return err
	}
	_, files, links, err := read(with.Manifest)
	if err != nil {
		return err
	}
	wrong, extra, err := compare(ctx, dir.Name(), files, links)
	if err != nil {
		return err
	}
	if len(wrong)+len(extra) > 0 {
		return activities.FindingBoth("what is in %s is not what %s lists: %s; it is removed again", "%s の内容が %s の記載と異なる：%s。リストアした分は削除した", with.Archive, with.Manifest, some(append(wrong, extra...)))
	}
	return nil
}

// sign writes the mark before the folder has its name: a folder without one is not ours.
func (p place) sign(ctx context.Context, out Restored) error {
	call := activities.CallFrom(ctx)
	text, err := json.MarshalIndent(mark{out, call.Run, call.System}, "", "  ")
	if err != nil {
		return err
	}
	_, _, err = write(ctx, p.around, p.name+markSuffix, 0o600, bytes.NewReader(append(text, '\n')))
	return err
}

func (p place) signed() (m mark, err error) {
	b, err := p.around.ReadFile(p.name + markSuffix)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Folder != p.path() {
		return m, fmt.Errorf("%s%s is not of the restore beside it: see by hand", p.path(), markSuffix)
	}
	return m, nil
}

var discard = activities.Define("file.discard", activities.Doc{
	Summary:   "Remove what a file.restore made, and nothing else.",
	SummaryJA: "file.restore が作成したものだけを削除する。",
	Effect:    run.Isolated,
}, func(_ context.Context, p Discard) (Discarded, error) {
	into, err := openPlace(p.Into)
	if err != nil {
		return Discarded{}, err
	}
	defer into.around.Close()
	if _, err := into.signed(); err != nil {
		if _, there := into.around.Lstat(into.name); !errors.Is(err, fs.ErrNotExist) || !errors.Is(there, fs.ErrNotExist) {
			return Discarded{}, activities.RefusedBoth("%s was not made by file.restore (%v), and is left alone", "%s は file.restore が作ったものではないため（%v）、手を付けていない", p.Into, err)
		}
	}
	// The mark last: what was cut off half-way can be discarded again.
	for _, name := range []string{into.part(), into.name, into.name + markSuffix} {
		if err := into.around.RemoveAll(name); err != nil {
			return Discarded{}, err
		}
	}
	return Discarded{p.Into}, nil
}, activities.Look(func(_ context.Context, p Discard) (activities.Seen, error) {
	into, err := openPlace(p.Into)
	if err != nil {
		return activities.Seen{}, err
	}
	defer into.around.Close()
	for _, name := range []string{into.name, into.part(), into.name + markSuffix} {
		if _, err := into.around.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is there", "%s がある", name).Both()}, err
		}
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is not there", "%s がない", p.Into).Both(), Output: Discarded{p.Into}}, nil
}))
