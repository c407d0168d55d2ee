package identity

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

const (
	// alarmAfter failures of one source within failureWindow are logged as one line.
	alarmAfter    = 5
	failureWindow = 10 * time.Minute
	// slowest is the longest that the answer to a failed try is held back, and mostHeld how
	// many are at a time: holding back must not become a way to fill the server.
	slowest  = 2 * time.Second
	mostHeld = 64
	// mostSources bounds what is remembered of sources; mostRecent of what was read.
	mostSources = 4096
	mostRecent  = 4096
)

// failures counts failed sign-ins by where they came from. Only failed tries are slowed: a
// source may be a proxy with everybody behind it, and who has the right secret always gets in.
type failures struct {
	mu      sync.Mutex
	sources map[string]*source
	recent  map[string]time.Time
	held    int
}

type source struct {
	n     int
	first time.Time
}

// count notes a failure and returns how many there were in the window.
func (f *failures) count(from string, now time.Time, window time.Duration) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sources == nil {
		f.sources = map[string]*source{}
	}
	s := f.sources[from]
	if s == nil || now.Sub(s.first) >= window {
		if s == nil && len(f.sources) >= mostSources {
			f.evict(now)
		}
		s = &source{first: now}
		f.sources[from] = s
	}
	s.n++
	return s.n
}

// evict drops what is over, and else an arbitrary one: who can come from 4096 addresses is
// not held up by counting addresses.
func (f *failures) evict(now time.Time) {
	for from, s := range f.sources {
		if now.Sub(s.first) >= failureWindow {
			delete(f.sources, from)
		}
	}
	for from := range f.sources {
		if len(f.sources) < mostSources {
			return
		}
		delete(f.sources, from)
	}
}

// recently reports whether what was noted within a time, and notes it else.
func (f *failures) recently(what string, now time.Time, within time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.recent[what]; ok && now.Sub(at) < within {
		return true
	}
	if f.recent == nil || len(f.recent) >= mostRecent {
		f.recent = map[string]time.Time{}
	}
	f.recent[what] = now
	return false
}

// forget makes what was noted new again.
func (f *failures) forget(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.recent, what)
}

func (f *failures) hold() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held >= mostHeld {
		return false
	}
	f.held++
	return true
}

func (f *failures) letGo() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held--
}

// Failed counts a failed sign-in, enters it in the access log and holds the answer back the
// longer the more there were. Whatever looks at credentials outside of Guard calls it with
// the error it got; an error that is no *Refusal counts for nothing.
func (s *Service) Failed(ctx context.Context, from string, err error) {
	r := new(Refusal)
	if !errors.As(err, &r) || r.Reason == Nobody {
		return
	}
	n := s.failures.count(from, s.o.Now(), failureWindow)
	// Somebody who tries for ever must not fill the disk either, nor hide by that a token that they have.
	fresh := r.Via != "" && !s.failures.recently("failed\x00"+string(r.Reason)+"\x00"+r.Via, s.o.Now(), readAgain)
	if n <= 2*alarmAfter || n%100 == 0 || fresh {
		outcome := string(r.Reason)
		if n > 2*alarmAfter {
			outcome = fmt.Sprintf("%s (try %d within %s)", r.Reason, n, failureWindow)
		}
		if outcome = s.amongAll(r, outcome, s.o.Now()); outcome != "" {
			s.note(ctx, journal.Access{Person: r.Person, Via: r.Via, Act: "sign in", Outcome: outcome, From: from})
		}
	}
	if n == alarmAfter {
		s.o.Log.Warn("repeated failed sign-ins from one address", "from", from, "tries", n, "reason", r.Reason)
	}
	if n < alarmAfter || !s.failures.hold() {
		return
	}
	defer s.failures.letGo()
	s.o.Pause(ctx, min(slowest, 100*time.Millisecond<<min(n-alarmAfter, 10)))
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
