package pgbackup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// packings are the endings of a tar file's name, with what takes the packing off.
var packings = []struct {
	ending string
	open   func(io.Reader) (io.ReadCloser, error)
}{
	{".tar", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(r), nil }},
	{".tar.gz", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{".tar.zst", func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}},
}

// openTar opens NAME.tar in whichever packing there is.
func openTar(dir, name string) (*tar.Reader, func(), error) {
	for _, p := range packings {
		f, err := os.Open(filepath.Join(dir, name+p.ending))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		plain, err := p.open(bufio.NewReaderSize(f, 1<<20))
		if err != nil {
			f.Close()
			return nil, nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		return tar.NewReader(plain), func() { plain.Close(); f.Close() }, nil
	}
	return nil, nil, fmt.Errorf("%s of %s: %w", name+".tar", filepath.Base(dir), fs.ErrNotExist)
}

// packedLabel finds backup_label, which pg_basebackup puts first.
func packedLabel(ctx context.Context, dir string) ([]byte, error) {
	r, done, err := openTar(dir, "base")
	if err != nil {
		return nil, err
	}
	defer done()
	for n := 0; n < 16 && ctx.Err() == nil; n++ {
		h, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("base.tar can't be read: %w", err)
		}
		if path.Clean(h.Name) == "backup_label" {
			return io.ReadAll(io.LimitReader(r, 64<<10))
		}
	}
	return nil, fmt.Errorf("base.tar does not begin with its backup_label")
}

// unpack lays a tar backup out as a data directory. Nothing in it leads out of there.
func unpack(ctx context.Context, i *pgcluster.Instance, source string, b Backup) error {
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".tar")
		if name != e.Name() && name != "base" && name != "pg_wal" {
			return activities.RefusedBoth("%s is a tablespace: packed backups with tablespaces can't be restored in isolation",
				"%s はテーブル空間である。テーブル空間を含む圧縮バックアップは隔離復元できない", e.Name())
		}
	}
	root, err := os.OpenRoot(i.Data)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, under := range map[string]string{"base": "", "pg_wal": "pg_wal"} {
		r, done, err := openTar(source, name)
		if errors.Is(err, fs.ErrNotExist) && name == "pg_wal" { // taken without its log
			continue
		}
		if err == nil {
			err = lay1(ctx, i, root, r, under)
			done()
		}
		switch {
		case err == nil:
		case ctx.Err() != nil, errors.Is(err, syscall.ENOSPC):
			return err
		default:
			return activities.FindingBoth("backup %s is damaged: %s.tar: %v", "バックアップ %s は破損している（%s.tar）：%v", b.Backup, name, err)
		}
	}
	return copyFile(i, filepath.Join(source, "backup_manifest"), filepath.Join(i.Data, "backup_manifest"))
}

// lay1 lays one tar file out.
func lay1(ctx context.Context, i *pgcluster.Instance, root *os.Root, r *tar.Reader, under string) error {
	own := func(name string) error { return i.Own(filepath.Join(root.Name(), name)) }
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := path.Join(under, path.Clean(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		case tar.TypeReg:
			// Of pg_wal, base.tar has the folder and pg_wal.tar the files, in any order.
			if dir := path.Dir(name); dir != "." {
				if _, err := root.Stat(dir); err != nil {
					if err := root.Mkdir(dir, 0o700); err != nil {
						return err
					}
					if err := own(dir); err != nil {
						return err
					}
				}
			}
			f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = io.Copy(f, r)
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is neither file nor folder", h.Name)
		}
		if err := own(name); err != nil {
			return err
		}
	}
}
