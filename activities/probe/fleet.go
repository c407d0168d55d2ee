package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// client is a connection to one host, of whatever protocol.
type client interface {
	comparable
	Close() // of the zero value too
}

// fleet is a client with several hosts: it keeps to the one that serves it and, when
// that one fails it, tries all at once, so that a host which says nothing never hides
// one that would serve.
type fleet[C client] struct {
	hosts    []string // names
	dial     func(ctx context.Context, host int) (C, error)
	serves   func(context.Context, C) error // a refusal leaves the connection as it is
	timeout  time.Duration
	interval time.Duration

	on *link[C] // the host in use; only the sampling goroutine touches it

	parts sync.WaitGroup // every search's goroutines

	mu     sync.Mutex
	search *search[C]
}

// link is a connection to one host.
type link[C client] struct {
	host int
	conn C
}

// patience takes the probe's times.
func (f *fleet[C]) patience(w plan.Watch) {
	f.timeout, f.interval = w.Probe.Timeout.Std(), w.Probe.Interval.Std()
	if f.timeout <= 0 {
		f.timeout = time.Second
	}
	if f.interval <= 0 {
		f.interval = 250 * time.Millisecond
	}
}

// again is how often a host that refused is asked again while no other serves.
const again = 50 * time.Millisecond

// search looks for a host that serves, at all of them, until it found one or is ended.
type search[C client] struct {
	found  chan *link[C]
	cancel context.CancelFunc

	mu  sync.Mutex
	why map[int]string // what each host last answered
}

// seek begins to look at every host, or returns the search that is under way.
func (f *fleet[C]) seek() *search[C] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.search != nil {
		return f.search
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &search[C]{found: make(chan *link[C]), cancel: cancel, why: map[int]string{}}
	for n := range f.hosts {
		f.parts.Go(func() { f.ask(ctx, s, n) })
	}
	f.search = s
	return s
}

// settle ends the search.
func (f *fleet[C]) settle() {
	f.mu.Lock()
	s := f.search
	f.search = nil
	f.mu.Unlock()
	if s != nil {
		s.cancel()
	}
}

// ask asks one host whether it serves, again and again.
func (f *fleet[C]) ask(ctx context.Context, s *search[C], n int) {
	var conn, none C
	defer func() { conn.Close() }()
	for ctx.Err() == nil {
		var err error
		if conn == none {
			connecting, cancel := context.WithTimeout(ctx, f.timeout)
			conn, err = f.dial(connecting, n)
			cancel()
		}
		if err == nil {
			asking, cancel := context.WithTimeout(ctx, f.timeout)
			err = f.serves(asking, conn)
			cancel()
		}
		if err == nil {
			select {
			case s.found <- &link[C]{host: n, conn: conn}:
				conn = none
			case <-ctx.Done():
			}
			return
		}
		var no refusal
		if !errors.As(err, &no) {
			conn.Close()
			conn = none
		}
		s.mu.Lock()
		s.why[n] = err.Error()
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// refusal is the answer of a host that works and does not serve us.
type refusal string

func (r refusal) Error() string { return string(r) }

// use gives do the connection in use, or the first that is found. An error of do's, or
// its silence while another host would serve, gives that connection up.
func (f *fleet[C]) use(ctx context.Context, do func(context.Context, C) error) error {
	if f.on == nil {
		found, err := f.await(ctx)
		if err != nil {
			return err
		}
		f.on = found
	}
	doing, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	answer := make(chan error, 1)
	at := f.on
	go func() { answer <- do(doing, at.conn) }()

	var err error
	silent := time.NewTimer(f.timeout / 2)
	defer silent.Stop()
	select {
	case err = <-answer:
	case <-silent.C:
		// It may hang. While it has its time, see who else would serve.
		select {
		case err = <-answer:
		case other := <-f.seek().found:
			if other.host == at.host { // it serves, only slowly
				other.conn.Close()
				err = <-answer
				break
			}
			cancel()
			if err = <-answer; err == nil {
				other.conn.Close()
				break
			}
			at.conn.Close()
			f.on = other
			err = fmt.Errorf("%s gives no answer, and %s serves: %w", f.hosts[at.host], f.hosts[other.host], err)
		}
		f.settle()
	}
	if err != nil && f.on == at {
		at.conn.Close()
		f.on = nil
		f.seek() // the next sample finds it under way
	}
	return err
}

// await waits for a host that serves: for the whole timeout while one has yet to
// answer, for one interval when all have said no.
func (f *fleet[C]) await(ctx context.Context) (*link[C], error) {
	s := f.seek()
	timeout, soon := time.NewTimer(f.timeout), time.NewTimer(min(f.interval, f.timeout))
	defer timeout.Stop()
	defer soon.Stop()
	s.mu.Lock()
	clear(s.why)
	s.mu.Unlock()
	for {
		select {
		case found := <-s.found:
			f.settle()
			return found, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timeout.C:
			return nil, f.nobody(s)
		case <-soon.C:
			s.mu.Lock()
			all := len(s.why) == len(f.hosts)
			s.mu.Unlock()
			if all {
				return nil, f.nobody(s)
			}
			soon.Reset(again)
		}
	}
}

// nobody says what every host answered.
func (f *fleet[C]) nobody(s *search[C]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said []string
	for n, h := range f.hosts {
		why := s.why[n]
		if why == "" {
			why = "no answer"
		}
		said = append(said, strings.TrimPrefix(h+": "+why, h+": connect to "))
	}
	return notSent{errors.New(strings.Join(said, "; "))}
}

// notSent marks an error before which nothing was sent.
type notSent struct{ error }

// close ends every connection.
func (f *fleet[C]) close() {
	f.settle()
	f.parts.Wait()
	if f.on != nil {
		f.on.conn.Close()
		f.on = nil
	}
}
