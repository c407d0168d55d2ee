package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqlConfig is the server's only database. More than one connection gives "database is
// locked" in the server's own transactions; full synchronous loses nothing on a power
// failure and costs little in WAL mode (measured).
func sqlConfig(dir string) *config.SQL {
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: filepath.Join(dir, databaseFile),
		MaxConns:     1,
		MaxIdleConns: 1,
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  "full",
			"busy_timeout": "10000",
		},
	}
}

// openDatabase is a connection of our own: the server's plugin neither checks nor
// migrates its schema and never closes the file.
func openDatabase(dir string) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)"}}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(dir, databaseFile), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// Schemas are numbered by the server's own releases.
const (
	executionSchema  = "temporal"
	visibilitySchema = "visibility"
)

// prepare makes the database or brings it up to date, in one transaction. It refuses
// a file that is not an engine's, and one that a newer engine wrote.
func prepare(ctx context.Context, dir string) error {
	db, err := openDatabase(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := migrate(ctx, db, schema.Assets()); err != nil {
		return fmt.Errorf("engine database %s: %w", filepath.Join(dir, databaseFile), explain(err))
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, assets fs.FS) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var tables, ours int
	if err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(name = 'muster_engine'), 0) FROM sqlite_master`).Scan(&tables, &ours); err != nil {
		return err
	}
	switch {
	case tables == 0:
		err = create(ctx, tx, assets)
	case ours == 0:
		err = errors.New("muster-engine did not make this file; it was left as it is; choose another directory")
	default:
		err = upgrade(ctx, tx, assets)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

func create(ctx context.Context, tx *sql.Tx, assets fs.FS) error {
	if _, err := tx.ExecContext(ctx, `CREATE TABLE muster_engine (name TEXT NOT NULL PRIMARY KEY, version TEXT NOT NULL)`); err != nil {
		return err
	}
	for name, version := range map[string]string{executionSchema: sqliteschema.Version, visibilitySchema: sqliteschema.VisibilityVersion} {
		if err := apply(ctx, tx, assets, path.Join("sqlite/v3", name, "schema.sql")); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO muster_engine (name, version) VALUES ($1, $2)`, name, version); err != nil {
			return err
		}
	}
	return nil
}

func upgrade(ctx context.Context, tx *sql.Tx, assets fs.FS) error {
	for name, want := range map[string]string{executionSchema: sqliteschema.Version, visibilitySchema: sqliteschema.VisibilityVersion} {
		var has string
		if err := tx.QueryRowContext(ctx, `SELECT version FROM muster_engine WHERE name = $1`, name).Scan(&has); err != nil {
			return fmt.Errorf("read the version of schema %s: %w", name, err)
		}
		switch order := compareVersions(has, want); {
		case order == 0:
			continue
		case order > 0:
			return fmt.Errorf("a newer muster-engine wrote it (schema %s %s; this one knows %s); start that version again. "+
				"The file was left as it is", name, has, want)
		}
		if err := applyBetween(ctx, tx, assets, name, has, want); err != nil {
			return fmt.Errorf("bring schema %s from %s to %s: %w", name, has, want, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE muster_engine SET version = $1 WHERE name = $2`, want, name); err != nil {
			return err
		}
	}
	return nil
}

// applyBetween runs the server's own steps after one version up to another.
func applyBetween(ctx context.Context, tx *sql.Tx, assets fs.FS, name, has, want string) error {
	manifests, err := fs.Glob(assets, path.Join("sqlite/v3", name, "versioned/*/manifest.json"))
	if err != nil {
		return err
	}
	type step struct {
		CurrVersion          string
		SchemaUpdateCqlFiles []string
		dir                  string
	}
	var steps []step
	for _, m := range manifests {
		b, err := fs.ReadFile(assets, m)
		if err != nil {
			return err
		}
		s := step{dir: path.Dir(m)}
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		if compareVersions(s.CurrVersion, has) > 0 && compareVersions(s.CurrVersion, want) <= 0 {
			steps = append(steps, s)
		}
	}
	sort.Slice(steps, func(i, j int) bool { return compareVersions(steps[i].CurrVersion, steps[j].CurrVersion) < 0 })
	if len(steps) == 0 || steps[len(steps)-1].CurrVersion != want {
		return errors.New("this muster-engine has no way from there; start one between the two first")
	}
	for _, s := range steps {
		for _, file := range s.SchemaUpdateCqlFiles {
			if err := apply(ctx, tx, assets, path.Join(s.dir, file)); err != nil {
				return err
			}
		}
	}
	return nil
}

func apply(ctx context.Context, tx *sql.Tx, assets fs.FS, file string) error {
	b, err := fs.ReadFile(assets, file)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, string(b)); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// compareVersions orders "0.9" before "0.10".
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(as) || i < len(bs); i++ {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return x - y
		}
	}
	return 0
}

// checkpoint folds the WAL into the database file: without it a copy of the file
// after a clean stop would be nearly empty.
func checkpoint(dir string) error {
	db, err := openDatabase(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	var busy, pages, moved int
	if err := db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return explain(err)
	}
	return nil
}

// explain adds the way out to what a disk can answer.
func explain(err error) error {
	var e *sqlite.Error
	errors.As(err, &e)
	is := func(code int) bool { return e != nil && e.Code()&0xff == code }
	switch {
	case err == nil:
		return nil
	case is(sqlite3.SQLITE_FULL), errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("the disk is full; free space on it: %w", err)
	case is(sqlite3.SQLITE_NOTADB), is(sqlite3.SQLITE_CORRUPT):
		return fmt.Errorf("the file is damaged; keep a copy of it, then put back a back-up: %w", err)
	case is(sqlite3.SQLITE_READONLY), is(sqlite3.SQLITE_CANTOPEN), is(sqlite3.SQLITE_PERM), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("it can't be written to; make the directory and its files writable for this user: %w", err)
	case is(sqlite3.SQLITE_BUSY):
		return fmt.Errorf("another program holds the file; end that one: %w", err)
	}
	return err
}
