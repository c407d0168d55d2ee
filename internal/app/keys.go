package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/wholefile"
)

// ListedKey is a key as it may be shown.
type ListedKey struct {
	ID     string `json:"id"`
	Active bool   `json:"active"`
	// Fingerprint tells two keys of one name apart, and nothing of what they are.
	Fingerprint string `json:"fingerprint"`
	Path        string `json:"path,omitempty"` // absolute
}

// NewKey adds a key to the keyring in a file, and makes the file the first time.
func NewKey(l i18n.Lang, path, id string) (ListedKey, error) {
	out := ListedKey{ID: id}
	err := changeKeys(l, path, true, func(r *keyring.Ring) error {
		if _, there := r.Key(id); there {
			return &Trouble{Mistake: true, What: l.T("%s has a key %s already", "%s には鍵 %s が既にあります", path, id),
				WayOut: l.T("Give the new one another name: muster key new ID", "別の名前を付けてください: muster key new ID")}
		}
		k, err := keyring.New(id)
		if err != nil {
			return &Trouble{Mistake: true, What: plan.SaidBy(err).In(string(l))}
		}
		if len(r.Keys) == 0 {
			r.Active = id
		}
		r.Keys = append(r.Keys, k)
		out.Active, out.Fingerprint = r.Active == id, k.Fingerprint()
		return nil
	})
	if err == nil {
		out.Path, err = filepath.Abs(path)
	}
	return out, err
}

// ActivateKey has another key of the keyring encrypt.
func ActivateKey(l i18n.Lang, path, id string) error {
	return changeKeys(l, path, false, func(r *keyring.Ring) error {
		if _, there := r.Key(id); !there {
			return &Trouble{Mistake: true, What: l.T("%s has no key %s", "%s に鍵 %s はありません", path, id),
				WayOut: l.T("Its keys: %s; a new one: muster key new %s", "ある鍵: %s。新しく作成するには: muster key new %s", strings.Join(r.IDs(), ", "), id)}
		}
		r.Active = id
		return nil
	})
}

// Keys are those of the keyring in a file.
func Keys(l i18n.Lang, path string) ([]ListedKey, error) {
	r, err := readKeys(l, path)
	if err != nil {
		return nil, err
	}
	var out []ListedKey
	for _, k := range r.Keys {
		out = append(out, ListedKey{ID: k.ID, Active: k.ID == r.Active, Fingerprint: k.Fingerprint()})
	}
	return out, nil
}

func readKeys(l i18n.Lang, path string) (keyring.Ring, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		way := ""
		if errors.Is(err, fs.ErrNotExist) {
			way = l.T("Make the first key with `muster key new --keyring %s`", "`muster key new --keyring %s` で最初の鍵を作成してください", path)
		}
		return keyring.Ring{}, &Trouble{Mistake: true, What: l.T("the keyring can't be read", "鍵束を読み込めません"), Err: spoken{l, err}, WayOut: way}
	}
	r, err := keyring.Parse(string(b))
	if err != nil {
		return r, &Trouble{Mistake: true, What: path + ": " + plan.SaidBy(err).In(string(l))}
	}
	return r, nil
}

// changeKeys changes a keyring's file as a whole: whoever reads it meanwhile has the old one or
// the new one, and of two who change it at once none loses the other's key.
func changeKeys(l i18n.Lang, path string, create bool, change func(*keyring.Ring) error) error {
	lock, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fileTrouble(l, filepath.Dir(path), err)
	}
	defer func() { _ = filelock.Release(lock) }()
	if err := filelock.Wait(lock, filelock.Alone); err != nil {
		return fileTrouble(l, filepath.Dir(path), err)
	}
	var r keyring.Ring
	if _, err := os.Stat(path); !create || !errors.Is(err, fs.ErrNotExist) {
		if r, err = readKeys(l, path); err != nil {
			return err
		}
	}
	if err := change(&r); err != nil {
		return err
	}
	mode, owner := fs.FileMode(0o600), []wholefile.Owner(nil)
	if info, err := os.Stat(path); err == nil { // a group that reads it goes on reading it
		mode = info.Mode().Perm() & 0o640
		if was, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = append(owner, wholefile.Owner{UID: int(was.Uid), GID: int(was.Gid)})
		}
	}
	if err := wholefile.Write(path, []byte(r.Text()), mode, owner...); err != nil {
		return fileTrouble(l, path, err)
	}
	return nil
}
