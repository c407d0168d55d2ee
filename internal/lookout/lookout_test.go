package lookout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/waittest"
)

// world is an access log that several servers look at.
type world struct {
	t     *testing.T
	store journal.Store
	mu    sync.Mutex
	at    time.Time
	told  []lookout.Alarm
	count map[lookout.Kind]int
	fail  error // of telling
	alone bool  // whose an alarm is can be reached
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &world{t: t, store: store, at: time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC), count: map[lookout.Kind]int{}}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *world) note(a journal.Access) {
	w.t.Helper()
	if a.At.IsZero() {
		a.At = w.now()
	}
	if err := w.store.Note(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
}

// server begins one; the test ends it.
func (w *world) server() (stop func()) {
	l := lookout.New(lookout.Options{Store: w.store, Now: w.now, Every: time.Millisecond * 20,
		OffHours: func(t time.Time) bool { return t.Hour() < 6 },
		Raised: func(k lookout.Kind) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.count[k]++
		},
		ToPerson: func(lookout.Alarm) bool { return w.alone },
		Tell: func(_ context.Context, a lookout.Alarm) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.fail == nil {
				w.told = append(w.told, a)
			}
			return w.fail
		}})
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) raised(k lookout.Kind) (n int) {
	w.t.Helper()
	log, err := w.store.Accesses(w.t.Context(), 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range log {
		if a.Act == lookout.ActRaised && strings.HasPrefix(a.Object, string(k)+": ") {
			n++
		}
	}
	return n
}

func (w *world) wait(k lookout.Kind, n int) {
	w.t.Helper()
	waittest.Eventually(w.t, time.Minute, func() string {
		if got := w.raised(k); got != n {
			return fmt.Sprintf("%d alarms %s, want %d", got, k, n)
		}
		return ""
	})
}

// flush waits until all that was entered has been looked at: one more of another kind has been raised.
func (w *world) flush(mark string) {
	w.t.Helper()
	n := w.raised(lookout.CrossSite)
	w.note(journal.Access{Act: "cross-site", Outcome: "other_site", Via: "session 7f3a", From: mark})
	w.wait(lookout.CrossSite, n+1)
}

func guess(from string) journal.Access {
	return journal.Access{Act: "sign in", Outcome: "unknown", From: from}
}

// Five failures of one address within ten minutes are one alarm, however many follow and however
// many servers look; four are none, nor are five over a longer time.
func TestGuessingIsOneAlarm(t *testing.T) {
	w := newWorld(t)
	w.server()
	w.server()
	for range 4 {
		w.note(guess("192.0.2.1"))
		w.note(guess("198.51.100.1"))
	}
	w.later(lookout.Window)
	w.note(guess("198.51.100.1")) // the first four are over
	w.flush("a")
	if n := w.raised(lookout.Guessing); n != 0 {
		t.Fatalf("%d alarms of four failures", n)
	}
	for range 40 {
		w.note(guess("192.0.2.1"))
	}
	w.wait(lookout.Guessing, 1)
	w.flush("b")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count[lookout.Guessing] != 1 || len(w.told) < 1 || w.told[0].Entry.From == "" {
		t.Errorf("counted %v, told %+v", w.count, w.told)
	}
}

// What goes on is told again after a day; what stopped for an hour and comes back is another.
func TestAnAlarmIsToldAgain(t *testing.T) {
	w := newWorld(t)
	w.server()
	token := journal.Access{Act: "sign in", Outcome: "revoked", Person: "sato", Via: "token 7f3a"}
	w.note(token)
	w.wait(lookout.ShutOut, 1)
	for range 46 { // every half hour, for 23 hours
		w.later(30 * time.Minute)
		w.note(token)
	}
	w.flush("a")
	if n := w.raised(lookout.ShutOut); n != 1 {
		t.Fatalf("%d alarms while it went on, want 1", n)
	}
	w.later(time.Hour)
	w.note(token)
	w.wait(lookout.ShutOut, 2)
	w.later(time.Hour)
	w.note(token)
	w.wait(lookout.ShutOut, 3)
}

// A server that comes up later neither repeats nor misses what happened meanwhile; what is older than
// an hour, as the years before an upgrade, is nobody's news.
func TestARestartForgetsNothing(t *testing.T) {
	w := newWorld(t)
	old := journal.Access{Act: "sign in", Outcome: "disabled", Person: "ito", Via: "token old"}
	old.At = w.now().Add(-2 * time.Hour)
	w.note(old)
	stop := w.server()
	for range 3 {
		w.note(guess("192.0.2.1"))
	}
	w.flush("a")
	stop()
	for range 2 {
		w.note(guess("192.0.2.1"))
	}
	stop = w.server()
	w.wait(lookout.Guessing, 1)
	stop()
	w.server()
	w.flush("b")
	if g, s := w.raised(lookout.Guessing), w.raised(lookout.ShutOut); g != 1 || s != 0 {
		t.Errorf("guessing %d, want 1; of two hours before %d, want 0", g, s)
	}
}

// tellings waits until so many alarms of a kind have been told.
func (w *world) tellings(k lookout.Kind, want int) {
	w.t.Helper()
	waittest.Eventually(w.t, time.Minute, func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := 0
		for _, a := range w.told {
			if a.Kind == k {
				n++
			}
		}
		if n != want {
			return fmt.Sprintf("%s: told %d times, want %d", k, n, want)
		}
		return ""
	})
}

// Whoever comes from very many addresses wakes people some times, and then once to say that there
// are more. Each is counted once, and what strangers can't bring about is told all the same.
func TestAFloodIsBounded(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		for n := range 60 {
			w.note(journal.Access{Act: "slack", Outcome: "forged", From: fmt.Sprintf("192.0.2.%d", n)})
			w.note(journal.Access{Act: "gateway", Outcome: "strange_certificate", From: fmt.Sprintf("192.0.2.%d", n)})
		}
	}
	for n := range 30 {
		w.note(journal.Access{Act: lookout.ActProgram, Object: fmt.Sprint("server on ", n), Outcome: lookout.OutAltered})
	}
	w.note(journal.Access{Act: lookout.ActEvidence, Object: "run-1", Outcome: lookout.OutAltered})
	w.note(journal.Access{Act: "use console", Via: identity.Console, Object: "198.51.100.0/24", Outcome: identity.OutNewPlace})
	w.note(journal.Access{Act: "sign in", Outcome: "revoked", Person: "sato", Via: "token 7f3a"})
	w.server()
	for k, n := range map[lookout.Kind]int{lookout.Altered: 30, lookout.Evidence: 1, lookout.ConsolePlace: 1, lookout.ShutOut: 1, lookout.ForgedMessage: 10, lookout.SiteWorker: 10, lookout.Flood: 2} {
		w.tellings(k, n)
	}
	w.mu.Lock()
	if n, m := w.count[lookout.ForgedMessage], w.count[lookout.SiteWorker]; n != 60 || m != 60 {
		t.Errorf("%d and %d are counted, want 60 each", n, m)
	}
	w.mu.Unlock()
	w.later(time.Hour)
	w.note(journal.Access{Act: "slack", Outcome: "forged", From: "192.0.2.59"}) // goes on
	w.tellings(lookout.ForgedMessage, 11)
}

// One line has 2^64 addresses of IPv6: they are one.
func TestALineOfIPv6IsOneAddress(t *testing.T) {
	w := newWorld(t)
	for n := range 20 {
		w.note(journal.Access{Act: "slack", Outcome: "forged", From: fmt.Sprintf("2001:db8:1:2::%x", n)})
		w.note(guess(fmt.Sprintf("2001:db8:1:3:%x::1", n)))
	}
	w.note(journal.Access{Act: "slack", Outcome: "forged", From: "2001:db8:1:4::1"})
	w.server()
	w.tellings(lookout.ForgedMessage, 2)
	w.tellings(lookout.Guessing, 1)
}

// What goes to whose it is disturbs nobody else; what falls to those in charge is bounded.
func TestNewPlacesOfWhoCannotBeReachedAreBounded(t *testing.T) {
	for alone, want := range map[bool]int{true: 40, false: 10} {
		w := newWorld(t)
		w.alone = alone
		for n := range 40 {
			w.note(journal.Access{Act: "use token", Person: "sato", Via: fmt.Sprint("token ", n), Object: "198.51.100.0/24", Outcome: identity.OutNewPlace})
		}
		w.server()
		w.tellings(lookout.NewPlace, want)
		w.flush("a")
		w.tellings(lookout.NewPlace, want)
	}
}

// A document that can't be read keeps no alarm from being told, its own neither.
func TestADocumentThatCannotBeReadStopsNothing(t *testing.T) {
	w := newWorld(t)
	token := journal.Access{Act: "sign in", Outcome: "revoked", Person: "sato", Via: "token 7f3a"}
	w.note(token)
	stop := w.server()
	w.tellings(lookout.ShutOut, 1)
	stop()
	docs, err := w.store.DocumentsOf(t.Context(), "security-alarm")
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v, %v", docs, err)
	}
	for _, d := range []journal.Document{docs[0], {Kind: "security-alarm", ID: "aaaa"}} {
		d.Body, d.ChangedAt = []byte(`"none"`), w.now()
		if _, err := w.store.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	w.later(10 * time.Minute)
	w.note(journal.Access{Act: lookout.ActEvidence, Object: "run-1", Outcome: lookout.OutAltered})
	w.note(token)
	stop = w.server()
	w.tellings(lookout.Evidence, 1)
	w.tellings(lookout.ShutOut, 2)
	stop()
	w.later(8 * 24 * time.Hour)
	w.server()
	waittest.Eventually(t, time.Minute, func() string {
		docs, err := w.store.DocumentsOf(t.Context(), "security-alarm")
		if err != nil || len(docs) > 0 {
			return fmt.Sprintf("%d documents that are long over, %v", len(docs), err)
		}
		return ""
	})
}

// People who could not be told are told later, by whichever server is there.
func TestWhoWasNotReachedIsToldLater(t *testing.T) {
	w := newWorld(t)
	w.fail = errors.New("the mail server is away")
	stop := w.server()
	w.note(journal.Access{Act: "cross-site", Outcome: "other_site", Via: "session 7f3a", From: "192.0.2.9"})
	w.wait(lookout.CrossSite, 1)
	stop()
	w.mu.Lock()
	w.fail = nil
	w.mu.Unlock()
	w.later(3 * time.Minute)
	w.server()
	waittest.Eventually(t, time.Minute, func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.told) != 1 {
			return fmt.Sprintf("told %d times, want once", len(w.told))
		}
		return ""
	})
	if n := w.raised(lookout.CrossSite); n != 1 {
		t.Errorf("raised %d times", n)
	}
}

// After a clock that was ahead is set right, what was not told is told at once, what happens again is another alarm,
// and what was entered meanwhile counts for nothing that happens now.
func TestAClockThatIsSetBackMutesNoAlarm(t *testing.T) {
	const ahead = 400 * 24 * time.Hour
	w := newWorld(t)
	w.fail = errors.New("the mail server is away")
	stop := w.server()
	w.later(ahead)
	altered := journal.Access{Act: lookout.ActEvidence, Object: "run-1", Outcome: lookout.OutAltered}
	for range lookout.Often - 1 {
		w.note(guess("192.0.2.1"))
	}
	w.note(altered)
	w.wait(lookout.Evidence, 1)
	log, err := w.store.Accesses(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	w.later(-ahead)
	w.mu.Lock()
	w.fail = nil
	w.mu.Unlock()
	w.server()
	w.tellings(lookout.Evidence, 1)
	waittest.Eventually(t, time.Minute, func() string {
		var c struct{ After int64 }
		d, err := w.store.Document(t.Context(), "lookout", "lookout")
		if err == nil {
			err = json.Unmarshal(d.Body, &c)
		}
		if err != nil || c.After < log[len(log)-1].Position {
			return fmt.Sprintf("a restart begins after %d, %v, and looks at what is long over", c.After, err)
		}
		return ""
	})
	w.note(altered)
	w.wait(lookout.Evidence, 2)
	w.tellings(lookout.Evidence, 2)
	w.note(guess("192.0.2.1"))
	w.flush("a")
	if n := w.raised(lookout.Guessing); n != 0 {
		t.Errorf("%d alarms of one failure", n)
	}
	for range lookout.Often - 1 {
		w.note(guess("192.0.2.1"))
	}
	w.wait(lookout.Guessing, 1)
}

// Anybody can claim to be another site's page: only in a signed-in browser it is one.
func TestAPageOfAnotherSite(t *testing.T) {
	w := newWorld(t)
	w.server()
	page := journal.Access{Act: "cross-site", Outcome: "other_site", From: "192.0.2.1"}
	for range 4 {
		w.note(page)
	}
	w.flush("a")
	if c, p := w.raised(lookout.CrossSite), w.raised(lookout.Probing); c != 1 || p != 0 {
		t.Errorf("%d and %d alarms of four claims, want the one of the session and none", c, p)
	}
	w.note(page)
	w.wait(lookout.Probing, 1)
}

// Where a crowd is refused, guesses of one more address are not entered: the crowd itself is the alarm, once.
func TestACrowdHidesNoAlarm(t *testing.T) {
	w := newWorld(t)
	s := identity.New(w.store, identity.Options{Now: w.now, Pause: func(context.Context, time.Duration) {}})
	for n := range 600 {
		s.Failed(t.Context(), fmt.Sprintf("198.51.%d.%d", n/200, n%200), &identity.Refusal{Reason: identity.Unknown})
	}
	w.server()
	w.wait(lookout.Crowd, 1)
}

// A browser whose sign-in is over asks again and again all night; it guesses nothing.
func TestNoise(t *testing.T) {
	w := newWorld(t)
	w.server()
	for n := range 20 {
		w.note(journal.Access{Act: "sign in", Outcome: "expired", Person: "sato", Via: fmt.Sprint("session ", n), From: "192.0.2.1"})
		w.note(journal.Access{Act: "act", Outcome: "refused", Person: "sato", Via: "token 7f3a", Object: "run-1 decide"}) // by a run's rules
		w.note(journal.Access{Act: "break-glass", Outcome: "ok", Person: "sato", Object: fmt.Sprint("run-1 approve ", n), At: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)})
		w.note(journal.Access{Act: "sign in", Outcome: "ok", Person: "sato", From: "192.0.2.1"})
	}
	w.flush("a")
	for _, r := range lookout.Rules() {
		if n := w.raised(r.Kind); n != 0 && r.Kind != lookout.CrossSite {
			t.Errorf("%s: %d alarms", r.Kind, n)
		}
	}
}

// Every kind says what was found and what to do, in both languages.
func TestEveryRuleSpeaks(t *testing.T) {
	for _, r := range lookout.Rules() {
		if r.Title.EN == "" || r.Title.JA == "" || r.Way.EN == "" || r.Way.JA == "" || r.After < 1 {
			t.Errorf("%s: %+v", r.Kind, r)
		}
		if found, ok := lookout.RuleOf(r.Kind); !ok || found.Title != r.Title {
			t.Errorf("two rules of kind %s", r.Kind)
		}
	}
}
