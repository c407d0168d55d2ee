// Package ledger is a site worker's own record of the effects it began, on its own
// disk. A retry, a frozen worker or a lost answer can't make an effect happen twice,
// because every attempt must enter its key here first, and a key is entered once.
//
// The workers of one site share one ledger on one machine: a second ledger for the
// same site would know nothing of the first one's effects.
package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the ledger's file format
)

// Begin refuses with one of these; nothing was entered then.
var (
	// ErrBegun: the key was begun before. What came of it must be looked up.
	ErrBegun = errors.New("this effect was begun before")
	// ErrVoided: the key was given up while nothing had begun; it can never begin.
	ErrVoided = errors.New("this effect was given up before it began")
	// ErrStale: an effect with a higher fencing token has begun on the system, so a
	// later run has taken it over.
	ErrStale = errors.New("a later run has taken this system over")
)

const (
	applicationID = 0x6d757374 // "must"; tells a ledger from other SQLite files
	schemaVersion = 2          // the layout, as PRAGMA user_version
)

const schema = `
CREATE TABLE effects (
  key TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('begun', 'ended', 'voided')),
  system TEXT NOT NULL DEFAULT '',
  token INTEGER NOT NULL DEFAULT 0,
  action TEXT NOT NULL DEFAULT '',
  pid INTEGER NOT NULL DEFAULT 0,
  process TEXT NOT NULL DEFAULT '',
  at TEXT NOT NULL,
  ended_at TEXT NOT NULL DEFAULT '',
  outcome TEXT NOT NULL DEFAULT '',
  digest TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE tokens (
  system TEXT PRIMARY KEY,
  token INTEGER NOT NULL
) STRICT;
PRAGMA application_id = 0x6d757374;` + second

// second is what is new in layout 2.
const second = `
CREATE TABLE notes (
  key TEXT PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE identity (id TEXT NOT NULL) STRICT;
INSERT INTO identity VALUES (lower(hex(randomblob(8))));
PRAGMA user_version = 2;`

// Ledger is an open ledger. It is safe for concurrent use, also by several processes
// of one machine. What a call entered is on disk when the call returns.
type Ledger struct {
	db    *sql.DB
	path  string
	id    string
	owner *ownership
}

// Open opens or creates the ledger at path, readable by its owner only. The folder
// must exist. A file of a newer muster is refused and left as it is.
func Open(path string) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the effect ledger: %w; its folder must exist and be writable by this user", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("effect ledger %s: %w", path, err)
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{
		// 500 KiB of the file in memory are plenty for what is asked by its key; SQLite's 2,000 are 4 MB, as
		// the allocator takes 8 KB for a page of 4.
		"_pragma": {"busy_timeout(10000)", "cache_size(-500)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("effect ledger %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	l := &Ledger{db: db, path: path}
	if err := l.migrate(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if l.owner, err = own(path + ".owners"); err != nil {
		return nil, errors.Join(fmt.Errorf("effect ledger %s: %w", path, err), db.Close())
	}
	// Only now, so that a file which is not ours stays as it is.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("effect ledger %s: %w; it must belong to this user", path, err), l.Close())
	}
	if _, err := db.Exec(`PRAGMA journal_mode = WAL`); err != nil {
		return nil, errors.Join(l.explain("open", err), l.Close())
	}
	return l, nil
}

// Path is where the ledger lies.
func (l *Ledger) Path() string { return l.path }

// Close closes the ledger. Effects in flight can't be ended after it.
func (l *Ledger) Close() error { return errors.Join(l.db.Close(), l.owner.close()) }

func (l *Ledger) migrate() error {
	return l.write("open", func(tx *sql.Tx) error {
		var application, version, tables int
		if err := tx.QueryRow(`SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_master)
			FROM pragma_application_id a, pragma_user_version v`).Scan(&application, &version, &tables); err != nil {
			return err
		}
		switch {
		case application != applicationID && (application != 0 || tables > 0):
			return foreign()
		case version > schemaVersion:
			return newer(version)
		case version < schemaVersion:
			layout := schema
			if version == 1 {
				layout = second
			}
			if _, err := tx.Exec(layout); err != nil {
				return err
			}
		}
		return tx.QueryRow(`SELECT id FROM identity`).Scan(&l.id)
	})
}

// ID tells this ledger from every other, also from one that later lies at its path.
func (l *Ledger) ID() string { return l.id }

// Begin enters that the effect key is about to be tried. It returns ErrBegun,
// ErrVoided or ErrStale when it must not be; on any error nothing may be done. token is
// the fencing token of the system's switch lock; with system "" there is no fence.
func (l *Ledger) Begin(key, system string, token int64, action string) error {
	if key == "" {
		return errors.New("an effect without a key can't be begun")
	}
	l.enter(key)
	err := l.write("begin "+key, func(tx *sql.Tx) error {
		e, err := read(tx, key)
		if err != nil {
			return err
		}
		switch e.State {
		case Voided:
			return fmt.Errorf("%w, at %s", ErrVoided, e.At.Format(time.RFC3339))
		case Begun:
			return fmt.Errorf("%w, at %s by process %d", ErrBegun, e.At.Format(time.RFC3339), e.Owner.PID)
		case Ended:
			return fmt.Errorf("%w, at %s, and ended: %s", ErrBegun, e.At.Format(time.RFC3339), e.Outcome)
		case None:
		}
		if system != "" {
			if err := fence(tx, system, token); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`INSERT INTO effects (key, state, system, token, action, pid, process, at, digest) VALUES (?, 'begun', ?, ?, ?, ?, ?, ?, ?)`,
			key, system, token, action, self.PID, self.Process, now(), l.owner.mark())
		return err
	})
	if err != nil {
		l.leave(key)
	}
	return err
}

func fence(tx *sql.Tx, system string, token int64) error {
	var highest int64
	err := tx.QueryRow(`SELECT token FROM tokens WHERE system = ?`, system).Scan(&highest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if token < highest {
		return fmt.Errorf("%w: %s is at token %d, this step holds %d", ErrStale, system, highest, token)
	}
	_, err = tx.Exec(`INSERT INTO tokens (system, token) VALUES (?, ?) ON CONFLICT (system) DO UPDATE SET token = excluded.token`, system, token)
	return err
}

// End enters how the effect ended: outcome in a word, digest of what was returned.
// The key counts as in flight in this process until End returns, whatever it returns.
func (l *Ledger) End(key, outcome, digest string) error {
	defer l.leave(key)
	return l.write("end "+key, func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE effects SET state = 'ended', ended_at = ?, outcome = ?, digest = ? WHERE key = ? AND state = 'begun'`,
			now(), outcome, digest, key)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return errors.New("no such effect is under way")
	})
}

// Void gives the key up: if it was never begun, it never can be from now on. It
// returns what the ledger holds for the key afterwards: Voided, Begun or Ended.
func (l *Ledger) Void(key string) (Entry, error) {
	var e Entry
	err := l.write("void "+key, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO effects (key, state, at) VALUES (?, 'voided', ?) ON CONFLICT (key) DO NOTHING`, key, now()); err != nil {
			return err
		}
		var err error
		e, err = read(tx, key)
		return err
	})
	return l.alive(e), err
}

// Status returns what the ledger holds for the key.
func (l *Ledger) Status(key string) (Entry, error) {
	e, err := read(l.db, key)
	if err != nil {
		return Entry{}, l.explain("read "+key, err)
	}
	return l.alive(e), nil
}

// Note keeps a text under a key, in place of what was kept there.
func (l *Ledger) Note(key, note string) error {
	return l.write("note "+key, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO notes (key, note) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET note = excluded.note`, key, note)
		return err
	})
}

// Noted is what was kept under a key; "" is nothing.
func (l *Ledger) Noted(key string) (note string, err error) {
	err = l.db.QueryRow(`SELECT note FROM notes WHERE key = ?`, key).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return note, l.explain("read the note of "+key, err)
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

type querier interface {
	QueryRow(query string, args ...any) *sql.Row
}

func read(q querier, key string) (Entry, error) {
	e := Entry{Key: key}
	var at, ended string
	err := q.QueryRow(`SELECT state, system, token, action, pid, process, at, ended_at, outcome, digest FROM effects WHERE key = ?`, key).
		Scan(&e.State, &e.System, &e.Token, &e.Action, &e.Owner.PID, &e.Owner.Process, &at, &ended, &e.Outcome, &e.Digest)
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{Key: key, State: None}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return Entry{}, err
	}
	if ended != "" {
		e.EndedAt, err = time.Parse(time.RFC3339Nano, ended)
	}
	return e, err
}

func (l *Ledger) write(what string, f func(*sql.Tx) error) error {
	tx, err := l.db.Begin()
	if err != nil {
		return l.explain(what, err)
	}
	if err := f(tx); err != nil {
		return l.explain(what, errors.Join(err, tx.Rollback()))
	}
	return l.explain(what, tx.Commit())
}
