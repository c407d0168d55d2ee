package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// Proposals lists what is in a store, and reads only what has changed since it did last: it is
// asked every second while one waits for people, and once a message in a storm. The zero one
// is ready.
type Proposals struct {
	mu    sync.Mutex
	known map[string]listed
}

// listed is a proposal as it was read.
type listed struct {
	version   int64
	changedAt time.Time
	p         Proposal
}

// fewChanges is up to how many proposals are read one by one.
const fewChanges = 10

// List returns the proposals in a state, or all for "", newest first. What is archived is not
// among them. They are shared: nobody changes them but by Change.
func (l *Proposals) List(ctx context.Context, docs journal.Documents, state State) ([]Proposal, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(ctx, docs); err != nil {
		return nil, err
	}
	out := []Proposal{}
	for _, h := range l.known {
		if !h.p.Filed && (state == "" || h.p.State == state) {
			out = append(out, h.p)
		}
	}
	slices.SortFunc(out, func(a, b Proposal) int {
		if c := b.RaisedAt.Compare(a.RaisedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

func (l *Proposals) read(ctx context.Context, docs journal.Documents) error {
	now, err := docs.DocumentVersions(ctx, docKind)
	if err != nil {
		return err
	}
	next, changed := map[string]listed{}, []journal.Document{}
	for _, d := range now {
		h, ok := l.known[d.ID]
		if ok && h.version == d.Version && h.changedAt.Equal(d.ChangedAt) {
			next[d.ID] = h
			continue
		}
		changed = append(changed, d)
	}
	if len(changed) > fewChanges {
		if changed, err = docs.DocumentsOf(ctx, docKind); err != nil {
			return err
		}
	} else if changed, err = eachOf(ctx, docs, changed); err != nil {
		return err
	}
	for _, d := range changed {
		h := listed{version: d.Version, changedAt: d.ChangedAt}
		if err := json.Unmarshal(d.Body, &h.p); err != nil {
			return fmt.Errorf("proposal %s: %w", d.ID, err)
		}
		next[d.ID] = h
	}
	l.known = next
	return nil
}

// eachOf reads documents one by one; one that has gone meanwhile is left out.
func eachOf(ctx context.Context, docs journal.Documents, list []journal.Document) ([]journal.Document, error) {
	var out []journal.Document
	for _, d := range list {
		got, err := docs.Document(ctx, d.Kind, d.ID)
		switch {
		case err == nil:
			out = append(out, got)
		case !errors.Is(err, journal.ErrNotFound):
			return nil, err
		}
	}
	return out, nil
}
