package identity

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/muster-dr/muster/internal/journal"
)

type originKey struct{}

// withOrigin remembers where a request came from, for the access log.
func withOrigin(ctx context.Context, from string) context.Context {
	return context.WithValue(ctx, originKey{}, from)
}

// FromOf is where a request came from, as far as its context says.
func FromOf(ctx context.Context) string {
	from, _ := ctx.Value(originKey{}).(string)
	return from
}

// Origin is the network address of whoever asks, without the port.
func Origin(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Noted enters in the access log that somebody read or did something, with the actor of the
// context. A log that can't be written is a warning, never the end of a response.
func (s *Service) Noted(ctx context.Context, act, object, outcome string) {
	_ = s.Enter(ctx, act, object, outcome) // it has warned
}

// Enter is Noted for whoever goes on only when it stands there.
func (s *Service) Enter(ctx context.Context, act, object, outcome string) error {
	a, _ := From(ctx)
	return s.enter(ctx, journal.Access{Person: a.Person, Via: a.Via, Act: act, Object: object, Outcome: outcome})
}

// readAgain is how long the same reading by the same person is not entered again: a board
// that refreshes itself is one reading.
const readAgain = 10 * time.Minute

// Read enters that somebody read what is confidential, such as a run's people.
func (s *Service) Read(ctx context.Context, object string) {
	a, _ := From(ctx)
	now := s.o.Now()
	if s.failures.recently(a.Person+"\x00"+a.Via+"\x00"+object, now, readAgain) {
		return
	}
	s.note(ctx, journal.Access{Person: a.Person, Via: a.Via, Act: "read", Object: object, Outcome: "ok"})
}

// recordAgain is how long more reading of a run's record by the same person is the same.
const recordAgain = time.Hour

// ReadRecord enters that somebody read the record of a run, its journal or its report: of a
// person and a run one line an hour (requirement P-ACCLOG).
func (s *Service) ReadRecord(ctx context.Context, run string) {
	a, _ := From(ctx)
	if s.failures.recently("record\x00"+a.Person+"\x00"+run, s.o.Now(), recordAgain) {
		return
	}
	s.note(ctx, journal.Access{Person: a.Person, Via: a.Via, Act: "read", Object: "record of " + run, Outcome: "ok"})
}

// Forbidden enters that somebody was known and tried what they may not.
func (s *Service) Forbidden(ctx context.Context, object string) { s.tried(ctx, object, "forbidden") }

// Refused enters that a run's own rules refused what somebody tried.
func (s *Service) Refused(ctx context.Context, object string) { s.tried(ctx, object, "refused") }

// ActConsole is that somebody acted over the console.
const ActConsole = "use console"

type namedKey struct{}

// Naming is the context of a request that keeps as whom the console acts in it.
func Naming(ctx context.Context) context.Context {
	return context.WithValue(ctx, namedKey{}, new(string))
}

// Names keeps that the console acts as a person in this request.
func Names(ctx context.Context, person string) {
	if named, ok := ctx.Value(namedKey{}).(*string); ok && len(person) <= 64 && !strings.ContainsFunc(person, unicode.IsControl) {
		*named = person
	}
}

// viaOf is how an actor is known, with the person that the console named. That is no proof who it
// was: it stands in the way, and never as the person.
func viaOf(ctx context.Context, a Actor) string {
	if named, _ := ctx.Value(namedKey{}).(*string); a.Console && named != nil && *named != "" {
		return a.Via + " as " + *named
	}
	return a.Via
}

// ConsoleActed enters that somebody acted over the console, one line an hour for each person it names.
func (s *Service) ConsoleActed(ctx context.Context) {
	a, _ := From(ctx)
	if via := viaOf(ctx, a); via != a.Via && !s.failures.recently("console\x00"+via, s.o.Now(), recordAgain) {
		s.note(ctx, journal.Access{Via: via, Act: ActConsole, Outcome: "ok"})
	}
}

func (s *Service) tried(ctx context.Context, object, outcome string) {
	a, _ := From(ctx)
	a.Via = viaOf(ctx, a)
	if len(object) > 200 {
		object = object[:200]
	}
	// The first few of somebody stand there one by one, so that whoever tries again and again is
	// told from a slip.
	again := s.failures.recently(outcome+"\x00"+a.Person+"\x00"+a.Via+"\x00"+object, s.o.Now(), readAgain)
	if s.tries.count(outcome+"\x00"+a.Behind(), s.o.Now(), failureWindow) > alarmAfter && again {
		return
	}
	s.note(ctx, journal.Access{Person: a.Person, Via: a.Via, Act: "act", Object: object, Outcome: outcome})
}

func (s *Service) note(ctx context.Context, a journal.Access) { _ = s.enter(ctx, a) }

func (s *Service) enter(ctx context.Context, a journal.Access) error {
	a.At = s.o.Now().UTC()
	if a.From == "" {
		a.From = FromOf(ctx)
	}
	if a.Via == "" {
		if by, ok := From(ctx); ok {
			a.Via = by.Via
		}
	}
	// It is entered also when whoever asked has gone away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.store.Note(ctx, a)
	if err != nil {
		s.o.Log.Warn("the access log can't be written", "act", a.Act, "outcome", a.Outcome, "err", err)
	}
	return err
}

// Accesses is the access log after a position, oldest first.
func (s *Service) Accesses(ctx context.Context, after int64, limit int) ([]journal.Access, error) {
	return s.store.Accesses(ctx, after, limit)
}
