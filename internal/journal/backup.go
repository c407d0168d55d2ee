package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/internal/plan"
)

// backUp copies the file beside itself before its schema is changed, and keeps the copy. It has its name only once it is
// whole and on disk: whoever goes back to it takes the first one that they find.
func (f *sqliteFile) backUp(ctx context.Context, db *sql.DB, has, _ int64) (plan.Text, error) {
	name := fmt.Sprintf("%s.schema-%d", f.path, has)
	part := name + ".part"
	to, err := f.backUpTo(ctx, db, name, part)
	if err != nil {
		if cause := f.because(err); cause.EN != "" {
			err = &trouble{text: cause, err: err}
		}
		return plan.Text{}, errors.Join(err, gone(os.Remove(part)))
	}
	return plan.Say("; as it was before is in %s, which you may remove once the new version has proven itself", "。更新前の内容は %s にあります。新しい版に問題がなければ削除してかまいません", to), nil
}

func (f *sqliteFile) backUpTo(ctx context.Context, db *sql.DB, name, part string) (to string, err error) {
	if err := gone(os.Remove(part)); err != nil { // of one that was cut off
		return "", err
	}
	out, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return "", err
	}
	if err := synced(part); err != nil {
		return "", err
	}
	to = name
	for n := 1; ; n++ { // those of an earlier upgrade that was gone back from stay
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
		to = fmt.Sprintf("%s.%d", name, n)
	}
	if err := os.Rename(part, to); err != nil {
		return "", err
	}
	return to, synced(to)
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// synced sees to it that a file, and its name, are on disk.
func synced(path string) error {
	for _, name := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
