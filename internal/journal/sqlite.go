package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks a SQLite file as ours: "MSTR".
const applicationID = 0x4d535452

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

// openSQLite opens or makes the file. It is kept in WAL mode with synchronous=full:
// what Append acknowledged survives a power failure.
func openSQLite(ctx context.Context, path string) (_ Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("record store: %w", err)
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	s := &database{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(s.explain("open", err), s.Close())
		}
	}()
	release, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer release()
	if err := claim(ctx, path); err != nil {
		return nil, err
	}
	pragmas := []string{"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"}
	if s.write, err = sql.Open("sqlite", dsn(path, pragmas...)); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write); err != nil {
		return nil, err
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "busy_timeout(10000)", "query_only(1)")); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(4)
	if s.file, err = os.Stat(path); err != nil {
		return nil, err
	}
	return s, nil
}

// dsn takes the write lock at the start of every transaction: one that begins by
// reading could else be refused when it comes to write.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "mode": {"rw"}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// makePrivate sees to a file that only its owner can read; it holds names, contacts
// and decisions. SQLite gives its side files the mode of the main one.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("record store %s: make its directory: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		return f.Close()
	}
	// An existing file is never opened here: closing it would drop the locks that
	// SQLite holds on it in this process.
	info, statErr := os.Stat(path)
	switch {
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("record store %s: %w", path, err)
	case statErr != nil:
		return fmt.Errorf("record store %s: %w", path, statErr)
	case !info.Mode().IsRegular():
		return fmt.Errorf("record store %s: this is not a file; name a file such as %s", path, filepath.Join(path, "journal.db"))
	case info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("record store %s: others can read it and its mode can't be changed: %w", path, err)
		}
	}
	return nil
}

// claim refuses a file that is somebody else's and marks an empty one as ours.
func claim(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)"))
	if err != nil {
		return err
	}
	defer db.Close()
	var id, tables int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	switch {
	case id == applicationID:
		return nil
	case id != 0 || tables != 0:
		return errors.New("this is another program's SQLite file; it was left as it is; name a new file")
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d", applicationID))
	return err
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithGoMigrations(
		// 5: summaries say that a run is being aborted, which only an open one is.
		goose.NewGoMigration(5, &goose.GoFunc{RunTx: resummarizeOpen}, nil)))
	if err != nil {
		return err
	}
	sources := p.ListSources()
	known := sources[len(sources)-1].Version
	has, err := p.GetDBVersion(ctx)
	if err == nil && has > known {
		return fmt.Errorf("a newer muster wrote it (schema %d; this one knows %d); "+
			"start that version again, or name another file. It was left as it is", has, known)
	}
	if err == nil && has < known {
		_, err = p.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

// lockDir holds a directory until release, so that of processes which open the same
// file at once one makes it and the others find it made.
func lockDir(path string) (release func(), err error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { d.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			d.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// explain says what went wrong with the store and the way out. What it wraps can
// still be inspected.
func (s *database) explain(doing string, err error) error {
	if err == nil || errors.Is(err, ErrNotFound) {
		return err
	}
	where := fmt.Sprintf("record store %s: %s", s.path, doing)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: it does not take it in time; another process may hold it, or its disk hangs: %w", where, err)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", where, err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%s: the disk is full; free space on it, nothing was lost and it then goes on: %w", where, err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%s: it can't be written to; make the file and its directory writable for this user: %w", where, err)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%s: it can't be opened; see that its directory is there and writable for this user: %w", where, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s: this is not a SQLite file; it was left as it is; name a new file: %w", where, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s: the file is damaged; stop muster, keep a copy of it and put back a back-up: %w", where, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s: another process held it for over 10 s; end that one, or try again: %w", where, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("%s: the disk answers with an error; look at the system's log: %w", where, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}
