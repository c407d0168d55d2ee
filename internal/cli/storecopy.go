package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/journal"
)

// openCopy opens a copy of a record store's file, so that reading it changes nothing:
// not the file, nor what lies beside it. A store that is in use gives its state now. One in
// PostgreSQL is read where it is.
func (c *command) openCopy(ctx context.Context, store string) (journal.Store, func(), error) {
	if strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://") {
		s, err := journal.Open(ctx, store, append(app.StoreOptions(c.config, c.noted), journal.AsItIs())...)
		if err != nil {
			return nil, nil, app.StoreTrouble(c.lang, err)
		}
		return s, func() { _ = s.Close() }, nil
	}
	path := strings.TrimPrefix(store, "sqlite:")
	if _, err := os.Stat(path); err != nil {
		return nil, nil, mistake(fmt.Errorf("%s", c.t("the record store %s can't be read: %v", "記録 %s を読めません: %v", path, bare(err))),
			c.t("Give the file journal.db of a data directory, or a copy of it", "データディレクトリのjournal.db、またはそのコピーを指定してください"))
	}
	dir, err := os.MkdirTemp("", "muster-report-")
	if err != nil {
		return nil, nil, err
	}
	drop := func() { _ = os.RemoveAll(dir) }
	to := filepath.Join(dir, "journal.db")
	if err := copyStore(ctx, path, to); err != nil {
		drop()
		return nil, nil, fmt.Errorf("copy %s: %w", path, err)
	}
	s, err := journal.Open(ctx, "sqlite:"+to)
	if err != nil {
		drop()
		return nil, nil, mistake(c.about(path, err), "")
	}
	return s, func() { _ = s.Close(); drop() }, nil
}

// copyStore copies the file with what its log holds. Somebody who has it open keeps an
// index beside it; SQLite then makes the copy, in one transaction.
func copyStore(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from + "-shm"); err == nil {
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: from, RawQuery: "mode=ro&_pragma=busy_timeout(10000)"}).String())
		if err != nil {
			return err
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err == nil {
			return nil
		}
		_ = os.Remove(to)
	}
	if err := copyFile(from, to); err != nil {
		return err
	}
	if err := copyFile(from+"-wal", to+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// bare drops the path that package os puts before an error.
func bare(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}
