package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/plan"
)

// applicationID marks a SQLite file as ours: "MSTR".
const applicationID = 0x4d535452

const (
	// pageCache bounds what each of the five connections keeps of the file, in KiB, where SQLite's 2,000
	// would be 4 MB: the allocator takes 8 KB for a page of 4. The system keeps the file as well.
	pageCache = "cache_size(-500)"
	// readerIdle is how long a reader is kept that nobody needs. One that is asked by a scrape stays.
	readerIdle = 30 * time.Second
)

// openSQLite opens or makes the file. It is kept in WAL mode with synchronous=full:
// what Append acknowledged survives a power failure.
func openSQLite(ctx context.Context, path string, o options) (_ *database, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("record store: %w", err)
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	own := &sqliteFile{path: path, free: o.free}
	if own.free == nil {
		own.free = func() (int64, error) { return freeBeside(path) }
	}
	s := &database{dialect: own, where: path}
	defer func() {
		if err != nil {
			err = errors.Join(s.explain(plan.Text{EN: "open", JA: "開く"}, err), s.Close())
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
	if err := closeToOthers(path); err != nil { // not before it is known to be ours
		return nil, err
	}
	pragmas := []string{"busy_timeout(10000)", pageCache, "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"}
	if s.write, err = sql.Open("sqlite", dsn(path, pragmas...)); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write, sqliteSchema, o, own.backUp); err != nil {
		if errors.Is(err, ErrOlder) && o.older != nil {
			if more := own.upgradable(ctx, s.write, o.older); more != nil {
				err = more
			}
		}
		return nil, err
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "busy_timeout(10000)", pageCache, "query_only(1)")); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetConnMaxIdleTime(readerIdle)
	if own.file, err = os.Stat(path); err != nil {
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

// makePrivate makes the file if it is missing, such that only its owner can read it; it holds
// names, contacts and decisions. SQLite gives its side files the mode of the main one.
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
	}
	return nil
}

// closeToOthers takes the rights of others from a file that is ours.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("others can read it and its mode can't be changed: %w", err)
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
		return plan.Wrong("this is another program's SQLite file; it was left as it is; name a new file", "別のプログラムのSQLiteファイルです。変更はしていません。新しいファイル名を指定してください")
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d", applicationID))
	return err
}

// lockDir holds a directory until release, so that of processes which open the same
// file at once one makes it and the others find it made.
func lockDir(path string) (release func(), err error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := filelock.Wait(d, filelock.Alone); err != nil {
		d.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = filelock.Release(d) }, nil
}

// sqliteFile is the dialect of SQLite.
type sqliteFile struct {
	path string
	file os.FileInfo // as it was opened
	free func() (int64, error)
	part atomic.Pointer[os.File]
}

// A transaction has the write lock from its beginning.
func (*sqliteFile) lock(context.Context, *sql.Tx, ...string) error { return nil }

func (*sqliteFile) settled() string { return "" }

func (*sqliteFile) settle(context.Context, *sql.Tx) error { return nil }

// What SQLite refuses stays refused.
func (*sqliteFile) passes(error) bool { return false }

// It waits 10 s for other processes by itself.
func (*sqliteFile) patience() time.Duration { return 0 }

func (*sqliteFile) letGo() {}

func (*sqliteFile) told([]string) {}

// A file that was deleted or replaced goes on taking writes, and loses them all.
func (f *sqliteFile) alive() error {
	now, err := os.Stat(f.path)
	if err == nil && !os.SameFile(now, f.file) {
		err = plan.Wrong("another file was put in its place", "別のファイルに置き換えられています")
	}
	if err == nil {
		return nil
	}
	return &trouble{text: plan.Say("record store %s: the file that muster works on is gone: %s; what is recorded now would be lost: stop muster, put the file back and start again",
		"記録の保存先 %s: musterが使用中のファイルがなくなりました（%s）。このままでは記録が失われます。musterを止め、ファイルを戻して起動し直してください", f.path, saidOf(err)), placed: true}
}

func (*sqliteFile) because(err error) plan.Text {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return plan.Text{}
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return plan.Say("the disk is full; free space on it, nothing was lost and it then goes on", "ディスクが満杯です。空き容量を確保すれば自動で続行します。失われた記録はありません")
	case sqlite3.SQLITE_READONLY:
		return plan.Say("it can't be written to; make the file and its directory writable for this user", "書き込めません。ファイルとそのディレクトリに、このユーザーの書き込み権限を与えてください")
	case sqlite3.SQLITE_CANTOPEN:
		return plan.Say("it can't be opened; see that its directory is there and writable for this user", "開けません。ディレクトリの有無と、このユーザーの書き込み権限を確認してください")
	case sqlite3.SQLITE_NOTADB:
		return plan.Say("this is not a SQLite file; it was left as it is; name a new file", "SQLiteのファイルではありません。変更はしていません。新しいファイル名を指定してください")
	case sqlite3.SQLITE_CORRUPT:
		return plan.Say("the file is damaged; stop muster, keep a copy of it and put back a back-up", "ファイルが破損しています。musterを止め、ファイルのコピーを保管してから、バックアップを戻してください")
	case sqlite3.SQLITE_BUSY:
		return plan.Say("another process held it for over 10 s; end that one, or try again", "別のプロセスが10秒以上使用しています。そのプロセスを終了するか、もう一度試してください")
	case sqlite3.SQLITE_IOERR:
		return plan.Say("the disk answers with an error; look at the system's log", "ディスクがエラーを返しています。システムのログを確認してください")
	}
	return plan.Text{}
}
