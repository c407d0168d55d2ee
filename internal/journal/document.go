package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// ErrChanged: somebody else has changed the document since it was read.
var ErrChanged = errors.New("the document was changed meanwhile")

// Document is something the server keeps beside the journal that changes or is erased:
// a personal token, a session, what a message channel has sent, the private part of an
// answer. No figure of a run's report rests on one. What pages over many runs take from one can be made
// again from records, and is held against them, or their evidence section names it.
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

// ActRaised is the act of an access that a security alarm was raised with.
const ActRaised = "security alarm"

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
	if odd(kind, id) {
		return Document{}, fmt.Errorf("%q %q: %w", kind, id, ErrNotFound)
	}
	d, err := again(ctx, s, func(ctx context.Context) (Document, error) { return documentOf(ctx, s.read.QueryRowContext, kind, id) })
	if errors.Is(err, sql.ErrNoRows) {
		return Document{}, fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
	}
	return d, s.explain(plan.Text{EN: "read a document", JA: "文書の読み取り"}, err)
}

func (s *database) DocumentsOf(ctx context.Context, kind string) ([]Document, error) {
	return s.documents(ctx, kind, "body")
}

func (s *database) DocumentVersions(ctx context.Context, kind string) ([]Document, error) {
	return s.documents(ctx, kind, "NULL")
}

func (s *database) documents(ctx context.Context, kind, body string) ([]Document, error) {
	if odd(kind) {
		return nil, nil
	}
	out, err := again(ctx, s, func(ctx context.Context) (out []Document, err error) {
		return out, s.list(ctx, s.read, `SELECT id, version, changed_at, `+body+` FROM documents WHERE kind = $1 ORDER BY id`, []any{kind}, func(scan func(...any) error) error {
			d := Document{Kind: kind}
			err := scan(&d.ID, &d.Version, (*moment)(&d.ChangedAt), (*jsonText)(&d.Body))
			out = append(out, d)
			return err
		})
	})
	return out, s.explain(plan.Text{EN: "read documents", JA: "文書の読み取り"}, err)
}

func documentOf(ctx context.Context, row func(context.Context, string, ...any) *sql.Row, kind, id string) (Document, error) {
	d := Document{Kind: kind, ID: id}
	err := row(ctx, `SELECT version, changed_at, body FROM documents WHERE kind = $1 AND id = $2`, kind, id).
		Scan(&d.Version, (*moment)(&d.ChangedAt), (*jsonText)(&d.Body))
	return d, err
}

func (s *database) PutDocument(ctx context.Context, d Document) (Document, error) {
	if d.Kind == "" || d.ID == "" || !json.Valid(d.Body) {
		return Document{}, fmt.Errorf("document %q %q: it needs a kind, an ID and a body of JSON", d.Kind, d.ID)
	}
	if err := named(plan.Text{EN: "document", JA: "文書"}, d.Kind, d.ID); err != nil {
		return Document{}, err
	}
	if d.ChangedAt.IsZero() {
		d.ChangedAt = time.Now()
	}
	d.ChangedAt = d.ChangedAt.UTC().Truncate(time.Microsecond)
	body, tries := text(d.Body), 0
	var kept bool
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		tries++
		query := `UPDATE documents SET version = version + 1, changed_at = $4, body = $5 WHERE kind = $1 AND id = $2 AND version = $3`
		args := []any{d.Kind, d.ID, d.Version, moment(d.ChangedAt).text(), body}
		if d.Version == 0 {
			query = `INSERT INTO documents (kind, id, version, changed_at, body) VALUES ($1, $2, $3 + 1, $4, $5) ON CONFLICT (kind, id) DO NOTHING`
		}
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if kept = n > 0; err != nil || kept || tries == 1 {
			return err
		}
		// An earlier try may have been kept and its answer lost. A change that is the same to the
		// microsecond and the letter is that one.
		var now Document
		row := func(ctx context.Context, query string, args ...any) *sql.Row {
			return tx.QueryRowContext(ctx, query+s.settled(), args...)
		}
		if now, err = documentOf(ctx, row, d.Kind, d.ID); errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		kept = err == nil && now.Version == d.Version+1 && now.ChangedAt.Equal(d.ChangedAt) && string(now.Body) == body
		return err
	})
	switch {
	case err != nil:
		return Document{}, s.explain(plan.Text{EN: "keep a document", JA: "文書の保存"}, err)
	case !kept:
		return Document{}, fmt.Errorf("%s %s: %w", d.Kind, d.ID, ErrChanged)
	}
	d.Version++
	return d, nil
}

func (s *database) DropDocument(ctx context.Context, kind, id string) error {
	if odd(kind, id) {
		return nil
	}
	err := s.erase(ctx, `DELETE FROM documents WHERE kind = $1 AND id = $2`, kind, id)
	return s.explain(plan.Text{EN: "erase a document", JA: "文書の消去"}, err)
}

func (s *database) Note(ctx context.Context, a Access) error {
	if a.Act == "" || a.Outcome == "" || a.At.IsZero() {
		return fmt.Errorf("access log: an entry needs a time, an act and an outcome, not %+v", a)
	}
	// Where an answer was lost an entry may be in the log twice: better than not at all.
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lock(ctx, tx, "accesses"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO accesses (at, person, via, act, object, outcome, origin) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			moment(a.At).text(), plain(a.Person), plain(a.Via), plain(a.Act), plain(a.Object), plain(a.Outcome), plain(a.From))
		return err
	})
	return s.explain(plan.Text{EN: "keep the access log", JA: "アクセス記録の保存"}, err)
}

func (s *database) Accesses(ctx context.Context, after int64, limit int) ([]Access, error) {
	query, args := `SELECT position, at, person, via, act, object, outcome, origin FROM accesses WHERE position > $1 ORDER BY position`, []any{after}
	if limit > 0 {
		query, args = query+` LIMIT $2`, append(args, limit)
	}
	out, err := again(ctx, s, func(ctx context.Context) (out []Access, err error) {
		return out, s.list(ctx, s.read, query, args, func(scan func(...any) error) error {
			var a Access
			err := scan(&a.Position, (*moment)(&a.At), &a.Person, &a.Via, &a.Act, &a.Object, &a.Outcome, &a.From)
			out = append(out, a)
			return err
		})
	})
	return out, s.explain(plan.Text{EN: "read the access log", JA: "アクセス記録の読み取り"}, err)
}

func (s *database) DropAccesses(ctx context.Context, before, now time.Time) error {
	if before.After(now.Add(-AccessKept)) {
		return fmt.Errorf("access log: entries are kept for %d days at least; %s is too late a limit", int(AccessKept.Hours()/24), before.Format(time.DateOnly))
	}
	err := s.erase(ctx, `DELETE FROM accesses WHERE at < $1`, moment(before).text())
	return s.explain(plan.Text{EN: "erase old entries of the access log", JA: "古いアクセス記録の消去"}, err)
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
