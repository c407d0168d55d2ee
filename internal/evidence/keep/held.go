package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
)

// A hold is an entry of the log, and a document of the record store beside it: a log can be lost with its
// server, and what was held would be erased within the hour by the next one.

// holdPrefix begins the IDs of such documents, among those of docKind.
const holdPrefix = "hold/"

// ErrHoldsUnknown: the log was adopted from a server whose release kept holds in its log alone.
var ErrHoldsUnknown = errors.New("nothing is erased or removed: the server that was lost kept its legal holds in its own log alone; hold again what was held, then say so with `muster evidence confirm-holds`")

type holdDoc struct {
	Run    string    `json:"run"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Via    string    `json:"via,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

func (h holdDoc) is(e *evidence.Entry) bool {
	return e != nil && h.Run == e.Run && h.At.Equal(e.At) && h.By == e.By && h.Reason == e.Reason
}

// putHold keeps a hold in the record store, whatever is there of one.
func (k *Keeper) putHold(ctx context.Context, e evidence.Entry) error {
	body, err := json.Marshal(holdDoc{Run: e.Run, At: e.At, By: e.By, Via: e.Via, Reason: e.Reason})
	if err != nil {
		return err
	}
	for range 3 {
		d, err := k.o.Store.Document(ctx, docKind, holdPrefix+e.Run)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return err
		}
		_, err = k.o.Store.PutDocument(ctx, journal.Document{Kind: docKind, ID: holdPrefix + e.Run, Version: d.Version, ChangedAt: k.now(), Body: body})
		if !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("the hold of run %s: %w", e.Run, journal.ErrChanged)
}

// agree brings holds of the log and of the record store together: after an adoption, after an upgrade,
// and after a kill in between the two. Where it can't be told, the run is held. k.mu is held and the log open.
func (k *Keeper) agree(ctx context.Context) error {
	docs, err := k.o.Store.DocumentsOf(ctx, docKind)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	var entries []evidence.Entry
	for _, d := range docs {
		if !strings.HasPrefix(d.ID, holdPrefix) {
			continue
		}
		var h holdDoc
		if err := json.Unmarshal(d.Body, &h); err != nil {
			return fmt.Errorf("the record store's note of a legal hold, %s, can't be read: %w", d.ID, err)
		}
		s := k.index.of(h.Run)
		switch {
		case s.removed:
		case s.held != nil:
			there[h.Run] = h.is(s.held)
		case h.is(s.lastHeld): // released, and killed before it was dropped
			if err := k.o.Store.DropDocument(ctx, docKind, d.ID); err != nil {
				return err
			}
		default:
			entries = append(entries, evidence.Entry{Kind: evidence.EntryHeld, At: k.now(), Run: h.Run, By: h.By, Via: h.Via, Reason: h.Reason})
		}
	}
	if len(entries) > 0 {
		if err := k.append(ctx, entries...); err != nil {
			return err
		}
	}
	for id, s := range k.index.runs {
		if s.held != nil && !there[id] {
			if err := k.putHold(ctx, *s.held); err != nil {
				return err
			}
		}
	}
	if k.note.Holds && k.note.Size == k.log.size {
		return nil
	}
	return k.putNote(ctx, func(n *logDoc) {
		n.Holds = true
		k.log.note(n)
	})
}

// ConfirmHolds says that whatever an older release's lost server held is held again, or needs not be.
func (k *Keeper) ConfirmHolds(ctx context.Context, by, via, reason string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	if !k.note.HoldsUnknown {
		return nil
	}
	if err := k.append(ctx, evidence.Entry{Kind: evidence.EntryHoldsConfirmed, At: k.now(), By: by, Via: via, Reason: reason}); err != nil {
		return err
	}
	if err := k.putNote(ctx, func(n *logDoc) { n.HoldsUnknown = false }); err != nil {
		return err
	}
	k.count()
	return nil
}
