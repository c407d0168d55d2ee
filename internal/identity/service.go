package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// Kinds of document this package keeps.
const (
	kindToken    = "token"
	kindSession  = "session"
	kindDisabled = "disabled"
	kindKey      = "link-key"
	kindLinkBan  = "link-ban"
)

// fresh is how long what was read of a credential counts. Taking something back works on
// every server within this time; five seconds are promised.
const fresh = 2 * time.Second

// Defaults and limits.
const (
	TokenLife    = 90 * 24 * time.Hour
	TokenLongest = 365 * 24 * time.Hour
	LinkLongest  = 31 * 24 * time.Hour
	// SessionIdle ends a session that nobody uses (requirement P-IDLE): a working day, so
	// that a response is not interrupted by a sign-in while the provider may be down.
	SessionIdle    = 8 * time.Hour
	SessionLongest = 24 * time.Hour
)

// Store is what the service keeps in the record store.
type Store interface {
	journal.Documents
	journal.AccessLog
}

// Directory is the people of the estate as it is now.
type Directory interface {
	// Known reports whether the estate has this person. An error says that nobody can tell
	// now, as while somebody edits the file.
	Known(ctx context.Context, person string) (bool, error)
	// BySubject is who a subject of the OpenID provider is; "" is nobody.
	BySubject(ctx context.Context, subject string) (string, error)
	// ByMail is who an address belongs to, of those who have no subject; "" is nobody.
	ByMail(ctx context.Context, mail string) (string, error)
}

// Options of a service. Its zero value works: no console, no provider, sessions over http.
type Options struct {
	// Console is the server's own token; "" lets nobody in that way.
	Console string
	// PublicURL is how browsers reach the server; https makes the cookies Secure.
	PublicURL string
	Secure    bool          // the server itself speaks HTTPS
	Idle      time.Duration // 0 is SessionIdle
	Longest   time.Duration // 0 is SessionLongest
	// People is the estate; nil knows everybody a token was issued for, and no subject.
	People Directory
	OIDC   OIDC
	Log    *slog.Logger                         // nil is silent
	Now    func() time.Time                     // nil is time.Now
	Pause  func(context.Context, time.Duration) // how failed tries are slowed; nil waits
}

// Service makes sure of who asks. It keeps nothing but short-lived copies in memory: several
// servers on one record store agree within two seconds. It is safe for concurrent use.
type Service struct {
	store     Store
	o         Options
	console   [sha256.Size]byte
	secure    bool
	seen      cache
	failures  failures
	turned    failures
	places    failures
	tries     failures
	strangers failures // of all addresses together
	provider  provider
}

// New returns a service on a record store.
func New(store Store, o Options) *Service {
	if o.Idle <= 0 {
		o.Idle = SessionIdle
	}
	if o.Longest <= 0 {
		o.Longest = SessionLongest
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	u, _ := url.Parse(o.PublicURL)
	return &Service{store: store, o: o, console: sha256.Sum256([]byte(o.Console)), secure: o.Secure || u != nil && u.Scheme == "https"}
}

// document reads one through the cache.
func (s *Service) document(ctx context.Context, kind, id string, out any) (found bool, err error) {
	now := s.o.Now()
	d, ok := s.seen.get(kind, id, now)
	if !ok {
		doc, err := s.store.Document(ctx, kind, id)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			d = nil
		case err != nil:
			return false, err
		default:
			d = doc.Body
		}
		s.seen.put(kind, id, d, now)
	}
	if d == nil {
		return false, nil
	}
	if err := json.Unmarshal(d, out); err != nil {
		return false, fmt.Errorf("%s %s in the record store: %w", kind, id, err)
	}
	return true, nil
}

// change reads a document, lets f change it and keeps it; again when somebody else was
// faster. f gets false when there is none yet, and leaves it as it is with errKeep.
func change[T any](ctx context.Context, s *Service, kind, id string, f func(v *T, found bool) error) error {
	for {
		d, err := s.store.Document(ctx, kind, id)
		found := err == nil
		if errors.Is(err, journal.ErrNotFound) {
			d, err = journal.Document{Kind: kind, ID: id}, nil
		}
		if err != nil {
			return err
		}
		var v T
		if found {
			if err := json.Unmarshal(d.Body, &v); err != nil {
				return fmt.Errorf("%s %s in the record store: %w", kind, id, err)
			}
		}
		if err := f(&v, found); err != nil {
			if errors.Is(err, errKeep) {
				return nil
			}
			return err
		}
		if d.Body, err = json.Marshal(v); err != nil {
			return err
		}
		d.ChangedAt = s.o.Now()
		_, err = s.store.PutDocument(ctx, d)
		s.seen.forget(kind, id)
		if !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
}

var errKeep = errors.New("leave it as it is")

// text is n random bytes as text that survives mail, chat and a double click.
func text(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// digest is how a secret is kept. A plain hash is enough: what is hashed is 256 random bits,
// which nobody can try out; a slow hash is for passwords, and would only slow the server.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// standing refuses people who may not come any more. issued is when what they come with was
// made: what is older than the last disabling stays shut after an enabling too.
func (s *Service) standing(ctx context.Context, person, via string, issued time.Time) error {
	var d disabled
	found, err := s.document(ctx, kindDisabled, person, &d)
	if err != nil {
		return err
	}
	if found && (!d.Enabled || !issued.After(d.At)) {
		if d.Enabled {
			return &Refusal{Reason: Revoked, Person: person, Via: via}
		}
		return &Refusal{Reason: Disabled, Person: person, Via: via}
	}
	if s.o.People == nil {
		return nil
	}
	known, err := s.o.People.Known(ctx, person)
	if err != nil {
		// The estate can't be read now, as while somebody edits it. Who was let in before
		// stays so: a slip in a file must not lock out a response in progress. The run's own
		// frozen plan still says what they may do.
		s.o.Log.Warn("whether a person is in the estate can't be told", "err", err)
		return nil
	}
	if !known {
		return &Refusal{Reason: Gone, Person: person, Via: via}
	}
	return nil
}
