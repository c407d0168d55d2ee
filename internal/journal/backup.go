package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

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
	// Before it is begun: who starts it again and again would else fill the disk each time.
	if r, err := f.room(ctx, db); err != nil {
		return "", err
	} else if !r.enough() {
		return "", plan.Wrong("its copy takes %d MB, and %d MB are free beside it; free some space and start again", "コピーに %d MB が必要ですが、空きは %d MB です。空き容量を確保してから起動し直してください", r.takes(), r.free/mega)
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

// room is what a copy of the file takes, and what is free beside it.
type room struct{ size, free int64 }

func (r room) enough() bool { return r.free >= r.size }

func (r room) takes() int64 { return r.size/mega + 1 }

func (f *sqliteFile) room(ctx context.Context, db *sql.DB) (r room, err error) {
	if r.free, err = f.free(); err != nil {
		return r, err
	}
	// What was erased is not copied; what waits in the log beside the file is.
	return r, db.QueryRowContext(ctx, `SELECT (n.page_count - f.freelist_count) * s.page_size FROM pragma_page_count() n, pragma_freelist_count() f, pragma_page_size() s`).Scan(&r.size)
}

// upgradable says whether an upgrade will have the room for its copy.
func (f *sqliteFile) upgradable(ctx context.Context, db *sql.DB, out *Facts) error {
	r, err := f.room(ctx, db)
	switch {
	case err != nil:
		return err
	case !r.enough():
		out.Bad = true
		out.Notes = append(out.Notes, plan.Say("An upgrade first copies the file, which takes %d MB, and %d MB are free beside it: free some space before, or it is refused", "更新時にファイルのコピーを作成します（%d MB）が、空きは %d MB しかなく、このままでは更新できません。事前に空き容量を確保してください", r.takes(), r.free/mega))
	case r.free < 2*r.size:
		out.Notes = append(out.Notes, plan.Say("An upgrade first copies the file, which takes %d MB, and %d MB are free beside it: little is left then; free some space before", "更新時にファイルのコピーを作成します（%d MB）。空きは %d MB で、更新後の残りがわずかになります。事前に空き容量を確保してください", r.takes(), r.free/mega))
	}
	return nil
}

// freeBeside is how many bytes can still be written beside a file.
func freeBeside(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
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
