package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/wholefile"
)

// DataVersion is the version of the data directory's own shape. The files in it (the
// journal, the ledgers, the engine's) carry and migrate their own versions.
const DataVersion = 1

// How a process shares the data directory with others.
const (
	alone  = filelock.Alone  // `up`
	shared = filelock.Shared // `server` and `worker`, beside each other
)

// dataDir is an opened data directory.
type dataDir struct {
	path string
	lock *os.File
	made bool // nothing of muster's was in it
}

// openData makes the directory if it is missing, checks that it can be written and is
// of a version that this muster knows, and locks it.
func openData(l i18n.Lang, path string, use filelock.Use) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fileTrouble(l, path, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fileTrouble(l, path, err)
	}
	d := &dataDir{path: path, lock: lock}
	if taken, err := filelock.Try(lock, use); !taken {
		defer lock.Close()
		if err != nil {
			return nil, fileTrouble(l, path, err)
		}
		return nil, heldBy(l, lock, path)
	}
	if err := d.check(l); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func heldBy(l i18n.Lang, lock *os.File, path string) *Trouble {
	holder, _ := os.ReadFile(lock.Name())
	return &Trouble{What: l.T("%s is in use by another muster (process %s)", "%s は別のmuster (プロセス %s) が使用中です", path, strings.TrimSpace(string(holder))),
		WayOut: l.T("Use that one, end it, or name another directory with --data", "そちらを使うか、終了させるか、--data で別のディレクトリを指定してください"), inUse: true}
}

// whileFree does something unless a muster has the directory, and leaves the directory as it is: what opens it may be another version.
func whileFree(l i18n.Lang, path string, do func() error) error {
	lock, err := os.Open(filepath.Join(path, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return do()
	}
	if err != nil {
		return fileTrouble(l, path, err)
	}
	taken, err := filelock.Try(lock, alone)
	defer func() { _ = filelock.Release(lock) }()
	switch {
	case err != nil:
		return fileTrouble(l, path, err)
	case !taken:
		return heldBy(l, lock, path)
	}
	return do()
}

func (d *dataDir) check(l i18n.Lang) error {
	was, err := CheckVersion(l, d.path)
	if err != nil {
		return err
	}
	d.made = was == 0
	// The version is written, and the holder's ID after it, to disk: whoever can't
	// write here must not begin.
	version := filepath.Join(d.path, "VERSION")
	if err := writeSynced(version, strconv.Itoa(DataVersion)+"\n"); err != nil {
		return fileTrouble(l, d.path, err)
	}
	if err := d.lock.Truncate(0); err != nil {
		return fileTrouble(l, d.path, err)
	}
	if _, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fileTrouble(l, d.path, err)
	}
	return nil
}

// CheckVersion reads the version of a data directory; 0 is a directory without one. It
// refuses a newer one than this muster knows.
func CheckVersion(l i18n.Lang, path string) (int, error) {
	b, err := os.ReadFile(filepath.Join(path, "VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fileTrouble(l, path, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 1 {
		return 0, &Trouble{What: l.T("%s/VERSION is not one that muster wrote: %q", "%s/VERSION はmusterのものではありません: %q", path, strings.TrimSpace(string(b))),
			WayOut: l.T("Is this muster's data directory? Name it with --data, or bring the file back from a copy", "musterのデータディレクトリか確認し、--data で指定するか、バックアップから戻してください")}
	}
	if n > DataVersion {
		return n, &Trouble{What: l.T("%s was written by a newer muster (data version %d, this one knows %d)", "%s はより新しいmusterのものです (データ版 %d、このmusterは %d まで)", path, n, DataVersion),
			WayOut: l.T("Nothing was changed. Run that newer version, or name another directory with --data", "何も変更していません。新しい版を使うか、--data で別のディレクトリを指定してください")}
	}
	return n, nil
}

func writeSynced(path, text string) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	return wholefile.Write(path, []byte(text), 0o600)
}

// Close lets the directory go.
func (d *dataDir) Close() { _ = filelock.Release(d.lock) }
