package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// kindSilence are the feeds that no server has an answer of, by name. The first answer to any of them erases it.
const kindSilence = "alarm-feed-silence"

// tellingFor is how long telling may take until whichever server is there begins it again.
const tellingFor = 2 * time.Minute

// silence is a feed's as all servers see it.
type silence struct {
	Since   time.Time `json:"since"` // the last answer that somebody had
	Telling time.Time `json:"telling,omitzero"`
	Told    time.Time `json:"told,omitzero"`
}

// silences looks after one feed's silence beside the asking, which waits for no mail server.
type silences struct {
	busy    atomic.Bool
	beside  sync.WaitGroup
	noticed bool // by this server, since it last had an answer
}

// notice keeps whether a feed answers, and tells people once that it does not.
func (s *Service) notice(ctx context.Context, f *feed, answered bool) {
	since := f.lastOK
	if f.noticed && !answered {
		since = s.now() // another server had an answer meanwhile, if nothing stands in the store
	}
	f.noticed = !answered
	if s.silent == nil || !f.busy.CompareAndSwap(false, true) {
		return
	}
	f.beside.Go(func() {
		defer f.busy.Store(false)
		var err error
		if answered {
			err = s.dropSilence(ctx, f.src.Name)
		} else {
			err = s.tellSilence(ctx, f.src.Name, since, f.patience())
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("people can't be told that a feed of alarms is silent; it is tried again", "alarm", f.src.Name, "err", err)
		}
	})
}

func (s *Service) dropSilence(ctx context.Context, source string) error {
	_, err := s.store.Document(ctx, kindSilence, source)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.store.DropDocument(ctx, kindSilence, source)
}

// tellSilence notes a silence, and tells people of it when it has lasted. One server does.
func (s *Service) tellSilence(ctx context.Context, source string, since time.Time, patience time.Duration) error {
	d, k, err := s.silenceOf(ctx, source)
	if err != nil {
		return err
	}
	now, again := s.now().UTC(), !k.Telling.IsZero()
	if d.Version == 0 {
		k.Since = since.UTC()
	}
	lasts := now.Sub(k.Since) > patience
	switch {
	case !k.Told.IsZero(), lasts && now.Sub(k.Telling) < tellingFor, !lasts && d.Version != 0:
		return nil
	case lasts:
		k.Telling = now
	}
	if d, err = s.putSilence(ctx, d, k); errors.Is(err, journal.ErrChanged) {
		return nil // another server was faster
	} else if err != nil || !lasts {
		return err
	}
	if err := s.silent(ctx, source, k.Since, again); err != nil {
		return err
	}
	k.Told = s.now().UTC()
	if _, err = s.putSilence(ctx, d, k); errors.Is(err, journal.ErrChanged) {
		return nil // it has answered meanwhile
	}
	return err
}

func (s *Service) silenceOf(ctx context.Context, source string) (d journal.Document, k silence, err error) {
	d, err = s.store.Document(ctx, kindSilence, source)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Document{Kind: kindSilence, ID: source}, k, nil
	}
	if err == nil {
		if err = json.Unmarshal(d.Body, &k); err != nil {
			err = fmt.Errorf("the silence of feed %s in the record store: %w", source, err)
		}
	}
	return d, k, err
}

func (s *Service) putSilence(ctx context.Context, d journal.Document, k silence) (journal.Document, error) {
	var err error
	if d.Body, err = json.Marshal(k); err != nil {
		return d, err
	}
	d.ChangedAt = s.now().UTC()
	return s.store.PutDocument(ctx, d)
}
