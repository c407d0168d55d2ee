package keyring

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

const (
	// freshFor is how long a keyring counts as new: a key that was made active encrypts in
	// every process after that at the latest, without a restart.
	freshFor = 5 * time.Second
	// apart is how far apart a keyring is read for keys that are not in it. Whoever asks
	// sooner waits: an answer is never older than the question.
	apart      = 250 * time.Millisecond
	readWithin = 3 * time.Second
)

// Held is a process's keyring, read again from where it is kept. The zero Held has no key
// and never will; nil is the same. When it can't be read again, the keys that are known go on.
type Held struct {
	// Where is the reference to the keyring, for people.
	Where string
	read  func(context.Context) (string, error)
	log   *slog.Logger
	now   func() time.Time

	mu      sync.RWMutex
	ring    Ring
	at      time.Time // of the last reading, whether it worked or not
	reading sync.Mutex
	told    string // the trouble that was logged last
}

// Open reads the keyring behind read. A keyring that can't be read now is an error.
func Open(ctx context.Context, where string, read func(context.Context) (string, error), log *slog.Logger) (*Held, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Held{Where: where, read: read, log: log, now: time.Now}
	ring, err := h.fetch(ctx)
	h.ring, h.at = ring, h.now()
	return h, err
}

func (h *Held) fetch(ctx context.Context) (Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	text, err := h.read(ctx)
	if err != nil {
		return Ring{}, err
	}
	ring, err := Parse(text)
	if err != nil {
		return Ring{}, plan.Wrong("the keyring %s: %s", "鍵束 %s: %s", h.Where, plan.SaidBy(err))
	}
	return ring, nil
}

// Ring is the keyring as it is known now.
func (h *Held) Ring() Ring {
	if h == nil {
		return Ring{}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.ring
}

// active is the key to encrypt with; false where nothing is encrypted.
func (h *Held) active() (Key, bool) {
	if h == nil || h.read == nil {
		return Key{}, false
	}
	if h.older(freshFor) {
		go h.refresh(freshFor) // nobody waits for it: the known key still does
	}
	r := h.Ring()
	return r.Key(r.Active)
}

// key is a key to decrypt with. One that is not known is looked for anew.
func (h *Held) key(id string) (Key, bool) {
	k, ok := h.Ring().Key(id)
	if ok || h == nil || h.read == nil {
		return k, ok
	}
	asked := h.now()
	h.reading.Lock()
	defer h.reading.Unlock()
	h.mu.RLock()
	at := h.at
	h.mu.RUnlock()
	if !at.After(asked) {
		if wait := apart - asked.Sub(at); wait > 0 {
			time.Sleep(wait)
		}
		h.reread()
	}
	return h.Ring().Key(id)
}

func (h *Held) older(than time.Duration) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.now().Sub(h.at) >= than
}

// refresh reads the keyring again if the last reading is older than that.
func (h *Held) refresh(than time.Duration) {
	h.reading.Lock()
	defer h.reading.Unlock()
	if h.older(than) {
		h.reread()
	}
}

func (h *Held) reread() {
	ring, err := h.fetch(context.Background())
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	h.mu.Lock()
	before := h.ring.Active
	h.at = h.now()
	if err == nil {
		h.ring = ring
	}
	h.mu.Unlock()
	switch {
	case err != nil && trouble != h.told:
		h.log.Warn("the keyring can't be read again; the keys that are known go on", "keyring", h.Where, "err", err)
	case err == nil && before != ring.Active:
		h.log.Info("another key encrypts from now on", "key", ring.Active, "before", before)
	}
	h.told = trouble
}
