package alarm

import (
	"errors"
	"io"
	"sync"
)

// mostHeld and mostHeldOf bound the bytes of messages that are coming in: together, and from
// one address. Connections are not counted: behind a proxy all come from one address, and one
// that sends nothing takes nothing.
const (
	mostHeld   = 256 << 20
	mostHeldOf = 64 << 20
)

var errFull = errors.New("too many bytes are coming in")

// intake counts the bytes that are held of messages, by address.
type intake struct {
	mu  sync.Mutex
	all int64
	of  map[string]int64
}

// held is what one message holds.
type held struct {
	in   *intake
	from string
	n    int64
}

func (in *intake) hold(from string) *held { return &held{in: in, from: from} }

func (h *held) take(n int64) error {
	h.in.mu.Lock()
	defer h.in.mu.Unlock()
	if h.in.all+n > mostHeld || h.in.of[h.from]+n > mostHeldOf {
		return errFull
	}
	if h.in.of == nil {
		h.in.of = map[string]int64{}
	}
	h.in.all += n
	h.in.of[h.from] += n
	h.n += n
	return nil
}

func (h *held) release() {
	h.in.mu.Lock()
	defer h.in.mu.Unlock()
	h.in.all -= h.n
	if h.in.of[h.from] -= h.n; h.in.of[h.from] <= 0 {
		delete(h.in.of, h.from)
	}
	h.n = 0
}

// counting takes what is read.
func (h *held) counting(r io.Reader) io.Reader { return countingReader{r, h} }

type countingReader struct {
	r io.Reader
	h *held
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if full := c.h.take(int64(n)); full != nil {
		return n, full
	}
	return n, err
}
