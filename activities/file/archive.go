package file

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-dr/muster/activities"
)

// An archive is read twice: first as a whole, to see that all of it is sound and has
// room, then to write it. Between the two it must not have changed.

const (
	maxEntries = 10_000_000
	// maxAfter bounds what may follow an archive's end mark: padding to whole tape blocks.
	maxAfter = 64 << 20
	// maxWindow bounds the memory that a zstd archive can ask for.
	maxWindow = 512 << 20
)

// archive is an open tar file, plain or compressed.
type archive struct {
	file *os.File
	sum  hash.Hash
	raw  io.Reader // the file, hashed as it is read
	flat io.Reader // decompressed
	*tar.Reader
	end func()
}

func openArchive(ctx context.Context, path string) (*archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, sum: sha256.New()}
	raw := bufio.NewReaderSize(io.TeeReader(reader{ctx, f}, a.sum), 256<<10)
	a.raw, a.end = raw, func() { _ = f.Close() }
	magic, _ := raw.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if err != nil {
			a.end()
			return nil, damaged(path, err)
		}
		a.flat = z
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			a.end()
			return nil, damaged(path, err)
		}
		a.flat, a.end = z, func() { z.Close(); _ = f.Close() }
	default:
		a.flat = raw
	}
	a.Reader = tar.NewReader(a.flat)
	return a, nil
}

// finish reads to the end of the file, which checks the compression's own checksums, and
// returns the digest of the whole file.
func (a *archive) finish() (string, error) {
	n, err := io.Copy(io.Discard, io.LimitReader(a.flat, maxAfter))
	if err != nil {
		return "", err
	}
	if n == maxAfter {
		return "", fmt.Errorf("%s follow its end", size(maxAfter))
	}
	if _, err := io.Copy(io.Discard, a.raw); err != nil {
		return "", err
	}
	return hex.EncodeToString(a.sum.Sum(nil)), nil
}

func damaged(path string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return activities.FindingBoth("the archive %s is damaged or is no tar archive (plain, gzip or zstd): %v", "アーカイブ %s が破損しているか、tar（無圧縮・gzip・zstd）ではない：%v", path, err)
}

// contentsOf is what an archive holds.
type contentsOf struct {
	digest string
	files  int
	bytes  int64
	need   int64 // on the disk
	links  int
}

// survey reads a whole archive and refuses what could write outside the folder that it is
// restored to, or anything but files, folders and links. It stops when it is more than
// may be written.
func survey(ctx context.Context, name string, room, roomFiles int64) (out contentsOf, err error) {
	a, err := openArchive(ctx, name)
	if err != nil {
		return out, err
	}
	defer a.end()
	kinds := map[string]byte{} // by path, "" never
	for {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, damaged(name, err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		plainType(h)
		where, err := sound(h, kinds)
		if err != nil {
			return out, activities.FindingBoth("the archive %s is refused, nothing was written: %v", "アーカイブ %s は受け付けられず、何も書き込んでいない：%v", name, err)
		}
		if where == "." {
			continue
		}
		kinds[where] = h.Typeflag
		out.need += space(h.Size)
		switch h.Typeflag {
		case tar.TypeReg:
			out.files, out.bytes = out.files+1, out.bytes+h.Size
		case tar.TypeSymlink, tar.TypeLink:
			out.links++
		}
		if len(kinds) > maxEntries {
			return out, activities.FindingBoth("the archive %s has more than %d entries", "アーカイブ %s の項目数が %d を超えている", name, maxEntries)
		}
		if out.need > room || int64(len(kinds)) > roomFiles {
			return out, activities.FindingBoth("the archive %s holds more than fits: %s and %d files are needed up to %q, and %s and %d are free; make room; nothing was written", "アーカイブ %s の内容が収まらない：%s・%d ファイル分（%q まで）が必要だが、空きは %s・%d ファイル分。空きを作る。何も書き込んでいない",
				name, size(out.need), len(kinds), where, size(room), roomFiles)
		}
	}
	if out.files == 0 {
		return out, activities.FindingBoth("the archive %s holds no file", "アーカイブ %s にファイルがない", name)
	}
	if out.digest, err = a.finish(); err != nil {
		return out, damaged(name, err)
	}
	return out, nil
}

// plainType takes files with holes for what they are when read.
func plainType(h *tar.Header) {
	if h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont {
		h.Typeflag = tar.TypeReg
	}
}

// sound returns an entry's path, cleaned, or why it is refused.
func sound(h *tar.Header, kinds map[string]byte) (string, error) {
	where := path.Clean(h.Name)
	if strings.ContainsRune(h.Name, 0) || h.Name == "" || path.IsAbs(h.Name) || !filepath.IsLocal(where) {
		return "", fmt.Errorf("%q leads out of the folder", h.Name)
	}
	for part := range strings.SplitSeq(h.Name, "/") {
		if part == ".." {
			return "", fmt.Errorf("%q leads out of the folder", h.Name)
		}
	}
	for up := path.Dir(where); up != "."; up = path.Dir(up) {
		if k, ok := kinds[up]; ok && k != tar.TypeDir {
			return "", fmt.Errorf("%q lies in %q, which is no folder", h.Name, up)
		}
	}
	if k, ok := kinds[where]; ok && (k != tar.TypeDir || h.Typeflag != tar.TypeDir) {
		return "", fmt.Errorf("%q stands there twice", h.Name)
	}
	if where == "." && h.Typeflag != tar.TypeDir {
		return "", fmt.Errorf("%q names the folder itself", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeSymlink:
		if path.IsAbs(h.Linkname) || h.Linkname == "" || !filepath.IsLocal(path.Join(path.Dir(where), h.Linkname)) {
			return "", fmt.Errorf("%q is a link to %q, out of the folder", h.Name, h.Linkname)
		}
	case tar.TypeLink:
		if k, ok := kinds[path.Clean(h.Linkname)]; !ok || k != tar.TypeReg && k != tar.TypeLink {
			return "", fmt.Errorf("%q is a second name of %q, which is no file before it in the archive", h.Name, h.Linkname)
		}
	default:
		return "", fmt.Errorf("%q is a device, a pipe or of the unknown type %q", h.Name, h.Typeflag)
	}
	if h.Size < 0 {
		return "", fmt.Errorf("%q has a negative size", h.Name)
	}
	return where, nil
}

// unpack writes the archive below dir, and checks that it is still the surveyed one.
func unpack(ctx context.Context, name string, dir *os.Root, want contentsOf) error {
	a, err := openArchive(ctx, name)
	if err != nil {
		return err
	}
	defer a.end()
	type stamp struct {
		path string
		h    *tar.Header
	}
	var folders []stamp
	kinds := map[string]byte{}
	var need int64
	for {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(name, err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		plainType(h)
		where, err := sound(h, kinds)
		if need += space(h.Size); err == nil && need > want.need+space(0) {
			err = errors.New("it holds more than before")
		}
		if err != nil {
			return changed(name, err)
		}
		if where == "." {
			continue
		}
		kinds[where] = h.Typeflag
		if up := path.Dir(where); up != "." {
			if err := dir.MkdirAll(up, 0o700); err != nil {
				return err
			}
		}
		mode := fs.FileMode(h.Mode).Perm() // never setuid: whose file it was does not come back either
		switch h.Typeflag {
		case tar.TypeDir:
			if err := dir.MkdirAll(where, 0o700); err != nil {
				return err
			}
			folders = append(folders, stamp{where, h})
		case tar.TypeReg:
			_, n, err := write(ctx, dir, where, mode, a)
			if err == nil {
				err = dir.Chtimes(where, h.ModTime, h.ModTime)
			}
			if err == nil && n != h.Size {
				err = fmt.Errorf("%s: %d bytes of %d", where, n, h.Size)
			}
			if err != nil {
				if errors.Is(err, io.ErrUnexpectedEOF) {
					return damaged(name, err)
				}
				return fmt.Errorf("restore %s: %w", where, err)
			}
		case tar.TypeSymlink:
			if err := dir.Symlink(h.Linkname, where); err != nil {
				return err
			}
		case tar.TypeLink:
			if err := dir.Link(path.Clean(h.Linkname), where); err != nil {
				return err
			}
		}
	}
	digest, err := a.finish()
	if err != nil {
		return damaged(name, err)
	}
	if digest != want.digest {
		return changed(name, errors.New("its digest is another"))
	}
	for i := len(folders) - 1; i >= 0; i-- {
		f := folders[i]
		if err := errors.Join(dir.Chmod(f.path, fs.FileMode(f.h.Mode).Perm()|0o700), dir.Chtimes(f.path, f.h.ModTime, f.h.ModTime)); err != nil {
			return err
		}
	}
	return nil
}

func changed(name string, err error) error {
	return activities.FindingBoth("the archive %s changed while it was read (%v): somebody writes it; what was restored is removed again", "アーカイブ %s が読み取り中に変わった（%v）：誰かが書き込んでいる。リストアした分は削除した", name, err)
}
