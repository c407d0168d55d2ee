package breakglass

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/plan"
)

// Alone keeps every other process out that asks for the same path, and refuses when one is in already. A process that was killed keeps nobody
// out. Nothing is left of the file.
func Alone(path string) (release func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if taken, err := filelock.Try(f, filelock.Alone); !taken {
			_ = f.Close()
			if err != nil {
				return nil, err
			}
			return nil, plan.Wrong("another muster is at it now, and has %s; wait until it has ended", "別のmusterが実行中です（%s を使用中）。終了を待ってから、もう一度実行してください", path)
		}
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, filelock.Release(f))
		}
		if there, err := os.Lstat(path); err == nil && os.SameFile(mine, there) {
			return func() { _ = os.Remove(path); _ = filelock.Release(f) }, nil
		}
		_ = filelock.Release(f) // whoever had it has just taken it away
	}
}

// Sweep takes away what killed processes left in a directory under a name for the time being: the prefix, and the digits that os.CreateTemp
// and os.MkdirTemp draw. Only who is there alone may.
func Sweep(dir, prefix string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range list {
		if drawn, ok := strings.CutPrefix(d.Name(), prefix); ok && drawn != "" && strings.Trim(drawn, "0123456789") == "" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, d.Name())))
		}
	}
	return err
}
