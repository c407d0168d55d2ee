package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Copy is the parameters of file.copy.
type Copy struct {
	From string `json:"from" reach:"path" help:"File or folder to copy." ja:"コピーするファイルまたはフォルダー" example:"/srv/orders/documents"`
	To   string `json:"to" reach:"path" help:"Where the copy is to appear; nothing else may be there." ja:"コピー先。ほかのものがあってはならない" example:"/mnt/vault/orders/documents"`
}

// Copied is its result.
type Copied struct {
	Path      string  `json:"path" help:"The copy." ja:"コピー先"`
	Files     int     `json:"files" help:"How many files it has." ja:"ファイル数"`
	Bytes     int64   `json:"bytes" help:"Their size together." ja:"合計の大きさ"`
	DurationS float64 `json:"duration_s" help:"Seconds that it took, the reading back included." ja:"読み戻しを含む所要秒数"`
}

var duplicate = activities.Define("file.copy", activities.Doc{
	Summary:   "Copy a file or a folder, read the copy back, and show it only when every checksum is the same.",
	SummaryJA: "ファイルまたはフォルダーを複製し、読み戻したチェックサムがすべて一致した場合だけ公開する。",
	Effect:    run.Disrupt,
}, copyTo, activities.Look(func(ctx context.Context, p Copy) (activities.Seen, error) {
	if _, err := os.Lstat(p.To); errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s がない", p.To).Both()}, nil
	}
	want, _, err := contents(ctx, p.From)
	if err != nil {
		return activities.Seen{}, err
	}
	got, total, err := contents(ctx, p.To)
	if err != nil {
		return activities.Seen{}, err
	}
	if !slices.Equal(want, got) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s has other content than %s", "%s の内容は %s と異なる", p.To, p.From).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s has the content of %s", "%s の内容は %s と同じである", p.To, p.From).Both(), Output: Copied{Path: p.To, Files: len(got), Bytes: total}}, nil
}))

func copyTo(ctx context.Context, p Copy) (Copied, error) {
	begun := time.Now()
	to, err := openPlace(p.To)
	if err != nil {
		return Copied{}, err
	}
	defer to.around.Close()
	if _, err := to.around.Lstat(to.name); !errors.Is(err, fs.ErrNotExist) {
		return Copied{}, activities.RefusedBoth("%s is there already with other content: name a new place, or move it away", "%s には別の内容が既にある：新しい場所を指定するか、移動する", p.To)
	}
	from, name, err := openSource(p.From)
	if err != nil {
		return Copied{}, activities.RefusedBoth("from: %v", "from：%v", err)
	}
	defer from.Close()
	if real, err := filepath.EvalSymlinks(to.around.Name()); err == nil && name == "" {
		if source, err := filepath.EvalSymlinks(p.From); err == nil && within(real, source) {
			return Copied{}, activities.RefusedBoth("%s lies in %s, which would be copied into itself", "%s は %s の中にあり、自分自身の中へのコピーになる", p.To, p.From)
		}
	}
	var need, count int64
	measure := func(e entry, _ fs.FileInfo) error {
		need, count = need+space(e.size), count+1
		return nil
	}
	if name == "" {
		err = walk(ctx, from, measure)
	} else {
		var info fs.FileInfo
		if info, err = from.Stat(name); err == nil {
			err = measure(entry{size: info.Size()}, info)
		}
	}
	if err != nil {
		return Copied{}, err
	}
	if err := fits(to.around.Name(), need, count+1); err != nil {
		return Copied{}, err
	}
	if err := to.around.RemoveAll(to.part()); err != nil { // of an attempt that died
		return Copied{}, err
	}
	out, err := fillPart(ctx, from, name, to)
	if err == nil {
		err = to.appear()
	}
	if err != nil {
		return Copied{}, to.undo(err)
	}
	out.Path, out.DurationS = to.path(), time.Since(begun).Seconds()
	return out, nil
}

// openSource opens a folder (name "") or the folder around a file.
func openSource(path string) (dir *os.Root, name string, err error) {
	if !filepath.IsAbs(path) {
		return nil, "", fmt.Errorf("%q is not absolute", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.IsDir() {
		path, name = filepath.Split(filepath.Clean(path))
	}
	dir, err = os.OpenRoot(path)
	return dir, name, err
}

// contents is what a copy must have the same of.
func contents(ctx context.Context, path string) ([]entry, int64, error) {
	dir, name, err := openSource(path)
	if err != nil {
		return nil, 0, err
	}
	defer dir.Close()
	if name == "" {
		return digests(ctx, path)
	}
	sum, n, err := digest(ctx, dir, name)
	return []entry{{sha256: sum, size: n}}, n, err
}

// fillPart copies everything and reads it back.
func fillPart(ctx context.Context, from *os.Root, name string, to place) (out Copied, err error) {
	one := func(dir *os.Root, path, as string, mode fs.FileMode) error {
		f, _, err := openPlain(from, path)
		if err != nil {
			return err
		}
		defer f.Close()
		want, n, err := write(ctx, dir, as, mode, f)
		if err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		got, _, err := digest(ctx, dir, as)
		if err != nil {
			return err
		}
		if got != want {
			return activities.FindingBoth("%s reads back as %s, and %s was written: the disk lies", "%s を読み戻すと %s で、書き込んだのは %s：ディスクの異常", as, got, want)
		}
		out.Files, out.Bytes = out.Files+1, out.Bytes+n
		return nil
	}
	if name != "" {
		info, err := from.Stat(name)
		if err != nil {
			return out, err
		}
		return out, one(to.around, name, to.part(), info.Mode())
	}
	if err := to.around.Mkdir(to.part(), 0o700); err != nil {
		return out, err
	}
	dir, err := to.around.OpenRoot(to.part())
	if err != nil {
		return out, err
	}
	defer dir.Close()
	type stamp struct {
		path string
		info fs.FileInfo
	}
	var folders []stamp
	err = walk(ctx, from, func(e entry, info fs.FileInfo) error {
		switch e.kind {
		case fs.ModeDir:
			folders = append(folders, stamp{e.path, info})
			return dir.Mkdir(e.path, 0o700)
		case fs.ModeSymlink:
			return dir.Symlink(e.link, e.path)
		}
		if err := one(dir, e.path, e.path, info.Mode()); err != nil {
			return err
		}
		return dir.Chtimes(e.path, time.Time{}, info.ModTime())
	})
	if err != nil {
		return out, err
	}
	for _, f := range slices.Backward(folders) { // rights and times last: writing into it needs the one and changes the other
		if err := errors.Join(dir.Chmod(f.path, f.info.Mode().Perm()), dir.Chtimes(f.path, time.Time{}, f.info.ModTime())); err != nil {
			return out, err
		}
	}
	return out, nil
}
