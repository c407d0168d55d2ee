package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrChanged: somebody else has changed the document since it was read.
var ErrChanged = errors.New("the document was changed meanwhile")

// Document is something the server keeps beside the journal that changes or is erased:
// a personal token, a session, what a message channel has sent, the private part of an
// answer. No figure of a report rests on one.
type Document struct {
	Kind string `json:"kind"` // whose it is, as in "token"; a kind has one owner in the code
	ID   string `json:"id"`
	// Version counts the changes from 1; 0 asks that there be none yet.
	Version   int64           `json:"version"`
	ChangedAt time.Time       `json:"changed_at"` // by the clock of the server that wrote it
	Body      json.RawMessage `json:"body"`
}

// Documents keeps documents. It is safe for concurrent use, by several servers too.
type Documents interface {
	// Document returns one; ErrNotFound when there is none.
	Document(ctx context.Context, kind, id string) (Document, error)
	// DocumentsOf returns all of a kind, by ID.
	DocumentsOf(ctx context.Context, kind string) ([]Document, error)
	// DocumentVersions is DocumentsOf without bodies: it tells what has changed.
	DocumentVersions(ctx context.Context, kind string) ([]Document, error)
	// PutDocument keeps a document if the version in the store is still d.Version, and returns
	// it with its new one. Else it is ErrChanged: read it again and decide anew. It is on
	// disk when it returns.
	PutDocument(ctx context.Context, d Document) (Document, error)
	// DropDocument erases a document; one that is not there is no error.
	DropDocument(ctx context.Context, kind, id string) error
}

// Access is one entry of the access log: who came, from where, to what, and whether they
// were let in (requirements P-ACCLOG, F-N2-09). Entries are only ever added.
type Access struct {
	Position int64     `json:"position"` // given by the store
	At       time.Time `json:"at"`
	Person   string    `json:"person,omitempty"` // "" is nobody known
	Via      string    `json:"via,omitempty"`    // how they were known, as in "token 7f3a"
	Act      string    `json:"act"`              // as in "sign in", "read people"
	Object   string    `json:"object,omitempty"` // the run, the person or the page
	Outcome  string    `json:"outcome"`          // "ok", or why not
	From     string    `json:"from,omitempty"`   // network address
}

// AccessLog keeps the access log.
type AccessLog interface {
	Note(ctx context.Context, a Access) error
	// Accesses returns entries after a position, oldest first, at most limit (0 is all).
	Accesses(ctx context.Context, after int64, limit int) ([]Access, error)
	// DropAccesses erases entries from before a time: at least a year has to be kept
	// (requirement P-RETAIN), and less is refused.
	DropAccesses(ctx context.Context, before, now time.Time) error
}

// AccessKept is how long entries of the access log are kept at least (requirement F-N3-11).
const AccessKept = 365 * 24 * time.Hour

func (s *database) Document(ctx context.Context, kind, id string) (Document, error) {
	d := Document{Kind: kind, ID: id}
	err := s.read.QueryRowContext(ctx, `SELECT version, changed_at, body FROM documents WHERE kind = $1 AND id = $2`, kind, id).
		Scan(&d.Version, (*moment)(&d.ChangedAt), (*jsonText)(&d.Body))
	if errors.Is(err, sql.ErrNoRows) {
		return Document{}, fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
	}
	return d, s.explain("read a document", err)
}

func (s *database) DocumentsOf(ctx context.Context, kind string) ([]Document, error) {
	return s.documents(ctx, kind, "body")
}

func (s *database) DocumentVersions(ctx context.Context, kind string) ([]Document, error) {
	return s.documents(ctx, kind, "NULL")
}

func (s *database) documents(ctx context.Context, kind, body string) ([]Document, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, version, changed_at, `+body+` FROM documents WHERE kind = $1 ORDER BY id`, kind)
	if err != nil {
		return nil, s.explain("read documents", err)
	}
	defer rows.Close()
	var out []Document
	for rows.Next() {
		d := Document{Kind: kind}
		if err := rows.Scan(&d.ID, &d.Version, (*moment)(&d.ChangedAt), (*jsonText)(&d.Body)); err != nil {
			return nil, s.explain("read documents", err)
		}
		out = append(out, d)
	}
	return out, s.explain("read documents", rows.Err())
}

func (s *database) PutDocument(ctx context.Context, d Document) (Document, error) {
	if d.Kind == "" || d.ID == "" || !json.Valid(d.Body) {
		return Document{}, fmt.Errorf("document %q %q: it needs a kind, an ID and a body of JSON", d.Kind, d.ID)
	}
	if d.ChangedAt.IsZero() {
		d.ChangedAt = time.Now()
	}
	d.ChangedAt = d.ChangedAt.UTC().Truncate(time.Microsecond)
	var res sql.Result
	var err error
	if d.Version == 0 {
		res, err = s.write.ExecContext(ctx, `INSERT INTO documents (kind, id, version, changed_at, body) VALUES ($1, $2, 1, $3, $4)
			ON CONFLICT (kind, id) DO NOTHING`, d.Kind, d.ID, moment(d.ChangedAt).text(), string(d.Body))
	} else {
		res, err = s.write.ExecContext(ctx, `UPDATE documents SET version = version + 1, changed_at = $4, body = $5
			WHERE kind = $1 AND id = $2 AND version = $3`, d.Kind, d.ID, d.Version, moment(d.ChangedAt).text(), string(d.Body))
	}
	if err != nil {
		return Document{}, s.explain("keep a document", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return Document{}, errors.Join(fmt.Errorf("%s %s: %w", d.Kind, d.ID, ErrChanged), err)
	}
	d.Version++
	return d, nil
}

func (s *database) DropDocument(ctx context.Context, kind, id string) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM documents WHERE kind = $1 AND id = $2`, kind, id)
	return s.explain("erase a document", err)
}

func (s *database) Note(ctx context.Context, a Access) error {
	if a.Act == "" || a.Outcome == "" || a.At.IsZero() {
		return fmt.Errorf("access log: an entry needs a time, an act and an outcome, not %+v", a)
	}
	_, err := s.write.ExecContext(ctx, `INSERT INTO accesses (at, person, via, act, object, outcome, origin) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		moment(a.At).text(), a.Person, a.Via, a.Act, a.Object, a.Outcome, a.From)
	return s.explain("keep the access log", err)
}

func (s *database) Accesses(ctx context.Context, after int64, limit int) ([]Access, error) {
	query, args := `SELECT position, at, person, via, act, object, outcome, origin FROM accesses WHERE position > $1 ORDER BY position`, []any{after}
	if limit > 0 {
		query, args = query+` LIMIT $2`, append(args, limit)
	}
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explain("read the access log", err)
	}
	defer rows.Close()
	var out []Access
	for rows.Next() {
		var a Access
		if err := rows.Scan(&a.Position, (*moment)(&a.At), &a.Person, &a.Via, &a.Act, &a.Object, &a.Outcome, &a.From); err != nil {
			return nil, s.explain("read the access log", err)
		}
		out = append(out, a)
	}
	return out, s.explain("read the access log", rows.Err())
}

func (s *database) DropAccesses(ctx context.Context, before, now time.Time) error {
	if before.After(now.Add(-AccessKept)) {
		return fmt.Errorf("access log: entries are kept for %d days at least; %s is too late a limit", int(AccessKept.Hours()/24), before.Format(time.DateOnly))
	}
	_, err := s.write.ExecContext(ctx, `DELETE FROM accesses WHERE at < $1`, moment(before).text())
	return s.explain("erase old entries of the access log", err)
}

// moment is a time as the store keeps it: UTC text of one length, so that it sorts, and
// reads alike from every database.
type moment time.Time

const momentLayout = "2006-01-02T15:04:05.000000Z"

func (m moment) text() string { return time.Time(m).UTC().Format(momentLayout) }

func (m *moment) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*m = moment(v.UTC())
		return nil
	case string:
		at, err := time.Parse(momentLayout, v)
		*m = moment(at)
		return err
	}
	return fmt.Errorf("a time of the record store is a %T", src)
}

type jsonText json.RawMessage

func (j *jsonText) Scan(src any) error {
	switch v := src.(type) {
	case nil: // it was not asked for
		*j = nil
		return nil
	case string:
		*j = jsonText(v)
		return nil
	case []byte:
		*j = append(jsonText(nil), v...)
		return nil
	}
	return fmt.Errorf("a document of the record store is a %T", src)
}
