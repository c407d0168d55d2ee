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

// backUp copies the file beside itself before its schema is changed, and keeps the copy.
func (f *sqliteFile) backUp(ctx context.Context, db *sql.DB, has, _ int64) (plan.Text, error) {
	to, err := f.backupFile(has)
	if err != nil {
		return plan.Text{}, err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	if err == nil {
		err = synced(to)
	}
	if err != nil {
		if cause := f.because(err); cause.EN != "" {
			err = &trouble{text: cause, err: err}
		}
		return plan.Text{}, errors.Join(err, os.Remove(to))
	}
	return plan.Say("; as it was before is in %s, which you may remove once the new version has proven itself", "。更新前の内容は %s にあります。新しい版に問題がなければ削除してかまいません", to), nil
}

// backupFile makes the empty file that the backup goes to, for its owner only.
func (f *sqliteFile) backupFile(has int64) (string, error) {
	for n := 0; ; n++ {
		to := fmt.Sprintf("%s.schema-%d", f.path, has)
		if n > 0 {
			to = fmt.Sprintf("%s.%d", to, n)
		}
		out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue // of an earlier upgrade that was gone back from
		}
		if err != nil {
			return "", err
		}
		return to, out.Close()
	}
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
