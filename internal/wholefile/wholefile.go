// Package wholefile puts files in their place whole: whoever reads meanwhile has the old one or the new one.
package wholefile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/internal/plan"
)

// Owner is a user and a group that a file is given to.
type Owner struct{ UID, GID int }

// Write puts a file in its place, on disk when it returns, with exactly this mode. It is written beside under a name that
// nobody can foresee, so that no link that lies in wait there leads elsewhere; a link or anything but a file in
// its own place is refused, since replacing it is hardly what was meant.
func Write(path string, b []byte, mode fs.FileMode, to ...Owner) (err error) {
	if err := Place(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path+"."+rand.Text()[:8]+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	for _, o := range to {
		err = errors.Join(err, f.Chown(o.UID, o.GID))
	}
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil // it may be searched and not read: what is written there counts all the same
	}
	_ = d.Sync()
	return d.Close()
}

// Place refuses a path at which a link, or anything but a file, stands in the way of a file.
func Place(path string) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return plan.Wrong("%s is a link, or no file, and was left as it is; name the file itself", "%s はシンボリックリンクか、通常のファイルではないため、変更していません。ファイル自体を指定してください", path)
	}
	return nil
}

// SyncDir has a folder's names on disk: a file that was put there is there after a power failure.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
