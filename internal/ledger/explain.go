package ledger

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// explain says where it went wrong and what to do about it.
func (l *Ledger) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	for _, refusal := range []error{ErrBegun, ErrVoided, ErrStale} {
		if errors.Is(err, refusal) {
			return err
		}
	}
	var wayOut string
	var broken *sqlite.Error
	if errors.As(err, &broken) {
		switch broken.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
			wayOut = "; free space on its disk, then the step may be tried again"
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			wayOut = "; it is damaged or no ledger: keep the file as evidence, and begin with a new one only when no run is open"
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
			wayOut = "; this user must be able to write the file and its folder"
		case sqlite3.SQLITE_BUSY:
			wayOut = "; another process holds it; should that be a stopped site worker, end it or let it go on"
		}
	}
	return fmt.Errorf("effect ledger %s: %s: %w%s", l.path, what, err, wayOut)
}
