// Package file is the family of actions on files of a site worker's machine: held
// against a manifest, copied, and restored from archives into empty places. What is
// written appears whole or not at all.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
)

// Actions lists the family.
func Actions() []activities.Action {
	return []activities.Action{manifest, verify, duplicate, restore, discard}
}

// partSuffix marks what is being written; nothing else may end in it.
const partSuffix = ".muster-part"

// entry is a file, a folder or a link of a tree; links are never followed.
type entry struct {
	path   string // below the tree, with slashes
	kind   fs.FileMode
	size   int64
	sha256 string // regular files
	link   string // links: where to
}

// walk calls each for everything below dir, in order, without contents.
func walk(ctx context.Context, dir *os.Root, each func(entry, fs.FileInfo) error) error {
	return fs.WalkDir(dir.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || path == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{path: path, kind: info.Mode().Type(), size: info.Size()}
		switch e.kind {
		case 0, fs.ModeDir:
		case fs.ModeSymlink:
			if e.link, err = dir.Readlink(path); err != nil {
				return err
			}
		default:
			return activities.FindingBoth("%s/%s is a device, a pipe or a socket, which has no content to keep: take it out of the tree", "%s/%s はデバイス・パイプ・ソケットのいずれかで、保存する内容がない：ツリーから除く", dir.Name(), path)
		}
		return each(e, info)
	})
}

// digests reads a whole tree.
func digests(ctx context.Context, tree string) (out []entry, bytes int64, err error) {
	dir, err := openTree(tree)
	if err != nil {
		return nil, 0, err
	}
	defer dir.Close()
	err = walk(ctx, dir, func(e entry, _ fs.FileInfo) error {
		if e.kind == 0 {
			var err error
			if e.sha256, e.size, err = digest(ctx, dir, e.path); err != nil {
				return err
			}
			bytes += e.size
		}
		if e.kind != fs.ModeDir {
			out = append(out, e)
		}
		return nil
	})
	return out, bytes, err
}

func openTree(tree string) (*os.Root, error) {
	if !filepath.IsAbs(tree) {
		return nil, activities.RefusedBoth("%q is not absolute", "%q は絶対パスではない", tree)
	}
	dir, err := os.OpenRoot(tree)
	if err != nil {
		return nil, fmt.Errorf("the tree can't be read: %w", err)
	}
	return dir, nil
}

// openPlain opens a regular file; what became a pipe or a link meanwhile is refused.
func openPlain(dir *os.Root, path string) (*os.File, fs.FileInfo, error) {
	f, err := dir.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file any more", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func digest(ctx context.Context, dir *os.Root, path string) (string, int64, error) {
	f, _, err := openPlain(dir, path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, reader{ctx, f})
	if err != nil {
		return "", n, fmt.Errorf("read %s/%s: %w", dir.Name(), path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), n, nil
}

// reader stops between two reads when ctx ends.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// block is what a file takes at least; most file systems count in these.
const block = 4 << 10

// space is what a file of a size takes on a disk, its directory entry counted.
func space(size int64) int64 { return block + (size+block-1)/block*block }

// room is what is free for us at a folder.
var room = func(dir string) (bytes, files int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", dir, err)
	}
	files = int64(st.Ffree)
	if st.Files == 0 { // the file system does not count them
		files = 1 << 62
	}
	return int64(st.Bavail) * int64(st.Bsize), files, nil
}

// fits refuses, as a finding, what would not leave a tenth of its own size free.
func fits(dir string, need, files int64) error {
	free, left, err := room(dir)
	if err != nil {
		return activities.RefusedBoth("the room cannot be told: %v", "空き容量を確認できない：%v", err)
	}
	if free < need+need/10 {
		return activities.FindingBoth("%s has %s free, and %s is needed with a tenth to spare: make room there; nothing was written", "%s の空きは %s だが、1 割の余裕を含めて %s が必要：空きを作る。何も書き込んでいない", dir, size(free), size(need+need/10))
	}
	if left < files {
		return activities.FindingBoth("%s has room for %d more files, and %d are needed: make room there; nothing was written", "%s に作成できるファイルは残り %d だが、%d が必要：空きを作る。何も書き込んでいない", dir, left, files)
	}
	return nil
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)>>10)
}

// full reports whether a write failed for want of room.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// place is where something whole is to appear: the folder around it, held open so that
// no link leads out of it, and its name there.
type place struct {
	around *os.Root
	name   string
}

func (p place) part() string { return p.name + partSuffix }
func (p place) path() string { return filepath.Join(p.around.Name(), p.name) }

func openPlace(path string) (place, error) {
	path = filepath.Clean(path)
	base := filepath.Base(path)
	if !filepath.IsAbs(path) || path == "/" || strings.HasSuffix(base, partSuffix) {
		return place{}, activities.RefusedBoth("%q is no absolute path of a new folder or file", "%q は、新しいフォルダーまたはファイルの絶対パスではない", path)
	}
	around, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return place{}, activities.RefusedBoth("the folder around %s: %v; make it, closed to others", "%s の親フォルダー：%v。他のユーザーがアクセスできないように作成する", path, err)
	}
	return place{around, base}, nil
}

// undo removes what was written so far, also after the step was cancelled.
func (p place) undo(why error) error {
	if err := p.around.RemoveAll(p.part()); err != nil {
		return activities.NotCleared(why, err)
	}
	if full(why) {
		return activities.FindingBoth("the disk of %s filled up on the way (%v); what was written is removed again: make room there", "%s のディスクが途中で満杯になった（%v）。書き込んだ分は削除した：空きを作る", p.around.Name(), why)
	}
	return why
}

// appear gives what was written its name, and lets it outlast a power cut.
func (p place) appear() error {
	// An empty folder of the name is let go; Remove takes no other.
	if info, err := p.around.Lstat(p.name); err == nil && info.IsDir() {
		if err := p.around.Remove(p.name); err != nil {
			return err
		}
	}
	if err := p.around.Rename(p.part(), p.name); err != nil {
		return err
	}
	d, err := p.around.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// write stores r as a regular file below dir, synced, and returns its digest and size.
func write(ctx context.Context, dir *os.Root, path string, mode fs.FileMode, r io.Reader) (string, int64, error) {
	f, err := dir.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), reader{ctx, r})
	if err == nil {
		err = f.Chmod(mode.Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	return hex.EncodeToString(sum.Sum(nil)), n, err
}
